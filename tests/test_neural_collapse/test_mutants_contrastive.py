"""Wrong formulas for the supervised contrastive loss, each of which some quick check must refuse."""

import math
from dataclasses import replace

import numpy as np
import pytest

import assay
from assay.engine import Engine
from assay.registry import select
from assay.run import Run
from assay.store import Store
from theory.neural_collapse import batch_interaction, scl_batch_lower_bound, scl_lower_bound, scl_step_geometry


def passed(claim, output):
    with Engine() as engine:
        checks = select([claim])[0].check(Run("quick", 0, Store(output / "store"), engine))
        return all(item.verdict().passed for item in checks if hasattr(item, "verdict"))


def outcome(claim, formula, check, output):
    return assay.judge(claim, formula, check=check, output=output).outcome


@pytest.mark.parametrize("number", [18, 19, 20, 21])
def test_right_formulas_pass(number, output):
    assert passed(f"neural_collapse.{number}", output)


def least(wrong=""):
    def formula(sizes, temperature):
        n = np.array([float(part) for part in sizes.split("+")])
        total, repeated = n.sum(), n if wrong == "single samples counted" else n[n >= 2]
        weight = math.exp(-(temperature if wrong == "T for 1/T" else 1 / temperature))
        others = total if wrong == "own class among the others" else total - repeated
        own = repeated - {"n for n - 1": 0, "n - 2 for n - 1": 2}.get(wrong, 1)
        anchors = repeated - 1 if wrong == "pairs for anchors" else repeated
        return float(np.sum(anchors * np.log(own + others * weight)))

    return formula


@pytest.mark.parametrize("check", ["never-below", "least-loss"])
def test_the_least_loss_is_accepted(check, output):
    assert outcome("neural_collapse.18", least(), check, output) == "agrees"


@pytest.mark.parametrize("check", ["never-below", "least-loss"])
@pytest.mark.parametrize(
    "wrong",
    ["single samples counted", "T for 1/T", "own class among the others", "n for n - 1", "n - 2 for n - 1",
     "pairs for anchors"],
)  # fmt: skip
def test_least_loss_mutants(wrong, check, output):
    assert outcome("neural_collapse.18", least(wrong), check, output) == "disagrees"


def interaction(wrong):
    def formula(labels, batches):
        right = batch_interaction(labels, batches)
        verdicts = dict(
            regular_alone=right.regular,
            connected_alone=bool(right.within_connected.all()),
            pairs_alone=bool(right.pair_connected.all()),
            needs_regular=right.unique_frame and right.regular,
            negated=not right.unique_frame,
        )
        return replace(right, unique_frame=bool(verdicts[wrong]))

    return formula


@pytest.mark.parametrize("wrong", ["regular_alone", "connected_alone", "pairs_alone", "needs_regular", "negated"])
def test_interaction_mutants(wrong, output, monkeypatch):
    monkeypatch.setattr("figures.neural_collapse.contrastive.batch_interaction", interaction(wrong))
    assert not passed("neural_collapse.19", output)


@pytest.mark.parametrize(
    "formula",
    [
        lambda labels, batches: scl_batch_lower_bound(labels, batches, temperature=2.0),
        lambda labels, batches: scl_batch_lower_bound(labels, batches[:1]),
        lambda labels, batches: scl_batch_lower_bound(labels, batches) / len(batches),
    ],
)
def test_batch_bound_mutants(formula, output, monkeypatch):
    monkeypatch.setattr("figures.neural_collapse.contrastive.scl_batch_lower_bound", formula)
    assert not passed("neural_collapse.19", output)


def cosine_of(classes, sizes, temperature, name):
    found = scl_step_geometry(*map(int, classes), *map(int, sizes), temperature=temperature)
    return dict(majority=found.majority_cosine, minority=found.minority_cosine, across=found.cross_cosine)[name]


def step(wrong=""):
    def formula(majority_classes, minority_classes, majority_size, minority_size, temperature, cosine):
        classes, sizes = (majority_classes, minority_classes), (majority_size, minority_size)
        if wrong == "sizes exchanged":
            sizes = sizes[::-1]
        elif wrong == "ratio of square roots":
            sizes = (max(2, round(math.sqrt(majority_size * minority_size))), minority_size)
        elif wrong == "one class more":
            classes = (majority_classes + 1, minority_classes)
        elif wrong == "temperature doubled":
            temperature = 2 * temperature
        elif wrong == "many samples":
            sizes = (1000 * majority_size, 1000 * minority_size)
        value = cosine_of(classes, sizes, temperature, cosine)
        return -value if wrong == "sign across" and cosine == "across" else value

    return formula


def test_the_cosines_are_accepted(output):
    assert outcome("neural_collapse.20", step(), "cosines", output) == "agrees"


@pytest.mark.parametrize(
    "wrong",
    [
        "sizes exchanged",
        "ratio of square roots",
        "one class more",
        "temperature doubled",
        "many samples",
        "sign across",
    ],
)
def test_cosine_mutants(wrong, output):
    assert outcome("neural_collapse.20", step(wrong), "cosines", output) == "disagrees"


def limit(majority_classes, temperature, wrong=""):
    k = majority_classes
    e = math.exp(-1 / temperature if wrong == "orthogonal majority" else -k / ((k - 1) * temperature))
    q = 1 + (k if wrong == "K for K - 1" else k - 1) * e
    square = q + (1 if wrong == "K_a lost" else k) * math.exp(-1 / temperature)
    return temperature * math.log(square ** (1 if wrong == "not squared" else 2) / (4 * k * e * q))


def test_the_limit_is_accepted(output):
    assert outcome("neural_collapse.20", limit, "limit-of-the-minority", output) == "agrees"


@pytest.mark.parametrize("wrong", ["orthogonal majority", "K for K - 1", "K_a lost", "not squared"])
def test_limit_mutants(wrong, output):
    def formula(majority_classes, temperature):
        return limit(majority_classes, temperature, wrong)

    assert outcome("neural_collapse.20", formula, "limit-of-the-minority", output) == "disagrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda sizes: np.full(2, scl_lower_bound(sizes)),  # no merging
        lambda sizes: scl_lower_bound(sizes) * np.arange(1, 3),
        lambda sizes: np.array([scl_lower_bound(sizes), scl_lower_bound([sum(sizes[:-1]), sizes[-1]])]),
        lambda sizes: np.array([scl_lower_bound(sizes), scl_lower_bound([sizes[0], sum(sizes[1:])])]) * (1 + 1e-9),
        lambda sizes: np.array([scl_lower_bound(sizes), scl_lower_bound(sizes[:-1])]),  # an extinct class
    ],
)
def test_level_mutants(formula, output, monkeypatch):
    monkeypatch.setattr("figures.neural_collapse.contrastive_landscape._levels", formula)
    assert not passed("neural_collapse.21", output)
