"""Random features with a real activation on the sphere, with the population errors in closed form."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require
from simulations._streams import spawn_streams
from simulations.random_features._activations import (
    Activation,
    checked_activation,
    degree_multiplicities,
    sphere_coefficients,
)
from simulations.random_features._kernels import mirror_lower, normal_matrix
from simulations.random_features._ridge_path import RFTrials, ridge_path

__all__ = ["simulate_sphere_rf"]


def simulate_sphere_rf(
    activation: str | Activation,
    *,
    dimension: int,
    degree_power: ArrayLike,
    n_samples: int,
    n_features: int,
    ridges: ArrayLike,
    noise_variance: float,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    max_degree: int = 30,
) -> RFTrials:
    """Ridge regression on nonlinear random features of points on the sphere: errors of every trial.

    Model (Simon et al., "More is Better in Modern Machine Learning", arXiv 2311.14646): inputs x and weights w uniform
    on the sphere of radius sqrt(d), features ``activation(w x / sqrt(d)) / sqrt(k)``, target a random field with
    covariance ``sum_l degree_power[l] P_l(x x' / d)`` (P_l: Gegenbauer polynomial with P_l(1) = 1) plus label noise,
    ridge added to the unnormalised Gram matrix; ridge 0 is the minimum-norm solution.

    Each trial draws inputs and weights. The target, the noise and fresh test points are averaged exactly: by the
    Funk-Hecke formula, the covariances of features and target over the sphere are Gegenbauer series. That of two
    different features is cut after ``max_degree``; the square of one feature has its exact mean.

    activation: "erf", "relu", "tanh", "sign", "identity", or an elementwise callable. degree_power: at most
    max_degree + 1 numbers, the squared target coefficient of each degree. ridges: (n_ridges,). Results:
    (n_trials, n_ridges), in units of the squared label; the test error includes the noise. Cost per trial: products of
    n k max(n, k) flops, one eigendecomposition of size min(n, k), max_degree k^2 for the series, min(n, k)^2 per ridge.

    Raises ``ValueError`` for an unknown activation, a dimension below 3, negative powers, ridges or noise, more powers
    than degrees, counts below 1.
    """
    function = checked_activation("activation", activation)
    dimension = integer("dimension", dimension, "[3, inf)")
    max_degree = integer("max_degree", max_degree, "[0, inf)")
    degree_power = array("degree_power", degree_power, "[0, inf)", shape=(None,))
    require(
        len(degree_power) <= max_degree + 1,
        "degree_power",
        degree_power,
        f"at most max_degree + 1 = {max_degree + 1} numbers",
    )
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    n_features = integer("n_features", n_features, "[1, inf)")
    ridges = array("ridges", ridges, "[0, inf)", shape=(None,))
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    streams = spawn_streams(seed, n_trials)

    coefficients, second_moment = sphere_coefficients(function, dimension, max_degree)
    feature_series = coefficients**2 * degree_multiplicities(dimension, max_degree) / n_features
    cross_series = degree_power * coefficients[: len(degree_power)] / np.sqrt(n_features)
    target_power = float(degree_power.sum())
    curves = np.empty((3, len(streams), len(ridges)))
    for trial, rng in enumerate(streams):
        inputs = _uniform_on_sphere(rng, n_samples, dimension)
        weights = _uniform_on_sphere(rng, n_features, dimension)
        overlaps = inputs @ weights.T
        features = np.ascontiguousarray(function(np.sqrt(dimension) * overlaps)) / np.sqrt(n_features)
        cross = np.empty_like(overlaps)
        _gegenbauer_series(overlaps, dimension, cross_series, False, cross)
        feature_covariance = np.empty((n_features, n_features))
        _gegenbauer_series(weights @ weights.T, dimension, feature_series, True, feature_covariance)
        np.fill_diagonal(feature_covariance, second_moment / n_features)
        label_covariance = np.empty((n_samples, n_samples))
        _gegenbauer_series(inputs @ inputs.T, dimension, degree_power, True, label_covariance)
        np.fill_diagonal(label_covariance, target_power + noise_variance)
        mirror_lower(feature_covariance)
        mirror_lower(label_covariance)
        curves[:, trial] = ridge_path(
            features,
            label_covariance,
            feature_covariance,
            cross,
            ridges,
            label_power=target_power + noise_variance,
        )
    return RFTrials(*curves)


def _uniform_on_sphere(rng: np.random.Generator, n_points: int, dimension: int) -> np.ndarray:
    """Return ``n_points`` independent uniform points on the unit sphere, one per row."""
    points = normal_matrix(rng, n_points, dimension)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _gegenbauer_series(points, dimension, series, lower_only, out):
    """Set ``out = sum_l series[l] P_l(points)`` entrywise, or on the lower triangle only.

    The recurrence runs over a piece of a row at a time, degree by degree: short enough for the first-level cache,
    long enough for vector instructions.
    """
    piece = 256
    previous, current = np.empty(piece), np.empty(piece)
    for i in range(points.shape[0]):
        end = i + 1 if lower_only else points.shape[1]
        for start in range(0, end, piece):
            size = min(piece, end - start)
            for j in range(size):
                previous[j], current[j] = 0.0, 1.0
                out[i, start + j] = series[0]
            for degree in range(len(series) - 1):
                slope = (2.0 * degree + dimension - 2.0) / (degree + dimension - 2.0)
                drop = degree / (degree + dimension - 2.0)
                weight = series[degree + 1]
                for j in range(size):
                    following = slope * points[i, start + j] * current[j] - drop * previous[j]
                    previous[j], current[j] = current[j], following
                    out[i, start + j] += weight * following
