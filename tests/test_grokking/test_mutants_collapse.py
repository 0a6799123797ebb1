"""Wrong formulas for the collapse of softmax and StableMax: the claims must notice each of them."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import softmax

import assay
from figures.grokking import softmax_collapse, stable_max

BITS = {"float16": 11, "float32": 24, "float64": 53}


def threshold(wrong=""):
    def predicted(dtype, n_classes, n_before):
        p = BITS[dtype] - (wrong == "machine epsilon") + (wrong == "ties round up")
        ahead = {"K for K - 1": n_before + 1, "counted after the 1": n_classes - 1 - n_before,
                 "all small terms": n_classes - 1}.get(wrong, n_before)  # fmt: skip
        size = p if wrong == "bits for nats" else p * math.log(2)
        grown = math.log(max(ahead, 1))
        return size + (math.log2(max(ahead, 1)) if wrong == "log2 of the terms" else grown)

    return predicted


def underflow(wrong=""):
    smallest = {"float16": 24, "float32": 149, "float64": 1074}
    normal = {"float16": 14, "float32": 126, "float64": 1022}

    def predicted(dtype):
        bits = {
            "no rounding down": smallest[dtype], "flush to zero": normal[dtype], "a bit more": smallest[dtype] + 2,
            "precision forgotten": normal[dtype] + 1,
        }.get(wrong, smallest[dtype] + 1)  # fmt: skip
        return bits * math.log(2)

    return predicted


def flow(wrong=""):
    def predicted(initial_gap, time):
        if wrong == "gradient p for 1 - p":
            return brentq(lambda z: z - math.exp(-z) - initial_gap + math.exp(-initial_gap) - 2 * time, -9, 1e8)
        speed = 1.0 if wrong == "unit speed" else 2.0
        total = math.exp(initial_gap) + initial_gap + speed * time
        if wrong == "exponential loss":
            return math.log(math.exp(initial_gap) + speed * time)
        return brentq(lambda z: math.exp(z) + z - total, -9, 30, xtol=1e-13)

    return predicted


def steps(wrong=""):
    def quantised(p, start):
        first = math.exp(p * math.log(2) - start) / 2  # the small term, in steps of the sum
        bins = np.arange(1, min(round(first), 10**6), dtype=float)
        upper, lower = (bins + 1, bins) if wrong == "sum rounded down" else (2 * bins + 1, 2 * bins - 1)
        weights = np.ones_like(bins) if wrong == "bins alike" else 1 / bins
        last = round(first)
        rest = math.log(2 * first / (2 * last - 1)) / last if last < 10**6 else 0.0
        return 2.0 ** (p if wrong == "step 2^-p" else p - 1) * (float(np.sum(np.log(upper / lower) * weights)) + rest)

    def predicted(dtype, learning_rate, initial_gap, exact_gradient):
        p = BITS[dtype]
        if exact_gradient:
            size = 2.0 ** (p - (wrong == "machine epsilon"))
            ahead = 0.0 if wrong == "start forgotten" else math.exp(initial_gap) + initial_gap
            time = size + p * math.log(2) - ahead
        else:
            time = quantised(p, initial_gap)
        return time if wrong == "rate forgotten" else time / learning_rate

    return predicted


def stable(wrong=""):
    def predicted(dtype, layout):
        p = BITS[dtype] - (wrong == "machine epsilon")
        half = {"p/2 not rounded": p / 2, "p/2 rounded down": p // 2, "p for p/2": p}.get(wrong, math.ceil(p / 2))
        if layout == "one_sided":
            return 2.0**p - (0 if wrong == "1 + z for z" else 1)
        size = 2.0**half - (0 if wrong == "1 + z for z" else 1)
        return size if wrong == "z for z/2" else 2 * size

    return predicted


def decay(wrong=""):
    powers = {"layouts exchanged": (-1, -2), "slope of the gradient": (-3, -2), "two-sided": (-2, -2)}
    return lambda layout: powers.get(wrong, (-2, -1))[layout == "one_sided"]


CHECKS = {
    ("9", "thresholds"): (threshold, [
        "machine epsilon", "ties round up", "K for K - 1", "counted after the 1", "all small terms", "bits for nats",
        "log2 of the terms"]),
    ("9", "underflow"): (underflow, ["no rounding down", "flush to zero", "a bit more", "precision forgotten"]),
    ("9", "gap-flow"): (flow, ["unit speed", "exponential loss", "gradient p for 1 - p"]),
    ("9", "collapse-time"): (steps, [
        "sum rounded down", "bins alike", "step 2^-p", "machine epsilon", "start forgotten", "rate forgotten"]),
    ("10", "thresholds"): (stable, [
        "machine epsilon", "p/2 not rounded", "p/2 rounded down", "p for p/2", "1 + z for z", "z for z/2"]),
    ("10", "decay-of-the-loss"): (decay, ["layouts exchanged", "slope of the gradient", "two-sided"]),
}  # fmt: skip


def judged(claim, check, predicted, output):
    return assay.judge(f"grokking.{claim}", predicted=predicted, check=check, output=output)


@pytest.mark.parametrize(("claim", "check"), CHECKS)
def test_plain_transcription_agrees(claim, check, output):
    formula, _ = CHECKS[claim, check]
    assert judged(claim, check, formula(), output).outcome == "agrees"


@pytest.mark.parametrize(
    ("claim", "check", "wrong"), [(*key, wrong) for key, (_, mutants) in CHECKS.items() for wrong in mutants]
)
def test_wrong_formula_disagrees(claim, check, wrong, output):
    formula, _ = CHECKS[claim, check]
    assert judged(claim, check, formula(wrong), output).outcome == "disagrees"


def test_claims_as_they_are_pass(failing):
    assert failing("grokking.9") == set()
    assert failing("grokking.10") == set()


@pytest.mark.parametrize(
    ("shift", "caught"),
    [
        (-math.log(2), {"thresholds", "one-sided-gradient"}),  # where the gradients still cancel
        (-1e-2, {"thresholds"}),
        (math.log(2), {"thresholds"}),  # the lost loss is less than a step of the sum
    ],
)
def test_shifted_thresholds_are_caught(shift, caught, monkeypatch, failing):
    right = softmax_collapse.softmax_collapse_gap
    monkeypatch.setattr(softmax_collapse, "softmax_collapse_gap", lambda *a, **b: right(*a, **b) + shift)
    assert caught <= failing("grokking.9")


def scores(x, wrong):
    base = np.where(x >= 0, 1 + np.maximum(x, 0), 1 / (1 - np.minimum(x, 0)))
    return {
        "kink": np.where(x >= 0, base, 1 / (1 - 2 * np.minimum(x, 0))),
        "shifted": base + 1e-6,
        "square root": np.sqrt(base),
        "smooth": np.where(x >= 0, base, np.exp(np.minimum(x, 0))),
    }[wrong]


@pytest.mark.parametrize(
    ("wrong", "caught"),
    [
        ("kink", {"smoothness-at-zero", "softmax-of-the-signed-logarithm"}),
        ("shifted", {"softmax-of-the-signed-logarithm"}),
        ("square root", {"smoothness-at-zero", "softmax-of-the-signed-logarithm"}),
        ("smooth", {"smoothness-at-zero", "softmax-of-the-signed-logarithm"}),
    ],
)
def test_wrong_stablemax_is_caught(wrong, caught, monkeypatch, failing):
    def mutant(logits):
        values = scores(logits, wrong)
        return values / values.sum(axis=-1, keepdims=True)

    monkeypatch.setattr(stable_max, "stablemax", mutant)
    assert caught <= failing("grokking.10")


def test_loss_of_a_softmax_is_caught(monkeypatch, failing):
    monkeypatch.setattr(
        stable_max, "stablemax_cross_entropy", lambda logits, labels: -np.log(softmax(logits, axis=1)[:, 0])
    )
    assert failing("grokking.10") == {"staircase"}


@pytest.mark.parametrize(
    "factor", [lambda x: 1 + np.abs(x), lambda x: (1 + np.abs(x)) / (1 + np.maximum(x, 0)), lambda x: -1 + 0 * x]
)
def test_wrong_gradient_is_caught(factor, monkeypatch, failing):
    """Without the slope of ln s, with it for positive logits alone, and with the other sign."""
    right = stable_max.stablemax_cross_entropy_gradient
    monkeypatch.setattr(
        stable_max, "stablemax_cross_entropy_gradient", lambda logits, labels: right(logits, labels) * factor(logits)
    )
    assert failing("grokking.10") == {"gradient"}
