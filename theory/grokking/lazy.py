"""The lazy limit of a quadratic network on given data, and the first features it grows.

For an output scale alpha -> infinity at fixed quadratic strength a network of centred output trains as its
linearisation: f_t - f_0 = sum_mu a_mu(t) K_0(., x_mu) with the tangent kernel K_0 of the start. Source of the limit:
arXiv 2310.06110 (numbering unverified); the law of the first features is this project's. Setting and step size as in
:mod:`theory.grokking.recursion`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, integer, number, require
from theory.grokking._input import read_mean, read_moment, require_stable
from theory.grokking.decomposition import loss_terms
from theory.grokking.kernel import kernel

__all__ = ["LazyPath", "first_order_features", "lazy_training_path"]

BLOCK = 256  # steps whose dual coefficients are formed in one product


@dataclass(frozen=True)
class LazyPath:
    """``train_loss`` and ``test_loss`` (n_steps + 1,) by step; ``dual_coefficients`` (n,) at the last one."""

    train_loss: np.ndarray
    test_loss: np.ndarray
    dual_coefficients: np.ndarray


def lazy_training_path(
    features: Any,
    labels: Any,
    direction: Any,
    *,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    target_offset: float = 0.0,
    mean_weight: Any | None = None,
    second_moment: Any | None = None,
) -> LazyPath:
    """Return the losses of the lazy limit on given data, at every step in closed form.

    Statement: with the tangent kernel K_0 of the data and s = 2 eta d / n the dual coefficients and residuals are

        a_t = K_0^{-1} [I - (I - s K_0)^t] y,        f_t(X) - f_0(X) - y = -(I - s K_0)^t y,

    with the factor s t where K_0 vanishes. The function alpha dw . x + (alpha epsilon / 2) x^T dM x of the first
    features (see :func:`first_order_features`) has the test loss of :func:`test_loss_terms`. Exact limit
    alpha -> infinity at fixed data; a network differs from it by O(1 / alpha).

    ``features`` X (n, d), ``labels`` y (n,); ``direction`` beta (d,) and ``target_offset`` belong to the target of the
    test loss. Initial ``mean_weight`` (d,) and ``second_moment`` (d, d) default to 0 and I. Cost: one
    eigendecomposition of K_0, and O(n d^2 + n^2) a step.

    Raises ``ValueError`` naming the parameter, ``learning_rate`` unless s times the largest eigenvalue is below 2.
    """
    X = array("features", features, shape=(None, None))
    n_samples, d = X.shape
    y = array("labels", labels, shape=(n_samples,))
    beta = array("direction", direction, shape=(d,))
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    eta = number("learning_rate", learning_rate, "(0, inf)")
    n_steps = integer("n_steps", n_steps, "[0, inf)")
    offset = number("target_offset", target_offset)
    mean, moment = read_mean("mean_weight", mean_weight, d), read_moment("second_moment", second_moment, d)
    values, vectors = np.linalg.eigh(kernel(X, X, mean, moment, epsilon))
    values[np.abs(values) <= n_samples * np.finfo(float).eps * np.abs(values).max()] = 0.0
    step, modes = 2.0 * eta * d / n_samples, y @ vectors
    rule = f"a learning rate below {n_samples / (d * values[-1]) if values[-1] > 0 else np.inf:g}"
    require(step * values[-1] < 2.0, "learning_rate", eta, rule)
    partners = _partners(X, mean, moment, epsilon)
    train, test = np.empty(n_steps + 1), np.empty(n_steps + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n_steps + 1, BLOCK):
            steps = np.arange(start, min(start + BLOCK, n_steps + 1), dtype=np.float64)
            decay, filters = _filters(values, step, steps)
            train[start : start + BLOCK] = (decay * modes) ** 2 @ np.full(n_samples, 1.0 / n_samples)
            duals = (filters * modes) @ vectors.T
            for t, dual in enumerate(duals, start):
                linear, quadratic = _first_features(X, partners, dual)
                test[t] = sum(loss_terms(linear, epsilon * quadratic, beta, offset))
    # Only a kernel with negative eigenvalues, which no network has, can make the losses grow.
    require_stable(train, eta)
    require_stable(test, eta)
    return LazyPath(train, test, duals[-1])


def first_order_features(
    features: Any,
    dual_coefficients: Any,
    *,
    output_scale: float,
    quadratic_strength: float,
    mean_weight: Any | None = None,
    second_moment: Any | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the changes of the mean weight (d,) and of the second moment (d, d) to leading order in 1 / alpha.

    Statement: with a the dual coefficients of :func:`lazy_training_path`, u = X w_bar_0 and H = X^T diag(a) X,

        alpha dw = X^T a + epsilon X^T (a u),
        alpha dM = X^T a w_bar_0^T + w_bar_0 a^T X + epsilon (H M_0 + M_0 H),

    both up to O(1 / alpha); at infinite width dM = (2 epsilon / alpha) X^T diag(a) X, a spectral estimator weighted by
    kernel regression. Exact leading order, at every width.

    ``features`` X (n, d), ``dual_coefficients`` a (n,). Initial ``mean_weight`` (d,) and ``second_moment`` (d, d)
    default to 0 and I. Raises ``ValueError`` naming the parameter.
    """
    X = array("features", features, shape=(None, None))
    n_samples, d = X.shape
    dual = array("dual_coefficients", dual_coefficients, shape=(n_samples,))
    alpha = number("output_scale", output_scale, "(0, inf)")
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    mean, moment = read_mean("mean_weight", mean_weight, d), read_moment("second_moment", second_moment, d)
    linear, quadratic = _first_features(X, _partners(X, mean, moment, epsilon), dual)
    return linear / alpha, quadratic / alpha


def _partners(X: np.ndarray, mean: np.ndarray, moment: np.ndarray, epsilon: float) -> np.ndarray:
    """Return (n, d + 1): what x multiplies in the second moment, w_bar + epsilon M x, and in the mean weight."""
    return np.column_stack([mean + epsilon * (X @ moment), 1.0 + epsilon * (X @ mean)])


def _first_features(X: np.ndarray, partners: np.ndarray, dual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return alpha times the first-order changes of mean weight and second moment."""
    sums = X.T @ (dual[:, None] * partners)
    return sums[:, -1], sums[:, :-1] + sums[:, :-1].T


def _filters(values: np.ndarray, step: float, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return q^t and (1 - q^t) / value, q = 1 - step * value, for all steps and values, shape (n_steps, n_values)."""
    slow = step * values < 1.0
    rates = np.log1p(-step * np.where(slow, values, 0.0))
    exponents = steps[:, None] * rates
    decay = np.where(slow, np.exp(exponents), (1.0 - step * values) ** steps[:, None])
    learnt = np.where(slow, -np.expm1(exponents), 1.0 - decay)
    filters = np.where(values == 0.0, step * steps[:, None], learnt / np.where(values == 0.0, 1.0, values))
    return decay, filters
