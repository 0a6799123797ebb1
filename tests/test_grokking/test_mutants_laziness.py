"""Wrong notions of the delay and wrong corners of the theory, in place of the right ones."""

import dataclasses
import functools
import math

import numpy as np
import pytest

import assay
from figures.grokking import _mean_field_limits, laziness, population_limit
from figures.grokking._crossings import crossing, crossing_values
from theory.grokking import GrokkingGap, grokking_gap, lazy_highdim_path, population_path, solve_dmft

SETTING = dict(sample_ratio=4.0, quadratic_strength=0.5, learning_rate=0.2, initial_alignment=0.02, target_offset=1.0)


def step_below(curve, threshold):
    return crossing(np.log(curve), math.log(threshold))


@functools.cache
def solve(output_scale, **changes):
    return solve_dmft(**SETTING | changes, output_scale=output_scale, n_steps=65, n_paths=400)


def delay(output_scale, quantity, train_threshold=0.1, test_threshold=0.4, test_curve="test_loss", **changes):
    solved = solve(output_scale, **changes)
    train = step_below(solved.train_loss, train_threshold)
    test = step_below(getattr(solved, test_curve), test_threshold)
    return {"train step": train, "test step": test, "delay": test - train}[quantity]


def right(output_scale, quantity):
    return delay(output_scale, quantity)


def threshold_on_the_train_curve(output_scale, quantity):
    return delay(output_scale, quantity, test_curve="train_loss")


def small_scales_are_lazy(output_scale, quantity):
    return delay(2.0 / output_scale, quantity)


def no_planted_alignment(output_scale, quantity):
    """Never comes down: as many steps as were made."""
    return min(np.nan_to_num(delay(output_scale, quantity, initial_alignment=0.0), nan=65.0), 65.0)


def half_the_step(output_scale, quantity):
    """The gradient of half the squared error: twice the steps."""
    return 2.0 * delay(output_scale, quantity)


@pytest.mark.parametrize(
    "formula", [threshold_on_the_train_curve, small_scales_are_lazy, no_planted_alignment, half_the_step]
)
def test_mutants_of_the_steps(formula, output):
    assert assay.judge("grokking.8", formula, check="steps", output=output).outcome == "disagrees"


def test_the_right_steps_are_accepted(output):
    assert assay.judge("grokking.8", right, check="steps", output=output).outcome == "agrees"


def test_never_is_not_minus_one(monkeypatch, failing):
    def sentinel(*losses, **thresholds):
        found = dataclasses.asdict(grokking_gap(*losses, **thresholds))
        steps = {name: -1.0 if math.isnan(found[name]) else found[name] for name in ("train_step", "test_step")}
        return GrokkingGap(**steps, gap=steps["test_step"] - steps["train_step"])

    assert failing("grokking.8") == set()
    monkeypatch.setattr(laziness, "grokking_gap", sentinel)
    assert failing("grokking.8") == {"never"}


@pytest.mark.parametrize(
    "changes",
    [
        dict(quadratic_strength=math.sqrt(0.5)),  # ridge epsilon for its square
        dict(sample_ratio=1.0 / 3.0),  # features per sample
        dict(target_offset=1.0),  # no mean to be learnt
        dict(learning_rate=0.05),  # gradient of half the squared error
    ],
)
def test_mutants_of_the_lazy_corner(changes, monkeypatch, failing):
    monkeypatch.setattr(_mean_field_limits, "lazy_highdim_path", lambda **task: lazy_highdim_path(**task | changes))
    assert "lazy-corner" in failing("grokking.6")


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        (dict(initial_alignment=0.5**0.5), {"many-samples", "losses"}),
        (dict(learning_rate=0.1 * (1 + 1e-6)), {"many-samples"}),
        (dict(center_output=False), {"many-samples", "losses"}),
    ],
)
def test_mutants_of_the_population_limit(changes, failed, monkeypatch, failing):
    monkeypatch.setattr(population_limit, "population_path", lambda **task: population_path(**task | changes))
    assert failed <= failing("grokking.7")


def test_jackknife_values_of_identical_curves_are_their_crossing():
    curve = np.array([1.0, 0.8, 0.5, 0.3])
    assert crossing(curve, 0.4) == pytest.approx(2.5)
    assert math.isnan(crossing(curve, 0.2))
    np.testing.assert_allclose(crossing_values(np.tile(curve, (6, 1)), 0.4), 2.5, rtol=1e-12)
