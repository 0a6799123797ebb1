"""Central path and proximity model: finite differences, dense responses, and the stationary equations."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq

from theory.neural_collapse import (
    central_path_rates,
    proximity_factors,
    proximity_first_order,
    within_class_shrinkage,
)

CENTRE = dict(input_scale=1.3, weight_ridge=0.05, proximity=0.4)


def one_hot(labels):
    return np.eye(labels.max() + 1)[:, labels]


def best_classifier(features, labels, weight_ridge):
    n = labels.size / (labels.max() + 1)
    return (
        one_hot(labels) @ features.T @ np.linalg.inv(features @ features.T + n * weight_ridge * np.eye(len(features)))
    )


def flow(features, labels, weight_ridge):
    classifier = best_classifier(features, labels, weight_ridge)
    return -classifier.T @ (classifier @ features - one_hot(labels))


def traces(features, labels):
    n_classes = labels.max() + 1
    means = np.stack([features[:, labels == k].mean(axis=1) for k in range(n_classes)], axis=1)
    within = np.sum((features - means[:, labels]) ** 2) / labels.size
    return within, np.sum((means - features.mean(axis=1, keepdims=True)) ** 2) / n_classes


def minimiser(given, labels, weight_ridge, proximity, start):
    """Exact block updates of classifier and features until nothing moves."""
    features = start
    for _ in range(20000):
        classifier = best_classifier(features, labels, weight_ridge)
        matrix = classifier.T @ classifier + proximity * np.eye(len(given))
        moved = np.linalg.solve(matrix, classifier.T @ one_hot(labels) + proximity * given)
        change, features = np.abs(moved - features).max(), moved
        if change < 1e-15:
            return features, classifier
    raise AssertionError("no fixed point")


@pytest.mark.parametrize(("d", "n_classes", "n"), [(7, 4, 6), (3, 5, 4), (30, 3, 5), (2, 2, 1)])
@pytest.mark.parametrize("weight_ridge", [1e-3, 0.1, 10.0])
def test_rates_are_time_derivatives(d, n_classes, n, weight_ridge):
    generator = np.random.default_rng(d)
    labels = generator.permutation(np.repeat(np.arange(n_classes), n))
    features = generator.standard_normal((d, labels.size)) + 1.5 * generator.standard_normal((d, n_classes))[:, labels]
    rates = central_path_rates(features, labels, weight_ridge=weight_ridge)
    velocity = flow(features, labels, weight_ridge)
    step = 1e-4 / np.abs(velocity).max()
    ahead, behind = (traces(features + sign * step * velocity, labels) for sign in (1, -1))
    # Traces are quadratic along the line, so that central differences are exact up to rounding.
    derivatives = (np.array(ahead) - behind) / (2 * step)
    assert_allclose([rates.within, rates.between], derivatives, rtol=1e-7, atol=1e-9 * np.abs(derivatives).max())
    assert rates.within <= 0 and rates.between >= -1e-15
    aligned = best_classifier(features, labels, weight_ridge) @ (features @ one_hot(labels).T / n)
    # The inverse above loses digits in proportion to the condition of its matrix, up to 1e5.
    assert_allclose(aligned, aligned.T, rtol=0, atol=1e-10)
    assert_allclose(rates.alignment_eigenvalues, np.linalg.eigvalsh(aligned), rtol=0, atol=1e-10)
    assert (rates.alignment_eigenvalues > -1e-15).all() and (rates.alignment_eigenvalues < 1).all()


def test_traces_are_monotone_on_random_instances():
    generator = np.random.default_rng(0)
    smallest = math.inf
    for _ in range(200):
        n_classes, n, d = generator.integers(2, 6), generator.integers(1, 6), generator.integers(1, 9)
        labels = np.repeat(np.arange(n_classes), n)
        features = generator.standard_normal((d, labels.size)) * 10 ** generator.uniform(-2, 1)
        rates = central_path_rates(features, labels, weight_ridge=10 ** generator.uniform(-3, 1))
        assert rates.within <= 0 and rates.between >= -1e-14
        smallest = min(smallest, rates.between)
    assert smallest < 1e-3  # the bound is approached


def test_collapsed_features_stay_collapsed():
    labels = np.repeat(np.arange(3), 4)
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((5, 3)))[0]
    rates = central_path_rates(2.0 * basis[:, labels], labels, weight_ridge=0.5)
    assert rates.within == pytest.approx(0.0, abs=1e-30)
    value = 4.0 / 4.5  # h^2 / (h^2 + ridge)
    assert_allclose(rates.alignment_eigenvalues, value, rtol=1e-13)
    assert rates.between == pytest.approx(2 / 3 * 2 * value * (1 - value), rel=1e-13)


def test_reference_values():
    factors = proximity_factors(1.3, weight_ridge=0.05, proximity=0.4)
    expected = [1.348303645903832, 0.7218198217427, 0.4342992831317, 1.0, 0.9060920565553, 1.0371566506953]
    assert_allclose(list(vars(factors).values()), expected, rtol=0, atol=6e-14)


@pytest.mark.parametrize("input_scale", [1e-6, 0.01, 0.3, 1.0, 7.0, 1e5])
@pytest.mark.parametrize(("weight_ridge", "proximity"), [(0.05, 0.4), (2.0, 1e-3), (1e-4, 50.0), (1e-3, 1e-6)])
def test_centre_solves_the_stationary_equations(input_scale, weight_ridge, proximity):
    factors = proximity_factors(input_scale, weight_ridge=weight_ridge, proximity=proximity)
    h, w = factors.scale, factors.classifier_scale
    assert w == pytest.approx(h / (h * h + weight_ridge), rel=1e-14)
    pull = w * (1 - w * h)
    assert proximity * (h - input_scale) == pytest.approx(pull, rel=1e-10, abs=1e-14 * proximity * h)

    def scale(alpha):
        return brentq(
            lambda x: x - alpha - x * weight_ridge / (proximity * (x * x + weight_ridge) ** 2),
            alpha, alpha + 1 + 3 * math.sqrt(3) / (16 * proximity * math.sqrt(weight_ridge)), xtol=1e-300, rtol=1e-15,
        )  # fmt: skip

    assert h == pytest.approx(scale(input_scale), rel=1e-12)
    step = 1e-4 * input_scale
    slope = (scale(input_scale + step) - scale(input_scale - step)) / (2 * step)
    # Rounding of the scale over the step.
    assert factors.mean_symmetric == pytest.approx(slope, rel=1e-5, abs=2e-12 * h / step)
    rho = (h * h - weight_ridge) / (h * h + weight_ridge)
    assert factors.mean_symmetric == pytest.approx(
        proximity / (proximity + w * w - rho**2 / (h * h + weight_ridge)), rel=1e-7
    )
    assert factors.mean_rotation == pytest.approx(h / input_scale, rel=1e-15)


@pytest.mark.parametrize(("d", "n_classes", "n"), [(7, 4, 6), (3, 3, 2)])
def test_response_of_the_minimiser(d, n_classes, n):
    """Central differences of the minimiser itself; the remainder of the prediction is quadratic."""
    generator = np.random.default_rng(5)
    labels = np.repeat(np.arange(n_classes), n)
    frame = np.linalg.qr(generator.standard_normal((d, n_classes)))[0]
    direction = generator.standard_normal((d, labels.size))
    given, ridges = 1.3 * frame[:, labels], (0.05, 0.4)
    centre = proximity_factors(**CENTRE).scale * frame[:, labels]
    predicted = proximity_first_order(direction, frame, labels, **CENTRE)
    step = 1e-4
    plus, minus = (minimiser(given + s * step * direction, labels, *ridges, centre)[0] for s in (1, -1))
    assert_allclose((plus - minus) / (2 * step), predicted, rtol=0, atol=2e-6 * np.abs(predicted).max())
    remainders = [
        np.linalg.norm(minimiser(given + s * direction, labels, *ridges, centre)[0] - centre - s * predicted)
        for s in (1e-3, 1e-4)
    ]
    assert math.log10(remainders[0] / remainders[1]) == pytest.approx(2.0, abs=0.05)


def test_each_component_has_its_factor():
    factors = proximity_factors(**CENTRE)
    labels, frame = np.repeat(np.arange(3), 2), np.eye(5)[:, :3]
    within, mean = np.tile([1.0, -1.0], 3), np.ones(6)
    first, outside = np.eye(5)[0][:, None], np.eye(5)[4][:, None]
    symmetric = np.vstack([np.array([[2.0, 1, 0], [1, 0, 3], [0, 3, 1]]), np.zeros((2, 3))])[:, labels]
    rotation = np.vstack([np.array([[0.0, 1, 2], [-1, 0, 3], [-2, -3, 0]]), np.zeros((2, 3))])[:, labels]
    for change, factor in [
        (first * within, factors.within_parallel),
        (outside * within, factors.within_orthogonal),
        (symmetric, factors.mean_symmetric),
        (rotation, factors.mean_rotation),
        (outside * mean, factors.mean_rotation),
    ]:
        found = proximity_first_order(change, frame, labels, **CENTRE)
        assert_allclose(found, factor * change, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("d", "n_classes", "n"), [(7, 4, 6), (3, 5, 4)])
def test_shrinkage_is_exact_far_from_collapse(d, n_classes, n):
    generator = np.random.default_rng(d)
    labels = np.repeat(np.arange(n_classes), n)
    given = 2 * generator.standard_normal((d, labels.size))
    features, classifier = minimiser(given, labels, 0.05, 0.4, given)
    shrink = within_class_shrinkage(classifier, proximity=0.4)
    assert_allclose(shrink, 0.4 * np.linalg.inv(0.4 * np.eye(d) + classifier.T @ classifier), rtol=0, atol=1e-13)
    deviations = [x - (x @ one_hot(labels).T / n)[:, labels] for x in (features, given)]
    assert_allclose(deviations[0], shrink @ deviations[1], rtol=0, atol=1e-12)


def test_strong_proximity_is_one_step_of_the_flow():
    generator = np.random.default_rng(2)
    labels = np.repeat(np.arange(3), 4)
    given = generator.standard_normal((5, 12))
    velocity = flow(given, labels, 0.3)
    remainders = []
    for proximity in (1e3, 2e3):
        features, _ = minimiser(given, labels, 0.3, proximity, given)
        remainders.append(np.linalg.norm(features - given - velocity / proximity) * proximity**2)
    assert remainders[0] == pytest.approx(remainders[1], rel=0.01)
