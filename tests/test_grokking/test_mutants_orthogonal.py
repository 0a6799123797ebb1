"""Wrong identities for homogeneous networks and orthogonal gradients: the claims must notice each of them."""

import math

import numpy as np
import pytest
from scipy.special import expit

import assay
from figures.grokking import naive_minimisation, orthogonal_descent
from theory.grokking import orthogonal_gradient


def settling(wrong=""):
    def predicted(first_slope, second_slope):
        q, r = first_slope, second_slope
        return {
            "mean of the slopes": -(q + r) / 2, "smaller slope": -min(q, r), "gradient flow of e^-z": -1.0,
            "over their sum": -q * r / (q + r), "root of the product": -math.sqrt(q * r), "growing": q * r,
        }.get(wrong, -q * r)  # fmt: skip

    return predicted


def limit(wrong=""):
    def predicted(first_slope, second_slope):
        q, r = first_slope, second_slope
        return {
            "difference below": math.log(q / r) / (q - r), "other sign": math.log(r / q) / (q + r),
            "logarithm forgotten": (q - r) / (q + r), "mean below": 2 * math.log(q / r) / (q + r),
            "margins balanced": 0.0,
        }.get(wrong, math.log(q / r) / (q + r))  # fmt: skip

    return predicted


def growth(wrong=""):
    def predicted(first_slope, second_slope):
        q, r = first_slope, second_slope
        balance, last = limit()(q, r), 4 * 10**5
        pulls = {"pulls alike": 2.0, "signs exchanged": math.exp(q * balance) + math.exp(-r * balance),
                 "mean loss": (math.exp(-q * balance) + math.exp(r * balance)) / 2,
                 }.get(wrong, math.exp(-q * balance) + math.exp(r * balance))  # fmt: skip
        return math.log(pulls * last)

    return predicted


CHECKS = {
    "settling": (settling, [
        "mean of the slopes", "smaller slope", "gradient flow of e^-z", "over their sum", "root of the product",
        "growing"]),
    "limit-of-descent": (limit, [
        "difference below", "other sign", "logarithm forgotten", "mean below", "margins balanced"]),
    "growth-of-descent": (growth, ["pulls alike", "signs exchanged", "mean loss"]),
}  # fmt: skip


def judged(check, predicted, output):
    return assay.judge("grokking.12", predicted=predicted, check=check, output=output)


@pytest.mark.parametrize("check", CHECKS)
def test_plain_transcription_agrees(check, output):
    assert judged(check, CHECKS[check][0](), output).outcome == "agrees"


@pytest.mark.parametrize(
    ("check", "wrong"), [(key, wrong) for key, (_, mutants) in CHECKS.items() for wrong in mutants]
)
def test_wrong_formula_disagrees(check, wrong, output):
    assert judged(check, CHECKS[check][0](wrong), output).outcome == "disagrees"


def test_claims_as_they_are_pass(failing):
    assert failing("grokking.11") == set()
    assert failing("grokking.12") == set()


@pytest.mark.parametrize("degree", [1, 3])
def test_wrong_degree_is_caught(degree, monkeypatch, failing):
    monkeypatch.setattr(naive_minimisation, "DEGREE", degree)
    assert {"euler-identity", "slope-and-margin", "scaled-weights"} <= failing("grokking.11")


def test_stablemax_without_its_slope_is_caught(monkeypatch, failing):
    right = naive_minimisation.stablemax_cross_entropy_gradient
    monkeypatch.setattr(
        naive_minimisation,
        "stablemax_cross_entropy_gradient",
        lambda logits, labels: right(logits, labels) * (1 + np.abs(logits)),
    )
    assert failing("grokking.11") == {"euler-identity"}


def test_classes_apart_in_place_of_softmax_are_caught(monkeypatch, failing):
    """A sigmoid for each class."""
    monkeypatch.setattr(naive_minimisation, "softmax", lambda logits, axis: expit(logits))
    assert {"euler-identity", "slope-and-margin"} <= failing("grokking.11")


def projected(wrong):
    def mutant(gradient, weights, rescale=False):
        kept = orthogonal_gradient(gradient, weights, rescale=rescale)
        along = gradient - orthogonal_gradient(gradient, weights)
        if wrong == "per row":
            share = np.sum(gradient * weights, axis=-1, keepdims=True) / np.sum(weights**2, axis=-1, keepdims=True)
            return gradient - share * weights
        return {
            "part along the weights": along,
            "reflected": kept - along,
            "half projected": gradient - along / 2,
            "stretched": kept * np.linalg.norm(gradient) / (np.linalg.norm(kept) + 1e-300),
            "off by a millionth": gradient - along * (1 + 1e-6),
            "squared norm forgotten": gradient - np.vdot(weights, gradient) * weights,
        }[wrong]

    return mutant


@pytest.mark.parametrize(
    ("wrong", "caught"),
    [
        ("part along the weights", {"identities", "fixed-points"}),
        ("reflected", {"identities", "fixed-points"}),
        ("half projected", {"identities", "fixed-points"}),
        ("stretched", {"identities", "fixed-points"}),
        ("off by a millionth", {"identities", "fixed-points"}),
        ("squared norm forgotten", {"identities", "fixed-points"}),
        ("per row", {"identities"}),
    ],
)
def test_wrong_projection_is_caught(wrong, caught, monkeypatch, failing):
    monkeypatch.setattr(orthogonal_descent, "orthogonal_gradient", projected(wrong))
    assert caught <= failing("grokking.12")


@pytest.mark.parametrize("wrong", [lambda r: r**2, lambda r: (1 + r) / 2, lambda r: 2 * r - 1])
def test_wrong_contraction_is_caught(wrong, monkeypatch, failing):
    """Two steps for one, half the curvature, twice the curvature."""
    right = orthogonal_descent.contraction
    monkeypatch.setattr(orthogonal_descent, "contraction", lambda *given: wrong(right(*given)))
    assert failing("grokking.12") == {"geometric-rate"}
