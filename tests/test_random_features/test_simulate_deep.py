"""Deep random features against plain NumPy: the same draws in double precision, and sampled targets."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import erf

from simulations._streams import spawn_streams
from simulations.random_features import simulate_deep_rf, simulate_deep_rf_hidden_target, simulate_deep_rf_logistic
from simulations.random_features._logistic import fit_logistic

WIDTHS = [8, 12, 10]
RIDGE = dict(n_samples=14, ridge=0.05, noise_variance=0.2)
# Fresh inputs are processed in single precision.
SINGLE = 2e-5


def relu_means(n_layers, variance=1.0):
    """Means of centred ReLU layers: sqrt(r / 2 pi), with variance r (1/2 - 1/2 pi) entering the next."""
    return [np.sqrt(variance * (0.5 - 0.5 / np.pi) ** layer / (2 * np.pi)) for layer in range(n_layers)]


def forward(inputs, weights, activation, means):
    hidden = inputs
    for matrix, mean in zip(weights, means, strict=True):
        hidden = activation(hidden @ matrix.T / np.sqrt(matrix.shape[1])) - mean
    return hidden / np.sqrt(hidden.shape[1])


def drawn_weights(rng, widths):
    return [rng.standard_normal((above, below)) for below, above in pairwise(widths)]


@pytest.mark.parametrize("n_samples", [7, 14])
def test_matched_target_with_the_same_draws(n_samples):
    scales = np.linspace(0.5, 2.0, 8)
    arguments = RIDGE | dict(n_samples=n_samples)
    errors = simulate_deep_rf(WIDTHS, "relu", n_trials=2, seed=3, n_test=50, input_eigenvalues=scales, **arguments)
    means = relu_means(2, variance=1.25)
    for trial, rng in enumerate(spawn_streams(3, 2)):
        weights = drawn_weights(rng, WIDTHS)
        features = forward(
            rng.standard_normal((n_samples, 8)) * np.sqrt(scales), weights, lambda u: np.maximum(u, 0), means
        )
        fresh = forward(rng.standard_normal((50, 8)) * np.sqrt(scales), weights, lambda u: np.maximum(u, 0), means)
        covariance, gram = fresh.T @ fresh / 50, features.T @ features
        resolvent = np.linalg.inv(gram + 0.05 * np.eye(10))
        filtered = resolvent @ covariance @ resolvent
        expected = 0.05**2 * np.trace(filtered) + 0.2 * np.trace(filtered @ gram) + 0.2
        np.testing.assert_allclose(errors[trial], expected, rtol=SINGLE)


def test_matched_target_agrees_with_sampled_targets():
    ours = simulate_deep_rf([8, 12], np.tanh, n_trials=400, seed=1, n_test=200, **RIDGE)
    rng, theirs = np.random.default_rng(2), []
    for _ in range(3000):
        weights, readout = drawn_weights(rng, [8, 12]), rng.standard_normal(12)
        features = forward(rng.standard_normal((14 + 200, 8)), weights, np.tanh, [0.0])
        labels = features @ readout + np.sqrt(0.2) * rng.standard_normal(len(features))
        known = features[:14]
        learnt = np.linalg.solve(known.T @ known + 0.05 * np.eye(12), known.T @ labels[:14])
        theirs.append(np.mean((features[14:] @ learnt - labels[14:]) ** 2))
    error = np.sqrt(np.var(ours) / len(ours) + np.var(theirs) / len(theirs))
    assert error < 0.02 * np.mean(theirs)
    assert abs(ours.mean() - np.mean(theirs)) < 5 * error


@pytest.mark.parametrize(("name", "function"), [("erf", lambda u: erf(u)), ("relu", lambda u: np.maximum(u, 0.0))])
def test_exact_covariance_of_one_layer(name, function):
    """A callable takes the sampled covariance; the draws of the weights and training inputs are the same."""
    arguments = RIDGE | dict(input_eigenvalues=np.linspace(0.5, 2.0, 8), n_trials=4, seed=5)
    exact = simulate_deep_rf([8, 12], name, **arguments)
    np.testing.assert_allclose(simulate_deep_rf([8, 12], function, n_test=200_000, **arguments), exact, rtol=0.01)
    # The closed form draws no fresh inputs.
    assert np.array_equal(simulate_deep_rf([8, 12], name, n_test=1, **arguments), exact)


def test_hidden_target_with_the_same_draws():
    errors = simulate_deep_rf_hidden_target(
        WIDTHS, "tanh", teacher_width=9, teacher_activation="relu", n_trials=2, seed=3, n_test=50, **RIDGE
    )
    for trial, rng in enumerate(spawn_streams(3, 2)):
        weights, teacher = drawn_weights(rng, WIDTHS), drawn_weights(rng, [8, 9])
        inputs, fresh = rng.standard_normal((14, 8)), rng.standard_normal((50, 8))
        features, fresh_features = (forward(x, weights, np.tanh, [0.0, 0.0]) for x in (inputs, fresh))
        hidden, fresh_hidden = (
            forward(x, teacher, lambda u: np.maximum(u, 0.0), relu_means(1)) for x in (inputs, fresh)
        )
        hat = np.linalg.solve(features.T @ features + 0.05 * np.eye(10), features.T)
        expected = np.sum((fresh_features @ hat @ hidden - fresh_hidden) ** 2) / 50
        expected += 0.2 * np.sum((fresh_features @ hat) ** 2) / 50 + 0.2
        np.testing.assert_allclose(errors[trial], expected, rtol=SINGLE)


@pytest.mark.parametrize("n_samples", [6, 14])
def test_logistic_with_the_same_draws(n_samples):
    trials = simulate_deep_rf_logistic(
        WIDTHS, "erf", teacher_width=9, n_samples=n_samples, ridge=0.1, n_trials=2, seed=3, n_test=300
    )
    for trial, rng in enumerate(spawn_streams(3, 2)):
        weights, teacher = drawn_weights(rng, WIDTHS), drawn_weights(rng, [8, 9])
        readout = rng.standard_normal(9)
        inputs, fresh = rng.standard_normal((n_samples, 8)), rng.standard_normal((300, 8))
        features, fresh_features = (forward(x, weights, erf, [0.0, 0.0]) for x in (inputs, fresh))
        labels, fresh_labels = (np.sign(forward(x, teacher, np.sign, [0.0]) @ readout) for x in (inputs, fresh))

        def objective(w, features=features, labels=labels):
            return np.logaddexp(0.0, -labels * (features @ w)).sum() + 0.05 * w @ w

        found = minimize(objective, np.zeros(10), method="BFGS", options=dict(gtol=1e-9)).x
        np.testing.assert_allclose(
            trials.train_loss[trial], np.logaddexp(0.0, -labels * (features @ found)).mean(), rtol=1e-6
        )
        mistakes = np.sign(fresh_features @ found) != fresh_labels
        assert abs(trials.test_error[trial] - mistakes.mean()) <= 1 / 300


@pytest.mark.parametrize(("n_rows", "n_columns", "ridge"), [(30, 12, 1e-7), (12, 30, 1e-7), (30, 12, 10.0)])
def test_logistic_fit_is_stationary(n_rows, n_columns, ridge):
    rng = np.random.default_rng(4)
    features, labels = 30.0 * rng.standard_normal((n_rows, n_columns)), rng.choice([-1.0, 1.0], n_rows)
    readout, loss = fit_logistic(features, labels, ridge)
    share = 1.0 / (1.0 + np.exp(np.minimum(labels * (features @ readout), 700.0)))
    pull = features.T @ (labels * share)
    # Nearly separable data at a tiny ridge: the readout is ill-conditioned, its loss is not.
    np.testing.assert_allclose(ridge * readout, pull, atol=1e-4 * np.abs(pull).max())
    np.testing.assert_allclose(loss, np.logaddexp(0.0, -labels * (features @ readout)).mean(), rtol=1e-9)


def test_trials_do_not_depend_on_blocks():
    def run(seed, n_trials):
        common = dict(n_trials=n_trials, seed=seed, n_test=40)
        logistic = simulate_deep_rf_logistic(WIDTHS, "tanh", teacher_width=9, n_samples=14, ridge=0.1, **common)
        return [
            simulate_deep_rf(WIDTHS, "tanh", **RIDGE, **common),
            simulate_deep_rf([8, 12], "erf", **RIDGE, **common),
            simulate_deep_rf_hidden_target(WIDTHS, "tanh", teacher_width=9, **RIDGE, **common),
            logistic.test_error,
            logistic.train_loss,
        ]

    rest = np.random.SeedSequence(6, n_children_spawned=4)
    for whole, head, tail in zip(run(6, 8), run(6, 4), run(rest, 4), strict=True):
        assert np.array_equal(whole, np.concatenate([head, tail]))


BAD = [
    ("widths", [8]), ("widths", [8, 0]), ("widths", [8, 2.5]), ("widths", 8), ("activation", "gelu"),
    ("n_samples", 0), ("ridge", 0.0), ("ridge", np.inf), ("n_trials", 0), ("n_test", 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [*BAD, ("noise_variance", -1.0), ("input_eigenvalues", np.ones(9)), ("input_eigenvalues", np.zeros(8))],
)
def test_matched_target_refuses(name, value):
    arguments = RIDGE | dict(widths=WIDTHS, activation="tanh", n_trials=1, seed=1)
    with pytest.raises(ValueError, match=name):
        simulate_deep_rf(**(arguments | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"), [*BAD, ("noise_variance", -1.0), ("teacher_width", 0), ("teacher_activation", "cubic")]
)
def test_hidden_target_refuses(name, value):
    arguments = RIDGE | dict(widths=WIDTHS, activation="tanh", teacher_width=9, n_trials=1, seed=1)
    with pytest.raises(ValueError, match=name):
        simulate_deep_rf_hidden_target(**(arguments | {name: value}))


@pytest.mark.parametrize(("name", "value"), [*BAD, ("teacher_width", 0)])
def test_logistic_refuses(name, value):
    arguments = dict(
        widths=WIDTHS, activation="tanh", teacher_width=9, n_samples=14, ridge=0.1, n_trials=1, seed=1
    )  # fmt: skip
    with pytest.raises(ValueError, match=name):
        simulate_deep_rf_logistic(**(arguments | {name: value}))
