"""Cones of the activation patterns: projection, prices, and the arcs that they are for two features (compiled).

A cell is an activation pattern D of the rows x_k with its cone K = {u : (2 D_k - 1) x_k.u >= 0}. Its price for a
residual z and a sign is the largest ``sign z.(X u)_+`` over unit vectors u of the cone, or 0: the norm of the
projection of ``sign X' D z`` onto it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from simulations.convex_relu._vectors import add, factor_row, inner, norm, scale_into, solve_transposed

__all__ = [
    "Cells",
    "arc_cells",
    "cell_mask",
    "cell_price",
    "mask_cells",
    "most_violated",
    "residual_gradients",
]

_FEASIBLE = 1e-12  # slack of a unit row, relative to the projection, and projection of a unit point that count as none
_DEPENDENT = 1e-15  # squared distance of a unit row from the span of others that counts as none
_PARALLEL = 1e-9  # unit rows closer than this, up to sign, cut along the same line
_SAME_DIRECTION = 1e-9  # closer unit vectors are one neuron, on a face that two cells share


class Cells(NamedTuple):
    """P cells of n rows, given by their masks or, in the plane, by their arcs; what the other form needs is empty.

    rows: (n, d), of unit length or zero. masks: boolean (P, n). Arcs, anticlockwise: arc i reaches from
    ``rays[i]`` to ``rays[i + 1]``, (P, 2), around ``middles[i]``; where arc ``toggle_arc[t]`` begins, row
    ``toggled[t]`` goes on (``toggle_sign[t]`` = 1) or off (-1). measure: (P,), share of the circle.
    """

    rows: np.ndarray
    masks: np.ndarray
    rays: np.ndarray
    middles: np.ndarray
    measure: np.ndarray
    toggled: np.ndarray
    toggle_arc: np.ndarray
    toggle_sign: np.ndarray


def mask_cells(features: np.ndarray, patterns: np.ndarray) -> Cells:
    """Return the cells of the given patterns, boolean (P, n)."""
    none, nowhere = np.empty(0, np.int64), np.empty((0, 2))
    return Cells(
        _unit_rows(features), np.ascontiguousarray(patterns), nowhere, nowhere, np.empty(0), none, none, np.empty(0)
    )


def arc_cells(features: np.ndarray) -> Cells:
    """Return every cell of rows in the plane, (n, 2), not all zero, by sorting the directions orthogonal to a row."""
    rows = _unit_rows(features)
    proper = np.flatnonzero(np.any(rows != 0.0, axis=1))
    normals = np.column_stack([-rows[proper, 1], rows[proper, 0]])
    normals, toggled = np.concatenate([normals, -normals]), np.tile(proper, 2)
    angles = np.arctan2(normals[:, 1], normals[:, 0])
    order = np.argsort(angles)
    angles, normals, toggled = angles[order], normals[order], toggled[order]
    new = np.diff(angles, prepend=angles[-1] - 2.0 * np.pi) > _PARALLEL
    # Directions equal to the last ray across the cut at pi come first: they toggle where that arc begins.
    n_arcs = int(new.sum())
    toggle_arc = (np.cumsum(new) - 1) % n_arcs
    starts, rays = angles[new], normals[new]
    widths = np.diff(starts, append=starts[0] + 2.0 * np.pi)
    middles = np.column_stack([np.cos(starts + 0.5 * widths), np.sin(starts + 0.5 * widths)])
    on = np.einsum("tc,tc->t", rows[toggled], middles[toggle_arc]) >= 0.0
    return Cells(
        rows, np.empty((0, len(rows)), bool), rays, middles, widths / (2.0 * np.pi), toggled, toggle_arc, 2.0 * on - 1.0
    )


def _unit_rows(features: np.ndarray) -> np.ndarray:
    """Return the rows scaled to unit length, which changes no pattern; rows of zeros stay."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return np.ascontiguousarray(features / np.where(norms > 0.0, norms, 1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def project_on_cone(rows, mask, point, out):
    """Write the projection of a point, (d,), onto the cone of a boolean mask (n,) if it is not 0; return its norm.

    Lawson and Hanson's active-set method for the multipliers of the rows (n, d), of unit length or zero: at most d
    independent rows are held at equality at any time.
    """
    n_rows, dimension = rows.shape
    held, n_held = np.empty(dimension, np.int64), 0
    multipliers, trial = np.zeros(dimension), np.empty(dimension)
    factor = np.empty((dimension, dimension))
    scale_into(1.0, point, out)
    for _ in range(10 * (n_rows + dimension)):
        entering, worst = -1, -_FEASIBLE * norm(out)
        for k in range(n_rows):
            slack = inner(rows[k], out)
            if not mask[k]:
                slack = -slack
            if slack < worst:
                entering, worst = k, slack
        if entering < 0:
            break
        held[n_held], multipliers[n_held] = entering, 0.0
        n_held += 1
        settled = False
        while not settled and n_held > 0:
            if not _multipliers(rows, mask, held, n_held, point, factor, trial):
                # The entering row depends on the others to rounding: its slack is rounding too.
                return norm(out)
            step, blocking = 1.0, -1
            for i in range(n_held):
                if trial[i] <= 0.0 and multipliers[i] <= step * (multipliers[i] - trial[i]):
                    step, blocking = 0.0, i
                    if multipliers[i] > 0.0:
                        step = multipliers[i] / (multipliers[i] - trial[i])
            settled, kept = blocking < 0, 0
            for i in range(n_held):
                if i != blocking:
                    held[kept] = held[i]
                    multipliers[kept] = multipliers[i] + step * (trial[i] - multipliers[i])
                    kept += 1
            n_held = kept
        scale_into(1.0, point, out)
        _add_rows(multipliers, rows, mask, held, n_held, out)
        # Once more, so that the rows are held to rounding of a projection that may be much shorter than the point.
        _multipliers(rows, mask, held, n_held, out, factor, trial)
        _add_rows(trial, rows, mask, held, n_held, out)
        if n_held == dimension or norm(out) <= _FEASIBLE * norm(point):
            return 0.0
    return norm(out)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_rows(multipliers, rows, mask, held, n_held, out):
    """Add the held rows, each with the sign of its side, times their multipliers."""
    for i in range(n_held):
        add(multipliers[i] if mask[held[i]] else -multipliers[i], rows[held[i]], out)


