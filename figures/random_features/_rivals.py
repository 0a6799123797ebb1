"""Wrong test errors that a competent person could write down, for random-feature regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from theory.random_features import RFRisk, rf_risk


def wrong_test_errors(
    theory: RFRisk,
    eigenvalues: np.ndarray,
    target_coefficients: np.ndarray,
    *,
    n_samples: Any,
    n_features: Any,
    noise_variance: float,
    **spectrum: Any,
) -> dict[str, np.ndarray]:
    """Return rivals of the prediction ``theory``, which was made with these arguments; shapes as its fields.

    ``spectrum`` passes on multiplicities and tails.
    """
    n, k = np.asarray(n_samples), np.asarray(n_features)
    z, q = theory.modes_learned, theory.modes_squared
    width_term = (z - q) / (k - q)
    denominator = 1 - (q + (z - q) * width_term) / n
    powers = target_coefficients**2
    unlearned = _share(eigenvalues, theory.gamma)
    wide_bias = (powers * unlearned**2).sum(axis=-1)
    kernel = rf_risk(
        eigenvalues,
        target_coefficients,
        n_samples=n,
        n_features=np.inf,
        ridge=theory.ridge,
        noise_variance=noise_variance,
        **spectrum,
    )
    return {
        "kernel limit": kernel.test_mse * np.ones(np.shape(z)),
        "no width term in the denominator": (theory.bias + noise_variance) / (1 - q / n),
        "no width term in the bias": (wide_bias + noise_variance) / denominator,
        "kappa for gamma in the bias": (
            (powers * _share(eigenvalues, theory.kappa) ** 2).sum(axis=-1) + noise_variance
        ) / denominator,
    }  # fmt: skip


def _share(eigenvalues: np.ndarray, gamma: Any) -> np.ndarray:
    """Return the unlearned share gamma / (eigenvalue + gamma) of every mode, modes last."""
    gamma = np.asarray(gamma)[..., np.newaxis]
    return gamma / (eigenvalues + gamma)
