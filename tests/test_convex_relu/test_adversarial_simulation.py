"""Adversarial training: attacks by linear programs, gradients, known robust optima, bad input."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog

from simulations.convex_relu import simulate_adversarial_training, simulate_nonconvex_training
from simulations.convex_relu._attacks import attacked_objective, worst_shift
from simulations.convex_relu._input import LOSSES


def reference_data(n_samples, n_features, loss="squared"):
    k, c = np.arange(1, n_samples + 1), np.arange(1, n_features + 1)
    features = np.sin(1.3 * np.outer(k, c) + 0.7 * c**2) + 0.3 * np.cos(np.add.outer(2.1 * k, c))
    targets = np.cos(0.9 * k**2) + 0.2 * np.sin(k)
    return features, targets if loss == "squared" else np.where(targets >= 0, 1.0, -1.0)


def output(sample, network):
    return np.maximum(network[:, :-1] @ sample, 0.0) @ network[:, -1]


def extreme_by_programs(sample, network, radius, sign):
    """The largest ``sign f`` in the box: a linear program on every activation pattern."""
    best = -np.inf
    for pattern in itertools.product([0.0, 1.0], repeat=len(network)):
        active = np.array(pattern)
        slopes = sign * (active * network[:, -1]) @ network[:, :-1]
        sides = (1.0 - 2.0 * active)[:, None] * network[:, :-1]
        box = [(value - radius, value + radius) for value in sample]
        program = linprog(-slopes, A_ub=sides, b_ub=np.zeros(len(network)), bounds=box)
        if program.status == 0:
            best = max(best, -program.fun)
    return best


def loss_value(margin_or_error, loss, n_samples):
    if loss == "squared":
        return 0.5 * margin_or_error**2
    if loss == "hinge":
        return max(1.0 - margin_or_error, 0.0) / n_samples
    return np.logaddexp(0.0, -margin_or_error) / n_samples


def worst_case(features, targets, network, beta, radius, loss):
    """The objective with every attack by linear programs."""
    total = 0.5 * beta * np.sum(network**2)
    for sample, target in zip(features, targets, strict=True):
        if loss == "squared":
            high = extreme_by_programs(sample, network, radius, 1.0) - target
            low = -extreme_by_programs(sample, network, radius, -1.0) - target
            total += loss_value(max(abs(high), abs(low)), loss, len(targets))
        else:
            total += loss_value(-extreme_by_programs(sample, network, radius, -target), loss, len(targets))
    return total


@pytest.mark.parametrize(("dimension", "width"), [(1, 4), (2, 5), (3, 4)])
@pytest.mark.parametrize("radius", [0.05, 0.4, 3.0])
def test_attacks_against_linear_programs(dimension, width, radius):
    """The largest radius puts every hinge into the box."""
    rng = np.random.default_rng(10 * dimension + width)
    for _ in range(2):
        sample, network = rng.standard_normal(dimension), rng.standard_normal((width, dimension + 1))
        for sign in (1.0, -1.0):
            shift = np.empty(dimension)
            value = worst_shift(sample, network, radius, sign, shift)
            assert np.abs(shift).max() <= radius * (1.0 + 1e-11)
            assert value == pytest.approx(output(sample + shift, network), abs=1e-12)
            # HiGHS solves to 1e-7, times weights of order 1.
            assert sign * value == pytest.approx(extreme_by_programs(sample, network, radius, sign), abs=1e-6)


def test_no_radius_is_no_attack():
    rng = np.random.default_rng(0)
    sample, network, shift = rng.standard_normal(3), rng.standard_normal((6, 4)), np.ones(3)
    assert worst_shift(sample, network, 0.0, 1.0, shift) == pytest.approx(output(sample, network), abs=1e-14)
    assert_array_equal(shift, np.zeros(3))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_against_differences(loss):
    features, targets = reference_data(6, 2, loss)
    rng = np.random.default_rng(1)
    network = rng.standard_normal((3, 3))
    gradient, other = np.empty_like(network), np.empty_like(network)

    def objective(weights, out):
        return attacked_objective(features, targets, 0.1, 0.07, LOSSES.index(loss), weights, out)

    objective(network, gradient)
    for index in np.ndindex(network.shape):
        step = np.zeros_like(network)
        step[index] = 1e-6
        slope = (objective(network + step, other) - objective(network - step, other)) / 2e-6
        assert gradient[index] == pytest.approx(slope, abs=1e-8)  # differences of values of order 1


@pytest.mark.parametrize("loss", LOSSES)
def test_objective_is_the_worst_case_of_the_network(loss):
    features, targets = reference_data(6, 2, loss)
    runs = simulate_adversarial_training(
        features,
        targets,
        regularisation=0.02,
        perturbation_radius=0.15,
        width=4,
        n_trials=2,
        seed=3,
        loss=loss,
        n_steps=1500,
    )
    for trial in range(2):
        network = np.column_stack([runs.hidden_weights[trial], runs.output_weights[trial]])
        expected = worst_case(features, targets, network, 0.02, 0.15, loss)
        assert runs.objective[trial] == pytest.approx(expected, abs=1e-6)  # the linear programs' accuracy


def test_without_attack_it_is_plain_training():
    features, targets = reference_data(8, 2)
    common = dict(regularisation=0.1, width=5, n_trials=4, seed=2, n_steps=400)
    plain = simulate_nonconvex_training(features, targets, **common)
    attacked = simulate_adversarial_training(features, targets, perturbation_radius=0.0, loss="squared", **common)
    # Sums in another order; a few hundred steps amplify rounding at most a thousandfold.
    assert_allclose(attacked.objective, plain.objective, rtol=1e-11)
    assert_allclose(attacked.hidden_weights, plain.hidden_weights, atol=1e-9)


@pytest.mark.parametrize(
    ("loss", "beta", "radius", "robust"),
    [
        ("squared", 0.1, 0.05, 1.172879574),
        ("squared", 0.1, 0.2, 1.842380200),
        ("hinge", 0.01, 0.05, 0.512470024),
        ("hinge", 0.01, 0.2, 0.671957391),
        ("logistic", 0.01, 0.05, 0.478947682),
        ("logistic", 0.01, 0.2, 0.608169333),
    ],
)
def test_below_the_convex_robust_program(loss, beta, radius, robust):
    """The convex program keeps every neuron's sign on every box and bounds the best robust network from above."""
    features, targets = reference_data(8, 2, loss)
    runs = simulate_adversarial_training(
        features,
        targets,
        regularisation=beta,
        perturbation_radius=radius,
        width=8,
        n_trials=4,
        seed=1,
        loss=loss,
    )
    clean = {"squared": 1.036743257770, "hinge": 0.441537322, "logistic": 0.458642665}[loss]
    assert clean < runs.objective.min() <= robust


