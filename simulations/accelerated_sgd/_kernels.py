"""Compiled trials of one-pass SGD with momentum, in whitened coordinates of the errors.

``iterate`` and ``lookahead`` hold ``sqrt(lambda_i)`` times the errors of w and y, in which features are plain z, the
risk is half a squared length, and a step along a gradient g of whitened features multiplies it by lambda_i.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from simulations.accelerated_sgd._gradients import draw_features, draw_gradient, draw_gradient_normal

__all__ = ["SAMPLERS", "Process", "fill_risk", "fill_tail_average_risk"]

# The position in this tuple is the code that kernels take.
SAMPLERS = ("direct", "exact_law", "normal_gradient")

_DIRECT, _EXACT_LAW = 0, 1

# Sums may be reordered, which lets them use vector instructions.
_REASSOCIATE = {"reassoc", "contract"}


class Process(NamedTuple):
    """One optimisation problem and the scheme that runs on it; ``start`` is the whitened initial error."""

    eigenvalues: np.ndarray
    start: np.ndarray
    learning_rate: float
    momentum: float
    lookahead_learning_rate: float
    noise_scale: float
    batch_size: int
    sampler: int
    feature_law: int
    radial_spread: float


@njit(cache=True, nogil=True, fastmath=_REASSOCIATE)
def fill_risk(rng, process, record_steps, risks):
    """Fill ``risks``, (n_trials, n_records), with the risk after each number of steps."""
    iterate, lookahead = np.empty_like(process.start), np.empty_like(process.start)
    buffers = np.empty_like(process.start), np.empty_like(process.start)
    for trial in range(len(risks)):
        iterate[:] = process.start
        lookahead[:] = process.start
        step = 0
        for record in range(len(record_steps)):
            while step < record_steps[record]:
                _step(rng, process, iterate, lookahead, buffers)
                step += 1
            risks[trial, record] = 0.5 * _dot(iterate, iterate)


@njit(cache=True, nogil=True, fastmath=_REASSOCIATE)
def fill_tail_average_risk(rng, process, burn_in, record_lengths, risks):
    """Fill ``risks``, (n_trials, n_records), with the risk of the mean of so many iterates after the burn-in."""
    iterate, lookahead = np.empty_like(process.start), np.empty_like(process.start)
    buffers = np.empty_like(process.start), np.empty_like(process.start)
    total = np.empty_like(process.start)
    for trial in range(len(risks)):
        iterate[:] = process.start
        lookahead[:] = process.start
        for _ in range(burn_in):
            _step(rng, process, iterate, lookahead, buffers)
        total[:] = iterate
        length = 1
        for record in range(len(record_lengths)):
            while length < record_lengths[record]:
                _step(rng, process, iterate, lookahead, buffers)
                for i in range(len(total)):
                    total[i] += iterate[i]
                length += 1
            risks[trial, record] = 0.5 * _dot(total, total) / float(length) ** 2


@njit(cache=True, nogil=True, fastmath=_REASSOCIATE)
def _step(rng, process, iterate, lookahead, buffers):
    """Draw a mini-batch and move both points along its gradient, ``shrink * lookahead + scale * direction``."""
    features, gradient = buffers
    if process.sampler == _DIRECT:
        shrink, scale, direction = 0.0, 1.0 / process.batch_size, gradient
        gradient[:] = 0.0
        for _ in range(process.batch_size):
            draw_features(rng, process.feature_law, features)
            radius = 1.0
            if process.radial_spread > 0.0:
                sign = 1.0 if rng.random() < 0.5 else -1.0
                radius = math.sqrt(1.0 + sign * process.radial_spread)
            residual = radius * _dot(features, lookahead)
            if process.noise_scale > 0.0:
                residual -= process.noise_scale * rng.standard_normal()
            residual *= radius
            for i in range(len(gradient)):
                gradient[i] += residual * features[i]
    else:
        draw_features(rng, process.feature_law, features)
        norm = math.sqrt(_dot(lookahead, lookahead))
        if process.sampler == _EXACT_LAW:
            along, across = draw_gradient(rng, norm, process.noise_scale, process.batch_size)
        else:
            along, across = draw_gradient_normal(rng, norm, process.noise_scale, process.batch_size)
        shrink, scale, direction = 0.0, across, features
        if norm > 0.0:
            shrink = (along - across * _dot(features, lookahead) / norm) / norm
    for i in range(len(iterate)):
        ahead = lookahead[i]
        push = process.eigenvalues[i] * (shrink * ahead + scale * direction[i])
        lookahead[i] = ahead + process.momentum * (ahead - iterate[i]) - process.lookahead_learning_rate * push
        iterate[i] = ahead - process.learning_rate * push


@njit(cache=True, nogil=True, fastmath=_REASSOCIATE)
def _dot(left, right):
    """Return the inner product of two vectors."""
    total = 0.0
    for i in range(len(left)):
        total += left[i] * right[i]
    return total
