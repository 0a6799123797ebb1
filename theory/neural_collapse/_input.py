"""Validation shared by the modules of this family."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from assay.base import array, number, require


class Ridges(NamedTuple):
    """Validated ridges of the linear layers, first layer first, and of the features."""

    weights: np.ndarray  # (M,)
    feature: float

    @property
    def n_layers(self) -> int:
        return self.weights.size

    @property
    def geometric_mean(self) -> float:
        """c, over all M + 1 ridges; exactly their value where they are equal."""
        logarithms = np.log(self.weights / self.feature)
        return self.feature * float(np.exp(logarithms.sum() / (self.n_layers + 1)))


def read_class_sizes(value: Any) -> np.ndarray:
    """Return class sizes (K,), at least 1 each, of at least two classes; they need not be whole numbers."""
    sizes = array("class_sizes", value, "[1, inf)", shape=(None,))
    require(sizes.size >= 2, "class_sizes", value, "two classes or more")
    return sizes


def read_ridges(weight_ridges: Any, feature_ridge: Any) -> Ridges:
    weights = array("weight_ridges", weight_ridges, "(0, inf)", shape=(None,))
    return Ridges(weights, number("feature_ridge", feature_ridge, "(0, inf)"))


def read_labels(value: Any, *, n_samples: int | None = None, n_classes: int | None = None) -> np.ndarray:
    """Return labels (N,) as integers in 0..K-1, every class present, K given or one more than the largest label."""
    labels = array("labels", value, "[0, inf)", shape=(n_samples,))
    require(bool(np.all(labels == np.floor(labels))), "labels", value, "whole numbers")
    classes = np.unique(labels)
    count = classes.size if n_classes is None else n_classes
    rule = f"every class from 0 to {count - 1} present, and two classes or more"
    require(classes.size == count >= 2 and classes[-1] == count - 1, "labels", value, rule)
    return labels.astype(np.int64)


def read_balanced_labels(value: Any, *, n_samples: int, n_classes: int | None = None) -> tuple[np.ndarray, int]:
    """Return labels and the number of samples of each class, the same for every class."""
    labels = read_labels(value, n_samples=n_samples, n_classes=n_classes)
    counts = np.bincount(labels)
    require(bool(np.all(counts == counts[0])), "labels", value, f"as many samples of every class, here {counts}")
    return labels, int(counts[0])


def class_means(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the (d, K) means of the columns of ``features`` (d, N) by class."""
    counts = np.bincount(labels)
    members = np.zeros((labels.size, counts.size))
    members[np.arange(labels.size), labels] = 1.0 / counts[labels]
    return features @ members
