"""Projected gradient on the supervised contrastive loss; a feature is a row here."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simulations.neural_collapse._vectors import add, dot, times, times_transpose

__all__ = ["descend", "loss_and_gradient", "scl_workspace"]

_STILL = 4e-16  # largest change of an entry at which a trial has arrived: a few units of rounding
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_INVERSE_LOG2 = 1.0 / math.log(2.0)
_TAYLOR = tuple(1.0 / math.factorial(order) for order in range(13, -1, -1))


def scl_workspace(n_samples: int, n_features: int, n_classes: int) -> tuple[np.ndarray, ...]:
    """Return memory for one batch: weights of pairs, bits of exponentials, rows, pulls, shares, sums, counts."""
    rows = n_samples * n_features
    return (
        np.empty(n_samples * n_samples), np.empty(1024, np.int64), np.empty(rows), np.empty(rows), np.empty(n_samples),
        np.empty((n_classes, n_features)), np.empty(n_classes),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def descend(features, classes, members, ends, temperature, nonnegative, learning_rate, n_steps, space):
    """Move the features by projected gradient; return the number of steps and the final loss.

    Batch b holds the samples ``members[ends[b - 1] : ends[b]]``.
    """
    gradient, moved = np.empty_like(features), np.empty_like(features)
    step = 0
    while True:
        loss = loss_and_gradient(features, classes, members, ends, temperature, space, gradient)
        if step == n_steps or _project(features, gradient, learning_rate, nonnegative, moved) <= _STILL:
            return step, loss
        features[:] = moved
        step += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _project(features, gradient, learning_rate, nonnegative, moved):
    """Fill ``moved`` with the features after a step and the projection; return the largest change of an entry."""
    change = 0.0
    for i in range(features.shape[0]):
        square = 0.0
        for a in range(features.shape[1]):
            entry = features[i, a] - learning_rate * gradient[i, a]
            if nonnegative and entry < 0.0:
                entry = 0.0
            moved[i, a] = entry
            square += entry * entry
        shrink = 1.0 / np.sqrt(square) if square > 1.0 else 1.0
        for a in range(features.shape[1]):
            moved[i, a] *= shrink
            change = max(change, abs(moved[i, a] - features[i, a]))
    return change


@njit(cache=True, nogil=True, error_model="numpy")
def loss_and_gradient(features, classes, members, ends, temperature, space, gradient):
    """Fill the gradient of the loss and return it: a sum over batches.

    With S_i the sum over l of exp(h_i.h_l / T), anchor i adds log S_i minus the mean of h_i.h_j / T over its positives.
    """
    weights, bits, rows, pull, shares, sums, counts = space
    gradient[:] = 0.0
    loss, start, width = 0.0, 0, features.shape[1]
    for end in ends:
        size, first = end - start, start
        start = end
        for p in range(size):
            for a in range(width):
                rows[p * width + a] = features[members[first + p], a]
        times_transpose(rows, 0, rows, 0, weights, 0, (size, width, size))
        for p in range(0, size * size, bits.size):
            _exponentiate(weights[p : min(p + bits.size, size * size)], temperature, bits)
        _sum_classes(features, classes, members, first, end, sums, counts)
        for p in range(size):
            own = classes[members[first + p]]
            weights[p * size + p] = shares[p] = 0.0
            if counts[own] > 1.0:
                row = rows[p * width : (p + 1) * width]
                total, similarity = _sum(weights[p * size : (p + 1) * size]), dot(row, sums[own]) - dot(row, row)
                loss += np.log(total) + (1.0 - similarity / (counts[own] - 1.0)) / temperature
                shares[p] = 1.0 / (temperature * total)
        for p in range(size):
            _scale(weights[p * size : (p + 1) * size], shares[p], shares)
        times(weights, 0, rows, 0, pull, 0, (size, size, width))
        for p in range(size):
            own = classes[members[first + p]]
            target = gradient[members[first + p]]
            add(target, 1.0, pull[p * width : (p + 1) * width])
            if counts[own] > 1.0:
                factor = 2.0 / (temperature * (counts[own] - 1.0))
                add(target, -factor, sums[own])
                add(target, factor, rows[p * width : (p + 1) * width])
    return loss


@njit(cache=True, nogil=True)
def _sum_classes(features, classes, members, first, end, sums, counts):
    """Fill the sum of the features and the number of samples of every class in a batch."""
    sums[:] = 0.0
    counts[:] = 0.0
    for p in range(first, end):
        own = classes[members[p]]
        counts[own] += 1.0
        add(sums[own], 1.0, features[members[p]])


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _sum(values):
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total


@njit(cache=True, nogil=True)
def _scale(values, share, shares):
    for i in range(values.size):
        values[i] *= share + shares[i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _exponentiate(values, temperature, bits):
    """Turn products, at most 1, into exp((product - 1) / temperature), exact up to rounding of the exponent.

    As 2^k exp(r) with |r| < 0.35 and a Taylor polynomial; the loops vectorise, ten times as fast as calls of exp.
    """
    inverse = 1.0 / temperature
    for i in range(values.size):
        exponent = (values[i] - 1.0) * inverse
        k = max(np.floor(exponent * _INVERSE_LOG2 + 0.5), -1022.0)
        rest = (exponent - k * _LOG2_HIGH) - k * _LOG2_LOW
        value = _TAYLOR[0]
        for j in range(1, 14):
            value = value * rest + _TAYLOR[j]
        values[i] = value
        bits[i] = (np.int64(k) + 1023) << 52
    powers = bits.view(np.float64)
    for i in range(values.size):
        values[i] *= powers[i]
