"""Convex programs: known optima, a second statement in cvxpy, symmetries, no network below, certified or refused."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from theory.convex_relu import (
    TwoLayerNetwork,
    critical_regularisation,
    duality_certificate,
    enumerate_arrangements,
    network_objective,
    network_output,
    recover_network,
    robust_convex_program,
    solve_convex_program,
)
from theory.convex_relu import _cone_program as cone_program
from theory.convex_relu._relu_program import ReluProgram

LOSSES = ("squared", "hinge", "logistic")


def reference_data(n, d):
    k, c = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)
    features = np.sin(1.3 * k * c + 0.7 * c**2) + 0.3 * np.cos(2.1 * k + c)
    return features, np.cos(0.9 * k[:, 0] ** 2) + 0.2 * np.sin(k[:, 0])


def random_data(seed, n, d, loss="squared"):
    generator = np.random.default_rng(seed)
    features, targets = generator.standard_normal((n, d)), generator.standard_normal(n)
    return features, targets if loss == "squared" else np.sign(targets)


def optimum(features, targets, beta, **options):
    return solve_convex_program(features, targets, regularisation=beta, **options).objective


# Optimum, gated optimum and optimum at half the strength, certified to 5e-12 or found by another solver to ten digits.
REFERENCES = [
    ((8, 2), 0.1, 1.036743257770, 0.5227866201, 0.8919750164),
    ((10, 3), 0.2, 0.888379050950, 0.4268903834, 0.5399777836),
    ((10, 3), 0.02, 0.137245412347, 0.0453980211, None),
    ((12, 4), 0.3, 1.235263149990, 0.6330182290, 0.6864039478),
]


@pytest.mark.parametrize(("shape", "beta", "value", "gated", "halved"), REFERENCES)
def test_reference_optima(shape, beta, value, gated, halved):
    features, targets = reference_data(*shape)
    patterns = enumerate_arrangements(features)
    assert optimum(features, targets, beta, patterns=patterns) == pytest.approx(value, abs=5e-12)
    assert optimum(features, targets, beta, cone_constraints=False) == pytest.approx(gated, abs=1e-10)
    if halved is not None:
        assert optimum(features, targets, beta / 2, patterns=patterns) == pytest.approx(halved, abs=1e-10)


def test_reference_optima_of_sampled_patterns():
    features, targets = reference_data(12, 3)
    angles = np.arange(6.0)
    directions = np.column_stack([np.cos(angles), np.sin(angles), 0.5 * np.cos(2 * angles)])
    patterns = directions @ features.T >= 0
    assert optimum(features, targets, 0.3, patterns=patterns) == pytest.approx(1.597810500737, abs=5e-12)
    assert optimum(features, targets, 0.3) == pytest.approx(1.37916848, abs=5e-9)


Y = np.array([1.2, -0.7, 0.4, -2.0, 0.9])
CLOSED_FORMS = [
    (np.eye(5), Y, 0.5, 1.585689739834),
    (np.eye(5), Y, 1.6, 3.315339216067),
    (np.diag([0.5, 1.0, 2.0, 1.5, 0.8]), Y, 0.3, 1.070548429473),
    ([[1.0], [-2.0], [0.5], [-0.3]], [0.7, 1.1, -0.4, 0.9], 0.25, 0.707506112469),
]


@pytest.mark.parametrize(("features", "targets", "beta", "value"), CLOSED_FORMS)
def test_optima_in_closed_form(features, targets, beta, value):
    assert optimum(features, targets, beta) == pytest.approx(value, rel=1e-11)  # the digits given


def test_free_bias_of_a_spline():
    features = np.column_stack([[-1.0, -0.2, 0.5, 1.3], np.ones(4)])
    targets = [0.3, -1.0, 0.8, 0.1]
    solution = solve_convex_program(features, targets, regularisation=0.15, penalised_features=[True, False])
    assert solution.objective == pytest.approx(0.731728316327, abs=2e-12)
    assert optimum(features, targets, 0.15) == pytest.approx(0.74597420, abs=5e-9)
    # A bias alone costs nothing: beyond the critical strength the mean is left.
    heavy = solve_convex_program(features, targets, regularisation=50.0, penalised_features=[True, False])
    np.testing.assert_allclose(heavy.fitted, np.mean(targets), atol=1e-9)


def stated_in_cvxpy(features, targets, patterns, beta, loss, cones, penalised, radius):
    """The program as the papers write it, one variable matrix per output sign."""
    import cvxpy as cp

    n, d = features.shape
    parts = [cp.Variable((len(patterns), d)) for _ in range(2)]
    penalty = sum(cp.sum(cp.norm(part[:, penalised], 2, axis=1)) for part in parts)
    layers = patterns.T.astype(float) @ (parts[0] - parts[1])
    fitted = cp.sum(cp.multiply(layers, features), axis=1)
    attack = radius * cp.norm(layers, 1, axis=1)
    constraints = []
    for part in parts if cones else []:
        for i, pattern in enumerate(patterns):
            signed = np.where(pattern, 1.0, -1.0)[:, None] * features
            constraints.append(signed @ part[i] >= radius * cp.norm(part[i], 1))
    if loss == "squared":
        cost = 0.5 * cp.sum_squares(cp.abs(fitted - targets) + attack)
    elif loss == "hinge":
        cost = cp.sum(cp.pos(1 - cp.multiply(targets, fitted) + attack)) / n
    else:
        cost = cp.sum(cp.logistic(attack - cp.multiply(targets, fitted))) / n
    return cp.Problem(cp.Minimize(cost + beta * penalty), constraints).solve(
        solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9
    )


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")  # what cvxpy says of one value that is 2e-8 high
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("cones", "masked", "radius"), [(True, False, 0.04), (True, True, 0.0), (False, False, 0.04)])
def test_against_a_second_statement(loss, cones, masked, radius):
    features, targets = random_data(5, 6, 2, loss)
    if masked:
        features[:, 1] = 1.0
    patterns, penalised = enumerate_arrangements(features), [True, not masked]
    beta = 0.3 if loss == "squared" else 0.03
    expected = stated_in_cvxpy(features, targets, patterns, beta, loss, cones, np.array(penalised), radius)
    options = dict(loss=loss, cone_constraints=cones, penalised_features=penalised, perturbation_radius=radius)
    # cvxpy asks for 1e-9 of the value and of the constraints, whose multipliers can be of order ten.
    assert optimum(features, targets, beta, **options) == pytest.approx(expected, rel=4e-8)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_solution_is_consistent(loss):
    features, targets = random_data(1, 9, 3, loss)
    solution = solve_convex_program(features, targets, regularisation=0.02, loss=loss)
    assert (solution.patterns == enumerate_arrangements(features)).all()
    assert solution.patterns.dtype == bool
    weights = solution.positive_weights - solution.negative_weights
    assert weights.shape == (len(solution.patterns), 3)
    fitted = sum(pattern * (features @ vector) for pattern, vector in zip(solution.patterns, weights, strict=True))
    np.testing.assert_allclose(solution.fitted, fitted, atol=1e-13)
    norms = [np.linalg.norm(part, axis=1) for part in (solution.positive_weights, solution.negative_weights)]
    assert solution.penalty == pytest.approx(0.02 * np.sum(norms), rel=1e-13)
    empty = TwoLayerNetwork(np.zeros((0, 3)), np.zeros(0))
    margins = targets * fitted
    value = {
        "squared": 0.5 * np.sum((fitted - targets) ** 2),
        "hinge": np.mean(np.maximum(1 - margins, 0)),
        "logistic": np.mean(np.log1p(np.exp(-margins))),
    }[loss]
    assert solution.objective == pytest.approx(value + solution.penalty, rel=1e-13)
    assert solution.objective < network_objective(features, targets, empty, regularisation=0.02, loss=loss)
    for part in (solution.positive_weights, solution.negative_weights):
        assert (np.where(solution.patterns, 1.0, -1.0) * (part @ features.T)).min() > -1e-11  # solver's feasibility


@pytest.mark.parametrize("loss", LOSSES)
def test_symmetries(loss):
    features, targets = random_data(2, 8, 3, loss)
    generator = np.random.default_rng(0)
    rotation, order = np.linalg.qr(generator.standard_normal((3, 3)))[0], generator.permutation(8)
    value, beta = optimum(features, targets, 0.05, loss=loss), 0.05
    # Every certified gap is below 1e-10 of the value.
    for changed, changed_beta in [
        ((features @ rotation, targets), beta),
        ((features[order], targets[order]), beta),
        ((features, -targets), beta),
        ((-features, targets), beta),
        ((1e6 * features, targets), 1e6 * beta),
        ((np.column_stack([features, np.zeros(8)]), targets), beta),
    ]:
        assert optimum(*changed, changed_beta, loss=loss) == pytest.approx(value, rel=1e-9)
    twice = np.concatenate([features, features]), np.concatenate([targets, targets])
    if loss == "squared":
        assert optimum(features, 1e-5 * targets, 1e-5 * beta) == pytest.approx(1e-10 * value, rel=1e-9)
        assert optimum(*twice, 2 * beta) == pytest.approx(2 * value, rel=1e-9)
    else:
        assert optimum(*twice, beta, loss=loss) == pytest.approx(value, rel=1e-9)


def test_signs_swap_the_parts():
    features, targets = reference_data(8, 2)
    one = solve_convex_program(features, targets, regularisation=0.1)
    other = solve_convex_program(features, -targets, regularisation=0.1)
    np.testing.assert_allclose(one.fitted, -other.fitted, atol=1e-6)  # unique; a gap of 1e-12 leaves 1e-6
    np.testing.assert_allclose(
        np.linalg.norm(one.positive_weights, axis=1).sum(),
        np.linalg.norm(other.negative_weights, axis=1).sum(),
        atol=1e-5,
    )


@pytest.mark.parametrize("seed", range(3))
def test_more_patterns_never_cost(seed):
    features, targets = random_data(seed, 9, 3)
    every = np.random.default_rng(seed).permutation(enumerate_arrangements(features))
    values = [optimum(features, targets, 0.1, patterns=every[:count]) for count in (1, 3, 9, 27, len(every))]
    assert (np.diff(values) <= 1e-10).all()
    assert values[0] <= 0.5 * targets @ targets + 1e-12
    repeated = np.concatenate([every, every[:20]])
    assert optimum(features, targets, 0.1, patterns=repeated) == pytest.approx(values[-1], rel=1e-9)


def test_dropping_the_cones_bounds_from_below():
    for seed, (n, d) in enumerate([(6, 2), (8, 3), (7, 4)]):
        features, targets = random_data(seed, n, d)
        exact, gated = optimum(features, targets, 0.2), optimum(features, targets, 0.2, cone_constraints=False)
        assert gated < 0.95 * exact
    # Equal for one feature, and for whitened data with targets of one sign.
    for features, targets in [random_data(7, 6, 1), (np.eye(4), np.array([0.3, 1.0, 2.0, 0.4]))]:
        gated = optimum(features, targets, 0.2, cone_constraints=False)
        assert gated == pytest.approx(optimum(features, targets, 0.2), rel=1e-10)


def trained_objective(features, targets, beta, loss, width, generator):
    """Train a network by L-BFGS from a random start; any end point is a legal network."""
    d = features.shape[1]

    def read(vector):
        return TwoLayerNetwork(vector[: width * d].reshape(width, d), vector[width * d :])

    def value_and_gradient(vector):
        network = read(vector)
        inner = features @ network.hidden_weights.T
        fitted = np.maximum(inner, 0.0) @ network.output_weights
        slope = {
            "squared": fitted - targets,
            "hinge": -targets * (targets * fitted < 1.0) / len(targets),
            "logistic": -targets * expit(-targets * fitted) / len(targets),
        }[loss]
        hidden = ((inner > 0.0) * slope[:, None] * network.output_weights).T @ features + beta * network.hidden_weights
        output = np.maximum(inner, 0.0).T @ slope + beta * network.output_weights
        value = network_objective(features, targets, network, regularisation=beta, loss=loss)
        return value, np.concatenate([hidden.ravel(), output])

    return minimize(value_and_gradient, generator.standard_normal(width * (d + 1)), jac=True, method="L-BFGS-B").fun


# L-BFGS stalls at kinks, of which the hinge has more: the best of twelve starts comes within these factors.
@pytest.mark.parametrize(("loss", "factor"), [("squared", 1.05), ("hinge", 1.2), ("logistic", 1.05)])
def test_no_trained_network_is_below(loss, factor):
    generator = np.random.default_rng(3)
    features, targets = random_data(3, 7, 2, loss)
    beta = 0.1 if loss == "squared" else 0.02
    value = optimum(features, targets, beta, loss=loss)
    trained = [trained_objective(features, targets, beta, loss, 15, generator) for _ in range(12)]
    assert min(trained) >= value * (1 - 1e-9)
    assert min(trained) <= factor * value


@pytest.mark.parametrize(("loss", "share"), [("squared", 1.0), ("hinge", 1 / 9), ("logistic", 1 / 18)])
def test_zero_network_above_the_critical_regularisation(loss, share):
    features, targets = random_data(4, 9, 3, loss)
    # The gauge of the derivative of the loss at 0: y, y / n and y / (2 n).
    critical = share * critical_regularisation(features, targets)
    zero = {"squared": 0.5 * targets @ targets, "hinge": 1.0, "logistic": np.log(2.0)}[loss]
    assert optimum(features, targets, 1.001 * critical, loss=loss) == pytest.approx(zero, rel=1e-10)
    assert optimum(features, targets, 0.95 * critical, loss=loss) < zero * (1 - 1e-5)


@pytest.mark.parametrize("beta", [1e-6, 1e-4, 1e-2, 1.37, 1e3, 1e6])
def test_certified_over_twelve_decades(beta):
    features, targets = reference_data(8, 2)
    solution = solve_convex_program(features, targets, regularisation=beta)
    certificate = duality_certificate(features, targets, solution.fitted, solution.penalty, regularisation=beta)
    # 1e-8 relative is what the solver promises; the worst measured is 6e-9, at 1e-6.
    assert abs(certificate.gap) <= 1e-8 * solution.objective


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("strength", [0.9, 1e-1, 1e-3])
def test_random_problems_are_solved(loss, strength):
    """Shapes, scales and strengths at random; what is not certified would raise."""
    generator = np.random.default_rng(int(1e3 * strength))
    for _ in range(4):
        n, d = int(generator.integers(3, 11)), int(generator.integers(1, 4))
        features, targets = random_data(int(generator.integers(1000)), n, d, loss)
        features *= 10 ** generator.uniform(-3, 3)
        beta = strength * critical_regularisation(features, targets) / (1 if loss == "squared" else n)
        solution = solve_convex_program(features, targets, regularisation=beta, loss=loss)
        network = recover_network(solution, tolerance=0.0)
        # The network output is the fit up to the solver's feasibility.
        objective = network_objective(features, targets, network, regularisation=beta, loss=loss)
        assert objective == pytest.approx(solution.objective, rel=1e-8)


def test_degenerate_data():
    features, targets = reference_data(8, 2)
    value = optimum(features, targets, 0.1)
    assert optimum(features, np.zeros(8), 0.1) == pytest.approx(0.0, abs=1e-13)
    assert optimum(np.zeros((8, 2)), targets, 0.1) == pytest.approx(0.5 * targets @ targets, rel=1e-13)
    assert optimum([[2.0]], [3.0], 0.1) == pytest.approx(0.14875, rel=1e-11)  # beta y/x - beta^2 / (2 x^2)
    with_zero_row = optimum(np.vstack([features, np.zeros(2)]), np.append(targets, 0.5), 0.1)
    assert with_zero_row == pytest.approx(value + 0.125, rel=1e-10)
    realised = enumerate_arrangements(features)
    impossible = np.array(list(set(itertools.product((False, True), repeat=8)) - set(map(tuple, realised.tolist()))))
    assert len(impossible) == 256 - 16
    both = np.concatenate([realised, impossible[::20]])
    assert optimum(features, targets, 0.1, patterns=both) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("radius", [0.0, 0.05])
def test_any_multipliers_give_a_lower_bound(loss, radius):
    """The certificate stays below the optimum for multipliers at random, whatever their sign and size."""
    generator = np.random.default_rng(8)
    features, targets = random_data(6, 6, 2, loss)
    patterns, everything = enumerate_arrangements(features), np.ones(2, dtype=bool)
    program = ReluProgram(features, targets, patterns, 0.05, loss, True, everything, radius)
    weights = program.optimal_weights()
    value, bounds = program.evaluate(weights)[0], []
    for _ in range(200):
        scale = 10 ** generator.uniform(-3, 1, 4)
        multipliers = {
            "fit": scale[0] * generator.standard_normal(6),
            "slopes+": scale[1] * generator.standard_normal(12),
            "slopes-": scale[2] * generator.standard_normal(12),
            "cones": scale[3] * generator.standard_normal(2 * len(patterns) * 6),
        }
        bounds.append(program._lower_bound(weights, multipliers))
    assert max(bounds) <= value
    assert max(bounds) > 0.0 or loss == "squared"


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_not_certified_is_refused(loss, monkeypatch):
    features, targets = random_data(0, 8, 3, loss)
    monkeypatch.setattr(cone_program, "ATTEMPTS", ((1e-2, 0.9),))
    with pytest.raises(RuntimeError, match="certified gap"):
        optimum(features, targets, 0.001, loss=loss)
    monkeypatch.setattr(cone_program, "ATTEMPTS", ())
    with pytest.raises(RuntimeError, match="certified gap"):
        optimum(features, targets, 0.01, loss=loss)


def test_output_of_the_recovered_network_is_the_fit():
    features, targets = reference_data(10, 3)
    solution = solve_convex_program(features, targets, regularisation=0.2)
    output = network_output(features, recover_network(solution, tolerance=0.0))
    np.testing.assert_allclose(output, solution.fitted, atol=1e-11)


X, T = reference_data(5, 2)
GOOD = dict(features=X, targets=T, regularisation=0.1)
BAD_INPUT = [
    ("regularisation", dict(regularisation=0.0)),
    ("regularisation", dict(regularisation=-1.0)),
    ("regularisation", dict(regularisation=np.inf)),
    ("regularisation", dict(regularisation=np.nan)),
    ("features", dict(features=np.where(X == X[0, 0], np.nan, X))),
    ("features", dict(features=np.where(X == X[0, 0], np.inf, X))),
    ("features", dict(features=np.zeros((0, 2)), targets=[])),
    ("features", dict(features=np.zeros((5, 0)))),
    ("features", dict(features=X[:, 0])),
    ("targets", dict(targets=T[:4])),
    ("targets", dict(targets=np.where(T == T[0], np.nan, T))),
    ("targets", dict(loss="hinge")),
    ("targets", dict(loss="logistic", targets=np.zeros(5))),
    ("loss", dict(loss="absolute")),
    ("patterns", dict(patterns=np.ones((3, 4), dtype=bool))),
    ("patterns", dict(patterns=np.ones((0, 5), dtype=bool))),
    ("patterns", dict(patterns=np.full((1, 5), 0.5))),
    ("patterns", dict(patterns=np.full((1, 5), 2))),
    ("perturbation_radius", dict(perturbation_radius=-0.1)),
    ("perturbation_radius", dict(perturbation_radius=np.nan)),
    ("penalised_features", dict(penalised_features=[True])),
    ("penalised_features", dict(penalised_features=[False, False])),
    ("penalised_features", dict(penalised_features=[1.0, 0.5])),
]


@pytest.mark.parametrize(("name", "change"), BAD_INPUT)
def test_bad_input(name, change):
    with pytest.raises(ValueError, match=name):
        solve_convex_program(**(GOOD | change))


@pytest.mark.parametrize(("name", "change"), BAD_INPUT[:20])
def test_bad_input_of_the_robust_program(name, change):
    with pytest.raises(ValueError, match=name):
        robust_convex_program(**(GOOD | dict(perturbation_radius=0.1, loss="squared") | change))


def test_pattern_types_are_equivalent():
    patterns = enumerate_arrangements(X)
    values = [optimum(X, T, 0.1, patterns=form) for form in (patterns, patterns.astype(float), patterns.tolist())]
    for one, other in itertools.pairwise(values):
        assert one == other
