"""Power-law spectra and targets: when interpolation is optimal, and learning-curve exponents.

Eigenvalues i^-alpha, squared target coefficients i^-beta, i = 1, 2, ... without end. With t = (beta - 1) / alpha and
A = (pi / alpha) / sin(pi / alpha) the spectral sums become z = A gamma^(-1/alpha), q = (1 - 1/alpha) z and powers of
gamma, so that the errors of the random-feature eigenframework are explicit in the slack s = 1 - z / n_samples, the
square root of the fitting ratio. Relative corrections are of order 1 / n_samples.

Source: arXiv 2311.14646, Theorem 2 and its corollary (numbering unverified); finite width and the exponents in
n_features are consequences of its eigenframework drawn here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import roots_legendre

from assay.base import integer, number, require

__all__ = [
    "PowerLawExponents",
    "infinite_power_law_task",
    "power_law_exponents",
    "power_law_noise_threshold",
    "power_law_optimal_fitting_ratio",
    "power_law_risk",
    "power_law_task",
]

LAST_INDEX = 1e30


@dataclass(frozen=True)
class PowerLawExponents:
    """Slopes of log excess test error: against log n_samples (``samples``) and log n_features (``features``) without
    noise and ridge, and against log n_samples with noise at the best ridge and infinite width (``noisy_optimal``)."""

    samples: float
    features: float
    noisy_optimal: float


def power_law_task(n_modes: int, alpha: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (eigenvalues, target_coefficients), each (n_modes,): i^-alpha and i^(-beta/2) for i = 1 .. n_modes.

    Exact definition. ``alpha`` > 1 and ``beta`` > 1. Raises ``ValueError`` naming the parameter.
    """
    count = integer("n_modes", n_modes, "[1, inf)")
    decay, target_decay = number("alpha", alpha, "(1, inf)"), number("beta", beta, "(1, inf)")
    index = np.arange(1.0, count + 1.0)
    return index**-decay, index ** (-0.5 * target_decay)


