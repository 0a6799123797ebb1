"""Validation shared by the modules of this family."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, require

SUM_TOLERANCE = 1e-9
REGRET_TOLERANCE = 1e-12


def probability_rows(value: Any, name: str = "probabilities") -> np.ndarray:
    """Return an array (..., n_classes) of probabilities, each row divided by its sum, which must be 1 within 1e-9."""
    rows = array(name, value, "[0, inf)")
    require(rows.ndim > 0 and rows.shape[-1] > 1, name, f"array of shape {rows.shape}", "two probabilities or more")
    totals = rows.sum(axis=-1, keepdims=True)
    rule = f"rows of probabilities that sum to 1 within {SUM_TOLERANCE:g}"
    require(bool(np.all(np.abs(totals - 1.0) <= SUM_TOLERANCE)), name, value, rule)
    return rows / totals


def score_rows(value: Any) -> np.ndarray:
    """Return an array (..., n_classes) of scores; -inf excludes a class, but not every class of a row."""
    rows = array("scores", value, "[-inf, inf)")
    require(rows.ndim > 0 and rows.shape[-1] > 1, "scores", f"array of shape {rows.shape}", "two scores or more")
    require(bool(np.all(rows.max(axis=-1) > -np.inf)), "scores", value, "a finite score in every row")
    return rows


def class_labels(name: str, value: Any, n_classes: int) -> np.ndarray:
    """Return labels as integers between 0 and ``n_classes - 1``."""
    labels = array(name, value, f"[0, {n_classes - 1}]")
    require(bool(np.all(labels == np.floor(labels))), name, value, f"integers between 0 and {n_classes - 1}")
    return labels.astype(np.int64)


def regrets(value: Any) -> np.ndarray:
    """Return surrogate regrets; rounding below 0 is clipped, infinity is allowed."""
    return np.maximum(array("surrogate_regret", value, f"[{-REGRET_TOLERANCE}, inf]"), 0.0)


def pick(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the entry of every row at its label; leading axes broadcast against the shape of the labels."""
    shape = np.broadcast_shapes(rows.shape[:-1], labels.shape)
    rows = np.broadcast_to(rows, (*shape, rows.shape[-1]))
    return np.take_along_axis(rows, np.broadcast_to(labels, shape)[..., None], axis=-1)[..., 0]
