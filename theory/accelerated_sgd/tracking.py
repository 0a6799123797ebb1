"""The best learning rates for a moving target, with isotropic Gaussian features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, integer, number, require

__all__ = ["TrackingSchedule", "tracking_optimal_schedule"]


@dataclass(frozen=True)
class TrackingSchedule:
    """Steps eta_0 .. eta_{T-1}, (T,), and expected squared errors before each step and after the last, (T + 1,)."""

    learning_rates: np.ndarray
    squared_errors: np.ndarray


def tracking_optimal_schedule(
    n_features: int, *, initial_squared_error: float, drift: Any, noise_variance: float, batch_size: float = 1
) -> TrackingSchedule:
    """Learning rates of SGD that follow a randomly moving target best, and the squared errors that they reach.

    Assumptions: x ~ N(0, I_d), d = ``n_features``; y = x . w*_t + noise of variance sigma^2 = ``noise_variance``;
    batches of m = ``batch_size``; after step t the target moves by an independent increment of mean zero and mean
    square norm ``drift[t]``, (T,). The error is e_t = E|w_t - w*_t|^2, e_0 = ``initial_squared_error``.

    Statement: e_{t+1} = e_t (1 - 2 eta + g eta^2) + eta^2 sigma^2 d / m + drift_t with g = 1 + (d + 1) / m. It rises
    with e_t, so the step that minimises the next error, eta_t = e_t / (g e_t + sigma^2 d / m), minimises all later ones
    too, and e_{t+1} = e_t (1 - eta_t) + drift_t. A jump of the target raises the step. Without noise the step is the
    constant 1 / g.

    Nature: exact; the optimum over all schedules fixed in advance. Raises ``ValueError`` for bad input.
    Source: an isotropic discrete-time counterpart, derived in this project, of the schedules in Fahrbach, Javanmard,
    Mirrokni, Worah (ICML 2023), Learning Rate Schedules in the Presence of Distribution Shift.
    """
    d = integer("n_features", n_features, "[1, inf)")
    start = number("initial_squared_error", initial_squared_error, "[0, inf)")
    moves = array("drift", drift, "[0, inf)", shape=(None,))
    with np.errstate(over="ignore"):
        require(bool(np.isfinite(start + moves.sum())), "drift", "array of infinite sum", "a finite sum")
    noise = number("noise_variance", noise_variance, "[0, inf)")
    m = number("batch_size", batch_size, "[1, inf]")
    growth, floor = 1.0 + (d + 1) / m, noise * d / m

    rates, errors = np.empty(len(moves)), np.empty(len(moves) + 1)
    errors[0] = error = start
    for t, move in enumerate(moves.tolist()):
        if floor == 0.0:
            rate = 1.0 / growth
        else:
            rate = 1.0 / (growth + floor / error) if error > 0.0 else 0.0
        error = error * (1.0 - rate) + move
        rates[t], errors[t + 1] = rate, error
    return TrackingSchedule(rates, errors)
