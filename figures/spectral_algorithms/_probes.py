"""Profiles that single out one learning measure: steps for its mass on bins, resolvents for its Stieltjes transform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.spectral_algorithms.profiles import Profile


@dataclass(frozen=True)
class Steps(Profile):
    """A profile that is constant between increasing eigenvalues ``edges``, and 0 outside."""

    edges: tuple[float, ...]
    heights: tuple[float, ...]

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """The edges."""
        return self.edges

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        """Return the height of the bin of each eigenvalue."""
        return np.array([0.0, *self.heights, 0.0])[np.searchsorted(self.edges, np.asarray(eigenvalues))]


@dataclass(frozen=True)
class Resolvent(Profile):
    """The profile sign * (ridge / (lambda + ridge))^order, times lambda if ``weighted``."""

    ridge: float
    order: int
    sign: float = 1.0
    weighted: bool = False

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        """Return the profile at the eigenvalues."""
        values = np.asarray(eigenvalues)
        return self.sign * (self.ridge / (values + self.ridge)) ** self.order * (values if self.weighted else 1.0)


def both_signs(ridges: Sequence[float], *, order: int, weighted: bool = False) -> list[Resolvent]:
    """Return h, -h for the resolvent h at every ridge: half the difference of their losses is int h rho1."""
    return [Resolvent(ridge, order, sign, weighted) for ridge in ridges for sign in (1.0, -1.0)]


def linear_part(losses: np.ndarray) -> np.ndarray:
    """Return int h rho1 for pairs h, -h from their losses: (..., 2 n_pairs) to (..., n_pairs)."""
    return 0.5 * (losses[..., 1::2] - losses[..., ::2])


def step_probes(edges: Sequence[float]) -> list[Steps]:
    """Return the indicators of all bins, their negatives, and the sums of two different ones, in this order."""
    unit = np.eye(len(edges) - 1)
    first, second = np.triu_indices(len(unit), 1)
    heights = np.concatenate([unit, -unit, unit[first] + unit[second]])
    return [Steps(tuple(edges), tuple(row)) for row in heights.tolist()]


def bin_masses(losses: np.ndarray, n_bins: int, total_power: float) -> tuple[np.ndarray, np.ndarray]:
    """Return int rho1 over bins (..., n_bins), and int int rho2 over pairs (..., n_bins, n_bins), from their probes."""
    plus, minus, sums = np.split(losses, [n_bins, 2 * n_bins], axis=-1)
    first, second = np.triu_indices(n_bins, 1)
    pairs = np.zeros((*losses.shape[:-1], n_bins, n_bins))
    pairs[..., first, second] = sums - plus[..., first] - plus[..., second] + 0.5 * total_power
    pairs += np.swapaxes(pairs, -1, -2)
    pairs[..., np.arange(n_bins), np.arange(n_bins)] = plus + minus - total_power
    return 0.5 * (minus - plus), pairs
