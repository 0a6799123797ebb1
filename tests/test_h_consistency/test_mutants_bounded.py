"""Wrong formulas for the logistic loss with bounded scores, each of which the quick checks must refuse."""

import math

import numpy as np
import pytest

import assay
from figures.h_consistency import bounded_scores
from theory.h_consistency import bounded_logistic_bound, bounded_optimal_conditional_risk

CLAIM = "h_consistency.6"


def xlogx(x):
    return x * math.log(x) if x > 0 else 0.0


def transform(wrong=""):
    def formula(n_classes, score_bound, beta):
        e = math.exp(-score_bound if wrong == "exp(-Lambda)" else -2 * score_bound)
        others = n_classes - (1 if wrong == "n - 1 for n - 2" else 2)
        floor = others * e / ((1 if wrong == "floor of 1 + N e" else 2) + others * e)
        if beta <= floor and wrong != "no floor":
            return 0.0
        if (1 - beta) / (1 + beta) <= e / (1 + others * e) and wrong != "no line":
            slope = 2 * score_bound if wrong == "slope 2 Lambda" else score_bound
            return math.log((2 + others * e) / (1 + (n_classes - 1) * e)) - (1 - beta) * slope
        coin = xlogx((1 + beta) / 2) + xlogx((1 - beta) / 2)
        share = (1 + beta) / 2 if wrong != "all of log(1 + N e)" else 1.0
        return math.log(2 + others * e) + coin - share * math.log(1 + others * e)

    return formula


@pytest.mark.parametrize("check", ["searches", "attained"])
def test_plain_transcription_agrees(check, output):
    assert assay.judge(CLAIM, transform(), check=check, output=output).outcome == "agrees"


@pytest.mark.parametrize(
    "wrong",
    ["exp(-Lambda)", "n - 1 for n - 2", "floor of 1 + N e", "no floor", "no line", "slope 2 Lambda",
     "all of log(1 + N e)"],
)  # fmt: skip
def test_wrong_transforms_disagree(wrong, output):
    assert assay.judge(CLAIM, transform(wrong), check="attained", output=output).outcome == "disagrees"


def floor(wrong=""):
    def formula(n_classes, score_bound):
        e, others = math.exp(-2 * score_bound), n_classes - 2
        if wrong == "n - 1 for n - 2":
            others += 1
        right = others * e / (2 + others * e)
        return {"half of it": right / 2, "denominator 2": others * e / 2}.get(wrong, right)

    return formula


def test_the_floor_agrees(output):
    assert assay.judge(CLAIM, floor(), check="floor", output=output).outcome == "agrees"


@pytest.mark.parametrize("wrong", ["n - 1 for n - 2", "half of it", "denominator 2"])
def test_wrong_floors_disagree(wrong, output):
    assert assay.judge(CLAIM, floor(wrong), check="floor", output=output).outcome == "disagrees"


@pytest.mark.parametrize(
    ("wrong", "formula"),
    [
        ("sqrt(t)", lambda surrogate_regret, score_bound: math.sqrt(surrogate_regret)),
        ("corner at tanh / 2", lambda surrogate_regret, score_bound: math.sqrt(2 * surrogate_regret)
            if surrogate_regret <= math.tanh(score_bound) / 2 else 2 * surrogate_regret / math.tanh(score_bound)),
        ("t / tanh", lambda surrogate_regret, score_bound: min(
            math.sqrt(2 * surrogate_regret), surrogate_regret / math.tanh(score_bound))),
    ],
)  # fmt: skip
def test_wrong_bounds_for_two_classes_disagree(wrong, formula, output):
    assert assay.judge(CLAIM, formula, check="two-classes", output=output).outcome == "disagrees", wrong


def test_the_claim_fails_with_a_wrong_theory(monkeypatch, failing):
    assert failing(CLAIM) == set()
    optimum = bounded_optimal_conditional_risk
    monkeypatch.setattr(
        bounded_scores, "bounded_optimal_conditional_risk",
        lambda p, *, tau, score_bound: optimum(p, tau=tau, score_bound=2 * score_bound),
    )  # fmt: skip
    assert failing(CLAIM) == {"zero-regret"}
    monkeypatch.undo()
    monkeypatch.setattr(
        bounded_scores, "bounded_logistic_bound",
        lambda t, *, score_bound, n_classes: bounded_logistic_bound(np.asarray(t) / 2, score_bound=score_bound,
                                                                    n_classes=n_classes),
    )  # fmt: skip
    assert {"mixtures", "two-classes"} <= failing(CLAIM)
