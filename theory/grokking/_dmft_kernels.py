"""Triangular sums over the past of sample paths, in blocks of times.

The sums have matrices common to all paths, with a diagonal of its own for each path. Times outside a block of BLOCK
steps enter by one matrix product for all paths, left to BLAS; these kernels do the substitution inside the block, LANES
paths side by side.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 16
LANES = 256


@njit(cache=True, nogil=True, error_model="numpy")
def _add_rows(total, weights, rows, first, last, start):
    """Add sum_s weights[s] rows[s, start:] over first <= s < last to ``total`` in place."""
    for s in range(first, last):
        weight, row = weights[s], rows[s, start : start + len(total)]
        for i in range(len(total)):
            total[i] += weight * row[i]


@njit(cache=True, nogil=True, error_model="numpy")
def influence_block(low, high, response, coupling, residuals, sums, influence):
    """Finish H(r) = sum_{s>r} l(s) R(s, r) and l(r) = -coupling H(r) Delta(r) for low <= r < high, latest first.

    ``sums`` (T + 1, S) holds the part s >= high of H and is completed in place; ``influence`` is l.
    """
    n_paths = residuals.shape[1]
    for start in range(0, n_paths, LANES):
        stop = min(start + LANES, n_paths)
        for r in range(high - 1, low - 1, -1):
            total, out, residual = sums[r, start:stop], influence[r, start:stop], residuals[r, start:stop]
            _add_rows(total, response[:, r], influence, r + 1, high, start)
            for i in range(len(total)):
                out[i] = -coupling * total[i] * residual[i]


@njit(cache=True, nogil=True, error_model="numpy")
def covariance_block(low, high, response, coupling, residuals, covariance, weighted):
    """Finish Q(s) = v(s) - coupling sum_{r<s} R(s, r) Delta(r) Q(r) for low <= s < high, earliest first.

    ``covariance`` (T + 1, S) holds v less the part r < low and is completed in place; ``weighted`` is -coupling
    Delta Q.
    """
    n_paths = residuals.shape[1]
    for start in range(0, n_paths, LANES):
        stop = min(start + LANES, n_paths)
        for s in range(low, high):
            total, out, residual = covariance[s, start:stop], weighted[s, start:stop], residuals[s, start:stop]
            _add_rows(total, response[s], weighted, low, s, start)
            for i in range(len(total)):
                out[i] = -coupling * residual[i] * total[i]


@njit(cache=True, nogil=True, error_model="numpy")
def store_bulk_memory(t, coupling, bulk_response, covariance, bulk_memory):
    """Enter B(t, r) = coupling H(t, r) Q(t, r) for r < t into ``bulk_memory``, packed by columns r."""
    n_steps, n_paths = len(covariance) - 1, covariance.shape[1]
    for lane in range(len(bulk_memory)):
        start, stop = lane * LANES, min((lane + 1) * LANES, n_paths)
        for r in range(t):
            out = bulk_memory[lane, _column(r, n_steps) + t]
            left, right = bulk_response[r, start:stop], covariance[r, start:stop]
            for i in range(len(left)):
                out[i] = coupling * left[i] * right[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _column(r, n_steps):
    """Return the place of entry (s, r), s > r, in a triangle packed by columns, less s."""
    return r * n_steps - r * (r + 1) // 2 - 1


@njit(cache=True, nogil=True, error_model="numpy")
def adjoint_block(
    low, high, t, responses, coupling, strength, gains, residuals, slopes, bulk_memory, sums, adjoints, drive
):
    """Finish the derivatives of the forces at time t for low <= r < high, latest first.

    ``adjoints`` (X, X, T + 1, S) is lambda_x, the derivative of force o by the field of channel x, and ``drive``
    (X, T + 1, S) that by the residual. With A_x(r) = sum_{s>r} R_x(s, r) lambda_x(s), for each force,

        drive(r) = -coupling sum_x slope_x(r) A_x(r) - sum_{s>r} B(s, r) drive(s),
        lambda_x(r) = gain_x slope_x(r) drive(r) - coupling strength Delta(r) A_x(r).

    ``sums`` holds the part s >= high of A and is completed in place.
    """
    n_channels, n_times, n_paths = drive.shape
    for lane in range(len(bulk_memory)):
        start, stop = lane * LANES, min((lane + 1) * LANES, n_paths)
        bulk = np.empty(stop - start)
        for r in range(high - 1, low - 1, -1):
            residual, column = residuals[r, start:stop], _column(r, n_times - 1)
            for o in range(n_channels):
                bulk[:] = 0.0
                for s in range(r + 1, t + 1):
                    weight, row = bulk_memory[lane, column + s], drive[o, s, start:stop]
                    for i in range(len(bulk)):
                        bulk[i] += weight[i] * row[i]
                out = drive[o, r, start:stop]
                for i in range(len(bulk)):
                    out[i] = -bulk[i]
                for x in range(n_channels):
                    total, slope = sums[x, o, r, start:stop], slopes[x, r, start:stop]
                    _add_rows(total, responses[x, :, r], adjoints[x, o], r + 1, high, start)
                    for i in range(len(total)):
                        out[i] -= coupling * slope[i] * total[i]
                for x in range(n_channels):
                    total, slope = sums[x, o, r, start:stop], slopes[x, r, start:stop]
                    adjoint = adjoints[x, o, r, start:stop]
                    for i in range(len(total)):
                        adjoint[i] = gains[x] * slope[i] * out[i] - coupling * strength * residual[i] * total[i]
