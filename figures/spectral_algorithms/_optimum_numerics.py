"""Best profiles of the Wishart model, for ``run.compute``: their equation, their neighbours, and simpler profiles."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from figures.spectral_algorithms._wishart_models import circle_modes, power_laws
from figures.spectral_algorithms._wishart_numerics import functional
from theory.spectral_algorithms import (
    WishartMeasures,
    effective_ridge,
    nmno_loss,
    optimal_ridge,
    ridge_loss,
    wishart_loss,
    wishart_measures,
    wishart_optimal_profile,
)
from theory.spectral_algorithms.profiles import Profile

N_RANDOM = 200  # profiles to a task


@dataclass(frozen=True)
class BestProfile(Profile):
    """The best profile of the Wishart model, from its values on the bands: linear in the logarithm between nodes.

    Constant above the spectrum; below, in proportion to the eigenvalue, as a fit does that amplifies no label. The task
    is ``circle_modes`` if ``paired``, else ``power_laws``: plain numbers, so that nothing rounded names a simulation.
    """

    n_samples: int
    noise_variance: float
    n_modes: int
    nu: float
    kappa: float
    paired: bool = False

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        """Return the profile at the eigenvalues."""
        nodes, values = _table(self)
        logarithms = np.log(eigenvalues)
        return np.interp(logarithms, nodes, values) * np.exp(np.minimum(0.0, logarithms - nodes[0]))


@functools.lru_cache(maxsize=16)
def _table(profile: BestProfile) -> tuple[np.ndarray, np.ndarray]:
    modes = circle_modes if profile.paired else power_laws
    task = modes(profile.n_modes, profile.nu, profile.kappa)
    best = wishart_optimal_profile(profile.n_samples, noise_variance=profile.noise_variance, **task)
    return np.log(best.eigenvalues[::-1]), best.values[::-1]


@dataclass(frozen=True)
class NaiveOptimum(Profile):
    """The best profile of the naive model for power laws: c^2 / (c^2 + noise) with c^2 = lambda^order."""

    order: float
    noise: float  # noise variance over the number of samples

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        """Return the profile at the eigenvalues."""
        power = np.asarray(eigenvalues) ** self.order
        return power / (power + self.noise)


def optimum(*, n_samples: int, mode_ratio: int, nu: float, kappa: float, noise_variance: float) -> dict[str, Any]:
    """Return losses of the best profile and of simpler ones, how far the naive optimum is, and the range of h*."""
    n, task = n_samples, power_laws(mode_ratio * n_samples, nu, kappa)
    given: dict[str, Any] = dict(noise_variance=noise_variance, **task)
    best = wishart_optimal_profile(n, **given)
    naive = NaiveOptimum((kappa + 1) / nu, noise_variance / n)
    return dict(
        loss=best.loss,
        naive_profile_loss=wishart_loss(naive, n, **given),
        naive_model_loss=nmno_loss(None, n, **given),
        ridge_loss=ridge_loss(optimal_ridge(n, **given), n, **given),
        distance=np.abs(best.values - naive(best.eigenvalues)).max(),
        lowest=best.values.min(),
        highest=best.values.max(),
    )


def certificates(*, n_samples: int, n_modes: int, nu: float, kappa: float, noise_variance: float,
                 seed: int) -> dict[str, Any]:  # fmt: skip
    """Return the residual of the integral equation of h*, and losses of random profiles far from it and close to it."""
    task = power_laws(n_modes, nu, kappa)
    given: dict[str, Any] = dict(noise_variance=noise_variance, **task)
    measures, best = wishart_measures(n_samples, **task), wishart_optimal_profile(n_samples, **given)
    rng = np.random.default_rng(seed)
    power, weights = task["target_power"].sum(), np.array([1.0, noise_variance])
    place = np.log(measures.nodes / measures.nodes[-1]) / np.log(measures.nodes[0] / measures.nodes[-1])
    losses = []
    for size in np.geomspace(1.0, 1e-7, N_RANDOM):
        waves = rng.normal(size=6) / np.arange(1, 7)
        change = size * np.cos(np.pi * np.outer(place, np.arange(6)) + rng.uniform(0, np.pi, 6)) @ waves
        losses.append(weights @ functional(measures, best.values + change, power))
    ridge = optimal_ridge(n_samples, **given)
    return dict(
        residual=_equation(measures, best.values, noise_variance),
        perturbed=_equation(measures, best.values * (1 + 1e-6), noise_variance),
        no_regular=_equation(measures, best.values, noise_variance, regular=False),
        losses=np.array(losses),
        loss=best.loss,
        ridge_loss=ridge_loss(ridge, n_samples, **given),
        naive_loss=nmno_loss(None, n_samples, **given),
    )


def _equation(measures: WishartMeasures, h: np.ndarray, noise: float, *, regular: bool = True) -> float:
    """Return the largest residual of the integral equation, over the largest linear density next to it."""
    left = (measures.local_density + noise * measures.noise_density) * h
    if regular:
        left = left + measures.two_point_density @ (measures.weights * h)
    return float(np.abs(left / measures.linear_density - 1).max())


def bayes_departures(*, spectrum: str, n_samples: int, noise_variance: float, scale: float) -> dict[str, Any]:
    """Return max |h* - ridge| for c^2 = scale lambda at the Bayes ridge and at wrong ones, and the loss there."""
    values = bayes_spectrum(spectrum)
    best = wishart_optimal_profile(
        n_samples, eigenvalues=values, target_power=scale * values, noise_variance=noise_variance
    )
    ridge = noise_variance / (n_samples * scale)

    def departure(eta: float) -> float:
        return float(np.abs(best.values - best.eigenvalues / (best.eigenvalues + eta)).max())

    return dict(
        right=departure(ridge),
        not_per_sample=departure(noise_variance / scale),
        half=departure(ridge / 2),
        scale_forgotten=departure(ridge * scale),
        loss=best.loss,
        closed=0.5 * (n_samples * scale * effective_ridge(ridge, n_samples, eigenvalues=values) - noise_variance),
    )


def bayes_spectrum(name: str) -> np.ndarray:
    """Return 500 eigenvalues: a power law by its exponent, or one of two other laws."""
    order = np.arange(1.0, 501.0)
    if name == "stretched":
        return np.exp(-np.sqrt(order))
    if name == "random":
        return np.sort(np.exp(np.random.default_rng(4).normal(0, 2, 500)))[::-1].copy()
    return order ** -float(name)
