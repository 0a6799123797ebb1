"""Global optimum of two-layer ReLU training, by a working set of activation patterns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import integer, number
from simulations.convex_relu._cones import Cells, arc_cells, cell_mask, mask_cells
from simulations.convex_relu._enumeration import enumerate_patterns
from simulations.convex_relu._input import checked_patterns, checked_problem
from simulations.convex_relu._working_set import generate_neurons

__all__ = ["ConvexReluSolution", "solve_by_pattern_generation"]


@dataclass(frozen=True)
class ConvexReluSolution:
    """A solution of the convex program over the P patterns of its working set.

    objective: ``|fitted - y|^2 / 2 + penalty``. positive_weights and negative_weights: v_i and w_i, (P, d), in the cone
    of pattern i; zero where the pattern has no neuron of that sign. fitted: ``sum_i D_i X (v_i - w_i)``, (n,), the
    output of the network with these neurons. penalty: ``regularisation sum_i (|v_i| + |w_i|)``. patterns: boolean
    (P, n), those with a neuron alone; P = 0 where the zero network is optimal.
    """

    objective: float
    positive_weights: np.ndarray
    negative_weights: np.ndarray
    fitted: np.ndarray
    penalty: float
    patterns: np.ndarray


def solve_by_pattern_generation(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regularisation: float,
    patterns: ArrayLike | None = None,
    tolerance: float = 1e-8,
    batch: int = 10,
) -> ConvexReluSolution:
    """Minimise ``|sum_i D_i X (v_i - w_i) - y|^2 / 2 + regularisation sum_i (|v_i| + |w_i|)``, v_i and w_i in cone i.

    Over all activation patterns of the features this is the least ``|f(X) - y|^2 / 2 + regularisation / 2 sum_j
    (|u_j|^2 + alpha_j^2)`` of any two-layer ReLU network f. ``patterns``, boolean (P, n), restricts the minimum to
    those; by default all are candidates: for two features as the arcs between sorted angles, O(n log n), otherwise by
    enumeration, about n^(d - 1) steps.

    The solver starts with no neuron. A round prices every candidate cell for the residual z, the largest
    ``|z.(X u)_+|`` over unit vectors of its cone, adds a neuron in up to ``batch`` cells of the highest prices, and
    optimises all neurons to rounding error. It stops when every price is at most ``regularisation (1 + tolerance)``.
    The residual, scaled to be dual feasible, then certifies the objective within ``tolerance`` times ``z.y``; it is
    about 1e-12 in practice. A round costs P n d, besides the projections onto those cones that the norm of ``X' D_i z``
    does not rule out.

    features: (n, d). targets: (n,). A bias is a column of ones, and is penalised like the rest. Source: Pilanci and
    Ergen, "Neural Networks are Convex Regularizers", arXiv 2002.10553 (the program); column generation over its dual.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the prices do not come down to the tolerance: they
    carry rounding errors of about 1e-16 times the squared length of the longest row times that of the longest v_i.
    """
    features, targets = checked_problem(features, targets)
    regularisation = number("regularisation", regularisation, "(0, inf)")
    tolerance, batch = number("tolerance", tolerance, "(0, inf)"), integer("batch", batch, "[1, inf)")
    if patterns is not None:
        cells = mask_cells(features, checked_patterns(patterns, len(features)))
    elif features.shape[1] == 2 and np.any(features):
        cells = arc_cells(features)
    else:
        cells = mask_cells(features, enumerate_patterns(features))
    candidates = np.arange(max(len(cells.masks), len(cells.rays)))
    capacity = len(features) + batch
    weights = np.empty((capacity, features.shape[1]))
    chosen, signs = np.empty(capacity, np.int64), np.empty(capacity)
    n_neurons = generate_neurons(
        cells, features, targets, regularisation, candidates, tolerance, batch, weights, chosen, signs
    )
    if n_neurons < 0:
        raise RuntimeError(f"pattern generation did not converge to {tolerance = }")
    return _solution(cells, features, targets, regularisation, weights[:n_neurons], chosen[:n_neurons], signs)


def _solution(
    cells: Cells,
    features: np.ndarray,
    targets: np.ndarray,
    regularisation: float,
    weights: np.ndarray,
    chosen: np.ndarray,
    signs: np.ndarray,
) -> ConvexReluSolution:
    """Gather the neurons by their cells."""
    used, place = np.unique(chosen, return_inverse=True)
    patterns = np.empty((len(used), len(features)), bool)
    by_sign = np.zeros((2, len(used), features.shape[1]))
    for row, cell in zip(patterns, used, strict=True):
        cell_mask(cells, cell, row)
    for weight, i, sign in zip(weights, place, signs[: len(weights)], strict=True):
        by_sign[0 if sign > 0.0 else 1, i] = weight
    fitted = np.einsum("ik,ik->k", patterns, (by_sign[0] - by_sign[1]) @ features.T)
    penalty = regularisation * float(np.linalg.norm(weights, axis=1).sum())
    objective = 0.5 * float(np.sum((fitted - targets) ** 2)) + penalty
    return ConvexReluSolution(objective, by_sign[0], by_sign[1], fitted, penalty, patterns)
