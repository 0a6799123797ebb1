"""Where projected gradient on the supervised contrastive loss with non-negative features ends: merged classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import betaincinv

from assay import bound, claim, figure, structure
from figures.neural_collapse import contrastive_drawings as drawings
from figures.neural_collapse._contrastive_runs import part_merged, set_partitions, train_sizes
from figures.neural_collapse.contrastive import ON_THE_BOUND, SETTING
from figures.neural_collapse.papers import SYMMETRIC_REPRESENTATIONS
from theory.neural_collapse import scl_lower_bound

FEW, FOUR, MANY = (20, 5, 2), (30, 10, 4, 2), (40, 20, 10, 4, 4, 2, 2, 2)
ERROR = 1e-6  # of one binomial limit


@claim(
    "neural_collapse.21",
    paper=SYMMETRIC_REPRESENTATIONS,
    label="Landscape of the loss with non-negative features",
    nature="exact",
    status="beyond",
    statement="Every run of projected gradient ends on an orthonormal frame of blocks of classes, at one of as many "
    "loss "
    "levels as there are partitions: the least loss with each block as one class. Rarely a block is extinct, with "
    "features 0. Merged classes are no local minimum: "
    "tilted into a free coordinate they part. The share of merged runs falls as the dimension grows.",
    assumptions="Full batch, T = 1, every class of two samples or more; starts |N(0, 1)| normalised, steps of 0.2 T. A "
    "coordinate that is zero for all features has gradient zero and stays so.",
    formula=r"\mathcal{L} = \sum_b m_b\log\left(m_b - 1 + (N - m_b)\,e^{-1/T}\right),\quad "
    r"m_b = \sum_{c\,\in\,b} n_c,\quad\mathrm{extinct:}\ m_b\log(N - 1)",
    normalisations=SETTING + " m_b: samples of the block b of classes.",
    figure=figure("neural_collapse.contrastive-landscape", drawings.draw_landscape),
)
def merged_classes(run: Any) -> Iterator[Any]:
    n_trials = run.choose(quick=80, full=200, large=4000)
    widths = run.choose(quick=[(FEW, (3, 9)), (FOUR, (4, 12))],
                        full=[(FEW, (3, 4, 5, 6, 9)), (FOUR, (4, 5, 6, 8, 12, 16)),
                              (MANY, (8, 10, 12, 16, 24, 32))])  # fmt: skip
    points = [dict(class_sizes=sizes, n_features=d) for sizes, each in widths for d in each]
    grid = run.grid(quick=points)
    counts = [n_trials // (2 if point["class_sizes"] == MANY and run.scale == "full" else 1) for point in grid]
    runs = run.sample(train_sizes, grid, n_trials=counts)
    bounds = [scl_lower_bound(point["class_sizes"]) for point in grid]
    gaps, on_bound, extinct, off = [], [], [], []
    for point, losses, grams, spread in zip(grid, runs.loss, runs.class_gram, runs.spread, strict=True):
        for kept, levels in ((gaps, _levels(point["class_sizes"])), (extinct, _extinct(point["class_sizes"]))):
            kept.append(np.abs(losses / _nearest(levels, losses) - 1).max())
        on_bound.append(np.abs(losses / scl_lower_bound(point["class_sizes"]) - 1).max())
        off.append(max(np.minimum(np.abs(grams), np.abs(grams - 1)).max(), spread.max()))
    kinds = np.array(["+".join(map(str, point["class_sizes"])) for point in grid])
    at = dict(
        sizes=kinds, n_classes=[len(point["class_sizes"]) for point in grid], n_features=grid.column("n_features")
    )
    success = [losses <= value * (1 + ON_THE_BOUND) for losses, value in zip(runs.loss, bounds, strict=True)]
    hits, n = np.array([one.sum() for one in success]), np.array(counts)
    low, high = _binomial_limits(hits, n)
    yield structure(
        "levels",
        gaps,
        precision=1e-12,
        reason="largest distance of a run from the nearest level, relative: rounding",
        rivals={"the least loss alone": on_bound, "extinct classes, none merged": extinct},
        at=at | dict(successful=hits / n, low=low, high=high),
    )
    yield structure(
        "blocks",
        off,
        precision=1e-7,
        reason="largest distance of an inner product from 0 and 1, over all runs: the square root of rounding",
        rivals={"every run in a frame of all classes": [gaps.max() for gaps in runs.from_frame]},
        at=at,
    )
    yield from _rates(low, high, grid, at)
    yield from _parting(run)


def _nearest(levels: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return the level nearest to each loss."""
    levels = np.sort(levels)
    above = np.clip(np.searchsorted(levels, losses), 1, len(levels) - 1)
    below = levels[above - 1]
    return np.where(losses - below < levels[above] - losses, below, levels[above])


