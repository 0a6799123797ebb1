"""When the second moments of stochastic gradient schemes stay bounded, and how fast they contract or grow.

Features as in the package: x = R Lambda^{1/2} z with independent standardised coordinates of fourth moment ``kurtosis``
and an independent radius with E R^2 = 1, E R^4 = r4 = ``radial_fourth_moment`` (physically at least 1); fresh
mini-batches of m = ``batch_size`` samples. Put p = r4 (kurtosis - 1) - 1, which is 1 for Gaussian features. All
statements are exact and are results of this project; published parameter choices are sufficient conditions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from assay.base import choice, number, require
from theory.accelerated_sgd._problem import Moments, read_eigenvalues, read_moments
from theory.accelerated_sgd.modes import noise_response
from theory.accelerated_sgd.schemes import MomentumScheme, heavy_ball_scheme, nesterov_scheme, sgd_scheme

__all__ = ["critical_learning_rate", "growth_rate", "is_mean_square_stable", "stability_trace"]


def stability_trace(
    eigenvalues: Any,
    scheme: MomentumScheme,
    *,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> float:
    """Return ell = r4 sum_i x_i / (1 - p x_i), x_i = lambda_i^2 g_i / m, which is below 1 if and only if stable.

    g is the look-ahead variance of :func:`mode_stationary_variance`. ell is the total mass of the noise kernel, and
    1 / (1 - ell) the factor by which the noise of the gradient amplifies the noise of the labels. Infinite when a
    single mode is unstable, in the mean or by itself in the mean square (p x_i >= 1). For SGD
    ell = (r4 / m) sum eta lambda_i / (2 - eta lambda_i (1 + p / m)).

    ``eigenvalues`` (d,). Exact. Raises ``ValueError`` for bad input.
    """
    values = read_eigenvalues(eigenvalues)
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    return _trace(noise_response(values, scheme), moments)


def is_mean_square_stable(
    eigenvalues: Any,
    scheme: MomentumScheme,
    *,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> bool:
    """Return whether the second moments of the iterates stay bounded: ``stability_trace`` below 1. Exact.

    Raises ``ValueError`` for bad input.
    """
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    return _trace(noise_response(read_eigenvalues(eigenvalues), scheme), moments) < 1.0


def critical_learning_rate(
    eigenvalues: Any,
    *,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
    momentum: float = 0.0,
    kind: str = "sgd",
) -> float:
    """Return the learning rate at which the stability trace reaches 1, to rounding.

    ``kind`` is "sgd" (which takes no momentum), "nesterov" or "heavy_ball"; the scheme is mean-square stable below the
    returned value and unstable above it. Isotropic Gaussian features and SGD: 2 m / ((m + d + 1) lambda); batch size
    infinity and SGD: 2 / lambda_1. ``eigenvalues`` (d,).

    Exact (bisection of an increasing function). Raises ``ValueError`` for bad input.
    """
    values = read_eigenvalues(eigenvalues)
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    choice("kind", kind, ("sgd", "nesterov", "heavy_ball"))
    mu = number("momentum", momentum, "[0, 0]" if kind == "sgd" else "[0, 1)")

    def excess(learning_rate: float) -> float:
        if kind == "sgd":
            scheme = sgd_scheme(learning_rate)
        elif kind == "nesterov":
            scheme = nesterov_scheme(learning_rate, momentum=mu)
        else:
            scheme = heavy_ball_scheme(learning_rate, momentum=mu)
        return _trace(noise_response(values, scheme), moments) - 1.0

    # At step 2 (1 + mu) / lambda_1 no kind is stable even in the mean.
    return _bisect(excess, 0.0, 2.0 * (1.0 + mu) / float(values.max()), increasing=True)


def growth_rate(
    eigenvalues: Any,
    scheme: MomentumScheme,
    *,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> float:
    """Return the factor per step by which the noiseless risk contracts (below 1) or grows in the end.

    It is the spectral radius of the linear operator that carries the second moments one step: the largest root z of
    ell(z) = 1, where ell(z) is the stability trace with the mode matrices A / sqrt(z) and g / z, or the squared
    spectral radius of the mean dynamics where no root exceeds it. ``eigenvalues`` (d,).

    Exact (bisection to rounding). Raises ``ValueError`` for bad input.
    """
    values = read_eigenvalues(eigenvalues)
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    largest = float(values.max()) * max(scheme.learning_rate, scheme.lookahead_learning_rate)
    size = largest * largest * moments.radial * moments.kurtosis
    require(size < 1e250, "scheme", scheme, "steps and moments whose growth rate stays in the range of floats")

    def excess_trace(excess: float) -> float:
        return _trace(noise_response(values, scheme, excess), moments) - 1.0

    high = 0.0
    while excess_trace(high) >= 0.0:
        high = 2.0 * high + 1.0
    return (1.0 + _bisect(excess_trace, -1.0, high, increasing=False)) ** 2


def amplification(eigenvalues: np.ndarray, scheme: MomentumScheme, moments: Moments) -> tuple[np.ndarray, float]:
    """Return the per-mode factors 1 / (1 - p x_i), (d,), and 1 / (1 - ell).

    Raises ``ValueError`` at or past the stability threshold.
    """
    response = noise_response(eigenvalues, scheme)
    trace = _trace(response, moments)
    if trace >= 1.0:
        raise ValueError(f"scheme = {scheme}: past the mean-square stability threshold, stability trace {trace:g} >= 1")
    return 1.0 / (1.0 - moments.excess * response / moments.batch_size), 1.0 / (1.0 - trace)


def _trace(response: np.ndarray, moments: Moments) -> float:
    if np.isinf(response).any():
        return math.inf
    share = response / moments.batch_size
    remainder = 1.0 - moments.excess * share
    if (remainder <= 0.0).any():
        return math.inf
    return float(moments.radial * (share / remainder).sum())


def _bisect(function: Callable[[float], float], low: float, high: float, *, increasing: bool) -> float:
    """Return the midpoint of the last bracket of the sign change of a monotone function."""
    middle = 0.5 * (low + high)
    while low < middle < high:
        if (function(middle) < 0.0) == increasing:
            low = middle
        else:
            high = middle
        middle = 0.5 * (low + high)
    return middle
