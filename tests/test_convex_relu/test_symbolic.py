"""The symbolic derivations against the numerical functions, at rational points."""

import sympy as sp
from pytest import approx

from theory.convex_relu import (
    neuron_rescaling_symbolic,
    random_feature_gap_constant,
    random_feature_gap_symbolic,
    spline_optimum,
    spline_two_points_symbolic,
    whitened_optimum,
    whitened_optimum_symbolic,
)


def symbols(names):
    return sp.symbols(names, positive=True)


def test_neuron_rescaling():
    beta, alpha, u, t = symbols("beta alpha u t")
    cost = neuron_rescaling_symbolic()
    assert cost == beta * alpha * u
    # The decay exceeds it by a square, so that it is the minimum.
    decay = beta / 2 * (t**2 * u**2 + alpha**2 / t**2)
    assert sp.simplify(decay - cost - beta / 2 * (t * u - alpha / t) ** 2) == 0


def test_whitened_optimum():
    beta, q = symbols("beta q")
    value = whitened_optimum_symbolic()
    assert sp.expand(value - (beta * q - beta**2 / 2)) == 0
    number = value.subs({beta: sp.Rational(3, 2), q: 5})
    assert whitened_optimum([3.0, 4.0], regularisation=1.5).objective == approx(float(number), rel=1e-15)


def test_spline_two_points():
    beta, h, difference = symbols("beta h Delta")
    value = spline_two_points_symbolic()
    assert sp.expand(value - (beta * difference / h - beta**2 / h**2)) == 0
    number = value.subs({beta: sp.Rational(1, 5), h: sp.Rational(3, 2), difference: sp.Rational(3, 2)})
    assert spline_optimum([-0.5, 1.0], [0.4, -1.1], regularisation=0.2).objective == approx(float(number), rel=1e-14)


def test_random_feature_gap():
    beta, s = symbols("beta s")
    value = random_feature_gap_symbolic()
    assert sp.expand(value - sp.pi**2 * beta * (s - beta) * (2 * s - beta) / s) == 0
    for target_norm, regularisation in [(1.5, 0.3), (2.5, 2.25)]:
        number = float(value.subs({s: sp.Rational(target_norm), beta: sp.Rational(regularisation)}))
        assert random_feature_gap_constant(target_norm, regularisation=regularisation) == approx(number, rel=1e-14)
