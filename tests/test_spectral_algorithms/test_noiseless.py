"""Constants of the noiseless learning curves: quadrature, convergence of the sums, saturation, bad input."""

import functools
import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import zeta

from theory.spectral_algorithms import (
    circle_loss,
    circle_noiseless_constant,
    circle_optimal_loss,
    circle_spectrum,
    interpolation_profile,
    wishart_noiseless_constant,
)

INTERPOLATION = interpolation_profile()


def exponents(nu, kappa):
    return dict(capacity_exponent=nu, source_exponent=kappa)


def finite_constant(n, nu, kappa, algorithm):
    parameters = exponents(nu, kappa) | dict(noise_variance=0.0)
    if algorithm == "optimal":
        return n**kappa * circle_optimal_loss(n, **parameters)
    return n**kappa * circle_loss(INTERPOLATION, n, **parameters)


@pytest.mark.parametrize(
    ("nu", "kappa", "interpolation", "optimal"),
    [(1.5, 1.0, 3.690394573, 3.341409347), (2.0, 3.0, 8.658585870, 5.550373503)],
)
def test_reference_constants(nu, kappa, interpolation, optimal):
    assert_allclose(circle_noiseless_constant(**exponents(nu, kappa)), interpolation, rtol=2e-10)
    assert_allclose(circle_noiseless_constant(**exponents(nu, kappa), algorithm="optimal"), optimal, rtol=2e-10)


@pytest.mark.parametrize(
    ("nu", "kappa", "expected"), [(1.5, 1.0, 1.462163615), (2.0, 0.5, 2.088122999), (2.0, 3.0, 3.044034095)]
)
def test_reference_wishart_constants(nu, kappa, expected):
    assert_allclose(wishart_noiseless_constant(**exponents(nu, kappa)), expected, rtol=3e-10)


@pytest.mark.parametrize(
    ("nu", "kappa", "gain"), [(1.5, 1.0, 1.1044), (2.0, 0.5, 1.0466), (2.0, 3.0, 1.5600), (1.5, 2.5, 4.2352)]
)
def test_reference_gains(nu, kappa, gain):
    parameters = exponents(nu, kappa)
    ratio = circle_noiseless_constant(**parameters) / circle_noiseless_constant(**parameters, algorithm="optimal")
    assert_allclose(ratio, gain, atol=6e-5)


@functools.cache
def images(exponent, x):
    with mp.workdps(60):
        return mp.zeta(exponent, x) + mp.zeta(exponent, 1 - x)


@pytest.mark.parametrize(("nu", "kappa"), [(1.5, 1.0), (2.0, 3.0), (1.1, 0.2)])
@pytest.mark.parametrize("algorithm", ["interpolation", "optimal"])
def test_quadrature_of_the_published_integrand(nu, kappa, algorithm):
    a, b = mp.mpf(nu), mp.mpf(kappa)

    def integrand(u):
        # x = u^4 / 2 tames the powers of x at 0; the published form cancels there and needs the 60 digits.
        with mp.workdps(60):
            x = mp.mpf(u) ** 4 / 2
            power, cross = images(b + 1, x), images(a + b + 1, x)
            if algorithm == "optimal":
                term = power - cross**2 / images(2 * a, x) / power
            else:
                trace, square = images(a, x), images(2 * a, x)
                term = power - 2 * cross / trace + square * power / trace**2
            return float(2 * u**3 * term)

    start = 0.02
    expected = 0.0
    nodes, weights = np.polynomial.legendre.leggauss(12)
    # Short panels next to 1, beside the complex zeros of the denominators.
    for low, high in itertools.pairwise((start, 0.08, 0.3, 0.7, 0.9, 1.0)):
        half = 0.5 * (high - low)
        expected += half * sum(w * integrand(low + half * (1.0 + t)) for t, w in zip(nodes, weights, strict=True))
    # The rest, at most 2e-7 of the whole, is nearly a power law.
    slope = math.log2(integrand(2.0 * start) / integrand(start))
    expected += integrand(start) * start / (slope + 1.0)
    constant = circle_noiseless_constant(**exponents(nu, kappa), algorithm=algorithm)
    assert_allclose(constant, expected, rtol=1e-9)


@pytest.mark.parametrize(("nu", "kappa"), [(1.5, 1.0), (2.0, 3.0), (2.0, 0.5), (1.3, 1.6)])
@pytest.mark.parametrize("algorithm", ["interpolation", "optimal"])
def test_circle_sums_converge_at_the_rate_of_one_over_n(nu, kappa, algorithm):
    constant = circle_noiseless_constant(**exponents(nu, kappa), algorithm=algorithm)
    gaps = [finite_constant(n, nu, kappa, algorithm) / constant - 1.0 for n in (2000, 4000, 8000)]
    assert all(-10.0 / n < gap < 0.0 for n, gap in zip((2000, 4000, 8000), gaps, strict=True))
    assert_allclose([gaps[0] / gaps[1], gaps[1] / gaps[2]], 2.0, rtol=0.15)


