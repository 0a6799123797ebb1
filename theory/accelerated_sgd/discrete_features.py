"""SGD on features with any finitely supported law, such as a fixed training set sampled with replacement: exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from assay.base import array, integer, number, require
from theory.accelerated_sgd._recursion import require_finite

__all__ = ["DiscreteFeatureCurve", "discrete_feature_curve"]


@dataclass(frozen=True)
class DiscreteFeatureCurve:
    """Expected losses after 0 .. n_steps steps, each (n_steps + 1,); ``test_loss`` is None without a test law."""

    train_loss: np.ndarray
    test_loss: np.ndarray | None


def discrete_feature_curve(
    features: Any,
    targets: Any,
    *,
    learning_rate: float,
    batch_size: float,
    n_steps: int,
    probabilities: Any | None = None,
    test_covariance: Any | None = None,
    true_weights: Any | None = None,
    test_noise_variance: float = 0.0,
    initial_weights: Any | None = None,
) -> DiscreteFeatureCurve:
    """Expected losses of SGD on samples drawn with replacement from a finite set.

    Each step draws ``batch_size`` = m samples (x_j, y_j) independently, the rows of ``features`` (M, d) and the entries
    of ``targets`` (M,), with ``probabilities`` (M,) (default 1 / M), and takes w' = w - eta mean_k x_k (x_k . w - y_k).
    ``initial_weights`` (d,) default to zero; an infinite batch is gradient descent. Losses have no factor 1/2:

        train_loss = E sum_j pi_j (y_j - x_j . w)^2,
        test_loss = E (w - w*)^T Sigma (w - w*) + sigma^2,

    Sigma = ``test_covariance`` (d, d) symmetric, w* = ``true_weights`` (d,), sigma^2 = ``test_noise_variance``. The
    first two come together; without them there is no test loss.

    Statement: let w+ be the least-squares solution nearest to w_0, rho = y - X w+ its residuals, S = sum pi x x^T. Then
    nu = E(w - w+) and D = E(w - w+)(w - w+)^T obey, as sum pi rho x = 0,

        nu' = (1 - eta S) nu,   r_j = x_j^T D x_j - 2 rho_j x_j . nu + rho_j^2,
        D' = (1 - eta S) D (1 - eta S) + (eta^2 / m) (sum_j pi_j r_j x_j x_j^T - S D S).

    Nothing leaves the span of the features, so this runs in the eigenbasis of S there, at two products of an (M, k)
    with a (k, k) matrix per step, k the rank; losses near interpolation keep their digits.

    Nature: exact, whatever the features. Raises ``ValueError`` for bad input, and where a diverging run overflows.
    Source: arXiv 2106.02713, SGD on a fixed training set, there closed by a Gaussian approximation; the recursion for
    the true law of the batches is a derivation of this project.
    """
    rows = array("features", features, shape=(None, None))
    n_samples, width = rows.shape
    labels = array("targets", targets, shape=(n_samples,))
    eta = number("learning_rate", learning_rate, "(0, inf)")
    batch = number("batch_size", batch_size, "[1, inf]")
    count = integer("n_steps", n_steps, "[0, inf)")
    weights = _read_probabilities(probabilities, n_samples)
    start = np.zeros(width) if initial_weights is None else array("initial_weights", initial_weights, shape=(width,))
    test_law = _read_test_law(test_covariance, true_weights, width)
    test_noise = number("test_noise_variance", test_noise_variance, "[0, inf)")

    drawn = weights > 0.0
    problem = _centre(rows[drawn], labels[drawn], weights[drawn], start)
    contraction = 1.0 - eta * problem.squares
    noise_step = eta**2 / batch
    decay = np.outer(contraction, contraction) - noise_step * np.outer(problem.squares, problem.squares)
    mean, second = problem.mean, np.outer(problem.mean, problem.mean)
    if test_law is not None:
        covariance, target = test_law
        offset = problem.solution - target
        quadratic = problem.basis @ covariance @ problem.basis.T
        linear = 2.0 * problem.basis @ covariance @ offset
        constant = float(offset @ covariance @ offset) + test_noise

    train, test = np.empty(count + 1), np.zeros(count + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(count + 1):
            # Mean squares of y_j - x_j . w, which rounding could push below zero.
            spread = np.einsum("ji,ji->j", problem.features @ second, problem.features)
            crossed = problem.residuals * (problem.features @ mean)
            squared = np.maximum(spread - 2.0 * crossed + problem.residuals**2, 0.0)
            train[step] = problem.weights @ squared
            if test_law is not None:
                test[step] = np.vdot(quadratic, second) + linear @ mean + constant
            if step < count:
                noisy = np.sqrt(problem.weights * squared)[:, None] * problem.features
                second = decay * second + noise_step * (noisy.T @ noisy)
                mean = contraction * mean
    require_finite(train + test, "n_steps", count, 0)
    return DiscreteFeatureCurve(train, None if test_law is None else test)


class _Centred(NamedTuple):
    """A least-squares problem around its solution, in the eigenbasis of S on the span of the features."""

    features: np.ndarray  # (M, k)
    weights: np.ndarray  # (M,), probabilities
    residuals: np.ndarray  # (M,), rho
    squares: np.ndarray  # (k,), positive eigenvalues of S
    mean: np.ndarray  # (k,), w_0 - w+
    basis: np.ndarray  # (k, d)
    solution: np.ndarray  # (d,), w+


def _centre(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, start: np.ndarray) -> _Centred:
    root = np.sqrt(weights)
    left, scale, basis = np.linalg.svd(root[:, None] * rows, full_matrices=False)
    kept = scale > scale[0] * max(rows.shape) * np.finfo(float).eps
    left, scale, basis = left[:, kept], scale[kept], basis[kept]
    gap = root * (labels - rows @ start)
    residuals = gap
    for _ in range(2):  # the second time removes what rounding left in the span
        residuals = residuals - left @ (left.T @ residuals)
    step = left.T @ gap / scale
    return _Centred(
        features=left * scale / root[:, None],
        weights=weights,
        residuals=residuals / root,
        squares=scale**2,
        mean=-step,
        basis=basis,
        solution=start + step @ basis,
    )


def _read_probabilities(probabilities: Any | None, n_samples: int) -> np.ndarray:
    if probabilities is None:
        return np.full(n_samples, 1.0 / n_samples)
    weights = array("probabilities", probabilities, "[0, 1]", shape=(n_samples,))
    total = float(weights.sum())
    require(abs(total - 1.0) <= 1e-9, "probabilities", f"array of sum {total:.12g}", "probabilities that sum to 1")
    return weights / total


def _read_test_law(covariance: Any | None, target: Any | None, width: int) -> tuple[np.ndarray, np.ndarray] | None:
    rule = "test_covariance and true_weights together, or neither"
    require((covariance is None) == (target is None), "test_covariance", covariance, rule)
    if covariance is None:
        return None
    matrix = array("test_covariance", covariance, shape=(width, width))
    symmetric = np.allclose(matrix, matrix.T, rtol=1e-10, atol=1e-12 * float(np.abs(matrix).max()))
    require(symmetric, "test_covariance", "array", "a symmetric matrix")
    return 0.5 * (matrix + matrix.T), array("true_weights", target, shape=(width,))
