"""Fixed training sets, and two other routes to the losses of SGD on them: enumeration, and the Gaussian closure."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def training_set(n_samples: int, n_features: int, label_noise: float, seed: int) -> dict[str, Any]:
    """Return a training set of standard normal features and its test law, the arguments that both sides share."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n_samples, n_features))
    weights = rng.standard_normal(n_features) / np.sqrt(n_features)
    targets = features @ weights + label_noise * rng.standard_normal(n_samples)
    return dict(features=features, targets=targets, true_weights=weights, test_covariance=np.eye(n_features),
                test_noise_variance=label_noise**2)  # fmt: skip


def gaussian_closure(features: np.ndarray, targets: np.ndarray, true_weights: np.ndarray, test_covariance: np.ndarray,
                     test_noise_variance: float, *, learning_rate: float, batch_size: int,
                     n_steps: int) -> dict[str, np.ndarray]:  # fmt: skip
    """Return train and test losses as if batches were Gaussian with the covariance of the training set.

    With w+ the least-squares solution, S the covariance and rho^2 the mean squared residual of w+, the moments
    D = E (w - w+)(w - w+)^T gain (eta^2 / m) (S D S + (tr S D + rho^2) S) by sampling noise.
    """
    covariance = features.T @ features / len(targets)
    solution = np.linalg.pinv(features) @ targets
    residual = float(np.mean((targets - features @ solution) ** 2))
    offset = solution - true_weights
    mean, moments = -solution, np.outer(solution, solution)
    train, test = np.empty(n_steps + 1), np.empty(n_steps + 1)
    contraction = np.eye(len(solution)) - learning_rate * covariance
    for step in range(n_steps + 1):
        train[step] = np.vdot(covariance, moments) + residual
        test[step] = np.vdot(test_covariance, moments) + offset @ test_covariance @ (offset + 2 * mean)
        noise = covariance @ moments @ covariance + train[step] * covariance
        moments = contraction @ moments @ contraction + learning_rate**2 / batch_size * noise
        mean = contraction @ mean
    return dict(train_loss=train, test_loss=test + test_noise_variance)


def enumerated_losses(features: np.ndarray, targets: np.ndarray, true_weights: np.ndarray, test_covariance: np.ndarray,
                      test_noise_variance: float, *, learning_rate: float, batch_size: int,
                      n_steps: int) -> dict[str, np.ndarray]:  # fmt: skip
    """Return expected train and test losses after ``n_steps`` steps as the mean over all sequences of batches."""
    batches = list(itertools.product(range(len(targets)), repeat=batch_size))
    weights = np.zeros((1, features.shape[1]))
    for _ in range(n_steps):
        moved = []
        for batch in batches:
            rows = features[list(batch)]
            residuals = weights @ rows.T - targets[list(batch)]
            moved.append(weights - learning_rate / batch_size * residuals @ rows)
        weights = np.concatenate(moved)
    train = ((weights @ features.T - targets) ** 2).mean()
    errors = weights - true_weights
    test = np.einsum("ni,ij,nj->n", errors, test_covariance, errors).mean() + test_noise_variance
    return dict(train_loss=np.array(train), test_loss=np.array(test))
