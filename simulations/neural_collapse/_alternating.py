"""Alternating least squares: every factor in turn is set to its exact minimiser given the others."""

from __future__ import annotations

import numpy as np

from simulations.neural_collapse._chain import Chain, Workspace, loss_and_gradient
from simulations.neural_collapse._model import factors

__all__ = ["alternate"]


def alternate(chain: Chain, parameters: np.ndarray, space: Workspace, goal: float, max_sweeps: int) -> int:
    """Sweep until the gradient norm is at most ``goal``, or ``max_sweeps`` times; return the number of sweeps.

    A factor V between known ones minimises ``|B V A - T|^2 / 2N + ridge |V|^2 / 2``. With the singular value
    decompositions of A and B the equations decouple.
    """
    features, *weights, bias = factors(chain, parameters)
    gradient = np.empty_like(parameters)
    penalties = chain.n_samples * chain.ridges
    targets = chain.scales[:, None] * chain.labels
    scale_power = float(chain.scales @ chain.scales)
    for sweep in range(max_sweeps):
        loss_and_gradient(chain, parameters, gradient, space)
        if np.linalg.norm(gradient) <= goal:
            return sweep
        above = [np.eye(len(bias))]
        for weight in reversed(weights):
            above.append(weight.T @ above[-1])
        for index in range(len(weights) + 1):
            left, values, right = np.linalg.svd(above[-1 - index], full_matrices=False)
            unexplained = (targets - np.outer(chain.scales, bias)) @ right.T
            if index == 0:
                features[:] = unexplained * (values / (values**2 + penalties[0])) @ left.T
                below = features
                continue
            outer, gains, inner = np.linalg.svd(below, full_matrices=False)
            product = np.outer(gains, values)
            solution = (outer.T @ unexplained) * product / (product**2 + penalties[index])
            weights[index - 1][:] = left @ solution.T @ inner
            below = below @ weights[index - 1].T
        if chain.has_bias:
            bias[:] = chain.scales @ (targets - below) / (scale_power + penalties[-1])
    return max_sweeps
