"""Spectrum of a random-feature kernel on the sphere, for any activation."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from assay.base import integer, require
from theory.random_features._activation_functions import activation_function

__all__ = ["SphereSpectrum", "sphere_spectrum"]

QUADRATURE_NODES = 2000


@dataclass(frozen=True)
class SphereSpectrum:
    """Eigenvalues by degree 0 .. max_degree, each array of shape (max_degree + 1,), and what lies beyond.

    ``coefficients`` are the signed Gegenbauer coefficients, ``eigenvalues`` their squares. ``second_moment`` is the
    mean squared activation, the trace of the kernel, and ``tail_trace`` the part of it beyond max_degree.
    """

    coefficients: np.ndarray
    eigenvalues: np.ndarray
    multiplicities: np.ndarray
    tail_trace: float
    second_moment: float


def sphere_spectrum(
    activation: str | Callable[[np.ndarray], np.ndarray], dimension: int, *, max_degree: int = 30
) -> SphereSpectrum:
    """Return the spectrum of the features g(w, x) = activation(<w, x> / sqrt(d)) on the sphere of radius sqrt(d).

    Assumptions: w and x uniform on the sphere of radius sqrt(d) in dimension d. Statement (Funk-Hecke): the kernel
    E_w g(w, x) g(w, x') has one eigenvalue xi_l^2 per degree l, with the multiplicity of the spherical harmonics, where
    xi_l is the mean of activation(sqrt(d) u) P_l(u) over a coordinate u of the unit sphere and P_l the Gegenbauer
    polynomial with P_l(1) = 1. Nature: exact, by quadrature to about 1e-15 for activations smooth except at 0.
    Coefficients below 1e-14 are set to 0 and their trace counts as omitted.

    ``activation`` is "erf", "identity", "relu", "sign", "tanh" or a function of arrays; ``dimension`` >= 3,
    ``max_degree`` >= 0. Raises ``ValueError`` naming the parameter. Source: the feature eigenvalues of arXiv
    2311.14646; the Funk-Hecke formula is classical.
    """
    function = activation_function(activation)
    d = integer("dimension", dimension, "[3, inf)")
    last = integer("max_degree", max_degree, "[0, inf)")
    multiplicities = _harmonics(d, last)
    u, weights = _sphere_rule(d)
    values = np.asarray(function(math.sqrt(d) * u), dtype=np.float64)
    rule = "a function with finite values on the sphere"
    require(values.shape == u.shape and bool(np.isfinite(values).all()), "activation", activation, rule)
    second_moment = float(weights @ values**2)
    weighted = weights * values
    coefficients = np.empty(last + 1)
    before, current = np.zeros_like(u), np.ones_like(u)
    for degree in range(last + 1):
        coefficients[degree] = weighted @ current
        # P_1 = u also follows from the recurrence, whose coefficients at degree 0 are both d - 2.
        following = ((2 * degree + d - 2) * u * current - degree * before) / (degree + d - 2)
        before, current = current, following
    coefficients[np.abs(coefficients) < 1e-14] = 0.0
    eigenvalues = coefficients**2
    tail_trace = second_moment - float(eigenvalues @ multiplicities)
    # A finite expansion leaves rounding only, which must not count as infinitely many tiny modes.
    if tail_trace < 1e-13 * second_moment:
        tail_trace = 0.0
    return SphereSpectrum(coefficients, eigenvalues, multiplicities, tail_trace, second_moment)


def _harmonics(dimension: int, last: int) -> np.ndarray:
    """Numbers of spherical harmonics of degree 0 .. last, exact before rounding to floats."""
    counts = [
        math.comb(degree + dimension - 1, degree) - (math.comb(degree + dimension - 3, degree - 2) if degree > 1 else 0)
        for degree in range(last + 1)
    ]
    require(counts[-1] < 10**300, "max_degree", last, f"fewer than 1e300 harmonics in dimension {dimension}")
    return np.array([float(count) for count in counts])


def _sphere_rule(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes u and weights of the law of one coordinate: a quadrature in the angle on either side of u = 0."""
    angle, weights = _quarter_circle()
    density = np.exp((dimension - 2) * np.log(np.cos(angle))) * weights
    density /= 2.0 * density.sum()
    u = np.sin(angle)
    return np.concatenate([-u[::-1], u]), np.concatenate([density[::-1], density])


@functools.cache
def _quarter_circle() -> tuple[np.ndarray, np.ndarray]:
    """Fejer's first rule on angles from 0 (the equator, where high-dimensional mass concentrates) to pi / 2.

    It is preferred to Gauss-Legendre because its nodes and weights, at this size, keep all their digits.
    """
    angles = np.pi * (np.arange(QUADRATURE_NODES) + 0.5) / QUADRATURE_NODES
    moments = np.zeros(QUADRATURE_NODES)  # integrals of Chebyshev polynomials: 2 / (1 - r^2) for even r
    even = np.arange(0, QUADRATURE_NODES, 2)
    moments[even] = 2.0 / (1.0 - even.astype(np.float64) ** 2)
    weights = dct(moments, type=3) / QUADRATURE_NODES
    return 0.5 * np.pi * np.sin(0.5 * angles) ** 2, weights