def infinite_power_law_task(
    alpha: float, beta: float, *, n_head: int = 20000, n_nodes: int = 400
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (eigenvalues, target_coefficients, multiplicities) of a power-law task without truncation.

    The first ``n_head`` modes are exact. The sum over the others, up to mode 1e30, is an integral over the mode index
    by the midpoint rule, done by ``n_nodes`` Gauss-Legendre nodes in its logarithm; a node of weight w at index x
    stands for w x modes. One more group has the trace and the target power of all modes beyond, which are far below
    any gamma of interest. With the default sizes spectral sums are accurate to about 1e-10. All arrays have shape
    (n_head + n_nodes + 1,). Raises ``ValueError`` naming the parameter.
    """
    count = integer("n_nodes", n_nodes, "[1, 2000]")
    eigenvalues, coefficients = power_law_task(integer("n_head", n_head, "[1, inf)"), alpha, beta)
    decay, target_decay = float(alpha), float(beta)
    nodes, weights = roots_legendre(count)
    low, high = math.log(len(eigenvalues) + 0.5), math.log(LAST_INDEX)
    index = np.append(np.exp(low + 0.5 * (high - low) * (nodes + 1.0)), LAST_INDEX)
    widths = 0.5 * (high - low) * weights
    counts = index * np.append(widths, 1.0 / (decay - 1.0))
    powers = index ** (1.0 - target_decay) * np.append(widths, 1.0 / (target_decay - 1.0))
    return (
        np.concatenate([eigenvalues, index**-decay]),
        np.concatenate([coefficients, np.sqrt(powers)]),
        np.concatenate([np.ones_like(eigenvalues), counts]),
    )


def power_law_risk(
    alpha: float,
    beta: float,
    *,
    n_samples: float,
    slack: float,
    n_features: float = math.inf,
    noise_variance: float = 0.0,
) -> float:
    """Return the test error of a power-law task at a given slack s = 1 - z / n_samples; s = 0 interpolates.

    Statement, at infinite width, with E_0 the noise-free error at s = 0:
    E = E_0 (1 - s)^(1 - beta) / (1 + (alpha - 1) s) + alpha noise / (1 + (alpha - 1) s). At width k the general form
    is used with eta = (z / alpha) / (k - (1 - 1/alpha) z). Nature: asymptotic in ``n_samples`` and ``n_features``.

    Assumptions: ``alpha`` > 1, 1 < ``beta`` < 2 alpha + 1; at finite ``n_features`` beta < alpha + 1 and
    n_samples (1 - slack) <= n_features. ``slack`` in [0, 1). Infinite where slack is 0 and the sizes are equal.
    Scalars. Raises ``ValueError`` naming the parameter.
    """
    a, b = _exponents(alpha, beta)
    n = number("n_samples", n_samples, "(0, inf)")
    k = number("n_features", n_features, "(0, inf]")
    s = number("slack", slack, "[0, 1)")
    noise = number("noise_variance", noise_variance, "[0, inf)")
    finite = math.isfinite(k)
    _require_finite_width_beta(b, a, finite)
    learned = n * (1.0 - s)
    require(learned <= k, "slack", s, f"n_samples (1 - slack) <= n_features, here {learned:g} > {k:g}")
    t = (b - 1.0) / a
    gamma = (1.0 / (np.sinc(1.0 / a) * learned)) ** a
    spread = learned / a
    # np.sinc(1 - t) = sin(pi t) / (pi (1 - t)) carries the limit t = 1.
    bias = gamma**t / (a * np.sinc(1.0 - t))
    weighted = spread
    if finite:
        eta = spread / (spread + (k - learned))
        bias *= 1.0 + eta * t / (1.0 - t)
        weighted = eta * (k - learned)
    denominator = s + weighted / n
    return float((bias + noise) / denominator) if denominator > 0.0 else math.inf


def power_law_noise_threshold(alpha: float, beta: float, *, width_ratio: float = math.inf) -> float:
    """Return the relative noise (noise variance over E_0) up to which interpolation is optimal.

    E_0 is the noise-free error of the interpolator at infinite width. At infinite width the threshold is
    (beta - alpha) / (alpha (alpha - 1)); at n_features / n_samples = ``width_ratio`` > 1 it is where the derivative of
    the error in the slack vanishes at slack 0, a local condition found numerically to be global. A negative value
    means that interpolation is never optimal. Nature: asymptotic. Assumptions on the exponents as in
    :func:`power_law_risk`. Raises ``ValueError`` naming the parameter.
    """
    a, b = _exponents(alpha, beta)
    x = number("width_ratio", width_ratio, "(1, inf]")
    gap = b - a
    if math.isinf(x):
        return gap / (a * (a - 1.0))
    _require_finite_width_beta(b, a, True)
    inverse = 1.0 / x
    top = gap**2 * (1.0 - inverse) ** 2 - gap * (1.0 - inverse**2) + 2.0 * inverse
    bottom = a * (a - 1.0) - 2.0 * a * (a - 2.0) * inverse + (a - 1.0) * (a - 2.0) * inverse**2
    return -top / ((1.0 - gap) * bottom)


def power_law_optimal_fitting_ratio(alpha: float, beta: float, *, relative_noise: float) -> float:
    """Return the ratio of training to test error at the best ridge, at infinite width.

    ``relative_noise`` is the noise variance over E_0 as in :func:`power_law_noise_threshold`. The ratio is 0 up to that
    threshold; above it its square root s is the only root in (0, 1) of
    alpha - beta - (alpha - 1) beta s + alpha (alpha - 1) (1 - s)^beta relative_noise. Nature: asymptotic in n_samples.
    Raises ``ValueError`` naming the parameter.
    """
    a, b = _exponents(alpha, beta)
    noise = number("relative_noise", relative_noise, "[0, inf)")

    def slope(s: float) -> float:
        return a - b - (a - 1.0) * b * s + a * (a - 1.0) * (1.0 - s) ** b * noise

    if slope(0.0) <= 0.0:
        return 0.0
    return float(brentq(slope, 0.0, 1.0, xtol=1e-16, rtol=1e-15)) ** 2


def power_law_exponents(alpha: float, beta: float) -> PowerLawExponents:
    """Return the exponents of the learning curves of a power-law task, as negative slopes.

    Without noise and ridge the error falls as n_samples^-min(beta - 1, 2 alpha) at infinite width and as
    n_features^-min(beta - 1, alpha) with infinite data; with noise, at the best ridge and infinite width, the excess
    over the noise falls as n_samples^(-c / (c + 1)), c = min(beta - 1, 2 alpha). Nature: asymptotic.
    ``alpha`` > 1, ``beta`` > 1. Raises ``ValueError`` naming the parameter.
    """
    a, b = number("alpha", alpha, "(1, inf)"), number("beta", beta, "(1, inf)")
    c = min(b - 1.0, 2.0 * a)
    return PowerLawExponents(samples=-c, features=-min(b - 1.0, a), noisy_optimal=-c / (c + 1.0))


def _exponents(alpha: Any, beta: Any) -> tuple[float, float]:
    a = number("alpha", alpha, "(1, inf)")
    b = number("beta", beta)
    require(1.0 < b < 2.0 * a + 1.0, "beta", b, f"a number in (1, 2 alpha + 1) = (1, {2.0 * a + 1.0:g})")
    return a, b


def _require_finite_width_beta(beta: float, alpha: float, finite: bool) -> None:
    require(not finite or beta < alpha + 1.0, "beta", beta, f"below alpha + 1 = {alpha + 1.0:g} at finite width")
