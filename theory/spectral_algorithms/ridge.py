"""Kernel ridge regression in closed form: the effective ridge, the loss and the best ridge.

Setting shared by the functions of this module. Kernel modes with ``eigenvalues`` (P,), positive and non-increasing;
target with squared coefficients ``target_power`` (P,); ``n_samples`` labels with noise of variance ``noise_variance``.
The ridge is normalised so that the profile is lambda / (lambda + ridge) on the spectrum of K / n_samples: the linear
system is K + n_samples ridge I. The loss is half the mean squared error on noise-free labels.

Nature: asymptotic, leading order in 1 / n_samples, for features like independent Gaussians. Sources: Bordelon, Canatar
and Pehlevan, "Spectrum Dependent Learning Curves in Kernel Regression and Wide Neural Networks", arXiv 2002.02561;
Simon, Dickens, Karkada and DeWeese, "The Eigenlearning Framework", arXiv 2110.03922 (numbering unverified).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from scipy.optimize import brentq

from assay.base import integer, number, require
from theory._spectrum import Spectrum, fixed_point, for_evaluations, learnt_modes, read_spectrum, spectral_sums
from theory.spectral_algorithms._modes import read_eigenvalues, read_task, require_target

__all__ = ["effective_ridge", "optimal_ridge", "ridge_loss"]

SCAN_STEP = 0.1  # of log effective ridge; the loss is analytic in it within a strip of half-width pi


def effective_ridge(ridge: float, n_samples: int, *, eigenvalues: Any) -> float:
    """Return the kappa >= 0 with sum lambda / (lambda + kappa) + n_samples ridge / kappa = n_samples.

    ``ridge`` >= 0, ``eigenvalues`` (P,). At ridge 0 it is positive for more modes than samples and 0 otherwise. It is
    the physical solution of ridge = kappa - (kappa / n_samples) sum lambda / (lambda + kappa), accurate to rounding.
    Nature: the definition is exact; that it governs learning is asymptotic.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the equation is not solved.
    """
    eta = number("ridge", ridge, "[0, inf)")
    n = integer("n_samples", n_samples, "[1, inf)")
    return solve_effective_ridge(read_spectrum(read_eigenvalues(eigenvalues), None), n, eta)


def ridge_loss(ridge: float, n_samples: int, *, eigenvalues: Any, target_power: Any, noise_variance: float) -> float:
    """Predict the loss of kernel ridge regression.

    Statement: with kappa the effective ridge, gamma = (1/n_samples) sum (lambda / (lambda + kappa))^2,

        loss = [kappa^2 sum target_power / (lambda + kappa)^2 + noise_variance gamma] / (2 (1 - gamma)).

    ``ridge`` = 0 interpolates. Nature: asymptotic. The mean squared training error on the noisy labels is
    (ridge / kappa)^2 (2 loss + noise_variance).

    Raises ``ValueError`` naming the parameter; ``noise_variance`` if it is positive at ridge 0 with as many modes as
    samples, where the loss is infinite.
    """
    eta = number("ridge", ridge, "[0, inf)")
    n, values, power, noise = read_task(n_samples, eigenvalues, target_power, noise_variance)
    if eta == 0.0 and values.size == n:
        require(noise == 0.0, "noise_variance", noise, "0 where the ridge is 0 and n_samples is the number of modes")
        return 0.0
    return evaluate_ridge(_spectrum(values, power), n, eta, noise)


def optimal_ridge(n_samples: int, *, eigenvalues: Any, target_power: Any, noise_variance: float) -> float:
    """Return the ridge >= 0 of least predicted loss.

    Stationary points of :func:`ridge_loss` in the effective ridge are located on a grid of its logarithm and solved
    to rounding; the best of them and of ridge 0 is returned. It is noise_variance / n_samples where ``target_power``
    equals ``eigenvalues``, and exactly 0 where interpolation wins. Nature: asymptotic.

    Raises ``ValueError`` naming the parameter, ``target_power`` if it is zero, since then no finite ridge is best.
    """
    n, values, power, noise = read_task(n_samples, eigenvalues, target_power, noise_variance)
    require_target(power)
    if noise == 0.0 and values.size <= n:
        return 0.0
    spectrum = _spectrum(values, power)
    low = solve_effective_ridge(spectrum, n, 0.0) or _least_effective_ridge(spectrum, n, noise)
    left, right = math.log(low), math.log(_largest_effective_ridge(spectrum, n, noise))
    grid = np.linspace(left, right, max(2, math.ceil((right - left) / SCAN_STEP)))
    nodes = for_evaluations(spectrum, grid.size)
    slopes = np.array([_slope(nodes, n, noise, math.exp(point)) for point in grid])

    # A minimum is where the slope turns positive; at the left end only ridge 0 can be one.
    candidates = [low] if values.size > n and slopes[0] >= 0.0 else []
    for i in np.flatnonzero((slopes[:-1] < 0.0) & (slopes[1:] >= 0.0)):
        root = brentq(lambda point: _slope(nodes, n, noise, math.exp(point)), grid[i], grid[i + 1], xtol=1e-15)
        candidates.append(math.exp(root))
    if not candidates:
        raise RuntimeError(f"no stationary ridge found at n_samples = {n}, noise_variance = {noise:g}")
    best = min(candidates, key=lambda kappa: _loss_at(nodes, n, noise, kappa))
    if values.size > n and best == low:
        return 0.0
    count, rest, _ = learnt_modes(nodes, best)
    return max(best * ((n - count) - rest) / n, 0.0)


def solve_effective_ridge(spectrum: Spectrum, n: int, ridge: float) -> float:
    """Solve for the effective ridge of validated input."""
    kappa = float(fixed_point(spectrum, float(n), math.inf, n * ridge))
    if math.isnan(kappa):
        raise RuntimeError(f"effective ridge not found at n_samples = {n}, ridge = {ridge:g}")
    return kappa


def evaluate_ridge(spectrum: Spectrum, n: int, ridge: float, noise: float) -> float:
    """Return the loss for validated input of finite loss."""
    kappa = solve_effective_ridge(spectrum, n, ridge)
    _, _, spread, squared, unlearnt, _ = spectral_sums(spectrum, kappa)
    # n (1 - gamma) without cancellation: n - sum L is n ridge / kappa, and sum L - sum L^2 is the spread.
    slack = n - spectrum.rank if kappa == 0.0 else n * ridge / kappa + spread
    return 0.5 * (n * unlearnt + noise * squared) / slack


def _spectrum(values: np.ndarray, power: np.ndarray) -> Spectrum:
    return read_spectrum(values, None)._replace(powers=power)


def _least_effective_ridge(spectrum: Spectrum, n: int, noise: float) -> float:
    """Return an effective ridge below which the loss of n >= P samples certainly falls with the ridge."""
    ratios = spectrum.smallest / spectrum.eigenvalues
    gain = float(spectrum.powers @ ratios**2)
    return spectrum.smallest * min(1.0, noise * float(ratios.sum()) / (8.0 * n * gain) if gain > 0.0 else 1.0)


def _largest_effective_ridge(spectrum: Spectrum, n: int, noise: float) -> float:
    """Return an effective ridge above which the loss certainly rises with the ridge."""
    top = float(spectrum.eigenvalues.max())
    relative = spectrum.eigenvalues / top
    squares, aligned = float(relative @ relative), float(relative @ spectrum.powers)
    total = float(spectrum.powers.sum()) + noise
    return 2.0 * top * max(1.0, math.sqrt(2.0 * squares / n), 16.0 * total * squares / (n * aligned))


def _loss_at(spectrum: Spectrum, n: int, noise: float, kappa: float) -> float:
    """Return the loss at a given effective ridge, up to a constant and a factor."""
    count, rest, spread, _, unlearnt, _ = spectral_sums(spectrum, kappa)
    return (unlearnt + noise) / (((n - count) - rest) + spread)


@njit(cache=True, nogil=True, error_model="numpy")
def _slope(spectrum, n, noise, kappa):
    """Return half the derivative of the loss in log kappa, up to a positive factor.

    With L = lambda / (lambda + kappa) it is n times
    (1 - gamma) sum c^2 L (1 - L)^2 - (1/n) [sum c^2 (1 - L)^2 + noise] sum L^2 (1 - L).
    """
    count, rest, spread, _, unlearnt, _ = spectral_sums(spectrum, kappa)
    bias, variance = 0.0, 0.0
    for i in range(len(spectrum.eigenvalues)):
        value = spectrum.eigenvalues[i]
        learnt, missed = value / (value + kappa), kappa / (value + kappa)
        bias += spectrum.powers[i] * learnt * missed**2
        variance += spectrum.multiplicities[i] * learnt**2 * missed
    return (((n - count) - rest) + spread) * bias - (unlearnt + noise) * variance
