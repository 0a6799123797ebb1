"""Power-law problems cut at many modes: their exact losses, and the late-time laws with the next correction."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gamma, rgamma

from theory.accelerated_sgd import (
    MomentumScheme,
    cumulative_lookahead_loss,
    power_law_asymptote,
    risk_curve,
    stability_trace,
    stationary_risk,
)


def power_law(capacity: float, source: float, n_modes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues k^-b and initial errors with lambda_k e_k^2 = k^-a, for k = 1 .. n_modes."""
    index = np.arange(1.0, n_modes + 1.0)
    return index**-capacity, index ** (0.5 * (capacity - source))


def exact_losses(capacity: float, source: float, scheme: MomentumScheme, batch_size: int, n_modes: int,
                 times: np.ndarray) -> np.ndarray:  # fmt: skip
    """Return the exact noiseless losses at ``times``."""
    values, error = power_law(capacity, source, n_modes)
    return 2 * risk_curve(values, error, scheme, n_steps=int(times[-1]), batch_size=batch_size)[times]


def late_laws(capacity: float, source: float, scheme: MomentumScheme, batch_size: int, n_modes: int,
              times: np.ndarray) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the asymptote at ``times``, the same with its next correction, and without its amplification.

    From the generating functions F + f s^(x - 1) of the forcing and l + k s^(1 - 1 / b) of the noise kernel at s = 0+,
    by s^z -> t^(-z - 1) / Gamma(-z), the correction is relative to t^-(1 - 1 / b). What remains is of relative order
    1 / t. The loss of the modes that are cut off is taken away again.
    """
    b, a, t = capacity, source, np.asarray(times, dtype=float)
    terms = _leading_terms(b, a, scheme, batch_size, n_modes)
    asymptote = power_law_asymptote(t, capacity=b, source=a, scheme=scheme, batch_size=batch_size, **terms)
    plain = power_law_asymptote(t, capacity=b, source=a, scheme=scheme, batch_size=batch_size,
                                **terms | dict(iterate_stability=0.0))  # fmt: skip
    eta, slack = scheme.effective_learning_rate, 1 - terms["stability"]
    memory, power = 1 - 1 / b, (a - 1) / b
    kernel = eta**2 / batch_size * gamma(1 + memory) / b * (2 * eta) ** -(1 + memory)
    recalled = kernel * gamma(-memory) / slack * t**-memory
    summed = terms["cumulative"]
    if a < b + 1:  # the sum diverges with the number of modes, and its finite part is what counts
        summed -= (n_modes + 0.5) ** (b - a + 1) / (b - a + 1) / (2 * eta * slack)
    bias = gamma(power) / b * (2 * eta * t) ** -power * (1 + recalled * gamma(1 - power) * rgamma(1 - power - memory))
    noise = kernel * summed * t ** -(1 + memory) * (1 + recalled * gamma(-memory) * rgamma(-2 * memory))
    cut = (n_modes + 0.5) ** (1 - a) / (a - 1)
    corrected = (1 + terms["iterate_stability"] / slack) * (bias + noise - cut)
    return dict(asymptote=asymptote, corrected=corrected, no_amplification=plain)


def _leading_terms(capacity: float, source: float, scheme: MomentumScheme, batch_size: int,
                   n_modes: int) -> dict[str, Any]:  # fmt: skip
    """Return the traces of the noise kernels and the summed loss, with the modes that are cut off put back."""
    values, error = power_law(capacity, source, n_modes)
    trace = stability_trace(values, scheme, batch_size=batch_size)
    iterate = 2 * (1 - trace) * stationary_risk(values, scheme, noise_variance=1.0, batch_size=batch_size)
    beyond = (n_modes + 0.5) ** (1 - capacity) / (capacity - 1) * scheme.effective_learning_rate / (2 * batch_size)
    summed = cumulative_lookahead_loss(values, error, scheme, batch_size=batch_size)
    return dict(stability=trace + beyond, iterate_stability=iterate + beyond,
                cumulative=summed * (1 - trace) / (1 - trace - beyond))  # fmt: skip
