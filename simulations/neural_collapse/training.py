"""Training of deep linear heads on free features with the squared loss, from random initial parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import choice, integer, number
from simulations._streams import spawn_streams
from simulations.neural_collapse._alternating import alternate
from simulations.neural_collapse._chain import loss_and_gradient, workspace
from simulations.neural_collapse._descent import heavy_ball, minimise
from simulations.neural_collapse._model import (
    checked_problem,
    convergence_goal,
    factors,
    finite_loss,
    random_start,
    read_classes,
)

__all__ = ["MseTraining", "simulate_mse_training"]

METHODS = ("lbfgs", "momentum", "als")
MOMENTUM = 0.9


@dataclass(frozen=True)
class MseTraining:
    """The end of every trial, T of them; K classes, M layers.

    loss (T,), with the ridges. end_to_end (T, K, K): W_M .. W_1 times the class means, a column for each class.
    class_mean_gram and classifier_gram (of the rows of W_M .. W_1), (T, K, K). bias (T, K). within_deviation (T,):
    largest distance of a feature to the mean of its class, 0 in the reduced problem. gradient_norm, n_steps: (T,).
    feature_grams (T, M + 1, K, K): of the class means after j = 0 .. M layers. product_grams (T, M, K, K): of the rows
    of W_M .. W_(j+1).
    """

    loss: np.ndarray
    end_to_end: np.ndarray
    class_mean_gram: np.ndarray
    classifier_gram: np.ndarray
    bias: np.ndarray
    within_deviation: np.ndarray
    gradient_norm: np.ndarray
    n_steps: np.ndarray
    feature_grams: np.ndarray
    product_grams: np.ndarray


def simulate_mse_training(
    class_sizes: ArrayLike,
    *,
    weight_ridges: ArrayLike,
    feature_ridge: float,
    width: int | Sequence[int],
    bias: bool = False,
    bias_ridge: float = 0.0,
    reduced: bool = True,
    method: str = "lbfgs",
    learning_rate: float = 0.1,
    n_steps: int = 20000,
    init_scale: float = 1.0,
    n_trials: int = 1,
    seed: int | np.random.SeedSequence = 0,
) -> MseTraining:
    """Minimise the squared loss of ``W_M .. W_1 H + b`` against one-hot labels over all weights and features.

    Objective, N samples of K classes, M layers: ``|W_M .. W_1 H + b 1' - Y|^2 / 2N`` plus half of every ridge times the
    squared norm of its matrix. ``reduced`` trains one feature per class, weighted by its size, which has the same
    critical points. Otherwise every sample has a feature of its own: deviations from class means are trained in an
    orthonormal basis of the samples, which changes no iterate; the cost grows with K + min(d, N - K) rather than N.

    method: "lbfgs", L-BFGS handing over to Newton's method, to rounding error (gradients of 1e-13 times the ridge) and
    not on saddles, in at most n_steps steps and products with the Hessian. "momentum": n_steps steps ``v <- 0.9 v -
    learning_rate g, x <- x + v``, wherever they end. "als": exact minimisation over one factor after the other, at most
    n_steps sweeps; slow for M > 3.

    class_sizes: (K,), at least 1 each, whole unless reduced. weight_ridges: (M,), of the layer next to the features
    first. width: dimension of the features and widths of the inner layers, an int or (M,). Initial entries are normal
    of variance init_scale^2 / rows, the bias starts at 0. Cost per trial of "lbfgs": about 0.5 ms for K = 4, M = 2,
    d = 8, and 30 ms for K = 10, M = 6, d = 64, where a momentum step takes 40 microseconds.

    Source of setting and protocol: Dang et al., "Neural Collapse in Deep Linear Networks", arXiv 2301.00437.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` where training does not converge, or diverges.
    """
    choice("method", method, METHODS)
    sizes, chain = checked_problem(class_sizes, weight_ridges, feature_ridge, width, bias, bias_ridge, reduced)
    learning_rate, n_steps = number("learning_rate", learning_rate, "(0, inf)"), integer("n_steps", n_steps, "[1, inf)")
    init_scale = number("init_scale", init_scale, "(0, inf)")
    space, goal = workspace(chain), convergence_goal(chain)
    trials = []
    for rng in spawn_streams(seed, n_trials):
        parameters, basis = random_start(chain, rng, sizes, init_scale)
        steps = n_steps
        if method == "momentum":
            heavy_ball(
                chain, parameters, np.zeros_like(parameters), space, learning_rate, MOMENTUM, np.empty((n_steps, 0))
            )
        elif method == "lbfgs":
            steps = minimise(chain, parameters, space, goal, n_steps)
        else:
            steps = alternate(chain, parameters, space, 1e-3 * goal, n_steps)
        gradient = np.empty_like(parameters)
        loss = finite_loss(loss_and_gradient(chain, parameters, gradient, space), learning_rate)
        norm = float(np.linalg.norm(gradient))
        if method != "momentum" and not norm <= goal:
            raise RuntimeError(f"{method} did not converge in {n_steps = }: the gradient norm is still {norm:.2g}")
        rows, *weights, offset = factors(chain, parameters)
        deviations = basis @ rows[len(sizes) :] if basis.size else np.zeros((1, 1))
        readout = read_classes(weights, rows[: len(sizes)] / np.sqrt(sizes)[:, None])
        deviation = np.linalg.norm(deviations, axis=1).max()
        trials.append((loss, *readout, offset, deviation, norm, steps))
    losses, feature_grams, product_grams, end_to_end, offsets, within_deviation, norms, counts = (
        np.array(field) for field in zip(*trials, strict=True)
    )
    return MseTraining(
        loss=losses,
        end_to_end=end_to_end,
        class_mean_gram=feature_grams[:, 0],
        classifier_gram=product_grams[:, 0],
        bias=offsets,
        within_deviation=within_deviation,
        gradient_norm=norms,
        n_steps=counts,
        feature_grams=feature_grams,
        product_grams=product_grams,
    )
