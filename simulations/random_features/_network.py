"""Networks with random weights: layer by layer statistics and the forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, require
from simulations.random_features._activations import Activation, gaussian_moments
from simulations.random_features._kernels import fill_scaled_rows, normal_matrix

__all__ = ["RandomNetwork", "checked_input_eigenvalues", "checked_widths", "gaussian_inputs", "layer_means"]


def checked_widths(widths: Sequence[int]) -> list[int]:
    """Return input dimension and layer widths as ints; ``ValueError`` unless two or more, all positive."""
    require(np.ndim(widths) == 1 and len(widths) >= 2, "widths", widths, "the input dimension and at least one layer")
    return [integer("widths", width, "[1, inf)") for width in widths]


def checked_input_eigenvalues(input_eigenvalues: ArrayLike | None, dimension: int) -> np.ndarray:
    """Return them as a (dimension,) array, ones if None; raise ``ValueError`` for another shape, < 0, or all zero."""
    if input_eigenvalues is None:
        return np.ones(dimension)
    checked = array("input_eigenvalues", input_eigenvalues, "[0, inf)", shape=(dimension,))
    require(bool(checked.any()), "input_eigenvalues", checked, "at least one positive number")
    return checked


def layer_means(activation: Activation, n_layers: int, input_variance: float) -> list[float]:
    """Return the Gaussian mean of every layer's activation, each layer centred before it feeds the next."""
    means, variance = [], input_variance
    for _ in range(n_layers):
        mean, second_moment = gaussian_moments(activation, variance)
        means.append(mean)
        variance = second_moment - mean**2
    return means


class RandomNetwork:
    """Weights W_l, standard normal (k_l, k_{l-1}), and the centred features ``h_L / sqrt(k_L)`` that they compute."""

    def __init__(
        self, rng: np.random.Generator, widths: Sequence[int], activation: Activation, means: Sequence[float]
    ) -> None:
        self.activation, self.means = activation, means
        self.weights = [normal_matrix(rng, above, below) for below, above in pairwise(widths)]

    def features(self, inputs: np.ndarray) -> np.ndarray:
        """Return the features of inputs (n, d) as (n, k_L), in the precision of the inputs."""
        hidden = inputs
        for weights, mean in zip(self.weights, self.means, strict=True):
            scaled = (weights / np.sqrt(weights.shape[1])).astype(inputs.dtype)
            hidden = np.asarray(self.activation(hidden @ scaled.T), inputs.dtype)
            hidden -= inputs.dtype.type(mean)
        hidden /= inputs.dtype.type(np.sqrt(hidden.shape[1]))
        return hidden


def gaussian_inputs(rng: np.random.Generator, n_rows: int, eigenvalues: np.ndarray, dtype: type) -> np.ndarray:
    """Return ``n_rows`` independent inputs of covariance diag(eigenvalues), as (n_rows, d)."""
    inputs: np.ndarray = np.empty((n_rows, len(eigenvalues)), dtype)
    fill_scaled_rows(rng, np.ones(n_rows), inputs)
    inputs *= np.sqrt(eigenvalues).astype(dtype)
    return inputs
