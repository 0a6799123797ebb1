"""Fixed random neurons: the full lasso over drawn directions, the exact limit of the mean, the rate, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ks_2samp

from simulations.convex_relu import random_features, simulate_random_feature_gap
from simulations.convex_relu.random_features import _excess


def full_lasso(outputs, target, beta):
    """The optimum over (..., N, 2) outputs: at most two are in use in the plane, so the best of all pairs and ones."""
    lengths = np.sum(outputs**2, axis=-1)
    pull = outputs @ target - beta
    single = np.where((pull > 0) & (lengths > 0), -0.5 * pull**2 / np.where(lengths > 0, lengths, 1.0), 0.0)
    best = single.min(axis=-1)
    for i in range(outputs.shape[-2]):
        for j in range(i):
            first, second = lengths[..., i], lengths[..., j]
            cross = np.sum(outputs[..., i, :] * outputs[..., j, :], axis=-1)
            determinant = first * second - cross**2
            safe = np.where(determinant > 1e-14, determinant, 1.0)
            one = (second * pull[..., i] - cross * pull[..., j]) / safe
            two = (first * pull[..., j] - cross * pull[..., i]) / safe
            valid = (determinant > 1e-14) & (one >= 0) & (two >= 0)
            value = -0.5 * (one * pull[..., i] + two * pull[..., j])
            best = np.minimum(best, np.where(valid, value, 0.0))
    return 0.5 * target @ target + best


def drawn_gaps(target, beta, n_directions, n_trials, seed):
    """Every direction drawn, and the full lasso solved."""
    angles = 2 * np.pi * np.random.default_rng(seed).random((n_trials, n_directions))
    outputs = np.maximum(np.stack([np.cos(angles), np.sin(angles)], axis=-1), 0.0)
    length = np.linalg.norm(target)
    return full_lasso(outputs, target, beta) - (beta * length - 0.5 * beta**2)


@pytest.mark.parametrize("n_directions", [1, 2, 3, 8, 25])
def test_law_of_all_directions(n_directions):
    """Two nearest directions against a lasso over all: the two samples' distributions agree."""
    target, beta = np.array([1.3, 0.4]), 0.3
    drawn = drawn_gaps(target, beta, n_directions, 4000, n_directions)
    gaps = simulate_random_feature_gap(
        target, regularisation=beta, n_directions=n_directions, n_trials=4000, seed=n_directions
    )
    # Values that have atoms, such as the zero network's, must not differ by rounding.
    distance = ks_2samp(np.round(drawn, 9), np.round(gaps, 9)).statistic
    assert distance <= 2.4 * (2 / 4000) ** 0.5  # exceeded by chance once in 1e5
    assert abs(drawn.mean() - gaps.mean()) <= 4.5 * np.hypot(drawn.std(), gaps.std()) / 4000**0.5


@pytest.mark.parametrize("beta", [0.3, 1.0])
def test_excess_of_two_neighbours(beta):
    """Sum of nonnegative terms against the difference of objectives, neighbours on arcs and on axes."""
    rng = np.random.default_rng(0)
    length, angle = 1.5, 0.5
    optimum = beta * length - 0.5 * beta**2
    for _ in range(300):
        low, high, low_size, high_size = rng.random(4) * [angle, np.pi / 2 - angle, 1.0, 1.0]
        if rng.random() < 0.5:
            low_size = high_size = 1.0
        directions = np.array([angle - low, angle + high])
        outputs = np.array([low_size, high_size])[:, None] * np.stack([np.cos(directions), np.sin(directions)], axis=1)
        target = length * np.array([np.cos(angle), np.sin(angle)])
        expected = full_lasso(outputs, target, beta) - optimum
        assert _excess(low, low_size, high, high_size, length, beta) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("beta", "constant"), [(0.3, 6.395503651906), (1.0, 6.579736267392)])
