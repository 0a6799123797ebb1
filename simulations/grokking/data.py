"""Data of the polynomial regression, and the statistics of random networks before training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.base import integer, number
from simulations._streams import spawn_streams
from simulations.grokking._model import checked_sizes

__all__ = [
    "InitialStatistics",
    "RegressionData",
    "draw_factor",
    "draw_regression",
    "sample_initial_statistics",
    "sample_polynomial_regression",
]


@dataclass(frozen=True)
class RegressionData:
    """features (n, d), rows of covariance 1 / d; labels (n,); direction (d,), of squared length d."""

    features: np.ndarray
    labels: np.ndarray
    direction: np.ndarray


@dataclass(frozen=True)
class InitialStatistics:
    """mean_weight (n_trials, d) and second_moment (n_trials, d, d): averages of w and ww' over the neurons."""

    mean_weight: np.ndarray
    second_moment: np.ndarray


def sample_polynomial_regression(
    n_samples: int, n_features: int, *, target_offset: float = 0.0, seed: int | np.random.SeedSequence
) -> RegressionData:
    """Draw n inputs ``x ~ N(0, I / d)`` with labels ``((direction . x)^2 - target_offset) / 2``.

    The direction is sqrt(d) times the first unit vector, which costs no generality: inputs and random networks are
    invariant under rotation. ``direction . x`` is standard normal; offset 1 makes the labels of mean zero. These are
    the data of the first trial of every simulator of this family that draws data, at the same seed.

    Source: Kumar et al., "Grokking as the transition from lazy to rich training dynamics", arXiv 2310.06110.
    Raises ``ValueError`` for sizes below 1 or an offset that is not finite.
    """
    n_samples, n_features = checked_sizes(n_samples, n_features)
    return draw_regression(spawn_streams(seed, 1)[0], n_samples, n_features, number("target_offset", target_offset))


def sample_initial_statistics(
    n_features: int, width: int, *, n_trials: int, seed: int | np.random.SeedSequence
) -> InitialStatistics:
    """Draw the mean weight and the second moment of ``width`` standard normal neurons, from their exact law.

    Bartlett's decomposition: at most d (d + 3) / 2 random numbers for a network of any width. Raises ``ValueError`` for
    sizes or ``n_trials`` below 1.
    """
    n_features, width = integer("n_features", n_features, "[1, inf)"), integer("width", width, "[1, inf)")
    streams = spawn_streams(seed, n_trials)
    means, moments = np.empty((len(streams), n_features)), np.empty((len(streams), n_features, n_features))
    for trial, rng in enumerate(streams):
        means[trial], factor = draw_factor(rng, n_features, width)
        moments[trial] = factor @ factor.T + np.outer(means[trial], means[trial])
    return InitialStatistics(means, moments)


def draw_regression(rng: np.random.Generator, n_samples: int, n_features: int, offset: float) -> RegressionData:
    """As ``sample_polynomial_regression``, from a stream."""
    features = rng.standard_normal((n_samples, n_features))
    features /= np.sqrt(n_features)
    direction = np.zeros(n_features)
    direction[0] = np.sqrt(n_features)
    return RegressionData(features, 0.5 * ((features @ direction) ** 2 - offset), direction)


def draw_factor(rng: np.random.Generator, n_features: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (d,) of N standard normal neurons and a factor (d, min(d, N - 1)) of their covariance.

    The covariance times N is Wishart with N - 1 degrees of freedom and independent of the mean: the factor is lower
    trapezoidal, with roots of chi-squares on its diagonal and normals below.
    """
    rank = min(n_features, width - 1)
    mean = rng.standard_normal(n_features) / np.sqrt(width)
    factor = np.tril(rng.standard_normal((n_features, rank)), -1)
    diagonal = np.arange(rank)
    factor[diagonal, diagonal] = np.sqrt(rng.chisquare(width - 1.0 - diagonal))
    return mean, np.asfortranarray(factor / np.sqrt(width))
