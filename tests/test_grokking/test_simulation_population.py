"""Averages over fresh inputs, neuron by neuron, against expectations known without a closed form of the family."""

import numpy as np
import pytest

from simulations.grokking import simulate_kernel_moments, simulate_population_loss

UNIT = np.sqrt(6.0) * np.eye(6)[0]


def within(sample, value, at_most):
    """The mean lies within four standard errors, which resolve it to the given amount."""
    error = sample.std(ddof=1) / np.sqrt(len(sample))
    assert 4 * error < at_most
    assert abs(sample.mean() - value) < 4 * error


def hermite_nodes(n_features, n_nodes=5):
    """Product quadrature of the inputs, exact for polynomials of degree 2 n_nodes - 1 in each coordinate."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    weights = weights / weights.sum()
    points = np.stack(np.meshgrid(*[nodes] * n_features, indexing="ij"), axis=-1).reshape(-1, n_features)
    shares = np.prod(np.stack(np.meshgrid(*[weights] * n_features, indexing="ij"), axis=-1), axis=-1).ravel()
    return points / np.sqrt(n_features), shares


@pytest.mark.parametrize("centred", [True, False])
def test_loss_by_quadrature(centred):
    rng = np.random.default_rng(1)
    weights, initial, direction = rng.standard_normal((4, 3)), rng.standard_normal((2, 3)), rng.standard_normal(3)
    points, shares = hermite_nodes(3)

    def output(neurons):
        hidden = points @ neurons.T
        return 1.5 * np.mean(hidden + 0.3 * hidden**2, axis=1)

    error = output(weights) - (output(initial) if centred else 0.0) - 0.5 * ((points @ direction) ** 2 - 0.4)
    sample = simulate_population_loss(
        weights, direction, output_scale=1.5, quadratic_strength=0.6, target_offset=0.4,
        initial_weights=initial if centred else None, n_points=20_000, n_trials=20, seed=2,
    )  # fmt: skip
    within(sample, shares @ error**2, 0.02 * (shares @ error**2))


def test_kernel_moments_by_quadrature():
    rng = np.random.default_rng(3)
    weights, direction = rng.standard_normal((4, 2)), rng.standard_normal(2)
    points, shares = hermite_nodes(2, 6)
    slopes = 1.0 + 0.6 * points @ weights.T
    kernel = (points @ points.T) * (slopes @ slopes.T) / 4
    labels = 0.5 * ((points @ direction) ** 2 - 0.4)
    sample = simulate_kernel_moments(
        weights, direction, quadratic_strength=0.6, target_offset=0.4, n_pairs=20_000, n_trials=60, seed=4
    )
    square = (shares @ kernel**2) @ shares
    within(sample.kernel_square, square, 0.05 * square)
    product = (shares * labels) @ kernel @ (shares * labels)
    within(sample.label_kernel, product, 0.1 * product)
    within(sample.label_square, shares @ labels**2, 0.02 * (shares @ labels**2))


def test_streams():
    def loss(**trials):
        return simulate_population_loss(
            np.eye(6), UNIT, output_scale=1.0, quadratic_strength=0.5, n_points=10, **trials
        )

    whole = loss(n_trials=4, seed=6)
    rest = loss(n_trials=3, seed=np.random.SeedSequence(6, n_children_spawned=1))
    assert np.array_equal(whole[1:], rest) and len(np.unique(whole)) == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", np.ones((3, 5))), ("weights", np.ones(6)), ("direction", np.ones((1, 6))), ("n_points", 0),
        ("quadratic_strength", -1.0), ("output_scale", 0.0), ("target_offset", np.inf), ("n_trials", 0),
        ("initial_weights", np.ones((2, 5))),
    ],
)  # fmt: skip
def test_bad_input_of_the_loss(name, value):
    good = dict(weights=np.eye(6), direction=UNIT, output_scale=1.0, quadratic_strength=0.5, n_points=4, n_trials=1)
    with pytest.raises(ValueError, match=name):
        simulate_population_loss(**good | {name: value}, seed=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("weights", np.ones((3, 5))), ("n_pairs", 0), ("quadratic_strength", np.nan), ("target_offset", np.nan)],
)
def test_bad_input_of_the_kernel(name, value):
    good = dict(weights=np.eye(6), direction=UNIT, quadratic_strength=0.5, n_pairs=4, n_trials=1)
    with pytest.raises(ValueError, match=name):
        simulate_kernel_moments(**good | {name: value}, seed=0)
