"""All critical points of the squared loss: which of them are minima, and the few levels on which training ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, structure
from figures.neural_collapse._critical_points import Point, spectrum_at, subset_points, unstable_point
from figures.neural_collapse._training import SETTING, Problem, equal_ridges, train, unequal_ridges
from figures.neural_collapse.mse_geometry import headline
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from simulations.neural_collapse import simulate_aligned_descent
from theory.neural_collapse import collapse_fit, collapse_thresholds, effective_ridge, mse_geometry, mse_loss_levels

# In the second the smallest class has a root beyond the global threshold: learning it is a minimum, and not the lowest.
PROBLEMS: dict[str, Problem] = {
    "three layers": dict(class_sizes=(40.0, 25.0, 15.0, 10.0)) | unequal_ridges(3, 3e-3),
    "metastable class": dict(class_sizes=(40.0, 20.0, 2.0), weight_ridges=(0.013, 0.010), feature_ridge=0.011),
    "five classes": dict(class_sizes=(40.0, 30.0, 20.0, 12.0, 8.0)) | equal_ridges(2, 0.012),
}
ONE_LAYER: Problem = dict(class_sizes=(40.0, 20.0, 10.0), weight_ridges=(0.02,), feature_ridge=0.03)
EQUAL_RIDGES: Problem = dict(class_sizes=(40.0, 20.0, 10.0)) | equal_ridges(2, 6e-3)
SCALES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5)
# Of effective ridge to the spinodal one, for classes that start learnt.
RATIOS = (0.5, 0.65, 0.8, 0.88, 0.93, 0.97, 1.03)


@claim(
    "neural_collapse.7",
    paper=DEEP_LINEAR_COLLAPSE,
    label="landscape, past the theorems on global minima",
    nature="exact",
    status="beyond",
    statement="At a critical point every class sits at zero or at a root of the scalar equation; with two layers or "
    "more the minima are the r largest classes on their larger roots, for every r, so that training ends on one of at "
    "most K + 1 loss levels; every other critical point is a saddle, of closed negative curvature where a larger class "
    "is lost than one that is learnt.",
    assumptions="Squared loss, no bias, free features, inner widths of at least K, different class sizes. With one "
    "layer every critical point but the global minimum is a saddle.",
    formula=r"\ell_r = \frac{1}{2} - \sum_{k\leq r}\frac{n_k}{2N}\,[1 - (1-\tau_k^+)(1+M\tau_k^+)],\qquad "
    r"n_1 > n_2 > \cdots > n_K,\quad \beta_r\leq\beta_s = \frac{M+1}{2M}\left(\frac{M-1}{2M}\right)^{(M-1)/(M+1)}"
    "\n"
    r"\mathrm{class}\;k\;\mathrm{lost},\;\mathrm{smaller}\;j\;\mathrm{learnt:}\quad \mu_{\min} = \frac{1}{1-\tau_j}"
    r"\left[\frac{\lambda_H+\lambda_{W_M}}{2} - "
    r"\sqrt{\frac{(\lambda_H-\lambda_{W_M})^2}{4} + \frac{n_k}{n_j}\lambda_H\lambda_{W_M}}\,\right]",
    normalisations=SETTING + " Curvatures are in the entries of the weights and of sqrt(n_k) times the class means.",
    figure=headline,
)
def critical_points(run: Any) -> Iterator[Any]:
    yield from _levels(run)
    yield from _hessians(run)
    yield from _metastable(run)


def _levels(run: Any) -> Iterator[Any]:
    names = run.choose(quick=("three layers", "metastable class"), full=tuple(PROBLEMS))
    scales = run.choose(quick=(0.1, 0.3, 0.45, 0.9), full=SCALES)
    n_trials = run.choose(quick=20, full=40)
    problems = [PROBLEMS[name] | dict(width=8) for name in names]
    found = train(run, problems, n_trials=n_trials, init_scales=scales)
    losses = [runs["loss"].reshape(len(scales), n_trials) for runs in found.runs]
    levels = [mse_loss_levels(**PROBLEMS[name]) for name in names]
    below = [_chain_below_global(PROBLEMS[name]) for name in names]
    lowest = [np.array([mse_geometry(**PROBLEMS[name]).loss]) for name in names]
    precision, reason = 1e-12, "rounding of the trained loss"
    at = dict(problem=np.reshape(names, (-1, 1, 1)), init_scale=np.reshape(scales, (-1, 1)), trial=np.arange(n_trials))
    nearest = [
        one[np.abs(loss[..., np.newaxis] - one).argmin(axis=-1)] for loss, one in zip(losses, levels, strict=True)
    ]
    yield agreement(
        "every-run-on-a-level",
        losses,
        nearest,
        estimator="exact",
        precision=precision,
        reason=reason,
        rivals={
            name: [
                one[np.abs(loss[..., np.newaxis] - one).argmin(axis=-1)]
                for loss, one in zip(losses, wrong, strict=True)
            ]
            for name, wrong in {"levels of classes below the global threshold": below, "one level": lowest}.items()
        },
        at=at,
    )
    kept = [index for index, name in enumerate(names) if run.scale != "quick" or name == "three layers"]
    reached = [np.abs(losses[index].ravel()[:, np.newaxis] - levels[index]).min(axis=0) for index in kept]
    subsets = [mse_loss_levels(**PROBLEMS[names[index]], local_minima=False) for index in kept]
    missed = [
        np.abs(losses[index].ravel()[:, np.newaxis] - every).min(axis=0).max()
        for index, every in zip(kept, subsets, strict=True)
    ]
    yield structure(
        "every-level-reached",
        np.concatenate(reached),
        precision=precision,
        reason=reason,
        rivals={"any subset of the classes": np.repeat(missed, list(map(len, reached)))},
        at=dict(problem=np.repeat([names[index] for index in kept], list(map(len, reached))),
                level=np.concatenate([levels[index] for index in kept])),
    )  # fmt: skip


def _chain_below_global(problem: Problem) -> np.ndarray:
    """Return the levels of the chain if only classes below the global threshold could be learnt."""
    fits = mse_geometry(**problem).fit
    sizes, depth = np.array(problem["class_sizes"]), len(problem["weight_ridges"])
    kept = np.tril(np.ones((len(fits) + 1, len(fits))), -1)[: np.count_nonzero(fits) + 1] * fits
    return ((1 - kept) * (1 + depth * kept)) @ sizes / (2 * sizes.sum())


def _hessians(run: Any) -> Iterator[Any]:
    names = run.choose(quick=("metastable class",), full=tuple(PROBLEMS))
    cases = [(name, point) for name in names for point in subset_points(PROBLEMS[name])]
    saddles = [(name, point) for name, point in cases if not point.on_chain]
    saddles += [("one layer", point) for point in subset_points(ONE_LAYER) if len(point.active) < 3]
    saddles.append(("smaller root", unstable_point(EQUAL_RIDGES)))
    chain = [(name, point) for name, point in cases if point.on_chain]
    curvature = np.array([point.least_eigenvalue for _, point in chain])
    yield structure(
        "chain-is-minimal",
        np.maximum(0, -curvature),
        precision=1e-12,
        reason="rounding of eigenvalues of matrices of norm about 1",
        rivals={"any subset of the classes": max(-point.least_eigenvalue for _, point in saddles)},
        at=_where(chain),
    )
    ridge = np.array(
        [
            0.5 * (problem["weight_ridges"][-1] + problem["feature_ridge"])
            for problem in [
                (PROBLEMS | {"one layer": ONE_LAYER, "smaller root": EQUAL_RIDGES})[name] for name, _ in saddles
            ]
        ]
    )
    yield agreement(
        "saddle-curvature",
        [point.least_eigenvalue for _, point in saddles],
        [point.predicted for _, point in saddles],
        estimator="exact",
        precision=1e-10,
        reason="rounding of eigenvalues of matrices of norm about 1, over curvatures of at least 0.004",
        rivals={"minus the ridge, as for a lone unstable mode": -ridge},
        at=_where(saddles),
    )
    moved = [spectrum_at(PROBLEMS[name], point.fit * (1 + 1e-6)).gradient_norm for name, point in cases if point.active]
    yield structure(
        "critical",
        [point.gradient_norm for _, point in cases],
        precision=1e-13,
        reason="rounding of gradients of terms of order 0.1",
        controls={"fits larger by 1e-6": max(moved)},
        at=_where(cases),
    )


def _where(cases: list[tuple[str, Point]]) -> dict[str, Any]:
    return dict(
        problem=[name for name, _ in cases],
        active=["".join(str(k + 1) for k in point.active) or "none" for _, point in cases],
    )


def _metastable(run: Any) -> Iterator[Any]:
    """Classes that start learnt, in aligned factors: they stay on the larger root until it disappears."""
    depths = run.choose(quick=(2,), full=(2, 3, 4, 5, 6))
    grid = run.grid(quick=[_around_spinodal(depth) for depth in depths])
    paths = run.sample(simulate_aligned_descent, grid, n_trials=1, learning_rate=1.0, n_steps=20000)
    sizes = np.array([point["class_sizes"] for point in grid])
    depth = np.array(depths)[:, np.newaxis]
    effective = np.array(RATIOS) * [[collapse_thresholds(M).spinodal_ridge] for M in depths]
    yield agreement(
        "metastable-fit",
        paths.singular_values[0, :, -1] ** (depth + 1) / np.sqrt(sizes),
        [collapse_fit(row, n_layers=M, branch="stable") for M, row in zip(depths, effective, strict=True)],
        estimator="exact",
        unit="absolute",
        precision=1e-9,
        reason="20000 steps at rate 1 have converged three per cent off the spinodal",
        rivals={
            "lost beyond the global threshold": [
                collapse_fit(row, n_layers=M) for M, row in zip(depths, effective, strict=True)
            ]
        },
        at=dict(n_layers=depth, ratio=RATIOS, effective_ridge=effective),
    )


def _around_spinodal(depth: int) -> dict[str, Any]:
    """Return classes of RATIOS times the spinodal effective ridge, in aligned factors above their roots."""
    sizes = 100 * (RATIOS[0] / np.array(RATIOS)) ** ((depth + 1) / depth)
    unit = effective_ridge(sizes, **equal_ridges(depth, 1.0))
    ridge = RATIOS[0] * collapse_thresholds(depth).spinodal_ridge / unit[0]
    start = sizes ** (0.5 / (depth + 1))
    return dict(
        class_sizes=tuple(sizes.tolist()),
        ridge=float(ridge),
        n_layers=depth,
        initial_singular_values=tuple(start.tolist()),
    )
