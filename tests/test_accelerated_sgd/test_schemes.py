"""Schemes as three numbers: the published algorithms, their parameter choices, and bad input."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.accelerated_sgd import (
    MomentumScheme,
    asgd_scheme,
    heavy_ball_scheme,
    jain_asgd_scheme,
    nesterov_scheme,
    overparameterized_asgd_scheme,
    sgd_scheme,
    stability_trace,
)


def run_three_numbers(scheme, matrices, start):
    """Iterates w_t of the reduced scheme under gradients ``matrix @ y``."""
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    w = y = start
    iterates = [w]
    for matrix in matrices:
        gradient = matrix @ y
        w, y = y - delta * gradient, (1 + c) * y - c * w - q * gradient
        iterates.append(w)
    return np.array(iterates)


@pytest.fixture
def gradients():
    generator = np.random.default_rng(1)
    features = generator.normal(size=(30, 5, 4))
    return np.einsum("tmi,tmj->tij", features, features) / 5, generator.normal(size=4)


def test_accelerated_sgd_is_its_three_numbers(gradients):
    matrices, start = gradients
    alpha, beta, gamma, delta = 0.9, 0.15, 0.3, 0.1
    w = v = start
    iterates = [w]
    for matrix in matrices:
        y = alpha * w + (1 - alpha) * v
        gradient = matrix @ y
        w, v = y - delta * gradient, beta * y + (1 - beta) * v - gamma * gradient
        iterates.append(w)
    scheme = asgd_scheme(alpha=alpha, beta=beta, gamma=gamma, delta=delta)
    assert_allclose(run_three_numbers(scheme, matrices, start), iterates, rtol=1e-11, atol=1e-13)  # rounding, 30 steps


def test_nesterov_and_heavy_ball_are_their_three_numbers(gradients):
    matrices, start = gradients
    mu, eta = 0.7, 0.05
    w, previous, iterates = start, start, [start]
    for matrix in matrices:
        ahead = w + mu * (w - previous)
        previous, w = w, ahead - eta * (matrix @ ahead)
        iterates.append(w)
    nesterov = run_three_numbers(nesterov_scheme(eta, momentum=mu), matrices, start)
    assert_allclose(nesterov, iterates, rtol=1e-11, atol=1e-13)
    x, previous, delayed = start, start, [start, start]
    for matrix in matrices[:-1]:
        previous, x = x, x - eta * (matrix @ x) + mu * (x - previous)
        delayed.append(x)
    heavy_ball = run_three_numbers(heavy_ball_scheme(eta, momentum=mu), matrices, start)
    assert_allclose(heavy_ball, delayed, rtol=1e-11, atol=1e-13)  # one step behind


def test_equal_steps_are_sgd(gradients):
    matrices, start = gradients
    scheme = asgd_scheme(alpha=0.8, beta=0.3, gamma=0.1, delta=0.1)
    assert scheme.lookahead_learning_rate == pytest.approx(0.1, rel=1e-15)
    sgd = run_three_numbers(sgd_scheme(0.1), matrices, start)
    assert_allclose(run_three_numbers(scheme, matrices, start), sgd, rtol=1e-12, atol=1e-14)


def test_reference_values():
    scheme = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)
    numbers = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    assert_allclose(numbers, (0.12, 0.81, 0.143), rtol=1e-15)
    assert_allclose(scheme.effective_learning_rate, 0.24105263157894732, rtol=1e-14)


@pytest.mark.parametrize("beta", [0.02, 0.3, 1.0])
def test_effective_step_of_the_papers_alpha_is_the_mean_of_the_two_steps(beta):
    scheme = asgd_scheme(alpha=1 / (1 + beta), beta=beta, gamma=0.7, delta=0.2)
    assert_allclose(scheme.effective_learning_rate, 0.45, rtol=1e-13)
    assert_allclose(1 - scheme.momentum, 2 * beta / (1 + beta), rtol=1e-13)


def test_overparameterized_scheme_of_the_headline():
    eigenvalues = np.arange(1.0, 2001.0) ** -2
    scheme = overparameterized_asgd_scheme(eigenvalues, delta=0.1, gamma=0.9, kappa_tilde=5)
    assert_allclose(scheme.momentum, 0.985294117647, rtol=1e-12)
    assert_allclose(scheme.lookahead_learning_rate, 0.105882352941, rtol=1e-11)
    shuffled = np.random.default_rng(0).permutation(eigenvalues)
    again = overparameterized_asgd_scheme(shuffled, delta=0.1, gamma=0.9, kappa_tilde=5)
    assert again == scheme


def test_overparameterized_schemes_are_far_from_instability():
    generator = np.random.default_rng(7)
    for _ in range(200):
        d = int(generator.integers(2, 60))
        eigenvalues = np.sort(generator.uniform(0.1, 3) * np.arange(1, d + 1) ** -generator.uniform(0.2, 3))[::-1]
        kappa = int(generator.integers(1, d))
        delta = generator.uniform(0.05, 1) / (6.000001 * eigenvalues.sum())
        gamma = delta + generator.uniform() * (1 / (6 * eigenvalues[kappa:].sum()) - delta) * 0.999999
        scheme = overparameterized_asgd_scheme(eigenvalues, delta=delta, gamma=gamma, kappa_tilde=kappa)
        assert stability_trace(eigenvalues, scheme) <= 0.36  # largest seen on such spectra is 0.35


def test_parameters_for_strong_convexity():
    eigenvalues = np.array([1.0, 0.01, 0.5])
    scale, smallest = 1.51 + 2.0, 0.01
    speed = math.sqrt(scale / smallest * 5)
    alpha, beta = 3 * math.sqrt(5) * speed / (1 + 3 * math.sqrt(5) * speed), 1 / (9 * speed)
    scheme = jain_asgd_scheme(eigenvalues)
    assert_allclose(scheme.momentum, alpha * (1 - beta), rtol=1e-14)
    assert_allclose(scheme.learning_rate, 1 / (5 * scale), rtol=1e-14)
    gamma = 1 / (3 * math.sqrt(5) * smallest * speed)
    expected = alpha * scheme.learning_rate + (1 - alpha) * gamma
    assert_allclose(scheme.lookahead_learning_rate, expected, rtol=1e-14)


def test_schemes_are_values():
    assert MomentumScheme(np.float64(0.5), 0, 1) == MomentumScheme(0.5, 0.0, 1.0)
    assert hash(sgd_scheme(0.5)) == hash(MomentumScheme(0.5, 0, 0.5))
    with pytest.raises(AttributeError):
        sgd_scheme(0.5).momentum = 0.1


OVER = dict(eigenvalues=[1.0, 0.5], delta=0.1, gamma=0.2, kappa_tilde=1)


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (sgd_scheme, dict(learning_rate=0.0), "learning_rate"),
        (sgd_scheme, dict(learning_rate=math.inf), "learning_rate"),
        (sgd_scheme, dict(learning_rate="fast"), "learning_rate"),
        (nesterov_scheme, dict(learning_rate=-0.1, momentum=0.5), "learning_rate"),
        (nesterov_scheme, dict(learning_rate=0.1, momentum=1.0), "momentum"),
        (heavy_ball_scheme, dict(learning_rate=0.0, momentum=0.5), "learning_rate"),
        (heavy_ball_scheme, dict(learning_rate=0.1, momentum=-0.1), "momentum"),
        (MomentumScheme, dict(learning_rate=-1.0, momentum=0.5, lookahead_learning_rate=1.0), "learning_rate"),
        (MomentumScheme, dict(learning_rate=1.0, momentum=math.nan, lookahead_learning_rate=1.0), "momentum"),
        (MomentumScheme, dict(learning_rate=1.0, momentum=0.5, lookahead_learning_rate=0.5), "lookahead_learning_rate"),
        (asgd_scheme, dict(alpha=1.1, beta=0.1, gamma=0.1, delta=0.1), "alpha"),
        (asgd_scheme, dict(alpha=0.5, beta=-0.1, gamma=0.1, delta=0.1), "beta"),
        (asgd_scheme, dict(alpha=0.5, beta=0.1, gamma=0.0, delta=0.1), "gamma"),
        (asgd_scheme, dict(alpha=0.5, beta=0.1, gamma=0.1, delta=0.0), "delta"),
        (asgd_scheme, dict(alpha=1.0, beta=0.0, gamma=0.1, delta=0.1), "momentum"),
        (overparameterized_asgd_scheme, OVER | dict(delta=0.12), "delta"),
        (overparameterized_asgd_scheme, OVER | dict(gamma=0.05), "gamma"),
        (overparameterized_asgd_scheme, OVER | dict(gamma=0.34), "gamma"),
        (overparameterized_asgd_scheme, OVER | dict(kappa_tilde=0), "kappa_tilde"),
        (overparameterized_asgd_scheme, OVER | dict(kappa_tilde=1.5), "kappa_tilde"),
        (overparameterized_asgd_scheme, OVER | dict(eigenvalues=[1.0, 0.0]), "eigenvalues"),
        (jain_asgd_scheme, dict(eigenvalues=[]), "eigenvalues"),
    ],
)
def test_bad_input(function, arguments, name):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        function(**arguments)
