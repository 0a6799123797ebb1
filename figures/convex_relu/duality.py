"""Strong duality: what certifies an optimum or any network, and the regularisation that switches the network off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from assay import agreement, bound, certificate, claim, curve, exponent, figure, structure
from figures.convex_relu import certificate_drawings
from figures.convex_relu._gauges import best_dual_by_search, gated_gauge, projected_gauges, scaled_dual
from figures.convex_relu._optima import columns, conic_optima, cost, data, generated_optima, restarts_by_width, train
from figures.convex_relu._problems import (
    GAUSSIAN,
    LARGE,
    MEDIUM,
    REFERENCES,
    SETTING,
    SMALL,
    Problem,
    problem_data,
    reference,
)
from figures.convex_relu.papers import CONVEX_REGULARIZERS
from theory.convex_relu import (
    TwoLayerNetwork,
    critical_regularisation,
    dual_gauge,
    duality_certificate,
    enumerate_arrangements,
    network_output,
    recover_network,
)

OFFSETS = np.array([1e-3, 3e-4, 1e-4, 3e-5])  # below the critical regularisation, relative to it


@claim(
    "convex_relu.3",
    paper=CONVEX_REGULARIZERS,
    label="strong duality (numbering unverified)",
    nature="exact",
    evidence="certified",
    statement="The convex dual of two-layer training has the same value, its solution is the residual, and the "
    "residual of any network, scaled, bounds the global minimum from below; the zero network is optimal from the gauge "
    "of the targets on, and the gain sets in quadratically below it.",
    assumptions="Squared loss; all activation patterns. The scaling of the residual of any network and the quadratic "
    "onset are derived here.",
    formula=r"p^\ast = \max_{g(z)\leq\beta}\; z^\top y - \frac{1}{2}\Vert z\Vert^2,\qquad "
    r"g(z) = \max_{\Vert u\Vert\leq 1}\,|z^\top(Xu)_+| = \max_{i,\pm}\,\Vert\Pi_{K_i}(\pm X^\top D_iz)\Vert"
    "\n"
    r"p^\ast \geq t\,z^\top y - \frac{t^2}{2}\Vert z\Vert^2,\qquad z = y - f(X),\quad "
    r"t = \min\left(\frac{z^\top y}{\Vert z\Vert^2},\,\frac{\beta}{g(z)}\right)_+"
    "\n"
    r"f = 0\;\;\mathrm{optimal}\;\Leftrightarrow\;\beta\geq g(y),\qquad "
    r"\frac{1}{2}\Vert y\Vert^2 - p^\ast\propto (g(y) - \beta)^2",
    normalisations=SETTING,
    figure=figure("convex_relu.certificates", certificate_drawings.draw_certificates),
)
def strong_duality(run: Any) -> Iterator[Any]:
    yield from _optima(run)
    yield from _gauges(run)
    yield from _any_network(run)
    yield from _onset(run)


def _optima(run: Any) -> Iterator[Any]:
    """The residual of the optimum: no gap, and a gauge that equals the regularisation."""
    problems = run.choose(quick=REFERENCES, full=REFERENCES + GAUSSIAN)
    solved = [generated_optima(run, problems), conic_optima(run, problems)]
    at = {name: np.array(values)[:, np.newaxis] for name, values in columns(problems).items()}
    at |= dict(solver=np.array(["pattern generation", "conic"]))

    def gaps(factor: float) -> np.ndarray:
        """Relative gaps, (problems, solvers), with all outputs multiplied by a factor."""
        found = [[duality_certificate(*data(problem), factor * one.fitted, factor * one.penalty,
                                      regularisation=problem["regularisation"])
                  for problem, one in zip(problems, solutions, strict=True)] for solutions in solved]  # fmt: skip
        return np.array([[one.gap / one.primal for one in row] for row in found]).T

    gated = [[1 - _gated_bound(problem, one.fitted) / one.objective
              for problem, one in zip(problems, solutions, strict=True)] for solutions in solved]  # fmt: skip
    yield certificate(
        "duality-gap",
        gaps(1.0),
        precision=1e-10,
        reason="rounding for pattern generation; the conic solver leaves up to 1e-11",
        rivals={"gauge without the cones": np.transpose(gated)},
        controls={"outputs larger by 1e-6": gaps(1 + 1e-6)},
        at=at,
    )
    strength = np.array([problem["regularisation"] for problem in problems])[:, np.newaxis]
    gauges, without_cones = (
        np.array([[gauge(data(problem)[0], data(problem)[1] - one.fitted)
                   for problem, one in zip(problems, solutions, strict=True)] for solutions in solved]).T
        for gauge in (dual_gauge, gated_gauge)
    )  # fmt: skip
    yield structure(
        "gauge-of-the-residual",
        gauges / strength - 1,
        precision=5e-9,
        reason="the fit of the conic solver is good to the square root of its gap, measured 1e-9",
        rivals={"gauge without the cones": without_cones / strength - 1},
        controls={"regularisation larger by 1e-6": gauges / (strength * (1 + 1e-6)) - 1},
        at=at,
    )


def _gated_bound(problem: Problem, fitted: np.ndarray, patterns: np.ndarray | None = None) -> float:
    """Return the dual value of a residual that is scaled by the gauge without the cones."""
    features, targets = data(problem)
    gauge = gated_gauge(features, targets - fitted, patterns=patterns)
    return scaled_dual(targets, fitted, problem["regularisation"] / gauge)


def _gauges(run: Any) -> Iterator[Any]:
    """The gauge of random dual vectors, by plain projections on every cone."""
    sizes = run.choose(quick=[(8, 2), (8, 3)], full=[(8, 2), (15, 2), (10, 3), (9, 4)])
    cases = [(n, d, draw) for n, d in sizes for draw in range(1, 9)]
    rows = [problem_data(n, d, draw)[0] for n, d, draw in cases]
    duals = [np.random.default_rng([run.seed, draw]).standard_normal(n) for n, _, draw in cases]
    grid = run.grid(quick=[dict(features=features, dual=dual) for features, dual in zip(rows, duals, strict=True)])
    sides = run.compute(projected_gauges, grid).values
    yield agreement(
        "gauge-by-projections",
        sides.max(axis=1),
        [dual_gauge(features, dual) for features, dual in zip(rows, duals, strict=True)],
        estimator="exact",
        precision=1e-11,
        reason="two solvers of the same non-negative least-squares problems: rounding",
        rivals={
            "without the cones": [gated_gauge(features, dual) for features, dual in zip(rows, duals, strict=True)],
            "one sign": sides[:, 0],
        },
        at=dict(zip(("n_samples", "n_features", "draw"), zip(*cases, strict=True), strict=True)),
    )


def _any_network(run: Any) -> Iterator[Any]:
    """Lower bounds from trained networks of all widths, and from optimal ones with disturbed weights."""
    plan, shown = restarts_by_width(run)[:2], run.choose(quick=8, full=16)
    optima = generated_optima(run, [problem for problem, _ in plan])
    instances: list[tuple[Any, ...]] = []
    outputs: list[dict[str, Any]] = []
    for (problem, restarts), optimum in zip(plan, optima, strict=True):
        (features, targets), strength = data(problem), problem["regularisation"]
        trained = train(run, problem, restarts)
        networks = [("trained", TwoLayerNetwork(*network))
                    for hidden, output in zip(trained.hidden_weights, trained.output_weights, strict=True)
                    for network in zip(hidden[:shown], output[:shown], strict=True)]  # fmt: skip
        networks += [("disturbed", network) for network in _disturbed(run, recover_network(optimum))]
        patterns = enumerate_arrangements(features)
        for origin, network in networks:
            fitted = network_output(features, network)
            found = duality_certificate(features, targets, fitted, strength * cost(network), regularisation=strength,
                                        patterns=patterns)  # fmt: skip
            where = (*problem.values(), origin, len(network.output_weights), found.primal)
            wrong = _gated_bound(problem, fitted, patterns), scaled_dual(targets, fitted, np.inf)
            instances.append((*where, optimum.objective, found.dual, *wrong))
            outputs.append(dict(features=features, targets=targets, fitted=fitted, regularisation=strength))
    *where, least, duals, gated, unscaled = map(np.array, zip(*instances, strict=True))
    names = (*Problem.__annotations__, "origin", "width", "objective")
    at = dict(zip(names, where, strict=True))
    yield bound(
        "bound-from-any-network",
        least,
        duals,
        upper=False,
        unit="absolute",  # the bound of a very bad network is 0
        rounding=1e-11,
        tightness=1e-6,
        reason="rounding; the gap is of the order of the error of the weights, here at least 1e-8",
        rivals={"gauge ignored": unscaled, "gauge without the cones": gated},
        at=at,
    )
    some = np.flatnonzero(at["origin"] == "disturbed")[::3]
    searched = run.compute(best_dual_by_search, run.grid(quick=[outputs[index] for index in some])).values
    yield agreement(
        "best-factor",
        searched,
        duals[some],
        unit="absolute",
        estimator="exact",
        precision=1e-9,
        reason="a search over one number in an objective of order one",
        rivals={"gauge ignored": unscaled[some], "gauge without the cones": gated[some]},
        at={name: values[some] for name, values in at.items()},
    )


def _disturbed(run: Any, network: TwoLayerNetwork) -> Iterator[TwoLayerNetwork]:
    """Yield the network with relative noise on its hidden weights, from 1e-8 to 1."""
    rng = np.random.default_rng(run.seed)
    for size in np.geomspace(1e-8, 1.0, run.choose(quick=25, full=65)):
        noise = size * rng.standard_normal(network.hidden_weights.shape)
        yield TwoLayerNetwork(network.hidden_weights * (1 + noise), network.output_weights)


def _onset(run: Any) -> Iterator[Any]:
    """The regularisation at which the gain over the zero network sets in, and how."""
    sizes = [SMALL, MEDIUM, reference(9, 3, 1.0)]
    problems = run.choose(quick=sizes, full=[*sizes, LARGE, *GAUSSIAN[::2]])
    critical = np.array([critical_regularisation(*data(problem)) for problem in problems])
    offsets = np.append(OFFSETS, -1e-3)
    gains = np.array([[_gain(run, problem, value * (1 - offset)) for offset in offsets]
                      for problem, value in zip(problems, critical, strict=True)])  # fmt: skip
    # The root of the gain is linear in the regularisation: two points give where it vanishes.
    roots, (far, near) = np.sqrt(np.maximum(gains, 0.0)), (1, 3)
    slope = (roots[:, far] - roots[:, near]) / (OFFSETS[far] - OFFSETS[near])
    at = {name: values for name, values in columns(problems).items() if name != "regularisation"}
    yield agreement(
        "critical-regularisation",
        critical * (1 - OFFSETS[near] + roots[:, near] / slope),
        critical,
        estimator="exact",
        precision=5e-9,
        reason="the next order, of size 3e-4 by 3e-5 times a curvature measured at most 0.1",
        rivals={
            "gauge without the cones": [gated_gauge(*data(problem)) for problem in problems],
            "norm of X'y, as without ReLU": [
                np.linalg.norm(features.T @ targets) for features, targets in map(data, problems)
            ],
        },
        at=at,
    )
    half = np.array([0.5 * float(targets @ targets) for _, targets in map(data, problems)])
    yield structure(
        "no-gain-above",
        gains[:, -1] / half,
        precision=1e-12,
        reason="rounding, a thousandth above the critical regularisation",
        controls={"a thousandth below": gains[:, 0] / half},
        at=at,
    )
    yield exponent(
        "onset-of-the-gain",
        OFFSETS[:3],
        gains[:, :3].T,
        2.0,
        estimator="exact",
        precision=2e-3,
        reason="the next order is of the size of the offsets, 1e-3, times a curvature measured at most 0.3",
        rivals={"1": 1.0, "3/2": 1.5},
        at=at,
    )
    if run.scale != "quick":
        yield from _onset_for_the_figure(run, problems[:3], critical)


def _gain(run: Any, problem: Problem, strength: float) -> float:
    """Return by how much the optimum is below the objective of the zero network."""
    (optimum,) = generated_optima(run, [Problem(**problem | dict(regularisation=float(strength)))])
    targets = data(problem)[1]
    return 0.5 * float(targets @ targets) - optimum.objective


def _onset_for_the_figure(run: Any, problems: Sequence[Problem], critical: np.ndarray) -> Iterator[Any]:
    offsets = np.geomspace(1e-4, 0.9, 40)
    for problem, value in zip(problems, critical, strict=False):
        gains = [_gain(run, problem, value * (1 - offset)) for offset in offsets]
        law = gains[0] * (offsets / offsets[0]) ** 2
        yield curve("onset", gains, at=dict(n_samples=problem["n_samples"], n_features=problem["n_features"],
                                            offset=offsets), rivals={"quadratic law": law})  # fmt: skip
