"""Errors of naive Bayes and of logistic regression on two Gaussian classes, and the samples that each needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy.linalg import blas, cho_factor, cho_solve, solve_triangular
from scipy.special import expit, ndtr

from assay.base import array, integer, number, require
from simulations._streams import spawn_streams

__all__ = [
    "logistic_sample_complexity",
    "naive_bayes_sample_complexity",
    "simulate_logistic_errors",
    "simulate_naive_bayes_errors",
]

_TRIALS_PER_STREAM = 64
_MAX_NEWTON_STEPS = 100
_MOST_SAMPLES = 2**20


def simulate_naive_bayes_errors(
    gaps: ArrayLike, *, n_samples: int, n_trials: int, seed: int | np.random.SeedSequence
) -> np.ndarray:
    """Exact test error of Gaussian naive Bayes trained on ``n_samples`` points, for every trial: (n_trials,).

    Two equally likely classes with independent normal features; gaps: (n_features,), the distances of the class means
    in standard deviations. Trained are class means from ``n_samples / 2`` points each and pooled maximum-likelihood
    variances, with equal priors. Sampled are these sufficient statistics instead of the data: the weight of feature j
    is ``(gap_j + 2 g / sqrt(m)) / v``, with g normal and ``m v`` chi-square of m - 2 degrees, and the threshold is off
    by a normal variable of variance 1 / m in units of the projected deviation. Cost: O(n_features) per trial. Every 64
    trials have a stream of their own.

    Source: Zheng et al., "Revisiting Discriminative vs. Generative Classifiers: Theory and Implications", arXiv
    2302.02334. Raises ``ValueError`` for gaps that are not numbers or an ``n_samples`` that is odd or below 4.
    """
    gaps = array("gaps", gaps, shape=(None,))
    n_samples = _even_samples(n_samples)
    streams = spawn_streams(seed, n_trials, block=_TRIALS_PER_STREAM)
    arguments = np.empty((int(n_trials), 2))
    for block, rng in enumerate(streams):
        _naive_bayes_trials(
            rng, gaps, n_samples, arguments[block * _TRIALS_PER_STREAM : (block + 1) * _TRIALS_PER_STREAM]
        )
    return ndtr(-arguments).mean(axis=1)


def simulate_logistic_errors(
    n_features: int,
    *,
    n_samples: int,
    mean_scale: float = 1.0,
    ridge: float = 1.0,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Exact test error of ridge logistic regression trained on ``n_samples`` points, for every trial: (n_trials,).

    The class means are ``+-mean_scale`` in every feature; the first ``n_features // 2`` features have variance
    ``n_features``, the others 1. Half of the points belong to each class. Minimised is
    ``ridge |w|^2 / 2 + sum_i log(1 + exp(-y_i (w x_i + b)))`` with a free intercept b. Every trial has a stream of its
    own, and its first points are the same for every ``n_samples``.

    Cost: min(n_samples, n_features)^2 max(n_samples, n_features) flops for each of about eight Newton steps. Source:
    the simulation of Zheng et al., "Revisiting Discriminative vs. Generative Classifiers: Theory and Implications",
    arXiv 2302.02334. Raises ``ValueError`` for ``n_features < 1``, an ``n_samples`` that is odd or below 2, or a
    ``mean_scale`` or ``ridge`` that is not positive, and ``RuntimeError`` where Newton's method does not converge.
    """
    n_features = integer("n_features", n_features, "[1, inf)")
    n_samples = _even_samples(n_samples, least=2)
    mean_scale = number("mean_scale", mean_scale, "(0, inf)")
    ridge = number("ridge", ridge, "(0, inf)")
    deviations = np.ones(n_features)
    deviations[: n_features // 2] = np.sqrt(n_features)
    labels = np.resize([1.0, -1.0], n_samples)
    streams = spawn_streams(seed, n_trials)
    errors = np.empty(len(streams))
    for trial, rng in enumerate(streams):
        data = rng.standard_normal((n_samples, n_features)) * deviations + mean_scale * labels[:, None]
        weights, bias = _fit(data, labels, ridge)
        centre, spread = mean_scale * weights.sum(), np.linalg.norm(weights * deviations)
        errors[trial] = 0.5 * (ndtr(-(centre + bias) / spread) + ndtr(-(centre - bias) / spread))
    return errors


def naive_bayes_sample_complexity(
    n_features: int,
    *,
    excess_error: float = 0.01,
    mean_scale: float = 1.0,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> int:
    """Least even number of samples, from 4, at which the mean error of naive Bayes is within ``excess_error`` of Bayes.

    Same classes as in ``simulate_logistic_errors``; the mean is over ``n_trials`` trials of
    ``simulate_naive_bayes_errors``. Doubling, then bisection, with the same streams at every number of samples, so that
    the errors that are compared share most of their noise. Raises ``ValueError`` for an ``n_features`` below 1 or an
    ``excess_error`` or ``mean_scale`` that is not positive, and ``RuntimeError`` where a million samples are too few.
    """
    gaps, threshold = _target(n_features, mean_scale, excess_error)

    def mean_error(n_samples: int) -> float:
        return float(simulate_naive_bayes_errors(gaps, n_samples=n_samples, n_trials=n_trials, seed=seed).mean())

    return _least_even(mean_error, threshold, least=4)


def logistic_sample_complexity(
    n_features: int,
    *,
    excess_error: float = 0.01,
    mean_scale: float = 1.0,
    ridge: float = 1.0,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> int:
    """Least even number of samples at which the mean error of ridge logistic regression is within ``excess_error``.

    As ``naive_bayes_sample_complexity``, over ``n_trials`` trials of ``simulate_logistic_errors``, whose samples are
    nested. Raises ``ValueError`` and ``RuntimeError`` as these two do.
    """
    _, threshold = _target(n_features, mean_scale, excess_error)

    def mean_error(n_samples: int) -> float:
        errors = simulate_logistic_errors(
            n_features, n_samples=n_samples, mean_scale=mean_scale, ridge=ridge, n_trials=n_trials, seed=seed
        )
        return float(errors.mean())

    return _least_even(mean_error, threshold, least=2)


def _even_samples(n_samples: int, *, least: int = 4) -> int:
    n_samples = integer("n_samples", n_samples, f"[{least}, inf)")
    require(n_samples % 2 == 0, "n_samples", n_samples, "an even number, half of it for each class")
    return n_samples


def _target(n_features: int, mean_scale: float, excess_error: float) -> tuple[np.ndarray, float]:
    """Return the gaps of the features in standard deviations, and the Bayes error plus the excess."""
    n_features = integer("n_features", n_features, "[1, inf)")
    gaps = np.full(n_features, 2.0 * number("mean_scale", mean_scale, "(0, inf)"))
    gaps[: n_features // 2] /= np.sqrt(n_features)
    excess_error = number("excess_error", excess_error, "(0, 0.5)")
    return gaps, float(ndtr(-0.5 * np.linalg.norm(gaps))) + excess_error


def _least_even(mean_error: Callable[[int], float], threshold: float, *, least: int) -> int:
    """Return the least even number from ``least`` on with an error below the threshold, assuming that it decreases."""
    enough, too_few = least, least - 2
    while mean_error(enough) > threshold:
        enough, too_few = 2 * enough, enough
        if enough > _MOST_SAMPLES:
            raise RuntimeError(f"mean error above {threshold:.4g} even with {too_few} samples")
    while enough - too_few > 2:
        middle = 2 * ((enough + too_few) // 4)
        if mean_error(middle) > threshold:
            too_few = middle
        else:
            enough = middle
    return enough


@njit(cache=True, nogil=True, error_model="numpy")
def _naive_bayes_trials(rng, gaps, n_samples, arguments):
    """Write for every trial the two numbers whose upper normal tails are the errors of the classes."""
    noise, freedom = 2.0 / np.sqrt(n_samples), 0.5 * (n_samples - 2)
    for trial in range(arguments.shape[0]):
        aligned, squared = 0.0, 0.0
        for j in range(gaps.size):
            # The scale of the variances, 2 / m, cancels in the direction of the weights.
            weight = (gaps[j] + noise * rng.standard_normal()) / rng.standard_gamma(freedom)
            aligned += weight * gaps[j]
            squared += weight * weight
        centre, shift = 0.5 * aligned / np.sqrt(squared), rng.standard_normal() / np.sqrt(n_samples)
        arguments[trial, 0], arguments[trial, 1] = centre + shift, centre - shift


def _fit(data: np.ndarray, labels: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Minimise the penalised logistic loss; return weights, (n_features,), and intercept."""
    n_samples, n_features = data.shape
    if n_samples >= n_features:
        return _newton(data, labels, ridge)
    # The weights lie in the span of the points: with L L' = X X', w = X' L'^-1 v has |w| = |v| and X w = L v.
    factor = np.linalg.cholesky(data @ data.T)
    coordinates, bias = _newton(factor, labels, ridge)
    return data.T @ solve_triangular(factor, coordinates, lower=True, trans=1, check_finite=False), bias


def _newton(features: np.ndarray, labels: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Newton's method with the intercept as a last coordinate without penalty."""
    signed = np.empty((features.shape[0], features.shape[1] + 1), order="F")
    signed[:, :-1], signed[:, -1] = labels[:, None] * features, labels
    penalty = np.full(signed.shape[1], ridge)
    penalty[-1] = 0.0
    solution, margins = np.zeros(signed.shape[1]), np.zeros(len(labels))
    objective = _objective(margins, solution, penalty)
    for _ in range(_MAX_NEWTON_STEPS):
        share = expit(-margins)
        gradient = penalty * solution - signed.T @ share
        weighted = np.sqrt(share * (1.0 - share))[:, None] * signed
        hessian = blas.dsyrk(1.0, weighted, trans=1, lower=1)
        hessian[np.diag_indices_from(hessian)] += penalty
        step = cho_solve(cho_factor(hessian, lower=True, overwrite_a=True, check_finite=False), -gradient)
        decrement = -float(gradient @ step)
        # Newton's method converges quadratically: a full step from here leaves an error of rounding.
        if decrement <= 1e-12 * objective:
            return solution[:-1] + step[:-1], float(solution[-1] + step[-1])
        margin_step, length = signed @ step, 1.0
        trial = _objective(margins + margin_step, solution + step, penalty)
        while trial > objective - 1e-4 * length * decrement:
            length /= 2.0
            trial = _objective(margins + length * margin_step, solution + length * step, penalty)
        # Margins of separable classes grow by about 1 in a step of Newton's method, and longer steps are cheap to try.
        while (
            further := _objective(margins + 2.0 * length * margin_step, solution + 2.0 * length * step, penalty)
        ) < trial:
            length, trial = 2.0 * length, further
        solution, margins, objective = solution + length * step, margins + length * margin_step, trial
    raise RuntimeError(f"logistic regression did not converge in {_MAX_NEWTON_STEPS} Newton steps (ridge = {ridge})")


def _objective(margins: np.ndarray, solution: np.ndarray, penalty: np.ndarray) -> float:
    return float(np.logaddexp(0.0, -margins).sum() + 0.5 * (penalty * solution) @ solution)
