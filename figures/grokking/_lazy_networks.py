"""Networks of a large output scale on one data set, by the statistics of their weights and by the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.grokking._networks import random_network, statistics
from simulations.grokking import RegressionData, train_network, train_statistics

SIZES: dict[str, Any] = dict(n_samples=60, n_features=40, width=25, target_offset=0.0, seed=1)
TRAINING: dict[str, Any] = dict(quadratic_strength=1.0, learning_rate=0.2, n_steps=300)


def lazy_start(infinite_width: bool) -> tuple[RegressionData, np.ndarray, dict[str, np.ndarray]]:
    """Return the data, the weights (N, d) and the statistics of the start, those of infinite width if wanted."""
    data, weights = random_network(**SIZES)
    wide = dict(mean_weight=np.zeros(SIZES["n_features"]), second_moment=np.eye(SIZES["n_features"]))
    return data, weights, wide if infinite_width else statistics(weights)


def train_at_scale(*, output_scale: float, infinite_width: bool) -> dict[str, Any]:
    """Return losses by step, and the changes of mean weight and second moment, times the scale, at the end.

    ``displacement`` is the mean square of the way that a weight of the narrow network goes, times the squared scale.
    """
    data, weights, start = lazy_start(infinite_width)
    path = train_statistics(**vars(data), **start, **TRAINING, output_scale=output_scale)
    moved = train_network(**vars(data), weights=weights, **TRAINING, output_scale=output_scale).weights - weights
    return dict(
        train_loss=path.train_loss,
        test_loss=path.test_terms.sum(axis=1),
        mean_shift=output_scale * (path.mean_weight[-1] - start["mean_weight"]),
        moment_shift=output_scale * (path.second_moment[-1] - start["second_moment"]),
        displacement=output_scale**2 * np.mean(np.sum(moved**2, axis=1)),
    )
