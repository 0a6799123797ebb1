"""Networks of infinite width trained on random data sets, and statistics of the data whose mean is known.

Losses on a data set of n = delta d samples scatter by some d^(-1/2), mostly because of the largest labels of the set.
Four statistics of the data explain nearly all of it early in training, and half of it late; their means are known
exactly, so that regression on them leaves the mean of the losses as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.grokking import sample_polynomial_regression, train_statistics


def train_data_sets(
    *, n_features: int, sample_ratio: float, initial_alignment: float, target_offset: float, n_steps: int,
    n_trials: int, seed: np.random.SeedSequence, steps: tuple[int, ...] | None = None, **training: Any,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return what networks have learnt before each of ``steps``, by default all: one random data set to a trial.

    Losses, overlap e'Me / d and trace tr M / d (n_trials, n_steps), test_terms (n_trials, n_steps, 3), and controls
    (n_trials, 4): statistics of the data, of mean zero.
    """
    n_samples = round(sample_ratio * n_features)
    chosen = list(range(n_steps + 1) if steps is None else steps)
    moment = np.eye(n_features)
    moment[0, 0] = n_features * initial_alignment  # the direction is the first axis
    trials: list[tuple[np.ndarray, ...]] = []
    for child in seed.spawn(n_trials):
        data = sample_polynomial_regression(n_samples, n_features, target_offset=target_offset, seed=child)
        path = train_statistics(**vars(data), second_moment=moment, target_offset=target_offset, n_steps=n_steps,
                                **training)  # fmt: skip
        terms = path.test_terms[chosen]
        curves = path.train_loss[chosen], terms.sum(axis=1), terms, path.overlap[chosen] / n_features
        trials.append((*curves, path.trace[chosen], _controls(data.features, data.labels, target_offset)))
    names = "train_loss", "test_loss", "test_terms", "overlap", "trace", "controls"
    return {name: np.array(values) for name, values in zip(names, zip(*trials, strict=True), strict=True)}


def without_controls(losses: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Return the losses (n_trials, ...) less their regression on the controls."""
    centred = controls - controls.mean(axis=0)
    flat = losses.reshape(len(losses), -1)
    coefficients, *_ = np.linalg.lstsq(centred, flat - flat.mean(axis=0), rcond=None)
    return losses - (controls @ coefficients).reshape(losses.shape)


def _controls(features: np.ndarray, labels: np.ndarray, offset: float) -> np.ndarray:
    """Return the means of u^2 and u^4, the squared mean of y^2 and the length of mean y x, less their expectations."""
    n, d = features.shape
    squares = d * features[:, 0] ** 2
    label_square = _label_moment(2, 0, offset)
    square_of_mean = label_square**2 + (_label_moment(4, 0, offset) - label_square**2) / n
    pull = features.T @ labels
    pull_square = n * (_label_moment(2, 2, offset) + (d - 1) * label_square) / d
    return np.array([
        np.mean(squares) - 1.0,
        np.mean(squares**2) - 3.0,
        np.mean(labels**2) ** 2 - square_of_mean,
        (pull @ pull - pull_square) / n,
    ])  # fmt: skip


def _label_moment(power: int, extra: int, offset: float) -> float:
    """Return E y^power u^extra for y = (u^2 - offset) / 2 and a standard normal u."""
    polynomial = np.polynomial.Polynomial([-0.5 * offset, 0.0, 0.5]) ** power
    moments = [float(np.prod(np.arange(k - 1 + extra, 0, -2))) if (k + extra) % 2 == 0 else 0.0
               for k in range(2 * power + 1)]  # fmt: skip
    return float(polynomial.coef @ moments)
