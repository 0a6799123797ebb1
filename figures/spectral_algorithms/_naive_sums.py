"""The naive model of noisy observations by its sums over modes, and the constants of iterated ridge regression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import beta, gamma

from theory.spectral_algorithms import (
    gradient_flow_profile,
    iterated_ridge_profile,
    nmno_loss,
    noisy_asymptotics,
    ridge_profile,
)

SUMMED = 30  # modes that are summed, in units of how many are learnt; the others are integrated


def profile_at(algorithm: str, threshold: float) -> Any:
    """Return the profile that learns eigenvalues above a threshold."""
    if algorithm == "optimal":
        return None
    if algorithm == "gradient_flow":
        return gradient_flow_profile(1 / threshold)
    if algorithm == "ridge":
        return ridge_profile(threshold)
    return iterated_ridge_profile(threshold, n_iterations=int(algorithm.removeprefix("ridge_")))


def at_the_optimum(*, algorithm: str, n_samples: int, nu: float, kappa: float, noise_variance: float,
                   multiplicity: int) -> dict[str, float]:  # fmt: skip
    """Return the loss and the share of the bias at the closed-form optimum, and the optimum found by minimisation."""
    order = min(kappa, 2 * nu) if algorithm == "ridge" else kappa
    sums = _Sums(n_samples, nu, kappa, noise_variance, multiplicity, order)
    closed = noisy_asymptotics(algorithm, n_samples, capacity_exponent=nu, source_exponent=kappa,
                               noise_variance=noise_variance, multiplicity=multiplicity)  # fmt: skip
    if algorithm == "optimal":
        loss = sums.loss(None)
        return dict(loss=loss, threshold=1.0, bias_share=sums.best_bias() / loss)
    threshold = closed.parameter if algorithm == "ridge" else 1 / closed.parameter
    loss = sums.loss(profile_at(algorithm, threshold))
    best, _ = sums.minimum(algorithm, threshold)
    bias = sums.loss(profile_at(algorithm, threshold), noise_variance=0.0)
    return dict(loss=loss, threshold=best, bias_share=bias / loss)


def efficiency(*, algorithm: str, n_samples: int, nu: float, kappa: float) -> dict[str, float]:
    """Return the least loss of an algorithm over that of the best profile, at noise variance 1."""
    sums = _Sums(n_samples, nu, kappa, 1.0, 1, kappa)
    _, least = sums.minimum(algorithm, n_samples ** (-nu / (kappa + 1)))
    return dict(ratio=least / sums.loss(None))


def closed_efficiency(algorithm: str, nu: Any, kappa: Any) -> Any:
    """Return the limit of ``efficiency`` for large N, where the algorithm does not saturate; broadcasts."""
    nu, kappa = np.asarray(nu), np.asarray(kappa)
    x = kappa / nu
    if algorithm == "gradient_flow":
        noise, bias = gamma(1 - 1 / nu) * (2 - 2 ** (1 / nu)), gamma(x) / 2**x / nu
    else:
        m = 1 if algorithm == "ridge" else int(algorithm.removeprefix("ridge_"))
        # (1 - v^m)^2 with v = 1 / (1 + u), against u^(-1/nu - 1) du / nu: the three powers continue one Beta function.
        noise = gamma(-1 / nu) / nu * (gamma(2 * m + 1 / nu) / gamma(2 * m) - 2 * gamma(m + 1 / nu) / gamma(m))
        bias = beta(2 * m - x, x) / nu
    least = (1 + kappa) * bias ** (1 / (kappa + 1)) * (noise / kappa) ** (kappa / (kappa + 1))
    return least * np.sinc(1 / (kappa + 1))


class _Sums:
    """Sums over the modes of power laws: all with ``multiplicity`` 1, all but the first twice with 2.

    About (n / noise_variance)^(1 / (order + 1)) modes are learnt.
    """

    def __init__(self, n: int, nu: float, kappa: float, noise_variance: float, multiplicity: int,
                 order: float) -> None:  # fmt: skip
        self.n, self.noise_variance = n, noise_variance
        count = max(1000, math.ceil(SUMMED * (n / noise_variance) ** (1 / (order + 1))))
        modes = np.repeat(np.arange(1.0, count + 1), multiplicity)[multiplicity - 1 :]
        self.task = dict(eigenvalues=modes**-nu, target_power=modes ** (-kappa - 1))
        # Beyond, the midpoint rule: l = (count + 1/2) exp(u), where all terms fall like exp(-kappa u) or faster.
        u, weights = np.polynomial.legendre.leggauss(80)
        rest = (count + 0.5) * np.exp(20 / kappa * (u + 1))
        self.rest = rest**-nu, rest ** (-kappa - 1), multiplicity * weights * rest * 20 / kappa

    def loss(self, profile: Any, noise_variance: float | None = None) -> float:
        """Return the loss of a profile, or the least one of all for None."""
        variance = self.noise_variance if noise_variance is None else noise_variance
        values, power, weights = self.rest
        noise = variance / self.n
        if profile is None:
            rest = noise * power / (noise + power)
        else:
            rest = noise * profile(values) ** 2 + profile.residual(values) ** 2 * power
        return nmno_loss(profile, self.n, **self.task, noise_variance=variance) + 0.5 * float(weights @ rest)

    def best_bias(self) -> float:
        """Return the bias of the best profile."""
        noise, (_, power, weights) = self.noise_variance / self.n, self.rest
        summed = (p * (noise / (p + noise)) ** 2 for p in (self.task["target_power"], power))
        return 0.5 * float(np.sum(next(summed)) + weights @ next(summed))

    def minimum(self, algorithm: str, start: float) -> tuple[float, float]:
        """Return the best threshold, within a factor 30 of the start, and the loss there."""
        bounds = (math.log(start / 30), math.log(start * 30))
        found = minimize_scalar(lambda t: self.loss(profile_at(algorithm, math.exp(t))), method="bounded",
                                bounds=bounds, options={"xatol": 1e-6})  # fmt: skip
        return math.exp(found.x), float(found.fun)
