"""SGD for linear regression on finitely many data points, drawn with replacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require
from simulations.accelerated_sgd._input import checked_records, finite, run_blocks

__all__ = ["DiscreteFeatureSamples", "simulate_discrete_feature_loss"]

# The weights recorded by a call to the kernel, and their residuals, are about this many numbers, to stay in the cache.
_CHUNK_NUMBERS = 2**16


@dataclass(frozen=True)
class DiscreteFeatureSamples:
    """Squared errors of every trial, without a factor of one half: (n_trials, n_records) each.

    ``train_loss`` averages over the data points, ``test_loss`` over the test law; it is None where none was given.
    """

    train_loss: np.ndarray
    test_loss: np.ndarray | None


def simulate_discrete_feature_loss(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    learning_rate: float,
    batch_size: int,
    record_steps: ArrayLike,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    probabilities: ArrayLike | None = None,
    test_covariance: ArrayLike | None = None,
    true_weights: ArrayLike | None = None,
    test_noise_variance: float = 0.0,
    initial_weights: ArrayLike | None = None,
) -> DiscreteFeatureSamples:
    """Train and test loss of SGD on points (x_j, y_j) drawn with probability pi_j, independently at every step.

    A step draws m points and moves w by ``-learning_rate`` times the mean of ``x_j (x_j.w - y_j)`` over them. Recorded
    after each of record_steps steps: the train loss ``sum_j pi_j (x_j.w - y_j)^2`` and, given a test law, the test loss
    ``(w - w*)' Sigma (w - w*) + test_noise_variance``.

    features: x, (M, d). targets: y, (M,). probabilities: pi, (M,), 1/M by default, which is a training set sampled with
    replacement. test_covariance: Sigma, (d, d), symmetric without negative eigenvalues, and true_weights: w*, (d,),
    come together or not at all. initial_weights: (d,), zero by default. record_steps: strictly increasing, 0 is the
    start. Cost per trial: O(m d) a step, O((M + d) d) a record.

    Source: Bordelon and Pehlevan, "Learning Curves for SGD on Structured Features", arXiv 2106.02713.

    Raises ``ValueError`` for arrays of unfit shapes, probabilities that are negative or do not sum to 1, a test law
    given by half, a covariance that is none, a learning rate that is not positive, negative noise, steps that do not
    increase, counts below 1, and for a run that overflows because it diverges.
    """
    features = array("features", features, shape=(None, None))
    targets = array("targets", targets, shape=(len(features),))
    learning_rate = number("learning_rate", learning_rate, "(0, inf)")
    batch_size = integer("batch_size", batch_size, "[1, inf)")
    record_steps = checked_records("record_steps", record_steps, 0)
    probabilities = _checked_probabilities(probabilities, len(features))
    test_law = _checked_test_law(test_covariance, true_weights, features.shape[1])
    test_noise_variance = number("test_noise_variance", test_noise_variance, "[0, inf)")
    if initial_weights is None:
        initial_weights = np.zeros(features.shape[1])
    start = array("initial_weights", initial_weights, shape=(features.shape[1],))
    n_trials = integer("n_trials", n_trials, "[1, inf)")

    drawn = probabilities > 0.0
    data = _Data(features[drawn], targets[drawn], probabilities[drawn])
    run = (learning_rate, batch_size, start, record_steps)
    losses = run_blocks(_fill_losses, np.empty((n_trials, 2, len(record_steps))), seed, data, test_law, run)
    train_loss, test_loss = finite(losses, "learning_rate", learning_rate).transpose(1, 0, 2)
    return DiscreteFeatureSamples(train_loss, None if test_law is None else test_loss + test_noise_variance)


class _Data(NamedTuple):
    """Data points of positive probability: (M, d), (M,), (M,)."""

    features: np.ndarray
    targets: np.ndarray
    probabilities: np.ndarray


def _fill_losses(
    rng: np.random.Generator,
    data: _Data,
    test_law: tuple[np.ndarray, np.ndarray] | None,
    run: tuple[float, int, np.ndarray, np.ndarray],
    losses: np.ndarray,
) -> None:
    """Fill ``losses``, (n_trials, 2, n_records), with train and test losses; the compiled part ends at the weights."""
    *_, start, record_steps = run
    table = _inversion_table(data.probabilities)
    chunk = max(1, _CHUNK_NUMBERS // (len(record_steps) * (len(data.targets) + len(start))))
    for first in range(0, len(losses), chunk):
        part = losses[first : first + chunk]
        weights = np.empty((len(part), len(record_steps), len(start)))
        _fill_weights(rng, data.features, data.targets, table, run, weights)
        points = weights.reshape(-1, len(start))
        with np.errstate(over="ignore", invalid="ignore"):
            residuals = points @ data.features.T - data.targets
            part[:, 0] = (residuals**2 @ data.probabilities).reshape(len(part), -1)
            part[:, 1] = 0.0
            if test_law is not None:
                covariance, true_weights = test_law
                errors = points - true_weights
                part[:, 1] = np.einsum("pi,pi->p", errors @ covariance, errors).reshape(len(part), -1)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _fill_weights(rng, features, targets, table, run, weights):
    """Fill ``weights``, (n_trials, n_records, d), with the weights after each number of steps."""
    learning_rate, batch_size, start, record_steps = run
    now, gradient = np.empty_like(start), np.empty_like(start)
    for trial in range(len(weights)):
        now[:] = start
        step = 0
        for record in range(len(record_steps)):
            while step < record_steps[record]:
                gradient[:] = 0.0
                for _ in range(batch_size):
                    point = _draw(rng, table)
                    residual = -targets[point]
                    for i in range(len(now)):
                        residual += features[point, i] * now[i]
                    for i in range(len(now)):
                        gradient[i] += residual * features[point, i]
                for i in range(len(now)):
                    now[i] -= learning_rate / batch_size * gradient[i]
                step += 1
            weights[trial, record] = now


@njit(cache=True, nogil=True)
def _draw(rng, table):
    """Draw an index by inverting the cumulative sums, searched from where the guide says the cell begins."""
    cumulative, guide = table
    uniform = rng.random()
    index = guide[int(uniform * len(guide))]
    while uniform >= cumulative[index]:
        index += 1
    return index


def _inversion_table(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cumulative sums, (M,), and the first index that each of M equal cells of [0, 1) can have, (M,)."""
    cumulative = np.cumsum(probabilities)
    cumulative /= cumulative[-1]
    cells = np.arange(len(probabilities)) / len(probabilities)
    return cumulative, np.searchsorted(cumulative, cells, side="right")


