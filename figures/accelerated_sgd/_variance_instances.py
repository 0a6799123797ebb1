"""Random problems for the variance: its exact value between the two ends of the sandwich, its ordering, its rate."""

from __future__ import annotations

from typing import Any

import numpy as np

from theory.accelerated_sgd import (
    MomentumScheme,
    asgd_scheme,
    asgd_variance_rate,
    mode_stationary_variance,
    risk_curve,
    sgd_scheme,
    stability_trace,
    tail_average_constant,
    tail_average_risk_curve,
    variance_sandwich,
)

Instance = tuple[np.ndarray, MomentumScheme, int, int, dict[str, float]]  # spectrum, scheme, burn-in, length, law


def sandwich_instances(*, batch: int, n_instances: int) -> dict[str, np.ndarray]:
    """Return exact variances and their bounds, each (n_instances,), with the upper bound less one factor."""
    rng = np.random.default_rng([7, batch])
    chosen = _extremes() if batch == 0 else []
    while len(chosen) < n_instances:
        values = _spectrum(rng)
        delta, c = 10.0 ** rng.uniform(-2, 0) / values.sum(), rng.uniform(0, 0.95)
        scheme = MomentumScheme(delta, c, c * delta + delta * 10.0 ** rng.uniform(-1, 0.5))
        law = dict(batch_size=int(rng.integers(1, 9)), kurtosis=float(rng.choice([1.8, 3.0, 6.0])),
                   radial_fourth_moment=float(rng.choice([1.0, 1.5])))  # fmt: skip
        if stability_trace(values, scheme, **law) < 0.95:
            chosen.append((values, scheme, int(rng.integers(0, 200)), int(rng.integers(1, 300)), law))
    rows = []
    for values, scheme, burn_in, length, law in chosen:
        sizes = dict(burn_in=burn_in, n_average=length)
        exact = tail_average_risk_curve(values, 0 * values, scheme, noise_variance=1.0, **sizes, **law)[-1]
        ends = variance_sandwich(values, scheme, **sizes, **law)
        one_factor = ends.lower / (1 - stability_trace(values, scheme, **law))
        rows.append((exact, ends.lower, ends.upper, one_factor))
    return dict(zip(("exact", "lower", "upper", "one_factor"), np.array(rows).T, strict=True))


def _extremes() -> list[Instance]:
    """Hardly any gradient noise, and the averages of isotropic features that the full upper bound is needed for."""
    gaussian = dict(batch_size=1, kurtosis=3.0, radial_fourth_moment=1.0)
    quiet = (np.ones(5), sgd_scheme(0.1), 0, 50, gaussian | dict(batch_size=10**4))
    return [quiet, (np.ones(3), sgd_scheme(0.3), 0, 20000, gaussian)]


def ordering_instances(*, batch: int, n_instances: int) -> dict[str, np.ndarray]:
    """Return how far accelerated variance falls below that of SGD on random problems, largest over a whole run.

    Fields, (n_instances,): at gamma >= delta and at delta/2, below SGD with step delta; at gamma >= delta below SGD
    with the effective step, where that is stable; at gamma >= delta in stability trace and constant of long averages.
    """
    rng = np.random.default_rng([8, batch])
    rows = []
    while len(rows) < n_instances:
        values, scheme, plain, _, beta = _accelerated(rng)
        law = dict(batch_size=int(rng.integers(1, 9)))
        if stability_trace(values, scheme, **law) >= 0.95:
            continue
        burn_in = int(rng.integers(0, 100))
        slow = asgd_scheme(alpha=1 / (1 + beta), beta=beta, gamma=plain.learning_rate / 2, delta=plain.learning_rate)
        reference = _curves(values, plain, burn_in, law)
        same_pace = sgd_scheme(scheme.effective_learning_rate)
        stable = stability_trace(values, same_pace, **law) < 1
        accelerated = _curves(values, scheme, burn_in, law)
        traces, constants = (
            [function(values, one, **arguments, **law) for one in (scheme, slow, plain)]
            for function, arguments in ((stability_trace, {}), (tail_average_constant, dict(noise_variance=1.0)))
        )
        rows.append((_shortfall(accelerated, reference), _shortfall(_curves(values, slow, burn_in, law), reference),
                     _shortfall(accelerated, _curves(values, same_pace, burn_in, law)) if stable else 0.0,
                     *(max(0.0, 1 - traces[i] / traces[2], 1 - constants[i] / constants[2])
                       for i in (0, 1))))  # fmt: skip
    names = ("longer_step", "half_step", "effective_step", "closed_forms", "closed_half_step")
    return dict(zip(names, np.array(rows).T, strict=True))


