"""Degrees of freedom of sampled deep networks against plain NumPy and exact limits."""

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.random_features import simulate_deep_effective_dof

SHIFTS = np.array([0.05, 0.5])


def trace(covariance, shift):
    return np.trace(covariance @ np.linalg.inv(covariance + shift * np.eye(len(covariance))))


def drawn_weights(seed, *shapes):
    return [[rng.standard_normal(shape) for shape in shapes] for rng in spawn_streams(seed, 3)]


def test_one_exact_layer_is_a_plain_trace():
    scales = np.linspace(0.5, 1.5, 6)
    freedom = simulate_deep_effective_dof([6, 9], "erf", shifts=SHIFTS, n_trials=3, seed=4, input_eigenvalues=scales)
    for row, (weights,) in zip(freedom, drawn_weights(4, (9, 6)), strict=True):
        doubled = 2 * (weights * scales) @ weights.T / 6
        size = np.sqrt(1 + np.diag(doubled))
        covariance = 2 / np.pi * np.arcsin(doubled / np.outer(size, size))
        np.testing.assert_allclose(row, [trace(covariance, shift) for shift in SHIFTS], rtol=1e-10)


@pytest.mark.parametrize("n_inputs", [400, 6400])
def test_halving_removes_the_bias_of_a_sampled_covariance(n_inputs):
    """A linear network has a known covariance: W_2 W_1 W_1' W_2' over the fan-ins."""
    freedom = simulate_deep_effective_dof([8, 12, 10], "identity", shifts=SHIFTS, n_trials=3, seed=5, n_inputs=n_inputs)
    for row, (first, second) in zip(freedom, drawn_weights(5, (12, 8), (10, 12)), strict=True):
        product = second @ first / np.sqrt(12 * 8)
        exact = [trace(product @ product.T, shift) for shift in SHIFTS]
        # Noise of order sqrt(1/n_inputs) on a few modes; the plain bias would be of order 10/n_inputs on each.
        np.testing.assert_allclose(row, exact, atol=3 / np.sqrt(n_inputs))


def test_halving_leaves_no_bias_on_average():
    arguments = dict(shifts=SHIFTS, n_trials=400, seed=6)
    exact = simulate_deep_effective_dof([8, 10], "erf", **arguments)
    # The same function as a callable goes through sampled inputs.
    from scipy.special import erf

    sampled = simulate_deep_effective_dof([8, 10], lambda u: erf(u), n_inputs=200, **arguments)
    gap = sampled - exact
    error = gap.std(axis=0) / np.sqrt(len(gap))
    assert (np.abs(gap.mean(axis=0)) < 5 * error + 0.01).all()
    assert (error < 0.01).all()


def test_a_sequence_continues_where_it_stopped():
    whole = simulate_deep_effective_dof([6, 9], "relu", shifts=SHIFTS, n_trials=3, seed=np.random.SeedSequence(7))
    rest = np.random.SeedSequence(7, n_children_spawned=2)
    np.testing.assert_array_equal(
        simulate_deep_effective_dof([6, 9], "relu", shifts=SHIFTS, n_trials=1, seed=rest), whole[2:]
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (dict(widths=[5]), "widths"),
        (dict(activation="cosine"), "activation"),
        (dict(shifts=[0.0]), "shifts"),
        (dict(shifts=0.1), "shifts"),
        (dict(n_inputs=1), "n_inputs"),
        (dict(n_trials=0), "n_trials"),
        (dict(input_eigenvalues=[1.0]), "input_eigenvalues"),
    ],
)
def test_bad_input(change, named):
    arguments = dict(widths=[4, 5], activation="tanh", shifts=SHIFTS, n_trials=1, seed=0) | change
    with pytest.raises(ValueError, match=named):
        simulate_deep_effective_dof(**arguments)
