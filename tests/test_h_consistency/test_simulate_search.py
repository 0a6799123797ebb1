"""Guided searches against closed forms of the least regret, and their exact inner optima against SLSQP."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from simulations.h_consistency import search_bounded_transform, search_transform
from simulations.h_consistency._conditional import (
    bounded_optimal_scores,
    conditional_risk,
    optimal_conditional_risk,
    pool_predicted_class,
)

EXAMPLE = np.array([0.5, 0.3, 0.2])


def risk(p, scores, tau):
    excess = logsumexp(scores) - scores
    return p @ (excess if tau == 1.0 else np.expm1((1 - tau) * excess) / (1 - tau))


def least_risk(p, tau, *, bound=None, predicted=None):
    """Constrained minimum over scores by SLSQP; ``predicted`` has the top score."""
    constraints = []
    if predicted is not None:
        constraints = [{"type": "ineq", "fun": lambda h: h[predicted] - h}]
    return minimize(
        lambda h: risk(p, h, tau), np.zeros(len(p)), method="SLSQP", constraints=constraints,
        bounds=[(-bound, bound)] * len(p) if bound is not None else [(-30, 30)] * len(p),
        options=dict(ftol=1e-15, maxiter=1000),
    ).fun  # fmt: skip


def bounded_risk(p, tau, bound):
    scores = np.empty(len(p))
    bounded_optimal_scores(p, tau, bound, scores)
    assert np.ptp(scores) <= 2 * bound * (1 + 1e-14)
    return conditional_risk(p, scores, tau, np.empty(len(p)))


def two_class_transform(beta, tau):
    if tau == 1.0:
        return (1 + beta) / 2 * np.log1p(beta) + (1 - beta) / 2 * np.log1p(-beta)
    alpha = 1 / (2 - tau)
    mean = ((1 + beta) ** alpha + (1 - beta) ** alpha) / 2
    return 2 ** (1 - tau) / (1 - tau) * (1 - mean ** (2 - tau))


# Inner optima -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tau", "expected"),
    [(0.0, 1.89695014983), (0.5, 1.38459445461), (1.0, 1.02965301406), (1.5, 0.767117199406), (2.0, 0.5), (3.0, 0.25)],
)
def test_optimal_conditional_risk(tau, expected):
    assert optimal_conditional_risk(EXAMPLE, tau) == pytest.approx(expected, rel=1e-11)
    padded = np.append(EXAMPLE, 0.0)
    assert optimal_conditional_risk(padded, tau) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("tau", "expected"), [(0.0, 1.9313708499), (0.5, 1.4120377843), (1.0, 1.05492016799), (1.5, 0.8), (2.0, 0.6)]
)
def test_pooled_optimum(tau, expected):
    pooled = np.empty(3)
    pool_predicted_class(EXAMPLE, 1, pooled)
    np.testing.assert_allclose(pooled, [0.4, 0.4, 0.2], rtol=1e-15)
    assert optimal_conditional_risk(pooled, tau) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("offset", [-1e-10, 1e-10])
def test_optimal_conditional_risk_keeps_its_digits_near_one(offset):
    entropy = -np.sum(EXAMPLE * np.log(EXAMPLE))
    slope = -0.5 * np.sum(EXAMPLE * np.log(EXAMPLE) ** 2) - 0.5 * entropy**2 + np.sum(EXAMPLE * np.log(EXAMPLE) ** 2)
    deviation = optimal_conditional_risk(EXAMPLE, 1 + offset) - entropy
    assert abs(deviation) < 5 * abs(offset) * max(abs(slope), 1.0)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 1.5, 1.8])
@pytest.mark.parametrize("case", range(4))
def test_pooled_optimum_is_the_constrained_one(tau, case):
    rng = np.random.default_rng(case)
    p = rng.dirichlet(np.full(4, 2.0))
    for predicted in range(4):
        pooled = np.empty(4)
        pool_predicted_class(p, predicted, pooled)
        assert pooled.sum() == pytest.approx(1.0, abs=1e-15)
        # SLSQP stops within 1e-7 of the optimum, from above.
        gap = least_risk(p, tau, predicted=predicted) - optimal_conditional_risk(pooled, tau)
        assert -1e-9 < gap < 1e-7


@pytest.mark.parametrize(("tau", "expected"), [(0.0, 1.89852692106), (0.5, 1.39350041772), (1.0, 1.04997497873)])
def test_bounded_optimum(tau, expected):
    assert bounded_risk(EXAMPLE, tau, 0.2) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("tau", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("bound", [0.0, 0.1, 0.7, 3.0])
def test_bounded_optimum_is_the_constrained_one(tau, bound):
    rng = np.random.default_rng(7)
    for concentration in (0.3, 2.0):
        p = rng.dirichlet(np.full(5, concentration))
        gap = least_risk(p, tau, bound=bound) - bounded_risk(p, tau, bound)
        assert -1e-9 < gap < 1e-7  # SLSQP stops within 1e-7 of the optimum, from above


def test_bounded_optimum_at_the_ends():
    certain = np.array([1.0, 0.0, 0.0])
    assert bounded_risk(certain, 1.0, 0.5) == pytest.approx(np.log1p(2 * np.exp(-1.0)), rel=1e-14)
    for tau in (0.0, 0.5, 1.0):
        assert bounded_risk(EXAMPLE, tau, 1000.0) == pytest.approx(optimal_conditional_risk(EXAMPLE, tau), rel=1e-14)


@pytest.mark.parametrize("bound", [0.2, 1.0])
def test_pooling_then_clipping_is_the_constrained_bounded_optimum(bound):
    """Both searches rest on exact inner optima; this is the one of the bounded search."""
    rng = np.random.default_rng(11)
    for _ in range(4):
        p = rng.dirichlet(np.ones(4))
        pooled, scores = np.empty(4), np.empty(4)
        pool_predicted_class(p, 2, pooled)
        bounded_optimal_scores(pooled, 1.0, bound, scores)
        assert np.all(scores[2] >= scores)
        gap = least_risk(p, 1.0, bound=bound, predicted=2) - risk(p, scores, 1.0)
        assert -1e-9 < gap < 1e-7  # SLSQP stops within 1e-7 of the optimum, from above


# Searches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 1.3, 1.65])
@pytest.mark.parametrize(("n_classes", "beta"), [(2, 0.4), (3, 0.1), (3, 0.9), (5, 0.5), (8, 0.3)])
def test_search_reaches_the_two_class_transform(tau, n_classes, beta):
    found = search_transform(beta, tau=tau, n_classes=n_classes, n_steps=40_000, seed=1)
    ratio = found.value / two_class_transform(beta, tau)
    assert -1e-12 < ratio - 1.0 < 1e-6


@pytest.mark.parametrize(
    ("tau", "n_classes", "beta", "expected"),
    [
        (1.2, 10, 0.5, 0.139553444277), (1.5, 10, 0.5, 0.166925267711), (1.7, 10, 0.5, 0.196829705186),
        (1.9, 10, 0.3, 0.0796383453989), (2.0, 10, 0.5, 0.166666666667), (2.0, 10, 0.05, 0.005), (2.0, 4, 0.7, 0.35),
        (1.8, 10, 0.5, 0.18894),
    ],
)  # fmt: skip
def test_search_reaches_known_minima_above_the_critical_value(tau, n_classes, beta, expected):
    found = search_transform(beta, tau=tau, n_classes=n_classes, n_steps=100_000, seed=1)
    digits = 1e-11 if expected != 0.18894 else 1e-5
    assert found.value > expected * (1.0 - digits) - digits * 0.1
    assert found.value < expected * (1.0 + 1e-6) + 5e-6 * (expected == 0.18894)


@pytest.mark.parametrize("tau", [0.5, 1.0, 1.8])
def test_value_is_the_regret_at_the_probabilities(tau):
    found = search_transform(0.3, tau=tau, n_classes=4, n_steps=20_000, seed=2)
    p = found.probabilities
    assert p.sum() == pytest.approx(1.0, abs=1e-14)
    assert p.min() >= 0.0
    assert p[0] == p.max()
    assert p[0] - p[1] == pytest.approx(0.3, abs=1e-15)
    regret = least_risk(p, tau, predicted=1) - least_risk(p, tau)
    assert found.value == pytest.approx(regret, abs=2e-6)  # SLSQP, with absent classes at scores of -30


@pytest.mark.parametrize(
    ("bound", "n_classes", "beta", "expected"),
    [(1.0, 2, 0.9, 0.466219169517), (1.0, 3, 0.5, 0.101092522778), (1.0, 3, 0.05, 0.0), (0.5, 5, 0.8, 0.127742634491)],
)
def test_bounded_search(bound, n_classes, beta, expected):
    found = search_bounded_transform(beta, score_bound=bound, n_classes=n_classes, seed=1)
    assert -1e-12 < found.value - expected < 1e-9
    assert found.probabilities[0] - found.probabilities[1] == pytest.approx(beta, abs=1e-15)


def test_bounded_search_meets_the_unbounded_one():
    for n_classes, beta in ((2, 0.3), (4, 0.6)):
        bounded = search_bounded_transform(beta, score_bound=30.0, n_classes=n_classes, n_steps=20_000, seed=3)
        assert bounded.value == pytest.approx(two_class_transform(beta, 1.0), rel=1e-10)


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_ends_of_the_range(beta):
    for tau in (0.0, 1.0, 1.5, 2.0):
        found = search_transform(beta, tau=tau, n_classes=3, n_steps=2000, seed=1)
        at_one = {0.0: 1.0, 1.0: np.log(2.0), 1.5: 2.0 - np.sqrt(2.0), 2.0: 0.5}[tau]
        assert found.value == pytest.approx(at_one * beta, abs=1e-15)


def test_search_is_deterministic():
    first, second, other = (search_transform(0.2, tau=1.9, n_classes=5, n_steps=2000, seed=seed) for seed in (1, 1, 2))
    assert first.value == second.value
    assert np.array_equal(first.probabilities, second.probabilities)
    assert not np.array_equal(first.probabilities, other.probabilities)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", -0.1), ("beta", 1.1), ("beta", np.nan), ("tau", -1.0), ("tau", 2.1), ("tau", np.nan), ("n_classes", 1),
        ("n_steps", 10),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    with pytest.raises(ValueError, match=name):
        search_transform(**(dict(beta=0.5, tau=1.0, n_classes=3, n_steps=100, seed=1) | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"), [("beta", 2.0), ("score_bound", -1.0), ("score_bound", np.nan), ("score_bound", np.inf)]
)
def test_bounded_search_bad_input(name, value):
    with pytest.raises(ValueError, match=name):
        search_bounded_transform(**(dict(beta=0.5, score_bound=1.0, n_classes=3, seed=1) | {name: value}))
