"""Random features of Gaussian data, with the population errors in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import blas, lapack

from assay.base import array, integer, number, require
from simulations._streams import spawn_streams
from simulations.random_features._kernels import (
    fill_scaled_rows,
    fill_scaled_rows_pooled,
    lower_inner_product,
    mirror_lower,
    normal_matrix,
    triangular_wishart,
)
from simulations.random_features._ridge_path import RFTrials, ridge_path, spectral_factor

__all__ = ["checked_eigenvalues", "checked_modes", "simulate_gaussian_rf"]

# A block of single-precision modes holds about this many numbers, so that it stays in the second-level cache.
_BLOCK_NUMBERS = 2**17


@dataclass(frozen=True)
class _Task:
    """Eigenvalues in descending order without zeros, the target on them, and the target's power elsewhere."""

    eigenvalues: np.ndarray
    coefficients: np.ndarray
    unseen_power: float


def simulate_gaussian_rf(
    eigenvalues: np.ndarray,
    target_coefficients: np.ndarray,
    *,
    n_samples: int,
    n_features: int,
    ridges: np.ndarray,
    noise_variance: float,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    n_targets: int = 16,
) -> RFTrials:
    """Ridge regression on random features of Gaussian data: test error, training error and GCV of every trial.

    Model (Simon et al., "More is Better in Modern Machine Learning", arXiv 2311.14646): inputs ``x_i = sqrt(lambda_i)
    g_i`` with standard normal g, target ``sum_i v_i g_i`` plus label noise, features ``F x / sqrt(k)`` with a k by M
    matrix F of standard normals, ridge added to the unnormalised Gram matrix; ridge 0 is the minimum-norm solution.

    Each trial draws F and the features of the n samples. Given these, the rest is averaged exactly: the label noise,
    the part of the target that is independent of the features, fresh test points, and the signs of the leading k target
    coefficients. The other coefficients are pooled into ``n_targets`` sums, which leaves the mean over F unchanged.

    eigenvalues, target_coefficients: (M,). ridges: (n_ridges,). Results: (n_trials, n_ridges), in units of the squared
    label; the test error includes the noise. Modes beyond the leading k are drawn in single precision.
    Cost per trial: k M normals, k^2 M single-precision flops, one eigendecomposition of size min(n, k), and
    min(n, k)^2 per ridge; memory k^2 + n k.

    Raises ``ValueError`` for negative, empty or all-zero eigenvalues, coefficients of another shape, counts below 1,
    negative ridges or noise.
    """
    eigenvalues, target_coefficients = checked_modes(eigenvalues, target_coefficients)
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    n_features = integer("n_features", n_features, "[1, inf)")
    ridges = array("ridges", ridges, "[0, inf)", shape=(None,))
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    n_targets = integer("n_targets", n_targets, "[1, inf)")
    streams = spawn_streams(seed, n_trials)
    # In units of the largest eigenvalue no product overflows, whatever the scale of the input.
    largest = eigenvalues.max()
    eigenvalues, ridges = eigenvalues / largest, ridges / largest
    seen = eigenvalues > 0.0
    order = np.argsort(-eigenvalues[seen], kind="stable")
    task = _Task(
        eigenvalues[seen][order],
        target_coefficients[seen][order],
        float(np.sum(target_coefficients[~seen] ** 2)),
    )
    few = len(task.eigenvalues) <= n_features
    curves = np.empty((3, len(streams), len(ridges)))
    for trial, rng in enumerate(streams):
        if few:
            curves[:, trial] = _few_modes_trial(rng, task, n_samples, n_features, ridges, noise_variance)
        else:
            curves[:, trial] = _many_modes_trial(rng, task, n_samples, n_features, ridges, noise_variance, n_targets)
    return RFTrials(*curves)


def checked_eigenvalues(eigenvalues: ArrayLike) -> np.ndarray:
    """Return them as an (M,) array; raise ``ValueError`` unless all are >= 0 and one is positive."""
    checked = array("eigenvalues", eigenvalues, "[0, inf)", shape=(None,))
    require(bool(checked.any()), "eigenvalues", eigenvalues, "at least one positive number")
    return checked


