"""Gradient descent of the quadratic network on its mean weight and second moment: exact at every width.

All weights of the network feel the same affine map, w <- B w - g / alpha. Kept are the mean weight m and a factor P of
the covariance of the weights, M = P P' + mm': m <- B m - g / alpha and P <- B P, which cannot make M indefinite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.linalg import blas

from simulations.grokking._model import Model, require_finite

__all__ = ["Step", "descend", "population_loss_terms"]


@dataclass(frozen=True)
class Step:
    """The network before a step: losses, and statistics in arrays that the next step overwrites.

    test_terms (3,): variance, misalignment and linear part of the population loss. overlap: M along the unit vector of
    the direction. trace: tr M / d. mean_weight (d,); second_moment (d, d), its lower triangle alone.
    """

    train_loss: float
    test_terms: np.ndarray
    overlap: float
    trace: float
    mean_weight: np.ndarray
    second_moment: np.ndarray


def descend(
    features: np.ndarray, labels: np.ndarray, direction: np.ndarray, mean: np.ndarray, factor: np.ndarray, model: Model
) -> Iterator[Step]:
    """Yield the network at steps 0 .. n_steps.

    features (n, d), mean (d,), factor (d, r) in Fortran order; none is changed. Cost of a step: 2 n d^2 + 3 r d^2
    flops, in a triangular product, two symmetric rank-k updates and a symmetric product. Raises ``ValueError`` naming
    the learning rate where a loss overflows.
    """
    n_samples, n_features = features.shape
    scale, strength = model.output_scale, model.quadratic_strength
    gain = 2.0 * model.learning_rate * n_features / n_samples
    mean, factor = mean.copy(), factor.copy(order="F")
    previous = np.empty_like(factor)
    moment, curvature = (np.zeros((n_features, n_features), order="F") for _ in range(2))
    diagonal = moment.T.reshape(-1)[:: n_features + 1]  # a view
    products, outputs, pulls = np.empty_like(features), np.empty(n_samples), np.empty(n_samples)
    initial_mean, initial_moment = np.zeros(n_features), np.zeros_like(moment)
    targets = labels
    for step in range(model.n_steps + 1):
        if factor.size:
            blas.dsyrk(1.0, factor, c=moment, overwrite_c=1, lower=1)
        else:
            moment[:] = 0.0
        blas.dsyr(1.0, mean, a=moment, overwrite_a=1, lower=1)
        if step == 0 and model.center_output:
            initial_mean, initial_moment = mean.copy(), moment.copy(order="F")
        *terms, overlap, trace = population_loss_terms(
            mean, moment, initial_mean, initial_moment, direction, scale, strength, model.target_offset
        )
        # x'Mx is twice x'Lx, with L the lower triangle of M and half its diagonal.
        np.copyto(products, features)
        diagonal *= 0.5
        blas.dtrmm(1.0, moment, products.T, overwrite_b=1, lower=1)
        diagonal *= 2.0
        _network_outputs(features, products, mean, scale, strength, outputs)
        if step == 0 and model.center_output:
            targets = labels + outputs
        np.subtract(outputs, targets, out=pulls)
        train_loss = blas.ddot(pulls, pulls) / n_samples
        require_finite(train_loss + sum(terms), model.learning_rate, step)
        yield Step(float(train_loss), np.array(terms), overlap, trace, mean, moment)
        if step == model.n_steps:
            return
        pulls *= gain
        gradient = features.T @ pulls
        n_positive = _scaled_rows(features, pulls, products)
        curvature[:] = 0.0
        for sign, rows in ((1.0, products[:n_positive]), (-1.0, products[n_positive:])):
            if len(rows):
                blas.dsyrk(sign, rows.T, beta=1.0, c=curvature, overwrite_c=1, lower=1)
        gradient = blas.dsymv(-strength / scale, curvature, mean, beta=-1.0 / scale, y=gradient, overwrite_y=1, lower=1)
        mean += gradient
        if factor.size:
            np.copyto(previous, factor)
            blas.dsymm(-strength / scale, curvature, previous, beta=1.0, c=factor, overwrite_c=1, lower=1)


@njit(cache=True, nogil=True)
def population_loss_terms(mean, moment, initial_mean, initial_moment, direction, scale, strength, offset):
    """Return variance, misalignment and linear part of the loss on fresh inputs, then the overlap and the trace.

    The error on an input x of covariance 1 / d is ``scale * v'x + (x'Sx + offset) / 2`` with v the change of the mean,
    ``S = scale * strength * (change of the second moment) - direction direction'``; its square has the expectation
    ((tr S / d + offset) / 2)^2 + |S|^2 / (2 d^2) + scale^2 |v|^2 / d. Only lower triangles are read.
    """
    d = mean.size
    s_trace = s_square = shift = diagonal = along = length = 0.0
    for j in range(d):
        value = scale * strength * (moment[j, j] - initial_moment[j, j]) - direction[j] * direction[j]
        s_trace += value
        s_square += value * value
        shift += (mean[j] - initial_mean[j]) ** 2
        diagonal += moment[j, j]
        along += direction[j] * direction[j] * moment[j, j]
        length += direction[j] * direction[j]
        for i in range(j + 1, d):
            value = scale * strength * (moment[i, j] - initial_moment[i, j]) - direction[i] * direction[j]
            s_square += 2.0 * value * value
            along += 2.0 * direction[i] * direction[j] * moment[i, j]
    variance = (0.5 * (s_trace / d + offset)) ** 2
    return variance, s_square / (2.0 * d * d), scale * scale * shift / d, along / length, diagonal / d


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _network_outputs(features, products, mean, scale, strength, out):
    """Write ``scale * x . (mean + strength * L'x)`` for every row x; ``products`` holds the rows L'x or Lx."""
    for row in range(features.shape[0]):
        total = 0.0
        for i in range(features.shape[1]):
            total += features[row, i] * (mean[i] + strength * products[row, i])
        out[row] = scale * total


@njit(cache=True, nogil=True)
def _scaled_rows(features, weights, out):
    """Write the rows times the roots of their absolute weights, those of positive weight first; return their number."""
    first, last = 0, features.shape[0]
    for row in range(features.shape[0]):
        if weights[row] > 0.0:
            place = first
            first += 1
        else:
            last -= 1
            place = last
        root = np.sqrt(abs(weights[row]))
        for i in range(features.shape[1]):
            out[place, i] = root * features[row, i]
    return first
