"""Conditional comp-sum risks and their minima over scores, one vector of class probabilities at a time (compiled)."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "bounded_optimal_scores",
    "comp_sum_losses",
    "conditional_risk",
    "optimal_conditional_risk",
    "pool_predicted_class",
    "zero_one_regret",
]


@njit(cache=True, nogil=True, error_model="numpy")
def comp_sum_losses(scores, tau, out):
    """Write the loss of every label, ``expm1((1 - tau) L) / (1 - tau)`` with ``L = logsumexp(scores) - scores``."""
    top = scores.max()
    total = 0.0
    for k in range(scores.size):
        total += np.exp(scores[k] - top)
    log_sum = top + np.log(total)
    for k in range(scores.size):
        excess = log_sum - scores[k]
        out[k] = excess if tau == 1.0 else np.expm1((1.0 - tau) * excess) / (1.0 - tau)


@njit(cache=True, nogil=True, error_model="numpy")
def conditional_risk(p, scores, tau, losses):
    """Average the loss over the labels; a label of probability 0 counts nothing, whatever its score."""
    comp_sum_losses(scores, tau, losses)
    risk = 0.0
    for k in range(p.size):
        if p[k] > 0.0:
            risk += p[k] * losses[k]
    return risk


@njit(cache=True, nogil=True, error_model="numpy")
def zero_one_regret(p, scores):
    """Return max(p) minus the probability of the class with the top score, the least likely one among equals."""
    predicted = 0
    for k in range(1, p.size):
        if scores[k] > scores[predicted] or (scores[k] == scores[predicted] and p[k] < p[predicted]):
            predicted = k
    return p.max() - p[predicted]


@njit(cache=True, nogil=True, error_model="numpy")
def optimal_conditional_risk(p, tau):
    """Return the infimum of the conditional risk over all scores, to full precision for tau near 1 as well."""
    top = p.max()
    if tau >= 2.0:
        return (1.0 - top) / (tau - 1.0)
    total = 0.0
    if abs(tau - 1.0) < 0.5:  # p^a - 1 summed by itself, where p^a is close to 1
        slope = (tau - 1.0) / (2.0 - tau)
        for k in range(p.size):
            if p[k] > 0.0:
                total += p[k] * (-np.log(p[k]) if tau == 1.0 else np.expm1(slope * np.log(p[k])))
        return total if tau == 1.0 else np.expm1((2.0 - tau) * np.log1p(total)) / (1.0 - tau)
    for k in range(p.size):
        if p[k] > 0.0:
            total += (p[k] / top) ** (1.0 / (2.0 - tau))
    return (top * total ** (2.0 - tau) - 1.0) / (1.0 - tau)


@njit(cache=True, nogil=True, error_model="numpy")
def pool_predicted_class(p, predicted, pooled):
    """Write the probabilities whose optimum is that of p under the constraint that ``predicted`` has the top score.

    For tau <= 2: the predicted class shares its probability equally with the likelier ones, from the likeliest down,
    for as long as the next one exceeds their mean.
    """
    pooled[:] = p
    total, size = p[predicted], 1
    for _ in range(p.size - 1):
        best = -1
        for k in range(p.size):
            if k != predicted and pooled[k] >= 0.0 and (best < 0 or pooled[k] > pooled[best]):
                best = k
        if p[best] <= total / size:
            break
        total += p[best]
        size += 1
        pooled[best] = -1.0  # in the pool
    for k in range(p.size):
        if k == predicted or pooled[k] < 0.0:
            pooled[k] = total / size


@njit(cache=True, nogil=True, error_model="numpy")
def bounded_optimal_scores(p, tau, score_bound, scores):
    """Write scores that minimise the conditional risk among those within ``2 score_bound`` of each other, tau <= 1.

    The optimal softmax is proportional to ``p^alpha`` clipped to an interval [u exp(-2 score_bound), u]. The derivative
    of the risk in u has the sign of a function of ``cap = u^(2 - tau)`` that increases and is linear between the points
    where a class enters or leaves the interval: Newton's method inside a bracket finds its zero in a few steps.
    """
    low_share = np.exp(-2.0 * score_bound * (2.0 - tau))
    weight = np.exp(-2.0 * score_bound * (1.0 - tau))
    low, high = 0.0, p.max()
    cap = high
    for _ in range(200):
        slope, offset = 0.0, 0.0
        for k in range(p.size):
            if p[k] < low_share * cap:
                slope += low_share
                offset += p[k]
            elif p[k] > cap:
                slope += weight
                offset += weight * p[k]
        value = slope * cap - offset
        if value > 0.0:
            high = cap
        else:
            low = cap
        step = offset / slope if slope > 0.0 else cap
        if abs(step - cap) <= 1e-15 * cap:
            break
        if not low < step < high:
            step = 0.5 * (low + high)
        cap = step
    ceiling = np.log(cap) / (2.0 - tau)
    floor = ceiling - 2.0 * score_bound
    for k in range(p.size):
        score = np.log(p[k]) / (2.0 - tau) if p[k] > 0.0 else -np.inf
        scores[k] = min(max(score, floor), ceiling)