def _checked_probabilities(probabilities: ArrayLike | None, n_points: int) -> np.ndarray:
    """Return the probability of each data point."""
    if probabilities is None:
        return np.full(n_points, 1.0 / n_points)
    values = array("probabilities", probabilities, "[0, 1]", shape=(n_points,))
    total = float(values.sum())
    require(abs(total - 1.0) <= 1e-9, "probabilities", f"array of sum {total}", "probabilities that sum to 1")
    return values / total


def _checked_test_law(
    covariance: ArrayLike | None, true_weights: ArrayLike | None, n_features: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (Sigma, w*), or None where neither is given."""
    together = (covariance is None) == (true_weights is None)
    require(together, "test_covariance", covariance, "to be given if and only if true_weights is")
    if covariance is None:
        return None
    matrix = array("test_covariance", covariance, shape=(n_features, n_features))
    scale = float(np.abs(matrix).max())
    symmetric = bool(np.all(np.abs(matrix - matrix.T) <= 1e-10 * scale))
    require(symmetric, "test_covariance", covariance, "a symmetric matrix")
    least = float(np.linalg.eigvalsh(matrix)[0])
    require(least >= -1e-10 * scale * n_features, "test_covariance", covariance, "no negative eigenvalues")
    return matrix, array("true_weights", true_weights, shape=(n_features,))
