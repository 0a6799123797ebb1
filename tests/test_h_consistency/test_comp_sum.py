"""Comp-sum losses and their optimal conditional risks, against direct transcriptions and numerical optima."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import softmax

from theory.h_consistency import (
    comp_sum_loss,
    conditional_risk,
    optimal_conditional_risk,
    optimal_softmax,
    phi_tau,
    predicted_class_optimal_risk,
)

TAUS = [0.0, 0.5, 1.0, 1.5, 1.8]
REFERENCE_P = [0.5, 0.3, 0.2]


def naive_losses(q, tau):
    """Losses of all classes as functions of the softmax."""
    return -np.log(q) if tau == 1 else (1 - q ** (tau - 1)) / (tau - 1)


def random_probabilities(n_rows, seed):
    source = np.random.default_rng(seed)
    return [source.dirichlet(np.full(n, 10 ** source.uniform(-0.5, 0.5))) for n in source.integers(2, 6, n_rows)]


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0, 1.4, 2.0, 3.5])
def test_loss_is_the_published_function_of_the_scores(tau):
    scores = np.random.default_rng(0).normal(size=(50, 4))
    labels = np.random.default_rng(1).integers(0, 4, 50)
    gaps = scores - scores[np.arange(50), labels][:, None]
    u = np.exp(gaps).sum(axis=1) - 1
    published = np.log1p(u) if tau == 1 else ((1 + u) ** (1 - tau) - 1) / (1 - tau)
    assert_allclose(comp_sum_loss(scores, labels, tau=tau), published, rtol=1e-12)
    assert_allclose(phi_tau(u, tau=tau), published, rtol=1e-12)
    own = softmax(scores, axis=1)[np.arange(50), labels]
    assert_allclose(comp_sum_loss(scores, labels, tau=tau), naive_losses(own, tau), rtol=1e-12)


@pytest.mark.parametrize("tau", [1 - 1e-9, 1 + 1e-12, 1 + 1e-6])
def test_functions_keep_their_digits_close_to_the_logistic_loss(tau):
    with mp.workdps(50):
        order = mp.mpf(tau)
        for u in (1e-12, 0.3, 50.0):
            exact = ((1 + mp.mpf(u)) ** (1 - order) - 1) / (1 - order)
            assert_allclose(float(phi_tau(u, tau=tau)), float(exact), rtol=1e-15)
        power = 1 / (2 - order)
        exact = (sum(mp.mpf(x) ** power for x in REFERENCE_P) ** (2 - order) - 1) / (1 - order)
        assert_allclose(float(optimal_conditional_risk(REFERENCE_P, tau=tau)), float(exact), rtol=1e-14)


def test_losses_close_to_zero_and_far_out():
    # 1 - S = 2 e^-60 is far below the rounding of S; e^800 overflows, its logarithm does not.
    assert_allclose(comp_sum_loss([60.0, 0.0, 0.0], 0, tau=1.0), 2 * math.exp(-60), rtol=1e-15)
    assert comp_sum_loss([0.0, 800.0], 0, tau=1.0) == 800.0
    assert comp_sum_loss([0.0, 800.0], 0, tau=0.0) == math.inf
    assert comp_sum_loss([0.0, 1e5], 0, tau=1.5) == 2.0
    assert comp_sum_loss([0.0, -math.inf], 1, tau=2.0) == 1.0
    assert conditional_risk([1.0, 0.0], [3.0, -math.inf], tau=0.5) == 0.0
    assert phi_tau(math.inf, tau=3.0) == 0.5


def test_labels_and_leading_axes_broadcast():
    scores = np.random.default_rng(2).normal(size=(3, 1, 4))
    losses = comp_sum_loss(scores, np.arange(4), tau=0.7)
    assert losses.shape == (3, 4)
    p = np.random.default_rng(3).dirichlet(np.ones(4), size=5)
    risks = conditional_risk(p, scores, tau=0.7)
    assert risks.shape == (3, 5)
    assert_allclose(risks, losses @ p.T, rtol=1e-13)
    assert optimal_conditional_risk(p[:, None], tau=0.7).shape == (5, 1)


def test_reference_values():
    taus = [0, 0.5, 1, 1.5, 2, 3]
    free = [1.89695014983, 1.38459445461, 1.02965301406, 0.767117199406, 0.5, 0.25]
    second = [1.9313708499, 1.4120377843, 1.05492016799, 0.8, 0.6, 0.35]
    assert_allclose([optimal_conditional_risk(REFERENCE_P, tau=tau) for tau in taus], free, rtol=1e-11)
    assert_allclose([predicted_class_optimal_risk(REFERENCE_P, 1, tau=tau) for tau in taus], second, rtol=1e-11)


@pytest.mark.parametrize("tau", TAUS)
def test_optimal_risk_is_the_minimum_over_scores(tau):
    # The risk is convex in the softmax, so that descent finds the minimum; its stopping rule leaves about 1e-11.
    for p in random_probabilities(6, seed=4):
        found = constrained_minimum(p, tau, label=None)
        best = float(optimal_conditional_risk(p, tau=tau))
        assert_allclose(found, best, rtol=1e-9, atol=1e-9)
        at_best = optimal_softmax(p, tau=tau)
        assert_allclose(at_best.sum(), 1.0, rtol=1e-15)
        assert_allclose(conditional_risk(p, np.log(at_best), tau=tau), best, rtol=1e-12)


@pytest.mark.parametrize("tau", TAUS)
def test_predicted_class_risk_is_the_constrained_minimum(tau):
    for p in random_probabilities(6, seed=5):
        label = int(np.argsort(p)[-2])
        found = constrained_minimum(p, tau, label=label)
        assert_allclose(found, predicted_class_optimal_risk(p, label, tau=tau), rtol=1e-9, atol=1e-9)


def constrained_minimum(p, tau, label):
    """Least risk over scores; with a label, the scores of the others stay at or below its own."""
    own = int(np.argmax(p)) if label is None else label

    def risk(free):
        scores = np.insert(free, own, 0.0)
        q = softmax(scores)
        # d loss_y / d h_k = q_y^(tau - 1) (q_k - [k = y])
        weights = p * q ** (tau - 1)
        gradient = weights.sum() * q - weights
        return p @ naive_losses(q, tau), np.delete(gradient, own)

    bounds = [(None, None if label is None else 0.0)] * (len(p) - 1)
    options = {"ftol": 1e-16, "gtol": 1e-11, "maxiter": 2000}
    # Beyond tau = 1 the risk flattens far out, where a descent can stop: several starts.
    starts = -np.random.default_rng(8).exponential(1.0, (3, len(p) - 1))
    return min(minimize(risk, s, jac=True, method="L-BFGS-B", bounds=bounds, options=options).fun for s in starts)


@pytest.mark.parametrize("tau", [2.0, 2.5, 4.0])
def test_predicted_class_risk_beyond_two_is_least_over_a_grid(tau):
    # From tau = 2 on the risk is concave in the softmax: the infimum is at a vertex {q_label >= q_k} of the polytope.
    p = np.array([0.15, 0.4, 0.25, 0.2])
    vertices = [
        np.isin(np.arange(4), [0, *others]) / (1 + len(others))
        for others in ([], [1], [2], [3], [1, 2], [1, 3], [2, 3], [1, 2, 3])
    ]
    best = min(p @ naive_losses(vertex, tau) for vertex in vertices)
    assert_allclose(predicted_class_optimal_risk(p, 0, tau=tau), best, rtol=1e-14)
    mixtures = np.random.default_rng(6).dirichlet(np.ones(8), 5000) @ np.array(vertices)
    assert (naive_losses(mixtures, tau) @ p).min() > best


@pytest.mark.parametrize("tau", [0.0, 0.8, 1.0, 1.3, 1.9, 2.0, 3.0])
def test_symmetries_and_limits(tau):
    p = np.array([0.55, 0.3, 0.1, 0.05])
    best = optimal_conditional_risk(p, tau=tau)
    assert_allclose(optimal_conditional_risk(p[::-1], tau=tau), best, rtol=1e-14)
    assert_allclose(optimal_conditional_risk(np.append(p, 0.0), tau=tau), best, rtol=1e-14)
    assert_allclose(predicted_class_optimal_risk(p, 0, tau=tau), best, rtol=1e-14)
    assert_allclose(
        predicted_class_optimal_risk(np.append(p, 0.0), 2, tau=tau), predicted_class_optimal_risk(p, 2, tau=tau)
    )
    assert optimal_conditional_risk([1.0, 0.0, 0.0], tau=tau) == 0.0
    uniform = phi_tau(4.0, tau=tau) if tau < 2 else 0.8 / (tau - 1)
    assert_allclose(optimal_conditional_risk(np.full(5, 0.2), tau=tau), uniform, rtol=1e-14)
    assert 0.0 < best <= phi_tau(3.0, tau=tau)


def test_branches_of_the_optimal_risk_meet():
    p = np.array([0.5, 0.28, 0.22])
    # The formula changes where 1 / (2 - tau) is 1/2 or 3/2; beyond tau = 2 the limit is 1 - max p.
    for tau in (4.0 / 3.0, 1e-300):
        assert_allclose(
            optimal_conditional_risk(p, tau=tau + 1e-9), optimal_conditional_risk(p, tau=max(tau - 1e-9, 0)), rtol=5e-9
        )
    assert_allclose(optimal_conditional_risk(p, tau=2 - 1e-6), 0.5, rtol=2e-6)
    assert_allclose(optimal_conditional_risk(p, tau=1.0), -(p * np.log(p)).sum(), rtol=1e-15)
    # A wrong exponent: S proportional to p at tau = 0 costs 2 at the reference, not 1.897.
    assert_allclose(conditional_risk(REFERENCE_P, np.log(REFERENCE_P), tau=0.0), 2.0, rtol=1e-14)
