"""Spectral algorithms on a regular grid of the circle: by Fourier transforms, and by dense linear algebra."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft
from scipy.linalg import blas

from assay.base import array, integer, number, require
from simulations._streams import spawn_streams
from simulations.spectral_algorithms._circle_kernels import (
    draw_shifts_and_noise,
    error_of_fit,
    fold_modes,
    target_transform,
)
from simulations.spectral_algorithms._spectral import Profile, checked_profile, positive_eigenpairs, profile_values

__all__ = ["circle_dense_loss", "simulate_circle", "simulate_circle_dense"]

TRIALS_PER_STREAM = 16
LABELS_AT_A_TIME = 2**16  # trials are transformed together up to this many labels


def simulate_circle(
    profile: Profile,
    n_samples: int,
    *,
    eigenvalues: ArrayLike,
    target_coefficients: ArrayLike,
    noise_variance: float,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Loss of a spectral algorithm trained on a regular grid of the circle, one per trial: (n_trials,).

    Model (Velikanov, Panov, Yarotsky, "Generalization error of spectral algorithms", arXiv 2403.11696): inputs
    ``x_j = u + 2 pi j / n`` with u uniform, kernel ``sum_l lambda_|l| exp(il(x - x'))`` and target
    ``f(x) = sum_l c_|l| exp(ilx)`` over -L <= l <= L, labels ``f(x_j)`` plus normal noise. With K the kernel matrix,
    the fit is ``k(x)' K^{-1} h(K / n) y``; the loss is half its squared distance from f, in the mean over the circle.

    Each trial draws u and n normals, builds the real labels, applies the profile h in Fourier space and adds up the
    errors of all modes; nothing is averaged in closed form. The kernel matrix of a regular grid is circulant: this is
    used here and not in ``simulate_circle_dense``, which draws the same labels for the same seed.

    profile: callable, h of an array of eigenvalues of K / n. eigenvalues, target_coefficients: (L + 1,), indexed by
    |l|. Sixteen trials share a stream. Cost per trial: about 12 L flops and three passes over L numbers, two real
    transforms and n normals; no exponential per mode.

    Raises ``ValueError`` for counts below 1, negative or all-zero eigenvalues, coefficients of another shape, negative
    noise, or a profile whose values are not as many finite numbers.
    """
    checked_profile("profile", profile)
    n, eigenvalues, coefficients = _checked_circle(n_samples, eigenvalues, target_coefficients)
    noise_scale = np.sqrt(number("noise_variance", noise_variance, "[0, inf)"))
    n_trials = integer("n_trials", n_trials, "[1, inf)")
    streams = spawn_streams(seed, n_trials, block=TRIALS_PER_STREAM)
    empirical = fold_modes(eigenvalues, n)
    # Classes without a mode carry nothing: neither kernel nor fit.
    gain, present = np.zeros_like(empirical), empirical > 0.0
    gain[present] = profile_values("profile", profile, empirical[present]) / empirical[present]
    losses = np.empty(n_trials)
    rows = max(1, LABELS_AT_A_TIME // n)
    for index, rng in enumerate(streams):
        of_stream = losses[index * TRIALS_PER_STREAM : (index + 1) * TRIALS_PER_STREAM]
        for first in range(0, len(of_stream), rows):
            part = of_stream[first : first + rows]
            shifts, labels = np.empty(len(part)), np.zeros((len(part), n))
            draw_shifts_and_noise(rng, noise_scale, shifts, labels)
            transform = np.empty((len(part), n // 2 + 1), complex)
            target_transform(coefficients, n, shifts, transform)
            labels += fft.irfft(transform, n, norm="forward", overwrite_x=True)
            transform = fft.rfft(labels, norm="forward", overwrite_x=True)
            error_of_fit(transform, gain, eigenvalues, coefficients, n, shifts, part)
    return losses


def simulate_circle_dense(
    profile: Profile,
    n_samples: int,
    *,
    eigenvalues: ArrayLike,
    target_coefficients: ArrayLike,
    noise_variance: float,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """The losses of ``simulate_circle`` for the same seed, from the kernel matrix and its eigenvectors: (n_trials,).

    The kernel matrix is summed mode by mode at the inputs and diagonalised, and the fit is compared with the target
    coefficient by coefficient, so that nothing rests on the grid being regular. Arguments and errors as in
    ``simulate_circle``. Cost per trial: 2 L n^2 flops and one eigendecomposition of size n; memory 2 L n.
    """
    checked_profile("profile", profile)
    n, eigenvalues, coefficients = _checked_circle(n_samples, eigenvalues, target_coefficients)
    noise_scale = np.sqrt(number("noise_variance", noise_variance, "[0, inf)"))
    n_trials = integer("n_trials", n_trials, "[1, inf)")
    streams = spawn_streams(seed, n_trials, block=TRIALS_PER_STREAM)
    losses = np.empty(n_trials)
    for trial in range(n_trials):
        rng = streams[trial // TRIALS_PER_STREAM]
        fit, target, labels = _dense_fit(profile, n, eigenvalues, coefficients, 2.0 * np.pi * rng.random())
        if noise_scale > 0.0:
            labels += noise_scale * rng.standard_normal(n)
        losses[trial] = 0.5 * np.sum((fit @ labels - target) ** 2)
    return losses


def circle_dense_loss(
    profile: Profile,
    n_samples: int,
    *,
    eigenvalues: ArrayLike,
    target_coefficients: ArrayLike,
    noise_variance: float,
    shift: float,
) -> float:
    """The mean over label noise of the loss of ``simulate_circle_dense`` on the grid ``shift + 2 pi j / n``; exact.

    As a function of the shift it is a trigonometric polynomial in ``n shift`` of degree at most ``1 + 2 L / n``: its
    mean over m equispaced shifts in [0, 2 pi / n) is the mean over all shifts as soon as m exceeds the degree.
    Arguments and errors as in ``simulate_circle``; shift: in radians.
    """
    checked_profile("profile", profile)
    n, eigenvalues, coefficients = _checked_circle(n_samples, eigenvalues, target_coefficients)
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    fit, target, labels = _dense_fit(profile, n, eigenvalues, coefficients, number("shift", shift))
    return 0.5 * float(np.sum((fit @ labels - target) ** 2) + noise_variance * np.sum(fit**2))


def _checked_circle(
    n_samples: int, eigenvalues: ArrayLike, target_coefficients: ArrayLike
) -> tuple[int, np.ndarray, np.ndarray]:
    n = integer("n_samples", n_samples, "[1, inf)")
    values = array("eigenvalues", eigenvalues, "[0, inf)", shape=(None,))
    require(bool(values.any()), "eigenvalues", eigenvalues, "at least one positive number")
    return n, values, array("target_coefficients", target_coefficients, shape=values.shape)


def _dense_fit(
    profile: Profile, n: int, eigenvalues: np.ndarray, coefficients: np.ndarray, shift: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the map from labels to the fit, the target and the noiseless labels; (2L + 1, n), (2L + 1,), (n,).

    Functions are given by their coefficients in the orthonormal basis 1, sqrt(2) cos(lx), sqrt(2) sin(lx).
    """
    inputs = shift + 2.0 * np.pi * np.arange(n) / n
    phases = np.outer(np.arange(1, len(eigenvalues)), inputs)
    basis = np.concatenate([np.ones((1, n)), np.sqrt(2.0) * np.cos(phases), np.sqrt(2.0) * np.sin(phases)])
    spectrum = np.concatenate([eigenvalues, eigenvalues[1:]])
    target = np.concatenate([coefficients[:1], np.sqrt(2.0) * coefficients[1:], np.zeros(len(coefficients) - 1)])
    kernel = blas.dsyrk(1.0 / n, (np.sqrt(spectrum)[:, None] * basis).T, lower=1)
    values, vectors = positive_eigenpairs(kernel, len(spectrum))
    filtered = (vectors * (profile_values("profile", profile, values) / values)) @ vectors.T
    return spectrum[:, None] * (basis @ filtered) / n, target, target @ basis
