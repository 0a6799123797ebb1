"""Wrong contractions and schedules for strongly convex problems and moving targets: each must be refused."""

import math

import numpy as np
import pytest

import assay
from assay.engine import Engine
from assay.registry import select
from assay.run import Run
from assay.store import Store
from theory.accelerated_sgd import TrackingSchedule, asgd_scheme, growth_rate, tracking_optimal_schedule


def accelerated_contraction(wrong=""):
    """1 - rho on the spectrum of two levels."""

    def predicted(scheme, smallest, n_features):
        d = n_features
        values = np.repeat([1.0, smallest], d // 2)
        trace = values.sum() + (1.0 if wrong == "lambda_1 once" else 2.0)
        speed = math.sqrt(trace / smallest * (d if wrong == "kappa_tilde = d" else d + 2))
        delta = 1 / ((3 if wrong == "1/3 for 1/5" else 5) * trace)
        ratio = 3 * (1 if wrong == "sqrt 5 lost" else math.sqrt(5)) * speed
        beta = 1 / ((3 if wrong == "1/3 for 1/9" else 9) * speed)
        if scheme == "SGD":
            return 1 - growth_rate(values, asgd_scheme(alpha=1.0, beta=1.0, gamma=delta, delta=delta))
        alpha = ratio / (1 + ratio)
        return 1 - growth_rate(values, asgd_scheme(alpha=alpha, beta=beta, gamma=1 / (ratio * smallest), delta=delta))

    return predicted


def test_the_parameters_are_accepted(output):
    verdict = assay.judge("accelerated_sgd.11", accelerated_contraction(), check="contraction", output=output)
    assert verdict.outcome == "agrees"


@pytest.mark.parametrize("wrong", ["lambda_1 once", "kappa_tilde = d", "1/3 for 1/5", "sqrt 5 lost", "1/3 for 1/9"])
def test_contraction_mutants(wrong, output):
    verdict = assay.judge("accelerated_sgd.11", accelerated_contraction(wrong), check="contraction", output=output)
    assert verdict.outcome == "disagrees"


@pytest.mark.parametrize("rate", [1 / 9, 1 / (3 * math.sqrt(5)), 1 / 3 + 1 / 9, 1 / (3 * math.sqrt(5)) - 1 / 9])
def test_rate_mutants(rate, output):
    def predicted(scheme):
        return 0.4 if scheme == "SGD" else rate

    verdict = assay.judge("accelerated_sgd.11", predicted, check="rate-times-scale", output=output)
    assert verdict.outcome == "disagrees"


def tracked(wrong=""):
    drift = np.full(200, 1e-3)
    drift[[60, 140]] = 3.0, 2.0

    def predicted(n_features, batch_size, initial_squared_error, noise_variance, time):
        d, m, error = n_features, batch_size, initial_squared_error
        growth = 1 + {"d for d + 1": d, "batch lost": (d + 1) * m}.get(wrong, d + 1) / m
        floor = noise_variance * {"d lost in the noise": 1}.get(wrong, d) / m
        for move in drift[:time]:
            rate = error / (growth * error + floor)
            error *= 1 - (2 * rate if wrong == "2 eta kept" else rate)
            error += {"jumps one step late": 0.0, "drift not squared": math.sqrt(move)}.get(wrong, move)
        return error

    return predicted


def test_the_schedule_is_accepted(output):
    verdict = assay.judge("accelerated_sgd.12", tracked(), check="tracking-error", output=output)
    assert verdict.outcome == "agrees"


@pytest.mark.parametrize(
    "wrong", ["d for d + 1", "batch lost", "d lost in the noise", "2 eta kept", "jumps one step late",
              "drift not squared"]
)  # fmt: skip
def test_tracking_mutants(wrong, output):
    verdict = assay.judge("accelerated_sgd.12", tracked(wrong), check="tracking-error", output=output)
    assert verdict.outcome == "disagrees"


def test_a_schedule_off_the_optimum(tmp_path, monkeypatch):
    """Steps one per cent too long; the errors that go with the schedule stay right."""

    def off(n_features, **rest):
        right = tracking_optimal_schedule(n_features, **rest)
        return TrackingSchedule(1.01 * right.learning_rates, right.squared_errors)

    monkeypatch.setattr("figures.accelerated_sgd.moving_target.tracking_optimal_schedule", off)
    with Engine() as engine:
        checks = select(["accelerated_sgd.12"])[0].check(Run("quick", 0, Store(tmp_path), engine))
        verdict = next(check.verdict() for check in checks if check.name == "joint-optimum")
    assert verdict.outcome == "disagrees"
