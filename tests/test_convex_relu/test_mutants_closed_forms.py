"""Wrong closed forms and wrong relaxations, each of which some quick check must refuse."""

import math

import numpy as np
import pytest

import assay
from figures.convex_relu._closed_form_problems import feature_of, row_norms_of, spline_data, targets_of
from figures.convex_relu._gauges import gated_gauge
from figures.convex_relu._problems import problem_data
from theory.convex_relu import (
    dual_gauge,
    orthogonal_optimum,
    single_feature_optimum,
    solve_convex_program,
    spline_gauge,
    spline_optimum,
    whitened_optimum,
)

FORMS, GATED = "convex_relu.4", "convex_relu.9"


def outcome(claim, formula, check, output):
    return assay.judge(claim, formula, check=check, output=output).outcome


def lengths(y):
    return [np.linalg.norm(np.maximum(sign * y, 0.0)) for sign in (1.0, -1.0)]


def shrunk(y, beta, wrong):
    """The whitened optimum, sign by sign, with one mistake."""
    if wrong == "without the cones":
        return shrunk(np.abs(y), beta, "")
    if wrong == "sample by sample":
        return sum(beta * (abs(one) - beta / 2) if abs(one) > beta else one**2 / 2 for one in y)
    if wrong == "sum for norm":
        parts = [np.maximum(sign * y, 0.0).sum() for sign in (1.0, -1.0)]
    else:
        parts = lengths(y)
    square = {"beta^2": 1.0, "beta^2 lost": 0.0}.get(wrong, 0.5)
    below = 0.0 if wrong == "small parts for nothing" else 0.5
    threshold = 2 * beta if wrong == "threshold 2 beta" else beta
    return sum(beta * one - square * beta**2 if one > threshold else below * one**2 for one in parts)


def whitened(wrong):
    def formula(n_samples, draw, regularisation):
        return shrunk(targets_of(n_samples, draw), regularisation, wrong)

    return formula


def orthogonal(power=1.0, factor=1.0, take=lambda y: y):
    def formula(n_samples, draw, regularisation):
        norms, y = row_norms_of(n_samples), take(targets_of(n_samples, draw))
        return orthogonal_optimum(norms**power, y, regularisation=factor * regularisation).objective

    return formula


def one_feature(wrong=""):
    def formula(n_samples, draw, regularisation):
        x, y, beta = feature_of(n_samples, draw), targets_of(n_samples, draw), regularisation
        gain = 0.0
        sides = [x] if wrong == "no sides" else [np.maximum(x, 0.0), np.maximum(-x, 0.0)]
        for side in sides:
            fit = side @ y if wrong == "positive slopes alone" else abs(side @ y)
            excess = max(fit - beta * (0.5 if wrong == "half" else 1.0), 0.0)
            gain += excess**2 / (2 * (side @ side) ** (0.5 if wrong == "norm not squared" else 1.0))
        return 0.5 * y @ y - (2 * gain if wrong == "1/2 lost" else gain)

    return formula


def spline(optimum=spline_optimum, factor=1.0):
    def formula(n_samples, draw, regularisation):
        return optimum(*spline_data(n_samples, draw), regularisation=factor * regularisation).objective

    return formula


def with_bias(positions, targets, *, regularisation, free=False):
    rows = np.column_stack([positions, np.ones(len(positions))])
    return solve_convex_program(rows, targets, regularisation=regularisation, penalised_features=[True, not free])


def on_the_line(positions, targets, *, regularisation):
    return single_feature_optimum(positions, targets, regularisation=regularisation)


def test_right_formulas_are_accepted(failing):
    assert failing(FORMS) == set()
    assert failing(GATED) == set()


@pytest.mark.parametrize(
    ("formula", "check"),
    [(whitened(""), "whitened"), (orthogonal(), "orthogonal"), (one_feature(), "one-feature"), (spline(), "spline"),
     (spline(lambda x, y, regularisation: with_bias(x, y, regularisation=regularisation, free=True)), "spline")],
    ids=["whitened", "orthogonal", "one feature", "spline", "conic program"],
)  # fmt: skip
def test_closed_forms_are_accepted(formula, check, output):
    assert outcome(FORMS, formula, check, output) == "agrees"


@pytest.mark.parametrize(
    "wrong",
    ["without the cones", "sample by sample", "sum for norm", "beta^2", "beta^2 lost", "threshold 2 beta",
     "small parts for nothing"],
)  # fmt: skip
def test_whitened_mutants(wrong, output):
    assert outcome(FORMS, whitened(wrong), "whitened", output) == "disagrees"


@pytest.mark.parametrize(
    "formula",
    [orthogonal(power=0.0), orthogonal(power=-1.0), orthogonal(power=2.0), orthogonal(factor=0.5),
     orthogonal(take=np.abs)],
    ids=["norms forgotten", "inverse norms", "squared norms", "half", "without the cones"],
)  # fmt: skip
def test_orthogonal_mutants(formula, output):
    assert outcome(FORMS, formula, "orthogonal", output) == "disagrees"


