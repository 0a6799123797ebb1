"""Wrong formulas for cross-entropy, each put to the claim's own check, which must say that it disagrees."""

import dataclasses
import math

import pytest
from scipy.optimize import minimize_scalar

import assay
from figures.neural_collapse import _low_rank, deep_cross_entropy


def frame_loss(margin, n_classes, n_per_class, n_layers, ridge_mean, wrong=""):
    """Return the loss of the frame at a margin, wrong in one way."""
    factors = n_layers if wrong == "M for L" else n_layers + 1
    power = 1 / factors if wrong == "1/L for 2/L" else 2 / factors
    size = n_per_class if wrong == "n for sqrt(n)" else math.sqrt(n_per_class)
    size = 1.0 if wrong == "class size dropped" else size
    rank = n_classes if wrong == "rank K" else n_classes - 1
    half = 1 if wrong == "half of the ridges dropped" else 0.5
    others = n_classes if wrong == "K others" else n_classes - 1
    data = math.log1p(others * math.exp(-margin))
    return data + half * factors * ridge_mean * rank * (margin * size) ** power


def lowest(n_classes, n_per_class, n_layers, ridge_mean, wrong=""):
    """Return margin and loss of the lowest minimum, on a grid and then to rounding; margin 0 included."""
    arguments = (n_classes, n_per_class, n_layers, ridge_mean, wrong)
    grid = [0.05 * k for k in range(1, 300)]
    best = min(grid, key=lambda margin: frame_loss(margin, *arguments))
    found = minimize_scalar(
        frame_loss, bounds=(best - 0.05, best + 0.05), args=arguments, method="bounded", options=dict(xatol=1e-13)
    )
    at_zero = frame_loss(1e-300, *arguments)
    return (0.0, at_zero) if found.fun >= at_zero and wrong != "never zero" else (found.x, found.fun)


def margin(wrong=""):
    def predicted(n_classes, n_per_class, ridge_mean):
        size = {"n for sqrt(n)": n_per_class, "class size dropped": 1}.get(wrong, math.sqrt(n_per_class))
        others = {"K others": n_classes, "K - 2 others": n_classes - 2}.get(wrong, n_classes - 1)
        ridge = 2 * ridge_mean if wrong == "ridge doubled" else ridge_mean
        inside = 1 / (ridge * size) - others
        return math.log(inside) if inside > 1 else 0.0

    return predicted


def loss(wrong=""):
    def predicted(n_classes, n_per_class, n_layers, ridge_mean):
        return lowest(n_classes, n_per_class, n_layers, ridge_mean, wrong)[1]

    return predicted


def codes(wrong=""):
    """The three codes of six classes, which the quick scale takes."""
    gaps = {"etf": [1.0] * 5, "polygon": [1, 1, 3, 3, 4], "cross_polytope": [1, 1, 1, 1, 2]}
    ranks = {"etf": 5, "polygon": 2, "cross_polytope": 3}
    values = {"etf": 1.0, "polygon": 6.0, "cross_polytope": 2.0}
    if wrong == "farthest logit as near as the others":
        gaps = gaps | {"cross_polytope": [1.0] * 5}
    if wrong == "rank K/2 - 1":
        ranks = ranks | {"cross_polytope": 2}
    if wrong == "singular values of the frame":
        values = dict.fromkeys(values, 1.0)

    def predicted(code, n_per_class, n_layers, ridge_mean):
        factors = n_layers + 1
        power = 1.0 if wrong == "nuclear norm" else 2 / factors
        scale = values[code] * math.sqrt(n_per_class)

        def objective(a):
            data = math.log1p(sum(math.exp(-a * gap) for gap in gaps[code]))
            return data + factors / 2 * ridge_mean * ranks[code] * (a * scale) ** power

        return minimize_scalar(objective, bounds=(1, 20), method="bounded", options=dict(xatol=1e-12)).fun

    return predicted


