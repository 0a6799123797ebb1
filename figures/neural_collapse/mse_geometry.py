"""The global minimisers of the squared loss: one scalar equation for every class, and its first-order transition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure, structure
from figures.neural_collapse import mse_drawings
from figures.neural_collapse._geometries import ROUNDING, geometry_problems, trained_geometries
from figures.neural_collapse._training import (
    SETTING,
    Problem,
    equal_ridges,
    gram_distance,
    near_threshold,
    per_class,
    per_problem,
    ridges_of,
    train,
    unequal_ridges,
)
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from theory.neural_collapse import collapse_fit, collapse_thresholds, effective_ridge

headline = figure("neural_collapse.headline", mse_drawings.draw_headline)

DEPTHS = (1, 2, 3, 4, 5, 6)


@claim(
    "neural_collapse.1",
    paper=DEEP_LINEAR_COLLAPSE,
    label="bias-free theorems, balanced and imbalanced (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="At a global minimum of the bias-free squared loss the features of a class coincide, and the fit of "
    "every class minimises a scalar function of its own effective ridge beta: it is 1 - beta for one layer, and with "
    "more layers the larger root of an equation, up to a threshold at which it jumps to zero.",
    assumptions="Free features, linear layers, inner widths of at least K, positive ridges. The trained value is that"
    " of the lowest of all starts.",
    formula=r"(1-\tau_k)\,\tau_k^{(M-1)/(M+1)} = \beta_k,\qquad \beta_k = N c\, n_k^{-M/(M+1)},\qquad "
    r"\tau_k = 0\;\;\mathrm{for}\;\;\beta_k > \beta_c = [(M-1)^{M-1} M^{-2M}]^{1/(M+1)}"
    "\n"
    r"f^\ast = \sum_k \frac{n_k}{2N}\,(1-\tau_k)(1+M\tau_k)",
    normalisations=SETTING,
    figure=headline,
)
def scalar_reduction(run: Any) -> Iterator[Any]:
    problems = geometry_problems(run)
    found = trained_geometries(run, problems)
    arithmetic = [_fits_at_arithmetic_mean(problem) for problem in problems]
    predicted = found.predicted("fit")
    yield agreement(
        "loss",
        found.each("loss"),
        found.predicted("loss"),
        estimator="exact",
        precision=1e-13,
        reason="rounding of sums of a few hundred terms",
        rivals={
            "arithmetic mean of the ridges": list(map(_loss, problems, arithmetic)),
            "(1 - tau)(1 + tau) at every depth": [_loss(problem, fits, n_layers=1)
                                                  for problem, fits in zip(problems, predicted, strict=True)],
        },
        at=per_problem(problems),
    )  # fmt: skip
    fits = [np.diag(product) for product in found.each("end_to_end")]
    at = per_class(problems)
    shallow = at["n_samples"] * at["ridge_mean"] / np.sqrt(at["class_size"])
    yield agreement(
        "fit",
        np.concatenate(fits),
        np.concatenate(predicted),
        estimator="exact",
        unit="absolute",
        precision=1e-11,
        reason=ROUNDING,
        rivals={
            "soft threshold at every depth": np.maximum(0, 1 - shallow),
            "arithmetic mean of the ridges": np.concatenate(arithmetic),
        },
        at=at,
    )  # fmt: skip
    yield _published_equation(problems, fits)
    yield _full_columns(run)
    yield from _transition(run)
    yield from _lines()


def _loss(problem: Problem, fits: np.ndarray, n_layers: int = 0) -> float:
    sizes, depth = np.array(problem["class_sizes"]), n_layers or len(problem["weight_ridges"])
    return float(sizes @ ((1 - fits) * (1 + depth * fits)) / (2 * sizes.sum()))


def _fits_at_arithmetic_mean(problem: Problem) -> np.ndarray:
    depth, mean = len(problem["weight_ridges"]), float(ridges_of(problem).mean())
    return collapse_fit(effective_ridge(problem["class_sizes"], **equal_ridges(depth, mean)), n_layers=depth)


def _published_equation(problems: list[Problem], fits: list[np.ndarray]) -> Any:
    """The paper's own equation, in x = (tau / (1 - tau))^(1/M), at the trained fits of the classes that survive."""
    residuals, without = [], []
    for problem, tau in zip(problems, fits, strict=True):
        depth, sizes = len(problem["weight_ridges"]), np.array(problem["class_sizes"])
        alive, total = tau > 1e-6, sizes.sum()
        x = (tau[alive] / (1 - tau[alive])) ** (1 / depth)
        b = depth * total * (total * np.prod(ridges_of(problem))) ** (1 / depth)
        left, right = b / sizes[alive], depth * x ** (depth - 1) / (x**depth + 1) ** 2
        residuals.append(np.abs(right / left - 1).max())
        without.append(np.abs(depth * right / left - 1).max())
    return structure(
        "published-equation",
        residuals,
        precision=1e-10,
        reason="relative residual: rounding of the fits over 1 - tau, at least 3e-4 here",
        rivals={"constant b without its factor M": without},
        at=per_problem(problems),
    )