@pytest.mark.parametrize("algorithm", ["interpolation", "optimal"])
def test_slow_convergence_close_to_saturation(algorithm):
    nu, kappa = 1.5, 2.5
    constant = circle_noiseless_constant(**exponents(nu, kappa), algorithm=algorithm)
    sizes = np.array([2500, 10**4, 4 * 10**4])
    gaps = np.array([finite_constant(n, nu, kappa, algorithm) for n in sizes]) / constant - 1.0
    # The gap is a N^-(2 nu - kappa) + b / N = a N^-1/2 + b / N: either pair of sizes gives the same a.
    amplitudes = gaps * np.sqrt(sizes)
    first, second = 2.0 * amplitudes[1:] - amplitudes[:-1]
    assert first < 0.0
    assert_allclose(first, second, rtol=1e-3)


@pytest.mark.parametrize("algorithm", ["interpolation", "optimal"])
def test_constant_has_a_pole_at_saturation(algorithm):
    nu, gap = 1.4, 1e-6
    constant = circle_noiseless_constant(**exponents(nu, 2.0 * nu - gap), algorithm=algorithm)
    residue = 2.0 * zeta(2.0 * nu) + (4.0 * zeta(nu) ** 2 if algorithm == "interpolation" else 0.0)
    assert_allclose(gap * constant, residue, rtol=1e-5)


@pytest.mark.parametrize(("nu", "kappa"), [(1.2, 4.0), (1.5, 5.0)])
def test_beyond_saturation_aliasing_limits_every_profile(nu, kappa):
    n = 10**5
    top = 2.0 * zeta(kappa + 1.0 - 2.0 * nu) - 1.0
    optimal = 0.5 * top * 2.0 * zeta(2.0 * nu) * n ** (-2.0 * nu)
    interpolation = optimal + 0.5 * top * 4.0 * zeta(nu) ** 2 * n ** (-2.0 * nu)
    parameters = exponents(nu, kappa) | dict(noise_variance=0.0)
    assert_allclose(circle_loss(INTERPOLATION, n, **parameters), interpolation, rtol=2e-4)
    assert_allclose(circle_optimal_loss(n, **parameters), optimal, rtol=2e-4)


@pytest.mark.parametrize(("nu", "expected"), [(2.0, 1.0 / 3.0), (1.5, 0.229211)])
def test_noise_of_the_interpolant_does_not_vanish(nu, expected):
    spectrum = circle_spectrum(INTERPOLATION, 10**5, **exponents(nu, 1.0), noise_variance=1.0)
    assert_allclose(spectrum.noise.sum(), expected, atol=2e-5)


@pytest.mark.parametrize(("nu", "kappa"), [(1.5, 1.0), (2.0, 3.0), (2.0, 0.5)])
def test_wishart_sums_converge(nu, kappa):
    index = np.arange(1.0, 10**5 + 1.0)
    start = index[-1] + 0.5

    def infinite(term):
        # Sum over the modes, then the integral over the rest in the logarithm of the mode.
        rest, _ = quad(lambda t: math.exp(t) * term(math.exp(t)), math.log(start), 120.0, epsrel=1e-11, limit=200)
        return float(np.sum(term(index))) + rest

    def gap(n):
        q = math.exp(brentq(lambda t: infinite(lambda x: 1.0 / (1.0 + math.exp(t) * x**nu)) - n, -9.0 * nu, -5.0 * nu))
        gamma = infinite(lambda x: (1.0 + q * x**nu) ** -2.0) / n
        missed = infinite(lambda x: x ** (-kappa - 1.0) * (1.0 + x**-nu / q) ** -2.0)
        loss = 0.5 * missed / (1.0 - gamma)
        return n**kappa * loss / wishart_noiseless_constant(**exponents(nu, kappa)) - 1.0

    gaps = gap(1000), gap(2000)
    assert abs(gaps[0]) < 5.0 / 1000
    assert_allclose(gaps[0] / gaps[1], 2.0, rtol=0.05)


@pytest.mark.parametrize("function", [circle_noiseless_constant, wishart_noiseless_constant])
@pytest.mark.parametrize(
    ("nu", "kappa", "parameter"),
    [(1.0, 1.0, "capacity_exponent"), (1.5, 0.0, "source_exponent"), (1.5, 3.0, "source_exponent"), (1.5, 4, "source")],
)
def test_bad_input(function, nu, kappa, parameter):
    with pytest.raises(ValueError, match=rf"^{parameter}.* = .*expected"):
        function(**exponents(nu, kappa))


def test_unknown_algorithm():
    with pytest.raises(ValueError, match=r"algorithm = 'ridge': expected one of 'interpolation', 'optimal'"):
        circle_noiseless_constant(**exponents(1.5, 1.0), algorithm="ridge")
