"""Reading the data of a least-squares problem: spectrum, initial errors, and the moments of features and batches."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from assay.base import array, number, require


class Moments(NamedTuple):
    """Batch size m, and the two numbers through which the law of the features enters.

    Features are x = R Lambda^{1/2} z with independent z_i of mean 0, variance 1 and fourth moment ``kurtosis``, and an
    independent radius R >= 0 with E R^2 = 1, E R^4 = ``radial``.
    """

    batch_size: float
    kurtosis: float
    radial: float

    @property
    def excess(self) -> float:
        """p = r4 (kurtosis - 1) - 1, the diagonal part of E x_i^2 x_j^2 beyond r4 lambda_i lambda_j; 1 if Gaussian."""
        return self.radial * (self.kurtosis - 1.0) - 1.0


def read_moments(batch_size: Any, kurtosis: Any, radial_fourth_moment: Any) -> Moments:
    """Validate batch size (at least 1; infinity is the population gradient), kurtosis (>= 1) and E R^4 (> 0)."""
    return Moments(
        number("batch_size", batch_size, "[1, inf]"),
        number("kurtosis", kurtosis, "[1, inf)"),
        number("radial_fourth_moment", radial_fourth_moment, "(0, inf)"),
    )


def read_eigenvalues(eigenvalues: Any) -> np.ndarray:
    """Validate the spectrum (d,) of the feature covariance: positive, of finite trace, in any order."""
    values = array("eigenvalues", eigenvalues, "(0, inf)", shape=(None,))
    with np.errstate(over="ignore"):
        require(bool(np.isfinite(values.sum())), "eigenvalues", "array of infinite trace", "a finite trace")
    return values


def read_coefficients(name: str, coefficients: Any, eigenvalues: np.ndarray) -> np.ndarray:
    """Validate initial errors or target coefficients, one for each eigenvalue."""
    return array(name, coefficients, shape=eigenvalues.shape)
