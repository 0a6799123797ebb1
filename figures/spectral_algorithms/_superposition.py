"""Quadratic functionals by polarisation: measured on a few profiles, they give the loss of all mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from figures.spectral_algorithms._circle_models import power_laws
from simulations.spectral_algorithms import circle_dense_loss


@dataclass(frozen=True)
class Mixture:
    """The profile sum_i weights_i profiles_i."""

    profiles: tuple[Any, ...]
    weights: tuple[float, ...]

    def __call__(self, eigenvalues: np.ndarray) -> np.ndarray:
        values = [weight * profile(eigenvalues) for profile, weight in zip(self.profiles, self.weights, strict=True)]
        return np.sum(values, axis=0)


def probes(profiles: Sequence[Any]) -> list[Mixture]:
    """Return 0, all +-h_i, and all h_i + h_j for i < j, in the order that ``superpose`` expects."""
    unit = np.eye(len(profiles))
    first, second = np.triu_indices(len(unit), 1)
    weights = np.concatenate([np.zeros((1, len(unit))), unit, -unit, unit[first] + unit[second]])
    return [Mixture(tuple(profiles), tuple(row)) for row in weights.tolist()]


def superpose(losses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the losses of the mixtures with ``weights`` (n, m), from those of the m profiles' probes, first axis."""
    m = weights.shape[1]
    zero, plus, minus, pairs = losses[0], losses[1 : m + 1], losses[m + 1 : 2 * m + 1], losses[2 * m + 1 :]
    first, second = np.triu_indices(m, 1)
    interaction = pairs - plus[first] - plus[second] + zero
    return (
        zero
        + np.tensordot(weights, plus - minus, axes=1) / 2
        + np.tensordot(weights**2, plus + minus - 2 * zero, axes=1) / 2
        + np.tensordot(weights[:, first] * weights[:, second], interaction, axes=1)
    )


def dense_circle_losses(*, n_samples: int, profiles: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return the losses (n_profiles,) on one grid of the Circle, with label noise of variance 0.3."""
    task = power_laws(n_samples, 1.5, 1.0, 6) | dict(noise_variance=0.3, shift=0.1)
    return dict(losses=np.array([circle_dense_loss(profile, n_samples, **task) for profile in profiles]))
