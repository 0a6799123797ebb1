"""The Circle, the Wishart and the naive model on one spectrum, the Circle's, at parameters tuned for the naive model.

The spectrum has every eigenvalue l^-nu twice but for the first, with squared target coefficients l^(-kappa - 1).
"""

from __future__ import annotations

from typing import Any

from scipy.special import zeta

from figures.spectral_algorithms._wishart_models import circle_modes
from theory.spectral_algorithms import (
    Profile,
    circle_loss,
    circle_optimal_loss,
    effective_ridge,
    gradient_flow_profile,
    nmno_loss,
    noisy_asymptotics,
    ridge_loss,
    ridge_profile,
    wishart_loss,
    wishart_optimal_profile,
)

ALGORITHMS = ("ridge", "gradient_flow", "optimal")


def tuned(algorithm: str, n_samples: int, nu: float, kappa: float) -> Profile | None:
    """Return the profile of least asymptotic loss at noise variance 1; None for the optimal one."""
    if algorithm == "optimal":
        return None
    parameter = noisy_asymptotics(algorithm, n_samples, capacity_exponent=nu, source_exponent=kappa,
                                  noise_variance=1.0, multiplicity=2).parameter  # fmt: skip
    return ridge_profile(parameter) if algorithm == "ridge" else gradient_flow_profile(parameter)


def circle_losses(*, algorithm: str, n_samples: int, nu: float, kappa: float, noise_variance: float = 1.0,
                  n_modes: int = 2_000_001) -> dict[str, float]:  # fmt: skip
    """Return the losses of the Circle and of the naive model on infinitely many modes."""
    law: dict[str, Any] = dict(capacity_exponent=nu, source_exponent=kappa, noise_variance=noise_variance)
    profile = tuned(algorithm, n_samples, nu, kappa)
    if profile is None:
        circle = circle_optimal_loss(n_samples, **law)
    else:
        circle = circle_loss(profile, n_samples, **law)
    modes = circle_modes(n_modes, nu, kappa)
    tail = float(zeta(kappa + 1.0, modes["eigenvalues"].size // 2 + 2))  # of modes that nothing is learnt of
    naive = nmno_loss(profile, n_samples, noise_variance=noise_variance, **modes) + tail
    return dict(model=circle, naive=naive)


def wishart_losses(*, algorithm: str, n_samples: int, nu: float, kappa: float, n_modes: int) -> dict[str, float]:
    """Return the losses of the Wishart and of the naive model on finitely many modes, and gamma for ridge."""
    modes: dict[str, Any] = circle_modes(n_modes, nu, kappa)
    profile = tuned(algorithm, n_samples, nu, kappa)
    gamma = 0.0
    if profile is None:
        loss = wishart_optimal_profile(n_samples, noise_variance=1.0, **modes).loss
    elif algorithm == "ridge":
        ridge = noisy_asymptotics("ridge", n_samples, capacity_exponent=nu, source_exponent=kappa,
                                  noise_variance=1.0, multiplicity=2).parameter  # fmt: skip
        loss = ridge_loss(ridge, n_samples, noise_variance=1.0, **modes)
        values = modes["eigenvalues"]
        gamma = float(((values / (values + effective_ridge(ridge, n_samples, eigenvalues=values))) ** 2).sum())
    else:
        loss = wishart_loss(profile, n_samples, noise_variance=1.0, **modes)
    return dict(model=loss, naive=nmno_loss(profile, n_samples, noise_variance=1.0, **modes), gamma=gamma / n_samples)
