"""Networks of one input with a free bias: linear splines, fitted by a lasso over hinges at the data.

Features are the columns (x, 1), and weight decay acts on the weight of the input alone. The outputs v at the positions
x_1 < .. < x_n then cost the least of max(TV(f'), |f'(-inf) + f'(inf)|) over functions f through them, which the linear
interpolant with well-chosen end slopes attains.

Source: Savarese, Evron, Soudry and Srebro, "How do infinite width bounded norm networks look in function space?", arXiv
1902.05040 (numbering unverified); the finite-data form is this project's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, require
from theory.convex_relu._lasso import lasso
from theory.convex_relu.closed_forms import FittedOptimum, read_problem

__all__ = ["spline_gauge", "spline_optimum"]


def spline_gauge(positions: Any, values: Any) -> float:
    """Return the least sum of |w_j| |alpha_j| over networks sum_j alpha_j (w_j x + b_j)_+ with given values.

    It is max(T, (T + |s_1 + s_(n-1)|) / 2), with s_j the slopes between neighbouring positions and T the sum of
    |s_(j+1) - s_j|. ``positions`` (n,), n >= 2, strictly increasing; ``values`` (n,). Exact.

    Raises ``ValueError`` naming the parameter.
    """
    x = _read_positions(positions)
    return _gauge(x, array("values", values, shape=(len(x),)))


def spline_optimum(positions: Any, targets: Any, *, regularisation: float) -> FittedOptimum:
    """Return min over v of 1/2 ||v - targets||^2 + regularisation * spline_gauge(positions, v), and the minimiser v.

    ``positions`` (n,), n >= 2, strictly increasing; ``targets`` (n,); ``regularisation`` > 0. Closed forms for n = 2
    (the difference shrinks) and n = 3 (what is lost is the projection on a hexagon). Beyond, a lasso: a hinge between
    two data points costs as much as two hinges at them, so that hinges at the data suffice. Exact to rounding; the
    duality gap of the lasso is certified to 1e-10 of the value, or to rounding where the slopes are huge.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the gap does not close.
    """
    x = _read_positions(positions)
    y, beta = read_problem(targets, regularisation)
    require(len(y) == len(x), "targets", targets, f"{len(x)} numbers, one per position")
    mean = y.mean()  # a constant costs nothing
    centred = y - mean
    if len(x) == 2:
        # The dual ball is the segment between +-(-1, 1) / h.
        half = 0.5 * (centred[1] - centred[0])
        fitted = np.sign(half) * max(abs(half) - beta / (x[1] - x[0]), 0.0) * np.array([-1.0, 1.0])
    elif len(x) == 3:
        fitted = centred - _project_on_hexagon(centred, np.diff(x), beta)
    else:
        hinges = np.maximum(np.concatenate([x - x[:-1, None], x[1:, None] - x]), 0.0).T
        fitted, _ = lasso(hinges - hinges.mean(axis=0), centred, beta)
    objective = 0.5 * float(np.sum((fitted - centred) ** 2)) + beta * _gauge(x, fitted)
    return FittedOptimum(objective, fitted + mean)


def _gauge(x: np.ndarray, values: np.ndarray) -> float:
    slopes = np.diff(values) / np.diff(x)
    variation = float(np.abs(np.diff(slopes)).sum())
    return max(variation, 0.5 * (variation + abs(float(slopes[0] + slopes[-1]))))


def _project_on_hexagon(point: np.ndarray, spacings: np.ndarray, beta: float) -> np.ndarray:
    """Return the projection of a point of the plane of sum zero on beta times the dual ball of three positions.

    Its vertices are the gradients of s_1, s_2, s_2 - s_1 and their opposites, since the gauge is the largest of
    |s_1|, |s_2| and |s_2 - s_1|.
    """
    first = np.array([-1.0, 1.0, 0.0]) / spacings[0]
    second = np.array([0.0, -1.0, 1.0]) / spacings[1]
    a, b = -spacings[0] * point[0], spacings[1] * point[2]  # point = a first + b second
    if max(abs(a), abs(b), abs(a + b)) <= beta:
        return point
    corners = beta * np.array([first, second, second - first, -first, -second, first - second])
    edges = np.roll(corners, -1, axis=0) - corners
    shares = np.sum((point - corners) * edges, axis=1) / np.sum(edges**2, axis=1)
    nearest = corners + np.clip(shares, 0.0, 1.0)[:, None] * edges
    return nearest[np.argmin(np.sum((point - nearest) ** 2, axis=1))]


def _read_positions(positions: Any) -> np.ndarray:
    x = array("positions", positions, shape=(None,))
    rule = "two positions or more, strictly increasing"
    require(len(x) >= 2 and bool(np.all(np.diff(x) > 0.0)), "positions", positions, rule)
    return x
