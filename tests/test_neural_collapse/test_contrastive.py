"""The supervised contrastive loss term by term, and its bounds on random, descended and exact features."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.neural_collapse import scl_batch_lower_bound, scl_loss, scl_lower_bound


def naive_loss(features, labels, temperature, batches):
    """The definition, one triple of samples at a time."""
    total = 0.0
    for batch in batches:
        for i in batch:
            positives = [j for j in batch if j != i and labels[j] == labels[i]]
            for j in positives:
                inner = [
                    math.exp(features[:, i] @ (features[:, k] - features[:, j]) / temperature) for k in batch if k != i
                ]
                total += math.log(sum(inner)) / len(positives)
    return total


def loss_gradient(features, labels, temperature):
    """Full-batch gradient from the softmax over the other samples and the uniform law over the positives."""
    similar = features.T @ features / temperature
    np.fill_diagonal(similar, -np.inf)
    weights = np.exp(similar - similar.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    positive = (labels[:, None] == labels) & ~np.eye(labels.size, dtype=bool)
    counts = positive.sum(axis=1, keepdims=True)
    weights = np.where(counts > 0, weights - positive / np.maximum(counts, 1), 0.0)
    return features @ (weights + weights.T) / temperature


def descend(labels, d, temperature, *, nonnegative, seed, n_steps):
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((d, labels.size))
    for step in range(n_steps + 1):
        if step:
            features = features - 0.2 * temperature * loss_gradient(features, labels, temperature)
        if nonnegative:
            features = np.abs(features) if step == 0 else np.maximum(features, 0)
        norms = np.linalg.norm(features, axis=0)
        features = features / (norms if step == 0 else np.maximum(norms, 1))
    return features


def unit_features(generator, d, labels, nonnegative=True):
    features = (
        generator.standard_normal((d, labels.size)) + 3 * generator.standard_normal((d, labels.max() + 1))[:, labels]
    )
    features = np.abs(features) if nonnegative else features
    return features / np.linalg.norm(features, axis=0)


def test_reference_values():
    assert scl_lower_bound((20, 5, 2)) == pytest.approx(78.53831143623648, rel=1e-15)
    assert scl_lower_bound((20, 5, 2), temperature=0.5) == pytest.approx(72.53092894537042, rel=1e-15)
    assert scl_lower_bound((6, 6, 6, 6), nonnegative=False) == pytest.approx(54.64148455419894, rel=1e-15)
    assert scl_lower_bound((6, 6, 6, 6)) == pytest.approx(58.8692, abs=5e-5)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("batches", [None, [[0, 1, 2, 3, 7], [4, 5, 6], [1, 8], [7, 4, 0, 8, 2]]])
def test_loss_term_by_term(temperature, batches):
    generator = np.random.default_rng(1)
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 1, 3])
    features = generator.standard_normal((4, 9))
    parts = [range(9)] if batches is None else batches
    expected = naive_loss(features, labels, temperature, parts)
    assert scl_loss(features, labels, temperature=temperature, batches=batches) == pytest.approx(expected, rel=1e-13)


def test_loss_at_low_temperature_does_not_overflow():
    labels = np.repeat([0, 1], 3)
    features = np.array([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    # Products are 1 within and 0 across: log(2 + 3 e^(-1/T)) for every anchor.
    assert scl_loss(features, labels, temperature=1e-3) == pytest.approx(6 * math.log(2), rel=1e-15)
    crossed = scl_loss([[1.0, 0, 1], [0, 1, 0]], [0, 0, 1], temperature=1e-3)
    # Sample 0 is orthogonal to its positive and equal to the other: log(1 + e^1000). Sample 1: log 2.
    assert crossed == pytest.approx(1000 + math.log(2), rel=1e-15)


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_random_features_respect_the_bounds(temperature):
    generator = np.random.default_rng(4)
    for _ in range(150):
        sizes = generator.integers(1, 8, size=generator.integers(2, 5))
        labels = np.repeat(np.arange(sizes.size), sizes)
        bound = scl_lower_bound(sizes, temperature=temperature)
        features = unit_features(generator, sizes.size + 2, labels)
        assert scl_loss(features, labels, temperature=temperature) >= bound - 1e-10
        batches = [generator.permutation(labels.size)[: max(2, labels.size // 2)] for _ in range(4)]
        bound = scl_batch_lower_bound(labels, batches, temperature=temperature)
        assert scl_loss(features, labels, temperature=temperature, batches=batches) >= bound - 1e-10
        balanced = np.repeat(np.arange(sizes.size), 3)
        signed = unit_features(generator, sizes.size + 1, balanced, nonnegative=False)
        bound = scl_lower_bound([3] * sizes.size, temperature=temperature, nonnegative=False)
        assert scl_loss(signed, balanced, temperature=temperature) >= bound - 1e-10


@pytest.mark.parametrize("sizes", [(20, 5, 2), (3, 1), (4, 4, 4, 4), (7, 2, 1, 1)])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
def test_orthonormal_frames_attain_the_bound(sizes, temperature):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    frame = np.eye(len(sizes))[:, labels]
    bound = scl_lower_bound(sizes, temperature=temperature)
    assert scl_loss(frame, labels, temperature=temperature) == pytest.approx(bound, rel=1e-13)
    assert scl_batch_lower_bound(labels, None, temperature=temperature) == pytest.approx(bound, rel=1e-15)
    batches = np.array_split(np.random.default_rng(1).permutation(labels.size), 2)
    loss = scl_loss(frame, labels, temperature=temperature, batches=batches)
    assert loss == pytest.approx(scl_batch_lower_bound(labels, batches, temperature=temperature), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_simplex_frames_attain_the_signed_bound(n_classes):
    labels = np.repeat(np.arange(n_classes), 4)
    frame = (np.eye(n_classes) - 1 / n_classes) * math.sqrt(n_classes / (n_classes - 1))
    bound = scl_lower_bound([4] * n_classes, temperature=0.7, nonnegative=False)
    assert scl_loss(frame[:, labels], labels, temperature=0.7) == pytest.approx(bound, rel=1e-14)
    assert bound < scl_lower_bound([4] * n_classes, temperature=0.7)


@pytest.mark.parametrize(("sizes", "nonnegative"), [((6, 3, 2), True), ((4, 4, 4), False)])
def test_projected_gradient_reaches_the_bound(sizes, nonnegative):
    labels = np.repeat(np.arange(3), sizes)
    features = descend(labels, 9, 1.0, nonnegative=nonnegative, seed=0, n_steps=1500)
    bound = scl_lower_bound(sizes, nonnegative=nonnegative)
    assert scl_loss(features, labels) == pytest.approx(bound, rel=1e-10)
    same = np.equal.outer(labels, labels)
    assert_allclose(features.T @ features, np.where(same, 1.0, 0.0 if nonnegative else -0.5), rtol=0, atol=1e-6)


def test_bound_counts_batches_by_their_own_sizes():
    labels = [0, 0, 0, 1, 1, 2]
    batches = [[0, 1, 3], [2, 3, 4, 5], [0, 2], [5, 1]]
    e = math.exp(-2.0)
    # 2 + 1; 1 + 2 + 1; 2 alone: log 1; 1 + 1: nothing.
    expected = 2 * math.log(1 + e) + 2 * math.log(1 + 2 * e)
    assert scl_batch_lower_bound(labels, batches, temperature=0.5) == pytest.approx(expected, rel=1e-14)


def test_a_batch_of_one_class_is_minimised_at_zero_too():
    labels = [0, 0, 0, 1]
    bound = scl_batch_lower_bound(labels, [[0, 1, 2]])
    assert bound == pytest.approx(3 * math.log(2), rel=1e-15)
    assert scl_loss(np.zeros((2, 4)), labels, batches=[[0, 1, 2]]) == pytest.approx(bound, rel=1e-15)
