"""Cells of an arrangement of hyperplanes by other routes: exact arithmetic, linear programs, random directions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog

from simulations.convex_relu import sample_patterns
from theory.convex_relu import arrangement_count, arrangement_count_bound, enumerate_arrangements

Rows = tuple[tuple[int, ...], ...]

OPEN = 1e-6  # height above all hyperplanes of a cell that is open: of integer rows 1e-2 and more, of an empty cell 0


def integer_rows(*, n_samples: int, n_features: int, largest: int, seed: Sequence[int]) -> np.ndarray:
    """Return an (n, d) array of uniform integers in [-largest, largest]: degenerate where ``largest`` is small."""
    rng = np.random.default_rng([n_samples, n_features, largest, *seed])
    return rng.integers(-largest, largest + 1, (n_samples, n_features)).astype(np.float64)


def count_cells(*, rows: np.ndarray) -> int:
    """Return the number of cells of integer rows, in exact arithmetic, by deletion and restriction."""
    return _count(tuple(tuple(map(int, row)) for row in rows))


def _count(rows: Rows) -> int:
    """A hyperplane adds as many cells as the others leave on it."""
    distinct = list({_primitive(row): None for row in rows if any(row)})
    if not distinct:
        return 1
    *others, last = distinct
    return _count(tuple(others)) + _count(tuple(_restrict(row, last) for row in others))


def _primitive(row: tuple[int, ...]) -> tuple[int, ...]:
    """Divide a row by its common divisor and turn its first entry positive: one name for each hyperplane."""
    divisor = math.gcd(*row)
    sign = 1 if next(entry for entry in row if entry) > 0 else -1
    return tuple(sign * entry // divisor for entry in row)


def _restrict(row: tuple[int, ...], to: tuple[int, ...]) -> tuple[int, ...]:
    """Return the row as a function on the hyperplane of another, in the coordinates that are left."""
    pivot = next(index for index, entry in enumerate(to) if entry)
    return tuple(to[pivot] * entry - row[pivot] * other
                 for index, (entry, other) in enumerate(zip(row, to, strict=True)) if index != pivot)  # fmt: skip


def count_empty(*, rows: np.ndarray, patterns: np.ndarray) -> int:
    """Return how many of the patterns belong to no open cell, by one linear program each; zero rows must be on."""
    zero = ~rows.any(axis=1)
    return sum(not (pattern[zero].all() and _height(rows[~zero], pattern[~zero]) > OPEN) for pattern in patterns)


def _height(rows: np.ndarray, pattern: np.ndarray) -> float:
    """Return the largest height above all signed hyperplanes in the unit cube, at most 1."""
    if not len(rows):
        return 1.0
    signed = np.where(pattern, 1.0, -1.0)[:, np.newaxis] * rows
    n, d = rows.shape
    found = linprog(
        np.append(np.zeros(d), -1.0),
        A_ub=np.column_stack([-signed, np.ones(n)]),
        b_ub=np.zeros(n),
        bounds=[(-1.0, 1.0)] * d + [(None, 1.0)],
    )
    return -float(found.fun)


def count_met(*, rows: np.ndarray, n_directions: int, seed: int, steps: Sequence[int] = ()) -> np.ndarray:
    """Return the number of patterns that the first ``steps`` of random directions meet, by default that all meet."""
    drawn = sample_patterns(rows, n_directions=n_directions, seed=seed, distinct=False)
    _, first = np.unique(np.packbits(drawn, axis=1), axis=0, return_index=True)
    return np.searchsorted(np.sort(first), steps or (n_directions,))


def count_listed(*, n_samples: int, n_features: int, seed: int) -> int:
    """Return the number of distinct patterns that the enumeration lists for Gaussian features."""
    rng = np.random.default_rng([n_samples, n_features, seed])
    return count_distinct(enumerate_arrangements(rng.standard_normal((n_samples, n_features))))


def count_distinct(patterns: np.ndarray) -> int:
    return len(np.unique(np.packbits(patterns, axis=1), axis=0))


def counts_and_bounds(*, n_samples: Sequence[int]) -> dict[str, np.ndarray]:
    """Return Cover's number and the published bound for these numbers of samples and all smaller ranks."""
    sizes = [(n, rank) for n in n_samples for rank in range(1, n)]
    n, rank = np.array(sizes).T
    return dict(
        n_samples=n,
        rank=rank,
        count=np.array([float(arrangement_count(*size)) for size in sizes]),
        bound=np.array([arrangement_count_bound(*size) for size in sizes]),
    )
