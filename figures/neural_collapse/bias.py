"""A last-layer bias: centred labels, and the transition that a ridge on the bias makes from one frame to the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure, structure
from figures.neural_collapse import bias_drawings
from figures.neural_collapse._geometries import ROUNDING
from figures.neural_collapse._training import (
    SETTING,
    Problem,
    equal_ridges,
    gram_distance,
    per_problem,
    predict,
    train,
    unequal_ridges,
)
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from simulations.neural_collapse import simulate_mse_curves
from theory.neural_collapse import (
    MseGeometry,
    bias_ridge_transition,
    centred_label_singular_values,
    collapse_fit,
    effective_ridge,
    frame_distance,
    mse_geometry,
)

training_curves = figure("neural_collapse.training-curves", bias_drawings.draw_training_curves)
transition_figure = figure("neural_collapse.bias-transition", bias_drawings.draw_bias_transition)

IMBALANCED = (16.0, 12.0, 8.0, 4.0)
BALANCED = (10.0,) * 4
TRANSITION_RIDGES = {1: 4e-3, 2: 1e-3}
FIELDS = ("end_to_end", "class_mean_gram", "classifier_gram")


@claim(
    "neural_collapse.5",
    paper=DEEP_LINEAR_COLLAPSE,
    label="last-layer bias (numbering unverified)",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="A free last-layer bias equals the class frequencies and leaves to the weights the singular values of "
    "the centred labels, each with the fit of its own effective ridge: a simplex frame for balanced classes, and a "
    "closed geometry for unequal ones.",
    assumptions="Squared loss, free features, inner widths of at least K - 1. The balanced case is the paper's; "
    "unequal classes go past it.",
    formula=r"(I - \frac{1}{N}n\mathbf{1}^T)D^{1/2} = U\varsigma V^T,\qquad "
    r"\sum_k\frac{n_k^2}{n_k-\varsigma_i^2} = N,\qquad \beta_i = Nc\,\varsigma_i^{-2M/(M+1)},\qquad b_k = \frac{n_k}{N}"
    "\n"
    r"W_M\cdots W_1\bar H = U\varsigma\tau V^T D^{-1/2},\qquad \bar H^T\bar H = "
    r"D^{-1/2}V\,\frac{\varsigma^2\tau(1-\tau)}{N\lambda_H}V^T D^{-1/2}",
    normalisations=SETTING + " D = diag(n); the bias has no ridge here.",
    figure=training_curves,
)
def free_bias(run: Any) -> Iterator[Any]:
    sizes = run.choose(
        quick=(BALANCED, IMBALANCED), full=(BALANCED, IMBALANCED, (50.0, 30.0, 20.0, 8.0), (12.0, 12.0, 6.0, 6.0, 6.0))
    )
    depths = run.choose(quick=(1,), full=(1, 2, 3))
    problems = [
        dict(class_sizes=one, width=12, bias=True) | unequal_ridges(depth, 2e-3) for one in sizes for depth in depths
    ]
    problems += [
        dict(class_sizes=IMBALANCED, width=12, bias=True, reduced=False) | unequal_ridges(depth, 2e-3)
        for depth in depths
    ]
    found = train(run, problems, n_trials=6)
    without = [predict(problem | dict(bias=False)) for problem in problems]
    at = per_problem(problems)
    yield found.loss_check({"no bias": [geometry.loss for geometry in without]}, at)
    uniform = [np.full(len(problem["class_sizes"]), 1 / len(problem["class_sizes"])) for problem in problems]
    offsets = [np.abs(best["bias"] - theory.bias).max() for best, theory in zip(found.best, found.theory, strict=True)]
    uneven = [np.abs(best["bias"] - even).max() for best, even in zip(found.best, uniform, strict=True)]
    gaps = list(map(_distances, found.best, found.theory))
    yield structure(
        "geometry",
        np.column_stack([gaps, offsets]),
        precision=1e-11,
        reason=ROUNDING,
        rivals={
            "geometry without bias": np.column_stack([list(map(_distances, found.best, without)), offsets]),
            "bias 1/K": np.column_stack([gaps, uneven]),
        },
        at={name: values[:, np.newaxis] for name, values in at.items()} | dict(part=[*FIELDS, "bias"]),
    )
    yield _label_spectrum(run)
    yield from _curves(run)


def _distances(best: Mapping[str, np.ndarray], theory: MseGeometry) -> list[float]:
    return [gram_distance(best[name], getattr(theory, name)) for name in FIELDS]


def _label_spectrum(run: Any) -> Any:
    """The roots of the secular equation against the singular values of the centred labels themselves."""
    rng = np.random.default_rng(run.seed)
    sizes = [np.sort(rng.integers(1, 60, 8))[::-1].astype(float) for _ in range(run.choose(quick=5, full=50))]
    sizes += [np.array([10.0, 10, 10, 5, 5, 5, 5, 2]), np.array([30.0] * 8)]
    dense = [
        np.linalg.svd(np.diag(np.sqrt(n)) - np.outer(n, np.sqrt(n)) / n.sum(), compute_uv=False)[:-1] for n in sizes
    ]
    uniform = [np.linalg.svd(np.diag(np.sqrt(n)) - np.sqrt(n) / len(n), compute_uv=False)[:-1] for n in sizes]
    return agreement(
        "label-singular-values",
        dense,
        [centred_label_singular_values(n) for n in sizes],
        estimator="exact",
        precision=1e-12,
        reason="rounding of a dense singular value decomposition",
        rivals={"square roots of the sizes": [np.sqrt(n[:-1]) for n in sizes], "centred by the uniform mean": uniform},
        at=dict(sizes=np.arange(len(sizes))[:, np.newaxis], mode=np.arange(7)),
    )


def _curves(run: Any) -> Iterator[Any]:
    """Training by momentum with a feature for every sample: the approach to three targets, and to a fourth."""
    targets = {
        "OF": dict(class_sizes=BALANCED, bias=False),
        "GOF": dict(class_sizes=IMBALANCED, bias=False),
        "ETF": dict(class_sizes=BALANCED, bias=True),
        "centred labels": dict(class_sizes=IMBALANCED, bias=True),
    }
    names = run.choose(quick=("GOF", "ETF"), full=tuple(targets))
    depths = run.choose(quick=(1,), full=(1, 3))
    cases = [(name, depth) for name in names for depth in depths]
    steps = np.unique(np.geomspace(1, 12000, 60).astype(int))
    grid = run.grid(quick=[targets[name] | unequal_ridges(depth, 2e-3) for name, depth in cases])
    curves = run.sample(simulate_mse_curves, grid, n_trials=2, width=16, record_steps=tuple(steps.tolist()))
    distances, swapped, variability = np.empty((3, len(cases), len(steps), 3))
    for index, point in enumerate(grid):
        theory, other = predict(point), predict(point | dict(bias=not point["bias"]))
        for step in range(len(steps)):
            grams = [getattr(curves, name)[0, index, step] for name in FIELDS]
            distances[index, step] = [
                frame_distance(gram, getattr(theory, name)) for gram, name in zip(grams, FIELDS, strict=True)
            ]
            swapped[index, step] = [
                frame_distance(gram, getattr(other, name)) for gram, name in zip(grams, FIELDS, strict=True)
            ]
    variability = curves.nc1[0]
    target, depth = (np.array(column) for column in zip(*cases, strict=True))
    yield structure(
        "end-of-training",
        np.column_stack([distances[:, -1], variability[:, -1]]),
        precision=1e-10,
        reason="momentum 0.9 at rate 0.1 has converged after 12000 steps: measured at most 1e-13",
        rivals={"target of the other bias": np.column_stack([swapped[:, -1], variability[:, -1]])},
        at=dict(target=target[:, np.newaxis], n_layers=depth[:, np.newaxis], part=[*FIELDS, "nc1"]),
    )
    lines = np.concatenate([variability[..., np.newaxis], distances], axis=-1)
    at = dict(target=target[:, np.newaxis, np.newaxis], n_layers=depth[:, np.newaxis, np.newaxis],
              step=steps[:, np.newaxis], part=["nc1", *FIELDS])  # fmt: skip
    yield curve("training", lines, at=at)


@claim(
    "neural_collapse.6",
    paper=DEEP_LINEAR_COLLAPSE,
    label="extension of the theorem with a last-layer bias",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="With a ridge on the bias, balanced classes keep a simplex frame with an exactly zero global mean up to"
    " a sharp value of that ridge; beyond it the mean mode appears, continuously for one layer and with a jump for "
    "more, and the frame turns towards an orthonormal one.",
    assumptions="Squared loss, free features, equal classes, inner widths of at least K. The trained value is that of"
    " the lowest of all starts.",
    formula=r"\rho = \frac{\lambda_b}{1+\lambda_b},\qquad (1-\tau')\,\tau'^{(M-1)/(M+1)} = \frac{\beta}{\rho},\qquad "
    r"\lambda_b^\ast = \frac{\beta}{\beta_c-\beta}"
    "\n"
    r"W_M\cdots W_1\bar H = \tau P + \frac{\tau'}{K}\mathbf{1}\mathbf{1}^T,\qquad "
    r"b = \frac{1-\tau'}{(1+\lambda_b)K}\,\mathbf{1}",
    normalisations=SETTING + " P: projector orthogonal to the ones; the fit of the mean mode: tau'.",
    figure=transition_figure,
)
def bias_ridge(run: Any) -> Iterator[Any]:
    depths = run.choose(quick=(1,), full=(1, 2))
    ratios = run.choose(
        quick=(0.5, 0.98, 1.02, 4.0), full=(0.25, 0.5, 0.8, 0.98, 1.02, 1.1, 1.3, 1.7, 2.5, 4.0, 8.0, 20.0)
    )
    points = [(depth, ratio) for depth in depths for ratio in ratios]
    problems = [_at_transition(*point) for point in points]
    found = train(run, problems, n_trials=12, init_scales=(0.5, 1.0))
    depth, ratio = (np.array(column) for column in zip(*points, strict=True))
    decay = np.array([problem["bias_ridge"] for problem in problems])
    beta = np.array([theory.effective_ridge[0] for theory in found.theory])
    at = dict(n_layers=depth, ratio=ratio, bias_ridge=decay, effective_ridge=beta)
    # the mean mode, if its effective ridge were larger by 1 / bias_ridge and not by (1 + bias_ridge) / bias_ridge
    unshared = np.array([collapse_fit(one, n_layers=M) for one, M in zip(beta / decay, depth.tolist(), strict=True)])
    predicted = np.array([theory.fit[-1] for theory in found.theory])
    mean_fit = np.array([matrix.mean(axis=0).sum() for matrix in found.each("end_to_end")])
    terms = dict(estimator="exact", unit="absolute", at=at,
                 reason="rounding over the small curvature two per cent off the transition of one layer")  # fmt: skip
    rivals = {"transition at beta / beta_c": unshared, "no mean at any ridge": np.zeros_like(beta)}
    yield agreement("mean-fit", mean_fit, predicted, precision=1e-10, rivals=rivals, **terms)
    n_classes = len(BALANCED)
    yield agreement(
        "bias",
        [offset.mean() for offset in found.each("bias")],
        (1 - predicted) / ((1 + decay) * n_classes),
        precision=1e-10,
        rivals={
            "free bias, 1/K": np.full_like(beta, 1 / n_classes),
            "1 + bias ridge left out": (1 - predicted) / n_classes,
        },
        **terms,
    )
    yield found.loss_check(
        {
            "simplex frame at every ridge": [
                _loss_of_simplex(theory, ridge) for theory, ridge in zip(found.theory, decay, strict=True)
            ]
        },
        at,
    )
    orthonormal = [mse_geometry(BALANCED, **_ridges(M)) for M in depth.tolist()]
    yield structure(
        "geometry",
        list(map(_distances, found.best, found.theory)),
        precision=1e-10,
        reason=ROUNDING,
        rivals={"orthonormal frame at every ridge": list(map(_distances, found.best, orthonormal))},
        at={name: values[:, np.newaxis] for name, values in at.items()} | dict(part=FIELDS),
    )
    for M in (1, 2):
        start = bias_ridge_transition(len(BALANCED), BALANCED[0], **_ridges(M))
        line = np.concatenate([np.linspace(0.15, 0.99, 40), [1 - 1e-9], 1 + np.geomspace(1e-9, 24, 160)])
        beta = effective_ridge(BALANCED, **_ridges(M))[0]
        fits = collapse_fit(beta * (1 + start * line) / (start * line), n_layers=M)
        yield curve(
            "line",
            fits,
            at=dict(n_layers=M, ratio=line),
            rivals={"transition at beta / beta_c": collapse_fit(beta / (start * line), n_layers=M)},
        )


def _ridges(depth: int) -> Problem:
    return equal_ridges(depth, TRANSITION_RIDGES[depth])


def _at_transition(depth: int, ratio: float) -> Problem:
    """Return the problem whose bias ridge is ``ratio`` times the transition."""
    start = bias_ridge_transition(len(BALANCED), BALANCED[0], **_ridges(depth))
    return dict(class_sizes=BALANCED, width=8, bias=True, bias_ridge=ratio * start) | _ridges(depth)


def _loss_of_simplex(theory: Any, bias_ridge: float) -> float:
    """Return the loss where the mean mode is left to the bias alone."""
    fit, depth, n_classes = theory.fit[0], len(theory.weight_singular_values), len(BALANCED)
    share = bias_ridge / (1 + bias_ridge)
    return ((n_classes - 1) * (1 - fit) * (1 + depth * fit) + share) / (2 * n_classes)
