"""The exact transform between surrogate and zero-one regret, its convex envelope and the bound that this gives."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from scipy.optimize import brentq, minimize_scalar

from assay.base import array, integer, number
from theory.h_consistency._input import regrets
from theory.h_consistency._numerics import increasing_root, tilted
from theory.h_consistency.comp_sum import optimal_risk
from theory.h_consistency.transforms import pair_bound, pair_transform

__all__ = ["convex_tight_transform", "critical_tau", "tight_bound", "tight_transform"]

_GRID, _STEPS, _MAX_KINKS, _REFINEMENTS = 2001, 8, 2000, 3


def tight_transform(beta: Any, *, tau: float, n_classes: int) -> np.ndarray:
    """Return the exact transform: the least surrogate regret, over all p and h, of a zero-one regret ``beta``.

    Statement: up to ``critical_tau()``, and for two classes below tau = 2, it is the transform of two classes,
    2^(1 - tau) (D^(2 - tau) - 1) / (tau - 1) in the notation of ``h_consistency_transform``, whatever the number of
    classes. Above, distributions of m + 2 classes (P, P - beta, r, ..., r), the predicted class second and all scores
    tied, may cost less: P is where the risk, convex in P, is least. From tau = 2 on the regret is piecewise linear
    in beta, in closed form. Nature: exact; numerical evidence between 1 and 2, elementary elsewhere.

    ``beta``: array in [0, 1]; ``tau`` >= 0; ``n_classes`` >= 2. Non-decreasing in ``beta``, not always convex.

    Raises ``ValueError`` naming the parameter. Source: a result of this project; up to tau = 1 and in the notation, the
    tightness theorem of arXiv 2304.07288, Thm 3.2 (numbering unverified).
    """
    bias = array("beta", beta, "[0, 1]")
    tau, n_classes = number("tau", tau, "[0, inf)"), integer("n_classes", n_classes, "[2, inf)")
    return _exact(bias, tau, n_classes)


def convex_tight_transform(beta: Any, *, tau: float, n_classes: int) -> np.ndarray:
    """Return the lower convex envelope of ``tight_transform`` in ``beta``, which holds for whole distributions.

    Up to the critical tau the exact transform is convex. From tau = 2 on the envelope has its corners at 0 and 1 / k,
    k < n_classes, and is exact. Between, the envelope is a chord where it leaves the exact transform, with ends found
    on a grid refined to about 1e-6, so that it is too high by about 1e-11 at most.

    Arguments, errors and source as in ``tight_transform``; memory O(n_classes) from tau = 2 on.
    """
    bias = array("beta", beta, "[0, 1]")
    tau, n_classes = number("tau", tau, "[0, inf)"), integer("n_classes", n_classes, "[2, inf)")
    if _is_convex(tau, n_classes):
        return _exact(bias, tau, n_classes)
    hull = _envelope(tau, n_classes)
    chord = np.interp(bias, hull.betas, hull.values)
    curved = hull.curved[np.searchsorted(hull.betas[1:-1], bias)]
    return np.where(curved, np.minimum(_exact(np.where(curved, bias, 0.0), tau, n_classes), chord), chord)


def tight_bound(surrogate_regret: Any, *, tau: float, n_classes: int) -> np.ndarray:
    """Return the sharpest bound on the zero-one regret by the surrogate regret, the inverse of the convex envelope.

    Statement and arguments as in ``h_consistency_bound``, which it does not exceed; the surrogate regret is
    R(h) - R*(H) + M(H). Inverted to rounding; the envelope itself is accurate as in ``convex_tight_transform``.

    Returns values in [0, 1]. Raises ``ValueError`` naming the parameter. Source: a result of this project.
    """
    t = regrets(surrogate_regret)
    tau, n_classes = number("tau", tau, "[0, inf)"), integer("n_classes", n_classes, "[2, inf)")
    if _is_convex(tau, n_classes):
        return pair_bound(t, tau, 2.0 ** (1.0 - tau))
    hull = _envelope(tau, n_classes)
    chord = np.interp(t, hull.values, hull.betas)
    edge = np.searchsorted(hull.values[1:-1], t)
    curved = hull.curved[edge] & (t < hull.values[-1])
    if not curved.any():
        return chord
    low, high = np.where(curved, hull.betas[edge], 0.0), np.where(curved, hull.betas[edge + 1], 0.0)
    root = increasing_root(lambda bias: _exact(bias, tau, n_classes) - np.where(curved, t, 0.0), low, high)
    return np.where(curved, np.maximum(root, chord), chord)


@functools.cache
def critical_tau() -> float:
    """Return the tau, 1.66298..., up to which the exact transform does not depend on the number of classes.

    Statement: it is where the three-class distribution (beta, 0, 1 - beta), all scores tied, first costs as little as
    the best two-class one, at beta = 0.600134. Computed to about 1e-15, once. Source: a result of this project.
    """

    def least_excess(tau: float) -> float:
        def excess(beta: float) -> float:
            three = tilted(math.log(3.0), 1.0 - tau) - optimal_risk(np.array([beta, 0.0, 1.0 - beta]), tau)
            return float(three - pair_transform(np.array(beta), tau, 2.0 ** (1.0 - tau)))

        return float(minimize_scalar(excess, bounds=(0.5, 0.66), method="bounded", options={"xatol": 1e-10}).fun)

    return float(brentq(least_excess, 1.64, 1.68, xtol=1e-15, rtol=1e-15))


def _is_convex(tau: float, n_classes: int) -> bool:
    return tau <= critical_tau() or (n_classes == 2 and tau < 2.0)


def _exact(bias: np.ndarray, tau: float, n_classes: int) -> np.ndarray:
    if tau >= 2.0:
        return _linear_pieces(bias, tau, n_classes)
    pair = pair_transform(bias, tau, 2.0 ** (1.0 - tau))
    if _is_convex(tau, n_classes):
        return pair
    pooled = _least_pooled_regrets(bias.ravel(), tau, float(n_classes)).reshape(bias.shape)
    return np.minimum(pair, pooled)


def _linear_pieces(bias: np.ndarray, tau: float, n_classes: int) -> np.ndarray:
    """Return the exact transform for tau >= 2.

    The predicted class pools with m - 1 classes of the largest probability P, which is as small as the others allow.
    The cost P - m^(1 - tau) min(m P - beta, 1), here without cancellation, falls in m up to the smaller of two turning
    points and rises beyond.
    """
    top = np.maximum(bias, (1.0 + bias) / n_classes)
    turn = (1.0 + bias) / top
    if tau > 2.0:
        turn = np.minimum(turn, bias * (tau - 1.0) / (top * (tau - 2.0)))
    least = bias
    for size in (np.floor(turn), np.floor(turn) + 1.0):
        size = np.clip(size, 2.0, n_classes)
        cost = size ** (1.0 - tau) * np.maximum(bias, size * top - 1.0) - top * np.expm1((2.0 - tau) * np.log(size))
        least = np.minimum(least, cost)
    return least / (tau - 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _least_pooled_regrets(biases, tau, n_classes):
    """Return the least regret of p = (P, P - beta, r, ..., r) with all m + 2 scores tied, over P and m >= 1.

    In units of the mean 1 / (m + 2), P = 1 + x and beta = b, so that r = 1 + (b - 2 x) / m. Tying all the scores is the
    best for this prediction as long as r is at least the mean of the first two: x <= b / 2, hence m <= 2 / beta - 2.
    Wherever this beats two classes, the best m is reached downhill from 1 / beta, or from n_classes - 2 if that is
    less, without going below 0.3 / beta (measured: m beta is between 0.375 and 1.2 there, or m is as large as it can).
    """
    power = 1.0 / (2.0 - tau)
    least = np.full(len(biases), np.inf)
    for i in range(len(biases)):
        beta = biases[i]
        if beta == 0.0:
            least[i] = 0.0
            continue
        last = int(min(n_classes - 2.0, 2.0 / beta - 2.0))
        start = int(min(float(last), 1.0 / beta))
        if start < 1:
            continue
        best, m = _pooled_regret(beta, start, tau, power), start
        step = max(start // 8, 1)
        while step > 0:
            moved = False
            for candidate in (m - step, m + step):
                if 0.3 / beta <= candidate <= last:
                    regret = _pooled_regret(beta, candidate, tau, power)
                    if regret < best:
                        best, m, moved = regret, candidate, True
                        break
            if not moved:
                step //= 2
        least[i] = best
    return least


@njit(cache=True, nogil=True, error_model="numpy")
def _pooled_regret(beta, m, tau, power):
    b = (m + 2) * beta
    gain = _log_power_mean(_best_excess(b, beta, m, power - 1.0), b, m, power)
    return (m + 2.0) ** (1.0 - tau) * math.expm1((2.0 - tau) * gain) / (tau - 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _best_excess(b, low, m, power):
    """Return the x in [low, b / 2] with (1 + x)^power + (1 + x - b)^power = 2 r^power, or the nearer end.

    Newton on the logarithm of the ratio, increasing in x, kept inside a bracket. Ends are the constraints r <= P and
    P >= beta, and the tie of r with the mean of the first two.
    """
    low, high = max(low, b - 1.0), 0.5 * b
    x = low
    for _ in range(100):
        first, second, rest = 1.0 + x, max(1.0 + x - b, 0.0), 1.0 + (b - 2.0 * x) / m
        ratio = (second / first) ** power
        excess = math.log(0.5 * (1.0 + ratio)) - power * math.log(rest / first)
        if x == low and excess >= 0.0:
            return x
        if excess > 0.0:
            high = x
        else:
            low = x
        slope = power * ((1.0 / first + ratio / second) / (1.0 + ratio) if second > 0.0 else 1.0 / first)
        slope += 2.0 * power / (m * rest)
        proposal = x - excess / slope
        # The regret is stationary at the root: an error of 1e-9 in x changes it by 1e-18.
        if abs(proposal - x) <= 1e-9 * b:
            return min(max(proposal, low), high)
        x = proposal if low < proposal < high else 0.5 * (low + high)
    return x


@njit(cache=True, nogil=True, error_model="numpy")
def _log_power_mean(x, b, m, power):
    """Return the logarithm of the mean of the powers of 1 + x, 1 + x - b and m times r, whose mean is 1."""
    second, rest = x - b, (b - 2.0 * x) / m
    if power * math.log1p(x) > 30.0:
        first = 1.0 + x
        others = (max(1.0 + second, 0.0) / first) ** power + m * ((1.0 + rest) / first) ** power
        return power * math.log1p(x) + math.log1p(others) - math.log(m + 2.0)
    total = _convex_part(x, power) + _convex_part(second, power) + m * _convex_part(rest, power)
    return math.log1p(total / (m + 2.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _convex_part(x, power):
    return (math.expm1(power * math.log1p(x)) if x > -1.0 else -1.0) - power * x


class _Envelope(NamedTuple):
    betas: np.ndarray  # corners, from 0 to 1
    values: np.ndarray
    curved: np.ndarray  # per edge: whether it is one step of the grid, along which the envelope is the transform


@functools.lru_cache(maxsize=128)
def _envelope(tau: float, n_classes: int) -> _Envelope:
    """Return the lower convex envelope of the exact transform, of which nothing but long edges is a chord."""
    if tau >= 2.0:
        grid = np.append(0.0, 1.0 / np.arange(n_classes - 1.0, 0.0, -1.0))
    else:
        # The transform has a concave kink between any two of 1, 1/2, 1/3 ..., and one close to 0 at any scale.
        places = np.arange(0, _STEPS * min(n_classes - 2, _MAX_KINKS) + 1) / _STEPS
        parts = np.linspace(0.0, 1.0, _GRID), np.geomspace(1e-7, 1.0, _GRID), 1.0 / (1.0 + places)
        grid = np.unique(np.concatenate(parts))
    values = _exact(grid, tau, n_classes)
    kept = _lower_hull(grid, values)
    if tau >= 2.0:
        return _Envelope(grid[kept], values[kept], np.zeros(len(kept) - 1, dtype=bool))
    for _ in range(_REFINEMENTS):
        # Where the transform comes closest to a chord, ten times as many points in the steps on either side.
        gaps = values - np.interp(grid, grid[kept], values[kept])
        near = (gaps[1:-1] <= np.minimum(gaps[:-2], gaps[2:])) & (np.maximum(gaps[:-2], gaps[2:]) > 0.0)
        steps = np.unique(np.flatnonzero(near)[:, None] + np.array([0, 1]))
        added = (grid[steps, None] + np.diff(grid)[steps, None] * np.arange(1, 10) / 10.0).ravel()
        order = np.argsort(np.concatenate([grid, added]), kind="stable")
        values = np.concatenate([values, _exact(added, tau, n_classes)])[order]
        grid = np.concatenate([grid, added])[order]
        kept = _lower_hull(grid, values)
    return _Envelope(grid[kept], values[kept], np.diff(kept) == 1)


@njit(cache=True, nogil=True)
def _lower_hull(x, y):
    """Return the indices of the lower convex hull of points in increasing order of x (monotone chain)."""
    kept = np.empty(len(x), dtype=np.int64)
    size = 0
    for i in range(len(x)):
        while size > 1:
            last, before = kept[size - 1], kept[size - 2]
            if (y[last] - y[before]) * (x[i] - x[last]) < (y[i] - y[last]) * (x[last] - x[before]):
                break
            size -= 1
        kept[size] = i
        size += 1
    return kept[:size].copy()