def _curves(values: np.ndarray, scheme: MomentumScheme, burn_in: int, law: dict[str, Any]) -> np.ndarray:
    """Return the variances of the last iterate and of tail averages, for all lengths."""
    zero, n_average = np.zeros_like(values), 200
    with_noise = law | dict(noise_variance=1.0)
    last = risk_curve(values, zero, scheme, n_steps=burn_in + n_average, **with_noise)[1:]
    tail = tail_average_risk_curve(values, zero, scheme, burn_in=burn_in + 1, n_average=n_average, **with_noise)
    return np.concatenate([last, tail])


def _shortfall(curve: np.ndarray, reference: np.ndarray) -> float:
    return max(0.0, float((1 - curve / reference)[reference > 0].max()))


def rate_instances(*, batch: int, n_instances: int) -> dict[str, np.ndarray]:
    """Return exact variances and their rates, accelerated SGD first, SGD second, each (n_instances, 2).

    ``rate`` is the effective-dimension sum, ``factor`` the amplification max 1 / (1 - x_i) / (1 - l) in units of which
    it bounds from above; ``short_step`` and ``two_terms`` are wrong sums.
    """
    rng = np.random.default_rng([9, batch])
    rows = _extreme_rates() if batch == 0 else []
    while len(rows) < n_instances:
        values, scheme, plain, gamma, _ = _accelerated(rng)
        burn_in, length = int(rng.integers(0, 200)), int(rng.integers(4, 600))
        if stability_trace(values, scheme) < 0.95 and length * (1 - scheme.momentum) >= 4:
            rows.append([_rate_row(values, *one, burn_in, length)
                         for one in ((scheme, gamma), (plain, plain.learning_rate))])  # fmt: skip
    columns = np.moveaxis(np.array(rows), -1, 0)
    return dict(zip(("exact", "rate", "factor", "short_step", "two_terms"), columns, strict=True))


def _extreme_rates() -> list[list[list[float]]]:
    """One mode at which each constant is reached: for accelerated SGD at N (1 - c) = 4, and for SGD."""
    rows = []
    for length, burn_in, swing, plain in ((1000, 20000, 853.0, (0.5, 20000, 1000)), (5, 0, 1.0, (0.25, 0, 4))):
        beta = 2 / (length - 2) * (1 + 1e-12)  # 1 - c = 2 beta / (1 + beta)
        scheme = asgd_scheme(alpha=1 / (1 + beta), beta=beta, gamma=1.0, delta=1e-6)
        step, *sizes = plain
        rows.append([_rate_row(np.array([swing / length]), scheme, 1.0, burn_in, length),
                     _rate_row(np.ones(1), sgd_scheme(step), step, *sizes)])  # fmt: skip
    return rows


def _rate_row(values: np.ndarray, scheme: MomentumScheme, step: float, burn_in: int, length: int) -> list[float]:
    trace = stability_trace(values, scheme)
    sizes = dict(burn_in=burn_in, n_average=length)
    exact = tail_average_risk_curve(values, 0 * values, scheme, noise_variance=1.0, **sizes)[-1]
    rates = [asgd_variance_rate(values, gamma=one, noise_variance=1.0, stability=0.0, **sizes)
             for one in (step, scheme.learning_rate)]  # fmt: skip
    share = values**2 * mode_stationary_variance(values, scheme).lookahead
    factor = float((1 / (1 - share)).max()) / (1 - trace)
    return [exact, rates[0], factor, rates[1], np.minimum(1 / length, step * values).sum()]


def _accelerated(rng: np.random.Generator) -> tuple[np.ndarray, MomentumScheme, MomentumScheme, float, float]:
    """Draw a spectrum, accelerated SGD with gamma >= delta, SGD with step delta, gamma and beta."""
    values = _spectrum(rng)
    delta = 10.0 ** rng.uniform(-2, 0) / values.sum()
    gamma, beta = delta * 10.0 ** rng.uniform(0.0, 1.5), 10.0 ** rng.uniform(-1.5, 0.0)
    scheme = asgd_scheme(alpha=1 / (1 + beta), beta=beta, gamma=gamma, delta=delta)
    return values, scheme, sgd_scheme(delta), gamma, beta


def _spectrum(rng: np.random.Generator) -> np.ndarray:
    size, kind = int(rng.integers(1, 61)), rng.integers(3)
    index = np.arange(1.0, size + 1.0)
    if kind == 0:
        return index ** -rng.uniform(0.0, 3.0)
    return np.exp(-index * rng.uniform(0.01, 0.5)) if kind == 1 else rng.exponential(size=size) + 1e-6
