"""The alternating direction method on the sampled convex program: its steps, its limit, its rate, its networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure, structure
from figures.convex_relu import admm_drawings
from figures.convex_relu._admm_runs import (
    admm_run,
    admm_trace,
    block_gaps,
    block_problem,
    complete_optimum,
    guessed_rate,
    linear_rate,
    optimal_values,
    random_rates,
    solver_values,
    step_deviations,
)
from figures.convex_relu._problems import SETTING
from figures.convex_relu.papers import GLOBAL_OPTIMIZATION

convergence = figure("convex_relu.admm", admm_drawings.draw_convergence)

Problem = dict[str, Any]


def gaussian(n_samples: int, n_features: int, draw: int) -> Problem:
    """A Gaussian problem with the patterns of three random directions."""
    return dict(n_samples=n_samples, n_features=n_features, draw=draw, n_directions=3, regularisation=0.2)


SIX_PATTERNS: Problem = dict(n_samples=12, n_features=3, draw=0, n_directions=6, regularisation=0.3)
SMALL = [gaussian(8, 2, draw) for draw in range(1, 7)]
ALL = SMALL + [gaussian(*size, draw) for size in ((12, 3), (16, 4), (20, 3)) for draw in (2, 3, 5)]
N_STEPS = 8000  # enough for each of these
BLOCK_DESIGNS = [gaussian(10, 3, 1) | dict(penalty_parameter=0.5, orthonormal=False),
                 gaussian(4, 6, 1) | dict(penalty_parameter=0.5, orthonormal=False),
                 gaussian(10, 3, 1) | dict(penalty_parameter=1e4, orthonormal=True)]  # fmt: skip
NAMES = ("n_samples", "n_features", "draw", "n_directions", "regularisation")
PENALTIES = (0.1, 0.3, 1.0)
SHOWN = gaussian(16, 4, 6)  # strictly complementary at these penalties
CROSSING = gaussian(8, 2, 6)  # its networks pass far below the sampled optimum


@claim(
    "convex_relu.6",
    paper=GLOBAL_OPTIMIZATION,
    label="Algorithm 3.1 and its linear convergence (numbering unverified), with the rate and the networks on the way",
    nature="asymptotic",
    status="beyond",
    statement="ADMM with closed steps converges linearly to the optimum of the convex program over sampled patterns. "
    "Where the fixed point is strictly complementary its rate is the largest eigenvalue modulus below 1 of the "
    "derivative of one step. The networks on its way are never better than the optimum over all patterns, but they can "
    "be better than the sampled optimum.",
    assumptions="Squared loss for the rate and for block descent. Strictly complementary: no norm at its threshold, no "
    "slack at zero; otherwise no rate is predicted. A run from zero shows the rate unless it barely excites the "
    "slowest mode.",
    formula=r"u \leftarrow (I + \frac{1}{\rho}F^T F + G^T G)^{-1}"
    r"(\frac{1}{\rho}F^T y + v - \lambda + G^T(s - \nu)),\qquad "
    r"v_i \leftarrow (1 - \frac{\beta}{\rho\,\Vert u_i + \lambda_i\Vert})_+\,(u_i + \lambda_i)"
    "\n"
    r"s \leftarrow (Gu + \nu)_+,\qquad \lambda \leftarrow \lambda + u - v,\qquad \nu \leftarrow \nu + Gu - s"
    "\n"
    r"I + \frac{1}{\rho}F^TF + G^TG = I\otimes B + \frac{1}{\rho}F^TF,\quad B = I + X^TX,\qquad "
    r"F(I\otimes B)^{-1}F^T = XB^{-1}X^T\circ 2\sum_i d_i d_i^T"
    "\n"
    r"E\,[L(u^k) - L^\ast] \leq (1 - \mu/(2PL_{\max}))^k\,[L(u^0) - L^\ast],\qquad "
    r"L_{\max} = \max_i\Vert D_iX\Vert^2 + \rho(1+\sigma_1^2),\quad \mu = \rho(1+\sigma_{\min}^2)",
    normalisations=SETTING + " u stacks v_1 .. v_P, w_1 .. w_P. F u = sum_i D_i X (v_i - w_i), G applies (2 D_i - I) X "
    "to every block, d_i is the diagonal of D_i. lambda and nu are scaled duals. Block descent moves one of the 2P "
    "blocks of u at a time, in the first u-step L; sigma are the singular values of X.",
    figure=convergence,
)
def alternating_directions(run: Any) -> Iterator[Any]:
    yield _steps(run)
    yield _limit(run)
    yield _certified(run)
    yield _rate(run)
    yield _networks(run)
    yield _blocks(run)
    yield from _paths(run)
    if run.scale != "quick":
        yield _random_rates(run)


def _steps(run: Any) -> Any:
    """Thirty steps by Woodbury's identity and batched blocks against dense matrices."""
    cases = [(SIX_PATTERNS, 0.1, 1.0, 1.0), (gaussian(8, 2, 1), 2.0, 0.5, 1.6)]
    more = [(gaussian(6, 9, 1), 0.05, 1.0, 1.0), (gaussian(20, 3, 2) | dict(n_directions=8), 0.5, 1.5, 1.0),
            (gaussian(40, 5, 1) | dict(n_directions=20), 1.0, 1.0, 1.8)]  # fmt: skip
    chosen = run.choose(quick=cases, full=cases + more)
    grid = run.grid(quick=[problem | dict(penalty_parameter=rho, dual_step=step, over_relaxation=relaxation)
                           for problem, rho, step, relaxation in chosen])  # fmt: skip
    found = run.compute(step_deviations, grid, n_steps=30)
    return structure(
        "closed-steps",
        found.dense,
        precision=1e-11,
        reason="rounding of linear systems of condition up to 1e4, relative to the largest weight",
        rivals={
            "F F' without its factor 2": found.one_sided,
            "no cones in the linear system": found.without_cones,
            "threshold beta for beta / rho": found.unscaled_threshold,
        },
        at=_at(grid, *NAMES, "penalty_parameter", "dual_step", "over_relaxation"),
    )


