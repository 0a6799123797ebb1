"""Random-feature eigenframework: limits, the interpolation peak, finite rank, extreme magnitudes, ensembles."""

import math
from dataclasses import fields

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.random_features import (
    mode_learnabilities,
    power_law_task,
    rf_ensemble_risk,
    rf_infinite_data_risk,
    rf_risk,
)

INF = math.inf
TASK = power_law_task(2000, 1.5, 1.5)


def assert_same(first, second, rtol, names=None):
    for name in names or [field.name for field in fields(first)]:
        assert_allclose(getattr(first, name), getattr(second, name), rtol=rtol, err_msg=name)


def test_infinite_width_is_kernel_regression():
    lams, coefficients = TASK
    risk = rf_risk(lams, coefficients, n_samples=100, n_features=INF, ridge=0.05, noise_variance=0.5)
    learnt = lams / (lams + risk.gamma)
    expected = ((coefficients * (1 - learnt)) ** 2).sum() + 0.5
    assert_allclose(risk.test_mse, expected / (1 - (learnt**2).sum() / 100), rtol=1e-13)
    wide = rf_risk(lams, coefficients, n_samples=100, n_features=1e14, ridge=0.05, noise_variance=0.5)
    assert_same(risk, wide, rtol=1e-10)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_infinite_data(ridge):
    many = rf_risk(*TASK, n_samples=1e14, n_features=100, ridge=ridge, noise_variance=0.3)
    assert_allclose(many.test_mse, rf_infinite_data_risk(*TASK, n_features=100) + 0.3, rtol=1e-10)


def test_infinite_data_with_groups_and_without_limit_on_width():
    lams, coefficients = power_law_task(80, 1.4, 1.6)
    grouped = rf_infinite_data_risk(lams, np.sqrt(2) * coefficients, n_features=30, multiplicities=np.full(80, 2.0))
    repeated = rf_infinite_data_risk(np.repeat(lams, 2), np.repeat(coefficients, 2), n_features=30)
    assert_allclose(grouped, repeated, rtol=1e-13)
    assert rf_infinite_data_risk(lams, coefficients, n_features=INF) == 0.0


def test_ridgeless_underparameterised_closed_form():
    lams, coefficients = TASK
    risk = rf_risk(lams, coefficients, n_samples=100, n_features=60, ridge=0, noise_variance=0.5)
    learnt = lams / (lams + risk.gamma)
    assert_allclose(learnt.sum(), 60, rtol=1e-13)
    expected = 100 / 40 * ((coefficients**2 * (1 - learnt)).sum() + 0.5)
    assert_allclose(risk.test_mse, expected, rtol=1e-13)
    assert risk.modes_learned == 60.0


def test_ridgeless_overparameterised_interpolates():
    risk = rf_risk(*TASK, n_samples=100, n_features=[100.5, 300.0, INF], ridge=0, noise_variance=0.5)
    assert (risk.train_mse == 0).all() and (risk.fitting_ratio == 0).all() and (risk.modes_learned == 100).all()


@pytest.mark.parametrize("k", [30.0, 60.0, 140.0, INF])
def test_vanishing_ridge_is_continuous(k):
    zero = rf_risk(*TASK, n_samples=100, n_features=k, ridge=0, noise_variance=0.5)
    tiny = rf_risk(*TASK, n_samples=100, n_features=k, ridge=1e-16, noise_variance=0.5)
    assert_same(zero, tiny, rtol=1e-9, names=["test_mse", "bias", "gamma", "modes_learned", "modes_squared"])


@pytest.mark.parametrize(("ridge", "ratio"), [(1e-6, 0.9964), (1e-8, 0.99964), (1e-10, 0.999964)])
def test_peak_height_law(ridge, ratio):
    lams, coefficients = TASK
    sizes = dict(n_samples=100, n_features=100, noise_variance=0.5)
    start = rf_risk(lams, coefficients, ridge=0, **sizes)
    bracket = (coefficients**2 * start.gamma / (lams + start.gamma)).sum() + 0.5
    law = 0.5 * math.sqrt(100 * start.gamma / ridge) * bracket
    measured = law / rf_risk(lams, coefficients, ridge=ridge, **sizes).test_mse
    assert_allclose(1 - measured, 1 - ratio, rtol=0.2)
    assert_allclose(rf_risk(lams, coefficients, ridge=1e-26, **sizes).test_mse * 1e-13, law * ridge**0.5, rtol=1e-10)


def test_peak_is_the_same_from_both_sides():
    risk = rf_risk(*TASK, n_samples=200, n_features=[200 - 1e-7, 200 + 1e-7], ridge=0, noise_variance=0.5)
    assert_allclose(*(risk.test_mse * 1e-7), rtol=1e-8)


def test_peak_position_moves_with_the_ridge():
    width = np.arange(150.0, 260.0)
    ridge = np.array([1e-5, 1e-3, 1e-2])[:, None]
    task = power_law_task(3000, 1.5, 1.5)
    risk = rf_risk(*task, n_samples=200, n_features=width, ridge=ridge, noise_variance=0.2)
    assert list(width[risk.test_mse.argmax(axis=1)]) == [200, 198, 183]


def test_exact_threshold_has_infinite_test_and_zero_training_error():
    risk = rf_risk(*TASK, n_samples=100, n_features=100, ridge=0, noise_variance=0.5)
    assert risk.test_mse == INF and risk.overfitting_factor == INF
    assert risk.train_mse == 0 and risk.fitting_ratio == 0 and math.isfinite(risk.bias)
    nothing = rf_risk(TASK[0], 0 * TASK[1], n_samples=100, n_features=100, ridge=0)
    assert nothing.test_mse == 0 and nothing.train_mse == 0


