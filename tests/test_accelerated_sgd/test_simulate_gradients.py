"""The draws behind the simulators: laws of the features, chi-square variables, and mini-batch gradients."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from simulations.accelerated_sgd._gradients import FEATURE_LAWS, chi_square, draw_features, draw_gradient

KURTOSIS = {"gaussian": 3.0, "rademacher": 1.0, "uniform": 1.8, "laplace": 6.0}


def features(law, n_draws, d=1):
    rng = np.random.default_rng(1)
    out = np.empty((n_draws, d))
    for row in out:
        draw_features(rng, FEATURE_LAWS.index(law), row)
    return out


@pytest.mark.parametrize(
    ("law", "distribution"),
    [("gaussian", stats.norm()), ("uniform", stats.uniform(-np.sqrt(3.0), 2.0 * np.sqrt(3.0))),
     ("laplace", stats.laplace(scale=np.sqrt(0.5)))],
)  # fmt: skip
def test_features_have_their_law(law, distribution):
    assert stats.kstest(features(law, 20, 1000).ravel(), distribution.cdf).pvalue > 1e-3


@pytest.mark.parametrize("law", FEATURE_LAWS)
@pytest.mark.parametrize("d", [1, 31, 32, 33, 70])
def test_coordinates_are_independent_with_their_moments(law, d):
    n_draws = 30_000 // d
    z = features(law, n_draws, d)
    kurtosis = np.mean(z**4)
    assert abs(z.mean()) < 5.0 / np.sqrt(z.size)
    assert abs(np.mean(z**2) - 1.0) <= 5.0 * np.sqrt((KURTOSIS[law] - 1.0) / z.size) + 1e-12
    assert abs(kurtosis - KURTOSIS[law]) <= 5.0 * np.std(z**4) / np.sqrt(z.size) + 1e-12
    # The largest of all correlations is that of independent coordinates, at a level of 1e-5.
    correlation = (z.T @ z / n_draws)[~np.eye(d, dtype=bool)]
    level = stats.norm.isf(0.5e-5 / max(1, d * (d - 1) / 2))
    assert np.all(np.abs(correlation) < 1.1 * level / np.sqrt(n_draws))


@njit
def chi_squares(rng, degrees, out):
    for i in range(len(out)):
        out[i] = chi_square(rng, degrees)


@pytest.mark.parametrize("degrees", [1, 2, 3, 64])
def test_chi_square(degrees):
    out = np.empty(20_000)
    chi_squares(np.random.default_rng(2), degrees, out)
    assert stats.kstest(out, stats.chi2(degrees).cdf).pvalue > 1e-3
    chi_squares(np.random.default_rng(2), 0, out)
    assert np.all(out == 0.0)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize(("norm", "noise"), [(1.3, 0.6), (1.3, 0.0), (0.0, 0.6), (1e-160, 0.6)])
def test_gradient_parts_are_those_of_explicit_batches(batch_size, norm, noise):
    rng = np.random.default_rng(3)
    parts = np.array([draw_gradient(rng, norm, noise, batch_size) for _ in range(5000)])
    axis = rng.standard_normal((5000, batch_size))
    residuals = norm * axis - noise * rng.standard_normal((5000, batch_size))
    along = np.mean(residuals * axis, axis=1)
    across = np.sqrt(np.sum(residuals**2, axis=1)) / batch_size
    for weight in (0.0, 1.0, -0.7):  # projections of the pair, the second alone for weight 0
        one = weight * parts[:, 0] + parts[:, 1]
        assert stats.ks_2samp(one, weight * along + across).pvalue > 1e-3
    assert stats.ks_2samp(parts[:, 0], along).pvalue > 1e-3
