"""The certified solver: projections, bounds on both sides of the optimum, warm starts, scales, bad input."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar, nnls
from scipy.special import expit

from simulations.convex_relu import admm_regularisation_path, sample_patterns, simulate_admm, solve_by_admm
from simulations.convex_relu._losses import dual_value, loss_value, proximal_step
from simulations.convex_relu._projection import cone_faces, shrink_on_cones


def reference_data(n_samples, n_features):
    k, c = np.arange(1, n_samples + 1), np.arange(1, n_features + 1)
    features = np.sin(1.3 * np.outer(k, c) + 0.7 * c**2) + 0.3 * np.cos(np.add.outer(2.1 * k, c))
    return features, np.cos(0.9 * k**2) + 0.2 * np.sin(k)


def every_pattern(features):
    """All cells of points in general position in the plane or in space: those around each ray where d - 1 rows meet."""
    n_samples, n_features = features.shape
    found = set()
    for rows in combinations(range(n_samples), n_features - 1):
        ray = np.linalg.svd(features[list(rows)])[2][-1]
        for signs in np.ndindex(*(2,) * (n_features - 1)):
            nudge = np.linalg.lstsq(features[list(rows)], 2.0 * np.array(signs) - 1.0, rcond=None)[0]
            for side in (1.0, -1.0):
                found.add(tuple(features @ (side * ray + 1e-6 * nudge) >= 0))
    return np.array(sorted(found))


def random_problem(n_samples, n_features, n_directions, *, seed, loss="squared"):
    rng = np.random.default_rng(seed)
    features, targets = rng.standard_normal((n_samples, n_features)), rng.standard_normal(n_samples)
    patterns = rng.standard_normal((n_directions, n_features)) @ features.T >= 0
    return features, targets if loss == "squared" else np.sign(targets), patterns


def clarabel_optimum(features, targets, patterns, beta, loss="squared"):
    import cvxpy as cp

    weights = cp.Variable((features.shape[1], 2 * len(patterns)))
    signs = np.concatenate([patterns, patterns]).T
    products = features @ weights
    outputs = cp.multiply(signs, products) @ np.repeat([1.0, -1.0], len(patterns))
    margins = cp.multiply(targets, outputs)
    value = {
        "squared": 0.5 * cp.sum_squares(outputs - targets),
        "hinge": cp.sum(cp.pos(1 - margins)) / len(targets),
        "logistic": cp.sum(cp.logistic(-margins)) / len(targets),
    }[loss]
    penalty = beta * cp.sum(cp.norm(weights, axis=0))
    problem = cp.Problem(cp.Minimize(value + penalty), [cp.multiply(2.0 * signs - 1.0, products) >= 0])
    return problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)


# Projections --------------------------------------------------------------------------------------------------------


def projected(features, pattern, point):
    """By SciPy's solver for the multipliers."""
    rows = (2.0 * pattern - 1.0)[:, None] * features
    return point + rows.T @ nnls(rows.T, -point)[0]


def degenerate_features(kind, rng):
    features = rng.standard_normal((12, 4))
    if kind == "repeated rows":
        features[6:] = features[:6]
    elif kind == "antiparallel rows":
        features[6:] = -2.0 * features[:6]
    elif kind == "zero rows":
        features[::3] = 0.0
    elif kind == "low rank":
        features[:, 2:] = features[:, :2] @ rng.standard_normal((2, 2))
    elif kind == "integers":
        features = rng.integers(-1, 2, (12, 4)).astype(float)
    elif kind == "unequal lengths":
        features *= 10.0 ** rng.integers(-6, 7, (12, 1))
    return features


