"""Pattern generation: known optima, certificates by other solvers, symmetries, enumeration by insertion, bad input."""

import math

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls

from simulations.convex_relu import pattern_generation, solve_by_pattern_generation
from simulations.convex_relu._cones import arc_cells, mask_cells, project_on_arc, project_on_cone, residual_gradients
from simulations.convex_relu._enumeration import enumerate_patterns


def reference_data(n_samples, n_features):
    k, c = np.arange(1, n_samples + 1), np.arange(1, n_features + 1)
    features = np.sin(1.3 * np.outer(k, c) + 0.7 * c**2) + 0.3 * np.cos(np.add.outer(2.1 * k, c))
    return features, np.cos(0.9 * k**2) + 0.2 * np.sin(k)


def random_problem(seed, n_samples, n_features):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_samples, n_features)), rng.standard_normal(n_samples)


def gauge(features, residual, patterns):
    """The largest |z.(X u)_+| over unit vectors of the cones, a nonnegative least-squares problem for each."""
    prices = []
    for pattern in patterns:
        rows = (2.0 * pattern - 1.0)[:, None] * features
        for sign in (1.0, -1.0):
            prices.append(nnls(rows.T, -sign * features.T @ (pattern * residual))[1])
    return max(prices)


def certified_gap(features, targets, beta, solution, patterns):
    """Objective of the network itself minus the dual bound of its residual."""
    fitted = sum(
        sign * np.maximum(features @ weights.T, 0.0).sum(axis=1)
        for sign, weights in ((1.0, solution.positive_weights), (-1.0, solution.negative_weights))
    )
    norms = [
        np.linalg.norm(weights, axis=1).sum() for weights in (solution.positive_weights, solution.negative_weights)
    ]
    residual = targets - fitted
    primal = 0.5 * residual @ residual + beta * sum(norms)
    price = gauge(features, residual, patterns)
    scale = min(residual @ targets / (residual @ residual), beta / price if price > 0.0 else np.inf)
    return primal - (scale * residual @ targets - 0.5 * scale**2 * residual @ residual)


@pytest.mark.parametrize(
    ("shape", "beta", "optimum", "digits"),
    [
        ((8, 2), 0.1, 1.036743257770, 1e-11),
        ((10, 3), 0.2, 0.888379050950, 1e-11),
        ((10, 3), 0.02, 0.137245412347, 1e-11),
        ((12, 4), 0.3, 1.235263149990, 1e-11),  # the published value is that of a conic solver, good to 3e-12
        ((12, 3), 0.3, 1.37916848, 5e-9),
    ],
)
def test_reference_optima(shape, beta, optimum, digits):
    features, targets = reference_data(*shape)
    solution = solve_by_pattern_generation(features, targets, regularisation=beta)
    assert abs(solution.objective - optimum) <= digits
    assert len(solution.patterns) <= len(targets)  # neurons with independent outputs


def test_reference_optimum_of_six_patterns():
    features, targets = reference_data(12, 3)
    angle = np.arange(6)
    directions = np.stack([np.cos(angle), np.sin(angle), 0.5 * np.cos(2 * angle)], axis=1)
    patterns = directions @ features.T >= 0
    solution = solve_by_pattern_generation(features, targets, regularisation=0.3, patterns=patterns)
    assert solution.objective == pytest.approx(1.597810500737, abs=1e-11)
    candidates = {tuple(pattern) for pattern in patterns}
    assert {tuple(pattern) for pattern in solution.patterns} <= candidates


@pytest.mark.parametrize(
    ("features", "targets", "beta", "optimum"),
    [
        (np.eye(5), [1.2, -0.7, 0.4, -2, 0.9], 0.5, 1.585689739834),
        (np.eye(5), [1.2, -0.7, 0.4, -2, 0.9], 1.6, 3.315339216067),
        (np.diag([0.5, 1, 2, 1.5, 0.8]), [1.2, -0.7, 0.4, -2, 0.9], 0.3, 1.070548429473),
        (np.array([[1], [-2], [0.5], [-0.3]]), [0.7, 1.1, -0.4, 0.9], 0.25, 0.707506112469),
    ],
)
def test_optima_in_closed_form(features, targets, beta, optimum):
    solution = solve_by_pattern_generation(features, targets, regularisation=beta)
    assert solution.objective == pytest.approx(optimum, abs=1e-12)


@pytest.mark.parametrize("shape", [(5, 1), (3, 4), (9, 2), (12, 2), (9, 3), (8, 4)])
@pytest.mark.parametrize("beta", [0.01, 0.3])
def test_optimality_is_certified(shape, beta):
    features, targets = random_problem(sum(shape), *shape)
    solution = solve_by_pattern_generation(features, targets, regularisation=beta)
    gap = certified_gap(features, targets, beta, solution, enumerate_patterns(features))
    assert abs(gap) <= 1e-8 * solution.objective  # the tolerance of the prices


