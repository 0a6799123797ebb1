"""Two-layer ReLU networks without biases on random labels: gradients at random weights, and naive loss minimisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.base import choice, integer, number, require
from simulations._streams import spawn_streams

__all__ = ["GradientSample", "ReluTraining", "simulate_relu_gradients", "simulate_relu_training"]

_HEADS = ("softmax", "stablemax")


@dataclass(frozen=True)
class GradientSample:
    """Networks at random weights, R of them: n samples, d features, K classes, H hidden neurons.

    first_weights, first_gradient (R, H, d); second_weights, second_gradient (R, K, H); logits (R, n, K); labels (R, n);
    loss (R,), the mean cross-entropy, whose gradients these are.
    """

    first_weights: np.ndarray
    second_weights: np.ndarray
    first_gradient: np.ndarray
    second_gradient: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True)
class ReluTraining:
    """Training at the recorded steps, (n_trials, n_records) each.

    loss: mean cross-entropy. margin: least difference over the samples of the correct and the largest other logit,
    positive once all are classified. norm: length of all weights. cosine: between minus the gradient and the weights,
    1 where descent only makes the weights longer.
    """

    loss: np.ndarray
    margin: np.ndarray
    norm: np.ndarray
    cosine: np.ndarray


def simulate_relu_gradients(
    n_samples: int,
    n_features: int,
    n_classes: int,
    width: int,
    *,
    head: str = "softmax",
    weight_scale: float = 1.0,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> GradientSample:
    """Draw data and weights; return logits ``W_2 max(W_1 x, 0)``, the loss, and its gradients by backpropagation.

    Inputs are standard normal and labels uniform, whatever the input. The weights of a layer with m inputs are normal
    of variance ``weight_scale^2 / m``. The head turns logits into probabilities: softmax, or StableMax, softmax of
    sign(z) log(1 + |z|). At the same seed another ``weight_scale`` gives the same network, scaled.

    Source: Prieto et al., "Grokking at the edge of numerical stability", arXiv 2501.04697.
    Raises ``ValueError`` for sizes or ``n_trials`` below 1, ``n_classes`` below 2, another head or a scale that is not
    positive.
    """
    sizes = _checked_sizes(n_samples, n_features, n_classes, width)
    choice("head", head, _HEADS)
    weight_scale = number("weight_scale", weight_scale, "(0, inf)")
    networks = []
    for rng in spawn_streams(seed, n_trials):
        features, labels, first, second = _draw(rng, *sizes, weight_scale)
        loss, logits, *gradients = _loss_and_gradients(first, second, features, labels, head)
        networks.append((first, second, *gradients, logits, labels, loss))
    return GradientSample(*(np.array(field) for field in zip(*networks, strict=True)))


def simulate_relu_training(
    n_samples: int,
    n_features: int,
    n_classes: int,
    width: int,
    *,
    head: str = "softmax",
    learning_rate: float,
    record_steps: Sequence[int],
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> ReluTraining:
    """Train the networks of ``simulate_relu_gradients`` by full-batch gradient descent; measure at ``record_steps``.

    record_steps: increasing, at least 0; training ends with the last. Cost: about 50 microseconds a step for n = 40, d
    = 10, H = 50. Raises ``ValueError`` as there, for steps that do not increase, or a learning rate at which the loss
    overflows.
    """
    sizes = _checked_sizes(n_samples, n_features, n_classes, width)
    choice("head", head, _HEADS)
    learning_rate = number("learning_rate", learning_rate, "(0, inf)")
    records = [integer("record_steps", step, "[0, inf)") for step in record_steps]
    require(bool(records) and sorted(set(records)) == records, "record_steps", record_steps, "increasing steps")
    trials = [_train(*_draw(rng, *sizes, 1.0), head, learning_rate, records) for rng in spawn_streams(seed, n_trials)]
    return ReluTraining(*np.moveaxis(np.array(trials), 2, 0))


def _checked_sizes(n_samples: int, n_features: int, n_classes: int, width: int) -> tuple[int, int, int, int]:
    return (
        integer("n_samples", n_samples, "[1, inf)"),
        integer("n_features", n_features, "[1, inf)"),
        integer("n_classes", n_classes, "[2, inf)"),
        integer("width", width, "[1, inf)"),
    )


def _draw(
    rng: np.random.Generator, n_samples: int, n_features: int, n_classes: int, width: int, weight_scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, d), labels (n,) and the weights (H, d) and (K, H)."""
    features, labels = rng.standard_normal((n_samples, n_features)), rng.integers(n_classes, size=n_samples)
    first = rng.standard_normal((width, n_features)) * (weight_scale / np.sqrt(n_features))
    second = rng.standard_normal((n_classes, width)) * (weight_scale / np.sqrt(width))
    return features, labels, first, second


@np.errstate(over="ignore", invalid="ignore")  # a loss that overflows is refused
def _train(
    features: np.ndarray,
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    head: str,
    learning_rate: float,
    records: Sequence[int],
) -> list[tuple[float, ...]]:
    """Return loss, margin, norm and cosine at the recorded steps; the weights are overwritten."""
    rows: list[tuple[float, ...]] = []
    for step in range(records[-1] + 1):
        loss, logits, *gradients = _loss_and_gradients(first, second, features, labels, head)
        if step == records[len(rows)]:
            row = (loss, _margin(logits, labels), *_norm_and_cosine((first, second), gradients))
            finite = bool(np.all(np.isfinite(row)))
            require(finite, "learning_rate", learning_rate, f"a smaller one: training diverges by {step = }")
            rows.append(row)
        first -= learning_rate * gradients[0]
        second -= learning_rate * gradients[1]
    return rows


def _loss_and_gradients(
    first: np.ndarray, second: np.ndarray, features: np.ndarray, labels: np.ndarray, head: str
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean cross-entropy, the logits (n, K) and the gradients by both layers."""
    hidden = features @ first.T
    active = np.maximum(hidden, 0.0)
    logits = active @ second.T
    scores = logits if head == "softmax" else np.sign(logits) * np.log1p(np.abs(logits))
    scores = scores - scores.max(axis=1, keepdims=True)
    terms = np.exp(scores)
    totals = terms.sum(axis=1, keepdims=True)
    samples = np.arange(len(labels))
    loss = float(np.mean(np.log(totals[:, 0]) - scores[samples, labels]))
    slopes = terms / totals
    slopes[samples, labels] -= 1.0
    slopes /= len(labels)
    if head == "stablemax":
        slopes /= 1.0 + np.abs(logits)
    return loss, logits, ((slopes @ second) * (hidden > 0.0)).T @ features, slopes.T @ active


def _margin(logits: np.ndarray, labels: np.ndarray) -> float:
    samples = np.arange(len(labels))
    others = logits.copy()
    others[samples, labels] = -np.inf
    return float(np.min(logits[samples, labels] - others.max(axis=1)))


def _norm_and_cosine(weights: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the length of all weights, and the cosine of minus the gradient with them (0 where one of them is 0)."""
    theta, gradient = (np.concatenate([layer.ravel() for layer in layers]) for layers in (weights, gradients))
    norm, slope = float(np.linalg.norm(theta)), float(np.linalg.norm(gradient))
    return norm, float(-theta @ gradient) / (norm * slope) if norm * slope > 0.0 else 0.0
