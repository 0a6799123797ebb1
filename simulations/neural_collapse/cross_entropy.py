"""Training of deep linear heads on free features with cross-entropy, from random parameters or from given logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require
from simulations._streams import spawn_streams
from simulations.neural_collapse._chain import Chain, loss_and_gradient, make_chain, workspace
from simulations.neural_collapse._descent import minimise
from simulations.neural_collapse._input import checked_ridges, checked_sizes, checked_widths
from simulations.neural_collapse._model import class_means, convergence_goal, factors, pack, random_start, read_classes

__all__ = ["CrossEntropyTraining", "simulate_cross_entropy_training"]

CODE_NOISE = 1e-3  # standard deviation added to every entry of a start from given logits
_RANK_CUTOFF = 1e-4  # of singular values, relative to the largest
_ZERO_LOGITS = 1e-6


@dataclass(frozen=True)
class CrossEntropyTraining:
    """The end of every trial, T of them.

    loss (T,), with the ridges. logits (T, K, K): W_M .. W_1 times the class means, a column for each class.
    class_mean_gram (T, K, K). rank (T,): singular values of the logits above 1e-4 of the largest, 0 for zero logits.
    within_deviation (T,): largest distance of a feature to the mean of its class, 0 in the reduced problem.
    """

    loss: np.ndarray
    logits: np.ndarray
    class_mean_gram: np.ndarray
    rank: np.ndarray
    within_deviation: np.ndarray


def simulate_cross_entropy_training(
    class_sizes: ArrayLike,
    *,
    weight_ridges: ArrayLike,
    feature_ridge: float,
    width: int | Sequence[int],
    initial_code: ArrayLike | None = None,
    reduced: bool = True,
    n_steps: int = 20000,
    init_scale: float = 1.0,
    n_trials: int = 1,
    seed: int | np.random.SeedSequence = 0,
) -> CrossEntropyTraining:
    """Minimise the mean cross-entropy of the logits ``W_M .. W_1 H`` over all weights and features.

    Objective, N samples of K classes, M layers without bias: the mean over samples of ``log sum_k exp z_k - z_y`` plus
    half of every ridge times the squared norm of its matrix. ``reduced`` trains one feature per class, weighted by its
    size: for given weights the objective is strictly convex in the features, so that those of a class coincide at every
    critical point. Otherwise every sample has a feature of its own.

    Trained by L-BFGS and Newton's method to rounding error, not on saddles, in at most n_steps steps. The start is as
    in ``simulate_mse_training``, or with ``initial_code``, logits (K, K), a column for each class, their balanced
    factorisation (least ridge penalty for these logits) plus normal noise of standard deviation 1e-3 in every entry.

    class_sizes: (K,), at least 1 each, whole unless reduced. weight_ridges: (M,), of the layer next to the features
    first. width: dimension of the features and widths of the inner layers, an int or (M,). Cost per trial: 0.5 to 1 ms
    for K = 8, M = 3, d = 9.

    Raises ``ValueError`` naming the parameter (also for a code of larger rank than a width), and ``RuntimeError`` where
    training does not converge, as happens in some runs at ridges below 3e-6.
    """
    sizes, ridges = checked_sizes(class_sizes, whole=not reduced), checked_ridges(weight_ridges, feature_ridge)
    widths, n_classes = checked_widths(width, len(ridges) - 1), len(sizes)
    n_steps, init_scale = integer("n_steps", n_steps, "[1, inf)"), number("init_scale", init_scale, "(0, inf)")
    labels = np.arange(n_classes) if reduced else np.repeat(np.arange(n_classes), sizes.astype(np.int64))
    chain = make_chain(
        widths=np.append(widths, n_classes),
        labels=np.eye(n_classes)[labels],
        scales=np.sqrt(sizes) if reduced else np.ones(len(labels)),
        ridges=np.append(ridges, 0.0),
        n_samples=float(sizes.sum()),
        cross_entropy=True,
    )
    start = None if initial_code is None else _balanced_start(chain, sizes, labels, initial_code)
    space, goal = workspace(chain), convergence_goal(chain)
    trials = []
    for rng in spawn_streams(seed, n_trials):
        if start is None:
            parameters, _ = random_start(chain, rng, sizes, init_scale)
        else:
            parameters = start.copy()
            parameters[:-n_classes] += CODE_NOISE * rng.standard_normal(len(start) - n_classes)
        minimise(chain, parameters, space, goal, n_steps)
        gradient = np.empty_like(parameters)
        loss = loss_and_gradient(chain, parameters, gradient, space)
        norm = float(np.linalg.norm(gradient))
        if not norm <= goal:
            raise RuntimeError(f"training did not converge in {n_steps = }: the gradient norm is still {norm:.2g}")
        rows, *weights, _ = factors(chain, parameters)
        features = rows / chain.scales[:, None]
        means = class_means(features, labels)
        readout = read_classes(weights, means)
        deviation = np.linalg.norm(features - means[labels], axis=1).max()
        trials.append((loss, readout.end_to_end, readout.feature_grams[0], deviation))
    losses, logits, grams, deviations = (np.array(field) for field in zip(*trials, strict=True))
    values = np.linalg.svd(logits, compute_uv=False)
    rank = np.sum((values > _RANK_CUTOFF * values[:, :1]) & (values[:, :1] > _ZERO_LOGITS), axis=1)
    return CrossEntropyTraining(losses, logits, grams, rank, deviations)


def _balanced_start(chain: Chain, sizes: np.ndarray, labels: np.ndarray, initial_code: ArrayLike) -> np.ndarray:
    """Return parameters with the given logits and the same energy, ridge times squared norm, in every factor."""
    n_classes, ridges = len(sizes), chain.ridges[:-1]
    code = array("initial_code", initial_code, shape=(n_classes, n_classes))
    outer, values, inner = np.linalg.svd(code * np.sqrt(sizes))
    rank = int(np.sum(values > 1e-12 * values[0]))
    rule = f"a rank of at most the widths, {chain.widths[:-1].tolist()}"
    require(rank <= chain.widths.min(), "initial_code", f"matrix of rank {rank}", rule)
    norms = np.sqrt(np.exp(np.log(ridges).mean()) * values[:rank] ** (2.0 / len(ridges)) / ridges[:, None])
    weights = [np.zeros((above, below)) for below, above in pairwise(chain.widths)]
    for weight, norm in zip(weights, norms[1:], strict=True):
        np.fill_diagonal(weight[:rank, :rank], norm)
    weights[-1][:, :rank] = outer[:, :rank] * norms[-1]
    means = np.zeros((n_classes, chain.widths[0]))
    means[:, :rank] = inner[:rank].T * norms[0] / np.sqrt(sizes)[:, None]
    return pack(chain.scales[:, None] * means[labels], weights)
