"""Logistic regression on Gaussian or deep random features, with labels given by the sign of a target."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

import assay.base  # noqa: F401  installs the cache locator of the kernels
from assay.base import integer, number
from theory.random_features._deep_equivalent import teacher_sums
from theory.random_features.deep import deep_network, linear_teacher
from theory.random_features.gaussian_covariate import gaussian_covariates

__all__ = ["LogisticRisk", "deep_rf_logistic_risk", "gaussian_covariate_logistic"]

_REACH = 14.0  # standard deviations of the predictor that are integrated
_TOLERANCE = 1e-13
_MAX_SWEEPS = 20000
_DEEP_NODES = 20


@dataclass(frozen=True)
class LogisticRisk:
    """Classification error, mean training loss, and the three order parameters of the fit."""

    test_error: float
    train_loss: float
    variance: float
    self_overlap: float
    target_overlap: float
    n_iterations: int


@njit(cache=True, nogil=True)
def _proximal_point(center: float, variance: float) -> float:
    """Return the minimiser of log(1 + exp(-p)) + (p - center)^2 / (2 variance).

    Newton from p = 0 is monotone: the optimality condition is convex for p < 0 and concave for p > 0. A Newton clipped
    to [center, center + variance] can cycle.
    """
    p = 0.0
    for _ in range(2000):
        decay = math.exp(-abs(p))
        falling = decay / (1.0 + decay) if p > 0.0 else 1.0 / (1.0 + decay)
        step = (p - center - variance * falling) / (1.0 + variance * decay / (1.0 + decay) ** 2)
        p -= step
        if abs(step) <= 1e-14 * (1.0 + abs(p)):
            return p
    return np.nan


@njit(cache=True, nogil=True)
def _label_averages(
    variance: float, self_overlap: float, target_overlap: float, nodes: np.ndarray, weights: np.ndarray
) -> tuple[float, float, float, float]:
    """Return the averages over predictor and label of h/(1 + V h), f^2, the label density times f, and the loss.

    The target has variance 1. The two labels contribute equally, so only y = 1 is integrated. The variable is the
    proximal point p itself: the Gaussian predictor is omega = p - V sigmoid(-p), with domega = (1 + V h) dp, so that no
    root is solved at the nodes. Gauss-Legendre panels follow the shortest scale around: that of the sigmoid at p = 0,
    of the Gaussian, and of the label's probability at omega = 0. Gauss-Hermite nodes in omega would miss the last two
    once the self-overlap or the alignment with the target is large.
    """
    deviation = math.sqrt(self_overlap)
    residual = 1.0 - target_overlap * target_overlap / self_overlap
    if not residual > 0.0:
        return np.nan, np.nan, np.nan, np.nan
    slope = target_overlap / (self_overlap * math.sqrt(residual))
    centre = _proximal_point(0.0, variance)
    decay = math.exp(-abs(centre))
    switch = 1.0 / (abs(slope) * (1.0 + variance * decay / (1.0 + decay) ** 2) + 1e-300)
    p = _proximal_point(-_REACH * deviation, variance)
    end = _proximal_point(_REACH * deviation, variance)
    stiffness, square, overlap, loss = 0.0, 0.0, 0.0, 0.0
    while p < end:
        length = min(2.0 + 0.5 * abs(p), 2.0 * switch + 0.5 * abs(p - centre))
        # The Gaussian is narrowest in p where the curvature of the loss is largest along the panel.
        decay = math.exp(-abs(min(p + length, 0.0) if p < 0.0 else p))
        length = min(length, 3.0 * deviation / (1.0 + variance * decay / (1.0 + decay) ** 2))
        if p < centre < p + length:
            length = centre - p
        stop = min(p + length, end)
        half, middle = 0.5 * (stop - p), 0.5 * (stop + p)
        if stop == p:
            return np.nan, np.nan, np.nan, np.nan
        for node, weight in zip(nodes, weights):  # noqa: B905  numba has no strict zip
            at = middle + half * node
            decay = math.exp(-abs(at))
            falling = decay / (1.0 + decay) if at > 0.0 else 1.0 / (1.0 + decay)
            curvature = decay / (1.0 + decay) ** 2
            omega = at - variance * falling
            scaled = omega / deviation
            density = half * weight * math.exp(-0.5 * scaled * scaled)
            seen = slope * omega
            probability = 0.5 * math.erfc(-seen / math.sqrt(2.0))
            jacobian = 1.0 + variance * curvature
            stiffness += density * probability * curvature
            square += density * probability * jacobian * falling * falling
            overlap += density * jacobian * math.exp(-0.5 * seen * seen) * falling
            loss += density * probability * jacobian * (math.log1p(decay) + max(-at, 0.0))
        p = stop
    both = 2.0 / (deviation * math.sqrt(2.0 * math.pi))
    return both * stiffness, both * square, both * overlap / math.sqrt(2.0 * math.pi * residual), both * loss


def _solve(
    update: Callable[[float, float, float], tuple[float, float, float]],
    *,
    n_samples: float,
    start: float,
    target_variance: float,
    n_nodes: int,
) -> LogisticRisk:
    """Iterate the order parameters to their fixed point; ``update`` maps the conjugate ones to the next."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    state = np.array([start, 1e-2, 1e-3])
    last = math.inf
    for sweep in range(1, _MAX_SWEEPS + 1):
        stiffness, square, overlap, loss = _label_averages(state[0], state[1], state[2], nodes, weights)
        following = np.array(update(n_samples * stiffness, n_samples * square, n_samples * overlap))
        if not (np.isfinite(following).all() and following[0] > 0.0 and following[1] > 0.0):
            break
        # The target overlap may be 0; its natural unit is the root of the self-overlap.
        residual = float(np.max(np.abs(following - state) / [state[0], state[1], math.sqrt(state[1])]))
        state = following if residual <= last else 0.5 * (state + following)
        if residual <= _TOLERANCE:
            variance, self_overlap, target_overlap = (float(value) for value in state)
            missed = math.sqrt(max(self_overlap - target_overlap**2, 0.0))
            return LogisticRisk(
                test_error=math.atan2(missed, target_overlap) / math.pi,
                train_loss=loss,
                variance=variance,
                self_overlap=self_overlap,
                target_overlap=target_overlap * math.sqrt(target_variance),
                n_iterations=sweep,
            )
        last = residual
    raise RuntimeError(
        f"the order parameters did not converge: variance, self-overlap, target overlap = {state.tolist()} "
        f"after {sweep} sweeps, last relative change {last:.1e}"
    )


