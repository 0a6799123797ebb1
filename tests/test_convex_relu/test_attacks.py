"""Adversarial training: reference optima, the worst attack by brute force, and which patterns can still be used."""

import itertools

import numpy as np
import pytest

from theory.convex_relu import (
    TwoLayerNetwork,
    enumerate_arrangements,
    network_objective,
    pattern_survival_radius,
    recover_network,
    robust_convex_program,
    solve_convex_program,
    worst_case_objective,
)

LOSSES = ("squared", "hinge", "logistic")


def reference_data(n, d, loss):
    k, c = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)
    features = np.sin(1.3 * k * c + 0.7 * c**2) + 0.3 * np.cos(2.1 * k + c)
    targets = np.cos(0.9 * k[:, 0] ** 2) + 0.2 * np.sin(k[:, 0])
    return features, targets if loss == "squared" else np.sign(targets)


def loss_by_sample(loss, fitted, target):
    if loss == "squared":
        return 0.5 * (fitted - target) ** 2
    return np.maximum(1 - target * fitted, 0.0) if loss == "hinge" else np.logaddexp(0.0, -target * fitted)


def attacked_by_samples(features, targets, network, beta, radius, loss, points):
    """Largest loss of every sample over attacks in [-1, 1]^d given as rows, and the penalty."""
    total = 0.0
    for row, target in zip(features, targets, strict=True):
        inner = (row + radius * points) @ network.hidden_weights.T
        total += loss_by_sample(loss, np.maximum(inner, 0.0) @ network.output_weights, target).max()
    squares = np.sum(network.hidden_weights**2) + np.sum(network.output_weights**2)
    return total / (1 if loss == "squared" else len(targets)) + 0.5 * beta * squares


REFERENCES = [
    ("squared", 0.1, 0.05, 1.172879574),
    ("squared", 0.1, 0.2, 1.842380200),
    ("hinge", 0.01, 0.0, 0.441537322),
    ("hinge", 0.01, 0.05, 0.512470024),
    ("hinge", 0.01, 0.2, 0.671957391),
    ("logistic", 0.01, 0.0, 0.458642665),
    ("logistic", 0.01, 0.05, 0.478947682),
    ("logistic", 0.01, 0.2, 0.608169333),
]


@pytest.mark.parametrize(("loss", "beta", "radius", "value"), REFERENCES)
def test_reference_optima_are_worst_cases(loss, beta, radius, value):
    features, targets = reference_data(8, 2, loss)
    solution = robust_convex_program(features, targets, regularisation=beta, perturbation_radius=radius, loss=loss)
    assert solution.objective == pytest.approx(value, abs=6e-10)  # nine digits
    network = recover_network(solution)
    options = dict(regularisation=beta, loss=loss)
    worst = worst_case_objective(features, targets, network, perturbation_radius=radius, **options)
    assert worst == pytest.approx(solution.objective, abs=2e-11)  # measured 6e-12
    assert network_objective(features, targets, network, **options) <= worst + 1e-15
    same = solve_convex_program(features, targets, perturbation_radius=radius, **options)
    assert same.objective == solution.objective


def test_without_tightened_cones_the_promise_fails():
    """The loss made robust alone: the program promises less than its own network suffers."""
    features, targets = reference_data(8, 2, "squared")
    options = dict(regularisation=0.1, perturbation_radius=0.05)
    naive = solve_convex_program(features, targets, cone_constraints=False, **options)
    assert naive.objective == pytest.approx(0.592174, abs=1e-6)
    suffered = worst_case_objective(features, targets, recover_network(naive), loss="squared", **options)
    assert suffered > 1.172879574
    clean = recover_network(solve_convex_program(features, targets, regularisation=0.1))
    attacked = worst_case_objective(features, targets, clean, loss="squared", **options)
    assert attacked == pytest.approx(1.223824, abs=1e-5)
    assert attacked > 1.172879574 + 0.05


@pytest.mark.parametrize("loss", LOSSES)
def test_the_value_grows_with_the_attack_until_the_network_dies(loss):
    features, targets = reference_data(7, 3, loss)
    patterns = enumerate_arrangements(features)
    radii = pattern_survival_radius(features, patterns)
    beta = 0.05 if loss == "squared" else 0.01
    values = []
    for radius in (0.0, 0.02, 0.1, 0.99 * radii.max(), 1.01 * radii.max(), 10.0):
        solution = robust_convex_program(
            features, targets, regularisation=beta, perturbation_radius=radius, patterns=patterns, loss=loss
        )
        values.append(solution.objective)
        if radius > 0.0:
            assert not solution.positive_weights[radii < radius].any()
            alone = robust_convex_program(
                features,
                targets,
                regularisation=beta,
                perturbation_radius=radius,
                patterns=patterns[radii > radius] if (radii > radius).any() else patterns[:1],
                loss=loss,
            )
            assert alone.objective == pytest.approx(solution.objective, rel=1e-9)
    assert (np.diff(values) >= -1e-10).all()
    zero = {"squared": 0.5 * targets @ targets, "hinge": 1.0, "logistic": np.log(2.0)}[loss]
    assert values[-1] == values[-2] == pytest.approx(zero, rel=1e-14)
    clean = solve_convex_program(features, targets, regularisation=beta, loss=loss)
    assert values[0] == clean.objective


@pytest.mark.parametrize("loss", LOSSES)
def test_neurons_keep_their_patterns_under_attack(loss):
    features, targets = reference_data(8, 2, loss)
    radius = 0.1
    solution = robust_convex_program(features, targets, regularisation=0.01, perturbation_radius=radius, loss=loss)
    for part in (solution.positive_weights, solution.negative_weights):
        heights = np.where(solution.patterns, 1.0, -1.0) * (part @ features.T)
        assert (heights - radius * np.abs(part).sum(axis=1, keepdims=True)).min() >= -1e-10


