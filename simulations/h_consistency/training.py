"""Best linear hypotheses of bounded norm on finite distributions, and hypotheses trained on samples from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import array, number, require
from simulations._streams import spawn_streams
from simulations.h_consistency._conditional import (
    bounded_optimal_scores,
    conditional_risk,
    optimal_conditional_risk,
    zero_one_regret,
)
from simulations.h_consistency._interior_point import minimise_risk
from simulations.h_consistency.distributions import FiniteDistribution

__all__ = [
    "CertifiedRisk",
    "FiniteSampleRegrets",
    "GapReport",
    "best_in_class_surrogate_risk",
    "best_in_class_zero_one_risk",
    "minimizability_gap",
    "simulate_finite_sample_regrets",
]

_GOAL, _CERTIFIED = 1e-10, 1e-9  # Frank-Wolfe gaps at which the solver stops and which are accepted
_TRIALS_PER_STREAM = 64
_MOST_CLASSES = 16


class CertifiedRisk(NamedTuple):
    """Risk of a hypothesis, a bound on its distance to the least risk, weights (n_classes, n_features), and biases."""

    value: float
    optimality_gap: float
    weights: np.ndarray
    biases: np.ndarray


class GapReport(NamedTuple):
    """Best-in-class risk, the expectation of the conditional optima in the class, and the two differences.

    gap: the minimizability gap, ``best_in_class_risk - expected_conditional_optimum``. approximation_error: the same
    with the optima over all scores. optimality_gap: a bound on the error of the best-in-class risk, and of both.
    """

    best_in_class_risk: float
    expected_conditional_optimum: float
    gap: float
    approximation_error: float
    optimality_gap: float


class FiniteSampleRegrets(NamedTuple):
    """Exact regrets of trained hypotheses against all measurable functions, each (n_trials, len(n_samples))."""

    zero_one_regret: np.ndarray
    surrogate_regret: np.ndarray


def best_in_class_surrogate_risk(
    distribution: FiniteDistribution, *, tau: float, weight_bound: float, bias_bound: float
) -> CertifiedRisk:
    """Least comp-sum risk among linear scores ``w_y x + b_y`` with ``|w_y| <= weight_bound``, ``|b_y| <= bias_bound``.

    Norms are Euclidean. The problem is convex for 0 <= tau <= 1. The certificate is the Frank-Wolfe gap
    ``<g, v> + sum_y weight_bound |g_w_y| + bias_bound |g_b_y|`` at the solution v with gradient g.

    Raises ``ValueError`` for ``tau`` outside [0, 1] or negative or infinite bounds, and ``RuntimeError`` where the gap
    stays above 1e-9.
    """
    tau = number("tau", tau, "[0, 1]")
    weight_bound, bias_bound = _validated_bounds(weight_bound, bias_bound)
    theta = np.empty((distribution.probabilities.shape[1], distribution.support.shape[1] + 1))
    cells = distribution.weights[:, None] * distribution.probabilities
    features = _scaled_features(distribution, weight_bound, bias_bound)
    risk, gap = minimise_risk(features, cells, tau, _GOAL, theta)
    if not gap <= _CERTIFIED:
        raise RuntimeError(f"best-in-class risk not certified: gap {gap:.2g} exceeds {_CERTIFIED} ({tau = })")
    return CertifiedRisk(float(risk), float(gap), weight_bound * theta[:, :-1], bias_bound * theta[:, -1])


def best_in_class_zero_one_risk(distribution: FiniteDistribution) -> float:
    """Least zero-one risk among linear scores of one feature: exact, by dynamic programming.

    The regions of the classes on the line are intervals, one for each class that is predicted at all, in any order. The
    size of the scores does not matter, so that any positive bounds give the same value. Cost: O(K n_classes
    2^n_classes). Raises ``ValueError`` for more than one feature or more than 16 classes.
    """
    _, n_classes = distribution.probabilities.shape
    n_features = distribution.support.shape[1]
    require(n_features == 1, "distribution", f"{n_features} features", "one feature")
    require(n_classes <= _MOST_CLASSES, "distribution", f"{n_classes} classes", f"at most {_MOST_CLASSES} classes")
    positions, where = np.unique(distribution.support[:, 0], return_inverse=True)
    cells = np.zeros((len(positions), n_classes))
    np.add.at(cells, where, distribution.weights[:, None] * distribution.probabilities)
    return float(1.0 - _most_correct_intervals(cells))


def minimizability_gap(
    distribution: FiniteDistribution, *, tau: float, weight_bound: float, bias_bound: float
) -> GapReport:
    """Minimizability gap and approximation error of the bounded linear class for a comp-sum loss, 0 <= tau <= 1.

    At x the scores of the class fill the cube of half-width ``weight_bound |x| + bias_bound``. Raises as
    ``best_in_class_surrogate_risk`` does.
    """
    best = best_in_class_surrogate_risk(distribution, tau=tau, weight_bound=weight_bound, bias_bound=bias_bound)
    score_bounds = float(weight_bound) * np.linalg.norm(distribution.support, axis=1) + float(bias_bound)
    optima = _expected_optima(distribution.weights, distribution.probabilities, float(tau), score_bounds)
    within_class, over_all = (float(optimum) for optimum in optima)
    return GapReport(best.value, within_class, best.value - within_class, best.value - over_all, best.optimality_gap)


def simulate_finite_sample_regrets(
    distribution: FiniteDistribution,
    *,
    tau: float,
    weight_bound: float,
    bias_bound: float,
    n_samples: ArrayLike,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> FiniteSampleRegrets:
    """Exact regrets of linear scores trained on ``n_samples`` independent draws, for every sample size in turn.

    Training minimises the comp-sum loss, 0 <= tau <= 1, summed over the sample, within the bounds of
    ``best_in_class_surrogate_risk``. Sampled are the counts of inputs and labels, a multinomial table whose cost does
    not grow with the sample. The risks are those of the distribution. Regrets are measured from the pointwise optima
    over all scores: bounds on them hold for bounded classes too. The tables of a trial are independent.

    n_samples: an integer or (L,) integers, each at least 1. Cost of a fit: about 30 microseconds at K = 41 and three
    classes. Every 64 trials have a stream of their own.

    Raises ``ValueError`` for ``tau`` outside [0, 1], negative or infinite bounds or counts below 1, and
    ``RuntimeError`` where a fit is not certified to 1e-9.
    """
    tau = number("tau", tau, "[0, 1]")
    weight_bound, bias_bound = _validated_bounds(weight_bound, bias_bound)
    sizes = array("n_samples", np.atleast_1d(n_samples), "[1, inf)", shape=(None,))
    require(bool(np.all(sizes == np.floor(sizes))), "n_samples", n_samples, "integers in [1, inf)")
    streams = spawn_streams(seed, n_trials, block=_TRIALS_PER_STREAM)
    features = _scaled_features(distribution, weight_bound, bias_bound)
    cells = (distribution.weights[:, None] * distribution.probabilities).ravel()
    cells = cells / cells.sum()
    regrets = np.empty((2, int(n_trials), len(sizes)))
    for block, rng in enumerate(streams):
        part = regrets[:, block * _TRIALS_PER_STREAM : (block + 1) * _TRIALS_PER_STREAM]
        counts = rng.multinomial(np.broadcast_to(sizes.astype(np.int64), part.shape[1:]), cells)
        tables = (counts / sizes[:, None]).reshape(-1, *distribution.probabilities.shape)
        gap = _fit_tables(features, distribution.weights, distribution.probabilities, tables, tau, *part)
        if not gap <= _CERTIFIED:
            raise RuntimeError(f"a fit is not certified: gap {gap:.2g} exceeds {_CERTIFIED} ({tau = })")
    return FiniteSampleRegrets(*regrets)


def _validated_bounds(weight_bound: float, bias_bound: float) -> tuple[float, float]:
    return number("weight_bound", weight_bound, "[0, inf)"), number("bias_bound", bias_bound, "[0, inf)")


def _scaled_features(distribution: FiniteDistribution, weight_bound: float, bias_bound: float) -> np.ndarray:
    """Features with which the weights and the bias of a class lie in unit balls: (K, n_features + 1)."""
    constant = np.full((len(distribution.weights), 1), bias_bound)
    return np.hstack([weight_bound * distribution.support, constant])


@njit(cache=True, nogil=True, error_model="numpy")
def _most_correct_intervals(cells):
    """Largest total of ``cells[i, label of i]`` over labellings in which the points of a label are consecutive."""
    n_support, n_classes = cells.shape
    best = np.full((2**n_classes, n_classes), -np.inf)  # by the set of labels used, and the last of them
    for label in range(n_classes):
        best[2**label, label] = 0.0
    for i in range(n_support):
        # Larger sets first: a point that opens the interval of a new label must not be counted twice.
        for used in range(2**n_classes - 1, 0, -1):
            for label in range(n_classes):
                if used & 2**label:
                    value = best[used, label]
                    for last in range(n_classes):
                        if i > 0 and last != label and used & 2**last:
                            value = max(value, best[used - 2**label, last])
                    best[used, label] = value + cells[i, label]
    return best.max()


@njit(cache=True, nogil=True, error_model="numpy")
def _expected_optima(weights, probabilities, tau, score_bounds):
    """Expected conditional optima over scores within the bounds and over all scores."""
    scores, losses = np.empty((2, probabilities.shape[1]))
    bounded = unbounded = 0.0
    for i in range(weights.size):
        bounded_optimal_scores(probabilities[i], tau, score_bounds[i], scores)
        bounded += weights[i] * conditional_risk(probabilities[i], scores, tau, losses)
        unbounded += weights[i] * optimal_conditional_risk(probabilities[i], tau)
    return bounded, unbounded


@njit(cache=True, nogil=True, error_model="numpy")
def _fit_tables(features, weights, probabilities, tables, tau, zero_one, surrogate):
    """Train on every table, (trials * sizes, K, n); write the regrets, (trials, sizes); return the largest gap."""
    n_support, n_classes = probabilities.shape
    theta, scores, losses = np.empty((n_classes, features.shape[1])), np.empty(n_classes), np.empty(n_classes)
    optimum, largest_gap = 0.0, 0.0
    for i in range(n_support):
        optimum += weights[i] * optimal_conditional_risk(probabilities[i], tau)
    for fit in range(tables.shape[0]):
        _, gap = minimise_risk(features, tables[fit], tau, _GOAL, theta)
        largest_gap = max(largest_gap, gap)
        risk = regret = 0.0
        for i in range(n_support):
            for y in range(n_classes):
                scores[y] = 0.0
                for a in range(features.shape[1]):
                    scores[y] += theta[y, a] * features[i, a]
            regret += weights[i] * zero_one_regret(probabilities[i], scores)
            risk += weights[i] * conditional_risk(probabilities[i], scores, tau, losses)
        trial, size = fit // zero_one.shape[1], fit % zero_one.shape[1]
        zero_one[trial, size], surrogate[trial, size] = regret, risk - optimum
    return largest_gap
