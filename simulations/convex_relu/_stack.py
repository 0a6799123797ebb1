"""The linear maps of the convex program on its stacked blocks, as matrix products with 0/1 masks."""

from __future__ import annotations

import numpy as np
from numba import njit
from scipy.linalg import blas, lapack

__all__ = ["Stack", "solve_symmetric", "symmetric_inverse"]


class Stack:
    """Features X, (n, d), and P activation patterns D_i, with the maps between weights and samples.

    Weights are arrays (2 P, d), a block in each row: v_1 .. v_P for the positive neurons, then w_1 .. w_P. The map
    ``F u = sum_i D_i X (v_i - w_i)`` sees the differences of the two halves alone, so that it and its transpose cost
    ``2 n d P`` flops and not ``2 n (2 P d)``.
    """

    def __init__(self, features: np.ndarray, patterns: np.ndarray) -> None:
        self.features = features
        self.columns = np.ascontiguousarray(features.T)  # (d, n)
        self.patterns = patterns
        self.n_samples, self.n_features = features.shape
        self.n_pairs = len(patterns)
        self._samples = np.empty(patterns.shape)
        self._weights = np.empty((self.n_pairs, self.n_features))

    def fit(self, weights: np.ndarray) -> np.ndarray:
        """Return ``F u``, (n,), of weights (2 P, d)."""
        np.subtract(weights[: self.n_pairs], weights[self.n_pairs :], out=self._weights)
        np.matmul(self._weights, self.columns, out=self._samples)
        return _masked_sum(self.patterns, self._samples)

    def pull(self, samples: np.ndarray) -> np.ndarray:
        """Return ``X' D_i r``, (P, d), of r, (n,): the first half of ``F' r``, the second half being its negative.

        The result is overwritten by the next call.
        """
        _masked_rows(self.patterns, samples, self._samples)
        return np.matmul(self._samples, self.features, out=self._weights)

    def gram(self, metric: np.ndarray | None = None) -> np.ndarray:
        """Return ``F (I x B)^-1 F'``, (n, n), for B = ``metric``, (d, d), or the identity.

        It is the elementwise product of ``X B^-1 X'`` and of twice the number of patterns in which both samples are on.
        """
        solved = self.columns if metric is None else np.linalg.solve(metric, self.columns)
        masks = self.patterns.astype(np.float64)
        return (self.features @ solved) * (2.0 * (masks.T @ masks))


def symmetric_inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the lower triangle of the inverse of a positive definite matrix, in Fortran order, for the next function.

    The inverse costs three times the factorisation, and each solve with it reads half as much memory.
    """
    factor, info = lapack.dpotrf(matrix.T, lower=1)
    if info != 0:
        raise RuntimeError("the matrix of the linear step is not positive definite in double precision")
    return lapack.dpotri(factor, lower=1, overwrite_c=1)[0]


def solve_symmetric(inverse: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return the product of a vector, (n,), with an inverse given by its lower triangle."""
    return blas.dsymv(1.0, inverse, vector, lower=1)


@njit(cache=True, nogil=True, error_model="numpy")
def _masked_sum(patterns, products):
    """Return ``sum_i D_i a_i``, (n,), of the rows a_i of ``products``, (P, n)."""
    total = np.zeros(patterns.shape[1])
    for i in range(patterns.shape[0]):
        for k in range(total.size):
            total[k] += products[i, k] if patterns[i, k] else 0.0
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _masked_rows(patterns, samples, out):
    """Write ``D_i r`` into row i."""
    for i in range(patterns.shape[0]):
        for k in range(samples.size):
            out[i, k] = samples[k] if patterns[i, k] else 0.0