def gaussian_covariate_logistic(
    feature_eigenvalues: Any,
    cross_coefficients: Any,
    *,
    target_variance: float,
    n_samples: float,
    ridge: float,
    n_quadrature: int = 200,
) -> LogisticRisk:
    """Logistic regression of the sign of a Gaussian target on correlated Gaussian features.

    Assumptions: features u ~ N(0, diag(lambda)), lambda = ``feature_eigenvalues`` (p,); target t jointly Gaussian of
    variance ``target_variance`` with Cov(u_j, t) = ``cross_coefficients[j]``; labels y = sign(t); the fit minimises
    sum log(1 + exp(-y theta . u)) + (ridge / 2) |theta|^2.

    Statement: with conjugate parameters V^, Q^, M^ (Gaussian averages over the predictor, its proximal point and the
    label, times ``n_samples``) the order parameters solve V = sum lambda/(ridge + V^ lambda),
    Q = sum lambda (M^^2 c^2 + Q^ lambda)/(ridge + V^ lambda)^2, M = M^ sum c^2/(ridge + V^ lambda). The fraction of
    misclassified fresh samples is arccos(M / sqrt(target_variance Q)) / pi.

    Kind: asymptotic (samples and features proportional).

    ``n_quadrature``: resolution of the averages, ``n_quadrature // 10`` nodes on each of 10 to 40 panels. About 20
    iterations of O(p + 4 n_quadrature).

    Returns ``LogisticRisk``: error in [0, 1], mean loss per training sample without the penalty, ``variance`` = V,
    ``self_overlap`` = Q, ``target_overlap`` = M.

    Raises ``ValueError`` for bad input, ``RuntimeError`` if the iteration does not converge.

    Source: Schroeder, Cui, Dmitriev, Loureiro (2023), arXiv 2302.00401, App. D.3 (numbering unverified).
    """
    eigenvalues, cross, variance, _ = gaussian_covariates(feature_eigenvalues, cross_coefficients, target_variance)
    n_samples = number("n_samples", n_samples, "(0, inf)")
    ridge = number("ridge", ridge, "(0, inf)")
    n_quadrature = integer("n_quadrature", n_quadrature, "[40, inf)")
    squares = cross**2 / variance

    def update(stiffness: float, square: float, overlap: float) -> tuple[float, float, float]:
        shrink = 1.0 / (ridge + stiffness * eigenvalues)
        signal = overlap**2 * squares + square * eigenvalues
        return (
            float(np.sum(eigenvalues * shrink)),
            float(np.sum(eigenvalues * signal * shrink**2)),
            overlap * float(np.sum(squares * shrink)),
        )

    start = min(float(eigenvalues.sum()) / ridge, 10.0)
    return _solve(update, n_samples=n_samples, start=start, target_variance=variance, n_nodes=n_quadrature // 10)


def deep_rf_logistic_risk(
    widths: Sequence[int],
    activation: Any,
    *,
    teacher_power: Any,
    target_variance: float,
    n_samples: float,
    ridge: float,
    input_eigenvalues: Any = None,
) -> LogisticRisk:
    """Logistic regression of the sign of a target on deep random features, averaged over the weights.

    Assumptions: features and target as in ``deep_rf_linear_target_risk``, labels and penalised loss as in
    ``gaussian_covariate_logistic``, ``ridge`` > 0; the target is treated as Gaussian.

    Statement: the equations of ``gaussian_covariate_logistic`` with the sums over modes replaced by their averages over
    the weights: at kappa = ridge / V^, V = D_L / V^, Q = (M^^2 (T + T') + Q^ q) / V^^2, M = M^ T / V^.

    Kind: asymptotic (widths and samples proportional).

    Arguments and returns as in the two functions named above.

    Raises ``ValueError`` for bad input, ``RuntimeError`` if the iteration does not converge.

    Source: arXiv 2302.00401, App. D.3 (numbering unverified); the average over the weights is a result of this project.
    """
    network = deep_network(widths, activation, input_eigenvalues)
    powers, target_variance, _ = linear_teacher(network, teacher_power, target_variance)
    n_samples = number("n_samples", n_samples, "(0, inf)")
    ridge = number("ridge", ridge, "(0, inf)")
    powers = powers / target_variance
    width = float(network.widths[-1])

    def update(stiffness: float, square: float, overlap: float) -> tuple[float, float, float]:
        shift = width * ridge / stiffness
        log_mu = network.input_shift(shift=shift)
        learned, partly, give = network.equivalent(log_mu, shift)
        aligned, captured, _ = teacher_sums(log_mu, give, network.input_eigenvalues, powers)
        return (
            learned / stiffness,
            (overlap**2 * captured + square * (learned - partly)) / stiffness**2,
            overlap * aligned / stiffness,
        )

    # The mean squared feature is the trace of the covariance over the width, and the features are divided by its root.
    trace = network.feature_variance()
    start = min(trace / ridge, 10.0)
    return _solve(update, n_samples=n_samples, start=start, target_variance=target_variance, n_nodes=_DEEP_NODES)
