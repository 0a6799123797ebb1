"""Many random gradients, from anywhere to nearly parallel to the weights, and what their projections keep."""

from __future__ import annotations

import numpy as np

from theory.grokking import orthogonal_gradient

BLOCK = 50


def least_shares(*, n_weights: int, n_blocks: int, seed: int) -> np.ndarray:
    """Return the least g . g_perp / |g|^2 of each block of random weights and gradients, (n_blocks,)."""
    generator = np.random.default_rng((seed, n_weights))
    weights, gradients = generator.standard_normal((2, n_blocks, BLOCK, n_weights))
    gradients *= 10 ** generator.uniform(-8, 0, (n_blocks, BLOCK, 1))
    gradients += generator.standard_normal((n_blocks, BLOCK, 1)) * weights
    kept = np.array([[orthogonal_gradient(g, w) for g, w in zip(*pair, strict=True)]
                     for pair in zip(gradients, weights, strict=True)])  # fmt: skip
    return np.min(np.sum(gradients * kept, axis=2) / np.sum(gradients**2, axis=2), axis=1)


def turned_gradients(angles: np.ndarray, *, n_weights: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights, (n_weights,), and gradients at the given angles to them, (len(angles), n_weights)."""
    weights, other = np.random.default_rng(seed).standard_normal((2, n_weights))
    across = other - (weights @ other) / (weights @ weights) * weights
    across *= np.linalg.norm(weights) / np.linalg.norm(across)
    return weights, np.cos(angles)[:, np.newaxis] * weights + np.sin(angles)[:, np.newaxis] * across
