"""The terms of the test loss, the tangent kernel, its alignment and the gap, against integrals and definitions."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.grokking import grokking_gap, population_kernel_alignment, statistics_recursion, tangent_kernel
from theory.grokking import test_loss_terms as loss_terms  # under its own name pytest would collect it

DIGITS = 2e-11


def normal_grid(d, n_nodes=7):
    """Nodes (n, d) and weights of a Gauss-Hermite rule for x ~ N(0, I_d / d), exact up to degree 13 per entry."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    grids = np.meshgrid(*[nodes] * d, indexing="ij")
    products = np.prod(np.meshgrid(*[weights / weights.sum()] * d, indexing="ij"), axis=0)
    return np.column_stack([grid.ravel() for grid in grids]) / np.sqrt(d), products.ravel()


def random_statistics(seed, d):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(4, d)) + 0.3
    return weights.mean(axis=0), weights.T @ weights / 4, rng.normal(size=d)


def test_reference_terms_infinite_width(cosine_data):
    features, labels, direction = cosine_data(20, 8, 1.0)
    setting = dict(output_scale=1.0, quadratic_strength=0.5)
    path = statistics_recursion(features, labels, **setting, learning_rate=0.1, n_steps=50)
    terms = loss_terms(path.mean_weight, path.second_moment, direction, **setting, target_offset=1.0,
                       initial_mean_weight=np.zeros(8), initial_second_moment=np.eye(8))  # fmt: skip
    expected = [0.00304177429039, 0.32332611131, 0.0243244073925]
    assert_allclose([terms.variance, terms.misalignment, terms.linear], expected, rtol=DIGITS)
    assert terms.total == pytest.approx(sum(expected), rel=DIGITS)


