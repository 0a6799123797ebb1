"""Training of free features with the supervised contrastive loss, with or without non-negativity, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from assay.base import integer, number
from simulations._streams import spawn_streams
from simulations.neural_collapse._contrastive import descend, scl_workspace
from simulations.neural_collapse._input import checked_batches, checked_labels

__all__ = ["SclTraining", "simulate_scl_training"]


class SclTraining(NamedTuple):
    """The end of every trial: loss (n_trials,), inner products of the features (n_trials, N, N), steps (n_trials,)."""

    loss: np.ndarray
    gram: np.ndarray
    n_steps: np.ndarray


def simulate_scl_training(
    labels: ArrayLike,
    *,
    n_features: int,
    temperature: float = 1.0,
    batches: Sequence[ArrayLike] | None = None,
    nonnegative: bool = True,
    learning_rate: float | None = None,
    n_steps: int = 5000,
    n_trials: int = 1,
    seed: int | np.random.SeedSequence = 0,
) -> SclTraining:
    """Minimise the supervised contrastive loss over one feature h_i per sample, ``|h_i| <= 1``, by projected gradient.

    The loss sums over batches, over the anchors i with another sample of their class in the batch, and averages over
    those samples j: ``log sum_l exp((h_i.h_l - h_i.h_j) / temperature)``, l over the other samples of the batch. Each
    step of length ``learning_rate``, 0.2 temperature by default, is followed by clipping negative entries, where
    ``nonnegative``, and shrinking features longer than 1. Features start with entries |N(0, 1)|, or N(0, 1) where they
    may be negative, normalised. A trial ends after n_steps steps, or when it does not move any more.

    With temperatures near 0.1 the loss is flat and 5000 steps do not converge. Where n_features is close to the number
    of classes trials end in local minima. Much longer steps can extinguish a class for good.

    labels: (N,), classes 0 .. K - 1. batches: index sequences, distinct within a batch; None is one batch of all
    samples. Cost per step of a batch of B samples: 4 B^2 n_features flops and B^2 exponentials, of 1 ns each.

    Source: Kini et al., "Symmetric Neural-Collapse Representations with Supervised Contrastive Loss", arXiv 2306.07960.

    Raises ``ValueError`` naming the parameter.
    """
    classes = checked_labels(labels)
    n_features = integer("n_features", n_features, "[1, inf)")
    temperature = number("temperature", temperature, "(0, inf)")
    groups = checked_batches(batches, len(classes))
    rate = 0.2 * temperature if learning_rate is None else number("learning_rate", learning_rate, "(0, inf)")
    n_steps = integer("n_steps", n_steps, "[1, inf)")
    members, ends = np.concatenate(groups), np.cumsum([len(group) for group in groups])
    streams = spawn_streams(seed, n_trials)
    space = scl_workspace(max(len(group) for group in groups), n_features, int(classes.max()) + 1)
    losses, steps = np.empty(len(streams)), np.empty(len(streams), np.int64)
    grams = np.empty((len(streams), len(classes), len(classes)))
    for trial, rng in enumerate(streams):
        features = rng.standard_normal((len(classes), n_features))
        if nonnegative:
            features = np.abs(features)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        steps[trial], losses[trial] = descend(
            features, classes, members, ends, temperature, bool(nonnegative), rate, n_steps, space
        )
        grams[trial] = features @ features.T
    return SclTraining(losses, grams, steps)
