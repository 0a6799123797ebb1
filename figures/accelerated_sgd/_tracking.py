"""Tracking a moving target with isotropic features: errors under any schedule, and searches over schedules."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, minimize_scalar


def errors_of(rates: np.ndarray, start: float, drift: np.ndarray, growth: float, floor: float) -> np.ndarray:
    """Return the squared errors e_0 .. e_T of learning rates: e' = e (1 - 2 eta + growth eta^2) + floor eta^2 + drift.

    For isotropic Gaussian features growth = 1 + (d + 1) / m and floor = sigma^2 d / m.
    """
    errors = [start]
    for rate, move in zip(rates, drift, strict=True):
        errors.append(errors[-1] * (1 - 2 * rate + growth * rate**2) + floor * rate**2 + move)
    return np.array(errors)


def best_schedule(start: float, drift: np.ndarray, growth: float, floor: float, weights: np.ndarray) -> np.ndarray:
    """Return the learning rates that minimise the weighted sum of the errors e_1 .. e_T, searched for jointly."""

    def loss(rates: np.ndarray) -> tuple[float, np.ndarray]:
        errors = errors_of(rates, start, drift, growth, floor)
        slope, slopes = 0.0, np.empty_like(rates)  # the adjoint, from the last error to the first
        for t in reversed(range(len(rates))):
            slope += weights[t]
            slopes[t] = slope * (2 * errors[t] * (growth * rates[t] - 1) + 2 * floor * rates[t])
            slope *= 1 - 2 * rates[t] + growth * rates[t] ** 2
        return float(weights @ errors[1:]), slopes

    found = minimize(loss, np.full(len(drift), 0.5 / growth), jac=True, method="L-BFGS-B",
                     options={"ftol": 1e-16, "gtol": 1e-12, "maxiter": 5000, "maxfun": 20000})  # fmt: skip
    return np.asarray(found.x)


def best_constant(start: float, drift: np.ndarray, growth: float, floor: float) -> np.ndarray:
    """Return the constant schedule with the least mean error."""
    return np.full(len(drift), _scan(lambda rate: np.full(len(drift), rate), start, drift, growth, floor, 2 / growth))


def best_inverse_time(start: float, drift: np.ndarray, growth: float, floor: float) -> np.ndarray:
    """Return the schedule 1 / (growth + t / s) with the least mean error."""
    steps = np.arange(len(drift))
    scale = _scan(lambda log: 1 / (growth + steps * np.exp(-log)), start, drift, growth, floor, 8.0)
    return np.asarray(1 / (growth + steps * np.exp(-scale)))


def _scan(schedule, start: float, drift: np.ndarray, growth: float, floor: float, largest: float) -> float:
    found = minimize_scalar(lambda x: errors_of(schedule(x), start, drift, growth, floor).mean(),
                            bounds=(0.0, largest), method="bounded")  # fmt: skip
    return float(found.x)
