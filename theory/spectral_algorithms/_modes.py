"""Reading a spectrum in the order l = 1, 2, ... and its target."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from assay.base import array, integer, number, require


def read_eigenvalues(eigenvalues: Any) -> np.ndarray:
    """Return positive, non-increasing eigenvalues (P,) of finite sum; raise ``ValueError``."""
    values = array("eigenvalues", eigenvalues, "(0, inf)", shape=(None,))
    rises = np.flatnonzero(np.diff(values) > 0.0)
    if len(rises):
        first = int(rises[0]) + 1
        require(False, f"eigenvalues[{first}]", float(values[first]), f"at most the one before, {values[first - 1]:g}")
    require_finite_sum("eigenvalues", values)
    return values


def read_modes(eigenvalues: Any, target_power: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return positive, non-increasing eigenvalues and squared target coefficients, both (P,); raise ``ValueError``."""
    values = read_eigenvalues(eigenvalues)
    power = array("target_power", target_power, "[0, inf)", shape=values.shape)
    require_finite_sum("target_power", power)
    return values, power


def read_task(
    n_samples: Any, eigenvalues: Any, target_power: Any, noise_variance: Any
) -> tuple[int, np.ndarray, np.ndarray, float]:
    """Return the sample size, the modes and the noise variance; raise ``ValueError``."""
    n = integer("n_samples", n_samples, "[1, inf)")
    return n, *read_modes(eigenvalues, target_power), number("noise_variance", noise_variance, "[0, inf)")


def require_target(power: np.ndarray) -> None:
    """Refuse a target that is zero: its best ridge is infinite, its best noiseless profile undetermined."""
    require(bool(power.any()), "target_power", "all zero", "at least one positive entry")


def require_finite_sum(name: str, values: np.ndarray) -> None:
    """Refuse entries >= 0 whose sum overflows."""
    with np.errstate(over="ignore"):
        require(math.isfinite(values.sum()), name, "array of infinite sum", "a finite sum")