def _limit(run: Any) -> Any:
    """The value at which runs end; slow problems take thousands of steps."""
    plain = [problem | dict(penalty_parameter=1.0) for problem in run.choose(quick=SMALL[1:4], full=ALL)]
    variants = [dict(penalty_parameter=0.3), dict(penalty_parameter=0.3, dual_step=0.5),
                dict(penalty_parameter=0.3, over_relaxation=1.6), dict(penalty_parameter=0.02, loss="hinge"),
                dict(penalty_parameter=0.02, loss="logistic")]  # fmt: skip
    other = [problem | variant | (dict(regularisation=0.02) if "loss" in variant else {})
             for problem in (SIX_PATTERNS, SHOWN) for variant in variants]  # fmt: skip
    grid = run.grid(quick=plain + other[5:8], full=plain + other)
    ends = run.compute(admm_run, grid, n_steps=N_STEPS)
    exact = run.compute(optimal_values, run.grid(quick=_without(grid, "penalty_parameter", "dual_step",
                                                                "over_relaxation")))  # fmt: skip
    return agreement(
        "optimum",
        np.column_stack([ends.objective, ends.network_objective]),
        exact.sampled[:, np.newaxis],
        estimator="exact",
        precision=1e-9,
        reason="the conic solver is certified to 1e-10; what is left of ADMM is measured at most 1e-12",
        rivals={
            "optimum at beta / 2": exact.halved[:, np.newaxis],
            "no cones": exact.gated[:, np.newaxis],
        },
        at={name: values[:, np.newaxis] for name, values in _at(grid, *NAMES, "penalty_parameter", "loss").items()}
        | dict(value=["convex program", "network"]),
    )


def _certified(run: Any) -> Any:
    """The certified solver, whose iterates are feasible and come with a lower bound."""
    small = [SIX_PATTERNS, gaussian(20, 3, 1)]
    large = [problem | dict(n_directions=count) for problem, count in ((gaussian(60, 5, 1), 40),
                                                                       (gaussian(200, 10, 1), 100))]  # fmt: skip
    labels = [problem | dict(loss=loss, regularisation=0.02) for problem in small for loss in ("hinge", "logistic")]
    grid = run.grid(quick=small, full=small + large + labels)
    found = run.compute(solver_values, grid, tolerance=1e-10)
    exact = run.compute(optimal_values, grid)
    return agreement(
        "certified-solver",
        found.values,
        exact.sampled[:, np.newaxis],
        estimator="exact",
        precision=1e-9,
        reason="the certified gaps of the two solvers, 1e-10 each",
        rivals={
            "optimum at beta / 2": exact.halved[:, np.newaxis],
            "no cones": exact.gated[:, np.newaxis],
        },
        at={name: values[:, np.newaxis] for name, values in _at(grid, *NAMES, "loss").items()}
        | dict(value=["objective", "lower bound"]),
    )


def _rate(run: Any) -> Any:
    """The residual of every run with a prediction: the slope of its logarithm."""
    grid = run.grid(quick=[problem | dict(penalty_parameter=1.0) for problem in SMALL],
                    full=[problem | dict(penalty_parameter=1.0) for problem in ALL])  # fmt: skip
    ends, theory = run.compute(admm_run, grid, n_steps=N_STEPS), run.compute(linear_rate, grid)
    known = theory.values < 1.0
    guesses = [guessed_rate(**point) for point in _without(grid, "regularisation")]
    return agreement(
        "linear-rate",
        ends.log_rate[known],
        np.log(theory.values[known]),
        estimator="exact",
        precision=0.02,
        reason="a line and a ripple through residuals from 1e-7 to 1e-12, with faster modes still there: measured at "
        "most 1 per cent",
        rivals={
            "1 / k instead of a linear rate": -1.0 / ends.middle[known],
            "1 - 1 / sqrt(condition number)": np.log(guesses)[known],
        },
        at={name: values[known] for name, values in _at(grid, *NAMES, "penalty_parameter").items()},
    )


