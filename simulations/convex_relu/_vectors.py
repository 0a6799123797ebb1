"""Short vectors and small triangular systems for the compiled kernels.

Loops over slices instead of array expressions: a kernel of many small ones compiles several times faster.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["add", "clear", "factor_row", "inner", "norm", "scale_into", "solve_transposed"]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def inner(left, right):
    """Return the inner product."""
    total = 0.0
    for i in range(len(left)):
        total += left[i] * right[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def norm(vector):
    """Return the Euclidean norm."""
    return np.sqrt(inner(vector, vector))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def add(factor, vector, out):
    """Add ``factor * vector`` to ``out``."""
    for i in range(len(out)):
        out[i] += factor * vector[i]


@njit(cache=True, nogil=True, error_model="numpy")
def clear(out):
    """Write zeros."""
    for i in range(len(out)):
        out[i] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def scale_into(factor, vector, out):
    """Write ``factor * vector``."""
    for i in range(len(out)):
        out[i] = factor * vector[i]


@njit(cache=True, nogil=True, error_model="numpy")
def factor_row(factor, row):
    """Turn a row of the lower triangle of a matrix into that of its Cholesky factor; rows above are turned already.

    Returns the pivot, whose square root belongs on the diagonal: the caller judges whether it is positive.
    """
    for j in range(row):
        factor[row, j] = (factor[row, j] - inner(factor[row, :j], factor[j, :j])) / factor[j, j]
    return factor[row, row] - inner(factor[row, :row], factor[row, :row])


@njit(cache=True, nogil=True, error_model="numpy")
def solve_transposed(factor, vector):
    """Solve ``L' x = b`` in place for the leading block of a lower triangle."""
    for i in range(len(vector) - 1, -1, -1):
        vector[i] /= factor[i, i]
        add(-vector[i], factor[i, :i], vector[:i])
