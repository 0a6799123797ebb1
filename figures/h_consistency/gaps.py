"""Minimizability gaps: what a hypothesis set cannot reach at all, and what it cannot reach at one input at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, certificate, claim, curve, figure, structure
from figures.h_consistency import finite_law_drawings
from figures.h_consistency._expected_optima import expected_optima_at_random, expected_optima_of_law
from figures.h_consistency._finite_laws import (
    Instance,
    circle_instance,
    constant_scores,
    law,
    random_instance,
    solved_at_random,
    solved_law,
    solved_on_circle,
)
from figures.h_consistency.papers import CROSS_ENTROPY
from theory.h_consistency import (
    bounded_optimal_conditional_risk,
    conditional_risk,
    constant_score_gap,
    deterministic_gap_bound,
    optimal_conditional_risk,
)

SETTING = (
    "R*(H) is the best-in-class risk, C*(H, x) the least conditional risk of scores that the class has at x; linear "
    "scores w_y x + b_y with |w_y| <= W, |b_y| <= B, so that |h(x, y)| <= Lambda(x) = W |x| + B; natural logarithms."
)
SOLVER = "the risk of the solver is certified to 1e-10"
TAUS = (0.0, 0.5, 1.0)
FREQUENCIES = ([0.25, 0.25, 0.25, 0.25], [0.6, 0.3, 0.1], [0.5, 0.5])
GRID_OF_TAUS = np.linspace(0.0, 2.0, 50)


@claim(
    "h_consistency.4",
    paper=CROSS_ENTROPY,
    label="Section 4 (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="The minimizability gap M lies between 0 and the approximation error A, and is 0 for a well specified "
    "linear model; for constant scores, and for bounded ones with certain labels, it or a bound on it is closed and "
    "falls as tau rises.",
    assumptions="Finite laws; the best-in-class risks are convex programs for tau up to 1. The least conditional risk "
    "of bounded scores is a result of this project.",
    formula=r"M_\tau = R^\ast_\tau(H) - \mathrm{E}_x\,\mathcal{C}^\ast_\tau(H,x),\quad "
    r"A_\tau = R^\ast_\tau(H) - \mathrm{E}_x\,\mathcal{C}^\ast_\tau(\mathrm{all},x),\quad 0\leq M_\tau\leq A_\tau"
    "\n"
    r"|h(x,y)|\leq\Lambda:\quad S^\ast\propto\mathrm{clip}(p^{\alpha},\,l,\,l\,e^{2\Lambda}),\quad "
    r"\alpha = \frac{1}{2-\tau}"
    "\n"
    r"W = 0,\;\mathrm{certain\;labels}:\quad "
    r"M_\tau = \mathcal{C}^\ast_\tau(H_B,\pi) - \Phi^\tau((n-1)e^{-2B}),\quad \pi = 1/n,\;B=\infty:\;\;\Phi^\tau(n-1)"
    "\n"
    r"\mathrm{certain\;labels}:\quad M_\tau\leq\Phi^\tau(R^\ast_0(H)) - \Phi^\tau((n-1)e^{-2\Lambda})",
    normalisations=SETTING,
    figure=figure("h_consistency.gaps", finite_law_drawings.draw_gaps),
)
def minimizability_gaps(run: Any) -> Iterator[Any]:
    yield from _between(run)
    yield _well_specified(run)
    yield from _constant_scores(run)
    yield from _certain_labels(run)


def _between(run: Any) -> Iterator[Any]:
    """Gap and approximation error of named and random laws, against the least conditional risks of theory."""
    named = run.grid(
        quick=dict(name=["cyclic", "plane", "point"], tau=TAUS, bound=[0.5, 8.0]),
        full=dict(name=["cyclic", "linear", "plane", "point"], tau=TAUS, bound=np.geomspace(0.1, 20.0, 16).round(6)),
    )
    numbers = run.grid(quick=dict(number=range(6)), full=dict(number=range(200)))
    found = [run.compute(solved_law, named, n_classes=3), run.compute(solved_at_random, numbers)]
    risk, gap, error, residual, shifted = (
        np.concatenate([getattr(part, field) for part in found])
        for field in ("risk", "gap", "approximation_error", "certificate", "shifted")
    )
    instances = [Instance(law(point["name"], 3), point["tau"], point["bound"], point["bound"]) for point in named]
    instances += [random_instance(point["number"]) for point in numbers]
    names = [point["name"] for point in named] + ["random"] * len(numbers)
    at = dict(law=names, tau=[one.tau for one in instances], weight_bound=[one.weight_bound for one in instances],
              bias_bound=[one.bias_bound for one in instances])  # fmt: skip
    yield certificate(
        "best-in-class",
        residual,
        precision=1e-9,
        reason="Frank-Wolfe gap, computed anew; the solver stops at 1e-10",
        controls={"hypothesis scaled down by 1e-6": shifted},
        at=at,
    )
    optima = [run.compute(expected_optima_of_law, named, n_classes=3), run.compute(expected_optima_at_random, numbers)]
    free, own, narrow = (np.concatenate([getattr(part, field) for part in optima])
                         for field in ("free", "own", "narrow"))  # fmt: skip
    columns = {name: np.array(values)[:, np.newaxis] for name, values in at.items()} | dict(quantity=["M", "A"])
    yield agreement(
        "gap-and-approximation-error",
        np.column_stack([gap, error]),
        risk[:, np.newaxis] - np.column_stack([own, free]),
        unit="absolute",
        estimator="exact",
        precision=1e-12,
        reason="one best-in-class risk on both sides, conditional optima of order one by two routes: rounding",
        rivals={
            "scores without bounds for M": risk[:, np.newaxis] - np.column_stack([free, free]),
            "ratio exp(Lambda) for exp(2 Lambda)": risk[:, np.newaxis] - np.column_stack([narrow, free]),
        },
        at=columns,
    )
    reason = f"{SOLVER}, and so is what follows from it"
    yield bound("gap-below-approximation-error", gap, error, unit="absolute", rounding=1e-10, tightness=1e-12,
                reason=reason, rivals={"at most half of it": 0.5 * error}, at=at)  # fmt: skip
    yield bound("gap-not-negative", gap, 0.0, upper=False, unit="absolute", rounding=1e-10, tightness=1e-12,
                reason=reason, rivals={"at least a tenth of the approximation error": 0.1 * error}, at=at)  # fmt: skip


def _well_specified(run: Any) -> Any:
    """Linear logits have no gap: the best-in-class risk up to tau = 1, beyond it the scores that reach it."""
    grid = run.grid(quick=dict(name=["linear", "plane"], tau=TAUS), full=dict(name=["linear", "plane"],
                                                                            tau=np.linspace(0, 1, 11)))  # fmt: skip
    found = run.compute(solved_law, grid, n_classes=3, bound=20.0)
    wrong = run.compute(solved_law, run.grid(quick=[dict(point, name="cyclic") for point in grid]), n_classes=3,
                        bound=20.0)  # fmt: skip
    cases = [(point["name"], point["tau"]) for point in grid]
    beyond = [(name, tau) for name in ("linear", "plane") for tau in (1.3, 1.5, 1.8, 1.95)]
    proportional = [_excess(name, tau, 1.0) for name, tau in cases + beyond]
    everywhere = np.append(wrong.gap, [0.0] * len(beyond))
    return structure(
        "well-specified",
        np.append(found.gap, [_excess(name, tau, 1.0 / (2.0 - tau)) for name, tau in beyond]),
        precision=1e-9,
        reason=SOLVER,
        rivals={"S = p for every tau": proportional},
        controls={"cyclic logits": everywhere},
        at=dict(law=[name for name, _ in cases + beyond], tau=[tau for _, tau in cases + beyond]),
    )


def _excess(name: str, tau: float, power: float) -> float:
    """Return the regret of linear scores: those of the law's own logits times ``power``, by least squares."""
    finite = law(name, 3)
    logits = power * np.log(finite.probabilities)
    logits -= logits.mean(axis=1, keepdims=True)  # what all classes share changes no softmax
    features = np.column_stack([finite.support, np.ones(len(finite.support))])
    scores = features @ np.linalg.lstsq(features, logits, rcond=None)[0]
    regret = conditional_risk(finite.probabilities, scores, tau=tau) - optimal_conditional_risk(
        finite.probabilities, tau=tau
    )
    return float(finite.weights @ regret)


