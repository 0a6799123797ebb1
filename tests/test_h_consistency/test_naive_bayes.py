"""Errors of naive Bayes: the mixture, quadrature over the midpoint, a small Monte Carlo, sample complexities."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from theory.h_consistency import (
    easy_mixture_gaps,
    gaussian_bayes_error,
    naive_bayes_expected_error,
    well_specified_surrogate_regret,
)


def test_mixture():
    gaps = easy_mixture_gaps(5, mean_scale=0.7)
    assert_allclose(gaps, [1.4 / math.sqrt(5)] * 2 + [1.4] * 3, rtol=1e-15)
    assert easy_mixture_gaps(1).tolist() == [2.0]
    # Linear in the mean, so that the signal is quadratic.
    assert_allclose(easy_mixture_gaps(8, mean_scale=3.0), 3 * easy_mixture_gaps(8), rtol=1e-15)


@pytest.mark.parametrize(
    ("d", "scale", "m", "value", "tolerance"),
    [
        (100, 0.2, 20, 0.243222970393, 1e-12),
        (400, 0.1, 80, 0.22878, 5e-6),
        (1600, 0.06, 40, 0.33636, 5e-6),
        (100, 0.15, 200, 0.18901, 5e-6),
    ],
)
def test_reference_values(d, scale, m, value, tolerance):
    found = naive_bayes_expected_error(easy_mixture_gaps(d, mean_scale=scale), n_samples=m)
    assert_allclose(found, value, rtol=0, atol=tolerance)


def test_bayes_error():
    gaps = easy_mixture_gaps(100, mean_scale=0.2)
    assert_allclose(gaussian_bayes_error(gaps), 0.0776195707674, rtol=1e-11)
    assert_allclose(gaussian_bayes_error([1.2]), norm.sf(0.6), rtol=1e-14)
    # Errors of the optimal rule on samples: the sign of the weighted sum.
    source = np.random.default_rng(0)
    sums = source.normal(0.5 * gaps @ gaps, math.sqrt(gaps @ gaps), 200_000)
    assert_allclose((sums < 0).mean(), gaussian_bayes_error(gaps), rtol=0, atol=5 * math.sqrt(0.078 / 200_000))


def test_midpoint_factor_is_exact():
    """Averaged over a Gaussian midpoint of variance 1 / m, the error is that of the signal over sqrt(1 + 1 / m)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights /= weights.sum()
    for m, t in ((8, 0.4), (20, 1.3), (200, 2.0)):
        shift = nodes / math.sqrt(m)
        averaged = weights @ (norm.sf(t + shift) + norm.sf(t - shift)) / 2
        assert_allclose(averaged, norm.sf(t / math.sqrt(1 + 1 / m)), rtol=1e-12)


@pytest.mark.parametrize(("d", "scale", "m"), [(100, 0.2, 20), (400, 0.1, 80)])
def test_formula_against_fitted_classifiers(d, scale, m):
    """Sufficient statistics of m / 2 samples per class: means, pooled variances; the error given them is exact."""
    source, n_trials = np.random.default_rng(1), 8000
    gaps = easy_mixture_gaps(d, mean_scale=scale)
    means = 0.5 * gaps + source.normal(size=(n_trials, 2, d)) / math.sqrt(m / 2)
    means[:, 1] -= gaps
    variances = source.chisquare(m - 2, (n_trials, d)) / m
    weights = (means[:, 0] - means[:, 1]) / variances
    offset = -0.5 * np.einsum("ij,ij->i", weights, means.sum(axis=1))
    spread = np.linalg.norm(weights, axis=1)
    signal = 0.5 * weights @ gaps
    errors = (norm.sf((signal + offset) / spread) + norm.sf((signal - offset) / spread)) / 2
    # Remainder O(1/d) of the formula, measured 2.5e-4 at most, plus five standard errors of the mean.
    allowed = 2.5e-4 + 5 * errors.std() / math.sqrt(n_trials)
    predicted = float(naive_bayes_expected_error(gaps, n_samples=m))
    assert abs(errors.mean() - predicted) < allowed < 0.003
    # Without the noise of the variances the prediction is outside.
    bare = norm.sf(norm.isf(predicted) / math.sqrt((m - 6) / (m - 4)))
    if m == 20:
        assert abs(errors.mean() - bare) > 3 * allowed


def test_limits_of_the_formula():
    gaps = easy_mixture_gaps(60, mean_scale=0.3)
    m = np.arange(8, 4000, 2)
    errors = naive_bayes_expected_error(gaps, n_samples=m)
    assert errors.shape == m.shape
    assert np.all(np.diff(errors) < 0)
    assert_allclose(naive_bayes_expected_error(gaps, n_samples=2**40), gaussian_bayes_error(gaps), rtol=1e-9)
    assert naive_bayes_expected_error(np.zeros(7), n_samples=10) == 0.5
    # Signs of the gaps do not matter, nor features without signal in number zero.
    assert_allclose(naive_bayes_expected_error(-gaps, n_samples=20), naive_bayes_expected_error(gaps, n_samples=20))
    padded = naive_bayes_expected_error(np.append(gaps, np.zeros(60)), n_samples=20)
    assert padded > naive_bayes_expected_error(gaps, n_samples=20)


def test_samples_needed_are_linear_at_a_fixed_signal():
    """With Bayes error 5 % shared by d features, the first even m within 0.01 of it: about 3.1 d."""
    found = []
    for d in (64, 256, 1024, 4096):
        gaps = np.full(d, 2 * norm.isf(0.05) / math.sqrt(d))
        m = np.arange(8, 4 * d, 2)
        errors = naive_bayes_expected_error(gaps, n_samples=m)
        found.append(int(m[np.argmax(errors < gaussian_bayes_error(gaps) + 0.01)]))
    assert found == [228, 822, 3204, 12726]


def test_well_specified_regret():
    found = well_specified_surrogate_regret([500, 4000], n_classes=3, n_features=1)
    assert_allclose(found, [2 / 500, 2 / 4000], rtol=1e-15)
    # Two classes, one feature, no signal: a score test in each of two directions, 2 m regret -> chi-square(2).
    assert_allclose(well_specified_surrogate_regret(100, n_classes=2, n_features=1), 0.01, rtol=1e-15)
