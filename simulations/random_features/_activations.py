"""Activations by name, with the integrals over Gaussian and spherical inputs that the simulators need."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import erf, gammaln

from assay.base import require

__all__ = ["Activation", "checked_activation", "degree_multiplicities", "gaussian_moments", "sphere_coefficients"]

Activation = Callable[[np.ndarray], np.ndarray]


def _relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0.0)


def _identity(values: np.ndarray) -> np.ndarray:
    return np.array(values)


_NAMED: dict[str, Activation] = {"erf": erf, "relu": _relu, "tanh": np.tanh, "sign": np.sign, "identity": _identity}


def checked_activation(name: str, activation: str | Activation) -> Activation:
    """Return the elementwise function; raise ``ValueError`` unless it is a known name or finite on [-40, 40]."""
    if not callable(activation):
        known = isinstance(activation, str) and activation in _NAMED
        require(known, name, activation, "a callable or one of " + ", ".join(repr(known) for known in _NAMED))
        return _NAMED[activation]
    probe = np.linspace(-40.0, 40.0, 81)
    values = np.asarray(activation(probe))
    acceptable = values.shape == probe.shape and values.dtype.kind == "f" and bool(np.isfinite(values).all())
    require(acceptable, name, activation, "an elementwise function of float arrays, finite on [-40, 40]")
    return activation


def _half_line_rule(end: float, n_panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, end], 30 in each panel."""
    nodes, weights = np.polynomial.legendre.leggauss(30)
    width = end / n_panels
    return (width * (np.arange(n_panels)[:, None] + (nodes + 1.0) / 2.0)).ravel(), np.tile(
        weights * width / 2, n_panels
    )


def gaussian_moments(activation: Activation, variance: float) -> tuple[float, float]:
    """Return mean and second moment of ``activation(u)`` for u normal with mean 0 and the given variance."""
    # Each half line by itself: the activation may have a kink or a jump at 0.
    half, half_weights = _half_line_rule(12.0, 24)
    nodes = np.concatenate([-half, half])
    density = np.exp(-0.5 * nodes**2) / np.sqrt(2.0 * np.pi) * np.tile(half_weights, 2)
    values = activation(np.sqrt(variance) * nodes)
    return float(density @ values), float(density @ values**2)


def sphere_coefficients(activation: Activation, dimension: int, max_degree: int) -> tuple[np.ndarray, float]:
    """Return the Funk-Hecke coefficients of ``u -> activation(sqrt(d) u)``, (max_degree + 1,), and its second moment.

    Coefficient l is the mean of activation(sqrt(d) u) P_l(u), with P_l the Gegenbauer polynomial of value 1 at u = 1
    and u one coordinate of a uniform point on the unit sphere in dimension d.
    """
    half, half_weights = _half_line_rule(np.pi / 2.0, 60)
    angles = np.concatenate([-half, half])
    density = np.cos(angles) ** (dimension - 2) * np.tile(half_weights, 2)
    density /= density.sum()
    u = np.sin(angles)
    values = activation(np.sqrt(dimension) * u)
    coefficients = np.empty(max_degree + 1)
    previous, current = np.zeros_like(u), np.ones_like(u)
    for degree in range(max_degree + 1):
        coefficients[degree] = density @ (values * current)
        step = (2 * degree + dimension - 2) * u * current - degree * previous
        previous, current = current, step / (degree + dimension - 2)
    return coefficients, float(density @ values**2)


def degree_multiplicities(dimension: int, max_degree: int) -> np.ndarray:
    """Return the number of spherical harmonics of each degree on the sphere in dimension d: (max_degree + 1,)."""
    degree = np.arange(max_degree + 1)
    log_ratio = gammaln(degree + dimension - 2) - gammaln(degree + 1) - gammaln(dimension - 1)
    return (2 * degree + dimension - 2) * np.exp(log_ratio)
