"""Survival radii of patterns: reference values, the polar problem, a polygon, scaling."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog

from theory.convex_relu import enumerate_arrangements, pattern_survival_radius

REFERENCE = [
    0.346593577, 0.293936671, 0.268874369, 0.178903828, 0.088690768, 0.076021676, 0.070067174, 0.007785179,
]  # fmt: skip


def reference_features(n, d):
    k, c = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)
    return np.sin(1.3 * k * c + 0.7 * c**2) + 0.3 * np.cos(2.1 * k + c)


def signs_of(patterns):
    return np.where(patterns, 1.0, -1.0)


def test_reference_values():
    features = reference_features(8, 2)
    patterns = enumerate_arrangements(features)
    radii = pattern_survival_radius(features, patterns)
    assert radii.shape == (16,)
    assert_array_equal(radii, radii[::-1])  # antipodal patterns stand at mirrored places
    assert_allclose(np.sort(radii)[::-2], REFERENCE, rtol=0, atol=5e-10)


def test_polar_linear_program():
    """max over ||u||_1 <= 1 of the least s_k x_k.u: a direction that keeps the pattern longest."""
    features = np.random.default_rng(0).standard_normal((9, 3))
    patterns = enumerate_arrangements(features)[::4]
    expected = []
    for signs in signs_of(patterns):
        rows = signs[:, None] * features
        result = linprog(
            np.append(np.zeros(6), -1.0),
            A_ub=np.vstack([np.column_stack([-rows, rows, np.ones(9)]), np.append(np.ones(6), 0.0)]),
            b_ub=np.append(np.zeros(9), 1.0),
        )
        expected.append(-result.fun)
    assert_allclose(pattern_survival_radius(features, patterns), expected, rtol=0, atol=1e-9)


def test_plane_by_a_fine_scan():
    """In the plane ||u||_1 = 1 is a square: scan its boundary for the largest margin."""
    features = reference_features(6, 2)
    patterns = enumerate_arrangements(features)
    t = np.linspace(0, 1, 20001)
    boundary = np.concatenate([np.column_stack([a * t, b * (1 - t)]) for a in (1, -1) for b in (1, -1)])
    margins = [np.max(np.min(signs[:, None] * features @ boundary.T, axis=0)) for signs in signs_of(patterns)]
    # Margins change by at most max|x| times the step of the scan.
    assert_allclose(pattern_survival_radius(features, patterns), margins, rtol=0, atol=1e-4)


def test_a_neuron_keeps_its_pattern_up_to_the_radius_and_not_beyond():
    features = np.random.default_rng(1).standard_normal((5, 2))
    patterns = enumerate_arrangements(features)
    radii = pattern_survival_radius(features, patterns)
    assert np.all(radii > 0)
    directions = np.random.default_rng(2).standard_normal((20000, 2))
    directions /= np.abs(directions).sum(axis=1, keepdims=True)
    for signs, radius in zip(signs_of(patterns), radii, strict=True):
        margins = np.min(signs * (directions @ features.T), axis=1)
        assert margins.max() <= radius * (1 + 1e-9)
        assert margins.max() >= 0.98 * radius  # so many directions come that close


def test_patterns_without_an_open_cone():
    features = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    radii = pattern_survival_radius(features, [[True, False, True], [True, True, True]])
    assert radii[0] == pytest.approx(0.0, abs=1e-12)
    assert radii[1] == pytest.approx(0.5, rel=1e-12)
    zero_row = pattern_survival_radius([[0.0, 0.0], [1.0, 0.0]], [[True, True]])
    assert zero_row[0] == 0.0
    assert_array_equal(pattern_survival_radius(np.zeros((2, 2)), [[True, True]]), [0.0])


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e150])
def test_scaling(scale):
    features = reference_features(7, 3)
    patterns = enumerate_arrangements(features)[:20]
    radii = pattern_survival_radius(features, patterns)
    assert_allclose(pattern_survival_radius(scale * features, patterns), scale * radii, rtol=1e-9)


def test_bad_input():
    patterns = [[True, False]]
    for features in ([[1.0, np.nan], [1.0, 2.0]], [1.0, 2.0], np.empty((0, 2))):
        with pytest.raises(ValueError, match="features"):
            pattern_survival_radius(features, patterns)
    for wrong in ([[True]], [True, False], [[0.5, 1.0]], np.empty((0, 2))):
        with pytest.raises(ValueError, match="patterns"):
            pattern_survival_radius(np.eye(2), wrong)
