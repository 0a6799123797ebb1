"""Reading mini-batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.base import array, require


def read_indices(name: str, value: Any, n_samples: float = np.inf) -> np.ndarray:
    """Return distinct sample indices below ``n_samples``, at least one."""
    indices = array(name, value, "[0, inf)", shape=(None,))
    rule = f"whole numbers below {n_samples:g}, none repeated"
    whole = bool(np.all(indices == np.floor(indices))) and bool(indices.max() < n_samples)
    require(whole and np.unique(indices).size == indices.size, name, value, rule)
    return indices.astype(np.int64)


def read_batches(batches: Any, n_samples: int) -> list[np.ndarray]:
    """Return the batches as index arrays; None is one batch of all samples."""
    if batches is None:
        return [np.arange(n_samples)]
    require(hasattr(batches, "__len__") and len(batches) > 0, "batches", batches, "a list of at least one batch")
    return [read_indices("batches", batch, n_samples) for batch in batches]
