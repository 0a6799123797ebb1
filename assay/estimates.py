"""Interval estimates from independent trials: what a verdict knows about a simulated quantity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import bdtr, ndtri, stdtrit

from assay.base import choice

ESTIMATORS = ("mean", "median", "log", "exact")
SKEWNESS_LIMIT = 0.1  # of |skewness| / sqrt(n_trials), beyond which Student's interval misses far too often
ROUNDING = 1e-12  # spreads below this fraction of the value are rounding, and have no skewness worth the name


class Estimates:
    """Point estimates and one-sided confidence limits at every point of a check.

    ``simulated`` has shape (n_trials, *points), or is a list of such arrays, one per entry of the first point axis,
    where the numbers of trials differ; for ``estimator="exact"`` it has the shape of the points. ``"log"`` works on the
    logarithms, so that it estimates the geometric mean; ``"median"`` uses order statistics and assumes nothing.

    Attributes ``value``, ``standard_error``, ``n_trials`` and ``usable`` have the shape of the points; ``usable`` is
    false where a mean is too skewed for its interval to be trusted.
    """

    def __init__(self, simulated: object, estimator: str) -> None:
        self.estimator = choice("estimator", estimator, ESTIMATORS)
        self._ragged = isinstance(simulated, list)
        self._blocks = [
            _trials(block, estimator) for block in (simulated if isinstance(simulated, list) else [simulated])
        ]
        self.value = self._over(np.median if estimator == "median" else np.mean, axis=0)
        self.n_trials = self._over(lambda block: np.full(block.shape[1:], 0 if estimator == "exact" else len(block)))
        self.standard_error = self._half_width(_one_sigma) if estimator == "median" else self._over(_standard_error)
        self.skewness = self._over(_skewness)
        limit = SKEWNESS_LIMIT * np.sqrt(np.maximum(self.n_trials, 1)) if estimator in ("mean", "log") else np.inf
        self.usable = np.abs(self.skewness) <= limit

    def widths(self, level: float, extra_standard_error: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances from the estimate down and up to its one-sided confidence limits at ``level``.

        ``extra_standard_error`` (of the prediction, say) adds in quadrature. It is taken to be known at least as well
        as the simulation's own.
        """
        if self.estimator == "median":
            extra = -ndtri(level) * extra_standard_error
            below = self._over(lambda block: np.median(block, axis=0) - _order_limit(block, level))
            above = self._over(lambda block: -np.median(block, axis=0) - _order_limit(-block, level))
            return np.hypot(below, extra), np.hypot(above, extra)
        freedom = np.where(self.n_trials > 1, self.n_trials - 1.0, np.inf)
        quantile = np.where(np.isfinite(freedom), -stdtrit(np.minimum(freedom, 1e9), level), -ndtri(level))
        width = quantile * np.hypot(self.standard_error, extra_standard_error)
        return width, width

    def _over(self, function: Callable, **arguments: object) -> np.ndarray:
        results = [np.asarray(function(block, **arguments)) for block in self._blocks]
        return np.stack(results) if self._ragged else results[0]

    def _half_width(self, level: float) -> np.ndarray:
        below, above = self.widths(level)
        return np.where(np.isfinite(below), (below + above) / 2, np.inf)


_one_sigma = 0.15865525393145707  # the normal tail beyond one standard error


def _trials(block: object, estimator: str) -> np.ndarray:
    trials = np.asarray(block, dtype=np.float64)
    if estimator == "exact":
        trials = trials[np.newaxis]
    if not np.isfinite(trials).all():
        raise ValueError("simulated: expected finite numbers")
    if estimator != "exact" and (trials.ndim == 0 or len(trials) < 2):
        raise ValueError('simulated: expected at least two trials on the first axis (estimator="exact" has none)')
    if estimator == "log":
        if (trials <= 0).any():
            raise ValueError('simulated: expected positive numbers for estimator="log"')
        trials = np.log(trials)
    return trials


def _standard_error(block: np.ndarray) -> np.ndarray:
    n = len(block)
    return block.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(block.shape[1:])


def _skewness(block: np.ndarray) -> np.ndarray:
    centred = block - block.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    real = spread > ROUNDING * np.abs(block).max(axis=0)
    return np.where(real, (centred * centred * centred).mean(axis=0) / np.where(real, spread, 1.0) ** 3, 0.0)


def _order_limit(block: np.ndarray, level: float) -> np.ndarray:
    """Return the largest order statistic that lies above the median with probability at most ``level``."""
    n = len(block)
    rank = int(np.searchsorted(bdtr(np.arange(n), n, 0.5), level, side="right"))
    if rank == 0:
        return np.full(block.shape[1:], -np.inf)
    return np.partition(block, rank - 1, axis=0)[rank - 1]
