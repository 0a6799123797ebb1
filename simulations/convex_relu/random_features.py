"""Excess of training with fixed random hidden neurons over the best network, two orthonormal samples."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import array, integer, number
from simulations._streams import spawn_streams

__all__ = ["simulate_random_feature_gap"]

STREAM_BLOCK = 4096  # trials to a stream


def simulate_random_feature_gap(
    target_vector: ArrayLike,
    *,
    regularisation: float,
    n_directions: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Excess ``min_alpha |sum_j (u_j)_+ alpha_j - y|^2 / 2 + regularisation |alpha|_1 - p`` of each trial, (n_trials,).

    The features are the identity of size 2, so that a hidden neuron has the outputs ``(u_j)_+``; ``n_directions`` unit
    vectors u_j are drawn uniformly in each trial and stay fixed. p is the optimum over all unit vectors. target_vector:
    y, (2,), both entries positive; for ``|y| <= regularisation`` the zero network is optimal and the excess is 0.

    Exact: the outputs that can be in use are those of the nearest directions on either side of y. (Others lie behind
    the line through these two. A neighbour outside the positive quadrant has the longest output on its axis.) Only
    these two are drawn, from their exact law: two random numbers and about 0.2 microseconds a trial, however many
    directions there are. The excess is a sum of nonnegative terms, so that its relative error is rounding too.

    Source: the sampled convex program of Bai, Gautam and Sojoudi, arXiv 2201.01965, with fixed hidden neurons.

    Raises ``ValueError`` naming the parameter.
    """
    target = array("target_vector", target_vector, "(0, inf)", shape=(2,))
    regularisation = number("regularisation", regularisation, "(0, inf)")
    n_directions = integer("n_directions", n_directions, "[1, inf)")
    streams = spawn_streams(seed, n_trials, block=STREAM_BLOCK)
    gaps = np.zeros(integer("n_trials", n_trials))
    angle, length = float(np.arctan2(target[1], target[0])), float(np.linalg.norm(target))
    if length > regularisation:
        for block, rng in enumerate(streams):
            part = gaps[block * STREAM_BLOCK : (block + 1) * STREAM_BLOCK]
            _gaps(rng, angle, length, regularisation, n_directions, part)
    return gaps


@njit(cache=True, nogil=True, error_model="numpy")
def _gaps(rng, angle, length, beta, n_directions, out):
    """Fill ``out`` with the excess of independent draws for a target of the given angle and length, above beta."""
    for trial in range(len(out)):
        # The least of N uniform distances is 1 - U^(1/N) of the circle; the others are uniform beyond it.
        low = -2.0 * np.pi * np.expm1(-rng.standard_exponential() / n_directions)
        high = 2.0 * np.pi - low
        if n_directions > 1:
            high *= -np.expm1(-rng.standard_exponential() / (n_directions - 1))
        low_size = high_size = 1.0
        if low > angle:
            low, low_size = angle, _beyond(low - angle)
        if high > 0.5 * np.pi - angle:
            high, high_size = 0.5 * np.pi - angle, _beyond(high - 0.5 * np.pi + angle)
        out[trial] = _excess(low, low_size, high, high_size, length, beta)


@njit(cache=True, nogil=True, error_model="numpy")
def _beyond(turn):
    """Return the length of the output of a unit vector that is turned out of the quadrant: it lies on the axis."""
    return np.cos(turn) if turn < 0.5 * np.pi else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _excess(low, low_size, high, high_size, length, beta):
    """Return the excess with two outputs at angles -low and high to the target, of the given sizes, above beta.

    With z = beta along the target, the dual optimum over all directions, and f the fit there, the excess of amplitudes
    c of outputs a is ``|sum c a - f|^2 / 2 + sum c (beta - z.a)``.
    """
    if low_size > 0.0 and high_size > 0.0:
        # Where both are in use, the residual has the product beta with each. Coordinates along and across the target.
        sine = np.sin(low + high)
        along = length - beta * (np.sin(high) / low_size + np.sin(low) / high_size) / sine
        cosines = 2.0 * np.sin(0.5 * (high + low)) * np.sin(0.5 * (high - low)) / high_size
        across = -beta * (cosines + np.cos(high) * (1.0 / high_size - 1.0 / low_size)) / sine
        first = (along * np.sin(high) - across * np.cos(high)) / (sine * low_size)
        second = (along * np.sin(low) + across * np.cos(low)) / (sine * high_size)
        if first >= 0.0 and second >= 0.0:
            slack = first * _slack(low, low_size) + second * _slack(high, high_size)
            return 0.5 * ((along - length + beta) ** 2 + across**2) + beta * slack
    return min(_single_excess(low, low_size, length, beta), _single_excess(high, high_size, length, beta))


@njit(cache=True, nogil=True, error_model="numpy")
def _single_excess(turn, size, length, beta):
    """Return the excess with one output."""
    pull = size * length * np.cos(turn) - beta
    fit = pull / size if pull > 0.0 else 0.0
    along, across = fit * np.cos(turn) - length + beta, fit * np.sin(turn)
    return 0.5 * (along**2 + across**2) + (beta * fit / size * _slack(turn, size) if pull > 0.0 else 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _slack(turn, size):
    """Return 1 minus the component of an output along the target."""
    return 1.0 - size + 2.0 * size * np.sin(0.5 * turn) ** 2
