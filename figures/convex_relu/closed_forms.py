"""Optima that need no solver: whitened and orthogonal rows, one feature, and splines with a free bias."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from assay import agreement, claim, curve, figure, structure
from figures.convex_relu import spline_drawings
from figures.convex_relu._closed_form_problems import (
    all_signs,
    bending,
    cheapest_hinges,
    conic_fit,
    conic_spline,
    feature_of,
    generated_fit,
    generated_spline,
    least_bending_fit,
    orthogonal_features,
    row_norms_of,
    spline_data,
    targets_of,
)
from figures.convex_relu._problems import SETTING
from figures.convex_relu.papers import CONVEX_GEOMETRY
from simulations.convex_relu import solve_by_pattern_generation
from theory.convex_relu import (
    FittedOptimum,
    orthogonal_optimum,
    single_feature_optimum,
    spline_gauge,
    spline_optimum,
    whitened_optimum,
)


@claim(
    "convex_relu.4",
    paper=CONVEX_GEOMETRY,
    label="closed forms for whitened and one-dimensional data (numbering unverified)",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="The optimum has a closed form for orthonormal and orthogonal rows, where the two signs of the targets "
    "are fitted apart, for one feature without bias, where the two signs of the feature are, and for one input with a "
    "free bias, where the network is a linear spline that pays for its bends and for its slope.",
    assumptions="Squared loss, any width. As we understand the papers, whitened rows and one feature are theirs, and "
    "for a free bias Savarese et al. (2019) give the cost of a function on the whole line; rows of unequal norms and "
    "the cost of finitely many outputs are derived here. The free bias carries no penalty.",
    formula=r"XX^\top = I:\quad p^\ast = \sum_\pm\,\beta\Vert y_\pm\Vert - \beta^2/2\;\;"
    r"(\mathrm{or}\;\Vert y_\pm\Vert^2/2\;\mathrm{if}\;\Vert y_\pm\Vert\leq\beta),\quad "
    r"\hat{y} = \sum_\pm\pm\,(1-\beta/\Vert y_\pm\Vert)_+\,y_\pm"
    "\n"
    r"XX^\top = \Sigma^2:\quad p^\ast = \min_{\hat{y}}\;\frac{1}{2}\Vert\hat{y}-y\Vert^2 + "
    r"\beta\,(\Vert\Sigma^{-1}\hat{y}_+\Vert + \Vert\Sigma^{-1}\hat{y}_-\Vert)"
    "\n"
    r"d = 1:\quad p^\ast = \frac{1}{2}\Vert y\Vert^2 - "
    r"\sum_\pm\,\frac{(|x_\pm^\top y| - \beta)_+^2}{2\,\Vert x_\pm\Vert^2}"
    "\n"
    r"\mathrm{columns}\;(x,1):\quad p^\ast = \min_{\hat{y}}\;\frac{1}{2}\Vert\hat{y}-y\Vert^2 + "
    r"\beta\,\max\left(T,\,\frac{1}{2}(T + |s_1+s_{n-1}|)\right),\quad T = \sum_j|s_{j+1}-s_j|",
    normalisations=SETTING + " y_+ and y_- are the positive and the negative part; s_j are the slopes between "
    "neighbouring outputs.",
    figure=figure("convex_relu.splines", spline_drawings.draw_splines),
)
def closed_forms(run: Any) -> Iterator[Any]:
    yield from _whitened(run)
    yield from _orthogonal(run)
    yield from _one_feature(run)
    yield from _spline(run)
    yield _cost_of_outputs(run)
    yield from _splines_for_the_figure(run)


class Data(NamedTuple):
    """Targets, what else a closed form takes, and what the two solvers take."""

    draw: int
    targets: np.ndarray
    given: np.ndarray | None  # row norms, feature or positions
    generation: dict[str, Any]
    cones: dict[str, Any]


def _compare(
    run: Any,
    name: str,
    cases: list[Data],
    closed: Callable[[Data, float], FittedOptimum],
    wrong: dict[str, Callable[[Data, float], float]],
    *,
    generate: Callable[..., Any] = generated_fit,
) -> Iterator[Any]:
    """Optimum and outputs of a closed form against pattern generation and the conic program."""
    strengths = run.choose(quick=[0.15, 1.0], full=[0.05, 0.15, 0.3, 0.6, 1.0, 1.6])
    grid = run.grid(quick=dict(regularisation=strengths))
    solved = [[run.compute(generate, grid, **case.generation), run.compute(conic_fit, grid, **case.cones)]
              for case in cases]  # fmt: skip
    at = dict(
        n_samples=np.array([len(case.targets) for case in cases])[:, np.newaxis, np.newaxis],
        draw=np.array([case.draw for case in cases])[:, np.newaxis, np.newaxis],
        regularisation=np.array(strengths)[np.newaxis, :, np.newaxis],
        solver=np.array(["pattern generation", "conic"]),
    )

    def over_cases(value: Callable[[Data, float], float]) -> np.ndarray:
        return np.array([[[value(case, beta)] for beta in strengths] for case in cases])

    def distances(factor: float) -> np.ndarray:
        """Largest distance of the outputs from those at the regularisation times a factor."""
        return np.array([[np.abs(generated.fitted[index] - closed(case, factor * beta).fitted).max()
                          for index, beta in enumerate(strengths)]
                         for case, (generated, _) in zip(cases, solved, strict=True)])  # fmt: skip

    yield agreement(
        name,
        np.array([[one.objective for one in both] for both in solved]).swapaxes(1, 2),
        over_cases(lambda case, beta: closed(case, beta).objective),
        estimator="exact",
        precision=1e-9,
        reason="certified gap of the conic solver, up to 1e-11; pattern generation is exact but for rounding",
        rivals={rival: over_cases(formula) for rival, formula in wrong.items()},
        at=at,
    )
    yield structure(
        f"outputs-{name}",
        distances(1.0),
        precision=1e-9,
        reason="pattern generation is exact but for rounding, or for 1e-11 left by the limit of a free bias",
        controls={"regularisation larger by 1e-6": distances(1 + 1e-6)},
        at={name: values[..., 0] for name, values in at.items() if name != "solver"},
    )


def _whitened(run: Any) -> Iterator[Any]:
    sizes = run.choose(quick=[(5, 5), (4, 6)], full=[(5, 5), (4, 6), (5, 7), (7, 7), (8, 9)])
    cases = []
    for draw, (n, d) in enumerate(sizes):
        features, targets = orthogonal_features(n, d, draw), targets_of(n, draw)
        problem = dict(features=features, targets=targets, patterns=all_signs(n))
        cases.append(Data(draw, targets, None, problem, problem))

    def closed(case: Data, beta: float) -> FittedOptimum:
        return whitened_optimum(case.targets, regularisation=beta)

    def one_sign(case: Data, beta: float) -> float:
        return whitened_optimum(np.abs(case.targets), regularisation=beta).objective

    wrong = {
        "without the cones": one_sign,  # the norm of all targets at once
        "half the regularisation": lambda case, beta: closed(case, beta / 2).objective,
        "beta^2 lost": lambda case, beta: beta * sum(_lengths(case.targets)),
    }
    yield from _compare(run, "whitened", cases, closed, wrong)


def _lengths(targets: np.ndarray) -> list[float]:
    """Return the norms of the positive and of the negative part."""
    return [float(np.linalg.norm(np.maximum(sign * targets, 0.0))) for sign in (1.0, -1.0)]


def _orthogonal(run: Any) -> Iterator[Any]:
    sizes = run.choose(quick=[(5, 5), (4, 6)], full=[(5, 5), (4, 6), (5, 7), (7, 7), (8, 9)])
    cases = []
    for draw, (n, d) in enumerate(sizes):
        norms, targets = row_norms_of(n), targets_of(n, draw)
        features = norms[:, np.newaxis] * orthogonal_features(n, d, draw)
        problem = dict(features=features, targets=targets, patterns=all_signs(n))
        cases.append(Data(draw, targets, norms, problem, problem))

    def closed(case: Data, beta: float) -> FittedOptimum:
        return orthogonal_optimum(case.given, case.targets, regularisation=beta)

    wrong = {
        "norms forgotten": lambda case, beta: whitened_optimum(case.targets, regularisation=beta).objective,
        "inverse norms": lambda case, beta: (
            orthogonal_optimum(1 / case.given, case.targets, regularisation=beta).objective
        ),
        "without the cones": lambda case, beta: (
            orthogonal_optimum(case.given, np.abs(case.targets), regularisation=beta).objective
        ),
    }
    yield from _compare(run, "orthogonal", cases, closed, wrong)


def _one_feature(run: Any) -> Iterator[Any]:
    cases = []
    for draw, n in enumerate(run.choose(quick=[4, 9], full=[2, 4, 9, 15, 30])):
        feature, targets = feature_of(n, draw), targets_of(n, draw)
        problem = dict(features=feature[:, np.newaxis], targets=targets)
        cases.append(Data(draw, targets, feature, problem, problem))

    def closed(case: Data, beta: float) -> FittedOptimum:
        return single_feature_optimum(case.given, case.targets, regularisation=beta)

    def linear(case: Data, beta: float) -> float:
        x, y = case.given, case.targets
        return 0.5 * float(y @ y) - 0.5 * max(abs(float(x @ y)) - beta, 0.0) ** 2 / float(x @ x)

    wrong = {
        "one slope for both signs": linear,
        "half the regularisation": lambda case, beta: closed(case, beta / 2).objective,
    }
    yield from _compare(run, "one-feature", cases, closed, wrong)


def _spline(run: Any) -> Iterator[Any]:
    cases = []
    for draw, n in enumerate(run.choose(quick=[4, 2, 3], full=[4, 2, 3, 5, 8, 15])):
        positions, targets = spline_data(n, draw)
        generation = dict(positions=positions, targets=targets)
        cones = dict(features=_with_bias(positions), targets=targets, penalised_features=[True, False])
        cases.append(Data(draw, targets, positions, generation, cones))

    def closed(case: Data, beta: float) -> FittedOptimum:
        return spline_optimum(case.given, case.targets, regularisation=beta)

    def bending_alone(case: Data, beta: float) -> float:
        fit = least_bending_fit(case.given, case.targets, beta)
        return 0.5 * float(np.sum((fit - case.targets) ** 2)) + beta * bending(case.given, fit)

    wrong = {
        "bending alone": bending_alone,
        "penalised bias": lambda case, beta: _penalised_bias(case.given, case.targets, beta).objective,
        "half the regularisation": lambda case, beta: closed(case, beta / 2).objective,
    }
    yield from _compare(run, "spline", cases, closed, wrong, generate=generated_spline)


def _with_bias(positions: np.ndarray) -> np.ndarray:
    return np.column_stack([positions, np.ones(len(positions))])


def _penalised_bias(positions: np.ndarray, targets: np.ndarray, beta: float) -> Any:
    return solve_by_pattern_generation(_with_bias(positions), targets, regularisation=beta)


def _cost_of_outputs(run: Any) -> Any:
    """The cost of given outputs against the cheapest hinges that produce them, by a linear program."""
    cases = [(n, draw) for n in run.choose(quick=[3, 6], full=[2, 3, 6, 12]) for draw in range(1, 6)]
    outputs = [spline_data(n, draw) for n, draw in cases]
    grid = run.grid(quick=[dict(positions=positions, values=values) for positions, values in outputs])
    return agreement(
        "cost-of-outputs",
        run.compute(cheapest_hinges, grid).values,
        [spline_gauge(*one) for one in outputs],
        estimator="exact",
        precision=1e-9,
        reason="feasibility of the linear program, better than 1e-10",
        rivals={"bending alone": [bending(*one) for one in outputs]},
        at=dict(n_samples=[n for n, _ in cases], draw=[draw for _, draw in cases]),
    )


def _splines_for_the_figure(run: Any) -> Iterator[Any]:
    """Twelve points at four regularisations: outputs at the data, and the network in between."""
    positions, strengths = np.linspace(-2.75, 2.75, 12), [0.03, 0.2, 0.8, 3.0]
    targets = 1.0 + 0.6 * positions + np.sin(1.6 * positions) + 0.35 * np.cos(7.0 * np.arange(12))
    shown = np.linspace(-3.1, 3.1, 125)
    grid, given = run.grid(quick=dict(regularisation=strengths)), dict(positions=positions, targets=targets)
    at = dict(regularisation=np.array(strengths)[:, np.newaxis], position=positions)
    yield agreement(
        "twelve-points",
        run.compute(generated_spline, grid, **given).fitted,
        [spline_optimum(positions, targets, regularisation=beta).fitted for beta in strengths],
        unit="absolute",
        estimator="exact",
        precision=1e-9,
        reason="the limit of a free bias leaves 1e-11",
        rivals={
            "bending alone": [least_bending_fit(positions, targets, beta) for beta in strengths],
            "penalised bias": [_penalised_bias(positions, targets, beta).fitted for beta in strengths],
        },
        at=at | dict(target=targets),
    )
    network = run.compute(conic_spline, grid, shown=shown, **given).values
    yield curve("network", network, at=dict(regularisation=at["regularisation"], position=shown))
