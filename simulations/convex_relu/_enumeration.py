"""Every activation pattern of a data set, by inserting its rows one after the other."""

from __future__ import annotations

import numpy as np

from simulations.convex_relu._cones import arc_cells

__all__ = ["enumerate_patterns"]

_PARALLEL = 1e-9  # sine of the angle between rows that cut along the same hyperplane


def enumerate_patterns(features: np.ndarray) -> np.ndarray:
    """Return the patterns of all full-dimensional cells of rows (n, d), boolean (P, n), in lexicographic order.

    A new hyperplane cuts the cells that it meets in two, and they correspond to the cells of the older rows within it:
    an arrangement of one dimension less, enumerated in the same way down to the plane. Rows of zeros are active. About
    ``n^(d - 2)`` small steps of linear algebra.
    """
    norms = np.linalg.norm(features, axis=1)
    rows = features[norms > 0.0] / norms[norms > 0.0, None]
    return np.unique(_directions(rows) @ features.T >= 0.0, axis=0)


def _directions(rows: np.ndarray) -> np.ndarray:
    """Return a direction strictly inside each cell of unit rows (n, d); without rows, the origin."""
    if rows.shape[1] == 2 and len(rows) > 0:
        return arc_cells(rows).middles
    found = np.zeros((1, rows.shape[1]))
    for count, normal in enumerate(rows):
        plane = np.linalg.qr(normal[:, None], mode="complete")[0][:, 1:]
        traces = rows[:count] @ plane
        lengths = np.linalg.norm(traces, axis=1)
        if np.any(lengths <= _PARALLEL):
            continue
        inside = _directions(traces / lengths[:, None]) @ plane.T
        # Half of what would carry a point of the hyperplane to an older one.
        slopes = np.maximum(np.abs(rows[:count] @ normal), np.finfo(float).tiny)
        margins = np.min(np.abs(rows[:count] @ inside.T) / slopes[:, None], axis=0, initial=1.0)
        step = 0.5 * margins[:, None] * normal
        cut = set(_keys(rows[:count], inside))
        whole = [key not in cut for key in _keys(rows[:count], found)]
        found = np.concatenate([found[whole], inside + step, inside - step])
        found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def _keys(rows: np.ndarray, directions: np.ndarray) -> list[bytes]:
    """Return the pattern of every direction as a string of bits."""
    return [bits.tobytes() for bits in np.packbits(directions @ rows.T >= 0.0, axis=1)]
