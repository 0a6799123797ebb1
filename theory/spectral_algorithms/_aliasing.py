"""Loss of one aliasing class: the modes that the training points cannot tell apart share one empirical eigenvalue.

In each class the mode of the largest eigenvalue is set apart from the others, and sums over the others are divided by
it. Written so, every term of the loss is small where the loss is small; the textbook form loses all digits of smooth
noiseless targets. Sums over all modes of a class are [a], sums without the dominant mode a'.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from theory.spectral_algorithms.profiles import evaluate


class Classes(NamedTuple):
    """Aliasing sums of each class, arrays of one shape; x is the dominant eigenvalue, 0 if the class has no other."""

    eigenvalues: np.ndarray  # x
    powers: np.ndarray  # squared coefficient of the dominant mode
    trace: np.ndarray  # lambda' / x
    square: np.ndarray  # (lambda^2)' / x^2
    cross: np.ndarray  # (lambda c^2)' / x
    aliased: np.ndarray  # (c^2)'

    @property
    def empirical_eigenvalues(self) -> np.ndarray:
        """[lambda], the eigenvalue of the kernel matrix divided by the number of samples."""
        return self.eigenvalues * (1.0 + self.trace)


def alias(eigenvalues: np.ndarray, powers: np.ndarray, classes: np.ndarray, n_classes: int) -> Classes:
    """Return the aliasing sums of flat arrays of modes, each in one of the classes 0 .. n_classes - 1."""
    return Classes(*_alias(eigenvalues, powers, classes, n_classes))


def optimal_profile(classes: Classes, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (h, 1 - h) of the optimal profile; ``noise`` is the noise variance divided by the number of samples."""
    _, powers, trace, square, cross, aliased = classes
    disturbance = aliased + noise
    denominator = (1.0 + square) * (powers + disturbance)
    values = (powers + cross) * (1.0 + trace) / denominator
    residuals = (disturbance + square * (powers + disturbance) - powers * trace - cross * (1.0 + trace)) / denominator
    return values, residuals


def signal_and_noise(
    classes: Classes, values: np.ndarray, residuals: np.ndarray, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two parts of the loss of every class, under a profile with these values and residuals."""
    _, powers, trace, square, cross, aliased = classes
    total = 1.0 + trace
    spread = values**2 * (1.0 + square) / total**2
    signal = powers * ((residuals + trace) ** 2 + values**2 * square) / total**2
    signal += aliased * (1.0 + spread) - 2.0 * values * cross / total
    return 0.5 * signal, 0.5 * noise * spread


def loss(profile: Any, classes: Classes, noise: float) -> np.ndarray:
    """Return the loss of every class; classes of eigenvalue 0 stay unlearnt. Raises as ``evaluate`` does."""
    empirical = classes.empirical_eigenvalues
    learnable = empirical > 0.0
    values, residuals = np.zeros_like(empirical), np.ones_like(empirical)
    values[learnable], residuals[learnable] = evaluate(profile, empirical[learnable])
    return np.add(*signal_and_noise(classes, values, residuals, noise))


@njit(cache=True, nogil=True)
def _alias(eigenvalues, powers, classes, n_classes):
    dominant = np.full(n_classes, -1)
    for i in range(len(eigenvalues)):
        k = classes[i]
        if dominant[k] < 0 or eigenvalues[i] > eigenvalues[dominant[k]]:
            dominant[k] = i
    top, top_powers = np.zeros(n_classes), np.zeros(n_classes)
    for k in range(n_classes):
        if dominant[k] >= 0:
            top[k], top_powers[k] = eigenvalues[dominant[k]], powers[dominant[k]]
    trace, square, cross, aliased = np.zeros((4, n_classes))
    for i in range(len(eigenvalues)):
        k = classes[i]
        if i == dominant[k]:
            continue
        aliased[k] += powers[i]
        if top[k] > 0.0:
            ratio = eigenvalues[i] / top[k]
            trace[k] += ratio
            square[k] += ratio**2
            cross[k] += ratio * powers[i]
    return top, top_powers, trace, square, cross, aliased
