"""Activation patterns of a ReLU layer: the cells of a central arrangement of hyperplanes.

Row x_k of the features cuts the space of hidden weights u by the hyperplane x_k.u = 0. On a cell, an open cone that no
hyperplane cuts, the pattern (1[x_k.u >= 0])_k is constant, and only these full-dimensional cells are counted: a pattern
that appears on a lower-dimensional cone alone gives the same outputs there as the neighbouring cells.

Source: Cover, "Geometrical and Statistical Properties of Systems of Linear Inequalities with Applications in Pattern
Recognition" (1965); Pilanci and Ergen, "Neural Networks are Convex Regularizers", arXiv 2002.10553.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from assay.base import array, integer, number

__all__ = [
    "arrangement_count",
    "arrangement_count_bound",
    "circle_pattern_measure",
    "enumerate_arrangements",
]

_PARALLEL = 1e-9  # unit rows closer than this, up to sign, cut along the same hyperplane
_NEAR = 1e-6  # distance of a unit direction from a hyperplane, well above rounding and small enough to be rare


def arrangement_count(n_samples: int, rank: int) -> int:
    """Return Cover's number 2 sum_(k < rank) C(n_samples - 1, k) of activation patterns.

    Features of that rank in general position (every ``rank`` rows independent) have exactly so many cells; others have
    fewer. Exact. Raises ``ValueError`` naming the parameter unless both are at least 1.
    """
    n, r = integer("n_samples", n_samples, "[1, inf)"), integer("rank", rank, "[1, inf)")
    return 2 * sum(math.comb(n - 1, k) for k in range(min(r, n)))


def arrangement_count_bound(n_samples: int, rank: int) -> float:
    """Return 2 r (e (n - 1) / r)^r, an upper bound of Cover's number for r < n, never below e times it.

    ``n_samples`` n >= 2, ``rank`` r in [1, n]. Infinite where it leaves the range of floats. Bound, not tight. Raises
    ``ValueError`` naming the parameter. Source: arXiv 2002.10553 (numbering unverified).
    """
    n = integer("n_samples", n_samples, "[2, inf)")
    r = integer("rank", rank, f"[1, {n}]")
    with np.errstate(over="ignore"):
        return float(2.0 * r * np.float64(math.e * (n - 1) / r) ** r)


def enumerate_arrangements(features: Any, *, tolerance: float = _PARALLEL) -> np.ndarray:
    """Return every activation pattern of the features (n, d), boolean (P, n), in lexicographic order (False first).

    The first row of the features is the most significant. A zero row is always on. Hyperplanes that meet within
    ``tolerance``, in [0, 0.1), of a degenerate position (rows scaled to unit length) are taken to be degenerate: cells
    thinner than that are not seen. Any rank, repeated and antiparallel rows included. Exact otherwise, and no linear
    program is solved: every pattern is the one of an explicit direction strictly inside its cell.

    Time O(r n P), and one short call for each set of r - 2 rows, r = rank; P grows like n^(r - 1). Raises
    ``ValueError`` naming the parameter.
    """
    rows = array("features", features, shape=(None, None))
    directions = interior_directions(rows, tolerance=number("tolerance", tolerance, "[0, 0.1)"))
    return _distinct(directions @ rows.T >= 0.0)[0]


def circle_pattern_measure(features: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the patterns of features (n, 2) and the share of the circle of directions where each one holds.

    Patterns, boolean (P, n), as :func:`enumerate_arrangements` returns them; measures (P,), positive, of sum 1: the
    probabilities of the patterns of a Gaussian or uniform direction. Exact.

    Raises ``ValueError`` naming the parameter.
    """
    rows = array("features", features, shape=(None, 2))
    units = _unit_rows(rows)
    if not units.size:
        return np.ones((1, len(rows)), dtype=bool), np.ones(1)
    middles, widths = _arcs(units, _PARALLEL)
    half = np.column_stack([np.cos(middles), np.sin(middles)])
    patterns, index = _distinct(np.concatenate([half, -half]) @ rows.T >= 0.0)
    return patterns, np.tile(widths / (2.0 * widths.sum()), 2)[index]


