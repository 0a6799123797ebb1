"""Gradient descent of the quadratic network on its weights, N of them: what the recursion of statistics stands for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulations.grokking._model import Model, require_finite
from simulations.grokking._recursion import population_loss_terms

__all__ = ["descend_weights"]


def descend_weights(
    features: np.ndarray, labels: np.ndarray, direction: np.ndarray, weights: np.ndarray, model: Model
) -> Iterator[tuple[float, float]]:
    """Yield the training and population loss at steps 0 .. n_steps, and leave the weights (N, d) where training ends.

    Cost of a step: 4 n N d flops for the step and 2 N d^2 for the population loss.
    """
    (n_samples, n_features), width = features.shape, len(weights)
    scale, strength = model.output_scale, model.quadratic_strength
    gain = 2.0 * model.learning_rate * n_features / (n_samples * scale)
    initial_mean, initial_moment = np.zeros(n_features), np.zeros((n_features, n_features))
    targets = labels
    for step in range(model.n_steps + 1):
        mean, moment = weights.mean(axis=0), weights.T @ weights / width
        if step == 0 and model.center_output:
            initial_mean, initial_moment = mean, moment
        *terms, _, _ = population_loss_terms(
            mean, moment, initial_mean, initial_moment, direction, scale, strength, model.target_offset
        )
        hidden = features @ weights.T
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = scale * np.mean(hidden + 0.5 * strength * hidden**2, axis=1)
            if step == 0 and model.center_output:
                targets = labels + outputs
            pulls = outputs - targets
            train_loss, test_loss = float(pulls @ pulls) / n_samples, sum(terms)
        require_finite(train_loss + test_loss, model.learning_rate, step)
        yield train_loss, test_loss
        if step < model.n_steps:
            weights -= gain * (pulls[:, None] * (1.0 + strength * hidden)).T @ features
