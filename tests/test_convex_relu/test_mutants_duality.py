"""Wrong gauges and certificates, each of which some quick check must refuse."""

from dataclasses import replace

import numpy as np
import pytest

import assay
from figures.convex_relu._gauges import gated_gauge, projected_gauges, scaled_dual
from figures.convex_relu._problems import problem_data
from theory.convex_relu import critical_regularisation, dual_gauge, duality_certificate

CLAIM = "convex_relu.3"


def of_data(gauge):
    return lambda n_samples, n_features, draw: gauge(*problem_data(n_samples, n_features, draw))


THRESHOLDS = {
    "without the cones": gated_gauge,
    "positive neurons alone": lambda features, targets: projected_gauges(features=features, dual=targets)[0],
    "no ReLU": lambda features, targets: np.linalg.norm(features.T @ targets),
    "largest correlation with one feature": lambda features, targets: np.abs(features.T @ targets).max(),
    "half": lambda features, targets: 0.5 * critical_regularisation(features, targets),
    "divided by n": lambda features, targets: critical_regularisation(features, targets) / len(targets),
    "six digits": lambda features, targets: critical_regularisation(features, targets) * (1 + 1e-6),
}


def test_the_right_formulas_are_accepted(failing):
    assert failing(CLAIM) == set()


def test_the_threshold_is_accepted(output):
    verdict = assay.judge(CLAIM, of_data(critical_regularisation), check="critical-regularisation", output=output)
    assert verdict.outcome == "agrees"


@pytest.mark.parametrize("wrong", THRESHOLDS)
def test_threshold_mutants(wrong, output):
    verdict = assay.judge(CLAIM, of_data(THRESHOLDS[wrong]), check="critical-regularisation", output=output)
    assert verdict.outcome == "disagrees"


def one_sign(features, dual):
    return projected_gauges(features=features, dual=dual)[0] + 1e-9


def corners(features, dual):
    """Sup norm of the projected vectors for their Euclidean norm."""
    return dual_gauge(features, dual) / np.sqrt(features.shape[1])


@pytest.mark.parametrize("gauge", [gated_gauge, one_sign, corners])
def test_gauge_mutants(gauge, failing, monkeypatch):
    monkeypatch.setattr("figures.convex_relu.duality.dual_gauge", gauge)
    assert "gauge-by-projections" in failing(CLAIM)


def certificate(wrong):
    def formula(features, targets, fitted, penalty, *, regularisation, patterns=None):
        right = duality_certificate(features, targets, fitted, penalty, regularisation=regularisation,
                                    patterns=patterns)  # fmt: skip
        residual = targets - fitted
        limit = regularisation / right.gauge if right.gauge else np.inf
        product, square = residual @ targets, residual @ residual
        best = max(min(product / square, limit), 0.0)
        duals = {
            "gauge ignored": scaled_dual(targets, fitted, np.inf),
            "gauge without the cones": scaled_dual(targets, fitted, regularisation / gated_gauge(features, residual)),
            "gauge of the targets": scaled_dual(targets, fitted, regularisation / dual_gauge(features, targets)),
            "half the regularisation": scaled_dual(targets, fitted, 0.5 * limit),
            "square lost": best * product,
            "factor not squared": best * product - 0.5 * best * square,
            "1/2 lost": best * product - best**2 * square,
            "outputs for targets": best * (residual @ fitted) - 0.5 * best**2 * square,
        }
        return replace(right, dual=duals[wrong], gap=right.primal - duals[wrong])

    return formula


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ("gauge ignored", "bound-from-any-network"),
        ("gauge without the cones", "duality-gap"),
        ("gauge of the targets", "duality-gap"),
        ("half the regularisation", "duality-gap"),
        ("square lost", "bound-from-any-network"),
        ("factor not squared", "best-factor"),
        ("1/2 lost", "duality-gap"),
        ("outputs for targets", "duality-gap"),
    ],
)
def test_certificate_mutants(wrong, check, failing, monkeypatch):
    monkeypatch.setattr("figures.convex_relu.duality.duality_certificate", certificate(wrong))
    assert check in failing(CLAIM)


@pytest.mark.parametrize("power", [1.0, 1.5, 3.0, 2.02])
def test_onset_mutants(power, output):
    assert assay.judge(CLAIM, lambda: power, check="onset-of-the-gain", output=output).outcome == "disagrees"
