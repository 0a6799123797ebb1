"""Label-distributionally robust (LDR-KL) losses: between the multi-class hinge and a linear loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.h_consistency._input import class_labels, pick, probability_rows, regrets
from theory.h_consistency._numerics import increasing_root
from theory.h_consistency.transforms import pair_bound

__all__ = ["ldr_kl_bound", "ldr_kl_loss", "ldr_kl_optimal_softmax", "ldr_kl_two_class_transform"]


def ldr_kl_loss(scores: Any, labels: Any, *, temperature: float, margin: float = 0.0) -> np.ndarray:
    """Return the LDR-KL loss: the worst mean over classes k of d_k = f_k - f_y + margin [k != y], with a penalty.

    Statement: the maximum over q of sum_k q_k d_k - temperature KL(q || uniform) is temperature times
    log(mean_k exp(d_k / temperature)). At temperature 0 it is max d, at infinity the mean of d; non-increasing between.
    At temperature 1 and margin 0 it is the cross-entropy less log n.

    ``scores``: (..., n_classes), finite; ``labels``: integers, broadcast against the leading axes; ``temperature`` in
    [0, inf], in units of the scores; ``margin`` >= 0. Returns the losses.

    Raises ``ValueError`` naming the parameter. Exact. Source: Zhu, Ying, Yang (2023), arXiv 2112.14869.
    """
    rows = array("scores", scores)
    require(rows.ndim > 0 and rows.shape[-1] > 1, "scores", f"array of shape {rows.shape}", "two scores or more")
    temperature, margin = number("temperature", temperature, "[0, inf]"), number("margin", margin, "[0, inf)")
    y = class_labels("labels", labels, rows.shape[-1])
    d = rows - pick(rows, y)[..., None] + margin * (np.arange(rows.shape[-1]) != y[..., None])
    top = d.max(axis=-1)
    if temperature == 0.0:
        return top
    if temperature == math.inf:
        return d.mean(axis=-1)
    # Relative to the largest, exponentials less 1 keep their digits at high temperature and do not overflow at low.
    with np.errstate(over="ignore"):
        return top + temperature * np.log1p(np.expm1((d - top[..., None]) / temperature).mean(axis=-1))


def ldr_kl_optimal_softmax(probabilities: Any, *, temperature: float, margin: float = 0.0) -> np.ndarray:
    """Return softmax(f* / temperature) at the scores f* of least conditional LDR-KL risk.

    Statement: with w = 1 - exp(-margin / temperature), z_y (1 - w z_y) = kappa p_y for one kappa; every class takes the
    smaller root, but the most probable one the larger where the smaller roots cannot sum to 1. The order of the classes
    is that of p, so that the loss is top-k consistent for every k; z = p at margin 0.

    ``probabilities``: (..., n_classes); ``temperature`` in (0, inf); ``margin`` >= 0, the same for all labels. Same
    shape back.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the root is not found. Exact. Source: derived here
    from the loss of arXiv 2112.14869.
    """
    p, ratio = probability_rows(probabilities), _margin_ratio(temperature, margin)
    if ratio == 0.0:
        return p
    order = np.argsort(-p, axis=-1, kind="stable")
    relative = np.take_along_axis(p, order, axis=-1)
    relative /= relative[..., :1]
    w, kept = -math.expm1(-ratio), math.exp(-ratio)

    def others(rest: np.ndarray) -> np.ndarray:
        """Return the smaller roots of all classes but the first, when these are to sum to ``rest``."""
        first = (1.0 - rest)[..., None]
        level = first * (kept + w * rest[..., None])
        # The discriminant 1 - 4 w level relative without cancellation, in terms of the first class's own.
        discriminant = (1.0 - 2.0 * w * first) ** 2 + 4.0 * w * level * (1.0 - relative[..., 1:])
        return 2.0 * level * relative[..., 1:] / (1.0 + np.sqrt(discriminant))

    # On the larger root of the first class rest < turn, on the smaller one rest > turn; each side has its own bracket.
    turn = np.full(p.shape[:-1], max(1.0 - 0.5 / w, 0.0))
    beyond = others(turn).sum(axis=-1) >= turn
    low, high = np.where(beyond, turn, 0.0), np.where(beyond, 1.0 - 1.0 / p.shape[-1], turn)
    # In the logarithm, since a small rest can be of any magnitude.
    low, high = np.log(np.maximum(low, 1e-320)), np.log(high)
    rest = np.exp(increasing_root(lambda log_rest: np.exp(log_rest) - others(np.exp(log_rest)).sum(axis=-1), low, high))
    z = np.empty_like(p)
    np.put_along_axis(z, order, np.concatenate([(1.0 - rest)[..., None], others(rest)], axis=-1), axis=-1)
    return z


def ldr_kl_bound(surrogate_regret: Any, *, temperature: float) -> np.ndarray:
    """Return the bound on the zero-one regret by the LDR-KL regret at margin 0.

    Statement: the regret t is temperature times KL(p || softmax(f / temperature)), so that the logistic bound applies
    to t / temperature. Nature: bound, attained.

    ``surrogate_regret``: array of numbers >= 0, infinity included; ``temperature`` in (0, inf). Returns values in
    [0, 1]. Raises ``ValueError`` naming the parameter. Source: arXiv 2112.14869 with arXiv 2304.07288.
    """
    return pair_bound(regrets(surrogate_regret) / number("temperature", temperature, "(0, inf)"), 1.0, 1.0)


def ldr_kl_two_class_transform(beta: Any, *, temperature: float, margin: float = 0.0) -> np.ndarray:
    """Return the least LDR-KL regret of a zero-one regret ``beta`` for two classes; margin * beta as temperature -> 0.

    Statement: with a = exp(margin / temperature) it is temperature [log(1 + a) - (1 + beta) / 2 log(1 + a r) -
    (1 - beta) / 2 log(1 + a / r)], where r = exp(-s) and s - theta = arsinh(a sinh theta), theta = artanh(beta).
    Nature: exact for two classes; with three or more and a margin the regret can be smaller.

    ``beta``: array in [0, 1]; ``temperature`` in (0, inf); ``margin`` >= 0.

    Raises ``ValueError`` naming the parameter. Source: derived here from the loss of arXiv 2112.14869.
    """
    bias, ratio = array("beta", beta, "[0, 1]"), _margin_ratio(temperature, margin)
    with np.errstate(divide="ignore", over="ignore"):
        theta = np.where(bias < 1.0, np.arctanh(bias), 0.0)
        log_sinh = np.log(np.sinh(theta))
    # arsinh of exp(height) without overflow, and s - ratio without cancellation.
    height = log_sinh + ratio
    tail = np.log1p(np.sqrt(1.0 + np.exp(-2.0 * np.maximum(height, 0.0))))
    s = theta + np.where(height > 0.0, height + tail, np.arcsinh(np.exp(np.minimum(height, 0.0))))
    beyond = np.where(height > 0.0, theta + log_sinh + tail, s - ratio)
    # First and second difference of softplus at ratio with step s, as one logarithm while s is small.
    near, decay = np.minimum(s, 1.0), math.exp(-ratio)
    first = np.log1p(2.0 * np.sinh(near) / (decay + np.exp(-near)))
    second = np.log1p(4.0 * np.sinh(0.5 * near) ** 2 * decay / (1.0 + decay) ** 2)
    up, down = np.log1p(np.exp(-ratio - s)), np.log1p(np.exp(-np.abs(beyond)))
    first = np.where(s < 1.0, first, s + np.minimum(s, ratio) + up - down)
    second = np.where(s < 1.0, second, np.maximum(beyond, 0.0) + up + down - 2.0 * math.log1p(decay))
    value = np.where(bias < 1.0, 0.5 * (bias * first - second), ratio + math.log1p(decay))
    return float(temperature) * value


def _margin_ratio(temperature: float, margin: float) -> float:
    temperature, margin = number("temperature", temperature, "(0, inf)"), number("margin", margin, "[0, inf)")
    ratio = margin / temperature
    require(math.isfinite(ratio), "margin", margin, "a finite margin / temperature")
    return ratio
