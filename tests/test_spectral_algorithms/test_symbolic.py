"""Symbolic derivations, at random rationals and against the numeric functions."""

import random

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose
from scipy.integrate import quad

from theory.spectral_algorithms import (
    bayes_profile_symbolic,
    circle_spectrum,
    noisy_asymptotics,
    optimal_profile_symbolic,
    power_law_optimum_symbolic,
    resolvent_identity_symbolic,
    ridge_loss,
    wishart_measures,
    wishart_optimal_profile,
)


@pytest.fixture(scope="module")
def optimum():
    return optimal_profile_symbolic()


@pytest.fixture(scope="module")
def power_laws():
    return power_law_optimum_symbolic()


@pytest.fixture(scope="module")
def resolvent():
    return resolvent_identity_symbolic()


def rationals(form, n_points=6):
    """Random positive rationals for the free symbols of all forms."""
    source = random.Random(7)
    symbols = sorted(set().union(*(expression.free_symbols for expression in form.values())), key=str)
    for _ in range(n_points):
        yield {symbol: sp.Rational(source.randint(1, 60), source.randint(1, 12)) for symbol in symbols}


def number(expression, **values):
    by_name = {symbol.name: symbol for symbol in expression.free_symbols}
    return float(expression.subs({by_name[name]: value for name, value in values.items() if name in by_name}))


def aliased(n, k, exponent, n_images=20):
    frequencies = k + n * np.arange(-n_images, n_images + 1)
    return np.sum((np.abs(frequencies) + 1.0) ** -exponent)


