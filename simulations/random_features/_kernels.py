"""Compiled kernels: scaled normals in one pass over memory, faster than NumPy draws them, and triangles of matrices."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "fill_scaled_rows",
    "fill_scaled_rows_pooled",
    "lower_inner_product",
    "mirror_lower",
    "normal_matrix",
    "triangular_wishart",
]


@njit(cache=True, nogil=True)
def fill_scaled_rows(rng, scales, out):
    """Fill ``out`` (rows, columns) with independent normals, row i of standard deviation ``scales[i]``."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = scales[i] * rng.standard_normal()


@njit(cache=True, nogil=True)
def fill_scaled_rows_pooled(rng, scales, weights, first, out, pools):
    """As ``fill_scaled_rows``, and add ``weights[i]`` times row i to row ``(first + i) % len(pools)`` of ``pools``."""
    for i in range(out.shape[0]):
        pool = pools[(first + i) % pools.shape[0]]
        for j in range(out.shape[1]):
            value = scales[i] * rng.standard_normal()
            out[i, j] = value
            pool[j] += weights[i] * value


@njit(cache=True, nogil=True)
def mirror_lower(matrix):
    """Copy the lower triangle of a square matrix onto its upper triangle."""
    for i in range(matrix.shape[0]):
        for j in range(i):
            matrix[j, i] = matrix[i, j]


@njit(cache=True, nogil=True)
def lower_inner_product(lower, other):
    """Return the trace of the product of two symmetric matrices, reading their lower triangles only."""
    total = 0.0
    for j in range(lower.shape[1]):
        total += lower[j, j] * other[j, j]
        for i in range(j + 1, lower.shape[0]):
            total += 2.0 * lower[i, j] * other[i, j]
    return total


def normal_matrix(rng: np.random.Generator, n_rows: int, n_columns: int) -> np.ndarray:
    """Return an (n_rows, n_columns) matrix of independent standard normals."""
    out = np.empty((n_rows, n_columns))
    fill_scaled_rows(rng, np.ones(n_rows), out)
    return out


def triangular_wishart(rng: np.random.Generator, size: int, degrees: int) -> np.ndarray:
    """Return lower triangular T, (size, size), with TT' Wishart of ``degrees`` >= size (Bartlett's decomposition)."""
    factor = np.tril(normal_matrix(rng, size, size), -1)
    np.fill_diagonal(factor, np.sqrt(rng.chisquare(degrees - np.arange(size))))
    return factor