@pytest.mark.parametrize(
    "kind",
    ["general", "repeated rows", "antiparallel rows", "zero rows", "low rank", "integers", "unequal lengths"],
)
def test_projections_and_their_certificates(kind):
    rng = np.random.default_rng(len(kind))
    features = degenerate_features(kind, rng)
    patterns = sample_patterns(features, n_directions=10, seed=1)
    faces = cone_faces(features, patterns)
    points = rng.standard_normal((2 * len(patterns), 4))
    weights, excess = np.empty_like(points), np.empty_like(points)
    for threshold in (0.0, 0.3, 0.01):  # each time from the faces of the time before
        points += 0.3 * rng.standard_normal(points.shape)
        assert shrink_on_cones(faces, points, threshold, weights, excess)
        for block, point in enumerate(points):
            pattern = patterns[block % len(patterns)]
            cone_point = projected(features / max(1e-300, np.abs(features).max()), pattern, point)
            if kind == "unequal lengths":  # the directions alone make the cone
                cone_point = projected(features / np.linalg.norm(features, axis=1, keepdims=True), pattern, point)
            norm = np.linalg.norm(cone_point)
            expected = max(1.0 - threshold / norm, 0.0) * cone_point if norm > 1e-12 else 0.0 * point
            np.testing.assert_allclose(weights[block], expected, atol=1e-11)
            assert np.linalg.norm(excess[block]) <= threshold + 1e-12
            # What the certificate adds to the point is a nonnegative combination of signed rows.
            rows = (2.0 * pattern - 1.0)[:, None] * features
            lengths = np.linalg.norm(rows, axis=1)
            rows = rows[lengths > 0] / lengths[lengths > 0, None]
            combination = weights[block] + excess[block] - point
            assert nnls(rows.T, combination)[1] <= 1e-10


# Losses -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["squared", "hinge", "logistic"])
@pytest.mark.parametrize("step", [1e-4, 0.3, 5.0, 400.0])
def test_proximal_steps_minimise(loss, step):
    rng = np.random.default_rng(3)
    point, targets = 3.0 * rng.standard_normal(6), rng.choice([-1.0, 1.0], 6)
    found = proximal_step(point, targets, step, loss)

    def objective(fitted):
        return step * loss_value(fitted, targets, loss) + 0.5 * np.sum((fitted - point) ** 2)

    for k in range(6):

        def along(value, k=k):
            return objective(np.where(np.arange(6) == k, value, found))

        best = minimize_scalar(along, bracket=(found[k] - 1.0, found[k] + 1.0), tol=1e-12)
        # A quadratic minimum is known to the root of rounding.
        assert found[k] == pytest.approx(best.x, abs=1e-6 * max(1.0, np.sqrt(objective(found))))
        assert objective(found) <= best.fun * (1 + 1e-12)


def test_logistic_step_far_out():
    point, targets = np.array([-800.0, 800.0, 0.0, 1e-300, -40.0]), np.ones(5)
    found = proximal_step(point, targets, 5.0, "logistic")
    np.testing.assert_allclose(found - expit(-found), point, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("loss", ["squared", "hinge", "logistic"])
def test_dual_value_is_the_conjugate(loss):
    """Fenchel's inequality holds for every fit, with equality at the fit whose subgradient the dual is."""
    rng = np.random.default_rng(8)
    targets = rng.choice([-1.0, 1.0], 7)
    fitted = proximal_step(rng.standard_normal(7), targets, 2.0, loss)
    slope = 1e-6 * np.eye(7)
    dual = -np.array([loss_value(fitted + e, targets, loss) - loss_value(fitted - e, targets, loss) for e in slope])
    dual /= 2e-6
    value = dual_value(dual, targets, np.inf, loss)
    if loss == "squared":  # the scale along the ray is free and can only help
        value = dual @ targets - 0.5 * dual @ dual
    assert loss_value(fitted, targets, loss) + dual @ fitted == pytest.approx(value, abs=1e-7)
    for other in rng.standard_normal((20, 7)):
        assert loss_value(other, targets, loss) + dual @ other >= value - 1e-7


# Optima -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, beta, optimum",
    [((8, 2), 0.1, 1.036743257770), ((10, 3), 0.2, 0.888379050950), ((10, 3), 0.02, 0.137245412347)],
)
def test_reference_optima_over_all_patterns(shape, beta, optimum):
    features, targets = reference_data(*shape)
    patterns = every_pattern(features)
    assert len(patterns) == {2: 16, 3: 92}[shape[1]]
    found = solve_by_admm(features, targets, patterns=patterns, regularisation=beta, tolerance=1e-10)
    # The references are known to twelve decimals.
    assert found.lower_bound - 2e-12 <= optimum <= found.objective + 2e-12
    assert found.objective - found.lower_bound <= 1e-10 * found.objective