def _levels(sizes: tuple[int, ...]) -> np.ndarray:
    """Return the losses of all ways to split the classes into blocks, of which one may be extinct."""
    n = np.array([0, *sizes], dtype=float)  # the block of the first, which is nobody, is extinct
    blocks = np.array(set_partitions(len(n)))
    merged = np.stack([(blocks == block) @ n for block in range(len(n))])
    alive, total = merged[1:], n.sum()
    terms = alive * np.log(np.maximum(alive - 1, 0) + (total - alive) * np.exp(-1.0))
    return terms.sum(axis=0) + merged[0] * np.log(total - 1)


def _extinct(sizes: tuple[int, ...]) -> np.ndarray:
    """Return the losses of frames in which the features of some classes are zero."""
    n = np.array(sizes, dtype=float)
    alive = np.log(n - 1 + (n.sum() - n) * np.exp(-1.0))
    dead = (np.arange(2 ** len(n))[:, np.newaxis] >> np.arange(len(n))) % 2 == 1
    # A zero product is as good as orthogonality for the others.
    return np.where(dead, np.log(n.sum() - 1), alive) @ n


def _binomial_limits(hits: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Clopper-Pearson limits of a share, each wrong with probability ERROR."""
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1), n - hits + 1, ERROR), 0.0)
    high = np.where(hits < n, betaincinv(hits + 1, np.maximum(n - hits, 1), 1 - ERROR), 1.0)
    return low, high


def _rates(low: np.ndarray, high: np.ndarray, grid: Any, at: Any) -> Iterator[Any]:
    """Shares of runs that reach the least loss, at the ends of the range of widths."""
    classes, width = np.array(at["n_classes"]), grid.column("n_features")
    narrow, wide = width == classes, width >= 3 * classes
    pick = {name: np.array(values) for name, values in at.items()}
    for name, chosen, values, limit, upper, rival in (
        ("merged-at-d=K", narrow, high, 0.97, True, ("hardly any run succeeds", 0.01)),
        ("hardly-merged-at-d=3K", wide, low, 0.6, False, ("no run fails", 1.0)),
    ):
        yield bound(
            name,
            values[chosen],
            np.full(chosen.sum(), limit),
            upper=upper,
            unit="absolute",
            reason="binomial limit of the share of successful runs, wrong once in a million",
            rivals={rival[0]: np.full(chosen.sum(), rival[1])},
            at={key: column[chosen] for key, column in pick.items()},
        )


def _parting(run: Any) -> Iterator[Any]:
    """The last two classes merged, the last one tilted by 1e-3 into the free coordinate: the run ends on the frame."""
    grid = run.grid(quick=[dict(class_sizes=FEW), dict(class_sizes=FOUR)],
                    full=[dict(class_sizes=FEW), dict(class_sizes=FOUR), dict(class_sizes=(6, 6, 6, 6)),
                          dict(class_sizes=(12, 6, 3, 3, 2))])  # fmt: skip
    tilted, still = (run.sample(part_merged, grid, tilt=tilt, n_trials=count).values
                     for tilt, count in ((1e-3, run.choose(quick=2, full=8)), (0.0, 2)))  # fmt: skip
    bounds = np.array([scl_lower_bound(point["class_sizes"]) for point in grid])
    yield structure(
        "merged-classes-part",
        tilted / bounds - 1,
        precision=1e-10,
        reason="excess over the least loss where a step changes it by less than 1e-14 of itself",
        controls={"without a tilt": still[:1] / bounds - 1},
        at=dict(n_classes=[len(point["class_sizes"]) for point in grid]),
    )
