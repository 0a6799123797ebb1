"""Explicit bounds on the risk of tail-averaged SGD, and the rate of the variance of accelerated SGD.

The risk is half the excess loss, sum_i lambda_i E(w_i - w*_i)^2 / 2, of the average of w_s .. w_{s+N-1}, with batches
of one sample. The cut-offs k count eigenvalues above a threshold; the order in which eigenvalues are given is free.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import integer, number, require
from theory.accelerated_sgd._problem import read_coefficients, read_eigenvalues

__all__ = ["asgd_variance_rate", "sgd_risk_lower_bound", "sgd_risk_upper_bound"]

SHORTEST_AVERAGE = 500


def sgd_risk_upper_bound(
    eigenvalues: Any,
    initial_error: Any,
    *,
    learning_rate: float,
    burn_in: int,
    n_average: int,
    noise_variance: float,
    fourth_moment_constant: float = 3.0,
) -> float:
    """Upper bound on the risk of tail-averaged SGD with step eta, burn-in s and averaging length N.

    Assumptions: E[x x^T M x x^T] <= psi tr(H M) H for every M >= 0, psi = ``fourth_moment_constant`` (3 for Gaussian
    features); label noise of variance sigma^2 = ``noise_variance`` or less; eta < 1 / (psi tr H).
    ``eigenvalues`` (d,) of H, ``initial_error`` (d,) is Delta = w_0 - w* in its eigenbasis.

    Statement: with k* = #{lambda >= 1 / (N eta)}, k+ = #{lambda >= 1 / ((s + N) eta)}, u = (1 - eta lambda)^s Delta,
    dim = k* / N + N eta^2 sum_{i > k*} lambda_i^2 and ||Delta||_T^2 = sum_{i <= k+} Delta_i^2
    + (s + N) eta sum_{i > k+} lambda_i Delta_i^2, the risk is at most 2 bias + 2 variance, where

        bias = sum_{i <= k*} u_i^2 / (eta^2 N^2 lambda_i) + sum_{i > k*} lambda_i u_i^2,
        variance = [4 psi / (N eta) ||Delta||_T^2 dim + sigma^2 (k* / N + eta sum_{k* < i <= k+} lambda_i
                   + (s + N) eta^2 sum_{i > k+} lambda_i^2)] / (1 - psi eta tr H).

    Nature: upper bound; the exact risk was found to reach a quarter of it, and not more, for Gaussian features.

    Raises ``ValueError`` for bad input. Source: Zou, Wu, Braverman, Gu, Kakade (COLT 2021), arXiv 2103.12692,
    Theorem 5.1 (numbering unverified).
    """
    values = read_eigenvalues(eigenvalues)
    squares = _read_squares(initial_error, values)
    eta = number("learning_rate", learning_rate, "(0, inf)")
    start = integer("burn_in", burn_in, "[0, inf)")
    n = integer("n_average", n_average, "[1, inf)")
    noise = number("noise_variance", noise_variance, "[0, inf)")
    psi = number("fourth_moment_constant", fourth_moment_constant, "[1, inf)")
    load = psi * eta * float(values.sum())
    require(load < 1.0, "learning_rate", eta, f"less than 1 / (psi tr H) = {eta / load:g}")

    end = start + n
    learnt, reached = values >= 1.0 / (n * eta), values >= 1.0 / (end * eta)
    left = (1.0 - eta * values) ** (2 * start) * squares
    bias = float((left[learnt] / values[learnt]).sum()) / (eta * n) ** 2 + float(values[~learnt] @ left[~learnt])
    travelled = float(squares[reached].sum()) + end * eta * float(values[~reached] @ squares[~reached])
    multiplicative = 4.0 * psi / (n * eta) * travelled * _dimension(values, learnt, eta, n)
    additive = noise * (
        learnt.sum() / n
        + eta * float(values[reached & ~learnt].sum())
        + end * eta**2 * float((values[~reached] ** 2).sum())
    )
    return 2.0 * bias + 2.0 * (multiplicative + float(additive)) / (1.0 - load)


def sgd_risk_lower_bound(
    eigenvalues: Any,
    initial_error: Any,
    *,
    learning_rate: float,
    n_average: int,
    noise_variance: float,
    fourth_moment_lower_constant: float = 1.0,
) -> float:
    """Lower bound on the risk of SGD averaged over its first N iterates, w_0 among them.

    Assumptions: E[x x^T M x x^T] >= H M H + beta tr(H M) H for every M >= 0, beta = ``fourth_moment_lower_constant``
    (1 for Gaussian features); label noise of variance sigma^2 = ``noise_variance``, independent of x; N >= 500;
    eta < 1 / lambda_1. ``eigenvalues`` (d,), ``initial_error`` (d,) is Delta = w_0 - w*.

    Statement: with k* and dim as in :func:`sgd_risk_upper_bound` and T = sum_{i > k*} lambda_i Delta_i^2, the risk is
    at least [sum_{i <= k*} Delta_i^2 / (eta^2 N^2 lambda_i) + T] / 100 + (beta T / 1000 + sigma^2 / 50) dim.

    Nature: lower bound. Raises ``ValueError`` for bad input. Source: Zou, Wu, Braverman, Gu, Kakade (COLT 2021),
    arXiv 2103.12692, Theorem 2.2 (numbering unverified).
    """
    values = read_eigenvalues(eigenvalues)
    squares = _read_squares(initial_error, values)
    eta = number("learning_rate", learning_rate, "(0, inf)")
    n = integer("n_average", n_average, f"[{SHORTEST_AVERAGE}, inf)")
    noise = number("noise_variance", noise_variance, "[0, inf)")
    beta = number("fourth_moment_lower_constant", fourth_moment_lower_constant, "[0, inf)")
    largest = float(values.max())
    require(eta * largest < 1.0, "learning_rate", eta, f"less than 1 / lambda_1 = {1.0 / largest:g}")

    learnt = values >= 1.0 / (n * eta)
    head = float((squares[learnt] / values[learnt]).sum()) / (eta * n) ** 2
    tail = float(values[~learnt] @ squares[~learnt])
    return (head + tail) / 100.0 + (beta * tail / 1000.0 + noise / 50.0) * _dimension(values, learnt, eta, n)


def asgd_variance_rate(
    eigenvalues: Any, *, gamma: float, burn_in: int, n_average: int, noise_variance: float, stability: float
) -> float:
    """Rate of the variance (the risk from a zero start) of tail-averaged accelerated SGD.

    Statement: sigma^2 / (1 - l) sum_i min{1 / N, gamma lambda_i, (s + N) gamma^2 lambda_i^2} for burn-in s, averaging
    length N and stability trace l = ``stability`` in [0, 1). ``gamma`` is the long step of the scheme; plain SGD takes
    its learning rate. The modes that count 1 / N are the effective dimension #{lambda >= 1 / (N gamma)}.

    Nature: order of magnitude. With Gaussian features the exact variance of SGD is at most max_i 1 / (1 - x_i) / 2 < 1
    times the rate, x_i = eta lambda_i / (2 - eta lambda_i) and eta lambda_1 <= 1 (proved in this project). Once
    N (1 - momentum) >= 4, scans of single modes put the variance of accelerated SGD at no more than
    0.645 max_i 1 / (1 - x_i) times the rate, x_i as in :func:`stability_trace`; and without the factor 1 / (1 - l) at
    no less than 0.0099 times, or 0.073 for SGD (numerical, not proved). ``eigenvalues`` (d,).

    Raises ``ValueError`` for bad input. Source: arXiv 2311.14222, variance part of the main theorem (rate only).
    """
    values = read_eigenvalues(eigenvalues)
    step = number("gamma", gamma, "(0, inf)")
    start = integer("burn_in", burn_in, "[0, inf)")
    n = integer("n_average", n_average, "[1, inf)")
    noise = number("noise_variance", noise_variance, "[0, inf)")
    trace = number("stability", stability, "[0, inf]")
    require(trace < 1.0, "stability", trace, "less than 1: past the mean-square stability threshold")
    moved = step * values
    return noise / (1.0 - trace) * float(np.minimum(np.minimum(1.0 / n, moved), (start + n) * moved**2).sum())


def _read_squares(initial_error: Any, values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        squares = read_coefficients("initial_error", initial_error, values) ** 2
        finite = bool(np.isfinite(squares.sum()))
    require(finite, "initial_error", "array of infinite norm", "a finite sum of squares")
    return squares


def _dimension(values: np.ndarray, learnt: np.ndarray, eta: float, n: int) -> float:
    """Effective dimension over N: k* / N + N eta^2 sum of the squared eigenvalues below the cut-off."""
    return float(learnt.sum() / n + n * eta**2 * (values[~learnt] ** 2).sum())
