"""The lazy limit in high dimension: kernel regression that memorises with a ridge set by the quadratic part.

Setting of :mod:`theory.grokking.recursion` at infinite width with standard normal weights (M_0 = I), alpha -> infinity,
then n, d -> infinity at the ratio delta = n / d. Inputs are nearly orthogonal, so that the tangent kernel becomes
X X^T + lambda I + (lambda / d) 1 1^T with lambda = epsilon^2: the network fits the mean of an even target and a linear
function, and the quadratic part is a ridge. The centred target has variance 1/2, its mean is (1 - c_0) / 2. A start
with weights planted along the target has another limit.

Source: this project; the kernel and the model are those of arXiv 2310.06110. Nature: asymptotic, corrections of order
1 / d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from assay.base import integer, number, require
from theory.grokking._marchenko_pastur import marchenko_pastur_nodes

__all__ = ["HighDimPath", "LazyLimit", "lazy_highdim_limit", "lazy_highdim_path", "max_learning_rate"]

TARGET_VARIANCE = 0.5


@dataclass(frozen=True)
class HighDimPath:
    """``train_loss`` and ``test_loss`` (n_steps + 1,) by step."""

    train_loss: np.ndarray
    test_loss: np.ndarray


@dataclass(frozen=True)
class LazyLimit:
    """The end of lazy training.

    ``test_loss``; ``feature_resolvent`` m = (1/d) tr (X^T X + lambda)^{-1}; ``sample_resolvent``
    g = (1/n) tr (X X^T + lambda)^{-1}; ``constant`` c, the constant learnt; ``variance_factor`` B, the power of the
    spurious linear part per unit of label variance; ``overlap_slope`` and ``trace_slope``, the limits of
    alpha (e . M e - 1), e the unit vector along the target, and of alpha (tr M / d - 1).
    """

    test_loss: Any
    feature_resolvent: Any
    sample_resolvent: Any
    constant: Any
    variance_factor: Any
    overlap_slope: Any
    trace_slope: Any


def lazy_highdim_limit(sample_ratio: float, *, quadratic_strength: float, target_offset: float = 0.0) -> LazyLimit:
    """Return the test loss at the end of lazy training, and what it is made of.

    Statement: m solves lambda m^2 + (lambda + delta - 1) m = 1, g = 1 / (lambda (1 + m)), and

        c = y_bar lambda delta g / (1 + lambda delta g),  B = m + lambda dm/dlambda,
        test loss = [1/2 + (y_bar - c)^2] (1 + B),  y_bar = (1 - c_0) / 2,
        overlap slope = 2 epsilon delta g (y_bar + 1 - c),  trace slope = 2 epsilon delta g (y_bar - c).

    The loss always exceeds 1/2: worse than predicting the mean. ``sample_ratio`` delta > 0, ``quadratic_strength``
    epsilon > 0. Nature and source as in the module.

    Raises ``ValueError`` naming the parameter, also where a resolvent or a slope is beyond the range of floats.
    """
    delta = number("sample_ratio", sample_ratio, "(0, inf)")
    epsilon = number("quadratic_strength", quadratic_strength, "(0, inf)")
    target_mean = 0.5 * (1.0 - number("target_offset", target_offset))
    with np.errstate(all="ignore"):
        ridge = np.float64(epsilon) * epsilon
        linear = ridge + (delta - 1.0)
        root = np.hypot(linear, 2.0 * epsilon)
        # The root of the quadratic without cancellation. All that follows is sums of positive terms, because
        # (delta - 1) / lambda + m = delta / (lambda (1 + m)).
        m = 2.0 / (linear + root) if linear >= 0.0 else 0.5 * (root - linear) / ridge
        constant = target_mean * delta / (1.0 + m + delta)
        excess = target_mean * (1.0 + m) / (1.0 + m + delta)
        factor = delta * (m / (1.0 + m)) / root
        growth = 2.0 * delta / (epsilon * (1.0 + m))
        limit = LazyLimit(
            test_loss=float((TARGET_VARIANCE + excess**2) * (1.0 + factor)),
            feature_resolvent=float(m),
            sample_resolvent=float(1.0 / (ridge * (1.0 + m))),
            constant=float(constant),
            variance_factor=float(factor),
            overlap_slope=float(growth * (excess + 1.0)),
            trace_slope=float(growth * excess),
        )
    finite = all(math.isfinite(getattr(limit, field.name)) for field in fields(limit))
    require(finite, "quadratic_strength", epsilon, f"a strength with a limit in the range of floats at ratio {delta:g}")
    return limit


def lazy_highdim_path(
    sample_ratio: float,
    *,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    target_offset: float = 0.0,
    n_nodes: int = 400,
) -> HighDimPath:
    """Return train and test loss of lazy training step by step.

    Statement: with h = 2 eta / delta, kappa = s + lambda over the eigenvalues s of X X^T, < . > their mean, phi_0 = 1,
    rho_0 = y_bar, phi <- (1 - h kappa) phi and rho <- (1 - h kappa) rho - 2 eta lambda <rho>,

        train = 1/2 <phi_t^2> + <rho_t^2>,
        test = 1/2 + (y_bar - c_t)^2 + h^2 int s [1/2 Phi_t^2 + P_t^2] d omega(s),

    where c_t = 2 eta lambda sum <rho>, Phi and P sum phi and rho over the steps before t, and omega is the
    Marchenko-Pastur law of X^T X. Nature and source as in the module.

    ``sample_ratio`` delta > 0, ``quadratic_strength`` epsilon >= 0, ``learning_rate`` eta below
    :func:`max_learning_rate`. ``n_nodes`` of quadrature; 400 are exact to rounding up to some 10^4 steps.

    Raises ``ValueError`` naming the parameter.
    """
    delta = number("sample_ratio", sample_ratio, "(0, inf)")
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    eta = number("learning_rate", learning_rate, "(0, inf)")
    n_steps = integer("n_steps", n_steps, "[0, inf)")
    target_mean = 0.5 * (1.0 - number("target_offset", target_offset))
    eigenvalues, weights = marchenko_pastur_nodes(delta, integer("n_nodes", n_nodes, "[1, inf)"))
    largest = max_learning_rate(delta, epsilon)
    require(eta < largest, "learning_rate", eta, f"a learning rate below the edge of stability, {largest:g}")
    sample_weights = weights / delta
    sample_weights[-1] = 1.0 - sample_weights[:-1].sum()
    ridge, step = epsilon**2, 2.0 * eta / delta
    decay = 1.0 - step * (eigenvalues + ridge)
    noise, mean = np.ones_like(decay), np.full_like(decay, target_mean)
    noise_sum, mean_sum = np.zeros_like(decay), np.zeros_like(decay)
    constant = 0.0
    train, test = np.empty(n_steps + 1), np.empty(n_steps + 1)
    for t in range(n_steps + 1):
        train[t] = sample_weights @ (TARGET_VARIANCE * noise**2 + mean**2)
        spurious = (weights * eigenvalues) @ (TARGET_VARIANCE * noise_sum**2 + mean_sum**2)
        test[t] = TARGET_VARIANCE + (target_mean - constant) ** 2 + step**2 * spurious
        noise_sum += noise
        mean_sum += mean
        change = 2.0 * eta * ridge * (sample_weights @ mean)
        constant += float(change)
        noise *= decay
        mean = decay * mean - change
    return HighDimPath(train, test)


def max_learning_rate(sample_ratio: float, quadratic_strength: float) -> float:
    """Return the learning rate at and above which lazy training diverges, delta / (largest eigenvalue of the kernel).

    Statement: the largest eigenvalue is the edge of the bulk, (1 + sqrt(delta))^2 + lambda, unless
    lambda > 1 + delta^{-1/2}, when the mean of the labels leaves it: lambda (1 + delta) + lambda / (lambda - 1).
    ``sample_ratio`` delta > 0, ``quadratic_strength`` epsilon >= 0. Asymptotic; setting as in the module.

    Raises ``ValueError`` naming the parameter.
    """
    delta = number("sample_ratio", sample_ratio, "(0, inf)")
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    ridge = epsilon * epsilon
    require(ridge < math.inf, "quadratic_strength", epsilon, "a number whose square is finite")
    if ridge > 1.0 + 1.0 / math.sqrt(delta):
        return delta / (ridge * (1.0 + delta) + ridge / (ridge - 1.0))
    return delta / ((1.0 + math.sqrt(delta)) ** 2 + ridge)
