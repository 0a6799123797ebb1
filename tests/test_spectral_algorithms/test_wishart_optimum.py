"""Best profile of the Wishart model: certificates of optimality, the Bayes point, overlearning, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.spectral_algorithms import (
    effective_ridge,
    gradient_flow_profile,
    optimal_ridge,
    ridge_loss,
    wishart_loss,
    wishart_measures,
    wishart_optimal_profile,
)


def power_law(n_modes, nu=1.5, kappa=1.0):
    index = np.arange(1.0, n_modes + 1.0)
    return dict(eigenvalues=index**-nu, target_power=index ** (-kappa - 1.0))


def random_task(n_modes, seed):
    rng = np.random.default_rng(seed)
    values = np.sort(np.exp(1.5 * rng.normal(size=n_modes)))[::-1].copy()
    return dict(eigenvalues=values, target_power=rng.exponential(size=n_modes) * values)


TASKS = [(200, power_law(1000)), (60, random_task(200, 1)), (60, random_task(60, 2)), (60, random_task(40, 3))]


def test_reference_values():
    task = power_law(1000)
    best = wishart_optimal_profile(200, noise_variance=0.1, **task)
    assert_allclose(best.loss, 0.0203120460, rtol=3e-9)
    bayes = dict(eigenvalues=task["eigenvalues"], target_power=task["eigenvalues"])
    assert_allclose(wishart_optimal_profile(200, noise_variance=0.3, **bayes).loss, 0.1402273063, rtol=5e-10)


@pytest.mark.parametrize(("kappa", "noise", "ratio"), [(1.0, 0.1, 1.0221), (2.5, 0.1, 1.430), (1.0, 0.0, 1.0490)])
def test_ratio_of_the_best_ridge(kappa, noise, ratio):
    task = power_law(1000, 1.5, kappa)
    ridge = optimal_ridge(200, noise_variance=noise, **task)
    ridge_optimum = ridge_loss(ridge, 200, noise_variance=noise, **task)
    best = wishart_optimal_profile(200, noise_variance=noise, **task)
    assert_allclose(ridge_optimum / best.loss, ratio, rtol=5e-4)  # the digits known


@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize(("n", "task"), TASKS)
def test_integral_equation(n, task, noise):
    """The profile on one rule solves the equation of the other rule's measures as they are published."""
    best = wishart_optimal_profile(n, noise_variance=noise, **task)
    m = wishart_measures(n, **task)
    assert (best.eigenvalues == m.nodes).all()
    left = m.two_point_density @ (m.weights * best.values)
    left += (m.local_density + noise * m.noise_density) * best.values
    # Next to band edges all densities vanish: the residual is measured against the largest terms of a row.
    size = np.abs(m.two_point_density) @ (m.weights * np.abs(best.values)) + m.linear_density
    assert np.abs((left - m.linear_density) / size).max() < 1e-10
    plain = 0.5 * (task["target_power"].sum() - (m.weights * m.linear_density) @ best.values)
    assert_allclose(best.loss, plain, atol=1e-10 * task["target_power"].sum())


@pytest.mark.parametrize(("n", "task"), TASKS)
def test_no_profile_is_better(n, task):
    rng = np.random.default_rng(5)
    best = wishart_optimal_profile(n, noise_variance=0.1, **task)
    logs, values = np.log(best.eigenvalues[::-1]), best.values[::-1]

    def excess(size, centre, width):
        """The loss of h* plus a bump, relative to the least; below the nodes the profile goes to 0."""

        def profile(v):
            log = np.log(v)
            bump = size * np.exp(-(((log - centre) / width) ** 2))
            return np.interp(log, logs, values) * np.exp(np.minimum(log - logs[0], 0.0)) + bump

        return wishart_loss(profile, n, noise_variance=0.1, **task) / best.loss - 1.0

    assert abs(excess(0.0, 0.0, 1.0)) < 1e-12
    for _ in range(10):
        centre, width = rng.uniform(np.log(best.loss / n), logs[-1]), rng.uniform(0.5, 2.0)
        small, large = excess(0.01, centre, width), excess(-0.1, centre, width)
        # No linear term: the cost of a change is exactly quadratic in its size.
        assert small > 0.0
        assert_allclose(large / small, 100.0, rtol=1e-5)
    ridge = optimal_ridge(n, noise_variance=0.1, **task)
    assert ridge_loss(ridge, n, noise_variance=0.1, **task) > best.loss
    assert wishart_loss(gradient_flow_profile(30.0), n, noise_variance=0.1, **task) > best.loss


@pytest.mark.parametrize("n_modes", [40, 80, 400])
@pytest.mark.parametrize(("nu", "noise", "tau2"), [(1.5, 0.3, 1.0), (2.0, 0.3, 1.0), (1.5, 0.05, 4.0), (2.0, 0.0, 1.0)])
def test_bayes_point(n_modes, nu, noise, tau2):
    values = np.arange(1.0, n_modes + 1.0) ** -nu
    task = dict(eigenvalues=values, target_power=tau2 * values)
    best = wishart_optimal_profile(80, noise_variance=noise, **task)
    ridge = noise / (80 * tau2)
    # At as many modes as samples the nodes reach down to 1e-20, where h loses digits.
    seen = best.eigenvalues > 1e-12
    assert_allclose(best.values[seen], (best.eigenvalues / (best.eigenvalues + ridge))[seen], rtol=1e-11)
    kappa = effective_ridge(ridge, 80, eigenvalues=values)
    assert_allclose(2 * best.loss + noise, 80 * tau2 * kappa, rtol=1e-11, atol=1e-9)
    m = wishart_measures(80, **task)
    regular = (m.weights * m.nodes) @ np.abs(m.two_point_density) @ (m.weights * m.nodes)
    assert regular < 1e-11 * np.sum(values**2) * tau2


@pytest.mark.parametrize(("kappa", "low", "high"), [(1.0, 1.0005, 1.315), (0.2, 0.830, 0.997)])
def test_noiseless_overlearning(kappa, low, high):
    best = wishart_optimal_profile(200, noise_variance=0.0, **power_law(1000, 1.5, kappa))
    assert_allclose([best.values.min(), best.values.max()], [low, high], atol=6e-4)  # the digits known
    assert (best.values > 1.0).all() == (kappa > 0.5)


def test_approach_to_the_mode_by_mode_optimum():
    gaps = []
    for n in (100, 400):
        best = wishart_optimal_profile(n, noise_variance=1.0, **power_law(5 * n))
        single = 1.0 / (1.0 + best.eigenvalues ** (-2.0 / 1.5) / n)
        gaps.append(np.abs(best.values - single).max())
    assert_allclose(gaps, [0.025, 0.013], rtol=0.04)  # the digits known


def test_bad_input():
    good = dict(eigenvalues=[1.0, 0.5], target_power=[1.0, 1.0], noise_variance=0.1)
    for name, value in [
        ("n_samples", 0),
        ("eigenvalues", [0.5, 1.0]),
        ("target_power", [0.0, 0.0]),
        ("target_power", [1.0]),
        ("noise_variance", -1.0),
        ("nodes_per_panel", 2),
    ]:
        with pytest.raises(ValueError, match=name):
            wishart_optimal_profile(**{"n_samples": 1, **good, name: value})
