"""Wrong constants and exponents of power laws: the quick check of each claim must refuse them."""

import functools
import math

import numpy as np
import pytest
from scipy.special import gamma, zeta

import assay
from theory.spectral_algorithms import circle_noiseless_constant, noisy_asymptotics, wishart_noiseless_constant


def judge(claim, check, formula, output):
    return assay.judge(f"spectral_algorithms.{claim}", formula, check=check, output=output).outcome


def naive(algorithm, n_samples, nu, kappa, noise_variance, multiplicity, *, bias=lambda nu, x: 1.0,
          noise=lambda nu: 1.0, leading=lambda nu, kappa: 1.0):  # fmt: skip
    """Return the loss at the best threshold with factors on its bias and noise coefficients."""
    right = noisy_asymptotics(algorithm, n_samples, capacity_exponent=nu, source_exponent=kappa,
                              noise_variance=noise_variance, multiplicity=multiplicity)  # fmt: skip
    if algorithm == "optimal":
        return right.loss * leading(nu, kappa)
    # L is proportional to A^(1/(m + 1)) B^(m/(m + 1)) with m = min(kappa, 2 nu) or kappa.
    share = right.bias_share
    return right.loss * bias(nu, kappa / nu) ** share * noise(nu) ** (1 - share)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "agrees"),
        (dict(noise=lambda nu: nu / (nu - 1)), "disagrees"),  # int h for int h^2
        (dict(noise=lambda nu: np.sinc(1 / nu)), "disagrees"),  # the sine lost
        (dict(bias=lambda nu, x: nu), "disagrees"),  # the Jacobian 1/nu lost
        (dict(bias=lambda nu, x: 2**x), "disagrees"),  # exp(-t lambda) not squared
        (dict(leading=lambda nu, kappa: np.sinc(1 / (kappa + 1)) / np.sinc(1 / kappa)), "disagrees"),
        (dict(leading=lambda nu, kappa: 2.0), "disagrees"),  # the factor 1/2
    ],
)
def test_constants_of_the_naive_model(changes, outcome, output):
    assert judge(9, "constants", lambda **point: naive(**point, **changes), output) == outcome


@pytest.mark.parametrize(
    ("formula", "outcome"),
    [
        (lambda algorithm, kappa, nu: 1 / (1 + (min(kappa, 2 * nu) if algorithm == "ridge" else kappa)), "agrees"),
        (lambda algorithm, kappa, nu: 1 / (1 + (min(kappa, nu) if algorithm == "ridge" else kappa)), "disagrees"),
        (lambda kappa: kappa / (1 + kappa), "disagrees"),
        (lambda kappa, nu: 1 / (1 + kappa / nu), "disagrees"),
    ],
)
def test_bias_shares(formula, outcome, output):
    assert judge(9, "bias-share", formula, output) == outcome


def test_best_threshold_without_its_factor_kappa(output):
    def formula(algorithm, n_samples, nu, kappa, noise_variance, multiplicity, source=0.0):
        best = noisy_asymptotics(algorithm, n_samples, capacity_exponent=nu, source_exponent=kappa,
                                 noise_variance=noise_variance, multiplicity=multiplicity)  # fmt: skip
        threshold = best.parameter if algorithm == "ridge" else 1 / best.parameter
        order = 1 / best.bias_share - 1
        return threshold * (order / (order + source)) ** (nu / (order + 1))

    assert judge(9, "best-threshold", formula, output) == "agrees"
    wrong = functools.partial(formula, source=1.0)  # kappa + 1 for kappa
    assert judge(9, "best-threshold", wrong, output) == "disagrees"


def circle_constant(n_samples, nu, kappa, profile, *, factor=1.0, source=0.0):
    constant = circle_noiseless_constant(capacity_exponent=nu, source_exponent=kappa + source, algorithm=profile)
    return factor * constant * n_samples**-kappa


