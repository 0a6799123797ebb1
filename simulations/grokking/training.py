"""Loss curves of the quadratic network on the even target: wide and narrow networks, random data and given data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import integer, number
from simulations._streams import spawn_streams
from simulations.grokking._model import Model, checked_data, checked_model, checked_sizes
from simulations.grokking._network import descend_weights
from simulations.grokking._recursion import Step, descend
from simulations.grokking.data import draw_factor, draw_regression

__all__ = [
    "CurveSample",
    "FeatureSample",
    "simulate_feature_learning",
    "simulate_finite_width_training",
    "simulate_infinite_width_training",
    "simulate_network_training",
]


@dataclass(frozen=True)
class CurveSample:
    """Mean squared errors on the sample and on fresh inputs at steps 0 .. T: (n_trials, T + 1) each."""

    train_loss: np.ndarray
    test_loss: np.ndarray


@dataclass(frozen=True)
class FeatureSample:
    """What a network learns, at steps 0 .. T of every trial, M being the second moment of its weights.

    test_terms (n_trials, T + 1, 3): variance, misalignment and linear part of the loss on fresh inputs. overlap: e'Me
    for the unit vector e of the direction; trace: tr M / d; both (n_trials, T + 1).
    """

    test_terms: np.ndarray
    overlap: np.ndarray
    trace: np.ndarray


def simulate_network_training(
    n_samples: int,
    n_features: int,
    width: int,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    target_offset: float = 0.0,
    center_output: bool = True,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> CurveSample:
    """Train the weights of a network of ``width`` neurons, standard normal at first, by full-batch gradient descent.

    Network ``f(x) = (alpha / N) sum_i (h_i + epsilon h_i^2 / 2)`` with h_i = w_i . x, alpha = output_scale, epsilon =
    quadratic_strength; data as in ``sample_polynomial_regression``, drawn anew in every trial. A step is
    ``learning_rate * d * N / alpha^2`` times the gradient of the mean squared error, a learning rate of order one at
    every size. ``center_output`` subtracts the output before training. The test loss is the exact expectation over
    fresh inputs, given the weights. Cost of a step: 4 n N d + 2 N d^2 flops; see ``simulate_finite_width_training`` and
    ``simulate_infinite_width_training``, whose cost does not grow with the width.

    Source: Kumar et al., "Grokking as the transition from lazy to rich training dynamics", arXiv 2310.06110.
    Raises ``ValueError`` for sizes or ``n_trials`` below 1, ``n_steps`` below 0, an output scale or learning rate that
    is not positive, a negative quadratic strength, or a learning rate at which a loss overflows.
    """
    n_samples, n_features = checked_sizes(n_samples, n_features)
    width = integer("width", width, "[1, inf)")
    model = checked_model(output_scale, quadratic_strength, learning_rate, n_steps, target_offset, center_output)
    curves = []
    for rng in spawn_streams(seed, n_trials):
        data = draw_regression(rng, n_samples, n_features, model.target_offset)
        weights = rng.standard_normal((width, n_features))
        curves.append(list(descend_weights(data.features, data.labels, data.direction, weights, model)))
    return CurveSample(*np.moveaxis(np.array(curves), 2, 0))


def simulate_infinite_width_training(
    n_samples: int,
    n_features: int,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    initial_alignment: float | None = None,
    target_offset: float = 0.0,
    center_output: bool = True,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> CurveSample:
    """Train an infinitely wide network, in the setting of ``simulate_network_training``.

    Mean and second moment of the weights follow an exact recursion that starts at 0 and 1. A float
    ``initial_alignment`` plants the second moment ``d * initial_alignment`` along the direction; 0.0 empties it, None
    leaves it at 1. Cost of a step: 2 n d^2 + 3 d^3 flops, near the speed of a matrix product.

    Raises ``ValueError`` as ``simulate_network_training`` does, and for a negative ``initial_alignment``.
    """
    n_samples, n_features = checked_sizes(n_samples, n_features)
    model = checked_model(output_scale, quadratic_strength, learning_rate, n_steps, target_offset, center_output)
    return _curves(_infinite_width_paths(n_samples, n_features, initial_alignment, model, n_trials, seed))


def simulate_feature_learning(
    n_samples: int,
    n_features: int,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    initial_alignment: float | None = None,
    target_offset: float = 0.0,
    center_output: bool = True,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> FeatureSample:
    """The features that ``simulate_infinite_width_training`` learns with the same arguments, in the same trials.

    Raises ``ValueError`` where it does.
    """
    n_samples, n_features = checked_sizes(n_samples, n_features)
    model = checked_model(output_scale, quadratic_strength, learning_rate, n_steps, target_offset, center_output)
    paths = _infinite_width_paths(n_samples, n_features, initial_alignment, model, n_trials, seed)
    rows = np.array([[(*step.test_terms, step.overlap, step.trace) for step in path] for path in paths])
    return FeatureSample(rows[..., :3], rows[..., 3], rows[..., 4])


def simulate_finite_width_training(
    features: ArrayLike,
    labels: ArrayLike,
    direction: ArrayLike,
    width: int,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    target_offset: float = 0.0,
    center_output: bool = True,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> CurveSample:
    """Train random networks of ``width`` neurons on given data, one network to a trial.

    The setting is that of ``simulate_network_training``. Drawn are the mean and the second moment of the initial
    weights, from their exact law; they then follow the exact recursion. A network of a million neurons costs as much
    as an infinite one.

    features (n, d), labels (n,), direction (d,), as of ``RegressionData``; the test loss is that of the target
    ``((direction . x)^2 - target_offset) / 2``, which the labels should have too.

    Raises ``ValueError`` as ``simulate_network_training`` does, and for data of other shapes or a direction of 0.
    """
    inputs, outputs, target = checked_data(features, labels, direction)
    width = integer("width", width, "[1, inf)")
    model = checked_model(output_scale, quadratic_strength, learning_rate, n_steps, target_offset, center_output)
    streams = spawn_streams(seed, n_trials)
    starts = (draw_factor(rng, len(target), width) for rng in streams)
    return _curves(descend(inputs, outputs, target, mean, factor, model) for mean, factor in starts)


def _infinite_width_paths(
    n_samples: int,
    n_features: int,
    initial_alignment: float | None,
    model: Model,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> Iterator[Iterator[Step]]:
    """Yield the training of an infinitely wide network for every trial; the direction is the first axis."""
    factor = np.eye(n_features, order="F")
    if initial_alignment is not None:
        factor[0, 0] = np.sqrt(n_features * number("initial_alignment", initial_alignment, "[0, inf)"))
    for rng in spawn_streams(seed, n_trials):
        data = draw_regression(rng, n_samples, n_features, model.target_offset)
        yield descend(data.features, data.labels, data.direction, np.zeros(n_features), factor, model)


def _curves(paths: Iterable[Iterable[Step]]) -> CurveSample:
    losses = [[(step.train_loss, step.test_terms.sum()) for step in path] for path in paths]
    return CurveSample(*np.moveaxis(np.array(losses), 2, 0))
