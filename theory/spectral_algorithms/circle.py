"""Circle model: a translation-invariant kernel on N equispaced points of the circle, exact at every N.

Inputs x_j = u + 2 pi j / N with u uniform, eigenfunctions exp(i l x) for all integers l, eigenvalues lambda_l >= 0 and
real target coefficients c_l, both even in l. The kernel matrix is circulant: its eigenvalues divided by N are the
aliasing sums [lambda]_k over the frequencies l = k modulo N, and with h = h([lambda]_k) the loss is

    1/2 sum_k { [c^2]_k - 2 h [lambda c^2]_k / [lambda]_k + h^2 [lambda^2]_k / [lambda]_k^2 ([c^2]_k + noise / N) }.

Power laws are lambda_l = (|l| + 1)^-capacity_exponent and c_l^2 = (|l| + 1)^(-source_exponent - 1) without truncation;
their aliasing sums are Hurwitz zeta functions.

Source: Velikanov, Panov, Yarotsky, Generalization error of spectral algorithms (ICLR 2024), arXiv 2403.11696,
Theorem 1 and Section 4 (numbering unverified); the shift by 1 in the power laws is a choice of normalisation.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import zeta

from assay.base import array, integer, number, require
from theory.spectral_algorithms import _aliasing
from theory.spectral_algorithms._aliasing import Classes
from theory.spectral_algorithms._modes import require_finite_sum
from theory.spectral_algorithms.profiles import evaluate

__all__ = ["CircleSpectrum", "circle_loss", "circle_loss_from_spectrum", "circle_optimal_loss", "circle_spectrum"]

SMALLEST = 1e-300  # power laws must stay above it


@dataclass(frozen=True)
class CircleSpectrum:
    """The loss frequency by frequency: arrays of shape (n_samples // 2 + 1,), k = 0 .. n_samples // 2.

    ``multiplicity`` is 1 for k = 0 and k = n_samples / 2 and 2 otherwise, for +-k share an eigenvalue. ``signal`` and
    ``noise`` add up to the loss: multiplicity, the factor 1/2 and the noise variance are in them.
    ``optimal_residual`` is 1 - ``optimal_profile`` without cancellation.
    """

    empirical_eigenvalues: np.ndarray
    multiplicity: np.ndarray
    signal: np.ndarray
    noise: np.ndarray
    optimal_profile: np.ndarray
    optimal_residual: np.ndarray


def circle_spectrum(
    profile: Any, n_samples: int, *, capacity_exponent: float, source_exponent: float, noise_variance: float
) -> CircleSpectrum:
    """Return the loss of a spectral algorithm on the Circle model with power laws, frequency by frequency.

    ``profile`` is a ``Profile`` or a function from eigenvalues to h; None stands for the optimal profile
    h = [lambda c^2] [lambda] / ([lambda^2] ([c^2] + noise_variance / n_samples)), which minimises every term. Without
    noise it is above, at or below 1 at every frequency as source_exponent is above, at or below capacity_exponent - 1.

    ``n_samples`` >= 1, ``capacity_exponent`` > 1, ``source_exponent`` > 0, ``noise_variance`` >= 0. Nature: exact, in
    a form free of cancellation (relative accuracy about 1e-14). Work O(n_samples); the zeta functions of the last few
    parameters are kept. Raises ``ValueError`` naming the parameter, also where the power laws underflow.
    """
    n, classes = _power_laws(n_samples, capacity_exponent, source_exponent)
    noise = number("noise_variance", noise_variance, "[0, inf)") / n
    optimum = _aliasing.optimal_profile(classes, noise)
    empirical = classes.empirical_eigenvalues
    values, residuals = optimum if profile is None else evaluate(profile, empirical)
    signal, noise_part = _aliasing.signal_and_noise(classes, values, residuals, noise)
    multiplicity = _multiplicity(n)
    return CircleSpectrum(empirical, multiplicity, multiplicity * signal, multiplicity * noise_part, *optimum)


def circle_loss(
    profile: Any, n_samples: int, *, capacity_exponent: float, source_exponent: float, noise_variance: float
) -> float:
    """Return the loss, half the mean squared distance to the target, on the Circle model with power laws.

    The sum of :func:`circle_spectrum` over frequencies, with the same assumptions and errors. Label noise of variance
    ``noise_variance`` is averaged over and does not enter at test time.
    """
    n, classes = _power_laws(n_samples, capacity_exponent, source_exponent)
    noise = number("noise_variance", noise_variance, "[0, inf)") / n
    return float(np.sum(_multiplicity(n) * _aliasing.loss(profile, classes, noise)))


def circle_optimal_loss(
    n_samples: int, *, capacity_exponent: float, source_exponent: float, noise_variance: float
) -> float:
    """Return the least loss of any profile on the Circle model with power laws; see :func:`circle_spectrum`."""
    n, classes = _power_laws(n_samples, capacity_exponent, source_exponent)
    noise = number("noise_variance", noise_variance, "[0, inf)") / n
    parts = _aliasing.signal_and_noise(classes, *_aliasing.optimal_profile(classes, noise), noise)
    return float(np.sum(_multiplicity(n) * np.add(*parts)))


def circle_loss_from_spectrum(
    profile: Any, n_samples: int, *, eigenvalues: Any, target_coefficients: Any, noise_variance: float
) -> float:
    """Return the loss on the Circle model with any finite spectrum.

    ``eigenvalues`` >= 0 and ``target_coefficients``, both (L + 1,), belong to |l| = 0 .. L, and the coefficient of -l
    is that of l. Frequencies at which the kernel matrix is singular stay unlearnt. Nature: exact. Work O(L). Raises
    ``ValueError`` naming the parameter.
    """
    n = integer("n_samples", n_samples, "[1, inf)")
    values = array("eigenvalues", eigenvalues, "[0, inf)", shape=(None,))
    require(bool(values.any()), "eigenvalues", "array of zeros", "at least one positive eigenvalue")
    with np.errstate(over="ignore"):
        power = array("target_coefficients", target_coefficients, shape=values.shape) ** 2
    require_finite_sum("eigenvalues", values)
    require_finite_sum("target_coefficients", power)
    noise = number("noise_variance", noise_variance, "[0, inf)") / n
    # Of +-l one falls on k and one on -k; where k = -k modulo n both fall on it, and l is listed twice.
    index = np.arange(len(values))
    classes = np.minimum(index % n, -index % n)
    twice = np.flatnonzero((2 * classes % n == 0) & (index > 0))
    modes = np.concatenate([index, twice])
    sums = _aliasing.alias(values[modes], power[modes], classes[modes], n // 2 + 1)
    return float(np.sum(_multiplicity(n) * _aliasing.loss(profile, sums, noise)))


def _power_laws(n_samples: Any, capacity_exponent: Any, source_exponent: Any) -> tuple[int, Classes]:
    n = integer("n_samples", n_samples, "[1, inf)")
    nu = number("capacity_exponent", capacity_exponent, "(1, inf)")
    kappa = number("source_exponent", source_exponent, "(0, inf)")
    largest = -math.log(SMALLEST) / math.log(max(n, 2))
    require(nu < largest, "capacity_exponent", nu, f"a number in (1, {largest:g}) at this n_samples")
    require(kappa + 1.0 < largest, "source_exponent", kappa, f"a number in (0, {largest - 1.0:g}) at this n_samples")
    eigenvalues, trace = _images(n, nu)
    powers, aliased = _images(n, kappa + 1.0)
    square, cross = _images(n, 2.0 * nu)[1], _images(n, nu + kappa + 1.0)[1]
    return n, Classes(eigenvalues, powers, trace, square, powers * cross, powers * aliased)


@functools.lru_cache(maxsize=12)
def _images(n: int, exponent: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the terms (|l| + 1)^-exponent at l = k = 0 .. n // 2, and the sums over the images of k relative to them.

    With x = (k + 1) / n the sum over all l = k + n m, m not 0, is n^-exponent [zeta(1 + x) + zeta(1 - x + 2 / n)].
    """
    k = np.arange(n // 2 + 1)
    images = zeta(exponent, (n + k + 1) / n) + zeta(exponent, (n - k + 1) / n)
    pair = (k + 1.0) ** -exponent, ((k + 1.0) / n) ** exponent * images
    for vector in pair:
        vector.setflags(write=False)
    return pair


def _multiplicity(n: int) -> np.ndarray:
    k = np.arange(n // 2 + 1)
    return np.where(2 * k % n == 0, 1.0, 2.0)
