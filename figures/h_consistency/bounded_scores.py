"""Logistic loss with bounded scores: the exact transform, and the zero-one regret that zero regret can hide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure, structure
from figures.h_consistency import transform_drawings
from figures.h_consistency._least_regrets import searched_bounded_regrets
from figures.h_consistency.papers import GENERATIVE_CLASSIFIERS
from theory.h_consistency import (
    bounded_logistic_bound,
    bounded_logistic_transform,
    bounded_optimal_conditional_risk,
    conditional_risk,
    h_consistency_transform,
    inconsistency_floor,
)

bounded_figure = figure("h_consistency.bounded", transform_drawings.draw_bounded)

SHOWN_BOUNDS, SHOWN_CLASSES = (0.3, 1.0, 2.0), (2, 3, 5)


@claim(
    "h_consistency.6",
    paper=GENERATIVE_CLASSIFIERS,
    label="beyond the logistic bound for bounded scores (numbering unverified)",
    nature="exact",
    status="beyond",
    evidence="numerical",
    statement="For the logistic loss and scores within [-Lambda, Lambda] the least regret of a zero-one regret is "
    "explicit; with three classes or more it vanishes up to a positive floor, where the best bounded scores tie the "
    "two most probable classes.",
    assumptions="A result of this project, certified numerically and not proved; it contradicts no paper. The regret "
    "is against the bounded optimum; where Lambda depends on the input, its infimum counts. With two classes it is "
    "the known form: at most sqrt(2t), then linear.",
    formula=r"T_{\Lambda,n}(\beta) = 0\;\;\mathrm{for}\;\; \beta\leq\beta_0 = "
    r"\frac{N\epsilon}{2+N\epsilon},\quad N = n-2,\;\; \epsilon = e^{-2\Lambda}"
    "\n"
    r"T_{\Lambda,n}(\beta) = \log(2+N\epsilon) - H_2(\frac{1+\beta}{2}) - \frac{1+\beta}{2}\log(1+N\epsilon)"
    "\n"
    r"T_{\Lambda,n}(\beta) = \log\frac{2+N\epsilon}{1+(n-1)\epsilon} - (1-\beta)\,\Lambda\quad "
    r"\mathrm{from}\quad \frac{1-\beta}{1+\beta} = \frac{\epsilon}{1+N\epsilon}\;\;\mathrm{on}",
    normalisations="Natural logarithms; H_2 the entropy of a coin; beta = max p - p(predicted), ties against the "
    "classifier.",
    figure=bounded_figure,
)
def bounded_scores(run: Any) -> Iterator[Any]:
    grid = run.grid(quick=dict(n_classes=[2, 3, 5], score_bound=[0.3, 1.0, 2.0]),
                    full=dict(n_classes=[2, 3, 4, 5, 7], score_bound=[0.1, 0.3, 0.7, 1.0, 2.0, 3.0]))  # fmt: skip
    betas = run.choose(quick=[0.05, 0.2, 0.5, 0.8], full=[0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95])
    found = run.compute(searched_bounded_regrets, grid, betas=betas, n_steps=60_000, seed=run.seed)
    at = found.at(beta=betas)
    yield from _searches(found, np.array(betas), at)
    yield _mixtures(found, np.array(betas))
    yield from _tied_optima(run)
    yield _two_classes(run)
    beta = np.linspace(0.0, 1.0, 201)
    for score_bound in SHOWN_BOUNDS:
        for n in SHOWN_CLASSES:
            setting = dict(score_bound=score_bound, n_classes=n)
            yield curve("theory", bounded_logistic_transform(beta, **setting), at=dict(
                **setting, beta=beta, floor=inconsistency_floor(**setting)))  # fmt: skip


def _searches(found: Any, betas: np.ndarray, at: Any) -> Iterator[Any]:
    """Guided searches over p, whose best bounded scores are known."""
    terms = dict(unit="absolute", at=at)
    predicted = [bounded_logistic_transform(betas, **point) for point in found.grid]
    two = [bounded_logistic_transform(betas, **(point | dict(n_classes=2))) for point in found.grid]
    unbounded = h_consistency_transform(betas, tau=1.0, n_classes=2)
    yield bound(
        "searches",
        found.values,
        predicted,
        upper=False,
        reason="differences of risks of order one: rounding",
        rivals={"two classes for every n": two},
        **terms,
    )
    yield agreement(
        "attained",
        found.values,
        predicted,
        estimator="exact",
        precision=1e-8,
        reason="a search ends within 1e-8 of the minimum",
        rivals={"two classes for every n": two, "scores without bounds": unbounded},
        **terms,
    )


def _mixtures(found: Any, betas: np.ndarray) -> Any:
    """Two inputs of equal weight, which may differ in the bound on the scores: the smaller bound rules."""
    classes = np.unique(found.grid.column("n_classes"))
    bounds = np.unique(found.grid.column("score_bound"))
    cells = np.array([(score_bound, beta) for score_bound in bounds for beta in betas])
    first, second = np.triu_indices(len(cells), 1)
    regret = found.values.reshape(len(classes), -1)
    regret, zero_one = (regret[:, first] + regret[:, second]) / 2, (cells[first, 1] + cells[second, 1]) / 2
    smaller, larger = cells[first, 0], cells[second, 0]

    def bounded(choice: np.ndarray) -> np.ndarray:
        values = np.empty(regret.shape)
        for row, n in enumerate(classes.tolist()):
            for score_bound in bounds.tolist():
                here = choice == score_bound
                values[row, here] = bounded_logistic_bound(regret[row, here], score_bound=score_bound, n_classes=n)
        return values

    return bound(
        "mixtures",
        np.broadcast_to(zero_one, regret.shape),
        bounded(smaller),
        rounding=1e-10,
        tightness=1e-9,
        reason="rounding of the regrets, magnified where the bound is steep; equal where both inputs are on the line",
        rivals={"the larger of the two bounds": bounded(larger),
                "sqrt(2 t)": np.sqrt(2.0 * np.maximum(regret, 1e-30))},
        at=dict(n_classes=classes[:, np.newaxis], smaller=smaller, larger=larger, first=cells[first, 1],
                second=cells[second, 1]),
    )  # fmt: skip


def _tied_optima(run: Any) -> Iterator[Any]:
    """Random p whose best bounded scores tie the two most probable classes."""
    n_instances = run.choose(quick=50, full=250)
    rng = np.random.default_rng(run.seed)
    rows = [(np.array([0.494, 0.394, 0.112]), 0.3 * np.array([1.0, 1.0, -1.0]), 0.3)]
    rows += [_tied_instance(rng, extreme=index % 5 == 0) for index in range(n_instances)]
    regret, moved, shown = [], [], []
    for p, scores, score_bound in rows:
        optimum = bounded_optimal_conditional_risk(p, tau=1.0, score_bound=score_bound)
        apart = np.append(scores[0] - 1e-6, scores[1:])
        regret.append(conditional_risk(p, scores, tau=1.0) - optimum)
        moved.append(conditional_risk(p, apart, tau=1.0) - optimum)
        shown.append((len(p), score_bound, p[0] - p[1]))
    n, score_bound, beta = zip(*shown, strict=True)
    at = dict(n_classes=n, score_bound=score_bound, beta=beta)
    yield structure(
        "zero-regret",
        regret,
        precision=1e-12,
        reason="scores that meet the optimality conditions of the box, by construction: rounding",
        controls={"top score lower by 1e-6": moved},
        at=at,
    )
    floors = [[inconsistency_floor(n_classes=size, score_bound=factor * one) for size, one, _ in shown]
              for factor in (1.0, 0.5)]  # fmt: skip
    yield bound(
        "floor",
        beta,
        floors[0],
        unit="absolute",
        tightness=1e-12,
        reason="an inequality, attained where only the best class gains from the others: rounding",
        rivals={"no floor, as sqrt(2 t)": np.zeros(len(shown)), "exp(-Lambda) for exp(-2 Lambda)": floors[1]},
        at=at,
    )


def _tied_instance(rng: np.random.Generator, *, extreme: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Return p, scores and their bound such that the scores are the best bounded ones and tie the first two classes.

    The logistic risk is convex in the scores, with gradient softmax - p: it is least where p exceeds the softmax at
    upper bounds, falls short of it at lower bounds and equals it between. An extreme instance moves all the
    probability that the lower classes have to the first.
    """
    n, score_bound = int(rng.integers(3, 8)), 10.0 ** rng.uniform(-1.0, 0.3)
    scores = np.full(n, -score_bound)
    scores[:2] = score_bound
    between = rng.random(n - 2) < (0.0 if extreme else 0.3)
    between[0] = False
    scores[2:][between] = score_bound * rng.uniform(-1.0, 1.0, between.sum())
    p = np.exp(scores) / np.exp(scores).sum()
    given = np.where(between, 0.0, p[2:] * (1.0 if extreme else rng.random(n - 2)))
    share = 1.0 if extreme else rng.uniform(0.5, 1.0)
    p[2:] -= given
    p[:2] += given.sum() * np.array([share, 1.0 - share])
    return p, scores, score_bound


def _two_classes(run: Any) -> Any:
    """With two classes: below the known bound, sqrt(2 t) up to tanh(Lambda)^2 / 2 and 2 t / tanh(Lambda) beyond."""
    bounds = np.array(run.choose(quick=[0.3, 1.0], full=[0.1, 0.3, 0.7, 1.0, 2.0, 3.0]))[:, np.newaxis]
    line = np.geomspace(1e-8, 1.0, run.choose(quick=41, full=201))
    t = line * np.tanh(bounds) / 2.0
    root, line = np.sqrt(2.0 * t), np.broadcast_to(line, t.shape)
    exact = [bounded_logistic_bound(row, score_bound=one, n_classes=2)
             for row, one in zip(t, bounds[:, 0].tolist(), strict=True)]  # fmt: skip
    return bound(
        "two-classes",
        exact,
        np.where(t <= np.tanh(bounds) ** 2 / 2.0, root, line),
        tightness=1e-8,
        reason="an inequality: rounding; the next order at small regret is t / 6",
        rivals={"sqrt(2 t) throughout": root, "2 t / tanh(Lambda) throughout": line},
        at=dict(score_bound=bounds, surrogate_regret=t),
    )
