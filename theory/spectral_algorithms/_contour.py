"""The loss functional of the Wishart model as contour integrals, for profiles that are analytic around the spectrum.

With z(q) inverted on a contour around the spectrum, w = q S(q) / z and u = q / z, the three learning measures are the
discontinuities of w, of F(z1, z2) = (w1 u2 - u1 w2) / (z1 - z2) and of (q + z) / z^2, so that their integrals against
h are integrals around the contour, by the trapezoidal rule of exponential accuracy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.optimize import brentq

from theory.spectral_algorithms._bands import Modes, find_bands

N_NODES = 400  # for each of the two variables of F
# In log z: an ellipse. The half-height stays below pi, so that neither 0 nor a negative eigenvalue is enclosed.
HALF_HEIGHT, MARGIN_LOW, MARGIN_HIGH = 1.0, 1.0, 0.5
MAX_ITERATIONS = 100


class Contour(NamedTuple):
    """Nodes around the spectrum [low, high], alternating between the two variables of F; arrays (2 N_NODES,)."""

    low: float
    high: float
    points: np.ndarray  # z
    weights: np.ndarray  # dz / (2 pi i), counter-clockwise, of the rule that uses every node
    u: np.ndarray
    w: np.ndarray
    noise: np.ndarray  # (q + z) / z^2


def contour(modes: Modes, n_samples: int) -> Contour:
    """Return the nodes for more modes than samples; the complex effective ridge is continued from the real axis."""
    n = float(n_samples)
    bands = find_bands(modes, n_samples)
    edges = _eigenvalue(modes, n, bands[-1][-1]), _eigenvalue(modes, n, bands[0][0])
    low, high = math.log(edges[0]) - MARGIN_LOW, math.log(edges[1]) + MARGIN_HIGH
    angles = np.pi * (np.arange(N_NODES) + 0.5) / N_NODES  # the upper half; the lower one is its mirror image
    logs = 0.5 * (low + high) + 0.5 * (high - low) * np.cos(angles) + 1j * HALF_HEIGHT * np.sin(angles)
    speeds = -0.5 * (high - low) * np.sin(angles) + 1j * HALF_HEIGHT * np.cos(angles)
    points = np.exp(logs)
    start = brentq(
        lambda x: _eigenvalue(modes, n, x) - math.exp(high),
        -math.exp(high) - modes.values @ modes.counts / n - modes.values[0],
        bands[0][0],
    )
    q, signal = _continue(*modes, n, start, points)
    if not np.isfinite(q).all():
        raise RuntimeError(f"complex effective ridge not found at n_samples = {n_samples}")
    weights = points * speeds * (0.5 / N_NODES) / 1j
    halves = (points, weights, q / points, signal / points, (q + points) / points**2)
    # Everything, dz / (2 pi i) included, takes conjugate values in the lower half.
    return Contour(*edges, *(np.append(half, half[::-1].conj()) for half in halves))


def linear_integral(nodes: Contour, values: np.ndarray) -> float:
    """Return the sum of weights times values, real by symmetry."""
    return float((nodes.weights @ values).real)


def quadratic_integral(nodes: Contour, values: np.ndarray) -> float:
    """Return the double integral of values1 values2 F, with even nodes for z1 and odd ones for z2."""
    factors = 2.0 * nodes.weights * values
    u, w, z = nodes.u, nodes.w, nodes.points
    table = (np.outer(w[::2], u[1::2]) - np.outer(u[::2], w[1::2])) / np.subtract.outer(z[::2], z[1::2])
    return float((factors[::2] @ table @ factors[1::2]).real)


def _eigenvalue(modes: Modes, n: float, x: float) -> float:
    """Return z at a real effective ridge outside the spectrum or at its edge."""
    return float(x * ((modes.counts * modes.values) @ (1.0 / (modes.values + x)) / n - 1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _continue(values, counts, powers, squares, n, start, points):
    """Return q and q S(q) along the points by Newton's iteration, each from the one before; NaN where it fails.

    The physical sheet is the one where gamma(q, conj q) < 1.
    """
    ridges = np.full(len(points), np.nan + 0j)
    signals = np.full(len(points), np.nan + 0j)
    q = start + 0j
    for k in range(len(points)):
        settled = False
        for _ in range(MAX_ITERATIONS):
            trace, slope = 0j, 0j
            for i in range(len(values)):
                inverse = 1.0 / (values[i] + q)
                trace += counts[i] * values[i] * inverse
                slope += squares[i] * inverse * inverse
            step = -(q * (trace / n - 1.0) - points[k]) / (slope / n - 1.0)
            q += step
            if abs(step) <= 1e-9 * abs(q):
                settled = True
                break
        gamma, signal = 0.0, 0j
        for i in range(len(values)):
            shifted = values[i] + q
            gamma += squares[i] / (shifted.real * shifted.real + shifted.imag * shifted.imag)
            signal += powers[i] / shifted
        if not settled or not gamma < n:
            break
        ridges[k], signals[k] = q, q * signal
    return ridges, signals
