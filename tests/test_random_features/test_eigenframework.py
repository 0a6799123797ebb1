"""Random-feature eigenframework: reference values, an independent transcription, symmetries."""

import math
from dataclasses import fields

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory._spectrum import compress, fixed_point, read_spectrum, spectral_sums
from theory.random_features import (
    mode_learnabilities,
    power_law_task,
    rf_ensemble_risk,
    rf_infinite_data_risk,
    rf_optimal_ridge,
    rf_risk,
    rf_risk_at_gamma,
)

INF = math.inf
TASK = power_law_task(2000, 1.5, 1.5)


def assert_same(first, second, rtol, names=None):
    for name in names or [field.name for field in fields(first)]:
        assert_allclose(getattr(first, name), getattr(second, name), rtol=rtol, err_msg=name)


# Reference values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "k", "ridge", "expected"),
    [
        (100, 60, 0.01, dict(test_mse=2.0783737812024, train_mse=0.36624481487943, kappa=2.3821882880702e-4)),
        (100, 60, 0.01, dict(gamma=7.225284668475e-3, modes_learned=58.021790090737)),
        (100, 200, 0.01, dict(test_mse=1.7011365028907, train_mse=5.4590569494944e-3, kappa=1.7652684910961e-3)),
        (100, 200, 0.01, dict(gamma=3.3412592991645e-3)),
        (128, 128, 0.1, dict(test_mse=1.3127214081056, train_mse=0.21711833258977, kappa=1.9210031046336e-3)),
        (128, 128, 0.1, dict(gamma=4.7235237478552e-3)),
        (100, INF, 0.01, dict(test_mse=1.0930111738370, kappa=3.2016058336805e-3, gamma=3.2016058336805e-3)),
        (100, 50, 0, dict(test_mse=1.9120413411292, train_mse=0.47801033528230, gamma=9.1204134112922e-3, kappa=0)),
        (100, 300, 0, dict(test_mse=1.5112575980079, train_mse=0, gamma=3.0422918725023e-3, kappa=2.0281945816682e-3)),
    ],
)
def test_reference_values(n, k, ridge, expected):
    risk = rf_risk(*TASK, n_samples=n, n_features=k, ridge=ridge, noise_variance=0.5)
    for name, value in expected.items():
        assert_allclose(getattr(risk, name), value, rtol=1e-12, err_msg=name)


def test_reference_values_close_to_interpolation():
    risk = rf_risk(*power_law_task(1000, 1.2, 2.0), n_samples=300, n_features=900, ridge=1e-4)
    assert_allclose(risk.test_mse, 0.018314981411945, rtol=1e-12)
    assert_allclose(risk.train_mse, 9.9565996447558e-10, rtol=1e-12)
    assert_allclose(risk.kappa, 1.4296392538353e-3, rtol=1e-12)


def test_reference_values_of_optimum_ensemble_and_infinite_data():
    best = rf_optimal_ridge(*TASK, n_samples=100, n_features=200, noise_variance=0.5)
    assert_allclose(best.test_mse, 1.0401661652711, rtol=1e-12)
    assert_allclose(best.ridge, 0.844141613, rtol=1e-6)
    assert_allclose(best.gamma, 0.015778673, rtol=1e-6)
    ensemble = rf_ensemble_risk(*TASK, n_samples=100, n_features=60, ridge=0.01, n_ensemble=8, noise_variance=0.5)
    assert_allclose(ensemble, 1.1100538473450, rtol=1e-12)
    assert_allclose(rf_infinite_data_risk(*TASK, n_features=100), 0.30422918725023, rtol=1e-12)


# Independent transcription ------------------------------------------------------------------------------------------


def solve_published_pair(eigenvalues, coefficients, n, k, ridge, noise, guess):
    """The published pair and risk in 30 digits: two unknowns, no reduction to one equation."""
    with mp.workdps(30):
        lams, powers = [mp.mpf(x) for x in eigenvalues], [mp.mpf(x) ** 2 for x in coefficients]
        n, k, ridge = mp.mpf(n), mp.mpf(k), mp.mpf(ridge)

        def pair(log_gamma, log_kappa):
            gamma, kappa = mp.exp(log_gamma), mp.exp(log_kappa)
            learned = mp.fsum(lam / (lam + gamma) for lam in lams)
            return learned + ridge / kappa - n, learned + k * kappa / gamma - k

        root = mp.findroot(pair, [mp.log(x) + mp.mpf("1e-3") for x in guess], tol=1e-45)
        gamma, kappa = mp.exp(root[0]), mp.exp(root[1])
        z = mp.fsum(lam / (lam + gamma) for lam in lams)
        q = mp.fsum((lam / (lam + gamma)) ** 2 for lam in lams)
        factor = 1 / (1 - (q * (k - 2 * z) + z**2) / (n * (k - q)))
        bias = mp.fsum(
            (gamma / (lam + gamma) - kappa * lam / (lam + gamma) ** 2 * k / (k - q)) * p
            for lam, p in zip(lams, powers, strict=True)
        )
        test = factor * (bias + mp.mpf(noise))
        train = ridge**2 / (n**2 * kappa**2) * test
        return {"gamma": gamma, "kappa": kappa, "test_mse": test, "train_mse": train, "modes_learned": z}


