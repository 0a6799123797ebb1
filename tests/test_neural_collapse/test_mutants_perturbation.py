"""Wrong formulas for flows and responses near collapse, each of which some quick check must refuse."""

from dataclasses import replace

import numpy as np
import pytest

import assay
from assay.engine import Engine
from assay.registry import select
from assay.run import Run
from assay.store import Store
from theory.neural_collapse import (
    central_path_rates,
    proximity_factors,
    proximity_first_order,
    within_class_shrinkage,
)


def passed(claim, output):
    with Engine() as engine:
        checks = select([claim])[0].check(Run("quick", 0, Store(output / "store"), engine))
        return all(item.verdict().passed for item in checks if hasattr(item, "verdict"))


@pytest.mark.parametrize("number", [14, 15, 16, 17])
def test_right_formulas_pass(number, output):
    assert passed(f"neural_collapse.{number}", output)


def rates(wrong):
    def formula(features, labels, *, weight_ridge):
        n_per_class = np.bincount(labels)[0]
        ridge = dict(ridge_per_sample=weight_ridge / n_per_class, ridge_doubled=2 * weight_ridge).get(
            wrong, weight_ridge
        )
        right = central_path_rates(features, labels, weight_ridge=ridge)
        if wrong == "sign":
            return replace(right, within=-right.within)
        if wrong == "mean over classes":
            return replace(right, within=right.within * n_per_class)
        if wrong == "sum over classes":
            return replace(right, between=right.between * (labels.max() + 1))
        if wrong == "no I - A":
            return replace(right, between=2 * float(np.mean(right.alignment_eigenvalues)))
        return right

    return formula


@pytest.mark.parametrize(
    "wrong", ["sign", "mean over classes", "sum over classes", "no I - A", "ridge_per_sample", "ridge_doubled"]
)
def test_rate_mutants(wrong, output, monkeypatch):
    monkeypatch.setattr("figures.neural_collapse.central_path.central_path_rates", rates(wrong))
    assert not passed("neural_collapse.14", output)


@pytest.mark.parametrize(
    "formula",
    [
        lambda classifier, *, proximity: within_class_shrinkage(classifier, proximity=1 / proximity),
        lambda classifier, *, proximity: within_class_shrinkage(classifier, proximity=2 * proximity),
        lambda classifier, *, proximity: within_class_shrinkage(classifier, proximity=proximity) / proximity,
        lambda classifier, *, proximity: (
            2 * np.eye(classifier.shape[1]) - np.linalg.inv(within_class_shrinkage(classifier, proximity=proximity))
        ),  # first order in 1/proximity
    ],
)
def test_shrinkage_mutants(formula, output, monkeypatch):
    monkeypatch.setattr("figures.neural_collapse.proximity.within_class_shrinkage", formula)
    assert not passed("neural_collapse.15", output)


def centre(input_scale, weight_ridge, proximity, quantity):
    found = proximity_factors(input_scale, weight_ridge=weight_ridge, proximity=proximity)
    return dict(h=found.scale, w=found.classifier_scale)[quantity]


def outcome(formula, output, check="scales", claim="neural_collapse.16"):
    return assay.judge(claim, formula, check=check, output=output).outcome


def test_the_centre_is_accepted(output):
    assert outcome(centre, output) == "agrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda input_scale, weight_ridge, proximity, quantity: centre(
            input_scale, weight_ridge, 2 * proximity, quantity
        ),
        lambda input_scale, weight_ridge, proximity, quantity: centre(input_scale, proximity, weight_ridge, quantity),
        lambda input_scale, weight_ridge, proximity, quantity: centre(
            input_scale, 4 * weight_ridge, proximity, quantity
        ),
        lambda input_scale, weight_ridge, proximity, quantity: (
            input_scale if quantity == "h" else input_scale / (input_scale**2 + weight_ridge)
        ),
        lambda input_scale, weight_ridge, proximity, quantity: centre(
            input_scale, weight_ridge + 1e-8, proximity, quantity
        ),
    ],
)
def test_centre_mutants(formula, output):
    assert outcome(formula, output) == "disagrees"


def factors(wrong):
    def formula(input_scale, *, weight_ridge, proximity):
        right = proximity_factors(input_scale, weight_ridge=weight_ridge, proximity=proximity)
        h, w, mu = right.scale, right.classifier_scale, proximity
        changed = {
            "rotation by h": dict(mean_rotation=h),
            "rotation inverted": dict(mean_rotation=input_scale / h),
            "w for its square": dict(within_parallel=mu / (mu + w)),
            "rho not squared": dict(
                mean_symmetric=mu / (mu + w * w - (h * h - weight_ridge) / (h * h + weight_ridge) ** 2)
            ),
            "sign of rho": dict(
                mean_symmetric=mu / (mu + w * w + (h * h - weight_ridge) ** 2 / (h * h + weight_ridge) ** 3)
            ),
            "orthogonal shrunk": dict(within_orthogonal=right.within_parallel),
        }
        return replace(right, **changed[wrong])

    return formula


@pytest.mark.parametrize(
    "wrong",
    ["rotation by h", "rotation inverted", "w for its square", "rho not squared", "sign of rho", "orthogonal shrunk"],
)
def test_factor_mutants(wrong, output, monkeypatch):
    monkeypatch.setattr("figures.neural_collapse.proximity.proximity_factors", factors(wrong))
    assert not passed("neural_collapse.17", output)


@pytest.mark.parametrize(
    "change", [lambda response: 1.001 * response, lambda response: response - response.mean(axis=1, keepdims=True)]
)
def test_response_mutants(change, output, monkeypatch):
    monkeypatch.setattr(
        "figures.neural_collapse.proximity.proximity_first_order",
        lambda *args, **kwargs: change(proximity_first_order(*args, **kwargs)),
    )
    assert not passed("neural_collapse.17", output)
