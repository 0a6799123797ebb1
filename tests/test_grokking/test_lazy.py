"""The lazy limit on given data against linearised gradient descent, and its laws against the full recursion."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.grokking import first_order_features, lazy_training_path, statistics_recursion, tangent_kernel
from theory.grokking import test_loss_terms as loss_terms

DIGITS = 2e-11


def linearised_descent(features, labels, direction, *, epsilon, eta, n_steps, offset, mean, moment):
    """Gradient descent on the dual coefficients, with the test loss from the kernel on a Gauss-Hermite grid."""
    n_samples, d = features.shape
    kernel = tangent_kernel(features, features, mean, moment, quadratic_strength=epsilon)
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    inputs = np.column_stack([grid.ravel() for grid in np.meshgrid(*[nodes] * d)]) / np.sqrt(d)
    weights = np.prod(np.meshgrid(*[weights / weights.sum()] * d), axis=0).ravel()
    to_test = tangent_kernel(inputs, features, mean, moment, quadratic_strength=epsilon)
    target = 0.5 * ((inputs @ direction) ** 2 - offset)
    dual, train, test = np.zeros(n_samples), [], []
    for _ in range(n_steps + 1):
        residuals = kernel @ dual - labels
        train.append(np.mean(residuals**2))
        test.append(weights @ (to_test @ dual - target) ** 2)
        before, dual = dual, dual - 2 * eta * d / n_samples * residuals
    return np.array(train), np.array(test), before


def test_reference_infinite_width(cosine_data):
    path = lazy_training_path(*cosine_data(20, 8, 1.0), quadratic_strength=0.5, learning_rate=0.1, n_steps=50,
                              target_offset=1.0)  # fmt: skip
    values = [path.train_loss[-1], path.test_loss[-1], path.dual_coefficients.sum()]
    assert_allclose(values, [0.0378428646767, 0.468389876646, -4.2611693133], rtol=DIGITS)


def test_reference_first_features(cosine_data):
    features, labels, direction = cosine_data(20, 8, 1.0)
    path = lazy_training_path(features, labels, direction, quadratic_strength=0.5, learning_rate=0.1, n_steps=50)
    mean, moment = first_order_features(features, path.dual_coefficients, output_scale=1.0, quadratic_strength=0.5)
    assert_allclose([np.linalg.norm(mean), np.linalg.norm(moment)], [0.518989511844, 4.20021454158], rtol=DIGITS)


def test_reference_five_weights(cosine_data, cosine_weights):
    weights = cosine_weights(5, 8)
    start = dict(mean_weight=weights.mean(axis=0), second_moment=weights.T @ weights / 5)
    path = lazy_training_path(*cosine_data(20, 8, 0.0), quadratic_strength=0.7, learning_rate=0.05, n_steps=80, **start)
    assert_allclose([path.train_loss[-1], path.test_loss[-1]], [0.0531479948058, 0.649539064774], rtol=DIGITS)


@pytest.mark.parametrize(
    ("n_samples", "epsilon", "eta", "offset", "width"),
    [
        (5, 0.8, 0.2, 1.0, None),  # more features than samples would need at epsilon = 0
        (9, 0.5, 0.3, 0.0, None),
        (9, 0.0, 0.2, 0.3, None),  # a singular kernel: its null space grows for ever and changes nothing
        (7, 0.6, 0.1, 0.0, 2),
        (30, 1e-9, 0.3, 1.0, None),
        (4, 0.5, 0.9, 0.5, None),  # modes that oscillate
    ],
)
def test_linearised_descent(n_samples, epsilon, eta, offset, width):
    rng = np.random.default_rng(n_samples)
    features, direction = rng.normal(size=(n_samples, 3)) / np.sqrt(3), rng.normal(size=3)
    labels = rng.normal(size=n_samples)
    mean, moment = np.zeros(3), np.eye(3)
    if width:
        weights = rng.normal(size=(width, 3))
        mean, moment = weights.mean(axis=0), weights.T @ weights / width
    largest = np.linalg.eigvalsh(tangent_kernel(features, features, mean, moment, quadratic_strength=epsilon))[-1]
    eta *= n_samples / 3 / largest  # in units of the edge
    setting = dict(n_steps=300, mean=mean, moment=moment, epsilon=epsilon, eta=eta, offset=offset)
    train, test, dual = linearised_descent(features, labels, direction, **setting)
    path = lazy_training_path(features, labels, direction, quadratic_strength=epsilon, learning_rate=eta, n_steps=300,
                              target_offset=offset, mean_weight=mean, second_moment=moment)  # fmt: skip
    assert_allclose(path.train_loss, train, rtol=1e-10, atol=1e-20)
    assert_allclose(path.test_loss, test, rtol=1e-10)
    assert_allclose(path.dual_coefficients, dual, rtol=1e-9, atol=1e-9 * np.abs(dual).max())


def test_end_is_kernel_regression(cosine_data):
    features, labels, direction = cosine_data(12, 8, 1.0)
    kernel = tangent_kernel(features, features, np.zeros(8), np.eye(8), quadratic_strength=1.0)
    path = lazy_training_path(features, labels, direction, quadratic_strength=1.0, learning_rate=0.15, n_steps=400)
    assert_allclose(path.dual_coefficients, np.linalg.solve(kernel, labels), rtol=1e-8)
    assert path.train_loss[-1] < 1e-20


def test_block_boundaries_do_not_show(cosine_data):
    arguments = dict(quadratic_strength=0.5, learning_rate=0.1)
    long = lazy_training_path(*cosine_data(20, 8, 1.0), **arguments, n_steps=600)
    short = lazy_training_path(*cosine_data(20, 8, 1.0), **arguments, n_steps=256)
    assert_allclose(long.test_loss[:257], short.test_loss, rtol=1e-13)
    assert long.train_loss.shape == (601,) and np.all(np.diff(long.train_loss) <= 0)


@pytest.mark.parametrize("width", [None, 25])
def test_orders_in_the_output_scale(width):
    """Losses approach the lazy limit as 1 / alpha; the first features leave a remainder of 1 / alpha^2."""
    rng = np.random.default_rng(5)
    d, n_samples, epsilon, eta, n_steps = 20, 30, 1.0, 0.2, 150
    features = rng.normal(size=(n_samples, d)) / np.sqrt(d)
    direction = np.sqrt(d) * np.eye(d)[0]
    labels = 0.5 * ((features @ direction) ** 2 - 1)
    mean, moment = np.zeros(d), np.eye(d)
    if width:
        weights = rng.normal(size=(width, d))
        mean, moment = weights.mean(axis=0), weights.T @ weights / width
    start = dict(mean_weight=mean, second_moment=moment)
    training = dict(quadratic_strength=epsilon, learning_rate=eta, n_steps=n_steps)
    lazy = lazy_training_path(features, labels, direction, **training, target_offset=1.0, **start)
    errors = []
    for alpha in (256.0, 512.0):
        path = statistics_recursion(features, labels, output_scale=alpha, **training, **start)
        terms = loss_terms(path.mean_weight, path.second_moment, direction, output_scale=alpha,
                           quadratic_strength=epsilon, target_offset=1.0, initial_mean_weight=mean,
                           initial_second_moment=moment)  # fmt: skip
        shifts = first_order_features(features, lazy.dual_coefficients, output_scale=alpha, quadratic_strength=epsilon,
                                      **start)  # fmt: skip
        changes = path.mean_weight - mean, path.second_moment - moment
        errors.append([
            np.abs(path.train_loss - lazy.train_loss).max(),
            abs(terms.total - lazy.test_loss[-1]),
            np.linalg.norm(changes[1]),
            np.linalg.norm(changes[0] - shifts[0]),
            np.linalg.norm(changes[1] - shifts[1]),
        ])  # fmt: skip
    slopes = np.log2(np.array(errors[1]) / errors[0])
    assert_allclose(slopes, [-1, -1, -1, -2, -2], atol=0.03)  # the next order, 1 / alpha, at alpha = 256


def test_spectral_form_at_infinite_width(cosine_data):
    """The second moment moves by (2 epsilon / alpha) X^T diag(a) X."""
    features, labels, _ = cosine_data(12, 8, 1.0)
    mean, moment = first_order_features(features, labels, output_scale=4.0, quadratic_strength=0.5)
    assert_allclose(moment, 2 * 0.5 / 4.0 * features.T @ np.diag(labels) @ features, atol=1e-15)
    assert_allclose(mean, features.T @ labels / 4.0, atol=1e-15)


def test_displacement_of_the_weights(cosine_data, cosine_weights):
    """Trained to the end each weight has moved, in mean square, by y^T K_0^{-1} y / alpha^2, to leading order."""
    features, labels, _ = cosine_data(12, 8, 0.0)
    weights, epsilon, alpha, eta = cosine_weights(9, 8), 1.0, 2000.0, 0.1
    kernel = tangent_kernel(
        features, features, weights.mean(axis=0), weights.T @ weights / 9, quadratic_strength=epsilon
    )
    moved = weights.copy()
    fields = features @ weights.T
    start = alpha * np.mean(fields + 0.5 * epsilon * fields**2, axis=1)
    for _ in range(700):
        fields = features @ moved.T
        residuals = alpha * np.mean(fields + 0.5 * epsilon * fields**2, axis=1) - start - labels
        moved -= 2 * eta * 8 / 12 / alpha * (residuals[:, None] * (1 + epsilon * fields)).T @ features
    expected = labels @ np.linalg.solve(kernel, labels)
    assert alpha**2 * np.mean(np.sum((moved - weights) ** 2, axis=1)) == pytest.approx(expected, rel=5 / alpha)


def test_edge_of_stability(cosine_data):
    features, labels, direction = cosine_data(20, 8, 1.0)
    largest = np.linalg.eigvalsh(tangent_kernel(features, features, np.zeros(8), np.eye(8), quadratic_strength=0.5))[-1]
    edge = 20 / 8 / largest
    path = lazy_training_path(
        features, labels, direction, quadratic_strength=0.5, learning_rate=edge * (1 - 1e-9), n_steps=50
    )
    assert np.isfinite(path.test_loss).all()
    with pytest.raises(ValueError, match="learning_rate"):
        lazy_training_path(
            features, labels, direction, quadratic_strength=0.5, learning_rate=edge * (1 + 1e-9), n_steps=50
        )
