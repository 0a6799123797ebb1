"""The published ADMM and its block descent: dense twins, known optima, the linear rate, bad input."""

import numpy as np
import pytest
from scipy.optimize import brentq

from simulations._streams import spawn_streams
from simulations.convex_relu import (
    block_descent,
    sample_patterns,
    simulate_admm,
    simulate_block_descent,
    solve_by_admm,
)
from simulations.convex_relu import patterns as pattern_module


def reference_data(n_samples, n_features):
    k, c = np.arange(1, n_samples + 1), np.arange(1, n_features + 1)
    features = np.sin(1.3 * np.outer(k, c) + 0.7 * c**2) + 0.3 * np.cos(np.add.outer(2.1 * k, c))
    return features, np.cos(0.9 * k**2) + 0.2 * np.sin(k)


def random_problem(n_samples, n_features, n_directions, *, seed, loss="squared"):
    rng = np.random.default_rng(seed)
    features, targets = rng.standard_normal((n_samples, n_features)), rng.standard_normal(n_samples)
    patterns = rng.standard_normal((n_directions, n_features)) @ features.T >= 0
    return features, targets if loss == "squared" else np.sign(targets), patterns


def six_patterns():
    """A(12, 3) with the patterns of (cos a, sin a, cos(2a) / 2), a = 0 .. 5."""
    features, targets = reference_data(12, 3)
    angle = np.arange(6)
    directions = np.stack([np.cos(angle), np.sin(angle), 0.5 * np.cos(2 * angle)], axis=1)
    return features, targets, directions @ features.T >= 0


def dense_maps(features, patterns):
    """F, (n, 2 P d), and G, (2 P n, 2 P d), as matrices."""
    halves = np.hstack([pattern[:, None] * features for pattern in patterns])
    signs = 2.0 * np.concatenate([patterns, patterns]) - 1.0
    n_samples, n_features = features.shape
    cones = np.zeros((len(signs) * n_samples, len(signs) * n_features))
    for j, sign in enumerate(signs):
        cones[j * n_samples : (j + 1) * n_samples, j * n_features : (j + 1) * n_features] = sign[:, None] * features
    return np.hstack([halves, -halves]), cones


def scalar_prox(point, target, weight, loss):
    """Minimise ``weight l(f) + (f - point)^2 / 2`` for one sample."""
    if loss == "hinge":
        candidates = [point, point + weight * target, target]
        values = [weight * max(1 - target * f, 0) + (f - point) ** 2 / 2 for f in candidates]
        return candidates[int(np.argmin(values))]

    def slope(f):
        return f - point - weight * target / (1 + np.exp(target * f))

    return brentq(slope, point - weight - 1, point + weight + 1, xtol=1e-15, rtol=1e-15)