@pytest.mark.parametrize(("n", "k"), [(30, 50), (50, 30), (20, 20), (30, INF), (20, 30), (30, 20)])
def test_finite_rank_is_learnt_completely_without_ridge(n, k):
    lams, coefficients = power_law_task(20, 1.5, 1.5)
    noisy = rf_risk(lams, coefficients, n_samples=n, n_features=k, ridge=0, noise_variance=0.5)
    clean = rf_risk(lams, coefficients, n_samples=n, n_features=k, ridge=0)
    assert noisy.gamma == noisy.kappa == 0 and noisy.modes_learned == noisy.modes_squared == 20
    assert clean.test_mse == clean.train_mse == 0
    if n > 20:
        assert_allclose(noisy.test_mse, 0.5 * n / (n - 20), rtol=1e-14)
        assert_allclose(noisy.train_mse, 0.5 * (n - 20) / n, rtol=1e-14)
        tiny = rf_risk(lams, coefficients, n_samples=n, n_features=k, ridge=1e-17, noise_variance=0.5)
        assert_allclose([tiny.test_mse, tiny.train_mse], [noisy.test_mse, noisy.train_mse], rtol=1e-6)
    else:
        assert noisy.test_mse == INF and noisy.train_mse == 0


def test_tail_trace_keeps_gamma_positive_at_full_rank():
    lams, coefficients = power_law_task(20, 1.5, 1.5)
    risk = rf_risk(lams, coefficients, n_samples=20, n_features=40, ridge=0, tail_trace=1e-9)
    assert risk.gamma > 0 and risk.modes_learned == 20


@pytest.mark.parametrize(("n", "k"), [(40, 70), (70, 40), (40, INF)])
def test_isotropic_closed_form(n, k):
    size, c, noise = 100, 2.5, 0.3
    coefficients = np.full(size, 0.2)
    power, r = 0.04 * size, min(n, k)
    risk = rf_risk(np.full(size, c), coefficients, n_samples=n, n_features=k, ridge=0, noise_variance=noise)
    learnt, q = r / size, r**2 / size
    eta = 0.0 if k == INF else (r - q) / (k - q)
    bias = power * ((1 - learnt) ** 2 + learnt * (1 - learnt) * eta)
    assert_allclose(risk.gamma, c * (size - r) / r, rtol=1e-13)
    assert_allclose(risk.test_mse, (bias + noise) / (1 - (q + (r - q) * eta) / n), rtol=1e-13)


@pytest.mark.parametrize("ridge", [0.0, 1e-300, 1e-150, 1e150, 1e300])
@pytest.mark.parametrize("scale", [1e-250, 1e-100, 1.0, 1e100, 1e250])
def test_extreme_magnitudes_never_give_nan(ridge, scale):
    lams, coefficients = power_law_task(60, 3.0, 1.5)
    n, k = np.array([[0.5], [30.0], [60.0], [90.0]]), np.array([0.5, 30.0, 60.0, 90.0, 1e300, INF])
    risk = rf_risk(scale * lams, coefficients, n_samples=n, n_features=k, ridge=ridge, noise_variance=0.1)
    for field in fields(risk):
        assert not np.isnan(getattr(risk, field.name)).any(), field.name
    assert (risk.train_mse <= risk.test_mse * (1 + 1e-15)).all()


# Learnabilities and ensembles ---------------------------------------------------------------------------------------


def test_learnabilities_sum_to_the_modes_learned():
    lams = np.append(TASK[0], 0.0)
    learnt = mode_learnabilities(lams, n_samples=40, n_features=60, ridge=0)
    assert learnt.shape == (2001,) and learnt[-1] == 0 and (np.diff(learnt) <= 0).all()
    assert_allclose(learnt.sum(), 40, rtol=1e-13)
    counts = np.full(2001, 2.0)
    grouped = mode_learnabilities(lams, n_samples=40, n_features=60, ridge=0, multiplicities=counts, tail_trace=0.1)
    gamma = lams[0] * (1 / grouped[0] - 1)
    assert_allclose(2 * grouped.sum() + 0.1 / gamma, 40, rtol=1e-12)
    assert (mode_learnabilities([3.0, 1.0, 0.0], n_samples=5, n_features=5, ridge=0) == [1, 1, 0]).all()


def test_ensemble_interpolates_between_one_model_and_a_wide_one_with_more_ridge():
    sizes = dict(n_samples=120, n_features=90, ridge=0.05, noise_variance=0.5)
    single = rf_risk(*TASK, **sizes)
    hidden = single.gamma * (120 - single.modes_learned)
    wide = rf_risk(*TASK, **{**sizes, "n_features": INF, "ridge": hidden}).test_mse
    assert hidden > 0.05
    assert rf_ensemble_risk(*TASK, n_ensemble=1, **sizes) == pytest.approx(single.test_mse, rel=1e-14)
    assert rf_ensemble_risk(*TASK, n_ensemble=INF, **sizes) == pytest.approx(wide, rel=1e-12)
    four = rf_ensemble_risk(*TASK, n_ensemble=4, **sizes)
    assert four == pytest.approx(wide + (single.test_mse - wide) / 4, rel=1e-12)


def test_ensemble_at_the_peak():
    sizes = dict(n_samples=100, n_features=100, ridge=0.0, noise_variance=0.5)
    assert rf_ensemble_risk(*TASK, n_ensemble=7, **sizes) == INF
    kernel = rf_risk(*TASK, **{**sizes, "n_features": INF}).test_mse
    assert rf_ensemble_risk(*TASK, n_ensemble=INF, **sizes) == pytest.approx(kernel, rel=1e-12)
