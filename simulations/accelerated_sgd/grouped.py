"""One-pass SGD with momentum on a spectrum of few distinct eigenvalues, at a cost that does not depend on d."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require
from simulations.accelerated_sgd._gradients import chi_square, draw_gradient
from simulations.accelerated_sgd._input import (
    Scheme,
    checked_eigenvalues,
    checked_records,
    checked_scheme,
    finite,
    run_blocks,
)

__all__ = ["simulate_grouped_risk_curve"]


def simulate_grouped_risk_curve(
    eigenvalues: ArrayLike,
    multiplicities: ArrayLike,
    squared_errors: ArrayLike,
    scheme: Scheme,
    *,
    record_steps: ArrayLike,
    noise_variance: float = 0.0,
    batch_size: int = 1,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Risk of the last iterate for repeated eigenvalues and Gaussian features: (n_trials, n_records).

    The process, the scheme and the risk are those of ``simulate_risk_curve`` with ``multiplicities[b]`` coordinates at
    ``eigenvalues[b]``. Inside a block the law is invariant under rotations, so the lengths and the angle of the errors
    of the two points form a Markov chain, which is sampled without error: a step costs two normals and one chi-square
    variable a block, for any dimension and batch size.

    eigenvalues: (n_blocks,), distinct or not. multiplicities: whole numbers of at least 2. squared_errors: total
    squared initial error of each block, ``sum (w_0 - w*)^2`` over its coordinates. record_steps: strictly increasing.

    Raises ``ValueError`` for eigenvalues that are not positive, arrays of another shape, multiplicities below 2,
    negative squared errors or noise, a scheme or steps that ``simulate_risk_curve`` refuses, counts below 1, and for a
    run that overflows because the scheme diverges.
    """
    eigenvalues = checked_eigenvalues(eigenvalues)
    multiplicities = array("multiplicities", multiplicities, "[2, inf)", shape=eigenvalues.shape)
    whole = bool(np.all(multiplicities == np.floor(multiplicities)))
    require(whole, "multiplicities", multiplicities, "whole numbers")
    squared_errors = array("squared_errors", squared_errors, "[0, inf)", shape=eigenvalues.shape)
    noise_scale = math.sqrt(number("noise_variance", noise_variance, "[0, inf)"))
    batch_size = integer("batch_size", batch_size, "[1, inf)")
    record_steps = checked_records("record_steps", record_steps, 0)
    risks = np.empty((integer("n_trials", n_trials, "[1, inf)"), len(record_steps)))
    samples = run_blocks(
        _fill_risk, risks, seed, eigenvalues, multiplicities, np.sqrt(eigenvalues) * np.sqrt(squared_errors),
        checked_scheme(scheme), noise_scale, batch_size, record_steps,
    )  # fmt: skip
    return finite(samples, "scheme", scheme)


@njit(cache=True, nogil=True)
def _fill_risk(rng, eigenvalues, multiplicities, start, scheme, noise_scale, batch_size, record_steps, risks):
    """Fill ``risks``, (n_trials, n_records).

    In a frame of its own, each block has the look-ahead error (state[b, 0], 0, ...) and the error of the iterate
    (state[b, 1], state[b, 2], 0, ...), both whitened; at the start the two coincide.
    """
    state, normals = np.empty((len(start), 3)), np.empty((len(start), 3))
    for trial in range(len(risks)):
        state[:, 0] = start
        state[:, 1] = start
        state[:, 2] = 0.0
        step = 0
        for record in range(len(record_steps)):
            while step < record_steps[record]:
                _step(rng, eigenvalues, multiplicities, scheme, noise_scale, batch_size, state, normals)
                step += 1
            risk = 0.0
            for b in range(len(start)):
                risk += 0.5 * (state[b, 1] ** 2 + state[b, 2] ** 2)
            risks[trial, record] = risk


@njit(cache=True, nogil=True)
def _step(rng, eigenvalues, multiplicities, scheme, noise_scale, batch_size, state, normals):
    """Move both points of every block, then rotate each block back to its frame."""
    learning_rate, momentum, lookahead_learning_rate = scheme
    squared_norm = overlap = 0.0
    for b in range(len(state)):
        normals[b, 0] = rng.standard_normal()
        normals[b, 1] = rng.standard_normal()
        normals[b, 2] = math.sqrt(chi_square(rng, multiplicities[b] - 2.0))  # the rest of the block, a third axis
        squared_norm += state[b, 0] ** 2
        overlap += state[b, 0] * normals[b, 0]
    norm = math.sqrt(squared_norm)
    along, across = draw_gradient(rng, norm, noise_scale, batch_size)
    shrink = (along - across * overlap / norm) / norm if norm > 0.0 else 0.0
    for b in range(len(state)):
        ahead, w0, w1 = state[b]
        push0 = eigenvalues[b] * (shrink * ahead + across * normals[b, 0])
        push1 = eigenvalues[b] * across * normals[b, 1]
        push2 = eigenvalues[b] * across * normals[b, 2]
        y0 = ahead + momentum * (ahead - w0) - lookahead_learning_rate * push0
        y1 = -momentum * w1 - lookahead_learning_rate * push1
        y2 = -lookahead_learning_rate * push2
        w0, w1, w2 = ahead - learning_rate * push0, -learning_rate * push1, -learning_rate * push2
        length = math.sqrt(y0**2 + y1**2 + y2**2)
        state[b, 0] = length
        if length > 0.0:
            # The cross product keeps the angle accurate where the two points almost coincide.
            state[b, 1] = (w0 * y0 + w1 * y1 + w2 * y2) / length
            state[b, 2] = math.sqrt((w1 * y2 - w2 * y1) ** 2 + (w2 * y0 - w0 * y2) ** 2 + (w0 * y1 - w1 * y0) ** 2)
            state[b, 2] /= length
        else:
            state[b, 1], state[b, 2] = math.sqrt(w0**2 + w1**2 + w2**2), 0.0
