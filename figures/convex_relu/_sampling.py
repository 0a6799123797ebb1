"""Sampled patterns: the exact law of sampled programs in the plane, and sizes and limits for the levels of a sample."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy.stats import beta

from simulations.convex_relu import sample_patterns, solve_by_pattern_generation
from theory.convex_relu import circle_pattern_measure, dual_gauge, solve_convex_program

EXCESS = 1e-6  # relative, of a price that counts: next to the ray of an optimal neuron it is 0, elsewhere 1e-5 and more
LEVEL = 1e-5  # one-sided, of the upper limits of a frequency


def sampled_program_law(*, features: np.ndarray, targets: np.ndarray, regularisation: float) -> dict[str, np.ndarray]:
    """Return optimum and violation probability over every set of patterns, as bits of its index, and the measures.

    A pattern whose price is at most the regularisation leaves the optimum as it is, so that few sets must be solved.
    """
    patterns, measure = circle_pattern_measure(features)
    n_sets = 1 << len(patterns)
    optimum, lowering = np.empty(n_sets), np.empty((n_sets, len(patterns)), bool)
    for index in range(n_sets):
        members = [one for one in range(len(patterns)) if index >> one & 1]
        useless = next((index ^ 1 << one for one in members if not lowering[index ^ 1 << one, one]), None)
        if useless is not None:
            optimum[index], lowering[index] = optimum[useless], lowering[useless]
            continue
        residual, optimum[index] = targets, 0.5 * targets @ targets
        if members:
            solved = solve_convex_program(features, targets, regularisation=regularisation, patterns=patterns[members])
            residual, optimum[index] = targets - solved.fitted, solved.objective
        prices = [dual_gauge(features, residual, patterns=patterns[[one]]) for one in range(len(patterns))]
        lowering[index] = np.array(prices) > regularisation * (1 + EXCESS)
    return dict(optimum=optimum, violation=lowering @ measure, measure=measure)


def drawn_sets(measure: np.ndarray, largest: int) -> np.ndarray:
    """Return the probability (largest + 1, 2^P) that 0, 1, ... independent draws are this set of patterns."""
    chances = np.zeros((largest + 1, *[2] * len(measure)))
    chances[0].flat[0] = 1.0
    for before, after in itertools.pairwise(chances):
        for bit, share in enumerate(measure):
            axis = len(measure) - 1 - bit  # the last axis is the lowest bit of the index
            np.moveaxis(after, axis, 0)[1] += share * before.sum(axis=axis)
    return chances.reshape(largest + 1, -1)


def unsampled_share(measure: np.ndarray, n_patterns: np.ndarray) -> np.ndarray:
    """Return the mean measure of the patterns that are not among the draws."""
    return ((1 - measure) ** n_patterns[:, np.newaxis]) @ measure


def upper_limit(hits: np.ndarray, n_trials: np.ndarray) -> np.ndarray:
    """Return the Clopper-Pearson upper limit of a probability."""
    return np.where(hits < n_trials, beta.ppf(1 - LEVEL, hits + 1, np.maximum(n_trials - hits, 1)), 1.0)


def swapped_size(n_samples: int, *, violation_level: float, failure_probability: float) -> int:
    """Return the published number of patterns with the two levels taken for each other."""
    by_mean = (n_samples + 1) / (violation_level * failure_probability) - 1
    return math.ceil(min(by_mean, 2 * (n_samples + 1 - math.log(violation_level)) / failure_probability))


def nested_optima(
    *, features: np.ndarray, targets: np.ndarray, regularisation: float, sizes: tuple[int, ...], seed: int
) -> np.ndarray:
    """Return the optima over the patterns of the first directions of one sequence, for these numbers of them."""
    drawn = sample_patterns(features, n_directions=max(sizes), seed=seed, distinct=False)
    task: dict[str, Any] = dict(regularisation=regularisation, tolerance=1e-11)
    return np.array(
        [solve_by_pattern_generation(features, targets, patterns=drawn[:size], **task).objective for size in sizes]
    )
