"""Profiles: the scalar filters h(lambda) by which spectral algorithms act on the empirical kernel matrix.

A profile comes with its residual 1 - h, evaluated without subtraction: noiseless losses live on the residual of modes
that are learnt almost perfectly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expm1, log1p

from assay.base import array, integer, number, require

__all__ = [
    "Profile",
    "cutoff_profile",
    "gradient_descent_profile",
    "gradient_flow_profile",
    "interpolation_profile",
    "iterated_ridge_profile",
    "ridge_profile",
]


class Profile(ABC):
    """A filter h: calling it with eigenvalues (any shape) returns h there, ``residual`` returns 1 - h.

    ``smooth`` says that h is analytic away from the negative axis and accepts complex arrays. A subclass has to define
    ``__call__``, and should define ``residual`` where 1 - h cancels.
    """

    smooth: bool = False

    @property
    def name(self) -> str:
        """What a legend calls the profile."""
        return type(self).__name__

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """The eigenvalues at which h jumps."""
        return ()

    @abstractmethod
    def __call__(self, eigenvalues: Any) -> np.ndarray:
        """Return h at the eigenvalues."""

    def residual(self, eigenvalues: Any) -> np.ndarray:
        """Return 1 - h at the eigenvalues."""
        return 1.0 - self(eigenvalues)


def evaluate(profile: Any, eigenvalues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (h, 1 - h) at real eigenvalues, as float64 arrays of their shape.

    Raises ``ValueError`` naming ``profile`` where its values are not finite or have another shape.
    """
    reader = read_profile(profile)
    values = reader(eigenvalues)
    require(bool(np.isrealobj(values)), "profile", reader.name, "real values")
    return (
        array("profile", values, shape=eigenvalues.shape),
        array("profile.residual", reader.residual(eigenvalues), shape=eigenvalues.shape),
    )


def read_profile(profile: Any) -> Profile:
    """Return ``profile`` as a :class:`Profile`; a callable gets the residual 1 - h and counts as not smooth."""
    if isinstance(profile, Profile):
        return profile
    require(callable(profile), "profile", profile, "a Profile or a function from eigenvalues to h")
    return _Function(profile)


def ridge_profile(ridge: float) -> Profile:
    """Return h = lambda / (lambda + ridge): kernel ridge regression with the linear system K + n_samples ridge I.

    ``ridge`` >= 0; at 0 the profile interpolates. Exact definition. Raises ``ValueError``.
    """
    return _Ridge(number("ridge", ridge, "[0, inf)"))


def gradient_flow_profile(time: float) -> Profile:
    """Return h = 1 - exp(-time lambda): gradient flow from 0 on half the mean squared training error.

    ``time`` >= 0. Exact definition. Raises ``ValueError``.
    """
    return _GradientFlow(number("time", time, "[0, inf)"))


def gradient_descent_profile(learning_rate: float, *, n_steps: int) -> Profile:
    """Return h = 1 - (1 - learning_rate lambda)^n_steps: gradient descent from 0 on half the mean squared error.

    ``learning_rate`` > 0, ``n_steps`` >= 0. Exact definition. Raises ``ValueError``; so does evaluation at an
    eigenvalue of 2 / learning_rate or more, where the descent does not converge.
    """
    return _GradientDescent(number("learning_rate", learning_rate, "(0, inf)"), integer("n_steps", n_steps, "[0, inf)"))


def iterated_ridge_profile(ridge: float, *, n_iterations: int) -> Profile:
    """Return h = 1 - (ridge / (lambda + ridge))^n_iterations: ridge regression refitted to its own residuals.

    ``ridge`` > 0, ``n_iterations`` >= 1. Exact definition. Raises ``ValueError``.
    """
    return _IteratedRidge(number("ridge", ridge, "(0, inf)"), integer("n_iterations", n_iterations, "[1, inf)"))


def cutoff_profile(threshold: float) -> Profile:
    """Return h = 1 for lambda > threshold and 0 otherwise: regression on the leading empirical eigenvectors.

    ``threshold`` >= 0. Exact definition. Raises ``ValueError``.
    """
    return _Cutoff(number("threshold", threshold, "[0, inf)"))