def interior_directions(rows: np.ndarray, *, tolerance: float) -> np.ndarray:
    """Return one unit direction strictly inside each cell of the rows (n, d)."""
    units = _unit_rows(rows)
    if not units.size:
        return np.zeros((1, rows.shape[1]))
    tolerance = max(tolerance, len(units) * float(np.finfo(float).eps))
    _, spread, basis = np.linalg.svd(units, full_matrices=False)
    basis = basis[spread > tolerance * spread[0]]
    half = _half_cells(units @ basis.T, tolerance) @ basis
    return np.concatenate([half, -half])


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return the non-zero rows scaled to unit length."""
    largest = np.abs(rows).max(axis=1, keepdims=True)  # first, so that squares neither overflow nor vanish
    units = rows[largest[:, 0] > 0.0] / largest[largest[:, 0] > 0.0]
    return units / np.linalg.norm(units, axis=1, keepdims=True)


def _half_cells(rows: np.ndarray, tolerance: float) -> np.ndarray:
    """Return a direction strictly inside one cell of each antipodal pair, the one that unit row 0 of (n, r) is on in.

    Rows come one by one. A new hyperplane cuts exactly those cells in which it has a cell of its own, in the
    arrangement that the earlier rows leave on it; a short step to either side of that cell ends in the two new cells.
    """
    if rows.shape[1] == 2:
        return _half_arcs(rows, tolerance)
    directions = rows[:1]  # at least one in each cell of the rows so far
    for k in range(1, len(rows)):
        earlier, normal = rows[:k], rows[k]
        mirror = normal.copy()  # of the Householder reflection that turns the normal to the first axis
        mirror[0] += math.copysign(1.0, normal[0])
        mirror /= np.linalg.norm(mirror)
        traces = (earlier - np.outer(earlier @ mirror, 2.0 * mirror))[:, 1:]
        lengths = np.linalg.norm(traces, axis=1, keepdims=True)
        if np.any(lengths <= tolerance):
            continue  # an earlier row has the same hyperplane
        inside = _half_cells(traces / lengths, tolerance)
        cut = np.column_stack([np.zeros(len(inside)), inside])
        cut -= np.outer(cut @ mirror, 2.0 * mirror)
        margins = cut @ earlier.T
        with np.errstate(divide="ignore"):
            reach = np.min(np.abs(margins) / np.abs(earlier @ normal), axis=1, keepdims=True)
        step = np.minimum(0.5 * reach, 1.0) * normal
        # An old direction next to the new hyperplane has no clear side. It goes if its cell is cut, and stays if not.
        near = np.abs(directions @ normal) < _NEAR
        if near.any():
            _, first = _distinct(np.concatenate([margins, directions[near] @ earlier.T]) >= 0.0)
            whole = directions[near][first[first >= len(cut)] - len(cut)]
            directions = np.concatenate([directions[~near], whole])
        directions = np.concatenate([directions, cut + step, cut - step])
    directions = directions[_distinct(directions @ rows.T >= 0.0)[1]]
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _half_arcs(rows: np.ndarray, tolerance: float) -> np.ndarray:
    middles, _ = _arcs(rows, tolerance)
    half = np.column_stack([np.cos(middles), np.sin(middles)])
    return half * np.copysign(1.0, half @ rows[:1].T)


def _arcs(rows: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles and the widths of the arcs between the lines orthogonal to the rows (n, 2), up to sign."""
    ends = np.sort(np.mod(np.arctan2(rows[:, 0], -rows[:, 1]), math.pi))
    widths = np.diff(ends, append=ends[0] + math.pi)
    open_ = widths > tolerance
    return (ends + 0.5 * widths)[open_], widths[open_]


def _distinct(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of boolean patterns in lexicographic order, and the first instance of each."""
    words = np.zeros((len(patterns), 8 * -(-patterns.shape[1] // 64)), dtype=np.uint8)
    packed = np.packbits(patterns, axis=1)
    words[:, : packed.shape[1]] = packed
    keys = words.view(">u8").astype(np.uint64)
    order = np.lexsort(keys.T[::-1])
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.any(keys[order[1:]] != keys[order[:-1]], axis=1)
    index = order[new]
    return patterns[index], index
