"""Least surrogate regrets at given zero-one regrets, found by random pairs (p, h) and by guided searches over p."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from simulations.h_consistency import search_bounded_transform, search_transform, simulate_conditional_regrets

N_BINS, SLACK_BINS, RATIO_BINS = 4096, 64, 16
TIGHT_RANGE = (1 / 16, 7 / 8)  # of beta, where random pairs come close to every curve
DISTANCE_OF_PAIRS = (
    "in every sixteenth of the range of beta, between 1/16 and 7/8, the best of 2 million random pairs with two or "
    "three classes lies at most 0.025 above the infimum (24 repetitions), the best of 30 million at most 0.004"
)

Transform = Callable[[np.ndarray, float, int], np.ndarray]  # of beta, tau, n_classes


def random_pairs(*, tau: float, n_classes: int, part: int, n_pairs: int, seed: int) -> dict[str, np.ndarray]:
    """Return the least regrets of one part of the random pairs in fine bins, and the zero-one regrets they have."""
    stream = np.random.SeedSequence([seed, part])
    found = simulate_conditional_regrets(n_pairs, n_classes=n_classes, tau=tau, n_bins=N_BINS, seed=stream)
    return dict(regret=found.min_regret, beta=found.beta_at_min)


class Frontier(NamedTuple):
    """Least regrets over all parts in fine bins, each (settings, 4096); infinite where a bin is empty."""

    settings: list[tuple[float, int]]  # tau, n_classes
    n_pairs: int  # in each setting
    regret: np.ndarray
    beta: np.ndarray


def simulate_frontier(run: Any, settings: Sequence[tuple[float, int]]) -> Frontier:
    """Return the frontiers of 2 million pairs in every setting at quick scale, of 30 million at full scale."""
    n_pairs, n_parts = run.choose(quick=(2_000_000, 1), full=(10_000_000, 3), large=(10_000_000, 100))
    grid = run.grid(quick=[dict(tau=tau, n_classes=n, part=part) for tau, n in settings for part in range(n_parts)])
    found = run.compute(random_pairs, grid, n_pairs=n_pairs, seed=run.seed)
    regret, beta = (values.reshape(len(settings), n_parts, N_BINS) for values in (found.regret, found.beta))
    best = regret.argmin(axis=1)[:, np.newaxis]
    chosen = (np.take_along_axis(values, best, axis=1)[:, 0] for values in (regret, beta))
    return Frontier(list(settings), n_pairs * n_parts, *chosen)


def least_slacks(frontier: Frontier, transform: Transform) -> dict[str, np.ndarray]:
    """Return per setting and coarse bin the fine bin that comes closest to a transform at its left edge.

    All pairs of a bin lie to the right of its edge, and a transform that increases is least there: whatever holds for
    the least regret and the edge holds for every pair.
    """
    edges = np.arange(N_BINS) / N_BINS
    slack = frontier.regret - [transform(edges, tau, n) for tau, n in frontier.settings]
    return _closest(frontier, slack, np.broadcast_to(edges, slack.shape), SLACK_BINS)


def least_ratios(frontier: Frontier, transform: Transform) -> dict[str, np.ndarray]:
    """Return per setting and coarse bin the least regret that is closest, in ratio, to a transform at its own beta."""
    inside = (frontier.beta >= TIGHT_RANGE[0]) & (frontier.beta < TIGHT_RANGE[1])
    beta = np.where(inside, frontier.beta, 1.0)
    values = np.array([transform(row, tau, n) for row, (tau, n) in zip(beta, frontier.settings, strict=True)])
    return _closest(frontier, np.where(inside, frontier.regret / values, np.inf), beta, RATIO_BINS)


def _closest(frontier: Frontier, distance: np.ndarray, beta: np.ndarray, n_bins: int) -> dict[str, np.ndarray]:
    """Return tau, n_classes, beta and regret of the fine bin of least distance in every coarse bin not empty."""
    shape = (len(distance), n_bins, N_BINS // n_bins)
    best = distance.reshape(shape).argmin(axis=2)[..., np.newaxis]
    least, at, regret = (np.take_along_axis(values.reshape(shape), best, axis=2)[..., 0]
                         for values in (distance, beta, frontier.regret))  # fmt: skip
    filled = np.isfinite(least)
    tau, n_classes = (np.broadcast_to(np.array(column)[:, np.newaxis], filled.shape)[filled]
                      for column in zip(*frontier.settings, strict=True))  # fmt: skip
    return dict(tau=tau, n_classes=n_classes, beta=at[filled], regret=regret[filled])


def along(transform: Transform, points: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a transform at points that differ in tau, n_classes and beta, one call for each pair of the first two."""
    tau, n_classes, beta = np.broadcast_arrays(*(points[name] for name in ("tau", "n_classes", "beta")))
    values = np.empty(beta.shape)
    for one, n in {*zip(tau.ravel().tolist(), n_classes.ravel().tolist(), strict=True)}:
        here = (tau == one) & (n_classes == n)
        values[here] = transform(beta[here], one, n)
    return values


def searched_regrets(
    *, tau: float, n_classes: int, betas: Sequence[float], n_steps: int, n_restarts: int, seed: int
) -> np.ndarray:
    """Return the least surrogate regrets that guided searches find at every beta, (n_betas,)."""
    streams = [np.random.SeedSequence([seed, restart]) for restart in range(n_restarts)]
    return np.array([min(search_transform(beta, tau=tau, n_classes=n_classes, n_steps=n_steps, seed=stream).value
                         for stream in streams) for beta in betas])  # fmt: skip


def searched_bounded_regrets(
    *, score_bound: float, n_classes: int, betas: Sequence[float], n_steps: int, seed: int
) -> np.ndarray:
    """Return the least logistic regrets that guided searches find for bounded scores, (n_betas,)."""
    stream = np.random.SeedSequence([seed, 0])
    return np.array([search_bounded_transform(beta, score_bound=score_bound, n_classes=n_classes, n_steps=n_steps,
                                              seed=stream).value for beta in betas])  # fmt: skip
