"""Symbolic derivations of the eigenframework, at random rationals and against the numeric functions."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose

from theory.random_features import (
    power_law_noise_threshold,
    power_law_optimal_fitting_ratio,
    power_law_risk,
    rf_eigenframework_symbolic,
    rf_risk,
)


@pytest.fixture(scope="module")
def forms():
    return rf_eigenframework_symbolic()


def rational_points(n_points=12):
    """Admissible points: q < z < min(n, k), everything positive, all rational."""
    source = random.Random(3)
    for _ in range(n_points):
        z = Fraction(source.randint(2, 50), source.randint(1, 7))
        point = {
            "z": z,
            "q": z * Fraction(source.randint(1, 9), 10),
            "n": z + Fraction(source.randint(1, 90), 7),
            "k": z + Fraction(source.randint(1, 90), 11),
        }
        for name in ("gamma", "lambda", "kappa", "delta", "sigma2", "tau2", "c", "rho"):
            point[name] = Fraction(source.randint(1, 40), source.randint(1, 40))
        yield {sp.Symbol(name, positive=True): sp.Rational(value) for name, value in point.items()}


@pytest.mark.parametrize("name", ["bias_term", "denominator", "fitting_ratio"])
def test_published_forms_are_the_working_forms(forms, name):
    for point in rational_points():
        assert forms[name].subs(point) == forms[f"{name}_published"].subs(point)


def test_fixed_point_solves_the_published_pair(forms):
    n, k, gamma, z = sp.symbols("n k gamma z", positive=True)
    for point in rational_points():
        kappa, ridge = forms["kappa"].subs(point), forms["ridge"].subs(point)
        assert z.subs(point) + ridge / kappa == n.subs(point)
        assert z.subs(point) + (k / gamma).subs(point) * kappa == k.subs(point)
        assert ridge > 0


def test_log_slope_factorises(forms):
    for point in rational_points():
        assert forms["ridge_log_slope"].subs(point) == forms["ridge_log_slope_factored"].subs(point)


def test_log_slope_is_the_numeric_derivative(forms):
    lams = np.arange(1.0, 201.0) ** -1.4
    step = 1e-4
    risk = rf_risk(lams, lams, n_samples=50, n_features=70, ridge=0.1 * np.exp([-step, 0.0, step]))
    values = dict(n=50, k=70, z=risk.modes_learned[1], q=risk.modes_squared[1])
    predicted = forms["ridge_log_slope_factored"].subs({sp.Symbol(s, positive=True): v for s, v in values.items()})
    assert_allclose(2 * step / np.log(risk.gamma[2] / risk.gamma[0]), float(predicted), rtol=1e-6)


def test_more_is_better_signs(forms):
    for point in rational_points():
        for name in ("samples", "features"):
            assert forms[f"ridge_slope_in_{name}"].subs(point) > 0
            assert forms[f"inflation_slope_in_{name}"].subs(point) < 0
        assert forms["eta_slope_in_features"].subs(point) < 0
        assert forms["bias_term_slope_in_features"].subs(point) < 0


def test_slopes_are_derivatives(forms):
    n, k = sp.symbols("n k", positive=True)
    inflation = 1 - forms["denominator"]
    pairs = [
        ("ridge_slope_in_samples", sp.diff(forms["ridge"], n)),
        ("ridge_slope_in_features", sp.diff(forms["ridge"], k)),
        ("eta_slope_in_features", sp.diff(forms["eta"], k)),
        ("bias_term_slope_in_features", sp.diff(forms["bias_term"], k)),
        ("inflation_slope_in_samples", sp.diff(inflation, n)),
        ("inflation_slope_in_features", sp.diff(inflation, k)),
    ]
    for point in rational_points(4):
        for name, derivative in pairs:
            assert forms[name].subs(point) == derivative.subs(point)


def test_matched_prior(forms):
    sigma2, tau2, delta = sp.symbols("sigma2 tau2 delta", positive=True)
    for point in rational_points():
        closed, published = forms["matched_prior_test_error"], forms["matched_prior_test_error_published"]
        assert closed.subs(point) == published.subs(point)
    assert forms["matched_prior_optimal_ridge"] == sigma2 / tau2
    assert forms["matched_prior_slope"].subs(delta, sigma2 / tau2) == 0


def test_peak_constant(forms):
    gamma, n = sp.symbols("gamma n", positive=True)
    assert sp.simplify(forms["peak"] - sp.sqrt(gamma * n) / 2) == 0


@pytest.mark.parametrize(("n", "k"), [(40, 70), (70, 40)])
def test_isotropic_forms_are_the_numeric_risk(forms, n, k):
    risk = rf_risk(
        np.full(100, 2.5), np.full(100, 0.2), n_samples=n, n_features=k, ridge=0, noise_variance=0.3
    ).test_mse
    form = forms["isotropic_test_error_few_samples" if n < k else "isotropic_test_error_few_features"]
    values = dict(n=n, k=k, M=100, rho=4, sigma2=sp.Rational(3, 10), c=sp.Rational(5, 2))
    assert_allclose(risk, float(form.subs({sp.Symbol(s, positive=True): v for s, v in values.items()})), rtol=1e-12)


POWER_LAWS = [(1.5, 1.8, 0.3, 5.0), (2.0, 1.5, 0.7, 1.5), (1.2, 2.1, 0.1, 30.0)]


@pytest.mark.parametrize(("alpha", "beta", "noise", "x"), POWER_LAWS)
def test_power_law_forms_are_the_numeric_functions(forms, alpha, beta, noise, x):
    values = dict(alpha=alpha, beta=beta, sigma2=noise, s=0.2, x=x)
    numbers = {
        name: float(forms[name].subs({sp.Symbol(s, positive=True): v for s, v in values.items()}))
        for name in forms
        if name.startswith("power_law")
    }
    unit = power_law_risk(alpha, beta, n_samples=1000, slack=0)
    arguments = dict(n_samples=1000, slack=0.2, noise_variance=noise * unit)
    wide = power_law_risk(alpha, beta, **arguments) / unit
    finite = power_law_risk(alpha, beta, n_features=1000 * x, **arguments) / unit
    assert_allclose(numbers["power_law_relative_risk"], wide, rtol=1e-12)
    assert_allclose(numbers["power_law_finite_width_relative_risk"], finite, rtol=1e-12)
    threshold = power_law_noise_threshold(alpha, beta)
    assert_allclose(numbers["power_law_noise_threshold"], threshold, rtol=1e-12)
    threshold = power_law_noise_threshold(alpha, beta, width_ratio=x)
    assert_allclose(numbers["power_law_finite_width_noise_threshold"], threshold, rtol=1e-11)


def test_stationarity_vanishes_at_the_best_slack_and_is_minus_the_slope(forms):
    alpha, beta, sigma2, s = sp.symbols("alpha beta sigma2 s", positive=True)
    point = {alpha: sp.Rational(3, 2), beta: sp.Rational(9, 5), sigma2: sp.Rational(1, 2)}
    best = math.sqrt(power_law_optimal_fitting_ratio(1.5, 1.8, relative_noise=0.5))
    stationarity = forms["power_law_stationarity"].subs(point)
    assert abs(float(stationarity.subs(s, best))) < 1e-12
    slope = sp.diff(forms["power_law_relative_risk"], s).subs(point)
    for value in (0.01, 0.3, 0.8):
        assert float(stationarity.subs(s, value)) * float(slope.subs(s, value)) < 0
