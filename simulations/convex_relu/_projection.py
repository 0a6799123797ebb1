"""Projections onto the cones of many patterns at once, each started from the rows that held it the last time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["ConeFaces", "cone_faces", "shrink_on_cones"]

_SLACK = 1e-12  # of a unit row, relative to the point to project: a row below minus this enters the face
_DEPENDENT = 1e-10  # distance of a unit row from the span of others that counts as none
_SWEEPS = 50  # rows that may enter per dimension, many times what is ever needed


class ConeFaces(NamedTuple):
    """The faces that 2 P points were last projected onto, with a factorisation of the rows that span their complements.

    rows: unit rows of the features, (n, d); columns: (d, n). patterns: boolean, (P, n); blocks i and P + i share
    pattern i. n_held: rows held by each block, (2 P,). held, multipliers: (2 P, d). basis, triangle: (2 P, d, d); the
    held rows, each times the sign of its side, are ``triangle @ basis``.
    """

    rows: np.ndarray
    columns: np.ndarray
    patterns: np.ndarray
    n_held: np.ndarray
    held: np.ndarray
    multipliers: np.ndarray
    basis: np.ndarray
    triangle: np.ndarray


def cone_faces(features: np.ndarray, patterns: np.ndarray) -> ConeFaces:
    """Return the faces to start from: no row held."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    rows = features / np.where(norms > 0.0, norms, 1.0)
    n_blocks, dimension = 2 * len(patterns), features.shape[1]
    return ConeFaces(
        rows,
        np.ascontiguousarray(rows.T),
        patterns,
        np.zeros(n_blocks, np.int64),
        np.empty((n_blocks, dimension), np.int64),
        np.zeros((n_blocks, dimension)),
        np.empty((n_blocks, dimension, dimension)),
        np.empty((n_blocks, dimension, dimension)),
    )


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def shrink_on_cones(faces, points, threshold, weights, excess):
    """Minimise ``threshold |v| + |v - a|^2 / 2`` over the cone of every block; return False where one does not settle.

    points: rows a, (2 P, d). weights: the minimisers v, written: the projection of a onto the cone, shortened by the
    threshold. excess: written, ``a + (a combination of signed rows with nonnegative weights) - v``, of norm at most the
    threshold: a subgradient of the norm at v, which certifies v. The search for a projection ends as soon as it is
    known to be shorter than the threshold.
    """
    n_pairs, n_samples = faces.patterns.shape
    slack = np.empty(n_samples)
    trial = np.empty(points.shape[1])
    settled = True
    for block in range(len(points)):
        pattern, point, projected = faces.patterns[block % n_pairs], points[block], excess[block]
        floor = -_SLACK * np.sqrt(_dot(point, point))
        norm, done = 0.0, False
        for _ in range(_SWEEPS * len(trial)):
            _hold_positive(faces, block, pattern, point, trial)
            _project(faces, block, point, projected)
            norm = np.sqrt(_dot(projected, projected))
            if norm <= threshold or faces.n_held[block] == len(trial):
                done = True
                break
            entering = _most_negative(faces.columns, pattern, projected, floor, slack)
            done = entering < 0 or not _append(faces, block, entering, pattern[entering], 0.0)
            if done:
                break
        settled &= done
        scale = 1.0 - threshold / norm if norm > threshold else 0.0
        for c in range(len(trial)):
            weights[block, c] = scale * projected[c]
            projected[c] -= weights[block, c]
    return settled


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _most_negative(columns, pattern, vector, floor, slack):
    """Return the sample whose signed row has the least product with a vector, or -1 where none is below ``floor``."""
    slack[:] = 0.0
    for c in range(len(vector)):
        for k in range(slack.size):
            slack[k] += vector[c] * columns[c, k]
    least, entering = floor, -1
    for k in range(slack.size):
        value = slack[k] if pattern[k] else -slack[k]
        if value < least:
            least, entering = value, k
    return entering


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _hold_positive(faces, block, pattern, point, trial):
    """Solve for the multipliers that hold the rows of a block at equality; drop rows until all are positive.

    Lawson and Hanson's inner loop: towards a solution with negative entries the multipliers move until one vanishes.
    """
    multipliers, basis, triangle = faces.multipliers[block], faces.basis[block], faces.triangle[block]
    while faces.n_held[block] > 0:
        count = faces.n_held[block]
        for i in range(count - 1, -1, -1):
            trial[i] = -_dot(basis[i], point)
            for k in range(i + 1, count):
                trial[i] -= triangle[k, i] * trial[k]
            trial[i] /= triangle[i, i]
        step, leaving = 1.0, -1
        for i in range(count):
            if trial[i] <= 0.0:
                reach = multipliers[i] / (multipliers[i] - trial[i]) if multipliers[i] > 0.0 else 0.0
                if leaving < 0 or reach < step:
                    step, leaving = reach, i
        for i in range(count):
            multipliers[i] += step * (trial[i] - multipliers[i])
        if leaving < 0:
            return
        # The rows before the leaving one keep their part of the basis.
        faces.n_held[block] = leaving
        for i in range(leaving + 1, count):
            sample = faces.held[block, i]
            _append(faces, block, sample, pattern[sample], max(multipliers[i], 0.0))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _append(faces, block, sample, active, multiplier):
    """Hold one more row; return False, and leave it out, where it depends on those held already."""
    count, basis, triangle = faces.n_held[block], faces.basis[block], faces.triangle[block]
    direction = basis[count]
    for c in range(direction.size):
        direction[c] = faces.rows[sample, c] if active else -faces.rows[sample, c]
    triangle[count, :count] = 0.0
    for _ in range(2):  # once leaves errors of rounding over the length that is left
        for i in range(count):
            overlap = _dot(basis[i], direction)
            triangle[count, i] += overlap
            for c in range(direction.size):
                direction[c] -= overlap * basis[i, c]
    length = np.sqrt(_dot(direction, direction))
    if length <= _DEPENDENT:
        return False
    for c in range(direction.size):
        direction[c] /= length
    triangle[count, count] = length
    faces.held[block, count], faces.multipliers[block, count] = sample, multiplier
    faces.n_held[block] = count + 1
    return True


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _dot(left, right):
    """Return the inner product; for so few entries a call of BLAS would take longer."""
    total = 0.0
    for c in range(left.size):
        total += left[c] * right[c]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _project(faces, block, point, out):
    """Write the part of a point that is orthogonal to the held rows."""
    for c in range(point.size):
        out[c] = point[c]
    for i in range(faces.n_held[block]):
        overlap = _dot(faces.basis[block, i], out)
        for c in range(out.size):
            out[c] -= overlap * faces.basis[block, i, c]
