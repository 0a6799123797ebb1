"""Wrong constants and rates of fixed random neurons, each of which the quick checks of its claim must refuse."""

import math

import numpy as np
import pytest

import assay
from figures.convex_relu._fixed_neurons import Kinks, optimal_kinks
from figures.convex_relu._problems import problem_data
from theory.convex_relu import random_feature_gap_constant

CLAIM = "convex_relu.7"


def judged(formula, check, output):
    return assay.judge(CLAIM, formula, check=check, output=output).outcome


def test_all_quick_checks_agree(failing):
    assert failing(CLAIM) == set()


def smooth(n_directions, target_norm, regularisation, *, factor=1.0):
    n = n_directions
    law = random_feature_gap_constant(target_norm, regularisation=regularisation)
    return factor * law * n**2 / ((n + 1) * (n + 2))


def test_the_smooth_constant_is_accepted(output):
    assert judged(smooth, "smooth-constant", output) == "agrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda target_norm, regularisation: random_feature_gap_constant(target_norm, regularisation=regularisation),
        lambda n_directions, target_norm, regularisation: smooth(n_directions, target_norm, regularisation, factor=0.5),
        lambda n_directions, target_norm, regularisation: smooth(n_directions, target_norm, regularisation / 2),
        lambda n_directions, target_norm, regularisation: smooth(n_directions, target_norm**2, regularisation),
        lambda n_directions, target_norm, regularisation: smooth(
            n_directions, target_norm, regularisation, factor=1 / math.pi  # the half circle for the circle
        ),
        lambda target_norm, regularisation: math.pi**2 * target_norm * (target_norm - regularisation),
    ],
    ids=["without its 1/N", "half", "half the regularisation", "squared norm", "pi for pi^2", "nearest alone"],
)  # fmt: skip
def test_smooth_mutants(formula, output):
    assert judged(formula, "smooth-constant", output) == "disagrees"


@pytest.mark.parametrize("power", [-0.5, -1.0, -1.5, -3.0])
def test_smooth_rate_mutants(power, output):
    assert judged(lambda: power, "smooth-rate", output) == "disagrees"


def kinked(n_samples, regularisation, n_directions, constant=Kinks.constant):
    return constant(optimal_kinks(*problem_data(n_samples, 2), regularisation)) / (n_directions + 1)


def test_the_kink_constant_is_accepted(output):
    assert judged(kinked, "kink-constant", output) == "agrees"


def minimum(kinks):
    return 2 * np.pi * kinks.weight @ np.minimum(kinks.before, kinks.after)


def halved_circle(kinks):
    return kinks.constant() / 2


def harmonic_mean(kinks):
    return 2 * kinks.constant()


def rooted_weights(kinks):
    return kinks._replace(weight=np.sqrt(kinks.weight)).constant()


def largest_alone(kinks):
    return max(Kinks(*np.transpose([kink])).constant() for kink in np.transpose(kinks))


@pytest.mark.parametrize("constant", [minimum, halved_circle, harmonic_mean, rooted_weights, largest_alone])
def test_kink_mutants(constant, output):
    def formula(n_samples, regularisation, n_directions):
        return kinked(n_samples, regularisation, n_directions, constant)

    assert judged(formula, "kink-constant", output) == "disagrees"


@pytest.mark.parametrize("power", [-0.5, -2 / 3, -2.0])
def test_kink_rate_mutants(power, output):
    assert judged(lambda: power, "kink-rate", output) == "disagrees"
