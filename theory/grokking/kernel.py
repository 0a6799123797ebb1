"""The tangent kernel of a quadratic network and its alignment with the target over the population of inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.grokking._input import read_symmetric

__all__ = ["population_kernel_alignment", "tangent_kernel"]


def tangent_kernel(
    features_left: Any, features_right: Any, mean_weight: Any, second_moment: Any, *, quadratic_strength: float
) -> np.ndarray:
    """Return K(x, x') = x . x' [1 + epsilon w_bar . (x + x') + epsilon^2 x^T M x'] for all pairs of rows, (n1, n2).

    In these units one step of gradient descent changes f by -(2 eta d / n) sum_nu K(., x_nu) Delta_nu + O(1 / alpha);
    the gradient kernel of the raw weights carries alpha^2 / N in front. ``features_left`` (n1, d), ``features_right``
    (n2, d), ``mean_weight`` (d,), ``second_moment`` (d, d). Exact, at every width.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2310.06110 (numbering unverified).
    """
    left = array("features_left", features_left, shape=(None, None))
    right = array("features_right", features_right, shape=(None, left.shape[1]))
    mean = array("mean_weight", mean_weight, shape=(left.shape[1],))
    moment = read_symmetric("second_moment", second_moment, left.shape[1])
    return kernel(left, right, mean, moment, number("quadratic_strength", quadratic_strength, "[0, inf)"))


def kernel(left: np.ndarray, right: np.ndarray, mean: np.ndarray, moment: np.ndarray, epsilon: float) -> np.ndarray:
    """Return the tangent kernel (n1, n2) of validated arrays."""
    slopes = 1.0 + epsilon * ((left @ mean)[:, None] + right @ mean) + epsilon**2 * (left @ moment @ right.T)
    return (left @ right.T) * slopes


def population_kernel_alignment(
    mean_weight: Any, second_moment: Any, direction: Any, *, quadratic_strength: float, target_offset: float = 0.0
) -> float:
    """Return <y K y'> / (sqrt(<K^2>) <y^2>), uncentred, over independent inputs x, x' ~ N(0, I_d / d).

    Statement: with s = |beta|^2 / d and T = [(s - c_0) I / 2 + beta beta^T / d] / d,

        <y K y'> = epsilon^2 tr(T M T),        <y^2> = (s - c_0)^2 / 4 + s^2 / 2,
        <K^2> = 1/d + 2 epsilon^2 |w_bar|^2 (d + 2) / d^3 + epsilon^4 [(d + 6) tr M^2 + 2 (tr M)^2] / d^4.

    It lies between 0 and 1 for every network, and is of order epsilon^2 for a small quadratic strength: the features
    then start misaligned with the target.
    ``mean_weight`` (d,), ``second_moment`` (d, d), ``direction`` beta (d,), not zero. Exact.

    Raises ``ValueError`` naming the parameter. Source: the kernel from arXiv 2310.06110; the closed form is this
    project's.
    """
    beta = array("direction", direction, shape=(None,))
    d, power = beta.size, float(beta @ beta) / beta.size
    require(0.0 < power < math.inf, "direction", direction, "a vector of positive and finite length")
    mean = array("mean_weight", mean_weight, shape=(d,))
    moment = read_symmetric("second_moment", second_moment, d)
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    offset = number("target_offset", target_offset)
    # T = (isotropic I + beta beta^T / d) / d
    isotropic = 0.5 * (power - offset)
    trace, image = float(np.trace(moment)), moment @ beta
    through = isotropic**2 * trace + 2.0 * isotropic * (beta @ image) / d + power * (beta @ image) / d
    squared_label = isotropic**2 + 0.5 * power**2
    fourth = ((d + 6) * np.vdot(moment, moment) + 2.0 * trace**2) / d**4
    squared_kernel = 1.0 / d + 2.0 * epsilon**2 * (mean @ mean) * (d + 2) / d**3 + epsilon**4 * fourth
    return float(epsilon**2 * through / d**2 / (math.sqrt(squared_kernel) * squared_label))
