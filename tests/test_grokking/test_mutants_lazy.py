"""Wrong formulas for the lazy limit, each put to the claim's own check, which must say that it disagrees."""

import functools

import numpy as np
import pytest

import assay
import figures.grokking.lazy_limit as lazy_claim
from figures.grokking._lazy_curves import RATIO
from figures.grokking._lazy_curves import TRAINING as LAZY
from figures.grokking._lazy_networks import TRAINING, lazy_start
from theory.grokking import first_order_features
from theory.grokking._marchenko_pastur import marchenko_pastur_nodes


@functools.cache
def regression(width, wrong=""):
    """Train and test loss of kernel descent on the data of the claim, step by step, wrong in one way."""
    data, _, start = lazy_start(width == "infinite")
    X, y, beta = data.features, data.labels, data.direction
    mean, moment = start["mean_weight"], start["second_moment"]
    n, d = X.shape
    epsilon = TRAINING["quadratic_strength"]
    slopes = (2 if wrong == "mean weight counted twice" else 1) * epsilon * ((X @ mean)[:, np.newaxis] + X @ mean)
    square = epsilon**2 * X @ moment @ X.T
    gram = X @ X.T
    kernel = {"no x.x' in front": gram + square, "quadratic part halved": gram * (1 + slopes + square / 2)}.get(
        wrong, gram * (1 + slopes + square))  # fmt: skip
    rate = {"n of the step lost": 2 / n, "2 of the step lost": d / n}.get(wrong, 2 * d / n) * TRAINING["learning_rate"]
    a, losses = np.zeros(n), []
    for _ in range(21):
        H = (X.T * a) @ X
        half = 0.5 if wrong == "one side of H M + M H" else 1.0
        pull = np.outer(X.T @ a, mean)
        v = X.T @ a + epsilon * X.T @ (a * (X @ mean)) * (wrong != "no mean weight in the linear part")
        S = epsilon * (pull + pull.T + half * epsilon * (H @ moment + moment @ H)) - np.outer(beta, beta)
        test = (np.trace(S) / (2 * d)) ** 2 + (S**2).sum() / (2 * d**2) + v @ v / d
        residuals = y - kernel @ a
        losses.append({"train_loss": np.mean(residuals**2), "test_loss": test})
        a = a + rate * residuals
    return losses


def loss(wrong=""):
    return lambda width, loss, step: regression(width, wrong)[step][loss]


def displacement(wrong=""):
    def predicted(width):
        data, _, start = lazy_start(infinite_width=False)
        X, y = data.features, data.labels
        slopes = X @ start["mean_weight"]
        kernel = X @ X.T * (1 + slopes[:, np.newaxis] + slopes + X @ start["second_moment"] @ X.T)
        a = np.linalg.solve(kernel, y)
        return {"a.a": a @ a, "gradient without its 2": a @ y / 2}.get(wrong, a @ y)

    return predicted


def high_dimension(part, wrong=""):
    """The recursion of the modes with their averages over the Marchenko-Pastur law."""

    def predicted(step, target_offset):
        delta, eta, ridge = RATIO, LAZY["learning_rate"], LAZY["quadratic_strength"] ** 2
        mean = 0.5 * (1 - target_offset)
        s, omega = marchenko_pastur_nodes(delta, 400)
        samples = omega / delta
        samples[-1] = 1 - samples[:-1].sum()
        h = (1 if wrong == "2 of the step lost" else 2) * eta / delta
        phi, rho = np.ones_like(s), np.full_like(s, mean)
        total, total_mean, constant = np.zeros_like(s), np.zeros_like(s), 0.0
        for _ in range(int(step)):
            change = 2 * eta * ridge * (samples @ rho)
            total, total_mean, constant = total + phi, total_mean + rho, constant + change
            phi, rho = (1 - h * (s + ridge)) * phi, (1 - h * (s + ridge)) * rho - change
        variance = 1.0 if wrong == "variance 1" else 0.5
        if part == "train":
            return variance * samples @ phi**2 + samples @ rho**2
        spurious = omega @ (s * (variance * total**2 + total_mean**2))
        missed = mean if wrong == "constant not learnt" else mean - constant
        return variance + missed**2 + h**2 * spurious * (wrong != "no memory of the labels")

    return predicted


