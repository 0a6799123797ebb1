"""Metrics of collapse: against their definitions written out, at exact frames, and under rotations and scales."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.neural_collapse import frame_distance, mse_geometry, neural_collapse_metrics


def naive(features, labels, classifier):
    """Every sum over samples and classes written out."""
    n_classes, n_samples = classifier.shape[0], features.shape[1]
    means = np.stack([features[:, labels == k].mean(axis=1) for k in range(n_classes)], axis=1)
    centre = features.mean(axis=1, keepdims=True)
    within = sum(np.outer(features[:, i] - means[:, k], features[:, i] - means[:, k]) for i, k in enumerate(labels))
    between = sum(np.outer(m - centre[:, 0], m - centre[:, 0]) for m in means.T) / n_classes
    within = within / n_samples

    def distance(matrix, target):
        return np.linalg.norm(matrix / np.linalg.norm(matrix) - target / np.linalg.norm(target))

    simplex, identity, centred = np.eye(n_classes) - 1 / n_classes, np.eye(n_classes), means - centre
    return [
        np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / n_classes,
        np.trace(within) / np.trace(between),
        distance(classifier @ classifier.T, simplex),
        distance(classifier @ classifier.T, identity),
        distance(centred.T @ centred, simplex),
        distance(means.T @ means, identity),
        distance(classifier @ centred, simplex),
        distance(classifier @ means, identity),
    ]


def draw(seed, d=6, n_classes=4, n_samples=30):
    generator = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), generator.integers(n_classes, size=n_samples - n_classes)])
    features = generator.standard_normal((d, n_samples)) + 2 * generator.standard_normal((d, n_classes))[:, labels]
    return features, labels, generator.standard_normal((n_classes, d))


@pytest.mark.parametrize(("d", "n_classes", "n_samples"), [(6, 4, 30), (3, 5, 40), (20, 3, 9), (2, 2, 6)])
def test_definitions(d, n_classes, n_samples):
    data = draw(d, d, n_classes, n_samples)
    assert_allclose(list(vars(neural_collapse_metrics(*data)).values()), naive(*data), rtol=1e-11)


def test_frame_distances():
    for n_classes in (2, 5, 100):
        simplex = np.eye(n_classes) - 1 / n_classes
        expected = math.sqrt(2 - 2 * math.sqrt((n_classes - 1) / n_classes))
        assert frame_distance(np.eye(n_classes), simplex) == pytest.approx(expected, rel=1e-12)
        assert frame_distance(simplex, 7e200 * simplex) == pytest.approx(0.0, abs=1e-15)
        assert frame_distance(simplex, -1e-200 * simplex) == pytest.approx(2.0, rel=1e-15)


def test_documented_distances_of_wrong_frames():
    """Class means of the squared loss are neither frame, nor of norms 1/n or 1/sqrt(n)."""
    sizes = np.array([50.0, 30.0, 20.0, 8.0])
    shallow = mse_geometry(sizes, weight_ridges=[4e-3], feature_ridge=2e-3).class_mean_gram
    deep = mse_geometry(sizes, weight_ridges=[1e-3, 2e-3], feature_ridge=1e-3).class_mean_gram
    for reference, expected in [
        (np.eye(4), (0.31, 0.43)),
        (np.eye(4) - 0.25, (0.59, 0.66)),
        (np.diag(1 / sizes), (0.31, 0.18)),
        (np.diag(sizes**-0.5), (0.027, 0.099)),
    ]:
        assert_allclose([frame_distance(gram, reference) for gram in (shallow, deep)], expected, rtol=0.03)


def test_exact_simplex_and_orthonormal_frames():
    labels = np.repeat(np.arange(4), 5)
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((7, 4)))[0]
    orthonormal = neural_collapse_metrics(3 * basis[:, labels], labels, 2 * basis.T)
    for name in ("nc1", "nc1_trace", "nc2_of", "nc2_mean_of", "nc3_of", "nc2_mean_etf"):
        assert getattr(orthonormal, name) == pytest.approx(0.0, abs=1e-14)
    assert orthonormal.nc2_etf == pytest.approx(math.sqrt(2 - math.sqrt(3)), rel=1e-13)
    centred = basis - basis.mean(axis=1, keepdims=True)
    simplex = neural_collapse_metrics(centred[:, labels], labels, centred.T)
    for name in ("nc1", "nc2_etf", "nc2_mean_etf", "nc3_etf"):
        assert getattr(simplex, name) == pytest.approx(0.0, abs=1e-14)


def test_small_within_class_noise():
    """The pseudo-inverse sees the K - 1 directions of the means, so that noise counts by its exact square."""
    features, labels, classifier = draw(4)
    means = np.stack([features[:, labels == k].mean(axis=1) for k in range(4)], axis=1)[:, labels]
    one, two = (neural_collapse_metrics(means + s * (features - means), labels, classifier) for s in (1e-7, 1.0))
    assert one.nc1 == pytest.approx(1e-14 * two.nc1, rel=1e-6)
    assert one.nc1_trace == pytest.approx(1e-14 * two.nc1_trace, rel=1e-6)


def test_rotations_scales_and_relabelling():
    features, labels, classifier = draw(8)
    rotation = np.linalg.qr(np.random.default_rng(2).standard_normal((6, 6)))[0]
    expected = list(vars(neural_collapse_metrics(features, labels, classifier)).values())
    moved = neural_collapse_metrics(1e-6 * rotation @ features, labels, 1e5 * classifier @ rotation.T)
    assert_allclose(list(vars(moved).values()), expected, rtol=1e-10)
    order = np.random.default_rng(3).permutation(30)
    shifted = neural_collapse_metrics(features[:, order], (labels[order] + 1) % 4, np.roll(classifier, 1, axis=0))
    assert_allclose(list(vars(shifted).values()), expected, rtol=1e-10)
