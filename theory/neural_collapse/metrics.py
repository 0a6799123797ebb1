"""How far features and classifier of a trained model are from collapse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, require
from theory.neural_collapse._input import class_means, read_labels

__all__ = ["NeuralCollapseMetrics", "frame_distance", "neural_collapse_metrics"]

RANK_CUTOFF = 1e-10  # of the eigenvalues of the between-class covariance, relative to the largest


@dataclass(frozen=True)
class NeuralCollapseMetrics:
    """Variability (``nc1``, ``nc1_trace``) and frame distances of classifier, class means and their products.

    ``etf`` compares with the simplex frame (centred means), ``of`` with the orthonormal frame (uncentred means).
    """

    nc1: float
    nc1_trace: float
    nc2_etf: float
    nc2_of: float
    nc2_mean_etf: float
    nc2_mean_of: float
    nc3_etf: float
    nc3_of: float


def frame_distance(gram: Any, reference: Any) -> float:
    """Return the Frobenius distance of two matrices of one shape, each divided by its Frobenius norm; in [0, 2].

    The distance of an orthonormal frame of K classes from the simplex frame is sqrt(2 - 2 sqrt((K-1)/K)). Exact.
    Raises ``ValueError`` naming the parameter, also for a matrix of zeros.
    """
    first = array("gram", gram, shape=(None, None))
    second = array("reference", reference, shape=first.shape)
    require(bool(first.any()), "gram", "all zero", "a nonzero matrix")
    require(bool(second.any()), "reference", "all zero", "a nonzero matrix")
    return _distance(first, second)


def neural_collapse_metrics(features: Any, labels: Any, classifier: Any) -> NeuralCollapseMetrics:
    """Return the usual measures of neural collapse.

    With Sigma_W the covariance within classes (sum over samples / N), Sigma_B that of the K class means around the
    mean of all samples (sum / K): ``nc1`` = tr(Sigma_W Sigma_B^+) / K, ``nc1_trace`` = tr Sigma_W / tr Sigma_B. Frame
    distances: ``nc2_*`` of the Gram of the classifier, ``nc2_mean_*`` of that of the class means, ``nc3_*`` of the
    classifier times the class means, from P (``etf``) and I (``of``). Means are centred by the mean of all samples for
    ``etf``. The pseudo-inverse drops eigenvalues below 1e-10 of the largest.

    ``features`` (d, N), ``labels`` (N,) with every class 0..K-1 present, ``classifier`` (K, d). Exact.

    Raises ``ValueError`` naming the parameter, also where a frame distance has a matrix of zeros to compare.
    """
    points = array("features", features, shape=(None, None))
    weights = array("classifier", classifier, shape=(None, points.shape[0]))
    n_classes, n_samples = weights.shape[0], points.shape[1]
    classes = read_labels(labels, n_samples=n_samples, n_classes=n_classes)
    means = class_means(points, classes)
    centred = means - points.mean(axis=1, keepdims=True)
    deviations = points - means[:, classes]
    require(bool(weights.any()), "classifier", "all zero", "a nonzero matrix")
    require(bool(centred.any()), "features", "equal class means", "features with different class means")
    require(
        bool((weights @ centred).any()), "classifier", classifier, "rows that are not orthogonal to all class means"
    )

    basis, spread, _ = np.linalg.svd(centred / math.sqrt(n_classes), full_matrices=False)
    kept = spread**2 > RANK_CUTOFF * spread[0] ** 2
    whitened = (basis[:, kept].T @ deviations) / spread[kept, None]
    simplex, orthonormal = np.eye(n_classes) - 1.0 / n_classes, np.eye(n_classes)
    return NeuralCollapseMetrics(
        nc1=float(np.sum(whitened**2) / (n_samples * n_classes)),
        nc1_trace=float(np.sum(deviations**2) / n_samples / np.sum(spread**2)),
        nc2_etf=_distance(weights @ weights.T, simplex),
        nc2_of=_distance(weights @ weights.T, orthonormal),
        nc2_mean_etf=_distance(centred.T @ centred, simplex),
        nc2_mean_of=_distance(means.T @ means, orthonormal),
        nc3_etf=_distance(weights @ centred, simplex),
        nc3_of=_distance(weights @ means, orthonormal),
    )


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(_normalised(first) - _normalised(second)))


def _normalised(matrix: np.ndarray) -> np.ndarray:
    # The largest entry first: squares of very small entries underflow.
    scaled = matrix / np.abs(matrix).max()
    return scaled / np.linalg.norm(scaled)
