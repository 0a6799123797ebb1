"""The alternating direction method of multipliers with dense matrices, as published, for the squared loss."""

from __future__ import annotations

import numpy as np
from scipy.linalg import block_diag


def dense_maps(features: np.ndarray, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return F, (n, 2 P d), and G, (2 P n, 2 P d)."""
    fit = np.hstack([pattern[:, np.newaxis] * features for pattern in patterns])
    cones = [(2.0 * pattern - 1.0)[:, np.newaxis] * features for pattern in patterns]
    return np.hstack([fit, -fit]), block_diag(*cones, *cones)


def dense_inverse(fit: np.ndarray, cones: np.ndarray, rho: float) -> np.ndarray:
    """Return the inverse of I + F'F / rho + G'G."""
    return np.linalg.inv(np.eye(fit.shape[1]) + fit.T @ fit / rho + cones.T @ cones)


def one_sided_inverse(fit: np.ndarray, cones: np.ndarray, rho: float) -> np.ndarray:
    """Return the same by Woodbury's identity, wrong: F (I + G'G)^-1 F' of the positive neurons alone."""
    rest = np.linalg.inv(np.eye(fit.shape[1]) + cones.T @ cones)
    pulled = rest @ fit.T
    return rest - pulled @ np.linalg.solve(rho * np.eye(len(fit)) + 0.5 * fit @ pulled, pulled.T)


def dense_admm(
    targets: np.ndarray,
    fit: np.ndarray,
    cones: np.ndarray,
    inverse: np.ndarray,
    *,
    n_features: int,
    threshold: float,
    rho: float,
    n_steps: int,
    dual_step: float,
    over_relaxation: float,
) -> np.ndarray:
    """Return the weights v after ``n_steps`` from zero, (2 P, d); ``threshold`` is that of the norms."""
    v, v_dual = np.zeros((2, fit.shape[1]))
    s, s_dual = np.zeros((2, len(cones)))
    for _ in range(n_steps):
        u = inverse @ (fit.T @ targets / rho + v - v_dual + cones.T @ (s - s_dual))
        relaxed_u = over_relaxation * u + (1.0 - over_relaxation) * v
        relaxed_s = over_relaxation * (cones @ u) + (1.0 - over_relaxation) * s
        groups = (relaxed_u + v_dual).reshape(-1, n_features)
        norms = np.linalg.norm(groups, axis=1, keepdims=True)
        v = (np.maximum(1.0 - threshold / np.maximum(norms, threshold), 0.0) * groups).ravel()
        s = np.maximum(relaxed_s + s_dual, 0.0)
        v_dual += dual_step * (relaxed_u - v)
        s_dual += dual_step * (relaxed_s - s)
    return v.reshape(-1, n_features)
