"""Power-law tasks by their spectral sums, next to the closed forms: risks, numeric optima and learning curves.

A slack s fixes the learnt modes z = n (1 - s); noise is relative to the noise-free interpolator of infinite width.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from theory.random_features import (
    RFRisk,
    infinite_power_law_task,
    power_law_risk,
    rf_infinite_data_risk,
    rf_optimal_ridge,
    rf_risk,
    rf_risk_at_gamma,
)


@functools.lru_cache(maxsize=16)
def _task(alpha: float, beta: float) -> dict[str, np.ndarray]:
    names = ("eigenvalues", "target_coefficients", "multiplicities")
    return dict(zip(names, infinite_power_law_task(alpha, beta), strict=True))


def unit_error(alpha: float, beta: float, n_samples: float) -> float:
    """Return E_0, the noise-free test error of the interpolating kernel predictor."""
    return power_law_risk(alpha, beta, n_samples=n_samples, slack=0.0)


def at_slack(alpha: float, beta: float, n_samples: float, slack: float, *, width_ratio: float = math.inf,
             noise_variance: float = 0.0) -> RFRisk:  # fmt: skip
    """Return the eigenframework's prediction from the spectral sums at a slack."""
    task = _task(alpha, beta)
    # The gamma that learns n (1 - s) modes is that of an interpolator with so many samples.
    gamma = rf_risk(n_samples=n_samples * (1 - slack), n_features=math.inf, ridge=0.0, **task).gamma
    return rf_risk_at_gamma(gamma=gamma, n_samples=n_samples, n_features=width_ratio * n_samples,
                            noise_variance=noise_variance, **task)  # fmt: skip


def spectrum_risk(alpha: float, beta: float, n_samples: float, slack: float, relative_noise: float,
                  width_ratio: float = math.inf) -> float:  # fmt: skip
    """Return the test error from the spectral sums."""
    noise = relative_noise * unit_error(alpha, beta, n_samples)
    return at_slack(alpha, beta, n_samples, slack, width_ratio=width_ratio, noise_variance=noise).test_mse


def closed_risk(alpha: float, beta: float, n_samples: float, slack: float, relative_noise: float,
                width_ratio: float = math.inf) -> float:  # fmt: skip
    """Return the test error in closed form."""
    noise = relative_noise * unit_error(alpha, beta, n_samples)
    sizes = dict(n_samples=n_samples, n_features=width_ratio * n_samples)
    return power_law_risk(alpha, beta, slack=slack, noise_variance=noise, **sizes)


def relative_risk(alpha: float, beta: float, relative_noise: float, slacks: np.ndarray) -> np.ndarray:
    """Return the closed-form test error over E_0 at infinite width."""
    return np.array([closed_risk(alpha, beta, 1.0, slack, relative_noise) for slack in slacks]) / unit_error(
        alpha, beta, 1.0
    )


def best_slack(alpha: float, beta: float, relative_noise: float, n_samples: float,
               width_ratio: float = math.inf) -> float:  # fmt: skip
    """Return the slack at the numerically best ridge of the spectral sums; exactly 0 where that ridge is 0."""
    noise = relative_noise * unit_error(alpha, beta, n_samples)
    best = rf_optimal_ridge(n_samples=n_samples, n_features=width_ratio * n_samples, noise_variance=noise,
                            **_task(alpha, beta))  # fmt: skip
    return math.sqrt(best.fitting_ratio)


def closed_best_slack(alpha: float, beta: float, relative_noise: float, n_samples: float,
                      width_ratio: float = math.inf) -> float:  # fmt: skip
    """Return the slack that minimises the closed-form error: a scan of all slacks, then a local search."""

    def error(slack: float) -> float:
        return closed_risk(alpha, beta, n_samples, slack, relative_noise, width_ratio)

    scan = np.linspace(0.0, 0.99, 100)
    lowest = int(np.argmin([error(slack) for slack in scan]))
    bounds = (scan[max(lowest - 1, 0)], scan[min(lowest + 1, len(scan) - 1)])
    found = minimize_scalar(error, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return 0.0 if error(0.0) <= found.fun else float(found.x)


def largest_root(gap: float, factor: float) -> float:
    """Return the largest root x of gap^2 (x - 1)^2 - gap (x^2 - 1) + factor x."""
    return float(np.roots([gap**2 - gap, factor - 2 * gap**2, gap**2 + gap]).real.max())


def numeric_threshold(alpha: float, beta: float, n_samples: float, width_ratio: float = math.inf) -> float:
    """Return the relative noise up to which the numerically best ridge is exactly 0."""

    def interpolates(noise: float) -> bool:
        return best_slack(alpha, beta, noise, n_samples, width_ratio) == 0.0

    return _last(interpolates, 0.0, 4.0, 26)


def numeric_least_width(alpha: float, beta: float, n_samples: float) -> float:
    """Return the least n_features / n_samples at which the numerically best ridge without noise is exactly 0."""

    def regularises(log_ratio: float) -> bool:
        return best_slack(alpha, beta, 0.0, n_samples, math.exp(log_ratio)) > 0.0

    return math.exp(_last(regularises, 0.5, 5.0, 20))


def errors_in_samples(alpha: float, beta: float, sizes: np.ndarray) -> Any:
    """Return the errors of the noise-free interpolating kernel predictor with so many samples."""
    return rf_risk(n_samples=sizes, n_features=math.inf, ridge=0.0, **_task(alpha, beta)).test_mse


def errors_in_features(alpha: float, beta: float, sizes: np.ndarray) -> np.ndarray:
    """Return the noise-free errors of so many features with infinitely many samples."""
    return np.array([rf_infinite_data_risk(n_features=size, **_task(alpha, beta)) for size in sizes])


def errors_with_noise(alpha: float, beta: float, sizes: np.ndarray) -> np.ndarray:
    """Return the excess errors over noise of variance 0.5, at the best ridge and infinite width."""
    arguments = dict(n_features=math.inf, noise_variance=0.5, **_task(alpha, beta))
    return np.array([rf_optimal_ridge(n_samples=size, **arguments).test_mse - 0.5 for size in sizes])


def _last(holds: Callable[[float], bool], low: float, high: float, n_steps: int) -> float:
    """Return where a condition that holds at ``low`` and not at ``high`` ends, by bisection."""
    for _ in range(n_steps):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return 0.5 * (low + high)