def dense_admm(features, targets, patterns, beta, rho, n_steps, gamma=1.0, relaxation=1.0, loss="squared"):
    """The algorithm written down with dense matrices, nothing shared with the simulator."""
    fit_map, cone_map = dense_maps(features, patterns)
    size, n, d = fit_map.shape[1], *features.shape
    v, lam = np.zeros(size), np.zeros(size)
    s, nu = np.zeros(len(cone_map)), np.zeros(len(cone_map))
    f, mu = np.zeros(n), np.zeros(n)
    weight = 1 / rho if loss == "squared" else 1.0
    inverse = np.linalg.inv(np.eye(size) + weight * fit_map.T @ fit_map + cone_map.T @ cone_map)

    def value(outputs):
        if loss == "squared":
            return np.sum((outputs - targets) ** 2) / 2
        margins = targets * outputs
        return np.mean(np.maximum(1 - margins, 0) if loss == "hinge" else np.log1p(np.exp(-margins)))

    trace = []
    for _ in range(n_steps):
        goal = targets / rho if loss == "squared" else f - mu
        u = inverse @ (fit_map.T @ goal + v - lam + cone_map.T @ (s - nu))
        mixed_u = relaxation * u + (1 - relaxation) * v
        mixed_g = relaxation * cone_map @ u + (1 - relaxation) * s
        blocks = (mixed_u + lam).reshape(-1, d)
        norms = np.maximum(np.linalg.norm(blocks, axis=1, keepdims=True), 1e-300)
        v = (np.maximum(1 - beta / rho / norms, 0) * blocks).ravel()
        s = np.maximum(mixed_g + nu, 0)
        lam, nu = lam + gamma * (mixed_u - v), nu + gamma * (mixed_g - s)
        if loss != "squared":
            mixed_f = relaxation * fit_map @ u + (1 - relaxation) * f
            f = np.array([scalar_prox(a, y, 1 / (rho * n), loss) for a, y in zip(mixed_f + mu, targets, strict=True)])
            mu = mu + gamma * (mixed_f - f)
        rows = v.reshape(2, -1, d)
        penalty = beta * np.linalg.norm(rows, axis=2).sum()
        hidden = np.maximum(rows @ features.T, 0).sum(axis=1)
        residual = np.hypot(np.linalg.norm(u - v), np.linalg.norm(cone_map @ u - s))
        trace.append([value(fit_map @ v) + penalty, value(hidden[0] - hidden[1]) + penalty, residual])
    return np.transpose(trace), *v.reshape(2, -1, d)


# The algorithm ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["squared", "hinge", "logistic"])
@pytest.mark.parametrize(
    "shape, gamma, relaxation, rho",
    [((9, 3, 5), 1.0, 1.0, 0.7), ((6, 8, 4), 0.5, 1.0, 0.05), ((14, 2, 6), 1.0, 1.6, 3.0), ((5, 1, 2), 1.3, 0.8, 1.0)],
)
def test_agrees_with_the_dense_algorithm(shape, gamma, relaxation, rho, loss):
    features, targets, patterns = random_problem(*shape, seed=sum(shape), loss=loss)
    beta = 0.1 if loss == "squared" else 0.02
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=beta, penalty_parameter=rho, n_steps=60,
        dual_step=gamma, over_relaxation=relaxation, loss=loss,
    )  # fmt: skip
    curves, positive, negative = dense_admm(features, targets, patterns, beta, rho, 60, gamma, relaxation, loss)
    # Rounding of two ways to solve the same systems, whose condition is below 1e5.
    np.testing.assert_allclose(trace.objective, curves[0], rtol=1e-10)
    np.testing.assert_allclose(trace.network_objective, curves[1], rtol=1e-10)
    np.testing.assert_allclose(trace.primal_residual, curves[2], atol=1e-10)
    np.testing.assert_allclose(trace.positive_weights, positive, atol=1e-10)
    np.testing.assert_allclose(trace.negative_weights, negative, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_first_step_is_the_ridge_solution(seed):
    """From zero, u minimises ``|F u - y|^2 / 2 + rho (|u|^2 + |G u|^2) / 2``, and v is u shrunk."""
    features, targets, patterns = random_problem(20, 6, 9, seed=seed)
    fit_map, cone_map = dense_maps(features, patterns)
    rho, beta = 0.3, 1e-12
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=beta, penalty_parameter=rho, n_steps=1
    )  # fmt: skip
    hessian = fit_map.T @ fit_map + rho * (np.eye(fit_map.shape[1]) + cone_map.T @ cone_map)
    dense = np.linalg.solve(hessian, fit_map.T @ targets)
    woodbury = np.concatenate([trace.positive_weights, trace.negative_weights]).ravel()
    np.testing.assert_allclose(woodbury, dense, atol=1e-11)
    without_two = np.linalg.solve(hessian + fit_map.T @ fit_map, fit_map.T @ targets)
    assert np.max(np.abs(without_two - dense)) > 1e-3


def test_reference_optimum():
    features, targets, patterns = six_patterns()
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=0.3, penalty_parameter=0.3, n_steps=20000
    )  # fmt: skip
    # The reference is known to twelve decimals; the rate is linear and leaves rounding alone.
    assert trace.objective[-1] == pytest.approx(1.597810500737, abs=2e-11)
    assert trace.network_objective[-1] == pytest.approx(1.597810500737, abs=2e-11)
    assert trace.primal_residual[-1] < 1e-10


