"""Wrong formulas for deep random features, each put to the claim's own check, which must say that it disagrees."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

import assay
from theory.random_features import activation_coefficients, deep_rf_layers, deep_rf_logistic_risk

STEP = 1e-4


def climb(mu, eigenvalues, widths, linear, noise, wrong=""):
    """Return shift and degrees of freedom of the last layer for a shift mu of the input; None below the range of mu."""
    learned = (eigenvalues / (eigenvalues + mu)).sum()
    for below, width, a, b in zip(widths, widths[1:], linear, noise, strict=False):
        shift = (width - learned) * a * mu / (width if wrong == "fan-out for fan-in" else below) - b
        if shift <= 0:
            return None
        learned = learned if wrong == "noise does not add modes" else (shift * learned + b * width) / (shift + b)
        mu = shift
    return mu, learned


def network(activation, widths, wrong="", input_ratio=1.0):
    """Return input eigenvalues, widths and squared coefficients, wrong in one way."""
    widths = [int(width) for width in widths.split("-")]
    low = 2 / (1 + input_ratio)
    eigenvalues = np.tile([low * input_ratio, low], widths[0] // 2)
    layers = deep_rf_layers(activation, len(widths) - 1)
    if wrong == "variance of the first layer":
        layers = layers[:1] * len(layers)
    linear = [one.kappa_1 if wrong == "kappa_1 not squared" else one.kappa_1**2 for one in layers]
    noise = [one.kappa_star if wrong == "kappa_star not squared" else one.kappa_star**2 for one in layers]
    if wrong == "no kappa_star":
        noise = [0.0] * len(layers)
    if wrong == "widths in reverse order":
        widths = widths[:1] + widths[:0:-1]
    return eigenvalues, widths, linear, noise


def solve(excess, *parts):
    """Return the logarithm of mu at which ``excess(shift, learned)`` changes sign from below."""

    def signed(log_mu):
        found = climb(math.exp(log_mu), *parts)
        return -1.0 if found is None else excess(*found)

    return brentq(signed, -25, 25, xtol=1e-12)


def dof(wrong=""):
    def predicted(activation, widths, shift, input_ratio):
        parts = (*network(activation, widths, wrong, input_ratio), wrong)
        return climb(math.exp(solve(lambda s, _: s - shift, *parts)), *parts)[1]

    return predicted


def ridge_fit(parts, n, ridge, wrong=""):
    """Return kappa, D, q, T and T' of ridge regression, derivatives by central differences in log mu."""
    width = 1 if wrong == "shift not times the width" else parts[1][-1]
    ridge = ridge * n if wrong == "ridge per sample" else ridge
    log_mu = solve(lambda s, learned: s / width * (n - learned) - ridge, *parts)
    (s, learned), above, below = (climb(math.exp(log_mu + h), *parts) for h in (0, STEP, -STEP))
    stretch = math.log(above[0] / below[0])
    overlaps = [np.mean(parts[0] ** 2 / (parts[0] + math.exp(log_mu + h))) for h in (0, STEP, -STEP)]
    slope = (overlaps[1] - overlaps[2]) / stretch
    return s / width, learned, learned + (above[1] - below[1]) / stretch, overlaps[0], slope


def matched(wrong=""):
    def predicted(activation, widths, n_samples, ridge, noise_variance):
        n, parts = n_samples, (*network(activation, widths, wrong), wrong)
        kappa, learned, q, _, _ = ridge_fit(parts, n, ridge, wrong)
        q = learned if wrong == "D for q" else q
        sign = -1 if wrong == "noise and ridge swapped" else 1
        return n * kappa + sign * n * (noise_variance - ridge) / (n - q)

    return predicted


def hidden(wrong=""):
    def predicted(activation, widths, teacher_activation, n_samples, ridge, noise_variance):
        parts = (*network(activation, widths, wrong), wrong)
        _, learned, q, overlap, slope = ridge_fit(parts, n_samples, ridge, wrong)
        teacher = activation_coefficients(teacher_activation)
        power, variance = teacher.kappa_1**2, teacher.second_moment - teacher.mean**2
        power = teacher.kappa_1 if wrong == "teacher's kappa_1 not squared" else power
        slope = {"T' lost": 0.0, "T' with the other sign": -slope}.get(wrong, slope)
        q = learned if wrong == "D for q" else q
        return (variance + noise_variance - power * (overlap - slope)) / (1 - q / n_samples)

    return predicted


def logistic(field, wrong=""):
    def predicted(widths, n_samples, ridge):
        sizes = [int(width) for width in widths.split("-")]
        power = {"teacher linear": 1.0, "factor 2 lost": 1 / math.pi}.get(wrong, 2 / math.pi)
        ridge = {"penalty without 1/2": 2 * ridge, "ridge per sample": n_samples * ridge}.get(wrong, ridge)
        risk = deep_rf_logistic_risk(
            sizes, "tanh", teacher_power=power, target_variance=1.0, n_samples=n_samples, ridge=ridge
        )
        if wrong == "angle of the squares":
            return math.acos(risk.target_overlap**2 / risk.self_overlap) / math.pi
        return getattr(risk, field)

    return predicted


def coefficient(name, wrong):
    def deviation(activation, preactivation_variance, coefficient):
        if (activation, coefficient) != ("erf", name):
            return 0.0
        return wrong(preactivation_variance) / getattr(activation_coefficients("erf", preactivation_variance), name) - 1

    return deviation


RIGHT = [
    ("14", "degrees-of-freedom", dof()),
    ("15", "test-error", matched()),
    ("16", "test-error", hidden()),
    ("17", "test-error", logistic("test_error")),
    ("17", "training-loss", logistic("train_loss")),
]
WRONG = [
    ("13", "coefficients", "2 lost", coefficient("kappa_1", lambda r: 1 / math.sqrt(math.pi * (1 + 2 * r)))),
    ("13", "coefficients", "r for 2r", coefficient("second_moment", lambda r: 2 / math.pi * math.asin(r / (1 + r)))),
    *(("14", "degrees-of-freedom", wrong, dof(wrong)) for wrong in (
        "kappa_1 not squared", "kappa_star not squared", "no kappa_star", "variance of the first layer",
        "fan-out for fan-in", "widths in reverse order", "noise does not add modes")),
    *(("15", "test-error", wrong, matched(wrong)) for wrong in (
        "kappa_1 not squared", "no kappa_star", "variance of the first layer", "fan-out for fan-in", "D for q",
        "shift not times the width", "ridge per sample", "noise and ridge swapped")),
    *(("16", "test-error", wrong, hidden(wrong)) for wrong in (
        "kappa_1 not squared", "no kappa_star", "T' lost", "T' with the other sign", "D for q",
        "teacher's kappa_1 not squared")),
    *(("17", "test-error", wrong, logistic("test_error", wrong)) for wrong in (
        "teacher linear", "factor 2 lost", "ridge per sample", "angle of the squares")),
    *(("17", "training-loss", wrong, logistic("train_loss", wrong)) for wrong in (
        "penalty without 1/2", "ridge per sample")),
]  # fmt: skip


def judged(claim, check, predicted, output):
    return assay.judge(f"random_features.{claim}", predicted=predicted, check=check, output=output)


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_plain_transcription_agrees(claim, check, predicted, output):
    assert judged(claim, check, predicted, output).outcome == "agrees"


@pytest.mark.parametrize(("claim", "check", "wrong", "predicted"), WRONG)
def test_wrong_formula_disagrees(claim, check, wrong, predicted, output):
    assert judged(claim, check, predicted, output).outcome == "disagrees", wrong
