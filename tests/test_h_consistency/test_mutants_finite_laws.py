"""Wrong gaps, bounds and rates of training on finite laws, each of which the quick checks of its claim must refuse."""

import math

import numpy as np
import pytest

import assay
from figures.h_consistency import gaps
from theory.h_consistency import (
    bounded_optimal_conditional_risk,
    constant_score_gap,
    deterministic_gap_bound,
    h_consistency_bound,
)


def phi(u, tau):
    return math.log1p(u) if tau == 1 else ((1 + u) ** (1 - tau) - 1) / (1 - tau)


def gap(*, bound=1.0, floor=2.0, others=1, reverse=False):
    """The gap of constant scores, with the score bound scaled, and another exponent or count in the least loss."""

    def predicted(tau, score_bound, classes):
        p = np.array([float(share) for share in classes.split()])
        p = p**2 / (p**2).sum() if reverse else p
        least = phi((len(p) - others) * math.exp(-floor * score_bound), tau)
        return bounded_optimal_conditional_risk(p, tau=tau, score_bound=bound * score_bound) - least

    return predicted


def judged(claim, check, predicted, output):
    return assay.judge(f"h_consistency.{claim}", predicted, check=check, output=output).outcome


def rate(n, d, m):
    return (n - 1) * (d + 1) / (2 * m)


RIGHT = [
    (4, "constant-scores", gap()),
    (4, "uniform-classes", lambda tau, n_classes: phi(n_classes - 1, tau)),
    (5, "random-hypotheses", lambda surrogate_regret, tau, n_classes: h_consistency_bound(
        max(surrogate_regret, 0), tau=tau, n_classes=n_classes)),
    (5, "rate-of-training", lambda n_classes, n_features, n_samples: rate(n_classes, n_features, n_samples)),
]  # fmt: skip
WRONG = [
    (4, "constant-scores", "scores in [-B/2, B/2]", gap(bound=0.5)),
    (4, "constant-scores", "least loss at exp(-B)", gap(floor=1.0)),
    (4, "constant-scores", "n other classes", gap(others=0)),
    (4, "constant-scores", "squared frequencies", gap(reverse=True)),
    (4, "constant-scores", "no bound", lambda tau, classes: constant_score_gap(
        [float(share) for share in classes.split()], tau=tau)),
    (4, "uniform-classes", "n for n - 1", lambda tau, n_classes: phi(n_classes, tau)),
    (4, "uniform-classes", "2 - tau for tau", lambda tau, n_classes: phi(n_classes - 1, 2 - tau)),
    (5, "random-hypotheses", "factor 2 lost", lambda surrogate_regret: math.sqrt(max(surrogate_regret, 0))),
    (5, "random-hypotheses", "square root lost", lambda surrogate_regret: 2 * max(surrogate_regret, 0)),
    (5, "random-hypotheses", "logarithm to base 2", lambda surrogate_regret, tau, n_classes: h_consistency_bound(
        math.log(2) * max(surrogate_regret, 0), tau=tau, n_classes=n_classes)),
    (5, "rate-of-training", "n for n - 1", lambda n_classes, n_features, n_samples: rate(
        n_classes + 1, n_features, n_samples)),
    (5, "rate-of-training", "d for d + 1", lambda n_classes, n_features, n_samples: rate(
        n_classes, n_features - 1, n_samples)),
    (5, "rate-of-training", "1/2 lost", lambda n_classes, n_features, n_samples: 2 * rate(
        n_classes, n_features, n_samples)),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_right_formula_agrees(claim, check, predicted, output):
    assert judged(claim, check, predicted, output) == "agrees"


@pytest.mark.parametrize(("claim", "check", "wrong", "predicted"), WRONG)
def test_wrong_formula_disagrees(claim, check, wrong, predicted, output):
    assert judged(claim, check, predicted, output) == "disagrees", wrong


@pytest.mark.parametrize(
    ("check", "mutant"),
    [
        ("certain-labels", lambda risk, floor, *, tau: deterministic_gap_bound(risk, floor, tau=1.5 * tau)),
        ("certain-labels", lambda risk, floor, *, tau: deterministic_gap_bound(risk, risk - floor / 2, tau=tau)),
        ("falls-with-tau", lambda risk, floor, *, tau: deterministic_gap_bound(risk, floor, tau=2 - tau)),
    ],
)  # fmt: skip
def test_a_wrong_bound_by_jensen_fails_the_claim(check, mutant, monkeypatch, failing):
    assert check not in failing("h_consistency.4")
    monkeypatch.setattr(gaps, "deterministic_gap_bound", lambda risk, floor, *, tau: mutant(
        risk, np.minimum(floor, risk), tau=max(tau, 0)))  # fmt: skip
    assert check in failing("h_consistency.4")
