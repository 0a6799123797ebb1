"""Violation of the sampled program: the definition solved set by set, the leave-one-out identity, exact laws."""

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from simulations._streams import spawn_streams
from simulations.convex_relu import simulate_pattern_violation, violation


def reference_data(n_samples, n_features):
    k, c = np.arange(1, n_samples + 1), np.arange(1, n_features + 1)
    features = np.sin(1.3 * np.outer(k, c) + 0.7 * c**2) + 0.3 * np.cos(np.add.outer(2.1 * k, c))
    return features, np.cos(0.9 * k**2) + 0.2 * np.sin(k)


def sorted_arcs(features):
    """Patterns and measures of the arcs between the sorted directions orthogonal to a row, from -pi on."""
    angles = np.arctan2(features[:, 1], features[:, 0])
    cuts = np.sort(np.angle(np.exp(1j * np.concatenate([angles + np.pi / 2, angles - np.pi / 2]))))
    widths = np.diff(cuts, append=cuts[0] + 2 * np.pi)
    middles = cuts + widths / 2
    return np.stack([np.cos(middles), np.sin(middles)], axis=1) @ features.T >= 0, widths / (2 * np.pi)


class ByDefinition:
    """A generic conic solver for every set of patterns; what lowers the optimum is found by adding or removing it."""

    def __init__(self, features, targets, beta):
        self.patterns, self.measure = sorted_arcs(features)
        self.problem, self.known = (features, targets, beta), {}

    def optimum(self, arcs):
        key = frozenset(arcs)
        if key not in self.known:
            features, targets, beta = self.problem
            weights = cp.Variable((2 * len(key), 2))
            fitted, cones = 0, []
            for place, arc in enumerate(sorted(key)):
                on = self.patterns[arc]
                fitted += on[:, None] * features @ (weights[2 * place] - weights[2 * place + 1])
                rows = (2.0 * on - 1.0)[:, None] * features
                cones += [rows @ weights[2 * place] >= 0, rows @ weights[2 * place + 1] >= 0]
            objective = 0.5 * cp.sum_squares(fitted - targets) + beta * cp.sum(cp.norm(weights, 2, axis=1))
            self.known[key] = cp.Problem(cp.Minimize(objective), cones).solve(solver="CLARABEL")
        return self.known[key]

    def trial(self, drawn):
        first = drawn[:-1]
        value = self.optimum(first)
        lower = [self.optimum([*first, arc]) < value - 1e-6 for arc in range(len(self.measure))]
        together = self.optimum(drawn)
        support = sum(self.optimum(drawn[:i] + drawn[i + 1 :]) > together + 1e-6 for i in range(len(drawn)))
        return self.measure[lower].sum(), support, value


def test_trials_by_definition():
    features, targets = reference_data(4, 2)
    n_patterns, n_trials = 3, 10
    found = simulate_pattern_violation(
        features, targets, regularisation=0.1, n_patterns=n_patterns, n_trials=n_trials, seed=4
    )
    twin = ByDefinition(features, targets, 0.1)
    uniform = spawn_streams(4, n_trials, block=violation.STREAM_BLOCK)[0].random((n_trials, n_patterns + 1))
    draws = np.searchsorted(np.cumsum(twin.measure)[:-1], uniform, side="right")
    probability, support, optimum = zip(*(twin.trial(drawn) for drawn in draws.tolist()), strict=True)
    assert_allclose(found.violation_probability, probability, atol=1e-12)
    assert_array_equal(found.support_count, support)
    assert_allclose(found.optimum, optimum, rtol=1e-6)  # the conic solver's accuracy
    assert 0.0 < np.mean(probability) < 1.0 and np.ptp(support) > 0


def test_reference_means():
    features, targets = reference_data(6, 2)
    runs = simulate_pattern_violation(features, targets, regularisation=0.1, n_patterns=4, n_trials=4000, seed=0)
    for values, mean, error in ((runs.violation_probability, 0.4938, 0.0069), (runs.support_count / 5, 0.4903, 0.0082)):
        assert abs(values.mean() - mean) <= 4.0 * np.hypot(error, values.std() / 4000**0.5)


@pytest.mark.parametrize("n_patterns", [1, 3, 8, 16])
def test_leave_one_out_identity(n_patterns):
    """E V_N = E S_(N+1) / (N+1) exactly: the mean of the paired difference is 0 within 4.5 standard errors."""
    features, targets = reference_data(6, 2)
    runs = simulate_pattern_violation(
        features, targets, regularisation=0.1, n_patterns=n_patterns, n_trials=4000, seed=n_patterns
    )
    difference = runs.violation_probability - runs.support_count / (n_patterns + 1)
    assert abs(difference.mean()) <= 4.5 * difference.std() / 4000**0.5
    assert runs.support_count.max() <= 6 and runs.support_count.min() >= 0
    if n_patterns <= 8:  # S / N in place of S / (N + 1) is far outside
        rival = runs.violation_probability - runs.support_count / n_patterns
        assert abs(rival.mean()) > 4.5 * rival.std() / 4000**0.5


