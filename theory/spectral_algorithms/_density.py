"""The spectrum of the Wishart model in quadrature: nodes on the curve of boundary values, and sums over modes there.

On the spectrum the complex effective ridge is q = x - iy with y > 0 and (1/N) sum lambda_l^2 / D_l = 1, where
D_l = (lambda_l + x)^2 + y^2. Every density then is a sum of positive terms:

    z(q) = |q|^2 (1/N) sum lambda_l / D_l,        Im q = -y,        Im q S(q) = -y sum c_l^2 lambda_l / D_l,

and, along the curve, with t_l = (lambda_l / D_l)^2 and m the mean of lambda under the weights t,

    dz/dx = -(2/N) (sum t_l) ((m + x)^2 + y^2),   d/dx sum f_l / D_l = -2 sum f_l (lambda_l - m) / D_l^2.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.optimize import brentq

from theory.spectral_algorithms._bands import Modes, constraint, find_bands

MAX_ITERATIONS = 200
MAX_BISECTIONS, MAX_PANELS = 60, 10**5


class Nodes(NamedTuple):
    """Quadrature nodes in decreasing eigenvalue; every field but ``bands`` has shape (n_nodes,)."""

    eigenvalues: np.ndarray
    weights: np.ndarray
    real: np.ndarray  # x
    imaginary: np.ndarray  # y > 0
    alignment: np.ndarray  # B = sum c^2 lambda / D
    alignment_slope: np.ndarray  # dB / d eigenvalue
    shadow: np.ndarray  # C = sum c^2 / D
    bands: tuple[tuple[float, float], ...]  # (low, high), in decreasing eigenvalue


class _Panels(NamedTuple):
    """Panels in increasing x with the sums at their nodes."""

    ends: np.ndarray  # (n_panels, 2)
    sums: np.ndarray  # (6, n_panels, m), rows of ``_curve``


def spectral_nodes(modes: Modes, n_samples: int, nodes_per_panel: int, breakpoints: tuple[float, ...]) -> Nodes:
    """Return quadrature nodes of the spectrum, with a panel break at every one of the eigenvalues ``breakpoints``."""
    bands = find_bands(modes, n_samples)
    panels = _split(modes, n_samples, _resolve(modes, n_samples, bands, nodes_per_panel), breakpoints)
    angles, angle_weights, _ = _rule(nodes_per_panel)
    half = 0.5 * np.diff(panels.ends, axis=1)
    y, values, speed, alignment, slope, shadow = (row.ravel() for row in panels.sums)
    edges = [_curve(*modes, float(n_samples), band[[-1, 0]])[1] for band in bands]
    nodes = Nodes(
        values,
        speed * (half * (np.sin(angles) * angle_weights)).ravel(),
        _positions(panels.ends, angles).ravel(),
        y,
        alignment,
        slope,
        shadow,
        tuple((float(low), float(high)) for low, high in edges),
    )
    _check_mass(nodes, min(1.0, float(modes.counts.sum()) / n_samples), nodes_per_panel)
    return nodes


def _check_mass(nodes: Nodes, expected: float, nodes_per_panel: int) -> None:
    """The density (1/pi) Im 1/q of the empirical spectrum integrates to the share of its non-zero eigenvalues."""
    mass = float(nodes.weights @ (nodes.imaginary / (nodes.real**2 + nodes.imaginary**2))) / math.pi
    error = abs(mass / expected - 1.0)
    if not error < max(1e-11, 10.0 * 10.0 ** (-nodes_per_panel / 2)):
        raise RuntimeError(f"spectrum not resolved: its mass is {mass:.12g}, expected {expected:.12g}")


@functools.cache
def _rule(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (angles, weights) of a Gauss-Legendre rule on [0, pi] and the matrix to Legendre coefficients."""
    points, weights = np.polynomial.legendre.leggauss(m)
    degrees = np.arange(m)
    analysis = (np.polynomial.legendre.legvander(points, m - 1) * weights[:, None] * (degrees + 0.5)).T
    return 0.5 * np.pi * (points + 1.0), 0.5 * np.pi * weights, analysis


