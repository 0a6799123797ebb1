"""Wrong bounds in place of the published ones: some quick check of the claim must fail."""

import numpy as np
import pytest

from assay.engine import Engine
from assay.registry import select
from assay.run import Run
from assay.store import Store
from theory.accelerated_sgd import sgd_risk_lower_bound, sgd_risk_upper_bound


def first_verdicts(count, folder):
    """Return the first verdicts at quick scale; the wrong values are stored in a folder of their own."""
    with Engine() as engine:
        checks = select(["accelerated_sgd.7"])[0].check(Run("quick", 0, Store(folder), engine))
        return [next(checks).verdict() for _ in range(count)]


def upper(wrong):
    def bound(eigenvalues, initial_error, **rest):
        if wrong == "a factor 2 lost":
            return 0.5 * sgd_risk_upper_bound(eigenvalues, initial_error, **rest)
        if wrong == "average as long as the run":
            rest["n_average"] += rest["burn_in"]
        elif wrong == "burn-in twice":
            rest["burn_in"] *= 2
        elif wrong == "error not squared":
            initial_error = np.sqrt(np.abs(initial_error))
        elif wrong == "noise not squared":
            rest["noise_variance"] **= 0.5
        elif wrong == "eigenvalues squared":
            eigenvalues = eigenvalues**2
            rest["learning_rate"] = min(rest["learning_rate"], 0.99 / (3 * eigenvalues.sum()))
        return sgd_risk_upper_bound(eigenvalues, initial_error, **rest)

    return bound


def lower(wrong):
    def bound(eigenvalues, initial_error, **rest):
        right = sgd_risk_lower_bound(eigenvalues, initial_error, **rest)
        if wrong == "1/10 for 1/100":
            rest["noise_variance"] = 0.0
            return right + 9 * sgd_risk_lower_bound(eigenvalues, initial_error, **rest)
        if wrong == "1/5 for 1/50":
            return right + 9 * sgd_risk_lower_bound(eigenvalues, 0 * initial_error, **rest)
        if wrong == "noise not squared":
            rest["noise_variance"] **= 0.5
        elif wrong == "error not squared":
            initial_error = np.sqrt(np.abs(initial_error))
        return sgd_risk_lower_bound(eigenvalues, initial_error, **rest)

    return bound


def test_right_bounds_pass(tmp_path):
    assert all(verdict.passed for verdict in first_verdicts(4, tmp_path))


@pytest.mark.parametrize(
    "wrong",
    ["a factor 2 lost", "average as long as the run", "burn-in twice", "error not squared", "noise not squared",
     "eigenvalues squared"],
)  # fmt: skip
def test_upper_bound_mutants(wrong, tmp_path, monkeypatch):
    monkeypatch.setattr("figures.accelerated_sgd._bound_instances.sgd_risk_upper_bound", upper(wrong))
    outcomes = [verdict.outcome for verdict in first_verdicts(2, tmp_path)]
    assert "disagrees" in outcomes


@pytest.mark.parametrize("wrong", ["1/10 for 1/100", "1/5 for 1/50", "noise not squared", "error not squared"])
def test_lower_bound_mutants(wrong, tmp_path, monkeypatch):
    monkeypatch.setattr("figures.accelerated_sgd._bound_instances.sgd_risk_lower_bound", lower(wrong))
    outcomes = [verdict.outcome for verdict in first_verdicts(4, tmp_path)[2:]]
    assert "disagrees" in outcomes


def test_dimension_without_its_square(tmp_path, monkeypatch):
    """k*/N + N (eta lambda) below the cut-off, where N (eta lambda)^2 belongs."""

    def dimension(values, learnt, eta, n):
        return learnt.sum() / n + n * eta * values[~learnt].sum()

    monkeypatch.setattr("theory.accelerated_sgd.bounds._dimension", dimension)
    assert first_verdicts(3, tmp_path)[2].outcome == "disagrees"
