"""What a finite width adds to a loss: its spread and its mean shift, from derivatives in the initial statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from theory.grokking import statistics_recursion, test_loss_terms

STEP = 1e-3  # of the central differences: error and rounding of the second ones both near 1e-6


def width_fluctuations(
    *, features: Any, labels: Any, direction: Any, output_scale: float, quadratic_strength: float, **training: Any
) -> dict[str, np.ndarray]:
    """Return the train and test loss at infinite width and what N standard normal neurons add, (2,) each.

    The initial mean weight is z / sqrt(N), and the second moment I plus a symmetric matrix whose entries, uncorrelated
    with z and with each other, have variances 1 / N off and 2 / N on the diagonal. So the variance of a loss is
    ``variance`` / N and its mean ``limit`` + ``shift`` / N to leading order; ``mean_alone`` is the part of the variance
    that the mean weight makes.
    """
    d = len(direction)
    model = dict(output_scale=output_scale, quadratic_strength=quadratic_strength)

    def losses(mean: np.ndarray, moment: np.ndarray) -> np.ndarray:
        path = statistics_recursion(features, labels, mean_weight=mean, second_moment=moment, **model, **training)
        test = test_loss_terms(path.mean_weight, path.second_moment, direction, initial_mean_weight=mean,
                               initial_second_moment=moment, **model)  # fmt: skip
        return np.array([path.train_loss[-1], test.total])

    start = np.zeros(d), np.eye(d)
    limit = losses(*start)
    first, second = [], []
    for mean, moment in _directions(d):
        up, down = (losses(start[0] + h * mean, start[1] + h * moment) for h in (STEP, -STEP))
        first.append((up - down) / (2 * STEP))
        second.append((up + down - 2 * limit) / STEP**2)
    parts = np.array(first) ** 2
    return dict(
        limit=limit,
        variance=parts.sum(axis=0),
        shift=np.sum(second, axis=0) / 2,
        mean_alone=parts[:d].sum(axis=0),
    )


def _directions(d: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the directions in which mean weight and second moment fluctuate, with unit variance over N."""
    for i in range(d):
        yield np.eye(d)[i], np.zeros((d, d))
    for i in range(d):
        for j in range(i, d):
            moment = np.zeros((d, d))
            moment[i, j] = moment[j, i] = np.sqrt(2) if i == j else 1.0
            yield np.zeros(d), moment
