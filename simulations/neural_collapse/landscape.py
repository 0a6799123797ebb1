"""The squared loss near given points: Hessians at critical points, and descent from a start with aligned factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require
from simulations._streams import spawn_streams
from simulations.neural_collapse._chain import Chain, hessian_product, loss_and_gradient, workspace
from simulations.neural_collapse._descent import heavy_ball
from simulations.neural_collapse._input import checked_ridges, checked_sizes
from simulations.neural_collapse._model import checked_problem, factors, finite_loss, pack

__all__ = ["AlignedDescent", "HessianSpectrum", "mse_hessian_spectrum", "simulate_aligned_descent"]


class HessianSpectrum(NamedTuple):
    """Loss with its ridges, norm of the gradient, and all eigenvalues of the Hessian, ascending."""

    loss: float
    gradient_norm: float
    eigenvalues: np.ndarray


@dataclass(frozen=True)
class AlignedDescent:
    """Gradient descent of T trials from aligned factors.

    singular_values (T, n_steps + 1, K): those of the features along the directions of the start, one per class.
    misalignment (T,): largest entry by which a factor leaves the form ``left diag(singular values) right'`` of its own
    start, over all factors and the recorded steps 0, 1, 2, 4, .., and the last.
    """

    singular_values: np.ndarray
    misalignment: np.ndarray


def mse_hessian_spectrum(
    weights: Sequence[ArrayLike],
    class_means: ArrayLike,
    class_sizes: ArrayLike,
    *,
    weight_ridges: ArrayLike,
    feature_ridge: float,
) -> HessianSpectrum:
    """Hessian of the squared loss without bias in all weights and in one feature per class, at a given point.

    The coordinates are the entries of W_1 .. W_M and sqrt(n_k) times the mean of class k, in which the ridges are
    isotropic. The Hessian comes from exact second derivatives, a product for each coordinate.

    weights: W_1 (d_2, d_1) .. W_M (K, d_M). class_means: (d_1, K). class_sizes: (K,). weight_ridges: (M,). Cost: the
    eigenvalues of a matrix whose size is the number of entries, here at most 2000.

    Raises ``ValueError`` naming the parameter.
    """
    sizes, ridges = checked_sizes(class_sizes), checked_ridges(weight_ridges, feature_ridge)
    n_classes, n_layers = len(sizes), len(ridges) - 1
    require(len(weights) == n_layers, "weights", f"{len(weights)} matrices", f"{n_layers}, one for each ridge")
    means = array("class_means", class_means, shape=(None, n_classes))
    layers, below = [], len(means)
    for index, weight in enumerate(weights):
        above = n_classes if index == n_layers - 1 else None
        layers.append(array("weights", weight, shape=(above, below)))
        below = len(layers[-1])
    widths = [layer.shape[1] for layer in layers]
    _, chain = checked_problem(sizes, ridges[1:], ridges[0], widths, False, 0.0, True)
    parameters = pack(np.ascontiguousarray(means.T) * np.sqrt(sizes)[:, None], layers)
    n_free = len(parameters) - n_classes  # the bias is not one of the coordinates
    require(n_free <= 2000, "weights", f"{n_free} entries with the class means", "at most 2000")
    gradient, space = np.empty_like(parameters), workspace(chain)
    loss = float(loss_and_gradient(chain, parameters, gradient, space))
    hessian = np.empty((n_free, len(parameters)))
    for column, direction in zip(hessian, np.eye(n_free, len(parameters)), strict=True):
        hessian_product(chain, parameters, direction, column, space)
    eigenvalues = np.linalg.eigvalsh(0.5 * (hessian[:, :n_free] + hessian[:, :n_free].T))
    return HessianSpectrum(loss, float(np.linalg.norm(gradient)), eigenvalues)


def simulate_aligned_descent(
    class_sizes: ArrayLike,
    *,
    ridge: float,
    n_layers: int,
    learning_rate: float,
    initial_singular_values: ArrayLike,
    n_steps: int,
    width: int | None = None,
    n_trials: int = 1,
    seed: int | np.random.SeedSequence = 0,
) -> AlignedDescent:
    """Gradient descent on the squared loss, all ridges equal and without bias, with one feature per class.

    At the start every factor is ``left diag(s) right'`` with the same singular values s; the right basis of a layer is
    the left basis of the one below, those of the classes are the axes, and those of the inner spaces are K random
    orthonormal vectors. The descent itself is on the full matrices.

    class_sizes: (K,), at least 1 each. initial_singular_values: s >= 0, one number or (K,). width: of the features and
    all inner layers, K by default and at least that.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` where the descent diverges.
    """
    sizes, depth = checked_sizes(class_sizes), integer("n_layers", n_layers, "[1, inf)")
    n_classes, n_steps = len(sizes), integer("n_steps", n_steps, "[1, inf)")
    ridge = number("ridge", ridge, "(0, inf)")
    learning_rate = number("learning_rate", learning_rate, "(0, inf)")
    start = array("initial_singular_values", initial_singular_values, "[0, inf)")
    rule = f"one number or {n_classes} of them"
    require(start.shape in ((), (n_classes,)), "initial_singular_values", f"array of shape {start.shape}", rule)
    start = np.broadcast_to(start, n_classes)
    width = integer("width", n_classes if width is None else width, f"[{n_classes}, inf)")
    _, chain = checked_problem(sizes, np.full(depth, ridge), ridge, width, False, 0.0, True)
    streams = spawn_streams(seed, n_trials)
    paths, misalignment = np.empty((len(streams), n_steps + 1, n_classes)), np.zeros(len(streams))
    for trial, rng in enumerate(streams):
        bases = [np.linalg.qr(rng.standard_normal((width, n_classes)))[0] for _ in range(depth)]
        bases.append(np.eye(n_classes))
        weights = [(above * start) @ below.T for below, above in pairwise(bases)]
        parameters = pack(start[:, None] * bases[0].T, weights)
        space, step = workspace(chain), 0
        paths[trial, 0] = start
        while step < n_steps:
            n_more = min(max(step, 1), n_steps - step)
            path = np.empty((n_more, n_classes * width))
            heavy_ball(chain, parameters, np.zeros_like(parameters), space, learning_rate, 0.0, path)
            finite_loss(float(np.abs(path).max()), learning_rate)
            along = np.einsum("tkd,dk->tk", path.reshape(n_more, n_classes, width), bases[0])
            paths[trial, step + 1 : step + 1 + n_more] = along
            step += n_more
            misalignment[trial] = max(misalignment[trial], _misalignment(chain, parameters, bases, paths[trial, step]))
    return AlignedDescent(paths, misalignment)


def _misalignment(chain: Chain, parameters: np.ndarray, bases: list[np.ndarray], values: np.ndarray) -> float:
    rows, *weights, _ = factors(chain, parameters)
    gaps = [
        weight - (above * values) @ below.T for weight, below, above in zip(weights, bases[:-1], bases[1:], strict=True)
    ]
    gaps.append(rows - values[:, None] * bases[0].T)
    return max(float(np.abs(gap).max()) for gap in gaps)