@njit(cache=True, nogil=True, error_model="numpy")
def _multipliers(rows, mask, held, n_held, point, factor, out):
    """Solve for the multipliers that hold the given rows at equality; return False where they are dependent."""
    for i in range(n_held):
        sign = 1.0 if mask[held[i]] else -1.0
        for j in range(i + 1):
            same = mask[held[i]] == mask[held[j]]
            factor[i, j] = inner(rows[held[i]], rows[held[j]]) if same else -inner(rows[held[i]], rows[held[j]])
        pivot = factor_row(factor, i)
        if pivot <= _DEPENDENT:
            return False
        factor[i, i] = np.sqrt(pivot)
        out[i] = (-sign * inner(rows[held[i]], point) - inner(factor[i, :i], out[:i])) / factor[i, i]
    solve_transposed(factor, out[:n_held])
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def project_on_arc(low, high, point, out):
    """Write the projection of a point of the plane onto the cone between two unit rays, at most pi apart; its norm."""
    if low[0] * point[1] >= low[1] * point[0] and point[0] * high[1] >= point[1] * high[0]:
        scale_into(1.0, point, out)
        return norm(point)
    at_low, at_high = inner(low, point), inner(high, point)
    best = max(at_low, at_high, 0.0)
    scale_into(best, low if at_low >= at_high else high, out)
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def cell_mask(cells, cell, out):
    """Write the mask of a cell, (n,)."""
    for k in range(len(out)):
        if len(cells.masks) > 0:
            out[k] = cells.masks[cell, k]
        else:
            out[k] = inner(cells.rows[k], cells.middles[cell]) >= 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def residual_gradients(cells, features, residual):
    """Return ``X' D z`` for every cell, (P, d); over the arcs of the plane in one sweep."""
    if len(cells.masks) > 0:
        gradients = np.zeros((len(cells.masks), features.shape[1]))
        for cell in range(len(gradients)):
            for k in range(len(residual)):
                if cells.masks[cell, k]:
                    add(residual[k], features[k], gradients[cell])
        return gradients
    gradients = np.zeros((len(cells.rays), 2))
    for k in range(len(residual)):
        if inner(cells.rows[k], cells.middles[0]) >= 0.0:
            add(residual[k], features[k], gradients[0])
    for t in range(len(cells.toggled)):
        k = cells.toggled[t]
        if cells.toggle_arc[t] > 0:
            add(cells.toggle_sign[t] * residual[k], features[k], gradients[cells.toggle_arc[t]])
    for arc in range(1, len(gradients)):
        add(1.0, gradients[arc - 1], gradients[arc])
    return gradients


@njit(cache=True, nogil=True, error_model="numpy")
def cell_price(cells, cell, gradient, out):
    """Write the projection of ``gradient`` onto the cone of a cell and return its norm, the price."""
    if len(cells.masks) > 0:
        return project_on_cone(cells.rows, cells.masks[cell], gradient, out)
    return project_on_arc(cells.rays[cell], cells.rays[(cell + 1) % len(cells.rays)], gradient, out)


@njit(cache=True, nogil=True, error_model="numpy")
def most_violated(cells, features, residual, candidates, threshold, chosen, signs, directions):
    """Write the candidate cells of the highest prices above a threshold, at most ``len(chosen)``; return their number.

    chosen: (batch,). signs: (batch,), +1 or -1. directions: (batch, d), the unit vectors of those prices. A direction
    that two cells share counts once. No projection is longer than its point, so that most cells are never projected.
    """
    batch, dimension = directions.shape
    gradients = residual_gradients(cells, features, residual)
    prices, n_chosen = np.empty(batch), 0
    point, direction = np.empty(dimension), np.empty(dimension)
    for cell in candidates:
        bound = norm(gradients[cell])
        for sign in (1.0, -1.0):
            bar = prices[batch - 1] if n_chosen == batch else threshold
            if bound <= bar:
                continue
            scale_into(sign, gradients[cell], point)
            price = cell_price(cells, cell, point, direction)
            if price <= bar:
                continue
            scale_into(1.0 / price, direction, direction)
            if _known(directions, signs, n_chosen, direction, sign):
                continue
            place = min(n_chosen, batch - 1)
            n_chosen = place + 1
            while place > 0 and prices[place - 1] < price:
                prices[place], chosen[place], signs[place] = prices[place - 1], chosen[place - 1], signs[place - 1]
                scale_into(1.0, directions[place - 1], directions[place])
                place -= 1
            prices[place], chosen[place], signs[place] = price, cell, sign
            scale_into(1.0, direction, directions[place])
    return n_chosen


@njit(cache=True, nogil=True, error_model="numpy")
def _known(directions, signs, count, direction, sign):
    """Whether one of the first ``count`` directions, with its sign, is the given one."""
    for j in range(count):
        distance = 0.0
        for c in range(len(direction)):
            distance = max(distance, abs(directions[j, c] - direction[c]))
        if signs[j] == sign and distance < _SAME_DIRECTION:
            return True
    return False
