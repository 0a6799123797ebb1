"""Random features on the sphere against plain NumPy and SciPy."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, eval_gegenbauer, gammaln

from simulations._streams import spawn_streams
from simulations.random_features import simulate_sphere_rf
from simulations.random_features._activations import (
    checked_activation,
    degree_multiplicities,
    gaussian_moments,
    sphere_coefficients,
)

ARGUMENTS = dict(
    dimension=6, degree_power=[0.1, 1.0, 0.5], n_samples=12, n_features=10, ridges=[0.02, 0.5], noise_variance=0.1
)
ACTIVATIONS = {"erf": erf, "relu": lambda u: np.maximum(u, 0.0), "tanh": np.tanh, "sign": np.sign}


def normalised_gegenbauer(degree, dimension, u):
    return eval_gegenbauer(degree, dimension / 2 - 1, u) / eval_gegenbauer(degree, dimension / 2 - 1, 1.0)


def on_sphere(points):
    return points / np.linalg.norm(points, axis=-1, keepdims=True)


@pytest.mark.parametrize("dimension", [3, 4, 30])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_coefficients_are_the_integrals(activation, dimension):
    function = ACTIVATIONS[activation]
    log_norm = gammaln(dimension / 2) - gammaln(dimension / 2 - 0.5) - 0.5 * np.log(np.pi)

    def mean(of):
        def integrand(angle):
            return np.exp(log_norm) * np.sin(angle) ** (dimension - 2) * of(np.cos(angle))

        halves = (0.0, np.pi / 2), (np.pi / 2, np.pi)
        return sum(quad(integrand, *half, epsabs=1e-13, epsrel=1e-12, limit=200)[0] for half in halves)

    coefficients, second_moment = sphere_coefficients(function, dimension, 9)
    root = np.sqrt(dimension)
    for degree in range(10):
        expected = mean(lambda u, degree=degree: function(root * u) * normalised_gegenbauer(degree, dimension, u))
        np.testing.assert_allclose(coefficients[degree], expected, atol=1e-11)
    np.testing.assert_allclose(second_moment, mean(lambda u: function(root * u) ** 2), rtol=1e-11)


def test_eigenvalues_sum_to_the_second_moment():
    coefficients, second_moment = sphere_coefficients(np.tanh, 5, 60)
    np.testing.assert_allclose(coefficients**2 @ degree_multiplicities(5, 60), second_moment, rtol=1e-8)
    np.testing.assert_allclose(degree_multiplicities(3, 6), 2 * np.arange(7) + 1, rtol=1e-12)


@pytest.mark.parametrize("variance", [0.2, 1.0, 3.0])
def test_gaussian_moments_have_their_closed_forms(variance):
    mean, second = gaussian_moments(checked_activation("activation", "relu"), variance)
    np.testing.assert_allclose((mean, second), (np.sqrt(variance / 2 / np.pi), variance / 2), rtol=1e-12)
    mean, second = gaussian_moments(checked_activation("activation", "erf"), variance)
    expected = 2 / np.pi * np.arcsin(2 * variance / (1 + 2 * variance))
    np.testing.assert_allclose((mean, second), (0.0, expected), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(gaussian_moments(checked_activation("activation", "sign"), variance)[1], 1.0, rtol=1e-12)
    moments = gaussian_moments(checked_activation("activation", "identity"), variance)
    np.testing.assert_allclose(moments, (0.0, variance), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("activation", "n_features"), [("relu", 10), ("tanh", 20), ("sign", 12)])
def test_same_draws_same_errors(activation, n_features):
    arguments = ARGUMENTS | dict(n_features=n_features)
    trials = simulate_sphere_rf(activation, n_trials=2, seed=8, max_degree=12, **arguments)
    dimension, n_samples, power = 6, 12, arguments["degree_power"]
    coefficients, second_moment = sphere_coefficients(ACTIVATIONS[activation], dimension, 12)
    multiplicities = degree_multiplicities(dimension, 12)
    for trial, rng in enumerate(spawn_streams(8, 2)):
        inputs = on_sphere(rng.standard_normal((n_samples, dimension)))
        weights = on_sphere(rng.standard_normal((n_features, dimension)))

        def series(numbers, left, right):
            overlap = np.clip(left @ right.T, -1.0, 1.0)
            return sum(number * normalised_gegenbauer(l, dimension, overlap) for l, number in enumerate(numbers))  # noqa: E741

        features = ACTIVATIONS[activation](np.sqrt(dimension) * inputs @ weights.T) / np.sqrt(n_features)
        covariance = series(coefficients**2 * multiplicities, weights, weights) / n_features
        np.fill_diagonal(covariance, second_moment / n_features)
        cross = series(np.array(power) * coefficients[:3], inputs, weights) / np.sqrt(n_features)
        label_covariance = series(power, inputs, inputs) + 0.1 * np.eye(n_samples)
        for column, ridge in enumerate(arguments["ridges"]):
            hat = np.linalg.solve(features.T @ features + ridge * np.eye(n_features), features.T)
            test = 1.7 - 2 * np.trace(hat @ cross) + np.trace(covariance @ hat @ label_covariance @ hat.T)
            residual = np.eye(n_samples) - features @ hat
            train = np.trace(residual @ label_covariance @ residual.T) / n_samples
            np.testing.assert_allclose(trials.test_mse[trial, column], test, rtol=1e-10)
            np.testing.assert_allclose(trials.train_mse[trial, column], train, rtol=1e-10)
            np.testing.assert_allclose(
                trials.gcv[trial, column], train / (np.trace(residual) / n_samples) ** 2, rtol=1e-10
            )


def test_errors_agree_with_sampled_targets_and_test_points():
    """Targets of degree 0, 1, 2 drawn explicitly, with covariances 1, u u' and the traceless part of (u u')^2."""
    dimension, n_samples, n_features, n_test = 6, 12, 10, 400
    ours = simulate_sphere_rf("relu", n_trials=600, seed=3, **ARGUMENTS)
    rng = np.random.default_rng(5)
    test, train = [], []
    for _ in range(3000):
        points = on_sphere(rng.standard_normal((n_samples + n_test, dimension)))
        weights = on_sphere(rng.standard_normal((n_features, dimension)))
        form = rng.standard_normal((dimension, dimension))
        form -= np.trace(form) / dimension * np.eye(dimension)
        quadratic = np.sqrt(dimension / (dimension - 1)) * np.einsum("ni,ij,nj->n", points, form, points)
        target = np.sqrt(0.1) * rng.standard_normal() + points @ rng.standard_normal(dimension)
        target += np.sqrt(0.5) * quadratic
        labels = target + np.sqrt(0.1) * rng.standard_normal(len(target))
        features = np.maximum(np.sqrt(dimension) * points @ weights.T, 0.0) / np.sqrt(n_features)
        known, fresh = features[:n_samples], features[n_samples:]
        readout = np.linalg.solve(known.T @ known + 0.02 * np.eye(n_features), known.T @ labels[:n_samples])
        test.append(np.mean((fresh @ readout - labels[n_samples:]) ** 2))
        train.append(np.mean((known @ readout - labels[:n_samples]) ** 2))
    for curve, other in ((ours.test_mse[:, 0], test), (ours.train_mse[:, 0], train)):
        error = np.sqrt(np.var(curve) / len(curve) + np.var(other) / len(other))
        assert error < 0.02 * np.mean(other)
        assert abs(curve.mean() - np.mean(other)) < 5 * error


def test_trials_do_not_depend_on_blocks():
    whole = simulate_sphere_rf("erf", n_trials=8, seed=6, **ARGUMENTS)
    head = simulate_sphere_rf("erf", n_trials=4, seed=6, **ARGUMENTS)
    rest = np.random.SeedSequence(6, n_children_spawned=4)
    tail = simulate_sphere_rf("erf", n_trials=4, seed=rest, **ARGUMENTS)
    assert np.array_equal(whole.test_mse, np.concatenate([head.test_mse, tail.test_mse]))
    assert np.array_equal(whole.gcv, np.concatenate([head.gcv, tail.gcv]))


def test_callable_and_name_are_the_same():
    named = simulate_sphere_rf("tanh", n_trials=2, seed=6, **ARGUMENTS)
    called = simulate_sphere_rf(np.tanh, n_trials=2, seed=6, **ARGUMENTS)
    assert np.array_equal(named.test_mse, called.test_mse)


def test_silent_features_predict_zero():
    """One ReLU feature is silent on half of the sphere."""
    arguments = ARGUMENTS | dict(n_samples=1, n_features=1, ridges=[0.0, 0.1])
    trials = simulate_sphere_rf("relu", n_trials=20, seed=1, **arguments)
    for curve in (trials.test_mse, trials.train_mse, trials.gcv):
        assert np.all(np.isfinite(curve))
    silent = np.isclose(trials.train_mse[:, 0], 1.7)
    assert 0 < silent.sum() < 20
    np.testing.assert_allclose(trials.test_mse[silent], 1.7, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activation", "gelu"), ("activation", 3), ("activation", lambda u: u / 0.0), ("dimension", 2),
        ("dimension", 5.5), ("degree_power", [-1.0]), ("degree_power", np.ones(32)), ("n_samples", 0),
        ("n_features", np.inf), ("ridges", [-1.0]), ("noise_variance", -1.0), ("n_trials", 0), ("max_degree", -1),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_bad_input(name, value):
    arguments = ARGUMENTS | dict(activation="erf", n_trials=2, seed=1)
    with pytest.raises(ValueError, match=name):
        simulate_sphere_rf(**(arguments | {name: value}))