def test_reference_terms_five_weights(cosine_data, cosine_weights):
    features, labels, direction = cosine_data(20, 8, 0.0)
    weights = cosine_weights(5, 8)
    mean, moment = weights.mean(axis=0), weights.T @ weights / 5
    setting = dict(output_scale=2.0, quadratic_strength=0.7)
    path = statistics_recursion(features, labels, **setting, learning_rate=0.05, n_steps=80, mean_weight=mean,
                                second_moment=moment)  # fmt: skip
    terms = loss_terms(path.mean_weight, path.second_moment, direction, **setting, initial_mean_weight=mean,
                       initial_second_moment=moment)  # fmt: skip
    expected = [0.00861666748764, 0.479501479737, 0.0705632870906]
    assert_allclose([terms.variance, terms.misalignment, terms.linear], expected, rtol=DIGITS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("centred", [True, False])
def test_terms_are_the_integral_of_the_squared_error(seed, centred):
    d, alpha, epsilon, offset = 3, 1.7, 0.6, 0.4
    mean, moment, direction = random_statistics(seed, d)
    first_mean, first_moment, _ = random_statistics(seed + 10, d) if centred else (0 * mean, 0 * moment, None)
    inputs, weights = normal_grid(d)
    linear = alpha * inputs @ (mean - first_mean)
    quadratic = alpha * epsilon / 2 * np.sum(inputs @ (moment - first_moment) * inputs, axis=1)
    error = linear + quadratic - 0.5 * ((inputs @ direction) ** 2 - offset)
    start = dict(initial_mean_weight=first_mean, initial_second_moment=first_moment) if centred else {}
    terms = loss_terms(mean, moment, direction, output_scale=alpha, quadratic_strength=epsilon, target_offset=offset,
                       **start)  # fmt: skip
    assert terms.total == pytest.approx(weights @ error**2, rel=1e-12)
    assert terms.variance == pytest.approx((weights @ error) ** 2, rel=1e-12)
    assert terms.linear == pytest.approx(weights @ linear**2, rel=1e-12)
    assert terms.misalignment == pytest.approx(terms.total - terms.variance - terms.linear, rel=1e-12)


def test_untrained_network_has_the_loss_of_zero():
    """Centred and untrained it predicts 0: the loss is E y^2 = ((1 - c_0)^2 + 2) / 4."""
    direction = np.array([2.0, 0.0, 0.0, 0.0])
    for offset in (0.0, 1.0, -2.0):
        start = dict(initial_mean_weight=np.ones(4), initial_second_moment=np.eye(4))
        terms = loss_terms(np.ones(4), np.eye(4), direction, output_scale=3.0, quadratic_strength=0.2,
                           target_offset=offset, **start)  # fmt: skip
        assert terms.total == pytest.approx(((1 - offset) ** 2 + 2) / 4, rel=1e-15)
        assert terms.linear == 0.0


@pytest.mark.parametrize("width", [1, 6])
def test_tangent_kernel_is_the_gram_matrix_of_gradients(width):
    rng = np.random.default_rng(width)
    d, epsilon = 5, 0.8
    left, right, weights = rng.normal(size=(4, d)), rng.normal(size=(3, d)), rng.normal(size=(width, d))

    def gradients(inputs):  # of f sqrt(N) / alpha
        slopes = (1 + epsilon * inputs @ weights.T) / np.sqrt(width)
        return (slopes[:, :, None] * inputs[:, None, :]).reshape(len(inputs), -1)

    mean, moment = weights.mean(axis=0), weights.T @ weights / width
    kernel = tangent_kernel(left, right, mean, moment, quadratic_strength=epsilon)
    assert_allclose(kernel, gradients(left) @ gradients(right).T, rtol=1e-12, atol=1e-13)
    assert_allclose(tangent_kernel(right, left, mean, moment, quadratic_strength=epsilon), kernel.T, rtol=1e-13)


@pytest.mark.parametrize("offset", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_alignment_is_the_ratio_of_integrals(seed, offset):
    d, epsilon = 2, 0.7
    mean, moment, direction = random_statistics(seed, d)
    inputs, weights = normal_grid(d)
    kernel = tangent_kernel(inputs, inputs, mean, moment, quadratic_strength=epsilon)
    labels = 0.5 * ((inputs @ direction) ** 2 - offset)
    numerator = (weights * labels) @ kernel @ (weights * labels)
    expected = numerator / np.sqrt(weights @ kernel**2 @ weights) / (weights @ labels**2)
    value = population_kernel_alignment(mean, moment, direction, quadratic_strength=epsilon, target_offset=offset)
    assert value == pytest.approx(expected, rel=1e-12)
    assert 0.0 < value < 1.0


def test_reference_alignments(cosine_data, cosine_weights):
    features, labels, direction = cosine_data(20, 8, 1.0)
    path = statistics_recursion(features, labels, output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1,
                                n_steps=50)  # fmt: skip
    setting = dict(quadratic_strength=0.5, target_offset=1.0)
    start = population_kernel_alignment(np.zeros(8), np.eye(8), direction, **setting)
    end = population_kernel_alignment(path.mean_weight, path.second_moment, direction, **setting)
    assert_allclose([start, end], [0.0217803420935, 0.0973163846003], rtol=DIGITS)

    features, labels, direction = cosine_data(20, 8, 0.0)
    weights = cosine_weights(5, 8)
    mean, moment = weights.mean(axis=0), weights.T @ weights / 5
    path = statistics_recursion(features, labels, output_scale=2.0, quadratic_strength=0.7, learning_rate=0.05,
                                n_steps=80, mean_weight=mean, second_moment=moment)  # fmt: skip
    start = population_kernel_alignment(mean, moment, direction, quadratic_strength=0.7)
    end = population_kernel_alignment(path.mean_weight, path.second_moment, direction, quadratic_strength=0.7)
    assert_allclose([start, end], [0.072815734171, 0.151104175072], rtol=DIGITS)


def test_initial_features_are_misaligned():
    """The alignment of a standard normal start vanishes as the square of the quadratic strength."""
    direction = np.sqrt(30) * np.eye(30)[0]
    values = [
        population_kernel_alignment(np.zeros(30), np.eye(30), direction, quadratic_strength=strength)
        for strength in (0.0, 1e-4, 2e-4)
    ]
    assert values[0] == 0.0
    assert values[2] / values[1] == pytest.approx(4.0, rel=1e-7)


def test_gap():
    train, test = [1.0, 0.5, 0.1, 0.05, 0.01], [1.0, 1.2, 1.1, 0.6, 0.3]
    gap = grokking_gap(train, test, train_threshold=0.1, test_threshold=0.5)
    assert (gap.train_step, gap.test_step, gap.gap) == (3.0, 4.0, 1.0)  # at the threshold is not below it
    assert grokking_gap(test, train, train_threshold=0.5, test_threshold=2.0).gap == -4.0


@pytest.mark.parametrize(
    ("train_threshold", "test_threshold", "reached"), [(0.001, 0.5, 1), (0.1, 0.1, 0), (1e-9, 1e-9, 2)]
)
def test_a_threshold_never_reached_is_no_gap(train_threshold, test_threshold, reached):
    train, test = [1.0, 0.5, 0.05], [1.0, 0.6, 0.4]
    gap = grokking_gap(train, test, train_threshold=train_threshold, test_threshold=test_threshold)
    assert math.isnan(gap.gap)
    assert [math.isnan(gap.train_step), math.isnan(gap.test_step)] == [[False, True], [True, False], [True, True]][
        reached
    ]
