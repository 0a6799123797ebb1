"""The renewal equation against the moment recursion, and random features against a dense recursion."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.accelerated_sgd import (
    VolterraTerms,
    asgd_scheme,
    heavy_ball_scheme,
    nesterov_scheme,
    random_feature_problem,
    risk_curve,
    sgd_scheme,
    solve_volterra,
    stability_trace,
    volterra_terms,
)

EIGENVALUES = np.arange(1.0, 41.0) ** -1.5
ERROR = np.arange(1.0, 41.0) ** -0.25
SCHEMES = [
    sgd_scheme(0.3),
    asgd_scheme(alpha=0.95, beta=0.05, gamma=0.6, delta=0.15),
    nesterov_scheme(0.1, momentum=0.7),
    heavy_ball_scheme(0.1, momentum=0.6),
]
LAWS = [dict(), dict(batch_size=4, kurtosis=1.0), dict(batch_size=3, kurtosis=5.0, radial_fourth_moment=1.4)]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_solution_equals_the_recursion(scheme, law):
    terms = volterra_terms(EIGENVALUES, ERROR, scheme, n_steps=200, **law)
    radial = law.get("radial_fourth_moment", 1.0)
    # The injected label noise is sigma^2 / m, and the kernel has the 1 / m.
    solved = solve_volterra(terms, noise_variance=0.5, radial_fourth_moment=radial)
    curve = risk_curve(EIGENVALUES, ERROR, scheme, n_steps=200, noise_variance=0.5, **law)
    assert_allclose(solved, curve, rtol=1e-12)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_kernel_mass_is_the_stability_trace(scheme, law):
    terms = volterra_terms(EIGENVALUES[:12], ERROR[:12], scheme, n_steps=8000, **law)
    mass = law.get("radial_fourth_moment", 1.0) * terms.lookahead_kernel.sum()
    assert_allclose(mass, stability_trace(EIGENVALUES[:12], scheme, **law), rtol=1e-11)


def test_sgd_terms_are_geometric():
    terms = volterra_terms(EIGENVALUES, ERROR, sgd_scheme(0.3), n_steps=50, batch_size=2, kurtosis=4.0)
    ratio = (1 - 0.3 * EIGENVALUES) ** 2 + 2.0 * (0.3 * EIGENVALUES) ** 2 / 2
    powers = ratio ** np.arange(51)[:, None]
    assert_allclose(terms.iterate_forcing, powers @ (EIGENVALUES * ERROR**2), rtol=1e-12)
    assert_allclose(terms.lookahead_kernel, powers @ (0.3 * EIGENVALUES) ** 2 / 2, rtol=1e-12)
    assert_allclose(terms.lookahead_forcing, terms.iterate_forcing, rtol=1e-12)
    assert_allclose(terms.iterate_kernel, terms.lookahead_kernel, rtol=1e-12)


def test_heavy_ball_iterate_is_the_lookahead_one_step_late():
    terms = volterra_terms(EIGENVALUES, ERROR, heavy_ball_scheme(0.1, momentum=0.6), n_steps=30)
    assert terms.iterate_kernel[0] == 0.0
    assert_allclose(terms.iterate_kernel[1:], terms.lookahead_kernel[:-1], rtol=1e-12)
    assert_allclose(terms.iterate_forcing[1:], terms.lookahead_forcing[:-1], rtol=1e-12)


def test_reference_values():
    scheme = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)
    terms = volterra_terms(1 / np.arange(1.0, 13.0), np.ones(12), scheme, n_steps=3)
    expected = (2.119542867688, 2.021955685254, 0.028269586115, 0.031246506542)
    found = (terms.iterate_forcing, terms.lookahead_forcing, terms.iterate_kernel, terms.lookahead_kernel)
    assert_allclose([term[3] for term in found], expected, rtol=2e-11)


def test_renewal_equation_of_a_geometric_kernel():
    """K_t = k r^t and no forcing: tau_t = (k / (1 - r - k)) (1 - (r + k)^t) sigma^2."""
    k, r, t = 0.2, 0.7, np.arange(61)
    kernel = k * r**t
    terms = VolterraTerms(0.0 * t, 0.0 * t, kernel, kernel)
    expected = k / (1 - r - k) * (1 - (r + k) ** t) * 0.4
    assert_allclose(solve_volterra(terms, noise_variance=0.4), 0.5 * expected, rtol=1e-12)


def dense_random_feature_loss(population, target, projection, scheme_step, batch_size, n_steps):
    """E (target . x - features . w)^2 by the moments of w in the original coordinates, SGD from zero."""
    covariance = projection.T @ (population[:, None] * projection)
    cross, power = projection.T @ (population * target), target**2 @ population
    mean, second = np.zeros(len(cross)), np.zeros_like(covariance)
    losses = []
    for _ in range(n_steps + 1):
        loss = np.sum(covariance * second) - 2 * cross @ mean + power
        losses.append(loss)
        # E of (w, residual covector k) products, k = G w - h; Isserlis: E e^2 f f^T = E e^2 G + 2 k k^T.
        half = covariance @ second - np.outer(cross, mean)
        kk = half @ covariance - np.outer(covariance @ mean, cross) + np.outer(cross, cross)
        noise = (loss * covariance + kk) / batch_size
        second = second - scheme_step * (half + half.T) + scheme_step**2 * (kk + noise)
        mean = mean - scheme_step * (covariance @ mean - cross)
    return np.array(losses)


@pytest.mark.parametrize(("v", "d", "m"), [(12, 5, 1), (12, 12, 3), (60, 20, 4)])
def test_random_features_reduce_to_the_model(v, d, m):
    generator = np.random.default_rng(31)
    index = np.arange(1.0, v + 1)
    population, target = index**-1.4, index**-0.6
    projection = generator.normal(size=(v, d)) / np.sqrt(d)
    problem = random_feature_problem(population, target, projection)
    noise = problem.noise_variance
    curve = risk_curve(
        problem.eigenvalues, problem.initial_error, sgd_scheme(0.1), n_steps=100, noise_variance=noise, batch_size=m
    )
    dense = dense_random_feature_loss(population, target, projection, 0.1, m, 100)
    assert_allclose(2 * curve + noise, dense, rtol=1e-10)  # the eigenbasis costs a condition number


def test_random_features_special_cases():
    population, target = np.array([2.0, 1.0, 0.5]), np.array([1.0, -1.0, 3.0])
    whole = random_feature_problem(population, target, np.eye(3))
    assert_allclose(whole.eigenvalues, population, rtol=1e-14)
    assert_allclose(np.abs(whole.initial_error), np.abs(target), rtol=1e-14)
    assert whole.noise_variance < 1e-28
    single = random_feature_problem(population, target, [[1.0], [0.0], [0.0]])
    assert_allclose(single.noise_variance, 1.0 + 0.5 * 9.0, rtol=1e-14)
