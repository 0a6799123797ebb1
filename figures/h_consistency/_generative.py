"""Naive Bayes and logistic regression: the next order of an error, samples that an error needs, and what draws them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtr

from simulations.h_consistency import (
    naive_bayes_sample_complexity,
    simulate_logistic_errors,
    simulate_naive_bayes_errors,
)
from theory.h_consistency import easy_mixture_gaps

EXCESS = 0.01  # error above Bayes that a sample is to reach
SIGNAL = (2.0 * 1.6448536269514722) ** 2  # sum of squared gaps at a Bayes error of 5 %
AROUND = (0.95, 1.05)  # of a sample size close to the one that is needed


def naive_bayes_errors(*, n_features: int, mean_scale: float, n_samples: int, n_trials: int, seed: Any) -> np.ndarray:
    """Return the errors of naive Bayes on the easy mixture, (n_trials,)."""
    gaps = easy_mixture_gaps(n_features, mean_scale=mean_scale)
    return simulate_naive_bayes_errors(gaps, n_samples=n_samples, n_trials=n_trials, seed=seed)


def logistic_errors(*, n_features: int, n_samples: int, n_trials: int, seed: Any) -> np.ndarray:
    """Return the errors of ridge logistic regression on the easy mixture, (n_trials,)."""
    return simulate_logistic_errors(n_features, n_samples=n_samples, n_trials=n_trials, seed=seed)


def naive_bayes_size(*, n_features: int, n_draws: int, seed: int) -> int:
    """Return the samples that naive Bayes needs on the easy mixture, by the mean over ``n_draws`` data sets."""
    return naive_bayes_sample_complexity(n_features, excess_error=EXCESS, n_trials=n_draws, seed=seed)


def scale_of_signal(n_features: int) -> float:
    """Return the mean of the features at which the sum of squared gaps is ``SIGNAL``, for an even number of them."""
    return math.sqrt(SIGNAL / (2.0 * (1.0 + n_features)))


def needed_sizes(errors: np.ndarray, sizes: np.ndarray, target: float, blocks: int) -> np.ndarray:
    """Return the sample size at which the mean error crosses the target, for every block of trials, (blocks,).

    A line is fitted to the logarithm of the mean error against that of the size; the blocks differ from the mean to
    first order. ``sizes`` are within ten per cent of the crossing, ``errors`` is (n_trials, sizes).
    """
    means = errors.mean(axis=0)
    relative = (errors / means - 1.0).reshape(blocks, -1).mean(axis=1)
    x, y = np.log(sizes), np.log(means / target)
    slope = (x - x.mean()) @ y / ((x - x.mean()) ** 2).sum()
    return np.exp(x.mean() - y.mean() / slope) * (1.0 - relative / slope)


def next_order(gaps: np.ndarray, n_samples: int) -> tuple[float, float]:
    """Return the next term of the expected error of naive Bayes beyond its formula, and the deviation of one error.

    The error depends on A = w . delta and B = |w|^2 through A / sqrt(B), and the formula takes both at their means.
    The term adds their variances, of relative order 1/(m S) and 1/d, by the delta method; w_j = u_j / v_j with u_j
    normal around delta_j of variance 4/m, and m v_j chi-square of m - 2 degrees, whose inverse moments are known.
    """
    m = float(n_samples)
    noise = 4.0 / m
    inverse = np.cumprod([m / (m - 2.0 * (k + 1)) for k in range(1, 5)])  # means of v^-1, ..., v^-4
    u2, u3 = gaps**2 + noise, gaps**3 + 3.0 * gaps * noise
    u4 = gaps**4 + 6.0 * gaps**2 * noise + 3.0 * noise**2
    mean_a, mean_b = inverse[0] * (gaps @ gaps), inverse[1] * u2.sum()
    spread_a = (gaps**2 * (inverse[1] * u2 - inverse[0] ** 2 * gaps**2)).sum() / mean_a**2
    spread_b = (inverse[3] * u4 - inverse[1] ** 2 * u2**2).sum() / mean_b**2
    joint = (gaps * (inverse[2] * u3 - inverse[0] * inverse[1] * gaps * u2)).sum() / (mean_a * mean_b)
    z = 0.5 * mean_a / math.sqrt(mean_b * (1.0 + 1.0 / m))
    shift, variance = z * (0.375 * spread_b - 0.5 * joint), z**2 * (spread_a + 0.25 * spread_b - joint)
    density = math.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return density * (0.5 * z * variance - shift), density * math.sqrt(variance)


def error_without(gaps: np.ndarray, n_samples: int, part: str) -> float:
    """Return the formula for the expected error of naive Bayes with one of its three corrections left out."""
    m, signal = float(n_samples), float(gaps @ gaps)
    variances = 1.0 if part == "variances" else (m - 6.0) / (m - 4.0)
    means = 1.0 if part == "means" else 1.0 + 4.0 * len(gaps) / (m * signal)
    midpoint = 1.0 if part == "midpoint" else 1.0 + 1.0 / m
    return float(ndtr(-0.5 * math.sqrt(signal * variances / (means * midpoint))))
