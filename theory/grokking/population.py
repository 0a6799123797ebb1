"""Training on the population, the limit of many samples per input dimension, where nothing can be memorised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.base import integer, number
from theory.grokking._input import require_stable

__all__ = ["PopulationPath", "population_path"]


@dataclass(frozen=True)
class PopulationPath:
    """By step, (n_steps + 1,): ``loss`` (train and test alike), ``bulk`` a and ``overlap`` a_e, the factors by which
    weights off and along the target direction have grown."""

    loss: np.ndarray
    bulk: np.ndarray
    overlap: np.ndarray


def population_path(
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    initial_alignment: float,
    target_offset: float = 0.0,
    center_output: bool = True,
) -> PopulationPath:
    """Return the path of gradient descent on the population loss at infinite width and dimension.

    Statement: from M_0 = I off the target direction and d tau^2 along it, M stays of that form with a^2 and
    d tau^2 a_e^2. With chi = 1 for a centred output and 0 otherwise, A = alpha epsilon / 2 and k = 2 eta / alpha,

        mu = A [a^2 - chi + tau^2 (a_e^2 - chi)] - (1 - c_0) / 2,
        nu = A [a^2 - chi + 3 tau^2 (a_e^2 - chi)] - (3 - c_0) / 2,
        a <- a (1 - k epsilon mu),  a_e <- a_e (1 - k epsilon nu),  loss = mu^2 + 2 [A tau^2 (a_e^2 - chi) - 1/2]^2.

    Setting as in :mod:`theory.grokking.recursion`, then N, d and n / d -> infinity. Exact in that limit; a result of
    this project. ``initial_alignment`` tau^2 >= 0.

    Raises ``ValueError`` naming the parameter, ``learning_rate`` if the loss becomes infinite.
    """
    alpha = number("output_scale", output_scale, "(0, inf)")
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    eta = number("learning_rate", learning_rate, "(0, inf)")
    n_steps = integer("n_steps", n_steps, "[0, inf)")
    alignment = number("initial_alignment", initial_alignment, "[0, inf)")
    offset = number("target_offset", target_offset)
    start = 1.0 if center_output else 0.0
    amplitude, rate = 0.5 * alpha * epsilon, 2.0 * eta * epsilon / alpha
    loss, bulk, overlap = np.empty(n_steps + 1), np.empty(n_steps + 1), np.empty(n_steps + 1)
    a, a_e = 1.0, 1.0
    for t in range(n_steps + 1):
        everywhere = amplitude * (a * a - start)
        planted = amplitude * alignment * (a_e * a_e - start)
        mean = everywhere + planted - 0.5 * (1.0 - offset)
        spike = planted - 0.5
        loss[t], bulk[t], overlap[t] = mean * mean + 2.0 * spike * spike, a, a_e
        a *= 1.0 - rate * mean
        a_e *= 1.0 - rate * (mean + 2.0 * spike)
    require_stable(loss, eta)
    return PopulationPath(loss, bulk, overlap)
