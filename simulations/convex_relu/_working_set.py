"""The convex program of two-layer ReLU training by generation of neurons, squared loss (compiled).

A neuron is a vector v in the cone of a cell, with a sign; it contributes ``sign D X v`` to the fit and ``beta |v|`` to
the objective. A round adds unit neurons of the highest prices, finds the best amplitudes of all neurons, merges those
of one cell and sign, and lets the rest slide inside their faces by Newton's method. The rounds end when no price
exceeds beta, which is the condition of optimality over the candidate cells.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulations.convex_relu._amplitudes import best_amplitudes
from simulations.convex_relu._cones import cell_mask, most_violated
from simulations.convex_relu._vectors import add, clear, factor_row, inner, norm, scale_into, solve_transposed

__all__ = ["generate_neurons"]

_MAX_ROUNDS = 1000
_MAX_SLIDES = 100  # Newton steps of a round
_TIGHT = 1e-12  # cosine of a neuron and a row that counts as orthogonal
_PARALLEL = 1e-9  # distance of a unit row from the span of others that counts as none
_VANISHED = 1e-13  # length of a neuron, relative to the longest, that counts as none
_RIDGE = 1e-14  # relative to the diagonal of the Hessian


@njit(cache=True, nogil=True, error_model="numpy")
def generate_neurons(cells, features, targets, beta, candidates, tolerance, batch, weights, chosen, signs):
    """Minimise ``|f - y|^2 / 2 + beta sum_j |v_j|`` over neurons of the candidate cells; return their number, or -1.

    weights: v_j, (M, d); chosen: cell of each neuron, (M,); signs: (M,); all written, M >= n + batch. Stops when every
    price is at most ``beta (1 + tolerance)``; -1 means that this was not reached.
    """
    n_samples = len(features)
    masks, outputs = np.empty((len(weights), n_samples), np.bool_), np.empty((len(weights), n_samples))
    amplitudes, residual = np.empty(len(weights)), targets.copy()
    threshold, n_neurons = beta * (1.0 + tolerance), 0
    for _ in range(_MAX_ROUNDS):
        last = n_neurons + batch
        n_new = most_violated(
            cells,
            features,
            residual,
            candidates,
            threshold,
            chosen[n_neurons:last],
            signs[n_neurons:last],
            weights[n_neurons:last],
        )
        if n_new == 0:
            return n_neurons
        for j in range(n_neurons + n_new):
            amplitudes[j] = 0.0
            if j < n_neurons:
                amplitudes[j] = norm(weights[j])
                scale_into(1.0 / amplitudes[j], weights[j], weights[j])
            cell_mask(cells, chosen[j], masks[j])
            _output(features, masks[j], signs[j], weights[j], outputs[j])
        n_neurons += n_new
        best_amplitudes(outputs[:n_neurons], targets, beta, amplitudes)
        for j in range(n_neurons):
            scale_into(amplitudes[j], weights[j], weights[j])
        n_neurons = _merge(n_neurons, weights, chosen, signs, masks)
        n_neurons = _slide(cells.rows, features, targets, beta, n_neurons, weights, chosen, signs, masks)
        _evaluate(features, targets, beta, n_neurons, weights, signs, masks, residual, outputs[0])
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def _output(features, mask, sign, weight, out):
    """Write ``sign D X v``, (n,)."""
    for k in range(len(mask)):
        out[k] = sign * inner(features[k], weight) if mask[k] else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _merge(n_neurons, weights, chosen, signs, masks):
    """Add up neurons of one cell and sign, which raises no norm, and drop vanished ones; return how many are left."""
    kept, floor = 0, 0.0
    for j in range(n_neurons):
        floor = max(floor, _VANISHED * norm(weights[j]))
    for j in range(n_neurons):
        if norm(weights[j]) <= floor:
            continue
        place = 0
        while place < kept and (chosen[place] != chosen[j] or signs[place] != signs[j]):
            place += 1
        if place < kept:
            add(1.0, weights[j], weights[place])
        else:
            _move(j, kept, weights, chosen, signs, masks)
            kept += 1
    return kept


@njit(cache=True, nogil=True, error_model="numpy")
def _move(source, place, weights, chosen, signs, masks):
    """Put a neuron in another place of the list."""
    scale_into(1.0, weights[source], weights[place])
    chosen[place], signs[place] = chosen[source], signs[source]
    for k in range(masks.shape[1]):
        masks[place, k] = masks[source, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _slide(rows, features, targets, beta, n_neurons, weights, chosen, signs, masks):
    """Minimise over the neurons, each within the face of its cone that it lies in; return how many are left.

    Damped Newton steps on the convex problem. A step ends at the first row that a neuron meets, which then joins its
    face, or where a neuron on a ray vanishes.
    """
    n_samples, dimension = features.shape
    basis = np.empty((n_neurons, dimension, dimension))  # rows; the first along the neuron
    sizes = np.empty(n_neurons, np.int64)
    moves, trial = np.empty((n_neurons, dimension)), np.empty((n_neurons, dimension))
    residual, output = np.empty(n_samples), np.empty(n_samples)
    for _ in range(_MAX_SLIDES):
        for j in range(n_neurons):
            sizes[j] = _face_basis(rows, masks[j], weights[j], basis[j])
        objective = _evaluate(features, targets, beta, n_neurons, weights, signs, masks, residual, output)
        decrement = _newton_moves(features, residual, beta, n_neurons, weights, signs, masks, basis, sizes, moves)
        # Newton converges quadratically: a full step from here leaves an error of rounding.
        final = decrement <= 1e-15 * objective
        length, vanishing = 1.0, -1
        for j in range(n_neurons):
            reach = _reach(rows, masks[j], weights[j], moves[j])
            along = inner(moves[j], basis[j, 0])
            if sizes[j] == 1 and along < 0.0 and norm(weights[j]) <= -along * min(length, reach):
                length, vanishing = -norm(weights[j]) / along, j
            elif reach < length:
                length, vanishing = reach, -1
        blocked = length < 1.0
        while True:
            for j in range(n_neurons):
                scale_into(1.0, weights[j], trial[j])
                add(length, moves[j], trial[j])
            value = _evaluate(features, targets, beta, n_neurons, trial, signs, masks, residual, output)
            if final or value <= objective - 1e-4 * length * decrement:
                break
            length, blocked, vanishing = 0.5 * length, False, -1
            if length < 1e-12:
                return n_neurons
        for j in range(n_neurons):
            scale_into(0.0 if j == vanishing else 1.0, trial[j], weights[j])
        n_neurons = _merge(n_neurons, weights, chosen, signs, masks)
        if final and not blocked:
            break
    return n_neurons


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(features, targets, beta, n_neurons, weights, signs, masks, residual, output):
    """Return the objective; write the residual ``y - f``."""
    scale_into(1.0, targets, residual)
    penalty = 0.0
    for j in range(n_neurons):
        _output(features, masks[j], signs[j], weights[j], output)
        add(-1.0, output, residual)
        penalty += norm(weights[j])
    return 0.5 * inner(residual, residual) + beta * penalty


@njit(cache=True, nogil=True, error_model="numpy")
def _newton_moves(features, residual, beta, n_neurons, weights, signs, masks, basis, sizes, moves):
    """Write the Newton step of every neuron within its face; return the decrease that it promises, twice over."""
    size, place = 0, 0
    for j in range(n_neurons):
        size += sizes[j]
    jacobian = np.empty((size, len(residual)))
    factor, slope, step = np.empty((size, size)), np.empty(size), np.empty(size)
    for j in range(n_neurons):
        for i in range(sizes[j]):
            _output(features, masks[j], signs[j], basis[j, i], jacobian[place])
            slope[place] = inner(jacobian[place], residual)
            for other in range(place + 1):
                factor[place, other] = inner(jacobian[place], jacobian[other])
            if i == 0:  # along the neuron the penalty is linear, across it has the curvature of the norm
                slope[place] -= beta
            else:
                factor[place, place] += beta / norm(weights[j])
            # A ridge of rounding size keeps moves that change no fit: where one lowers the penalty, a neuron vanishes.
            ridge = _RIDGE * factor[place, place]
            factor[place, place] = np.sqrt(max(factor_row(factor, place), 0.0) + ridge)
            step[place] = (slope[place] - inner(factor[place, :place], step[:place])) / factor[place, place]
            place += 1
    solve_transposed(factor, step)
    place = 0
    for j in range(n_neurons):
        clear(moves[j])
        for i in range(sizes[j]):
            add(step[place], basis[j, i], moves[j])
            place += 1
    return inner(slope, step)


@njit(cache=True, nogil=True, error_model="numpy")
def _reach(rows, mask, weight, move):
    """Return the largest step that keeps a neuron in its cone."""
    reach, floor = np.inf, _TIGHT * norm(weight)
    for k in range(len(rows)):
        slack, rate = inner(rows[k], weight), inner(rows[k], move)
        if not mask[k]:
            slack, rate = -slack, -rate
        if slack > floor and rate < 0.0:
            reach = min(reach, -slack / rate)
    return reach


@njit(cache=True, nogil=True, error_model="numpy")
def _face_basis(rows, mask, weight, basis):
    """Write an orthonormal basis of the span of a neuron's face, the neuron's direction first; return its size.

    The face is orthogonal to the rows that the neuron is orthogonal to; the neuron is projected onto it exactly.
    """
    dimension, length = len(weight), norm(weight)
    vectors, n_tight = np.empty((dimension, dimension)), 0
    for k in range(len(rows)):
        slack = inner(rows[k], weight) if mask[k] else -inner(rows[k], weight)
        if slack <= _TIGHT * length and n_tight < dimension - 1:
            scale_into(1.0, rows[k], vectors[n_tight])
            if _orthogonalise(vectors, n_tight) > _PARALLEL:
                n_tight += 1
    scale_into(1.0 / length, weight, vectors[n_tight])
    _orthogonalise(vectors, n_tight)
    scale_into(length, vectors[n_tight], weight)
    for i in range(n_tight + 1, dimension):
        longest, best = 0.0, 0
        for axis in range(dimension + 1):
            clear(vectors[i])
            vectors[i, axis if axis < dimension else best] = 1.0
            left = _orthogonalise(vectors, i)
            if left > longest:
                longest, best = left, axis
    for i in range(n_tight, dimension):
        scale_into(1.0, vectors[i], basis[i - n_tight])
    return dimension - n_tight


@njit(cache=True, nogil=True, error_model="numpy")
def _orthogonalise(vectors, last):
    """Make a vector orthogonal to the orthonormal ones before it, and of unit length; return its length before that."""
    for _ in range(2):  # once leaves errors of rounding over the length that is left
        for i in range(last):
            add(-inner(vectors[i], vectors[last]), vectors[i], vectors[last])
    length = norm(vectors[last])
    if length > 0.0:
        scale_into(1.0 / length, vectors[last], vectors[last])
    return length
