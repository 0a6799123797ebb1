"""Innovations of the dynamical mean-field equations, spread evenly and with exact low moments, and coloured noise."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

_PROJECTION_VARIANCE = 1.5  # of the normal law that places u; a wider one than N(0, 1) reaches into its tail
_SMALLEST_PIVOT = 1e-13  # relative size below which what remains of a vector is rounding
_SOBOL_BITS = 30


class Innovations(NamedTuple):
    """What is random in S sample paths of T steps, and their weights in the average over paths."""

    projections: np.ndarray  # (S,), u, the input along the target direction; positive
    weights: np.ndarray  # (S,), positive, of sum 1
    mean: np.ndarray  # (T, S), white noise of the mean channel
    spike: np.ndarray  # (T, S), white noise of the spike channel


def draw_innovations(n_paths: int, n_steps: int, seed: np.random.SeedSequence) -> Innovations:
    """Draw projections and noise from a scrambled Sobol sequence, whose points spread evenly.

    A change of sign of u together with the spike noise leaves every average as it is: paths with u > 0 suffice. The
    rows of noise are made orthonormal in the average over paths, and orthogonal to 1, u, u^2 and u^3. Then nothing that
    is linear in the noise has a sampling error, and the rest has a small one: Gram-Schmidt makes the first few
    innovations carry most of the noise, and they come first in the sequence.
    """
    from scipy.stats import qmc

    rng = np.random.Generator(np.random.PCG64DXSM(seed))
    sequence = qmc.Sobol(1 + 2 * n_steps, rng=rng, bits=_SOBOL_BITS)
    points = sequence.random_base2(math.ceil(math.log2(n_paths)))[:n_paths]
    order = np.argsort(np.argsort(points[:, 0]))
    u, weights = (values[order] for values in _half_normal_rule(n_paths))
    roots = np.sqrt(weights)[:, None]
    noise = ndtri(points[:, 1:] + 0.5 ** (_SOBOL_BITS + 1))  # the points are multiples of 0.5**bits, zero included
    columns = np.concatenate([u[:, None] ** np.arange(4), noise], axis=1)
    orthonormal, triangle = np.linalg.qr(roots * columns)
    signs = np.sign(np.diag(triangle))  # whatever LAPACK chose, keep the orientation of the draw
    white = (orthonormal * signs / roots).T[4:]
    return Innovations(u, weights, np.ascontiguousarray(white[0::2]), np.ascontiguousarray(white[1::2]))


def _half_normal_rule(n_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return increasing nodes and weights for |N(0, 1)|, exact for 1, u^2 and u^4.

    The nodes are quantiles of a wider normal law and the weights the ratio of densities, corrected by a polynomial:
    quantiles of N(0, 1) itself, at equal weights, miss the high moments of u by a term of order 1 / n and more.
    """
    u = math.sqrt(_PROJECTION_VARIANCE) * ndtri(0.5 + (np.arange(n_points) + 0.5) / (2 * n_points))
    weights = np.exp(-0.5 * u**2 * (1.0 - 1.0 / _PROJECTION_VARIANCE))
    powers = u[:, None] ** np.array([0, 2, 4])
    correction = np.linalg.solve(powers.T @ (weights[:, None] * powers), [1.0, 1.0, 3.0])
    return u, weights * (powers @ correction)


class ColouredNoise:
    """A Gaussian process zeta whose covariance is E x(t) x(s) over the rows x that it is fed, one a step.

    Linear in fixed innovations: zeta = factor @ innovations with the triangular factor of the rows x. It comes from
    their Gram-Schmidt basis: smooth paths make the covariance singular to rounding after a few steps, and its Cholesky
    factor keeps half of the digits at best, which is enough to throw long paths off course.
    """

    def __init__(self, innovations: np.ndarray, weights: np.ndarray):
        n_steps, n_paths = innovations.shape
        self.innovations = innovations
        self._roots = np.sqrt(weights)
        self.factor = np.zeros((n_steps + 1, n_steps))  # zeta(0) = 0
        self._basis = np.zeros((n_steps, n_paths))

    def draw(self, t: int, row: np.ndarray) -> np.ndarray:
        """Return zeta(t), (S,), for t = 1, 2, ... in turn; ``row`` is x(t)."""
        basis = self._basis[: t - 1]
        rest = self._roots * row
        size = np.linalg.norm(rest)
        for _ in range(2):  # twice is enough
            coefficients = basis @ rest
            rest = rest - coefficients @ basis
            self.factor[t, : t - 1] += coefficients
        pivot = np.linalg.norm(rest)
        if pivot > _SMALLEST_PIVOT * size:
            self._basis[t - 1] = rest / pivot
            self.factor[t, t - 1] = pivot
        return self.factor[t, :t] @ self.innovations[:t]
