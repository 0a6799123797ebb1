"""Finite distributions, and random hypotheses on them against plain NumPy with the same draws."""

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.h_consistency import (
    FiniteDistribution,
    cyclic_distribution,
    linear_softmax_distribution,
    simulate_random_hypotheses,
)

BUILDERS = (cyclic_distribution, linear_softmax_distribution)


def test_cyclic_distribution():
    law = cyclic_distribution(12, n_classes=3, sharpness=2.0)
    assert law.support.shape == (12, 1)
    np.testing.assert_allclose(law.support[:, 0], (np.arange(12) - 5.5) / 6.0, atol=1e-15)
    np.testing.assert_allclose(law.weights, 1 / 12)
    # A third of the circle takes each class to the next.
    np.testing.assert_allclose(np.roll(law.probabilities, (4, 1), axis=(0, 1)), law.probabilities, rtol=1e-14)
    logits = 2.0 * np.cos(2 * np.pi * (1 / 24 - np.arange(3) / 3))
    np.testing.assert_allclose(law.probabilities[0], np.exp(logits) / np.exp(logits).sum(), rtol=1e-14)
    assert law.weights @ (1 - law.probabilities.max(axis=1)) == pytest.approx(0.207737054684, abs=1e-12)


def test_linear_softmax_distribution_has_linear_log_ratios():
    law = linear_softmax_distribution(41, n_classes=4, sharpness=3.0)
    x = law.support[:, 0]
    assert (x[0], x[-1]) == (-1.0, 1.0)
    ratios = np.log(law.probabilities) - np.log(law.probabilities[:, :1])
    centres = np.array([-0.75, -0.25, 0.25, 0.75])
    expected = 6.0 * x[:, None] * (centres - centres[0]) - 3.0 * (centres**2 - centres[0] ** 2)
    np.testing.assert_allclose(ratios, expected, atol=1e-12)


@pytest.mark.parametrize("build", BUILDERS)
def test_no_sharpness_means_uniform_labels(build):
    np.testing.assert_allclose(build(5, n_classes=3, sharpness=0.0).probabilities, 1 / 3, rtol=1e-15)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    ("name", "value"), [("n_support", 0), ("n_classes", 1), ("sharpness", -1.0), ("sharpness", np.nan)]
)
def test_bad_input_of_the_builders(build, name, value):
    arguments = dict(n_support=4, n_classes=3, sharpness=1.0) | {name: value}
    with pytest.raises(ValueError, match=name):
        build(arguments.pop("n_support"), **arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("support", [0.0, 1.0]), ("support", [[0.0], [np.inf]]), ("weights", [0.5, 0.4]), ("weights", [1.0]),
        ("weights", [1.0, 0.0]), ("probabilities", [[0.5, 0.5], [0.5, 0.4]]), ("probabilities", [[1.5, -0.5]] * 2),
        ("probabilities", [[np.nan, 1.0]] * 2), ("probabilities", [[1.0], [1.0]]),
        ("probabilities", [[0.5, 0.5]] * 3),
    ],
)  # fmt: skip
def test_bad_distribution(name, value):
    fields = dict(support=[[0.0], [1.0]], weights=[0.5, 0.5], probabilities=[[0.5, 0.5], [0.2, 0.8]]) | {name: value}
    with pytest.raises(ValueError, match=name):
        FiniteDistribution(**fields)


@pytest.mark.parametrize("tau", [0.0, 0.7, 1.0, 1.5, 2.0, 3.0])
def test_random_hypotheses_with_the_same_draws(tau):
    law = cyclic_distribution(5, n_classes=3, sharpness=1.5)
    hypotheses = simulate_random_hypotheses(law, tau=tau, n_hypotheses=4, seed=2)
    exponent = min(1 / (2 - tau), 5.0) if tau < 2 else 5.0
    (rng,) = spawn_streams(2, 1)
    p = law.probabilities
    for zero_one, surrogate in zip(*hypotheses, strict=True):
        spread = max(4.0, 2.0 * exponent) * rng.random()
        scores = exponent * np.log(p) + spread * (2.0 * rng.random((5, 3)) - 1.0)
        softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        best = p ** min(1 / (2 - tau), 50) if tau < 2 else 1.0 * (p == p.max(axis=1, keepdims=True))
        best /= best.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            losses, optima = (-np.log(s) if tau == 1 else (1 - s ** (tau - 1)) / (tau - 1) for s in (softmax, best))
        chosen = p[np.arange(5), scores.argmax(axis=1)]
        assert zero_one == pytest.approx(np.mean(p.max(axis=1) - chosen), abs=1e-15)
        assert surrogate == pytest.approx(np.mean(np.sum(p * (losses - optima), axis=1)), rel=1e-11)


def test_random_hypotheses_continue_and_allow_certain_labels():
    law = FiniteDistribution([[0.0], [1.0]], [0.3, 0.7], [[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    whole = simulate_random_hypotheses(law, tau=0.5, n_hypotheses=1500, seed=4)
    rest = np.random.SeedSequence(4, n_children_spawned=1024)
    tail = simulate_random_hypotheses(law, tau=0.5, n_hypotheses=476, seed=rest)
    for all_of_them, last in zip(whole, tail, strict=True):
        assert np.array_equal(all_of_them[1024:], last)
        assert np.all(all_of_them >= -1e-14)


@pytest.mark.parametrize(("name", "value"), [("tau", -1.0), ("tau", np.inf), ("n_hypotheses", 0)])
def test_bad_input_of_random_hypotheses(name, value):
    law = cyclic_distribution(4, n_classes=3, sharpness=1.0)
    with pytest.raises(ValueError, match=name):
        simulate_random_hypotheses(law, **(dict(tau=1.0, n_hypotheses=2, seed=1) | {name: value}))
