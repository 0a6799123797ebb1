"""Features tied to a given matrix: rates along the central path, and the response of a collapsed solution.

Setting of this module: K balanced classes of n samples, N = K n, one-hot targets Y; features H (d, N) kept close to
given ones H_0, one linear layer W (K, d), no bias:

    1/(2 K n) ||W H - Y||^2 + weight_ridge/(2 K) ||W||^2 + proximity/(2 K n) ||H - H_0||^2.

These ridges are normalised differently from those of the rest of the family. Source: Tirer, Huang and Niles-Weed,
"Perturbation Analysis of Neural Collapse", arXiv 2210.16658 (numbering unverified).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from assay.base import array, number, require
from theory.neural_collapse._input import class_means, read_balanced_labels

__all__ = [
    "CentralPathRates",
    "ProximityFactors",
    "central_path_rates",
    "proximity_factors",
    "proximity_first_order",
    "within_class_shrinkage",
]

ORTHONORMAL_TOLERANCE = 1e-8


@dataclass(frozen=True)
class CentralPathRates:
    """Time derivatives of tr Sigma_W (``within``) and tr Sigma_B (``between``), and the eigenvalues (K,), ascending.

    The eigenvalues are those of the best classifier times the class means, a symmetric matrix; they lie in [0, 1).
    """

    within: float
    between: float
    alignment_eigenvalues: np.ndarray


@dataclass(frozen=True)
class ProximityFactors:
    """The collapsed minimiser, features ``scale`` times the frame and classifier ``classifier_scale`` times it, and the
    factors by which components of a perturbation of the given features appear in the minimiser.
    """

    scale: float
    classifier_scale: float
    within_parallel: float
    within_orthogonal: float
    mean_symmetric: float
    mean_rotation: float


def central_path_rates(features: Any, labels: Any, *, weight_ridge: float) -> CentralPathRates:
    """Return how fast features collapse under gradient flow with the best classifier at every moment.

    Flow: dH/dt = -W^T (W H - Y) with W = Y H^T (H H^T + n weight_ridge I)^-1. Statement: with A = W times the class
    means, d tr(Sigma_W)/dt = -2 tr(W^T W Sigma_W) <= 0 and d tr(Sigma_B)/dt = (2/K) tr(P A (I - A)) >= 0, P the
    projector orthogonal to the ones: the ratio of the traces falls. Sigma_W, Sigma_B as in
    :func:`neural_collapse_metrics`.

    ``features`` (d, N), ``labels`` (N,), balanced. Exact. Raises ``ValueError`` naming the parameter.
    """
    points = array("features", features, shape=(None, None))
    classes, per_class = read_balanced_labels(labels, n_samples=points.shape[1])
    ridge = number("weight_ridge", weight_ridge, "(0, inf)")
    means = class_means(points, classes)
    n_classes, n_samples = means.shape[1], points.shape[1]
    left, values, right = np.linalg.svd(points, full_matrices=False)
    # Y V is n times the class means of V^T.
    sums = per_class * class_means(right, classes).T
    classifier = (sums * (values / (values**2 + per_class * ridge))) @ left.T
    alignment = classifier @ means
    alignment = 0.5 * (alignment + alignment.T)
    growth = alignment - alignment @ alignment
    return CentralPathRates(
        within=float(-2.0 / n_samples * np.sum((classifier @ (points - means[:, classes])) ** 2)),
        between=float(2.0 / n_classes * (np.trace(growth) - growth.sum() / n_classes)),
        alignment_eigenvalues=np.linalg.eigvalsh(alignment),
    )


def proximity_factors(input_scale: float, *, weight_ridge: float, proximity: float) -> ProximityFactors:
    """Return the minimiser for collapsed given features, and its first-order response factors.

    Assumptions: H_0 = alpha Q Y with orthonormal columns Q (d, K) and alpha = ``input_scale`` > 0. Statement: the
    minimiser is H = h Q Y, W = w Q^T with w = h / (h^2 + weight_ridge), where h is the only root of
    h - alpha = h weight_ridge / (proximity (h^2 + weight_ridge)^2). A perturbation of H_0 appears in H multiplied by

    - within classes: proximity / (proximity + w^2) in the span of Q (``within_parallel``), 1 orthogonal to it;
    - class means, with Q^T applied: dh/dalpha on the symmetric part (``mean_symmetric``), h / alpha on the
      antisymmetric part and orthogonal to the span of Q (``mean_rotation``).

    Exact (the factors: to first order in the perturbation). Raises ``ValueError`` naming the parameter.
    """
    alpha = number("input_scale", input_scale, "(0, inf)")
    ridge, mu = number("weight_ridge", weight_ridge, "(0, inf)"), number("proximity", proximity, "(0, inf)")
    # In units of the square root of the ridge: x - a = strength x / (x^2 + 1)^2, whose right-hand side peaks at
    # strength 9 / (16 sqrt(3)); the unknown is the excess of x over a.
    unit = math.sqrt(ridge)
    a, strength = alpha / unit, 1.0 / (mu * ridge)
    bound = 1.01 * strength * 9.0 / (16.0 * math.sqrt(3.0))

    def residual(excess: float) -> float:
        x = a + excess
        total = x * x + 1.0
        return excess - strength * x / (total * total)

    excess = float(brentq(residual, 0.0, bound, xtol=1e-300, rtol=1e-15, maxiter=1000))
    x = a + excess
    total = x * x + 1.0
    w = x / (unit * total)
    return ProximityFactors(
        scale=unit * x,
        classifier_scale=w,
        within_parallel=mu / (mu + w * w),
        within_orthogonal=1.0,
        mean_symmetric=1.0 / (1.0 + strength * (3.0 - 4.0 / total) / (total * total)),
        mean_rotation=x / a,
    )


def proximity_first_order(
    perturbation: Any, frame: Any, labels: Any, *, input_scale: float, weight_ridge: float, proximity: float
) -> np.ndarray:
    """Return the first-order change of the minimiser's features when the given ones change by ``perturbation``.

    The given features are ``input_scale`` times ``frame`` times Y plus the perturbation; each component of it is
    multiplied by its factor from :func:`proximity_factors`. ``perturbation`` (d, N); ``frame`` (d, K), orthonormal
    columns; ``labels`` (N,), balanced. Returns (d, N). Exact to first order; the remainder is quadratic.

    Raises ``ValueError`` naming the parameter.
    """
    change = array("perturbation", perturbation, shape=(None, None))
    basis = array("frame", frame, shape=(change.shape[0], None))
    error = float(np.abs(basis.T @ basis - np.eye(basis.shape[1])).max())
    require(error <= ORTHONORMAL_TOLERANCE, "frame", frame, f"orthonormal columns (largest deviation: {error:.3g})")
    classes, _ = read_balanced_labels(labels, n_samples=change.shape[1], n_classes=basis.shape[1])
    factors = proximity_factors(input_scale, weight_ridge=weight_ridge, proximity=proximity)
    means = class_means(change, classes)
    deviations = change - means[:, classes]
    within = deviations - (1.0 - factors.within_parallel) * (basis @ (basis.T @ deviations))
    inside = basis.T @ means
    symmetric = 0.5 * (inside + inside.T)
    response = factors.mean_rotation * means + (factors.mean_symmetric - factors.mean_rotation) * (basis @ symmetric)
    return response[:, classes] + within


def within_class_shrinkage(classifier: Any, *, proximity: float) -> np.ndarray:
    """Return the matrix that carries deviations from class means of the given features to those of the minimiser.

    It is proximity (proximity I + W^T W)^-1 at every critical point, however large the perturbation and whatever the
    balance of the classes. ``classifier`` W (K, d); ``proximity`` > 0. Returns (d, d), symmetric. Exact.

    Raises ``ValueError`` naming the parameter. The statement without small perturbations is a result of this project.
    """
    weights, mu = array("classifier", classifier, shape=(None, None)), number("proximity", proximity, "(0, inf)")
    _, values, right = np.linalg.svd(weights, full_matrices=False)
    root = right.T * (values / np.sqrt(mu + values**2))
    return np.eye(weights.shape[1]) - root @ root.T
