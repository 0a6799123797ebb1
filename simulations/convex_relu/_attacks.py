"""Exact attacks in a box on two-layer ReLU networks, for few features (compiled).

Around a sample, ``f(x + delta)`` is an affine function of delta but for the neurons whose hinge cuts the box. Where the
signs of the concave ones among these are fixed it is convex, so that its maximum over the box lies at a vertex: some
coordinates at their ends, the others on as many hinges of concave neurons.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulations.convex_relu._vectors import add, inner, scale_into

__all__ = ["attacked_objective", "worst_shift"]

SQUARED, HINGE, LOGISTIC = range(3)
_OUTSIDE = 1e-12  # relative excess of a coordinate over the box that counts as none


@njit(cache=True, nogil=True, error_model="numpy")
def attacked_objective(features, targets, beta, radius, loss, network, gradient):
    """Return the worst-case objective of a network (width, d + 1), output weights last; write a subgradient.

    Every row of the features moves by at most ``radius`` in each coordinate, to the worst for its own loss.
    """
    n_samples, dimension = features.shape
    shift, other, sample = np.empty(dimension), np.empty(dimension), np.empty(dimension)
    objective = 0.0
    for j in range(len(network)):
        scale_into(beta, network[j], gradient[j])
        objective += 0.5 * beta * inner(network[j], network[j])
    for k in range(n_samples):
        if loss == SQUARED:
            high = worst_shift(features[k], network, radius, 1.0, shift) - targets[k]
            low = worst_shift(features[k], network, radius, -1.0, other) - targets[k]
            slope = high
            if -low > high:
                slope = low
                scale_into(1.0, other, shift)
            objective += 0.5 * slope * slope
        else:
            margin = targets[k] * worst_shift(features[k], network, radius, -targets[k], shift)
            if loss == HINGE:
                objective += max(1.0 - margin, 0.0) / n_samples
                slope = -targets[k] / n_samples if margin < 1.0 else 0.0
            else:
                decay = np.exp(-abs(margin))
                objective += (np.log1p(decay) + max(-margin, 0.0)) / n_samples
                slope = -targets[k] / n_samples * (1.0 if margin < 0.0 else decay) / (1.0 + decay)
        scale_into(1.0, features[k], sample)
        add(1.0, shift, sample)
        for j in range(len(network)):
            value = inner(sample, network[j, :dimension])
            if value >= 0.0:
                gradient[j, dimension] += slope * value
                add(slope * network[j, dimension], sample, gradient[j, :dimension])
    return objective


@njit(cache=True, nogil=True, error_model="numpy")
def worst_shift(sample, network, radius, sign, shift):
    """Write the shift in the box that maximises ``sign f(sample + shift)``; return f there."""
    dimension = len(sample)
    affine, constant = np.zeros(dimension), 0.0
    cut, n_cut, n_concave = np.empty(len(network), np.int64), 0, 0
    values = np.empty(len(network))
    for j in range(len(network)):
        values[j], reach, weight = inner(sample, network[j, :dimension]), 0.0, sign * network[j, dimension]
        for c in range(dimension):
            reach += radius * abs(network[j, c])
        if values[j] >= reach:
            constant += weight * values[j]
            add(weight, network[j, :dimension], affine)
        elif values[j] > -reach:
            cut[n_cut] = j
            if weight < 0.0:  # concave neurons first
                cut[n_cut], cut[n_concave] = cut[n_concave], j
                n_concave += 1
            n_cut += 1
    for c in range(dimension):
        shift[c] = radius if affine[c] >= 0.0 else -radius
    if n_cut == 0:
        return sign * (constant + inner(affine, shift))
    best, trial = -np.inf, np.empty(dimension)
    ends, hinges = np.zeros(dimension, np.int64), np.empty(dimension, np.int64)
    for _ in range(3**dimension):
        n_free = 0
        for c in range(dimension):
            n_free += ends[c] == 2
        for i in range(n_free):
            hinges[i] = i
        more = n_free <= n_concave
        while more:
            if _vertex(network, values, cut, hinges, ends, radius, trial):
                total = constant + inner(affine, trial)
                for i in range(n_cut):
                    value = values[cut[i]] + inner(trial, network[cut[i], :dimension])
                    total += sign * network[cut[i], dimension] * max(value, 0.0)
                if total > best:
                    best = total
                    scale_into(1.0, trial, shift)
            more = _next_subset(hinges, n_free, n_concave)
        place = 0
        while place < dimension and ends[place] == 2:
            ends[place] = 0
            place += 1
        if place < dimension:
            ends[place] += 1
    return sign * best


@njit(cache=True, nogil=True, error_model="numpy")
def _next_subset(subset, size, total):
    """Advance the first ``size`` entries to the next subset of 0 .. total - 1, in rising order; False at the last."""
    for i in range(size - 1, -1, -1):
        if subset[i] < total - size + i:
            subset[i] += 1
            for later in range(i + 1, size):
                subset[later] = subset[later - 1] + 1
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _vertex(network, values, cut, hinges, ends, radius, out):
    """Write the point of given ends (0 low, 1 high, 2 free) on the given hinges; return whether it lies in the box."""
    dimension = len(out)
    free, n_free = np.empty(dimension, np.int64), 0
    for c in range(dimension):
        out[c] = radius * (2.0 * ends[c] - 1.0)
        if ends[c] == 2:
            out[c] = 0.0
            free[n_free] = c
            n_free += 1
    system = np.empty((n_free, n_free + 1))
    for i in range(n_free):
        row = cut[hinges[i]]
        for j in range(n_free):
            system[i, j] = network[row, free[j]]
        system[i, n_free] = -values[row] - inner(out, network[row, :dimension])
    for i in range(n_free):
        pivot = i
        for row in range(i + 1, n_free):
            if abs(system[row, i]) > abs(system[pivot, i]):
                pivot = row
        if system[pivot, i] == 0.0:
            return False
        for column in range(n_free + 1):
            system[i, column], system[pivot, column] = system[pivot, column], system[i, column]
        for row in range(n_free):
            if row != i:
                add(-system[row, i] / system[i, i], system[i], system[row])
    for i in range(n_free):
        value = system[i, n_free] / system[i, i]
        if abs(value) > radius * (1.0 + _OUTSIDE):
            return False
        out[free[i]] = value
    return True
