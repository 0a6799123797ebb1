"""Wrong versions of convex adversarial training, each of which some quick check must refuse."""

from dataclasses import replace

import numpy as np
import pytest

import assay
from figures.convex_relu import _attacks
from figures.convex_relu._problems import problem_data
from figures.convex_relu.adversarial import BETA
from theory.convex_relu import (
    TwoLayerNetwork,
    enumerate_arrangements,
    pattern_survival_radius,
    recover_network,
    robust_convex_program,
    solve_convex_program,
)


def outcome(check, formula, output):
    return assay.judge("convex_relu.8", formula, check=check, output=output).outcome


def value(wrong=""):
    def formula(loss, n_samples, n_features, radius):
        features, targets = _attacks.labelled_data(n_samples=n_samples, n_features=n_features, loss=loss)
        beta = BETA[loss] * {"beta / 2": 0.5}.get(wrong, 1.0)
        radius = radius * {"half the radius": 0.5, "twice the radius": 2.0}.get(wrong, 1.0)
        setting = dict(regularisation=beta, loss=loss)
        if wrong == "no attack":
            return solve_convex_program(features, targets, **setting).objective
        if wrong == "no cones":
            setting |= dict(cone_constraints=False, perturbation_radius=radius)
            return solve_convex_program(features, targets, **setting).objective
        patterns = enumerate_arrangements(features)
        if wrong == "half of the patterns":
            patterns = patterns[: len(patterns) // 2]
        found = robust_convex_program(features, targets, perturbation_radius=radius, patterns=patterns, **setting)
        if wrong == "loss not robust":  # with the cones tightened
            rest = dict(regularisation=beta, radius=0.0, loss=loss)
            return _attacks.corner_objective(features, targets, recover_network(found), **rest)
        return found.objective

    return formula


@pytest.mark.parametrize("check", ["published-program", "never-above-the-value"])
def test_the_value_is_accepted(check, output):
    assert outcome(check, value(), output) == "agrees"


@pytest.mark.parametrize(
    "wrong",
    [
        "beta / 2",
        "half the radius",
        "twice the radius",
        "no attack",
        "no cones",
        "half of the patterns",
        "loss not robust",
    ],
)
def test_value_mutants(wrong, output):
    assert outcome("published-program", value(wrong), output) == "disagrees"


@pytest.mark.parametrize("wrong", ["beta / 2", "no attack", "no cones"])
def test_bound_mutants(wrong, output):
    """Values so low that trained networks are above them."""
    assert outcome("never-above-the-value", value(wrong), output) == "disagrees"


def survival(wrong=""):
    def formula(n_samples, n_features, draw, pattern):
        features, _ = problem_data(n_samples, n_features, draw)
        patterns = enumerate_arrangements(features)
        signed = np.where(patterns[pattern], 1.0, -1.0)[:, np.newaxis] * features
        return {
            "": lambda: pattern_survival_radius(features, patterns)[pattern],
            "twice": lambda: 2.0 * pattern_survival_radius(features, patterns)[pattern],
            "another order": lambda: np.sort(pattern_survival_radius(features, patterns))[pattern],
            "nearest row": lambda: np.abs(signed).max(axis=1).min(),
            "centroid of the rows": lambda: np.abs(signed.mean(axis=0)).max(),
            "smallest entry": lambda: np.abs(features).min(),
        }[wrong]()

    return formula


def test_the_survival_radius_is_accepted(output):
    assert outcome("survival-radius", survival(), output) == "agrees"


@pytest.mark.parametrize("wrong", ["twice", "another order", "nearest row", "centroid of the rows", "smallest entry"])
def test_survival_mutants(wrong, output):
    assert outcome("survival-radius", survival(wrong), output) == "disagrees"


def longer_hidden_weights(solution):
    network = recover_network(solution)
    return TwoLayerNetwork(1.01 * network.hidden_weights, network.output_weights)


def without_negative_neurons(solution):
    return recover_network(replace(solution, negative_weights=0.0 * solution.negative_weights))


def unbalanced(solution):
    network = recover_network(solution)
    return TwoLayerNetwork(2.0 * network.hidden_weights, 0.5 * network.output_weights)


def exchanged_signs(solution):
    network = recover_network(solution)
    return TwoLayerNetwork(network.hidden_weights, -network.output_weights)


@pytest.mark.parametrize("mutant", [longer_hidden_weights, without_negative_neurons, unbalanced, exchanged_signs])
def test_recovery_mutants(mutant, monkeypatch):
    """The worst case of a network recovered wrongly is not the value; the check allows 1e-9."""
    setting = dict(n_samples=8, n_features=2, loss="hinge", regularisation=BETA["hinge"], radius=0.05)
    right = _attacks.recovered_values(**setting)
    assert abs(right["corners"] / right["value"] - 1) < 1e-9
    monkeypatch.setattr(_attacks, "recover_network", mutant)
    wrong = _attacks.recovered_values(**setting)
    assert abs(wrong["corners"] / wrong["value"] - 1) > 1e-5
