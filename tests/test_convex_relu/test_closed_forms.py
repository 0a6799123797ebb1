"""Closed forms against the convex program, their first-order conditions, limits and symmetries."""

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from theory.convex_relu import (
    enumerate_arrangements,
    orthogonal_optimum,
    single_feature_optimum,
    whitened_optimum,
)

TARGETS = np.array([1.2, -0.7, 0.4, -2.0, 0.9])
NORMS = np.array([0.5, 1.0, 2.0, 1.5, 0.8])
SOLVER = 1e-8  # relative accuracy of an interior-point solution at tolerance 1e-9, with room


def convex_program(features, targets, beta):
    """The exact convex program over all patterns, as plainly as it can be written."""
    d = features.shape[1]
    fit, penalty, constraints = 0, 0, []
    for pattern in enumerate_arrangements(features):
        signs = np.where(pattern, 1.0, -1.0)[:, None]
        for sign in (1, -1):
            v = cp.Variable(d)
            fit += sign * (pattern[:, None] * features) @ v
            penalty += cp.norm2(v)
            constraints.append((signs * features) @ v >= 0)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(fit - targets) / 2 + beta * penalty), constraints)
    problem.solve(cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    return problem.value, fit.value


def assert_solves(result, features, targets, beta):
    value, fit = convex_program(features, targets, beta)
    assert result.objective == pytest.approx(value, rel=SOLVER, abs=SOLVER)
    # A strongly convex objective that is off by e has a fit off by sqrt(2 e).
    assert_allclose(result.fitted, fit, rtol=0, atol=np.sqrt(2 * SOLVER))


# Whitened ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("beta", "value"), [(0.5, 1.585689739834), (1.6, 3.315339216067)])
def test_whitened_reference_values(beta, value):
    assert whitened_optimum(TARGETS, regularisation=beta).objective == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("n", "d", "beta"), [(3, 5, 0.3), (4, 4, 0.9), (4, 4, 1.8)])
def test_whitened_against_the_convex_program(n, d, beta):
    rng = np.random.default_rng([n, d])
    features = np.linalg.qr(rng.standard_normal((d, n)))[0].T
    targets = rng.standard_normal(n)
    assert_solves(whitened_optimum(targets, regularisation=beta), features, targets, beta)


def test_whitened_has_a_network_of_the_same_value():
    """Two neurons along X^T y_+ and X^T y_- attain it: rows of an orthonormal matrix, weight decay counted in full."""
    beta = 0.5
    features = np.linalg.qr(np.random.default_rng(0).standard_normal((7, 5)))[0].T
    outputs, decay = np.zeros(5), 0.0
    for sign in (1, -1):
        part = np.maximum(sign * TARGETS, 0)
        size = np.linalg.norm(part) - beta
        hidden = np.sqrt(size) * features.T @ part / np.linalg.norm(part)
        outputs += sign * np.sqrt(size) * np.maximum(features @ hidden, 0)
        decay += hidden @ hidden + size
    result = whitened_optimum(TARGETS, regularisation=beta)
    assert_allclose(result.fitted, outputs, rtol=0, atol=1e-15 * 10)
    assert result.objective == pytest.approx(np.sum((outputs - TARGETS) ** 2) / 2 + beta / 2 * decay, rel=1e-14)


def test_whitened_limits():
    result = whitened_optimum(TARGETS, regularisation=10.0)
    assert_array_equal(result.fitted, np.zeros(5))
    assert result.objective == pytest.approx(TARGETS @ TARGETS / 2, rel=1e-15)
    small = whitened_optimum(TARGETS, regularisation=1e-12)
    assert_allclose(small.fitted, TARGETS, rtol=1e-11)
    at_norm = np.linalg.norm([1.2, 0.4, 0.9])
    values = [whitened_optimum([1.2, 0.4, 0.9], regularisation=at_norm * f).objective for f in (1 - 1e-9, 1 + 1e-9)]
    assert values[0] == pytest.approx(values[1], rel=1e-15)  # the two branches meet to second order


# Orthogonal ----------------------------------------------------------------------------------------------------------


def test_orthogonal_reference_value():
    assert orthogonal_optimum(NORMS, TARGETS, regularisation=0.3).objective == pytest.approx(1.070548429473, abs=1e-12)


@pytest.mark.parametrize("beta", [0.05, 0.4, 2.0])
def test_orthogonal_against_the_convex_program(beta):
    rng = np.random.default_rng(3)
    norms, targets = rng.uniform(0.3, 2, 4), rng.standard_normal(4)
    features = norms[:, None] * np.linalg.qr(rng.standard_normal((5, 4)))[0].T
    assert_solves(orthogonal_optimum(norms, targets, regularisation=beta), features, targets, beta)


