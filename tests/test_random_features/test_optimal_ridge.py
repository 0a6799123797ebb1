"""The best ridge of the eigenframework, and that more samples and features help at it."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.random_features import (
    infinite_power_law_task,
    power_law_task,
    rf_optimal_ridge,
    rf_risk,
)

INF = math.inf
TASK = power_law_task(2000, 1.5, 1.5)


@pytest.mark.parametrize(("tau2", "noise"), [(1.0, 0.5), (4.0, 0.01), (0.2, 30.0)])
def test_matched_prior_optimum(tau2, noise):
    lams = TASK[0]
    coefficients = np.sqrt(tau2 * lams)
    best = rf_optimal_ridge(lams, coefficients, n_samples=100, n_features=INF, noise_variance=noise)
    assert_allclose(best.ridge, noise / tau2, rtol=1e-6)
    exact = rf_risk(lams, coefficients, n_samples=100, n_features=INF, ridge=noise / tau2, noise_variance=noise)
    assert_allclose(exact.test_mse, tau2 * 100 * exact.kappa, rtol=1e-13)
    assert_allclose(best.test_mse, exact.test_mse, rtol=1e-13)
    other = rf_risk(lams, coefficients, n_samples=100, n_features=INF, ridge=0.3, noise_variance=noise)
    closed = tau2 * 100 * other.kappa + 100 * (noise - tau2 * 0.3) / (100 - other.modes_squared)
    assert_allclose(other.test_mse, closed, rtol=1e-12)


def test_optimal_ridge_beats_every_ridge_of_a_dense_scan():
    rng = np.random.default_rng(2)
    for k in (15.0, 40.0, 90.0, INF):
        # Well separated groups make the error as a function of the ridge rough.
        lams = np.repeat(10.0 ** np.array([0.0, -3.0, -6.0]), [10, 30, 100])
        coefficients = rng.normal(size=140) * np.repeat([1.0, 2.0, 5.0], [10, 30, 100])
        best = rf_optimal_ridge(lams, coefficients, n_samples=40, n_features=k, noise_variance=0.7)
        scan = rf_risk(
            lams, coefficients, n_samples=40, n_features=k, ridge=np.geomspace(1e-12, 1e4, 4000), noise_variance=0.7
        )
        assert best.test_mse <= scan.test_mse.min() * (1 + 1e-12)
        again = rf_risk(lams, coefficients, n_samples=40, n_features=k, ridge=best.ridge, noise_variance=0.7)
        for name in ("test_mse", "train_mse", "gamma", "kappa"):
            assert_allclose(getattr(best, name), getattr(again, name), rtol=1e-9, err_msg=name)


def test_interpolation_wins_exactly():
    lams, coefficients, counts = infinite_power_law_task(1.5, 1.8)
    best = rf_optimal_ridge(lams, coefficients, n_samples=1000, n_features=INF, multiplicities=counts)
    assert best.ridge == 0.0 and best.fitting_ratio == 0.0 and best.train_mse == 0.0
    full_rank = rf_optimal_ridge(*power_law_task(20, 1.5, 1.5), n_samples=30, n_features=40)
    assert full_rank.ridge == 0.0 and full_rank.test_mse == 0.0


def test_few_features_always_want_some_ridge():
    assert rf_optimal_ridge(*TASK, n_samples=200, n_features=50).ridge > 0
    assert rf_optimal_ridge(*power_law_task(20, 1.5, 1.5), n_samples=30, n_features=15).ridge > 0


def test_optimum_with_noise_far_above_the_signal():
    lams = TASK[0]
    best = rf_optimal_ridge(lams, 1e-3 * np.sqrt(lams), n_samples=100, n_features=INF, noise_variance=1.0)
    assert_allclose(best.ridge, 1e6, rtol=1e-2)
    target_on_weak_modes = np.where(np.arange(2000) > 1990, 0.1, 0.0)
    best = rf_optimal_ridge(lams, target_on_weak_modes, n_samples=100, n_features=200, noise_variance=1.0)
    total = (target_on_weak_modes**2).sum() + 1.0
    assert best.test_mse < total


def test_more_samples_and_more_features_help_at_the_best_ridge():
    rng = np.random.default_rng(4)
    sizes = [20.0, 40.0, 60.0, 90.0]
    drops = []
    for _ in range(8):
        lams = np.exp(rng.normal(size=200) * rng.uniform(0.5, 3.0))
        coefficients = rng.normal(size=200) * np.sqrt(lams)
        noise = rng.choice([0.0, 1.0]) * rng.uniform(0.0, 1.0) * (coefficients**2).sum()
        best = np.array(
            [
                [
                    rf_optimal_ridge(lams, coefficients, n_samples=n, n_features=k, noise_variance=noise).test_mse
                    for k in [*sizes, INF]
                ]
                for n in sizes
            ]
        )
        drops += [(-np.diff(best, axis=axis) / best.max()).min() for axis in (0, 1)]
    assert min(drops) > 0.0
    fixed = rf_risk(*TASK, n_samples=100, n_features=[25.0, 100.0], ridge=1e-3, noise_variance=0.5).test_mse
    assert fixed[1] > 2 * fixed[0]