def _full_columns(run: Any) -> Any:
    """A feature for every sample: those of a class end at one point, and all else as with one column for each class."""
    depths = run.choose(quick=(1, 2), full=(1, 2, 3))
    sizes = (20.0, 12.0, 5.0)
    problems = [dict(class_sizes=sizes, width=12, reduced=False) | unequal_ridges(depth, 1e-3) for depth in depths]
    found = train(run, problems, n_trials=4)
    spread = np.array(found.each("within_deviation"))
    losses = np.abs(np.array(found.each("loss")) / found.predicted("loss") - 1)
    grams = list(map(gram_distance, found.each("feature_grams"), found.predicted("feature_grams")))
    longest = np.sqrt([np.diag(gram).max() for gram in found.each("class_mean_gram")])
    return structure(
        "one-point-per-class",
        np.column_stack([spread, losses, grams]),
        precision=1e-11,
        reason=ROUNDING,
        controls={"one feature longer by 1e-6": np.column_stack([spread + 1e-6 * longest, losses, grams])},
        at=dict(n_layers=np.array(depths)[:, np.newaxis], part=["spread", "loss", "Grams of all layers"]),
    )


def _transition(run: Any) -> Iterator[Any]:
    """Balanced classes across the threshold: starts of small scale for the level zero, of scale 1 for the others."""
    depths = run.choose(quick=(1, 2), full=DEPTHS)
    ratios = run.choose(quick=(0.95, 0.99, 1.01, 1.05), full=(0.1, 0.25, 0.45, 0.65, 0.85, 0.95, 0.99, 1.01, 1.05, 1.3))
    points = [(depth, ratio) for depth in depths for ratio in ratios]
    found = train(run, [near_threshold(*point) for point in points], n_trials=25, init_scales=(0.4, 1.0))
    depth, ratio = (np.array(column) for column in zip(*points, strict=True))
    effective = ratio * [collapse_thresholds(int(one)).global_ridge for one in depth]
    largest = np.array([collapse_fit(beta, n_layers=one, branch="stable")
                        for one, beta in zip(depth.tolist(), effective, strict=True)])  # fmt: skip
    at = dict(n_layers=depth, ratio=ratio, effective_ridge=effective)
    spinodal = 0.5 * (1 - largest) * (1 + depth * largest)
    yield found.loss_check(
        {
            "larger root while it exists": spinodal,
            "soft threshold at every depth": 0.5 * (1 - np.maximum(0, 1 - effective) ** 2),
        },
        at,
        name="transition-loss",
    )
    yield agreement(
        "transition-fit",
        [np.diag(product).mean() for product in found.each("end_to_end")],
        [theory.fit.mean() for theory in found.theory],
        estimator="exact",
        unit="absolute",
        precision=1e-9,
        reason="rounding over the small curvature one per cent off the threshold of one layer",
        rivals={"larger root while it exists": largest},
        at=at,
    )
    n_runs = [len(runs["loss"]) for runs in found.runs]
    yield bound(
        "no-run-below",
        np.concatenate([runs["loss"] for runs in found.runs]),
        np.repeat(found.predicted("loss"), n_runs),
        upper=False,
        rounding=1e-13,
        tightness=1e-13,
        reason="rounding of the trained loss",
        rivals={"larger root while it exists": np.repeat(spinodal, n_runs)},
        at={name: np.repeat(values, n_runs) for name, values in at.items()},
    )


def _lines() -> Iterator[Any]:
    for depth in DEPTHS:
        known = collapse_thresholds(depth)
        spans = dict(
            unstable=np.linspace(1e-4, 1, 200) * known.spinodal_ridge,
            stable=np.linspace(known.global_ridge, known.spinodal_ridge, 60),
            **{"global": np.linspace(0.002, 1, 120) * known.global_ridge},
        )
        for branch, ridges in spans.items():
            fits = collapse_fit(ridges, n_layers=depth, branch=branch)
            yield curve("line", fits, at=dict(n_layers=depth, effective_ridge=ridges, branch=branch))
