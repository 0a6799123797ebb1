"""Gradient descent and its orthogonal form on two separable samples in the plane."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require

__all__ = ["simulate_logistic_pair"]


def simulate_logistic_pair(
    first_slope: float, second_slope: float, *, learning_rate: float, n_steps: int, start: ArrayLike, orthogonal: bool
) -> np.ndarray:
    """Train two weights on the samples ``(1, first_slope)`` and ``(1, -second_slope)``: path, (n_steps + 1, 2).

    Both slopes are positive. The loss is ``log(1 + exp(-x . w))`` summed over the two samples. With ``orthogonal`` each
    step leaves out the part of the gradient g along the weights, ``g - (w . g / w . w) w``, not rescaled. The path
    begins with the start, (2,).

    Source: Prieto et al., "Grokking at the edge of numerical stability", arXiv 2501.04697.
    Raises ``ValueError`` for slopes or a learning rate that are not positive, ``n_steps`` below 0, a start of another
    shape, or a start of 0 if ``orthogonal``.
    """
    first = number("first_slope", first_slope, "(0, inf)")
    second = number("second_slope", second_slope, "(0, inf)")
    learning_rate = number("learning_rate", learning_rate, "(0, inf)")
    path = np.empty((integer("n_steps", n_steps, "[0, inf)") + 1, 2))
    path[0] = array("start", start, shape=(2,))
    require(not orthogonal or bool(path[0].any()), "start", start, "weights other than zero")
    _descend(first, second, learning_rate, bool(orthogonal), path)
    return path


@njit(cache=True, nogil=True)
def _descend(first, second, learning_rate, orthogonal, path):
    for step in range(path.shape[0] - 1):
        a, b = path[step]
        pull_first = 1.0 / (1.0 + math.exp(a + first * b))
        pull_second = 1.0 / (1.0 + math.exp(a - second * b))
        slope_a = -pull_first - pull_second
        slope_b = -first * pull_first + second * pull_second
        if orthogonal:
            share = (a * slope_a + b * slope_b) / (a * a + b * b)
            slope_a -= share * a
            slope_b -= share * b
        path[step + 1, 0] = a - learning_rate * slope_a
        path[step + 1, 1] = b - learning_rate * slope_b
