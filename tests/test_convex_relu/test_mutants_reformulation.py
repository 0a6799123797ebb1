"""Wrong convex programs and wrong networks, each of which some quick check must refuse."""

from dataclasses import replace

import numpy as np
import pytest

import assay
from figures.convex_relu._problems import problem_data
from simulations.convex_relu import sample_patterns
from theory.convex_relu import (
    TwoLayerNetwork,
    enumerate_arrangements,
    network_objective,
    prune_network,
    recover_network,
    solve_convex_program,
)

CLAIM = "convex_relu.2"


def optimum(n_samples, n_features, draw, regularisation, **changes):
    features, targets = problem_data(n_samples, n_features, draw)
    return solve_convex_program(features, targets, regularisation=regularisation, **changes)


def some_patterns(problem):
    features, _ = problem_data(problem["n_samples"], problem["n_features"], problem["draw"])
    return optimum(**problem, patterns=sample_patterns(features, n_directions=8, seed=1)).objective


def half_the_circle(problem):
    """Half of the patterns, without their antipodes."""
    features, _ = problem_data(problem["n_samples"], problem["n_features"], problem["draw"])
    patterns = enumerate_arrangements(features)
    return optimum(**problem, patterns=patterns[: len(patterns) // 2]).objective


def changed(problem, factor):
    return optimum(**problem | dict(regularisation=factor * problem["regularisation"])).objective


PROGRAMS = {
    "half the regularisation": lambda problem: changed(problem, 0.5),
    "twice the regularisation": lambda problem: changed(problem, 2.0),
    "regularisation divided by n": lambda problem: changed(problem, 1.0 / problem["n_samples"]),
    "no cones": lambda problem: optimum(**problem, cone_constraints=False).objective,
    "penalty lost": lambda problem: optimum(**problem).objective - optimum(**problem).penalty,
    "loss divided by n": lambda problem: changed(problem, problem["n_samples"]) / problem["n_samples"],
    "patterns of eight directions": some_patterns,
    "no antipodes": half_the_circle,
}


def judged(formula, check, output):
    def point(n_samples, n_features, draw, regularisation):
        return formula(dict(n_samples=n_samples, n_features=n_features, draw=draw, regularisation=regularisation))

    return assay.judge(CLAIM, point, check=check, output=output).outcome


def test_right_formulas_are_accepted(failing):
    assert failing(CLAIM) == set()


@pytest.mark.parametrize("check", ["reached-when-wide", "pattern-generation"])
def test_the_convex_program_is_accepted(check, output):
    assert judged(lambda problem: optimum(**problem).objective, check, output) == "agrees"


@pytest.mark.parametrize("wrong", PROGRAMS)
def test_program_mutants(wrong, output):
    assert judged(PROGRAMS[wrong], "reached-when-wide", output) == "disagrees"


def rescaled(hidden, output):
    """Recovery with other powers of the norm in the hidden and in the output weights."""

    def formula(solution, *, tolerance=1e-7):
        right = recover_network(solution, tolerance=tolerance)
        norms = right.output_weights**2
        return TwoLayerNetwork(
            right.hidden_weights * (norms ** (hidden + 0.5))[:, np.newaxis],
            np.sign(right.output_weights) * norms**output,
        )

    return formula


def one_sign(solution, *, tolerance=1e-7):
    right = recover_network(solution, tolerance=tolerance)
    return replace(right, output_weights=np.abs(right.output_weights))


def signs_in_the_hidden_weights(solution, *, tolerance=1e-7):
    right = recover_network(solution, tolerance=tolerance)
    signs = np.sign(right.output_weights)
    return TwoLayerNetwork(right.hidden_weights * signs[:, np.newaxis], right.output_weights * signs)


def without_negative_weights(solution, *, tolerance=1e-7):
    return recover_network(replace(solution, negative_weights=0 * solution.negative_weights), tolerance=tolerance)


def coarse(solution, *, tolerance=1e-7):
    return recover_network(solution, tolerance=0.2)


@pytest.mark.parametrize(
    "wrong",
    [rescaled(0.0, 0.0), rescaled(-0.5, 1.0), rescaled(-1.0, 1.0), one_sign, signs_in_the_hidden_weights,
     without_negative_weights, coarse],
    ids=["v and 1", "v / sqrt(norm) and norm", "v / norm and norm", "one sign", "signs in the hidden weights",
         "w lost", "short weights lost"],
)  # fmt: skip
def test_recovery_mutants(wrong, failing, monkeypatch):
    monkeypatch.setattr("figures.convex_relu.reformulation.recover_network", wrong)
    assert {"objective-of-the-network", "output-of-the-network"} & failing(CLAIM)


def unpruned(features, network, *, tolerance=1e-10):
    return network


def costliest(features, network, *, tolerance=1e-10):
    """Keep as many of the costliest neurons as there are samples."""
    cost = np.linalg.norm(network.hidden_weights, axis=1) * np.abs(network.output_weights)
    kept = np.argsort(-cost)[: len(features)]
    return TwoLayerNetwork(network.hidden_weights[kept], network.output_weights[kept])


def one_less(features, network, *, tolerance=1e-10):
    right = prune_network(features, network, tolerance=tolerance)
    return TwoLayerNetwork(right.hidden_weights[:-1], right.output_weights[:-1])


def unbalanced(features, network, *, tolerance=1e-10):
    right = prune_network(features, network, tolerance=tolerance)
    return TwoLayerNetwork(2 * right.hidden_weights, right.output_weights / 2)


def refitted(features, network, *, tolerance=1e-10):
    """Least-squares weights for the first n neurons: the same output at any cost."""
    hidden = network.hidden_weights[: len(features)]
    activations = np.maximum(features @ hidden.T, 0.0)
    target = np.maximum(features @ network.hidden_weights.T, 0.0) @ network.output_weights
    return TwoLayerNetwork(hidden, np.linalg.lstsq(activations, target)[0])


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (unpruned, "neurons-after-pruning"),
        (unpruned, "neurons-beyond-n"),
        (costliest, "output-after-pruning"),
        (one_less, "output-after-pruning"),
        (unbalanced, "objective-of-the-network"),
        (refitted, "cost-after-pruning"),
    ],
)
def test_pruning_mutants(wrong, check, failing, monkeypatch):
    monkeypatch.setattr("figures.convex_relu.reformulation.prune_network", wrong)
    assert check in failing(CLAIM)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_objective_mutants(factor, failing, monkeypatch):
    def wrong(features, targets, network, *, regularisation):
        return network_objective(features, targets, network, regularisation=factor * regularisation)

    monkeypatch.setattr("figures.convex_relu.reformulation.network_objective", wrong)
    assert "objective-of-the-network" in failing(CLAIM)
