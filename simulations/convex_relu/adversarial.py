"""Adversarial training of two-layer ReLU networks by gradient descent on the non-convex worst-case objective."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import integer, number
from simulations._streams import spawn_streams
from simulations.convex_relu._attacks import attacked_objective
from simulations.convex_relu._input import LOSSES, checked_problem
from simulations.convex_relu._vectors import add, scale_into
from simulations.convex_relu.training import NonconvexRuns, random_networks

__all__ = ["simulate_adversarial_training"]

MOMENTUM, INITIAL_SCALE = 0.9, 0.3
LEARNING_RATE, FINAL_LEARNING_RATE = 0.03, 1e-6  # for a loss that is a sum over samples


def simulate_adversarial_training(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regularisation: float,
    perturbation_radius: float,
    width: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    loss: str,
    n_steps: int = 8000,
) -> NonconvexRuns:
    """Train ``f(x) = sum_j alpha_j max(x.u_j, 0)`` against l-infinity attacks; return the best network of each restart.

    Objective: the loss with every sample at its worst in the box ``|delta_k|_inf <= perturbation_radius``, plus
    ``regularisation / 2 sum_j (|u_j|^2 + alpha_j^2)``. loss: "squared", ``sum_k (f_k - y_k)^2 / 2``; "hinge", mean of
    ``max(1 - y_k f_k, 0)``; "logistic", mean of ``log(1 + exp(-y_k f_k))``; targets (n,), -1 or 1 for the last two.

    The inner attack is exact, by the vertices of the pieces on which f is affine, and so are the objectives returned:
    worst cases of the networks returned, hence never below the robust optimum. Full-batch subgradient steps at the
    worst samples with a heavy ball, 0.9; the rate falls geometrically from 0.03 to 1e-6 (times n for the losses that
    are means). Balanced random start. The result may be a local minimum.

    features: (n, d), few features: if h hinges cut the box of a sample its attack costs ``C(h, d)`` and ``2^d`` trials.
    About 0.3 s a restart for n = 10, d = 2, width 12.

    Source: Bai, Gautam and Sojoudi, arXiv 2201.01965, Section 4 (numbering unverified): its convex program is an upper
    bound of the optimum here.

    Raises ``ValueError`` naming the parameter.
    """
    features, targets = checked_problem(features, targets, loss)
    regularisation = number("regularisation", regularisation, "(0, inf)")
    radius = number("perturbation_radius", perturbation_radius, "[0, inf)")
    width, n_steps = integer("width", width, "[1, inf)"), integer("n_steps", n_steps, "[1, inf)")
    rate = LEARNING_RATE * (1.0 if loss == "squared" else len(features))
    decay = (FINAL_LEARNING_RATE / LEARNING_RATE) ** (1.0 / max(n_steps - 1, 1))
    networks = random_networks(spawn_streams(seed, n_trials), width, features.shape[1], INITIAL_SCALE)
    kind = LOSSES.index(loss)
    objective = np.array(
        [_train(features, targets, regularisation, radius, kind, network, rate, decay, n_steps) for network in networks]
    )
    return NonconvexRuns(objective, networks[:, :, :-1].copy(), networks[:, :, -1].copy())


@njit(cache=True, nogil=True, error_model="numpy")
def _train(features, targets, beta, radius, loss, network, rate, decay, n_steps):
    """Train a network (width, d + 1) in place and leave the best one met there; return its objective."""
    width, row = network.shape
    weights, velocity, gradient = network.copy(), np.zeros((width, row)), np.empty((width, row))
    lowest = np.inf
    for step in range(n_steps + 1):
        objective = attacked_objective(features, targets, beta, radius, loss, weights, gradient)
        if objective < lowest:
            lowest = objective
            for j in range(width):
                scale_into(1.0, weights[j], network[j])
        if step < n_steps:
            for j in range(width):
                scale_into(MOMENTUM, velocity[j], velocity[j])
                add(-rate, gradient[j], velocity[j])
                add(1.0, velocity[j], weights[j])
        rate *= decay
    return lowest
