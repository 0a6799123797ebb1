"""What the claims on the Circle share: truncated power laws, plain aliasing sums, and dense matrices of any lattice."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from simulations.spectral_algorithms import circle_dense_loss
from theory.spectral_algorithms import nmno_loss

SETTING = (
    "N equispaced points; eigenfunctions exp(i l x), l = 0, +-1, ...; eigenvalues lambda_l, target coefficients c_l; "
    "label noise of variance sigma^2; loss: half the mean squared distance to the noise-free target."
)
POWER_LAWS = "lambda_l = (|l| + 1)^-nu, c_l^2 = (|l| + 1)^(-kappa - 1)."


def power_laws(n_samples: int, nu: float, kappa: float, n_images: int) -> dict[str, np.ndarray]:
    """Return eigenvalues and target coefficients for |l| = 0 .. n_images n + n/2."""
    order = np.arange(n_images * n_samples + n_samples // 2 + 1) + 1.0
    return dict(eigenvalues=order**-nu, target_coefficients=order ** (-(kappa + 1) / 2))


def two_sided(values: np.ndarray) -> np.ndarray:
    """Return an even sequence given at |l| = 0 .. L for l = -L .. L."""
    return np.concatenate([values[:0:-1], values])


def fold(values: np.ndarray, n_samples: int) -> np.ndarray:
    """Return the sums over l = k modulo n of a sequence given at l = -L .. L, for k = 0 .. n - 1."""
    classes = (np.arange(len(values)) - len(values) // 2) % n_samples
    real, imaginary = (np.bincount(classes, part, n_samples) for part in (np.real(values), np.imag(values)))
    return real + 1j * imaginary if np.iscomplexobj(values) else real


def circle_terms(h: np.ndarray, n_samples: int, eigenvalues: np.ndarray, target_coefficients: np.ndarray,
                 noise_variance: float) -> np.ndarray:  # fmt: skip
    """Return the loss of every class k as the theorem has it, for given h_k; one-sided spectrum and target."""
    values, power = two_sided(eigenvalues), two_sided(target_coefficients) ** 2
    first, second, square, cross = (fold(x, n_samples) for x in (values, values**2, power, values * power))
    spread = h**2 * second / first**2 * (square + noise_variance / n_samples)
    return 0.5 * (square - 2 * h * cross / first + spread)


def fixed_shift_loss(profile: Any, n_samples: int, eigenvalues: np.ndarray, target_coefficients: np.ndarray,
                     noise_variance: float, shift: float) -> float:  # fmt: skip
    """Return the loss on the grid shift + 2 pi j / n, averaged over noise alone.

    With the phases of the shift in the target the fit of mode l, in the class k, is h_k lambda_l [c]_k / [lambda]_k.
    """
    values, coefficients = two_sided(eigenvalues), two_sided(target_coefficients)
    order = np.arange(len(values)) - len(values) // 2
    shifted = coefficients * np.exp(1j * order * shift)
    first, second = fold(values, n_samples), fold(values**2, n_samples)
    gains = profile(first) / first
    fit = values * (gains * fold(shifted, n_samples))[order % n_samples]
    return 0.5 * float(np.sum(np.abs(fit - shifted) ** 2) + noise_variance / n_samples * (gains**2 @ second))


def dense_loss(profile: Any, n_samples: int, **task: Any) -> float:
    """Return the loss of dense matrices, averaged exactly over noise and shift."""
    n_shifts = 2 + math.ceil(2 * (len(task["eigenvalues"]) - 1) / n_samples)
    shifts = 2 * np.pi / n_samples * (0.37 + np.arange(n_shifts)) / n_shifts
    return float(np.mean([circle_dense_loss(profile, n_samples, **task, shift=shift) for shift in shifts]))


def naive_loss(profile: Any, n_samples: int, eigenvalues: np.ndarray, target_coefficients: np.ndarray,
               noise_variance: float) -> float:  # fmt: skip
    """Return the loss of the naive model of noisy observations on the modes of the Circle."""
    return nmno_loss(profile, n_samples, eigenvalues=np.repeat(eigenvalues, 2)[1:], noise_variance=noise_variance,
                     target_power=np.repeat(target_coefficients**2, 2)[1:])  # fmt: skip


def dense_lattice_loss(profile: Callable, points: np.ndarray, modes: np.ndarray, eigenvalues: np.ndarray,
                       target: np.ndarray, noise: float) -> float:  # fmt: skip
    """Return the loss of a complex kernel matrix on the torus, averaged exactly over noise and over all shifts.

    ``points`` (n, p) in radians, ``modes`` (P, p) integers, ``eigenvalues`` and real ``target`` coefficients (P,). The
    loss is a trigonometric polynomial in the shift, of degree at most the spread of the frequencies.
    """
    features = np.exp(1j * points @ modes.T)
    values, vectors = np.linalg.eigh((features * eigenvalues) @ features.conj().T / len(points))
    map_to_fit = (vectors * (profile(values) / values)) @ vectors.conj().T / len(points)
    fit = eigenvalues[:, np.newaxis] * features.conj().T @ map_to_fit
    n_shifts = int(np.ptp(modes, axis=0).max()) + 1
    shifts = itertools.product(2 * np.pi * np.arange(n_shifts) / n_shifts, repeat=modes.shape[1])
    phases = np.exp(1j * modes @ np.array(list(shifts)).T)  # a shift turns the phase of every mode
    turned = target[:, np.newaxis] * phases
    errors = fit @ (features @ turned) - turned
    return 0.5 * float(np.mean(np.sum(np.abs(errors) ** 2, axis=0)) + noise * np.sum(np.abs(fit) ** 2))
