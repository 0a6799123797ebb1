"""Descent on two samples, and ReLU networks without biases: twins, identities of homogeneous networks, bad input."""

import math

import numpy as np
import pytest

from simulations.grokking import simulate_logistic_pair, simulate_relu_gradients, simulate_relu_training

PAIR = dict(first_slope=0.8, second_slope=0.3, learning_rate=0.1, n_steps=1000, start=(0.3, -1.0))


@pytest.mark.parametrize("orthogonal", [True, False])
def test_pair_is_the_plain_loop(orthogonal):
    samples, w = np.array([[1.0, 0.8], [1.0, -0.3]]), np.array([0.3, -1.0])
    path = simulate_logistic_pair(**PAIR, orthogonal=orthogonal)
    assert path.shape == (1001, 2) and np.array_equal(path[0], w)
    for point in path[1:]:
        gradient = -samples.T @ (1 / (1 + np.exp(samples @ w)))
        if orthogonal:
            gradient = gradient - (w @ gradient) / (w @ w) * w
        w = w - 0.1 * gradient
        np.testing.assert_allclose(point, w, rtol=1e-12)


def test_pair_reference_values():
    end = simulate_logistic_pair(**PAIR, orthogonal=True)[-1]
    np.testing.assert_allclose(end, (1.0631393, 0.21406981), rtol=1e-7)
    assert math.atan2(end[1], end[0]) == pytest.approx(0.198699369, abs=1e-9)
    assert np.hypot(*end) == pytest.approx(1.084477316, abs=1e-9)
    end = simulate_logistic_pair(**PAIR, orthogonal=False)[-1]
    np.testing.assert_allclose(end, (5.24081305, 0.38706057), rtol=1e-8)


def test_the_orthogonal_path_rests_at_the_minimum_of_its_sphere():
    end = simulate_logistic_pair(**PAIR, orthogonal=True)[-1]
    angles = np.linspace(-math.pi, math.pi, 200_001)
    points = np.hypot(*end) * np.stack([np.cos(angles), np.sin(angles)])
    losses = sum(np.logaddexp(0, -(points[0] + slope * points[1])) for slope in (0.8, -0.3))
    assert abs(angles[np.argmin(losses)] - math.atan2(end[1], end[0])) < 2e-4  # the grid of angles


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first_slope", 0.0), ("second_slope", -1.0), ("learning_rate", 0.0), ("n_steps", -1), ("start", (1.0,)),
        ("start", (0.0, 0.0)), ("start", (np.nan, 1.0)),
    ],
)  # fmt: skip
def test_bad_input_of_the_pair(name, value):
    with pytest.raises(ValueError, match=name):
        simulate_logistic_pair(**PAIR | {name: value}, orthogonal=True)


def test_the_plain_path_may_start_at_zero():
    path = simulate_logistic_pair(**PAIR | dict(start=(0.0, 0.0), n_steps=1), orthogonal=False)
    np.testing.assert_allclose(path[1], [0.1, 0.025], rtol=1e-14)


def cross_entropy(first, second, features, labels, head):
    """One sample after the other, with the terms of StableMax as they are defined."""
    losses = []
    for x, label in zip(features, labels, strict=True):
        logits = second @ np.maximum(first @ x, 0.0)
        terms = np.exp(logits) if head == "softmax" else np.where(logits >= 0, 1 + logits, 1 / (1 + np.abs(logits)))
        losses.append(-np.log(terms[label] / terms.sum()))
    return np.mean(losses)


@pytest.mark.parametrize("head", ["softmax", "stablemax"])
def test_gradients_by_central_differences(head):
    sample = simulate_relu_gradients(5, 3, 4, 6, head=head, n_trials=2, seed=1)
    rng = np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(1, spawn_key=(0,))))
    features, labels = rng.standard_normal((5, 3)), rng.integers(4, size=5)
    assert np.array_equal(labels, sample.labels[0])
    weights = [sample.first_weights[0], sample.second_weights[0]]
    assert sample.loss[0] == pytest.approx(cross_entropy(*weights, features, labels, head), rel=1e-13)
    for layer, gradient in enumerate((sample.first_gradient[0], sample.second_gradient[0])):
        for place in np.ndindex(gradient.shape):
            ends = []
            for shift in (1e-6, -1e-6):
                moved = [matrix.copy() for matrix in weights]
                moved[layer][place] += shift
                ends.append(cross_entropy(*moved, features, labels, head))
            assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-9)


@pytest.mark.parametrize("head", ["softmax", "stablemax"])
def test_layers_balance_and_euler_identity(head):
    """The slope along the weights of a layer is that of the logits along themselves, for either layer."""
    sample = simulate_relu_gradients(30, 8, 5, 20, head=head, n_trials=50, seed=2)
    logits = sample.logits
    terms = np.exp(logits) if head == "softmax" else np.where(logits >= 0, 1 + logits, 1 / (1 + np.abs(logits)))
    slopes = terms / terms.sum(axis=2, keepdims=True) - np.eye(5)[sample.labels]
    if head == "stablemax":
        slopes /= 1 + np.abs(logits)
    along = np.einsum("tnk,tnk->t", logits, slopes) / 30
    first = np.sum(sample.first_weights * sample.first_gradient, axis=(1, 2))
    second = np.sum(sample.second_weights * sample.second_gradient, axis=(1, 2))
    np.testing.assert_allclose(first, along, atol=1e-14)
    np.testing.assert_allclose(second, along, atol=1e-14)
    assert np.std(along) > 0.01


