"""Subgradient descent of several two-layer ReLU networks side by side, squared loss (compiled).

The weights of all restarts are one array (d + 1, width LANES), output weights last, with the LANES restarts of a neuron
next to each other: every pass runs along a row, on vector units whatever the width.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulations.convex_relu._vectors import add, scale_into

__all__ = ["LANES", "descend"]

LANES = 8  # restarts trained together: a vector of 512 bits


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def descend(features, targets, beta, weights, rate, decay, momentum, n_steps, best):
    """Train in place with a heavy ball; write the best networks met and return their objectives, (LANES,).

    A restart that leaves the finite range keeps what it met before.
    """
    last, row = len(weights) - 1, weights.shape[1]
    velocity, gradient = np.zeros_like(weights), np.empty_like(weights)
    inputs, slopes, spread = np.empty(row), np.empty(row), np.empty(row)
    residual, objective, lowest = np.empty(LANES), np.empty(LANES), np.full(LANES, np.inf)
    for step in range(n_steps + 1):
        for lane in range(LANES):
            objective[lane] = 0.0
        for c in range(last + 1):
            _add_squares(weights[c], objective)
            scale_into(beta, weights[c], gradient[c])
        scale_into(0.5 * beta, objective, objective)
        for k in range(len(targets)):
            scale_into(features[k, 0], weights[0], inputs)
            for c in range(1, last):
                add(features[k, c], weights[c], inputs)
            _outputs(inputs, weights[last], slopes)
            for lane in range(LANES):
                residual[lane] = -targets[k]
            _sum_lanes(slopes, residual)
            for lane in range(LANES):
                objective[lane] += 0.5 * residual[lane] * residual[lane]
            _spread_lanes(residual, spread)
            _slopes(inputs, weights[last], spread, slopes, gradient[last])
            for c in range(last):
                add(features[k, c], slopes, gradient[c])
        improved = False
        for lane in range(LANES):
            residual[lane] = 1.0 if objective[lane] < lowest[lane] else 0.0
            if objective[lane] < lowest[lane]:
                lowest[lane], improved = objective[lane], True
        if improved:
            _spread_lanes(residual, spread)
            for c in range(last + 1):
                _keep(spread, weights[c], best[c])
        if step < n_steps:
            for c in range(last + 1):
                scale_into(momentum, velocity[c], velocity[c])
                add(-rate, gradient[c], velocity[c])
                add(1.0, velocity[c], weights[c])
        rate *= decay
    return lowest


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _add_squares(row, totals):
    """Add the squares of a row to the totals of its lanes."""
    for j in range(len(row) // LANES):
        for lane in range(LANES):
            totals[lane] += row[j * LANES + lane] * row[j * LANES + lane]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _sum_lanes(row, totals):
    """Add a row to the totals of its lanes."""
    for j in range(len(row) // LANES):
        for lane in range(LANES):
            totals[lane] += row[j * LANES + lane]


@njit(cache=True, nogil=True, error_model="numpy")
def _spread_lanes(values, row):
    """Write to every neuron the value of its lane."""
    for j in range(len(row) // LANES):
        for lane in range(LANES):
            row[j * LANES + lane] = values[lane]


@njit(cache=True, nogil=True, error_model="numpy")
def _outputs(inputs, output_weights, out):
    """Write ``alpha max(input, 0)``."""
    for q in range(len(out)):
        out[q] = output_weights[q] * (inputs[q] if inputs[q] > 0.0 else 0.0)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _slopes(inputs, output_weights, residual, out, gradient):
    """Write the derivative by the inputs; add that by the output weights. A neuron at 0 is active."""
    for q in range(len(out)):
        pull = residual[q] if inputs[q] >= 0.0 else 0.0
        out[q] = pull * output_weights[q]
        gradient[q] += pull * inputs[q]


@njit(cache=True, nogil=True, error_model="numpy")
def _keep(flags, row, best):
    """Write the entries whose flag is set."""
    for q in range(len(best)):
        best[q] = row[q] if flags[q] > 0.0 else best[q]
