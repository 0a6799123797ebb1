"""Laws of inputs and labels on finitely many points, best linear hypotheses on them, random ones and trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from simulations.h_consistency import (
    FiniteDistribution,
    FiniteSampleRegrets,
    best_in_class_surrogate_risk,
    cyclic_distribution,
    linear_softmax_distribution,
    minimizability_gap,
    simulate_finite_sample_regrets,
    simulate_random_hypotheses,
)

FRONTIER = 256  # places for the frontier of random hypotheses
SHIFT = 1e-6  # of the hypothesis, in the control of the certificate


def law(name: str, n_classes: int) -> FiniteDistribution:
    """Return a law by name: cyclic, linear, plane (linear in two features), point (one input, two likely classes)."""
    if name == "cyclic":
        return cyclic_distribution(12, n_classes=n_classes, sharpness=2.0)
    if name == "linear":
        return linear_softmax_distribution(31, n_classes=n_classes, sharpness=2.5)
    if name == "point":
        return FiniteDistribution([[1.0]], [1.0], [[0.6, 0.4, *[0.0] * (n_classes - 2)]])
    grid = np.linspace(-1.0, 1.0, 6)
    support = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    angles = 2.0 * np.pi * np.arange(n_classes) / n_classes
    logits = 1.5 * support @ np.array([np.cos(angles), np.sin(angles)]) + 0.3 * np.cos(angles)
    return FiniteDistribution(support, np.full(len(support), 1.0 / len(support)), softmax(logits, axis=1))


class Instance(NamedTuple):
    """A law, a loss, and the bounds of the linear hypotheses."""

    law: FiniteDistribution
    tau: float
    weight_bound: float
    bias_bound: float

    @property
    def score_bounds(self) -> np.ndarray:
        """The largest score of the class at every input."""
        return self.weight_bound * np.linalg.norm(self.law.support, axis=1) + self.bias_bound


def random_instance(number: int) -> Instance:
    """Return a law of 1 to 20 inputs, 1 to 3 features and 2 to 5 classes, a loss with tau up to 1, and two bounds."""
    rng = np.random.default_rng(number)
    n_support, n_features, n_classes = (int(rng.integers(low, high)) for low, high in ((1, 21), (1, 4), (2, 6)))
    probabilities = rng.dirichlet(np.full(n_classes, 0.5), n_support)
    weights = rng.dirichlet(np.full(n_support, 2.0))
    random = FiniteDistribution(rng.standard_normal((n_support, n_features)), weights, probabilities)
    return Instance(random, float(rng.choice([0.0, 0.5, 1.0, rng.random()])), *(10.0 ** rng.uniform(-1.0, 1.0, 2)))


def solved(instance: Instance) -> dict[str, float]:
    """Return best-in-class risk, minimizability gap and approximation error, with a certificate made anew.

    ``certificate`` is the most that the linearised risk falls inside the bounds, which bounds the distance to the least
    risk; ``shifted`` the same for a hypothesis scaled down by 1e-6.
    """
    arguments = instance._asdict()
    distribution = arguments.pop("law")
    report = minimizability_gap(distribution, **arguments)
    best = best_in_class_surrogate_risk(distribution, **arguments)
    certificate, shifted = (_linearised_fall(instance, scale * best.weights, scale * best.biases)
                            for scale in (1.0, 1.0 - SHIFT))  # fmt: skip
    return dict(risk=best.value, gap=report.gap, approximation_error=report.approximation_error,
                certificate=certificate, shifted=shifted)  # fmt: skip


def solved_law(*, name: str, n_classes: int, tau: float, bound: float) -> dict[str, float]:
    """Return ``solved`` for a law by name, with one bound for weights and biases."""
    return solved(Instance(law(name, n_classes), tau, bound, bound))


def solved_at_random(*, number: int) -> dict[str, float]:
    """Return ``solved`` for a random instance."""
    return solved(random_instance(number))


def _linearised_fall(instance: Instance, weights: np.ndarray, biases: np.ndarray) -> float:
    scores = instance.law.support @ weights.T + biases
    log_sum = logsumexp(scores, axis=1, keepdims=True)
    pulls = instance.law.weights[:, np.newaxis] * instance.law.probabilities
    pulls = pulls * np.exp((1.0 - instance.tau) * (log_sum - scores))
    slope = np.exp(scores - log_sum) * pulls.sum(axis=1, keepdims=True) - pulls
    of_weights, of_biases = slope.T @ instance.law.support, slope.sum(axis=0)
    reach = instance.weight_bound * np.linalg.norm(of_weights, axis=1) + instance.bias_bound * np.abs(of_biases)
    return float((of_weights * weights).sum() + (of_biases * biases).sum() + reach.sum())


def certain_labels(frequencies: Sequence[float]) -> FiniteDistribution:
    """Return one input for each class, whose label is certain, with the frequencies given."""
    n = len(frequencies)
    return FiniteDistribution(np.ones((n, 1)), np.array(frequencies), np.eye(n))


def constant_scores(*, frequencies: Sequence[float], tau: float, score_bound: float) -> dict[str, float]:
    """Return the minimizability gap of constant bounded scores for certain labels.

    Up to tau = 1 a convex solver finds the best ones. Beyond, the risk is convex in the softmax, whose feasible set is
    convex, so that a local minimum over the scores is the least of all.
    """
    if tau <= 1.0:
        return dict(gap=solved(Instance(certain_labels(frequencies), tau, 0.0, score_bound))["gap"])
    p, n = np.array(frequencies), len(frequencies)

    def risk(scores: np.ndarray) -> tuple[float, np.ndarray]:
        s = softmax(scores)
        slope = p * s ** (tau - 1.0)
        return float((p - slope).sum() / (tau - 1.0)), s * slope.sum() - slope

    options = dict(ftol=1e-16, gtol=1e-12, maxiter=1000)
    found = minimize(risk, np.linspace(0.1, 0.0, n) * score_bound, jac=True, bounds=[(-score_bound, score_bound)] * n,
                     method="L-BFGS-B", options=options)  # fmt: skip
    own = 1.0 / (1.0 + (n - 1) * np.exp(-2.0 * score_bound))
    return dict(gap=float(found.fun) - (1.0 - own ** (tau - 1.0)) / (tau - 1.0))


def circle_instance(number: int, tau: float) -> Instance:
    """Return certain labels at 8 points of the unit circle and bounds; for number 0 no weights, and balanced labels."""
    rng = np.random.default_rng(number)
    n_classes = int(rng.integers(2, 5)) if number else 2
    angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, 8))
    labels = rng.integers(0, n_classes, 8) if number else np.arange(8) % 2
    frequencies = rng.dirichlet(np.full(8, 2.0)) if number else np.full(8, 0.125)
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    bounds = (10.0 ** rng.uniform(-1.0, 0.5, 2)).tolist() if number else [0.0, 1.0]
    return Instance(FiniteDistribution(points, frequencies, np.eye(n_classes)[labels]), tau, *bounds)


def solved_on_circle(*, number: int, tau: float) -> dict[str, float]:
    """Return ``solved`` for certain labels on the circle."""
    return solved(circle_instance(number, tau))


def random_hypotheses(*, name: str, n_classes: int, tau: float, n_hypotheses: int, seed: int) -> dict[str, np.ndarray]:
    """Return the random hypotheses that no other one beats in both regrets, padded with the last of them.

    If a bound of the zero-one regret that increases with the surrogate regret holds for these, it holds for all.
    """
    found = simulate_random_hypotheses(law(name, n_classes), tau=tau, n_hypotheses=n_hypotheses, seed=seed)
    return _frontier(found.zero_one_regret, found.surrogate_regret)


def _frontier(zero_one: np.ndarray, surrogate: np.ndarray) -> dict[str, np.ndarray]:
    """Return the pairs of regrets to which none has both more zero-one and no more surrogate regret, (256,) each."""
    order = np.lexsort((-zero_one, surrogate))
    highest = np.maximum.accumulate(zero_one[order])
    kept = order[np.append(highest[0] > 0.0, np.diff(highest) > 0.0)]
    if not 0 < len(kept) <= FRONTIER:
        raise RuntimeError(f"{len(kept)} points on the frontier: expected 1 to {FRONTIER}")
    kept = np.pad(kept, (0, FRONTIER - len(kept)), mode="edge")
    return dict(zero_one=zero_one[kept], surrogate=surrogate[kept])


def trained_hypotheses(
    *, name: str, n_classes: int, tau: float, bound: float, n_samples: Sequence[int], n_trials: int,
    seed: np.random.SeedSequence,
) -> FiniteSampleRegrets:  # fmt: skip
    """Return the regrets of linear hypotheses trained on samples from a law by name, (n_trials, sizes)."""
    return simulate_finite_sample_regrets(law(name, n_classes), tau=tau, weight_bound=bound, bias_bound=bound,
                                          n_samples=n_samples, n_trials=n_trials, seed=seed)  # fmt: skip
