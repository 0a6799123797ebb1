"""Balanced cross-entropy where it does collapse: one layer, two classes, and few classes at small ridges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import brentq

from assay import agreement, claim, curve, figure, structure
from figures.neural_collapse import cross_entropy_drawings
from figures.neural_collapse._codes import (
    SETTING,
    Problem,
    columns,
    equal_ridge_problem,
    geometric_mean,
    threshold,
    training_point,
)
from figures.neural_collapse._training import gram_distance
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from simulations.neural_collapse import simulate_cross_entropy_training
from theory.neural_collapse import cross_entropy_etf

margins = figure("neural_collapse.cross-entropy", cross_entropy_drawings.draw_margins)

N_TRIALS = 8


@claim(
    "neural_collapse.10",
    paper=DEEP_LINEAR_COLLAPSE,
    label="cross-entropy, bias-free, balanced (numbering unverified)",
    nature="exact",
    evidence="certified",
    statement="With one linear layer and balanced classes, cross-entropy is minimised by the simplex frame, with a "
    "margin in closed form that reaches zero at a finite ridge. With more layers the best margin of the frame solves a "
    "scalar equation and jumps to zero; it is the minimum for two classes.",
    assumptions="Free features, linear layers, inner widths of at least K, positive ridges. For three and four classes "
    "and two layers or more: small ridges, as trained from random starts.",
    formula=r"W_{M:1}\bar H = a P,\qquad \frac{1}{e^a + K - 1} = c\, n^{1/L} a^{2/L - 1}"
    "\n"
    r"M = 1:\quad a = \log(\frac{1}{c\sqrt{n}} - K + 1)\;\;\mathrm{for}\;\; K c \sqrt{n} < 1,\qquad \mathrm{else}\;\; 0"
    "\n"
    r"f^\ast = \log(1 + (K-1)e^{-a}) + \frac{L c}{2}(K-1)(a\sqrt{n})^{2/L}",
    normalisations=SETTING + " P: projector orthogonal to the ones.",
    figure=margins,
)
def simplex_frame(run: Any) -> Iterator[Any]:
    counts = run.choose(quick=(2, 4), full=tuple(range(2, 11)))
    strengths = run.choose(quick=(0.1, 0.9, 1.1), full=(1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 1.01, 1.5))
    yield from _one_layer(run, [_one_layer_problem(count, strength) for count in counts for strength in strengths])
    yield from _two_classes(run)
    yield _geometry(run)
    line = np.geomspace(1e-3, 1, 80)
    for count in run.choose(quick=counts, full=(2, 4, 10)):
        problems = [_one_layer_problem(count, strength) for strength in line]
        wrong = {"K for K - 1 in the logarithm": [_miscounted(problem) for problem in problems]}
        yield curve("line", [_frame(problem).margin for problem in problems], rivals=wrong, at=_columns(problems))


def _one_layer_problem(n_classes: int, strength: float, n_per_class: int = 3) -> Problem:
    """Return a problem of one layer with K c sqrt(n) = ``strength``."""
    c = strength / (n_classes * math.sqrt(n_per_class))
    return dict(n_classes=n_classes, n_per_class=n_per_class, weight_ridges=(2 * c,), feature_ridge=c / 2)


def _one_layer(run: Any, problems: list[Problem]) -> Iterator[Any]:
    """Every run, not only the lowest: with one layer no other minimum is in the way."""
    found = _train(run, problems)
    repeated = [problem for problem in problems for _ in range(N_TRIALS)]
    reference = [_frame(problem) for problem in repeated]
    n_classes, strength = (_columns(repeated)[name] for name in ("n_classes", "strength"))
    yield agreement(
        "margin",
        np.concatenate([np.trace(logits, axis1=1, axis2=2) / (logits.shape[1] - 1) for logits in found.logits]),
        [frame.margin for frame in reference],
        estimator="exact",
        unit="absolute",
        precision=1e-9,
        reason="rounding, amplified by the flatness of the minimum one per cent off full collapse",
        rivals={
            "K for K - 1 in the logarithm": [_miscounted(problem) for problem in repeated],
            "one sample per class": np.log1p(np.maximum(n_classes * math.sqrt(3) / strength - n_classes, 0)),
        },
        at=_columns(repeated),
    )
    yield agreement(
        "loss",
        np.concatenate(found.loss),
        [frame.loss for frame in reference],
        estimator="exact",
        unit="absolute",
        precision=1e-14,
        reason="rounding of logits of order ten in the trained loss",
        rivals={"arithmetic mean of the ridges": [_arithmetic_loss(problem) for problem in repeated]},
        at=_columns(repeated),
    )


def _two_classes(run: Any) -> Iterator[Any]:
    """Two classes have one code: the lowest run follows the jump, at a ridge between two local minima."""
    depths = run.choose(quick=(2,), full=(2, 3, 4))
    problems, last = [], []
    for depth in depths:
        ridge = threshold(lambda r, m=depth: _frame(equal_ridge_problem(2, 2, m, r)).collapsed)
        line = [equal_ridge_problem(2, 2, depth, r) for r in np.linspace(0.05, 0.999999, 60) * ridge]
        yield curve("two-classes-line", [_frame(problem).margin for problem in line], at=_columns(line))
        for ratio in (0.1, 0.9, 0.99, 1.01, 1.05):
            problems.append(equal_ridge_problem(2, 2, depth, ratio * ridge))
            last.append(_frame(equal_ridge_problem(2, 2, depth, (1 - 1e-9) * ridge)).margin)
    found = _train(run, problems, init_scales=(0.3, 1.2))
    best = [losses.argmin() for losses in found.loss]
    reference = [_frame(problem) for problem in problems]
    stayed = [_larger_root(problem, at) for problem, at in zip(problems, last, strict=True)]
    yield agreement(
        "two-classes",
        [logits[i, 0, 0] - logits[i, 1, 0] for logits, i in zip(found.logits, best, strict=True)],
        [frame.margin for frame in reference],
        estimator="exact",
        unit="absolute",
        precision=1e-10,
        reason="rounding of a minimum that is not flat on either side of the jump",
        rivals={
            "larger root while it exists": stayed,
            "formula of one layer": [math.log(max(1 / (geometric_mean(p) * math.sqrt(2)) - 1, 1)) for p in problems],
        },
        at=_columns(problems),
    )
    yield agreement(
        "two-classes-loss",
        [losses.min() for losses in found.loss],
        [frame.loss for frame in reference],
        estimator="exact",
        precision=1e-13,
        reason="rounding of the trained loss",
        rivals={"larger root while it exists": [_frame_loss(p, a) for p, a in zip(problems, stayed, strict=True)]},
        at=_columns(problems),
    )


def _geometry(run: Any) -> Any:
    """Logits, class means and product of the layers at unequal ridges, one point for each of the three."""
    shapes = run.choose(quick=((4, 1), (4, 2)), full=((4, 1), (10, 1), (2, 2), (3, 2), (4, 2), (3, 3), (2, 4), (3, 4)))
    ridges = (5e-4, 2e-3, 1e-3, 4e-4)
    problems = [
        dict(n_classes=count, n_per_class=5, weight_ridges=ridges[:depth], feature_ridge=3e-4)
        for count, depth in shapes
    ]
    found = _train(run, problems)
    deviations, doubled = [], []
    for problem, losses, logits, grams in zip(problems, found.loss, found.logits, found.class_mean_gram, strict=True):
        best, frame = losses.argmin(), _frame(problem)
        # The rows of the product lie in the span of the class means, at every critical point.
        classifier = logits[best] @ np.linalg.pinv(grams[best], rcond=1e-10) @ logits[best].T
        trained = (logits[best], grams[best], classifier)
        wanted = (frame.end_to_end, frame.class_mean_gram, frame.classifier_gram)
        deviations.append(list(map(gram_distance, trained, wanted)))
        n = problem["n_per_class"]
        doubled.append(list(map(gram_distance, trained, (wanted[0], n * wanted[1], wanted[2] / n))))
    return structure(
        "geometry",
        deviations,
        precision=1e-10,
        reason="rounding of the trained matrices, relative to their norm; their pseudo-inverse keeps ten digits",
        rivals={"class means not divided by the class size": doubled},
        at={name: values[:, np.newaxis] for name, values in columns(problems).items()}
        | dict(part=["logits", "class means", "classifier"]),
    )


def _train(run: Any, problems: list[Problem], init_scales: tuple[float, ...] = (1.0,)) -> Any:
    """Train every problem; runs of all scales of a problem come one after another on its first axis."""
    grid = run.grid(quick=[training_point(problem, init_scale=s) for problem in problems for s in init_scales])
    found = run.sample(simulate_cross_entropy_training, grid, n_trials=[N_TRIALS] * len(grid))
    k = len(init_scales)
    for name, values in found.fields.items():
        found.fields[name] = [np.concatenate(values[i : i + k]) for i in range(0, len(grid), k)]
    return found


def _frame(problem: Problem) -> Any:
    return cross_entropy_etf(**problem)


def _columns(problems: list[Problem]) -> dict[str, np.ndarray]:
    at = columns(problems)
    return at | dict(strength=at["n_classes"] * at["ridge_mean"] * np.sqrt(at["n_per_class"]))


def _miscounted(problem: Problem) -> float:
    c = geometric_mean(problem) * math.sqrt(problem["n_per_class"])
    return math.log(max(1 / c - problem["n_classes"], 1))


def _frame_loss(problem: Problem, margin: float) -> float:
    """Return the loss of the frame at a margin, with the least penalty for its logits."""
    others, n_factors = problem["n_classes"] - 1, len(problem["weight_ridges"]) + 1
    norms = (margin * math.sqrt(problem["n_per_class"])) ** (2 / n_factors)
    return math.log1p(others * math.exp(-margin)) + n_factors / 2 * geometric_mean(problem) * others * norms


def _arithmetic_loss(problem: Problem) -> float:
    mean = (problem["weight_ridges"][0] + problem["feature_ridge"]) / 2
    return _frame(problem | dict(weight_ridges=(mean,), feature_ridge=mean)).loss


def _larger_root(problem: Problem, last: float) -> float:
    """Return the margin of the local minimum, which continues the last margin before the jump."""
    n_factors, c = len(problem["weight_ridges"]) + 1, geometric_mean(problem)
    pull = c * problem["n_per_class"] ** (1 / n_factors)

    def slope(a: float) -> float:
        return pull * a ** (2 / n_factors - 1) - 1 / (math.exp(a) + problem["n_classes"] - 1)

    return float(brentq(slope, 0.8 * last, 50, xtol=1e-14))
