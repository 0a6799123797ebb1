"""Stored work of the claims on the Circle: losses of dense matrices, simulated training, and their predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.spectral_algorithms._circle_models import (
    circle_terms,
    dense_loss,
    fixed_shift_loss,
    naive_loss,
    power_laws,
)
from simulations.spectral_algorithms import circle_dense_loss, simulate_circle
from theory.spectral_algorithms import (
    circle_loss,
    circle_loss_from_spectrum,
    cutoff_profile,
    gradient_descent_profile,
    gradient_flow_profile,
    interpolation_profile,
    iterated_ridge_profile,
    ridge_loss,
    ridge_profile,
)

PROFILES = {
    "ridge": ridge_profile(0.05),
    "iterated ridge": iterated_ridge_profile(0.1, n_iterations=2),
    "gradient flow": gradient_flow_profile(20.0),
    "gradient descent": gradient_descent_profile(0.3, n_steps=60),
    "cut-off": cutoff_profile(0.1),
    "interpolation": interpolation_profile(),
}
SHIFT = 0.9  # over n, in radians: of the check at one shift
QUIET = ("interpolation", "noiseless ridge", "noiseless flow")
N_IMAGES = 4  # simulated spectra end at |l| = 4 n + n/2


def dense_losses(*, n_samples: int, nu: float, kappa: float, noise_variance: float, n_images: int) -> dict[str, Any]:
    """Return the losses of the profiles from dense matrices, (n_profiles,): averaged over shifts, and at one shift."""
    task = power_laws(n_samples, nu, kappa, n_images) | dict(noise_variance=noise_variance)
    one_shift = [circle_dense_loss(p, n_samples, **task, shift=SHIFT / n_samples) for p in PROFILES.values()]
    return dict(
        averaged=np.array([dense_loss(profile, n_samples, **task) for profile in PROFILES.values()]),
        at_one_shift=np.array(one_shift),
    )


def formula_losses(*, n_samples: int, nu: float, kappa: float, noise_variance: float, n_images: int) -> dict[str, Any]:
    """Return the predictions for ``dense_losses``, and wrong ones, (n_profiles,) each."""
    spectrum = power_laws(n_samples, nu, kappa, n_images)
    exponents = dict(capacity_exponent=nu, source_exponent=kappa)
    lowest = spectrum["eigenvalues"][np.minimum(np.arange(n_samples), n_samples - np.arange(n_samples))]

    def losses(function: Any) -> np.ndarray:
        return np.array([function(profile) for profile in PROFILES.values()])

    noise = dict(noise_variance=noise_variance)
    return dict(
        averaged=losses(lambda p: circle_loss_from_spectrum(p, n_samples, **spectrum, **noise)),
        at_one_shift=losses(lambda p: fixed_shift_loss(p, n_samples, **spectrum, **noise, shift=SHIFT / n_samples)),
        population=losses(lambda p: circle_terms(p(lowest), n_samples, **spectrum, **noise).sum()),
        endless=losses(lambda p: circle_loss(p, n_samples, **exponents, **noise)),
        naive=losses(lambda p: naive_loss(p, n_samples, **spectrum, **noise)),
    )


def simulate_training(*, name: str, n_samples: int, n_trials: int, seed: Any) -> np.ndarray:
    """Return the simulated losses of a named setting, (n_trials,)."""
    return simulate_circle(**_setting(name, n_samples), n_trials=n_trials, seed=seed)


def predicted_losses(*, name: str, n_samples: int) -> dict[str, float]:
    """Return the prediction for ``simulate_training``, and rivals: no aliasing, and random features for a ridge."""
    task = _setting(name, n_samples)
    loss = random_design = circle_loss_from_spectrum(**task)
    profile = task.pop("profile")
    naive = loss if n_samples > 10**5 else naive_loss(profile, **task)
    if "flow" not in name:
        values, power = np.repeat(task["eigenvalues"], 2)[1:], np.repeat(task["target_coefficients"] ** 2, 2)[1:]
        random_design = ridge_loss(profile.ridge, n_samples, eigenvalues=values, target_power=power,
                                   noise_variance=task["noise_variance"])  # fmt: skip
    return dict(losses=loss, naive=naive, random_design=random_design)


def _setting(name: str, n_samples: int) -> dict[str, Any]:
    """Return the task of a name: thresholds scale like the best ones, or like the smallest eigenvalues."""
    n = n_samples
    profile, noise = {
        "gradient flow": (gradient_flow_profile(n**0.6), 1.0),
        "ridge": (ridge_profile(3 * n**-0.6), 1.0),
        "interpolation": (interpolation_profile(), 0.0),
        "noiseless ridge": (ridge_profile(n**-1.5), 0.0),
        "noiseless flow": (gradient_flow_profile(n**1.5), 0.0),
    }[name]
    return dict(profile=profile, n_samples=n, noise_variance=noise) | power_laws(n, 1.5, 1.0, N_IMAGES)
