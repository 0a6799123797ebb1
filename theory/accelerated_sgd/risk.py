"""Exact expected risk of SGD and accelerated SGD on linear regression, for the last iterate and for tail averages.

Setting: fresh samples x = R Lambda^{1/2} z in the eigenbasis of their covariance, with independent standardised
coordinates of fourth moment ``kurtosis`` and an independent radius with E R^2 = 1 and
E R^4 = r4 = ``radial_fourth_moment`` (physically at least 1); labels y = x . w* + noise, the noise independent of x and
of variance ``noise_variance``; mini-batches of ``batch_size`` samples. ``eigenvalues`` (d,) in any order and
``initial_error`` (d,) = w_0 - w* in the same basis. The risk is half the excess squared error,
(1/2) E (x . (w - w*))^2 = (1/2) sum lambda_i E (w_i - w*_i)^2.

For these data the second moments of each mode obey a closed linear recursion, so every value is exact for every
dimension, batch size and number of steps, at O(d) per step; equal eigenvalues cost as much as one. Coordinates that are
dependent beyond the common radius, noise that depends on x, and samples used twice are outside its scope. The risk is
linear in the squared initial error and the noise variance: bias (no noise) plus variance (no initial error).

Source: a result of this project. Bordelon and Pehlevan, arXiv 2106.02713, have the recursion for SGD with Gaussian
features; Li et al., arXiv 2311.14222, and Zou et al., arXiv 2103.12692, bound what is computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import integer, number, require
from theory.accelerated_sgd._problem import Moments, read_coefficients, read_eigenvalues, read_moments
from theory.accelerated_sgd._recursion import (
    Groups,
    average_curve,
    group_modes,
    initial_moments,
    injection,
    moment_curves,
    rates,
    require_finite,
)
from theory.accelerated_sgd.schemes import MomentumScheme

__all__ = ["risk_curve", "tail_average_risk_curve"]


def risk_curve(
    eigenvalues: Any,
    initial_error: Any,
    scheme: MomentumScheme,
    *,
    n_steps: int,
    noise_variance: float = 0.0,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
    multiplicative_noise: bool = True,
) -> np.ndarray:
    """Return the risk of w_t for t = 0 .. n_steps, shape (n_steps + 1,); index = step.

    With ``multiplicative_noise=False`` the gradient is the population gradient plus the label noise alone. Setting and
    nature (exact) are those of the module; an unstable scheme is legal until it overflows.

    Raises ``ValueError`` for bad input, and naming the largest admissible ``n_steps`` on overflow.
    """
    n_steps = integer("n_steps", n_steps, "[0, inf)")
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    groups, noise = _read(eigenvalues, initial_error, noise_variance, moments, multiplicative_noise)
    start = initial_moments(groups)
    curves = moment_curves(groups.eigenvalues, groups.counts, start, rates(scheme), noise, n_steps)
    require_finite(curves[0], "n_steps", n_steps, 0)
    return 0.5 * curves[0]


def tail_average_risk_curve(
    eigenvalues: Any,
    initial_error: Any,
    scheme: MomentumScheme,
    *,
    burn_in: int,
    n_average: int,
    noise_variance: float = 0.0,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
    multiplicative_noise: bool = True,
) -> np.ndarray:
    """Return the risk of the average of w_s, ..., w_{s+N-1} for N = 1 .. n_average, shape (n_average,).

    s = ``burn_in``, w_0 is the start, and entry N - 1 belongs to N: one run gives the whole curve. Other arguments and
    nature (exact) as in :func:`risk_curve`. Raises ``ValueError`` for bad input and on overflow.
    """
    burn_in = integer("burn_in", burn_in, "[0, inf)")
    n_average = integer("n_average", n_average, "[1, inf)")
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    groups, noise = _read(eigenvalues, initial_error, noise_variance, moments, multiplicative_noise)
    start = initial_moments(groups)
    curve = average_curve(groups.eigenvalues, groups.counts, start, rates(scheme), noise, burn_in, n_average)
    rule = "fewer steps: the second moments of this unstable scheme overflow"
    require(bool(np.isfinite(curve[0])), "burn_in", burn_in, rule)
    require_finite(curve, "n_average", n_average, 1)
    return 0.5 * curve


def _read(
    eigenvalues: Any, initial_error: Any, noise_variance: Any, moments: Moments, multiplicative_noise: bool
) -> tuple[Groups, tuple[float, float, float]]:
    values = read_eigenvalues(eigenvalues)
    groups = group_modes(values, read_coefficients("initial_error", initial_error, values))
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    return groups, injection(moments, noise_variance, multiplicative_noise)