def test_orthogonal_rows_of_length_one_are_whitened():
    for beta in (0.1, 0.7, 1.6, 2.3):
        whitened = whitened_optimum(TARGETS, regularisation=beta)
        orthogonal = orthogonal_optimum(np.ones(5), TARGETS, regularisation=beta)
        assert orthogonal.objective == pytest.approx(whitened.objective, rel=1e-14)
        assert_allclose(orthogonal.fitted, whitened.fitted, rtol=0, atol=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_orthogonal_first_order_conditions(seed):
    """Per sign: p - q + beta p / (t norms^2) = 0 with t the gauge of p; the value is 1/2 ||p - q||^2 + beta t."""
    rng = np.random.default_rng(seed)
    n, beta = int(rng.integers(1, 40)), 10 ** rng.uniform(-6, 0.5)
    norms, targets = 10 ** rng.uniform(-2, 2, n), rng.standard_normal(n)
    result = orthogonal_optimum(norms, targets, regularisation=beta)
    value = np.sum((result.fitted - targets) ** 2) / 2
    for sign in (1, -1):
        fit, part = np.maximum(sign * result.fitted, 0), np.maximum(sign * targets, 0)
        gauge = np.linalg.norm(fit / norms)
        value += beta * gauge
        if gauge > 0:
            scale = norms**2 * gauge
            rounding = 4 * np.finfo(float).eps * scale * part  # of the difference of nearly equal numbers
            assert np.all(np.abs((part - fit) * scale - beta * fit) <= 1e-12 * beta * fit + rounding)
        else:
            assert np.linalg.norm(norms * part) <= beta
    assert result.objective == pytest.approx(value, rel=1e-12)


def test_orthogonal_without_effect_of_the_regularisation():
    result = orthogonal_optimum(NORMS, TARGETS, regularisation=1e-30)
    assert_array_equal(result.fitted, TARGETS)
    assert result.objective < 1e-29


# One feature ---------------------------------------------------------------------------------------------------------


def test_single_feature_reference_value():
    result = single_feature_optimum([1, -2, 0.5, -0.3], [0.7, 1.1, -0.4, 0.9], regularisation=0.25)
    assert result.objective == pytest.approx(0.707506112469, abs=1e-12)


@pytest.mark.parametrize("beta", [0.02, 0.4, 3.0])
def test_single_feature_against_the_convex_program(beta):
    rng = np.random.default_rng(8)
    feature, targets = np.append(rng.standard_normal(6), 0.0), rng.standard_normal(7)
    assert_solves(single_feature_optimum(feature, targets, regularisation=beta), feature[:, None], targets, beta)


def test_rank_one_features_are_one_feature():
    rng = np.random.default_rng(9)
    feature, direction, targets = rng.standard_normal(6), rng.standard_normal(3), rng.standard_normal(6)
    result = single_feature_optimum(feature * np.linalg.norm(direction), targets, regularisation=0.3)
    assert_solves(result, np.outer(feature, direction), targets, 0.3)


def test_single_feature_halves_decouple():
    rng = np.random.default_rng(10)
    feature, targets = rng.standard_normal(20), rng.standard_normal(20)
    whole = single_feature_optimum(feature, targets, regularisation=0.3)
    parts = [single_feature_optimum(feature[s], targets[s], regularisation=0.3) for s in (feature > 0, feature < 0)]
    assert whole.objective == pytest.approx(sum(part.objective for part in parts), rel=1e-14)
    zero = single_feature_optimum(np.zeros(3), [1.0, 2.0, -2.0], regularisation=0.3)
    assert zero.objective == 4.5
    assert_array_equal(zero.fitted, np.zeros(3))


# Bad input -----------------------------------------------------------------------------------------------------------

CALLS = {
    "whitened": lambda targets, beta: whitened_optimum(targets, regularisation=beta),
    "orthogonal": lambda targets, beta: orthogonal_optimum([1.0, 2.0], targets, regularisation=beta),
    "single": lambda targets, beta: single_feature_optimum([1.0, 2.0], targets, regularisation=beta),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_bad_problem(call):
    for beta in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="regularisation"):
            call([1.0, 2.0], beta)
    for targets in ([1.0, np.nan], [], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="targets"):
            call(targets, 1.0)


@pytest.mark.parametrize("norms", [[1.0, 0.0], [1.0, -1.0], [1.0], [np.inf, 1.0]])
def test_bad_row_norms(norms):
    with pytest.raises(ValueError, match="row_norms"):
        orthogonal_optimum(norms, [1.0, 2.0], regularisation=1.0)


@pytest.mark.parametrize("feature", [[1.0, 2.0, 3.0], [1.0, np.nan], [[1.0, 2.0]], []])
def test_bad_feature(feature):
    with pytest.raises(ValueError, match="feature"):
        single_feature_optimum(feature, [1.0, 2.0], regularisation=1.0)
