"""Late-time learning curves of SGD and its momentum variants on power-law spectra and targets.

Eigenvalues k^-b and initial losses k^-a per mode, k = 1, 2, ... without end: b is the capacity exponent, a the source
exponent. What is left of the initial error decays as t^-((a - 1) / b); what the sampling noise of the batches injects
is forgotten as t^-(2 - 1 / b). The slower one shows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.accelerated_sgd.schemes import MomentumScheme

__all__ = ["power_law_asymptote", "power_law_exponent"]


def power_law_exponent(*, capacity: float, source: float) -> float:
    """Return the exponent x > 0 of the noiseless loss t^-x of SGD at any finite batch size.

    Statement: x = min{(a - 1) / b, 2 - 1 / b}, for eigenvalues k^-b and lambda_k (w*_k)^2 = k^-a, b = ``capacity`` > 1,
    a = ``source`` > 1. arXiv 2106.02713 has (a - 1) / b, as we understand the statement; for a > 2b the sampling noise,
    which decays as t^-(2 - 1/b), is the slower term.

    Nature: asymptotic in time, with infinitely many modes and a constant step below the stability threshold.
    Raises ``ValueError`` for bad input. Source: arXiv 2106.02713; arXiv 2405.15074 for the noise kernel.
    """
    b, a = _exponents(capacity, source)
    return min((a - 1.0) / b, 2.0 - 1.0 / b)


def power_law_asymptote(
    times: Any,
    *,
    capacity: float,
    source: float,
    scheme: MomentumScheme,
    batch_size: float = 1,
    stability: float,
    cumulative: float | None = None,
    iterate_stability: float | None = None,
) -> np.ndarray:
    """Return the late noiseless loss E(y - x . w_t)^2 at ``times`` > 0 (any shape), prefactor included.

    Assumptions: eigenvalues k^-b and lambda_k (w_0 - w*)_k^2 = k^-a, k >= 1 without end, b = ``capacity`` > 1 and
    a = ``source`` > 1; features with E R^4 = 1, such as Gaussian ones; no label noise. l = ``stability`` is the
    stability trace of the scheme on the whole spectrum, less than 1; modes k > d add eta d^(1 - b) / (2 m (b - 1)) to
    it. ``cumulative`` is the summed loss at the look-ahead iterates, :func:`cumulative_lookahead_loss`, needed for
    a >= 2b.
    ``iterate_stability`` l_w is the mass of the noise kernel at w_t as l is at the look-ahead y_t, which makes it
    2 (1 - l) :func:`stationary_risk` at unit noise. The two are equal for SGD and the heavy ball; without l_w other
    schemes get the loss at y_t. For other E R^4 multiply ``cumulative`` and l_w by that.

    Statement, with eta the effective learning rate of the scheme and m the batch size: the loss approaches

        bias  = A Gamma((a - 1) / b) / b (2 eta t)^-((a - 1) / b)                     for a < 2b,
        noise = A eta^2 / m Gamma(2 - 1 / b) / b cumulative (2 eta t)^-(2 - 1 / b)    for a > 2b,

    A = 1 + l_w / (1 - l) = 1 / (1 - l) for SGD, and bias + noise at a = 2b, where the powers agree (no logarithm
    appears). Momentum enters through eta and A only.

    Nature: asymptotic in time, with a relative correction of order t^-(1 - 1 / b), the memory of the noise kernel, and
    in t^-|(a - 1) / b - 2 + 1 / b|, the other term. A spectrum cut at d modes follows it while d^b >> 2 eta t.
    Raises ``ValueError`` for bad input. Source: a sharper form, derived in this project, of the exponents in
    arXiv 2106.02713 and arXiv 2405.15074.
    """
    at = array("times", times, "(0, inf)")
    b, a = _exponents(capacity, source)
    m = number("batch_size", batch_size, "[1, inf]")
    trace = number("stability", stability, "[0, inf]")
    require(trace < 1.0, "stability", trace, "less than 1: past the mean-square stability threshold")
    mass = trace if iterate_stability is None else number("iterate_stability", iterate_stability, "[0, inf)")
    amplification = 1.0 + mass / (1.0 - trace)
    eta = scheme.effective_learning_rate
    loss = np.zeros_like(at)
    if a <= 2.0 * b:
        power = (a - 1.0) / b
        loss += math.gamma(power) / b * (2.0 * eta * at) ** -power
    if a >= 2.0 * b:
        require(cumulative is not None, "cumulative", cumulative, "the summed loss, since source >= 2 capacity")
        summed = number("cumulative", cumulative, "[0, inf)")
        power = 2.0 - 1.0 / b
        loss += eta**2 / m * math.gamma(power) / b * summed * (2.0 * eta * at) ** -power
    return amplification * loss


def _exponents(capacity: Any, source: Any) -> tuple[float, float]:
    return number("capacity", capacity, "(1, inf)"), number("source", source, "(1, inf)")