@pytest.mark.parametrize("wrong", ["no sides", "positive slopes alone", "half", "norm not squared", "1/2 lost"])
def test_one_feature_mutants(wrong, output):
    assert outcome(FORMS, one_feature(wrong), "one-feature", output) == "disagrees"


@pytest.mark.parametrize(
    "formula",
    [spline(factor=0.5), spline(factor=2.0), spline(with_bias), spline(on_the_line),
     lambda n_samples, draw, regularisation: whitened("")(n_samples, draw, regularisation)],
    ids=["half", "twice", "penalised bias", "no bias", "targets alone"],
)  # fmt: skip
def test_spline_mutants(formula, output):
    assert outcome(FORMS, formula, "spline", output) == "disagrees"


def cost(wrong):
    def formula(n_samples, draw):
        x, values = spline_data(n_samples, draw)
        s = np.diff(values) / np.diff(x)
        bends, ends = np.abs(np.diff(s)).sum(), abs(s[0] + s[-1])
        return {
            "right": spline_gauge(x, values),
            "bends alone": bends,
            "mean of both": (bends + ends) / 2,
            "larger of both": max(bends, ends),
            "sum of both": bends + ends,
            "difference of the end slopes": max(bends, (bends + abs(s[0] - s[-1])) / 2),
            "bends and both end slopes": bends + abs(s[0]) + abs(s[-1]),
        }[wrong]

    return formula


def test_the_cost_is_accepted(output):
    assert outcome(FORMS, cost("right"), "cost-of-outputs", output) == "agrees"


@pytest.mark.parametrize(
    "wrong",
    ["bends alone", "mean of both", "larger of both", "sum of both", "difference of the end slopes",
     "bends and both end slopes"],
)  # fmt: skip
def test_cost_mutants(wrong, output):
    assert outcome(FORMS, cost(wrong), "cost-of-outputs", output) == "disagrees"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("whitened_optimum", lambda y, *, regularisation: whitened_optimum(y, regularisation=regularisation**2)),
        ("orthogonal_optimum", lambda norms, y, *, regularisation: whitened_optimum(y, regularisation=regularisation)),
        ("single_feature_optimum", lambda x, y, *, regularisation: single_feature_optimum(
            abs(x), y, regularisation=regularisation)),
        ("spline_optimum", lambda x, y, *, regularisation: spline_optimum(
            math.sqrt(2.0) * x, y, regularisation=regularisation)),
    ],
)  # fmt: skip
def test_output_mutants(name, wrong, failing, monkeypatch):
    monkeypatch.setattr(f"figures.convex_relu.closed_forms.{name}", wrong)
    assert any(check.startswith("outputs-") for check in failing(FORMS))


def relaxed(wrong=""):
    """The optimum without the cones, in closed form."""

    def formula(kind, n_samples, regularisation):
        beta, y = regularisation, targets_of(n_samples, 1)
        if kind == "one feature":
            return single_feature_optimum(feature_of(n_samples, 1), y, regularisation=beta).objective
        y = y if wrong == "ReLU optimum" and kind.endswith("two signs") else np.abs(y)
        norms = row_norms_of(n_samples) if kind.startswith("orthogonal") else np.ones(n_samples)
        if wrong == "norms forgotten":
            norms = np.ones(n_samples)
        if wrong == "positive targets alone" and kind.endswith("two signs"):
            y = np.maximum(targets_of(n_samples, 1), 0.0)
        beta = beta / 2 if wrong == "half" else beta
        return orthogonal_optimum(norms, y, regularisation=beta).objective

    return formula


def test_the_relaxation_is_accepted(output):
    assert outcome(GATED, relaxed(), "closed-forms", output) == "agrees"


@pytest.mark.parametrize("wrong", ["ReLU optimum", "norms forgotten", "positive targets alone", "half"])
def test_relaxation_mutants(wrong, output):
    assert outcome(GATED, relaxed(wrong), "closed-forms", output) == "disagrees"


@pytest.mark.parametrize("factor", [0.5, 0.99, 0.999999])
def test_bound_mutants(factor, output):
    """The ReLU optimum is the least upper bound that holds at all regularisations."""

    def formula(n_samples, n_features, draw, regularisation):
        features, targets = problem_data(n_samples, n_features, draw)
        return factor * solve_convex_program(features, targets, regularisation=regularisation).objective

    assert outcome(GATED, formula, "never-above-the-optimum", output) == "disagrees"


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (dual_gauge, "criterion-of-equality"),
        (dual_gauge, "duality-gap"),
        (lambda features, dual: 0.5 * gated_gauge(features, dual), "duality-gap"),
        (lambda features, dual: float(np.linalg.norm(features.T @ dual)), "criterion-of-equality"),
        (lambda features, dual: float(np.linalg.norm(dual)), "duality-gap"),
    ],
)
def test_criterion_mutants(wrong, check, failing, monkeypatch):
    monkeypatch.setattr("figures.convex_relu.gated.gated_gauge", wrong)
    assert check in failing(GATED)
