"""Effective ridge, loss of kernel ridge regression and the best ridge, against naive forms and direct minimisation."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from theory.spectral_algorithms import effective_ridge, optimal_ridge, ridge_loss

L = np.arange(1.0, 1001.0)
TASK = dict(eigenvalues=L**-1.5, target_power=L**-2.0)


def random_task(seed, n_modes, spread=2.0):
    rng = np.random.default_rng(seed)
    values = np.sort(np.exp(spread * rng.normal(size=n_modes)))[::-1]
    return dict(eigenvalues=values, target_power=rng.exponential(size=n_modes) * values**0.7)


def rough_task():
    """Groups far apart: the loss has several local minima in the ridge."""
    values = np.repeat(10.0 ** np.array([0.0, -3.0, -6.0]), [10, 30, 100])
    return dict(eigenvalues=values, target_power=np.repeat([1.0, 2.0, 5.0], [10, 30, 100]))


def naive_loss(kappa, n, eigenvalues, target_power, noise):
    gamma = np.sum((eigenvalues / (eigenvalues + kappa)) ** 2) / n
    bias = kappa**2 * np.sum(target_power / (eigenvalues + kappa) ** 2)
    return 0.5 * (bias + noise * gamma) / (1.0 - gamma)


def test_reference_values():
    assert_allclose(effective_ridge(0.0, 200, eigenvalues=TASK["eigenvalues"]), 0.000813724005516, rtol=1e-12)
    assert_allclose(effective_ridge(0.01, 200, eigenvalues=TASK["eigenvalues"]), 0.0124559335448, rtol=1e-11)
    assert_allclose(ridge_loss(0.01, 200, noise_variance=0.3, **TASK), 0.0345314588434, rtol=2e-12)
    assert_allclose(ridge_loss(0.0, 200, noise_variance=0.0, **TASK), 0.00557020371841, rtol=1e-12)
    assert_allclose(ridge_loss(0.0, 200, noise_variance=1.0, **TASK), 0.425250272214, rtol=2e-12)
    best = optimal_ridge(200, noise_variance=0.1, **TASK)
    assert_allclose(best, 0.00268724620764, rtol=2e-12)
    assert_allclose(ridge_loss(best, 200, noise_variance=0.1, **TASK), 0.020759951688, rtol=2e-11)


@pytest.mark.parametrize("ridge", [0.0, 1e-9, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("n_modes", [30, 100, 101, 400])
def test_learnability_is_conserved(n_modes, ridge):
    values = random_task(n_modes, n_modes)["eigenvalues"]
    kappa = effective_ridge(ridge, 100, eigenvalues=values)
    if ridge == 0.0 and n_modes <= 100:
        assert kappa == 0.0
    else:
        assert abs(np.sum(values / (values + kappa)) + 100 * ridge / kappa - 100) < 1e-12 * 100
        assert kappa >= ridge


def test_effective_ridge_in_high_precision():
    values = [mp.mpf(1) / mode**3 for mode in range(1, 61)]
    for ridge in (1e-6, 0.25):
        with mp.workdps(30):

            def excess(log_kappa, eta=ridge):
                kappa = mp.exp(log_kappa)
                return mp.fsum(v / (v + kappa) for v in values) + 20 * mp.mpf(eta) / kappa - 20

            exact = mp.exp(mp.findroot(excess, (mp.log(ridge), mp.log(ridge + 1)), solver="anderson", tol=1e-22))
        found = effective_ridge(ridge, 20, eigenvalues=np.arange(1.0, 61.0) ** -3.0)
        assert_allclose(found, float(exact), rtol=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_loss_is_the_naive_form(seed):
    task = random_task(seed, 40 * (seed + 1))
    for ridge, noise in [(0.01, 0.0), (0.3, 0.5), (5.0, 2.0)]:
        kappa = effective_ridge(ridge, 100, eigenvalues=task["eigenvalues"])
        naive = naive_loss(kappa, 100, task["eigenvalues"], task["target_power"], noise)
        assert_allclose(ridge_loss(ridge, 100, noise_variance=noise, **task), naive, rtol=1e-12)


def test_limits():
    few = random_task(1, 30)
    # Below as many modes as samples interpolation is ordinary least squares.
    assert ridge_loss(0.0, 100, noise_variance=0.0, **few) == 0.0
    assert_allclose(ridge_loss(0.0, 100, noise_variance=0.7, **few), 0.5 * 0.7 * 30 / 70, rtol=1e-14)
    square = random_task(2, 100)
    assert ridge_loss(0.0, 100, noise_variance=0.0, **square) == 0.0
    # Near the peak the noise term is noise / (2 (1 - gamma)), which grows as the root of 1 / ridge.
    peak = [ridge_loss(eta, 100, noise_variance=1.0, **square) for eta in (1e-12, 1e-14)]
    assert_allclose(peak[1] / peak[0], 10.0, rtol=1e-3)
    assert_allclose(ridge_loss(1e12, 100, noise_variance=1.0, **few), 0.5 * few["target_power"].sum(), rtol=1e-9)


def test_units_of_the_eigenvalues_do_not_matter():
    task = random_task(3, 300)
    scaled = dict(task, eigenvalues=1e-5 * task["eigenvalues"])
    plain = ridge_loss(0.2, 100, noise_variance=0.4, **task)
    assert_allclose(ridge_loss(0.2e-5, 100, noise_variance=0.4, **scaled), plain, rtol=1e-13)
    best = optimal_ridge(100, noise_variance=0.4, **task)
    assert_allclose(optimal_ridge(100, noise_variance=0.4, **scaled), 1e-5 * best, rtol=1e-11)


@pytest.mark.parametrize("n_modes", [50, 100, 300, 2000])
@pytest.mark.parametrize("tau2", [1.0, 0.2])
def test_bayes_ridge(n_modes, tau2):
    values = np.arange(1.0, n_modes + 1.0) ** -1.5
    best = optimal_ridge(100, eigenvalues=values, target_power=tau2 * values, noise_variance=0.3)
    assert_allclose(best, 0.3 / 100 / tau2, rtol=1e-12)
    kappa = effective_ridge(best, 100, eigenvalues=values)
    loss = ridge_loss(best, 100, eigenvalues=values, target_power=tau2 * values, noise_variance=0.3)
    assert_allclose(2 * loss + 0.3, 100 * tau2 * kappa, rtol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.3, 20.0])
@pytest.mark.parametrize("task", [random_task(5, 60), random_task(6, 400, 1.0), rough_task(), TASK])
def test_optimal_ridge_by_direct_minimisation(task, noise):
    def loss(log_ridge):
        return ridge_loss(math.exp(log_ridge), 50, noise_variance=noise, **task)

    best = optimal_ridge(50, noise_variance=noise, **task)
    least = ridge_loss(best, 50, noise_variance=noise, **task)
    grid = np.linspace(math.log(1e-9), math.log(1e4), 1500)
    scan = np.array([loss(point) for point in grid])
    # The minimum is quadratic: a scan cannot undercut it beyond rounding.
    assert least <= scan.min() * (1.0 + 1e-12)
    if best > 0.0:
        i = int(scan.argmin())
        found = minimize_scalar(loss, bounds=(grid[i - 1], grid[i + 1]), method="bounded", options={"xatol": 1e-9})
        assert_allclose(least, found.fun, rtol=1e-13)
        # The loss is flat to rounding within about sqrt(1e-16) of its minimum.
        assert_allclose(best, math.exp(found.x), rtol=1e-6)


def test_interpolation_wins_exactly():
    smooth = dict(eigenvalues=L**-1.5, target_power=L**-3.5)  # source exponent above capacity exponent - 1
    assert optimal_ridge(200, noise_variance=0.0, **smooth) == 0.0
    assert optimal_ridge(1500, noise_variance=0.0, **TASK) == 0.0
    rough = dict(eigenvalues=L**-1.5, target_power=L**-1.2)
    assert optimal_ridge(200, noise_variance=0.0, **rough) > 0.0
    assert optimal_ridge(1000, noise_variance=1e-6, **TASK) > 0.0


GOOD = dict(eigenvalues=[1.0, 0.5, 0.5, 0.1], target_power=[1.0, 1.0, 0.0, 2.0], noise_variance=0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0),
        ("n_samples", 2.5),
        ("eigenvalues", []),
        ("eigenvalues", [1.0, 0.5, 0.5, 0.0]),
        ("eigenvalues", [1.0, 0.5, -0.5, 0.1]),
        ("eigenvalues", [1.0, 0.5, math.nan, 0.1]),
        ("eigenvalues", [math.inf, 0.5, 0.5, 0.1]),
        ("eigenvalues", [1.0, 0.5, 0.6, 0.1]),
        ("eigenvalues", [1e308, 1e308, 0.6, 0.1]),
        ("target_power", [1.0, 1.0, 1.0]),
        ("target_power", [1.0, -1.0, 1.0, 1.0]),
        ("target_power", [1.0, math.nan, 1.0, 1.0]),
        ("target_power", [1e308, 1e308, 1.0, 1.0]),
        ("noise_variance", -0.1),
        ("noise_variance", math.inf),
        ("ridge", -1e-9),
        ("ridge", math.nan),
        ("ridge", math.inf),
    ],
)
def test_bad_input(name, value):
    arguments = {**GOOD, "n_samples": 2, "ridge": 0.1, name: value}
    with pytest.raises(ValueError, match=name):
        ridge_loss(**arguments)
    if name in ("n_samples", "eigenvalues", "ridge"):
        with pytest.raises(ValueError, match=name):
            effective_ridge(arguments["ridge"], arguments["n_samples"], eigenvalues=arguments["eigenvalues"])
    if name != "ridge":
        del arguments["ridge"]
        with pytest.raises(ValueError, match=name):
            optimal_ridge(**arguments)


def test_infinite_noise_and_zero_target_are_refused():
    with pytest.raises(ValueError, match="noise_variance"):
        ridge_loss(0.0, 4, **GOOD)
    with pytest.raises(ValueError, match="target_power"):
        optimal_ridge(2, eigenvalues=[1.0, 0.5], target_power=[0.0, 0.0], noise_variance=1.0)
