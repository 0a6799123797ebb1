"""Stored work of the claim on localisation: best thresholds on the Circle, where their loss lives, and simulations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from figures.spectral_algorithms._circle_models import power_laws
from figures.spectral_algorithms._naive_sums import profile_at
from simulations.spectral_algorithms import simulate_circle
from theory.spectral_algorithms import circle_loss, circle_optimal_loss, circle_spectrum

NOISE = 1.0
N_IMAGES = 2  # aliasing is negligible where noise sets the threshold


def qualification(algorithm: str) -> float:
    """Return the power a with which the residual 1 - h falls in the eigenvalue."""
    return {"ridge": 1.0, "ridge_2": 2.0}.get(algorithm, math.inf)


def order(algorithm: str, nu: float, kappa: float) -> float:
    """Return m = min(kappa, 2 a nu): the best loss falls as N^(-m / (1 + m)), its threshold as N^(-nu / (1 + m))."""
    return min(kappa, 2 * qualification(algorithm) * nu)


def at_the_best_threshold(*, algorithm: str, n_samples: int, nu: float, kappa: float) -> dict[str, float]:
    """Return the best threshold on the Circle, the loss there, and medians of its bias and noise over eigenvalues."""
    laws = dict(capacity_exponent=nu, source_exponent=kappa, noise_variance=NOISE)
    threshold = 1.0
    if algorithm == "optimal":
        loss = circle_optimal_loss(n_samples, **laws)
    else:
        start = -nu / (1 + order(algorithm, nu, kappa)) * math.log(n_samples)
        found = minimize_scalar(lambda t: circle_loss(profile_at(algorithm, math.exp(t)), n_samples, **laws),
                                bracket=(start - 0.5, start + 0.5), options={"xtol": 1e-3})  # fmt: skip
        threshold, loss = math.exp(found.x), float(found.fun)
    spectrum = circle_spectrum(profile_at(algorithm, threshold), n_samples, **laws)
    medians = (_median(spectrum.empirical_eigenvalues, part) for part in (spectrum.signal, spectrum.noise))
    return dict(loss=loss, threshold=threshold) | dict(zip(("bias_median", "noise_median"), medians, strict=True))


def densities(*, algorithm: str, threshold: float, n_samples: int, nu: float, kappa: float) -> dict[str, np.ndarray]:
    """Return the shares of bias and noise per unit of the scale s = -log eigenvalue / log n, (70,) each, and s.

    Interpolated between modes, and up to a quarter of the frequencies, where eigenvalues begin to pair up.
    """
    laws = dict(capacity_exponent=nu, source_exponent=kappa, noise_variance=NOISE)
    spectrum = circle_spectrum(profile_at(algorithm, threshold), n_samples, **laws)
    total = spectrum.signal.sum() + spectrum.noise.sum()
    shown = np.geomspace(1, n_samples // 4, 70)
    chosen = np.unique(shown.astype(int))
    k = chosen - 1
    modes_per_scale = 2 * chosen * math.log(n_samples) / nu

    def between(values: np.ndarray) -> np.ndarray:
        return np.exp(np.interp(np.log(shown), np.log(chosen), np.log(values)))

    share = {name: part[k] / spectrum.multiplicity[k] * modes_per_scale / total
             for name, part in (("bias", spectrum.signal), ("noise", spectrum.noise))}  # fmt: skip
    scale = -np.log(between(spectrum.empirical_eigenvalues[k])) / math.log(n_samples)
    return {name: between(values) for name, values in share.items()} | dict(scale=scale)


def simulate_at_threshold(*, algorithm: str, threshold: float, n_samples: int, nu: float, kappa: float, n_trials: int,
                          seed: Any) -> np.ndarray:  # fmt: skip
    """Return simulated losses, (n_trials,)."""
    return simulate_circle(profile_at(algorithm, threshold), n_samples, **power_laws(n_samples, nu, kappa, N_IMAGES),
                           noise_variance=NOISE, n_trials=n_trials, seed=seed)  # fmt: skip


def _median(eigenvalues: np.ndarray, masses: np.ndarray) -> float:
    """Return the eigenvalue that halves the mass, each mode at the middle of its own."""
    below = (np.cumsum(masses) - masses / 2) / masses.sum()
    return float(np.exp(np.interp(0.5, below, np.log(eigenvalues))))
