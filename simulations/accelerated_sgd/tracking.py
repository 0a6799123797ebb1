"""SGD on a moving target with isotropic Gaussian features."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import array, integer, number
from simulations.accelerated_sgd._gradients import chi_square, draw_gradient
from simulations.accelerated_sgd._input import finite, run_blocks

__all__ = ["simulate_tracking_error"]


def simulate_tracking_error(
    n_features: int,
    *,
    learning_rates: ArrayLike,
    initial_squared_error: float,
    drift: ArrayLike,
    noise_variance: float,
    batch_size: int = 1,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Squared error ``|w_t - w*_t|^2`` of SGD on a moving target, for t = 0, ..., T: (n_trials, T + 1).

    Features ``x ~ N(0, I)`` in d dimensions, labels ``x.w*_t + noise``, m fresh samples a step. Step t goes from w_t to
    w_{t+1} along the mean gradient at w_t with ``learning_rates[t]``; then the target moves by an independent normal
    vector of mean 0 and mean squared length ``drift[t]``. The law of the error is invariant under rotations, so its
    length is a Markov chain, which is sampled without error: a step costs a few draws for any d and m.

    n_features: d. learning_rates, drift: (T,). Source: an isotropic analogue in discrete
    time of Fahrbach et al., "Learning Rate Schedules in the Presence of Distribution Shift", ICML 2023.

    Raises ``ValueError`` for counts below 1, negative rates, drifts, errors or noise, a drift of another shape, and for
    a run that overflows.
    """
    n_features = integer("n_features", n_features, "[1, inf)")
    learning_rates = array("learning_rates", learning_rates, "[0, inf)", shape=(None,))
    initial_squared_error = number("initial_squared_error", initial_squared_error, "[0, inf)")
    drift = array("drift", drift, "[0, inf)", shape=learning_rates.shape)
    noise_scale = math.sqrt(number("noise_variance", noise_variance, "[0, inf)"))
    batch_size = integer("batch_size", batch_size, "[1, inf)")
    errors = np.empty((integer("n_trials", n_trials, "[1, inf)"), len(learning_rates) + 1))
    errors[:, 0] = initial_squared_error
    drift_scales = np.sqrt(drift / n_features)
    samples = run_blocks(_fill_errors, errors, seed, n_features, learning_rates, drift_scales, noise_scale, batch_size)
    return finite(samples, "learning_rates", learning_rates)


@njit(cache=True, nogil=True)
def _fill_errors(rng, n_features, learning_rates, drift_scales, noise_scale, batch_size, errors):
    """Fill ``errors[:, 1:]``, (n_trials, T); column 0 holds the start. ``drift_scales`` are per coordinate."""
    for trial in range(len(errors)):
        for t in range(len(learning_rates)):
            norm = math.sqrt(errors[trial, t])
            along, across = draw_gradient(rng, norm, noise_scale, batch_size)
            across *= learning_rates[t]
            squared = (norm - learning_rates[t] * along) ** 2 + across**2 * chi_square(rng, n_features - 1)
            if drift_scales[t] > 0.0:
                parallel = math.sqrt(squared) + drift_scales[t] * rng.standard_normal()
                squared = parallel**2 + drift_scales[t] ** 2 * chi_square(rng, n_features - 1)
            errors[trial, t + 1] = squared
