"""The recursion of the statistics against networks trained weight by weight, and against its published form."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.grokking import statistics_recursion

DIGITS = 2e-11  # reference values are given to 12 digits


def train_network(features, labels, weights, *, alpha, epsilon, eta, n_steps, center_output=True):
    """Gradient descent on every weight: train losses, final weights."""
    n_samples, d = features.shape
    width, weights = len(weights), weights.copy()

    def function():
        fields = features @ weights.T
        return alpha * np.mean(fields + 0.5 * epsilon * fields**2, axis=1)

    start, losses = function() if center_output else 0.0, []
    for _ in range(n_steps + 1):
        residuals = function() - start - labels
        losses.append(np.mean(residuals**2))
        slopes = alpha / width * (1 + epsilon * (features @ weights.T))
        gradient = 2 / n_samples * (residuals[:, None] * slopes).T @ features
        before, weights = weights, weights - eta * d * width / alpha**2 * gradient
    return np.array(losses), before


def moment_form(features, labels, mean, moment, *, alpha, epsilon, eta, n_steps, center_output=True):
    """The recursion as stated for (w_bar, M), term by term."""
    n_samples, d = features.shape

    def function():
        return alpha * features @ mean + alpha * epsilon / 2 * np.sum((features @ moment) * features, axis=1)

    start, losses = function() if center_output else 0.0, []
    for _ in range(n_steps + 1):
        residuals = function() - start - labels
        losses.append(np.mean(residuals**2))
        before = mean, moment
        g = 2 * eta * d / n_samples * features.T @ residuals
        B = np.eye(d) - epsilon / alpha * 2 * eta * d / n_samples * features.T @ np.diag(residuals) @ features
        cross = np.outer(B @ mean, g)
        mean, moment = B @ mean - g / alpha, B @ moment @ B.T - (cross + cross.T) / alpha + np.outer(g, g) / alpha**2
    return np.array(losses), *before


def public_names(alpha, epsilon, eta, n_steps):
    return dict(output_scale=alpha, quadratic_strength=epsilon, learning_rate=eta, n_steps=n_steps)


def test_reference_infinite_width(cosine_data):
    features, labels, _ = cosine_data(20, 8, 1.0)
    path = statistics_recursion(features, labels, **public_names(1.0, 0.5, 0.1, 50))
    assert path.train_loss.shape == (51,)
    assert_allclose(path.train_loss[[0, -1]], [0.191942581963, 0.0491853639789], rtol=DIGITS)
    assert np.trace(path.second_moment) == pytest.approx(9.76487304738, rel=DIGITS)


def test_reference_five_weights(cosine_data, cosine_weights):
    features, labels, _ = cosine_data(20, 8, 0.0)
    weights = cosine_weights(5, 8)
    start = dict(mean_weight=weights.mean(axis=0), second_moment=weights.T @ weights / 5)
    path = statistics_recursion(features, labels, **public_names(2.0, 0.7, 0.05, 80), **start)
    assert_allclose(path.train_loss[[0, -1]], [0.33677676726, 0.0101974580186], rtol=DIGITS)


@pytest.mark.parametrize("width", [1, 7, 64])
@pytest.mark.parametrize("center_output", [True, False])
def test_network_of_any_width(width, center_output):
    """A factor of the rank of the network keeps even a single weight exact, where rounding off its span would grow."""
    rng = np.random.default_rng(width)
    features = rng.normal(size=(60, 20)) / np.sqrt(20)
    labels = 0.5 * (20 * features[:, 0] ** 2 - 1)
    weights = rng.normal(size=(width, 20))
    setting = dict(alpha=2.0, epsilon=0.7, eta=0.15, n_steps=200)
    losses, trained = train_network(features, labels, weights, **setting, center_output=center_output)
    start = dict(mean_weight=weights.mean(axis=0), second_moment=weights.T @ weights / width)
    path = statistics_recursion(features, labels, **public_names(2.0, 0.7, 0.15, 200), **start,
                                center_output=center_output)  # fmt: skip
    assert_allclose(path.train_loss, losses, rtol=1e-12)
    assert_allclose(path.mean_weight, trained.mean(axis=0), atol=1e-12)
    assert_allclose(path.second_moment, trained.T @ trained / width, atol=1e-12 * width)


@pytest.mark.parametrize("seed", range(4))
def test_stated_form(seed):
    """Any symmetric second moment, also one that no network has."""
    rng = np.random.default_rng(seed)
    n_samples, d = 15, 6
    features, labels = rng.normal(size=(n_samples, d)) / np.sqrt(d), rng.normal(size=n_samples)
    mean, moment = rng.normal(size=d), rng.normal(size=(d, d))
    moment = moment + moment.T if seed % 2 else moment @ moment.T / d
    setting = dict(alpha=1.5, epsilon=0.2, eta=0.01, n_steps=30, center_output=seed < 2)
    losses, last_mean, last_moment = moment_form(features, labels, mean, moment, **setting)
    path = statistics_recursion(features, labels, **public_names(1.5, 0.2, 0.01, 30), mean_weight=mean,
                                second_moment=moment, center_output=seed < 2)  # fmt: skip
    assert_allclose(path.train_loss, losses, rtol=1e-12)
    assert_allclose(path.mean_weight, last_mean, atol=1e-12)
    assert_allclose(path.second_moment, last_moment, atol=1e-12)


def test_default_start_is_the_standard_normal_network(cosine_data):
    features, labels, _ = cosine_data(12, 5, 1.0)
    setting = public_names(1.0, 0.5, 0.1, 10)
    default = statistics_recursion(features, labels, **setting)
    stated = statistics_recursion(features, labels, **setting, mean_weight=np.zeros(5), second_moment=np.eye(5))
    assert_allclose(default.train_loss, stated.train_loss, rtol=0)
    assert_allclose(default.second_moment, stated.second_moment, rtol=0)


def test_empty_target_direction_stays_empty_off_the_data():
    """A direction without weights and without data is never entered; the rank of the factor says so exactly."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(30, 6)) / np.sqrt(6)
    features[:, 0] = 0.0
    moment = np.diag([0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    path = statistics_recursion(features, rng.normal(size=30), **public_names(1.0, 0.5, 0.1, 40), second_moment=moment)
    assert np.all(path.second_moment[0] == 0.0) and path.mean_weight[0] == 0.0


def test_second_moment_stays_positive_on_a_long_run(cosine_data):
    features, labels, _ = cosine_data(20, 8, 1.0)
    path = statistics_recursion(features, labels, **public_names(1.0, 0.5, 0.1, 3000))
    covariance = path.second_moment - np.outer(path.mean_weight, path.mean_weight)
    assert np.linalg.eigvalsh(covariance).min() > -1e-13 * np.trace(path.second_moment)
    assert path.train_loss[-1] < path.train_loss[100] < path.train_loss[0]


def test_rotations_and_permutations(cosine_data):
    features, labels, _ = cosine_data(20, 8, 1.0)
    setting = public_names(1.0, 0.5, 0.1, 50)
    path = statistics_recursion(features, labels, **setting)
    rng = np.random.default_rng(0)
    rotation, order = np.linalg.qr(rng.normal(size=(8, 8)))[0], rng.permutation(20)
    turned = statistics_recursion(features[order] @ rotation, labels[order], **setting)
    assert_allclose(turned.train_loss, path.train_loss, rtol=1e-12)
    assert_allclose(rotation @ turned.second_moment @ rotation.T, path.second_moment, atol=1e-12)


def test_linear_network(cosine_data):
    """Without the quadratic part it is least squares: the second moment moves with the mean alone."""
    features, labels, _ = cosine_data(20, 8, 1.0)
    path = statistics_recursion(features, labels, **public_names(3.0, 0.0, 0.1, 25))
    residuals = -labels
    for _ in range(25):
        residuals = residuals - 2 * 0.1 * 8 / 20 * features @ (features.T @ residuals)
    assert path.train_loss[-1] == pytest.approx(np.mean(residuals**2), rel=1e-13)
    assert_allclose(path.second_moment, np.eye(8) + np.outer(path.mean_weight, path.mean_weight), atol=1e-14)


def test_no_steps(cosine_data):
    features, labels, _ = cosine_data(20, 8, 0.0)
    path = statistics_recursion(features, labels, **public_names(1.0, 0.5, 0.1, 0))
    assert_allclose(path.train_loss, [np.mean(labels**2)], rtol=1e-15)
    assert_allclose(path.second_moment, np.eye(8), atol=1e-15)


def test_divergence_names_the_learning_rate(cosine_data):
    features, labels, _ = cosine_data(20, 8, 0.0)
    with pytest.raises(ValueError, match="learning_rate"):
        statistics_recursion(features, labels, **public_names(1.0, 0.5, 50.0, 500))
