"""Stationary risk, the 1/N constant and the variance sandwich against long runs and dense linear algebra."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.accelerated_sgd import (
    MomentumScheme,
    asgd_scheme,
    heavy_ball_scheme,
    nesterov_scheme,
    risk_curve,
    sgd_scheme,
    stability_trace,
    stationary_risk,
    tail_average_constant,
    tail_average_risk_curve,
    variance_sandwich,
)

HARMONIC = 1 / np.arange(1.0, 13.0)
ASGD = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)
SCHEMES = [ASGD, sgd_scheme(0.2), nesterov_scheme(0.05, momentum=0.7), heavy_ball_scheme(0.1, momentum=0.5)]
LAWS = [dict(), dict(batch_size=3, kurtosis=1.0), dict(batch_size=2, kurtosis=4.5, radial_fourth_moment=1.3)]


def dense_stationary(eigenvalues, scheme, noise, batch_size=1, kurtosis=3.0, radial_fourth_moment=1.0):
    """Stationary (4 d,) diagonal second moments by one linear solve, as (d, 2, 2), and the mode matrices."""
    d, p = len(eigenvalues), radial_fourth_moment * (kurtosis - 1) - 1
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    kick = np.outer([delta, q], [delta, q]).ravel() / batch_size
    operator = np.zeros((4 * d, 4 * d))
    matrices = []
    for i, value in enumerate(eigenvalues):
        matrix = np.array([[0, 1 - delta * value], [-c, 1 + c - q * value]])
        matrices.append(matrix)
        rows = slice(4 * i, 4 * i + 4)
        operator[rows, rows] += np.kron(matrix, matrix)
        operator[rows, 4 * i + 3] += kick * p * value**2
        operator[rows, 3::4] += radial_fourth_moment * np.outer(kick, value * eigenvalues)
    constant = np.kron(eigenvalues * noise, kick)
    moments = np.linalg.solve(np.eye(4 * d) - operator, constant)
    return moments.reshape(d, 2, 2), matrices


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_both_constants_by_dense_linear_algebra(scheme, law):
    moments, matrices = dense_stationary(HARMONIC, scheme, 0.3, **law)
    risk = 0.5 * HARMONIC @ moments[:, 0, 0]
    assert_allclose(stationary_risk(HARMONIC, scheme, noise_variance=0.3, **law), risk, rtol=1e-11)
    # N times the variance of a long average is the sum of all covariances, lags of both signs.
    sums = [np.linalg.solve(np.eye(2) - a, s)[0, 0] for a, s in zip(matrices, moments, strict=True)]
    long_run = 0.5 * HARMONIC @ (2 * np.array(sums) - moments[:, 0, 0])
    # The resolvent divides by 1 - radius, about 0.02 here.
    assert_allclose(tail_average_constant(HARMONIC, scheme, noise_variance=0.3, **law), long_run, rtol=1e-10)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_long_runs_reach_both(scheme):
    start = np.zeros(12)
    curve = risk_curve(HARMONIC, start, scheme, n_steps=3000, noise_variance=0.3)
    assert_allclose(curve[-1], stationary_risk(HARMONIC, scheme, noise_variance=0.3), rtol=1e-12)
    average = tail_average_risk_curve(HARMONIC, start, scheme, burn_in=0, n_average=40000, noise_variance=0.3)
    limit = tail_average_constant(HARMONIC, scheme, noise_variance=0.3)
    remainder = [1 - n * average[n - 1] / limit for n in (10000, 20000, 40000)]
    assert_allclose(np.array(remainder) * [1, 2, 4], remainder[0], rtol=1e-6)  # exactly O(1/N) after the transient
    assert abs(remainder[-1]) < 5e-3


def test_reference_values():
    assert_allclose(stationary_risk(HARMONIC, ASGD, noise_variance=0.3), 0.08551301905884101, rtol=1e-13)
    assert_allclose(tail_average_constant(HARMONIC, ASGD, noise_variance=0.3), 2.9709665027180945, rtol=1e-13)
    sandwich = variance_sandwich(HARMONIC, ASGD, burn_in=20, n_average=41, noise_variance=0.3)
    assert_allclose((sandwich.lower, sandwich.upper), (0.022477625507, 0.040396986239), rtol=1e-10)


@pytest.mark.parametrize("kurtosis", [1.0, 3.0, 6.0])
def test_sgd_closed_form(kurtosis):
    ell = stability_trace(HARMONIC, sgd_scheme(0.15), kurtosis=kurtosis)
    risk = stationary_risk(HARMONIC, sgd_scheme(0.15), noise_variance=0.7, kurtosis=kurtosis)
    assert_allclose(risk, 0.7 * ell / (2 * (1 - ell)), rtol=1e-13)


def test_sandwich_holds_and_is_tight_at_both_ends():
    generator = np.random.default_rng(21)
    ratios = []
    while len(ratios) < 150:
        eigenvalues = generator.uniform(0.5, 2) * np.arange(1, generator.integers(2, 12)) ** -generator.uniform(0, 2)
        delta, c = generator.uniform(0.01, 0.3), generator.uniform(0, 0.95)
        scheme = MomentumScheme(delta, c, c * delta + generator.uniform(0.01, 0.3))
        law = dict(batch_size=generator.integers(1, 9), kurtosis=generator.choice([1.0, 1.8, 3.0, 6.0]))
        if stability_trace(eigenvalues, scheme, **law) > 0.95:
            continue
        sizes = dict(burn_in=int(generator.integers(0, 60)), n_average=int(generator.integers(1, 300)))
        exact = tail_average_risk_curve(eigenvalues, 0 * eigenvalues, scheme, noise_variance=1.0, **sizes, **law)[-1]
        sandwich = variance_sandwich(eigenvalues, scheme, **sizes, **law)
        assert sandwich.lower * (1 - 1e-11) <= exact <= sandwich.upper * (1 + 1e-11)  # rounding
        ratios.append(exact / sandwich.lower)
    assert min(ratios) < 1.01 and max(ratios) > 1.5
    isotropic = np.ones(3)
    sizes = dict(burn_in=0, n_average=20000)
    exact = tail_average_risk_curve(isotropic, 0 * isotropic, sgd_scheme(0.3), noise_variance=1.0, **sizes)[-1]
    sandwich = variance_sandwich(isotropic, sgd_scheme(0.3), **sizes)
    assert_allclose(exact / sandwich.lower, 3.399, rtol=1e-3)
    assert 1 - 1e-3 < exact / sandwich.upper <= 1  # remainder O(1/N)
    alone = 1 / (1 - stability_trace(isotropic, sgd_scheme(0.3)))
    assert exact / sandwich.lower > 1.2 * alone  # without the factor of the mode the upper end is false


def test_accelerated_variance_is_never_smaller_with_gamma_at_least_delta():
    generator = np.random.default_rng(22)
    for _ in range(100):
        eigenvalues = generator.uniform(0.01, 1, size=5)
        delta = generator.uniform(0.01, 0.1)
        alpha, beta, ratio = generator.uniform(0, 1), generator.uniform(0.02, 1), generator.uniform(1, 4)
        scheme = asgd_scheme(alpha=alpha, beta=beta, gamma=ratio * delta, delta=delta)
        sizes = dict(burn_in=int(generator.integers(0, 50)), n_average=100, noise_variance=1.0)
        accelerated = tail_average_risk_curve(eigenvalues, np.zeros(5), scheme, **sizes)
        sgd = tail_average_risk_curve(eigenvalues, np.zeros(5), sgd_scheme(delta), **sizes)
        assert np.all(accelerated >= sgd * (1 - 1e-12))
    slower = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.05, delta=0.1)
    constants = [tail_average_constant(HARMONIC, s, noise_variance=1.0) for s in (slower, sgd_scheme(0.1))]
    assert constants[0] < constants[1]
