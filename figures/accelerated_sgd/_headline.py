"""The headline experiment: an error along one direction of a power-law spectrum, accelerated SGD and SGD."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from theory.accelerated_sgd import (
    MomentumScheme,
    critical_learning_rate,
    overparameterized_asgd_scheme,
    sgd_scheme,
    tail_average_risk_curve,
)

EIGENVALUES = np.arange(1.0, 2001.0) ** -2
NOISE_VARIANCE, SIZE = 0.01, 10.0
BURN_IN = N_AVERAGE = 500
ACCELERATED = overparameterized_asgd_scheme(EIGENVALUES, delta=0.1, gamma=0.9, kappa_tilde=5)
PLAIN = sgd_scheme(ACCELERATED.learning_rate)


def problem(direction: int, scheme: MomentumScheme) -> dict[str, Any]:
    """Return the arguments that predictor and simulator share: an error of length 10 along one direction, from 1."""
    error = np.zeros_like(EIGENVALUES)
    error[direction - 1] = SIZE
    return dict(eigenvalues=EIGENVALUES, initial_error=error, scheme=scheme, noise_variance=NOISE_VARIANCE,
                burn_in=BURN_IN)  # fmt: skip


def headline_curves(*, direction: int) -> dict[str, Any]:
    """Return the exact curves in the averaging length: accelerated, SGD with the short step, and with the best one."""

    def curve(scheme: MomentumScheme, **changes: Any) -> np.ndarray:
        return tail_average_risk_curve(**problem(direction, scheme), n_average=N_AVERAGE, **changes)

    # Past the stability threshold the risk of 1000 steps is astronomical, or overflows.
    longest = 0.95 * critical_learning_rate(EIGENVALUES)
    found = minimize_scalar(lambda t: math.log(curve(sgd_scheme(math.exp(t)))[-1]), method="bounded",
                            bounds=(math.log(0.02), math.log(longest)), options=dict(xatol=1e-3))  # fmt: skip
    best = math.exp(found.x)
    return dict(accelerated=curve(ACCELERATED), sgd=curve(PLAIN), best_sgd=curve(sgd_scheme(best)), best_step=best,
                accelerated_additive=curve(ACCELERATED, multiplicative_noise=False),
                effective=curve(sgd_scheme(ACCELERATED.effective_learning_rate)))  # fmt: skip
