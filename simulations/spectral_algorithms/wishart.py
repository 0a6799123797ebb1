"""Spectral algorithms on random features: Gaussian (the Wishart model), or cosines of a uniform input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy.linalg import blas

from assay.base import array, choice, integer, require
from simulations._streams import spawn_streams
from simulations.spectral_algorithms._spectral import Profile, checked_profile, positive_eigenpairs, profile_values

__all__ = ["simulate_wishart"]

MODES_AT_A_TIME = 128  # a block of features stays in the second-level cache


def simulate_wishart(
    profiles: Sequence[Profile],
    n_samples: int,
    *,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    features: str = "gaussian",
) -> np.ndarray:
    """Loss of spectral algorithms with random features, signal and noise apart: (n_trials, n_profiles, 2).

    Model (Velikanov, Panov, Yarotsky, "Generalization error of spectral algorithms", arXiv 2403.11696): features Z, n
    by P, kernel matrix ``K = Z diag(eigenvalues) Z'``, target ``sum_l c_l Z_l`` plus label noise, and the fit
    ``k(x)' K^{-1} h(K / n) y``. The entries of Z are standard normal ("gaussian"), or ``sqrt(2) cos(pi l x_i)`` with
    x_i uniform on [0, 1] and l = 1..P ("cosine"). The loss is half the squared distance of fit and target, the
    population mean; test labels carry no noise.

    Each trial draws Z. Given Z, the label noise and the signs of the target coefficients are averaged exactly; for
    Gaussian features the signs do not change the mean. Entry [..., 0] is the loss without noise, [..., 1] what noise
    adds per unit of its variance: the loss is ``[..., 0] + noise_variance * [..., 1]``.

    profiles: callables, h of an array of eigenvalues of K / n; one eigendecomposition serves all. Eigenvalues that do
    not exceed rounding are left out, and all beyond the first P. eigenvalues, target_power (c_l squared): (P,), the
    eigenvalues non-increasing. Cost per trial: 2 n P normals or cosines, 5 n^2 P + 9 n^3 flops, n^2 per profile; memory
    7 n^2 whatever P, since the features are drawn twice instead of being kept.

    Raises ``ValueError`` for no profile, counts below 1, eigenvalues that are not positive or that increase, negative
    power or power of another shape, unknown features, or a profile whose values are not as many finite numbers.
    """
    profiles = list(profiles)
    require(len(profiles) > 0, "profiles", profiles, "at least one profile")
    for index, profile in enumerate(profiles):
        checked_profile(f"profiles[{index}]", profile)
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    eigenvalues = array("eigenvalues", eigenvalues, "(0, inf)", shape=(None,))
    require(bool(np.all(np.diff(eigenvalues) <= 0.0)), "eigenvalues", eigenvalues, "non-increasing numbers")
    target_power = array("target_power", target_power, "[0, inf)", shape=eigenvalues.shape)
    draw = _DRAWS[choice("features", features, tuple(_DRAWS))]
    streams = spawn_streams(seed, n_trials)
    # In units of the largest eigenvalue no product overflows, whatever the scale of the input.
    scale = eigenvalues[0]
    losses = np.empty((len(streams), len(profiles), 2))
    for trial, rng in enumerate(streams):
        values, linear, quadratic, noise = _learning_measures(rng, draw, n_samples, eigenvalues / scale, target_power)
        filtered = [profile_values(f"profiles[{i}]", profile, scale * values) for i, profile in enumerate(profiles)]
        gains = np.stack(filtered, axis=1) / values[:, None]
        curvature = np.einsum("ip,ip->p", gains, blas.dsymm(1.0, quadratic, gains, lower=1))
        losses[trial, :, 0] = 0.5 * (target_power.sum() - 2.0 * (linear @ gains) + curvature)
        losses[trial, :, 1] = 0.5 * (noise @ gains**2)
    # The signal part is a difference: where it vanishes, rounding may leave it below zero.
    return np.maximum(losses, 0.0)


def _learning_measures(
    rng: np.random.Generator,
    draw: Callable[..., Iterator[tuple[slice, np.ndarray]]],
    n_samples: int,
    eigenvalues: np.ndarray,
    target_power: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the empirical eigenvalues, and the linear, quadratic and noise part of the loss in g = h / eigenvalue.

    Shapes (r,), (r,), (r, r) with the lower triangle alone, and (r,). For eigenvectors U and rows Q = U'Z they are
    diag(Q Lambda C Q') / n, the entrywise product of Q Lambda^2 Q' / n and Q C Q' / n, and diag(Q Lambda^2 Q') / n^2,
    with C = diag(target_power).
    """
    start = rng.bit_generator.state
    roots = np.sqrt(eigenvalues)
    kernel = np.zeros((n_samples, n_samples), order="F")
    for modes, block in draw(rng, n_samples, len(eigenvalues)):
        block *= roots[modes, None]
        kernel = blas.dsyrk(1.0 / n_samples, block.T, beta=1.0, c=kernel, overwrite_c=1, lower=1)
    values, vectors = positive_eigenpairs(kernel, len(eigenvalues))

    rng.bit_generator.state = start
    linear = np.zeros(len(values))
    smoothed, target = (np.zeros((len(values), len(values)), order="F") for _ in range(2))
    for modes, block in draw(rng, n_samples, len(eigenvalues)):
        rotated = block @ vectors
        linear += (eigenvalues[modes] * target_power[modes] / n_samples) @ rotated**2
        scaled = eigenvalues[modes, None] * rotated
        smoothed = blas.dsyrk(1.0 / n_samples, scaled.T, beta=1.0, c=smoothed, overwrite_c=1, lower=1)
        rotated *= np.sqrt(target_power[modes, None])
        target = blas.dsyrk(1.0 / n_samples, rotated.T, beta=1.0, c=target, overwrite_c=1, lower=1)
    target *= smoothed
    return values, linear, target, np.diagonal(smoothed) / n_samples


def _gaussian_features(rng: np.random.Generator, n_samples: int, n_modes: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the transpose of Z a block of modes at a time, in an array that the next block overwrites."""
    buffer = np.empty((min(MODES_AT_A_TIME, n_modes), n_samples))
    for first in range(0, n_modes, MODES_AT_A_TIME):
        modes = slice(first, min(first + MODES_AT_A_TIME, n_modes))
        block = buffer[: modes.stop - modes.start]
        _fill_normals(rng, block)
        yield modes, block


def _cosine_features(rng: np.random.Generator, n_samples: int, n_modes: int) -> Iterator[tuple[slice, np.ndarray]]:
    """As ``_gaussian_features``, for cosines of uniform inputs; those of a block by adding angles to the first."""
    angles = np.pi * rng.random(n_samples)
    added = np.outer(np.arange(min(MODES_AT_A_TIME, n_modes)), angles)
    cosines, sines = np.sqrt(2.0) * np.cos(added), np.sqrt(2.0) * np.sin(added)
    for first in range(0, n_modes, MODES_AT_A_TIME):
        modes = slice(first, min(first + MODES_AT_A_TIME, n_modes))
        size = modes.stop - modes.start
        leading = (first + 1.0) * angles
        yield modes, np.cos(leading) * cosines[:size] - np.sin(leading) * sines[:size]


_DRAWS = {"gaussian": _gaussian_features, "cosine": _cosine_features}


@njit(cache=True, nogil=True)
def _fill_normals(rng, out):
    """Fill ``out`` with independent standard normals, row by row."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = rng.standard_normal()
