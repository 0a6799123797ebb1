"""Naive model of noisy observations: its constants by quadrature, its sums against its asymptotics, bad input."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.special import zeta

from theory.spectral_algorithms import (
    circle_loss,
    circle_optimal_loss,
    gradient_flow_profile,
    interpolation_profile,
    nmno_loss,
    noisy_asymptotics,
    ridge_profile,
)

BUILD = {"ridge": ridge_profile, "gradient_flow": gradient_flow_profile}


def laws(nu, kappa, noise=1.0):
    return dict(capacity_exponent=nu, source_exponent=kappa, noise_variance=noise)


def infinite_loss(profile, n, nu, kappa, noise, last=200000):
    """The sums with all modes: those beyond the last are not learnt."""
    index = np.arange(1.0, last + 1.0)
    loss = nmno_loss(profile, n, eigenvalues=index**-nu, target_power=index ** (-kappa - 1.0), noise_variance=noise)
    return loss + 0.5 * zeta(kappa + 1.0, last + 1.0)


@pytest.mark.parametrize(
    ("algorithm", "parameter", "loss"),
    [
        ("ridge", 0.001, 0.0161226610154),
        ("gradient_flow", 607.492299706, 0.0158567694911),
        ("optimal", np.nan, 0.0157079632679),
    ],
)
def test_reference_values(algorithm, parameter, loss):
    optimum = noisy_asymptotics(algorithm, 10**4, **laws(1.5, 1.0), multiplicity=2)
    assert_allclose([optimum.parameter, optimum.loss], [parameter, loss], rtol=1e-11)
    assert_allclose([optimum.loss_exponent, optimum.scale, optimum.bias_share], [0.5, 0.75, 0.5], rtol=1e-15)


def test_reference_values_of_the_saturated_ridge():
    optimum = noisy_asymptotics("ridge", 10**4, **laws(1.2, 4.0), multiplicity=2)
    assert_allclose([optimum.parameter, optimum.loss], [0.0292632968583, 0.00234519523499], rtol=1e-11)
    assert_allclose(optimum.loss_exponent, 2.4 / 3.4, rtol=1e-15)
    assert_allclose([optimum.scale, optimum.bias_share], [1.2 / 3.4, 1 / 3.4], rtol=1e-15)


@pytest.mark.parametrize(
    ("nu", "kappa", "ridge", "flow"),
    [(1.5, 1.0, 1.02640, 1.00947), (2.0, 0.5, 1.01329, 1.04811), (2, 3, 1.24081, 1.02233)],
)
def test_reference_ratios_to_the_optimum(nu, kappa, ridge, flow):
    losses = [
        noisy_asymptotics(name, 1000, **laws(nu, kappa, 0.3)).loss for name in ("ridge", "gradient_flow", "optimal")
    ]
    assert_allclose([losses[0] / losses[2], losses[1] / losses[2]], [ridge, flow], atol=6e-6)


@pytest.mark.parametrize(("nu", "kappa"), [(1.5, 1.0), (2.0, 0.5), (2.0, 3.0), (1.2, 2.0)])
@pytest.mark.parametrize("algorithm", ["ridge", "gradient_flow"])
@pytest.mark.parametrize("multiplicity", [1, 2])
def test_constants_are_the_integrals_of_noise_and_bias(nu, kappa, algorithm, multiplicity):
    # With y = lambda / theta: noise = 1/2 s theta^(-1/nu) B, bias = 1/2 A theta^(kappa/nu), s = noise / n.
    with mp.workdps(20):
        a, b, s = mp.mpf(nu), mp.mpf(kappa), mp.mpf("0.2") / 3000
        learnt = (lambda y: y / (1 + y)) if algorithm == "ridge" else (lambda y: -mp.expm1(-y))
        missed = (lambda y: 1 / (1 + y)) if algorithm == "ridge" else (lambda y: mp.exp(-y))
        # In t = log y, from where the integrand is below 1e-20 to where it is again.
        ends = [-46 * a / min(b, 2 * a - 1) - 10, 0, 46 * a / min(1, 2 * a - b) + 10]

        def integral(f):
            return multiplicity / a * mp.quad(lambda t: f(mp.exp(t), t), mp.linspace(ends[0], ends[2], 60), maxdegree=5)

        noise = integral(lambda y, t: learnt(y) ** 2 * mp.exp(-t / a))
        bias = integral(lambda y, t: missed(y) ** 2 * mp.exp(b / a * t))
        theta = (noise * s / (b * bias)) ** (a / (b + 1))
        loss = (bias * theta ** (b / a) + s * noise * theta ** (-1 / a)) / 2
        expected = [float(theta if algorithm == "ridge" else 1 / theta), float(loss)]
        share = float(bias * theta ** (b / a) / 2 / loss)
    optimum = noisy_asymptotics(algorithm, 3000, **laws(nu, kappa, 0.2), multiplicity=multiplicity)
    assert_allclose([optimum.parameter, optimum.loss], expected, rtol=1e-11)
    assert_allclose(optimum.bias_share, share, rtol=1e-11)


@pytest.mark.parametrize(
    ("algorithm", "nu", "kappa"),
    [
        ("ridge", 1.5, 1.0),
        ("ridge", 2.0, 3.0),
        ("ridge", 1.2, 4.0),
        ("gradient_flow", 1.5, 1.0),
        ("gradient_flow", 1.2, 4.0),
        ("optimal", 1.5, 1.0),
        ("optimal", 1.2, 4.0),
    ],
)
def test_sums_converge_to_the_constants(algorithm, nu, kappa):
    order = min(kappa, 2.0 * nu) if algorithm == "ridge" else kappa
    gaps = []
    for n in (10**4, 10**6, 10**8):
        optimum = noisy_asymptotics(algorithm, n, **laws(nu, kappa))
        profile = BUILD[algorithm](optimum.parameter) if algorithm in BUILD else None
        gaps.append(abs(infinite_loss(profile, n, nu, kappa, 1.0, last=10**6) / optimum.loss - 1.0))
        assert gaps[-1] < 2.0 * n ** (-1.0 / (order + 1.0))
    assert gaps[0] > gaps[1] > gaps[2]


@pytest.mark.parametrize(("nu", "kappa"), [(1.5, 1.0), (1.2, 4.0)])
@pytest.mark.parametrize("algorithm", ["ridge", "gradient_flow"])
def test_the_parameter_is_the_numerical_minimum(nu, kappa, algorithm):
    n = 10**6
    optimum = noisy_asymptotics(algorithm, n, **laws(nu, kappa))

    def loss(log_factor):
        return infinite_loss(BUILD[algorithm](optimum.parameter * math.exp(log_factor)), n, nu, kappa, 1.0)

    best = minimize_scalar(loss, bounds=(-1.0, 1.0), method="bounded", options=dict(xatol=1e-4))
    # The minimum moves by the relative correction of the loss, its value by the square of it.
    correction = n ** (-1.0 / (min(kappa, 2.0 * nu) + 1.0))
    assert abs(best.x) < 2.0 * correction
    assert_allclose(best.fun, loss(0.0), rtol=4.0 * correction**2)


@pytest.mark.parametrize(("nu", "kappa"), [(1.5, 1.0), (2.0, 3.0), (1.2, 4.0)])
@pytest.mark.parametrize("algorithm", ["ridge", "gradient_flow", "optimal"])
def test_the_circle_tends_to_the_doubled_sums(nu, kappa, algorithm):
    gaps = []
    for n in (10**3, 10**5):
        optimum = noisy_asymptotics(algorithm, n, **laws(nu, kappa), multiplicity=2)
        if algorithm == "optimal":
            loss = circle_optimal_loss(n, **laws(nu, kappa))
        else:
            loss = circle_loss(BUILD[algorithm](optimum.parameter), n, **laws(nu, kappa))
        gaps.append(abs(loss / optimum.loss - 1.0))
        order = min(kappa, 2.0 * nu) if algorithm == "ridge" else kappa
        assert gaps[-1] < 2.0 * n ** (-1.0 / (order + 1.0))
    assert gaps[1] < 0.6 * gaps[0]


def test_circle_has_the_naive_loss_when_nothing_aliases():
    # 2 l^-nu summed over l >= 1 less its first term is the sum over all integers.
    nu, kappa, n = 3.0, 2.0, 10**5
    ridge = ridge_profile(noisy_asymptotics("ridge", n, **laws(nu, kappa)).parameter)
    first = nmno_loss(ridge, n, eigenvalues=[1.0], target_power=[1.0], noise_variance=1.0)
    naive = 2.0 * infinite_loss(ridge, n, nu, kappa, 1.0) - first
    assert_allclose(circle_loss(ridge, n, **laws(nu, kappa)), naive, rtol=1e-7)


def test_one_mode_by_hand():
    loss = nmno_loss(ridge_profile(1.0), 4, eigenvalues=[3.0], target_power=[0.8], noise_variance=2.0)
    assert_allclose(loss, 0.5 * (0.5 * 0.75**2 + 0.25**2 * 0.8), rtol=1e-15)
    best = nmno_loss(None, 4, eigenvalues=[3.0], target_power=[0.8], noise_variance=2.0)
    assert_allclose(best, 0.5 * 0.5 * 0.8 / 1.3, rtol=1e-15)
    assert nmno_loss(None, 4, eigenvalues=[3.0], target_power=[0.0], noise_variance=0.0) == 0.0
    assert nmno_loss(interpolation_profile(), 4, eigenvalues=[3.0], target_power=[0.8], noise_variance=0.0) == 0.0


def test_no_profile_is_better_than_the_optimum():
    index = np.arange(1.0, 51.0)
    modes = dict(eigenvalues=index**-1.5, target_power=index**-2.0, noise_variance=0.5)
    best = nmno_loss(None, 100, **modes)
    noise = 0.5 / 100
    assert_allclose(nmno_loss(lambda x: x ** (4 / 3) / (x ** (4 / 3) + noise), 100, **modes), best, rtol=1e-13)
    generator = np.random.default_rng(8)
    shape = index**-2.0 / (index**-2.0 + noise)
    for _ in range(50):
        change = 0.1 * generator.standard_normal(50)
        excess = nmno_loss(lambda x, change=change: shape + change, 100, **modes) - best
        assert_allclose(excess, 0.5 * np.sum(change**2 * (index**-2.0 + noise)), rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(n_samples=0), "n_samples = 0"),
        (dict(eigenvalues=[]), "eigenvalues = array of shape"),
        (dict(eigenvalues=[1.0, 0.0]), r"eigenvalues\[1\] = 0.0"),
        (dict(eigenvalues=[0.5, 1.0]), r"eigenvalues\[1\] = 1.0: expected at most the one before, 0.5"),
        (dict(eigenvalues=[1.0, np.nan]), r"eigenvalues\[1\] = nan"),
        (dict(target_power=[1.0]), "target_power = array of shape"),
        (dict(target_power=[1.0, -1.0]), r"target_power\[1\] = -1.0"),
        (dict(noise_variance=-1.0), "noise_variance = -1.0"),
        (dict(profile=lambda x: x[:1]), "profile = array of shape"),
    ],
)
def test_bad_modes(change, message):
    good = dict(profile=None, n_samples=3, eigenvalues=[1.0, 0.5], target_power=[1.0, 1.0], noise_variance=0.1)
    with pytest.raises(ValueError, match=message):
        nmno_loss(**(good | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(algorithm="interpolation"), "algorithm = 'interpolation': expected one of 'ridge'"),
        (dict(n_samples=1.5), "n_samples = 1.5"),
        (dict(capacity_exponent=1.0), "capacity_exponent = 1.0"),
        (dict(source_exponent=-0.1), "source_exponent = -0.1"),
        (dict(source_exponent=3.0), "source_exponent = 3.0: expected different from 2 capacity_exponent = 3"),
        (dict(noise_variance=0.0), "noise_variance = 0.0"),
        (dict(multiplicity=3), "multiplicity = 3"),
    ],
)
def test_bad_power_laws(change, message):
    with pytest.raises(ValueError, match=message):
        noisy_asymptotics(**(dict(algorithm="ridge", n_samples=100, **laws(1.5, 1.0)) | change))
