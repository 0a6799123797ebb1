"""Bounded scores: conditional optima by box-constrained descent, the logistic transform, minimizability gaps."""

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import softmax

from theory.h_consistency import (
    bounded_logistic_bound,
    bounded_logistic_transform,
    bounded_optimal_conditional_risk,
    conditional_risk,
    constant_score_gap,
    deterministic_gap_bound,
    h_consistency_transform,
    inconsistency_floor,
    optimal_conditional_risk,
    phi_tau,
)

REFERENCE_P = [0.5, 0.3, 0.2]
PAIRS = [(0.0, 3), (0.05, 2), (0.3, 3), (1.0, 2), (1.0, 5), (3.0, 4), (20.0, 3), (math.inf, 4)]


def test_reference_values_of_the_bounded_optimum():
    found = [bounded_optimal_conditional_risk(REFERENCE_P, tau=tau, score_bound=0.2) for tau in (0, 0.5, 1, 1.5, 2)]
    assert_allclose(found, [1.89852692106, 1.39350041772, 1.04997497873, 0.811221093157, 0.643191609916], rtol=1e-11)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 1.5, 1.9])
def test_bounded_optimum_is_the_minimum_over_the_box(tau):
    source = np.random.default_rng(0)
    for _ in range(6):
        p = source.dirichlet(np.full(source.integers(2, 6), 10 ** source.uniform(-1, 0.5)))
        p /= p.sum()
        bound = 10 ** source.uniform(-1, 0.5)

        def risk(scores, p=p):
            q = softmax(scores)
            weights = p * q ** (tau - 1)
            loss = -np.log(q) if tau == 1 else (1 - q ** (tau - 1)) / (tau - 1)
            return p @ loss, weights.sum() * q - weights

        starts = [np.zeros(len(p)), np.clip(np.log(p + 1e-9), -bound, bound), source.uniform(-bound, bound, len(p))]
        options = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 2000}
        box = [(-bound, bound)] * len(p)
        found = min(minimize(risk, s, jac=True, method="L-BFGS-B", bounds=box, options=options).fun for s in starts)
        best = float(bounded_optimal_conditional_risk(p, tau=tau, score_bound=bound))
        # Nothing in the box is lower; the descent stops about 1e-11 above the minimum.
        assert -1e-14 * best < found - best < 1e-9


