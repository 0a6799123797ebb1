"""Logistic regression and ridge regression on Gaussian covariates against state evolution by adaptive quadrature."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfc, expit

from theory.random_features import (
    deep_rf_layers,
    deep_rf_logistic_risk,
    gaussian_covariate_logistic,
    gaussian_covariate_ridge,
    linearised_covariance,
    rf_risk,
)
from theory.random_features.logistic import _proximal_point

HARMONIC = 1 / np.arange(1, 101)
POWER_LAW = dict(target_variance=4.0, n_samples=150, ridge=0.1)
SIGN_TEACHER = dict(teacher_power=2 / math.pi, target_variance=1.0)


def proximal_point(y, center, variance):
    edge = center + y * variance
    bracket = min(center, edge) - 1.0, max(center, edge) + 1.0
    return brentq(lambda p: p - center - variance * y * expit(-y * p), *bracket, xtol=1e-13)


def naive_averages(variance, self_overlap, target_overlap, target_variance):
    """Transcribe the conjugate parameters and the loss, both labels, by adaptive quadrature over the predictor."""
    residual = target_variance - target_overlap**2 / self_overlap
    totals = np.zeros(4)
    for y in (-1.0, 1.0):
        # The integrands turn fast at predictor 0 and where the proximal point crosses 0.
        cuts = sorted({0.0, *np.clip([-y * variance / 2 / math.sqrt(self_overlap)], -12, 12)})
        edges = [-12.0, *[cut for cut in cuts if abs(cut) < 12], 12.0]
        cache = {}

        def integrands(xi, y=y, cache=cache):
            if xi not in cache:
                omega, mean = math.sqrt(self_overlap) * xi, target_overlap * xi / math.sqrt(self_overlap)
                p = proximal_point(y, omega, variance)
                f = y * expit(-y * p)
                h = expit(p) * expit(-p)
                z = 0.5 * erfc(-y * mean / math.sqrt(2 * residual))
                density = y * math.exp(-(mean**2) / (2 * residual)) / math.sqrt(2 * math.pi * residual)
                values = (z * h / (1 + variance * h), z * f**2, density * f, z * np.logaddexp(0, -y * p))
                cache[xi] = np.array(values) * math.exp(-xi * xi / 2) / math.sqrt(2 * math.pi)
            return cache[xi]

        for low, high in itertools.pairwise(edges):
            for i in range(4):
                totals[i] += quad(lambda xi, i=i: integrands(xi)[i], low, high, epsabs=1e-13, epsrel=1e-11, limit=200)[
                    0
                ]
    return totals


def naive_update(eigenvalues, cross, averages, n_samples, ridge):
    stiffness, square, overlap = n_samples * averages[:3]
    variance, self_overlap, target_overlap = 0.0, 0.0, 0.0
    for value, c in zip(eigenvalues, cross, strict=True):
        shrink = ridge + stiffness * value
        variance += value / shrink
        self_overlap += value * (overlap**2 * c**2 + square * value) / shrink**2
        target_overlap += overlap * c**2 / shrink
    return variance, self_overlap, target_overlap


def order_parameters(risk):
    return risk.variance, risk.self_overlap, risk.target_overlap


def test_reference_values():
    ridge = gaussian_covariate_ridge(HARMONIC, 0.8 * HARMONIC, **POWER_LAW)
    assert ridge.test_mse == pytest.approx(1.5903819730091, rel=1e-13)
    risk = gaussian_covariate_logistic(HARMONIC, 0.8 * HARMONIC, **POWER_LAW)
    assert risk.test_error == pytest.approx(0.23131020220, abs=1e-11)
    assert risk.train_loss == pytest.approx(0.10586267704, abs=1e-11)


@pytest.mark.parametrize(
    ("n_samples", "ridge", "error", "loss"),
    [(200, 0.05, 0.40888, 0.40596), (600, 0.05, 0.35672, 0.47679), (400, 0.01, 0.37272, 0.35558)],
)
def test_deep_reference_values(n_samples, ridge, error, loss):
    risk = deep_rf_logistic_risk([200] * 3, "tanh", n_samples=n_samples, ridge=ridge, **SIGN_TEACHER)
    assert risk.test_error == pytest.approx(error, abs=5e-6)
    assert risk.train_loss == pytest.approx(loss, abs=5e-6)


@pytest.mark.parametrize(
    ("n_samples", "ridge", "target_variance"),
    [
        (150, 0.1, 4.0),
        (20, 1e-3, 6.0),  # separable: self-overlap 12, variance 3600
        (150, 1e-4, 4.0),  # separable: self-overlap 250, variance 8000
        (1000, 0.01, 3.33),  # well specified: the label's probability is steep in the predictor
        (300, 50.0, 4.0),
    ],
)
def test_fixed_point_by_adaptive_quadrature(n_samples, ridge, target_variance):
    cross = 0.8 * HARMONIC
    risk = gaussian_covariate_logistic(
        HARMONIC, cross, target_variance=target_variance, n_samples=n_samples, ridge=ridge
    )
    averages = naive_averages(*order_parameters(risk), target_variance)
    updated = naive_update(HARMONIC, cross, averages, n_samples, ridge)
    assert order_parameters(risk) == pytest.approx(updated, rel=1e-9)
    assert risk.train_loss == pytest.approx(averages[3], rel=1e-9)
    alignment = risk.target_overlap / math.sqrt(target_variance * risk.self_overlap)
    assert risk.test_error == pytest.approx(math.acos(alignment) / math.pi, rel=1e-9)


def test_more_nodes_change_nothing():
    for n_samples, ridge in ((150, 0.1), (50, 1e-5), (5000, 0.1)):
        options = dict(target_variance=4.0, n_samples=n_samples, ridge=ridge)
        usual = gaussian_covariate_logistic(HARMONIC, 0.8 * HARMONIC, **options)
        finer = gaussian_covariate_logistic(HARMONIC, 0.8 * HARMONIC, n_quadrature=600, **options)
        assert order_parameters(finer) == pytest.approx(order_parameters(usual), rel=1e-10)


def test_proximal_point_solves_its_equation():
    for variance in (1e-6, 0.3, 30.0, 1e3, 1e8):
        for center in (-1e9, -300.0, -31.0, -2.0, 0.0, 1e-3, 5.0, 1e5):
            p = _proximal_point(center, variance)
            assert p - center == pytest.approx(variance * expit(-p), rel=1e-9, abs=1e-12 * (1 + abs(center)))


def test_deep_average_of_sampled_weights():
    width, n_samples, ridge = 200, 400, 0.02
    layers = deep_rf_layers("tanh", 2)
    results = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        first, second, hidden = (rng.standard_normal((width, width)) for _ in range(3))
        readout = rng.standard_normal(width)
        # Sign teacher: kappa_1^2 = 2/pi, kappa_star^2 = 1 - 2/pi at unit variance.
        kernel = 2 / math.pi * hidden @ hidden.T / width + (1 - 2 / math.pi) * np.eye(width)
        slope = layers[0].kappa_1 * layers[1].kappa_1 * math.sqrt(2 / math.pi)
        cross = slope * second @ first @ hidden.T @ readout / width**2.5
        eigenvalues, basis = np.linalg.eigh(linearised_covariance([first, second], "tanh", np.eye(width)) / width)
        risk = gaussian_covariate_logistic(
            eigenvalues,
            basis.T @ cross,
            target_variance=readout @ kernel @ readout / width,
            n_samples=n_samples,
            ridge=ridge,
        )
        results.append((risk.test_error, risk.train_loss, risk.variance, risk.self_overlap))
    averaged = deep_rf_logistic_risk([width] * 3, "tanh", n_samples=n_samples, ridge=ridge, **SIGN_TEACHER)
    expected = (averaged.test_error, averaged.train_loss, averaged.variance, averaged.self_overlap)
    standard_error = np.std(results, axis=0) / math.sqrt(11)
    assert np.all(standard_error < 0.02 * np.array(expected))
    assert np.all(np.abs(np.mean(results, axis=0) - expected) < 4 * standard_error)


def test_misspecified_ridge_is_noisy_ridge():
    eigenvalues, cross = HARMONIC[:40], 0.5 * HARMONIC[:40]
    explained = 0.25 * HARMONIC[:40].sum()
    misfit = gaussian_covariate_ridge(eigenvalues, cross, target_variance=explained + 0.7, n_samples=60, ridge=0.2)
    noisy = rf_risk(
        eigenvalues, 0.5 * np.sqrt(eigenvalues), n_samples=60, n_features=np.inf, ridge=0.2, noise_variance=0.7
    )
    assert misfit.test_mse == pytest.approx(noisy.test_mse, rel=1e-13)
    assert misfit.train_mse == pytest.approx(noisy.train_mse, rel=1e-13)


def test_twins():
    cross = 0.8 * HARMONIC
    plain = gaussian_covariate_logistic(HARMONIC, cross, **POWER_LAW)

    def same(other, **changed):
        expected = vars(plain) | changed
        expected.pop("n_iterations")
        assert {key: getattr(other, key) for key in expected} == pytest.approx(expected, rel=1e-10)

    order = np.random.default_rng(0).permutation(100)
    same(gaussian_covariate_logistic(HARMONIC[order], cross[order], **POWER_LAW))
    padded = np.concatenate([HARMONIC, np.zeros(50)])
    same(gaussian_covariate_logistic(padded, 0.8 * padded, **POWER_LAW))
    signs = np.where(np.arange(100) % 3, 1.0, -1.0)
    same(gaussian_covariate_logistic(HARMONIC, signs * cross, **POWER_LAW))
    # The labels see only the sign of the target.
    louder = gaussian_covariate_logistic(HARMONIC, 3 * cross, target_variance=36.0, n_samples=150, ridge=0.1)
    same(louder, target_overlap=3 * plain.target_overlap)
    # Features in other units, with the ridge.
    same(gaussian_covariate_logistic(4 * HARMONIC, 2 * cross, target_variance=4.0, n_samples=150, ridge=0.4))


def test_no_signal_is_a_coin():
    options = dict(target_variance=2.0, n_samples=100, ridge=0.3)
    risk = gaussian_covariate_logistic(HARMONIC, np.zeros(100), **options)
    assert risk.test_error == pytest.approx(0.5, abs=1e-12)
    assert 0 < risk.train_loss < math.log(2)
    deep = deep_rf_logistic_risk([40, 60], "tanh", teacher_power=0.0, target_variance=1.0, n_samples=80, ridge=0.1)
    assert deep.test_error == pytest.approx(0.5, abs=1e-12)


def test_a_huge_ridge_learns_nothing_but_the_direction():
    risk = gaussian_covariate_logistic(HARMONIC, 0.8 * HARMONIC, target_variance=4.0, n_samples=100, ridge=1e6)
    assert risk.train_loss == pytest.approx(math.log(2), rel=1e-3)
    assert risk.variance == pytest.approx(HARMONIC.sum() / 1e6, rel=1e-4)
    assert risk.test_error < 0.5


GOOD = dict(target_variance=1.0, n_samples=20, ridge=0.1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"feature_eigenvalues": [1.0, -0.5]}, "feature_eigenvalues"),
        ({"feature_eigenvalues": [1.0, math.nan]}, "feature_eigenvalues"),
        ({"feature_eigenvalues": [0.0, 0.0]}, "feature_eigenvalues"),
        ({"feature_eigenvalues": [[1.0, 0.5]]}, "feature_eigenvalues"),
        ({"cross_coefficients": [0.3]}, "cross_coefficients"),
        ({"cross_coefficients": [0.3, math.inf]}, "cross_coefficients"),
        ({"feature_eigenvalues": [1.0, 0.0]}, "cross_coefficients"),
        ({"target_variance": 0.1}, "target_variance"),
        ({"target_variance": math.nan}, "target_variance"),
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": math.nan}, "n_samples"),
        ({"ridge": -0.1}, "ridge"),
        ({"ridge": math.inf}, "ridge"),
    ],
)
def test_bad_input(change, named):
    arguments = {"feature_eigenvalues": [1.0, 0.5], "cross_coefficients": [0.3, 0.3]} | GOOD | change
    for function in (gaussian_covariate_ridge, gaussian_covariate_logistic):
        with pytest.raises(ValueError, match=f"^{named}"):
            function(**arguments)


@pytest.mark.parametrize(("option", "value"), [("ridge", 0.0), ("n_quadrature", 10), ("n_quadrature", 99.5)])
def test_bad_logistic_options(option, value):
    with pytest.raises(ValueError, match=f"^{option}"):
        gaussian_covariate_logistic([1.0, 0.5], [0.3, 0.3], **GOOD | {option: value})


def test_bad_noise_variance():
    with pytest.raises(ValueError, match=r"^noise_variance"):
        gaussian_covariate_ridge([1.0, 0.5], [0.3, 0.3], noise_variance=-1.0, **GOOD)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"widths": [30]}, "widths"),
        ({"activation": "swish"}, "activation"),
        ({"teacher_power": -1.0}, "teacher_power"),
        ({"target_variance": 0.1}, "target_variance"),
        ({"n_samples": 0.0}, "n_samples"),
        ({"ridge": 0.0}, "ridge"),
        ({"input_eigenvalues": np.ones(29)}, "input_eigenvalues"),
    ],
)
def test_bad_deep_input(change, named):
    arguments = {"widths": [30, 20], "activation": "tanh", "teacher_power": 0.5} | GOOD | change
    with pytest.raises(ValueError, match=f"^{named}"):
        deep_rf_logistic_risk(**arguments)


def test_an_iteration_that_fails_raises(monkeypatch):
    from theory.random_features import logistic

    monkeypatch.setattr(logistic, "_MAX_SWEEPS", 5)
    with pytest.raises(RuntimeError, match="did not converge"):
        gaussian_covariate_logistic([1.0, 0.5], [0.3, 0.3], **GOOD)