def _random_rates(run: Any) -> Any:
    """Random problems: a few barely excite their slowest mode, so the median speaks."""
    grid = run.grid(full=dict(penalty_parameter=[0.3, 1.0]))
    trials = run.sample(random_rates, grid, n_trials=48, regularisation=0.2, block=16)
    return agreement(
        "rate-of-most-problems",
        trials.ratio,
        np.ones(len(grid)),
        estimator="median",
        precision=0.006,
        reason="the middle half of the problems, measured within 0.3 per cent; in about one of ten the start hardly "
        "excites the slowest mode, or the run is not yet linear",
        rivals={"1 - 1 / sqrt(condition number)": np.median(trials.guess, axis=0), "residual for its square": 2.0},
        at=trials.at(),
    )


def _networks(run: Any) -> Any:
    """The least objective of the networks on the way, against the certified minimum over all networks."""
    problems = run.choose(quick=[SIX_PATTERNS, *SMALL[1:3]], full=[SIX_PATTERNS, *ALL])
    grid = run.grid(quick=[problem | dict(penalty_parameter=rho) for problem in problems for rho in PENALTIES])
    runs = run.compute(admm_run, grid, n_steps=500)
    alone = run.grid(quick=_without(grid, "penalty_parameter"))
    return bound(
        "networks-on-the-way",
        runs.least_network,
        run.compute(complete_optimum, alone).values,
        upper=False,
        rounding=1e-9,
        reason="the certified lower bound of the minimum, which is as good",
        rivals={"never below the sampled optimum": run.compute(optimal_values, alone).sampled},
        at=_at(grid, *NAMES, "penalty_parameter"),
    )


def _blocks(run: Any) -> Any:
    """Random block descent on the first weight step, on two problems and where its bound is attained."""
    shown, counts = ((10, 100, 600), (10, 100, 600), (4, 8, 16)), (256, 256, 2**15)
    lowest, bounds = [], []
    rivals: dict[str, list[np.ndarray]] = {"one block counted": [], "P blocks": []}
    for design, steps, n_trials in zip(BLOCK_DESIGNS, shown, counts, strict=True):
        gaps = run.sample(block_gaps, run.grid(quick=[design]), n_trials=n_trials, block=4096, steps=steps).values
        error = gaps[:, 0].std(axis=0) / np.sqrt(n_trials)
        lowest.append(gaps[:, 0].mean(axis=0) - 5 * error)
        condition, n_blocks = _conditioning(design)
        k = np.array(steps)
        bounds.append((1 - condition / n_blocks) ** k)
        rivals["one block counted"].append((1 - condition) ** k)
        rivals["P blocks"].append((1 - 2 * condition / n_blocks) ** k)
    return bound(
        "block-descent",
        lowest,
        bounds,
        rounding=1e-9,
        tightness=0.05,
        reason="mean gaps less five standard errors; with orthonormal features and a large penalty the blocks decouple "
        "and the bound is attained",
        rivals=rivals,
        at=dict(design=np.arange(len(BLOCK_DESIGNS))[:, np.newaxis], step=shown),
    )


def _conditioning(design: Mapping[str, Any]) -> tuple[float, int]:
    """Return mu / L_max and the number of blocks of a problem of block descent."""
    rho = design["penalty_parameter"]
    features, _, patterns = block_problem(**_without([design], "regularisation", "penalty_parameter")[0])
    singular = np.linalg.svd(features, compute_uv=False)
    least = singular[-1] if len(features) >= features.shape[1] else 0.0
    steepest = max(np.linalg.norm(features[pattern], 2) ** 2 if pattern.any() else 0.0 for pattern in patterns)
    return rho * (1 + least**2) / (steepest + rho * (1 + singular[0] ** 2)), 2 * len(patterns)


def _paths(run: Any) -> Iterator[Any]:
    """Objectives along a few runs, with the predicted slopes, for the figure."""
    steps = tuple(np.unique([*np.geomspace(1, 4000, 200).astype(int), *range(50, 4001, 50)]).tolist())
    for name, problem in (("gap", SHOWN), ("network", CROSSING)):
        grid = run.grid(quick=[problem | dict(penalty_parameter=rho) for rho in PENALTIES])
        paths, rates = run.compute(admm_trace, grid, steps=steps), run.compute(linear_rate, grid)
        sampled = run.compute(optimal_values, run.grid(quick=[problem])).sampled
        complete = run.compute(complete_optimum, run.grid(quick=[problem])).values
        shown = paths.objective if name == "gap" else paths.network_objective
        at = dict(penalty_parameter=np.array(PENALTIES)[:, np.newaxis], step=steps, sampled=sampled[0],
                  complete=complete[0], rate=rates.values[:, np.newaxis])  # fmt: skip
        yield curve(name, shown, at=at)


def _at(grid: Any, *names: str) -> dict[str, np.ndarray]:
    defaults = dict(dual_step=1.0, over_relaxation=1.0, loss="squared")
    return {name: np.array([point.get(name, defaults.get(name)) for point in grid]) for name in names}


def _without(grid: Sequence[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in point.items() if name not in names} for point in grid]
