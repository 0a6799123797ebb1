"""What every spectral algorithm needs: the positive eigenpairs of a kernel matrix, and a profile evaluated on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import lapack

from assay.base import array, require

__all__ = ["Profile", "checked_profile", "positive_eigenpairs", "profile_values"]

Profile = Callable[[np.ndarray], np.ndarray]


def checked_profile(name: str, profile: Any) -> Profile:
    """Return the profile; raise ``ValueError`` unless it can be called."""
    require(callable(profile), name, profile, "a function of an array of eigenvalues")
    return profile


def profile_values(name: str, profile: Profile, eigenvalues: np.ndarray) -> np.ndarray:
    """Return h at the eigenvalues; raise ``ValueError`` unless they are as many finite numbers."""
    return array(f"{name}(eigenvalues)", profile(eigenvalues), shape=eigenvalues.shape)


def positive_eigenpairs(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest eigenvalues of a positive semidefinite matrix, ascending, and their vectors as columns.

    They are at most ``rank``; those that do not exceed rounding are left out. Only the lower triangle is read; a
    Fortran-ordered matrix is overwritten. Raises ``RuntimeError`` if the eigendecomposition does not converge.
    """
    values, vectors, info = lapack.dsyevd(matrix, lower=1, overwrite_a=1)
    if info != 0:
        raise RuntimeError(f"the eigendecomposition of a kernel matrix did not converge (info = {info})")
    rounding = len(values) * np.finfo(float).eps * values[-1]
    first = max(len(values) - rank, int(np.searchsorted(values, rounding, side="right")))
    return values[first:], vectors[:, first:]