@pytest.mark.parametrize(
    "loss, betas", [("squared", (0.02, 0.5)), ("hinge", (0.003, 0.05)), ("logistic", (0.003, 0.05))]
)
@pytest.mark.parametrize("shape", [(15, 4, 12), (6, 9, 8), (25, 2, 6)])
def test_bounds_enclose_the_conic_optimum(loss, betas, shape):
    features, targets, patterns = random_problem(*shape, seed=sum(shape), loss=loss)
    for beta in betas:
        optimum = clarabel_optimum(features, targets, patterns, beta, loss)
        found = solve_by_admm(features, targets, patterns=patterns, regularisation=beta, loss=loss, tolerance=1e-9)
        # The conic solver stops at 1e-10 of its own scaled residuals.
        assert found.lower_bound - 1e-8 <= optimum <= found.objective + 1e-8
        assert found.objective - found.lower_bound <= 1e-9 * found.objective


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_network_has_the_objective_of_the_program(loss):
    features, targets, patterns = random_problem(40, 5, 30, seed=3, loss=loss)
    beta = 0.01
    found = solve_by_admm(features, targets, patterns=patterns, regularisation=beta, loss=loss, tolerance=1e-3)
    weights = np.stack([found.positive_weights, found.negative_weights])
    products = weights @ features.T
    scale = np.abs(products).max()
    assert np.all((2.0 * patterns - 1.0) * products >= -1e-11 * scale)
    hidden = np.maximum(products, 0.0).sum(axis=1)
    np.testing.assert_allclose(hidden[0] - hidden[1], found.fitted, atol=1e-10 * scale)
    penalty = beta * np.linalg.norm(weights, axis=2).sum()
    assert loss_value(hidden[0] - hidden[1], targets, loss) + penalty == pytest.approx(found.objective, rel=1e-10)


def test_agrees_with_the_published_splitting():
    features, targets, patterns = random_problem(10, 3, 3, seed=1)
    trace = simulate_admm(
        features, targets, patterns=patterns, regularisation=0.2, penalty_parameter=1.0, n_steps=12000
    )
    found = solve_by_admm(features, targets, patterns=patterns, regularisation=0.2, tolerance=1e-12)
    assert trace.objective[-1] == pytest.approx(found.objective, rel=1e-9)
    # Weights on a shared face are not unique; what they fit is, to the square root of the gap.
    weights = trace.positive_weights - trace.negative_weights
    np.testing.assert_allclose(found.fitted, np.sum(patterns * (weights @ features.T), axis=0), atol=1e-5)


def test_empty_network_above_the_critical_regularisation():
    """beta_crit of A(8, 2) is 1.376803829580; below it the gain grows quadratically until a second neuron joins."""
    features, targets = reference_data(8, 2)
    critical, zero = 1.376803829580, 0.5 * np.sum(targets**2)
    patterns = every_pattern(features)

    def at(share):
        return solve_by_admm(features, targets, patterns=patterns, regularisation=share * critical, tolerance=1e-11)

    assert at(1.001).objective == pytest.approx(zero, rel=1e-11)
    assert not at(1.5).positive_weights.any() and not at(1.5).negative_weights.any()
    # The known digits of the ratio; the smaller gain is 3.6e-7 and known to 2e-11.
    assert (zero - at(0.99).objective) / (zero - at(0.999).objective) == pytest.approx(131.7, abs=0.05)


@pytest.mark.parametrize(
    "features, targets", [(np.zeros((3, 2)), [1.0, 2.0, -1.0]), ([[1.0, 0.3], [0.2, -1.0]], [0.0, 0.0])]
)
def test_nothing_to_learn(features, targets):
    found = solve_by_admm(features, targets, patterns=[[True] * len(targets)], regularisation=0.1)
    assert not found.positive_weights.any() and found.objective == pytest.approx(0.5 * np.sum(np.square(targets)))