@pytest.mark.parametrize("seed", range(4))
def test_against_a_conic_solver(seed):
    features, targets = random_problem(seed, 7, 3)
    directions = np.random.default_rng(seed + 100).standard_normal((5, 3))
    patterns = np.unique(directions @ features.T >= 0, axis=0)
    found = solve_by_pattern_generation(features, targets, regularisation=0.1, patterns=patterns)
    weights = cp.Variable((2 * len(patterns), 3))
    fitted, cones = 0, []
    for i, pattern in enumerate(patterns):
        fitted += pattern[:, None] * features @ (weights[i] - weights[len(patterns) + i])
        rows = (2.0 * pattern - 1.0)[:, None] * features
        cones += [rows @ weights[i] >= 0, rows @ weights[len(patterns) + i] >= 0]
    objective = 0.5 * cp.sum_squares(fitted - targets) + 0.1 * cp.sum(cp.norm(weights, 2, axis=1))
    optimum = cp.Problem(cp.Minimize(objective), cones).solve(solver="CLARABEL")
    assert found.objective == pytest.approx(optimum, rel=1e-7)  # the conic solver's default accuracy is 1e-8


@pytest.mark.parametrize("shape", [(8, 2), (8, 3)])
def test_fields_are_consistent(shape):
    features, targets = reference_data(*shape)
    solution = solve_by_pattern_generation(features, targets, regularisation=0.05)
    both = np.concatenate([solution.positive_weights, solution.negative_weights])
    signs = np.tile(2.0 * solution.patterns - 1.0, (2, 1))
    slack = signs * (both @ features.T)
    assert slack.min() >= -1e-11 * np.linalg.norm(both, axis=1).max()  # in the cones, to the solver's 1e-12
    assert np.all(np.any(solution.positive_weights != 0, axis=1) | np.any(solution.negative_weights != 0, axis=1))
    halves = np.einsum("pn,nd->pnd", solution.patterns, features)
    fitted = np.einsum("pnd,pd->n", halves, solution.positive_weights - solution.negative_weights)
    assert_allclose(solution.fitted, fitted, atol=1e-13)
    assert solution.penalty == pytest.approx(0.05 * np.linalg.norm(both, axis=1).sum(), rel=1e-14)
    assert solution.objective == pytest.approx(0.5 * np.sum((fitted - targets) ** 2) + solution.penalty, rel=1e-14)


@pytest.mark.parametrize("shape", [(9, 2), (8, 3)])
def test_symmetries(shape):
    features, targets = random_problem(3, *shape)
    beta = 0.1
    optimum = solve_by_pattern_generation(features, targets, regularisation=beta).objective
    rng = np.random.default_rng(0)
    order = rng.permutation(len(targets))
    rotation = np.linalg.qr(rng.standard_normal((shape[1], shape[1])))[0]
    twins = [
        (features[order], targets[order], beta, 1.0),
        (features @ rotation, targets, beta, 1.0),
        (features, -targets, beta, 1.0),
        (100.0 * features, targets, 100.0 * beta, 1.0),
        (features, 7.0 * targets, 7.0 * beta, 49.0),
        (np.vstack([features, np.zeros(shape[1])]), np.append(targets, 0.0), beta, 1.0),
    ]
    for rows, values, strength, factor in twins:
        objective = solve_by_pattern_generation(rows, values, regularisation=strength).objective
        assert objective == pytest.approx(factor * optimum, rel=1e-10)


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_batches_change_the_path_alone(batch):
    features, targets = reference_data(10, 3)
    solution = solve_by_pattern_generation(features, targets, regularisation=0.2, batch=batch)
    assert solution.objective == pytest.approx(0.888379050950, abs=1e-11)


def test_sweep_of_the_plane_agrees_with_masks():
    for seed in range(5):
        features, targets = random_problem(seed, 11, 2)
        patterns = enumerate_patterns(features)
        swept = solve_by_pattern_generation(features, targets, regularisation=0.05)
        masked = solve_by_pattern_generation(features, targets, regularisation=0.05, patterns=patterns)
        assert swept.objective == pytest.approx(masked.objective, rel=1e-11)


def test_many_samples_in_the_plane():
    features, targets = random_problem(1, 400, 2)
    beta = 1.0
    solution = solve_by_pattern_generation(features, targets, regularisation=beta)
    angles = np.linspace(0.0, 2.0 * np.pi, 20001)
    outputs = np.maximum(features @ np.stack([np.cos(angles), np.sin(angles)]), 0.0)
    prices = np.abs((targets - solution.fitted) @ outputs)
    assert prices.max() <= beta * (1.0 + 1e-8)
    assert prices.max() >= beta * (1.0 - 1e-4)  # attained at the neurons, which the grid misses by 1.6e-4


