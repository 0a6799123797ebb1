"""Ridge regression of a general target on correlated Gaussian features."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.random_features.eigenframework import RFRisk, rf_risk

__all__ = ["gaussian_covariate_ridge"]


def gaussian_covariates(
    feature_eigenvalues: Any, cross_coefficients: Any, target_variance: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Validate the joint covariance of features and target; return it, and the variance that no feature explains."""
    eigenvalues = array("feature_eigenvalues", feature_eigenvalues, "[0, inf)", shape=(None,))
    require(bool(eigenvalues.any()), "feature_eigenvalues", feature_eigenvalues, "at least one positive number")
    cross = array("cross_coefficients", cross_coefficients, shape=eigenvalues.shape)
    present = eigenvalues > 0.0
    rule = "0 where the feature has no variance"
    require(not cross[~present].any(), "cross_coefficients", cross_coefficients, rule)
    variance = number("target_variance", target_variance, "(0, inf)")
    explained = float(np.sum(cross[present] ** 2 / eigenvalues[present]))
    rule = f"at least the variance that the features explain, {explained:.12g}"
    require(variance >= explained * (1.0 - 1e-12), "target_variance", variance, rule)
    return eigenvalues, cross, variance, max(variance - explained, 0.0)


def gaussian_covariate_ridge(
    feature_eigenvalues: Any,
    cross_coefficients: Any,
    *,
    target_variance: float,
    n_samples: float,
    ridge: float,
    noise_variance: float = 0.0,
) -> RFRisk:
    """Ridge regression of any target on correlated Gaussian features.

    Assumptions: features u with covariance diag(lambda), lambda = ``feature_eigenvalues`` (p,), universal (for deep
    random features, the eigenvalues of the last covariance over its width); target t of variance ``target_variance``
    with Cov(u_j, t) = ``cross_coefficients[j]``; the fit minimises the sum of squares plus ``ridge`` times the squared
    norm.

    Statement: the risk is that of ``rf_risk`` with infinitely many features, eigenvalues lambda, target coefficients
    c / sqrt(lambda) and noise ``noise_variance`` + target_variance - sum c^2 / lambda: what the features do not explain
    acts as noise. The test error includes both.

    Kind: asymptotic (samples and features proportional).

    Raises ``ValueError`` for bad input.

    Source: Schroeder, Cui, Dmitriev, Loureiro (2023), arXiv 2302.00401, App. D.2 (numbering unverified); for the risk
    Simon, Karkada, Ghosh, Belkin (2024), arXiv 2311.14646.
    """
    eigenvalues, cross, _, unexplained = gaussian_covariates(feature_eigenvalues, cross_coefficients, target_variance)
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    roots = np.sqrt(eigenvalues)
    coefficients = np.divide(cross, roots, out=np.zeros_like(cross), where=roots > 0.0)
    return rf_risk(
        eigenvalues,
        coefficients,
        n_samples=number("n_samples", n_samples, "(0, inf)"),
        n_features=np.inf,
        ridge=number("ridge", ridge, "[0, inf)"),
        noise_variance=noise_variance + unexplained,
    )