def interpolation_profile() -> Profile:
    """Return h = 1: the training labels are fitted exactly."""
    return _Ridge(0.0)


# Frozen dataclasses of plain numbers: equal, picklable and hashed by value, so that profiles travel to other processes.


@dataclass(frozen=True)
class _Ridge(Profile):
    ridge: float
    smooth = True

    @property
    def name(self) -> str:
        return f"ridge {self.ridge:g}" if self.ridge else "interpolation"

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        values = np.asarray(eigenvalues)
        return values / (values + self.ridge) if self.ridge else np.ones_like(values)

    def residual(self, eigenvalues: Any) -> np.ndarray:
        values = np.asarray(eigenvalues)
        return self.ridge / (values + self.ridge) if self.ridge else np.zeros_like(values)


@dataclass(frozen=True)
class _GradientFlow(Profile):
    time: float
    smooth = True

    @property
    def name(self) -> str:
        return f"gradient flow, time {self.time:g}"

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        return -expm1(-self.time * np.asarray(eigenvalues))

    def residual(self, eigenvalues: Any) -> np.ndarray:
        return np.exp(-self.time * np.asarray(eigenvalues))


@dataclass(frozen=True)
class _GradientDescent(Profile):
    learning_rate: float
    n_steps: int
    smooth = True

    @property
    def name(self) -> str:
        return f"gradient descent, {self.n_steps} steps of {self.learning_rate:g}"

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        power, logarithm = self._split(eigenvalues)
        return np.where(np.isnan(logarithm), 1.0 - power, -expm1(logarithm))

    def residual(self, eigenvalues: Any) -> np.ndarray:
        power, logarithm = self._split(eigenvalues)
        return np.where(np.isnan(logarithm), power, np.exp(logarithm))

    def _split(self, eigenvalues: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return (1 - x)^n and, where x is small enough for it to be the accurate form, its logarithm; else NaN."""
        values = np.asarray(eigenvalues)
        if np.isrealobj(values) and values.size:
            largest = float(values.max())
            rule = f"a number in (0, 2 / largest eigenvalue), the largest here being {largest:.12g}"
            require(
                self.learning_rate * largest < 2.0,
                "learning_rate",
                self.learning_rate,
                f"{rule}, so below {2.0 / largest:.12g}" if largest > 0.0 else rule,
            )
        steps = self.learning_rate * values
        small = np.abs(steps) < 0.5
        logarithm = np.where(small, self.n_steps * log1p(-np.where(small, steps, 0.0)), np.nan)
        return (1.0 - steps) ** self.n_steps, logarithm


@dataclass(frozen=True)
class _IteratedRidge(Profile):
    ridge: float
    n_iterations: int
    smooth = True

    @property
    def name(self) -> str:
        return f"ridge {self.ridge:g}, iterated {self.n_iterations} times"

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        return -expm1(-self.n_iterations * log1p(np.asarray(eigenvalues) / self.ridge))

    def residual(self, eigenvalues: Any) -> np.ndarray:
        return (self.ridge / (np.asarray(eigenvalues) + self.ridge)) ** self.n_iterations


@dataclass(frozen=True)
class _Cutoff(Profile):
    threshold: float

    @property
    def name(self) -> str:
        return f"cut-off {self.threshold:g}"

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return (self.threshold,)

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        return np.where(np.asarray(eigenvalues) > self.threshold, 1.0, 0.0)

    def residual(self, eigenvalues: Any) -> np.ndarray:
        return np.where(np.asarray(eigenvalues) > self.threshold, 0.0, 1.0)


@dataclass(frozen=True)
class _Function(Profile):
    function: Callable[[np.ndarray], Any]

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, eigenvalues: Any) -> np.ndarray:
        return np.asarray(self.function(eigenvalues))

    def residual(self, eigenvalues: Any) -> np.ndarray:
        return 1.0 - self(eigenvalues)
