"""Training problems that theory and simulations are both given as plain arrays."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

SETTING = (
    "Network sum_j alpha_j (x.u_j)_+, with 1[0 >= 0] = 1. X is n x d with the data in its rows, D_i the diagonal 0/1 "
    "matrix of pattern i, K_i the cone (2 D_i - I) X v >= 0. Squared loss |f - y|^2 / 2, not divided by n. A bias is a "
    "column of ones in X."
)


class Problem(TypedDict):
    """Draw 0 is the reference problem of its size, any other number a Gaussian one."""

    n_samples: int
    n_features: int
    draw: int
    regularisation: float


def reference(n_samples: int, n_features: int, regularisation: float) -> Problem:
    return Problem(n_samples=n_samples, n_features=n_features, draw=0, regularisation=regularisation)


SMALL, MEDIUM, WEAKLY_REGULARISED, LARGE = (
    reference(8, 2, 0.1),
    reference(10, 3, 0.2),
    reference(10, 3, 0.02),
    reference(12, 4, 0.3),
)
REFERENCES = [SMALL, MEDIUM, WEAKLY_REGULARISED, LARGE]
GAUSSIAN = [Problem(n_samples=n, n_features=d, draw=draw, regularisation=strength)
            for draw, (n, d) in enumerate([(5, 2), (8, 2), (10, 2), (15, 2), (6, 3), (10, 3), (12, 3), (9, 4)], start=1)
            for strength in (0.05, 0.5)]  # fmt: skip


def problem_data(n_samples: int, n_features: int, draw: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, d) and targets (n,): smooth formulas in the indices, or independent standard normals."""
    if draw:
        rng = np.random.default_rng([n_samples, n_features, draw])
        return rng.standard_normal((n_samples, n_features)), rng.standard_normal(n_samples)
    k, c = np.arange(1, n_samples + 1), np.arange(1, n_features + 1)
    features = np.sin(1.3 * np.outer(k, c) + 0.7 * c**2) + 0.3 * np.cos(2.1 * k[:, np.newaxis] + c)
    return features, np.cos(0.9 * k**2) + 0.2 * np.sin(k)
