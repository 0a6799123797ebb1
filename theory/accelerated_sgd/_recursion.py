"""Second moments of the iterates, mode by mode, one step after another.

In the eigenbasis the moments of different modes meet in one number only, tau = sum lambda E y^2. A mode carries four
numbers: with u = y - w they are E u^2, E u y, E y^2 and E w^2. The difference u stands in for w because momentum near 1
makes y and w nearly equal: E y^2, E w y and E w^2 alone would lose a factor 1 / (1 - c)^2 of accuracy.

The kernels add up in loops of their own, in four partial sums: then they vectorise without reordering by the compiler.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from assay.base import require
from theory.accelerated_sgd._problem import Moments
from theory.accelerated_sgd.schemes import MomentumScheme


class Groups(NamedTuple):
    """Modes of equal eigenvalue taken together; they obey the same recursion."""

    eigenvalues: np.ndarray  # (G,)
    counts: np.ndarray  # (G,), number of modes
    squared_errors: np.ndarray  # (G,), total squared initial error


def group_modes(eigenvalues: np.ndarray, initial_error: np.ndarray) -> Groups:
    """Gather equal eigenvalues. Raises ``ValueError`` where the initial error has infinite norm."""
    with np.errstate(over="ignore"):
        squares = initial_error**2
        finite = bool(np.isfinite(squares.sum()))
    require(finite, "initial_error", "array of infinite norm", "a finite sum of squares")
    distinct, inverse, counts = np.unique(eigenvalues, return_inverse=True, return_counts=True)
    return Groups(distinct, counts.astype(np.float64), np.bincount(inverse, squares))


def rates(scheme: MomentumScheme) -> tuple[float, float, float]:
    """The scheme as the kernels take it: (delta, c, q)."""
    return scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate


def injection(moments: Moments, noise_variance: float, multiplicative_noise: bool) -> tuple[float, float, float]:
    """The gradient noise as the kernels take it: (p, r4, sigma^2) / m; without its multiplicative part (0, 0, .)."""
    m = moments.batch_size
    if not multiplicative_noise:
        return 0.0, 0.0, noise_variance / m
    return moments.excess / m, moments.radial / m, noise_variance / m


def initial_moments(groups: Groups) -> np.ndarray:
    """Moments (4, G) of a deterministic common start w = y."""
    moments = np.zeros((4, len(groups.eigenvalues)))
    moments[2:] = groups.squared_errors
    return moments


@njit(cache=True, nogil=True, error_model="numpy")
def _weighted_sum(weights, values):
    """Return sum weights * values in four lanes."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    whole = len(values) // 4 * 4
    for i in range(0, whole, 4):
        first += weights[i] * values[i]
        second += weights[i + 1] * values[i + 1]
        third += weights[i + 2] * values[i + 2]
        fourth += weights[i + 3] * values[i + 3]
    for i in range(whole, len(values)):
        first += weights[i] * values[i]
    return (first + second) + (third + fourth)


@njit(cache=True, nogil=True, error_model="numpy")
def _advance(eigenvalues, counts, moments, tau, rates, injection):
    """Take one step in place, from moments with tau = sum lambda E y^2."""
    delta, c, q = rates
    excess, radial, noise = injection
    kick, level = q - delta, radial * tau + noise
    spread, cross, ahead, iterate = moments[0], moments[1], moments[2], moments[3]
    for i in range(len(eigenvalues)):
        value, uu, uy, yy = eigenvalues[i], spread[i], cross[i], ahead[i]
        keep, turn, short = 1.0 - q * value, kick * value, 1.0 - delta * value
        injected = excess * value * value * yy + counts[i] * value * level
        spread[i] = c * (c * uu - 2.0 * turn * uy) + turn * turn * yy + kick * kick * injected
        cross[i] = c * (c * uu + (keep - turn) * uy) - turn * keep * yy + kick * q * injected
        ahead[i] = c * (c * uu + 2.0 * keep * uy) + keep * keep * yy + q * q * injected
        iterate[i] = short * short * yy + delta * delta * injected


@njit(cache=True, nogil=True, error_model="numpy")
def _accumulate(eigenvalues, moments, sums, rates):
    """Add the present iterate w to the running sum B in place.

    ``sums`` holds E B u, E B y and E B^2; after B has grown by w, the first two move on with the mean dynamics.
    """
    delta, c, q = rates
    kick = q - delta
    spread, cross, ahead, iterate = moments[0], moments[1], moments[2], moments[3]
    with_spread, with_ahead, squared = sums[0], sums[1], sums[2]
    for i in range(len(eigenvalues)):
        value, bu, by = eigenvalues[i], with_spread[i], with_ahead[i]
        squared[i] += 2.0 * (by - bu) + iterate[i]
        bu += cross[i] - spread[i]
        by += ahead[i] - cross[i]
        with_spread[i] = c * bu - kick * value * by
        with_ahead[i] = c * bu + (1.0 - q * value) * by


@njit(cache=True, nogil=True, error_model="numpy")
def moment_curves(eigenvalues, counts, moments, rates, injection, n_steps):
    """Return sum lambda E w_t^2 and sum lambda E y_t^2 for t = 0 .. n_steps, shape (2, n_steps + 1).

    ``moments`` (4, G) is overwritten.
    """
    curves = np.empty((2, n_steps + 1))
    for t in range(n_steps + 1):
        if t > 0:
            _advance(eigenvalues, counts, moments, curves[1, t - 1], rates, injection)
        curves[0, t] = _weighted_sum(eigenvalues, moments[3])
        curves[1, t] = _weighted_sum(eigenvalues, moments[2])
    return curves


@njit(cache=True, nogil=True, error_model="numpy")
def average_curve(eigenvalues, counts, moments, rates, injection, burn_in, n_average):
    """Return sum lambda E (mean of w_s .. w_{s+n-1})^2 for n = 1 .. n_average with s = burn_in, shape (n_average,).

    ``moments`` (4, G) is overwritten.
    """
    curve = np.empty(n_average)
    sums = np.zeros((3, len(eigenvalues)))
    for t in range(burn_in + n_average):
        if t >= burn_in:
            length = t - burn_in + 1
            _accumulate(eigenvalues, moments, sums, rates)
            curve[length - 1] = _weighted_sum(eigenvalues, sums[2]) / length / length
        _advance(eigenvalues, counts, moments, _weighted_sum(eigenvalues, moments[2]), rates, injection)
    return curve


def require_finite(curve: np.ndarray, name: str, value: Any, first: int) -> None:
    """Refuse a curve that leaves the range of floats; its first entry belongs to the value ``first`` of ``name``."""
    finite = np.isfinite(curve)
    if not finite.all():
        most = int(np.argmin(finite)) + first - 1
        require(False, name, value, f"at most {most}: beyond, the second moments of this unstable scheme overflow")
