"""Validation shared by the modules of this family."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, require

ASYMMETRY = 1e-10  # largest |M - M^T| taken for rounding, for entries of order one


def read_mean(name: str, value: Any, n_features: int) -> np.ndarray:
    """Return a mean weight (d,); None stands for zero."""
    return np.zeros(n_features) if value is None else array(name, value, shape=(n_features,))


def read_moment(name: str, value: Any, n_features: int) -> np.ndarray:
    """Return a second moment (d, d); None stands for the identity."""
    return np.eye(n_features) if value is None else read_symmetric(name, value, n_features)


def read_symmetric(name: str, value: Any, n_features: int) -> np.ndarray:
    moment = array(name, value, shape=(n_features, n_features))
    asymmetry, scale = float(np.abs(moment - moment.T).max()), float(np.abs(moment).max())
    rule = f"a symmetric matrix, up to {ASYMMETRY:g}"
    require(asymmetry <= ASYMMETRY * max(1.0, scale), name, f"array of shape {moment.shape} off by {asymmetry:g}", rule)
    return 0.5 * (moment + moment.T)


def require_stable(losses: np.ndarray, learning_rate: float) -> None:
    """Refuse a learning rate that drove a loss out of range."""
    rule = "a smaller learning rate: the loss has become infinite"
    require(bool(np.isfinite(losses).all()), "learning_rate", learning_rate, rule)
