"""The dual gauge by other routes, gauges that are not it, and certificates computed with them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar, nnls

from theory.convex_relu import enumerate_arrangements


def projected_gauges(*, features: np.ndarray, dual: np.ndarray) -> np.ndarray:
    """Return the largest z.(X u)_+ and the largest -z.(X u)_+ over unit vectors u, for z = dual, (2,).

    One non-negative least-squares problem for each cone and sign: the distance of -c from the polar cone is the length
    of the projection of c on the cone.
    """
    largest = np.zeros(2)
    for pattern in enumerate_arrangements(features):
        signed = np.where(pattern, 1.0, -1.0)[:, np.newaxis] * features
        moment = (pattern * dual) @ features
        largest = np.maximum(largest, [nnls(signed.T, -sign * moment)[1] for sign in (1.0, -1.0)])
    return largest


def gated_gauge(features: np.ndarray, dual: np.ndarray, *, patterns: np.ndarray | None = None) -> float:
    """Return the largest z.(D X u) over unit vectors u and patterns D, by default all: the gauge without the cones."""
    masks = enumerate_arrangements(features) if patterns is None else patterns
    return float(np.linalg.norm((masks * dual) @ features, axis=1).max())


def scaled_dual(targets: np.ndarray, fitted: np.ndarray, limit: float) -> float:
    """Return the dual value of the residual times the best factor in [0, limit]."""
    residual = targets - fitted
    square = float(residual @ residual)
    factor = min(max(float(residual @ targets) / square, 0.0), limit) if square else 0.0
    return factor * float(residual @ targets) - 0.5 * factor**2 * square


def best_dual_by_search(
    *, features: np.ndarray, targets: np.ndarray, fitted: np.ndarray, regularisation: float
) -> float:
    """Return the largest dual value of a feasible multiple of the residual, by a search over the factor."""
    residual = targets - fitted
    limit = regularisation / float(projected_gauges(features=features, dual=residual).max())

    def loss(factor: float) -> float:
        return 0.5 * float(np.sum((targets - factor * residual) ** 2))

    found = minimize_scalar(loss, bounds=(0.0, limit), method="bounded", options=dict(xatol=1e-13 * limit))
    return 0.5 * float(targets @ targets) - min(found.fun, loss(0.0), loss(limit))
