"""SGD on finitely many samples: enumeration of all runs, exact rationals, the product laws it contains, bad input."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from theory.accelerated_sgd import discrete_feature_curve, learning_curve

FEATURES = np.array([[1.0, 0.5, -0.2], [-0.3, 0.8, 0.4], [0.6, -0.7, 0.1], [0.2, 0.1, -0.9]])
TARGETS = np.array([1.0, -0.5, 0.3, 0.7])
TEST_LAW = dict(test_covariance=np.diag([1.0, 0.5, 0.25]), true_weights=[1.0, -1.0, 0.5], test_noise_variance=0.1)


def enumerated(features, targets, probabilities, start, eta, batch, n_steps, test_covariance, true_weights):
    """Mean losses over every sequence of batches, weighted by its probability."""
    runs = [(1.0, np.asarray(start, dtype=float))]
    train, test = [], []
    for step in range(n_steps + 1):
        train.append(sum(p * probabilities @ (targets - features @ w) ** 2 for p, w in runs))
        test.append(sum(p * (w - true_weights) @ test_covariance @ (w - true_weights) for p, w in runs))
        if step < n_steps:
            runs = [
                (
                    p * math.prod(probabilities[list(draw)]),
                    w - eta * np.mean([features[j] * (features[j] @ w - targets[j]) for j in draw], axis=0),
                )
                for p, w in runs
                for draw in itertools.product(range(len(targets)), repeat=batch)
            ]
    return np.array(train), np.array(test)


def rational_curve(features, targets, eta, batch, n_steps):
    """The uncentred recursion for E w and E w w^T, uniform probabilities and w_0 = 0, in exact rationals."""
    x = [[Fraction(v) for v in row] for row in features]
    y = [Fraction(v) for v in targets]
    eta, m, n, d = Fraction(eta), Fraction(batch), len(x), len(x[0])
    axes = range(d)
    s = [[sum(row[i] * row[j] for row in x) / n for j in axes] for i in axes]
    h = [sum(row[i] * label for row, label in zip(x, y, strict=True)) / n for i in axes]
    mean, second = [Fraction(0)] * d, [[Fraction(0)] * d for _ in axes]
    losses = []
    for _ in range(n_steps + 1):
        r = [
            sum(row[i] * second[i][j] * row[j] for i in axes for j in axes)
            - 2 * label * sum(row[i] * mean[i] for i in axes)
            + label**2
            for row, label in zip(x, y, strict=True)
        ]
        losses.append(float(sum(r) / n))
        product = [[sum(second[i][k] * s[k][j] for k in axes) for j in axes] for i in axes]
        w = [[product[i][j] - mean[i] * h[j] for j in axes] for i in axes]
        sm = [sum(s[i][k] * mean[k] for k in axes) for i in axes]
        gradient = [
            [
                (1 - 1 / m) * (sum(s[i][k] * product[k][j] for k in axes) - sm[i] * h[j] - h[i] * sm[j] + h[i] * h[j])
                + sum(r[a] * x[a][i] * x[a][j] for a in range(n)) / n / m
                for j in axes
            ]
            for i in axes
        ]
        second = [[second[i][j] - eta * (w[i][j] + w[j][i]) + eta**2 * gradient[i][j] for j in axes] for i in axes]
        mean = [mean[i] - eta * (sm[i] - h[i]) for i in axes]
    return np.array(losses)


def test_reference_values():
    curve = discrete_feature_curve(FEATURES, TARGETS, learning_rate=0.2, batch_size=2, n_steps=25, **TEST_LAW)
    assert_allclose(curve.train_loss[[0, 1, 25]], [0.4575, 0.383771292812, 0.010156806696], rtol=0, atol=6e-13)
    assert_allclose(curve.test_loss[[0, 1, 25]], [1.6625, 1.536131875, 0.982974158513], rtol=0, atol=6e-13)


@pytest.mark.parametrize(
    ("shape", "batch", "n_steps"), [((3, 2), 2, 3), ((3, 5), 2, 3), ((2, 3), 3, 3), ((4, 2), 1, 5), ((5, 1), 4, 1)]
)
def test_agrees_with_every_sequence_of_batches(shape, batch, n_steps):
    rng = np.random.default_rng(shape[0] + 10 * shape[1])
    features, targets, start = rng.normal(size=shape), rng.normal(size=shape[0]), rng.normal(size=shape[1])
    probabilities = rng.dirichlet(np.ones(shape[0]))
    root, true_weights = rng.normal(size=(shape[1], 3)), rng.normal(size=shape[1])
    test_covariance = root @ root.T
    expected = enumerated(features, targets, probabilities, start, 0.15, batch, n_steps, test_covariance, true_weights)
    curve = discrete_feature_curve(
        features,
        targets,
        learning_rate=0.15,
        batch_size=batch,
        n_steps=n_steps,
        probabilities=probabilities,
        test_covariance=test_covariance,
        true_weights=true_weights,
        initial_weights=start,
    )
    assert_allclose(curve.train_loss, expected[0], rtol=1e-12)
    assert_allclose(curve.test_loss, expected[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("features", "targets", "last_loss"),
    [
        ([[2, 1, 0], [-1, 2, 1]], [3, -1], 1e-22),
        ([[2, 1, 0], [-1, 2, 1], [0, -1, 2]], [1, 2, 3], 4e-12),
        ([[2, 1], [-1, 2], [1, 1], [0, -2]], [1, 2, 3, -2], 1.0),
    ],
)
def test_agrees_with_exact_rationals_down_to_interpolation(features, targets, last_loss):
    exact = rational_curve(features, targets, 0.125, 2, 80)
    curve = discrete_feature_curve(features, targets, learning_rate=0.125, batch_size=2, n_steps=80)
    # The floor is the squared residual of the interpolating solution, which is zero up to rounding.
    assert_allclose(curve.train_loss, exact, rtol=1e-12, atol=1e-30)
    assert 0.1 * last_loss < exact[-1] < 10 * last_loss


def test_small_losses_keep_their_digits():
    # One sample: the loss is y^2 (1 - eta |x|^2)^(2 t) exactly.
    x = np.array([[0.6, 0.8, 0.0]])
    curve = discrete_feature_curve(x, [2.0], learning_rate=0.5, batch_size=1, n_steps=40)
    assert_allclose(curve.train_loss, 4.0 * 0.25 ** np.arange(41.0), rtol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_contains_the_law_of_independent_signs(noise):
    """Features +-sqrt(lambda_i) on all corners of the cube are the product law of kurtosis 1."""
    eigenvalues, target = np.array([1.0, 0.5, 0.25]), np.array([1.0, -0.7, 0.4])
    corners = np.array(list(itertools.product([-1.0, 1.0], repeat=4)))
    features = corners[:, :3] * np.sqrt(eigenvalues)
    targets = features @ target + np.sqrt(noise) * corners[:, 3]
    curve = discrete_feature_curve(features, targets, learning_rate=0.3, batch_size=2, n_steps=50)
    expected = learning_curve(
        eigenvalues, target, learning_rate=0.3, batch_size=2, n_steps=50, noise_variance=noise, kurtosis=1.0
    )
    assert_allclose(curve.train_loss, expected, rtol=1e-12)


def test_train_loss_is_the_test_loss_under_the_empirical_law():
    rng = np.random.default_rng(3)
    features, truth = rng.normal(size=(6, 4)), rng.normal(size=4)
    curve = discrete_feature_curve(
        features,
        features @ truth,
        learning_rate=0.1,
        batch_size=1.5,
        n_steps=30,
        test_covariance=features.T @ features / 6,
        true_weights=truth,
    )
    assert_allclose(curve.test_loss, curve.train_loss, rtol=1e-11)


def test_infinite_batch_is_gradient_descent():
    curve = discrete_feature_curve(
        FEATURES,
        TARGETS,
        learning_rate=0.4,
        batch_size=math.inf,
        n_steps=30,
        initial_weights=[1.0, 2.0, 3.0],
        **TEST_LAW,
    )
    w, expected = np.array([1.0, 2.0, 3.0]), []
    for _ in range(31):
        expected.append(np.mean((TARGETS - FEATURES @ w) ** 2))
        w = w - 0.4 * FEATURES.T @ (FEATURES @ w - TARGETS) / 4
    assert_allclose(curve.train_loss, expected, rtol=1e-12)


def test_symmetries():
    rng = np.random.default_rng(4)
    settings = dict(learning_rate=0.2, batch_size=3, n_steps=20)
    reference = discrete_feature_curve(FEATURES, TARGETS, **settings, **TEST_LAW)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotated = discrete_feature_curve(
        FEATURES @ rotation,
        TARGETS,
        **settings,
        test_covariance=rotation.T @ TEST_LAW["test_covariance"] @ rotation,
        true_weights=rotation.T @ TEST_LAW["true_weights"],
        test_noise_variance=0.1,
    )
    assert_allclose(rotated.train_loss, reference.train_loss, rtol=1e-12)
    assert_allclose(rotated.test_loss, reference.test_loss, rtol=1e-12)
    # Samples repeated, in another order, beside one that is never drawn.
    order = np.array([2, 0, 1, 3, 0])
    again = discrete_feature_curve(
        np.vstack([FEATURES[order], [[9.0, 9.0, 9.0]]]),
        np.append(TARGETS[order], 50.0),
        probabilities=[0.25, 0.1, 0.25, 0.25, 0.15, 0.0],
        **settings,
    )
    assert_allclose(again.train_loss, reference.train_loss, rtol=1e-12)
    assert again.test_loss is None
    # Moving the origin of the weights moves start, targets and truth.
    shift = rng.normal(size=3)
    moved = discrete_feature_curve(
        FEATURES,
        TARGETS + FEATURES @ shift,
        initial_weights=shift,
        **settings,
        **{**TEST_LAW, "true_weights": TEST_LAW["true_weights"] + shift},
    )
    assert_allclose(moved.test_loss, reference.test_loss, rtol=1e-12)


def test_directions_without_samples_do_not_move():
    padded = np.hstack([FEATURES, np.zeros((4, 2))])
    settings = dict(learning_rate=0.2, batch_size=2, n_steps=15)
    reference = discrete_feature_curve(FEATURES, TARGETS, **settings)
    curve = discrete_feature_curve(
        padded,
        TARGETS,
        initial_weights=[0, 0, 0, 1.0, 2.0],
        test_covariance=np.diag([0, 0, 0, 1.0, 1.0]),
        true_weights=np.zeros(5),
        **settings,
    )
    assert_allclose(curve.train_loss, reference.train_loss, rtol=1e-12)
    assert_allclose(curve.test_loss, 5.0, rtol=1e-14)
    nothing = discrete_feature_curve(np.zeros((2, 3)), [1.0, 3.0], **settings)
    assert_array_equal(nothing.train_loss, np.full(16, 5.0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("features", [1.0, 2.0]),
        ("features", np.full((4, 3), math.nan)),
        ("targets", [1.0, 2.0]),
        ("targets", [1.0, math.inf, 0.0, 0.0]),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("batch_size", 0.5),
        ("n_steps", -1),
        ("n_steps", 2.5),
        ("probabilities", [0.5, 0.5]),
        ("probabilities", [0.5, 0.5, 0.5, -0.5]),
        ("probabilities", [0.25, 0.25, 0.25, 0.2]),
        ("test_covariance", np.eye(2)),
        ("test_covariance", np.triu(np.ones((3, 3)))),
        ("test_covariance", None),
        ("true_weights", [1.0]),
        ("test_noise_variance", -0.1),
        ("initial_weights", [0.0]),
    ],
)
def test_bad_input(name, value):
    arguments = dict(features=FEATURES, targets=TARGETS, learning_rate=0.2, batch_size=2, n_steps=3, **TEST_LAW)
    with pytest.raises(ValueError, match=name):
        discrete_feature_curve(**{**arguments, name: value})


def test_a_diverging_run_is_reported_when_it_overflows():
    settings = dict(learning_rate=50.0, batch_size=1)
    short = discrete_feature_curve(FEATURES, TARGETS, n_steps=20, **settings)
    assert np.isfinite(short.train_loss).all() and short.train_loss[-1] > 1e20
    with pytest.raises(ValueError, match=r"n_steps.*at most 102.*overflow"):
        discrete_feature_curve(FEATURES, TARGETS, n_steps=1000, **settings)
