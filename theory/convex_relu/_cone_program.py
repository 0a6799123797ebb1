"""Convex programs over products of cones, stated block by block and handed to Clarabel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

# Tolerance asked of the solver and longest step, as a share of the way to the boundary of the cones. The last iterate
# can be poor where the solver stalls; shorter steps stay more central, and which ends best is a matter of luck.
ATTEMPTS = ((1e-12, 0.95), (1e-12, 0.9), (1e-10, 0.95), (1e-9, 0.95), (1e-8, 0.95))


class ConeProgram:
    """Minimise 1/2 sum_j quadratic_j x_j^2 + linear . x subject to affine functions of x lying in cones.

    The vector x is cut into named variables, given by their lengths.
    """

    def __init__(self, **lengths: int) -> None:
        ends = np.cumsum(list(lengths.values()))
        self._columns = {name: slice(end - lengths[name], end) for name, end in zip(lengths, ends, strict=True)}
        self._quadratic, self._linear = np.zeros(ends[-1]), np.zeros(ends[-1])
        self._entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._offsets: list[np.ndarray] = []
        self._cones: list[tuple[str, int, int]] = []
        self._rows: dict[str, slice] = {}

    def charge(self, variable: str, *, linear: Any = 0.0, quadratic: Any = 0.0) -> None:
        """Add the cost of a variable, a number or one per entry, to the objective."""
        self._linear[self._columns[variable]] += linear
        self._quadratic[self._columns[variable]] += quadratic

    def constrain(self, name: str, cone: str, offset: np.ndarray, *, size: int = 0, **blocks: Any) -> None:
        """Ask for offset + sum of block @ variable to lie in the cone, or in cones of ``size`` rows each."""
        start = sum(map(len, self._offsets))
        for variable, block in blocks.items():
            part = sparse.coo_array(block)
            row, column = part.coords
            self._entries.append((part.data, row + start, column + self._columns[variable].start))
        self._rows[name] = slice(start, start + len(offset))
        self._offsets.append(offset)
        size = size or len(offset)
        self._cones.append((cone, size, len(offset) // size))

    def attempts(self, unit: float) -> Iterator[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
        """Yield the variables by name and the multipliers of the constraints by name, attempt by attempt.

        ``unit`` is the cost that the solver should see as one. Whatever status it reports, its last point is yielded if
        it is finite: a certificate has to judge it.
        """
        import clarabel

        make = {
            "zero": clarabel.ZeroConeT,
            "nonnegative": clarabel.NonnegativeConeT,
            "second order": clarabel.SecondOrderConeT,
            "exponential": lambda size: clarabel.ExponentialConeT(),
        }
        cones = [make[kind](size) for kind, size, count in self._cones for _ in range(count)]
        quadratic = sparse.diags_array(self._quadratic / unit, format="csc")
        linear, offset = self._linear / unit, np.concatenate(self._offsets)
        data, rows, columns = map(np.concatenate, zip(*self._entries, strict=True))
        matrix = sparse.csc_array((-data, (rows, columns)), shape=(len(offset), len(self._linear)))
        matrix.eliminate_zeros()
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, 1
        for tolerance, step in ATTEMPTS:
            settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
            settings.max_step_fraction = step
            solution = clarabel.DefaultSolver(quadratic, linear, matrix, offset, cones, settings).solve()
            x, multipliers = np.array(solution.x), unit * np.array(solution.z)
            if np.isfinite(x).all() and np.isfinite(multipliers).all():
                yield (
                    {name: x[at] for name, at in self._columns.items()},
                    {name: multipliers[at] for name, at in self._rows.items()},
                )
