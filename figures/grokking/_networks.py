"""Random networks of any width on one data set: trained weight by weight, and as the recursion predicts them."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.grokking import RegressionData, sample_polynomial_regression, train_network

SETTING = (
    "Inputs x ~ N(0, I/d), target y = ((beta.x)^2 - c_0)/2 with |beta|^2 = d; f = (alpha/N) sum_i (h_i + epsilon "
    "h_i^2/2), h_i = w_i.x, readouts fixed, w_i ~ N(0, I) at first; loss: mean of Delta^2, Delta = f - f_0 - y, with "
    "f_0 the initial function (centred output) or 0; step eta d N/alpha^2 along the negative gradient."
)

# The network of the paper's loss curves, on data drawn here.
PUBLISHED: dict[str, Any] = dict(n_samples=550, n_features=100, target_offset=0.0, seed=1, width=500, output_scale=1.0,
                                 quadratic_strength=0.02)  # fmt: skip


def random_network(
    *, n_samples: int, n_features: int, width: int, target_offset: float, seed: int
) -> tuple[RegressionData, np.ndarray]:
    """Return a data set and standard normal weights (N, d)."""
    data = sample_polynomial_regression(n_samples, n_features, target_offset=target_offset, seed=seed)
    return data, np.random.default_rng(seed).standard_normal((width, n_features))


def statistics(weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean weight and second moment, by keyword."""
    return dict(mean_weight=weights.mean(axis=0), second_moment=weights.T @ weights / len(weights))


def train_random_network(
    *, n_samples: int, n_features: int, width: int, target_offset: float, seed: int, **training: Any
) -> dict[str, np.ndarray]:
    """Train a random network; return its losses by step, and its statistics after the last one."""
    data, weights = random_network(n_samples=n_samples, n_features=n_features, width=width, seed=seed,
                                   target_offset=target_offset)  # fmt: skip
    path = train_network(**vars(data), weights=weights, target_offset=target_offset, **training)
    return dict(train_loss=path.train_loss, test_loss=path.test_loss, **statistics(path.weights))