def slopes(wrong=""):
    def predicted(slope, target_offset, sample_ratio, quadratic_strength):
        delta, ridge = sample_ratio, quadratic_strength**2
        m = (-(ridge + delta - 1) + np.sqrt((ridge + delta - 1) ** 2 + 4 * ridge)) / (2 * ridge)
        g = 1 / (ridge * (1 + m)) / (delta if wrong == "trace over d for n" else 1)
        mean = 0.5 * (1 - target_offset)
        learnt = 0.0 if wrong == "constant not learnt" else mean * ridge * delta * g / (1 + ridge * delta * g)
        along = {"u^2 has mean square 1": 0.0, "u^2 has mean square 5": 2.0}.get(wrong, 1.0)
        growth = 2 * quadratic_strength * delta * g
        return growth * (mean - learnt + (along if slope == "overlap" else 0.0))

    return predicted


def resolvent(wrong=""):
    def predicted(quantity, sample_ratio, quadratic_strength):
        delta, ridge = sample_ratio, quadratic_strength**2
        linear = ridge + (1 - delta if wrong == "n and d exchanged" else delta - 1)
        m = (-linear + np.sqrt(linear**2 + 4 * ridge)) / (2 * ridge)
        slope = -(m**2 + m) / (2 * ridge * m + linear)
        if wrong == "derivative without m^2":
            slope = -m / (2 * ridge * m + linear)
        return {
            "feature_resolvent": m,
            "sample_resolvent": 1 / (ridge * (1 + m)),
            "variance_factor": m + (-ridge if wrong == "minus the derivative" else ridge) * slope,
        }[quantity]

    return predicted


RIGHT = [
    ("4", "losses", loss()),
    ("4", "displacement", displacement()),
    ("5", "train-loss", high_dimension("train")),
    ("5", "test-loss", high_dimension("test")),
    ("5", "test-loss-extrapolated", high_dimension("test")),
    ("5", "first-features", slopes()),
    ("5", "resolvents", resolvent()),
]
WRONG = [
    *(("4", "losses", wrong, loss(wrong)) for wrong in (
        "mean weight counted twice", "no x.x' in front", "quadratic part halved", "n of the step lost",
        "2 of the step lost", "one side of H M + M H", "no mean weight in the linear part")),
    ("4", "rates", "losses at the rate of the features", lambda gap, width: -2.0 if "loss" in gap else -1.0),
    *(("4", "displacement", wrong, displacement(wrong)) for wrong in ("a.a", "gradient without its 2")),
    *(("5", "train-loss", wrong, high_dimension("train", wrong)) for wrong in (
        "variance 1", "2 of the step lost")),
    ("5", "test-loss", "variance 1", high_dimension("test", "variance 1")),
    *(("5", "test-loss-extrapolated", wrong, high_dimension("test", wrong)) for wrong in (
        "constant not learnt", "no memory of the labels")),
    *(("5", "first-features", wrong, slopes(wrong)) for wrong in (
        "trace over d for n", "constant not learnt", "u^2 has mean square 1", "u^2 has mean square 5")),
    *(("5", "resolvents", wrong, resolvent(wrong)) for wrong in (
        "n and d exchanged", "derivative without m^2", "minus the derivative")),
    ("5", "edge-of-stability", "edge (1 + delta)^2", lambda sample_ratio, quadratic_strength:
        sample_ratio / ((1 + sample_ratio) ** 2 + quadratic_strength**2)),
    ("5", "above-the-variance", "variance of Hermite-2 itself", lambda: 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_plain_transcription_agrees(claim, check, predicted, output):
    assert assay.judge(f"grokking.{claim}", predicted, check=check, output=output).outcome == "agrees"


@pytest.mark.parametrize(("claim", "check", "wrong", "predicted"), WRONG)
def test_wrong_formula_disagrees(claim, check, wrong, predicted, output):
    assert assay.judge(f"grokking.{claim}", predicted, check=check, output=output).outcome == "disagrees", wrong


@pytest.mark.parametrize("wrong", ["factor 2 lost", "sign of the dual coefficients", "epsilon not in the mean"])
def test_wrong_first_features_fail(wrong, monkeypatch, failing):
    def features(X, dual, *, quadratic_strength, mean_weight, second_moment, **scale):
        arguments = dict(quadratic_strength=quadratic_strength, mean_weight=mean_weight, second_moment=second_moment)
        mean, moment = first_order_features(X, dual, **arguments, **scale)
        if wrong == "factor 2 lost":
            return mean, moment / 2
        if wrong == "sign of the dual coefficients":
            return -mean, -moment
        return X.T @ dual, moment

    monkeypatch.setattr(lazy_claim, "first_order_features", features)
    assert failing("grokking.4") == {"rates", "first-features"}
