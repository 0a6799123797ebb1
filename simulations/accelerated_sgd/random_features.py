"""One-pass SGD with momentum on linear random features of a Gaussian population, sample by sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer
from simulations.accelerated_sgd._input import (
    STREAM_BLOCK,
    Scheme,
    checked_records,
    checked_scheme,
    finite,
    run_blocks,
)

__all__ = ["simulate_random_feature_risk"]


def simulate_random_feature_risk(
    population_eigenvalues: ArrayLike,
    population_target: ArrayLike,
    projection: ArrayLike,
    scheme: Scheme,
    *,
    record_steps: ArrayLike,
    batch_size: int = 1,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Risk of the weights after each of ``record_steps`` steps from zero weights: (n_trials, n_records).

    Model: x ~ N(0, D), D = diag(population_eigenvalues), (v,); labels ``b.x`` without noise, b = population_target,
    (v,); features ``W^T x``, W = projection, (v, d), the same in every trial. m = batch_size fresh samples a step,
    squared loss with its half, and the scheme of ``simulate_risk_curve``. The risk is ``E (b.x - w.W^T x)^2 / 2``,
    what no weights can explain included. Costs ``m v d`` a step.

    Raises ``ValueError`` for eigenvalues that are not positive, arrays of another shape, a scheme, steps or counts that
    ``simulate_risk_curve`` refuses, and for a run that overflows because the scheme diverges.
    """
    eigenvalues = array("population_eigenvalues", population_eigenvalues, "(0, inf)", shape=(None,))
    target = array("population_target", population_target, shape=eigenvalues.shape)
    weights = array("projection", projection, shape=(len(eigenvalues), None))
    record_steps = checked_records("record_steps", record_steps, 0)
    batch_size = integer("batch_size", batch_size, "[1, inf)")
    risks = np.empty((integer("n_trials", n_trials, "[1, inf)"), len(record_steps)))
    scale = np.sqrt(eigenvalues)
    problem = scale[:, np.newaxis] * weights, scale * target
    with np.errstate(over="ignore", invalid="ignore"):
        samples = run_blocks(_fill_risk, risks, seed, *problem, checked_scheme(scheme), batch_size, record_steps)
    return finite(samples, "scheme", scheme)


def _fill_risk(
    rng: np.random.Generator,
    weights: np.ndarray,
    target: np.ndarray,
    scheme: tuple[float, float, float],
    batch_size: int,
    record_steps: np.ndarray,
    risks: np.ndarray,
) -> None:
    """Fill ``risks``, (n_trials, n_records), all trials side by side; z = D^(-1/2) x, and W and b in its terms."""
    learning_rate, momentum, lookahead_learning_rate = scheme
    iterate = lookahead = np.zeros((len(risks), weights.shape[1]))
    step = 0
    for record, stop in enumerate(record_steps):
        while step < stop:
            # Drawn for a whole block, so that a trial does not depend on how many follow it.
            samples = rng.standard_normal((STREAM_BLOCK, batch_size, len(target)))[: len(risks)]
            features = samples @ weights
            residuals = np.einsum("tmd,td->tm", features, lookahead) - samples @ target
            gradient = np.einsum("tm,tmd->td", residuals, features) / batch_size
            iterate, lookahead = (
                lookahead - learning_rate * gradient,
                (1.0 + momentum) * lookahead - momentum * iterate - lookahead_learning_rate * gradient,
            )
            step += 1
        risks[:, record] = 0.5 * ((iterate @ weights.T - target) ** 2).sum(axis=1)
