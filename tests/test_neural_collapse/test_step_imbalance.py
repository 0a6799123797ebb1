"""Signed contrastive features of two class sizes: references, brute force, projected gradient and limits."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize, minimize_scalar

from theory.neural_collapse import scl_loss, scl_lower_bound, scl_step_geometry


def reduced_loss(x, y, z, setting, temperature):
    k_a, k_b, n_a, n_b = setting
    same_a, same_b = (k_a - 1) * n_a * np.exp((x - 1) / temperature), (k_b - 1) * n_b * np.exp((y - 1) / temperature)
    cross = np.exp((z - 1) / temperature)
    first = k_a * n_a * np.log(n_a - 1 + same_a + k_b * n_b * cross)
    return first + k_b * n_b * np.log(n_b - 1 + same_b + k_a * n_a * cross)


def edge(x, y, setting):
    k_a, k_b = setting[:2]
    return -np.sqrt(np.maximum((1 + (k_a - 1) * x) * (1 + (k_b - 1) * y), 0) / (k_a * k_b))


def cosines(geometry):
    return [geometry.majority_cosine, geometry.minority_cosine, geometry.cross_cosine]


@pytest.mark.parametrize(
    ("setting", "temperature", "expected", "loss"),
    [
        ((2, 2, 40, 4), 1.0, [-0.89514293199335, 0.54730970711355, -0.20139908092278], 335.82393542401),
        ((5, 5, 100, 10), 1.0, [-0.24293739538752, 0.16133886032735, -0.04311935978925], 2988.9665647768),
        ((2, 3, 30, 3), 0.5, [-0.58827346812965, 0.19815702406038, -0.30954254969622], 224.08888206447),
    ],
)
def test_reference_values(setting, temperature, expected, loss):
    geometry = scl_step_geometry(*setting, temperature=temperature)
    assert_allclose(cosines(geometry), expected, rtol=0, atol=1e-14)
    assert geometry.loss == pytest.approx(loss, rel=1e-13)


@pytest.mark.parametrize("temperature", [0.05, 0.3, 1.0, 20.0])
@pytest.mark.parametrize(
    "setting", [(2, 2, 4000, 4), (2, 3, 30, 3), (50, 3, 7, 1000), (5, 5, 100000, 10), (4, 2, 2, 2)]
)
def test_no_better_point_on_or_inside_the_edge(setting, temperature):
    """Cosines of positive semidefinite Gram matrices around the solution and over the whole range."""
    geometry = scl_step_geometry(*setting, temperature=temperature)
    x, y, z = cosines(geometry)
    assert z <= 0 and z * z == pytest.approx(edge(x, y, setting) ** 2, abs=1e-15)
    n_samples = setting[0] * setting[2] + setting[1] * setting[3]
    # The plain logarithm is good to an ulp of 1 per sample.
    found = reduced_loss(x, y, z, setting, temperature)
    assert geometry.loss == pytest.approx(found, rel=1e-14, abs=1e-15 * n_samples)
    generator = np.random.default_rng(1)
    low = np.array([-1 / (setting[0] - 1), -1 / (setting[1] - 1)])
    for spread in (1e-4, 1e-2, 1.0):
        points = np.clip(np.array([x, y]) + spread * generator.uniform(-1, 1, (3000, 2)), low, 1.0)
        edges = edge(*points.T, setting)
        cross = np.concatenate([edges[:1500], generator.uniform(edges[1500:], -edges[1500:])])
        losses = reduced_loss(*points.T, cross, setting, temperature)
        assert losses.min() >= geometry.loss * (1 - 1e-14) - 1e-15 * n_samples


@pytest.mark.parametrize(
    ("setting", "temperature", "d"), [((2, 2, 6, 2), 1.0, 4), ((2, 3, 30, 3), 0.5, 6), ((2, 2, 30, 2), 0.3, 3)]
)
def test_descent_on_all_samples(setting, temperature, d):
    """Every feature free on its sphere: L-BFGS on normalised columns from a random start."""
    k_a, k_b, n_a, n_b = setting
    labels = np.repeat(np.arange(k_a + k_b), [n_a] * k_a + [n_b] * k_b)
    positive = (labels[:, None] == labels) & ~np.eye(labels.size, dtype=bool)
    positive = positive / positive.sum(axis=1, keepdims=True)

    def objective(vector):
        raw = vector.reshape(d, -1)
        norms = np.linalg.norm(raw, axis=0)
        features = raw / norms
        similar = features.T @ features / temperature
        np.fill_diagonal(similar, -np.inf)
        largest = similar.max(axis=1, keepdims=True)
        weights = np.exp(similar - largest)
        sums = weights.sum(axis=1, keepdims=True)
        np.fill_diagonal(similar, 0.0)
        value = np.sum(largest + np.log(sums)) - np.sum(positive * similar)
        matrix = weights / sums - positive
        gradient = features @ (matrix + matrix.T) / temperature
        return value, ((gradient - features * np.sum(features * gradient, axis=0)) / norms).ravel()

    start = np.random.default_rng(3).standard_normal(d * labels.size)
    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", options=dict(maxiter=3000, ftol=0, gtol=1e-11, maxfun=9000)
    )
    features = found.x.reshape(d, -1) / np.linalg.norm(found.x.reshape(d, -1), axis=0)
    geometry = scl_step_geometry(*setting, temperature=temperature)
    assert scl_loss(features, labels, temperature=temperature) == pytest.approx(geometry.loss, rel=1e-12)
    gram, major = features.T @ features, labels < k_a
    other = ~np.equal.outer(labels, labels)
    for rows, columns, expected in zip((major, ~major, major), (major, ~major, ~major), cosines(geometry), strict=True):
        block = np.ix_(rows, columns)
        # Positions of a minimum: the square root of the rounding of the loss.
        assert_allclose(gram[block][other[block]], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_classes", [(2, 2), (3, 5)])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 5.0])
def test_equal_sizes_are_the_simplex_frame(n_classes, temperature):
    geometry = scl_step_geometry(*n_classes, 6, 6, temperature=temperature)
    total = sum(n_classes)
    # At high temperature the scale of the features is nearly free: rounding grows with it.
    assert_allclose(cosines(geometry), np.full(3, -1 / (total - 1)), rtol=0, atol=1e-15 * max(1, 10 * temperature))
    assert geometry.loss == pytest.approx(
        scl_lower_bound([6] * total, temperature=temperature, nonnegative=False), rel=1e-14
    )


def test_the_two_kinds_may_be_exchanged():
    first, second = scl_step_geometry(3, 4, 50, 5), scl_step_geometry(4, 3, 5, 50)
    assert second.loss == pytest.approx(first.loss, rel=1e-14)
    expected = [first.minority_cosine, first.majority_cosine, first.cross_cosine]
    assert_allclose(cosines(second), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n_majority", [2, 3, 5])
def test_limit_of_strong_imbalance(n_majority, temperature):
    """Majority: its own simplex frame. Minority: a limit that depends on K_a and T alone, cut at 1."""
    e = math.exp(-n_majority / ((n_majority - 1) * temperature))
    q = 1 + (n_majority - 1) * e
    limit = temperature * math.log((q + n_majority * math.exp(-1 / temperature)) ** 2 / (4 * n_majority * e * q))
    for n_minority, minority_size in ((2, 4), (5, 2)):
        gaps = []
        for ratio in (10**4, 10**5):
            geometry = scl_step_geometry(
                n_majority, n_minority, ratio * minority_size, minority_size, temperature=temperature
            )
            assert geometry.majority_cosine == pytest.approx(-1 / (n_majority - 1), abs=1e3 / ratio**2 * 10)
            gaps.append(geometry.minority_cosine - min(limit, 1.0))
        if limit < 1:
            # The correction is of order 1 / ratio.
            assert abs(gaps[0]) < 1e-2 and gaps[1] == pytest.approx(gaps[0] / 10, rel=0.1)
        else:
            assert gaps == [0.0, 0.0]


def test_minority_classes_coincide_beyond_a_finite_ratio():
    ratios = np.array([1, 5, 10, 20, 50, 100, 120, 150, 300, 1000])
    minority = np.array([scl_step_geometry(2, 2, int(4 * ratio), 4).minority_cosine for ratio in ratios])
    assert_allclose(minority[:6], [-0.33, 0.28, 0.55, 0.75, 0.92, 0.98], atol=5e-3)
    assert (np.diff(minority) >= 0).all()
    assert minority[6] < 1 and (minority[7:] == 1.0).all()


@pytest.mark.parametrize(("n_minority", "ratio"), [(2, 142.5), (3, 213.7), (5, 356.4)])
def test_coincidence_is_where_the_slope_at_one_changes_sign(n_minority, ratio):
    """Least losses over x at y = 1 and just below: which is lower changes at the ratio where the solution leaves 1."""
    for factor in (0.96, 1.04):
        setting = (2, n_minority, round(4 * ratio * factor), 4)

        def least_loss(y, setting=setting):
            def along(root):
                return reduced_loss(root**2 - 1, y, edge(root**2 - 1, y, setting), setting, 1.0)

            return minimize_scalar(along, bounds=(0, 0.5), method="bounded", options=dict(xatol=1e-9)).fun

        coincide = bool(least_loss(1.0) < least_loss(0.999))
        assert coincide == (factor > 1)
        assert (scl_step_geometry(*setting).minority_cosine == 1.0) == coincide
