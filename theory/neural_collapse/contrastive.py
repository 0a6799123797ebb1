"""The supervised contrastive loss and its least values.

Setting. Features h_i of norm at most 1, the columns of H (d, N); labels y_i in 0..K-1; T = ``temperature``. With
n_(B,c) the samples of class c in batch B, the loss sums over batches B and anchors i in B with n_(B,y_i) >= 2

    1/(n_(B,y_i) - 1) sum over other j in B of the class of i of log sum over l != i in B of exp((h_i.h_l - h_i.h_j)/T).

An anchor without a positive in the batch contributes nothing. Source: Kini, Vakilian, Behnia, Gill and Thrampoulidis,
"Symmetric Neural-Collapse Representations with Supervised Contrastive Loss: The Impact of ReLU and Batching",
arXiv 2306.07960 (numbering unverified).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.neural_collapse._batches import read_batches
from theory.neural_collapse._input import read_class_sizes, read_labels

__all__ = ["scl_batch_lower_bound", "scl_loss", "scl_lower_bound"]


def scl_loss(features: Any, labels: Any, *, temperature: float = 1.0, batches: Any = None) -> float:
    """Return the supervised contrastive loss; the norms of the features are taken as they are.

    ``features`` (d, N); ``labels`` (N,), every class 0..K-1 present; ``batches``: index arrays, None for one batch of
    all samples. Costs O(n^2 d) for a batch of n. Exact. Raises ``ValueError`` naming the parameter.
    """
    points = array("features", features, shape=(None, None))
    classes = read_labels(labels, n_samples=points.shape[1])
    scale = number("temperature", temperature, "(0, inf)")
    parts = read_batches(batches, classes.size)
    return float(sum(_batch_loss(points[:, part], classes[part], scale) for part in parts))


def _batch_loss(points: np.ndarray, classes: np.ndarray, temperature: float) -> float:
    counts = np.bincount(classes)
    anchors = np.flatnonzero(counts[classes] >= 2)
    if anchors.size == 0:
        return 0.0
    similar = (points[:, anchors] / temperature).T @ points
    own = (np.arange(anchors.size), anchors)
    positive = classes[anchors, None] == classes
    positive[own] = False
    mean_positive = np.sum(similar, axis=1, where=positive) / (counts[classes[anchors]] - 1)
    similar[own] = -np.inf
    largest = similar.max(axis=1)
    similar -= largest[:, None]
    return float(np.sum(np.log(np.exp(similar, out=similar).sum(axis=1)) + (largest - mean_positive)))


def scl_lower_bound(class_sizes: Any, *, temperature: float = 1.0, nonnegative: bool = True) -> float:
    """Return the least supervised contrastive loss of the full batch.

    Statement: with entrywise non-negative features and d >= K the least value is the sum over classes of two samples
    or more of n_c log(n_c - 1 + (N - n_c) e^(-1/T)), attained by an orthonormal frame whatever the imbalance. Without
    the sign constraint, for equal sizes and d >= K - 1, the simplex frame has e^(-K/((K-1) T)) instead.

    ``class_sizes`` (K,), at least 1 each; ``nonnegative`` false needs equal sizes. Nature: bound, attained.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2306.07960 (numbering unverified).
    """
    sizes, scale = read_class_sizes(class_sizes), number("temperature", temperature, "(0, inf)")
    balanced = bool(np.all(sizes == sizes[0]))
    require(bool(nonnegative) or balanced, "nonnegative", nonnegative, "True where class_sizes differ")
    angle = 1.0 if nonnegative else sizes.size / (sizes.size - 1.0)
    return _frame_loss(sizes, float(np.exp(-angle / scale)))


def scl_batch_lower_bound(labels: Any, batches: Any, *, temperature: float = 1.0) -> float:
    """Return the least supervised contrastive loss of non-negative features over the given batches.

    It is the sum over batches of the full-batch value of :func:`scl_lower_bound` at the sizes n_(B,c), attained by an
    orthonormal frame (d >= K), for some batches by other features too: see :func:`batch_interaction`.

    ``labels`` (N,), every class 0..K-1 present; ``batches``: index arrays, or None. Nature: bound, attained.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2306.07960 (numbering unverified).
    """
    classes, scale = read_labels(labels), number("temperature", temperature, "(0, inf)")
    weight = float(np.exp(-1.0 / scale))
    parts = read_batches(batches, classes.size)
    return float(sum(_frame_loss(np.bincount(classes[part]).astype(np.float64), weight) for part in parts))


def _frame_loss(sizes: np.ndarray, weight: float) -> float:
    """Return the loss of a frame; ``weight`` is the exponential of a pair of two classes over that of a pair of one."""
    repeated = sizes[sizes >= 2.0]
    return float(np.sum(repeated * np.log1p(repeated - 2.0 + (sizes.sum() - repeated) * weight)))
