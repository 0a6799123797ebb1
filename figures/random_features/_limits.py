"""Closed limits of the eigenframework, each next to the general prediction close to it, for one shared task."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from figures.random_features._ridge_path import EIGENVALUES, TARGET, TASK
from theory.random_features import RFRisk, rf_risk

FAR = 1e13  # a size that stands for infinity: corrections fall as its inverse


@dataclass(frozen=True)
class Limit:
    """The general prediction at a limit, the limit's closed form, and that form with 1 - L and (1 - L)^2 exchanged."""

    name: str
    general: RFRisk
    closed: float
    exchanged: float


def limits_at(n: int) -> list[Limit]:
    """Return the limits for n samples or n features."""
    limits = []
    gamma = gamma_learning(n)
    for ridge in (1e-3, 0.1):
        wide = _increasing_root(lambda g, ridge=ridge: g * (n - _power_sum(g, 1)) - ridge)
        factor = 1 / (1 - _power_sum(wide, 2) / n)
        general = rf_risk(**TASK, n_samples=n, n_features=FAR, ridge=ridge)
        limits.append(Limit("infinite width", general, factor * unlearned(wide, 2), factor * unlearned(wide, 1)))
        general = rf_risk(**TASK, n_samples=FAR, n_features=n, ridge=ridge)
        limits.append(Limit("infinite data", general, unlearned(gamma, 1), unlearned(gamma, 2)))
    general = rf_risk(**TASK, n_samples=3 * n, n_features=n, ridge=0.0)
    limits.append(Limit("ridge 0, k < n", general, 1.5 * unlearned(gamma, 1), 1.5 * unlearned(gamma, 2)))
    return [*limits, _isotropic(n, 2 * n), _isotropic(2 * n, n)]


def gamma_learning(learned: float) -> float:
    """Return the gamma that learns so many modes of the task."""
    return _increasing_root(lambda gamma: learned - _power_sum(gamma, 1))


def unlearned(gamma: float, order: int) -> float:
    """Return the sum of v^2 (1 - L)^order, plus the noise."""
    return float(TARGET**2 @ (gamma / (EIGENVALUES + gamma)) ** order) + TASK["noise_variance"]


def place_of_peak(n: float, ridge: float) -> float:
    """Return where in the width the test error is largest, as k/n - 1."""
    found = minimize_scalar(lambda x: -rf_risk(**TASK, n_samples=n, n_features=n * x, ridge=ridge).test_mse,
                            bounds=(0.7, 1.3), method="bounded", options={"xatol": 1e-9})  # fmt: skip
    return float(found.x) - 1


def _isotropic(n: int, k: int) -> Limit:
    """Return the closed form at ridge 0 where 1000 modes have the same eigenvalue and share power 1.6."""
    share, noise = min(n, k) / 1000, 0.2
    general = rf_risk(np.full(1000, 0.3), np.full(1000, 0.04), n_samples=n, n_features=k, ridge=0.0,
                      noise_variance=noise)  # fmt: skip
    if k < n:
        closed, exchanged = (n / (n - k) * (1.6 * (1 - share) ** order + noise) for order in (1, 2))
        return Limit("isotropic, k < n", general, closed, exchanged)
    factor, width_term = (k - n * share) / ((k - n) * (1 - share)), n * (1 - share) / (k - n * share)
    bias = 1.6 * ((1 - share) ** 2 + share * (1 - share) * width_term)
    return Limit("isotropic, n < k", general, factor * (bias + noise), factor * (1.6 * (1 - share) + noise))


def _power_sum(gamma: float, order: int) -> float:
    return float(((EIGENVALUES / (EIGENVALUES + gamma)) ** order).sum())


def _increasing_root(function: Callable[[float], float]) -> float:
    return math.exp(brentq(lambda t: function(math.exp(t)), -60, 20, xtol=1e-15, rtol=1e-14))
