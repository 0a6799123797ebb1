"""Adversarial comp-sum losses with a rho-margin: random scores around an input, and attacks on linear models."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require
from simulations._streams import spawn_streams

__all__ = [
    "AdversarialPairs",
    "AdversarialRegrets",
    "LinearAttacks",
    "simulate_adversarial_pairs",
    "simulate_adversarial_regrets",
    "simulate_linear_attacks",
]

_PAIRS_PER_STREAM = 8192
_LEAST_ZERO_ONE = 1e-3  # zero-one regrets below give no meaningful ratio
_N_DOUBLINGS = 10


class AdversarialPairs(NamedTuple):
    """Conditional adversarial regrets of every pair, each (n_pairs,)."""

    zero_one_regret: np.ndarray
    surrogate_regret: np.ndarray


class AdversarialRegrets(NamedTuple):
    """Least slack, surrogate regret minus scaled zero-one regret, and least ratio of the two over all pairs."""

    min_slack: float
    min_ratio: float


class LinearAttacks(NamedTuple):
    """For every model the largest losses and changes of the margins over the perturbations tried, each (n_models,)."""

    margin_loss: np.ndarray
    margin_change: np.ndarray


def simulate_adversarial_pairs(
    n_pairs: int, *, n_classes: int, n_perturbations: int, tau: float, rho: float, seed: int | np.random.SeedSequence
) -> AdversarialPairs:
    """Conditional regrets of random class probabilities and random scores at the perturbations of an input.

    The surrogate loss of a label is the largest value over the perturbations of ``Phi_tau(sum_k margin(h_y - h_k))``
    with ``margin(u) = min(1, max(0, 1 - u / rho))``, summed over the other classes; its zero-one loss is 1 unless its
    score is strictly the largest everywhere. Regrets are measured from the best scores whose order and gaps, at least
    rho, are the same at all perturbations: there the class of rank i, from 0, has loss ``Phi_tau(i)``.

    Proposal: p from Dirichlet(c) with ``log10 c`` uniform on [-1.5, 1]; common normal scores of deviation s,
    ``log10(s / rho)`` uniform on [-1, 1.5], plus at every perturbation normals of deviation ``s 10^(-3 + 3 U)``. Every
    8192 pairs have a stream of their own.

    Model: Mao et al., "Cross-Entropy Loss Functions: Theoretical Analysis and Applications", arXiv 2304.07288.
    Raises ``ValueError`` for counts below 1, ``n_classes < 2``, negative or infinite ``tau``, or ``rho <= 0``.
    """
    n_pairs = integer("n_pairs", n_pairs, "[1, inf)")
    n_classes = integer("n_classes", n_classes, "[2, inf)")
    n_perturbations = integer("n_perturbations", n_perturbations, "[1, inf)")
    tau = number("tau", tau, "[0, inf)")
    rho = number("rho", rho, "(0, inf)")
    regrets = np.empty((2, n_pairs))
    for block, rng in enumerate(spawn_streams(seed, n_pairs, block=_PAIRS_PER_STREAM)):
        part = slice(block * _PAIRS_PER_STREAM, (block + 1) * _PAIRS_PER_STREAM)
        _adversarial_pairs(rng, n_classes, n_perturbations, tau, rho, *regrets[:, part])
    return AdversarialPairs(*regrets)


def simulate_adversarial_regrets(
    n_pairs: int,
    *,
    n_classes: int,
    n_perturbations: int,
    tau: float,
    rho: float,
    constant: float,
    seed: int | np.random.SeedSequence,
) -> AdversarialRegrets:
    """Least slack and ratio of surrogate regrets to ``constant`` times the zero-one regrets of random pairs.

    The pairs are those of ``simulate_adversarial_pairs``. The ratio is taken where the scaled zero-one regret exceeds
    1e-3; it is infinite where it never does.

    Raises ``ValueError`` as that function does, and for a ``constant`` that is not positive and finite.
    """
    constant = number("constant", constant, "(0, inf)")
    zero_one, surrogate = simulate_adversarial_pairs(
        n_pairs, n_classes=n_classes, n_perturbations=n_perturbations, tau=tau, rho=rho, seed=seed
    )
    scaled = constant * zero_one
    clear = scaled > _LEAST_ZERO_ONE
    ratios = surrogate[clear] / scaled[clear]
    return AdversarialRegrets(float(np.min(surrogate - scaled)), float(np.min(ratios, initial=np.inf)))


def simulate_linear_attacks(
    weights: ArrayLike,
    biases: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    tau: float,
    rho: float,
    gamma: float,
    n_perturbations: int,
    seed: int | np.random.SeedSequence,
) -> LinearAttacks:
    """Attack linear scores ``weights x + biases`` inside Euclidean balls of radius ``gamma`` around the inputs.

    weights: (n_models, n_classes, n_features). biases: (n_models, n_classes). x: (n_models, n_features). labels:
    (n_models,) class indices. margin_loss is the largest rho-margin loss ``Phi_tau(sum_k margin(h_y - h_k))`` found,
    margin_change the largest Euclidean norm of the change of ``(h_y - h_k)`` over the other classes k. Both are lower
    bounds on suprema: over the input itself, ``n_perturbations`` random directions, those to which 1024 steps of
    gradient ascent on the change take them, with both signs, and the one in which all margins fall together. Every
    model has a stream of its own.

    Raises ``ValueError`` for shapes that do not fit, labels out of range, negative or infinite ``tau`` or ``gamma``,
    ``rho <= 0`` or ``n_perturbations < 1``.
    """
    weights = array("weights", weights, shape=(None, None, None))
    n_models, n_classes, n_features = weights.shape
    require(n_classes >= 2, "weights", f"array of shape {weights.shape}", "at least two classes")
    biases = array("biases", biases, shape=(n_models, n_classes))
    x = array("x", x, shape=(n_models, n_features))
    label_values = array("labels", labels, f"[0, {n_classes - 1}]", shape=(n_models,))
    require(bool(np.all(label_values == np.floor(label_values))), "labels", labels, "integers")
    tau = number("tau", tau, "[0, inf)")
    rho = number("rho", rho, "(0, inf)")
    gamma = number("gamma", gamma, "[0, inf)")
    n_perturbations = integer("n_perturbations", n_perturbations, "[1, inf)")
    losses, changes = np.empty((2, n_models))
    for model, (rng, label) in enumerate(
        zip(spawn_streams(seed, n_models), label_values.astype(np.int64), strict=True)
    ):
        margins = np.delete(weights[model, label] - weights[model], label, axis=0)
        offsets = np.delete(biases[model, label] - biases[model], label)
        directions = _attack_directions(rng, margins, n_perturbations)
        shifts = gamma * directions @ margins.T
        excess = np.clip(1.0 - (margins @ x[model] + offsets + shifts) / rho, 0.0, 1.0).sum(axis=1).max()
        losses[model] = _phi(float(excess), tau)
        changes[model] = np.linalg.norm(shifts, axis=1).max()
    return LinearAttacks(losses, changes)


def _attack_directions(rng: np.random.Generator, margins: np.ndarray, n_perturbations: int) -> np.ndarray:
    """Zero and unit vectors, (directions, n_features): random, and where the gradient of |margins d| takes them."""
    random = _unit_rows(rng.standard_normal((n_perturbations, margins.shape[1])))
    ascent = margins.T @ margins
    for _ in range(_N_DOUBLINGS):  # of the number of steps
        ascent = ascent / max(float(np.abs(ascent).max()), np.finfo(float).tiny)
        ascent = ascent @ ascent
    ascended = _unit_rows(random @ ascent)
    together = _unit_rows(-margins.sum(axis=0, keepdims=True))
    return np.vstack([np.zeros_like(together), together, random, ascended, -ascended])


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _phi(u, tau):
    """Return ``((1 + u)^(1 - tau) - 1) / (1 - tau)``, the logarithm at tau = 1."""
    return np.log1p(u) if tau == 1.0 else np.expm1((1.0 - tau) * np.log1p(u)) / (1.0 - tau)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_dirichlet(rng, concentration, p):
    """Write a draw from Dirichlet(concentration), through logarithms: small gamma variables underflow."""
    for k in range(p.size):
        boosted = np.log(rng.standard_gamma(concentration + 1.0))
        p[k] = boosted + np.log(1.0 - rng.random()) / concentration
    top, total = p.max(), 0.0
    for k in range(p.size):
        p[k] = np.exp(p[k] - top)
        total += p[k]
    p /= total


@njit(cache=True, nogil=True, error_model="numpy")
def _adversarial_pairs(rng, n_classes, n_perturbations, tau, rho, zero_one, surrogate):
    p, base, scores = np.empty(n_classes), np.empty(n_classes), np.empty(n_classes)
    worst, attacked, of_rank = np.empty(n_classes), np.empty(n_classes), np.empty(n_classes)
    for k in range(n_classes):
        of_rank[k] = _phi(float(k), tau)
    for pair in range(zero_one.size):
        _draw_dirichlet(rng, 10.0 ** (-1.5 + 2.5 * rng.random()), p)
        spread = rho * 10.0 ** (-1.0 + 2.5 * rng.random())
        local = spread * 10.0 ** (-3.0 + 3.0 * rng.random())
        for k in range(n_classes):
            base[k] = spread * rng.standard_normal()
        worst[:], attacked[:] = 0.0, 0.0
        for _ in range(n_perturbations):
            for k in range(n_classes):
                scores[k] = base[k] + local * rng.standard_normal()
            for y in range(n_classes):
                excess = 0.0
                for k in range(n_classes):
                    if k != y:
                        gap = scores[y] - scores[k]
                        excess += min(1.0, max(0.0, 1.0 - gap / rho))
                        if gap <= 0.0:
                            attacked[y] = 1.0
                worst[y] = max(worst[y], excess)
        risk, mistaken = 0.0, 0.0
        for y in range(n_classes):
            risk += p[y] * _phi(worst[y], tau)
            mistaken += p[y] * attacked[y]
        zero_one[pair] = mistaken - (1.0 - p.max())
        p.sort()
        for rank in range(n_classes):
            risk -= p[n_classes - 1 - rank] * of_rank[rank]
        surrogate[pair] = risk