@pytest.mark.parametrize("bound", [0.0, 0.1, 0.7, 2.0, 30.0])
def test_mean_absolute_error_is_optimal_at_a_corner_of_the_box(bound):
    for p in np.random.default_rng(1).dirichlet(np.full(5, 0.7), 20):
        corners = np.array(list(itertools.product([-bound, bound], repeat=5)))
        best = conditional_risk(p, corners, tau=2).min()
        assert_allclose(bounded_optimal_conditional_risk(p, tau=2, score_bound=bound), best, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("tau", [0, 0.6, 1, 1.4, 2])
def test_limits_and_symmetries_of_the_bounded_optimum(tau):
    p = np.random.default_rng(2).dirichlet(np.ones(4), (3, 2))
    free = optimal_conditional_risk(p, tau=tau)
    for bound in (math.inf, 1e4):
        assert_allclose(bounded_optimal_conditional_risk(p, tau=tau, score_bound=bound), free, rtol=1e-12)
    tied = bounded_optimal_conditional_risk(p, tau=tau, score_bound=0)
    assert_allclose(tied, np.full((3, 2), float(phi_tau(3.0, tau=tau))), rtol=1e-13)
    bounds = np.linspace(0, 4, 30)
    values = np.array([bounded_optimal_conditional_risk(p, tau=tau, score_bound=b) for b in bounds])
    assert np.all(np.diff(values, axis=0) <= 1e-14)
    mixed = bounded_optimal_conditional_risk(p[..., ::-1], tau=tau, score_bound=0.4)
    assert_allclose(mixed, bounded_optimal_conditional_risk(p, tau=tau, score_bound=0.4), rtol=1e-13)
    sure = bounded_optimal_conditional_risk([0.0, 1.0, 0.0], tau=tau, score_bound=0.4)
    assert_allclose(sure, phi_tau(2 * math.exp(-0.8), tau=tau), rtol=1e-13)


def test_reference_values_of_the_logistic_transform():
    for bound, n, beta, value in (
        (1, 2, 0.9, 0.466219169517),
        (1, 3, 0.5, 0.101092522778),
        (1, 3, 0.05, 0.0),
        (0.5, 5, 0.8, 0.127742634491),
    ):
        assert_allclose(bounded_logistic_transform(beta, score_bound=bound, n_classes=n), value, rtol=1e-11)
    assert_allclose(inconsistency_floor(score_bound=1, n_classes=3), 0.063378938333, rtol=1e-11)
    assert_allclose(inconsistency_floor(score_bound=0.5, n_classes=5), 0.355595017355, rtol=1e-11)
    assert_allclose(bounded_logistic_bound(0.05, score_bound=1, n_classes=3), 0.374169516159, rtol=1e-11)


@pytest.mark.parametrize(("bound", "n"), PAIRS[:-1])
def test_logistic_transform_is_attained_by_two_classes(bound, n):
    beta = np.linspace(0, 1, 41)
    p = np.zeros((41, n))
    p[:, 0], p[:, 1] = (1 + beta) / 2, (1 - beta) / 2
    scores = np.full(n, -bound)
    scores[:2] = bound
    regret = conditional_risk(p, scores, tau=1) - bounded_optimal_conditional_risk(p, tau=1, score_bound=bound)
    # Rounding of two risks up to log(n) + 2 bound.
    atol = 1e-15 * (3 + bound)
    assert_allclose(bounded_logistic_transform(beta, score_bound=bound, n_classes=n), regret, rtol=0, atol=atol)


@pytest.mark.parametrize("bound", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_logistic_transform_holds_on_random_pairs(bound, n):
    source = np.random.default_rng(n)
    p = source.random((15_000, n)) ** (1 + 6 * source.random((15_000, 1)))
    p /= p.sum(axis=1, keepdims=True)
    free = np.log(p) - np.log(p).max(axis=1, keepdims=True) + bound
    noise = source.uniform(-1, 1, p.shape) * source.uniform(0, 2 * bound, (15_000, 1))
    scores = np.clip(np.clip(free, -bound, bound) + noise, -bound, bound)
    # Ties are broken against us: the least probable of the tied classes.
    tied = scores == scores.max(axis=1, keepdims=True)
    beta = p.max(axis=1) - np.where(tied, p, 1).min(axis=1)
    regret = conditional_risk(p, scores, tau=1) - bounded_optimal_conditional_risk(p, tau=1, score_bound=bound)
    assert (regret - bounded_logistic_transform(beta, score_bound=bound, n_classes=n)).min() > -1e-13
    assert np.all(beta <= bounded_logistic_bound(regret, score_bound=bound, n_classes=n) + 1e-7)
    # The formula of two classes fails for three where the regret is small.
    if n > 2:
        assert (regret - bounded_logistic_transform(beta, score_bound=bound, n_classes=2)).min() < -1e-3


def test_bounded_scores_can_be_inconsistent():
    p, bound = [0.494, 0.394, 0.112], 0.3
    best = bounded_optimal_conditional_risk(p, tau=1, score_bound=bound)
    assert_allclose(best, 1.0028272254857, rtol=1e-13)
    assert_allclose(conditional_risk(p, [bound, bound, -bound], tau=1), best, rtol=1e-15)
    assert inconsistency_floor(score_bound=bound, n_classes=3) > 0.1
    assert bounded_logistic_bound(0.0, score_bound=bound, n_classes=3) > 0.1


def test_two_classes_have_the_known_form():
    beta = np.linspace(0, 1, 101)
    for bound in (0.1, 1.0, 4.0):
        free = h_consistency_transform(beta, tau=1, n_classes=2)
        line = beta * bound - math.log(math.cosh(bound))
        expected = np.where(beta < math.tanh(bound), free, line)
        assert_allclose(
            bounded_logistic_transform(beta, score_bound=bound, n_classes=2), expected, rtol=1e-12, atol=1e-16
        )
        t = np.linspace(0, 0.5 * math.tanh(bound) ** 2, 20)
        assert np.all(bounded_logistic_bound(t, score_bound=bound, n_classes=2) <= np.sqrt(2 * t) + 1e-15)
        assert inconsistency_floor(score_bound=bound, n_classes=2) == 0.0


@pytest.mark.parametrize(("bound", "n"), PAIRS)
def test_shape_and_inverse_of_the_logistic_transform(bound, n):
    beta = np.linspace(0, 1, 801)
    values = bounded_logistic_transform(beta, score_bound=bound, n_classes=n)
    floor = inconsistency_floor(score_bound=bound, n_classes=n)
    assert np.all(values[beta <= floor] == 0.0)
    assert np.diff(values, 2).min() > -1e-15
    inside = (beta > floor) & (beta < 1)
    if bound > 0:
        assert np.all(values[inside] > 0)
        found = bounded_logistic_bound(values[inside], score_bound=bound, n_classes=n)
        assert_allclose(found, beta[inside], rtol=1e-12)
        assert bounded_logistic_bound(0.0, score_bound=bound, n_classes=n) == floor
    else:
        assert np.all(values == 0.0)
        assert bounded_logistic_bound(0.0, score_bound=bound, n_classes=n) == 1.0
    above = [values[-1] * (1 + 1e-15), values[-1] + 1, math.inf]
    assert_allclose(bounded_logistic_bound(above, score_bound=bound, n_classes=n), 1.0, rtol=1e-15)
    smaller = bounded_logistic_transform(beta, score_bound=0.9 * bound, n_classes=n)
    assert np.all(smaller <= values + 1e-15)


def test_digits_close_to_the_floor_and_at_large_bounds():
    with mp.workdps(40):
        e = mp.exp(-2)
        floor = e / (2 + e)
        q = mp.mpf(inconsistency_floor(score_bound=1, n_classes=3)) + mp.mpf(1e-6)
        q, q0 = (1 + q) / 2, (1 + floor) / 2
        exact = q * mp.log(q / q0) + (1 - q) * mp.log((1 - q) / (1 - q0))
    beta = inconsistency_floor(score_bound=1, n_classes=3) + 1e-6
    # beta - floor = 1e-6 carries the rounding of beta: 1e-17 / 1e-6, twice.
    assert_allclose(bounded_logistic_transform(beta, score_bound=1, n_classes=3), float(exact), rtol=3e-11)
    free = h_consistency_transform([0.3, 1.0], tau=1, n_classes=4)
    for bound in (30.0, 1e3, 1e300, math.inf):
        assert_allclose(bounded_logistic_transform([0.3, 1.0], score_bound=bound, n_classes=4), free, rtol=1e-14)


def test_reference_values_of_the_gaps():
    uniform = [constant_score_gap(np.full(4, 0.25), tau=tau) for tau in (0, 0.5, 1, 1.5, 2)]
    assert_allclose(uniform, [3, 2, 1.38629436112, 1, 0.75], rtol=1e-11)
    bounded = [constant_score_gap([0.6, 0.3, 0.1], tau=tau, score_bound=1) for tau in (0, 0.5, 1, 1.5, 2)]
    reference = [1.41416568102, 0.970048798724, 0.658400958635, 0.436840871569, 0.272191625297]
    assert_allclose(bounded, reference, rtol=1e-11)


def test_gaps_fall_with_tau_and_stay_below_jensen():
    taus, bound = np.linspace(0, 2, 41), 0.8
    priors = np.random.default_rng(3).dirichlet(np.ones(4), 6)
    floor = 3 * math.exp(-2 * bound)
    gaps = np.array([constant_score_gap(priors, tau=tau, score_bound=bound) for tau in taus])
    limits = np.array([deterministic_gap_bound(floor + gaps[0], floor, tau=tau) for tau in taus])
    assert np.all(np.diff(gaps, axis=0) < 0)
    assert np.all(np.diff(limits, axis=0) < 0)
    assert np.all(gaps <= limits * (1 + 1e-14))
    assert_allclose(limits[0], gaps[0], rtol=1e-14)
    assert np.all(constant_score_gap(priors, tau=3.0) <= constant_score_gap(priors, tau=2.0))
    assert np.all(constant_score_gap(priors, tau=1, score_bound=0.0) < 1e-15)


@pytest.mark.parametrize("tau", [0, 0.7, 1, 1 + 1e-10, 1.6, 3])
def test_gap_bound_is_the_difference_of_two_values(tau):
    with mp.workdps(40):
        order = mp.mpf(tau)

        def value(u):
            return mp.log(1 + u) if tau == 1 else ((1 + u) ** (1 - order) - 1) / (1 - order)

        exact = float(value(mp.mpf(0.7) + mp.mpf(1e-9)) - value(mp.mpf(0.7)))
    # The difference of the arguments carries their rounding, 1e-16 / 1e-9.
    assert_allclose(deterministic_gap_bound(0.7 + 1e-9, 0.7, tau=tau), exact, rtol=2e-7)
    assert deterministic_gap_bound(0.7, 0.7, tau=tau) == 0.0
    assert_allclose(deterministic_gap_bound([2.0, 5.0], 0.0, tau=tau), phi_tau([2.0, 5.0], tau=tau), rtol=1e-15)
