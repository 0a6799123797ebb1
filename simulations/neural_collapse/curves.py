"""Training curves of the squared loss: the approach to collapse under momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, number, require
from simulations._streams import spawn_streams
from simulations.neural_collapse._chain import loss_and_gradient, workspace
from simulations.neural_collapse._descent import heavy_ball
from simulations.neural_collapse._model import checked_problem, factors, finite_loss, random_start, read_classes
from simulations.neural_collapse.training import MOMENTUM

__all__ = ["MseCurves", "simulate_mse_curves"]

_RANK_CUTOFF = 1e-10  # of eigenvalues, relative to the largest


@dataclass(frozen=True)
class MseCurves:
    """Training curves of T trials at R recorded steps: loss to classifier_gram as in ``MseTraining``, (T, R, ...).

    within, between (T, R): traces of the covariance Sigma_W of the features within classes, a mean over samples, and of
    that of the class means around the mean of all samples, Sigma_B, a mean over classes. nc1 (T, R): trace of Sigma_W
    times the pseudo-inverse of Sigma_B, divided by K; eigenvalues below 1e-10 of the largest count as zero.
    """

    loss: np.ndarray
    bias: np.ndarray
    end_to_end: np.ndarray
    class_mean_gram: np.ndarray
    classifier_gram: np.ndarray
    nc1: np.ndarray
    within: np.ndarray
    between: np.ndarray


def simulate_mse_curves(
    class_sizes: ArrayLike,
    *,
    weight_ridges: ArrayLike,
    feature_ridge: float,
    width: int | Sequence[int],
    record_steps: ArrayLike,
    bias: bool = False,
    bias_ridge: float = 0.0,
    reduced: bool = False,
    learning_rate: float = 0.1,
    init_scale: float = 1.0,
    n_trials: int = 1,
    seed: int | np.random.SeedSequence = 0,
) -> MseCurves:
    """Record the geometry along the training by momentum of ``simulate_mse_training``, after each of record_steps.

    record_steps: (R,) strictly increasing whole numbers, 0 is the start. Every sample has a feature of its own unless
    ``reduced``. The same arguments and seed give the trials of ``simulate_mse_training`` with method "momentum".

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` where training diverges.
    """
    sizes, chain = checked_problem(class_sizes, weight_ridges, feature_ridge, width, bias, bias_ridge, reduced)
    steps = array("record_steps", record_steps, "[0, inf)", shape=(None,))
    increasing = np.all(steps == np.floor(steps)) and np.all(np.diff(steps) > 0)
    require(bool(increasing), "record_steps", record_steps, "strictly increasing whole numbers")
    learning_rate = number("learning_rate", learning_rate, "(0, inf)")
    init_scale = number("init_scale", init_scale, "(0, inf)")
    space = workspace(chain)
    records = []
    for rng in spawn_streams(seed, n_trials):
        parameters, _ = random_start(chain, rng, sizes, init_scale)
        velocity = np.zeros_like(parameters)
        for n_more in np.diff(steps, prepend=0.0).astype(int):
            heavy_ball(chain, parameters, velocity, space, learning_rate, MOMENTUM, np.empty((n_more, 0)))
            loss = finite_loss(loss_and_gradient(chain, parameters, np.empty_like(parameters), space), learning_rate)
            rows, *weights, offset = factors(chain, parameters)
            records.append((loss, offset.copy(), *_record(sizes, weights, rows)))
    shape = (-1, len(steps))
    return MseCurves(*(np.reshape(field, (*shape, *np.shape(field)[1:])) for field in zip(*records, strict=True)))


def _record(sizes: np.ndarray, weights: list[np.ndarray], rows: np.ndarray) -> tuple[np.ndarray | float, ...]:
    """Return the fields of ``MseCurves`` after the bias, in order, at one step."""
    n_classes, n_samples = len(sizes), sizes.sum()
    means, deviations = rows[:n_classes] / np.sqrt(sizes)[:, None], rows[n_classes:]
    readout = read_classes(weights, means)
    centred = means - sizes @ means / n_samples
    _, spread, directions = np.linalg.svd(centred / np.sqrt(n_classes), full_matrices=False)
    kept = spread**2 > _RANK_CUTOFF * spread[0] ** 2
    whitened = deviations @ directions[kept].T / spread[kept]
    return (
        readout.end_to_end,
        readout.feature_grams[0],
        readout.product_grams[0],
        np.sum(whitened**2) / (n_samples * n_classes),
        np.sum(deviations**2) / n_samples,
        np.sum(spread**2),
    )