@pytest.mark.parametrize(
    ("n", "k", "ridge", "noise"),
    [
        (10, 6, 0.01, 0.5),
        (10, 20, 0.01, 0.1),
        (12, 12, 0.1, 0.0),
        (10, 9.5, 1e-13, 0.3),
        (12, 12, 1e-9, 0.2),
        (7, 400, 5.0, 0.2),
        (70, 80, 1e-6, 0.2),
        (60, 200, 1e-8, 0.2),
    ],
)
def test_published_pair_in_thirty_digits(n, k, ridge, noise):
    eigenvalues, coefficients = power_law_task(60, 1.4, 1.7)
    risk = rf_risk(eigenvalues, coefficients, n_samples=n, n_features=k, ridge=ridge, noise_variance=noise)
    exact = solve_published_pair(eigenvalues, coefficients, n, k, ridge, noise, (risk.gamma, risk.kappa))
    for name, value in exact.items():
        assert_allclose(getattr(risk, name), float(value), rtol=1e-13, err_msg=name)


def random_spectrum(rng, kind):
    size = int(rng.integers(2, 120))
    if kind == "rough":
        return np.exp(rng.normal(size=size) * rng.uniform(0.0, 12.0))
    if kind == "gap":
        return np.where(np.arange(size) < size // 2, 1.0, 10.0 ** -rng.uniform(0.0, 100.0))
    if kind == "flat":
        return np.full(size, 10.0 ** rng.uniform(-100.0, 100.0))
    return np.exp(-rng.uniform(0.0, 3.0) * np.arange(size))


@pytest.mark.parametrize("kind", ["rough", "gap", "flat", "exponential"])
def test_fixed_point_in_exact_arithmetic_on_hard_spectra(kind):
    rng = np.random.default_rng(5)
    for _ in range(60):
        lams = random_spectrum(rng, kind)
        size = len(lams)
        n = float(rng.choice([rng.uniform(0.5, size), rng.integers(1, 2 * size), size, max(size // 2, 1)]))
        k = float(rng.choice([n, rng.uniform(0.5, 2 * size), rng.integers(1, 2 * size), 1e6]))
        ridge = float(lams.max() * 10.0 ** rng.uniform(-40.0, 4.0))
        gamma = rf_risk(lams, lams**0, n_samples=n, n_features=k, ridge=ridge).gamma
        with mp.workdps(160):
            g, sizes = mp.mpf(gamma), (mp.mpf(n), mp.mpf(k))
            learned, squared = (mp.fsum((lam / (lam + g)) ** p for lam in map(mp.mpf, lams)) for p in (1, 2))
            slacks = [size - learned for size in sizes]
            realised = g * slacks[0] * slacks[1] / sizes[1]
            slope = realised + g * (learned - squared) * (slacks[0] + slacks[1]) / sizes[1]
            # One more Newton step in exact arithmetic is the relative error of gamma.
            assert abs((realised - ridge) / slope) < 1e-14, (n, k, ridge)


def test_equation_and_kappa_on_many_random_points():
    rng = np.random.default_rng(11)
    lams = np.exp(rng.normal(size=300) * 2.0)
    n, k = rng.uniform(5, 250, 500), rng.uniform(5, 250, 500)
    ridge = 10.0 ** rng.uniform(-6, 4, 500)
    risk = rf_risk(lams, lams, n_samples=n, n_features=k, ridge=ridge)
    learned = (lams / (lams + risk.gamma[:, None])).sum(axis=1)
    assert_allclose(learned, risk.modes_learned, rtol=1e-12)
    assert_allclose(learned + ridge / risk.kappa, n, rtol=1e-12)
    assert_allclose(learned + k * risk.kappa / risk.gamma, k, rtol=1e-12)


# Symmetries and twins -----------------------------------------------------------------------------------------------


def test_duality_of_samples_and_features():
    eigenvalues, coefficients = power_law_task(2000, 1.3, 1.5)
    first = rf_risk(eigenvalues, coefficients, n_samples=100, n_features=250, ridge=0.3)
    second = rf_risk(eigenvalues, coefficients, n_samples=250, n_features=100, ridge=0.3 * 250 / 100)
    assert_allclose([first.gamma, second.gamma], 0.014409210870178, rtol=1e-13)


def transformed(name, lams, coefficients):
    """A twin of a task: (eigenvalues, coefficients, extra arguments)."""
    size = len(lams)
    order = np.random.default_rng(0).permutation(size)
    padding = np.zeros(7)
    if name == "permuted":
        return lams[order], coefficients[order], {}
    if name == "padded":
        return np.concatenate([lams, padding]), np.concatenate([coefficients, padding]), {}
    if name == "grouped":
        return lams, coefficients * np.sqrt(3.0), {"multiplicities": np.full(size, 3.0)}
    if name == "repeated":
        return np.repeat(lams, 3), np.repeat(coefficients, 3), {}
    if name == "halved":
        return np.repeat(lams, 2), np.repeat(coefficients / 2**0.5, 2), {"multiplicities": np.full(2 * size, 0.5)}
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("first", "second"), [("", "permuted"), ("", "padded"), ("", "halved"), ("grouped", "repeated")]
)
@pytest.mark.parametrize("ridge", [0.0, 1e-10, 0.3])
def test_twins_of_one_spectrum_agree(first, second, ridge):
    task = power_law_task(150, 1.3, 1.6)
    sizes = dict(n_samples=[[40.0], [60.0]], n_features=[30.0, 60.0, 90.0, INF], ridge=ridge, noise_variance=0.2)
    risks = []
    for name in (first, second):
        lams, coefficients, extra = transformed(name, *task) if name else (*task, {})
        risks.append(rf_risk(lams, coefficients, **sizes, **extra))
    assert_same(*risks, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-90, 1e-3, 7.0, 1e90])
def test_rescaling_eigenvalues_with_the_ridge(scale):
    lams, coefficients = power_law_task(150, 1.3, 1.6)
    sizes = dict(n_samples=40.0, n_features=[20.0, 40.0, 60.0, INF], noise_variance=0.2)
    plain = rf_risk(lams, coefficients, ridge=1e-3, **sizes)
    scaled = rf_risk(scale * lams, coefficients, ridge=scale * 1e-3, **sizes)
    assert_same(plain, scaled, rtol=1e-12, names=["test_mse", "train_mse", "bias", "modes_learned"])
    assert_allclose(scaled.gamma, scale * plain.gamma, rtol=1e-12)
    best, best_scaled = (
        rf_optimal_ridge(factor * lams, coefficients, n_samples=40, n_features=60, noise_variance=0.2)
        for factor in (1.0, scale)
    )
    assert_allclose(best.test_mse, best_scaled.test_mse, rtol=1e-12)


def test_target_on_null_modes_is_unlearnable_power():
    lams, coefficients = power_law_task(100, 1.5, 1.5)
    sizes = dict(n_samples=30, n_features=50, ridge=0.01, noise_variance=0.1)
    padded = rf_risk(np.append(lams, 0.0), np.append(coefficients, 0.7), **sizes)
    assert_same(padded, rf_risk(lams, coefficients, tail_power=0.49, **sizes), rtol=1e-14)
    noisier = rf_risk(lams, coefficients, **{**sizes, "noise_variance": 0.1 + 0.49})
    assert_same(padded, noisier, rtol=1e-14, names=["test_mse", "train_mse"])


def test_tail_trace_stands_for_many_tiny_modes():
    lams, coefficients = power_law_task(100, 1.5, 1.5)
    sizes = dict(n_samples=30, n_features=50, ridge=[0.0, 0.01, 1.0], noise_variance=0.1)
    tiny, number = 1e-14, 1e11
    counts = np.append(np.ones(100), number)
    modes = rf_risk(np.append(lams, tiny), np.append(coefficients, 0.2), multiplicities=counts, **sizes)
    tail = rf_risk(lams, coefficients, tail_trace=tiny * number, tail_power=0.04, **sizes)
    assert_same(modes, tail, rtol=1e-10)


def test_gamma_is_read_both_ways():
    sizes = dict(n_samples=[[50.0], [150.0]], n_features=[60.0, 150.0, INF], noise_variance=0.3)
    forward = rf_risk(*TASK, ridge=[[[1e-3]], [[0.1]], [[3.0]]], **sizes)
    backward = rf_risk_at_gamma(*TASK, forward.gamma, **sizes)
    assert forward.test_mse.shape == (3, 2, 3)
    assert_same(forward, backward, rtol=1e-10)
    interpolating = rf_risk(*TASK, ridge=0.0, n_samples=100, n_features=[60.0, 170.0])
    again = rf_risk_at_gamma(*TASK, interpolating.gamma, n_samples=100, n_features=[60.0, 170.0])
    assert_allclose(again.ridge, 0.0, atol=1e-12)
    assert_allclose(again.test_mse, interpolating.test_mse, rtol=1e-9)


def test_scalars_give_floats_and_arrays_broadcast():
    scalar = rf_risk(*TASK, n_samples=100, n_features=200, ridge=0.1)
    grid = rf_risk(*TASK, n_samples=np.full((3, 1), 100), n_features=200, ridge=np.full(2, 0.1))
    for field in fields(scalar):
        assert type(getattr(scalar, field.name)) is float
        assert getattr(grid, field.name).shape == (3, 2)
    assert_same(scalar, grid, rtol=1e-13)


# Big spectra and big grids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["power law", "rough", "degenerate", "grouped"])
def test_compressed_spectrum_has_the_same_sums(task):
    rng = np.random.default_rng(3)
    counts = None
    lams = {
        "power law": np.arange(1.0, 30001.0) ** -1.4,
        "rough": rng.permutation(np.exp(rng.normal(size=4000) * 4.0)),
        "degenerate": np.repeat([3.0, 1.0, math.exp(-1.0), 1e-4], 500),
        "grouped": np.exp(-rng.uniform(0, 8, 3000)),
    }[task]
    if task == "grouped":
        counts = rng.uniform(0.2, 1e6, 3000)
    spectrum = read_spectrum(lams, rng.normal(size=len(lams)), counts)
    compressed = compress(spectrum)
    assert len(compressed.eigenvalues) < 0.2 * len(lams)
    for gamma in np.geomspace(1e-12 * lams.min(), 1e6 * lams.max(), 300):
        count, rest, *sums = spectral_sums(spectrum, gamma)
        count_, rest_, *sums_ = spectral_sums(compressed, gamma)
        assert_allclose([count_ + rest_, *sums_], [count + rest, *sums], rtol=1e-13)


@pytest.mark.parametrize("ridge", [0.0, 1e-12, 1e-3, 10.0])
def test_grids_agree_with_single_points(ridge):
    n, k = np.geomspace(20, 900, 4)[:, None], np.append(np.geomspace(15, 1500, 5), [INF])
    grid = rf_risk(*TASK, n_samples=n, n_features=k, ridge=ridge, noise_variance=0.1)
    for i, j in np.ndindex(4, 6):
        point = rf_risk(*TASK, n_samples=n[i, 0], n_features=k[j], ridge=ridge, noise_variance=0.1)
        for field in fields(point):
            assert_allclose(getattr(grid, field.name)[i, j], getattr(point, field.name), rtol=1e-12)


def test_a_million_modes_on_a_grid_of_thousands_of_points():
    lams, coefficients = power_law_task(10**6, 1.5, 1.5)
    n, k, ridge = np.geomspace(20, 2000, 15), np.geomspace(20, 2000, 16), np.geomspace(1e-8, 10, 15)
    mesh = np.meshgrid(n, k, ridge, indexing="ij")
    risk = rf_risk(lams, coefficients, n_samples=mesh[0], n_features=mesh[1], ridge=mesh[2], noise_variance=0.1)
    assert risk.test_mse.shape == (15, 16, 15)
    assert all(np.isfinite(getattr(risk, field.name)).all() for field in fields(risk))
    for i, j, m in [(0, 0, 0), (7, 8, 7), (14, 15, 14), (3, 12, 1)]:
        single = rf_risk(lams, coefficients, n_samples=n[i], n_features=k[j], ridge=ridge[m], noise_variance=0.1)
        for field in fields(single):
            assert_allclose(getattr(risk, field.name)[i, j, m], getattr(single, field.name), rtol=3e-13)


# Failures -----------------------------------------------------------------------------------------------------------


def test_a_fixed_point_that_is_not_found_raises(monkeypatch):
    monkeypatch.setattr("theory.random_features.eigenframework.fixed_point", lambda *arguments: math.nan)
    with pytest.raises(RuntimeError, match="n_samples = 2"):
        mode_learnabilities([2.0, 1.0, 0.5], n_samples=2, n_features=2, ridge=0.1)


def test_fixed_point_takes_few_evaluations_even_at_hard_points():
    # Plateaus of z, double roots and tiny ridges must all settle: NaN would mean that the iteration ran out.
    rng = np.random.default_rng(8)
    for _ in range(400):
        lams = random_spectrum(rng, rng.choice(["rough", "gap", "flat", "exponential"]))
        spectrum = read_spectrum(lams, None, tail_trace=float(rng.choice([0.0, 0.0, 1e-3])))
        n = float(rng.choice([len(lams), max(len(lams) // 2, 1), rng.uniform(0.1, 2 * len(lams))]))
        k = float(rng.choice([n, n + 1e-9, rng.uniform(0.1, 2 * len(lams)), INF]))
        ridge = float(rng.choice([0.0, 10.0 ** rng.uniform(-300, 100)]))
        assert fixed_point(spectrum, n, k, ridge) >= 0