def test_limit_of_the_mean(beta, constant):
    n_directions, n_trials = 100000, 200000
    target = 1.5 * np.array([np.cos(0.7), np.sin(0.7)])
    gaps = n_directions**2 * simulate_random_feature_gap(
        target, regularisation=beta, n_directions=n_directions, n_trials=n_trials, seed=1
    )
    # Terms of the next order are 1/N.
    assert abs(gaps.mean() - constant) <= 4.5 * gaps.std() / n_trials**0.5 + 100.0 / n_directions
    # The mean square of the nearest neighbour alone would give pi^2 s (s - beta).
    assert abs(gaps.mean() - np.pi**2 * 1.5 * (1.5 - beta)) > 20.0 * gaps.std() / n_trials**0.5


def test_gap_falls_with_the_square():
    counts = np.array([64, 128, 256, 512])
    means = [
        simulate_random_feature_gap([1.0, 1.0], regularisation=0.3, n_directions=n, n_trials=100000, seed=n).mean()
        for n in counts
    ]
    slope = np.polyfit(np.log(counts), np.log(means), 1)[0]
    assert abs(slope + 2.0) <= 0.05  # corrections of order 1/N tilt it by 0.02, noise by 0.005


def test_tiny_gaps_keep_their_digits():
    """At N = 1e9 the gap is 1e-18, far below the rounding of the objectives."""
    gaps = 1e18 * simulate_random_feature_gap(
        [1.0, 1.0], regularisation=0.3, n_directions=10**9, n_trials=50000, seed=0
    )
    constant = np.pi**2 * 0.3 * (2**0.5 - 0.3) * (2 * 2**0.5 - 0.3) / 2**0.5
    assert gaps.min() > 0.0
    assert abs(gaps.mean() - constant) <= 4.5 * gaps.std() / 50000**0.5


def test_strong_regularisation_leaves_no_gap():
    gaps = simulate_random_feature_gap([0.3, 0.4], regularisation=0.5, n_directions=4, n_trials=50, seed=0)
    assert_array_equal(gaps, np.zeros(50))


def test_symmetry_of_the_axes():
    common = dict(regularisation=0.2, n_directions=5, n_trials=20000)
    one = simulate_random_feature_gap([1.2, 0.5], seed=1, **common)
    other = simulate_random_feature_gap([0.5, 1.2], seed=2, **common)
    assert ks_2samp(np.round(one, 9), np.round(other, 9)).statistic <= 2.4 * (2 / 20000) ** 0.5


def test_trials_do_not_depend_on_their_number():
    block = random_features.STREAM_BLOCK
    common = dict(regularisation=0.2, n_directions=50)
    whole = simulate_random_feature_gap([1.0, 0.5], n_trials=block + 10, seed=4, **common)
    part = simulate_random_feature_gap([1.0, 0.5], n_trials=30, seed=4, **common)
    seed = np.random.SeedSequence(4, n_children_spawned=block)
    later = simulate_random_feature_gap([1.0, 0.5], n_trials=10, seed=seed, **common)
    assert_array_equal(whole[:30], part)
    assert_array_equal(whole[block:], later)
    assert_allclose(whole, np.abs(whole))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"target_vector": [1.0, 0.0]}, "target_vector"),
        ({"target_vector": [1.0, -1.0]}, "target_vector"),
        ({"target_vector": [1.0, np.nan]}, "target_vector"),
        ({"target_vector": [1.0, 1.0, 1.0]}, "target_vector"),
        ({"regularisation": 0.0}, "regularisation"),
        ({"n_directions": 0}, "n_directions"),
        ({"n_trials": 0}, "n_trials"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_input(change, name):
    arguments = {
        "target_vector": [1.0, 1.0],
        "regularisation": 0.1,
        "n_directions": 5,
        "n_trials": 3,
        "seed": 0,
    } | change
    with pytest.raises(ValueError, match=name):
        simulate_random_feature_gap(arguments.pop("target_vector"), **arguments)
