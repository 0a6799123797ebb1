"""Where the empirical spectrum of the Wishart model lives, in terms of x = Re q of the complex effective ridge q.

On the real axis outside the spectrum q is real and gamma(q, q) = (1/N) sum (lambda_l / (lambda_l + q))^2 < 1; the band
edges are the real roots of gamma(x, x) = 1. Between neighbouring poles -lambda_l, -lambda_(l+1) the function is convex:
if its minimum is below 1 there is a gap between two bands; else the density may still be pinched there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

# Poles at a spacing s modulate the density by about exp(-2 pi y / s), y = -Im q: at this y / s it is smooth to
# rounding, and no break is worth its nodes. For evenly spaced poles y / s is the minimum of gamma, divided by pi.
SMOOTH_RATIO = 5.0
# At a hard edge eigenvalues and profiles vary on every scale down to 0.
HARD_EDGE_BREAKS = 8.0 ** -np.arange(1, 21)
MAX_ITERATIONS = 200


class Modes(NamedTuple):
    """Distinct eigenvalues, decreasing, with their multiplicities and total squared target coefficients."""

    values: np.ndarray
    counts: np.ndarray
    powers: np.ndarray
    squares: np.ndarray  # multiplicity times eigenvalue squared


def group_modes(eigenvalues: np.ndarray, target_power: np.ndarray) -> Modes:
    """Merge equal neighbours of a non-increasing spectrum."""
    starts = np.flatnonzero(np.diff(eigenvalues, prepend=np.inf))
    values = eigenvalues[starts]
    counts = np.diff(starts, append=eigenvalues.size).astype(float)
    return Modes(values, counts, np.add.reduceat(target_power, starts), counts * values**2)


def find_bands(modes: Modes, n_samples: int) -> list[np.ndarray]:
    """Return the breaks of every band in increasing x: an edge, pinches or other breaks inside the band, an edge."""
    left, right = _outer_edges(modes.values, modes.squares, float(n_samples))
    hard = modes.counts.sum() == n_samples  # as many modes as samples: the spectrum reaches 0, at q = 0
    bands, current = [], [left]
    for low, pinch, high in _scan(modes.values, modes.squares, float(n_samples)):
        if math.isnan(low):
            current.append(pinch)
        else:
            bands.append([*current, low])
            current = [high]
    bands.append([*current, *(current[-1] * HARD_EDGE_BREAKS), 0.0] if hard else [*current, right])
    result = [np.array(band) for band in bands]
    if not all(np.isfinite(band).all() and (np.diff(band) > 0.0).all() for band in result):
        raise RuntimeError(f"band edges not found at n_samples = {n_samples}")
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def constraint(values, squares, x, y2):
    """Return sum lambda^2 / D and sum lambda^2 / D^2, D = (lambda + x)^2 + y^2; the first is N where Im q = -y."""
    first, second = 0.0, 0.0
    for i in range(len(values)):
        shifted = values[i] + x
        inverse = 1.0 / (shifted * shifted + y2)
        term = squares[i] * inverse
        first += term
        second += term * inverse
    return first, second


@njit(cache=True, nogil=True, error_model="numpy")
def _powers(values, squares, n, x):
    """Return gamma(x, x) and (1/n) sum s / (lambda + x)^k for k = 3, 4."""
    second, third, fourth = 0.0, 0.0, 0.0
    for i in range(len(values)):
        inverse = 1.0 / (values[i] + x)
        term = squares[i] * inverse * inverse
        second += term
        third += term * inverse
        fourth += term * inverse * inverse
    return second / n, third / n, fourth / n


@njit(cache=True, nogil=True, error_model="numpy")
def _edge(values, squares, n, pole, near, far):
    """Solve gamma(x, x) = 1 between ``near``, on the side of the pole where gamma >= 1, and ``far``; NaN if it fails.

    Newton on gamma^(-1/2), which is linear close to the pole, kept inside the bracket by bisection.
    """
    x = near
    for _ in range(MAX_ITERATIONS):
        gamma, third, _ = _powers(values, squares, n, x)
        step = -gamma * (1.0 - math.sqrt(gamma)) / third
        if abs(step) <= 1e-11 * abs(x - pole):
            return x + step
        if gamma > 1.0:
            near = x
        else:
            far = x
        x += step
        if not min(near, far) < x < max(near, far):
            x = 0.5 * (near + far)
            if x in (near, far):
                return x
    return np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _outer_edges(values, squares, n):
    reach = math.sqrt(squares.sum() / n)
    top, bottom = -values[0], -values[-1]
    left = _edge(values, squares, n, top, top - math.sqrt(squares[0] / n), top - reach)
    right = _edge(values, squares, n, bottom, bottom + math.sqrt(squares[-1] / n), bottom + reach)
    return left, right


@njit(cache=True, nogil=True, error_model="numpy")
def _scan(values, squares, n):
    """Return rows (left edge of the gap, minimiser of gamma, right edge of the gap) in increasing x.

    Where the minimum exceeds 1 there is no gap and the edges are NaN; where the density is smooth there is no row.
    """
    rows = np.empty((len(values) - 1, 3))
    found = 0
    for i in range(len(values) - 1):
        spacing = values[i] - values[i + 1]
        first, second = squares[i] ** (1.0 / 3.0), squares[i + 1] ** (1.0 / 3.0)
        # The minimum of the two nearest terms alone is a lower bound of gamma.
        if (first + second) ** 3 > SMOOTH_RATIO * math.pi * n * spacing**2:
            continue
        low, high = -values[i], -values[i + 1]
        x = low + spacing * (first / (first + second))
        for _ in range(MAX_ITERATIONS):
            gamma, third, fourth = _powers(values, squares, n, x)
            if third > 0.0:
                low = x
            else:
                high = x
            step = third / (3.0 * fourth)
            if abs(step) <= 1e-9 * spacing:
                break
            x += step
            if not low < x < high:
                x = 0.5 * (low + high)
        if constraint(values, squares, x, (SMOOTH_RATIO * spacing) ** 2)[0] > n:
            continue
        rows[found, 0], rows[found, 1], rows[found, 2] = np.nan, x, np.nan
        if gamma < 1.0:
            low, high = -values[i], -values[i + 1]
            rows[found, 0] = _edge(values, squares, n, low, low + math.sqrt(squares[i] / n), x)
            rows[found, 2] = _edge(values, squares, n, high, high - math.sqrt(squares[i + 1] / n), x)
        found += 1
    return rows[:found]
