"""Losses and tangent kernels averaged over fresh inputs, neuron by neuron and without any closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, number
from simulations._streams import spawn_streams

__all__ = ["KernelSample", "simulate_kernel_moments", "simulate_population_loss"]


@dataclass(frozen=True)
class KernelSample:
    """Averages of y K y', K^2 and y^2 over the pairs (x, x') of a trial: (n_trials,) each."""

    label_kernel: np.ndarray
    kernel_square: np.ndarray
    label_square: np.ndarray


def simulate_population_loss(
    weights: ArrayLike,
    direction: ArrayLike,
    *,
    output_scale: float,
    quadratic_strength: float,
    target_offset: float = 0.0,
    initial_weights: ArrayLike | None = None,
    n_points: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Mean squared error of a network on ``n_points`` fresh inputs ``x ~ N(0, I / d)`` a trial: (n_trials,).

    Network and target are those of ``simulate_network_training``; weights (N, d), direction (d,). The output of
    ``initial_weights`` (any number, d) is subtracted, nothing if None. Cost per trial: n_points (d normals, 2 N d
    flops). Raises ``ValueError`` naming the parameter that has another shape or is out of range.
    """
    target = array("direction", direction, shape=(None,))
    networks = [(1.0, array("weights", weights, shape=(None, len(target))))]
    if initial_weights is not None:
        networks.append((-1.0, array("initial_weights", initial_weights, shape=(None, len(target)))))
    scale = number("output_scale", output_scale, "(0, inf)")
    strength = number("quadratic_strength", quadratic_strength, "[0, inf)")
    offset = number("target_offset", target_offset)
    n_points = integer("n_points", n_points, "[1, inf)")
    losses = []
    for rng in spawn_streams(seed, n_trials):
        inputs = _fresh_inputs(rng, n_points, len(target))
        error = -_labels(inputs, target, offset)
        for sign, neurons in networks:
            hidden = inputs @ neurons.T
            error += sign * scale * np.mean(hidden + 0.5 * strength * hidden**2, axis=1)
        losses.append(np.mean(error**2))
    return np.array(losses)


def simulate_kernel_moments(
    weights: ArrayLike,
    direction: ArrayLike,
    *,
    quadratic_strength: float,
    target_offset: float = 0.0,
    n_pairs: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> KernelSample:
    """Moments of the tangent kernel over ``n_pairs`` independent pairs of fresh inputs a trial.

    ``K(x, x') = (x . x') mean_i (1 + epsilon w_i . x)(1 + epsilon w_i . x')``, over the neurons w_i, the rows of
    weights (N, d). The alignment of kernel and target is E[y K y'] / (E[y^2] sqrt(E[K^2])).

    Raises ``ValueError`` naming the parameter that has another shape or is out of range.
    """
    target = array("direction", direction, shape=(None,))
    neurons = array("weights", weights, shape=(None, len(target)))
    strength = number("quadratic_strength", quadratic_strength, "[0, inf)")
    offset = number("target_offset", target_offset)
    n_pairs = integer("n_pairs", n_pairs, "[1, inf)")
    moments = []
    for rng in spawn_streams(seed, n_trials):
        left, right = _fresh_inputs(rng, n_pairs, len(target)), _fresh_inputs(rng, n_pairs, len(target))
        slopes = (1.0 + strength * (left @ neurons.T)) * (1.0 + strength * (right @ neurons.T))
        kernel = np.sum(left * right, axis=1) * np.mean(slopes, axis=1)
        labels, others = _labels(left, target, offset), _labels(right, target, offset)
        moments.append((np.mean(labels * kernel * others), np.mean(kernel**2), np.mean(labels**2 + others**2) / 2.0))
    return KernelSample(*np.array(moments).T)


def _fresh_inputs(rng: np.random.Generator, n_points: int, n_features: int) -> np.ndarray:
    return rng.standard_normal((n_points, n_features)) / np.sqrt(n_features)


def _labels(inputs: np.ndarray, direction: np.ndarray, offset: float) -> np.ndarray:
    return 0.5 * ((inputs @ direction) ** 2 - offset)
