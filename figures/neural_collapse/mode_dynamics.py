"""Gradient descent from aligned factors: an exact recursion for every class, and the edge of the basin of collapse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure, structure
from figures.neural_collapse import dynamics_drawings
from figures.neural_collapse._training import SETTING, equal_ridges
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from simulations.neural_collapse import simulate_aligned_descent
from theory.neural_collapse import collapse_fit, effective_ridge, mode_recursion

dynamics = figure("neural_collapse.mode-dynamics", dynamics_drawings.draw_mode_dynamics)

SIZES, RIDGE = (50.0, 30.0, 20.0, 8.0), 2e-3
START = (0.5, 0.7, 0.9, 1.1)
OFFSETS = (0.99, 1.01)  # of the starts, in units of the boundary


@claim(
    "neural_collapse.8",
    paper=DEEP_LINEAR_COLLAPSE,
    label="training dynamics, past the theorems on global minima",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="From factors with one singular value for each class and matching bases, gradient descent obeys a "
    "scalar recursion for every class; with two layers or more a class is learnt or lost as it starts above or below "
    "the smaller root of the scalar equation.",
    assumptions="Squared loss, no bias, equal ridges, one feature for each class, widths of at least K, small steps.",
    formula=r"s_k \leftarrow s_k + \eta\,[\frac{1}{N}(\sqrt{n_k} - s_k^{L})\,s_k^{L-1} - \lambda s_k],\qquad L = M+1"
    "\n"
    r"s_k^{L}\;\mathrm{at\;the\;start}\;\gtrless\;\sqrt{n_k}\,\tau_-(\beta_k):\quad "
    r"s_k^{L}/\sqrt{n_k}\to\tau_+(\beta_k)\;\;\mathrm{or}\;\;0",
    normalisations=SETTING,
    figure=dynamics,
)
def aligned_descent(run: Any) -> Iterator[Any]:
    depths = run.choose(quick=(2, 3), full=(2, 3, 4))
    yield from _recursion(run, depths)
    yield from _boundary(run, depths)


def _recursion(run: Any, depths: tuple[int, ...]) -> Iterator[Any]:
    setting = dict(class_sizes=SIZES, ridge=RIDGE, learning_rate=0.1, initial_singular_values=START, n_steps=500)
    grid = run.grid(quick=dict(n_layers=depths))
    paths = run.sample(simulate_aligned_descent, grid, n_trials=run.choose(quick=2, full=8), width=7, **setting)
    steps = np.arange(0, 501, 50)
    theory = [mode_recursion(n_layers=depth, **setting) for depth in depths]
    gaps = np.abs(paths.singular_values - theory).max(axis=(0, 3))
    powers = [_with_full_power(depth) for depth in depths]
    yield structure(
        "recursion",
        np.maximum(gaps[:, steps], paths.misalignment.max(axis=0)[:, np.newaxis]),
        precision=1e-12,
        reason="singular values, and entries off the aligned form: rounding over 500 steps, measured at most 1e-14",
        rivals={"data term with s^L for s^(L-1)": np.abs(powers - paths.singular_values[0]).max(axis=2)[:, steps]},
        at=dict(n_layers=np.array(depths)[:, np.newaxis], step=steps),
    )


def _with_full_power(depth: int) -> np.ndarray:
    """Return the path with the data term one power too high, (steps + 1, K)."""
    targets, path = np.sqrt(SIZES), [np.array(START)]
    for _ in range(500):
        s = path[-1]
        path.append(s + 0.1 * ((targets - s ** (depth + 1)) * s ** (depth + 1) / sum(SIZES) - RIDGE * s))
    return np.array(path)


def _boundary(run: Any, depths: tuple[int, ...]) -> Iterator[Any]:
    """Starts a per cent below and above the boundary, and where they end."""
    ridges, offsets = (
        np.array([effective_ridge(SIZES, **equal_ridges(depth, RIDGE)) for depth in depths]),
        np.array(OFFSETS),
    )
    pairs = list(zip(depths, ridges, strict=True))
    smaller = np.array([collapse_fit(row, n_layers=M, branch="unstable") for M, row in pairs])
    larger = np.array([collapse_fit(row, n_layers=M, branch="stable") for M, row in pairs])
    depth, roots = np.array(depths)[:, np.newaxis], np.sqrt(SIZES)
    edge = (roots * smaller) ** (1 / (depth + 1))
    grid = run.grid(quick=[dict(n_layers=M, initial_singular_values=tuple((offset * row).tolist()))
                           for M, row in zip(depths, edge, strict=True) for offset in OFFSETS])  # fmt: skip
    setting = dict(class_sizes=SIZES, ridge=RIDGE, learning_rate=1.0, n_steps=20000)
    paths = run.sample(simulate_aligned_descent, grid, n_trials=1, **setting)
    shape = (len(depths), len(OFFSETS), len(SIZES))
    powers = grid.column("n_layers")[:, np.newaxis, np.newaxis] + 1
    fits = paths.singular_values[0] ** powers / roots
    start = offsets[:, np.newaxis] * edge[:, np.newaxis]
    ends = np.where(offsets[:, np.newaxis] > 1, larger[:, np.newaxis], 0)
    linear = np.where(start > (roots * smaller)[:, np.newaxis], larger[:, np.newaxis], 0)
    yield agreement(
        "ends-beside-the-boundary",
        fits[:, -1].reshape(shape),
        ends,
        estimator="exact",
        unit="absolute",
        precision=1e-9,
        reason="20000 steps at rate 1 have converged: measured at most 1e-14",
        rivals={
            "boundary for s in the place of s^L": linear,
            "global minimum from everywhere": np.broadcast_to(larger[:, np.newaxis], shape),
        },
        at=dict(n_layers=depth[..., np.newaxis], offset=offsets[:, np.newaxis], class_size=SIZES),
    )
    shown = np.unique(np.concatenate([[0], np.geomspace(1, 20000, 120).astype(int)]))
    for point, offset, path in zip(grid, offsets[np.arange(len(grid)) % len(OFFSETS)], fits, strict=True):
        line = mode_recursion(**point, **setting)[shown] ** (point["n_layers"] + 1) / roots
        at = dict(
            n_layers=point["n_layers"], offset=offset, step=shown[:, np.newaxis], class_size=SIZES, trained=path[shown]
        )
        yield curve("paths", line, at=at)
    at = dict(n_layers=depth, class_size=SIZES, larger=larger)
    yield curve("roots", smaller, at=at)