def test_critical_regularisation():
    features, targets = reference_data(8, 2)
    critical, zero = 1.376803829580, 0.5 * np.sum(reference_data(8, 2)[1] ** 2)
    above = solve_by_pattern_generation(features, targets, regularisation=1.0001 * critical)
    assert above.objective == pytest.approx(zero, rel=1e-15)
    assert above.patterns.shape == (0, 8) and above.positive_weights.shape == (0, 2) and above.penalty == 0.0
    gains = [
        zero - solve_by_pattern_generation(features, targets, regularisation=(1 - x) * critical).objective
        for x in (1e-3, 1e-4)
    ]
    assert gains[0] / gains[1] == pytest.approx(100.0, rel=1e-3)  # quadratic onset; next order 1e-4


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((3, 2)),
        np.array([[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]]),
        np.array([[1.0, 1.0], [1.0, 1.0], [-2.0, -2.0], [0.0, 0.0], [1.0, -1.0]]),
        np.random.default_rng(3).integers(-1, 2, (8, 3)).astype(float),
        np.outer([1.0, -2.0, 3.0, 0.5], [1.0, 2.0, -1.0]),
    ],
)
def test_degenerate_data(features):
    targets = np.cos(np.arange(len(features)))
    solution = solve_by_pattern_generation(features, targets, regularisation=0.05)
    patterns = enumerate_patterns(features)
    assert abs(certified_gap(features, targets, 0.05, solution, patterns)) <= 1e-8 * solution.objective


@pytest.mark.parametrize(("n_samples", "rank"), [(5, 1), (6, 2), (8, 3), (10, 3), (7, 4), (12, 4), (5, 5), (4, 6)])
def test_enumeration_counts(n_samples, rank):
    features = np.random.default_rng(n_samples * rank).standard_normal((n_samples, rank))
    patterns = enumerate_patterns(features)
    assert len(patterns) == 2 * sum(math.comb(n_samples - 1, k) for k in range(min(rank, n_samples)))
    assert_array_equal(patterns, patterns[np.lexsort(patterns.T[::-1])])
    assert {tuple(~pattern) for pattern in patterns} == {tuple(pattern) for pattern in patterns}


@pytest.mark.parametrize(("seed", "shape"), [(3, (8, 3)), (5, (8, 3)), (6, (7, 4)), (7, (9, 2))])
def test_enumeration_of_degenerate_data(seed, shape):
    """Small integers: parallel and dependent rows, rows of zeros. No cell is so thin that 50 000 directions miss it."""
    features = np.random.default_rng(seed).integers(-1, 2, shape).astype(float)
    directions = np.random.default_rng(1).standard_normal((50000, shape[1]))
    assert_array_equal(enumerate_patterns(features), np.unique(directions @ features.T >= 0, axis=0))


def test_projection_against_nonnegative_least_squares():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        features = rng.standard_normal((int(rng.integers(2, 12)), int(rng.integers(1, 5))))
        cells = mask_cells(features, enumerate_patterns(features))
        for mask in cells.masks[:40]:
            point, found = 10.0 * rng.standard_normal(features.shape[1]), np.empty(features.shape[1])
            rows = (2.0 * mask - 1.0)[:, None] * cells.rows
            multipliers, distance = nnls(rows.T, -point)
            length = project_on_cone(cells.rows, mask, point, found)
            assert length == pytest.approx(distance, abs=1e-11)
            if length > 0.0:
                assert_allclose(found, point + rows.T @ multipliers, atol=1e-11)


def test_arcs_against_cones():
    features, residual = random_problem(2, 9, 2)
    cells = arc_cells(features)
    assert cells.measure.sum() == pytest.approx(1.0, rel=1e-14)
    masks = cells.middles @ features.T >= 0
    assert len(np.unique(masks, axis=0)) == len(masks) == 18
    gradients = residual_gradients(cells, features, residual)
    assert_allclose(gradients, masks @ (residual[:, None] * features), atol=1e-13)
    flat, found = np.empty(2), np.empty(2)
    for arc, (mask, gradient) in enumerate(zip(masks, gradients, strict=True)):
        length = project_on_arc(cells.rays[arc], cells.rays[(arc + 1) % 18], gradient, flat)
        assert length == pytest.approx(project_on_cone(cells.rows, mask, gradient, found), abs=1e-13)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"features": [[1.0, np.nan]]}, "features"),
        ({"features": np.zeros((0, 2))}, "features"),
        ({"features": [1.0, 2.0]}, "features"),
        ({"targets": [1.0]}, "targets"),
        ({"targets": [1.0, np.inf, 0.0]}, "targets"),
        ({"regularisation": 0.0}, "regularisation"),
        ({"regularisation": np.inf}, "regularisation"),
        ({"patterns": [[True, False]]}, "patterns"),
        ({"patterns": [[2, 0, 1]]}, "patterns"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"batch": 0}, "batch"),
    ],
)
def test_bad_input(change, name):
    arguments = {"features": np.eye(3), "targets": [1.0, 2.0, 3.0], "regularisation": 0.1} | change
    with pytest.raises(ValueError, match=name):
        solve_by_pattern_generation(arguments.pop("features"), arguments.pop("targets"), **arguments)


def test_failure_is_reported(monkeypatch):
    features, targets = random_problem(0, 5, 3)
    monkeypatch.setattr(pattern_generation, "generate_neurons", lambda *arguments: -1)
    with pytest.raises(RuntimeError, match="tolerance = 1e-08"):
        solve_by_pattern_generation(features, targets, regularisation=0.1)
