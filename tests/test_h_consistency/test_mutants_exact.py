"""Wrong versions of the exact transform, each of which the quick checks must refuse."""

import math

import numpy as np
import pytest

import assay


def outcome(check, formula, output):
    return assay.judge("h_consistency.3", formula, check=check, output=output).outcome


def two_classes(beta, tau):
    alpha = 1 / (2 - tau)
    mean = ((1 + beta) ** alpha + (1 - beta) ** alpha) / 2
    return 2 ** (1 - tau) * (mean ** (2 - tau) - 1) / (tau - 1)


def exact(wrong=""):
    """The exact transform by scanning pools (P, P - beta, r, ..., r)."""

    def formula(tau, n_classes, beta):
        if tau == 2.0:
            count = min(math.floor(1 / beta) + (wrong == "K + 1 for K"), n_classes - 1)
            first = beta / (count if wrong == "beta / K" else count + 1)
            allowed = count + 1 <= n_classes - 1 and wrong != "one piece at tau = 2"
            return min(first, beta - 1 / (count + 2)) if allowed else first
        least = two_classes(beta, tau)
        if wrong == "two classes at tau = 1.8" or tau < 1.66:
            return least * {"class count below tau_c": (n_classes / 2) ** (1 - tau)}.get(wrong, 1)
        alpha = 1 / (2 - tau)
        for m in range(1, n_classes - 1 + (wrong == "one class too many")):
            low, high = max(beta, (1 + beta) / (m + 2)), (1 + beta) / 2
            for _ in range(4):
                top = np.linspace(low, high, 101)
                rest = np.maximum(1 - 2 * top + beta, 0) / (m + (wrong == "m + 1 for m"))
                mean = top - beta / 2
                together = 2 * mean**alpha + m * rest**alpha
                if wrong != "the others never pool":
                    together = np.where(rest > mean, (m + 2) * (1 / (m + 2)) ** alpha, together)
                apart = top**alpha + (top - beta) ** alpha + m * rest**alpha
                values = (apart ** (2 - tau) - together ** (2 - tau)) / (tau - 1)
                best = values.argmin()
                low, high = top[max(best - 1, 0)], top[min(best + 1, 100)]
            least = min(least, values.min())
        return least

    return formula


def linear(wrong=""):
    """The exact transform from tau = 2 on."""

    def formula(tau, n_classes, beta):
        top = (1 + beta) / n_classes if wrong == "P may be below beta" else max(beta, (1 + beta) / n_classes)
        power = {"m^(tau - 1)": tau - 1, "exponent 2 - tau": 2 - tau}.get(wrong, 1 - tau)
        first = 3 if wrong == "pools of three on" else 2
        total = {"pool without limit": math.inf}.get(wrong, 1.0)
        costs = [top - m**power * min(m * top - beta, total) for m in range(first, n_classes + 1)]
        return min([beta, *costs]) / (tau if wrong == "tau for tau - 1" else tau - 1)

    return formula


def onset(critical):
    def formula(tau, n_classes):
        beta, alpha = 0.600134, 1 / (2 - tau)
        three = ((beta**alpha + (1 - beta) ** alpha) ** (2 - tau) - 3 ** (1 - tau)) / (tau - 1)
        ratio = three / two_classes(beta, tau)
        return min(ratio, 1.0) if n_classes >= 3 and tau > critical else 1.0

    return formula


RIGHT = [("searches", exact()), ("attained", exact()), ("linear-programs", linear()), ("onset", onset(1.66298)),
         ("critical-tau", lambda: 1.6629838290682)]  # fmt: skip
WRONG = [
    *(("searches", wrong, exact(wrong)) for wrong in (
        "two classes at tau = 1.8", "one piece at tau = 2", "beta / K")),
    *(("attained", wrong, exact(wrong)) for wrong in (
        "class count below tau_c", "two classes at tau = 1.8", "K + 1 for K", "m + 1 for m", "one class too many",
        "one piece at tau = 2")),
    *(("linear-programs", wrong, linear(wrong)) for wrong in (
        "P may be below beta", "m^(tau - 1)", "exponent 2 - tau", "pools of three on", "pool without limit",
        "tau for tau - 1")),
    ("onset", "5/3", onset(5 / 3)),
    ("critical-tau", "1e-7 more", lambda: 1.66298393),
]  # fmt: skip


@pytest.mark.parametrize(("check", "formula"), RIGHT)
def test_plain_transcription_agrees(check, formula, output):
    assert outcome(check, formula, output) == "agrees"


@pytest.mark.parametrize(("check", "wrong", "formula"), WRONG)
def test_wrong_formula_disagrees(check, wrong, formula, output):
    assert outcome(check, formula, output) == "disagrees", wrong
