"""Wrong formulas for the imbalanced limit of cross-entropy and for the metrics: the claims must notice each of them."""

import dataclasses
import math

import numpy as np
import pytest

import assay
from figures.neural_collapse import imbalance, metrics


def value(wrong=""):
    def predicted(class_sizes):
        sizes = np.array([float(n) for n in class_sizes.split("-")])
        weights = sizes if wrong == "n for sqrt(n)" else np.sqrt(sizes)
        weights = weights / math.sqrt(len(sizes)) if wrong == "means over classes" else weights
        logits = np.eye(len(sizes)) - (wrong != "not centred") / len(sizes)
        singular = np.linalg.svd(logits * weights, compute_uv=False)
        return (singular**2).sum() if wrong == "squared Frobenius norm" else singular.sum()

    return predicted


def two_sizes(wrong=""):
    def predicted(n_majority_classes, n_minority_classes, majority_size, minority_size):
        a, b, n, m = n_majority_classes, n_minority_classes, majority_size, minority_size
        mixed = {
            "own sizes in the mixed mode": (a * n + b * m) / (a + b), "mixed mode of sums": a * m + b * n,
            "mixed mode dropped": 0.0, "geometric mean": math.sqrt(n * m),
        }.get(wrong, (a * m + b * n) / (a + b))  # fmt: skip
        lost = 0 if wrong == "K modes" else 1
        return (a - lost) * math.sqrt(n) + (b - 1) * math.sqrt(m) + math.sqrt(mixed)

    return predicted


def frame_apart(wrong=""):
    def predicted(n_classes):
        cosine = {
            "no inner root": (n_classes - 1) / n_classes, "K/(K + 1)": math.sqrt(n_classes / (n_classes + 1)),
            "inverse": math.sqrt(1 - 1 / n_classes**2),
        }.get(wrong, math.sqrt((n_classes - 1) / n_classes))  # fmt: skip
        squared = 2 - 2 * cosine
        return squared if wrong == "squared distance" else math.sqrt(squared / (2 if wrong == "halved" else 1))

    return predicted


RIGHT = [("12", "value", value()), ("12", "two-sizes", two_sizes()), ("13", "distance-of-frames", frame_apart())]
WRONG = [
    *(("12", "value", wrong, value(wrong)) for wrong in (
        "n for sqrt(n)", "means over classes", "not centred", "squared Frobenius norm")),
    *(("12", "two-sizes", wrong, two_sizes(wrong)) for wrong in (
        "own sizes in the mixed mode", "mixed mode of sums", "mixed mode dropped", "geometric mean", "K modes")),
    *(("13", "distance-of-frames", wrong, frame_apart(wrong)) for wrong in (
        "no inner root", "K/(K + 1)", "inverse", "squared distance", "halved")),
]  # fmt: skip


def judged(claim, check, predicted, output):
    return assay.judge(f"neural_collapse.{claim}", predicted=predicted, check=check, output=output)


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_plain_transcription_agrees(claim, check, predicted, output):
    assert judged(claim, check, predicted, output).outcome == "agrees"


@pytest.mark.parametrize(("claim", "check", "wrong", "predicted"), WRONG)
def test_wrong_formula_disagrees(claim, check, wrong, predicted, output):
    assert judged(claim, check, predicted, output).outcome == "disagrees", wrong


def test_claims_as_they_are_pass(failing):
    assert failing("neural_collapse.12") == set()
    assert failing("neural_collapse.13") == set()


def balanced(geometry, sizes):
    simplex = np.eye(len(sizes)) - 1 / len(sizes)
    return dataclasses.replace(geometry, classifier_gram=simplex)


def swapped(geometry, sizes):
    return dataclasses.replace(
        geometry, classifier_gram=geometry.class_mean_gram, class_mean_gram=geometry.classifier_gram
    )


def unweighted(geometry, sizes):
    gram = geometry.class_mean_gram * np.sqrt(np.outer(sizes, sizes))
    return dataclasses.replace(geometry, class_mean_gram=gram)


def off_by_a_millionth(geometry, sizes):
    return dataclasses.replace(geometry, nuclear_norm=geometry.nuclear_norm * (1 + 1e-6))


@pytest.mark.parametrize(
    ("mutant", "caught"),
    [
        (balanced, {"matrices", "vanishing-ridges"}),
        (swapped, {"matrices", "vanishing-ridges"}),
        (unweighted, {"matrices", "vanishing-ridges"}),
        (off_by_a_millionth, {"value", "dual-point"}),
    ],
)
def test_wrong_label_geometry_is_caught(mutant, caught, monkeypatch, failing):
    right = imbalance.seli_geometry
    monkeypatch.setattr(imbalance, "seli_geometry", lambda sizes: mutant(right(sizes), sizes))
    assert caught <= failing("neural_collapse.12")


def scaled(name, factor):
    def mutant(found, features, labels, classifier):
        return dataclasses.replace(found, **{name: getattr(found, name) * factor(features, labels, classifier)})

    return mutant


@pytest.mark.parametrize(
    ("mutant", "caught"),
    [
        (scaled("nc1", lambda h, y, w: len(w)), {"definitions"}),  # not divided by K
        (
            scaled("nc1_trace", lambda h, y, w: len(y) / (len(y) + len(w))),
            {"definitions", "invariances"},
        ),  # N + K for N
        (scaled("nc2_etf", lambda h, y, w: 1 + 1e-6), {"definitions", "trained-frames"}),
        (scaled("nc2_mean_of", lambda h, y, w: np.linalg.norm(h)), {"definitions", "invariances"}),  # not normalised
        (scaled("nc3_of", lambda h, y, w: 1 + w[0, 0] ** 2), {"definitions", "invariances"}),  # depends on the basis
    ],
)
def test_wrong_metric_is_caught(mutant, caught, monkeypatch, failing):
    right = metrics.neural_collapse_metrics
    monkeypatch.setattr(metrics, "neural_collapse_metrics", lambda *given: mutant(right(*given), *given))
    assert caught <= failing("neural_collapse.13")


def test_exchanged_metrics_are_caught(monkeypatch, failing):
    """Centred for uncentred means."""
    right = metrics.neural_collapse_metrics

    def mutant(*given):
        found = right(*given)
        return dataclasses.replace(found, nc2_mean_etf=found.nc2_mean_of, nc2_mean_of=found.nc2_mean_etf)

    monkeypatch.setattr(metrics, "neural_collapse_metrics", mutant)
    assert {"definitions", "trained-frames"} <= failing("neural_collapse.13")
