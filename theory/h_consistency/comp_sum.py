"""Comp-sum losses, their conditional risks and the least of them, over all scores or given the predicted class."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.h_consistency._input import class_labels, pick, probability_rows, score_rows
from theory.h_consistency._numerics import tilted, untilted

__all__ = [
    "comp_sum_loss",
    "conditional_risk",
    "optimal_conditional_risk",
    "optimal_softmax",
    "phi_tau",
    "predicted_class_optimal_risk",
]


def phi_tau(u: Any, *, tau: float) -> np.ndarray:
    """Return the outer function Phi of the comp-sum losses, ((1 + u)^(1 - tau) - 1) / (1 - tau), or log(1 + u) at 1.

    ``u`` is an array of numbers >= 0, infinity included; ``tau`` >= 0. Raises ``ValueError`` naming the parameter.
    Exact. Source: Mao, Mohri, Zhong (2023), arXiv 2304.07288.
    """
    tau = number("tau", tau, "[0, inf)")
    return tilted(np.log1p(array("u", u, "[0, inf]")), 1.0 - tau)


def comp_sum_loss(scores: Any, labels: Any, *, tau: float) -> np.ndarray:
    """Return the comp-sum loss Phi(sum over y' != y of exp(h_y' - h_y)) = (1 - S_y^(tau - 1)) / (tau - 1).

    S is the softmax of the scores h. Members of the family: tau = 0 sum-exponential, 1 logistic (natural logarithm),
    between 1 and 2 generalised cross-entropy with exponent q = tau - 1, 2 mean absolute error 1 - S_y.

    ``scores``: (..., n_classes), where -inf excludes a class; ``labels``: integers, broadcast against the leading axes
    of the scores; ``tau`` >= 0. Returns the losses, >= 0, infinite for an excluded label when tau <= 1.

    Raises ``ValueError`` naming the parameter. Exact. Source: arXiv 2304.07288.
    """
    tau = number("tau", tau, "[0, inf)")
    rows = score_rows(scores)
    return pick(all_losses(rows, tau), class_labels("labels", labels, rows.shape[-1]))


def conditional_risk(probabilities: Any, scores: Any, *, tau: float) -> np.ndarray:
    """Return the conditional risk sum_y p_y loss(h, y) of the comp-sum loss.

    ``probabilities`` and ``scores``: (..., n_classes), leading axes broadcast; a class of probability 0 costs nothing
    whatever its score. ``tau`` >= 0. Raises ``ValueError`` naming the parameter. Exact. Source: arXiv 2304.07288.
    """
    tau = number("tau", tau, "[0, inf)")
    p, rows = probability_rows(probabilities), score_rows(scores)
    rule = f"{p.shape[-1]} scores in every row, as many as probabilities"
    require(p.shape[-1] == rows.shape[-1], "scores", f"array of shape {rows.shape}", rule)
    return expected(p, all_losses(rows, tau))


def optimal_conditional_risk(probabilities: Any, *, tau: float) -> np.ndarray:
    """Return the least conditional risk of the comp-sum loss over all scores.

    Statement: with order alpha = 1 / (2 - tau), for tau < 2, it is Phi(exp(H) - 1), where H is the Renyi entropy of
    order alpha of p; the published form is ((sum p^alpha)^(2 - tau) - 1) / (1 - tau), the Shannon entropy at tau = 1.
    For tau >= 2 it is (1 - max p) / (tau - 1), an infimum reached only as scores go to infinity.

    ``probabilities``: (..., n_classes), zeros allowed; ``tau`` >= 0. Returns an array of the leading shape.

    Raises ``ValueError`` naming the parameter. Exact. Source: arXiv 2304.07288, Thm 4.1 (numbering unverified).
    """
    tau = number("tau", tau, "[0, inf)")
    return optimal_risk(probability_rows(probabilities), tau)


def optimal_softmax(probabilities: Any, *, tau: float) -> np.ndarray:
    """Return the softmax S* of the scores of least conditional risk: S*_y proportional to p_y^(1 / (2 - tau)).

    ``probabilities``: (..., n_classes); 0 <= ``tau`` < 2. Same shape back. Raises ``ValueError`` naming the parameter.
    Exact. Source: arXiv 2304.07288, Thm 4.1 (numbering unverified).
    """
    tau = number("tau", tau, "[0, 2)")
    p = probability_rows(probabilities)
    powers = (p / p.max(axis=-1, keepdims=True)) ** (1.0 / (2.0 - tau))
    return powers / powers.sum(axis=-1, keepdims=True)


def predicted_class_optimal_risk(probabilities: Any, label: int, *, tau: float) -> float:
    """Return the least conditional risk over scores whose argmax, ties allowed, is ``label``.

    Statement: for tau < 2 the predicted class pools with the most probable others, as long as the next of them exceeds
    the mean of the pool; the value is the optimal risk with every pooled probability replaced by that mean. For
    tau >= 2 it is (1 - max_m m^(1 - tau) (p_label + sum of the m - 1 largest others)) / (tau - 1).

    ``probabilities``: (n_classes,); ``tau`` >= 0. Cost O(n log n).

    Raises ``ValueError`` naming the parameter. Exact; a result of this project.
    """
    tau = number("tau", tau, "[0, inf)")
    p = probability_rows(probabilities)
    require(p.ndim == 1, "probabilities", f"array of shape {p.shape}", "one row")
    index = class_labels("label", label, len(p))
    require(index.ndim == 0, "label", label, "one integer")
    others = np.sort(np.delete(p, index))[::-1]
    sizes = np.arange(1, len(p) + 1)
    totals = np.cumsum(np.concatenate([p[index, None], others]))
    if tau >= 2.0:
        return float((1.0 - np.max(sizes ** (1.0 - tau) * totals)) / (tau - 1.0))
    # The mean of the pool rises while the next class exceeds it and falls from then on.
    size = int(np.argmax(totals / sizes)) + 1
    pooled = np.concatenate([np.full(size, totals[size - 1] / size), others[size - 1 :]])
    return float(optimal_risk(pooled, tau))


def all_losses(scores: np.ndarray, tau: float) -> np.ndarray:
    """Return the comp-sum loss of every class, from log-probabilities that keep their digits close to 0."""
    top = np.argmax(scores, axis=-1)[..., None]
    with np.errstate(over="ignore"):
        below = scores - np.take_along_axis(scores, top, axis=-1)
    weights = np.exp(below)
    np.put_along_axis(weights, top, 0.0, axis=-1)
    return tilted(np.log1p(weights.sum(axis=-1, keepdims=True)) - below, 1.0 - tau)


def expected(p: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return sum_y p_y losses_y, where a class of probability 0 counts 0 even at infinite loss."""
    with np.errstate(invalid="ignore"):
        return np.where(p > 0.0, p * losses, 0.0).sum(axis=-1)


def optimal_risk(p: np.ndarray, tau: float) -> np.ndarray:
    """Return the least conditional risk for rows already validated."""
    if tau >= 2.0:
        return np.sort(p, axis=-1)[..., :-1].sum(axis=-1) / (tau - 1.0)
    return tilted(_renyi_entropy(p, 1.0 / (2.0 - tau)), 1.0 - tau)


def _renyi_entropy(p: np.ndarray, order: float) -> np.ndarray:
    """Return log(sum p^order) / (1 - order), the Shannon entropy at order 1; full precision at every order."""
    if abs(order - 1.0) < 0.5:
        logs = np.log(np.where(p > 0.0, p, 1.0))
        return 0.0 - untilted((p * tilted(logs, order - 1.0)).sum(axis=-1), order - 1.0)
    ordered = np.sort(p, axis=-1)
    others, top = ordered[..., :-1], ordered[..., -1]
    log_sum = np.log1p(((others / top[..., None]) ** order).sum(axis=-1))
    return (log_sum + order * np.log1p(-others.sum(axis=-1))) / (1.0 - order)
