"""Spectra of two levels, 1 and mu, half of the modes each: contraction of the second moments by a route of its own."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize_scalar

from theory.accelerated_sgd import MomentumScheme, critical_learning_rate, growth_rate, sgd_scheme

DIGITS = 40


def two_levels(smallest: float, n_features: int) -> np.ndarray:
    """Return the spectrum."""
    return np.repeat([1.0, smallest], n_features // 2)


def condition_number(smallest: float, n_features: int) -> float:
    """Return kappa = (tr H + 2 lambda_1) / mu, for Gaussian features."""
    return float((two_levels(smallest, n_features).sum() + 2.0) / smallest)


def accelerated_scale(smallest: float, n_features: int) -> float:
    """Return S = sqrt(kappa kappa_tilde), kappa_tilde = d + 2."""
    return math.sqrt(condition_number(smallest, n_features) * (n_features + 2))


def contraction(smallest: float, n_features: int, scheme: MomentumScheme) -> float:
    """Return 1 - rho, rho the spectral radius of the map of the second moments, in 40 digits.

    Modes of equal eigenvalue move alike, so that the map has the moments E w^2, E w y, E y^2 of two modes: 6 x 6.
    """
    import mpmath as mp

    with mp.workdps(DIGITS):
        delta, c, q = (mp.mpf(x) for x in (scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate))
        levels = [mp.mpf(1), mp.mpf(smallest)]
        steps = (delta**2, delta * q, q**2)
        operator = mp.zeros(6)
        for row, value in enumerate(levels):
            short, ahead = 1 - delta * value, 1 + c - q * value
            mean = ((0, 0, short**2), (0, -c * short, short * ahead), (c**2, -2 * c * ahead, ahead**2))
            for i in range(3):
                for j in range(3):
                    operator[3 * row + i, 3 * row + j] += mean[i][j]
                operator[3 * row + i, 3 * row + 2] += steps[i] * value**2
                for column, other in enumerate(levels):
                    operator[3 * row + i, 3 * column + 2] += steps[i] * value * other * n_features / 2
        radius = max(abs(root) for root in mp.eig(operator, left=False, right=False))
        return float(1 - radius)


def best_sgd_contraction(smallest: float, n_features: int) -> float:
    """Return 1 - rho of SGD at the constant step that contracts fastest, by search."""
    values = two_levels(smallest, n_features)
    critical = critical_learning_rate(values)

    def rate(step: float) -> float:
        return growth_rate(values, sgd_scheme(step))

    found = minimize_scalar(rate, bounds=(0.0, critical), method="bounded", options={"xatol": 1e-7 * critical})
    return 1.0 - float(found.fun)
