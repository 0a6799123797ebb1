"""Scores in [-score_bound, score_bound]: conditional optima, the exact logistic transform, and minimizability gaps."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from assay.base import array, integer, number, require
from theory.h_consistency._input import probability_rows, regrets
from theory.h_consistency._numerics import UNIT_NODES, UNIT_WEIGHTS, increasing_root, tilted
from theory.h_consistency.comp_sum import all_losses, expected, optimal_risk

__all__ = [
    "bounded_logistic_bound",
    "bounded_logistic_transform",
    "bounded_optimal_conditional_risk",
    "constant_score_gap",
    "deterministic_gap_bound",
    "inconsistency_floor",
]


def bounded_optimal_conditional_risk(probabilities: Any, *, tau: float, score_bound: float) -> np.ndarray:
    """Return the least conditional risk of the comp-sum loss over scores in [-score_bound, score_bound].

    Statement: the softmax is proportional to p^alpha clipped to an interval of ratio exp(2 score_bound), alpha =
    1 / (2 - tau), placed so that what is cut off above balances, suitably weighted, what is added below.

    ``probabilities``: (..., n_classes); 0 <= ``tau`` <= 2, where the problem is convex in the softmax; ``score_bound``
    >= 0, infinity allowed. Returns an array of the leading shape.

    Raises ``ValueError`` naming the parameter. Exact; a result of this project in the notation of arXiv 2304.07288.
    """
    p, tau = probability_rows(probabilities), number("tau", tau, "[0, 2]")
    return _bounded_optimal_risk(p, tau, number("score_bound", score_bound, "[0, inf]"))


def constant_score_gap(priors: Any, *, tau: float, score_bound: float = math.inf) -> np.ndarray:
    """Return the minimizability gap of constant scores in [-score_bound, score_bound], for deterministic labels.

    Statement: it is the optimal (bounded) conditional risk at the class frequencies ``priors`` less the least loss,
    Phi((n - 1) exp(-2 score_bound)). For uniform priors and no bound it is Phi(n - 1).

    ``priors``: (..., n_classes), rows sum to 1; ``tau`` >= 0, at most 2 where scores are bounded.

    Raises ``ValueError`` naming the parameter. Exact. Source: arXiv 2304.07288, Sec. 4 (numbering unverified).
    """
    p, bound = probability_rows(priors, "priors"), number("score_bound", score_bound, "[0, inf]")
    tau = number("tau", tau, "[0, inf)" if bound == math.inf else "[0, 2]")
    least = tilted(math.log1p((p.shape[-1] - 1) * math.exp(-2.0 * bound)), 1.0 - tau)
    return np.maximum(_bounded_optimal_risk(p, tau, bound) - least, 0.0)


def deterministic_gap_bound(sum_exp_risk: Any, sum_exp_floor: Any, *, tau: float) -> np.ndarray:
    """Return a bound on the minimizability gap for deterministic labels and bounded scores, for every tau at once.

    Statement: M <= Phi(sum_exp_risk) - Phi(sum_exp_floor) by Jensen's inequality; non-increasing in tau.

    ``sum_exp_risk``: best-in-class risk of the sum-exponential loss (tau = 0); ``sum_exp_floor``: its least conditional
    value (n - 1) exp(-2 score_bound), not above it; arrays >= 0 that broadcast. ``tau`` >= 0.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2304.07288, Sec. 4 (numbering unverified).
    """
    risk, floor = array("sum_exp_risk", sum_exp_risk, "[0, inf)"), array("sum_exp_floor", sum_exp_floor, "[0, inf)")
    tau = number("tau", tau, "[0, inf)")
    rule = "sum_exp_risk or less, up to rounding"
    require(bool(np.all(floor <= risk * (1.0 + 1e-12) + 1e-12)), "sum_exp_floor", sum_exp_floor, rule)
    # The difference of the two values without cancellation, and 0 where rounding puts the risk below its floor.
    ratio = np.log1p(np.maximum(risk - floor, 0.0) / (1.0 + floor))
    return (1.0 + floor) ** (1.0 - tau) * tilted(ratio, 1.0 - tau)


def bounded_logistic_transform(beta: Any, *, score_bound: float, n_classes: int) -> np.ndarray:
    """Return the least logistic regret, against the bounded optimum, of a zero-one regret ``beta``.

    Statement: with e = exp(-2 score_bound), N = n_classes - 2 and ``inconsistency_floor`` f = N e / (2 + N e), it is 0
    up to f, the Kullback-Leibler divergence between coins of bias beta and f up to 1 - 2 e / (1 + (N + 1) e), and
    linear with slope ``score_bound`` from there to 1. Nature: exact, numerical evidence; convex in ``beta``,
    non-decreasing in ``score_bound``.

    ``beta``: array in [0, 1]; ``score_bound`` >= 0, infinity allowed; ``n_classes`` >= 2.

    Raises ``ValueError`` naming the parameter. Source: a result of this project; for two classes the bound of Zheng et
    al. (2023), arXiv 2302.02334.
    """
    bias, sizes = array("beta", beta, "[0, 1]"), _pair_sizes(score_bound, n_classes)
    excess = bias - sizes.floor
    line = np.where(excess > sizes.curved, sizes.slope, 0.0) * np.maximum(excess - sizes.curved, 0.0)
    return _divergence_from_floor(np.clip(excess, 0.0, sizes.curved), sizes.floor) + line


def bounded_logistic_bound(surrogate_regret: Any, *, score_bound: float, n_classes: int) -> np.ndarray:
    """Return the bound on the zero-one regret by the logistic regret for bounded scores.

    Statement: the inverse of ``bounded_logistic_transform``: ``inconsistency_floor`` at regret 0, 1 from the value of
    the transform at 1 on. The regret is R(h) - R*(H) + M(H) for scores within the bound (with a bound that depends on
    the input: its infimum).

    ``surrogate_regret``: array of numbers >= 0, infinity included. Returns values in [0, 1]. Errors and source as in
    ``bounded_logistic_transform``.
    """
    t, sizes = regrets(surrogate_regret), _pair_sizes(score_bound, n_classes)
    corner = _divergence_from_floor(np.array(sizes.curved), sizes.floor)
    least = np.minimum(t, corner)
    # Pinsker: half the squared difference of biases is below the divergence.
    high = np.minimum(np.sqrt(2.0 * least), sizes.curved)
    root = increasing_root(lambda d: _divergence_from_floor(d, sizes.floor) - least, np.zeros_like(high), high)
    with np.errstate(divide="ignore", invalid="ignore"):
        line = (t - corner) / sizes.slope
        inside = (t < corner) | (line < sizes.linear)
    return np.where(inside, sizes.floor + np.where(t < corner, root, sizes.curved + line), 1.0)


def inconsistency_floor(*, score_bound: float, n_classes: int) -> float:
    """Return the largest zero-one regret that bounded scores can have at logistic regret 0.

    Statement: (n - 2) e / (2 + (n - 2) e), e = exp(-2 score_bound): with three classes or more the best bounded scores
    of the two most probable classes can be tied. Exact; numerical evidence.

    ``score_bound`` >= 0, infinity allowed; ``n_classes`` >= 2. Raises ``ValueError`` naming the parameter. Source: a
    result of this project.
    """
    return _pair_sizes(score_bound, n_classes).floor


class _PairSizes(NamedTuple):
    floor: float  # bias up to which the regret is 0
    curved: float  # length of the interval of biases above it where the transform is a divergence
    linear: float  # length of the rest, up to 1
    slope: float  # slope there


def _pair_sizes(score_bound: float, n_classes: int) -> _PairSizes:
    bound, n = number("score_bound", score_bound, "[0, inf]"), integer("n_classes", n_classes, "[2, inf)")
    e = math.exp(-2.0 * bound)
    tied, alone = 2.0 + (n - 2) * e, 1.0 + (n - 1) * e
    curved = -2.0 * math.expm1(-2.0 * bound) * (1.0 + (n - 2) * e) / (tied * alone)
    return _PairSizes((n - 2) * e / tied, curved, 2.0 * e / alone, bound)


def _divergence_from_floor(excess: np.ndarray, floor: float) -> np.ndarray:
    """Return the Kullback-Leibler divergence of a coin of bias floor + excess from one of bias floor.

    For each outcome the term y ((1 + d) log(1 + d) - d), d the relative change, is the integral of y log(1 + s) over s
    from 0 to d: a quadrature keeps its digits for small d.
    """
    total = np.zeros_like(excess)
    for y, change in ((0.5 * (1.0 + floor), 0.5 * excess), (0.5 * (1.0 - floor), -0.5 * excess)):
        d = np.maximum(change / y, -1.0)
        small = np.clip(d, -0.5, 0.5)
        near = small * (np.log1p(small[..., None] * UNIT_NODES) @ UNIT_WEIGHTS)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.where(d > -1.0, (1.0 + d) * np.log1p(d), 0.0) - d
        total += y * np.where(np.abs(d) <= 0.5, near, far)
    return total


def _bounded_optimal_risk(p: np.ndarray, tau: float, bound: float) -> np.ndarray:
    if bound == math.inf:
        return optimal_risk(p, tau)
    rows = p.reshape(-1, p.shape[-1])
    high = _upper_clips(-np.sort(-rows, axis=-1), tau, bound)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        free = np.log(rows / high) / (2.0 - tau) if tau < 2.0 else np.where(rows >= high, 0.0, -np.inf)
    # Scores up to a constant; those that the clip leaves alone are alpha log p.
    risks = expected(rows, all_losses(np.clip(free, -2.0 * bound, 0.0), tau))
    return risks.reshape(p.shape[:-1])


@njit(cache=True, nogil=True, error_model="numpy")
def _upper_clips(rows, tau, bound):
    """Return per row, sorted downward, the probability above which the score is clipped at its upper bound.

    It is the root u of sum (p - u)_+ = sum (e u - exp(2 bound (1 - tau)) p)_+, e = exp(-2 bound). The left sum is over
    classes clipped above, the right one over classes clipped below. Both are linear in u between corners, and the walk
    goes down over the corners from u = max p; if no class is clipped below there, none need be clipped at all.
    """
    n = rows.shape[1]
    e = math.exp(-2.0 * bound)
    result = np.empty(len(rows))
    for i in range(len(rows)):
        p = rows[i]
        lowered = np.zeros(n)
        for k in range(n):
            if p[k] > 0.0:
                lowered[k] = math.exp(math.log(p[k]) + 2.0 * bound * (1.0 - tau))
        n_above, n_below = 1, 0
        while n_below < n and e * p[0] > lowered[n - 1 - n_below]:
            n_below += 1
        result[i] = p[0]
        while n_below > 0:
            above, below = 0.0, 0.0
            for k in range(n_above):
                above += p[k]
            for k in range(n - n_below, n):
                below += lowered[k]
            root = (above + below) / (n_above + e * n_below)
            next_above = p[n_above] if n_above < n else 0.0
            next_below = lowered[n - n_below] / e
            result[i] = min(root, p[0])
            if root >= max(next_above, next_below):
                break
            if next_above >= next_below:
                n_above += 1
            else:
                n_below -= 1
    return result
