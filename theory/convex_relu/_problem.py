"""What the convex programs and the networks of this family check at the door, and their losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, choice, require
from theory.convex_relu.arrangements import enumerate_arrangements

LOSSES = ("squared", "hinge", "logistic")


def read_features(features: Any) -> np.ndarray:
    return array("features", features, shape=(None, None))


def read_data(features: Any, targets: Any, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, d) and targets (n,), which are -1 or 1 for the hinge and the logistic loss."""
    rows = read_features(features)
    values = array("targets", targets, shape=(len(rows),))
    if choice("loss", loss, LOSSES) != "squared":
        require(bool(np.all(np.abs(values) == 1.0)), "targets", targets, f"-1 or 1 for the {loss} loss")
    return rows, values


def read_patterns(patterns: Any | None, rows: np.ndarray) -> np.ndarray:
    """Return the patterns as booleans (P, n); all activation patterns of the rows for None."""
    if patterns is None:
        return enumerate_arrangements(rows)
    bits = array("patterns", patterns, "[0, 1]", shape=(None, len(rows)))
    require(bool(np.all((bits == 0.0) | (bits == 1.0))), "patterns", patterns, "a boolean array")
    return bits.astype(bool)


def discrepancy(loss: str, fitted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return what the loss of each sample grows with: |f - y| for the squared loss, -y f for the other two."""
    return np.abs(fitted - targets) if loss == "squared" else -targets * fitted


def total_loss(loss: str, discrepancies: np.ndarray) -> float:
    """Return half the sum of squares of the discrepancies, or the mean hinge or logistic loss."""
    if loss == "squared":
        return 0.5 * float(discrepancies @ discrepancies)
    if loss == "hinge":
        return float(np.maximum(1.0 + discrepancies, 0.0).mean())
    return float(np.logaddexp(0.0, discrepancies).mean())
