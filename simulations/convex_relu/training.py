"""Training of two-layer ReLU networks by gradient descent on the non-convex objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import integer, number
from simulations._streams import spawn_streams
from simulations.convex_relu._descent import LANES, descend
from simulations.convex_relu._input import checked_problem

__all__ = ["NonconvexRuns", "random_networks", "simulate_nonconvex_training"]


@dataclass(frozen=True)
class NonconvexRuns:
    """The best network that every restart met, with its objective.

    objective: (n_trials,). hidden_weights: u_j, (n_trials, width, d). output_weights: alpha_j, (n_trials, width).
    """

    objective: np.ndarray
    hidden_weights: np.ndarray
    output_weights: np.ndarray


def simulate_nonconvex_training(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regularisation: float,
    width: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    n_steps: int = 40000,
    learning_rate: float = 0.03,
    final_learning_rate: float = 1e-6,
    momentum: float = 0.9,
    initial_scale: float = 0.3,
) -> NonconvexRuns:
    """Train ``f(x) = sum_j alpha_j max(x.u_j, 0)`` from random starts; return the best network that each restart met.

    Objective: ``|f(X) - y|^2 / 2 + regularisation / 2 sum_j (|u_j|^2 + alpha_j^2)``. Full-batch subgradient steps with
    a heavy ball, ``v <- momentum v - rate g, w <- w + v``; the rate falls geometrically from ``learning_rate`` to
    ``final_learning_rate``, without which the iterate keeps hopping over the kinks, 1e-4 and more above their minima.
    Start: entries of u_j normal of standard deviation ``initial_scale``, alpha_j = +-|u_j| with fair signs.

    features: (n, d). targets: (n,). Not certified: the objective is that of a network, so never below the optimum, and
    may be a local minimum. A restart that diverges, as wide networks can with the default rate, keeps the best network
    before that. Eight restarts run side by side on vector units: each takes about 30 ms for n = 10, width 40, d = 3 and
    40 000 steps, 4 width n d flops a step. Fewer than eight at once take as long as eight.

    Raises ``ValueError`` naming the parameter.
    """
    features, targets = checked_problem(features, targets)
    regularisation = number("regularisation", regularisation, "(0, inf)")
    width, n_steps = integer("width", width, "[1, inf)"), integer("n_steps", n_steps, "[1, inf)")
    learning_rate = number("learning_rate", learning_rate, "(0, inf)")
    final_learning_rate = number("final_learning_rate", final_learning_rate, "(0, inf)")
    momentum, initial_scale = number("momentum", momentum, "[0, 1)"), number("initial_scale", initial_scale, "(0, inf)")
    starts = random_networks(spawn_streams(seed, n_trials), width, features.shape[1], initial_scale)
    decay = (final_learning_rate / learning_rate) ** (1.0 / max(n_steps - 1, 1))
    objective, best = np.empty(len(starts)), np.empty_like(starts)
    for first in range(0, len(starts), LANES):
        group = starts[first : first + LANES]
        # Idle lanes repeat the last restart, so that a restart does not depend on how many there are.
        lanes = group[np.minimum(np.arange(LANES), len(group) - 1)].transpose(2, 1, 0)
        weights = np.ascontiguousarray(lanes).reshape(len(lanes), -1)
        network = np.empty_like(weights)
        lowest = descend(features, targets, regularisation, weights, learning_rate, decay, momentum, n_steps, network)
        objective[first : first + LANES] = lowest[: len(group)]
        best[first : first + LANES] = network.reshape(lanes.shape).transpose(2, 1, 0)[: len(group)]
    return NonconvexRuns(objective, best[:, :, :-1].copy(), best[:, :, -1].copy())


def random_networks(streams: list[np.random.Generator], width: int, dimension: int, scale: float) -> np.ndarray:
    """Return balanced random networks, one from each stream, (n_trials, width, d + 1), the output weights last."""
    networks = np.empty((len(streams), width, dimension + 1))
    for network, rng in zip(networks, streams, strict=True):
        network[:, :-1] = scale * rng.standard_normal((width, dimension))
        network[:, -1] = np.linalg.norm(network[:, :-1], axis=1) * (2.0 * rng.integers(0, 2, width) - 1.0)
    return networks
