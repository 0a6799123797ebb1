"""What the simulators of this family check at the door."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require

__all__ = ["checked_batches", "checked_labels", "checked_ridges", "checked_sizes", "checked_widths"]


def checked_sizes(class_sizes: ArrayLike, *, whole: bool = False) -> np.ndarray:
    """Return the samples n_k of each class, (K,), as float64; with ``whole`` they must be whole numbers."""
    sizes = array("class_sizes", class_sizes, "[1, inf)", shape=(None,))
    require(len(sizes) >= 2, "class_sizes", class_sizes, "two classes or more")
    if whole:
        require(bool(np.all(sizes == np.floor(sizes))), "class_sizes", class_sizes, "whole numbers if not reduced")
    return sizes


def checked_ridges(weight_ridges: ArrayLike, feature_ridge: float) -> np.ndarray:
    """Return the ridges of the features and of W_1 .. W_M, (M + 1,)."""
    weights = array("weight_ridges", weight_ridges, "(0, inf)", shape=(None,))
    return np.append(number("feature_ridge", feature_ridge, "(0, inf)"), weights)


def checked_widths(width: int | Sequence[int], n_layers: int) -> np.ndarray:
    """Return the dimension of the features and the inner widths, (M,), as int64."""
    if np.ndim(width) == 0:
        return np.full(n_layers, integer("width", width, "[1, inf)"), np.int64)
    widths = array("width", width, "[1, inf)", shape=(n_layers,))
    return np.array([integer("width", entry) for entry in widths.tolist()], np.int64)


def checked_labels(labels: ArrayLike, *, n_samples: int | None = None, balanced: bool = False) -> np.ndarray:
    """Return the class of each sample, (N,), as int64: 0 .. K - 1, two classes or more, every one present."""
    values = array("labels", labels, "[0, inf)", shape=(n_samples,))
    require(bool(np.all(values == np.floor(values))), "labels", labels, "whole numbers")
    classes, counts = np.unique(values, return_counts=True)
    gapless = len(classes) >= 2 and classes[-1] == len(classes) - 1
    require(gapless, "labels", labels, "classes 0 to K - 1, each present, K at least 2")
    if balanced:
        require(bool(np.all(counts == counts[0])), "labels", labels, "as many samples of every class")
    return values.astype(np.int64)


def checked_batches(batches: Sequence[ArrayLike] | None, n_samples: int) -> list[np.ndarray]:
    """Return the sample indices of each batch as int64; None is the batch of all samples."""
    if batches is None:
        return [np.arange(n_samples)]
    require(len(batches) > 0, "batches", batches, "at least one batch")
    checked = []
    for batch in batches:
        indices = array("batches", batch, f"[0, {n_samples})", shape=(None,))
        require(bool(np.all(indices == np.floor(indices))), "batches", batch, "whole numbers")
        require(len(np.unique(indices)) == len(indices), "batches", batch, "distinct indices within a batch")
        checked.append(indices.astype(np.int64))
    return checked
