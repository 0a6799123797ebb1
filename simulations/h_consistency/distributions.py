"""Distributions on finitely many inputs, and random hypotheses on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from assay.base import array, integer, number, require
from simulations._streams import spawn_streams
from simulations.h_consistency._conditional import conditional_risk, optimal_conditional_risk, zero_one_regret

__all__ = [
    "FiniteDistribution",
    "RandomHypotheses",
    "cyclic_distribution",
    "linear_softmax_distribution",
    "simulate_random_hypotheses",
]

_HYPOTHESES_PER_STREAM = 1024


@dataclass(frozen=True, eq=False)
class FiniteDistribution:
    """A law of inputs and labels: the input ``support[i]`` has weight ``weights[i]`` and labels ``probabilities[i]``.

    support: (K, n_features). weights: (K,), positive. probabilities: (K, n_classes) with at least two classes. Weights
    and the rows of the probabilities sum to 1. Raises ``ValueError`` otherwise.
    """

    support: np.ndarray
    weights: np.ndarray
    probabilities: np.ndarray

    def __post_init__(self) -> None:
        support = array("support", self.support, shape=(None, None))
        weights = array("weights", self.weights, "(0, 1]", shape=(len(support),))
        probabilities = array("probabilities", self.probabilities, "[0, 1]", shape=(len(support), None))
        require(probabilities.shape[1] >= 2, "probabilities", probabilities.shape, "at least two classes")
        for name, sums in (("weights", weights.sum(keepdims=True)), ("probabilities", probabilities.sum(axis=1))):
            worst = float(sums[np.argmax(np.abs(sums - 1.0))])
            require(abs(worst - 1.0) <= 1e-9, name, f"sum {worst}", "a sum of 1 within 1e-9")
        for name, value in (("support", support), ("weights", weights), ("probabilities", probabilities)):
            object.__setattr__(self, name, value)


def cyclic_distribution(n_support: int, *, n_classes: int, sharpness: float) -> FiniteDistribution:
    """Return equally weighted points on a line whose likeliest class goes round in a circle: hard for linear scores.

    At ``x_i = (i + 1/2) / n_support`` the logits are ``sharpness cos(2 pi (x_i - y / n_classes))``; the feature is
    ``2 x_i - 1``. Raises ``ValueError`` for ``n_support < 1``, ``n_classes < 2`` or a negative ``sharpness``.
    """
    n_support, n_classes, sharpness = _validated(n_support, n_classes, sharpness)
    x = (np.arange(n_support) + 0.5) / n_support
    logits = sharpness * np.cos(2.0 * np.pi * (x[:, None] - np.arange(n_classes) / n_classes))
    return _on_a_line(2.0 * x - 1.0, logits)


def linear_softmax_distribution(n_support: int, *, n_classes: int, sharpness: float) -> FiniteDistribution:
    """Return equally weighted points on [-1, 1] whose logits are linear in the input up to a shift of all classes.

    The logits are ``-sharpness (x - c_y)^2`` with ``c_y = -1 + (2 y + 1) / n_classes``. Raises ``ValueError`` for
    ``n_support < 1``, ``n_classes < 2`` or a negative ``sharpness``.
    """
    n_support, n_classes, sharpness = _validated(n_support, n_classes, sharpness)
    x = np.linspace(-1.0, 1.0, n_support)
    centres = -1.0 + (2.0 * np.arange(n_classes) + 1.0) / n_classes
    return _on_a_line(x, -sharpness * (x[:, None] - centres) ** 2)


class RandomHypotheses(NamedTuple):
    """Regrets of every hypothesis against all measurable functions, each (n_hypotheses,)."""

    zero_one_regret: np.ndarray
    surrogate_regret: np.ndarray


def simulate_random_hypotheses(
    distribution: FiniteDistribution, *, tau: float, n_hypotheses: int, seed: int | np.random.SeedSequence
) -> RandomHypotheses:
    """Exact zero-one and comp-sum regrets of random scores on a finite distribution.

    The scores are ``a log p(x, y) + s g`` with g uniform on [-1, 1] at every (x, y), one s uniform on [0, max(4, 2 a)]
    for each hypothesis, and ``a = 1 / (2 - tau)``, at which the regret vanishes, but at most 5; probabilities below
    1e-12 count as 1e-12 there. Both regrets are averages over x of differences to the best scores at x. Every 1024
    hypotheses have a stream of their own.

    Raises ``ValueError`` for a negative or infinite ``tau`` or ``n_hypotheses < 1``.
    """
    tau = number("tau", tau, "[0, inf)")
    n_hypotheses = integer("n_hypotheses", n_hypotheses, "[1, inf)")
    exponent = min(1.0 / (2.0 - tau), 5.0) if tau < 2.0 else 5.0
    centres = exponent * np.log(np.maximum(distribution.probabilities, 1e-12))
    regrets = np.empty((2, n_hypotheses))
    for block, rng in enumerate(spawn_streams(seed, n_hypotheses, block=_HYPOTHESES_PER_STREAM)):
        part = slice(block * _HYPOTHESES_PER_STREAM, (block + 1) * _HYPOTHESES_PER_STREAM)
        _random_hypotheses(
            rng,
            distribution.weights,
            distribution.probabilities,
            centres,
            max(4.0, 2.0 * exponent),
            tau,
            *regrets[:, part],
        )
    return RandomHypotheses(*regrets)


@njit(cache=True, nogil=True, error_model="numpy")
def _random_hypotheses(rng, weights, probabilities, centres, widest, tau, zero_one, surrogate):
    n_support, n_classes = probabilities.shape
    scores, losses = np.empty(n_classes), np.empty(n_classes)
    optimum = 0.0
    for i in range(n_support):
        optimum += weights[i] * optimal_conditional_risk(probabilities[i], tau)
    for hypothesis in range(zero_one.size):
        spread = widest * rng.random()
        risk = regret = 0.0
        for i in range(n_support):
            for k in range(n_classes):
                scores[k] = centres[i, k] + spread * (2.0 * rng.random() - 1.0)
            regret += weights[i] * zero_one_regret(probabilities[i], scores)
            risk += weights[i] * conditional_risk(probabilities[i], scores, tau, losses)
        zero_one[hypothesis], surrogate[hypothesis] = regret, risk - optimum


def _validated(n_support: int, n_classes: int, sharpness: float) -> tuple[int, int, float]:
    return (
        integer("n_support", n_support, "[1, inf)"),
        integer("n_classes", n_classes, "[2, inf)"),
        number("sharpness", sharpness, "[0, inf)"),
    )


def _on_a_line(feature: np.ndarray, logits: np.ndarray) -> FiniteDistribution:
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return FiniteDistribution(feature[:, None], np.full(len(feature), 1.0 / len(feature)), probabilities)
