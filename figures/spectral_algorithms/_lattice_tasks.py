"""Stored work of the claim on lattices: losses of dense matrices on point sets in the torus, and their predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.spectral_algorithms._circle_models import dense_lattice_loss
from figures.spectral_algorithms._circle_tasks import PROFILES
from theory.spectral_algorithms import aliased_loss, lattice_residues, nmno_loss

LARGEST = {1: 40, 2: 8, 3: 3}  # frequency, by dimension
OVERLEARNING = 1e-3  # relative excess of h over 1


def overlearnt(eigenvalues: np.ndarray) -> np.ndarray:
    """Return h = 1 + OVERLEARNING, a profile."""
    return np.full_like(eigenvalues, 1 + OVERLEARNING)


def lattice_losses(
    *, n_samples: int, generator: tuple[int, ...], power: float, noise_variance: float
) -> dict[str, Any]:
    """Return the losses of the profiles on a rank-1 lattice: dense, by aliasing, and by that of a mirrored lattice.

    Eigenvalues fall with the norm of the frequency and squared target coefficients are their ``power``. The last
    fields are dense losses without noise at h = 1 and just above.
    """
    modes, eigenvalues, power_of_modes = _torus(len(generator), power)
    points = 2 * np.pi * np.outer(np.arange(n_samples), generator) / n_samples
    task = dict(modes=modes, eigenvalues=eigenvalues, target=np.sqrt(power_of_modes))
    side = 2 * LARGEST[len(generator)] + 1

    def by_classes(classes: np.ndarray) -> np.ndarray:
        arguments = dict(eigenvalues=eigenvalues, target_power=power_of_modes, residue_classes=classes)
        return np.array([aliased_loss(p, n_samples, **arguments, noise_variance=noise_variance)
                         for p in PROFILES.values()])  # fmt: skip

    residues = lattice_residues(side, n_samples, generator=generator).ravel()
    mirrored = lattice_residues(side, n_samples, generator=(generator[0], *(-g for g in generator[1:]))).ravel()
    return dict(
        dense=np.array([dense_lattice_loss(p, points, **task, noise=noise_variance) for p in PROFILES.values()]),
        aliased=by_classes(residues),
        naive=_naive(n_samples, eigenvalues, power_of_modes, noise_variance),
        mirrored=by_classes(mirrored),
        interpolation=dense_lattice_loss(np.ones_like, points, **task, noise=0.0),
        overlearnt=dense_lattice_loss(overlearnt, points, **task, noise=0.0),
    )


def grid_losses(*, sides: tuple[int, ...], power: float, noise_variance: float) -> dict[str, Any]:
    """Return the losses of the profiles on a product grid: dense, by aliasing, and with the sides in reverse."""
    modes, eigenvalues, power_of_modes = _torus(len(sides), power)
    indices = np.stack(np.meshgrid(*map(np.arange, sides), indexing="ij"), axis=-1).reshape(-1, len(sides))
    task = dict(modes=modes, eigenvalues=eigenvalues, target=np.sqrt(power_of_modes), noise=noise_variance)
    n = len(indices)

    def by_sides(sides: tuple[int, ...]) -> np.ndarray:
        classes = np.ravel_multi_index(tuple((modes % sides).T), sides)
        arguments = dict(eigenvalues=eigenvalues, target_power=power_of_modes, residue_classes=classes)
        return np.array([aliased_loss(p, n, **arguments, noise_variance=noise_variance) for p in PROFILES.values()])

    return dict(
        dense=np.array([dense_lattice_loss(p, 2 * np.pi * indices / sides, **task) for p in PROFILES.values()]),
        aliased=by_sides(sides),
        reversed=by_sides(sides[::-1]),
        naive=_naive(n, eigenvalues, power_of_modes, noise_variance),
    )


def _torus(dimension: int, power: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frequencies (P, dimension) in the order of the fast Fourier transform, eigenvalues and target power."""
    largest = LARGEST[dimension]
    one = np.concatenate([np.arange(largest + 1), np.arange(-largest, 0)])
    modes = np.stack(np.meshgrid(*[one] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    # An anisotropic norm: no two directions look alike, only +-l.
    scales = 1 + 0.3 * np.arange(dimension)
    skew = 0.4 * np.prod(modes[:, :2], axis=1) if dimension > 1 else 0.0
    norm = np.sqrt(((modes / scales) ** 2).sum(axis=1) + skew)
    eigenvalues = (norm + 1) ** -(dimension + 1.0)
    return modes, eigenvalues, eigenvalues**power


def _naive(n: int, eigenvalues: np.ndarray, power_of_modes: np.ndarray, noise_variance: float) -> np.ndarray:
    order = np.argsort(-eigenvalues, kind="stable")
    task = dict(eigenvalues=eigenvalues[order], target_power=power_of_modes[order], noise_variance=noise_variance)
    return np.array([nmno_loss(profile, n, **task) for profile in PROFILES.values()])
