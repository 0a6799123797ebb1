"""What the simulators of this family check at the door."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, choice, require

__all__ = ["LOSSES", "checked_loss", "checked_patterns", "checked_problem"]

LOSSES = ("squared", "hinge", "logistic")


def checked_problem(features: ArrayLike, targets: ArrayLike, loss: str = "squared") -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, d) and targets (n,); the targets of the hinge and the logistic loss are -1 or 1."""
    features = array("features", features, shape=(None, None))
    targets = array("targets", targets, shape=(len(features),))
    if checked_loss(loss) != "squared":
        require(bool(np.all(np.abs(targets) == 1.0)), "targets", targets, f"-1 or 1 for the {loss} loss")
    return features, targets


def checked_loss(loss: str) -> str:
    """Return one of ``LOSSES``."""
    return choice("loss", loss, LOSSES)


def checked_patterns(patterns: ArrayLike, n_samples: int) -> np.ndarray:
    """Return the activation patterns as a boolean array (P, n), P >= 1."""
    values = array("patterns", patterns, "[0, 1]", shape=(None, n_samples))
    require(bool(np.all((values == 0.0) | (values == 1.0))), "patterns", patterns, "booleans")
    return values.astype(bool)
