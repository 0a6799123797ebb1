"""Networks: recovery from the convex optimum, pruning, output and objective."""

import numpy as np
import pytest

from theory.convex_relu import (
    TwoLayerNetwork,
    network_objective,
    network_output,
    prune_network,
    recover_network,
    solve_convex_program,
)

EMPTY = TwoLayerNetwork(np.zeros((0, 2)), np.zeros(0))


def reference_data(n, d):
    k, c = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)
    features = np.sin(1.3 * k * c + 0.7 * c**2) + 0.3 * np.cos(2.1 * k + c)
    return features, np.cos(0.9 * k[:, 0] ** 2) + 0.2 * np.sin(k[:, 0])


def random_network(generator, width, d):
    return TwoLayerNetwork(generator.standard_normal((width, d)), generator.standard_normal(width))


def penalty(network):
    return np.linalg.norm(network.hidden_weights, axis=1) @ np.abs(network.output_weights)


def neuron_by_neuron(features, network):
    total = np.zeros(len(features))
    for hidden, output in zip(network.hidden_weights, network.output_weights, strict=True):
        total += [output * max(float(row @ hidden), 0.0) for row in features]
    return total


@pytest.mark.parametrize(("n", "d", "beta"), [(8, 2, 0.1), (10, 3, 0.2), (10, 3, 0.02), (12, 4, 0.3)])
def test_recovery_and_pruning_keep_the_objective(n, d, beta):
    features, targets = reference_data(n, d)
    solution = solve_convex_program(features, targets, regularisation=beta)
    network = recover_network(solution)
    pruned = prune_network(features, network)
    for one in (network, pruned):
        # Measured 1e-12: feasibility of the solver, and what the neurons below the tolerance are worth.
        assert network_objective(features, targets, one, regularisation=beta) == pytest.approx(
            solution.objective, abs=1e-11
        )
        norms = np.linalg.norm(one.hidden_weights, axis=1)
        np.testing.assert_allclose(norms, np.abs(one.output_weights), rtol=1e-12)
    assert 0 < len(pruned.output_weights) <= n
    np.testing.assert_allclose(network_output(features, pruned), solution.fitted, atol=1e-9)


def test_recovery_is_the_map_of_the_theorem():
    features, targets = reference_data(8, 2)
    solution = solve_convex_program(features, targets, regularisation=0.1)
    for tolerance in (0.0, 1e-7, 1e-2):
        network = recover_network(solution, tolerance=tolerance)
        vectors = network.hidden_weights * network.output_weights[:, None]
        expected = np.concatenate([solution.positive_weights, -solution.negative_weights])
        np.testing.assert_allclose(vectors, expected[np.linalg.norm(expected, axis=1) > tolerance], rtol=1e-12)
        assert (network.output_weights > 0).sum() == (
            np.linalg.norm(solution.positive_weights, axis=1) > tolerance
        ).sum()
    assert len(recover_network(solution, tolerance=1e3).output_weights) == 0


@pytest.mark.parametrize("seed", range(6))
def test_pruning_any_network(seed):
    generator = np.random.default_rng(seed)
    n, d = int(generator.integers(2, 9)), int(generator.integers(1, 5))
    features = generator.standard_normal((n, d))
    network = random_network(generator, int(generator.integers(1, 60)), d)
    pruned = prune_network(features, network)
    # The penalty is of order 100, and every step moves along a null vector known to rounding.
    np.testing.assert_allclose(network_output(features, pruned), network_output(features, network), atol=1e-11)
    assert penalty(pruned) <= penalty(network) * (1 + 1e-13)
    activations = np.maximum(features @ pruned.hidden_weights.T, 0.0)
    assert len(pruned.output_weights) == np.linalg.matrix_rank(activations) <= n
    again = prune_network(features, pruned)
    np.testing.assert_allclose(again.hidden_weights, pruned.hidden_weights, rtol=1e-12)


def test_pruning_counts_the_rank():
    generator = np.random.default_rng(0)
    rank_two = generator.standard_normal((9, 2)) @ generator.standard_normal((2, 4))
    one_sided = np.abs(generator.standard_normal((9, 1)))
    # All activations of a single positive feature are multiples of it, one per output sign at most.
    pruned = prune_network(one_sided, random_network(generator, 30, 1))
    assert len(pruned.output_weights) == 1
    network = random_network(generator, 50, 4)
    pruned = prune_network(rank_two, network)
    assert len(pruned.output_weights) <= 9
    np.testing.assert_allclose(network_output(rank_two, pruned), network_output(rank_two, network), atol=1e-11)


def test_pruning_drops_what_does_nothing():
    features = np.array([[1.0, 0.0], [0.0, 1.0]])
    hidden = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, -2.0], [0.0, 3.0], [1.0, 1.0]])
    network = TwoLayerNetwork(hidden, np.array([2.0, 5.0, 1.0, 0.0, 0.0]))
    pruned = prune_network(features, network)
    np.testing.assert_allclose(pruned.hidden_weights, [[np.sqrt(2), 0.0]], rtol=1e-14)
    np.testing.assert_allclose(pruned.output_weights, [np.sqrt(2)], rtol=1e-14)


