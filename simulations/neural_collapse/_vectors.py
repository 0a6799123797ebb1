"""Vectors, and products of the matrices that lie in them, for the compiled descents.

A matrix is a flat vector and the place where it starts. A reshape and a call of BLAS are each much machine code: that
they stand in three functions keeps the time to compile the callers low. Long loops run over slices from 0 on: an index
that may be negative for all that the compiler knows is not vectorised.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["add", "combine", "dot", "times", "times_transpose", "transpose_times"]

_SMALL = 4000  # multiplications up to which a loop beats the call of BLAS


@njit(cache=True, nogil=True)
def _matrix(flat, start, n_rows, n_columns):
    return flat[start : start + n_rows * n_columns].reshape(n_rows, n_columns)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def times_transpose(left, at_left, right, at_right, out, at_out, shape):
    """Fill out (n, m) with left (n, k) times the transpose of right (m, k); shape is (n, k, m)."""
    n, k, m = shape
    a, b, c = _matrix(left, at_left, n, k), _matrix(right, at_right, m, k), _matrix(out, at_out, n, m)
    if n * k * m > _SMALL:
        np.dot(a, b.T, c)
        return
    for i in range(n):
        for j in range(m):
            total = 0.0
            for inner in range(k):
                total += a[i, inner] * b[j, inner]
            c[i, j] = total


@njit(cache=True, nogil=True)
def times(left, at_left, right, at_right, out, at_out, shape):
    """Fill out (n, m) with left (n, k) times right (k, m); shape is (n, k, m)."""
    n, k, m = shape
    np.dot(_matrix(left, at_left, n, k), _matrix(right, at_right, k, m), _matrix(out, at_out, n, m))


@njit(cache=True, nogil=True)
def transpose_times(left, at_left, right, at_right, out, at_out, shape):
    """Fill out (k, m) with the transpose of left (n, k) times right (n, m); shape is (n, k, m)."""
    n, k, m = shape
    np.dot(_matrix(left, at_left, n, k).T, _matrix(right, at_right, n, m), _matrix(out, at_out, k, m))


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def dot(left, right):
    total = 0.0
    for i in range(left.size):
        total += left[i] * right[i]
    return total


@njit(cache=True, nogil=True, fastmath={"contract"})
def add(target, factor, vector):
    for i in range(target.size):
        target[i] += factor * vector[i]


@njit(cache=True, nogil=True, fastmath={"contract"})
def combine(start, factor, vector, out):
    for i in range(out.size):
        out[i] = start[i] + factor * vector[i]
