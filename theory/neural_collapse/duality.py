"""Lower bounds on the loss of one linear layer on free features, from the convex dual of its nuclear-norm form.

With weight ridge and feature ridge the least penalty for given logits is c times a nuclear norm, c their geometric
mean. Any logits give a feasible dual point; at the optimum the bound is the loss. Results of this project.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import entr, softmax

from assay.base import array, number
from theory.neural_collapse._input import read_class_sizes, read_ridges

__all__ = ["cross_entropy_dual_bound", "mse_dual_bound"]


def mse_dual_bound(end_to_end: Any, class_sizes: Any, *, weight_ridge: float, feature_ridge: float) -> float:
    """Return a lower bound on the squared loss of one layer without bias, from predictions near the optimum.

    Statement: with Z = ``end_to_end`` D^(1/2), D = diag(n), and G = (D^(1/2) - Z) / N scaled down to operator norm c
    where it exceeds it, every parameter has loss at least <G, D^(1/2)> - (N/2) ||G||^2. At the global minimum the two
    are equal; at another critical point the bound is lower.

    ``end_to_end`` (K, K): the classifier times the class means, a column per class; ``class_sizes`` (K,). Bound.

    Raises ``ValueError`` naming the parameter.
    """
    predictions, sizes, scale = _read("end_to_end", end_to_end, class_sizes, weight_ridge, feature_ridge)
    total, roots = float(sizes.sum()), np.sqrt(sizes)
    dual = (np.eye(sizes.size) - predictions) * roots / total
    dual *= _shrinkage(dual, scale)
    return float(np.diag(dual) @ roots - 0.5 * total * np.sum(dual**2))


def cross_entropy_dual_bound(logits: Any, class_sizes: Any, *, weight_ridge: float, feature_ridge: float) -> float:
    """Return a lower bound on the cross-entropy loss of one layer without bias, from logits near the optimum.

    Statement: with S the softmax of each column of ``logits``, G = (I - S) D^(1/2) / N and t = min(1, c / ||G||) in
    operator norm, every parameter has loss at least (1/N) sum_k n_k entropy of column k of (1 - t) I + t S. At the
    global minimum the two are equal.

    ``logits`` (K, K): the classifier times the class means, a column per class; ``class_sizes`` (K,). Bound.

    Raises ``ValueError`` naming the parameter.
    """
    values, sizes, scale = _read("logits", logits, class_sizes, weight_ridge, feature_ridge)
    total = float(sizes.sum())
    dual = np.eye(sizes.size) - softmax(values, axis=0)
    mixed = np.eye(sizes.size) - _shrinkage(dual * np.sqrt(sizes) / total, scale) * dual
    return float(entr(np.maximum(mixed, 0.0)).sum(axis=0) @ sizes / total)


def _read(
    name: str, matrix: Any, class_sizes: Any, weight_ridge: Any, feature_ridge: Any
) -> tuple[np.ndarray, np.ndarray, float]:
    sizes = read_class_sizes(class_sizes)
    weight = number("weight_ridge", weight_ridge, "(0, inf)")
    scale = read_ridges([weight], feature_ridge).geometric_mean
    return array(name, matrix, shape=(sizes.size, sizes.size)), sizes, scale


def _shrinkage(dual: np.ndarray, scale: float) -> float:
    norm = float(np.linalg.norm(dual, 2))
    return 1.0 if norm <= scale else scale / norm