def test_equal_neurons_of_opposite_sign_cancel():
    features = np.array([[1.0], [2.0]])
    pruned = prune_network(features, TwoLayerNetwork(np.array([[1.0], [1.0]]), np.array([3.0, -1.0])))
    np.testing.assert_allclose(pruned.output_weights, [np.sqrt(2.0)], rtol=1e-14)


@pytest.mark.parametrize("loss", ["squared", "hinge", "logistic"])
def test_output_and_objective_written_out(loss):
    generator = np.random.default_rng(1)
    features, network = generator.standard_normal((7, 3)), random_network(generator, 5, 3)
    targets = np.sign(generator.standard_normal(7))
    fitted = neuron_by_neuron(features, network)
    np.testing.assert_allclose(network_output(features, network), fitted, rtol=1e-13)
    losses = {
        "squared": sum(0.5 * (f - y) ** 2 for f, y in zip(fitted, targets, strict=True)),
        "hinge": sum(max(0.0, 1 - y * f) for f, y in zip(fitted, targets, strict=True)) / 7,
        "logistic": sum(np.log(1 + np.exp(-y * f)) for f, y in zip(fitted, targets, strict=True)) / 7,
    }
    squares = sum(w**2 for w in [*network.hidden_weights.ravel(), *network.output_weights])
    value = network_objective(features, targets, network, regularisation=0.3, loss=loss)
    assert value == pytest.approx(losses[loss] + 0.15 * squares, rel=1e-13)


def test_large_margins_do_not_overflow():
    network = TwoLayerNetwork(np.array([[1.0]]), np.array([1.0]))
    value = network_objective([[1e4]], [-1.0], network, regularisation=1e-6, loss="logistic")
    assert value == pytest.approx(1e4, rel=1e-9)


def test_rescaling_a_neuron_never_pays():
    """beta |a| ||u|| is the least penalty over all scalings of a neuron."""
    network = TwoLayerNetwork(np.array([[3.0, 4.0]]), np.array([-2.0]))
    values = []
    for scale in (0.25, np.sqrt(0.4), 1.0, 2.0):
        scaled = TwoLayerNetwork(scale * network.hidden_weights, network.output_weights / scale)
        values.append(network_objective(np.eye(2), [0.0, 0.0], scaled, regularisation=0.5))
    assert min(values) == values[1] == pytest.approx(0.5 * (6**2 + 8**2) + 0.5 * 10, rel=1e-14)


def test_the_empty_network():
    features, targets = reference_data(6, 2)
    for network in (EMPTY, TwoLayerNetwork(np.array([]), np.array([]))):
        assert (network_output(features, network) == 0.0).all()
        zero = network_objective(features, targets, network, regularisation=1.0)
        assert zero == pytest.approx(0.5 * targets @ targets, rel=1e-14)
        assert prune_network(features, network).hidden_weights.shape == (0, 2)


X, T = reference_data(5, 2)
NETWORK = TwoLayerNetwork(np.ones((3, 2)), np.ones(3))
BAD_NETWORKS = [
    ("hidden_weights", TwoLayerNetwork(np.ones((3, 3)), np.ones(3))),
    ("hidden_weights", TwoLayerNetwork(np.ones((2, 2)), np.ones(3))),
    ("hidden_weights", TwoLayerNetwork(np.full((3, 2), np.nan), np.ones(3))),
    ("output_weights", TwoLayerNetwork(np.ones((3, 2)), np.full(3, np.inf))),
    ("output_weights", TwoLayerNetwork(np.ones((3, 2)), np.ones((3, 1)))),
]


@pytest.mark.parametrize(("name", "network"), BAD_NETWORKS)
def test_bad_networks(name, network):
    for call in (
        lambda: network_output(X, network),
        lambda: prune_network(X, network),
        lambda: network_objective(X, T, network, regularisation=0.1),
    ):
        with pytest.raises(ValueError, match=name):
            call()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("features", dict(features=X[:, 0])),
        ("features", dict(features=np.full((5, 2), np.nan))),
        ("targets", dict(targets=T[:3])),
        ("targets", dict(loss="hinge")),
        ("loss", dict(loss="cubic")),
        ("regularisation", dict(regularisation=0.0)),
        ("regularisation", dict(regularisation=np.inf)),
    ],
)
def test_bad_input_of_the_objective(name, change):
    with pytest.raises(ValueError, match=name):
        network_objective(**(dict(features=X, targets=T, network=NETWORK, regularisation=0.1) | change))


def test_bad_tolerances():
    solution = solve_convex_program(X, T, regularisation=0.1)
    with pytest.raises(ValueError, match="tolerance"):
        recover_network(solution, tolerance=-1.0)
    for tolerance in (-1e-3, 1.0, np.nan):
        with pytest.raises(ValueError, match="tolerance"):
            prune_network(X, NETWORK, tolerance=tolerance)
