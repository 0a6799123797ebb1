"""One network trained on given data from a given start: by its weights, or by their mean and second moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, require
from simulations.grokking._model import checked_data, checked_model, checked_start
from simulations.grokking._network import descend_weights
from simulations.grokking._recursion import descend

__all__ = ["FeaturePath", "NetworkPath", "train_network", "train_statistics"]


@dataclass(frozen=True)
class NetworkPath:
    """train_loss and test_loss (T + 1,) at steps 0 .. T, and the weights (N, d) at the end."""

    train_loss: np.ndarray
    test_loss: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class FeaturePath:
    """A network at steps 0 .. T: train_loss, overlap, trace (T + 1,) and test_terms (T + 1, 3), see ``FeatureSample``.

    mean_weight (n_records, d) and second_moment (n_records, d, d) are those before each of the recorded steps.
    """

    train_loss: np.ndarray
    test_terms: np.ndarray
    overlap: np.ndarray
    trace: np.ndarray
    mean_weight: np.ndarray
    second_moment: np.ndarray


def train_network(
    features: ArrayLike,
    labels: ArrayLike,
    direction: ArrayLike,
    weights: ArrayLike,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    target_offset: float = 0.0,
    center_output: bool = True,
) -> NetworkPath:
    """Train the network with the given initial weights (N, d), in the setting of ``simulate_network_training``.

    Data as in ``simulate_finite_width_training``. Raises ``ValueError`` naming the parameter that has another shape or
    is out of range, or a learning rate at which a loss overflows.
    """
    inputs, outputs, target = checked_data(features, labels, direction)
    model = checked_model(output_scale, quadratic_strength, learning_rate, n_steps, target_offset, center_output)
    state = array("weights", weights, shape=(None, len(target))).copy()
    train_loss, test_loss = np.array(list(descend_weights(inputs, outputs, target, state, model))).T
    return NetworkPath(train_loss, test_loss, state)


def train_statistics(
    features: ArrayLike,
    labels: ArrayLike,
    direction: ArrayLike,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    mean_weight: ArrayLike | None = None,
    second_moment: ArrayLike | None = None,
    target_offset: float = 0.0,
    center_output: bool = True,
    record_steps: Sequence[int] | None = None,
) -> FeaturePath:
    """Train the network whose initial weights have the given mean (d,) and second moment (d, d).

    They follow an exact recursion, whatever the width; None is the infinite width, 0 and 1. Setting and data are those
    of ``simulate_finite_width_training``. Statistics are recorded before the ``record_steps``, increasing; None stands
    for the end alone.

    Raises ``ValueError`` naming the parameter that has another shape or is out of range, for a second moment that is
    not symmetric to 1e-10 or that no weights of this mean have, or a learning rate at which a loss overflows.
    """
    inputs, outputs, target = checked_data(features, labels, direction)
    model = checked_model(output_scale, quadratic_strength, learning_rate, n_steps, target_offset, center_output)
    mean, factor = checked_start(mean_weight, second_moment, len(target))
    wanted = [model.n_steps] if record_steps is None else record_steps
    records = [integer("record_steps", step, f"[0, {model.n_steps}]") for step in wanted]
    require(bool(records) and sorted(set(records)) == records, "record_steps", record_steps, "increasing steps")
    curves, means, moments = [], [], []
    for t, step in enumerate(descend(inputs, outputs, target, mean, factor, model)):
        curves.append((step.train_loss, step.overlap, step.trace, *step.test_terms))
        if t in records:
            means.append(step.mean_weight.copy())
            moments.append(np.tril(step.second_moment) + np.tril(step.second_moment, -1).T)
    train_loss, overlap, trace, *terms = np.array(curves).T
    return FeaturePath(train_loss, np.stack(terms, axis=1), overlap, trace, np.array(means), np.array(moments))
