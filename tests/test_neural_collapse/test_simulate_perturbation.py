"""Flow and minimisers near collapse, against plain integrators, general optimisers and stationarity."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from simulations.neural_collapse import simulate_central_path, simulate_proximity_minimiser

LABELS = np.repeat(np.arange(4), 6)
TARGETS = np.eye(4)[:, LABELS]


def classifier_of(features, weight_ridge):
    gram = features @ features.T + 6 * weight_ridge * np.eye(len(features))
    return TARGETS @ features.T @ np.linalg.inv(gram)


def collapsed(scale, dimension=7, seed=0):
    frame = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimension, 4)))[0]
    return scale * frame @ TARGETS


# Central path -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [3, 5, 30])
def test_flow_against_small_steps_of_another_method(dimension):
    start = np.random.default_rng(1).standard_normal((dimension, 24))
    path = simulate_central_path(start, LABELS, weight_ridge=0.05, times=[0.0, 0.3, 1.0])

    def velocity(now):
        classifier = classifier_of(now, 0.05)
        return -classifier.T @ (classifier @ now - TARGETS)

    now, step = start, 1e-3
    np.testing.assert_array_equal(path.features[0], start)
    for count in range(1, 1001):  # the classical method of order 4: error step^4
        first = velocity(now)
        second = velocity(now + step / 2 * first)
        third = velocity(now + step / 2 * second)
        now = now + step / 6 * (first + 2 * second + 2 * third + velocity(now + step * third))
        if count == 300:
            np.testing.assert_allclose(path.features[1], now, atol=1e-8)
    np.testing.assert_allclose(path.features[2], now, atol=1e-8)


def test_traces():
    start = np.random.default_rng(2).standard_normal((5, 24))
    path = simulate_central_path(start, LABELS, weight_ridge=0.1, times=[0.0, 2.0])
    for index, features in enumerate(path.features):
        means = np.stack([features[:, LABELS == k].mean(axis=1) for k in range(4)], axis=1)
        within = np.mean([np.sum((features[:, i] - means[:, LABELS[i]]) ** 2) for i in range(24)])
        between = np.mean(np.sum((means - features.mean(axis=1, keepdims=True)) ** 2, axis=0))
        np.testing.assert_allclose([path.within[index], path.between[index]], [within, between], rtol=1e-12)


def test_within_falls_and_between_rises():
    times = np.linspace(0.0, 20.0, 200)
    for seed in range(4):
        start = np.random.default_rng(seed).standard_normal((6, 24))
        path = simulate_central_path(start, LABELS, weight_ridge=0.05, times=times)
        assert np.all(np.diff(path.within) < 0.0) and np.all(np.diff(path.between) > 0.0)


def test_rates_at_the_start():
    start, step = np.random.default_rng(5).standard_normal((6, 24)), 1e-4
    path = simulate_central_path(start, LABELS, weight_ridge=0.05, times=[0.0, step, 2 * step])
    classifier = classifier_of(start, 0.05)
    means = start @ TARGETS.T / 6
    deviations = start - means @ TARGETS
    falls = -2 * np.sum((classifier @ deviations) ** 2) / 24
    one_sided = np.array([-1.5, 2.0, -0.5]) / step
    # A one-sided difference of second order: step^2 times third derivatives, rounding 1e-16 / step.
    np.testing.assert_allclose(one_sided @ path.within, falls, rtol=1e-6)


def test_order_of_samples_and_rotations_do_not_matter():
    rng = np.random.default_rng(6)
    start, order = rng.standard_normal((5, 24)), rng.permutation(24)
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    plain = simulate_central_path(start, LABELS, weight_ridge=0.05, times=[0.5])
    turned = simulate_central_path(turn @ start[:, order], LABELS[order], weight_ridge=0.05, times=[0.5])
    np.testing.assert_allclose(turned.features[0], turn @ plain.features[0][:, order], atol=1e-9)
    np.testing.assert_allclose(turned.within, plain.within, rtol=1e-9)


def test_a_path_of_no_length():
    start = np.random.default_rng(7).standard_normal((3, 24))
    path = simulate_central_path(start, LABELS, weight_ridge=0.05, times=[0.0])
    np.testing.assert_array_equal(path.features, start[None])


# Proximity minimiser ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.05, 1.0])
@pytest.mark.parametrize(
    ("weight_ridge", "proximity"), [(0.05, 0.4), (0.05, 0.01), (0.5, 0.02), (0.001, 0.05), (0.1, 30.0)]
)
@pytest.mark.parametrize("dimension", [3, 7, 20])
def test_minimisers_are_stationary(noise, weight_ridge, proximity, dimension):
    rng = np.random.default_rng(8)
    frame = rng.standard_normal((dimension, 4))
    inputs = frame / np.linalg.norm(frame, axis=0) @ TARGETS + noise * rng.standard_normal((dimension, 24))
    features, classifier = simulate_proximity_minimiser(inputs, LABELS, weight_ridge=weight_ridge, proximity=proximity)
    residual = classifier @ features - TARGETS
    np.testing.assert_allclose(classifier.T @ residual + proximity * (features - inputs), 0.0, atol=1e-13)
    np.testing.assert_allclose(residual @ features.T + 6 * weight_ridge * classifier, 0.0, atol=1e-12)


def test_minimum_against_a_general_optimiser():
    labels, targets = np.array([0, 0, 1, 1]), np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]])
    inputs = np.random.default_rng(9).standard_normal((3, 4))

    def objective(flat):
        features, classifier = flat[:12].reshape(3, 4), flat[12:].reshape(2, 3)
        fit = np.sum((classifier @ features - targets) ** 2) / 8
        return fit + 0.1 / 4 * np.sum(classifier**2) + 0.3 / 8 * np.sum((features - inputs) ** 2)

    features, classifier = simulate_proximity_minimiser(inputs, labels, weight_ridge=0.1, proximity=0.3)
    ours = objective(np.concatenate([features.ravel(), classifier.ravel()]))
    start = np.concatenate([inputs.ravel(), np.linalg.pinv(inputs).T.ravel()[:6]])
    theirs = minimize(objective, start, options=dict(gtol=1e-8))
    np.testing.assert_allclose(ours, theirs.fun, rtol=1e-12)


def test_collapsed_input_keeps_its_frame():
    """On orthonormal class means the problem is one equation for the scale h."""
    inputs = collapsed(1.3)
    features, classifier = simulate_proximity_minimiser(inputs, LABELS, weight_ridge=0.05, proximity=0.4)
    scale = brentq(lambda h: h - 1.3 - h * 0.05 / (0.4 * (h**2 + 0.05) ** 2), 1.3, 3.0, xtol=1e-15)
    np.testing.assert_allclose(scale, 1.348303645903832, rtol=1e-13)
    np.testing.assert_allclose(features, inputs * scale / 1.3, atol=1e-13)
    np.testing.assert_allclose(classifier.T, inputs[:, ::6] / 1.3 * scale / (scale**2 + 0.05), atol=1e-13)


def test_deviations_within_classes_shrink():
    inputs = collapsed(1.0) + np.random.default_rng(10).standard_normal((7, 24))
    features, classifier = simulate_proximity_minimiser(inputs, LABELS, weight_ridge=0.05, proximity=0.2)
    centring = np.eye(24) - TARGETS.T @ TARGETS / 6
    shrunk = 0.2 * np.linalg.solve(0.2 * np.eye(7) + classifier.T @ classifier, inputs @ centring)
    np.testing.assert_allclose(features @ centring, shrunk, atol=1e-13)


def test_order_of_samples_does_not_matter():
    rng = np.random.default_rng(11)
    inputs, order = rng.standard_normal((5, 24)), rng.permutation(24)
    common = dict(weight_ridge=0.1, proximity=0.3)
    plain = simulate_proximity_minimiser(inputs, LABELS, **common)
    shuffled = simulate_proximity_minimiser(inputs[:, order], LABELS[order], **common)
    np.testing.assert_allclose(shuffled.features, plain.features[:, order], atol=1e-13)


BAD = [
    ("labels", np.repeat([0, 1], [5, 7])), ("labels", np.zeros(12)), ("labels", np.repeat([0, 2], 6)),
    ("labels", np.repeat([0, 1], 5)), ("labels", np.full(12, 0.5)), ("weight_ridge", 0.0), ("weight_ridge", np.nan),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [*BAD, ("features", np.ones(12)), ("features", np.full((2, 12), np.nan)), ("times", []), ("times", [-1.0]),
     ("times", [1.0, 1.0]), ("times", [np.inf])],
)  # fmt: skip
def test_central_path_refuses(name, value):
    arguments = dict(features=np.ones((2, 12)), labels=np.repeat([0, 1], 6), weight_ridge=0.1, times=[1.0])
    with pytest.raises(ValueError, match=name):
        simulate_central_path(**(arguments | {name: value}))


@pytest.mark.parametrize(("name", "value"), [*BAD, ("input_features", np.ones((2, 2, 6))), ("proximity", 0.0)])
def test_proximity_minimiser_refuses(name, value):
    arguments = dict(input_features=np.ones((2, 12)), labels=np.repeat([0, 1], 6), weight_ridge=0.1, proximity=0.1)
    with pytest.raises(ValueError, match=name):
        simulate_proximity_minimiser(**(arguments | {name: value}))
