"""What the worst attack on the data does to a given network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from assay.base import number
from theory.convex_relu._problem import discrepancy, read_data, total_loss
from theory.convex_relu.networks import TwoLayerNetwork, read_network, weight_decay

__all__ = ["worst_case_objective"]

LARGEST_CONDITION = 1e12  # of hyperplanes that are said to meet in a point


def worst_case_objective(
    features: Any,
    targets: Any,
    network: TwoLayerNetwork,
    *,
    regularisation: float,
    perturbation_radius: float,
    loss: str = "hinge",
) -> float:
    """Return the objective of a network under the worst attack that moves every entry of the features by at most r.

    Statement: on the box around a sample the network is piecewise linear, so that the loss of that sample is largest at
    a vertex of the arrangement of the box and of the hinges x . u_j = 0 that cut it; with no such hinge at a corner.
    The penalty is that of :func:`network_objective`, the shapes and the losses too; ``perturbation_radius`` r >= 0, in
    units of the features.

    Exact, by enumeration: sum_k C(m, k) C(d, k) 2^(d - k) vertices per sample, m hinges that cut its box.
    Raises ``ValueError`` naming the parameter. Source: derived here for the attacks of arXiv 2201.01965, Section 4.
    """
    rows, values = read_data(features, targets, loss)
    hidden, output = read_network(network, rows.shape[1])
    penalty = weight_decay(hidden, output, regularisation)
    radius = number("perturbation_radius", perturbation_radius, "[0, inf)")
    worst = np.full(len(rows), -np.inf)
    for k, row in enumerate(rows):
        cutting = np.abs(hidden @ row) < radius * np.abs(hidden).sum(axis=1)
        for points in _vertices(row, hidden[cutting], radius):
            fitted = np.maximum(points @ hidden.T, 0.0) @ output
            worst[k] = discrepancy(loss, fitted, values[k]).max(initial=worst[k])
    return total_loss(loss, worst) + penalty


def _vertices(centre: np.ndarray, normals: np.ndarray, radius: float) -> Iterator[np.ndarray]:
    """Yield, (any number, d) at a time, points of a box among which are all its vertices with hyperplanes through 0.

    On a face of the box, where the coordinates that are not free are fixed, as many hyperplanes meet as are free.
    """
    d = len(centre)
    low, high = centre - radius, centre + radius
    for size in range(min(len(normals), d) + 1):
        chosen = np.array(list(itertools.combinations(range(len(normals)), size)), dtype=np.int64)
        planes = normals[chosen]  # (sets, size, d)
        signs = np.array(list(itertools.product((-radius, radius), repeat=d - size)))
        for free in itertools.combinations(range(d), size):
            fixed = [c for c in range(d) if c not in free]
            matrices = planes[:, :, list(free)]
            regular = np.linalg.cond(matrices) < LARGEST_CONDITION if size else np.ones(len(planes), dtype=bool)
            points = np.empty((int(regular.sum()), len(signs), d))
            points[:, :, fixed] = centre[fixed] + signs
            heights = np.einsum("shc,spc->sph", planes[regular][:, :, fixed], points[:, :, fixed])
            points[:, :, list(free)] = np.linalg.solve(matrices[regular][:, None], -heights[..., None])[..., 0]
            # Meeting points off the box become other points of it, which an attack may reach as well.
            yield np.clip(points, low, high).reshape(-1, d)
