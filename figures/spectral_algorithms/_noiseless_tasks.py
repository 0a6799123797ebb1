"""Stored work of the claim on noiseless learning curves: sums at finite size, scaling limits, simulated training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import zeta

from figures.spectral_algorithms._circle_models import power_laws
from simulations.spectral_algorithms import simulate_circle
from theory.spectral_algorithms import (
    circle_loss,
    circle_loss_from_spectrum,
    circle_optimal_loss,
    circle_spectrum,
    gradient_flow_profile,
    interpolation_profile,
    ridge_profile,
)

N_IMAGES = 30  # simulated spectra end at |l| = 30.5 n


def circle_curve(*, n_samples: int, nu: float, kappa: float) -> dict[str, Any]:
    """Return the noiseless losses (2,) of interpolation and of the best profile, and the noise of interpolation."""
    laws = dict(capacity_exponent=nu, source_exponent=kappa)
    losses = (
        circle_loss(interpolation_profile(), n_samples, **laws, noise_variance=0.0),
        circle_optimal_loss(n_samples, **laws, noise_variance=0.0),
    )
    noise = circle_spectrum(interpolation_profile(), n_samples, **laws, noise_variance=1.0).noise.sum()
    return dict(losses=np.array(losses), noise=float(noise))


def scaled_profile(algorithm: str, threshold: float, unit: float = 1.0) -> Any:
    """Return the profile that learns eigenvalues above ``threshold`` times ``unit``."""
    if algorithm == "gradient_flow":
        return gradient_flow_profile(1 / (threshold * unit))
    return ridge_profile(threshold * unit)


def rescaled_loss(*, algorithm: str, threshold: float, n_samples: int, nu: float, kappa: float) -> dict[str, float]:
    """Return n^kappa times the noiseless loss with the threshold in units of n^-nu."""
    profile = scaled_profile(algorithm, threshold, n_samples**-nu)
    laws = dict(capacity_exponent=nu, source_exponent=kappa)
    return dict(loss=n_samples**kappa * circle_loss(profile, n_samples, **laws, noise_variance=0.0))


def scaling_limit(*, algorithm: str, threshold: float, nu: float, kappa: float) -> dict[str, float]:
    """Return the limit of ``rescaled_loss``, and what it would be with the profile at population eigenvalues."""
    profile = scaled_profile(algorithm, threshold)
    return dict(limit=_half_integral(profile, nu, kappa, aliased=True),
                population=_half_integral(profile, nu, kappa, aliased=False))  # fmt: skip


def _half_integral(profile: Any, nu: float, kappa: float, aliased: bool) -> float:
    """Integrate the loss of one class over the frequency x in units of n, 0 < x < 1/2; x = s^p / 2."""

    def images(s: float, x: float) -> float:
        return zeta(s, 1 + x) + zeta(s, 1 - x)

    def integrand(s: float) -> float:
        x = 0.5 * s**power
        value, power_of_mode = x**-nu, x ** (-kappa - 1)
        first = value + images(nu, x)
        at = np.array([first if aliased else value])
        h, residual = float(profile(at)[0]), float(profile.residual(at)[0])
        second, cross, square = images(2 * nu, x), images(nu + kappa + 1, x), images(kappa + 1, x)
        kernel = (residual * value + images(nu, x)) ** 2 + h**2 * second
        # as the sum over modes: the residual of what is learnt, and what it adds to the others
        target = square - 2 * h * cross / first + h**2 * (value**2 + second) / first**2 * square
        return (power_of_mode * kernel / first**2 + target) * 0.5 * power * s ** (power - 1)

    power = max(1.0, 3 / (2 * nu - kappa))
    return quad(integrand, 0, 1, epsabs=0, epsrel=1e-11, limit=200)[0]


def wishart_curve(*, n_samples: int, nu: float, kappa: float) -> dict[str, float]:
    """Return the noiseless loss of interpolation of Gaussian features with endless power laws, and its noise.

    Sums over twenty times as many modes as samples, and integrals beyond.
    """
    count = 20 * n_samples
    order = np.arange(1.0, count + 1)
    u, weights = np.polynomial.legendre.leggauss(100)
    decay = min(nu - 1, kappa)
    rest = (count + 0.5) * np.exp(20 / decay * (u + 1))
    order, weights = np.append(order, rest), np.append(np.ones(count), weights * rest * 20 / decay)
    values, power = order**-nu, order ** (-kappa - 1)

    def excess(log_ridge: float) -> float:
        return float(weights @ (values / (values + math.exp(log_ridge)))) - n_samples

    ridge = math.exp(brentq(excess, -nu * math.log(50 * n_samples), 0, xtol=1e-14))
    learnt = values / (values + ridge)
    gamma = float(weights @ learnt**2) / n_samples
    bias = float(weights @ (power * (ridge / (values + ridge)) ** 2))
    return dict(loss=bias / (2 * (1 - gamma)), noise=gamma / (2 * (1 - gamma)), not_inflated=bias / 2)


def simulate_noiseless(*, algorithm: str, threshold: float, n_samples: int, nu: float, kappa: float, n_trials: int,
                       seed: Any) -> np.ndarray:  # fmt: skip
    """Return n^kappa times simulated losses without noise, (n_trials,)."""
    profile = scaled_profile(algorithm, threshold, n_samples**-nu)
    losses = simulate_circle(profile, n_samples, **power_laws(n_samples, nu, kappa, N_IMAGES), noise_variance=0.0,
                             n_trials=n_trials, seed=seed)  # fmt: skip
    return n_samples**kappa * losses


def truncated_loss(*, algorithm: str, threshold: float, n_samples: int, nu: float, kappa: float) -> dict[str, float]:
    """Return the prediction for ``simulate_noiseless``."""
    profile = scaled_profile(algorithm, threshold, n_samples**-nu)
    spectrum = power_laws(n_samples, nu, kappa, N_IMAGES)
    loss = circle_loss_from_spectrum(profile, n_samples, **spectrum, noise_variance=0.0)
    return dict(loss=n_samples**kappa * loss)


def nearest_images(*, nu: float, kappa: float) -> dict[str, float]:
    """Return the constant of interpolation if each frequency k aliased with k - N and k + N alone."""

    def integrand(s: float) -> float:
        x = 0.5 * s**power
        value, target = np.array([x, 1 - x, 1 + x]) ** -nu, np.array([x, 1 - x, 1 + x]) ** (-kappa - 1)
        share = value / value.sum()
        residual = np.array([share[1] + share[2], share[1], share[2]])
        terms = target[0] * (residual**2).sum() + target[1:].sum() * (1 + (share**2).sum()) - 2 * target[1:] @ share[1:]
        return terms * 0.5 * power * s ** (power - 1)

    power = max(1.0, 3 / (2 * nu - kappa))
    return dict(constant=quad(integrand, 0, 1, epsrel=1e-9, limit=200)[0])


def circle_noise(*, nu: float) -> dict[str, float]:
    """Return the limit of the noise of interpolation on the Circle, at noise variance 1."""

    def both(s: float, x: float) -> float:
        return zeta(s, x) + zeta(s, 1 - x)

    limit = quad(lambda x: both(2 * nu, x) / both(nu, x) ** 2 if x else 1.0, 0, 0.5, epsrel=1e-11, limit=200)[0]
    return dict(limit=limit)
