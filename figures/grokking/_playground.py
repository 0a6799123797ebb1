"""The two-sample playground: paths at a few steps, and the best angle on a circle by solving for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from simulations.grokking import simulate_logistic_pair
from theory.grokking import orthogonal_gradient


def follow(
    *, slopes: tuple[float, float], learning_rate: float, start: tuple[float, float], orthogonal: bool,
    steps: Sequence[int],
) -> np.ndarray:  # fmt: skip
    """Return the weights at the given steps, (len(steps), 2)."""
    path = simulate_logistic_pair(*slopes, learning_rate=learning_rate, n_steps=max(steps), start=start,
                                  orthogonal=orthogonal)  # fmt: skip
    return path[list(steps)]


def follow_stretched(
    *, slopes: tuple[float, float], learning_rate: float, start: tuple[float, float], steps: Sequence[int]
) -> np.ndarray:
    """Return the weights at the given steps, g_perp being stretched to the length of g as in the public code."""
    samples, weights = np.array([[1, slopes[0]], [1, -slopes[1]]]), np.array(start)
    path = np.empty((max(steps) + 1, 2))
    for row in path:
        row[:] = weights
        gradient = -samples.T @ (1 / (1 + np.exp(samples @ weights)))
        weights = weights - learning_rate * orthogonal_gradient(gradient, weights, rescale=True)
    return path[list(steps)]


def limit_of_descent(slopes: tuple[float, float]) -> tuple[float, float]:
    """Return the second weight that plain descent tends to, and C of the first one, which grows as ln(C t).

    There the pulls of both samples balance across: q_1 e^{-q_1 w} = q_2 e^{q_2 w}; C is the sum of the exponentials.
    """
    first, second = slopes
    weight = math.log(first / second) / (first + second)
    return weight, math.exp(-first * weight) + math.exp(second * weight)


def slope_on_circle(angle: float, slopes: tuple[float, float], norm: float) -> float:
    """Return the derivative of the summed logistic loss by the angle, at weights of a given norm."""
    across = norm * np.array([-math.sin(angle), math.cos(angle)])
    along = norm * np.array([math.cos(angle), math.sin(angle)])
    samples = np.array([[1, slopes[0]], [1, -slopes[1]]])
    return -float(np.sum(samples @ across / (1 + np.exp(samples @ along))))


def best_angle(slopes: tuple[float, float], norm: float) -> float:
    """Return the angle that minimises the loss at weights of a given norm; in the cone where both are classified."""
    return brentq(slope_on_circle, -math.atan(1 / slopes[0]), math.atan(1 / slopes[1]), args=(slopes, norm),
                  xtol=1e-15, rtol=1e-15)  # fmt: skip


def contraction(slopes: tuple[float, float], norm: float, learning_rate: float) -> float:
    """Return by how much a step of orthogonal descent shrinks the distance to the best angle, 1 - h L'' / r^2."""
    angle, shift = best_angle(slopes, norm), 1e-5
    second = slope_on_circle(angle + shift, slopes, norm) - slope_on_circle(angle - shift, slopes, norm)
    return 1 - learning_rate * second / (2 * shift) / norm**2
