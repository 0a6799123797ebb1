"""Power-law tasks: closed forms against exact spectra, thresholds against numeric optima, exponents, bad input."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.random_features import (
    infinite_power_law_task,
    power_law_exponents,
    power_law_noise_threshold,
    power_law_optimal_fitting_ratio,
    power_law_risk,
    power_law_task,
    rf_infinite_data_risk,
    rf_optimal_ridge,
    rf_risk,
    rf_risk_at_gamma,
)

INF = math.inf


def interpolation_error(alpha, beta, n):
    """E_0 by its own formula, in the limit form where beta - 1 = alpha."""
    a = math.pi / alpha / math.sin(math.pi / alpha)
    if math.isclose(beta - 1, alpha):
        prefactor = alpha / math.pi * math.sin(math.pi / alpha)
    else:
        prefactor = (alpha - beta + 1) * math.sin(math.pi / alpha) / math.sin(math.pi * (beta - 1) / alpha)
    return prefactor * a**beta * n ** (1 - beta)


@pytest.mark.parametrize(
    ("alpha", "beta", "noise", "expected"),
    [
        (1.17, 1.14, 0.0, 0.023962656596),
        (1.5, 1.8, 0.5, 0.0023054938966),
        (2.0, 1.5, 1.0, 0.39884547846),
        (1.12, 1.36, 1.0, 0.0),
    ],
)
def test_reference_fitting_ratios(alpha, beta, noise, expected):
    assert_allclose(power_law_optimal_fitting_ratio(alpha, beta, relative_noise=noise), expected, rtol=1e-10)


def test_reference_thresholds_and_risks():
    assert_allclose(power_law_noise_threshold(1.5, 1.8), 0.4, rtol=1e-12)
    assert_allclose(power_law_noise_threshold(1.5, 1.8, width_ratio=20), 0.20452723925, rtol=1e-10)
    assert_allclose(power_law_noise_threshold(1.5, 1.8, width_ratio=10), 0.03836052527, rtol=1e-9)
    assert_allclose(power_law_risk(1.5, 1.8, n_samples=1000, slack=0.3), 0.013759049017549, rtol=1e-12)
    finite = power_law_risk(1.6, 1.9, n_samples=2000, n_features=3000, slack=0.2, noise_variance=0.01)
    assert_allclose(finite, 0.027386542889349, rtol=1e-12)


def test_task_arrays():
    eigenvalues, coefficients = power_law_task(4, 1.5, 1.8)
    assert_allclose(eigenvalues, [1, 2**-1.5, 3**-1.5, 8**-1], rtol=1e-15)
    assert_allclose(coefficients**2, [1, 2**-1.8, 3**-1.8, 4**-1.8], rtol=1e-14)


@pytest.mark.parametrize("alpha", [1.05, 1.2, 1.5, 3.0])
@pytest.mark.parametrize("log_gamma", [-9, -5, 0])
def test_infinite_task_has_the_exact_sums(alpha, log_gamma):
    eigenvalues, coefficients, counts = infinite_power_law_task(alpha, 1.8)
    gamma = 10.0**log_gamma
    learned = (counts * eigenvalues / (eigenvalues + gamma)).sum()
    # Euler-Maclaurin from mode 1000 on, with the integral as a hypergeometric function.
    start, a, g = 1000, mp.mpf(alpha), mp.mpf(gamma)
    head = mp.fsum(1 / (1 + g * mp.mpf(i) ** a) for i in range(1, start))

    def term(x):
        return 1 / (1 + g * x**a)

    ratio = -1 / (g * mp.mpf(start) ** a)
    integral = start ** (1 - a) / (g * (a - 1)) * mp.hyp2f1(1, 1 - 1 / a, 2 - 1 / a, ratio)
    third = mp.diff(term, start, 3)
    exact = head + integral + term(start) / 2 - mp.diff(term, start) / 12 + third / 720
    assert_allclose(learned, float(exact), rtol=1e-10)
    assert_allclose((coefficients**2).sum(), float(mp.zeta(1.8)), rtol=1e-10)


@pytest.mark.parametrize(("alpha", "beta"), [(1.5, 1.8), (2.0, 1.5), (1.3, 2.3)])
def test_risk_at_zero_slack_is_the_interpolation_error(alpha, beta):
    expected = interpolation_error(alpha, beta, 1000)
    assert_allclose(power_law_risk(alpha, beta, n_samples=1000, slack=0.0), expected, rtol=1e-12)
    noisy = power_law_risk(alpha, beta, n_samples=1000, slack=0.0, noise_variance=0.2)
    assert_allclose(noisy, expected + alpha * 0.2, rtol=1e-12)
    s = 0.37
    relative = ((1 - s) ** (1 - beta) + alpha * 0.2 / expected) / (1 + (alpha - 1) * s)
    noisy = power_law_risk(alpha, beta, n_samples=1000, slack=s, noise_variance=0.2)
    assert_allclose(noisy, relative * expected, rtol=1e-12)


def test_risk_is_continuous_where_the_sine_vanishes():
    at, beside = (power_law_risk(1.5, beta, n_samples=500, slack=0.2) for beta in (2.5, 2.5 + 1e-9))
    assert_allclose(at, beside, rtol=1e-7)


@pytest.mark.parametrize(("alpha", "beta"), [(1.5, 1.8), (2.0, 1.5), (1.3, 3.0)])
@pytest.mark.parametrize("slack", [0.0, 0.3])
def test_closed_risk_approaches_the_exact_spectrum(alpha, beta, slack):
    eigenvalues, coefficients, counts = infinite_power_law_task(alpha, beta)
    gaps = []
    for n in (1000, 4000):
        start = rf_risk(
            eigenvalues, coefficients, n_samples=n * (1 - slack), n_features=INF, ridge=0, multiplicities=counts
        )
        exact = rf_risk_at_gamma(
            eigenvalues,
            coefficients,
            start.gamma,
            n_samples=n,
            n_features=INF,
            noise_variance=0.01,
            multiplicities=counts,
        )
        closed = power_law_risk(alpha, beta, n_samples=n, slack=slack, noise_variance=0.01)
        gaps.append(n * (exact.test_mse / closed - 1))
    assert max(map(abs, gaps)) < 2.0


@pytest.mark.parametrize(("alpha", "beta", "width"), [(1.6, 1.9, 1.5), (1.5, 1.8, 4.0), (2.0, 1.5, 1.2)])
def test_closed_risk_at_finite_width(alpha, beta, width):
    eigenvalues, coefficients, counts = infinite_power_law_task(alpha, beta)
    n, slack = 2000.0, 0.2
    sizes = dict(n_features=width * n, multiplicities=counts, noise_variance=0.01)
    start = rf_risk(eigenvalues, coefficients, n_samples=n * (1 - slack), ridge=0, **sizes)
    exact = rf_risk_at_gamma(eigenvalues, coefficients, start.gamma, n_samples=n, **sizes).test_mse
    closed = power_law_risk(alpha, beta, n_samples=n, slack=slack, n_features=width * n, noise_variance=0.01)
    assert_allclose(closed, exact, rtol=2.5e-3)
    very_wide = power_law_risk(alpha, beta, n_samples=n, slack=slack, n_features=1e13, noise_variance=0.01)
    limit = power_law_risk(alpha, beta, n_samples=n, slack=slack, noise_variance=0.01)
    assert_allclose(very_wide, limit, rtol=1e-8)


def test_risk_at_the_two_edges_of_finite_width():
    assert power_law_risk(1.5, 1.8, n_samples=100, n_features=100, slack=0.0) == INF
    # n_samples (1 - slack) = n_features: ridge 0 with fewer features than samples.
    assert math.isfinite(power_law_risk(1.5, 1.8, n_samples=100, n_features=50, slack=0.5))


@pytest.mark.parametrize(
    ("alpha", "beta", "noise", "n", "expected"),
    [
        (1.5, 1.8, 0.0, 3000, 0.0),
        (2.0, 1.5, 0.0, 3000, 1 / 3),
        (2.0, 1.5, 1.0, 3000, 0.63154),
        (1.5, 1.8, 0.5, 4000, 0.04802),
    ],
)
def test_best_slack_against_numeric_optimum(alpha, beta, noise, n, expected):
    eigenvalues, coefficients, counts = infinite_power_law_task(alpha, beta)
    variance = (
        noise * rf_risk(eigenvalues, coefficients, n_samples=n, n_features=INF, ridge=0, multiplicities=counts).test_mse
    )
    best = rf_optimal_ridge(
        eigenvalues, coefficients, n_samples=n, n_features=INF, noise_variance=variance, multiplicities=counts
    )
    closed = math.sqrt(power_law_optimal_fitting_ratio(alpha, beta, relative_noise=noise))
    assert_allclose(closed, expected, atol=1e-5)
    assert_allclose(math.sqrt(best.fitting_ratio), closed, atol=2e-4)


@pytest.mark.parametrize("width", [20.0, INF])
def test_threshold_separates_interpolation_from_regularisation(width):
    n = 4000
    eigenvalues, coefficients, counts = infinite_power_law_task(1.5, 1.8)
    threshold = power_law_noise_threshold(1.5, 1.8, width_ratio=width)
    unit = interpolation_error(1.5, 1.8, n)
    for factor, interpolates in [(0.85, True), (1.15, False)]:
        best = rf_optimal_ridge(
            eigenvalues,
            coefficients,
            n_samples=n,
            n_features=width * n,
            noise_variance=factor * threshold * unit,
            multiplicities=counts,
        )
        assert (best.ridge == 0.0) is interpolates


def test_width_needed_for_interpolation():
    eigenvalues, coefficients, counts = infinite_power_law_task(1.5, 1.8)
    arguments = dict(n_samples=4000, multiplicities=counts)
    narrow = rf_optimal_ridge(eigenvalues, coefficients, n_features=8.0 * 4000, **arguments)
    wide = rf_optimal_ridge(eigenvalues, coefficients, n_features=9.5 * 4000, **arguments)
    assert_allclose(math.sqrt(narrow.fitting_ratio), 0.023, atol=2e-3)
    assert wide.ridge == 0.0
    assert (
        power_law_noise_threshold(1.5, 1.8, width_ratio=8.87)
        < 0
        < power_law_noise_threshold(1.5, 1.8, width_ratio=8.88)
    )


def test_threshold_is_where_the_slope_in_the_slack_vanishes():
    for width in (3.0, 10.0, 50.0, INF):
        threshold = power_law_noise_threshold(1.6, 2.1, width_ratio=width)
        unit = interpolation_error(1.6, 2.1, 100)
        below, above = (
            np.diff(
                [
                    power_law_risk(
                        1.6, 2.1, n_samples=100, n_features=100 * width, slack=s, noise_variance=unit * noise
                    )
                    for s in (0.0, 1e-6)
                ]
            )[0]
            for noise in (max(threshold - 0.01, 0.0), max(threshold, 0.0) + 0.01)
        )
        assert above < 0 and bool(below > 0) is (threshold > 0)


def test_threshold_at_great_width_and_without_target_decay():
    assert_allclose(
        power_law_noise_threshold(1.5, 1.8, width_ratio=1e12), power_law_noise_threshold(1.5, 1.8), rtol=1e-10
    )
    assert power_law_noise_threshold(2.0, 1.5) < 0
    for width in (1.01, 3.0, 1e3):
        assert power_law_noise_threshold(2.0, 1.5, width_ratio=width) < 0
        assert power_law_noise_threshold(2.0, 2.0, width_ratio=width) < 0


def test_noise_free_best_slack_closed_form():
    for alpha, beta in [(2.0, 1.5), (1.17, 1.14), (3.0, 1.2)]:
        s = (alpha - beta) / ((alpha - 1) * beta)
        assert_allclose(power_law_optimal_fitting_ratio(alpha, beta, relative_noise=0), s**2, rtol=1e-12)
    assert power_law_optimal_fitting_ratio(1.5, 1.8, relative_noise=0.4 - 1e-12) == 0.0
    assert power_law_optimal_fitting_ratio(1.5, 1.8, relative_noise=0.41) > 0
    assert 0.99 < power_law_optimal_fitting_ratio(1.5, 1.8, relative_noise=1e9) < 1


@pytest.mark.parametrize(
    ("alpha", "beta", "expected"), [(1.5, 1.8, (-0.8, -0.8, -4 / 9)), (1.3, 3.2, (-2.2, -1.3, -0.6875))]
)
def test_exponents_against_infinite_spectra(alpha, beta, expected):
    exponents = power_law_exponents(alpha, beta)
    assert_allclose([exponents.samples, exponents.features, exponents.noisy_optimal], expected, rtol=1e-14)
    eigenvalues, coefficients, counts = infinite_power_law_task(alpha, beta)
    sizes = 1e4 * np.array([1.0, 2.0, 4.0, 8.0])
    samples = rf_risk(eigenvalues, coefficients, n_samples=sizes, n_features=INF, ridge=0, multiplicities=counts)
    features = [rf_infinite_data_risk(eigenvalues, coefficients, n_features=k, multiplicities=counts) for k in sizes]
    noisy = [
        rf_optimal_ridge(
            eigenvalues, coefficients, n_samples=n, n_features=INF, noise_variance=0.5, multiplicities=counts
        ).test_mse
        - 0.5
        for n in sizes
    ]
    slopes = [np.polyfit(np.log(sizes), np.log(errors), 1)[0] for errors in (samples.test_mse, features, noisy)]
    assert_allclose(slopes, expected, atol=0.03)


def test_saturated_sample_exponent():
    exponents = power_law_exponents(1.2, 6.0)
    assert (exponents.samples, exponents.features) == (-2.4, -1.2)
    eigenvalues, coefficients, counts = infinite_power_law_task(1.2, 6.0)
    sizes = np.array([1e4, 1e5])
    risk = rf_risk(eigenvalues, coefficients, n_samples=sizes, n_features=INF, ridge=0, multiplicities=counts).test_mse
    assert_allclose(np.diff(np.log(risk)) / np.diff(np.log(sizes)), -2.4, atol=0.02)


@pytest.mark.parametrize(
    ("function", "name", "arguments"),
    [
        (power_law_risk, "alpha", dict(alpha=1.0, beta=1.5, n_samples=10, slack=0.1)),
        (power_law_risk, "alpha", dict(alpha=math.nan, beta=1.5, n_samples=10, slack=0.1)),
        (power_law_risk, "beta", dict(alpha=1.5, beta=1.0, n_samples=10, slack=0.1)),
        (power_law_risk, "beta", dict(alpha=1.5, beta=4.0, n_samples=10, slack=0.1)),
        (power_law_risk, "beta", dict(alpha=1.5, beta=2.5, n_samples=10, n_features=20, slack=0.1)),
        (power_law_risk, "slack", dict(alpha=1.5, beta=1.8, n_samples=10, slack=1.0)),
        (power_law_risk, "slack", dict(alpha=1.5, beta=1.8, n_samples=10, slack=-0.1)),
        (power_law_risk, "slack", dict(alpha=1.5, beta=1.8, n_samples=10, n_features=5, slack=0.4)),
        (power_law_risk, "n_samples", dict(alpha=1.5, beta=1.8, n_samples=0, slack=0.4)),
        (power_law_risk, "n_features", dict(alpha=1.5, beta=1.8, n_samples=10, n_features=math.nan, slack=0.4)),
        (power_law_risk, "noise_variance", dict(alpha=1.5, beta=1.8, n_samples=10, slack=0.4, noise_variance=-1)),
        (power_law_noise_threshold, "alpha", dict(alpha=0.9, beta=1.8)),
        (power_law_noise_threshold, "beta", dict(alpha=1.5, beta=2.6, width_ratio=10)),
        (power_law_noise_threshold, "width_ratio", dict(alpha=1.5, beta=1.8, width_ratio=1.0)),
        (power_law_optimal_fitting_ratio, "beta", dict(alpha=1.5, beta=0.5, relative_noise=0)),
        (power_law_optimal_fitting_ratio, "relative_noise", dict(alpha=1.5, beta=1.8, relative_noise=-0.1)),
        (power_law_exponents, "alpha", dict(alpha=1.0, beta=1.8)),
        (power_law_exponents, "beta", dict(alpha=1.5, beta=1.0)),
        (power_law_task, "n_modes", dict(n_modes=0, alpha=1.5, beta=1.8)),
        (power_law_task, "n_modes", dict(n_modes=2.5, alpha=1.5, beta=1.8)),
        (power_law_task, "alpha", dict(n_modes=5, alpha=1.0, beta=1.8)),
        (infinite_power_law_task, "beta", dict(alpha=1.5, beta=math.nan)),
        (infinite_power_law_task, "n_head", dict(alpha=1.5, beta=1.8, n_head=0)),
        (infinite_power_law_task, "n_nodes", dict(alpha=1.5, beta=1.8, n_nodes=0)),
    ],
)
def test_bad_input(function, name, arguments):
    with pytest.raises(ValueError, match=name):
        function(**arguments)
