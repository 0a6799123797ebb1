"""What the claims on sketching share: laws over a grid, rivals that are laws elsewhere, and plans of trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import brentq

from theory.random_features import sketched_risk, sketched_risk_correlated

UNIT = dict(signal_power=1.0, noise_variance=1.0)
SETTING = (
    "n samples, p features, m rows kept; phi = p/n, psi = m/n; signal |beta|^2 = alpha^2, noise variance sigma^2, "
    "SNR = alpha/sigma. The risk leaves the noise of the test label out."
)


def exact(grid: Sequence[dict[str, Any]], noise_variances: Any, **changes: Any) -> dict[str, np.ndarray]:
    """Return bias, variance and risk of isotropic features, each (n_points, n_noises), at signal power 1."""
    risks = [[sketched_risk(**point, noise_variance=float(noise), signal_power=1.0, **changes)
              for noise in np.ravel(noise_variances)] for point in grid]  # fmt: skip
    names = ("bias", "variance", "risk")
    return {name: np.array([[getattr(risk, name) for risk in row] for row in risks]) for name in names}


def two_levels(top: float, n_features: int) -> np.ndarray:
    """Return a covariance spectrum with one half of the eigenvalues at ``top`` and the other at 1."""
    return np.repeat([top, 1.0], n_features // 2)


def correlated(tops: Any, n_features: int, sketch_sizes: Any) -> np.ndarray:
    """Return bias and variance, (n_points, 2), of two-level covariances under an isotropic prior of power 1."""
    risks = []
    for top, size in zip(*np.broadcast_arrays(tops, sketch_sizes), strict=True):
        levels = two_levels(top, n_features)
        target = np.sqrt(levels / n_features)
        risks.append(sketched_risk_correlated(levels, target, sketch_size=int(size), noise_variance=1.0))
    return np.array([[risk.bias, risk.variance] for risk in risks])


def isotropic_of_same_power(tops: Any, n_features: int, sketch_sizes: Any) -> np.ndarray:
    """Return what ``correlated`` would be if all eigenvalues were equal to their mean."""
    share = np.asarray(sketch_sizes) / n_features
    return np.stack(np.broadcast_arrays((1 + np.asarray(tops)) / 2 * (1 - share), share / (1 - share)), axis=1)


def implicit_constant(eigenvalues: np.ndarray, sketch_size: int) -> float:
    """Return the gamma for which the learnt shares lambda / (lambda + gamma) add up to the number of rows."""

    def excess(log_gamma: float) -> float:
        return float((eigenvalues / (eigenvalues + math.exp(log_gamma))).sum()) - sketch_size

    return math.exp(brentq(excess, -40, 40, xtol=1e-14))


def trials_needed(n_features: Any, sketch_size: Any, precision: Any, share: Any = 1.0) -> Any:
    """Return the trials for a standard error of a ninth of the precision, with a fifth to spare, at least 128.

    The variance part of the risk spreads by about sqrt(2 max(m, p) / min(m, p)) / |m - p| of itself; it is the
    ``share`` of what is checked.
    """
    p, m = np.asarray(n_features), np.asarray(sketch_size)
    spread = np.sqrt(2 * np.maximum(m, p) / np.minimum(m, p)) / np.abs(m - p) * share
    return np.maximum(128, np.ceil((9 * spread / precision) ** 2 * 1.2)).astype(int)


def best_by_search(n_samples: int, n_features: int, noise_variance: float) -> tuple[float, float]:
    """Return the share of rows with the least limiting risk of an orthogonal sketch, and that risk, by zooming in."""
    branches = [(1, min(n_features - 1, n_samples))]
    if n_features < n_samples:
        branches.append((n_features + 1, n_samples))
    found = []
    for low, high in branches:
        while True:
            sizes = np.unique(np.linspace(low, high, 25).round().astype(int))
            grid = [dict(n_samples=n_samples, n_features=n_features, sketch_size=int(size)) for size in sizes]
            risks = exact(grid, noise_variance, limit=True)["risk"][:, 0]
            best = int(np.argmin(risks))
            if len(sizes) < 25:
                break
            low, high = sizes[max(best - 1, 0)], sizes[min(best + 1, len(sizes) - 1)]
        found.append((risks[best], sizes[best] / n_samples))
    risk, share = min(found)
    return float(share), float(risk)
