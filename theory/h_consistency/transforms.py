"""The published transform between surrogate and zero-one regret, its simple form, and the bounds they give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from assay.base import array, integer, number
from theory.h_consistency._input import regrets
from theory.h_consistency._numerics import UNIT_NODES, UNIT_WEIGHTS, increasing_root, log_cosh, tilted, untilted

__all__ = ["h_consistency_bound", "h_consistency_transform", "simple_bound", "simple_transform"]


def h_consistency_transform(beta: Any, *, tau: float, n_classes: int) -> np.ndarray:
    """Return the published transform T, a lower bound on the surrogate regret of a zero-one regret ``beta``.

    Assumptions: symmetric and complete hypothesis set. Statement: with D the mean of (1 + beta)^alpha and
    (1 - beta)^alpha, alpha = 1 / (2 - tau), T is 2^(1 - tau) (1 - D^(2 - tau)) / (1 - tau) for tau < 1, the Kullback-
    Leibler divergence of a coin of bias beta from a fair one at tau = 1, n^(1 - tau) (D^(2 - tau) - 1) / (tau - 1) for
    1 < tau < 2 and n^(1 - tau) beta / (tau - 1) from tau = 2 on. Nature: bound, convex in beta; attained for tau <= 1
    and, with two classes, for tau <= 2.

    ``beta``: array in [0, 1]; ``tau`` >= 0; ``n_classes`` >= 2. Full relative precision at every beta, close to tau = 1
    too. Raises ``ValueError`` naming the parameter. Source: arXiv 2304.07288, Thm 3.1 (numbering unverified).
    """
    bias, tau, n_classes = _read(beta, tau, n_classes)
    scale = _published_scale(tau, n_classes)
    return scale / (tau - 1.0) * bias if tau >= 2.0 else pair_transform(bias, tau, scale)


def simple_transform(beta: Any, *, tau: float, n_classes: int) -> np.ndarray:
    """Return the simple lower bound on the published transform, quadratic in ``beta`` below tau = 2.

    Statement: beta^2 / (2^tau (2 - tau)) for tau < 1, beta^2 / (2 n^(tau - 1)) for 1 <= tau < 2, and the transform
    itself from tau = 2 on. Nature: bound. Arguments, errors and source as in ``h_consistency_transform``.
    """
    bias, tau, n_classes = _read(beta, tau, n_classes)
    curvature = _simple_curvature(tau, n_classes)
    return curvature * bias if tau >= 2.0 else curvature * bias**2


def h_consistency_bound(surrogate_regret: Any, *, tau: float, n_classes: int) -> np.ndarray:
    """Return the published bound on the zero-one regret, the inverse of ``h_consistency_transform``.

    Statement: for every hypothesis h, R_01(h) - R_01*(H) + M_01(H) <= Gamma(R(h) - R*(H) + M(H)), with minimizability
    gaps M; both sides are regrets against the expected conditional optimum, and the argument is the right one.

    ``surrogate_regret``: array of numbers >= 0, infinity included, rounding down to -1e-12 read as 0. Returns values in
    [0, 1], equal to 1 from T(1) on. Raises ``ValueError`` naming the parameter. Nature, assumptions and source as in
    ``h_consistency_transform``; inverted to rounding.
    """
    t, tau, n_classes = regrets(surrogate_regret), *_read_sizes(tau, n_classes)
    scale = _published_scale(tau, n_classes)
    with np.errstate(over="ignore"):
        return np.minimum((tau - 1.0) * (t / scale), 1.0) if tau >= 2.0 else pair_bound(t, tau, scale)


def simple_bound(surrogate_regret: Any, *, tau: float, n_classes: int) -> np.ndarray:
    """Return the simple bound on the zero-one regret, the inverse of ``simple_transform`` clipped at 1.

    Arguments and errors as in ``h_consistency_bound``, which it exceeds. Source: arXiv 2304.07288.
    """
    t, tau, n_classes = regrets(surrogate_regret), *_read_sizes(tau, n_classes)
    with np.errstate(over="ignore"):
        ratio = np.minimum(t / _simple_curvature(tau, n_classes), 1.0)
    return ratio if tau >= 2.0 else np.sqrt(ratio)


def _read(beta: Any, tau: float, n_classes: int) -> tuple[np.ndarray, float, int]:
    return array("beta", beta, "[0, 1]"), *_read_sizes(tau, n_classes)


def _read_sizes(tau: float, n_classes: int) -> tuple[float, int]:
    return number("tau", tau, "[0, inf)"), integer("n_classes", n_classes, "[2, inf)")


def _published_scale(tau: float, n_classes: int) -> float:
    # Kept away from 0, where the bound is 1 for every positive regret that a float can hold.
    return 2.0 ** (1.0 - tau) if tau < 1.0 else max(float(n_classes) ** (1.0 - tau), 1e-300)


def _simple_curvature(tau: float, n_classes: int) -> float:
    if tau < 1.0:
        return 1.0 / (2.0**tau * (2.0 - tau))
    return _published_scale(tau, n_classes) / (2.0 if tau < 2.0 else tau - 1.0)


def pair_transform(bias: np.ndarray, tau: float, scale: float) -> np.ndarray:
    """Return scale (D^(2 - tau) - 1) / (tau - 1) for tau < 2, where D^(2 - tau) = exp((tau - 1) divergence)."""
    return scale * tilted(fair_coin_divergence(bias, 1.0 / (2.0 - tau)), tau - 1.0)


def pair_bound(t: np.ndarray, tau: float, scale: float) -> np.ndarray:
    """Return the inverse of ``pair_transform``, 1 from its value at bias 1 on."""
    order = 1.0 / (2.0 - tau)
    target = np.minimum(untilted(t / scale, tau - 1.0), math.log(2.0))
    # Pinsker: bias^2 / 2 is below the divergence of order 1; the divergence rises with the order, more slowly than it.
    high = np.minimum(np.sqrt(2.0 * target / min(order, 1.0)), 1.0)
    root = increasing_root(lambda bias: fair_coin_divergence(bias, order) - target, np.zeros_like(high), high)
    return np.where(target >= math.log(2.0), 1.0, root)


def fair_coin_divergence(bias: np.ndarray, order: float) -> np.ndarray:
    """Return the Renyi divergence of a coin with outcomes (1 +- bias) / 2 from a fair one, log 2 at bias 1.

    With theta = artanh(bias) it is (log cosh(order theta) - order log cosh theta) / (order - 1). Close to order 1 this
    cancels, and the divergence over the order is integrated along the order instead, where every term is positive.
    """
    with np.errstate(divide="ignore"):
        theta = np.where(bias < 1.0, np.arctanh(bias), 1.0)
    if 2.0 / 3.0 < order < 2.0:
        orders = 1.0 + (order - 1.0) * UNIT_NODES
        z = orders * theta[..., None]
        value = order * ((z * np.tanh(z) - log_cosh(z)) / orders**2) @ UNIT_WEIGHTS
    else:
        value = (log_cosh(order * theta) - order * log_cosh(theta)) / (order - 1.0)
    return np.where(bias < 1.0, value, math.log(2.0))