def _constant_scores(run: Any) -> Iterator[Any]:
    """Constant scores and certain labels: the closed form, and that it falls with tau."""
    taus = run.choose(quick=[0.0, 0.5, 1.0, 1.5, 2.0], full=[0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0])
    bounds = run.choose(quick=[0.5, 20.0], full=[0.25, 0.5, 1.0, 2.0, 20.0])
    grid = run.grid(quick=dict(tau=taus, score_bound=bounds, frequencies=FREQUENCIES))
    found = run.compute(constant_scores, grid).gap
    theory, unbounded, least = (np.array([gap(point) for point in grid]) for gap in (_closed, _unbounded, _optimum))
    at = dict(tau=grid.column("tau"), score_bound=grid.column("score_bound"),
              classes=[" ".join(map(str, point["frequencies"])) for point in grid])  # fmt: skip
    yield agreement(
        "constant-scores",
        found,
        theory,
        unit="absolute",
        estimator="exact",
        precision=1e-9,
        reason=SOLVER,
        rivals={"scores without bounds": unbounded, "least loss not taken off": least},
        at=at,
    )
    uniform = [(tau, n) for tau in taus for n in (2, 4)]
    at_20 = {(point["tau"], len(point["frequencies"])): value for point, value in zip(grid, found, strict=True)
             if point["score_bound"] == 20.0 and len(set(point["frequencies"])) == 1}  # fmt: skip
    tau, n = np.array(uniform).T
    with np.errstate(divide="ignore", invalid="ignore"):
        closed = np.where(tau == 1.0, np.log(n), (n ** (1.0 - tau) - 1.0) / (1.0 - tau))
    yield agreement(
        "uniform-classes",
        [at_20[case] for case in uniform],
        closed,
        estimator="exact",
        precision=1e-9,
        reason=f"n - 1, log n, 1 - 1/n for tau = 0, 1, 2; {SOLVER}; bound 20 for infinity",
        rivals={"log n for every tau": np.log(n)},
        at=dict(tau=tau, n_classes=n),
    )
    rows = [constant_score_gap(p, tau=tau) for tau in GRID_OF_TAUS for p in FREQUENCIES]
    line = np.reshape(rows, (len(GRID_OF_TAUS), -1))
    for index, classes in enumerate(FREQUENCIES):
        name = " ".join(map(str, classes))
        yield curve("constant-scores-theory", line[:, index], at=dict(tau=GRID_OF_TAUS, classes=name))


