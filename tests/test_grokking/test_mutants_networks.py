"""Wrong formulas for networks of any width, each put to the claim's own check, which must say that it disagrees."""

import functools

import numpy as np
import pytest

import assay
import figures.grokking.alignment as alignment_claim
from figures.grokking._networks import random_network, statistics
from figures.grokking._states import MODEL, network_states
from figures.grokking.finite_width import MODEL as WIDTH_MODEL
from figures.grokking.finite_width import SMALL
from theory.grokking import tangent_kernel

STATES = {state.name: state for state in network_states()}


@functools.cache
def descent(width, wrong=""):
    """Train loss by step from the mean weight and the deviations from it, wrong in one way."""
    data, weights = random_network(**SMALL, width=width)
    X, y = data.features, data.labels
    n, d = X.shape
    alpha, epsilon, eta = 2.0, WIDTH_MODEL["quadratic_strength"], WIDTH_MODEL["learning_rate"]
    rate = {"2 of the gradient lost": eta * d / n, "d of the step lost": 2 * eta / n}.get(wrong, 2 * eta * d / n)
    mean = weights.mean(axis=0)
    apart = weights - mean
    start, losses = None, []
    for _ in range(201):
        spread = 0.0 if wrong == "square of the mean weight for M" else np.mean((X @ apart.T) ** 2, axis=1)
        f = alpha * X @ mean + alpha * epsilon / 2 * (spread + (X @ mean) ** 2)
        start = f if start is None and wrong != "output not centred" else 0.0 if start is None else start
        residuals = f - start - y
        losses.append(np.mean(residuals**2))
        g = rate * X.T @ residuals
        G = rate * (X.T * residuals) @ X
        curvature = {"no 1/alpha in B": epsilon, "no epsilon in B": 1 / alpha}.get(wrong, epsilon / alpha)
        B = np.eye(d) - curvature * G
        mean = (mean if wrong == "B left out of the mean" else B @ mean) - g / alpha
        apart = apart if wrong == "deviations do not move" else apart @ B.T
    return np.array(losses)


def train_loss(wrong=""):
    return lambda width, step: descent(width, wrong)[step]


def loss_term(wrong=""):
    def predicted(state, term):
        known = STATES[state]
        now, d = statistics(known.weights), len(known.direction)
        mean, moment = now["mean_weight"], now["second_moment"]
        if known.initial_weights is not None and wrong != "statistics for their change":
            start = statistics(known.initial_weights)
            mean, moment = mean - start["mean_weight"], moment - start["second_moment"]
        alpha, epsilon = MODEL["output_scale"], MODEL["quadratic_strength"]
        length = np.outer(known.direction, known.direction) / (d if wrong == "unit target" else 1)
        S = alpha * epsilon * moment * (0.5 if wrong == "epsilon/2 for epsilon" else 1) - length
        offset = -known.target_offset if wrong == "offset with the other sign" else known.target_offset
        return {
            "variance": (np.trace(S) / (2 * d) + offset / 2) ** 2,
            "misalignment": (S**2).sum() / ((4 if wrong == "factor 2 of Isserlis lost" else 2) * d**2),
            "linear": (alpha if wrong == "alpha not squared" else alpha**2) * mean @ mean / d,
        }[term]

    return predicted


def whole_loss(wrong=""):
    return lambda state: sum(loss_term(wrong)(state, term) for term in ("variance", "misalignment", "linear"))


def alignment(wrong=""):
    def predicted(state, quadratic_strength):
        known = STATES[state]
        now, d, epsilon = statistics(known.weights), len(known.direction), quadratic_strength
        mean, moment, beta = now["mean_weight"], now["second_moment"], known.direction
        s, offset = beta @ beta / d, 0.0 if wrong == "no offset" else known.target_offset
        T = ((s - offset) / 2 * np.eye(d) * (wrong != "no trace of the label") + np.outer(beta, beta) / d) / d
        label = (epsilon if wrong == "epsilon not squared" else epsilon**2) * np.trace(T @ moment @ T)
        pairings, traces = {"d + 4 for d + 6": (4, 2), "trace counted once": (6, 1)}.get(wrong, (6, 2))
        fourth = ((d + pairings) * (moment**2).sum() + traces * np.trace(moment) ** 2) / d**4
        square = 1 / d + 2 * epsilon**2 * mean @ mean * (d + 2) / d**3 + epsilon**4 * fourth
        return label / (np.sqrt(square) * ((s - offset) ** 2 / 4 + s**2 / (4 if wrong == "s^2/4" else 2)))

    return predicted


RIGHT = [
    ("1", "train-loss", train_loss()),
    ("2", "cubature", loss_term()),
    ("2", "fresh-inputs", whole_loss()),
    ("3", "cubature", alignment()),
    ("3", "pairs", alignment()),
]
WRONG = [
    *(("1", "train-loss", wrong, train_loss(wrong)) for wrong in (
        "2 of the gradient lost", "d of the step lost", "square of the mean weight for M", "output not centred",
        "no 1/alpha in B", "no epsilon in B", "B left out of the mean", "deviations do not move")),
    ("1", "spread", "V/N for its root", lambda width, part: {"train": 2e-3, "test": 0.27}[part] ** 2 / width),
    ("1", "spread-exponent", "variance for deviation", lambda part: -1.0),
    *(("2", "cubature", wrong, loss_term(wrong)) for wrong in (
        "statistics for their change", "unit target", "epsilon/2 for epsilon", "offset with the other sign",
        "factor 2 of Isserlis lost", "alpha not squared")),
    *(("2", "fresh-inputs", wrong, whole_loss(wrong)) for wrong in (
        "statistics for their change", "factor 2 of Isserlis lost", "unit target")),
    *(("3", "cubature", wrong, alignment(wrong)) for wrong in (
        "no offset", "no trace of the label", "epsilon not squared", "d + 4 for d + 6", "trace counted once", "s^2/4")),
    *(("3", "pairs", wrong, alignment(wrong)) for wrong in ("no trace of the label", "epsilon not squared")),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_plain_transcription_agrees(claim, check, predicted, output):
    assert assay.judge(f"grokking.{claim}", predicted, check=check, output=output).outcome == "agrees"


@pytest.mark.parametrize(("claim", "check", "wrong", "predicted"), WRONG)
def test_wrong_formula_disagrees(claim, check, wrong, predicted, output):
    assert assay.judge(f"grokking.{claim}", predicted, check=check, output=output).outcome == "disagrees", wrong


@pytest.mark.parametrize("wrong", ["minus the cross term", "epsilon not squared", "gradient scaled by N"])
def test_wrong_kernel_fails(wrong, monkeypatch, failing):
    def kernel(left, right, mean, moment, *, quadratic_strength):
        if wrong == "minus the cross term":
            return tangent_kernel(left, right, -mean, moment, quadratic_strength=quadratic_strength)
        if wrong == "epsilon not squared":
            return tangent_kernel(left, right, mean, moment / quadratic_strength, quadratic_strength=quadratic_strength)
        return 8 * tangent_kernel(left, right, mean, moment, quadratic_strength=quadratic_strength)

    monkeypatch.setattr(alignment_claim, "tangent_kernel", kernel)
    assert failing("grokking.3") == {"kernel", "one-step", "one-step-remainder"}
