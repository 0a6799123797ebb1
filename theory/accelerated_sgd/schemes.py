"""Stochastic gradient schemes with momentum, each reduced to three numbers.

With mini-batch gradients g_t taken at y_t and a common start y_0 = w_0, every scheme here reads

    w_{t+1} = y_t - learning_rate g_t,
    y_{t+1} = (1 + momentum) y_t - momentum w_t - lookahead_learning_rate g_t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import integer, number, require
from theory.accelerated_sgd._problem import read_eigenvalues

__all__ = [
    "MomentumScheme",
    "asgd_scheme",
    "heavy_ball_scheme",
    "jain_asgd_scheme",
    "nesterov_scheme",
    "overparameterized_asgd_scheme",
    "sgd_scheme",
]


@dataclass(frozen=True)
class MomentumScheme:
    """A scheme: ``learning_rate`` delta >= 0, ``momentum`` c in [0, 1), ``lookahead_learning_rate`` q > c delta.

    Raises ``ValueError`` naming the parameter out of range.
    """

    learning_rate: float
    momentum: float
    lookahead_learning_rate: float

    def __post_init__(self) -> None:
        delta = number("learning_rate", self.learning_rate, "[0, inf)")
        momentum = number("momentum", self.momentum, "[0, 1)")
        lookahead = number("lookahead_learning_rate", self.lookahead_learning_rate, "(0, inf)")
        least = momentum * delta
        rule = f"greater than momentum * learning_rate = {least:g}"
        require(lookahead > least, "lookahead_learning_rate", lookahead, rule)
        # Plain floats make equal schemes hash equally, whatever scalar types they came from.
        object.__setattr__(self, "learning_rate", delta)
        object.__setattr__(self, "momentum", momentum)
        object.__setattr__(self, "lookahead_learning_rate", lookahead)

    @property
    def effective_learning_rate(self) -> float:
        """The step (q - c delta) / (1 - c) of plain SGD that contracts small eigenvalues at the same rate."""
        return (self.lookahead_learning_rate - self.momentum * self.learning_rate) / (1.0 - self.momentum)


def sgd_scheme(learning_rate: float) -> MomentumScheme:
    """Plain SGD: (eta, 0, eta). Raises ``ValueError`` unless learning_rate > 0."""
    eta = number("learning_rate", learning_rate, "(0, inf)")
    return MomentumScheme(eta, 0.0, eta)


def nesterov_scheme(learning_rate: float, *, momentum: float) -> MomentumScheme:
    """Nesterov momentum mu: (eta, mu, (1 + mu) eta). Raises ``ValueError`` unless eta > 0 and 0 <= mu < 1."""
    eta = number("learning_rate", learning_rate, "(0, inf)")
    mu = number("momentum", momentum, "[0, 1)")
    return MomentumScheme(eta, mu, (1.0 + mu) * eta)


def heavy_ball_scheme(learning_rate: float, *, momentum: float) -> MomentumScheme:
    """Heavy ball with momentum mu: (0, mu, eta). Raises ``ValueError`` unless eta > 0 and 0 <= mu < 1.

    The heavy-ball iterate is y_t; w_t = y_{t-1} is one step behind.
    """
    eta = number("learning_rate", learning_rate, "(0, inf)")
    mu = number("momentum", momentum, "[0, 1)")
    return MomentumScheme(0.0, mu, eta)


def asgd_scheme(*, alpha: float, beta: float, gamma: float, delta: float) -> MomentumScheme:
    """Accelerated SGD: (delta, alpha (1 - beta), alpha delta + (1 - alpha) gamma).

    The algorithm, with v_0 = w_0: y_t = alpha w_t + (1 - alpha) v_t; w_{t+1} = y_t - delta g_t;
    v_{t+1} = beta y_t + (1 - beta) v_t - gamma g_t. At gamma = delta it *is* SGD with step delta, thanks to the
    common start.

    Raises ``ValueError`` unless alpha and beta lie in [0, 1], gamma and delta are positive, and the scheme is one
    (momentum below 1, q > c delta). Source: arXiv 2311.14222, Algorithm 1; arXiv 1704.08227.
    """
    alpha = number("alpha", alpha, "[0, 1]")
    beta = number("beta", beta, "[0, 1]")
    gamma = number("gamma", gamma, "(0, inf)")
    delta = number("delta", delta, "(0, inf)")
    return MomentumScheme(delta, alpha * (1.0 - beta), alpha * delta + (1.0 - alpha) * gamma)


def overparameterized_asgd_scheme(
    eigenvalues: Any, *, delta: float, gamma: float, kappa_tilde: int, fourth_moment_constant: float = 3.0
) -> MomentumScheme:
    """Accelerated SGD with beta = delta / (psi kappa_tilde gamma), alpha = 1 / (1 + beta).

    ``eigenvalues`` (d,) in any order; psi = ``fourth_moment_constant`` (3 for Gaussian features). Requires
    delta <= 1 / (2 psi tr H) and delta <= gamma <= 1 / (2 psi T), T the sum of all but the ``kappa_tilde`` largest
    eigenvalues. Raises ``ValueError`` otherwise.

    Source: arXiv 2311.14222, the parameter choice of its main theorem (constants partly unverified).
    """
    values = read_eigenvalues(eigenvalues)
    delta = number("delta", delta, "(0, inf)")
    gamma = number("gamma", gamma, "(0, inf)")
    kappa = integer("kappa_tilde", kappa_tilde, "[1, inf)")
    psi = number("fourth_moment_constant", fourth_moment_constant, "[1, inf)")
    tail = float(np.sort(values)[::-1][kappa:].sum())
    largest_delta = 1.0 / (2.0 * psi * float(values.sum()))
    largest_gamma = 1.0 / (2.0 * psi * tail) if tail > 0.0 else math.inf
    require(delta <= largest_delta, "delta", delta, f"at most 1 / (2 psi tr H) = {largest_delta:g}")
    require(delta <= gamma <= largest_gamma, "gamma", gamma, f"a number in [delta, {largest_gamma:g}]")
    beta = delta / (psi * kappa * gamma)
    return asgd_scheme(alpha=1.0 / (1.0 + beta), beta=beta, gamma=gamma, delta=delta)


def jain_asgd_scheme(eigenvalues: Any) -> MomentumScheme:
    """Accelerated SGD with the parameters for strongly convex least squares with Gaussian features.

    With mu the smallest of the ``eigenvalues`` (d,), R^2 = tr H + 2 lambda_1, kappa = R^2 / mu, kappa_tilde = d + 2 and
    S = sqrt(kappa kappa_tilde): alpha = 3 sqrt(5) S / (1 + 3 sqrt(5) S), beta = 1 / (9 S),
    gamma = 1 / (3 sqrt(5) mu S), delta = 1 / (5 R^2). The second moments contract at rate 1 - O(1 / S).

    Raises ``ValueError`` for bad eigenvalues. Source: arXiv 1704.08227, Theorem 1 (from memory, constants unverified).
    """
    values = read_eigenvalues(eigenvalues)
    smallest = float(values.min())
    scale = float(values.sum()) + 2.0 * float(values.max())
    speed = math.sqrt(scale / smallest * (len(values) + 2))
    ratio = 3.0 * math.sqrt(5.0) * speed
    return asgd_scheme(
        alpha=ratio / (1.0 + ratio),
        beta=1.0 / (9.0 * speed),
        gamma=1.0 / (ratio * smallest),
        delta=1.0 / (5.0 * scale),
    )
