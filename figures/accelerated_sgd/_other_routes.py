"""Routes of their own to what SGD loses: eigenvectors of the transition matrix, and a search for the best step."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from figures.accelerated_sgd._dense import DenseMoments
from theory.accelerated_sgd import sgd_scheme, sgd_transition_matrix


def spectral_loss(learning_rate: float, batch_size: float, n_steps: int, eigenvalues: np.ndarray,
                  target_coefficients: np.ndarray) -> float:  # fmt: skip
    """Return the noiseless loss after so many steps from the eigendecomposition of the transition matrix."""
    matrix = sgd_transition_matrix(eigenvalues, learning_rate=learning_rate, batch_size=batch_size)
    rates, vectors = np.linalg.eigh(matrix)
    return float((eigenvalues @ vectors * rates**n_steps) @ (vectors.T @ target_coefficients**2))


def best_isotropic_step(n_features: int, batch_size: int) -> float:
    """Return the step at which the loss of isotropic features falls most in five steps, by search."""
    values, target = np.ones(n_features), np.eye(n_features)[0]

    def log_loss(step: float) -> float:
        dense = DenseMoments(values, sgd_scheme(step), batch_size=batch_size)
        return float(np.log(dense.risks(dense.curve(target, 5))[-1]))

    return float(minimize_scalar(log_loss, bounds=(1e-3, 2.0), method="bounded", options={"xatol": 1e-11}).x)
