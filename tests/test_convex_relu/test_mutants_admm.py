"""Wrong rates, limits and bounds of the alternating direction method, each of which some quick check must refuse."""

import math

import numpy as np
import pytest

import assay
from figures.convex_relu import _admm_runs, admm
from figures.convex_relu._dense_admm import dense_inverse, dense_maps
from simulations.convex_relu import solve_by_pattern_generation
from theory.convex_relu import admm_linear_rate, solve_convex_program


def outcome(check, formula, output):
    return assay.judge("convex_relu.6", formula, check=check, output=output).outcome


def log_rate(wrong=""):
    def formula(regularisation, penalty_parameter, **problem):
        names = ("n_samples", "n_features", "draw", "n_directions")
        features, targets, patterns = _admm_runs.sampled_problem(**{name: problem[name] for name in names})
        beta = 0.5 * regularisation if wrong == "beta / 2" else regularisation
        rho = penalty_parameter * {"rho / 2": 0.5, "2 rho": 2.0}.get(wrong, 1.0)
        if wrong == "no kinks":  # the slowest mode of the linear system alone
            inverse = dense_inverse(*dense_maps(features, patterns), rho)
            return math.log(np.linalg.eigvalsh(np.eye(len(inverse)) - inverse).max())
        if wrong == "targets forgotten":
            targets = np.ones_like(targets)
        try:
            rate = admm_linear_rate(features, targets, patterns, regularisation=beta, penalty_parameter=rho)
        except RuntimeError:  # no prediction
            rate = 0.5
        return math.log(rate) * {"rate of the squares": 2.0, "rate of the square root": 0.5}.get(wrong, 1.0)

    return formula


def test_the_rate_is_accepted(output):
    assert outcome("linear-rate", log_rate(), output) == "agrees"


@pytest.mark.parametrize(
    "wrong",
    [
        "beta / 2",
        "rho / 2",
        "2 rho",
        "targets forgotten",
        "rate of the squares",
        "rate of the square root",
        "no kinks",
    ],
)
def test_rate_mutants(wrong, output):
    assert outcome("linear-rate", log_rate(wrong), output) == "disagrees"


def limit(**change):
    def formula(n_samples, n_features, draw, n_directions, regularisation, loss):
        features, targets, patterns = _admm_runs.sampled_problem(
            n_samples=n_samples, n_features=n_features, draw=draw, n_directions=n_directions, loss=loss
        )
        beta = regularisation * change.get("factor", 1.0)
        rest = {name: value for name, value in change.items() if name != "factor"}
        setting = dict(regularisation=beta, loss=loss, patterns=patterns)
        return solve_convex_program(features, targets, **(setting | rest)).objective

    return formula


@pytest.mark.parametrize("check", ["optimum", "certified-solver"])
def test_the_limit_is_accepted(check, output):
    assert outcome(check, limit(), output) == "agrees"


@pytest.mark.parametrize("check", ["optimum", "certified-solver"])
@pytest.mark.parametrize(
    "change",
    [dict(cone_constraints=False), dict(factor=0.5), dict(factor=2.0), dict(factor=1.00001)],
)
def test_limit_mutants(change, check, output):
    assert outcome(check, limit(**change), output) == "disagrees"


def test_all_patterns_instead_of_the_sampled_ones(output):
    assert outcome("certified-solver", limit(patterns=None), output) == "disagrees"


def floor(wrong=""):
    def formula(n_samples, n_features, draw, n_directions, regularisation):
        features, targets, patterns = _admm_runs.sampled_problem(
            n_samples=n_samples, n_features=n_features, draw=draw, n_directions=n_directions
        )
        beta = 1.5 * regularisation if wrong == "beta larger by half" else regularisation
        if wrong == "loss without its half":
            return 2.0 * solve_by_pattern_generation(features, targets, regularisation=beta / 2).objective
        patterns = patterns if wrong == "sampled optimum" else None
        return solve_by_pattern_generation(features, targets, regularisation=beta, patterns=patterns).objective

    return formula


def test_the_floor_is_accepted(output):
    assert outcome("networks-on-the-way", floor(), output) == "agrees"


@pytest.mark.parametrize("wrong", ["sampled optimum", "beta larger by half", "loss without its half"])
def test_floor_mutants(wrong, output):
    assert outcome("networks-on-the-way", floor(wrong), output) == "disagrees"


def block_bound(wrong=""):
    def formula(design, step):
        condition, n_blocks = admm._conditioning(admm.BLOCK_DESIGNS[design])
        if wrong == "twice the strong convexity":
            condition *= 2
        if wrong == "P blocks":
            n_blocks //= 2
        exponent = {"steps counted twice": 2 * step, "one step more": step + 1}.get(wrong, step)
        return (1 - condition / n_blocks) ** exponent

    return formula


def test_the_block_bound_is_accepted(output):
    assert outcome("block-descent", block_bound(), output) == "agrees"


@pytest.mark.parametrize("wrong", ["twice the strong convexity", "P blocks", "steps counted twice", "one step more"])
def test_block_bound_mutants(wrong, output):
    assert outcome("block-descent", block_bound(wrong), output) == "disagrees"


dense = _admm_runs.dense_admm


def no_cones(targets, fit, cones, inverse, **rest):
    return dense(targets, fit, 0.0 * cones, inverse, **rest)


def half_dual_step(targets, fit, cones, inverse, *, dual_step, **rest):
    return dense(targets, fit, cones, inverse, dual_step=0.5 * dual_step, **rest)


def negated_fit(targets, fit, cones, inverse, **rest):
    return -dense(targets, fit, cones, inverse, **rest)


def one_step_less(targets, fit, cones, inverse, *, n_steps, **rest):
    return dense(targets, fit, cones, inverse, n_steps=n_steps - 1, **rest)


def no_relaxation(targets, fit, cones, inverse, *, over_relaxation, **rest):
    return dense(targets, fit, cones, inverse, over_relaxation=1.0, **rest)


@pytest.mark.parametrize("mutant", [no_cones, half_dual_step, negated_fit, one_step_less, no_relaxation])
def test_step_mutants(mutant, monkeypatch):
    """Other steps end elsewhere; the check allows 1e-11."""
    monkeypatch.setattr(_admm_runs, "dense_admm", mutant)
    setting = dict(regularisation=0.2, penalty_parameter=2.0, n_steps=30, dual_step=0.5, over_relaxation=1.6)
    problem = dict(n_samples=8, n_features=2, draw=1, n_directions=3)
    assert _admm_runs.step_deviations(**setting, **problem)["dense"] > 1e-3
