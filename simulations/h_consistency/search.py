"""Guided search for the least surrogate regret at a given zero-one regret."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from assay.base import integer, number
from simulations._streams import spawn_streams
from simulations.h_consistency._conditional import (
    bounded_optimal_scores,
    conditional_risk,
    optimal_conditional_risk,
    pool_predicted_class,
)

__all__ = ["TransformSearch", "search_bounded_transform", "search_transform"]


class TransformSearch(NamedTuple):
    """Least surrogate regret found, and the class probabilities, (n_classes,), that attain it.

    Class 0 is the likeliest, class 1 is predicted, and its probability is smaller by the zero-one regret.
    """

    value: float
    probabilities: np.ndarray


def search_transform(
    beta: float, *, tau: float, n_classes: int, n_steps: int = 200_000, seed: int | np.random.SeedSequence
) -> TransformSearch:
    """Least conditional comp-sum regret found when the predicted class is ``beta`` less likely than the best.

    An upper bound on the infimum over all class probabilities and scores. For given probabilities the best scores are
    known exactly for tau <= 2: the predicted class shares its probability with the likelier ones. The search runs over
    the probabilities. A quarter of the steps are random starts, another quarter short descents from the best start for
    each number of classes present, the rest a descent from the best of all. A descent makes Gaussian moves of adapted
    size and accepts those that lower the regret; now and then it sets a probability to zero or equal to another one,
    where minima have their kinks. Cost: ``n_steps`` evaluations of about 0.3 microseconds for few classes.

    Model: Mao et al., "Cross-Entropy Loss Functions: Theoretical Analysis and Applications", arXiv 2304.07288.
    Raises ``ValueError`` for ``beta`` outside [0, 1], ``tau`` outside [0, 2], ``n_classes < 2`` or ``n_steps < 100``.
    """
    beta = number("beta", beta, "[0, 1]")
    tau = number("tau", tau, "[0, 2]")
    return _search(beta, tau, np.inf, n_classes, n_steps, seed)


def search_bounded_transform(
    beta: float, *, score_bound: float, n_classes: int, n_steps: int = 60_000, seed: int | np.random.SeedSequence
) -> TransformSearch:
    """Least conditional logistic regret found among scores in [-score_bound, score_bound]; see ``search_transform``.

    The regret is measured from the optimum over bounded scores. The constrained optimum is exact as well: bounds clip
    the scores that are optimal for the shared probabilities.

    Raises ``ValueError`` for ``beta`` outside [0, 1], negative or infinite ``score_bound``, ``n_classes < 2`` or
    ``n_steps < 100``.
    """
    beta = number("beta", beta, "[0, 1]")
    score_bound = number("score_bound", score_bound, "[0, inf)")
    return _search(beta, 1.0, score_bound, n_classes, n_steps, seed)


def _search(
    beta: float, tau: float, score_bound: float, n_classes: int, n_steps: int, seed: int | np.random.SeedSequence
) -> TransformSearch:
    n_classes = integer("n_classes", n_classes, "[2, inf)")
    n_steps = integer("n_steps", n_steps, "[100, inf)")
    (rng,) = spawn_streams(seed, 1)
    value, probabilities = _search_probabilities(rng, beta, tau, score_bound, n_classes, n_steps)
    return TransformSearch(float(value), probabilities)


@njit(cache=True, nogil=True, error_model="numpy")
def _regret(p, tau, score_bound, work):
    """Least regret of predicting class 1; ``work`` is (3, n_classes)."""
    pooled, scores, losses = work
    pool_predicted_class(p, 1, pooled)
    if score_bound == np.inf:
        return optimal_conditional_risk(pooled, tau) - optimal_conditional_risk(p, tau)
    bounded_optimal_scores(pooled, tau, score_bound, scores)
    constrained = conditional_risk(p, scores, tau, losses)
    bounded_optimal_scores(p, tau, score_bound, scores)
    return constrained - conditional_risk(p, scores, tau, losses)


@njit(cache=True, nogil=True, error_model="numpy")
def _complete(p, top, beta):
    """Set the two leading probabilities and rescale the rest to sum to 1; False where the rest would exceed the top."""
    p[0], p[1] = top, top - beta
    left = max(1.0 - 2.0 * top + beta, 0.0)
    total = p[2:].sum()
    if p.size == 2 or left <= 1e-15:
        p[2:] = 0.0
        return left <= 1e-15
    if total == 0.0:
        return False
    p[2:] *= left / total
    return p[2:].max() <= top * (1.0 + 1e-15)


@njit(cache=True, nogil=True, error_model="numpy")
def _descend(rng, p, value, beta, n_steps, lowest, highest, tau, score_bound, work):
    """Lower the regret of p in place by random moves; return it."""
    candidate, scale = np.empty(p.size), 0.1
    for _ in range(n_steps):
        candidate[:] = p
        top = min(max(p[0] + scale * rng.standard_normal(), lowest), highest)
        if p.size > 2 and rng.random() < 0.1:
            chosen, other = rng.integers(2, p.size), rng.integers(1, p.size)
            candidate[chosen] = 0.0 if other == chosen else p[other]
            top = p[0] if rng.random() < 0.5 else top
        else:
            for k in range(2, p.size):
                if rng.random() < 0.6:
                    candidate[k] = abs(p[k] + scale * rng.standard_normal())
        if _complete(candidate, top, beta):
            found = _regret(candidate, tau, score_bound, work)
            if found < value:
                p[:], value = candidate, found
                scale = min(2.0 * scale, 0.1)
                continue
        scale = max(0.9 * scale, 1e-9)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _search_probabilities(rng, beta, tau, score_bound, n_classes, n_steps):
    lowest, highest = max(beta, (1.0 + beta) / n_classes), (1.0 + beta) / 2.0
    work, candidate = np.empty((3, n_classes)), np.empty(n_classes)
    # One start for each number of other classes present, since a descent seldom brings one in or out.
    n_starts = n_classes - 1
    starts, values = np.zeros((n_starts, n_classes)), np.full(n_starts, np.inf)
    for step in range(max(n_steps // 4, n_starts)):
        n_present = step % n_starts
        candidate[:] = 0.0
        exponent = 4.0 * max(2.0 * rng.random() - 1.0, 0.0)  # half of the starts have equal ones
        for k in range(2, 2 + n_present):
            candidate[k] = rng.random() ** exponent
        least = max(beta, (1.0 + beta) / (2 + n_present))
        top = least + (highest - least) * max(1.25 * rng.random() - 0.25, 0.0)
        if _complete(candidate, top, beta):
            found = _regret(candidate, tau, score_bound, work)
            if found < values[n_present]:
                values[n_present], starts[n_present] = found, candidate
    for start in range(n_starts):
        if values[start] < np.inf:
            steps = n_steps // (4 * n_starts)
            values[start] = _descend(
                rng, starts[start], values[start], beta, steps, lowest, highest, tau, score_bound, work
            )
    best = starts[np.argmin(values)]
    value = _descend(rng, best, values.min(), beta, n_steps // 2, lowest, highest, tau, score_bound, work)
    return value, best
