"""Stored work of the claim on overlearning: where the best profile exceeds 1, and simulated training with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from figures.spectral_algorithms._circle_models import circle_terms, fold, power_laws, two_sided
from simulations.spectral_algorithms import simulate_circle
from theory.spectral_algorithms import circle_loss_from_spectrum, circle_spectrum, interpolation_profile

N_IMAGES = 30  # with fewer the overlearning of truncated spectra is weak


def sides_of_one(*, n_samples: int, nu: float, kappa: float) -> dict[str, float]:
    """Return shares of frequencies at which the best noiseless profile is above and below 1, and its extremes."""
    found = circle_spectrum(None, n_samples, capacity_exponent=nu, source_exponent=kappa, noise_variance=0.0)
    residual = found.optimal_residual
    return dict(
        above=float(np.mean(residual < 0)),
        below=float(np.mean(residual > 0)),
        lowest=float(-residual.max()),
        highest=float(-residual.min()),
        at_zero=float(-residual[0]),
    )


@dataclass(frozen=True)
class Tabulated:
    """The profile with given ``values`` at given decreasing ``eigenvalues``, interpolated in between."""

    eigenvalues: np.ndarray
    values: np.ndarray

    def __call__(self, eigenvalues: np.ndarray) -> np.ndarray:
        return np.interp(eigenvalues, self.eigenvalues[::-1], self.values[::-1])


def simulate_best_and_interpolation(*, n_samples: int, nu: float, kappa: float, profile: str, n_trials: int,
                                    seed: Any) -> np.ndarray:  # fmt: skip
    """Return simulated losses without noise, (n_trials,), of the "best" profile or of "interpolation"."""
    spectrum = power_laws(n_samples, nu, kappa, N_IMAGES)
    chosen = _best_profile(n_samples, spectrum) if profile == "best" else interpolation_profile()
    return simulate_circle(chosen, n_samples, **spectrum, noise_variance=0.0, n_trials=n_trials, seed=seed)


def best_and_interpolation(*, n_samples: int, nu: float, kappa: float) -> dict[str, float]:
    """Return the predicted losses of the best profile, of interpolation, and of the best profile capped at 1."""
    spectrum = power_laws(n_samples, nu, kappa, N_IMAGES)
    profile = _best_profile(n_samples, spectrum)
    first = fold(two_sided(spectrum["eigenvalues"]), n_samples)
    capped = circle_terms(np.minimum(profile(first), 1), n_samples, **spectrum, noise_variance=0.0).sum()
    losses = (circle_loss_from_spectrum(p, n_samples, **spectrum, noise_variance=0.0)
              for p in (profile, interpolation_profile()))  # fmt: skip
    return dict(zip(("best", "interpolation"), losses, strict=True)) | dict(capped=float(capped))


def _best_profile(n_samples: int, spectrum: dict[str, np.ndarray]) -> Tabulated:
    values, power = two_sided(spectrum["eigenvalues"]), two_sided(spectrum["target_coefficients"]) ** 2
    first, second, square, cross = (
        fold(x, n_samples)[: n_samples // 2 + 1] for x in (values, values**2, power, values * power)
    )
    return Tabulated(first, cross * first / (second * square))
