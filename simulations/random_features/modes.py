"""Random features of Gaussian data in mode space: learnt modes, and ensembles of feature draws on the same data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import integer, number
from simulations._streams import spawn_streams
from simulations.random_features._kernels import fill_scaled_rows, normal_matrix
from simulations.random_features._ridge_path import regularised_inverse
from simulations.random_features.gaussian import checked_eigenvalues, checked_modes

__all__ = ["ModeTrials", "simulate_gaussian_rf_modes", "simulate_rf_ensemble"]


@dataclass(frozen=True)
class ModeTrials:
    """What every trial learnt: learnabilities (n_trials, n_modes), trace and degrees_of_freedom (n_trials,).

    All are dimensionless: an entry of learnabilities is the learnt share of one target coefficient, the others
    count modes.
    """

    learnabilities: np.ndarray
    trace: np.ndarray
    degrees_of_freedom: np.ndarray


def simulate_gaussian_rf_modes(
    eigenvalues: ArrayLike,
    *,
    n_samples: int,
    n_features: int,
    ridge: float,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    n_modes: int = 5,
) -> ModeTrials:
    """The linear map from target coefficients v to learnt coefficients, in the model of ``simulate_gaussian_rf``.

    With data g (n by M standard normals), A = sqrt(Lambda) F' / sqrt(k) and features gA, ridge regression learns
    ``A (A'g'gA + ridge)^{-1} A'g'g v``. The first ``n_modes`` diagonal entries of this map are the learnabilities, and
    ``trace`` sums all M of them. ``degrees_of_freedom`` is tr K (K + ridge)^{-1}, from the eigenvalues of the Gram
    matrix K alone; ridge 0 stands for the pseudo-inverse. Source: Simon et al., arXiv 2311.14646.

    eigenvalues: (M,). Nothing is averaged in closed form. Cost per trial: (n + k) M normals, n k M flops, one singular
    value decomposition of n by k; memory (n + k) M.

    Raises ``ValueError`` for negative, empty or all-zero eigenvalues, counts below 1, a negative ridge, or ``n_modes``
    beyond M.
    """
    eigenvalues = checked_eigenvalues(eigenvalues)
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    n_features = integer("n_features", n_features, "[1, inf)")
    ridge = number("ridge", ridge, "[0, inf)")
    n_modes = integer("n_modes", n_modes, f"[1, {len(eigenvalues)}]")
    streams = spawn_streams(seed, n_trials)
    learnabilities = np.empty((len(streams), n_modes))
    trace, degrees_of_freedom = np.empty(len(streams)), np.empty(len(streams))
    scales = np.sqrt(eigenvalues / n_features)
    loadings = np.empty((len(eigenvalues), n_features))
    for trial, rng in enumerate(streams):
        fill_scaled_rows(rng, scales, loadings)
        data = normal_matrix(rng, len(eigenvalues), n_samples)
        features = data.T @ loadings
        left, singular, right = np.linalg.svd(features, full_matrices=False)
        cutoff = max(features.shape) * np.finfo(float).eps
        kept = singular > cutoff * singular[0]
        gain = singular[kept] / (singular[kept] ** 2 + ridge)
        diagonal = np.einsum("ij,ij->i", (loadings @ right[kept].T) * gain, data @ left[:, kept])
        learnabilities[trial], trace[trial] = diagonal[:n_modes], diagonal.sum()
        gram = features @ features.T if n_samples <= n_features else features.T @ features
        values = np.linalg.eigvalsh(gram)
        values = values[values > cutoff * values[-1]]
        degrees_of_freedom[trial] = np.sum(values / (values + ridge))
    return ModeTrials(learnabilities, trace, degrees_of_freedom)


def simulate_rf_ensemble(
    eigenvalues: ArrayLike,
    target_coefficients: ArrayLike,
    *,
    n_samples: int,
    n_features: int,
    ridge: float,
    noise_variance: float,
    n_ensemble: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Test error of the average of ``n_ensemble`` random-feature models fitted to the same data: (n_trials,).

    The model is that of ``simulate_gaussian_rf``; every member draws its own k features. Each trial draws the data and
    all members; label noise, the signs of the target coefficients and fresh test points are averaged exactly. The error
    is in units of the squared label and includes the noise.

    eigenvalues, target_coefficients: (M,). Cost per trial: (n + n_ensemble k) M normals, n k M flops per member and
    one eigendecomposition of size min(n, k) per member; memory (n + k) M.

    Raises ``ValueError`` for negative, empty or all-zero eigenvalues, coefficients of another shape, counts below 1, a
    negative ridge or noise.
    """
    eigenvalues, target_coefficients = checked_modes(eigenvalues, target_coefficients)
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    n_features = integer("n_features", n_features, "[1, inf)")
    ridge = number("ridge", ridge, "[0, inf)")
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    n_ensemble = integer("n_ensemble", n_ensemble, "[1, inf)")
    streams = spawn_streams(seed, n_trials)
    power = target_coefficients**2
    scales = np.sqrt(eigenvalues / n_features)
    loadings = np.empty((len(eigenvalues), n_features))
    errors = np.empty(len(streams))
    for trial, rng in enumerate(streams):
        data = normal_matrix(rng, len(eigenvalues), n_samples)
        # Labels to learnt coefficients, averaged over the members.
        learner = np.zeros_like(data)
        for _ in range(n_ensemble):
            fill_scaled_rows(rng, scales, loadings)
            learner += loadings @ regularised_inverse(data.T @ loadings, ridge)
        learner /= n_ensemble
        learner_gram = learner.T @ learner
        label_covariance = data.T @ (power[:, None] * data)
        label_covariance[np.diag_indices_from(label_covariance)] += noise_variance
        overlap = float(np.einsum("i,ij,ij->", power, learner, data))
        errors[trial] = power.sum() + noise_variance - 2.0 * overlap + np.sum(learner_gram * label_covariance)
    return np.maximum(errors, 0.0)