def _closed(point: dict[str, Any]) -> float:
    return constant_score_gap(point["frequencies"], tau=point["tau"], score_bound=point["score_bound"])


def _unbounded(point: dict[str, Any]) -> float:
    return constant_score_gap(point["frequencies"], tau=point["tau"])


def _optimum(point: dict[str, Any]) -> float:
    return bounded_optimal_conditional_risk(point["frequencies"], tau=point["tau"], score_bound=point["score_bound"])


def _certain_labels(run: Any) -> Iterator[Any]:
    """Certain labels on a circle: Jensen's bound by the sum-exponential risk, and that all closed forms fall."""
    grid = run.grid(quick=dict(number=range(8), tau=TAUS), full=dict(number=range(60), tau=[0.0, 0.3, 0.5, 0.8, 1.0]))
    found = run.compute(solved_on_circle, grid)
    tau, number = grid.column("tau"), grid.column("number")
    instances = [circle_instance(point["number"], point["tau"]) for point in grid]
    risks = dict(zip(number[tau == 0.0].tolist(), found.risk[tau == 0.0], strict=True))
    others = np.array([one.law.probabilities.shape[1] - 1 for one in instances])
    reach = np.array([one.score_bounds[0] for one in instances])
    risk, floor = np.array([risks[index] for index in number.tolist()]), others * np.exp(-2.0 * reach)
    yield bound(
        "certain-labels",
        found.gap,
        _jensen(risk, floor, tau),
        unit="absolute",
        rounding=1e-9,
        tightness=1e-9,
        reason=f"{SOLVER}; equality at tau = 0, and where all losses are equal",
        rivals={
            "the bound of a tau larger by 0.1": _jensen(risk, floor, tau + 0.1),
            "floor exp(-Lambda) for exp(-2 Lambda)": _jensen(risk, np.minimum(others * np.exp(-reach), risk), tau),
        },
        at=dict(tau=tau, instance=number),
    )
    taus = np.linspace(0.0, 2.0, run.choose(quick=9, full=50))
    falling = [[constant_score_gap(p, tau=tau, score_bound=reach) for tau in taus]
               for p in FREQUENCIES for reach in (0.5, 1.0, np.inf)]  # fmt: skip
    steps = np.diff([*falling, *([_jensen(1.3, floor, tau) for tau in taus] for floor in (0.0, 0.3, 1.2))], axis=1)
    yield structure(
        "falls-with-tau",
        np.maximum(0.0, steps),
        precision=1e-12,
        reason="no rise beyond rounding, for nine constant-score gaps and three of Jensen's bounds",
        rivals={"rises with tau": np.maximum(0.0, -steps)},
        at=dict(tau=taus[1:], sequence=np.arange(len(steps))[:, np.newaxis]),
    )


def _jensen(risk: Any, floor: Any, tau: Any) -> np.ndarray:
    values = [deterministic_gap_bound(*case[:2], tau=case[2])
              for case in zip(*map(np.ravel, np.broadcast_arrays(risk, floor, tau)), strict=True)]  # fmt: skip
    return np.reshape(values, np.broadcast_shapes(*map(np.shape, (risk, floor, tau))))
