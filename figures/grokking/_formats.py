"""The three binary formats of training, as the claims at the edge of floating point need them."""

from __future__ import annotations

from typing import Any

import numpy as np

FORMATS = ("float16", "float32", "float64")


def precision(dtype: str) -> int:
    """Return p, the bits of the significand with the hidden one."""
    return int(np.finfo(dtype).nmant) + 1


def grid_step(dtype: str, value: float) -> float:
    """Return the distance from a value to the next larger number of the format."""
    return float(np.spacing(np.dtype(dtype).type(value)))


def representable(values: Any, dtype: str) -> np.ndarray:
    """Return the values as doubles that the format holds exactly, without repetitions."""
    return np.unique(np.asarray(values, dtype)).astype(float)
