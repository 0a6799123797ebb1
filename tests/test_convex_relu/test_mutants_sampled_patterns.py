"""Wrong laws of sampled patterns, each of which the quick checks of its claim must refuse."""

import math

import pytest

import assay
from figures.convex_relu._sampling import swapped_size
from theory.convex_relu import (
    pattern_sample_bound,
    pattern_sample_exact,
    solve_convex_program,
    whitened_recovery_probability,
)

CLAIM = "convex_relu.5"


def judged(formula, check, output):
    return assay.judge(CLAIM, formula, check=check, output=output).outcome


def test_all_quick_checks_agree(failing):
    assert failing(CLAIM) == set()


def test_the_recovery_law_is_accepted(output):
    assert judged(whitened_recovery_probability, "recovery-probability", output) == "agrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda n_positive, n_negative, n_patterns: whitened_recovery_probability(
            n_positive + n_negative, 0, n_patterns
        ),
        lambda n_positive, n_negative, n_patterns: whitened_recovery_probability(n_positive, 0, n_patterns),
        lambda n_positive, n_negative, n_patterns: whitened_recovery_probability(
            n_positive, n_negative, n_patterns - 1
        ),
        lambda n_positive, n_negative, n_patterns: whitened_recovery_probability(
            n_positive - 1, n_negative - 1, n_patterns
        ),
        lambda n_positive, n_negative, n_patterns: whitened_recovery_probability(
            n_positive,
            n_negative,
            n_patterns / 2 if n_patterns % 2 else n_patterns // 2,  # antipodes share a pattern
        ),
        lambda n_positive, n_patterns: 1 - math.exp(-n_patterns * 2.0**-n_positive),
    ],
    ids=["one neuron for both signs", "one sign", "N - 1", "n - 1", "antipodes counted once", "Poisson, one sign"],
)
def test_recovery_mutants(formula, output):
    assert judged(formula, "recovery-probability", output) == "disagrees"


def as_many_as_samples(n_samples, **levels):
    return pattern_sample_exact(n_samples, **levels)


@pytest.mark.parametrize("check", ["published-size-suffices", "binomial-size-suffices"])
@pytest.mark.parametrize("size", [pattern_sample_bound, as_many_as_samples])
def test_the_sizes_are_accepted(size, check, output):
    assert judged(size, check, output) == "agrees"


@pytest.mark.parametrize(
    "size",
    [
        swapped_size,
        lambda violation_level, failure_probability: 1 / (violation_level + failure_probability),
        lambda n_samples, violation_level, failure_probability: 2 * n_samples / violation_level * failure_probability,
        lambda violation_level, failure_probability: -2 * math.log(violation_level) / failure_probability,
        lambda n_samples, violation_level: (n_samples + 1) / math.sqrt(violation_level),
    ],
    ids=["swapped", "sum of levels", "times delta", "swapped, without n", "root of eps"],
)
def test_size_mutants(size, output):
    assert judged(size, "published-size-suffices", output) == "disagrees"


@pytest.mark.parametrize(
    "size",
    [
        lambda n_samples, violation_level, failure_probability: n_samples / violation_level,
        lambda n_samples, violation_level, failure_probability: (
            (n_samples - math.log(failure_probability)) / violation_level
        ),
        lambda n_samples, violation_level, failure_probability: (
            2 * (n_samples + 1 + math.log(failure_probability)) / violation_level
        ),
    ],
    ids=["mean of the binomial", "factor 2 lost", "sign of the logarithm"],
)
def test_published_bound_mutants(size, output):
    assert judged(size, "binomial-size-is-smaller", output) == "disagrees"


def test_the_tail_of_fewer_decisive_patterns_is_refused(output):
    def halved(n_samples, n_patterns):
        return 0.5 * (1 - 2.0**-n_samples) ** n_patterns

    assert judged(halved, "binomial-tail-attained", output) == "disagrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda n_patterns: 6 / (n_patterns + 1),
        lambda n_patterns: 3 / (n_patterns + 1),
        lambda n_patterns: 2 / n_patterns,
    ],
    ids=["all decisive", "d + 1 decisive", "d/N"],
)  # fmt: skip
def test_violation_mutants(formula, output):
    assert judged(formula, "violation-probability", output) == "disagrees"


@pytest.mark.parametrize("shift", [lambda n_patterns: 0.5 / n_patterns, lambda n_patterns: -0.5 / (n_patterns + 1)])
def test_leave_one_out_mutants(shift, output):
    assert judged(shift, "leave-one-out", output) == "disagrees"


def test_an_optimum_without_the_cones_is_refused(failing, monkeypatch):
    def gated(features, targets, *, regularisation):
        return solve_convex_program(features, targets, regularisation=regularisation, cone_constraints=False)

    monkeypatch.setattr("figures.convex_relu.sampled_patterns.solve_convex_program", gated)
    assert failing(CLAIM) == {"never-below-the-global-optimum"}


def test_swapped_levels_are_refused_everywhere(failing, monkeypatch):
    monkeypatch.setattr("figures.convex_relu.sampled_patterns.pattern_sample_bound", swapped_size)
    assert failing(CLAIM) == {"published-size-suffices", "binomial-size-is-smaller"}
