"""When a mean curve first crosses a threshold, with the scatter that its curves give it."""

from __future__ import annotations

import numpy as np


def crossing(curve: np.ndarray, threshold: float) -> float:
    """Return the first step at which the curve is below the threshold, interpolated; nan for never."""
    below = np.flatnonzero(curve < threshold)
    if not below.size:
        return float("nan")
    step = int(below[0])
    return step - (threshold - curve[step]) / (curve[step - 1] - curve[step])


def crossing_values(curves: np.ndarray, threshold: float) -> np.ndarray:
    """Return jackknife values (n_trials,) of the step at which the mean of the curves (n_trials, T + 1) crosses.

    Each is the number of trials times the crossing of all curves, less that of all but one; their mean is the crossing
    of the mean curve without its bias of order 1 / n_trials, and their scatter gives its standard error.
    """
    n, total = len(curves), curves.sum(axis=0)
    whole = crossing(total / n, threshold)
    return np.array([n * whole - (n - 1) * crossing((total - one) / (n - 1), threshold) for one in curves])
