"""Wrong stability, variance and renewal formulas: some quick check of each claim must refuse them."""

import dataclasses
import math

import numpy as np
import pytest

import assay
from assay.engine import Engine
from assay.registry import select
from assay.run import Run
from assay.store import Store
from figures.accelerated_sgd._configurations import CONFIGURATIONS
from figures.accelerated_sgd._feature_laws import LAWS
from figures.accelerated_sgd.stability import FEW, POWER_LAW
from figures.accelerated_sgd.variance import DENSE_VALUES
from theory.accelerated_sgd import (
    VarianceSandwich,
    critical_learning_rate,
    growth_rate,
    is_mean_square_stable,
    mode_stationary_variance,
    solve_volterra,
    stability_trace,
    stationary_risk,
    tail_average_constant,
    variance_sandwich,
    volterra_terms,
)


def outcome_of(claim, check, folder):
    """Return the quick outcome of one check; wrong values that are stored need a folder of their own."""
    with Engine() as engine:
        for item in select([f"accelerated_sgd.{claim}"])[0].check(Run("quick", 0, Store(folder), engine)):
            if item.name == check:
                return item.verdict().outcome
    raise AssertionError(check)


@pytest.mark.parametrize(
    ("function", "wrong", "check"),
    [
        ("growth_rate", lambda *where, **law: math.sqrt(growth_rate(*where, **law)), "growth-rate"),
        ("growth_rate", lambda *where, **law: growth_rate(*where, **law | dict(kurtosis=3.0)), "growth-rate"),
        ("growth_rate", lambda *where, **law: growth_rate(*where, **law | dict(radial_fourth_moment=1.0)),
         "growth-rate"),
        ("is_mean_square_stable", lambda *where, **law: stability_trace(*where, **law) < 2, "decision"),
        ("is_mean_square_stable", lambda *where, **law: is_mean_square_stable(*where, **law | dict(batch_size=1)),
         "decision"),
        ("is_mean_square_stable", lambda *where, **law: is_mean_square_stable(*where), "decision"),
    ],
)  # fmt: skip
def test_stability_mutants(function, wrong, check, tmp_path, monkeypatch):
    monkeypatch.setattr(f"figures.accelerated_sgd._stability_instances.{function}", wrong)
    assert outcome_of(4, check, tmp_path) == "disagrees"


def critical(kind, momentum, batch_size, kurtosis):
    values = POWER_LAW if kind == "sgd" else FEW
    return critical_learning_rate(values, kind=kind, momentum=momentum, batch_size=batch_size, kurtosis=kurtosis)


@pytest.mark.parametrize(
    ("formula", "outcome"),
    [
        (critical, "agrees"),
        (lambda kind, momentum, batch_size, kurtosis: critical(kind, momentum, batch_size, kurtosis - 1), "disagrees"),
        (lambda batch_size, **rest: critical(batch_size=batch_size + 1, **rest), "disagrees"),
        (lambda momentum, kind, **rest: critical(kind, momentum / 2, **rest), "disagrees"),
        (lambda **case: critical(**case) * (1 + 1e-6), "disagrees"),
    ],
)
def test_critical_step_mutants(formula, outcome, output):
    assert assay.judge("accelerated_sgd.4", formula, check="critical-step", output=output).outcome == outcome


def closed(function, configuration, law, noise_variance=0.3, **changes):
    moments = LAWS[law].moments | dict(batch_size=4) | changes
    return function(DENSE_VALUES, CONFIGURATIONS[configuration].scheme, noise_variance=noise_variance, **moments)


def long_step_for_short(configuration, law):
    """f with q for delta."""
    scheme = CONFIGURATIONS[configuration].scheme
    swapped = dataclasses.replace(scheme, learning_rate=scheme.lookahead_learning_rate, momentum=0.0)
    right, wrong = (mode_stationary_variance(DENSE_VALUES, one).iterate for one in (scheme, swapped))
    return closed(stationary_risk, configuration, law) * (DENSE_VALUES**2 @ wrong) / (DENSE_VALUES**2 @ right)


@pytest.mark.parametrize(
    ("check", "formula", "outcome"),
    [
        ("settled-dense", lambda **case: closed(stationary_risk, **case), "agrees"),
        ("settled-dense", lambda **case: 2 * closed(stationary_risk, **case), "disagrees"),
        ("settled-dense", lambda **case: 2 * closed(stationary_risk, **case, batch_size=8), "disagrees"),
        ("settled-dense", long_step_for_short, "disagrees"),
        ("average-dense", lambda **case: closed(tail_average_constant, **case), "agrees"),
        ("average-dense", lambda configuration, law: 0.3 * len(DENSE_VALUES) / 8, "disagrees"),
        ("average-dense", lambda **case: closed(stationary_risk, **case), "disagrees"),
    ],
)
def test_mutants_of_the_closed_values(check, formula, outcome, output):
    assert assay.judge("accelerated_sgd.5", formula, check=check, output=output).outcome == outcome


def wider(lower, upper):
    def sandwich(*where, **sizes):
        right = variance_sandwich(*where, **sizes)
        return VarianceSandwich(lower * right.lower, upper * right.upper)

    return sandwich


@pytest.mark.parametrize(
    ("wrong", "check", "outcome"),
    [
        (wider(1.0, 1.0), "upper-end", "agrees"),
        (wider(1.01, 1.0), "lower-end", "disagrees"),
        (wider(0.5, 1.0), "lower-end", "disagrees"),  # true, but loose
        (wider(1.0, 0.99), "upper-end", "disagrees"),
        (wider(1.0, 2.0), "upper-end", "disagrees"),
    ],
)
def test_sandwich_mutants(wrong, check, outcome, tmp_path, monkeypatch):
    monkeypatch.setattr("figures.accelerated_sgd._variance_instances.variance_sandwich", wrong)
    assert outcome_of(6, check, tmp_path) == outcome


def solved(configuration, law, wrong=""):
    known, moments = CONFIGURATIONS[configuration], LAWS[law].moments
    problem = known.problem()
    noise = problem.pop("noise_variance")
    terms = volterra_terms(**problem, **moments, n_steps=known.last_step)
    if wrong == "w kernel in the equation of y":
        terms = dataclasses.replace(terms, lookahead_kernel=terms.iterate_kernel)
    elif wrong == "kernel one step late":
        late = {name: np.concatenate([[0.0], getattr(terms, name)[:-1]])
                for name in ("iterate_kernel", "lookahead_kernel")}  # fmt: skip
        terms = dataclasses.replace(terms, **late)
    elif wrong == "forcing of w in the equation of y":
        terms = dataclasses.replace(terms, lookahead_forcing=terms.iterate_forcing)
    elif wrong == "noise halved":
        noise = noise / 2
    return solve_volterra(terms, noise_variance=noise, radial_fourth_moment=moments["radial_fourth_moment"])[-1]


@pytest.mark.parametrize(
    ("wrong", "outcome"),
    [("", "agrees"), ("w kernel in the equation of y", "disagrees"), ("kernel one step late", "disagrees"),
     ("forcing of w in the equation of y", "disagrees"), ("noise halved", "disagrees")],
)  # fmt: skip
def test_renewal_mutants(wrong, outcome, output):
    def formula(configuration, law):
        return solved(configuration, law, wrong)

    verdict = assay.judge("accelerated_sgd.10", formula, check="equals-dense-moments", output=output)
    assert verdict.outcome == outcome