def _positions(ends: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return the nodes x = middle - half cos(angle) of panels, which absorb square roots at both ends."""
    left, right = ends[:, :1], ends[:, 1:]
    near_left = np.sin(0.5 * angles) ** 2
    return np.where(angles < 0.5 * np.pi, left + (right - left) * near_left, right - (right - left) * (1.0 - near_left))


def _evaluate(modes: Modes, n_samples: int, ends: np.ndarray, m: int) -> np.ndarray:
    angles, _, _ = _rule(m)
    sums = _curve(*modes, float(n_samples), _positions(ends, angles).ravel())
    if not np.isfinite(sums).all():
        raise RuntimeError(f"complex effective ridge not found at n_samples = {n_samples}")
    return sums.reshape(len(sums), len(ends), m)


def _resolve(modes: Modes, n_samples: int, bands: list[np.ndarray], m: int) -> _Panels:
    """Start from one panel per pair of breaks and bisect until the densities are resolved on each.

    A density is resolved when its last two Legendre coefficients in the angle are below 10^(1/2 - m/4) of the
    largest. The rule is exact up to twice that degree, so that an integral is accurate to about the square.
    """
    angles, _, analysis = _rule(m)
    tolerance = max(10.0 ** (0.5 - m / 4), 1e-7)
    pending = np.concatenate([np.stack([band[:-1], band[1:]], axis=1) for band in bands])
    ends, sums = [], []
    for _ in range(MAX_BISECTIONS):
        rows = _evaluate(modes, n_samples, pending, m)
        y, values, speed, alignment = rows[:4]
        shape = speed * np.sin(angles) * y
        modulus = _positions(pending, angles) ** 2 + y**2
        coefficients = np.abs(np.stack([shape / modulus, shape * alignment / values]) @ analysis.T)
        rough = (coefficients[..., -2:].max(-1) > tolerance * coefficients.max(-1)).any(0)
        ends.append(pending[~rough])
        sums.append(rows[:, ~rough])
        if not rough.any():
            break
        if np.count_nonzero(rough) > MAX_PANELS:
            raise RuntimeError(f"spectrum not resolved by {MAX_PANELS} panels at n_samples = {n_samples}")
        left, right = pending[rough].T
        middle = 0.5 * (left + right)
        pending = np.concatenate([np.stack([left, middle], axis=1), np.stack([middle, right], axis=1)])
    else:
        raise RuntimeError(f"spectrum not resolved at n_samples = {n_samples}")
    return _ordered(_Panels(np.concatenate(ends), np.concatenate(sums, axis=1)))


def _ordered(panels: _Panels) -> _Panels:
    order = np.argsort(panels.ends[:, 0])
    return _Panels(panels.ends[order], panels.sums[:, order])


def _split(modes: Modes, n_samples: int, panels: _Panels, breakpoints: tuple[float, ...]) -> _Panels:
    """Break the panels that contain one of the eigenvalues ``breakpoints`` in their interior."""
    n = float(n_samples)
    for threshold in breakpoints:
        high, low = _curve(*modes, n, panels.ends.ravel())[1].reshape(panels.ends.shape).T
        for i in np.flatnonzero((low < threshold) & (threshold < high)):
            left, right = panels.ends[i]
            cut = brentq(lambda x, at=threshold: _curve(*modes, n, np.array([x]))[1, 0] - at, left, right, xtol=1e-300)
            parts = np.array([[left, cut], [cut, right]])
            rows = _evaluate(modes, n_samples, parts, panels.sums.shape[2])
            panels = _Panels(np.delete(panels.ends, i, 0), np.delete(panels.sums, i, 1))
            panels = _ordered(
                _Panels(np.concatenate([panels.ends, parts]), np.concatenate([panels.sums, rows], axis=1))
            )
    return panels


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(values, counts, powers, squares, x, y2):
    """Return sum f / D for f = 1, lambda, c^2 lambda, c^2, then sum f / D^2 for f = lambda^2, lambda^3 and c^2 times
    lambda, lambda^2.
    """
    total, trace, alignment, shadow, weight, weighted, low, high = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(values)):
        value = values[i]
        shifted = value + x
        inverse = 1.0 / (shifted * shifted + y2)
        power = powers[i] * inverse
        aligned = power * value
        square = squares[i] * inverse * inverse
        total += counts[i] * inverse
        trace += counts[i] * value * inverse
        shadow += power
        alignment += aligned
        weight += square
        weighted += square * value
        low += aligned * inverse
        high += aligned * inverse * value
    return total, trace, alignment, shadow, weight, weighted, low, high


@njit(cache=True, nogil=True, error_model="numpy")
def _least(values, squares, n, x):
    """Return a lower bound of y^2 from the two poles next to x, which keeps every D positive."""
    low, high = 0, len(values)
    while low < high:  # first eigenvalue of at most -x
        middle = (low + high) // 2
        if values[middle] > -x:
            low = middle + 1
        else:
            high = middle
    bound = 0.0
    for i in range(max(low - 1, 0), min(low + 1, len(values))):
        bound = max(bound, squares[i] / n - (values[i] + x) ** 2)
    return bound


@njit(cache=True, nogil=True, error_model="numpy")
def _curve(values, counts, powers, squares, n, xs):
    """Return rows y, z, -dz / dx, B, dB / dz, C at positions x inside a band or at its edge.

    Newton for y^2 on 1 / G - 1, G = sum lambda^2 / (N D), which is concave and increasing: from any start the iteration
    is below the root after one step and rises from then on. NaN where it does not settle.
    """
    rows = np.full((6, len(xs)), np.nan)
    hard = counts.sum() == n
    y2 = 0.0
    for k in range(len(xs)):
        x = xs[k]
        least = _least(values, squares, n, x)
        y2 = max(y2, least)
        settled = False
        for _ in range(MAX_ITERATIONS):
            first, second = constraint(values, squares, x, y2)
            step = first * (first - n) / (n * second)
            y2 = max(y2 + step, least)
            # Convergence is quadratic; next to an edge y^2 is small and rounding of G - 1 limits it.
            if abs(step) <= 1e-8 * y2 or abs(first - n) <= 1e-14 * n:
                settled = True
                break
        if not settled:
            continue
        total, trace, alignment, shadow, weight, weighted, low, high = _sums(values, counts, powers, squares, x, y2)
        modulus, mean = x * x + y2, weighted / weight
        if hard:  # the same equation; y^2 is lost in it next to 0, and not in this form
            modulus = 2.0 * abs(x) * trace / total
            y2 = modulus - x * x
        speed = 2.0 / n * weight * ((mean + x) ** 2 + y2)
        rows[0, k] = math.sqrt(y2)
        rows[1, k] = modulus * trace / n
        rows[2, k] = speed
        rows[3, k] = alignment
        rows[4, k] = 2.0 * (high - mean * low) / speed
        rows[5, k] = shadow
    return rows


@njit(cache=True, nogil=True, error_model="numpy")
def quadratic_form(factors, eigenvalues, alignment, alignment_slope):
    """Return sum_ij f_i f_j (B_i - B_j) / (lambda_i - lambda_j), the slope of B on the diagonal."""
    total = 0.0
    for i in range(len(factors)):
        row = 0.0
        for j in range(i):
            row += factors[j] * (alignment[i] - alignment[j]) / (eigenvalues[i] - eigenvalues[j])
        total += factors[i] * (2.0 * row + factors[i] * alignment_slope[i])
    return total
