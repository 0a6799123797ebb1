"""How often one more sampled pattern lowers the optimum of the sampled convex program, in the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import integer, number, require
from simulations._streams import spawn_streams
from simulations.convex_relu._cones import Cells, arc_cells, cell_price, residual_gradients
from simulations.convex_relu._input import checked_problem
from simulations.convex_relu._vectors import inner, norm, scale_into
from simulations.convex_relu._working_set import generate_neurons

__all__ = ["PatternViolation", "simulate_pattern_violation"]

STREAM_BLOCK = 64  # trials to a stream
TOLERANCE = 1e-9  # of the prices over the sampled patterns, relative
GAP = 1e-8  # certified distance to the optimum, relative, that a solution must show
EXCESS = (
    1e-6  # relative excess of a price that counts: cells that share the ray of an optimal neuron sit at beta exactly
)


@dataclass(frozen=True)
class PatternViolation:
    """N = n_patterns patterns of random directions in every trial, and one more.

    violation_probability (n_trials,): the probability, given the first N, that the next lowers the optimum.
    support_count (n_trials,): how many of the N + 1 draws change the optimum of all N + 1 when left out.
    optimum (n_trials,): of the program over the first N.
    """

    violation_probability: np.ndarray
    support_count: np.ndarray
    optimum: np.ndarray


def simulate_pattern_violation(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regularisation: float,
    n_patterns: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> PatternViolation:
    """Draw activation patterns of normal directions and judge exactly whether another one would lower the optimum.

    The program is ``min |sum_i D_i X (v_i - w_i) - y|^2 / 2 + regularisation sum_i (|v_i| + |w_i|)`` over the drawn
    patterns D_i, v_i and w_i in their cones, squared loss. For features (n, 2) a pattern holds on an arc of directions,
    whose share of the circle is its probability. A pattern lowers the optimum iff its price, the largest
    ``|z.(X u)_+|`` over unit vectors u of its cone, exceeds the regularisation for the residual z of the optimum. So
    the violation probability is a sum over arcs, and a draw counts for the support iff its pattern is drawn once and
    has such a price in the optimum without it. Every optimum is certified by its dual to a relative 1e-8; with rows and
    targets of order 1 it is exact to about 1e-12.

    targets: (n,). An optimum is computed once for each set of patterns, of which there are less than 4^n, in about 0.1
    ms for n = 6; a trial itself costs about 0.02 ms.

    Source: Bai, Gautam and Sojoudi, arXiv 2201.01965, Theorem 2.2 (the sampled program and its violation); Calafiore
    and Campi, "The scenario approach to robust control design" (2006).

    Raises ``ValueError`` naming the parameter: ``features`` unless they have two columns, not all zero;
    ``RuntimeError`` if an optimum fails its certificate, as rounding can make it with rows a hundred times longer.
    """
    features, targets = checked_problem(features, targets)
    rule = "an array of shape (any, 2), not all zero"
    require(features.shape[1] == 2 and bool(np.any(features)), "features", features, rule)
    regularisation = number("regularisation", regularisation, "(0, inf)")
    n_patterns = integer("n_patterns", n_patterns, "[1, inf)")
    streams = spawn_streams(seed, n_trials, block=STREAM_BLOCK)
    optima = _Optima(arc_cells(features), features, targets, regularisation)
    ends = np.cumsum(optima.cells.measure)[:-1]
    trials = []
    for block, rng in enumerate(streams):
        size = min(STREAM_BLOCK, n_trials - block * STREAM_BLOCK)
        draws = np.searchsorted(ends, rng.random((size, n_patterns + 1)), side="right")
        trials += [_trial(optima, drawn) for drawn in draws.tolist()]
    violation, support, optimum = zip(*trials, strict=True)
    return PatternViolation(np.array(violation), np.array(support), np.array(optimum))


def _trial(optima: _Optima, drawn: list[int]) -> tuple[float, int, float]:
    """Return violation probability, support count and optimum of a sequence of arcs, the last one apart."""
    seen = repeated = 0
    for arc in drawn[:-1]:
        repeated |= seen & 1 << arc
        seen |= 1 << arc
    optimum, violation, _ = optima.over(seen)
    repeated |= seen & 1 << drawn[-1]
    seen |= 1 << drawn[-1]
    # A pattern that was drawn twice is still there when one draw is left out.
    single = [1 << arc for arc in drawn if not repeated >> arc & 1]
    support = sum(optima.over(seen ^ arc)[2] & arc != 0 for arc in single)
    return violation, support, optimum


class _Optima:
    """Optima over sets of arcs, the set as the bits of an int, each computed once."""

    def __init__(self, cells: Cells, features: np.ndarray, targets: np.ndarray, regularisation: float) -> None:
        self.cells = cells
        self._problem = features, targets, regularisation
        self._known: dict[int, tuple[float, float, int]] = {}

    def over(self, arcs: int) -> tuple[float, float, int]:
        """Return the optimum over a set, the probability of the arcs that would lower it, and the set of these."""
        if arcs not in self._known:
            candidates = np.array([arc for arc in range(len(self.cells.rays)) if arcs >> arc & 1], np.int64)
            above = np.empty(len(self.cells.rays), bool)
            optimum = _optimum(self.cells, *self._problem, candidates, above)
            if not np.isfinite(optimum):
                raise RuntimeError(f"the optimum over the arcs {candidates.tolist()} is not certified to {GAP}")
            violating = sum(1 << int(arc) for arc in np.flatnonzero(above))
            self._known[arcs] = optimum, float(self.cells.measure[above].sum()), violating
        return self._known[arcs]


@njit(cache=True, nogil=True, error_model="numpy")
def _optimum(cells, features, targets, beta, candidates, above):
    """Return the optimum over the candidate arcs, NaN if not certified; write which arcs would lower it."""
    capacity = 2 * len(targets)
    weights, chosen, signs = np.empty((capacity, 2)), np.empty(capacity, np.int64), np.empty(capacity)
    batch = len(targets)
    n_neurons = generate_neurons(cells, features, targets, beta, candidates, TOLERANCE, batch, weights, chosen, signs)
    if n_neurons < 0:
        return np.nan
    # The network itself: its neurons are applied to the data anew.
    residual, penalty = targets.copy(), 0.0
    for j in range(n_neurons):
        penalty += norm(weights[j])
        for k in range(len(targets)):
            residual[k] -= signs[j] * max(inner(features[k], weights[j]), 0.0)
    gradients, point, projection = residual_gradients(cells, features, residual), np.empty(2), np.empty(2)
    highest = 0.0
    for arc in range(len(above)):
        price = 0.0
        for sign in (1.0, -1.0):
            scale_into(sign, gradients[arc], point)
            price = max(price, cell_price(cells, arc, point, projection))
        above[arc] = price > beta * (1.0 + EXCESS)
        for candidate in candidates:
            if candidate == arc:
                highest = max(highest, price)
    # A multiple of the residual that obeys every price is feasible for the dual.
    square, pull = inner(residual, residual), inner(residual, targets)
    primal = 0.5 * square + beta * penalty
    scale = 0.0 if square == 0.0 else max(0.0, min(pull / square, beta / highest if highest > 0.0 else np.inf))
    gap = primal - scale * pull + 0.5 * scale**2 * square
    return primal if gap <= GAP * primal else np.nan
