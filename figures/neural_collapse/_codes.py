"""Codes of logits as matrices, parameters that produce them, and the cross-entropy objective written out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

SETTING = (
    "Balanced classes, n samples in each of K, M linear layers without bias, L = M + 1 factors with the features. "
    "Objective: mean cross-entropy in nats plus half of every ridge times the squared norm of its matrix. c: geometric "
    "mean of the L ridges."
)

Problem = dict[str, Any]  # n_classes, n_per_class, weight_ridges, feature_ridge: the arguments of the predictors


def equal_ridge_problem(n_classes: int, n_per_class: int, n_layers: int, ridge: float) -> Problem:
    """Return a balanced problem with one ridge for all layers and the features."""
    return dict(n_classes=n_classes, n_per_class=n_per_class, weight_ridges=(ridge,) * n_layers, feature_ridge=ridge)


def training_point(problem: Problem, **more: Any) -> dict[str, Any]:
    """Return the arguments of the simulator for a problem, in width K + 1."""
    n_classes = problem["n_classes"]
    ridges = dict(weight_ridges=problem["weight_ridges"], feature_ridge=problem["feature_ridge"])
    return dict(class_sizes=(problem["n_per_class"],) * n_classes, width=n_classes + 1, **ridges, **more)


def columns(problems: Sequence[Problem]) -> dict[str, np.ndarray]:
    """Return the parameters of checks with one point for each problem."""
    return dict(
        n_classes=np.array([problem["n_classes"] for problem in problems]),
        n_per_class=np.array([problem["n_per_class"] for problem in problems]),
        n_layers=np.array([len(problem["weight_ridges"]) for problem in problems]),
        ridge_mean=np.array([geometric_mean(problem) for problem in problems]),
    )


def geometric_mean(problem: Problem) -> float:
    """Return c, the geometric mean of all ridges."""
    return float(np.exp(np.log([*problem["weight_ridges"], problem["feature_ridge"]]).mean()))


def unit_code(code: str, n_classes: int) -> np.ndarray:
    """Return the logits (K, K) of a code, a column for each class; the nearest other logit is 1 less."""
    if code == "etf":
        return np.eye(n_classes) - 1 / n_classes
    if code == "cross_polytope":
        vectors = np.vstack([np.eye(n_classes // 2), -np.eye(n_classes // 2)])
    elif code == "polygon":
        angles = 2 * np.pi * np.arange(n_classes) / n_classes
        vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    else:
        vectors = np.array(list(itertools.product([-1.0, 1.0], repeat=round(math.log2(n_classes)))))
    logits = vectors @ vectors.T
    return logits / (np.diag(logits) - logits)[~np.eye(n_classes, dtype=bool)].min()


def loss_of_logits(logits: np.ndarray, problem: Problem) -> float:
    """Return the training objective at parameters with these class logits and the same energy in every factor.

    All n K features and all weights are built as matrices, and the objective is summed over them.
    """
    weights, features, labels = balanced_parameters(logits, problem)
    scores = reduce(lambda hidden, weight: weight @ hidden, weights, features)
    own = scores[labels, np.arange(len(labels))]
    others = np.exp(scores - own)
    others[labels, np.arange(len(labels))] = 0.0
    penalty = problem["feature_ridge"] * np.sum(features**2)
    penalty += sum(ridge * np.sum(weight**2) for ridge, weight in zip(problem["weight_ridges"], weights, strict=True))
    return float(np.mean(np.log1p(others.sum(axis=0))) + penalty / 2)


def balanced_parameters(logits: np.ndarray, problem: Problem) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return weights W_1 .. W_M, features (K, n K) and labels, ridge times squared norm the same for every factor."""
    n, c, n_factors = problem["n_per_class"], geometric_mean(problem), len(problem["weight_ridges"]) + 1
    left, values, right = np.linalg.svd(logits * math.sqrt(n))
    energies = c * np.where(values > 1e-12 * values[0], values, 0.0) ** (2 / n_factors)
    weights = [np.diag(np.sqrt(energies / ridge)) for ridge in problem["weight_ridges"]]
    weights[-1] = left @ weights[-1]
    means = np.sqrt(energies / problem["feature_ridge"])[:, np.newaxis] * right / math.sqrt(n)
    labels = np.repeat(np.arange(len(logits)), n)
    return weights, means[:, labels], labels


def threshold(collapsed: Callable[[float], bool]) -> float:
    """Return the ridge between 1e-6 and 1 at which a predicate becomes true, by bisection."""
    low, high = 1e-6, 1.0
    while high > (1 + 1e-12) * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if collapsed(middle) else (middle, high)
    return low
