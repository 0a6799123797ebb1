"""What the recursion of the statistics says of a random network, and two wrong versions of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.grokking._networks import random_network, statistics
from theory.grokking import lazy_training_path, statistics_recursion, test_loss_terms


def predict_random_network(
    *, n_samples: int, n_features: int, width: int, target_offset: float, seed: int, learning_rate: float,
    n_steps: int, output_scale: float, quadratic_strength: float, infinite_width: bool = False,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the train loss by step, and test loss and statistics after the last one, of the same network.

    ``infinite_width`` starts from the statistics of an infinitely wide one. ``lazy_loss`` is the train loss of the
    network with the kernel of its start.
    """
    data, weights = random_network(n_samples=n_samples, n_features=n_features, width=width, seed=seed,
                                   target_offset=target_offset)  # fmt: skip
    start = dict(mean_weight=np.zeros(n_features), second_moment=np.eye(n_features))
    start = start if infinite_width else statistics(weights)
    training: dict[str, Any] = dict(quadratic_strength=quadratic_strength, learning_rate=learning_rate, n_steps=n_steps)
    path = statistics_recursion(data.features, data.labels, output_scale=output_scale, **training, **start)
    test = test_loss_terms(
        path.mean_weight,
        path.second_moment,
        data.direction,
        output_scale=output_scale,
        quadratic_strength=quadratic_strength,
        target_offset=target_offset,
        initial_mean_weight=start["mean_weight"],
        initial_second_moment=start["second_moment"],
    )
    lazy = lazy_training_path(**vars(data), target_offset=target_offset, **training, **start)
    return dict(train_loss=path.train_loss, test_loss=np.array(test.total), mean_weight=path.mean_weight,
                second_moment=path.second_moment, lazy_loss=lazy.train_loss)  # fmt: skip