def test_network_passes_below_the_sampled_optimum():
    """Neurons that leave their cones make a network better than any in the cones, and never better than p*."""
    features, targets, patterns = six_patterns()
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=0.3, penalty_parameter=0.1, n_steps=4000
    )  # fmt: skip
    assert trace.network_objective.min() == pytest.approx(1.59366, abs=1e-5)
    assert trace.network_objective.min() > 1.37916848


@pytest.mark.parametrize("loss, beta, rho", [("squared", 0.2, 1.0), ("hinge", 0.02, 0.1), ("logistic", 0.02, 0.1)])
@pytest.mark.parametrize("seed", [1, 2])
def test_reaches_the_certified_optimum(loss, beta, rho, seed):
    features, targets, patterns = random_problem(10, 3, 3, seed=seed, loss=loss)
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=beta, penalty_parameter=rho, n_steps=12000, loss=loss
    )  # fmt: skip
    best = solve_by_admm(features, targets, patterns=patterns, regularisation=beta, loss=loss, tolerance=1e-10)
    # Both bounds are 1e-10 apart; the primal residual bounds what the constraints still hide.
    assert trace.objective[-1] == pytest.approx(best.objective, rel=1e-8)
    assert trace.primal_residual[-1] < 1e-8


def test_residual_falls_linearly():
    """A straight line in the logarithm: the fit of the second half predicts the first half's slope."""
    features, targets, patterns = random_problem(12, 3, 3, seed=2)
    trace = simulate_admm(features, targets, patterns=patterns, regularisation=0.2, penalty_parameter=1.0, n_steps=3000)
    above = np.flatnonzero(trace.primal_residual > 1e-12)
    last = above[-1]
    first = np.flatnonzero(trace.primal_residual < 1e-5)[0]
    middle = (first + last) // 2
    log = np.log(trace.primal_residual)
    slopes = [np.polyfit(np.arange(a, b), log[a:b], 1)[0] for a, b in ((first, middle), (middle, last))]
    assert last - first > 20
    # Oscillations of the residual within a window; a power law would halve the slope.
    assert slopes[0] == pytest.approx(slopes[1], rel=0.1)


def test_symmetries():
    """Rotating features rotates weights, flipping targets swaps their signs, and patterns may come in any order."""
    features, targets, patterns = random_problem(15, 4, 6, seed=9)
    settings = dict(regularisation=0.2, penalty_parameter=0.5, n_steps=200)
    base = simulate_admm(features, targets, patterns=patterns, **settings)
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    rotated = simulate_admm(features @ rotation, targets, patterns=patterns, **settings)
    np.testing.assert_allclose(rotated.positive_weights, base.positive_weights @ rotation, atol=1e-12)
    np.testing.assert_allclose(rotated.objective, base.objective, rtol=1e-12)
    flipped = simulate_admm(features, -targets, patterns=patterns, **settings)
    np.testing.assert_allclose(flipped.negative_weights, base.positive_weights, atol=1e-13)
    np.testing.assert_allclose(flipped.network_objective, base.network_objective, rtol=1e-12)
    shuffled = simulate_admm(features, targets, patterns=patterns[::-1], **settings)
    np.testing.assert_allclose(shuffled.positive_weights[::-1], base.positive_weights, atol=1e-13)


# Block descent ------------------------------------------------------------------------------------------------------


def dense_first_step(features, targets, patterns, rho):
    fit_map, cone_map = dense_maps(features, patterns)
    hessian = fit_map.T @ fit_map + rho * (np.eye(fit_map.shape[1]) + cone_map.T @ cone_map)
    return hessian, fit_map.T @ targets


