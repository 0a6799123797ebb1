"""Two-layer ReLU networks f(x) = sum_j a_j (x . u_j)_+: their objective, and the ones that a convex optimum stands for.

Source: Pilanci and Ergen, "Neural Networks are Convex Regularizers", arXiv 2002.10553.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.convex_relu._problem import discrepancy, read_data, read_features, total_loss
from theory.convex_relu.programs import ConvexReluSolution

__all__ = ["TwoLayerNetwork", "network_objective", "network_output", "prune_network", "recover_network"]


@dataclass(frozen=True)
class TwoLayerNetwork:
    """A network of m neurons, m = 0 included: hidden weights u_j (m, d) and output weights a_j (m,)."""

    hidden_weights: np.ndarray
    output_weights: np.ndarray


def recover_network(solution: ConvexReluSolution, *, tolerance: float = 1e-7) -> TwoLayerNetwork:
    """Return the network of a convex optimum: one neuron per weight vector of norm above ``tolerance`` (absolute).

    Statement: v != 0 becomes u = v / sqrt(||v||), a = +-sqrt(||v||). As long as v lies in the cone of its pattern the
    output on the data is ``solution.fitted`` and, where the norms run over all features, the objective is the one of
    the convex program. Such a network is rarely the smallest: see :func:`prune_network`.

    Raises ``ValueError`` naming the parameter. Exact. Source: arXiv 2002.10553; arXiv 2201.01965, Theorem 2.1
    (numbering unverified).
    """
    least = number("tolerance", tolerance, "[0, inf)")
    vectors = np.concatenate([solution.positive_weights, solution.negative_weights])
    signs = np.repeat([1.0, -1.0], [len(solution.positive_weights), len(solution.negative_weights)])
    norms = np.linalg.norm(vectors, axis=1)
    kept = norms > least
    roots = np.sqrt(norms[kept])
    return TwoLayerNetwork(vectors[kept] / roots[:, None], signs[kept] * roots)


def prune_network(features: Any, network: TwoLayerNetwork, *, tolerance: float = 1e-10) -> TwoLayerNetwork:
    """Return a network with the same output on the data, no larger penalty and at most rank <= n neurons.

    Statement (Caratheodory): while the activations (X u_j)_+ sign(a_j) / ||u_j|| of the neurons are dependent, costs
    c_j = ||u_j|| |a_j| can move along a dependence that does not raise their sum until one of them vanishes. The
    neurons that stay keep their directions and are balanced, ||u_j|| = |a_j|. Any network will do, optimal or not;
    which neurons stay depends on the order.

    ``features`` (n, d); ``tolerance`` in [0, 1): singular values below it, relative to the largest, count as zero.
    Raises ``ValueError`` naming the parameter. Exact up to the tolerance. Source: arXiv 2002.10553, where the number is
    n + 1; the form without the 1 is derived here.
    """
    rows = read_features(features)
    hidden, output = read_network(network, rows.shape[1])
    threshold = number("tolerance", tolerance, "[0, 1)")
    norms = np.linalg.norm(hidden, axis=1)
    costs = norms * np.abs(output)
    alive = np.flatnonzero(costs > 0.0)
    directions = hidden / np.where(norms > 0.0, norms, 1.0)[:, None]
    activations = np.maximum(rows @ directions.T, 0.0) * np.sign(output)
    while alive.size:
        group = alive[: len(rows) + 1]
        _, values, vectors = np.linalg.svd(activations[:, group])
        if group.size <= len(rows) and values[-1] > threshold * values[0]:
            break
        move = vectors[-1] if vectors[-1].sum() >= 0.0 else -vectors[-1]
        falling = np.flatnonzero(move > 0.0)
        steps = costs[group[falling]] / move[falling]
        first = int(np.argmin(steps))
        costs[group] = np.maximum(costs[group] - steps[first] * move, 0.0)
        costs[group[falling[first]]] = 0.0
        alive = alive[costs[alive] > 0.0]
    roots = np.sqrt(costs[alive])
    return TwoLayerNetwork(directions[alive] * roots[:, None], np.sign(output[alive]) * roots)


def network_output(features: Any, network: TwoLayerNetwork) -> np.ndarray:
    """Return sum_j a_j (X u_j)_+ on the features (n, d), (n,). Raises ``ValueError`` naming the parameter."""
    rows = read_features(features)
    hidden, output = read_network(network, rows.shape[1])
    return np.maximum(rows @ hidden.T, 0.0) @ output


def network_objective(
    features: Any, targets: Any, network: TwoLayerNetwork, *, regularisation: float, loss: str = "squared"
) -> float:
    """Return loss + (regularisation / 2) sum_j (||u_j||^2 + a_j^2), what training minimises.

    ``features`` (n, d); ``targets`` (n,); losses as in :func:`solve_convex_program`. Exact.
    Raises ``ValueError`` naming the parameter.
    """
    rows, values = read_data(features, targets, loss)
    hidden, output = read_network(network, rows.shape[1])
    fitted = np.maximum(rows @ hidden.T, 0.0) @ output
    return total_loss(loss, discrepancy(loss, fitted, values)) + weight_decay(hidden, output, regularisation)


def weight_decay(hidden: np.ndarray, output: np.ndarray, regularisation: float) -> float:
    """Return half the regularisation, which must be positive, times the sum of squares of all weights."""
    strength = number("regularisation", regularisation, "(0, inf)")
    return 0.5 * strength * (float(np.sum(hidden**2)) + float(output @ output))


def read_network(network: TwoLayerNetwork, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return hidden (m, n_features) and output weights (m,), finite, m = 0 included."""
    output = array("output_weights", network.output_weights)
    require(output.ndim == 1, "output_weights", f"array of shape {output.shape}", "a one-dimensional array")
    hidden = array("hidden_weights", network.hidden_weights)
    if output.size == 0 and hidden.size == 0:
        return np.zeros((0, n_features)), output
    return array("hidden_weights", hidden, shape=(len(output), n_features)), output
