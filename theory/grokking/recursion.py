"""Full-batch gradient descent of a quadratic network by its sufficient statistics, exact at every width.

Setting of the family. Inputs x ~ N(0, I_d / d), target y = ((beta . x)^2 - c_0) / 2 with a target offset c_0 and,
unless said otherwise, |beta|^2 = d. The network has N hidden weights w_i and readouts fixed to one,

    f(x) = (alpha / N) sum_i phi(w_i . x),        phi(h) = h + (epsilon / 2) h^2,

with output scale alpha and quadratic strength epsilon. The loss is (1/n) sum_mu Delta_mu^2 over the residuals
Delta_mu = f(x_mu) - f_0(x_mu) - y_mu, where f_0 is the function at the start ("centred output") or zero. All weights
take steps eta d N / alpha^2 along the negative gradient, so that the learning rate eta is of order one for every width,
scale and dimension. The mean w_bar of the weights and their second moment M = (1/N) sum w_i w_i^T determine the
function: f(x) = alpha w_bar . x + (alpha epsilon / 2) x^T M x.

Source: Kumar, Bordelon, Gershman and Pehlevan, "Grokking as the Transition from Lazy to Rich Training Dynamics",
arXiv 2310.06110, polynomial regression (numbering unverified). That the statistics close at every width is this
project's form of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, integer, number
from theory.grokking._input import read_mean, read_moment, require_stable

__all__ = ["StatisticsPath", "statistics_recursion"]


@dataclass(frozen=True)
class StatisticsPath:
    """``train_loss`` (n_steps + 1,) by step; ``mean_weight`` (d,) and ``second_moment`` (d, d) after the last one."""

    train_loss: np.ndarray
    mean_weight: np.ndarray
    second_moment: np.ndarray


def statistics_recursion(
    features: Any,
    labels: Any,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    mean_weight: Any | None = None,
    second_moment: Any | None = None,
    center_output: bool = True,
) -> StatisticsPath:
    """Return the train loss of every step and the statistics after the last one.

    Statement: with g = (2 eta d / n) X^T Delta and B = I - (epsilon / alpha) (2 eta d / n) X^T diag(Delta) X every
    weight moves as w_i <- B w_i - g / alpha. Hence w_bar <- B w_bar - g / alpha, and the covariance M - w_bar w_bar^T
    is mapped to B (M - w_bar w_bar^T) B^T, whatever the width: width, architecture and seed enter through the initial
    statistics alone. Exact, for any data.

    ``features`` X (n, d), ``labels`` y (n,), ``output_scale`` alpha > 0, ``quadratic_strength`` epsilon >= 0,
    ``learning_rate`` eta > 0, ``n_steps`` >= 0. Initial ``mean_weight`` (d,) and ``second_moment`` (d, d) default to
    the infinitely wide network of standard normal weights, 0 and I; any symmetric second moment is legal, but only
    one with M - w_bar w_bar^T >= 0 belongs to a network. Cost O(n d r) a step, r the rank of the initial covariance.

    Raises ``ValueError`` naming the parameter, ``learning_rate`` if the loss becomes infinite.
    """
    X = array("features", features, shape=(None, None))
    n_samples, n_features = X.shape
    y = array("labels", labels, shape=(n_samples,))
    alpha = number("output_scale", output_scale, "(0, inf)")
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    eta = number("learning_rate", learning_rate, "(0, inf)")
    n_steps = integer("n_steps", n_steps, "[0, inf)")
    mean = read_mean("mean_weight", mean_weight, n_features)
    deviations, signs = _covariance_factor(mean, read_moment("second_moment", second_moment, n_features))
    step = 2.0 * eta * n_features / n_samples
    losses = np.empty(n_steps + 1)
    target = y
    # Divergence is reported once, below.
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(n_steps + 1):
            mean_field, fields = X @ mean, X @ deviations
            output = alpha * (mean_field + 0.5 * epsilon * ((fields * fields) @ signs + mean_field**2))
            if t == 0 and center_output:
                target = y + output
            residuals = output - target
            losses[t] = np.mean(residuals**2)
            if t == n_steps or not np.isfinite(losses[t]):
                break
            # The columns of the factor move as the weights of a network do, about a mean that has its own motion.
            weighted = (step / alpha) * residuals
            deviations = deviations - epsilon * (X.T @ (weighted[:, None] * fields))
            mean = mean - X.T @ (weighted * (1.0 + epsilon * mean_field))
        second = (deviations * signs) @ deviations.T + np.outer(mean, mean)
    require_stable(losses[: t + 1], eta)
    require_stable(second, eta)
    return StatisticsPath(losses, mean, second)


def _covariance_factor(mean: np.ndarray, second_moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return F (d, r) and signs (r,) with M - w_bar w_bar^T = F diag(signs) F^T, r its numerical rank.

    A factor keeps the covariance positive on the way, and one of low rank keeps narrow networks inside their span.
    """
    values, vectors = np.linalg.eigh(second_moment - np.outer(mean, mean))
    scale = max(float(np.abs(second_moment).max()), float(np.abs(values).max()))
    kept = np.abs(values) > mean.size * np.finfo(float).eps * scale
    return np.ascontiguousarray(vectors[:, kept] * np.sqrt(np.abs(values[kept]))), np.sign(values[kept])
