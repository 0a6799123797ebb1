"""Projected gradient on the supervised contrastive loss; a feature is a row here."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simulations.neural_collapse._vectors import times, times_transpose

__all__ = ["descend", "loss_and_gradient", "scl_workspace"]

_STILL = 4e-16  # largest change of an entry at which a trial has arrived: a few units of rounding
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_TAYLOR = tuple(1.0 / math.factorial(order) for order in range(13, -1, -1))


def scl_workspace(n_samples: int, n_features: int, n_classes: int) -> tuple[np.ndarray, ...]:
    """Return memory for one batch: products, weights, bits of exponentials, rows, pulls, shares, sums, counts."""
    square, rows = n_samples * n_samples, n_samples * n_features
    return (
        np.empty(square), np.empty(square), np.empty(square, np.int64), np.empty(rows), np.empty(rows),
        np.empty(n_samples), np.empty((n_classes, n_features)), np.empty(n_classes),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def descend(features, classes, members, ends, temperature, nonnegative, learning_rate, n_steps, space):
    """Move the features by projected gradient; return the number of steps and the final loss.

    Batch b holds the samples ``members[ends[b - 1] : ends[b]]``.
    """
    gradient, moved = np.empty_like(features), np.empty_like(features)
    step, loss = 0, loss_and_gradient(features, classes, members, ends, temperature, space, gradient)
    while step < n_steps and _project(features, gradient, learning_rate, nonnegative, moved) > _STILL:
        features[:] = moved
        step += 1
        loss = loss_and_gradient(features, classes, members, ends, temperature, space, gradient)
    return step, loss


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
    gram, weights, bits, rows, pull, shares, sums, counts = space
    gradient[:] = 0.0
    loss, start, width = 0.0, 0, features.shape[1]
    for end in ends:
        size, first = end - start, start
        start = end
        for p in range(size):
            for a in range(width):
                rows[p * width + a] = features[members[first + p], a]
        times_transpose(rows, 0, rows, 0, gram, 0, (size, width, size))
        _exponentials(gram, size * size, temperature, bits, weights)
        _sum_classes(features, classes, members, first, end, sums, counts)
        for p in range(size):
            own = classes[members[first + p]]
            weights[p * size + p] = shares[p] = 0.0
            if counts[own] > 1.0:
                total, similarity = _sum(weights, p * size, size), -gram[p * size + p]
                for a in range(width):
                    similarity += rows[p * width + a] * sums[own, a]
                loss += np.log(total) + (1.0 - similarity / (counts[own] - 1.0)) / temperature
                shares[p] = 1.0 / (temperature * total)
        _scale_pairs(weights, shares, size)
        times(weights, 0, rows, 0, pull, 0, (size, size, width))
        for p in range(size):
            own = classes[members[first + p]]
            factor = 2.0 / (temperature * (counts[own] - 1.0)) if counts[own] > 1.0 else 0.0
            for a in range(width):
                attraction = factor * (sums[own, a] - rows[p * width + a])
                gradient[members[first + p], a] += pull[p * width + a] - attraction
    return loss


@njit(cache=True, nogil=True)
def _sum_classes(features, classes, members, first, end, sums, counts):
    """Fill the sum of the features and the number of samples of every class in a batch."""
    sums[:] = 0.0
    counts[:] = 0.0
    for p in range(first, end):
        own = classes[members[p]]
        counts[own] += 1.0
        for a in range(features.shape[1]):
            sums[own, a] += features[members[p], a]


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _sum(values, start, size):
    total = 0.0
    for i in range(start, start + size):
        total += values[i]
    return total


@njit(cache=True, nogil=True)
def _scale_pairs(weights, shares, size):
    for p in range(size):
        share = shares[p]
        for q in range(size):
            weights[p * size + q] *= share + shares[q]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _exponentials(products, size, temperature, bits, out):
    """Fill ``out`` with exp((products - 1) / temperature), at most one unit of rounding off.

    As 2^k exp(r) with |r| < 0.35 and a Taylor polynomial; the loops vectorise, ten times as fast as calls of exp.
    """
    for i in range(size):
        exponent = (products[i] - 1.0) / temperature
        k = max(np.floor(exponent / (_LOG2_HIGH + _LOG2_LOW) + 0.5), -1022.0)
        rest = (exponent - k * _LOG2_HIGH) - k * _LOG2_LOW
        value = _TAYLOR[0]
        for j in range(1, 14):
            value = value * rest + _TAYLOR[j]
        out[i] = value
        bits[i] = (np.int64(k) + 1023) << 52
    powers = bits.view(np.float64)
    for i in range(size):
        out[i] *= powers[i]
