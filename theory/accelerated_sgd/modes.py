"""One eigendirection at a time: the mean dynamics of a scheme and the variance that white noise sustains in it.

In the eigenbasis of the feature covariance the mean error (w_t, y_t) of the mode with eigenvalue lambda is multiplied
at each step by the matrix A = [[0, 1 - delta lambda], [-c, 1 + c - q lambda]], with (delta, c, q) the scheme's learning
rate, momentum and look-ahead learning rate. Everything here is exact; features enter through their covariance only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from assay.base import integer, require
from theory.accelerated_sgd._problem import read_eigenvalues
from theory.accelerated_sgd.schemes import MomentumScheme

__all__ = [
    "ModeVariance",
    "acceleration_crossover",
    "complex_eigenvalue_window",
    "mean_tail_bias",
    "mode_matrix",
    "mode_spectral_radius",
    "mode_stationary_variance",
    "mode_stationary_variance_symbolic",
]


@dataclass(frozen=True)
class ModeVariance:
    """Stationary variances of the ``lookahead`` y_t and of the ``iterate`` w_t, each (d,), per unit noise."""

    lookahead: np.ndarray
    iterate: np.ndarray


def mode_matrix(eigenvalues: Any, scheme: MomentumScheme) -> np.ndarray:
    """Return the matrices A of the mean dynamics (w, y) -> A (w, y), shape (d, 2, 2).

    Exact for any features with covariance ``eigenvalues`` (d,). Raises ``ValueError`` for bad eigenvalues.
    """
    values = read_eigenvalues(eigenvalues)
    matrices = np.zeros((len(values), 2, 2))
    matrices[:, 0, 1] = 1.0 - scheme.learning_rate * values
    matrices[:, 1, 0] = -scheme.momentum
    matrices[:, 1, 1] = 1.0 + scheme.momentum - scheme.lookahead_learning_rate * values
    return matrices


def mode_spectral_radius(eigenvalues: Any, scheme: MomentumScheme) -> np.ndarray:
    """Return the spectral radius of each mode matrix, shape (d,): the rate at which the mean error contracts.

    The roots of x^2 - (1 + c - q lambda) x + c (1 - delta lambda). Exact. Raises ``ValueError`` for bad eigenvalues.
    """
    values = read_eigenvalues(eigenvalues)
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    half_trace = 0.5 * (1.0 + c - q * values)
    determinant = c * (1.0 - delta * values)
    # Expanded, because half_trace^2 - determinant loses small eigenvalues.
    discriminant = 0.25 * ((1.0 - c) ** 2 - 2.0 * values * (q * (1.0 + c) - 2.0 * c * delta) + (q * values) ** 2)
    real = np.abs(half_trace) + np.sqrt(np.maximum(discriminant, 0.0))
    return np.where(discriminant >= 0.0, real, np.sqrt(np.maximum(determinant, 0.0)))


def complex_eigenvalue_window(scheme: MomentumScheme) -> tuple[float, float]:
    """Return the interval (lower, upper) of eigenvalues whose mean dynamics oscillates.

    Statement: for q >= delta the mode matrix has complex eigenvalues, of modulus sqrt(c (1 - delta lambda)), exactly
    for lower < lambda < upper with root = sqrt(q - c delta) + sqrt(c (q - delta)), lower = ((1 - c) / root)^2,
    upper = (root / q)^2. For lambda <= lower they are real and positive. At q = delta or c = 0 the interval is a point.

    Exact. Raises ``ValueError`` for q < delta: the eigenvalues are then real at every lambda.
    Source: the cut-offs k-dagger and k-double-dagger of arXiv 2311.14222 (labels unverified), derived here.
    """
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    rule = f"at least learning_rate = {delta:g}: below it there is no complex window"
    require(q >= delta, "lookahead_learning_rate", q, rule)
    root = math.sqrt(q - c * delta) + math.sqrt(c * (q - delta))
    return ((1.0 - c) / root) ** 2, (root / q) ** 2


def acceleration_crossover(scheme: MomentumScheme) -> float:
    """Return the eigenvalue (1 - c) / delta below which the scheme contracts the mean faster than SGD with step delta.

    Statement: for delta < q <= delta (1 + 3 c) / (1 - c) and 0 < lambda < min(1 / delta, 2 (1 + c) / (q + c delta)) the
    spectral radius of the mode matrix is below 1 - delta lambda if and only if lambda is below the crossover, which
    lies inside the complex window. Infinite for the heavy ball, where delta = 0.

    Exact, for the mean alone: the full bias also leaks between modes through the gradient noise.
    Source: the sharp form of the eigen-subspace comparison of arXiv 2311.14222, derived here.
    """
    delta = scheme.learning_rate
    return (1.0 - scheme.momentum) / delta if delta > 0.0 else math.inf


def mean_tail_bias(eigenvalues: Any, scheme: MomentumScheme, *, burn_in: int, n_average: int) -> np.ndarray:
    """Return, per mode, the mean of w_s, ..., w_{s+N-1} in units of the initial error, shape (d,).

    s = ``burn_in`` and N = ``n_average``: (1/N) sum_{t=s}^{s+N-1} of the first entry of A^t (1, 1). Exact for any
    features; O(s + N) per mode. Raises ``ValueError`` for bad input, and where an unstable mode overflows.
    """
    values = read_eigenvalues(eigenvalues)
    burn_in = integer("burn_in", burn_in, "[0, inf)")
    n_average = integer("n_average", n_average, "[1, inf)")
    distinct, inverse = np.unique(values, return_inverse=True)
    steps = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    bias = _mean_tail_bias(distinct, *steps, burn_in, n_average)
    rule = f"few enough for an unstable scheme: {burn_in + n_average} steps leave the range of floats"
    require(bool(np.isfinite(bias).all()), "n_average", n_average, rule)
    return bias[inverse]


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_tail_bias(eigenvalues, learning_rate, momentum, lookahead, burn_in, n_average):
    # With u = y - w in place of w nothing cancels at momentum near 1.
    spread, ahead = np.zeros(len(eigenvalues)), np.ones(len(eigenvalues))
    total = np.zeros(len(eigenvalues))
    for t in range(burn_in + n_average):
        weight = 1.0 if t >= burn_in else 0.0
        for i in range(len(eigenvalues)):
            u, y, value = spread[i], ahead[i], eigenvalues[i]
            total[i] += weight * (y - u)
            spread[i] = momentum * u - (lookahead - learning_rate) * value * y
            ahead[i] = momentum * u + (1.0 - lookahead * value) * y
    return total / n_average


def mode_stationary_variance(eigenvalues: Any, scheme: MomentumScheme) -> ModeVariance:
    """Return the stationary variances g of y_t and f of w_t under white noise of unit variance, each (d,).

    The noise enters along (delta, q): (w, y) -> A (w, y) + (delta, q) n_t. With E = delta lambda, Q = q lambda,
    lambda g = [(1 + c)(q - c delta) + c E (q + c delta)] / [(1 - c + c E)(2 (1 + c) - Q - c E)] and
    f = (1 - E)^2 g + delta^2. Infinite where the mode is unstable, that is for lambda (q + c delta) >= 2 (1 + c).

    Exact. Raises ``ValueError`` for bad eigenvalues. Source: variance of an ARMA(2, 1) process; a result of this
    project in this form, derived by :func:`mode_stationary_variance_symbolic`.
    """
    values = read_eigenvalues(eigenvalues)
    ahead = noise_response(values, scheme) / values / values
    delta = scheme.learning_rate
    with np.errstate(invalid="ignore"):
        iterate = np.where(np.isinf(ahead), math.inf, (1.0 - delta * values) ** 2 * ahead + delta**2)
    return ModeVariance(ahead, iterate)


def noise_response(eigenvalues: np.ndarray, scheme: MomentumScheme, excess: float = 0.0) -> np.ndarray:
    """Return lambda^2 g_z for each mode, with r = sqrt(z) = 1 + excess; infinite where a root of A reaches modulus r.

    g_z is the generating function at 1/z, times 1/z, of the variance that one unit kick along (delta, q) leaves in y:
    the stationary variance g at z = 1. With chi the characteristic polynomial of A and D its determinant,
    g_z = [(z + D)(q r - c delta)^2 / chi(r) + 2 q c delta r] / [(z - D) chi(-r)].
    """
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    r = 1.0 + excess
    step, ahead = delta * eigenvalues, q * eigenvalues
    # All differences of nearly equal numbers are taken exactly, with ``excess`` and the gap q - c delta as variables:
    # at momentum near 1 and small eigenvalues chi(1) = lambda (q - c delta) is far below rounding of its terms.
    gap = eigenvalues * (q - c * delta) + ahead * excess
    above = excess * (r - c) + gap
    below = r * (r + 1.0 + c) + c - ahead * r - c * step
    inner = excess * (1.0 + r) + (1.0 - c) + c * step
    outer = r * r + c * (1.0 - step)
    stable = (above > 0.0) & (below > 0.0) & (inner > 0.0)
    response = np.full(len(eigenvalues), math.inf)
    step, ahead, gap, above = step[stable], ahead[stable], gap[stable], above[stable]
    below, inner, outer = below[stable], inner[stable], outer[stable]
    response[stable] = (outer / inner) * (gap / above) * (gap / below) + 2.0 * r * (c * step / inner) * (ahead / below)
    return response


def mode_stationary_variance_symbolic() -> tuple[Any, Any]:
    """Derive the pair (g, f) of :func:`mode_stationary_variance` with sympy.

    Solves the 3 x 3 linear system X = A X A^T + v v^T, v = (delta, q), for the stationary second moments. The positive
    symbols are named ``lambda, delta, c, q``. Exact.
    """
    import sympy as sp

    lam, delta, c, q = sp.symbols("lambda delta c q", positive=True)
    iterate, cross, ahead = sp.symbols("f x g")
    matrix = sp.Matrix([[0, 1 - delta * lam], [-c, 1 + c - q * lam]])
    moments = sp.Matrix([[iterate, cross], [cross, ahead]])
    noise = sp.Matrix([delta, q])
    residual = moments - matrix * moments * matrix.T - noise * noise.T
    solution = sp.solve([residual[0, 0], residual[0, 1], residual[1, 1]], [iterate, cross, ahead], dict=True)[0]
    return sp.factor(solution[ahead]), sp.factor(solution[iterate])
