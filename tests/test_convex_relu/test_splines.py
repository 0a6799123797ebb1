"""Splines of one input with a free bias, against hinge dictionaries and convex programs."""

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linprog

from theory.convex_relu import enumerate_arrangements, spline_gauge, spline_optimum

SOLVER = 1e-7  # relative accuracy of an interior-point solution at its default tolerances of 1e-8
POSITIONS, VALUES = np.array([-1, -0.2, 0.5, 1.3]), np.array([0.3, -1, 0.8, 0.1])


def spline_data(n, seed):
    rng = np.random.default_rng([n, seed])
    return np.cumsum(rng.uniform(0.1, 1, n)), rng.standard_normal(n)


def spline_program(x, y, beta):
    v = cp.Variable(len(x))
    slopes = cp.multiply(cp.diff(v), 1 / np.diff(x))
    variation = cp.norm1(cp.diff(slopes)) if len(x) > 2 else 0
    gauge = cp.maximum(variation, (variation + cp.abs(slopes[0] + slopes[-1])) / 2)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(v - y) / 2 + beta * gauge))
    problem.solve(cp.CLARABEL)
    return problem.value, v.value


def test_spline_reference_values():
    assert spline_gauge(POSITIONS, VALUES) == pytest.approx(7.642857142857, abs=1e-12)
    assert spline_optimum(POSITIONS, VALUES, regularisation=0.15).objective == pytest.approx(0.731728316327, abs=1e-12)
    three = spline_optimum([-1, 0.2, 1.5], [0.4, -1.1, 0.9], regularisation=0.2)
    assert three.objective == pytest.approx(0.480604865220, abs=1e-12)
    assert_allclose(three.fitted, [0.233333333, -0.779487179, 0.746153846], rtol=0, atol=5e-10)
    two = spline_optimum([-0.5, 1], [0.4, -1.1], regularisation=0.2)
    assert two.objective == pytest.approx(0.182222222222, abs=1e-12)


@pytest.mark.parametrize(("n", "seed"), [(2, 0), (3, 1), (4, 2), (7, 3), (12, 4)])
def test_gauge_is_the_cheapest_set_of_hinges(n, seed):
    """A linear program over hinges at, between and beyond the data, and a constant that costs nothing."""
    x, values = spline_data(n, seed)
    knots = np.concatenate([x, (x[1:] + x[:-1]) / 2, [x[0] - 1, x[-1] + 1]])
    hinges = np.maximum(np.column_stack([x[:, None] - knots, knots - x[:, None]]), 0)
    k = hinges.shape[1]
    result = linprog(
        np.concatenate([np.ones(2 * k), [0.0]]),
        A_eq=np.column_stack([hinges, -hinges, np.ones(n)]),
        b_eq=values,
        bounds=[(0, None)] * (2 * k) + [(None, None)],
    )
    assert spline_gauge(x, values) == pytest.approx(result.fun, rel=1e-9)


def test_two_term_gauge_is_needed():
    """On a straight line the total variation of the slope vanishes, but a line has a cost."""
    x, y = [0, 1, 2, 3], [0, 1, 2.2, 3]
    assert spline_gauge(x, [0, 1, 2, 3]) == 1.0
    assert spline_optimum(x, y, regularisation=0.3).objective == pytest.approx(0.311, abs=5e-4)


@pytest.mark.parametrize("n", [2, 3, 4, 8, 15])
@pytest.mark.parametrize("beta", [0.003, 0.1, 1.0])
def test_spline_against_the_quadratic_program(n, beta):
    x, y = spline_data(n, 5)
    result = spline_optimum(x, y, regularisation=beta)
    value, fit = spline_program(x, y, beta)
    assert result.objective == pytest.approx(value, rel=SOLVER)
    assert_allclose(result.fitted, fit, rtol=0, atol=np.sqrt(SOLVER))  # strongly convex


