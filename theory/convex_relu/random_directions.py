"""Training of the output weights alone: a lasso over randomly directed hidden neurons, and its gap in the plane."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.convex_relu._lasso import lasso
from theory.convex_relu.closed_forms import FittedOptimum, read_problem

__all__ = ["random_feature_gap_constant", "random_feature_optimum"]


def random_feature_optimum(
    features: Any, targets: Any, hidden_directions: Any, *, regularisation: float
) -> FittedOptimum:
    """Return min over a of 1/2 ||sum_j a_j (X u_j)_+ - y||^2 + regularisation ||a||_1, and the fit.

    ``features`` X (n, d), ``targets`` y (n,), ``hidden_directions`` (N, d), non-zero rows, of any length: u_j are the
    unit vectors along them. An upper bound of the optimum over all networks, which falls as directions are added.
    Exact: the duality gap is certified to 1e-10 of the value, or to rounding where weights are so large (tiny
    regularisation, nearly parallel directions) that it exceeds that.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the gap does not close. Source: Bai, Gautam and
    Sojoudi, "Efficient Global Optimization of Two-layer ReLU Networks", arXiv 2201.01965 (numbering unverified).
    """
    y, beta = read_problem(targets, regularisation)
    rows = array("features", features, shape=(len(y), None))
    directions = array("hidden_directions", hidden_directions, shape=(None, rows.shape[1]))
    largest = np.abs(directions).max(axis=1, keepdims=True)
    require(bool(np.all(largest > 0.0)), "hidden_directions", hidden_directions, "rows different from 0")
    units = directions / largest  # first, so that squares neither overflow nor vanish
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    fitted, penalty = lasso(np.maximum(rows @ units.T, 0.0), y, beta)
    return FittedOptimum(0.5 * float(np.sum((fitted - y) ** 2)) + beta * penalty, fitted)


def random_feature_gap_constant(target_norm: float, *, regularisation: float) -> float:
    """Return the limit of N^2 E[gap] for N uniform directions in the plane, X = I_2 and positive targets.

    The gap is the excess of :func:`random_feature_optimum` over the optimum of all networks. With s = ||y|| the limit
    is pi^2 beta (s - beta)(2 s - beta) / s, and 0 for s <= beta, where both networks are zero. The next two directions
    on either side of y decide: their angles are exponential of mean 2 pi / N. Asymptotic, N to infinity.

    Raises ``ValueError`` naming the parameter unless both are positive. Derivation: this project's; see
    :func:`random_feature_gap_symbolic`.
    """
    s = number("target_norm", target_norm, "(0, inf)")
    beta = number("regularisation", regularisation, "(0, inf)")
    return math.pi**2 * beta * max(s - beta, 0.0) * (2.0 * s - beta) / s