def test_circle_minimiser_is_the_numeric_one(optimum):
    nu, kappa, noise, n = 3.0, 2.5, 0.4, 6
    spectrum = circle_spectrum(None, n, capacity_exponent=nu, source_exponent=kappa, noise_variance=noise)
    terms = spectrum.signal + spectrum.noise
    for k in range(n // 2 + 1):
        sums = dict(
            lambda_1=aliased(n, k, nu, 3000),
            lambda_2=aliased(n, k, 2 * nu),
            power=aliased(n, k, kappa + 1, 3000),
            cross=aliased(n, k, nu + kappa + 1, 3000),
            sigma2=noise,
            N=n,
        )
        # The truncated sums miss about (6 * 3000)^-2 of their largest term.
        assert_allclose(number(optimum["profile"], **sums), spectrum.optimal_profile[k], rtol=1e-7)
        assert_allclose(number(optimum["minimum"], **sums) * spectrum.multiplicity[k], terms[k], rtol=1e-6)


def test_circle_minimiser_is_a_minimum(optimum):
    h = sp.Symbol("h", positive=True)
    for point in rationals(optimum):
        assert optimum["curvature"].subs(point) > 0
        at_minimum = {**point, h: optimum["profile"].subs(point)}
        assert sp.diff(optimum["term"], h).subs(at_minimum) == 0
        assert optimum["term"].subs(at_minimum) == optimum["minimum"].subs(point)


def test_overlearning_changes_sign_at_the_bayes_point(optimum):
    x, a = sp.symbols("x a", positive=True)
    assert sp.expand(optimum["excess"] - sp.expand(optimum["excess_closed"])).equals(0)
    assert optimum["excess_closed"].subs(a, 1) == 0
    for ratio in (0.01, 0.5, 0.99):
        for exponent in (0.1, 0.9, 1.1, 2.0, 5.0):
            value = float(optimum["excess"].subs({x: ratio, a: exponent}))
            assert value * (exponent - 1.0) > 0
        assert number(optimum["log_moment_curvature"], x=ratio, p=0.3) > 0


def filters(algorithm, m=1):
    """h and 1 - h as functions of eigenvalue over threshold."""
    if algorithm == "gradient_flow":
        return lambda u: -np.expm1(-u), lambda u: np.exp(-u)
    return lambda u: 1 - (1 + u) ** -float(m), lambda u: (1 + u) ** -float(m)


def mode_integral(function):
    """The integral over l > 0 on the scale of log l."""
    return quad(lambda s: function(np.exp(s)) * np.exp(s), -60, 60, epsabs=0, epsrel=1e-11, limit=500)[0]


@pytest.mark.parametrize(("nu", "kappa"), [(1.5, 1.0), (2.0, 0.5), (1.2, 2.0), (3.0, 3.0)])
def test_power_law_constants_by_quadrature(power_laws, nu, kappa):
    values = dict(nu=nu, kappa=kappa)
    for algorithm in ("ridge", "gradient_flow"):
        learnt, missed = filters(algorithm)
        noise = mode_integral(lambda mode, h=learnt: h(mode**-nu) ** 2)
        bias = mode_integral(lambda mode, r=missed: r(mode**-nu) ** 2 * mode ** (-kappa - 1))
        assert_allclose(number(power_laws[f"{algorithm}_noise"], **values), noise, rtol=1e-9)
        assert_allclose(number(power_laws[f"{algorithm}_bias"], **values), bias, rtol=1e-9)
    _, missed = filters("ridge", m=3)
    bias = mode_integral(lambda mode: missed(mode**-nu) ** 2 * mode ** (-kappa - 1))
    assert_allclose(number(power_laws["iterated_ridge_bias"], **values, m=3), bias, rtol=1e-9)
    optimal = mode_integral(lambda mode: 1 / (1 + mode ** (kappa + 1)))
    assert_allclose(number(power_laws["optimal_constant"], **values), optimal, rtol=1e-9)


@pytest.mark.parametrize(("nu", "kappa"), [(1.5, 1.0), (2.0, 0.5), (1.2, 2.0)])
@pytest.mark.parametrize("algorithm", ["ridge", "gradient_flow"])
def test_power_law_optimum_is_the_numeric_one(power_laws, algorithm, nu, kappa):
    n, noise, mu = 10**4, 0.7, 2
    laws = dict(capacity_exponent=nu, source_exponent=kappa, noise_variance=noise, multiplicity=mu)
    found = noisy_asymptotics(algorithm, n, **laws)
    values = dict(nu=nu, kappa=kappa, sigma2=noise, N=n, mu=mu)
    values["A"] = number(power_laws[f"{algorithm}_bias"], **values)
    values["B"] = number(power_laws[f"{algorithm}_noise"], **values)
    threshold = found.parameter if algorithm == "ridge" else 1 / found.parameter
    assert_allclose(number(power_laws["threshold"], **values), threshold, rtol=1e-12)
    assert_allclose(number(power_laws["minimum"], **values), found.loss, rtol=1e-12)
    assert_allclose(number(power_laws["loss"], **values, theta=threshold), found.loss, rtol=1e-12)
    assert_allclose(number(power_laws["bias_share"], **values), found.bias_share, rtol=1e-14)
    best = mu / 2 * (noise / n) ** (kappa / (kappa + 1)) * number(power_laws["optimal_constant"], **values)
    assert_allclose(best, noisy_asymptotics("optimal", n, **laws).loss, rtol=1e-12)


@pytest.mark.parametrize("name", ["difference", "inner", "linear", "noise", "signal"])
def test_resolvent_identity_and_residues(resolvent, name):
    for point in rationals(resolvent):
        assert resolvent[name].subs(point) == resolvent[f"{name}_closed"].subs(point)


def test_residues_are_the_numeric_ridge_loss(resolvent):
    lam, power, n, kappa = [2.0, 0.5], [1.0, 3.0], 5, 0.3
    values = dict(N=n, kappa=kappa, lambda_1=lam[0], lambda_2=lam[1], c2_1=power[0], c2_2=power[1])
    ridge = kappa * (1 - sum(v / (v + kappa) for v in lam) / n)
    total = 0.5 * (number(resolvent["signal"], **values) + 0.2 * number(resolvent["noise"], **values))
    assert_allclose(ridge_loss(ridge, n, eigenvalues=lam, target_power=power, noise_variance=0.2), total, rtol=1e-13)


def test_bayes_profile_is_ridge_in_both_models():
    forms = bayes_profile_symbolic()
    assert sp.simplify(forms["two_point"]) == 0
    for point in rationals(forms):
        ridge = forms["ridge_profile"].subs(point)
        assert forms["wishart_profile"].subs(point) == ridge == forms["circle_profile"].subs(point)
    n, noise, tau2 = 30, 0.2, 3.0
    values = np.arange(1.0, 101.0) ** -1.7
    task = dict(eigenvalues=values, target_power=tau2 * values)
    measures = wishart_measures(n, **task)
    b = measures.effective_ridge.imag / measures.nodes
    for name, density in [
        ("linear", measures.linear_density),
        ("local", measures.local_density),
        ("noise", measures.noise_density),
    ]:
        expected = [number(forms[name], N=n, tau2=tau2, b=b[i], **{"lambda": measures.nodes[i]}) for i in (0, 50, -1)]
        assert_allclose(density[[0, 50, -1]], expected, rtol=1e-12)
    q, z = measures.effective_ridge[50], measures.nodes[50]
    symbols = {"q": q, "z": z, "N": n, "tau2": tau2}
    shadow = forms["S"].subs({symbol: symbols[symbol.name] for symbol in forms["S"].free_symbols})
    assert_allclose(complex(shadow), np.sum(task["target_power"] / (values + q)), rtol=1e-12)
    best = wishart_optimal_profile(n, noise_variance=noise, **task)
    kappa = (2 * best.loss + noise) / (n * tau2)
    assert_allclose(number(forms["loss"], N=n, tau2=tau2, sigma2=noise, kappa=kappa), best.loss, rtol=1e-13)
    some = slice(None, None, 60)
    constants = dict(N=n, tau2=tau2, sigma2=noise)
    learnt = [number(forms["ridge_profile"], **constants, **{"lambda": v}) for v in best.eigenvalues[some]]
    assert_allclose(best.values[some], learnt, rtol=1e-11)
