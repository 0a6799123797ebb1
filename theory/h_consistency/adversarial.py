"""Adversarial comp-sum losses with a ramp, and their smooth majorant for linear scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import logsumexp

from assay.base import array, number, require
from theory.h_consistency._input import class_labels, probability_rows
from theory.h_consistency._numerics import tilted

__all__ = [
    "adversarial_constant",
    "adversarial_optimal_conditional_risk",
    "rho_margin",
    "smooth_adversarial_loss",
]


def rho_margin(u: Any, *, rho: float) -> np.ndarray:
    """Return the ramp min(1, max(0, 1 - u / rho)) of a margin ``u`` (an array); ``rho`` > 0 is in units of the scores.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2304.07288, Sec. 5 (numbering unverified).
    """
    margins, rho = array("u", u, "[-inf, inf]"), number("rho", rho, "(0, inf)")
    return 1.0 - np.clip(margins, 0.0, rho) / rho


def adversarial_optimal_conditional_risk(probabilities: Any, *, tau: float) -> np.ndarray:
    """Return the least conditional risk of the adversarial comp-sum loss.

    The loss is the largest Phi(sum over y' != y of rho_margin(h_y - h_y')) over perturbations of the input.
    Assumptions: the hypothesis set realises every order of the labels with gaps of at least rho on the whole ball of
    perturbations. Statement: with p sorted downward, the value is the sum of p_i Phi(i - 1) over i = 1 .. n.

    ``probabilities``: (..., n_classes); ``tau`` >= 0. Returns an array of the leading shape.

    Raises ``ValueError`` naming the parameter. Exact. Source: arXiv 2304.07288, Sec. 5 (numbering unverified).
    """
    p, tau = probability_rows(probabilities), number("tau", tau, "[0, inf)")
    return -np.sort(-p, axis=-1) @ tilted(np.log(np.arange(1.0, p.shape[-1] + 1.0)), 1.0 - tau)


def adversarial_constant(*, tau: float) -> float:
    """Return Phi(1): the adversarial surrogate regret is at least Phi(1) times the adversarial zero-one regret.

    Regrets are R(h) - R*(H) + M(H). Assumptions as in ``adversarial_optimal_conditional_risk``, symmetric hypothesis
    set. Nature: bound, attained for two classes by a wrong prediction with margin rho or more.

    ``tau`` >= 0. Raises ``ValueError`` naming the parameter. Source: arXiv 2304.07288, Sec. 5 (numbering unverified).
    """
    return float(tilted(math.log(2.0), 1.0 - number("tau", tau, "[0, inf)")))


def smooth_adversarial_loss(
    weights: Any,
    biases: Any,
    x: Any,
    label: int,
    *,
    tau: float,
    rho: float,
    gamma: float,
    nu: float | None = None,
) -> float:
    """Return the smooth majorant of the adversarial comp-sum loss for linear scores h(x, k) = w_k . x + b_k.

    Statement: Phi(sum over k != y of exp(-(h_y - h_k) / rho)) + nu gamma sigma, where sigma is the largest singular
    value of the matrix of rows w_y - w_k; gamma sigma is the largest change of the vector of margins over the Euclidean
    ball of radius gamma. It is never below the adversarial loss when nu >= sqrt(n_classes - 1) / rho.

    ``weights``: (n_classes, n_features); ``biases``: (n_classes,); ``x``: (n_features,); ``label``: integer; ``tau``
    >= 0; ``rho`` > 0, in units of the scores; ``gamma`` >= 0, in units of x; ``nu``: None for the least allowed.

    Raises ``ValueError`` naming the parameter. Exact. Source: arXiv 2304.07288, Sec. 5 (numbering unverified).
    """
    w = array("weights", weights, shape=(None, None))
    rule = "rows for two classes or more"
    require(len(w) > 1, "weights", f"array of shape {w.shape}", rule)
    b, point = array("biases", biases, shape=(len(w),)), array("x", x, shape=(w.shape[1],))
    index = class_labels("label", label, len(w))
    require(index.ndim == 0, "label", label, "one integer")
    tau, rho = number("tau", tau, "[0, inf)"), number("rho", rho, "(0, inf)")
    gamma, least = number("gamma", gamma, "[0, inf)"), math.sqrt(len(w) - 1.0) / rho
    nu = least if nu is None else number("nu", nu, f"[{least * (1.0 - 1e-12):.17g}, inf)")
    differences = np.delete(w[index] - w, index, axis=0)
    margins = differences @ point + np.delete(b[index] - b, index)
    loss = tilted(logsumexp(np.append(0.0, -margins / rho)), 1.0 - tau)
    return float(loss + nu * gamma * np.linalg.norm(differences, 2))
