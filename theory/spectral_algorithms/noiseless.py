"""Noiseless learning curves: the constants of loss = constant n_samples^-source_exponent, model by model.

Without noise the loss lives on the scale of the smallest empirical eigenvalues, where the Circle and the Wishart model
differ. The power law holds for source_exponent < 2 capacity_exponent.

Source: arXiv 2403.11696, Section 5.3 and Appendix E.3.4 (numbering unverified).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import zeta

from assay.base import choice, number, require

__all__ = ["circle_noiseless_constant", "wishart_noiseless_constant"]

N_NODES = 200


def circle_noiseless_constant(
    *, capacity_exponent: float, source_exponent: float, algorithm: str = "interpolation"
) -> float:
    """Return the limit of n_samples^source_exponent times the noiseless loss on the Circle model.

    ``algorithm`` is "interpolation" (h = 1) or "optimal" (the best profile). The limit is an integral over the rescaled
    frequency x = k / n_samples in (0, 1/2) of the loss of one aliasing class; with kappa the source and nu the capacity
    exponent the relative correction is O(n_samples^-min(1, 2 nu - kappa)). Nature: asymptotic; the integral is
    accurate to about 1e-12. ``capacity_exponent`` > 1, 0 < ``source_exponent`` < 2 ``capacity_exponent``. Raises
    ``ValueError`` naming the parameter.
    """
    nu, kappa = _exponents(capacity_exponent, source_exponent)
    choice("algorithm", algorithm, ("interpolation", "optimal"))

    def images(x: np.ndarray, exponent: float) -> np.ndarray:
        return zeta(exponent, 1.0 + x) + zeta(exponent, 1.0 - x)

    # Relative to the dominant image x^-(kappa + 1) of the target, the loss of a class is x^(2 nu) times a factor that
    # comes from the aliased kernel, plus x^(kappa + 1) times one from the aliased target.
    def of_kernel(x: np.ndarray) -> np.ndarray:
        if algorithm == "optimal":
            aliased = x ** (kappa + 1.0) * images(x, kappa + 1.0)
            return images(x, 2.0 * nu) * (1.0 + aliased) / (1.0 + x ** (2.0 * nu) * images(x, 2.0 * nu))
        return (images(x, nu) ** 2 + images(x, 2.0 * nu)) / (1.0 + x**nu * images(x, nu)) ** 2

    def of_target(x: np.ndarray) -> np.ndarray:
        aliased, cross = images(x, kappa + 1.0), x**nu * images(x, nu + kappa + 1.0)
        square = x ** (2.0 * nu) * images(x, 2.0 * nu)
        if algorithm == "optimal":
            power = x ** (kappa + 1.0)
            denominator = (1.0 + square) * (1.0 + power * aliased)
            return (aliased - cross) * (2.0 + power * (aliased + cross)) / denominator
        total = 1.0 + x**nu * images(x, nu)
        return aliased * (1.0 + (1.0 + square) / total**2) - 2.0 * cross / total

    return _half_integral(of_kernel, 2.0 * nu - kappa) + _half_integral(of_target, 1.0)


def wishart_noiseless_constant(*, capacity_exponent: float, source_exponent: float) -> float:
    """Return the limit of n_samples^source_exponent times the noiseless interpolation loss on the Wishart model.

    Power laws l^-nu and l^(-kappa - 1), l = 1, 2, ... without end: the limit is
    C^kappa Gamma(2 - kappa / nu) Gamma(kappa / nu) / 2 with C = (pi / nu) / sin(pi / nu), and the relative correction
    is O(1 / n_samples). Nature: asymptotic. ``capacity_exponent`` > 1, 0 < ``source_exponent`` <
    2 ``capacity_exponent``. Raises ``ValueError`` naming the parameter.
    """
    nu, kappa = _exponents(capacity_exponent, source_exponent)
    learnt = 1.0 / float(np.sinc(1.0 / nu))
    return 0.5 * learnt**kappa * math.gamma(2.0 - kappa / nu) * math.gamma(kappa / nu)


def _exponents(capacity_exponent: Any, source_exponent: Any) -> tuple[float, float]:
    nu = number("capacity_exponent", capacity_exponent, "(1, inf)")
    kappa = number("source_exponent", source_exponent, "(0, inf)")
    rule = f"a number in (0, 2 capacity_exponent) = (0, {2.0 * nu:g}), for no constant exists beyond"
    require(kappa < 2.0 * nu, "source_exponent", kappa, rule)
    return nu, kappa


def _half_integral(function: Callable[[np.ndarray], np.ndarray], exponent: float) -> float:
    """Integrate x^(exponent - 1) function(x) over (0, 1/2), exponent > 0, for a function with powers above x at 0.

    The value at 0 is integrated by hand; what it leaves is smooth in u, x = u^4 / 2, and left to Gauss-Legendre.
    """
    nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
    u = 0.5 * (1.0 + nodes)
    at_zero = float(function(np.zeros(1))[0])
    rest = 2.0 * float(weights @ (u ** (4.0 * exponent - 1.0) * (function(0.5 * u**4) - at_zero)))
    return 0.5**exponent * (at_zero / exponent + rest)