@pytest.mark.parametrize("n_patterns", [1, 2, 5])
def test_law_of_orthonormal_samples(n_patterns):
    """X = I, targets of both signs: each neuron needs a pattern that is on at its sample, an independent fair coin."""
    targets, beta = np.array([1.5, -0.8]), 0.3
    runs = simulate_pattern_violation(
        np.eye(2), targets, regularisation=beta, n_patterns=n_patterns, n_trials=4000, seed=2
    )
    optimum = sum(beta * size - beta**2 / 2 for size in np.abs(targets))
    reached = np.abs(runs.optimum - optimum) <= 1e-10
    law = (1.0 - 0.5**n_patterns) ** 2
    assert abs(reached.mean() - law) <= 4.5 * (law * (1 - law) / 4000) ** 0.5
    assert np.all(runs.violation_probability[reached] == 0.0)
    # Missing one sample, half the patterns help; missing both, all but the one that was drawn.
    assert set(np.round(runs.violation_probability[~reached], 12)) <= {0.5, 0.75}


def test_optimum_falls_to_the_global_one():
    features, targets = reference_data(8, 2)

    def optima(n_patterns):
        runs = simulate_pattern_violation(
            features, targets, regularisation=0.1, n_patterns=n_patterns, n_trials=100, seed=1
        )
        return runs.optimum

    one, four, many = optima(1), optima(4), optima(1000)
    assert one.mean() > four.mean() > many.mean()
    assert min(one.min(), four.min()) >= 1.036743257770 - 1e-11  # digits of the reference
    # A thousand draws miss one of the patterns that count in a few trials at most.
    assert np.median(many) == pytest.approx(1.036743257770, abs=1e-11)


@pytest.mark.parametrize(
    "features",
    [
        np.array([[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]]),
        np.array([[1.0, 1.0], [0.0, 0.0], [-2.0, -2.0], [1.0, -1.0], [1.0, 0.0]]),
    ],
)
def test_degenerate_data(features):
    runs = simulate_pattern_violation(
        features, np.cos(np.arange(len(features))), regularisation=0.05, n_patterns=2, n_trials=4000, seed=0
    )
    difference = runs.violation_probability - runs.support_count / 3
    assert abs(difference.mean()) <= 4.5 * max(difference.std(), 1e-12) / 4000**0.5


def test_trials_do_not_depend_on_their_number():
    features, targets = reference_data(5, 2)
    block = violation.STREAM_BLOCK

    def run(seed, n_trials):
        return simulate_pattern_violation(
            features, targets, regularisation=0.1, n_patterns=3, n_trials=n_trials, seed=seed
        )

    whole = run(7, 2 * block)
    later = run(np.random.SeedSequence(7, n_children_spawned=block), block)
    assert_array_equal(whole.violation_probability[block:], later.violation_probability)
    assert_array_equal(whole.optimum[:10], run(7, 10).optimum)


def test_many_samples_have_more_arcs_than_bits_in_a_word():
    rng = np.random.default_rng(0)
    features, targets = rng.standard_normal((40, 2)), rng.standard_normal(40)
    runs = simulate_pattern_violation(features, targets, regularisation=1.0, n_patterns=5, n_trials=20, seed=0)
    assert np.all((runs.violation_probability >= 0) & (runs.violation_probability <= 1))
    assert np.all(runs.support_count <= 6)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"features": np.ones((3, 3))}, "features"),
        ({"features": np.zeros((3, 2))}, "features"),
        ({"features": [[1.0, np.nan]] * 3}, "features"),
        ({"targets": [1.0, 2.0]}, "targets"),
        ({"regularisation": -1.0}, "regularisation"),
        ({"n_patterns": 0}, "n_patterns"),
        ({"n_trials": 0}, "n_trials"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_input(change, name):
    arguments = {
        "features": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
        "targets": [1.0, 2.0, 3.0],
        "regularisation": 0.1,
        "n_patterns": 2,
        "n_trials": 2,
        "seed": 0,
    } | change
    with pytest.raises(ValueError, match=name):
        simulate_pattern_violation(arguments.pop("features"), arguments.pop("targets"), **arguments)


def test_failed_certificate_is_reported(monkeypatch):
    monkeypatch.setattr(violation, "_optimum", lambda *arguments: np.nan)
    with pytest.raises(RuntimeError, match="not certified"):
        simulate_pattern_violation(np.eye(2), [1.0, 2.0], regularisation=0.1, n_patterns=2, n_trials=1, seed=0)