@pytest.mark.parametrize(
    ("formula", "outcome"),
    [
        (circle_constant, "agrees"),
        (lambda **point: circle_constant(**point, factor=2.0), "disagrees"),  # the factor 1/2
        (lambda **point: circle_constant(**point, source=-0.01), "disagrees"),
        (lambda nu, **point: circle_constant(nu=1.01 * nu, **point), "disagrees"),
        (lambda profile, **point: circle_constant(profile="interpolation", **point), "disagrees"),
    ],
)
def test_noiseless_constants_of_the_circle(formula, outcome, output):
    assert judge(11, "circle-constants", formula, output) == outcome


def wishart(n_samples, nu, kappa, *, power=0.0, argument=2.0, inflation=1.0):
    right = wishart_noiseless_constant(capacity_exponent=nu, source_exponent=kappa)
    close = 1.0 if 2 * nu - kappa == 1 else 0.0
    constant = right * np.sinc(1 / nu) ** power * gamma(argument - kappa / nu) / gamma(2 - kappa / nu) * inflation
    return constant * n_samples**-kappa * (1 - ((kappa + 1) / 2 + close) / n_samples)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "agrees"),
        (dict(power=1.0), "disagrees"),  # C^(kappa - 1)
        (dict(argument=3.0), "disagrees"),  # a shift of the Gamma function
        (dict(inflation=2.0), "disagrees"),
        (dict(inflation=0.999), "disagrees"),
    ],
)
def test_noiseless_constants_of_the_wishart_model(changes, outcome, output):
    assert judge(11, "wishart-constants", lambda **point: wishart(**point, **changes), output) == outcome


def aliasing_limit(n_samples, nu, kappa, profile, *, pairs=4.0, first=1.0):
    leading = zeta(kappa + 1 - 2 * nu) * 2 - first
    cross = pairs * zeta(nu) ** 2 if profile == "interpolation" else 0.0
    return 0.5 * leading * (cross + 2 * zeta(2 * nu)) * n_samples ** (-2 * nu)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [({}, "agrees"), (dict(pairs=2.0), "disagrees"), (dict(first=0.0), "disagrees"), (dict(first=2.0), "disagrees")],
)
def test_limit_set_by_aliasing(changes, outcome, output):
    assert judge(11, "aliasing-limit", lambda **point: aliasing_limit(**point, **changes), output) == outcome


def order(algorithm, nu, kappa, factor=2.0):
    return min(kappa, {"ridge": 1, "ridge_2": 2}.get(algorithm, math.inf) * factor * nu)


@pytest.mark.parametrize(
    ("claimed", "outcome"),
    [
        (lambda m, nu: -m / (m + 1), "agrees"),
        (lambda m, nu: -m / (m + 2), "disagrees"),
        (lambda m, nu: -m / (m + nu), "disagrees"),
        (lambda m, nu: -1 / (m + 1), "disagrees"),
    ],
)
def test_loss_exponents(claimed, outcome, output):
    formula = lambda algorithm, nu, kappa: claimed(order(algorithm, nu, kappa), nu)  # noqa: E731
    assert judge(12, "loss-exponent", formula, output) == outcome


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_saturation_at_another_smoothness(factor, output):
    """Ridge regression saturates at kappa = 2 nu: neither at nu nor at 4 nu."""

    def formula(algorithm, nu, kappa):
        m = order(algorithm, nu, kappa, factor)
        return -m / (m + 1)

    assert judge(12, "loss-exponent", formula, output) == "disagrees"


@pytest.mark.parametrize(
    ("claimed", "outcome"),
    [
        (lambda m, nu, kappa: -nu / (m + 1), "agrees"),
        (lambda m, nu, kappa: -1 / (m + 1), "disagrees"),
        (lambda m, nu, kappa: -nu / (kappa + 1), "disagrees"),
    ],
)
def test_threshold_exponents(claimed, outcome, output):
    formula = lambda algorithm, nu, kappa: claimed(order(algorithm, nu, kappa), nu, kappa)  # noqa: E731
    assert judge(12, "threshold-exponent", formula, output) == outcome