def class_limit(wrong=""):
    def predicted(n_layers):
        power = {
            "M / (M + 1)": n_layers / (n_layers + 1), "(M - 1) / M": (n_layers - 1) / n_layers,
            "(M - 1) / (M + 2)": (n_layers - 1) / (n_layers + 2),
        }.get(wrong, (n_layers - 1) / (n_layers + 1))  # fmt: skip
        base = math.e if wrong == "e for 2" else 2
        return (2 if wrong == "doubled" else 1) / (1 - base**-power)

    return predicted


RIGHT = [
    ("10", "margin", margin()), ("10", "loss", loss()), ("10", "two-classes-loss", loss()),
    ("11", "loss-of-codes", codes()), ("11", "class-limit", class_limit()),
]  # fmt: skip
WRONG = [
    *(("10", "margin", wrong, margin(wrong)) for wrong in (
        "n for sqrt(n)", "class size dropped", "K others", "K - 2 others", "ridge doubled")),
    *(("10", "loss", wrong, loss(wrong)) for wrong in (
        "n for sqrt(n)", "class size dropped", "rank K", "half of the ridges dropped", "K others", "M for L")),
    *(("10", "two-classes-loss", wrong, loss(wrong)) for wrong in ("1/L for 2/L", "M for L", "never zero")),
    *(("11", "loss-of-codes", wrong, codes(wrong)) for wrong in (
        "farthest logit as near as the others", "rank K/2 - 1", "singular values of the frame", "nuclear norm")),
    *(("11", "class-limit", wrong, class_limit(wrong)) for wrong in (
        "M / (M + 1)", "(M - 1) / M", "(M - 1) / (M + 2)", "e for 2", "doubled")),
]  # fmt: skip


def judged(claim, check, predicted, output):
    return assay.judge(f"neural_collapse.{claim}", predicted=predicted, check=check, output=output)


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_plain_transcription_agrees(claim, check, predicted, output):
    assert judged(claim, check, predicted, output).outcome == "agrees"


@pytest.mark.parametrize(("claim", "check", "wrong", "predicted"), WRONG)
def test_wrong_formula_disagrees(claim, check, wrong, predicted, output):
    assert judged(claim, check, predicted, output).outcome == "disagrees", wrong


def test_claim_as_it_is_passes(failing):
    assert failing("neural_collapse.11") == set()


def mutate(monkeypatch, change):
    """Replace the predictor of the codes, wherever the claim uses it."""
    right = _low_rank.optimum

    def wrong(code, problem):
        return change(code, problem, right(code, problem))

    monkeypatch.setattr(_low_rank, "optimum", wrong)
    monkeypatch.setattr(deep_cross_entropy, "optimum", wrong)


def test_margin_half_a_per_cent_off(monkeypatch, failing):
    mutate(monkeypatch, lambda code, problem, best: dataclasses.replace(best, margin=1.005 * best.margin))
    assert {"loss-of-codes", "logits-of-the-code"} <= failing("neural_collapse.11")


def test_loss_too_high_by_a_billionth(monkeypatch, failing):
    mutate(monkeypatch, lambda code, problem, best: dataclasses.replace(best, loss=best.loss * (1 + 1e-9)))
    assert {"loss-of-codes", "best-margin", "stays-on-the-code", "lowest-random-start"} <= failing("neural_collapse.11")


def test_frame_at_a_better_loss_than_it_has(monkeypatch, failing):
    """As published: the frame would be the lowest of all."""

    def change(code, problem, best):
        return dataclasses.replace(best, loss=0.5 * best.loss) if code == "etf" else best

    mutate(monkeypatch, change)
    assert {"loss-of-codes", "map"} <= failing("neural_collapse.11")


def test_limit_of_the_next_depth(monkeypatch, failing):
    right = deep_cross_entropy.etf_class_limit
    monkeypatch.setattr(deep_cross_entropy, "etf_class_limit", lambda n_layers: right(n_layers + 1))
    assert {"class-limit", "vanishing-ridges"} <= failing("neural_collapse.11")
