"""Where the risk settles: stationary risk, the 1/N constant of averages, and the sandwich around the exact variance.

Features, noise and the risk convention (half the excess squared error) as in :mod:`theory.accelerated_sgd.risk`;
p, x_i and the stability trace ell as in :mod:`theory.accelerated_sgd.stability`. Exact; results of this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import number
from theory.accelerated_sgd._problem import read_eigenvalues, read_moments
from theory.accelerated_sgd.modes import noise_response
from theory.accelerated_sgd.risk import tail_average_risk_curve
from theory.accelerated_sgd.schemes import MomentumScheme
from theory.accelerated_sgd.stability import amplification

__all__ = ["VarianceSandwich", "stationary_risk", "tail_average_constant", "variance_sandwich"]


@dataclass(frozen=True)
class VarianceSandwich:
    """Bounds on the variance of the tail average."""

    lower: float
    upper: float


def stationary_risk(
    eigenvalues: Any,
    scheme: MomentumScheme,
    *,
    noise_variance: float,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> float:
    """Return the limit of the risk of w_t: sigma^2 / (2 m (1 - ell)) sum lambda_i^2 f_i / (1 - p x_i).

    f is the iterate variance of :func:`mode_stationary_variance`. For SGD with r4 = 1 it is
    sigma^2 ell / (2 (1 - ell)). ``eigenvalues`` (d,). Exact. Raises ``ValueError`` for bad input, and past the
    mean-square stability threshold.
    """
    values = read_eigenvalues(eigenvalues)
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    factors, total = amplification(values, scheme, moments)
    step = scheme.learning_rate * values
    response = (1.0 - step) ** 2 * noise_response(values, scheme) + step**2
    return float(0.5 * noise_variance / moments.batch_size * total * (response * factors).sum())


def tail_average_constant(
    eigenvalues: Any,
    scheme: MomentumScheme,
    *,
    noise_variance: float,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> float:
    """Return the limit of N times the risk of an average of N iterates: sigma^2 / (2 m (1 - ell)) sum 1 / (1 - p x_i).

    ``eigenvalues`` (d,). Exact; the remainder at finite N is O(1 / N). Raises ``ValueError`` for bad input, and past
    the mean-square stability threshold.
    """
    values = read_eigenvalues(eigenvalues)
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    factors, total = amplification(values, scheme, moments)
    return float(0.5 * noise_variance / moments.batch_size * total * factors.sum())


def variance_sandwich(
    eigenvalues: Any,
    scheme: MomentumScheme,
    *,
    burn_in: int,
    n_average: int,
    noise_variance: float = 1.0,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> VarianceSandwich:
    """Return bounds on the risk of the average of w_s, ..., w_{s+N-1} started at the optimum.

    Statement: V_add <= V <= max_i (1 - p x_i)^{-1} / (1 - ell) V_add, for any burn-in s, length N and batch size, where
    V_add is the risk with the label noise alone. From zero the moments grow towards stationarity, so that the noise
    injected at each step lies between those two levels. Tight below as ell -> 0, above for isotropic features and
    N -> infinity. ``eigenvalues`` (d,).

    Nature: bounds, for r4 kurtosis >= 1. Raises ``ValueError`` for bad input, and past the mean-square stability
    threshold.
    """
    values = read_eigenvalues(eigenvalues)
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    factors, total = amplification(values, scheme, moments)
    lower = tail_average_risk_curve(
        values,
        np.zeros_like(values),
        scheme,
        burn_in=burn_in,
        n_average=n_average,
        noise_variance=noise_variance,
        batch_size=moments.batch_size,
        multiplicative_noise=False,
    )[-1]
    return VarianceSandwich(float(lower), float(factors.max() * total * lower))