@pytest.mark.parametrize(("n", "beta"), [(3, 0.1), (4, 0.3)])
def test_spline_against_the_convex_program(n, beta):
    x, y = spline_data(n, 6)
    features = np.column_stack([x, np.ones(n)])
    fit, penalty, constraints = 0, 0, []
    for pattern in enumerate_arrangements(features):
        for sign in (1, -1):
            v = cp.Variable(2)
            fit += sign * (pattern[:, None] * features) @ v
            penalty += cp.abs(v[0])  # the bias is free
            constraints.append((np.where(pattern, 1.0, -1.0)[:, None] * features) @ v >= 0)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(fit - y) / 2 + beta * penalty), constraints)
    problem.solve(cp.CLARABEL)
    result = spline_optimum(x, y, regularisation=beta)
    assert result.objective == pytest.approx(problem.value, rel=SOLVER)
    assert_allclose(result.fitted, fit.value, rtol=0, atol=np.sqrt(SOLVER))


@pytest.mark.parametrize("seed", range(20))
def test_three_points_by_the_general_method(seed):
    """Three close pairs of points, n = 6, tend to three points of double weight: y and beta / 2 give half the value."""
    x, y = spline_data(3, 100 + seed)
    beta = 10 ** np.random.default_rng(seed).uniform(-2, 0.5)
    step = 1e-9
    doubled = spline_optimum(np.sort(np.append(x, x + step)), np.repeat(y, 2), regularisation=2 * beta)
    single = spline_optimum(x, y, regularisation=beta)
    # Steps of 1e-9 move the value by at most their size times the slopes, which are below 100.
    assert doubled.objective / 2 == pytest.approx(single.objective, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("n", [2, 3, 9])
def test_spline_symmetries_and_limits(n):
    x, y = spline_data(n, 7)
    beta = 0.2
    result = spline_optimum(x, y, regularisation=beta)
    assert result.fitted.mean() == pytest.approx(y.mean(), abs=1e-14)
    mirrored = spline_optimum(-x[::-1], y[::-1], regularisation=beta)
    lifted = spline_optimum(x + 3.0, 5.0 - y, regularisation=beta)
    scaled = spline_optimum(10 * x, 2 * y, regularisation=20 * beta)
    assert_allclose(mirrored.fitted[::-1], result.fitted, rtol=0, atol=1e-12)
    assert_allclose(5.0 - lifted.fitted, result.fitted, rtol=0, atol=1e-12)
    assert_allclose(scaled.fitted / 2, result.fitted, rtol=0, atol=1e-12)
    assert scaled.objective == pytest.approx(4 * result.objective, rel=1e-12)
    flat = spline_optimum(x, y, regularisation=1e3)
    assert_allclose(flat.fitted, np.full(n, y.mean()), rtol=0, atol=1e-14)
    assert flat.objective == pytest.approx(np.sum((y - y.mean()) ** 2) / 2, rel=1e-14)
    assert_allclose(spline_optimum(x, y, regularisation=1e-9).fitted, y, rtol=0, atol=1e-6)


def test_long_spline_is_certified():
    x, y = spline_data(120, 8)
    results = [spline_optimum(x, y, regularisation=beta) for beta in (0.01, 0.1, 1.0, 10.0)]
    values = [result.objective for result in results]
    assert values == sorted(values)
    for beta, result in zip((0.01, 0.1, 1.0, 10.0), results, strict=True):
        attained = np.sum((result.fitted - y) ** 2) / 2 + beta * spline_gauge(x, result.fitted)
        assert result.objective == pytest.approx(attained, rel=1e-9)


# Bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", [[1.0], [1.0, 1.0], [2.0, 1.0], [0.0, np.nan]])
def test_bad_positions(positions):
    with pytest.raises(ValueError, match="positions"):
        spline_optimum(positions, [1.0] * len(positions), regularisation=1.0)
    with pytest.raises(ValueError, match="positions"):
        spline_gauge(positions, [1.0] * len(positions))


def test_bad_problem():
    for beta in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="regularisation"):
            spline_optimum([1.0, 2.0], [1.0, 2.0], regularisation=beta)
    for targets in ([1.0, np.nan], [], [[1.0, 2.0]], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="targets"):
            spline_optimum([1.0, 2.0], targets, regularisation=1.0)
    for values in ([1.0, np.inf], [1.0]):
        with pytest.raises(ValueError, match="values"):
            spline_gauge([1.0, 2.0], values)
