"""One-pass SGD with momentum for linear regression: risk of the last iterate and of tail averages, trial by trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, choice, integer, number, require
from simulations.accelerated_sgd._gradients import FEATURE_LAWS
from simulations.accelerated_sgd._input import (
    Scheme,
    checked_eigenvalues,
    checked_records,
    checked_scheme,
    finite,
    run_blocks,
)
from simulations.accelerated_sgd._kernels import SAMPLERS, Process, fill_risk, fill_tail_average_risk

__all__ = ["simulate_risk_curve", "simulate_tail_average_risk"]


def simulate_risk_curve(
    eigenvalues: ArrayLike,
    initial_error: ArrayLike,
    scheme: Scheme,
    *,
    record_steps: ArrayLike,
    noise_variance: float = 0.0,
    batch_size: int = 1,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    feature_law: str = "gaussian",
    radial_spread: float = 0.0,
    sampler: str = "auto",
) -> np.ndarray:
    """Risk of the last iterate after each of ``record_steps`` steps: (n_trials, n_records).

    Model: features ``x_i = R sqrt(lambda_i) z_i`` with independent z_i of mean 0 and variance 1, labels
    ``x.w* + noise`` with normal noise, m fresh samples a step, squared loss with its half. From ``y_0 = w_0``, with g
    the mini-batch gradient at y_t, ``w_{t+1} = y_t - learning_rate g`` and
    ``y_{t+1} = (1 + momentum) y_t - momentum w_t - lookahead_learning_rate g``. The risk is
    ``sum_i lambda_i (w_i - w*_i)^2 / 2``, half the excess of the squared error over the noise.

    eigenvalues: lambda, (d,), in any order. initial_error: w_0 - w*, (d,). scheme: any object with the attributes
    learning_rate, momentum and lookahead_learning_rate. record_steps: strictly increasing, 0 is the start.
    noise_variance: of the labels. batch_size: m.

    The coordinates z_i are "gaussian", "rademacher", "uniform" or "laplace"; R^2 is 1 + radial_spread or
    1 - radial_spread, each half of the time, so that E R^4 = 1 + radial_spread^2.

    Samplers: "direct" draws the m samples of a step and costs m d draws. "exact_law" is for Gaussian features (no
    spread): given the residuals the gradient is normal, so that one vector of d normals and a 2 by 2 Wishart matrix
    give the same law whatever m. "auto" takes it where it applies. "normal_gradient", also for Gaussian features, is an
    approximation: a normal gradient with the right mean and covariance, so the right mean risk with another law.

    Source: algorithm of Li et al., "Risk Bounds of Accelerated SGD for Overparameterized Linear Regression",
    arXiv 2311.14222, with its third sequence eliminated.

    Raises ``ValueError`` for eigenvalues that are not positive, errors of another shape, a scheme with momentum outside
    [0, 1) or lookahead_learning_rate <= momentum * learning_rate, steps that do not increase, negative noise, counts
    below 1, an unknown law or sampler, a sampler for Gaussian features with others, a spread outside [0, 1), and for a
    run that overflows because the scheme diverges.
    """
    process = _process(
        eigenvalues, initial_error, scheme, noise_variance, batch_size, feature_law, radial_spread, sampler
    )
    record_steps = checked_records("record_steps", record_steps, 0)
    risks = np.empty((integer("n_trials", n_trials, "[1, inf)"), len(record_steps)))
    return finite(run_blocks(fill_risk, risks, seed, process, record_steps), "scheme", scheme)


def simulate_tail_average_risk(
    eigenvalues: ArrayLike,
    initial_error: ArrayLike,
    scheme: Scheme,
    *,
    burn_in: int,
    record_lengths: ArrayLike,
    noise_variance: float = 0.0,
    batch_size: int = 1,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    feature_law: str = "gaussian",
    radial_spread: float = 0.0,
    sampler: str = "auto",
) -> np.ndarray:
    """Risk of ``(w_s + ... + w_{s+N-1}) / N`` for burn-in s and every N in record_lengths: (n_trials, n_records).

    burn_in: s, 0 averages from the start w_0. record_lengths: strictly increasing, from 1. Everything else is as in
    :func:`simulate_risk_curve`, and so are the errors.
    """
    process = _process(
        eigenvalues, initial_error, scheme, noise_variance, batch_size, feature_law, radial_spread, sampler
    )
    burn_in = integer("burn_in", burn_in, "[0, inf)")
    record_lengths = checked_records("record_lengths", record_lengths, 1)
    risks = np.empty((integer("n_trials", n_trials, "[1, inf)"), len(record_lengths)))
    samples = run_blocks(fill_tail_average_risk, risks, seed, process, burn_in, record_lengths)
    return finite(samples, "scheme", scheme)


def _process(
    eigenvalues: ArrayLike,
    initial_error: ArrayLike,
    scheme: Scheme,
    noise_variance: float,
    batch_size: int,
    feature_law: str,
    radial_spread: float,
    sampler: str,
) -> Process:
    """Validate what both simulators take, and choose the sampler."""
    eigenvalues = checked_eigenvalues(eigenvalues)
    initial_error = array("initial_error", initial_error, shape=eigenvalues.shape)
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    batch_size = integer("batch_size", batch_size, "[1, inf)")
    feature_law = choice("feature_law", feature_law, FEATURE_LAWS)
    radial_spread = number("radial_spread", radial_spread, "[0, 1)")
    sampler = choice("sampler", sampler, ("auto", *SAMPLERS))
    gaussian = feature_law == "gaussian" and radial_spread == 0.0
    if sampler == "auto":
        sampler = "exact_law" if gaussian else "direct"
    require(gaussian or sampler == "direct", "sampler", sampler, "'direct' or 'auto' where features are not Gaussian")
    return Process(
        eigenvalues,
        np.sqrt(eigenvalues) * initial_error,
        *checked_scheme(scheme),
        noise_scale=float(np.sqrt(noise_variance)),
        batch_size=batch_size,
        sampler=SAMPLERS.index(sampler),
        feature_law=FEATURE_LAWS.index(feature_law),
        radial_spread=radial_spread,
    )