# Scales, paths, failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-6, 1e5])
def test_scale_equivariance(scale):
    """Features in other units, or targets, with beta to match: the same run up to rounding."""
    features, targets, patterns = random_problem(20, 3, 8, seed=11)
    base = solve_by_admm(features, targets, patterns=patterns, regularisation=0.2)
    scaled = solve_by_admm(scale * features, targets, patterns=patterns, regularisation=0.2 * scale)
    assert scaled.n_steps == base.n_steps
    assert scaled.objective == pytest.approx(base.objective, rel=1e-9)
    np.testing.assert_allclose(scale * scaled.positive_weights, base.positive_weights, atol=1e-8)
    louder = solve_by_admm(features, scale * targets, patterns=patterns, regularisation=0.2 * scale)
    assert louder.n_steps == base.n_steps
    assert louder.objective == pytest.approx(scale**2 * base.objective, rel=1e-9)


def test_path_with_warm_starts():
    features, targets, patterns = random_problem(60, 5, 40, seed=4)
    betas = np.geomspace(8.0, 0.2, 12)
    path = admm_regularisation_path(features, targets, patterns=patterns, regularisations=betas)
    cold = [solve_by_admm(features, targets, patterns=patterns, regularisation=beta) for beta in betas]
    for warm, single in zip(path, cold, strict=True):
        assert max(warm.lower_bound, single.lower_bound) <= min(warm.objective, single.objective)
    assert sum(warm.n_steps for warm in path) < sum(single.n_steps for single in cold)
    again = solve_by_admm(features, targets, patterns=patterns, regularisation=betas[-1], start=path[-1])
    assert again.n_steps == 10  # the first certificate
    # A start is read, never written.
    once_more = solve_by_admm(features, targets, patterns=patterns, regularisation=betas[-1], start=path[-1])
    np.testing.assert_array_equal(once_more.positive_weights, again.positive_weights)


def test_more_patterns_never_raise_the_optimum():
    features, targets = random_problem(30, 4, 1, seed=6)[:2]
    patterns = sample_patterns(features, n_directions=60, seed=0)
    solutions = [
        solve_by_admm(features, targets, patterns=patterns[:count], regularisation=0.3, tolerance=1e-8)
        for count in (1, 5, 20, len(patterns))
    ]
    for fewer, more in pairwise(solutions):
        assert more.lower_bound <= fewer.objective
        assert more.objective <= fewer.objective * (1 + 1e-8)


def test_too_few_steps_raise():
    features, targets, patterns = random_problem(20, 3, 8, seed=11)
    with pytest.raises(RuntimeError, match="within 7 steps"):
        solve_by_admm(features, targets, patterns=patterns, regularisation=0.2, max_steps=7)


FEATURES, TARGETS = [[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]], [1.0, -1.0, 1.0]
PATTERNS = [[True, False, True], [True, True, True]]


@pytest.mark.parametrize(
    "change",
    [
        dict(features=[[1.0, np.nan], [1.0, 2.0], [0.0, 1.0]]),
        dict(features=[1.0, 2.0, 3.0]),
        dict(features=np.empty((0, 2))),
        dict(targets=[1.0, -1.0]),
        dict(targets=[1.0, np.inf, 1.0]),
        dict(targets=[1.0, 2.0, 1.0], loss="hinge"),
        dict(targets=[1.0, 0.0, 1.0], loss="logistic"),
        dict(loss="absolute"),
        dict(patterns=[[True, False]]),
        dict(patterns=[[0.2, 1.0, 1.0]]),
        dict(regularisation=0.0),
        dict(regularisation=-0.1),
        dict(regularisation=np.inf),
        dict(tolerance=0.0),
        dict(max_steps=0),
    ],
)
def test_bad_input(change):
    name = next(iter(change))
    arguments = dict(features=FEATURES, targets=TARGETS, patterns=PATTERNS, regularisation=0.1) | change
    with pytest.raises(ValueError, match=name):
        solve_by_admm(**arguments)
    beta = arguments.pop("regularisation")
    with pytest.raises(ValueError, match=name):
        admm_regularisation_path(**arguments, regularisations=[0.2, beta])


def test_bad_start():
    found = solve_by_admm(FEATURES, TARGETS, patterns=PATTERNS, regularisation=0.1)
    with pytest.raises(ValueError, match="start"):
        solve_by_admm(FEATURES, TARGETS, patterns=PATTERNS[:1], regularisation=0.1, start=found)
