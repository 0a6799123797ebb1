"""Wrong formulas for comp-sum losses and their least risks, each of which the quick checks must refuse."""

import math

import numpy as np
import pytest

import assay


def outcome(check, formula, output):
    return assay.judge("h_consistency.1", formula, check=check, output=output).outcome


def risk(p, tau, wrong=""):
    """The least risk over all scores, in one way wrong."""
    p = np.array([x for x in p if x > 0.0])
    if tau >= 2.0:
        return (1.0 - p.max()) / (tau if wrong == "tau for tau - 1" else tau - 1.0)
    if tau == 1.0:
        return -(p @ np.log(p)) / (math.log(2.0) if wrong == "bits" else 1.0)
    power = tau - 2.0 if wrong == "exponent with the other sign" else 2.0 - tau
    alpha = {"alpha = 2 - tau": power, "alpha = 1/(1 + tau)": 1.0 / (1.0 + tau)}.get(wrong, 1.0 / power)
    outer = 1.0 if wrong == "outer exponent lost" else power
    return ((p**alpha).sum() ** outer - (0.0 if wrong == "minus one lost" else 1.0)) / (1.0 - tau)


def free(wrong):
    return lambda tau, p1, p2, p3, p4, p5, p6: risk((p1, p2, p3, p4, p5, p6), tau, wrong)


def predicted(wrong=""):
    """The least risk with the first class on top: the pool is the prefix of largest mean."""

    def formula(tau, p1, p2, p3, p4, p5, p6):
        others = sorted((p2, p3, p4, p5, p6), reverse=wrong != "least likely first")
        means = np.cumsum([p1, *others]) / np.arange(1, 7)
        size = {"one class fewer": max(means.argmax(), 1), "no pool": 1}.get(wrong, means.argmax() + 1)
        shared = means[size - 1] / (size if wrong == "mean divided again" else 1)
        return risk([shared] * size + others[size - 1 :], tau)

    return formula


def from_two_on(wrong=""):
    def formula(tau, p1, p2, p3, p4, p5, p6, optimum):
        p, others = (p1, p2, p3, p4, p5, p6), sorted((p2, p3, p4, p5, p6), reverse=True)
        if optimum == "free":
            return risk(p, tau, wrong)
        sizes = np.arange(1.0, 7.0)
        power = {"m^-1 for every tau": -1.0, "exponent 2 - tau": 2.0 - tau}.get(wrong, 1.0 - tau)
        return (1.0 - (sizes**power * np.cumsum([p1, *others])).max()) / (tau - 1.0)

    return formula


def loss(wrong=""):
    def formula(tau, h1, h2, h3, h4):
        excess = np.exp(np.array([h2, h3, h4]) - h1).sum()
        own = excess if wrong == "1 + u for u" else 1.0 + excess
        if tau == 1.0:
            return math.log(own)
        exponent = tau - 1.0 if wrong == "sign of the exponent" else 1.0 - tau
        return (own**exponent - 1.0) / (1.0 if wrong == "not divided" else 1.0 - tau)

    return formula


RIGHT = [("optimal-risk", free("")), ("predicted-class-risk", predicted()), ("from-tau-2-on", from_two_on()),
         ("members", loss())]  # fmt: skip
WRONG = [
    *(("optimal-risk", wrong, free(wrong)) for wrong in (
        "bits", "exponent with the other sign", "alpha = 2 - tau", "alpha = 1/(1 + tau)", "outer exponent lost",
        "minus one lost")),
    *(("predicted-class-risk", wrong, predicted(wrong)) for wrong in (
        "least likely first", "one class fewer", "no pool", "mean divided again")),
    *(("from-tau-2-on", wrong, from_two_on(wrong)) for wrong in (
        "tau for tau - 1", "m^-1 for every tau", "exponent 2 - tau")),
    *(("members", wrong, loss(wrong)) for wrong in ("1 + u for u", "sign of the exponent", "not divided")),
]  # fmt: skip


@pytest.mark.parametrize(("check", "formula"), RIGHT)
def test_plain_transcription_agrees(check, formula, output):
    assert outcome(check, formula, output) == "agrees"


@pytest.mark.parametrize(("check", "wrong", "formula"), WRONG)
def test_wrong_formula_disagrees(check, wrong, formula, output):
    assert outcome(check, formula, output) == "disagrees", wrong