@pytest.mark.parametrize(("d", "width"), [(1, 5), (2, 1), (2, 8), (3, 6), (4, 3)])
@pytest.mark.parametrize("loss", LOSSES)
def test_worst_case_by_brute_force(loss, d, width):
    """No attack of 40 000 does better; in low dimension and after refinement one comes close."""
    generator = np.random.default_rng(width)
    features = generator.standard_normal((4, d))
    targets = np.sign(generator.standard_normal(4))
    network = TwoLayerNetwork(generator.standard_normal((width, d)), generator.standard_normal(width))
    worst = worst_case_objective(features, targets, network, regularisation=0.1, perturbation_radius=0.4, loss=loss)
    points = generator.uniform(-1, 1, (20_000, d))
    faces = np.where(generator.random((20_000, d)) < 0.6, np.sign(points), points)
    best = attacked_by_samples(features, targets, network, 0.1, 0.4, loss, np.concatenate([points, faces]))
    assert best <= worst + 1e-12
    # Random points come within 20000^(-1/d) of a vertex.
    assert best >= worst - 0.02 * d * worst


def test_worst_case_on_the_line_exactly():
    """One feature: the extremes lie at the ends of the interval or at 0."""
    generator = np.random.default_rng(1)
    for _ in range(20):
        features, targets = generator.standard_normal((5, 1)), generator.standard_normal(5)
        network = TwoLayerNetwork(generator.standard_normal((6, 1)), generator.standard_normal(6))
        total = 0.0
        for (x,), y in zip(features, targets, strict=True):
            points = np.array([x - 0.5, x + 0.5, np.clip(0.0, x - 0.5, x + 0.5)])[:, None]
            inner = np.maximum(points @ network.hidden_weights.T, 0.0)
            total += (0.5 * (inner @ network.output_weights - y) ** 2).max()
        squares = np.sum(network.hidden_weights**2) + np.sum(network.output_weights**2)
        worst = worst_case_objective(
            features, targets, network, regularisation=0.2, perturbation_radius=0.5, loss="squared"
        )
        assert worst == pytest.approx(total + 0.1 * squares, rel=1e-13)


def test_an_extreme_inside_the_box():
    """f(x) = |x_1| + |x_2| around 0 is least where two hinges cross, which no corner and no edge shows."""
    hidden = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    network = TwoLayerNetwork(hidden, np.ones(4))
    value = worst_case_objective(
        [[0.1, -0.2]], [1.0], network, regularisation=1e-9, perturbation_radius=0.5, loss="hinge"
    )
    assert value == pytest.approx(1.0, abs=1e-8)
    with_edge = worst_case_objective(
        [[0.1, -0.7]], [1.0], network, regularisation=1e-9, perturbation_radius=0.5, loss="hinge"
    )
    assert with_edge == pytest.approx(0.8, abs=1e-8)


def test_corners_suffice_without_hinges():
    generator = np.random.default_rng(2)
    features = generator.standard_normal((3, 4)) + 5.0
    network = TwoLayerNetwork(np.abs(generator.standard_normal((4, 4))), generator.standard_normal(4))
    targets = np.array([1.0, -1.0, 1.0])
    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=4)))
    for loss in LOSSES:
        worst = worst_case_objective(features, targets, network, regularisation=0.1, perturbation_radius=0.3, loss=loss)
        expected = attacked_by_samples(features, targets, network, 0.1, 0.3, loss, corners)
        assert worst == pytest.approx(expected, rel=1e-13)


def test_degenerate_networks():
    features, targets = reference_data(6, 2, "hinge")
    options = dict(regularisation=0.1, loss="hinge")
    empty = TwoLayerNetwork(np.zeros((0, 2)), np.zeros(0))
    assert worst_case_objective(features, targets, empty, perturbation_radius=3.0, **options) == 1.0
    generator = np.random.default_rng(4)
    hidden = np.repeat(generator.standard_normal((2, 2)), 3, axis=0)  # repeated hinges never meet in a point
    network = TwoLayerNetwork(np.vstack([hidden, np.zeros(2)]), generator.standard_normal(7))
    merged = TwoLayerNetwork(hidden[::3], network.output_weights[:6].reshape(2, 3).sum(axis=1))
    for radius in (0.0, 0.3, 5.0):
        values = [
            worst_case_objective(features, targets, one, perturbation_radius=radius, **options)
            - network_objective(features, targets, one, **options)
            for one in (network, merged)
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-12)
        assert values[0] >= 0.0
    assert worst_case_objective(features, targets, network, perturbation_radius=0.0, **options) == pytest.approx(
        network_objective(features, targets, network, **options), rel=1e-14
    )


X, T = reference_data(5, 2, "hinge")
NETWORK = TwoLayerNetwork(np.ones((3, 2)), np.ones(3))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("features", dict(features=X[:, 0])),
        ("features", dict(features=np.full((5, 2), np.nan))),
        ("targets", dict(targets=T[:3])),
        ("targets", dict(targets=0.5 * T)),
        ("loss", dict(loss="cubic")),
        ("regularisation", dict(regularisation=0.0)),
        ("perturbation_radius", dict(perturbation_radius=-0.1)),
        ("perturbation_radius", dict(perturbation_radius=np.inf)),
        ("hidden_weights", dict(network=TwoLayerNetwork(np.ones((3, 3)), np.ones(3)))),
    ],
)
def test_bad_input(name, change):
    good = dict(features=X, targets=T, network=NETWORK, regularisation=0.1, perturbation_radius=0.1)
    with pytest.raises(ValueError, match=name):
        worst_case_objective(**(good | change))
