"""Quadrature on the Marchenko-Pastur law of X^T X for n = delta d rows x ~ N(0, I_d / d)."""

from __future__ import annotations

import numpy as np


def marchenko_pastur_nodes(sample_ratio: float, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues s and weights, (n_nodes + 1,), of (1/d) tr f(X^T X) -> int f(s) d omega(s), of mass 1.

    Density sqrt((s_+ - s)(s - s_-)) / (2 pi s) on s_-+ = (sqrt(delta) -+ 1)^2, and an atom of max(0, 1 - delta) at 0.
    In the angle of s = centre - radius cos(theta) the midpoint rule converges geometrically up to the pole at s = 0;
    the last node sits there and takes what is missing of the mass, the atom and the pole's share alike.
    """
    root = np.sqrt(sample_ratio)
    angles = np.pi * (np.arange(n_nodes) + 0.5) / n_nodes
    # s = (root - 1)^2 + 2 root (1 - cos theta), without cancellation at the lower edge
    eigenvalues = (root - 1.0) ** 2 + 4.0 * root * np.sin(0.5 * angles) ** 2
    weights = 2.0 * sample_ratio * np.sin(angles) ** 2 / (eigenvalues * n_nodes)
    return np.append(eigenvalues, 0.0), np.append(weights, 1.0 - weights.sum())
