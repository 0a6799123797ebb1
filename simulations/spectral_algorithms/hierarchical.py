"""Kernel ridge regression with hierarchical convolutional kernels on independent random inputs."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy import fft
from scipy.linalg import lapack

from assay.base import array, choice, integer, number
from simulations._streams import spawn_streams

__all__ = ["simulate_hierarchical_regression"]

JITTER = 1e-13  # added to the diagonal of the kernel matrix, which is 1 (rfk) or 3 (ntk)
ENTRIES_AT_A_TIME = 2**15  # of a kernel matrix; the temporaries of a block stay in the second-level cache
N_ROTATIONS = 64  # of the target


def simulate_hierarchical_regression(
    n_samples: int,
    *,
    target_coefficients: ArrayLike,
    n_patches: int,
    kind: str,
    ridge: float,
    noise_variance: float,
    n_test: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Loss of ridge regression with a hierarchical kernel on a target that sees one patch, one per trial: (n_trials,).

    Model (Cagnetta, Favero, Wyart, "What can be learnt with wide convolutional neural networks?", arXiv 2208.01003): an
    input is p patches, each an angle in radians; the kernel is that of an infinitely wide network with one hidden layer
    on each patch and another on their mean: ``k1(t)`` with ``t = mean_i k1(cos D_i)`` for features alone ("rfk"), and
    ``k1(t) + k0(t) mean_i [k1 + cos D_i k0](cos D_i)`` for the tangent kernel ("ntk"), where D_i are the differences of
    angles and k0, k1 the arc-cosine kernels of degree 0 and 1. Target: ``sum_{|k| <= K} c_|k| exp(ik angle_1)``.

    Each trial draws uniform inputs and ``n_test`` uniform test points, a Latin hypercube. They serve 64 p targets of
    the same law, each with its own label noise: the one above rotated by multiples of 2 pi / 64, on every patch. The
    weights solve ``(K + n ridge + 1e-13) a = y``, with K the n by n kernel matrix. The loss is half the squared error
    at the test points, without noise there, in the mean over points and targets.

    target_coefficients: (K + 1,), indexed by |k|. Cost per trial: n (n / 2 + n_test) kernel entries,
    n^3 / 3 + 128 p n (n + n_test) flops, 2 p K (n + n_test) for the targets; memory n^2 + 128 p n_test.

    Raises ``ValueError`` for counts below 1, an unknown kind, negative ridge or noise; ``RuntimeError`` if the kernel
    matrix is singular to rounding.
    """
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    coefficients = array("target_coefficients", target_coefficients, shape=(None,))
    n_patches = integer("n_patches", n_patches, "[1, inf)")
    tangent = choice("kind", kind, ("ntk", "rfk")) == "ntk"
    shift = n_samples * number("ridge", ridge, "[0, inf)") + JITTER
    noise_scale = np.sqrt(number("noise_variance", noise_variance, "[0, inf)"))
    n_test = integer("n_test", n_test, "[1, inf)")
    streams = spawn_streams(seed, n_trials)
    losses = np.empty(len(streams))
    rows = max(1, ENTRIES_AT_A_TIME // n_samples)
    for trial, rng in enumerate(streams):
        inputs = 2.0 * np.pi * rng.random((n_patches, n_samples))
        labels = _rotated_targets(coefficients, inputs)
        if noise_scale > 0.0:
            labels += noise_scale * rng.standard_normal(labels.shape)
        points = _half_turns(inputs)
        kernel = np.empty((n_samples, n_samples))
        for first in range(0, n_samples, rows):
            last = min(first + rows, n_samples)
            kernel[first:last, :last] = _kernel_block(points[..., first:last], points[..., :last], tangent)
        kernel[np.diag_indices(n_samples)] += shift
        # The lower triangle of rows is the upper one of the columns that LAPACK reads.
        _, weights, info = lapack.dposv(kernel.T, labels.T, lower=0, overwrite_a=1)
        if info != 0:
            raise RuntimeError(f"the kernel matrix of {n_samples} points is singular to rounding: raise ridge")
        cells = rng.permuted(np.tile(np.arange(n_test), (n_patches, 1)), axis=1)
        fresh = 2.0 * np.pi * (cells + rng.random(cells.shape)) / n_test
        errors = _rotated_targets(coefficients, fresh)
        points_of_test = _half_turns(fresh)
        for first in range(0, n_test, rows):
            block = _kernel_block(points_of_test[..., first : first + rows], points, tangent)
            errors[:, first : first + rows] -= (block @ weights).T
        losses[trial] = 0.5 * np.mean(errors**2)
    return losses


def _half_turns(angles: np.ndarray) -> np.ndarray:
    """Return sines and cosines of the halves of (p, n) angles: (p, 2, n)."""
    return np.stack([np.sin(0.5 * angles), np.cos(0.5 * angles)], axis=1)


def _kernel_block(points: np.ndarray, others: np.ndarray, tangent: bool) -> np.ndarray:
    """Return the kernel between points, (p, 2, a) and (p, 2, b) sines and cosines of half the angles: (a, b).

    No transcendental function but two arc sines of small arguments. All is computed from 1 - t, which keeps its digits
    where points are close: the arc cosine of a rounded t would lose half of them.
    """
    deficit, slope = 0.0, 0.0
    for point, (sine, cosine) in zip(points, others, strict=True):
        half_sine = np.abs(point.T @ np.stack([cosine, -sine]))
        half_cosine = np.abs(point.T @ np.stack([sine, cosine]))
        small = np.arcsin(np.minimum(half_sine, half_cosine))
        gap = 2.0 * np.where(half_sine < half_cosine, small, 0.5 * np.pi - small)  # in [0, pi]
        rest = 1.0 - gap / np.pi
        drop = 2.0 * half_sine**2  # 1 - cos gap
        short = (gap - 2.0 * half_sine * half_cosine) / np.pi + rest * drop  # 1 - k1(cos gap)
        deficit = deficit + short
        if tangent:
            slope = slope + (1.0 - short) + (1.0 - drop) * rest
    deficit = np.clip(deficit / len(points), 0.0, 1.0)
    angle = 2.0 * np.arcsin(np.sqrt(0.5 * deficit))
    rest = 1.0 - angle / np.pi
    kernel = np.sqrt(deficit * (2.0 - deficit)) / np.pi + (1.0 - deficit) * rest
    return kernel + rest * (slope / len(points)) if tangent else kernel


def _rotated_targets(coefficients: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return sum_{|k| <= K} coefficients[|k|] exp(ik (angle + 2 pi m / 64)) on every patch: (64 p, n), m fastest."""
    folded = np.zeros((*angles.shape, N_ROTATIONS), complex)
    for patch_angles, patch_folded in zip(angles, folded, strict=True):
        _fold_series(coefficients, patch_angles, patch_folded)
    values = 2.0 * fft.ifft(folded, norm="forward", overwrite_x=True).real - coefficients[0]
    return np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(-1, angles.shape[1])


@njit(cache=True, nogil=True)
def _fold_series(coefficients, angles, folded):
    """Add the sum over k = j mod 64 of coefficients[k] exp(ik angle) to ``folded[i, j]`` for every angle, by Horner."""
    size = folded.shape[1]
    for i in range(len(angles)):
        steps = np.exp(1j * angles[i] * np.arange(size))
        turn = complex(math.cos(size * angles[i]), math.sin(size * angles[i]))
        for start in range((len(coefficients) - 1) // size * size, -1, -size):
            for j in range(size):
                folded[i, j] *= turn
            for j in range(min(size, len(coefficients) - start)):
                folded[i, j] += coefficients[start + j]
        for j in range(size):
            folded[i, j] *= steps[j]