def checked_modes(eigenvalues: ArrayLike, target_coefficients: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both as (M,) arrays; raise ``ValueError`` for bad eigenvalues, or coefficients of another shape."""
    checked = checked_eigenvalues(eigenvalues)
    return checked, array("target_coefficients", target_coefficients, shape=checked.shape)


def _many_modes_trial(
    rng: np.random.Generator,
    task: _Task,
    n_samples: int,
    n_features: int,
    ridges: np.ndarray,
    noise_variance: float,
    n_targets: int,
) -> np.ndarray:
    """More modes than features: given F, the target is a linear function of the features plus independent noise."""
    covariance, signal = _population(rng, task, n_features, n_targets)
    factor, info = lapack.dpotrf(covariance, lower=1)
    if info == 0:
        latent = _latent_rows(rng, n_samples, n_features)
        features = blas.dtrmm(1.0, factor, latent.T, lower=1).T
        inverse_factor, _ = lapack.dtrtri(factor, lower=1)
        loadings = blas.dtrmm(1.0, inverse_factor, latent.T, lower=1, trans_a=1).T
        explained = lower_inner_product(lapack.dlauum(inverse_factor, lower=1)[0], signal)
    else:
        # The spectrum falls by more than double precision resolves: keep the directions that stand out of rounding.
        values, vectors = spectral_factor(covariance)
        latent = _latent_rows(rng, n_samples, len(values))
        features = (latent * np.sqrt(values)) @ vectors.T
        loadings = (latent / np.sqrt(values)) @ vectors.T
        explained = float(np.sum((vectors / values) * (signal @ vectors)))
    power = float(task.coefficients @ task.coefficients) + task.unseen_power
    noise = max(power - explained, 0.0) + noise_variance
    cross = loadings @ signal
    label_covariance = cross @ loadings.T
    label_covariance[np.diag_indices_from(label_covariance)] += noise
    return ridge_path(
        features,
        label_covariance,
        covariance,
        cross,
        ridges,
        label_power=power + noise_variance,
        n_unexplained=n_samples - len(latent),
        unexplained_power=noise,
    )


def _few_modes_trial(
    rng: np.random.Generator,
    task: _Task,
    n_samples: int,
    n_features: int,
    ridges: np.ndarray,
    noise_variance: float,
) -> np.ndarray:
    """At least as many features as modes: they enter through the Wishart matrix F'F alone, and span the target."""
    wishart = triangular_wishart(rng, len(task.eigenvalues), n_features)
    factor = np.sqrt(task.eigenvalues / n_features)[:, None] * wishart
    latent = _latent_rows(rng, n_samples, len(factor))
    projected = latent * task.coefficients**2
    noise = task.unseen_power + noise_variance
    label_covariance = projected @ latent.T
    label_covariance[np.diag_indices_from(label_covariance)] += noise
    return ridge_path(
        latent @ factor,
        label_covariance,
        factor.T @ factor,
        projected @ factor,
        ridges,
        label_power=float(task.coefficients @ task.coefficients) + noise,
        n_unexplained=n_samples - len(latent),
        unexplained_power=noise,
    )


def _latent_rows(rng: np.random.Generator, n_samples: int, size: int) -> np.ndarray:
    """Return Z with Z'Z the Gram matrix of ``n_samples`` standard normal rows, in at most ``size`` rows."""
    if n_samples > size:
        return triangular_wishart(rng, size, n_samples).T
    return normal_matrix(rng, n_samples, size)


def _population(
    rng: np.random.Generator, task: _Task, n_features: int, n_targets: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw F; return the covariance of the features, and E cc' for c their covariance with the target: (k, k) each.

    The leading k modes are drawn in double precision and enter E cc' one by one. The others are drawn in single
    precision: their error is small beside their own part of the covariance. Their target is pooled, see above.
    """
    scales = np.sqrt(task.eigenvalues) / np.sqrt(n_features)
    n_modes, head = len(scales), n_features
    leading = np.empty((head, n_features))
    fill_scaled_rows(rng, scales[:head], leading)
    covariance = blas.dsyrk(1.0, leading.T, lower=1)
    leading *= task.coefficients[:head, None]
    signal = blas.dsyrk(1.0, leading.T, lower=1)
    # Relative to the first of them, so that single precision neither overflows nor underflows.
    unit = scales[head]
    pools = np.zeros((n_targets, n_features))
    tail = np.zeros((n_features, n_features), np.float32, order="F")
    buffer = np.empty((min(max(_BLOCK_NUMBERS // n_features, 64), n_modes - head), n_features), np.float32)
    for start in range(head, n_modes, len(buffer)):
        stop = min(start + len(buffer), n_modes)
        block = buffer[: stop - start]
        fill_scaled_rows_pooled(
            rng, scales[start:stop] / unit, unit * task.coefficients[start:stop], start, block, pools
        )
        tail = blas.ssyrk(1.0, block.T, beta=1.0, c=tail, overwrite_c=1, lower=1)
    covariance += unit**2 * tail.astype(np.float64)
    signal = blas.dsyrk(1.0, pools.T, beta=1.0, c=signal, overwrite_c=1, lower=1)
    mirror_lower(covariance)
    mirror_lower(signal)
    return covariance, signal
