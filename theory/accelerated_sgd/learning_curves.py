"""Learning curves of plain SGD on fresh mini-batches: exact losses, their sums, and the choice of step and batch.

The loss is E(y - x . w)^2, twice the risk plus the noise variance. From w_0 = 0 the second moments
c_i = E(w_i - w*_i)^2 in the eigenbasis of H obey c' = A c + (eta^2 sigma^2 / m) lambda, with the symmetric matrix

    A = diag((1 - eta lambda)^2 + p eta^2 lambda^2 / m) + r4 eta^2 / m lambda lambda^T,   p = r4 (kurtosis - 1) - 1,

for batches of m, noise variance sigma^2 and features x = R Lambda^{1/2} z with E z_i^4 = kurtosis, E R^4 = r4; the loss
is lambda . c + sigma^2. Gaussian features have p = r4 = 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import integer, number, require
from theory.accelerated_sgd._problem import Moments, read_coefficients, read_eigenvalues, read_moments
from theory.accelerated_sgd._recursion import (
    group_modes,
    initial_moments,
    injection,
    moment_curves,
    rates,
    require_finite,
)
from theory.accelerated_sgd.risk import risk_curve
from theory.accelerated_sgd.schemes import MomentumScheme, sgd_scheme
from theory.accelerated_sgd.stability import amplification

__all__ = [
    "BatchSizeSearch",
    "cumulative_lookahead_loss",
    "cumulative_loss",
    "isotropic_learning_curve",
    "isotropic_optimal_learning_rate",
    "learning_curve",
    "optimal_batch_size",
    "sgd_transition_matrix",
]


@dataclass(frozen=True)
class BatchSizeSearch:
    """The best batch size, and the final loss of every candidate in the order given."""

    batch_size: int
    losses: np.ndarray


def learning_curve(
    eigenvalues: Any,
    target_coefficients: Any,
    *,
    learning_rate: float,
    batch_size: float,
    n_steps: int,
    noise_variance: float = 0.0,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> np.ndarray:
    """Expected loss of one-pass SGD from w_0 = 0 after 0 .. n_steps steps, (n_steps + 1,).

    ``eigenvalues`` (d,) of the feature covariance; ``target_coefficients`` (d,) is w* in its eigenbasis. Each step is
    O(d). The loss includes ``noise_variance`` and has no factor 1/2.

    Nature: exact at every size, above the stability threshold too. Raises ``ValueError`` for bad input, and where a
    diverging run overflows. Source: arXiv 2106.02713, the theorem on Gaussian features (numbering unverified); its
    extension to other kurtosis and radial laws is a derivation of this project.
    """
    values = read_eigenvalues(eigenvalues)
    target = read_coefficients("target_coefficients", target_coefficients, values)
    noise = number("noise_variance", noise_variance, "[0, inf)")
    risk = risk_curve(
        values,
        target,
        sgd_scheme(learning_rate),
        n_steps=n_steps,
        noise_variance=noise,
        batch_size=batch_size,
        kurtosis=kurtosis,
        radial_fourth_moment=radial_fourth_moment,
    )
    return 2.0 * risk + noise


def sgd_transition_matrix(
    eigenvalues: Any,
    *,
    learning_rate: float,
    batch_size: float,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> np.ndarray:
    """Return the symmetric matrix A (d, d) that carries the second moments over one step of SGD.

    Nature: exact. Its largest eigenvalue is below 1 exactly where SGD is stable in mean square; an eigendecomposition
    gives the loss at any time. Raises ``ValueError`` for bad input. Source: as :func:`learning_curve`.
    """
    values = read_eigenvalues(eigenvalues)
    eta = number("learning_rate", learning_rate, "(0, inf)")
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    moved = eta * values
    matrix = moments.radial / moments.batch_size * np.outer(moved, moved)
    matrix[np.diag_indices_from(matrix)] += (1.0 - moved) ** 2 + moments.excess / moments.batch_size * moved**2
    return matrix


def cumulative_loss(
    eigenvalues: Any,
    target_coefficients: Any,
    *,
    learning_rate: float,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> float:
    """Return the noiseless loss of SGD summed over all steps t >= 0.

    Statement: sum_i (w*_i)^2 / (eta (2 - eta lambda_i (1 + p / m))) / (1 - l), l the stability trace.
    Nature: exact. Raises ``ValueError`` for bad input, and past the mean-square stability threshold l = 1.
    Source: a consequence, drawn in this project, of the recursion in arXiv 2106.02713.
    """
    values = read_eigenvalues(eigenvalues)
    target = read_coefficients("target_coefficients", target_coefficients, values)
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    return _summed_lookahead_loss(values, target, sgd_scheme(learning_rate), moments, "target_coefficients")


def cumulative_lookahead_loss(
    eigenvalues: Any,
    initial_error: Any,
    scheme: MomentumScheme,
    *,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> float:
    """Return the noiseless loss at the look-ahead iterate y_t of a momentum scheme, summed over all steps t >= 0.

    ``initial_error`` (d,) is w_0 - w*. Statement: sum_i lambda_i (w_0 - w*)_i^2 h_i / (1 - p x_i) / (1 - l), with x_i
    and l as in :func:`stability_trace` and, for a scheme (delta, c, q),

        h = [(1 - c)^2 (1 + c) + c lambda (2 q - (1 + c^2) delta)]
            / [lambda (q - c delta) (1 - c + c delta lambda) (2 (1 + c) - lambda (q + c delta))]

    the sum of the squared mean error of a mode from 1. For SGD it is :func:`cumulative_loss`; it sets the size of the
    noise-limited power law, :func:`power_law_asymptote`. Nature: exact. Raises ``ValueError`` for bad input, and past
    the mean-square stability threshold l = 1. Source: a result of this project.
    """
    values = read_eigenvalues(eigenvalues)
    error = read_coefficients("initial_error", initial_error, values)
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    return _summed_lookahead_loss(values, error, scheme, moments, "initial_error")


def _summed_lookahead_loss(
    values: np.ndarray, error: np.ndarray, scheme: MomentumScheme, moments: Moments, name: str
) -> float:
    factors, total = amplification(values, scheme, moments)
    delta, c, q = rates(scheme)
    top = (1.0 - c) ** 2 * (1.0 + c) + c * values * (2.0 * q - (1.0 + c**2) * delta)
    bottom = (q - c * delta) * (1.0 - c + c * delta * values) * (2.0 * (1.0 + c) - values * (q + c * delta))
    with np.errstate(over="ignore"):
        summed = total * float((error**2 * factors * top / bottom).sum())
    require(math.isfinite(summed), name, "array of infinite norm", "a finite sum of squares")
    return summed


def isotropic_learning_curve(
    n_features: int,
    *,
    learning_rate: float,
    batch_size: float,
    n_steps: int,
    target_norm_squared: float = 1.0,
    noise_variance: float = 0.0,
) -> np.ndarray:
    """Expected loss of SGD from w_0 = 0 with x ~ N(0, I_d) after 0 .. n_steps steps, (n_steps + 1,).

    Statement: |w*|^2 r^t + sigma^2 eta^2 (d / m) (1 - r^t) / (1 - r) + sigma^2 with d = ``n_features`` and
    r = (1 - eta)^2 + eta^2 (d + 1) / m. Nature: exact. Raises ``ValueError`` for bad input, and where a diverging run
    overflows. Source: arXiv 2106.02713, isotropic features.
    """
    d = integer("n_features", n_features, "[1, inf)")
    eta = number("learning_rate", learning_rate, "(0, inf)")
    m = number("batch_size", batch_size, "[1, inf]")
    count = integer("n_steps", n_steps, "[0, inf)")
    norm = number("target_norm_squared", target_norm_squared, "[0, inf)")
    noise = number("noise_variance", noise_variance, "[0, inf)")
    times = np.arange(count + 1.0)
    rate = (1.0 - eta) ** 2 + eta**2 * (d + 1) / m
    gap = eta * (2.0 - eta * (1.0 + (d + 1) / m))  # 1 - r without cancellation
    with np.errstate(over="ignore", invalid="ignore"):
        power = rate**times
        if abs(gap) > 0.5:
            elapsed = (1.0 - power) / gap
        else:
            elapsed = -np.expm1(times * np.log1p(-gap)) / gap if gap != 0.0 else times
        loss = norm * power + noise * (eta**2 * d / m * elapsed + 1.0)
    require_finite(loss, "n_steps", count, 0)
    return loss


def isotropic_optimal_learning_rate(n_features: int, *, batch_size: float) -> float:
    """Return m / (m + d + 1), the step at which the noiseless loss with x ~ N(0, I_d) falls fastest.

    There r = (d + 1) / (m + d + 1). At a fixed number C = t m of samples the loss r^(C / m) rises with m: a batch of
    one is best. The critical step is twice as long. Nature: exact. Raises ``ValueError`` for bad input.
    Source: arXiv 2106.02713, isotropic features.
    """
    d = integer("n_features", n_features, "[1, inf)")
    m = number("batch_size", batch_size, "[1, inf)")
    return m / (m + d + 1.0)


def optimal_batch_size(
    eigenvalues: Any,
    target_coefficients: Any,
    *,
    learning_rate: float,
    compute_budget: int,
    batch_sizes: Sequence[int],
    noise_variance: float = 0.0,
) -> BatchSizeSearch:
    """Return the batch size of least final loss when a budget of samples is spent at a fixed step.

    Each of ``batch_sizes`` m runs for ``compute_budget`` // m steps on Gaussian features, from w_0 = 0. The best batch
    grows with the step. On a tie the first candidate wins; the loss of a run that overflows is infinite.

    Nature: exact. Raises ``ValueError`` for bad input, and if every run overflows. Source: arXiv 2106.02713, batch size
    at fixed compute.
    """
    values = read_eigenvalues(eigenvalues)
    groups = group_modes(values, read_coefficients("target_coefficients", target_coefficients, values))
    scheme = sgd_scheme(learning_rate)
    budget = integer("compute_budget", compute_budget, "[1, inf)")
    require(len(batch_sizes) > 0, "batch_sizes", batch_sizes, "at least one batch size")
    sizes = [integer("batch_sizes", size, f"[1, {budget}]") for size in batch_sizes]
    noise = number("noise_variance", noise_variance, "[0, inf)")
    losses = np.empty(len(sizes))
    for i, size in enumerate(sizes):
        injected = injection(read_moments(size, 3.0, 1.0), noise, True)
        start = initial_moments(groups)
        curves = moment_curves(groups.eigenvalues, groups.counts, start, rates(scheme), injected, budget // size)
        losses[i] = curves[0, -1] + noise
    losses[np.isnan(losses)] = np.inf
    finite = bool(np.isfinite(losses).any())
    require(finite, "learning_rate", scheme.learning_rate, "a step at which some run stays finite")
    return BatchSizeSearch(sizes[int(losses.argmin())], losses)
