"""Singular values of the centred labels, which a free bias leaves to the weights.

The centred label matrix of K classes of sizes n_k is, per class, (I - n 1^T / N) D^(1/2) with D = diag(n): K x K, of
rank K - 1. Its squared singular values are the nonzero eigenvalues of D - n n^T / N.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from theory.neural_collapse._input import read_class_sizes

__all__ = ["centred_label_singular_values"]


def centred_label_singular_values(class_sizes: Any) -> np.ndarray:
    """Return the K - 1 nonzero singular values of the centred labels, in descending order.

    Their squares solve the secular equation sum_k n_k / (n_k - mu) = 0: one root between each pair of neighbouring
    distinct sizes, and m - 1 roots equal to a size that m classes have. ``class_sizes`` (K,), at least 1 each. Costs
    O(K^2). Exact (relative accuracy of rounding for each value).

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if a root is not found. Source: a result of this
    project; the equation is that of symmetric rank-one updates.
    """
    sizes = read_class_sizes(class_sizes)
    distinct, counts = np.unique(sizes, return_counts=True)
    squares = np.concatenate([np.repeat(distinct, counts - 1), _interlacing_roots(distinct, counts * distinct)])
    if np.isnan(squares).any():
        raise RuntimeError(f"the secular equation of class_sizes = {class_sizes!r} was not solved")
    return np.sqrt(np.sort(squares)[::-1])


def centred_label_modes(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (U, s, V) of the centred labels, U and V of shape (K, K - 1), singular values descending."""
    return _leading_modes(np.diag(np.sqrt(sizes)) - np.outer(sizes, np.sqrt(sizes)) / sizes.sum())


def uniform_code_modes(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (U, s, V) of P D^(1/2), with P the projector orthogonal to the ones."""
    return _leading_modes(np.diag(np.sqrt(sizes)) - np.sqrt(sizes) / sizes.size)


def _leading_modes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, values, right = np.linalg.svd(matrix)
    return left[:, :-1], values[:-1], right[:-1].T


@njit(cache=True, nogil=True, error_model="numpy")
def _interlacing_roots(poles, weights):
    """Solve sum weights / (poles - mu) = 0 between each pair of neighbouring ascending poles; NaN if it fails.

    The unknown is the distance from the nearer pole, so that it keeps its digits. Each step replaces the poles on
    either side by the nearest one, matched in value and slope, and solves the quadratic that is left ("middle way").
    """
    roots = np.empty(len(poles) - 1)
    for gap in range(len(poles) - 1):
        width = poles[gap + 1] - poles[gap]
        origin = poles[gap] + 0.5 * width
        middle = 0.0
        for i in range(len(poles)):
            middle += weights[i] / (poles[i] - origin)
        # The sum rises from -inf to +inf across the gap.
        origin = poles[gap] if middle >= 0.0 else poles[gap + 1]
        low, high = (0.0, 0.5 * width) if middle >= 0.0 else (-0.5 * width, 0.0)
        left, right = poles[gap] - origin, poles[gap + 1] - origin
        t, roots[gap] = 0.5 * (low + high), np.nan
        for _ in range(200):
            value, size, slope_left, slope_right = 0.0, 0.0, 0.0, 0.0
            for i in range(len(poles)):
                distance = (poles[i] - origin) - t
                term = weights[i] / distance
                value += term
                size += abs(term)
                if i <= gap:
                    slope_left += term / distance
                else:
                    slope_right += term / distance
            if abs(value) <= 4e-16 * size:
                roots[gap] = origin + t
                break
            if value < 0.0:
                low = t
            else:
                high = t
            to_left, to_right = left - t, right - t
            # constant + left_weight / (to_left - s) + right_weight / (to_right - s) = 0 for the step s.
            constant = value - slope_left * to_left - slope_right * to_right
            linear = constant * (to_left + to_right) + slope_left * to_left**2 + slope_right * to_right**2
            product = value * to_left * to_right
            root = np.sqrt(max(linear * linear - 4.0 * constant * product, 0.0))
            step = 2.0 * product / (linear + root) if linear > 0.0 else (linear - root) / (2.0 * constant)
            proposal = t + step
            if not low < proposal < high:
                proposal = 0.5 * (low + high)
            if abs(proposal - t) <= 2e-16 * abs(t):
                roots[gap] = origin + proposal
                break
            t = proposal
    return roots
