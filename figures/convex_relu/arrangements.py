"""Activation patterns: how many there are, and that the enumeration lists each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, exponent, figure, structure
from figures.convex_relu import arrangement_drawings
from figures.convex_relu._cells import (
    count_cells,
    count_distinct,
    count_empty,
    count_listed,
    count_met,
    counts_and_bounds,
    integer_rows,
)
from figures.convex_relu.papers import CONVEX_REGULARIZERS
from simulations.convex_relu import sample_patterns
from theory.convex_relu import arrangement_count, arrangement_count_bound, enumerate_arrangements

LARGEST = 999  # entries of rows in general position; with entries -1, 0, 1 many rows are dependent
DEGENERATE = 1


@claim(
    "convex_relu.1",
    paper=CONVEX_REGULARIZERS,
    label="number of activation patterns (numbering unverified)",
    nature="exact",
    evidence="certified",
    statement="n rows in general position in r dimensions have Cover's number of activation patterns, which grows like "
    "n^(r - 1), and all of them can be listed without a linear program; the published bound holds and is never tight.",
    assumptions="Every r rows independent for the number; the list is complete for degenerate rows too. Patterns of "
    "full-dimensional cells alone: the others give the same outputs as their neighbours. The bound with the power "
    "r - 1 is derived here.",
    formula=r"P(n,r) = 2\sum_{k=0}^{r-1}\frac{(n-1)!}{k!\,(n-1-k)!} \leq 2r\,\left(\frac{e(n-1)}{r}\right)^{r-1}"
    r"\leq \frac{1}{e}\;2r\,\left(\frac{e(n-1)}{r}\right)^{r}",
    normalisations="X is n x d of rank r, a pattern is (1[x_k.u >= 0])_k for a direction u, zero rows are always on.",
    figure=figure("convex_relu.patterns", arrangement_drawings.draw_patterns),
)
def activation_patterns(run: Any) -> Iterator[Any]:
    yield from _general_position(run)
    yield from _lists(run)
    yield from _large(run)
    yield from _bounds(run)
    yield from _shares_met(run)


def _general_position(run: Any) -> Iterator[Any]:
    sizes = run.choose(
        quick=[(5, 1), (6, 2), (8, 3), (10, 3)],
        full=[(5, 1), (6, 2), (10, 2), (14, 2), (8, 3), (10, 3), (14, 3), (7, 4), (12, 4), (14, 4), (5, 5), (10, 5),
              (14, 5), (4, 6)],
    )  # fmt: skip
    cases, rows = _drawn(run, [(n, d, LARGEST) for n, d in sizes], n_draws=6)
    n, d = cases.column("n_samples"), cases.column("n_features")
    met = _met(run, rows)
    numbers = [(size, min(size, rank)) for size, rank in zip(n.tolist(), d.tolist(), strict=True)]
    yield agreement(
        "counted",
        run.compute(count_cells, run.grid(quick=[dict(rows=matrix) for matrix in rows])).values,
        [arrangement_count(*size) for size in numbers],
        estimator="exact",
        precision=1e-12,
        reason="integers, counted in exact arithmetic",
        rivals={
            "n for n - 1": [arrangement_count(size + 1, rank) for size, rank in numbers],
            "factor 2 lost": [arrangement_count(*size) / 2 for size in numbers],
            "cells met by random directions": met,
        },
        at={name: cases.column(name) for name in ("n_samples", "n_features", "draw")},
    )


def _drawn(run: Any, sizes: list[tuple[int, int, int]], *, n_draws: int) -> tuple[Any, list[np.ndarray]]:
    """Return the grid of random integer matrices (n, d, largest entry), and the matrices."""
    cases = run.grid(quick=[dict(n_samples=n, n_features=d, largest=largest, draw=draw)
                            for n, d, largest in sizes for draw in range(n_draws)])  # fmt: skip
    return cases, [integer_rows(n_samples=case["n_samples"], n_features=case["n_features"], largest=case["largest"],
                                seed=[run.seed, case["draw"]]) for case in cases]  # fmt: skip


def _met(run: Any, rows: list[np.ndarray]) -> np.ndarray:
    """Return the number of patterns that random directions meet, for each matrix."""
    grid = run.grid(quick=[dict(rows=matrix) for matrix in rows])
    return run.compute(count_met, grid, n_directions=run.choose(quick=10_000, full=20_000), seed=run.seed).values[:, 0]


def _lists(run: Any) -> Iterator[Any]:
    """The list of patterns against exact counts, linear programs and random directions, degenerate rows included."""
    sizes = run.choose(quick=[(8, 3, LARGEST), (8, 3, DEGENERATE), (10, 4, DEGENERATE)],
                       full=[(n, d, largest) for n, d in ((10, 2), (8, 3), (10, 3), (7, 4), (10, 4), (12, 4), (8, 5))
                             for largest in (LARGEST, DEGENERATE)])  # fmt: skip
    cases, rows = _drawn(run, sizes, n_draws=1)
    grid = run.grid(quick=[dict(rows=matrix) for matrix in rows])
    lists = [enumerate_arrangements(matrix) for matrix in rows]
    counts = run.compute(count_cells, grid).values
    shaken = [matrix * (1 + 1e-6 * np.sin(np.arange(matrix.size)).reshape(matrix.shape)) for matrix in rows]
    at = {name: cases.column(name) for name in ("n_samples", "n_features", "largest", "draw")}
    yield structure(
        "number-listed",
        [count_distinct(patterns) for patterns in lists] - counts,
        precision=1e-9,
        reason="integers, counted in exact arithmetic",
        rivals={"cells met by random directions": _met(run, rows) - counts},
        controls={
            "entries moved by 1e-6 of themselves": [len(enumerate_arrangements(matrix)) for matrix in shaken] - counts
        },
        at=at,
    )
    flipped = lists[0] ^ (np.arange(lists[0].shape[1]) == 0)
    empty, empty_flipped = (
        run.compute(count_empty, run.grid(quick=[dict(rows=matrix, patterns=patterns)
                                                 for matrix, patterns in zip(rows, chosen, strict=False)])).values
        for chosen in (lists, [flipped])
    )  # fmt: skip
    yield structure(
        "patterns-of-no-cell",
        empty,
        precision=1e-9,
        reason="a number of linear programs, feasible by 1e-2 or not at all",
        controls={"the first row turned over": empty_flipped},
        at=at,
    )
    drawn = [sample_patterns(matrix, n_directions=2_000, seed=run.seed) for matrix in rows]
    unlisted, after_loss = (
        [count_distinct(np.concatenate([patterns[kept:], met])) - len(patterns[kept:])
         for patterns, met in zip(lists, drawn, strict=True)] for kept in (0, 1)
    )  # fmt: skip
    yield structure(
        "patterns-met-and-not-listed",
        unlisted,
        precision=1e-9,
        reason="a number of patterns of random directions",
        controls={"the first pattern left out of the list": after_loss},
        at=at,
    )


def _large(run: Any) -> Iterator[Any]:
    sizes = run.choose(quick=[(40, 4)], full=[(40, 4), (60, 4), (25, 6)], large=[(40, 4), (100, 4), (25, 6), (20, 8)])
    grid = run.grid(quick=[dict(n_samples=n, n_features=d) for n, d in sizes])
    listed = run.compute(count_listed, grid, seed=run.seed)
    yield agreement(
        "listed-for-many-samples",
        listed.values,
        [arrangement_count(*size) for size in sizes],
        estimator="exact",
        precision=1e-12,
        reason="integers: distinct patterns, each of an explicit direction",
        rivals={
            "n for n - 1": [arrangement_count(n + 1, d) for n, d in sizes],
            "factor 2 lost": [arrangement_count(*size) / 2 for size in sizes],
        },
        at=listed.at(),
    )


def _bounds(run: Any) -> Iterator[Any]:
    """The published bound, a sharper one, and the growth with n, for all ranks below n."""
    numbers = [*range(2, 60), *run.choose(quick=[], full=range(60, 201, 20))]
    found = run.compute(counts_and_bounds, run.grid(quick=[dict(n_samples=numbers)]))
    n, rank, count, published = (getattr(found, name)[0] for name in ("n_samples", "rank", "count", "bound"))
    without_e = published / np.e**rank
    yield bound(
        "published-bound",
        count,
        published,
        tightness=1 - 1 / np.e + 1e-12,
        reason="never closer than a factor e, which n = 2, r = 1 attains",
        rivals={"e lost": without_e},
        at=dict(n_samples=n, rank=rank),
    )
    base = np.e * (n - 1) / rank
    yield bound(
        "sharper-bound",
        count,
        published / base,
        tightness=1e-12,
        reason="attained for r = 1, where there are two patterns",
        rivals={"e lost": without_e * rank / (n - 1), "2 for 2 r": published / base / rank},
        at=dict(n_samples=n, rank=rank),
    )
    ranks, sizes = np.arange(2, 7), 2 ** np.arange(17, 21)
    yield exponent(
        "growth-with-samples",
        sizes,
        [[float(arrangement_count(size, rank)) for rank in ranks.tolist()] for size in sizes.tolist()],
        ranks - 1.0,
        estimator="exact",
        precision=1e-3,
        reason="the next term is smaller by r^2 / n, at most 3e-4",
        rivals={"r, as the bound grows": ranks},
        at=dict(rank=ranks),
    )
    n = np.arange(2, 101)
    for d in (2, 3, 4, 5):
        shown = n[n > d]
        number, above = ([float(function(size, d)) for size in shown.tolist()]
                         for function in (arrangement_count, arrangement_count_bound))  # fmt: skip
        yield curve("number", number, at=dict(n_samples=shown, n_features=d), rivals={"published bound": above})


def _shares_met(run: Any) -> Iterator[Any]:
    """The share of cells that so many random directions find, for the figure."""
    if run.scale == "quick":
        return
    steps = np.unique(np.geomspace(10, 400_000, 50).astype(int))
    for n, d in ((8, 3), (12, 4), (14, 5)):
        rows = integer_rows(n_samples=n, n_features=d, largest=LARGEST, seed=[run.seed, 0])
        grid = run.grid(quick=[dict(rows=rows)])
        met = run.compute(count_met, grid, n_directions=int(steps[-1]), seed=run.seed, steps=steps.tolist()).values[0]
        at = dict(n_samples=n, n_features=d, n_directions=steps)
        yield curve("share-met", met / arrangement_count(n, d), at=at)
