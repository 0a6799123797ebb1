"""Wrong counts, lists and bounds of activation patterns, each of which some quick check must refuse."""

import math

import numpy as np
import pytest

import assay
from simulations.convex_relu import sample_patterns
from theory.convex_relu import arrangement_count, arrangement_count_bound, enumerate_arrangements

CLAIM = "convex_relu.1"


def cover(n, r):
    return 2 * sum(math.comb(n - 1, k) for k in range(min(r, n)))


COUNTS = {
    "n for n - 1": lambda n, r: 2 * sum(math.comb(n, k) for k in range(r)),
    "factor 2 lost": lambda n, r: sum(math.comb(n - 1, k) for k in range(r)),
    "one term too many": lambda n, r: 2 * sum(math.comb(n - 1, k) for k in range(r + 1)),
    "one term too few": lambda n, r: 2 * sum(math.comb(n - 1, k) for k in range(r - 1)),
    "cells of hyperplanes that miss the origin": lambda n, r: sum(math.comb(n, k) for k in range(r + 1)),
    "largest term alone": lambda n, r: 2 * math.comb(n - 1, r - 1),
    "every sign vector": lambda n, r: 2**n,
}


@pytest.mark.parametrize("formula", [cover, arrangement_count])
@pytest.mark.parametrize("check", ["counted", "listed-for-many-samples"])
def test_covers_number_is_accepted(formula, check, output):
    verdict = assay.judge(CLAIM, lambda n_samples, n_features: formula(n_samples, n_features), check=check,
                          output=output)  # fmt: skip
    assert verdict.outcome == "agrees"


@pytest.mark.parametrize("wrong", COUNTS)
def test_count_mutants(wrong, output):
    verdict = assay.judge(CLAIM, lambda n_samples, n_features: COUNTS[wrong](n_samples, n_features), check="counted",
                          output=output)  # fmt: skip
    assert verdict.outcome == "disagrees"


def test_the_enumeration_is_accepted(failing):
    assert failing(CLAIM) == set()


def half(features):
    """One of each antipodal pair."""
    patterns = enumerate_arrangements(features)
    return patterns[: len(patterns) // 2]


def met(features):
    return sample_patterns(features, n_directions=300, seed=5)


def first_row_turned_over(features):
    return enumerate_arrangements(features) ^ (np.arange(len(features)) == 0)


def one_column_less(features):
    return enumerate_arrangements(features[:, 1:])


def repeated(features):
    patterns = enumerate_arrangements(features)
    return np.concatenate([patterns[:-1], patterns[:1]])


@pytest.mark.parametrize(
    ("wrong", "checks"),
    [
        (half, {"number-listed", "patterns-met-and-not-listed"}),
        (met, {"number-listed", "patterns-met-and-not-listed"}),
        (first_row_turned_over, {"patterns-of-no-cell", "patterns-met-and-not-listed"}),
        (one_column_less, {"number-listed"}),
        (repeated, {"number-listed"}),
    ],
)
def test_enumeration_mutants(wrong, checks, failing, monkeypatch):
    monkeypatch.setattr("figures.convex_relu.arrangements.enumerate_arrangements", wrong)
    assert checks <= failing(CLAIM)


@pytest.mark.parametrize("check", ["published-bound", "sharper-bound"])
def test_the_bounds_are_accepted(check, output):
    def formula(n_samples, rank):
        published = arrangement_count_bound(n_samples, rank)
        return published if check == "published-bound" else published / (math.e * (n_samples - 1) / rank)

    assert assay.judge(CLAIM, formula, check=check, output=output).outcome == "agrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda n_samples, rank: 2 * rank * ((n_samples - 1) / rank) ** rank,
        lambda n_samples, rank: 2 * rank * (math.e * n_samples / rank) ** rank,
        lambda n_samples, rank: 2 * (math.e * (n_samples - 1) / rank) ** (rank - 1),
        lambda n_samples, rank: 2 * rank * (math.e * (n_samples - 1) / rank) ** (rank + 1),
        lambda n_samples, rank: rank * (n_samples - 1) ** rank,
    ],
    ids=["e lost", "n for n - 1", "2 for 2 r and r - 1 for r", "r + 1 for r", "no factorial"],
)
def test_bound_mutants(formula, output):
    assert assay.judge(CLAIM, formula, check="published-bound", output=output).outcome == "disagrees"


@pytest.mark.parametrize("power", [lambda rank: rank, lambda rank: rank - 2, lambda rank: rank - 0.99])
def test_growth_mutants(power, output):
    assert assay.judge(CLAIM, power, check="growth-with-samples", output=output).outcome == "disagrees"
