"""Exact errors of ridge regression on fixed features, for a whole path of ridges from one eigendecomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

__all__ = ["RFTrials", "regularised_inverse", "ridge_path", "spectral_factor"]


@dataclass(frozen=True)
class RFTrials:
    """Errors of every trial and ridge, each array of shape (n_trials, n_ridges), in units of the squared label."""

    test_mse: np.ndarray
    train_mse: np.ndarray
    gcv: np.ndarray


def spectral_factor(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues of a symmetric matrix that exceed rounding, ascending, and their vectors as columns."""
    values, vectors, info = lapack.dsyevd(gram, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError(f"the eigendecomposition of a Gram matrix did not converge (info = {info})")
    first = int(np.searchsorted(values, len(values) * np.finfo(float).eps * values[-1], side="right"))
    return values[first:], vectors[:, first:]


def regularised_inverse(features: np.ndarray, ridge: float) -> np.ndarray:
    """Return ``(F'F + ridge)^{-1} F'``, shape (k, n), for features F of shape (n, k); ridge 0: the pseudo-inverse."""
    if features.shape[0] > features.shape[1]:
        return regularised_inverse(features.T, ridge).T
    values, vectors = spectral_factor(features @ features.T)
    return features.T @ ((vectors / (values + ridge)) @ vectors.T)


def ridge_path(
    features: np.ndarray,
    label_covariance: np.ndarray,
    feature_covariance: np.ndarray,
    cross_covariance: np.ndarray,
    ridges: np.ndarray,
    *,
    label_power: float,
    n_unexplained: int = 0,
    unexplained_power: float = 0.0,
) -> np.ndarray:
    """Return test error, training error and GCV of ``(F'F + ridge)^{-1} F'y``, averaged over the labels: (3, n_ridges).

    features: F, (n, k). label_covariance: (n, n), E yy'. feature_covariance: (k, k), E ff' of a fresh row f.
    cross_covariance: (n, k), E[y t f'] with t the label of the fresh row. label_power: E t^2.
    A further ``n_unexplained`` samples have features 0 and labels of variance ``unexplained_power``.
    Costs one eigendecomposition of the smaller Gram matrix, then O(min(n, k)^2) per ridge.
    """
    n_rows, n_columns = features.shape
    n_samples = n_rows + n_unexplained
    label_trace = float(np.trace(label_covariance)) + n_unexplained * unexplained_power
    # The test error is symmetric in samples and features: work on the smaller side.
    flipped = n_rows > n_columns
    if flipped:
        features, cross_covariance = features.T, cross_covariance.T
        label_covariance, feature_covariance = feature_covariance, label_covariance
    squares, left = spectral_factor(features @ features.T)
    singular = np.sqrt(squares)
    right_form = left.T @ ((features @ feature_covariance @ features.T) @ left) / np.outer(singular, singular)
    left_form = left.T @ (label_covariance @ left)
    linear = np.einsum("ij,ij->j", left, (cross_covariance @ features.T) @ left) / singular
    fitted = np.diagonal(right_form if flipped else left_form)

    inverse = 1.0 / (squares[:, None] + ridges)
    gain, shrinkage = singular[:, None] * inverse, ridges * inverse
    test = label_power - 2.0 * (linear @ gain) + np.einsum("jr,jr->r", gain, (right_form * left_form) @ gain)
    n_free = n_samples - len(squares)
    if n_free == 0:
        # Numerator and denominator of GCV share the factor ridge^2; without it the limit at ridge 0 is finite.
        train = fitted @ shrinkage**2 / n_samples
        relative = inverse / inverse.max(axis=0)
        gcv = n_samples * (fitted @ relative**2) / relative.sum(axis=0) ** 2
    else:
        train = (fitted @ shrinkage**2 + max(label_trace - float(fitted.sum()), 0.0)) / n_samples
        gcv = train / ((n_free + shrinkage.sum(axis=0)) / n_samples) ** 2
    # The test error is a difference: where it vanishes, rounding may leave it below zero.
    return np.stack([np.maximum(test, 0.0), train, gcv])
