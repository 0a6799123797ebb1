"""Compiled kernels of the circle: from target coefficients to the transform of labels on the grid, and to the error.

They run over the Fourier classes k = 0..n/2 in blocks that stay in the first-level cache, and for each block over its
modes: l = n m + k, and l = n m - k, which stands for mode -l of class k. Labels are real and all series even, so that
classes -k follow by conjugation. The shift of the grid enters as exp(i n m shift) and exp(i k shift) alone.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["draw_shifts_and_noise", "error_of_fit", "fold_modes", "target_transform"]

BLOCK = 1024  # classes at a time


@njit(cache=True, nogil=True)
def draw_shifts_and_noise(rng, scale, shifts, noise):
    """Draw for each row in turn a shift, uniform on [0, 2 pi), and then a row of normals times ``scale`` if not 0."""
    for row in range(len(shifts)):
        shifts[row] = 2.0 * math.pi * rng.random()
        for j in range(noise.shape[1] if scale > 0.0 else 0):
            noise[row, j] = scale * rng.standard_normal()


@njit(cache=True, nogil=True)
def fold_modes(series, n):
    """Return the sums of an even series over the classes k = 0..n//2 of modes equal modulo n."""
    sums = np.empty((1, n // 2 + 1), np.complex128)
    target_transform(series, n, np.zeros(1), sums)
    return sums[0].real.copy()


@njit(cache=True, nogil=True)
def target_transform(coefficients, n, shifts, out):
    """Fill each row of ``out``, (rows, n//2 + 1), with the transform of the noiseless labels on the shifted grid.

    Entry k is (1/n) sum_j f(shift + 2 pi j / n) exp(-2 pi i j k / n) for f(x) = sum_l c_|l| exp(ilx).
    """
    buffers = np.empty((4, min(BLOCK, out.shape[1])))
    for row in range(len(shifts)):
        shift = shifts[row]
        steps = np.exp(1j * shift * np.arange(buffers.shape[1]))
        for first in range(0, out.shape[1], BLOCK):
            size = min(BLOCK, out.shape[1] - first)
            buffers[:] = 0.0
            for m in range(len(coefficients) // n + 1):
                _add_scaled(coefficients[n * m + first :], n * m * shift, buffers[0, :size], buffers[1, :size])
                # Ascending modes are descending classes.
                mirror = n * (m + 1) - first - size + 1
                _add_scaled(coefficients[mirror:], n * (m + 1) * shift, buffers[2, :size], buffers[3, :size])
            turn = complex(math.cos(first * shift), math.sin(first * shift))
            for j in range(size):
                real, imag = buffers[0, j] + buffers[2, size - 1 - j], buffers[1, j] - buffers[3, size - 1 - j]
                out[row, first + j] = turn * steps[j] * complex(real, imag)


@njit(cache=True, nogil=True)
def error_of_fit(transform, gain, eigenvalues, coefficients, n, shifts, out):
    """Fill ``out`` with half the squared distance of fit and target, for each row of the transform of the labels.

    The coefficient of the fit on mode l of class k is eigenvalues[|l|] gain[k] transform[k] exp(-i l shift).
    """
    n_classes = len(gain)
    buffers = np.empty((4, min(BLOCK, n_classes)))
    for row in range(len(shifts)):
        shift = shifts[row]
        steps = np.exp(-1j * shift * np.arange(buffers.shape[1]))
        total = 0.0
        for first in range(0, n_classes, BLOCK):
            size = min(BLOCK, n_classes - first)
            turn = complex(math.cos(first * shift), -math.sin(first * shift))
            for j in range(size):
                value = gain[first + j] * (turn * steps[j] * transform[row, first + j])
                buffers[0, j], buffers[1, j] = value.real, value.imag
                buffers[2, size - 1 - j], buffers[3, size - 1 - j] = value.real, -value.imag
            # Half of the error of modes l and -l together is that of mode l; mode 0 stands alone.
            if first == 0:
                total -= 0.5 * (eigenvalues[0] * buffers[0, 0] - coefficients[0]) ** 2
            # Classes 0 and, for even n, n/2 are their own mirror images.
            lowest, highest = max(first, 1), min(first + size - 1, (n - 1) // 2)
            mirrored = slice(first + size - 1 - highest, first + size - lowest)
            for m in range(len(eigenvalues) // n + 1):
                start, phase = n * m + first, n * m * shift
                total += _squares(
                    eigenvalues[start:], coefficients[start:], phase, buffers[0, :size], buffers[1, :size]
                )
                start, phase = n * (m + 1) - highest, n * (m + 1) * shift
                total += _squares(
                    eigenvalues[start:], coefficients[start:], phase, buffers[2, mirrored], buffers[3, mirrored]
                )
        out[row] = total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _add_scaled(series, phase, real, imag):
    """Add series[j] exp(i phase) to real[j] + i imag[j], as far as the series goes."""
    cosine, sine = math.cos(phase), math.sin(phase)
    for j in range(min(len(series), len(real))):
        real[j] += cosine * series[j]
        imag[j] += sine * series[j]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _squares(eigenvalues, coefficients, phase, real, imag):
    """Return sum_j |eigenvalues[j] (real[j] + i imag[j]) - coefficients[j] exp(i phase)|^2, as far as the modes go."""
    cosine, sine = math.cos(phase), math.sin(phase)
    total = 0.0
    for j in range(min(len(eigenvalues), len(real))):
        difference = eigenvalues[j] * real[j] - coefficients[j] * cosine
        other = eigenvalues[j] * imag[j] - coefficients[j] * sine
        total += difference * difference + other * other
    return total
