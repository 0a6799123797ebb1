"""Gaussian coefficients of an activation, and how they change from layer to layer of a random network."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import quad

from assay.base import choice, integer, number, require
from theory.random_features._activation_functions import activation_function

__all__ = [
    "ActivationCoefficients",
    "activation_coefficients",
    "activation_coefficients_symbolic",
    "deep_rf_layers",
]

_REACH = 14.0  # standard deviations integrated on each side: the Gaussian weight left out is below 1e-43
_CONSTANT = 1e-24  # share of the second moment below which the variance is rounding of the quadrature
_SERIES_BELOW = 0.5  # below this argument arcsin(x) - x is summed as a series


@dataclass(frozen=True)
class ActivationCoefficients:
    """Gaussian mean, linear coefficient, size of the nonlinear rest, and (uncentred) second moment of an activation."""

    mean: float
    kappa_1: float
    kappa_star: float
    second_moment: float


def activation_coefficients(activation: Any, preactivation_variance: float = 1.0) -> ActivationCoefficients:
    """Coefficients of the activation for a Gaussian preactivation.

    Assumptions: u ~ N(0, r) with r = ``preactivation_variance``; E sigma(u)^2 is finite.

    Statement: sigma(u) = mean + kappa_1 u + kappa_star zeta(u), where zeta has mean 0 and variance 1 and is
    uncorrelated with u: kappa_1 = E[u sigma(u)] / r, kappa_star^2 = E sigma^2 - mean^2 - r kappa_1^2. ``second_moment``
    is E sigma^2, not centred. Closed forms for "erf", "relu", "sign" and "identity", adaptive quadrature for "tanh" and
    for a callable.

    Kind: exact.

    Arguments: ``activation`` is "erf", "identity", "relu", "sign", "tanh", or a function that maps arrays elementwise;
    ``preactivation_variance`` is positive.

    Raises ``ValueError`` for bad input or moments that are not finite, ``RuntimeError`` if the quadrature does not
    converge.

    Source: Schroeder, Cui, Dmitriev, Loureiro (2023), arXiv 2302.00401, eqs. (10)-(11).
    """
    function = activation_function(activation)
    variance = number("preactivation_variance", preactivation_variance, "(0, inf)")
    if isinstance(activation, str):
        return _named_coefficients(activation, variance)
    return _coefficients_by_quadrature(function, variance)


def deep_rf_layers(
    activation: Any, n_layers: int, *, input_variance: float = 1.0
) -> tuple[ActivationCoefficients, ...]:
    """Coefficients of every layer of a wide random network, first layer first.

    Assumptions: standard normal weights over the square root of the fan-in, widths going to infinity, activations
    centred by their Gaussian mean layer by layer.

    Statement: the preactivations of the first layer have variance r_1 = ``input_variance`` (the mean input eigenvalue),
    those of the next r_{l+1} = E sigma(u)^2 - (E sigma(u))^2 with u ~ N(0, r_l).

    Kind: asymptotic in the widths.

    Raises ``ValueError`` for bad input, or if a layer is constant (the next one would have no input), ``RuntimeError``
    if the quadrature does not converge.

    Source: arXiv 2302.00401, eqs. (10)-(11).
    """
    n_layers = integer("n_layers", n_layers, "[1, inf)")
    variance = number("input_variance", input_variance, "(0, inf)")
    layers: list[ActivationCoefficients] = []
    while True:
        layers.append(activation_coefficients(activation, variance))
        if len(layers) == n_layers:
            return tuple(layers)
        # r kappa_1^2 + kappa_star^2 is the centred second moment without the subtraction.
        variance = variance * layers[-1].kappa_1 ** 2 + layers[-1].kappa_star ** 2
        varies = _CONSTANT * layers[-1].second_moment < variance < math.inf
        require(varies, "activation", activation, "a function with a finite, nonzero variance")


@functools.lru_cache(maxsize=4096)
def _named_coefficients(name: str, variance: float) -> ActivationCoefficients:
    if name == "erf":
        overlap = 2.0 * variance / (1.0 + 2.0 * variance)
        # arcsin of the overlap, written so that it keeps its digits as the overlap tends to 1.
        angle = math.atan2(2.0 * variance, math.sqrt(1.0 + 4.0 * variance))
        rest = _arcsin_minus_identity(overlap) if overlap < _SERIES_BELOW else angle - overlap
        slope = 2.0 / math.sqrt(math.pi * (1.0 + 2.0 * variance))
        return ActivationCoefficients(0.0, slope, math.sqrt(2.0 / math.pi * rest), 2.0 / math.pi * angle)
    if name == "relu":
        rest = variance * (0.25 - 0.5 / math.pi)
        return ActivationCoefficients(math.sqrt(variance / (2.0 * math.pi)), 0.5, math.sqrt(rest), variance / 2.0)
    if name == "sign":
        return ActivationCoefficients(0.0, math.sqrt(2.0 / (math.pi * variance)), math.sqrt(1.0 - 2.0 / math.pi), 1.0)
    if name == "identity":
        return ActivationCoefficients(0.0, 1.0, 0.0, variance)
    return _coefficients_by_quadrature(activation_function(name), variance)


def _arcsin_minus_identity(x: float) -> float:
    """Sum arcsin(x) - x = sum over k >= 1 of C(2k, k) x^(2k+1) / (4^k (2k+1)): the difference rounds it away."""
    total, power, k = 0.0, x, 0
    while True:
        k += 1
        power *= x * x * (2 * k - 1) / (2 * k)
        term = power / (2 * k + 1)
        total += term
        if term <= 1e-17 * total:
            return total


def _coefficients_by_quadrature(
    activation: Callable[[np.ndarray], np.ndarray], variance: float
) -> ActivationCoefficients:
    deviation = math.sqrt(variance)
    # A kink at the origin is at an end; a large variance does not hide what the activation does below |u| = 8.
    bend = min(8.0 / deviation, 0.5 * _REACH)
    ends = (-_REACH, -bend, 0.0, bend, _REACH)

    def expect(integrand: Callable[[float, float], float], scale: float, accepted: float = 1e-9) -> float:
        def weighted(z: float) -> float:
            value = float(np.asarray(activation(np.array([deviation * z])), dtype=np.float64)[0])
            return integrand(z, value) * math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)

        total = 0.0
        for low, high in itertools.pairwise(ends):
            part, error, *_ = quad(weighted, low, high, epsabs=1e-14 * scale, epsrel=1e-13, limit=400, full_output=1)
            require(math.isfinite(part), "activation", activation, "a function with finite Gaussian moments")
            if error > accepted * max(scale, abs(part)):
                raise RuntimeError(f"quadrature of the activation: error {error:.1e} on an integral of {part:.3e}")
            total += part
        return total

    second_moment = expect(lambda z, value: value * value, 0.0)
    size = math.sqrt(second_moment)
    mean = expect(lambda z, value: value, size)
    slope = expect(lambda z, value: z * value, size)
    # The residual squared, not a difference of moments: that keeps kappa_star where the activation is nearly linear.
    # It carries the rounding of the activation, which is why less is asked of this quadrature.
    rest = expect(lambda z, value: (value - mean - slope * z) ** 2, 1e-20 * second_moment, accepted=1e-5)
    return ActivationCoefficients(mean, slope / deviation, math.sqrt(rest), second_moment)


def activation_coefficients_symbolic(name: str) -> dict[str, Any]:
    """Derive the coefficients of "erf", "identity", "relu" or "sign" with sympy.

    Keys: ``preactivation_variance`` (the positive symbol r), ``mean``, ``kappa_1``, ``kappa_star_squared``,
    ``second_moment``. All are Gaussian integrals; the second moment of erf is the integral over the variance of
    d/dr E sigma(u)^2 = E (sigma^2)''(u) / 2.

    Kind: exact. Raises ``ValueError`` for another name.

    Source: closed forms of arXiv 2302.00401, eqs. (10)-(11).
    """
    import sympy as sp

    choice("name", name, ("erf", "identity", "relu", "sign"))
    r = sp.Symbol("r", positive=True)
    u = sp.Symbol("u", real=True)

    def expect(right: Any, left: Any) -> Any:
        """Expectation of a function given by one expression for u > 0 and another for u < 0."""
        weight = sp.exp(-(u**2) / (2 * r)) / sp.sqrt(2 * sp.pi * r)
        return sp.simplify(sp.integrate((right + left.subs(u, -u)) * weight, (u, 0, sp.oo)))

    if name == "erf":
        derivative = sp.diff(sp.erf(u), u)
        mean, slope = sp.Integer(0), expect(derivative, derivative)
        # (erf^2)''/2 = erf'^2 + erf erf'', with erf'' = -2 u erf'; in the second term Gaussian integration by parts
        # with the weight of variance v = r / (1 + 2 r) turns u erf into v erf'.
        shrunk = r / (1 + 2 * r)
        rate = expect(derivative**2, derivative**2)
        rate -= 4 / sp.sqrt(sp.pi) * sp.sqrt(shrunk / r) * shrunk * slope.subs(r, shrunk)
        # With w = sqrt(1 + 4 r) the rate is rational in w.
        w = sp.Symbol("w", positive=True)
        integrand = sp.simplify(sp.simplify(rate.subs(r, (w**2 - 1) / 4)) * w / 2)
        second = sp.integrate(integrand, (w, 1, sp.sqrt(1 + 4 * r)))
    else:
        right, left = {"identity": (u, u), "relu": (u, sp.Integer(0)), "sign": (sp.Integer(1), sp.Integer(-1))}[name]
        mean, slope = expect(right, left), expect(u * right, u * left) / r
        second = expect(right**2, left**2)
    return {
        "preactivation_variance": r,
        "mean": mean,
        "kappa_1": slope,
        "kappa_star_squared": sp.simplify(second - mean**2 - r * slope**2),
        "second_moment": second,
    }
