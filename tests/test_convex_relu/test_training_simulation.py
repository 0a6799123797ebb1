"""Gradient training: a plain twin, the known landscape of narrow and wide networks, restarts, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from simulations._streams import spawn_streams
from simulations.convex_relu import simulate_nonconvex_training, training


def reference_data(n_samples, n_features):
    k, c = np.arange(1, n_samples + 1), np.arange(1, n_features + 1)
    features = np.sin(1.3 * np.outer(k, c) + 0.7 * c**2) + 0.3 * np.cos(np.add.outer(2.1 * k, c))
    return features, np.cos(0.9 * k**2) + 0.2 * np.sin(k)


def network_objective(features, targets, hidden, output, beta):
    fitted = np.maximum(features @ hidden.T, 0.0) @ output
    return 0.5 * np.sum((fitted - targets) ** 2) + 0.5 * beta * (np.sum(hidden**2) + np.sum(output**2))


def plain_training(features, targets, beta, hidden, output, *, n_steps, rates, momentum):
    """The best objective along heavy-ball subgradient descent, and its network."""
    speed_hidden, speed_output = np.zeros_like(hidden), np.zeros_like(output)
    best = (np.inf, hidden, output)
    for step in range(n_steps + 1):
        objective = network_objective(features, targets, hidden, output, beta)
        if objective < best[0]:
            best = (objective, hidden, output)
        if step < n_steps:
            rate = rates[0] * (rates[1] / rates[0]) ** (step / (n_steps - 1))
            inputs = features @ hidden.T
            residual = np.maximum(inputs, 0.0) @ output - targets
            pull = residual[:, None] * (inputs >= 0.0)
            speed_hidden = momentum * speed_hidden - rate * ((pull * output).T @ features + beta * hidden)
            speed_output = momentum * speed_output - rate * (np.sum(pull * inputs, axis=0) + beta * output)
            hidden, output = hidden + speed_hidden, output + speed_output
    return best


@pytest.mark.parametrize(
    ("shape", "width", "options"),
    [
        ((8, 2), 3, {}),
        ((10, 3), 12, {"momentum": 0.0, "learning_rate": 0.1}),
        ((5, 1), 1, {"final_learning_rate": 0.01, "initial_scale": 1.0}),
        ((6, 4), 5, {"learning_rate": 0.01, "momentum": 0.5}),
    ],
)
def test_plain_twin(shape, width, options):
    features, targets = reference_data(*shape)
    runs = simulate_nonconvex_training(
        features, targets, regularisation=0.1, width=width, n_trials=3, seed=5, n_steps=300, **options
    )
    rates = (options.get("learning_rate", 0.03), options.get("final_learning_rate", 1e-6))
    for trial, rng in enumerate(spawn_streams(5, 3)):
        hidden = options.get("initial_scale", 0.3) * rng.standard_normal((width, shape[1]))
        output = np.linalg.norm(hidden, axis=1) * (2.0 * rng.integers(0, 2, width) - 1.0)
        objective, hidden, output = plain_training(
            features,
            targets,
            0.1,
            hidden,
            output,
            n_steps=300,
            rates=rates,
            momentum=options.get("momentum", 0.9),
        )
        # Sums in another order; a few hundred steps amplify rounding at most a thousandfold.
        assert runs.objective[trial] == pytest.approx(objective, rel=1e-11)
        assert_allclose(runs.hidden_weights[trial], hidden, atol=1e-9)
        assert_allclose(runs.output_weights[trial], output, atol=1e-9)


def test_objective_is_that_of_the_network():
    features, targets = reference_data(10, 3)
    runs = simulate_nonconvex_training(
        features, targets, regularisation=0.2, width=6, n_trials=9, seed=1, n_steps=20000
    )
    for objective, hidden, output in zip(runs.objective, runs.hidden_weights, runs.output_weights, strict=True):
        assert objective == pytest.approx(network_objective(features, targets, hidden, output, 0.2), rel=1e-13)
        # A stationary network is balanced; the last steps still move by the final rate times the momentum's ten.
        assert_allclose(np.linalg.norm(hidden, axis=1), np.abs(output), atol=1e-4)


@pytest.mark.parametrize(("width", "gap", "error"), [(1, 0.656, 1e-3), (2, 0.2524, 1e-3), (3, 0.02096, 1e-4)])
def test_narrow_networks_stay_above_the_optimum(width, gap, error):
    features, targets = reference_data(8, 2)
    runs = simulate_nonconvex_training(features, targets, regularisation=0.1, width=width, n_trials=32, seed=0)
    # The landscape's own value; one restart in three to seven finds it.
    assert abs(runs.objective.min() / 1.036743257770 - 1.0 - gap) <= error


@pytest.mark.parametrize(
    ("shape", "beta", "width", "optimum"), [((8, 2), 0.1, 8, 1.036743257770), ((10, 3), 0.2, 12, 0.888379050950)]
)
def test_wide_networks_reach_the_optimum(shape, beta, width, optimum):
    features, targets = reference_data(*shape)
    runs = simulate_nonconvex_training(features, targets, regularisation=beta, width=width, n_trials=16, seed=0)
    gaps = runs.objective - optimum
    assert gaps.min() >= -1e-11  # digits of the reference
    assert gaps.min() <= 1e-6  # the last step sizes, 1e-6 after 40 000 steps


def test_restarts_do_not_depend_on_their_number():
    features, targets = reference_data(8, 2)

    def run(seed, n_trials):
        return simulate_nonconvex_training(
            features, targets, regularisation=0.1, width=4, n_trials=n_trials, seed=seed, n_steps=200
        )

    whole = run(3, 19)
    assert_array_equal(whole.objective[:3], run(3, 3).objective)
    later = run(np.random.SeedSequence(3, n_children_spawned=11), 8)
    assert_array_equal(whole.objective[11:], later.objective)
    assert_array_equal(whole.hidden_weights[11:], later.hidden_weights)
    assert len(np.unique(whole.objective)) == 19


def test_start_is_balanced_with_fair_signs():
    networks = training.random_networks(spawn_streams(0, 50), 40, 3, 0.3)
    hidden, output = networks[:, :, :-1], networks[:, :, -1]
    assert_allclose(np.abs(output), np.linalg.norm(hidden, axis=2), rtol=1e-15)
    assert abs(hidden.std() - 0.3) <= 4.5 * 0.3 / (2 * hidden.size) ** 0.5
    assert abs(np.mean(output > 0) - 0.5) <= 4.5 * 0.5 / output.size**0.5


def test_diverging_restart_keeps_its_best_network():
    features, targets = reference_data(8, 2)
    runs = simulate_nonconvex_training(
        100.0 * features, targets, regularisation=0.1, width=4, n_trials=2, seed=0, n_steps=500
    )
    for objective, hidden, output in zip(runs.objective, runs.hidden_weights, runs.output_weights, strict=True):
        expected = network_objective(100.0 * features, targets, hidden, output, 0.1)
        assert np.isfinite(objective) and objective == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"features": [[1.0, np.inf]] * 3}, "features"),
        ({"features": np.zeros((0, 2))}, "features"),
        ({"targets": [1.0, 2.0]}, "targets"),
        ({"regularisation": 0.0}, "regularisation"),
        ({"width": 0}, "width"),
        ({"n_trials": 0}, "n_trials"),
        ({"seed": -3}, "seed"),
        ({"n_steps": 0}, "n_steps"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"final_learning_rate": -1.0}, "final_learning_rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"initial_scale": 0.0}, "initial_scale"),
    ],
)
def test_bad_input(change, name):
    arguments = {
        "features": np.eye(3),
        "targets": [1.0, 2.0, 3.0],
        "regularisation": 0.1,
        "width": 2,
        "n_trials": 1,
        "seed": 0,
    } | change
    with pytest.raises(ValueError, match=name):
        simulate_nonconvex_training(arguments.pop("features"), arguments.pop("targets"), **arguments)