def test_block_descent_against_plain_steps():
    features, targets, patterns = random_problem(9, 3, 4, seed=5)
    rho, n_steps, d = 0.4, 50, 3
    gaps = simulate_block_descent(
        features, targets, patterns=patterns, regularisation=0.1, penalty_parameter=rho, n_steps=n_steps, n_trials=20,
        seed=3,
    )  # fmt: skip
    hessian, linear = dense_first_step(features, targets, patterns, rho)
    optimum = np.linalg.solve(hessian, linear)
    steepest = max(np.linalg.norm(pattern[:, None] * features, 2) for pattern in patterns)
    bound = steepest**2 + rho * (1 + np.linalg.norm(features, 2) ** 2)

    def value(u):
        return u @ hessian @ u / 2 - linear @ u

    size = block_descent.STREAM_BLOCK
    for stream, rng in enumerate(spawn_streams(3, 20, block=size)):
        for trial in range(size * stream, min(size * (stream + 1), 20)):
            u = np.zeros(len(linear))
            plain = [value(u) - value(optimum)]
            for _ in range(n_steps):
                block = int(rng.random() * 2 * len(patterns))
                rows = slice(d * block, d * (block + 1))
                u[rows] -= (hessian[rows] @ u - linear[rows]) / bound
                plain.append(value(u) - value(optimum))
            # The twin subtracts values of order one.
            np.testing.assert_allclose(gaps[trial], plain, atol=1e-13 * abs(value(optimum)) + 1e-14)


@pytest.mark.parametrize("shape", [(10, 3, 4), (4, 6, 3)])
def test_block_descent_bound(shape):
    """``E gap_k <= (1 - mu / (2 P L_max))^k gap_0`` at every k, and the gap falls in every step."""
    features, targets, patterns = random_problem(*shape, seed=7)
    rho = 0.5
    gaps = simulate_block_descent(
        features, targets, patterns=patterns, regularisation=0.1, penalty_parameter=rho, n_steps=600, n_trials=40,
        seed=1,
    )  # fmt: skip
    singular = np.linalg.svd(features, compute_uv=False)
    least = singular[-1] if shape[0] >= shape[1] else 0.0
    steepest = max(np.linalg.norm(pattern[:, None] * features, 2) for pattern in patterns)
    rate = rho * (1 + least**2) / (2 * len(patterns) * (steepest**2 + rho * (1 + singular[0] ** 2)))
    assert np.all(gaps.mean(axis=0) <= (1 - rate) ** np.arange(601) * gaps[:, 0].mean() * (1 + 1e-12))
    assert np.all(np.diff(gaps, axis=1) <= 1e-13 * gaps[:, :1])
    assert np.all(gaps >= 0)
    hessian, linear = dense_first_step(features, targets, patterns, rho)
    np.testing.assert_allclose(gaps[:, 0], linear @ np.linalg.solve(hessian, linear) / 2, rtol=1e-11)


def test_block_descent_streams():
    features, targets, patterns = random_problem(8, 2, 3, seed=7)
    settings = dict(patterns=patterns, regularisation=0.1, penalty_parameter=1.0, n_steps=30)
    many = simulate_block_descent(features, targets, n_trials=40, seed=5, **settings)
    few = simulate_block_descent(features, targets, n_trials=18, seed=5, **settings)
    np.testing.assert_array_equal(many[:18], few)
    later = np.random.SeedSequence(5, n_children_spawned=32)
    last = simulate_block_descent(features, targets, n_trials=8, seed=later, **settings)
    np.testing.assert_array_equal(many[32:], last)
    assert not np.array_equal(many, simulate_block_descent(features, targets, n_trials=40, seed=6, **settings))


# Patterns -----------------------------------------------------------------------------------------------------------


