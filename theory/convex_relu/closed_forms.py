"""Global optima of two-layer ReLU networks that need no solver: whitened, orthogonal and one-dimensional data.

All minimise 1/2 ||sum_j alpha_j (X u_j)_+ - y||^2 + regularisation/2 sum_j (||u_j||^2 + alpha_j^2) over networks of any
width. At the optimal scaling of every neuron this is 1/2 ||f - y||^2 + regularisation * gauge(f), the gauge being
the least sum of ||u_j|| |alpha_j| that fits f, and the closed forms are its proximal maps.

Source: Ergen and Pilanci, "Convex Geometry and Duality of Over-parameterized Neural Networks", arXiv 2002.11219
(numbering unverified).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from assay.base import array, number

__all__ = ["FittedOptimum", "orthogonal_optimum", "single_feature_optimum", "whitened_optimum"]


@dataclass(frozen=True)
class FittedOptimum:
    """The optimal value and the outputs of the optimal network on the data, (n,)."""

    objective: float
    fitted: np.ndarray


def whitened_optimum(targets: Any, *, regularisation: float) -> FittedOptimum:
    """Return the optimum for whitened features, X X^T = I (n <= d).

    The positive and the negative part of the targets (n,) are fitted apart, by one neuron each, and each is shrunk in
    norm by ``regularisation`` (> 0), to zero where its norm is less. Exact.

    Raises ``ValueError`` naming the parameter.
    """
    y, beta = read_problem(targets, regularisation)
    objective, fitted = 0.0, np.zeros_like(y)
    for sign in (1.0, -1.0):
        part = np.maximum(sign * y, 0.0)
        norm = float(np.linalg.norm(part))
        if norm > beta:
            objective += beta * (norm - 0.5 * beta)
            fitted += sign * (1.0 - beta / norm) * part
        else:
            objective += 0.5 * norm**2
    return FittedOptimum(objective, fitted)


def orthogonal_optimum(row_norms: Any, targets: Any, *, regularisation: float) -> FittedOptimum:
    """Return the optimum for features with orthogonal rows of the norms ``row_norms`` (n,), all positive.

    The gauge of f is ||f_+ / norms|| + ||f_- / norms||, so that the two signs of the targets (n,) are fitted apart. Of
    each, the norm of the optimal f / norms is the root of one increasing function. Exact, to rounding.

    Raises ``ValueError`` naming the parameter.
    """
    y, beta = read_problem(targets, regularisation)
    norms = array("row_norms", row_norms, "(0, inf)", shape=(len(y),))
    objective, fitted = 0.0, np.zeros_like(y)
    for sign in (1.0, -1.0):
        part = np.maximum(sign * y, 0.0)
        size = _orthogonal_gauge(part, norms, beta)
        fit = part * (size * norms**2 / (size * norms**2 + beta))
        objective += 0.5 * float(np.sum((part - fit) ** 2)) + beta * size
        fitted += sign * fit
    return FittedOptimum(objective, fitted)


def _orthogonal_gauge(part: np.ndarray, norms: np.ndarray, beta: float) -> float:
    """Return the gauge t of the optimal fit p of a non-negative part, where p - part + beta p / (t norms^2) = 0."""

    def shortfall(size: float) -> float:
        return 1.0 - float(np.linalg.norm(part * norms / (size * norms**2 + beta)))

    if shortfall(0.0) >= 0.0:
        return 0.0
    upper = 2.0 * float(np.linalg.norm(part / norms))  # twice the gauge of the unshrunk part
    return float(brentq(shortfall, 0.0, upper, xtol=1e-15 * upper, rtol=8.9e-16, maxiter=500))


def single_feature_optimum(feature: Any, targets: Any, *, regularisation: float) -> FittedOptimum:
    """Return the optimum for one feature (n,) without bias.

    A neuron sees the rows of one sign of the feature only, so that the two signs are two scalar lassos, each with one
    slope. Rows where the feature is 0 are not fitted. For X = x a^T of rank one, pass x ||a||. Exact.

    Raises ``ValueError`` naming the parameter.
    """
    y, beta = read_problem(targets, regularisation)
    x = array("feature", feature, shape=(len(y),))
    fitted, penalty = np.zeros_like(y), 0.0
    for sign in (1.0, -1.0):
        side = np.maximum(sign * x, 0.0)
        if side.any():
            correlation = float(side @ y)
            slope = max(abs(correlation) - beta, 0.0) / float(side @ side)
            fitted += np.copysign(slope, correlation) * side
            penalty += beta * slope
    return FittedOptimum(0.5 * float(np.sum((fitted - y) ** 2)) + penalty, fitted)


def read_problem(targets: Any, regularisation: float) -> tuple[np.ndarray, float]:
    """Return validated targets (n,) and a positive regularisation."""
    return array("targets", targets, shape=(None,)), number("regularisation", regularisation, "(0, inf)")
