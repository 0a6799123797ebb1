"""Spectra of hierarchical kernels on two patches and learning curves on lattices, for ``run.compute``."""

from __future__ import annotations

import functools

import numpy as np

from theory.spectral_algorithms import (
    aliased_loss,
    hierarchical_eigenvalues,
    interpolation_profile,
    lattice_residues,
    ridge_loss,
)

FIBONACCI = {233: 144, 377: 233, 610: 377, 987: 610, 1597: 987, 2584: 1597, 4181: 2584, 6765: 4181, 10946: 6765,
             17711: 10946}  # fmt: skip
AT_EQUAL_INPUTS = {"ntk": 3.0, "rfk": 1.0}
CUTOFF = 256  # of the local target of random designs


@functools.lru_cache(maxsize=2)
def _eigenvalues(grid_size: int, kind: str) -> np.ndarray:
    return hierarchical_eigenvalues(grid_size, kind=kind)


def _frequencies(grid_size: int) -> np.ndarray:
    return np.abs(np.fft.fftfreq(grid_size, 1 / grid_size))


def eigenvalue_cones(*, grid_size: int, kind: str) -> dict[str, np.ndarray]:
    """Return eigenvalues at even frequencies (k, 0) and (k, k), and at (k, 1), k = 2, 4, .. grid_size / 8."""
    values, k = _eigenvalues(grid_size, kind), np.arange(2, grid_size // 8 + 1, 2)
    return dict(frequency=k, axis=values[k, 0], diagonal=values[k, k], beside=values[k, 1])


def lattice_curve(*, grid_size: int, kind: str, n_samples: int, teacher_smoothness: float) -> dict[str, float]:
    """Return losses of interpolation on a Fibonacci lattice: of a target on one patch, and of one on both."""
    k = _frequencies(grid_size)
    local = np.zeros((grid_size, grid_size))
    local[:, 0] = (k + 1.0) ** (-2 * teacher_smoothness - 1)
    whole = (1.0 + k[:, np.newaxis] ** 2 + k**2) ** (-teacher_smoothness - 1)
    classes = lattice_residues(grid_size, n_samples, generator=(1, FIBONACCI[n_samples])).ravel()
    values = _eigenvalues(grid_size, kind).ravel()
    return {
        name: aliased_loss(interpolation_profile(), n_samples, eigenvalues=values, target_power=power.ravel(),
                           residue_classes=classes, noise_variance=0.0)
        for name, power in (("local", local), ("whole", whole))
    }  # fmt: skip


def local_target() -> np.ndarray:
    """Return the coefficients (k + 1)^-1 of a target on one patch, k = 0 .. 256."""
    return 1.0 / (np.arange(CUTOFF + 1) + 1.0)


def random_design(*, n_samples: int, ridge: float, noise_variance: float, grid_size: int = 2048) -> dict[str, float]:
    """Return the eigenframework's loss for the tangent kernel on two patches, and for the kernel of one patch alone.

    Eigenvalues up to a quarter of the grid are free of aliasing; those beyond act as a ridge.
    """
    k = _frequencies(grid_size)
    kept = k <= grid_size // 4
    power = np.where(k[kept] <= CUTOFF, 1.0 / (k[kept] + 1.0) ** 2, 0.0)
    values = _eigenvalues(grid_size, "ntk")[np.ix_(kept, kept)]
    on_both = np.zeros_like(values)
    on_both[:, 0] = power
    alone = hierarchical_eigenvalues(grid_size, n_patches=1)[kept]
    losses = {}
    for name, spectrum, target in (("both", values.ravel(), on_both.ravel()), ("alone", alone, power)):
        order = np.argsort(-spectrum)
        rest = (AT_EQUAL_INPUTS["ntk"] - spectrum.sum()) / n_samples
        losses[name] = ridge_loss(ridge + rest, n_samples, eigenvalues=spectrum[order], target_power=target[order],
                                  noise_variance=noise_variance)  # fmt: skip
    return losses