def test_scaled_weights_scale_the_logits():
    arguments = dict(n_samples=12, n_features=4, n_classes=3, width=7, n_trials=3, seed=3)
    plain, scaled = simulate_relu_gradients(**arguments), simulate_relu_gradients(**arguments, weight_scale=2.0)
    np.testing.assert_allclose(scaled.logits, 4 * plain.logits, rtol=1e-13)
    assert np.array_equal(scaled.labels, plain.labels)


@pytest.mark.parametrize("head", ["softmax", "stablemax"])
def test_training_is_descent_along_the_gradients(head):
    arguments = dict(n_samples=12, n_features=4, n_classes=3, width=7, head=head)
    start = simulate_relu_gradients(**arguments, n_trials=2, seed=4)
    path = simulate_relu_training(**arguments, learning_rate=1e-6, record_steps=[0, 1], n_trials=2, seed=4)
    np.testing.assert_allclose(path.loss[:, 0], start.loss, rtol=1e-14)
    weights = np.hstack([start.first_weights.reshape(2, -1), start.second_weights.reshape(2, -1)])
    gradients = np.hstack([start.first_gradient.reshape(2, -1), start.second_gradient.reshape(2, -1)])
    for trial, (theta, gradient) in enumerate(zip(weights, gradients, strict=True)):
        norm = np.linalg.norm(theta)
        assert path.norm[trial, 0] == pytest.approx(norm, rel=1e-14)
        assert path.cosine[trial, 0] == pytest.approx(-theta @ gradient / norm / np.linalg.norm(gradient), rel=1e-12)
        drop = path.loss[trial, 0] - path.loss[trial, 1]
        assert drop == pytest.approx(1e-6 * gradient @ gradient, rel=1e-4)
    correct = np.take_along_axis(start.logits, start.labels[..., None], axis=2)[..., 0]
    others = np.where(np.eye(3, dtype=bool)[start.labels], -np.inf, start.logits).max(axis=2)
    np.testing.assert_allclose(path.margin[:, 0], np.min(correct - others, axis=1), rtol=1e-13)


def test_after_separation_descent_mostly_lengthens_the_weights():
    path = simulate_relu_training(20, 10, 3, 50, learning_rate=0.1, record_steps=[0, 100, 3000], n_trials=4, seed=5)
    assert path.loss.shape == path.margin.shape == path.norm.shape == path.cosine.shape == (4, 3)
    assert np.all(path.margin[:, 0] < 0) and np.all(path.margin[:, -1] > 0)
    assert np.all(path.cosine[:, 0] < 0.3) and np.all(path.cosine[:, -1] > 0.5)
    assert np.all(np.diff(path.loss) < 0) and np.all(np.diff(path.norm) > 0)


def test_streams():
    arguments = dict(n_samples=6, n_features=3, n_classes=2, width=4)
    training = dict(learning_rate=0.1, record_steps=[0, 5])
    rest = dict(n_trials=2, seed=np.random.SeedSequence(6, n_children_spawned=1))
    for simulate, more in ((simulate_relu_gradients, {}), (simulate_relu_training, training)):
        whole, part = simulate(**arguments, **more, n_trials=3, seed=6), simulate(**arguments, **more, **rest)
        assert np.array_equal(whole.loss[1:], part.loss) and len(np.unique(whole.loss)) == whole.loss.size


@pytest.mark.parametrize("simulate", [simulate_relu_gradients, simulate_relu_training])
@pytest.mark.parametrize(
    ("name", "value"),
    [("n_samples", 0), ("n_features", 0), ("n_classes", 1), ("width", 0), ("head", "sigmoid"), ("n_trials", 0)],
)
def test_bad_input_of_networks(simulate, name, value):
    arguments = dict(n_samples=6, n_features=3, n_classes=2, width=4, n_trials=1, seed=0)
    if simulate is simulate_relu_training:
        arguments |= dict(learning_rate=0.1, record_steps=[0, 5])
    with pytest.raises(ValueError, match=name):
        simulate(**arguments | {name: value})


def test_bad_input_of_scales_and_steps():
    arguments = dict(n_samples=6, n_features=3, n_classes=2, width=4, n_trials=1, seed=0)
    with pytest.raises(ValueError, match="weight_scale"):
        simulate_relu_gradients(**arguments, weight_scale=0.0)
    for rate in (0.0, np.nan):
        with pytest.raises(ValueError, match="learning_rate"):
            simulate_relu_training(**arguments, learning_rate=rate, record_steps=[0])
    for steps in ([], [2, 1], [0.5], [-1]):
        with pytest.raises(ValueError, match="record_steps"):
            simulate_relu_training(**arguments, learning_rate=0.1, record_steps=steps)
    with pytest.raises(ValueError, match="learning_rate"):
        simulate_relu_training(**arguments, learning_rate=1e160, record_steps=[0, 1, 2, 3, 4])
