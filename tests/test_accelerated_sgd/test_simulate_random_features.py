"""SGD on linear random features: a plain transcription, closed means, streams and bad input."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose

from simulations._streams import spawn_streams
from simulations.accelerated_sgd import simulate_random_feature_risk


class Scheme(NamedTuple):
    learning_rate: float
    momentum: float
    lookahead_learning_rate: float


EIGENVALUES, TARGET = np.array([1.0, 0.5, 0.2]), np.array([1.0, -0.5, 2.0])
PROJECTION = np.array([[0.9, 0.1], [-0.3, 0.8], [0.2, 0.4]])
GOOD = dict(
    population_eigenvalues=EIGENVALUES, population_target=TARGET, projection=PROJECTION, scheme=Scheme(0.1, 0.5, 0.2),
    batch_size=2, n_trials=3, seed=1,
)  # fmt: skip


def test_a_plain_transcription():
    """The published form: samples x, features W^T x, residual against b.x, one trial after the other."""
    risks = simulate_random_feature_risk(**GOOD, record_steps=[0, 1, 7])
    (rng,) = spawn_streams(1, 64, block=64)
    draws = np.stack([rng.standard_normal((64, 2, 3)) for _ in range(7)]) * np.sqrt(EIGENVALUES)
    delta, c, q = GOOD["scheme"]
    for trial in range(3):
        w = y = np.zeros(2)
        curve = []
        for step in range(8):
            error = PROJECTION @ w - TARGET
            curve.append(0.5 * error @ (EIGENVALUES * error))
            if step < 7:
                x = draws[step, trial]
                features = x @ PROJECTION
                gradient = np.mean(
                    [(y @ one - label) * one for one, label in zip(features, x @ TARGET, strict=True)], 0
                )
                w, y = y - delta * gradient, (1 + c) * y - c * w - q * gradient
        assert_allclose(risks[trial], np.array(curve)[[0, 1, 7]], rtol=1e-12)


def test_mean_after_one_step_by_wick():
    """E of the risk after one step of a single feature, w = step * mean of (b.x)(a.x) over the batch."""
    a, b = np.array([0.7, 0.4, -0.2]), TARGET
    power, cross, total = a @ (EIGENVALUES * a), a @ (EIGENVALUES * b), b @ (EIGENVALUES * b)
    step, m = 0.3, 2
    second = (power * total + 2 * cross**2 + (m - 1) * cross**2) / m
    expected = 0.5 * (step**2 * second * power - 2 * step * cross * cross + total)
    arguments = GOOD | dict(projection=a[:, np.newaxis], scheme=Scheme(step, 0.0, step), n_trials=40000)
    risks = simulate_random_feature_risk(**arguments, record_steps=[1])[:, 0]
    assert abs(risks.mean() - expected) < 5 * risks.std() / np.sqrt(len(risks))
    assert risks.std() / np.sqrt(len(risks)) < 0.01 * expected


def test_trials_do_not_depend_on_how_they_are_run():
    whole = simulate_random_feature_risk(**GOOD | dict(n_trials=130), record_steps=[2, 5])
    assert np.array_equal(whole[:70], simulate_random_feature_risk(**GOOD | dict(n_trials=70), record_steps=[2, 5]))
    later = GOOD | dict(n_trials=66, seed=np.random.SeedSequence(1, n_children_spawned=64))
    assert np.array_equal(whole[64:], simulate_random_feature_risk(**later, record_steps=[2, 5]))
    assert len(np.unique(whole[:, 1])) == 130


@pytest.mark.parametrize(
    ("name", "value"),
    [("population_eigenvalues", [1.0, 0.0, 1.0]), ("population_target", [1.0, 2.0]), ("projection", np.ones((2, 3))),
     ("projection", np.ones(3)), ("projection", np.full((3, 2), np.nan)), ("scheme", Scheme(0.1, 1.0, 0.2)),
     ("batch_size", 0), ("n_trials", 0), ("seed", -1), ("record_steps", [2, 2])],
)  # fmt: skip
def test_bad_input(name, value):
    with pytest.raises(ValueError, match=name):
        simulate_random_feature_risk(**dict(GOOD, record_steps=[1]) | {name: value})


def test_a_run_that_overflows_is_refused():
    with pytest.raises(ValueError, match=r"scheme.*diverges"):
        simulate_random_feature_risk(**GOOD | dict(scheme=Scheme(1e3, 0.0, 1e3)), record_steps=[500])
