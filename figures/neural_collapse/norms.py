"""The general orthogonal frame: norms of every layer, and laws in the fit that are the same at every depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, exponent, figure, structure
from figures.neural_collapse import mse_drawings
from figures.neural_collapse._geometries import ROUNDING, geometry_problems, trained_geometries
from figures.neural_collapse._training import (
    SETTING,
    Problem,
    Trained,
    equal_ridges,
    gram_distance,
    per_class,
    per_problem,
    train,
)
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from theory.neural_collapse import (
    collapse_fit,
    collapse_thresholds,
    effective_ridge,
    frame_distance,
    minority_collapse_size,
)

norms = figure("neural_collapse.norms", mse_drawings.draw_norms)

SPREAD_SIZES = tuple(np.geomspace(3, 192, 7).tolist())
LOST_SIZE = 4.0  # the size of collapse in the setting above, at every depth


@claim(
    "neural_collapse.2",
    paper=DEEP_LINEAR_COLLAPSE,
    label="general orthogonal frame (numbering unverified)",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="Every layer of a bias-free global minimum is an orthogonal frame with closed norms; the squared norms "
    "of class means and classifier rows follow from the fit by laws that are the same at every depth, at all trained "
    "minima, so that a class mean is longest at a fit of one half.",
    assumptions="Squared loss, free features, inner widths of at least K. The frame is the paper's; the depth-"
    "universal laws go past it.",
    formula=r"\Vert\bar h_k\Vert^2 = \frac{\tau_k(1-\tau_k)}{N\lambda_H},\qquad "
    r"\Vert w_k\Vert^2 = N\lambda_H\,\frac{\tau_k}{1-\tau_k},\qquad w_k = \frac{N\lambda_H}{1-\tau_k}\,\bar h_k^{\,T}"
    "\n"
    r"q_k = c\,(\sqrt{n_k}\,\tau_k)^{2/(M+1)},\qquad \Vert W_j\cdots W_1\bar h_k\Vert^2 = "
    r"\frac{q_k}{\lambda_H n_k}\prod_{l\leq j}\frac{q_k}{\lambda_{W_l}}"
    "\n"
    r"\beta\to 0:\quad \Vert\bar h_k\Vert^2\propto n_k^{-M/(M+1)},\qquad \Vert w_k\Vert^2\propto n_k^{M/(M+1)}",
    normalisations=SETTING + " Row k of W_M .. W_1: w_k; mean of the features of class k: h_k.",
    figure=norms,
)
def general_orthogonal_frame(run: Any) -> Iterator[Any]:
    problems = geometry_problems(run)
    found = trained_geometries(run, problems)
    fields = ("feature_grams", "product_grams")
    pairs = list(zip(found.best, found.theory, strict=True))
    yield structure(
        "grams-of-all-layers",
        [[gram_distance(best[name], getattr(theory, name)) for name in fields] for best, theory in pairs],
        precision=1e-11,
        reason=ROUNDING,
        rivals={
            "layers in reverse order": [[gram_distance(best[name], getattr(theory, name)[::-1]) for name in fields]
                                        for best, theory in pairs],
        },
        at={name: values[:, np.newaxis] for name, values in per_problem(problems).items()} | dict(field=fields),
    )  # fmt: skip
    yield _frame(problems, found)
    yield from _universal_laws(problems, found)
    yield from _small_ridges(run)
    yield from _norms_by_size(run)


def _frame(problems: list[Problem], found: Trained) -> Any:
    """The Gram of the class means against frames and norms that one might expect, up to a common factor."""
    kept = [index for index, theory in enumerate(found.theory) if not theory.collapsed.any()]

    def distances(wanted: Callable[[np.ndarray, int], np.ndarray]) -> list[float]:
        return [frame_distance(found.best[index]["class_mean_gram"],
                               wanted(np.array(problems[index]["class_sizes"]), len(problems[index]["weight_ridges"])))
                for index in kept]  # fmt: skip

    return structure(
        "frame-of-the-means",
        [frame_distance(found.best[index]["class_mean_gram"], found.theory[index].class_mean_gram) for index in kept],
        precision=1e-11,
        reason=ROUNDING,
        rivals={
            "orthonormal frame": distances(lambda sizes, depth: np.eye(len(sizes))),
            "simplex frame": distances(lambda sizes, depth: np.eye(len(sizes)) - 1 / len(sizes)),
            "squared norms as 1/n": distances(lambda sizes, depth: np.diag(1 / sizes)),
            "squared norms as 1/sqrt(n)": distances(lambda sizes, depth: np.diag(sizes**-0.5)),
            "squared norms as n^(-M/(M+1))": distances(lambda sizes, depth: np.diag(sizes ** (-depth / (depth + 1)))),
        },
        at=per_problem([problems[index] for index in kept]),
    )


def _universal_laws(problems: list[Problem], found: Trained) -> Iterator[Any]:
    """Norms against the fit of the very run: the best one, and the worst one where that is another minimum."""
    parts = []
    for problem, runs in zip(problems, found.runs, strict=True):
        lowest, highest = runs["loss"].argmin(), runs["loss"].argmax()
        other = [highest] if runs["loss"][highest] > runs["loss"][lowest] + 1e-6 else []
        for trial in (lowest, *other):
            fit = np.diag(runs["end_to_end"][trial])
            columns = per_class([problem]) | dict(
                first_ridge=np.full(len(fit), problem["weight_ridges"][0]),
                lowest=np.full(len(fit), trial == lowest),
                fit=fit,
                mean_norm=np.diag(runs["class_mean_gram"][trial]),
                row_norm=np.diag(runs["classifier_gram"][trial]),
            )
            parts.append({name: values[fit > 1e-6] for name, values in columns.items()})
    at = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    mean, row = at.pop("mean_norm"), at.pop("row_norm")
    scale, fit = at["n_samples"] * at["feature_ridge"], at["fit"]
    ratio = at["class_size"] * at["feature_ridge"] / at["first_ridge"]
    terms = dict(estimator="exact", precision=1e-10, at=at,
                 reason="rounding of the fits over 1 - tau, at least 3e-4 here")  # fmt: skip
    rivals = {"law of one layer": fit / np.sqrt(ratio), "squared end-to-end fit, tau^2": fit**2 / scale}
    yield agreement("mean-norm", mean, fit * (1 - fit) / scale, rivals=rivals, **terms)
    yield agreement("ratio-of-norms", row / mean, (scale / (1 - fit)) ** 2, rivals={"law of one layer": ratio}, **terms)
    fits = np.linspace(0, 1, 101)
    yield curve("parabola", fits * (1 - fits), at=dict(fit=fits))


def _small_ridges(run: Any) -> Iterator[Any]:
    depths = np.array(run.choose(quick=(1, 2), full=(1, 2, 3, 5)))
    sizes = np.geomspace(2, 200, 6)
    problems = [
        dict(class_sizes=tuple(sizes.tolist()), width=8) | equal_ridges(depth, 1e-7) for depth in depths.tolist()
    ]
    found = train(run, problems, n_trials=2)
    means, rows = (np.array([np.diag(gram) for gram in found.each(name)]).T
                   for name in ("class_mean_gram", "classifier_gram"))  # fmt: skip
    power = depths / (depths + 1)
    terms = dict(estimator="exact", allowance=7e-6, precision=1e-5, at=dict(n_layers=depths),
                 reason="the next order, of the size of the effective ridge: measured at most 6.1e-6")  # fmt: skip
    yield exponent("exponent-of-means", sizes, means, -power, rivals={"1/2 at every depth": -0.5}, **terms)
    yield exponent("exponent-of-rows", sizes, rows, power, rivals={"1/2 at every depth": 0.5}, **terms)


def _norms_by_size(run: Any) -> Iterator[Any]:
    """Classes of very different sizes, the smallest of them lost; for one layer the place of the longest mean."""
    depths = run.choose(quick=(1, 2), full=(1, 2, 3, 6))
    problems = [dict(class_sizes=SPREAD_SIZES, width=16) | _losing(depth) for depth in depths]
    found = train(run, problems, n_trials=12, init_scales=(0.7, 0.9, 1.1))
    at, fit = per_class(problems), np.concatenate(found.predicted("fit"))
    means, rows = (np.concatenate([np.diag(gram) for gram in found.each(name)])
                   for name in ("class_mean_gram", "classifier_gram"))  # fmt: skip
    scale = at["n_samples"] * at["feature_ridge"]
    power = at["n_layers"] / (at["n_layers"] + 1)
    terms = dict(estimator="exact", unit="absolute", precision=1e-9, reason=ROUNDING, at=at)
    unsaturated = at["n_samples"] * at["ridge_mean"] * at["class_size"] ** -power
    yield agreement("means-by-size", means * scale, fit * (1 - fit), rivals={"leading power": unsaturated}, **terms)
    yield agreement("rows-by-size", rows / scale, fit / (1 - fit), rivals={"leading power": 1 / unsaturated}, **terms)
    alive = fit[: len(SPREAD_SIZES)] > 0
    # for one layer the squared norm of the mean is a parabola in n^(-1/2)
    inverse_root = np.array(SPREAD_SIZES)[alive] ** -0.5
    bend, slope, _ = np.polyfit(inverse_root, means[: len(SPREAD_SIZES)][alive], 2)
    least = minority_collapse_size(sum(SPREAD_SIZES), **_losing(1))
    yield agreement(
        "size-of-the-longest-mean",
        (2 * bend / slope) ** 2,
        4 * least,
        estimator="exact",
        precision=1e-9,
        reason="vertex of the parabola through the trained norms, one layer: rounding",
        rivals={"twice the size of collapse": 2 * least, "the size of collapse": least},
    )
    sizes = np.geomspace(2, 250, 200)
    for depth in (1, 2, 3, 6):
        ridges = effective_ridge(np.append(sizes, 250.0), n_samples=sum(SPREAD_SIZES), **_losing(depth))[:-1]
        fit = collapse_fit(ridges, n_layers=depth)
        yield curve("norms", fit * (1 - fit), at=dict(n_layers=depth, class_size=sizes, row=fit / (1 - fit)))


def _losing(depth: int) -> Problem:
    """Return equal ridges that lose the classes of fewer than LOST_SIZE samples."""
    threshold = collapse_thresholds(depth).global_ridge
    return equal_ridges(depth, threshold * LOST_SIZE ** (depth / (depth + 1)) / sum(SPREAD_SIZES))
