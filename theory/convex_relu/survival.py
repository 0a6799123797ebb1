"""Which activation patterns survive an attack on the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linprog

from theory.convex_relu._problem import read_features, read_patterns

__all__ = ["pattern_survival_radius"]


def pattern_survival_radius(features: Any, patterns: Any) -> np.ndarray:
    """Return the l-infinity radius up to which each pattern (P, n) of the features (n, d) can hold under attack, (P,).

    With s_k = +-1 the signs of a pattern it is the distance of 0 from the convex hull of the rows s_k x_k, that is
    max over ||u||_1 <= 1 of min_k s_k x_k.u: a hidden neuron keeps the pattern when every row moves by at most epsilon
    in each coordinate iff epsilon is at most this radius. 0 for a pattern that no open cone has. In units of the
    features. One linear program per pair of antipodal patterns; accurate to about 1e-9 of the largest entry.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if a linear program is not solved.
    """
    rows = read_features(features)
    signs = np.where(read_patterns(patterns, rows), 1.0, -1.0)
    # Antipodal patterns share their radius.
    pairs, index = np.unique(signs * signs[:, :1], axis=0, return_inverse=True)
    return np.array([_distance_from_hull(sign[:, None] * rows) for sign in pairs])[index.reshape(-1)]


def _distance_from_hull(points: np.ndarray) -> float:
    """Return the l-infinity distance of 0 from the convex hull of the points (n, d)."""
    n, d = points.shape
    scale = float(np.abs(points).max())
    if scale == 0.0:
        return 0.0
    moves = np.concatenate([points.T, -points.T]) / scale
    result = linprog(
        c=np.append(np.zeros(n), 1.0),
        A_ub=np.column_stack([moves, -np.ones(2 * d)]),
        b_ub=np.zeros(2 * d),
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=np.ones(1),
        method="highs",
    )
    if not result.success:
        raise RuntimeError(f"pattern_survival_radius: linear program not solved ({result.message})")
    return scale * max(float(result.fun), 0.0)
