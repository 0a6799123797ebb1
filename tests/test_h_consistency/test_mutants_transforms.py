"""Wrong versions of the published transform and its inverse, each of which the quick checks must refuse."""

import math

import pytest

import assay


def outcome(check, formula, output):
    return assay.judge("h_consistency.2", formula, check=check, output=output).outcome


def pair(beta, tau, prefactor, wrong=""):
    """prefactor (D^(2 - tau) - 1) / (tau - 1), in one way wrong."""
    if tau == 1.0:
        minus = (1 - beta) / 2 * math.log(1 - beta) if beta < 1 else 0.0
        return (1 + beta) / 2 * math.log(1 + beta) + (-minus if wrong == "sign at tau = 1" else minus)
    alpha = 2 - tau if wrong == "alpha = 2 - tau" else 1 / (2 - tau)
    mean = ((1 + beta) ** alpha + (1 - beta) ** alpha) / (1 if wrong == "sum for mean" else 2)
    outer = 1 if wrong == "outer exponent lost" else 2 - tau
    return prefactor * (mean**outer - 1) / (1 if wrong == "not divided by tau - 1" else tau - 1)


def published(wrong=""):
    def formula(tau, n_classes, beta):
        n = n_classes - 1 if wrong == "n - 1 for n" else n_classes
        root = {"n^(tau - 1)": -1, "root of the class count": 0.5}.get(wrong, 1)
        prefactor = n ** (root * (1.0 - tau)) if tau >= 1 else 2 ** (1 - tau)
        if tau < 1 and wrong == "prefactor 2^(tau - 1)":
            prefactor = 2 ** (tau - 1)
        if tau >= 2:
            return prefactor * beta / (tau - 1)
        return pair(beta, tau, prefactor, wrong)

    return formula


def inverse(wrong):
    def formula(tau, n_classes, surrogate_regret):
        t, n = surrogate_regret, n_classes
        root = n if wrong == "n for its root" else math.sqrt(n)
        half = 1 if wrong == "1 for 1/2" else 0.5
        known = {
            0.0: math.sqrt(t * (2 + t if wrong == "2 + t" else 2 - t)),
            1.5: math.sqrt(root * half * t * (2 + root * half * t)),
            2.0: (n - 1 if wrong == "n - 1 for n" else n) * t,
        }
        return min(known[tau], 1.0)

    return formula


RIGHT = [("searches", published()), ("random-pairs", published()), ("attained", published()),
         ("closed-inverses", inverse(""))]  # fmt: skip
WRONG = [
    *(("searches", wrong, published(wrong)) for wrong in (
        "sign at tau = 1", "sum for mean", "outer exponent lost", "n^(tau - 1)", "root of the class count")),
    *(("attained", wrong, published(wrong)) for wrong in (
        "prefactor 2^(tau - 1)", "sign at tau = 1", "alpha = 2 - tau", "not divided by tau - 1")),
    *(("random-pairs", wrong, published(wrong)) for wrong in (
        "n^(tau - 1)", "root of the class count", "sum for mean", "n - 1 for n")),
    *(("closed-inverses", wrong, inverse(wrong)) for wrong in (
        "n for its root", "1 for 1/2", "2 + t", "n - 1 for n")),
]  # fmt: skip


@pytest.mark.parametrize(("check", "formula"), RIGHT)
def test_plain_transcription_agrees(check, formula, output):
    assert outcome(check, formula, output) == "agrees"


@pytest.mark.parametrize(("check", "wrong", "formula"), WRONG)
def test_wrong_formula_disagrees(check, wrong, formula, output):
    assert outcome(check, formula, output) == "disagrees", wrong
