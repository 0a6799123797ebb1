"""Activation patterns of random directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer
from simulations._streams import spawn_streams

__all__ = ["sample_patterns"]

STREAM_BLOCK = 256  # directions to a stream


def sample_patterns(
    features: ArrayLike, *, n_directions: int, seed: int | np.random.SeedSequence, distinct: bool = True
) -> np.ndarray:
    """Activation patterns ``1[x_k . a_h >= 0]`` of independent standard normal directions a_h: boolean, (P_s, n).

    features: rows x_k, (n, d). A row of ``features`` that is orthogonal to a direction, as a row of zeros always is,
    counts as active. With ``distinct`` a pattern is kept where it first appears, so that P_s <= n_directions; otherwise
    row h belongs to direction h and P_s = n_directions. Either way more directions only append rows. Costs ``n d`` a
    direction.

    Source: Bai, Gautam and Sojoudi, "Efficient Global Optimization of Two-layer ReLU Networks: Quadratic-time
    Algorithms and Adversarial Training", arXiv 2201.01965, Algorithm 2.1, which keeps distinct patterns; Theorem 2.2
    there counts independent draws (numbering unverified).

    Raises ``ValueError`` for features that are empty, not a matrix or not finite, and for ``n_directions < 1``.
    """
    features = array("features", features, shape=(None, None))
    n_samples, n_features = features.shape
    n_directions = integer("n_directions", n_directions, "[1, inf)")
    patterns = np.empty((n_directions, n_samples), dtype=bool)
    for block, rng in enumerate(spawn_streams(seed, n_directions, block=STREAM_BLOCK)):
        rows = patterns[block * STREAM_BLOCK : (block + 1) * STREAM_BLOCK]
        np.greater_equal(rng.standard_normal((len(rows), n_features)) @ features.T, 0.0, out=rows)
    if distinct:
        _, first = np.unique(np.packbits(patterns, axis=1), axis=0, return_index=True)
        patterns = patterns[np.sort(first)]
    return patterns
