"""What the claims on random features share: the model, a power-law task, and six profiles for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from theory.spectral_algorithms import (
    cutoff_profile,
    gradient_descent_profile,
    gradient_flow_profile,
    interpolation_profile,
    iterated_ridge_profile,
    ridge_profile,
)

WISHART = (
    "N samples; features Z_il iid N(0, 1); kernel matrix K = sum_l lambda_l Z_l Z_l^T; profile h acts on K / N; label "
    "noise of variance sigma^2; loss L: half the mean squared distance to the noise-free target."
)
PARTS = ["signal", "noise"]  # the loss without noise, and what noise adds per unit of its variance
PROFILES = {
    "ridge": ridge_profile(0.01),
    "gradient flow": gradient_flow_profile(100.0),
    "gradient descent": gradient_descent_profile(0.2, n_steps=200),
    "iterated ridge": iterated_ridge_profile(0.02, n_iterations=2),
    "interpolation": interpolation_profile(),
    "cut-off": cutoff_profile(0.02),
}


def power_laws(n_modes: int, nu: float, kappa: float) -> dict[str, np.ndarray]:
    """Return eigenvalues l^-nu and squared target coefficients l^(-kappa - 1), l = 1 .. n_modes."""
    order = np.arange(1.0, n_modes + 1.0)
    return dict(eigenvalues=order**-nu, target_power=order ** (-kappa - 1.0))


def circle_modes(n_modes: int, nu: float, kappa: float) -> dict[str, np.ndarray]:
    """Return the first modes of the Circle's power laws, twice each but for the first; n_modes is odd."""
    order = (np.arange(n_modes) + 1) // 2 + 1.0
    return dict(eigenvalues=order**-nu, target_power=order ** (-kappa - 1.0))


TASK = power_laws(1000, 1.5, 1.0)


def split(losses: Any) -> np.ndarray:
    """Return losses (..., 2) at noise variance 0 and 1 as signal and noise."""
    losses = np.asarray(losses)
    return np.stack([losses[..., 0], losses[..., 1] - losses[..., 0]], axis=-1)
