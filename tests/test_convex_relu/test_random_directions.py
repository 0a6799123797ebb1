"""The lasso over given hidden directions, its exactness, and the asymptotic constant of its gap in the plane."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import dblquad

from theory.convex_relu import random_feature_gap_constant, random_feature_optimum, whitened_optimum
from theory.convex_relu._lasso import lasso


def reference_problem(n, d):
    k, c = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)
    features = np.sin(1.3 * k * c + 0.7 * c**2) + 0.3 * np.cos(2.1 * k + c)
    return features, np.cos(0.9 * k[:, 0] ** 2) + 0.2 * np.sin(k[:, 0])


def circle(angles):
    return np.column_stack([np.cos(angles), np.sin(angles)])


def duality_gap(atoms, targets, beta, objective, fitted):
    residual = targets - fitted
    scale = min(residual @ targets / (residual @ residual), beta / np.abs(atoms.T @ residual).max())
    return objective - scale * residual @ targets + scale**2 * residual @ residual / 2


def test_reference_value():
    features, targets = reference_problem(8, 2)
    directions = circle(0.05 + 2 * np.pi * np.arange(24) / 24)
    result = random_feature_optimum(features, targets, directions, regularisation=0.1)
    assert result.objective == pytest.approx(1.098992902650, abs=1e-12)


@pytest.mark.parametrize(("n", "d", "count"), [(6, 2, 3), (8, 3, 30), (15, 4, 200)])
@pytest.mark.parametrize("beta", [0.01, 0.3])
def test_against_an_interior_point_solver(n, d, count, beta):
    rng = np.random.default_rng([n, count])
    features, targets, directions = (rng.standard_normal(shape) for shape in [(n, d), n, (count, d)])
    atoms = np.maximum(features @ (directions / np.linalg.norm(directions, axis=1, keepdims=True)).T, 0)
    weights = cp.Variable(count)
    fit = atoms @ weights
    problem = cp.Problem(cp.Minimize(cp.sum_squares(fit - targets) / 2 + beta * cp.norm1(weights)))
    problem.solve(cp.CLARABEL)
    result = random_feature_optimum(features, targets, directions, regularisation=beta)
    assert result.objective == pytest.approx(problem.value, rel=1e-7)  # the solver stops at 1e-8
    assert_allclose(result.fitted, fit.value, rtol=0, atol=2e-4)  # the square root of that


@pytest.mark.parametrize("seed", range(30))
def test_duality_gap_closes(seed):
    """Sizes from 1 to 60 samples and 1 to 400 atoms, regularisation over eight decades."""
    rng = np.random.default_rng(seed)
    n, count, d = int(rng.integers(1, 60)), int(rng.integers(1, 400)), int(rng.integers(1, 8))
    beta = 10 ** rng.uniform(-7, 1)
    features, targets, directions = (rng.standard_normal(shape) for shape in [(n, d), n, (count, d)])
    result = random_feature_optimum(features, targets, directions, regularisation=beta)
    atoms = np.maximum(features @ (directions / np.linalg.norm(directions, axis=1, keepdims=True)).T, 0)
    gap = duality_gap(atoms, targets, beta, result.objective, result.fitted)
    # Correlations with the residual round like ||y|| ||atom||; each unit of ||x||_1 is worth that much.
    penalty = (result.objective - np.sum((result.fitted - targets) ** 2) / 2) / beta
    rounding = 100 * np.finfo(float).eps * np.linalg.norm(targets) * np.linalg.norm(atoms, axis=0).max() * penalty
    assert -1e-13 * (targets @ targets) - rounding <= gap <= 1e-12 * result.objective + rounding


@pytest.mark.parametrize("seed", range(10))
def test_dependent_atoms_are_exchanged(seed):
    """Atoms in two dimensions with integer entries: repeated, opposite, zero and dependent ones, solved by subsets."""
    rng = np.random.default_rng(seed)
    atoms = rng.integers(-2, 3, size=(2, 9)).astype(float)
    targets, beta = rng.standard_normal(2) * 3, 0.4
    best = targets @ targets / 2
    # Some optimum has at most two atoms: try every pair and every sign.
    for i, j in itertools.product(range(9), repeat=2):
        for signs in itertools.product([1, -1], repeat=2):
            pair = atoms[:, [i, j]] * signs if i != j else atoms[:, [i]] * signs[:1]
            weights = np.linalg.lstsq(pair.T @ pair, pair.T @ targets - beta, rcond=None)[0]
            if np.all(weights >= 0):
                best = min(best, np.sum((pair @ weights - targets) ** 2) / 2 + beta * weights.sum())
    fitted, penalty = lasso(atoms, targets, beta)
    assert np.sum((fitted - targets) ** 2) / 2 + beta * penalty == pytest.approx(best, rel=1e-12)


def test_more_directions_never_hurt_and_lengths_do_not_matter():
    features, targets = reference_problem(10, 3)
    rng = np.random.default_rng(3)
    directions = rng.standard_normal((300, 3))
    values = [
        random_feature_optimum(features, targets, directions[:count], regularisation=0.2).objective
        for count in (1, 3, 10, 30, 100, 300)
    ]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0.888379050950  # the optimum of all networks
    lengths = 10.0 ** rng.uniform(-200, 200, size=(300, 1))
    scaled = random_feature_optimum(features, targets, lengths * directions, regularisation=0.2)
    assert scaled.objective == pytest.approx(values[-1], rel=1e-12)


def test_zero_network():
    features, targets = reference_problem(8, 2)
    result = random_feature_optimum(features, targets, np.eye(2), regularisation=100.0)
    assert_array_equal(result.fitted, np.zeros(8))
    assert result.objective == targets @ targets / 2
    nothing = random_feature_optimum(features, np.zeros(8), np.eye(2), regularisation=1.0)
    assert nothing.objective == 0.0


def test_optimal_directions_reach_the_whitened_optimum():
    features = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 5)))[0].T
    targets = np.array([1.2, -0.7, 0.4, -2.0, 0.9])
    directions = np.stack([np.maximum(targets, 0), np.maximum(-targets, 0)]) @ features
    result = random_feature_optimum(features, targets, directions, regularisation=0.5)
    exact = whitened_optimum(targets, regularisation=0.5)
    assert result.objective == pytest.approx(exact.objective, rel=1e-13)
    assert_allclose(result.fitted, exact.fitted, rtol=0, atol=1e-13)


# The gap constant -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("beta", "value"), [(0.3, 6.395503651906), (1.0, 6.579736267392)])
def test_gap_constant_reference_values(beta, value):
    assert random_feature_gap_constant(1.5, regularisation=beta) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("s", "beta"), [(1.5, 0.3), (1.5, 1.0), (2.0, 0.05)])
def test_gap_constant_by_quadrature_of_the_limiting_gap(s, beta):
    """Angles are exponential of mean 2 pi / N on both sides; the gap is quadratic in them."""

    def gap(b, a):
        value = s * a * b / 2 - beta * (a + b) ** 2 / 8 if b <= (2 * s - beta) / beta * a else (s - beta) * s * a**2 / 2
        return value * (beta if b <= (2 * s - beta) / beta * a else 1) * 2 * math.exp(-a - b)

    ratio = (2 * s - beta) / beta
    near = dblquad(gap, 0, 40, lambda a: a, lambda a: ratio * a * (1 - 1e-15))[0]
    far = dblquad(gap, 0, 40, lambda a: ratio * a * (1 + 1e-15), lambda a: ratio * a + 40)[0]
    expected = 4 * math.pi**2 * (near + far)
    assert random_feature_gap_constant(s, regularisation=beta) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("left", "right"), [(1e-3, 1.5e-3), (2e-3, 1e-3), (1e-4, 3e-3)])
def test_gap_of_one_draw(left, right):
    """Two directions beside the targets: the lasso has the quadratic gap, to relative order of the angle."""
    s, beta, angle = 1.5, 0.3, 0.7
    targets = s * np.array([np.cos(angle), np.sin(angle)])
    exact = whitened_optimum(targets, regularisation=beta).objective
    directions = circle(np.array([angle - left, angle + right]))
    gap = random_feature_optimum(np.eye(2), targets, directions, regularisation=beta).objective - exact
    a, b = min(left, right), max(left, right)
    both = beta * (s * a * b / 2 - beta * (a + b) ** 2 / 8)
    expected = both if b <= (2 * s - beta) / beta * a else (s - beta) * s * a**2 / 2
    assert gap == pytest.approx(expected, rel=1e-4, abs=1e-14)


def test_gap_constant_scaling_and_edge():
    value = random_feature_gap_constant(1.5, regularisation=0.3)
    assert random_feature_gap_constant(3.0, regularisation=0.6) == pytest.approx(4 * value, rel=1e-14)
    assert random_feature_gap_constant(1.0, regularisation=1.0) == 0.0
    assert random_feature_gap_constant(1.0, regularisation=5.0) == 0.0


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (dict(regularisation=0.0), "regularisation"),
        (dict(regularisation=np.nan), "regularisation"),
        (dict(targets=[1.0, np.nan]), "targets"),
        (dict(targets=[]), "targets"),
        (dict(targets=[1.0, 2.0, 3.0]), "features"),
        (dict(features=[[1.0, np.inf], [0.0, 1.0]]), "features"),
        (dict(features=[1.0, 2.0]), "features"),
        (dict(hidden_directions=[[0.0, 0.0]]), "hidden_directions"),
        (dict(hidden_directions=[[1.0, 0.0, 0.0]]), "hidden_directions"),
        (dict(hidden_directions=np.empty((0, 2))), "hidden_directions"),
    ],
)
def test_bad_input(changed, name):
    good = dict(features=np.eye(2), targets=[1.0, 2.0], hidden_directions=np.eye(2), regularisation=0.1)
    with pytest.raises(ValueError, match=name):
        random_feature_optimum(**(good | changed))


@pytest.mark.parametrize(
    ("s", "beta", "name"), [(0.0, 1.0, "target_norm"), (np.inf, 1.0, "target_norm"), (1.0, 0.0, "regularisation")]
)
def test_bad_gap_constant(s, beta, name):
    with pytest.raises(ValueError, match=name):
        random_feature_gap_constant(s, regularisation=beta)
