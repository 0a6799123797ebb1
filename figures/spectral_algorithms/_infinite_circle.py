"""Power laws without end on the Circle, by dense matrices: kernel and target are polylogarithms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


def infinite_loss(*, n_samples: int, nu: int, kappa: int, noise_variance: float, profiles: Sequence[Any],
                  n_nodes: int) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the losses (n_profiles,) on the Circle for integer nu and (kappa + 1) / 2, averaged over noise and shift.

    Nothing is cut off and no sum is taken over classes of frequencies: norms are kernels again, for the functions
    sum_l (|l| + 1)^-s exp(ilx) multiply by adding their exponents s.
    """
    decay = (kappa + 1) // 2
    differences = 2 * np.pi * np.arange(n_samples) / n_samples
    lags = np.subtract.outer(np.arange(n_samples), np.arange(n_samples)) % n_samples
    kernel, squared = (power_law_function(s, differences)[lags] for s in (nu, 2 * nu))
    values, vectors = np.linalg.eigh(kernel / n_samples)
    # The loss is even in the shift, smooth but for powers and logarithms at 0: quadrature in u, shift ~ u^4.
    u, weights = np.polynomial.legendre.leggauss(n_nodes)
    u, weights = (u + 1) / 2, weights / 2
    shifts = np.pi / n_samples * u**4
    points = shifts[:, np.newaxis] + differences
    labels, smoothed = (power_law_function(s, points) for s in (decay, nu + decay))
    norm = power_law_function(2 * decay, np.zeros(1))[0]
    losses = []
    for profile in profiles:
        dual = (vectors * (profile(values) / values)) @ vectors.T / n_samples
        weighted = labels @ dual
        signal = norm - 2 * np.sum(weighted * smoothed, axis=1) + np.sum(weighted @ squared * weighted, axis=1)
        noise = noise_variance * np.trace(dual @ squared @ dual)
        losses.append(0.5 * (signal @ (weights * 4 * u**3) + noise))
    return dict(losses=np.array(losses))


def infinite_optimum(*, n_samples: int, nu: int, kappa: int) -> dict[str, np.ndarray]:
    """Return the best profile without noise at the frequencies 0 .. n // 2, found from losses of dense matrices.

    The loss is a parabola in the value of the profile at one eigenvalue, whatever its other values.
    """
    kernel = power_law_function(nu, 2 * np.pi * np.arange(n_samples) / n_samples)
    lags = np.subtract.outer(np.arange(n_samples), np.arange(n_samples)) % n_samples
    ascending = np.linalg.eigvalsh(kernel[lags] / n_samples)
    levels = ascending[::-1][np.maximum(0, 2 * np.arange(n_samples // 2 + 1) - 1)]  # +-k share an eigenvalue
    probes = [Only(level, value) for level in levels.tolist() for value in (-1.0, 0.0, 1.0)]
    losses = infinite_loss(n_samples=n_samples, nu=nu, kappa=kappa, noise_variance=0.0, profiles=probes, n_nodes=20)
    low, middle, high = losses["losses"].reshape(-1, 3).T
    return dict(optimum=(low - high) / (2 * (low + high - 2 * middle)))


@dataclass(frozen=True)
class Only:
    """The profile that is ``value`` at one eigenvalue and 0 at all others."""

    eigenvalue: float
    value: float

    def __call__(self, eigenvalues: np.ndarray) -> np.ndarray:
        return np.where(np.isclose(eigenvalues, self.eigenvalue, rtol=1e-6, atol=0), self.value, 0.0)


def power_law_function(exponent: int, points: np.ndarray) -> np.ndarray:
    """Return sum_l (|l| + 1)^-exponent exp(il x) over all integers l, which is 2 Re [exp(-ix) Li(exp(ix))] - 1."""
    import mpmath

    def at(x: float) -> float:
        phase = mpmath.expj(x)
        return float(2 * mpmath.re(mpmath.polylog(exponent, phase) / phase) - 1)

    return np.array([at(x) for x in points.ravel().tolist()]).reshape(points.shape)