def test_sampled_patterns_are_those_of_the_directions():
    features, _ = reference_data(8, 2)
    drawn = sample_patterns(features, n_directions=600, seed=2, distinct=False)
    assert drawn.shape == (600, 8) and drawn.dtype == bool
    streams = spawn_streams(2, 600, block=pattern_module.STREAM_BLOCK)
    directions = np.concatenate([rng.standard_normal((pattern_module.STREAM_BLOCK, 2)) for rng in streams])[:600]
    np.testing.assert_array_equal(drawn, [features @ direction >= 0 for direction in directions])
    np.testing.assert_array_equal(drawn[:100], sample_patterns(features, n_directions=100, seed=2, distinct=False))
    distinct = sample_patterns(features, n_directions=600, seed=2)
    order = list(dict.fromkeys(map(tuple, drawn.tolist())))
    np.testing.assert_array_equal(distinct, order)
    assert len(distinct) <= 16


def test_orthogonal_rows_count_as_active():
    assert sample_patterns(np.zeros((3, 2)), n_directions=5, seed=0).tolist() == [[True] * 3]


def test_pattern_frequency():
    """In the plane a pattern is as likely as its arc is long: rows at angle t differ for t / pi of the directions."""
    angle = 0.8
    drawn = sample_patterns([[1, 0], [np.cos(angle), np.sin(angle)]], n_directions=40000, seed=4, distinct=False)
    share = np.mean(drawn[:, 0] != drawn[:, 1])
    # Five standard errors.
    assert share == pytest.approx(angle / np.pi, abs=5 * np.sqrt(0.19 / 40000))


# Bad input ----------------------------------------------------------------------------------------------------------

FEATURES, TARGETS = [[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]], [1.0, -1.0, 1.0]
PATTERNS = [[True, False, True], [True, True, True]]
GOOD = dict(
    features=FEATURES, targets=TARGETS, patterns=PATTERNS, regularisation=0.1, penalty_parameter=1.0, n_steps=3
)  # fmt: skip

BAD = [
    ("features", [[1.0, np.nan], [1.0, 2.0], [0.0, 1.0]]),
    ("features", [1.0, 2.0, 3.0]),
    ("features", np.empty((0, 2))),
    ("features", [[1.0, np.inf], [1.0, 2.0], [0.0, 1.0]]),
    ("targets", [1.0, -1.0]),
    ("targets", [1.0, np.nan, 1.0]),
    ("patterns", [[True, False]]),
    ("patterns", np.empty((0, 3), bool)),
    ("patterns", [[0.0, 0.5, 1.0]]),
    ("patterns", [True, False, True]),
    ("regularisation", 0.0),
    ("regularisation", -1.0),
    ("regularisation", np.nan),
    ("regularisation", np.inf),
    ("penalty_parameter", 0.0),
    ("penalty_parameter", -0.1),
    ("n_steps", -1),
    ("n_steps", 2.5),
]


@pytest.mark.parametrize("name, value", BAD)
def test_bad_input(name, value):
    with pytest.raises(ValueError, match=name):
        simulate_admm(**GOOD | {name: value})
    with pytest.raises(ValueError, match=name):
        simulate_block_descent(**GOOD | {name: value}, n_trials=2, seed=0)


@pytest.mark.parametrize(
    "change",
    [
        dict(over_relaxation=0.0),
        dict(over_relaxation=2.0),
        dict(dual_step=0.0),
        dict(loss="absolute"),
        dict(n_steps=0),
        dict(targets=[1.0, -1.0, 0.5], loss="hinge"),
        dict(targets=[1.0, -1.0, 0.0], loss="logistic"),
        dict(dual_step=50.0, n_steps=3000),
    ],
)
def test_bad_input_of_admm(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        simulate_admm(**GOOD | change)


@pytest.mark.parametrize("change", [dict(n_trials=0), dict(seed=-1)])
def test_bad_input_of_block_descent(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        simulate_block_descent(**GOOD | dict(n_trials=2, seed=0) | change)


@pytest.mark.parametrize("name, value", [*BAD[:1], BAD[1], BAD[2], ("n_directions", 0), ("seed", -2)])
def test_bad_input_of_patterns(name, value):
    with pytest.raises(ValueError, match=name):
        sample_patterns(**dict(features=FEATURES, n_directions=4, seed=0) | {name: value})
