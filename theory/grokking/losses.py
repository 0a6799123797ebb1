"""StableMax, its cross-entropy and gradient, and the gradient orthogonal to the weights.

Source: Prieto, Barsbey, Mediano and Birdal, "Grokking at the Edge of Numerical Stability", arXiv 2501.04697 (numbering
unverified). All statements are definitions or identities, exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, require

__all__ = ["orthogonal_gradient", "stablemax", "stablemax_cross_entropy", "stablemax_cross_entropy_gradient"]


def stablemax(logits: Any, *, axis: int = -1) -> np.ndarray:
    """Return s(x_i) / sum_j s(x_j) along ``axis``, where s(x) = x + 1 for x >= 0 and 1 / (1 - x) for x < 0.

    It is the softmax of sign(x) ln(1 + |x|), and not invariant under shifts. ``logits``: finite, one dimension or
    more; same shape. Raises ``ValueError`` naming the parameter.
    """
    values = array("logits", logits)
    require(values.ndim > 0 and values.size > 0, "logits", f"array of shape {values.shape}", "one logit or more")
    require(-values.ndim <= axis < values.ndim, "axis", axis, f"an axis of logits with {values.ndim} dimensions")
    return _normalise(_scores(values), axis)


def stablemax_cross_entropy(logits: Any, labels: Any) -> np.ndarray:
    """Return -ln StableMax_y of every sample, (n,), to full relative precision however small or large.

    ``logits`` (n, K), ``labels`` y (n,) in 0 .. K - 1. Raises ``ValueError`` naming the parameter.
    """
    values, rows, correct = _read_samples(logits, labels)
    scores = _scores(values)
    own = scores[rows, correct]
    scores[rows, correct] = 0.0
    rival = np.maximum(scores.max(axis=1), own)
    # Relative to the larger of the correct score and the best of the others no ratio overflows, nor does that of roots.
    rest = (scores / rival[:, None]).sum(axis=1)
    beaten = 2.0 * np.log(np.sqrt(rival) / np.sqrt(own))
    return np.where(rival == own, np.log1p(rest), beaten + np.log(own / rival + rest))


def stablemax_cross_entropy_gradient(logits: Any, labels: Any) -> np.ndarray:
    """Return the gradient of :func:`stablemax_cross_entropy` in the logits, (n, K), sample by sample, no mean taken.

    Statement: (StableMax_i - 1[i = y]) / (1 + |x_i|). Arguments as there. Raises ``ValueError`` naming the parameter.
    """
    values, rows, correct = _read_samples(logits, labels)
    probabilities = _normalise(_scores(values), 1)
    probabilities[rows, correct] = 0.0
    # Minus the sum of the others is p_y - 1 with all its digits.
    probabilities[rows, correct] = -probabilities.sum(axis=1)
    return probabilities / (1.0 + np.abs(values))


def orthogonal_gradient(gradient: Any, weights: Any, *, rescale: bool = False) -> np.ndarray:
    """Return the gradient less its component along the weights, g_perp = g - (w . g / w . w) w.

    A step h along it changes the squared norm of the weights by exactly h^2 |g_perp|^2, and is one of descent:
    g . g_perp = |g_perp|^2. ``rescale`` stretches g_perp to the length of g, as the authors' code does and their
    formula does not. ``gradient`` and ``weights``: the same shape, any; inner products over all entries. Orthogonal
    to rounding relative to g_perp itself.

    Raises ``ValueError`` naming the parameter: ``weights`` of zero norm or another shape; ``gradient`` parallel to
    the weights where it is to be rescaled.
    """
    w = array("weights", weights)
    g = array("gradient", gradient, shape=w.shape)
    largest = float(np.abs(w).max(initial=0.0))
    require(largest > 0.0, "weights", f"array of shape {w.shape}", "weights of positive norm")
    unit = w / largest
    unit /= np.linalg.norm(unit)
    projected = g
    for _ in range(2):  # the second pass removes what rounding left of a large parallel component
        projected = projected - np.vdot(unit, projected) * unit
    if rescale:
        length, kept = float(np.linalg.norm(g)), float(np.linalg.norm(projected))
        rule = "a gradient with a component orthogonal to the weights"
        require(kept > 8.0 * float(np.finfo(float).eps) * length, "gradient", f"array of shape {g.shape}", rule)
        projected = projected * (length / kept)
    return projected


def _scores(values: np.ndarray) -> np.ndarray:
    # Each branch sees only logits of its own sign.
    return np.where(values >= 0.0, 1.0 + np.maximum(values, 0.0), 1.0 / (1.0 - np.minimum(values, 0.0)))


def _normalise(scores: np.ndarray, axis: int) -> np.ndarray:
    relative = scores / scores.max(axis=axis, keepdims=True)
    return relative / relative.sum(axis=axis, keepdims=True)


def _read_samples(logits: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits (n, K), the row numbers and the labels as integers."""
    values = array("logits", logits, shape=(None, None))
    n_samples, n_classes = values.shape
    classes = array("labels", labels, f"[0, {n_classes - 1}]", shape=(n_samples,))
    require(bool(np.all(classes == np.floor(classes))), "labels", labels, "whole numbers")
    return values, np.arange(n_samples), classes.astype(np.int64)
