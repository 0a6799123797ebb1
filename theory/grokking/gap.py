"""How long generalisation lags behind memorisation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, number

__all__ = ["GrokkingGap", "grokking_gap"]


@dataclass(frozen=True)
class GrokkingGap:
    """First steps with the train and the test loss below their thresholds, and their difference; nan for never."""

    train_step: float
    test_step: float
    gap: float


def grokking_gap(train_loss: Any, test_loss: Any, *, train_threshold: float, test_threshold: float) -> GrokkingGap:
    """Return the delay from memorisation to generalisation, in steps: test step less train step.

    A step counts when its loss is below (not at) a positive threshold. A threshold never reached gives nan, and so does
    the gap: a network that never generalises has no small delay. ``train_loss`` and ``test_loss`` (n_steps + 1,).

    Raises ``ValueError`` naming the parameter.
    """
    train = array("train_loss", train_loss, shape=(None,))
    test = array("test_loss", test_loss, shape=train.shape)
    train_step = _first_below(train, number("train_threshold", train_threshold, "(0, inf)"))
    test_step = _first_below(test, number("test_threshold", test_threshold, "(0, inf)"))
    return GrokkingGap(train_step, test_step, test_step - train_step)


def _first_below(curve: np.ndarray, threshold: float) -> float:
    below = np.flatnonzero(curve < threshold)
    return float(below[0]) if below.size else math.nan
