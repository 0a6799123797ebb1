"""Spectrum of nonlinear random features on the sphere: reference values, closed forms, bad input."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import erf

from theory.random_features import rf_risk, sphere_spectrum


def test_reference_coefficients():
    spectrum = sphere_spectrum("erf", 30)
    assert_allclose(spectrum.coefficients[[1, 3, 5]], [0.12027021, -0.00250048, 0.00013913], atol=5e-9)
    # Thirty-digit quadrature gives .471425847206898.
    assert_allclose(spectrum.second_moment, 0.471425847206898, rtol=1e-14)
    assert (spectrum.coefficients[::2] == 0).all()


@pytest.mark.parametrize(
    ("activation", "dimension", "n_features", "test", "train"),
    [("relu", 40, 400, 1.42855128156, 0.031514115922), ("erf", 20, 200, 1.39033785662, 0.20781384613)],
)
def test_reference_risks(activation, dimension, n_features, test, train):
    spectrum = sphere_spectrum(activation, dimension)
    target = np.zeros(31)
    target[1:4] = np.sqrt([1.0, 0.5, 0.25])
    risk = rf_risk(
        spectrum.eigenvalues,
        target,
        n_samples=200,
        n_features=n_features,
        ridge=0.01,
        noise_variance=0.1,
        multiplicities=spectrum.multiplicities,
        tail_trace=spectrum.tail_trace,
    )
    assert_allclose([risk.test_mse, risk.train_mse], [test, train], rtol=2e-11)


@pytest.mark.parametrize("dimension", [3, 10, 1000])
def test_polynomials_have_finite_spectra(dimension):
    d = dimension
    linear = sphere_spectrum("identity", d)
    assert_allclose(linear.coefficients[:3], [0, d**-0.5, 0], rtol=1e-12)
    assert (linear.coefficients[2:] == 0).all() and linear.tail_trace == 0
    # t^3 = d^(3/2) [3 / (d + 2) P_1 + (d - 1) / (d + 2) P_3] and the mean of P_l^2 is one over its multiplicity.
    cubic = sphere_spectrum(lambda t: t**3, d, max_degree=5)
    counts = cubic.multiplicities
    expected = d**1.5 / (d + 2) * np.array([0, 3 / counts[1], 0, (d - 1) / counts[3], 0, 0])
    assert_allclose(cubic.coefficients, expected, rtol=1e-10, atol=1e-14)
    assert cubic.tail_trace == 0
    assert_allclose(cubic.second_moment, 15 * d**2 / ((d + 2) * (d + 4)), rtol=1e-12)


def test_three_dimensions_are_legendre_polynomials():
    spectrum = sphere_spectrum("sign", 3, max_degree=9)
    assert_allclose(spectrum.multiplicities, 2 * np.arange(10) + 1)
    for degree in (1, 3, 9):
        exact = mp.quad(lambda u, degree=degree: mp.legendre(degree, u), [0, 0.5, 1])
        assert_allclose(spectrum.coefficients[degree], float(exact), rtol=1e-12)
    assert spectrum.second_moment == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("activation", ["erf", "relu", "tanh"])
def test_coefficients_in_thirty_digits(activation):
    d, degree = 12, 4 if activation == "relu" else 5
    function = {"erf": mp.erf, "relu": lambda t: max(t, mp.mpf(0)), "tanh": mp.tanh}[activation]
    with mp.workdps(30):
        order = mp.mpf(d - 2) / 2

        def mean(g):
            weight = mp.quad(lambda u: (1 - u * u) ** (order - mp.mpf(1) / 2), [-1, 0, 1])
            return mp.quad(lambda u: g(u) * (1 - u * u) ** (order - mp.mpf(1) / 2), [-1, -0.3, 0, 0.3, 1]) / weight

        gegenbauer = mp.gegenbauer(degree, order, 1)
        exact = mean(lambda u: function(mp.sqrt(d) * u) * mp.gegenbauer(degree, order, u) / gegenbauer)
        moment = mean(lambda u: function(mp.sqrt(d) * u) ** 2)
    spectrum = sphere_spectrum(activation, d)
    assert_allclose(spectrum.coefficients[degree], float(exact), rtol=1e-11)
    assert_allclose(spectrum.second_moment, float(moment), rtol=1e-13)


def test_trace_is_shared_between_degrees_and_tail():
    spectrum = sphere_spectrum("relu", 8, max_degree=6)
    longer = sphere_spectrum("relu", 8, max_degree=40)
    inside = float(longer.eigenvalues[7:] @ longer.multiplicities[7:])
    assert spectrum.tail_trace > longer.tail_trace > 0
    assert_allclose(spectrum.tail_trace - longer.tail_trace, inside, rtol=1e-9)
    assert_allclose(spectrum.second_moment, 0.5, rtol=1e-13)
    assert len(sphere_spectrum("tanh", 5, max_degree=0).eigenvalues) == 1


def test_multiplicities_count_spherical_harmonics():
    for d in (3, 7, 40):
        counts = sphere_spectrum("tanh", d, max_degree=12).multiplicities
        formula = [
            (2 * degree + d - 2) * mp.gamma(degree + d - 2) / (mp.gamma(degree + 1) * mp.gamma(d - 1))
            for degree in range(13)
        ]
        assert_allclose(counts, [float(count) for count in formula], rtol=1e-14)


def test_callable_equals_name():
    named, called = sphere_spectrum("erf", 15), sphere_spectrum(erf, 15)
    assert (named.coefficients == called.coefficients).all() and named.tail_trace == called.tail_trace


def test_high_dimension_is_gaussian():
    spectrum = sphere_spectrum("tanh", 10**6, max_degree=3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    slope = (weights * nodes * np.tanh(nodes)).sum() / weights.sum()
    assert_allclose(spectrum.coefficients[1] * 1e3, slope, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("dimension", ("erf", 2)),
        ("dimension", ("erf", 10.5)),
        ("dimension", ("erf", math.nan)),
        ("activation", ("swish", 10)),
        ("activation", (3.0, 10)),
        ("activation", (lambda t: 1.0 / (t - t), 10)),
        ("activation", (lambda t: t.sum(), 10)),
        ("activation", (lambda t: np.log(t + 2.0), 10)),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_input(name, arguments):
    with pytest.raises(ValueError, match=name):
        sphere_spectrum(*arguments)


def test_bad_degree():
    with pytest.raises(ValueError, match="max_degree"):
        sphere_spectrum("erf", 10, max_degree=-1)
    with pytest.raises(ValueError, match="max_degree"):
        sphere_spectrum("erf", 10**9, max_degree=60)