@pytest.mark.parametrize(
    ("loss", "optimum", "n_steps", "gap"), [("logistic", 0.458642665, 8000, 1e-7), ("hinge", 0.441537322, 40000, 1e-5)]
)
def test_no_attack_reaches_the_convex_optimum(loss, optimum, n_steps, gap):
    features, targets = reference_data(8, 2, loss)
    runs = simulate_adversarial_training(
        features,
        targets,
        regularisation=0.01,
        perturbation_radius=0.0,
        width=12,
        n_trials=8,
        seed=1,
        loss=loss,
        n_steps=n_steps,
    )
    assert -5e-10 <= runs.objective.min() - optimum <= gap  # digits of the reference; the hinge loss has kinks


def test_restarts_do_not_depend_on_their_number():
    features, targets = reference_data(6, 2, "hinge")
    common = dict(regularisation=0.01, perturbation_radius=0.1, width=3, loss="hinge", n_steps=100)
    whole = simulate_adversarial_training(features, targets, n_trials=5, seed=1, **common)
    later = simulate_adversarial_training(
        features, targets, n_trials=2, seed=np.random.SeedSequence(1, n_children_spawned=3), **common
    )
    assert_array_equal(whole.objective[3:], later.objective)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"features": [[np.nan, 1.0]] * 3}, "features"),
        ({"targets": [1.0, -1.0]}, "targets"),
        ({"targets": [1.0, -1.0, 0.5]}, "targets"),
        ({"loss": "absolute"}, "loss"),
        ({"regularisation": 0.0}, "regularisation"),
        ({"perturbation_radius": -0.1}, "perturbation_radius"),
        ({"perturbation_radius": np.inf}, "perturbation_radius"),
        ({"width": 0}, "width"),
        ({"n_trials": 0}, "n_trials"),
        ({"n_steps": 0}, "n_steps"),
    ],
)
def test_bad_input(change, name):
    arguments = {
        "features": np.eye(3),
        "targets": [1.0, -1.0, 1.0],
        "regularisation": 0.1,
        "perturbation_radius": 0.1,
        "width": 2,
        "n_trials": 1,
        "seed": 0,
        "loss": "hinge",
    } | change
    with pytest.raises(ValueError, match=name):
        simulate_adversarial_training(arguments.pop("features"), arguments.pop("targets"), **arguments)
