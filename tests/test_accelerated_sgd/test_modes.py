"""Mean dynamics and stationary variances of single modes against eigenvalues, linear solves and matrix powers."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import solve_discrete_lyapunov

from theory.accelerated_sgd import (
    MomentumScheme,
    acceleration_crossover,
    asgd_scheme,
    complex_eigenvalue_window,
    heavy_ball_scheme,
    mean_tail_bias,
    mode_matrix,
    mode_spectral_radius,
    mode_stationary_variance,
    overparameterized_asgd_scheme,
    sgd_scheme,
)

HARMONIC = 1 / np.arange(1.0, 13.0)
ASGD = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)


def random_schemes(n, seed, q_range=(0.0, 3.0)):
    """Random delta in (0, 1), c in [0, 1), q between c delta and ``q_range`` times delta."""
    generator = np.random.default_rng(seed)
    while n:
        delta, c = generator.uniform(0.05, 1), generator.uniform(0, 0.99)
        q = delta * generator.uniform(*q_range)
        if q > c * delta:
            n -= 1
            yield MomentumScheme(delta, c, q), generator


def test_matrix_is_one_step_of_the_mean():
    matrices = mode_matrix(HARMONIC, ASGD)
    w, y = 0.3, -0.7
    gradient = HARMONIC * y
    after = np.stack([y - 0.12 * gradient, 1.81 * y - 0.81 * w - 0.143 * gradient], axis=1)
    assert_allclose(matrices @ [w, y], after, rtol=1e-14)


def test_spectral_radius_is_that_of_the_matrix():
    for scheme, generator in random_schemes(300, 3):
        eigenvalues = generator.uniform(0, 4, size=5)
        expected = np.abs(np.linalg.eigvals(mode_matrix(eigenvalues, scheme))).max(axis=1)
        assert_allclose(mode_spectral_radius(eigenvalues, scheme), expected, rtol=1e-6)  # double roots are ill posed


def test_spectral_radius_of_tiny_eigenvalues_keeps_the_effective_step():
    scheme = asgd_scheme(alpha=0.95, beta=0.05, gamma=0.6, delta=0.15)
    eigenvalues = np.array([1e-6, 1e-7, 1e-8])
    contraction = 1 - mode_spectral_radius(eigenvalues, scheme)
    assert_allclose(contraction, scheme.effective_learning_rate * eigenvalues, rtol=3e-5)  # O(lambda) and rounding


def test_window_is_where_the_eigenvalues_are_complex():
    for scheme, generator in random_schemes(500, 4, q_range=(1.0, 3.0)):
        lower, upper = complex_eigenvalue_window(scheme)
        eigenvalues = np.array([lower * 0.999, lower * 1.001, upper * 0.999, upper * 1.001, generator.uniform(0, 5)])
        imaginary = np.abs(np.linalg.eigvals(mode_matrix(eigenvalues, scheme)).imag).max(axis=1)
        inside = (eigenvalues > lower) & (eigenvalues < upper)
        assert_allclose(imaginary > 1e-9, inside)
        modulus = np.sqrt(scheme.momentum * (1 - scheme.learning_rate * eigenvalues[inside]))
        assert_allclose(mode_spectral_radius(eigenvalues[inside], scheme), modulus, rtol=1e-12)


def test_crossover_decides_and_lies_in_the_window():
    count = 0
    for scheme, generator in random_schemes(1500, 5, q_range=(1.0, 4.0)):
        delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
        if q > delta * (1 + 3 * c) / (1 - c):
            continue
        crossover = acceleration_crossover(scheme)
        lower, upper = complex_eigenvalue_window(scheme)
        assert lower * (1 - 1e-12) <= crossover <= upper * (1 + 1e-12)
        largest = min(1 / delta, 2 * (1 + c) / (q + c * delta))
        eigenvalues = np.append(generator.uniform(0, largest, size=6), crossover * np.array([1 - 1e-5, 1 + 1e-5]))
        eigenvalues = eigenvalues[eigenvalues < largest]
        faster = mode_spectral_radius(eigenvalues, scheme) < 1 - delta * eigenvalues
        assert_allclose(faster, eigenvalues < crossover)
        count += len(eigenvalues)
    assert count > 5000


def test_reference_values():
    assert_allclose(complex_eigenvalue_window(ASGD), (0.293851845416, 6.007678791779), rtol=1e-11)
    assert_allclose(acceleration_crossover(ASGD), 1.583333333333, rtol=1e-12)
    variance = mode_stationary_variance(HARMONIC, ASGD)
    assert_allclose(variance.lookahead[[0, 11]], (0.109454812724, 1.427629358848), rtol=1e-11)
    assert_allclose(variance.iterate[[0, 11]], (0.099161806973, 1.413619534607), rtol=1e-11)
    bias = mean_tail_bias(HARMONIC, ASGD, burn_in=20, n_average=41)
    assert_allclose(bias[[0, 5, 11]], (-0.003752244529, 0.217711931855, 0.470077807572), rtol=1e-9)  # digits given
    headline = overparameterized_asgd_scheme(np.arange(1.0, 2001.0) ** -2, delta=0.1, gamma=0.9, kappa_tilde=5)
    assert_allclose(complex_eigenvalue_window(headline), (0.008252719461, 2.337426292884), rtol=1e-10)
    assert_allclose(acceleration_crossover(headline), 0.147058823529, rtol=1e-11)


def test_special_schemes():
    assert acceleration_crossover(heavy_ball_scheme(0.1, momentum=0.5)) == math.inf
    assert_allclose(complex_eigenvalue_window(sgd_scheme(0.2)), (5.0, 5.0), rtol=1e-14)
    equal_steps = MomentumScheme(0.2, 0.6, 0.2)
    assert_allclose(complex_eigenvalue_window(equal_steps), (2.0, 2.0), rtol=1e-13)
    with pytest.raises(ValueError, match="no complex window"):
        complex_eigenvalue_window(MomentumScheme(0.2, 0.5, 0.15))


def test_between_c_delta_and_delta_all_eigenvalues_are_real():
    for scheme, generator in random_schemes(200, 6, q_range=(0.0, 1.0)):
        eigenvalues = generator.uniform(0, 4, size=20)
        imaginary = np.abs(np.linalg.eigvals(mode_matrix(eigenvalues, scheme)).imag)
        assert imaginary.max() < 1e-6  # rounding at nearly double roots


def test_stationary_variance_solves_the_lyapunov_equation():
    for scheme, generator in random_schemes(200, 8):
        eigenvalue = generator.uniform(0.01, 4)
        matrix = mode_matrix([eigenvalue], scheme)[0]
        radius = np.abs(np.linalg.eigvals(matrix)).max()
        variance = mode_stationary_variance([eigenvalue], scheme)
        if radius >= 1:
            assert variance.lookahead[0] == variance.iterate[0] == math.inf
            continue
        noise = np.array([scheme.learning_rate, scheme.lookahead_learning_rate])
        stationary = solve_discrete_lyapunov(matrix, np.outer(noise, noise))
        # The dense solve loses 1 / (1 - radius)^2.
        assert_allclose(variance.lookahead[0], stationary[1, 1], rtol=1e-14 / (1 - radius) ** 2 + 1e-12)
        assert_allclose(variance.iterate[0], stationary[0, 0], rtol=1e-14 / (1 - radius) ** 2 + 1e-12)


def test_stationary_variance_with_equal_steps_is_that_of_sgd():
    eigenvalues = np.array([0.1, 1.0, 5.0])
    for momentum in (0.0, 0.5, 0.95):
        variance = mode_stationary_variance(eigenvalues, MomentumScheme(0.3, momentum, 0.3))
        assert_allclose(variance.lookahead, 0.3 / (eigenvalues * (2 - 0.3 * eigenvalues)), rtol=1e-12)
        assert_allclose(variance.iterate, variance.lookahead, rtol=1e-12)


def test_tail_bias_is_the_sum_of_matrix_powers():
    matrices = mode_matrix(HARMONIC, ASGD)
    iterates = [(np.linalg.matrix_power(matrices, t) @ np.ones(2))[:, 0] for t in range(30)]
    bias = mean_tail_bias(HARMONIC, ASGD, burn_in=11, n_average=19)
    assert_allclose(bias, np.mean(iterates[11:], axis=0), rtol=1e-12, atol=1e-15)
    repeated = mean_tail_bias(np.repeat(HARMONIC, 2), ASGD, burn_in=11, n_average=19)
    assert_allclose(repeated, np.repeat(bias, 2), rtol=1e-15)


def test_tail_bias_of_a_full_average_decays_as_one_over_length():
    delta, c, q = ASGD.learning_rate, ASGD.momentum, ASGD.lookahead_learning_rate
    limit = (1 - c + (q - delta) * HARMONIC) / (HARMONIC * (q - c * delta))
    scaled = 4000 * mean_tail_bias(HARMONIC, ASGD, burn_in=0, n_average=4000)
    assert_allclose(scaled, limit, rtol=1e-12)  # the slowest mode has left e^-80
    assert np.all(scaled < 1 / (delta * HARMONIC))  # below SGD in every mode: delta lambda < 1


def test_tail_bias_refuses_overflow():
    with pytest.raises(ValueError, match="n_average"):
        mean_tail_bias([3.0], sgd_scheme(1.0), burn_in=0, n_average=2000)
