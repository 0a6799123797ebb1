"""Small networks at several stages of training, and averages over inputs that are exact for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from figures.grokking._networks import random_network
from simulations.grokking import train_network

MODEL = dict(output_scale=1.5, quadratic_strength=0.6)


@dataclass(frozen=True)
class NetworkState:
    """A network and its target. ``initial_weights`` is None where the output is not centred."""

    name: str
    weights: np.ndarray
    initial_weights: np.ndarray | None
    direction: np.ndarray
    target_offset: float


def network_states() -> list[NetworkState]:
    """Return networks early and late in training, with and without centring and offset, one on a longer target."""
    return [
        _train("centred", n_steps=3),
        _train("not centred", center_output=False),
        _train("long target", target_offset=0.5, squared_length=2.0),
        _train("untrained", center_output=False, n_steps=0),
    ]


def _train(
    name: str, *, target_offset: float = 0.0, center_output: bool = True, squared_length: float = 1.0, n_steps: int = 60
) -> NetworkState:
    """Train eight neurons; ``squared_length`` is |beta|^2 / d. Kept are six digits, the same on any machine."""
    data, weights = random_network(n_samples=18, n_features=6, width=8, target_offset=0.0, seed=3)
    direction = np.sqrt(squared_length) * data.direction
    labels = 0.5 * ((data.features @ direction) ** 2 - target_offset)
    path = train_network(data.features, labels, direction, weights, learning_rate=0.1, n_steps=n_steps,
                         target_offset=target_offset, center_output=center_output, **MODEL)  # fmt: skip
    return NetworkState(name, path.weights.round(6), weights.round(6) if center_output else None, direction,
                        target_offset)  # fmt: skip


def averaged_loss_terms(state: NetworkState, *, output_scale: float, quadratic_strength: float) -> list[float]:
    """Return squared mean and variance of the even part of the error and the power of its odd part, by cubature."""
    nodes, masses = _gaussian_cubature(len(state.direction))

    def output(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
        fields = inputs @ weights.T
        return output_scale * np.mean(fields + quadratic_strength / 2 * fields**2, axis=1)

    def error(inputs: np.ndarray) -> np.ndarray:
        start = 0.0 if state.initial_weights is None else output(inputs, state.initial_weights)
        return output(inputs, state.weights) - start - _labels(inputs, state)

    even, odd = (error(nodes) + error(-nodes)) / 2, (error(nodes) - error(-nodes)) / 2
    mean = masses @ even
    return [mean**2, masses @ even**2 - mean**2, masses @ odd**2]


def averaged_kernel_moments(state: NetworkState, quadratic_strength: float) -> list[float]:
    """Return <y K y'>, <K^2> and <y^2> over pairs of inputs, with the kernel of every neuron, by cubature."""
    nodes, masses = _gaussian_cubature(len(state.direction))
    slopes = 1 + quadratic_strength * nodes @ state.weights.T
    kernel = (nodes @ nodes.T) * (slopes @ slopes.T) / len(state.weights)
    labels = _labels(nodes, state)
    weighted = masses * labels
    return [weighted @ kernel @ weighted, masses @ kernel**2 @ masses, weighted @ labels]


def _labels(inputs: np.ndarray, state: NetworkState) -> Any:
    return 0.5 * ((inputs @ state.direction) ** 2 - state.target_offset)


def _gaussian_cubature(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (2 d^2 + 1, d) and weights that integrate polynomials up to degree five over N(0, I/d) exactly.

    Stroud's formula on the origin, the axes and the diagonals of the coordinate planes.
    """
    axes = np.eye(d)
    diagonals = [a * axes[i] + b * axes[j] for i in range(d) for j in range(i) for a in (1, -1) for b in (1, -1)]
    nodes = np.sqrt(3 / d) * np.concatenate([np.zeros((1, d)), axes, -axes, diagonals])
    weights = np.repeat([1 + (d * d - 7 * d) / 18, (4 - d) / 18, 1 / 36], [1, 2 * d, 2 * d * (d - 1)])
    return nodes, weights
