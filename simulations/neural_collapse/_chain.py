"""Loss, gradient and Hessian products of linear layers on free features, all parameters in one vector.

A sample is a row here. The vector holds the features X_0 (P, d_1), W_1 (d_2, d_1) .. W_M (K, d_M), and the bias (K,).
The logits are ``Z = X_M + scales bias'`` with ``X_l = X_(l-1) W_l'``. The squared loss is ``|Z - T|^2 / 2N`` with rows
scales[p] labels[p] of T; the cross-entropy of row p is that of Z_p / scales[p], with weight scales[p]^2 / N. Added is
half of every ridge times the squared norm of its block.

A row of scale 1 is a sample. A row of scale sqrt(n_k) stands for the n_k samples of class k where their features
coincide: it is sqrt(n_k) times the feature, so that the ridge counts every sample. See ``_model`` for rows of scale 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from simulations.neural_collapse._vectors import add, dot, times, times_transpose, transpose_times

__all__ = ["Chain", "Workspace", "hessian_product", "loss_and_gradient", "make_chain", "workspace"]


class Chain(NamedTuple):
    """A training problem; ``make_chain`` adds the places of blocks.

    widths: d_1 .. d_M, K. labels: one-hot or zero, (P, K). scales: (P,). ridges: of X_0, W_1 .. W_M, the bias.
    starts: of X_0, W_1 .. W_M, and the bias in the vector, and its end. row_starts: of X_0 .. X_M in a workspace.
    """

    widths: np.ndarray
    labels: np.ndarray
    scales: np.ndarray
    ridges: np.ndarray
    n_samples: float
    has_bias: bool
    cross_entropy: bool
    starts: np.ndarray
    row_starts: np.ndarray


class Workspace(NamedTuple):
    """The rows X_0 .. X_M, the slopes of the loss in them, and the changes of both along a direction: flat."""

    rows: np.ndarray
    slopes: np.ndarray
    moved_rows: np.ndarray
    moved_slopes: np.ndarray
    spare: np.ndarray


def make_chain(
    widths: np.ndarray, labels: np.ndarray, scales: np.ndarray, ridges: np.ndarray, n_samples: float, *,
    has_bias: bool = False, cross_entropy: bool = False,
) -> Chain:  # fmt: skip
    sizes = [0, len(labels) * widths[0], *(widths[1:] * widths[:-1]), widths[-1]]
    row_starts = len(labels) * np.cumsum([0, *widths])
    return Chain(widths, labels, scales, ridges, n_samples, has_bias, cross_entropy, np.cumsum(sizes), row_starts)


def workspace(chain: Chain) -> Workspace:
    """Return memory for one trial at a time."""
    size = int(chain.row_starts[-1])
    spare = max(size, int((chain.widths[1:] * chain.widths[:-1]).max()))
    return Workspace(np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(spare))


@njit(cache=True, nogil=True)
def loss_and_gradient(chain, parameters, gradient, space):
    """Fill ``gradient``, and the rows and slopes of ``space``; return the loss with its ridges."""
    n_rows, widths, starts, places = len(chain.labels), chain.widths, chain.starts, chain.row_starts
    for i in range(starts[1]):
        space.rows[i] = parameters[i]
    for index in range(1, len(widths)):
        shape = n_rows, widths[index - 1], widths[index]
        times_transpose(space.rows, places[index - 1], parameters, starts[index], space.rows, places[index], shape)
    last = places[len(widths) - 1]
    _add_bias(chain, parameters, space.rows, last)
    if chain.cross_entropy:
        loss = _cross_entropy(chain, space.rows, space.slopes, last)
    else:
        loss = _squared_loss(chain, space.rows, space.slopes, last)
    for index in range(len(widths) - 1, 0, -1):
        above, below = places[index], places[index - 1]
        shape = n_rows, widths[index], widths[index - 1]
        transpose_times(space.slopes, above, space.rows, below, gradient, starts[index], shape)
        times(space.slopes, above, parameters, starts[index], space.slopes, below, shape)
    return loss + _finish(chain, parameters, space.slopes, gradient)


@njit(cache=True, nogil=True)
def hessian_product(chain, parameters, direction, product, space):
    """Fill ``product`` with the Hessian times ``direction``, at the parameters that last filled ``space``."""
    n_rows, widths, starts, places = len(chain.labels), chain.widths, chain.starts, chain.row_starts
    moved, moved_slopes, spare = space.moved_rows, space.moved_slopes, space.spare
    for i in range(starts[1]):
        moved[i] = direction[i]
    for index in range(1, len(widths)):
        above, below = places[index], places[index - 1]
        shape = n_rows, widths[index - 1], widths[index]
        times_transpose(moved, below, parameters, starts[index], moved, above, shape)
        times_transpose(space.rows, below, direction, starts[index], spare, 0, shape)
        add(moved[above : places[index + 1]], 1.0, spare)
    last = places[len(widths) - 1]
    _add_bias(chain, direction, moved, last)
    _curvature(chain, space.slopes, moved, moved_slopes, last)
    for index in range(len(widths) - 1, 0, -1):
        above, below = places[index], places[index - 1]
        shape = n_rows, widths[index], widths[index - 1]
        transpose_times(moved_slopes, above, space.rows, below, product, starts[index], shape)
        transpose_times(space.slopes, above, moved, below, spare, 0, shape)
        add(product[starts[index] : starts[index + 1]], 1.0, spare)
        times(moved_slopes, above, parameters, starts[index], moved_slopes, below, shape)
        times(space.slopes, above, direction, starts[index], spare, 0, shape)
        add(moved_slopes[below:above], 1.0, spare)
    _finish(chain, direction, moved_slopes, product)


@njit(cache=True, nogil=True)
def _add_bias(chain, parameters, logits, last):
    n_classes, start = chain.widths[-1], chain.starts[-2]
    if chain.has_bias:
        for p in range(len(chain.scales)):
            for k in range(n_classes):
                logits[last + p * n_classes + k] += chain.scales[p] * parameters[start + k]


@njit(cache=True, nogil=True)
def _finish(chain, parameters, slopes, gradient):
    """Fill the gradient in the features and in the bias, add ridge times parameter to all; return the penalty."""
    n_classes, last, start = chain.widths[-1], chain.row_starts[-2], chain.starts[-2]
    for i in range(chain.starts[1]):
        gradient[i] = slopes[i]
    for k in range(n_classes):
        gradient[start + k] = 0.0
        if chain.has_bias:
            for p in range(len(chain.scales)):
                gradient[start + k] += chain.scales[p] * slopes[last + p * n_classes + k]
    penalty = 0.0
    for block in range(len(chain.starts) - 1):
        part = parameters[chain.starts[block] : chain.starts[block + 1]]
        add(gradient[chain.starts[block] : chain.starts[block + 1]], chain.ridges[block], part)
        penalty += 0.5 * chain.ridges[block] * dot(part, part)
    return penalty


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _squared_loss(chain, logits, slopes, last):
    n_classes, loss = chain.widths[-1], 0.0
    for p in range(len(chain.scales)):
        for k in range(n_classes):
            i = last + p * n_classes + k
            residual = logits[i] - chain.scales[p] * chain.labels[p, k]
            slopes[i] = residual / chain.n_samples
            loss += residual * residual
    return 0.5 * loss / chain.n_samples


@njit(cache=True, nogil=True, error_model="numpy")
def _cross_entropy(chain, logits, slopes, last):
    n_classes, loss = chain.widths[-1], 0.0
    for p in range(len(chain.scales)):
        first, scale = last + p * n_classes, chain.scales[p]
        largest, total, own = logits[first], 0.0, 0.0
        for i in range(first, first + n_classes):
            largest = max(largest, logits[i])
        for k in range(n_classes):
            excess = (logits[first + k] - largest) / scale
            slopes[first + k] = np.exp(excess)
            total += slopes[first + k]
            own += chain.labels[p, k] * excess
        loss += scale * scale / chain.n_samples * (np.log(total) - own)
        for k in range(n_classes):
            slopes[first + k] = scale / chain.n_samples * (slopes[first + k] / total - chain.labels[p, k])
    return loss


@njit(cache=True, nogil=True, error_model="numpy")
def _curvature(chain, slopes, moved, moved_slopes, last):
    """Fill the change of the slopes in the logits; the softmax is read off the slopes."""
    n_classes = chain.widths[-1]
    for p in range(len(chain.scales)):
        first, mean = last + p * n_classes, 0.0
        for k in range(n_classes):
            moved_slopes[first + k] = 1.0 / chain.n_samples
            if chain.cross_entropy:
                share = slopes[first + k] * chain.n_samples / chain.scales[p] + chain.labels[p, k]
                mean += share * moved[first + k]
                moved_slopes[first + k] *= share
        for i in range(first, first + n_classes):
            moved_slopes[i] *= moved[i] - mean
