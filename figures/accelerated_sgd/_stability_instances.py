"""Random problems for mean-square stability, and thresholds by bisection, all judged by dense spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq

from figures.accelerated_sgd._dense import DenseMoments
from theory.accelerated_sgd import (
    MomentumScheme,
    growth_rate,
    heavy_ball_scheme,
    is_mean_square_stable,
    mode_spectral_radius,
    nesterov_scheme,
    overparameterized_asgd_scheme,
    sgd_scheme,
    stability_trace,
)


def stability_instances(*, batch: int, n_instances: int) -> dict[str, Any]:
    """Return growth rates of random problems, numerical and predicted, and the shares of wrong decisions."""
    rng = np.random.default_rng([5, batch])
    rates, wrong = [], []
    for _ in range(n_instances):
        values = rng.uniform(0.05, 1.5, size=int(rng.integers(1, 5)))
        if rng.random() < 0.5:
            scheme = sgd_scheme(rng.uniform(0.05, 1.5))
        else:
            delta, c = rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.95)
            scheme = MomentumScheme(delta, c, c * delta + rng.uniform(0.01, 1.0))
        radial = float(rng.choice([1.0, 1.5]))
        law = dict(kurtosis=float(rng.choice([1.0, 1.8, 3.0, 6.0])), batch_size=int(rng.integers(1, 10)),
                   radial_fourth_moment=radial)  # fmt: skip
        numerical = DenseMoments(values, scheme, **law).growth_rate()
        mean_rate = float(mode_spectral_radius(values, scheme).max()) ** 2
        rates.append((numerical, growth_rate(values, scheme, **law), mean_rate,
                      growth_rate(values, scheme, **law | dict(kurtosis=1 + 1 / radial))))  # fmt: skip
        stable = is_mean_square_stable(values, scheme, **law)
        judged = (stable, mean_rate < 1, scheme.lookahead_learning_rate * values.sum() < 2)
        wrong.append([decision != (numerical < 1) for decision in judged])
    names = ("numerical", "predicted", "mean_dynamics", "no_excess")
    shares = dict(zip(("wrong", "wrong_mean", "wrong_trace"), np.mean(wrong, axis=0), strict=True))
    return dict(zip(names, np.array(rates).T, strict=True)) | shares


def dense_critical_step(*, eigenvalues: np.ndarray, kind: str, momentum: float, batch_size: float,
                        kurtosis: float) -> float:  # fmt: skip
    """Return the step at which the numerical growth rate is 1."""

    def excess(step: float) -> float:
        if kind == "sgd":  # its diagonal moments close on themselves, whatever the dimension
            matrix = np.diag((1 - step * eigenvalues) ** 2 + (kurtosis - 2) * (step * eigenvalues) ** 2 / batch_size)
            matrix += step**2 / batch_size * np.outer(eigenvalues, eigenvalues)
            return float(np.linalg.eigvalsh(matrix)[-1]) - 1
        scheme = (nesterov_scheme if kind == "nesterov" else heavy_ball_scheme)(step, momentum=momentum)
        return DenseMoments(eigenvalues, scheme, batch_size=batch_size, kurtosis=kurtosis).growth_rate() - 1

    return brentq(excess, 0.01, 2.5, xtol=1e-14, rtol=1e-13)


def published_parameters(*, batch: int, n_instances: int) -> np.ndarray:
    """Return the stability trace of the published choice of parameters on random spectra, (n_instances,)."""
    rng = np.random.default_rng([6, batch])
    traces = []
    for _ in range(n_instances):
        size = int(rng.integers(2, 200))
        index = np.arange(1.0, size + 1.0)
        values = index ** -rng.uniform(0.0, 3.0) if rng.random() < 0.5 else rng.exponential(size=size) + 1e-6
        kappa = int(rng.integers(1, size))
        tail = np.sort(values)[::-1][kappa:].sum()
        delta = 10.0 ** rng.uniform(-1, 0) / (6 * values.sum())
        gamma = delta * (1 / (6 * tail) / delta) ** rng.uniform(0, 1) * (1 - 1e-12)
        scheme = overparameterized_asgd_scheme(values, delta=delta * (1 - 1e-12), gamma=gamma, kappa_tilde=kappa)
        traces.append(stability_trace(values, scheme))
    return np.array(traces)
