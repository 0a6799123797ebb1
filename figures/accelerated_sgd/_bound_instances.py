"""Random problems for the published bounds: the exact risk of averaged SGD, the bounds, and wrong versions of them."""

from __future__ import annotations

import numpy as np

from theory.accelerated_sgd import sgd_risk_lower_bound, sgd_risk_upper_bound, sgd_scheme, tail_average_risk_curve

Problem = tuple[np.ndarray, np.ndarray, float, int, int, float]  # spectrum, error, step, burn-in, length, noise
PSI = 3.0  # the fourth-moment constant of Gaussian features
SHORTEST = 500  # iterates that the lower bound asks for


def upper_instances(batch: int, n_instances: int) -> dict[str, np.ndarray]:
    """Return the exact risks of random tail averages, their upper bounds, and wrong bounds, each (n_instances,)."""
    rng = np.random.default_rng([1, batch])
    problems = _extreme_for_upper() if batch == 0 else []
    while len(problems) < n_instances:
        values, error, noise = _random_problem(rng)
        step = 10.0 ** rng.uniform(-3.0, 0.0) * 0.999 / (PSI * values.sum())
        burn_in, length = int(10 ** rng.uniform(0, 2.5)) - 1, int(10 ** rng.uniform(0, 2.5))
        problems.append((values, error, step, burn_in, length, noise))
    rows = []
    for values, error, step, burn_in, length, noise in problems:
        bound = sgd_risk_upper_bound(values, error, learning_rate=step, burn_in=burn_in, n_average=length,
                                     noise_variance=noise)  # fmt: skip
        bias, multiplicative, additive = _upper_terms(values, error, step, burn_in, length, noise)
        load = PSI * step * values.sum()
        rows.append((exact_risk(values, error, step, burn_in, length, noise), bound,
                     2 * bias + 2 * additive / (1 - load), 2 * (bias + multiplicative + additive)))  # fmt: skip
    return dict(zip(("exact", "bound", "no_multiplicative", "no_amplification"), np.array(rows).T, strict=True))


def lower_instances(batch: int, n_instances: int) -> dict[str, np.ndarray]:
    """Return the exact risks of random averages from the start, their lower bounds, and wrong bounds."""
    rng = np.random.default_rng([2, batch])
    problems = _extreme_for_lower() if batch == 0 else []
    while len(problems) < n_instances:
        values, error, noise = _random_problem(rng)
        length = int(rng.integers(SHORTEST, 1200))
        # Steps up to 1 / lambda_1 at which the risk stays finite.
        step = 10.0 ** rng.uniform(-3.0, 0.0) * min(0.999 / values.max(), 1.0 / values.sum())
        problems.append((values, error, step, 0, length, noise))
    rows = []
    for values, error, step, _, length, noise in problems:
        bound = sgd_risk_lower_bound(values, error, learning_rate=step, n_average=length, noise_variance=noise)
        learnt = values >= 1.0 / (length * step)
        unlearnt = length * step**2 * (values[~learnt] ** 2).sum()
        left = 0.001 * (values[~learnt] @ error[~learnt] ** 2) + noise / 50
        rows.append((exact_risk(values, error, step, 0, length, noise), bound,
                     bound + left * (len(values) / length - learnt.sum() / length - unlearnt)))  # fmt: skip
    return dict(zip(("exact", "bound", "all_directions"), np.array(rows).T, strict=True))


def exact_risk(values: np.ndarray, error: np.ndarray, step: float, burn_in: int, length: int, noise: float) -> float:
    """Return the exact risk of the tail average of SGD with Gaussian features."""
    curve = tail_average_risk_curve(values, error, sgd_scheme(step), burn_in=burn_in, n_average=length,
                                    noise_variance=noise)  # fmt: skip
    return float(curve[-1])


def _random_problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Draw a spectrum (powers, exponentials, exponential variables), and bias and noise of very different weights."""
    size, kind = int(rng.integers(1, 201)), rng.integers(3)
    index = np.arange(1.0, size + 1.0)
    if kind == 0:
        values = index ** -rng.uniform(0.0, 3.0)
    elif kind == 1:
        values = np.exp(-index * rng.uniform(0.01, 0.5))
    else:
        values = rng.exponential(size=size) + 1e-6
    error = rng.normal(size=size) * values ** rng.uniform(-1.0, 1.0)
    error *= 10.0 ** rng.uniform(-2, 2) / np.sqrt((values * error**2).sum())
    bias, noise = [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)][rng.integers(3)]
    return values, bias * error, noise * 10.0 ** rng.uniform(-2, 2)


def _extreme_for_upper() -> list[Problem]:
    """Bias alone at a tiny step, one mode at the largest step, and an average so late that gradient noise is all."""
    flat, one, fifty = np.ones(200), np.ones(1), np.ones(50)
    return [
        (flat, flat, 1e-6 / 200, 0, 1, 0.0),
        (one, 0 * one, 0.999 / PSI, 100, 20000, 1.0),
        (fifty, fifty, 0.9 / (PSI * 50), 3000, 100, 0.0),
    ]


def _extreme_for_lower() -> list[Problem]:
    """A single mode, noise alone, at the cut-off lambda = 1 / (N eta), where the theorem counts most for the least."""
    one = np.ones(1)
    return [(one, 0 * one, 1.0 / length, 0, length, 1.0) for length in (SHORTEST, 8 * SHORTEST)]


def _upper_terms(values: np.ndarray, error: np.ndarray, step: float, burn_in: int, length: int,
                 noise: float) -> tuple[float, float, float]:  # fmt: skip
    """Return the bias, multiplicative and additive terms of the upper bound, before their common factors."""
    end = burn_in + length
    head, early = values >= 1 / (length * step), values >= 1 / (end * step)
    left = (1 - step * values) ** (2 * burn_in) * error**2
    bias = (left[head] / values[head]).sum() / (step * length) ** 2 + (values * left)[~head].sum()
    dimension = head.sum() / length + length * step**2 * (values[~head] ** 2).sum()
    travelled = (error[early] ** 2).sum() + end * step * (values * error**2)[~early].sum()
    spread = head.sum() / length + step * values[early & ~head].sum() + end * step**2 * (values[~early] ** 2).sum()
    return bias, 4 * PSI / (length * step) * travelled * dimension, noise * spread
