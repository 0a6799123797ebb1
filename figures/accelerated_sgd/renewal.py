"""The risk as a renewal equation, and SGD on random features as an instance of the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure
from figures.accelerated_sgd import variance_drawings
from figures.accelerated_sgd._configurations import CONFIGURATIONS, CONFIGURATIONS_NOTE, SETTING
from figures.accelerated_sgd._feature_laws import LAWS, Case, dense_cases
from figures.accelerated_sgd.papers import FOUR_PHASES
from simulations.accelerated_sgd import simulate_random_feature_risk
from theory.accelerated_sgd import (
    MomentumScheme,
    RandomFeatureProblem,
    critical_learning_rate,
    heavy_ball_scheme,
    random_feature_problem,
    risk_curve,
    sgd_scheme,
    solve_volterra,
    stability_trace,
    volterra_terms,
)

renewal_figure = figure("accelerated_sgd.renewal", variance_drawings.draw_renewal)

POPULATION = np.arange(1.0, 101.0) ** -1.2
TARGET = np.arange(1.0, 101.0) ** -0.5
N_FEATURES, STEPS = 20, np.array([2, 5, 10, 25, 50, 100, 200])


@claim(
    "accelerated_sgd.10",
    paper=FOUR_PHASES,
    label="Volterra equation and power-law random features (numbering unverified)",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="At every dimension and with any momentum, the risk solves a renewal equation: what is left of the "
    "initial error, plus what every earlier step's noise has left; the mass of the kernel is the stability trace. SGD "
    "on linear random features of a Gaussian population is, given the features, an instance, in which the part of the "
    "target that they cannot explain acts as label noise.",
    assumptions="Fresh samples, independent coordinates and an independent radius; random features: Gaussian "
    f"population, W of full column rank, zero initial weights. {CONFIGURATIONS_NOTE}",
    formula=r"\tau_t = F^y_t + \sum_{u<t}K^y_{t-1-u}\,(r_4\tau_u + \sigma^2),\qquad "
    r"2R_t = F^w_t + \sum_{u<t}K^w_{t-1-u}\,(r_4\tau_u + \sigma^2),\qquad r_4\,\sum_{t\geq 0}K^y_t = \ell"
    "\n"
    r"\mathrm{SGD:}\;\; F_t = \sum_i\lambda_i\Delta_i^2\rho_i^t,\quad "
    r"K_t = \frac{\eta^2}{m}\,\sum_i\lambda_i^2\rho_i^t,\quad "
    r"\rho = (1-\eta\lambda)^2 + p\,\frac{\eta^2\lambda^2}{m}"
    "\n"
    r"\mathrm{features}\ W^\top x:\;\; H = W^\top DW,\;\; w^* = H^{-1}W^\top Db,\;\; "
    r"\sigma^2 = b^\top Db - w^{*\top}Hw^*",
    normalisations=f"{SETTING} F: initial error, each direction by itself; K: what one unit of noise leaves. The risk "
    "of random features includes sigma^2/2; D_j = j^-1.2, b_j = j^-0.5, v = 100, d = 20, W Gaussian / sqrt(d).",
    figure=renewal_figure,
)
def renewal(run: Any) -> Iterator[Any]:
    yield _equals_the_recursion(run)
    yield _mass()
    yield from _random_features(run)
    case = Case("A", 1, "gaussian")
    terms = volterra_terms(**_noiseless(case), **LAWS[case.law].moments, n_steps=100)
    at = dict(step=np.arange(101))
    noise = case.arguments()["noise_variance"]
    yield curve("risk", solve_volterra(terms, noise_variance=noise), at=at)
    yield curve("initial error", 0.5 * terms.iterate_forcing, at=at)
    yield curve("kernel", terms.lookahead_kernel, at=at)


def _noiseless(case: Case) -> dict[str, Any]:
    arguments = case.arguments()
    del arguments["noise_variance"]
    return arguments


def _solved(case: Case, radial: float | None = None, **changes: float) -> float:
    """Return the risk at the last step of a case from its renewal equation."""
    moments = LAWS[case.law].moments
    n_steps = CONFIGURATIONS[case.configuration].last_step
    terms = volterra_terms(**_noiseless(case), **moments | changes, n_steps=n_steps)
    factor = moments["radial_fourth_moment"] if radial is None else radial
    noise = case.arguments()["noise_variance"]
    return solve_volterra(terms, noise_variance=noise, radial_fourth_moment=factor)[-1]


def _no_excess(case: Case) -> float:
    """Return the kurtosis at which p = 0 for the radius of a case."""
    return 1 + 1 / LAWS[case.law].moments["radial_fourth_moment"]


def _equals_the_recursion(run: Any) -> Any:
    """The renewal equation against dense second moments, in every law of the features."""
    cases, dense = dense_cases(run)
    return agreement(
        "equals-dense-moments",
        dense.last,
        [_solved(case) for case in cases],
        estimator="exact",
        precision=1e-10,
        reason="rounding over at most 150 steps",
        rivals={
            "kernel without the p term": [_solved(case, kurtosis=_no_excess(case)) for case in cases],
            "no r4 before tau": [_solved(case, radial=1.0) for case in cases],
        },
        at=dict(configuration=[case.configuration for case in cases], law=[case.law for case in cases]),
    )


def _mass() -> Any:
    """The sum of the kernel, long enough for nothing to be left."""
    cases = [Case(name, CONFIGURATIONS[name].batch_size, law) for name in "ABDE" for law in LAWS]
    masses, traces, alone = [], [], []
    for case in cases:
        problem, moments = _noiseless(case), LAWS[case.law].moments
        terms = volterra_terms(**problem, **moments, n_steps=2000)
        masses.append(moments["radial_fourth_moment"] * terms.lookahead_kernel.sum())
        where = (problem["eigenvalues"], problem["scheme"])
        traces.append(stability_trace(*where, batch_size=case.batch_size, **moments))
        quiet = moments | dict(kurtosis=_no_excess(case))
        alone.append(stability_trace(*where, batch_size=case.batch_size, **quiet))
    return agreement(
        "kernel-mass",
        masses,
        traces,
        estimator="exact",
        precision=1e-10,
        reason="what is left after 2000 steps is below 1e-20; rounding of the sum",
        rivals={"p = 0": alone},
        at=dict(configuration=[case.configuration for case in cases], law=[case.law for case in cases]),
    )


def _random_features(run: Any) -> Iterator[Any]:
    """SGD and heavy ball on features of a population, simulated in the population."""
    seeds = run.choose(quick=(0,), full=(0, 1))
    pairs = [(seed, kind) for seed in seeds for kind in ("sgd", "heavy ball")]
    grid, exact, unexplained, population = [], [], [], []
    for seed, kind in pairs:
        weights = np.random.default_rng([10, seed]).normal(size=(len(POPULATION), N_FEATURES)) / np.sqrt(N_FEATURES)
        problem = random_feature_problem(POPULATION, TARGET, weights)
        scheme = _scheme(problem, kind)
        grid.append(dict(projection=weights, scheme=scheme))
        line = _risks(problem, scheme, problem.noise_variance)
        exact.append(line[STEPS])
        unexplained.append(_risks(problem, scheme, 0.0)[STEPS])
        aligned = RandomFeatureProblem(POPULATION[:N_FEATURES], TARGET[:N_FEATURES], problem.noise_variance)
        population.append(_risks(aligned, scheme, problem.noise_variance)[STEPS])
        yield curve("random-feature-line", line, at=dict(seed=seed, scheme=kind, step=np.arange(STEPS[-1] + 1)),
                    rivals={"no label noise": _risks(problem, scheme, 0.0)})  # fmt: skip
    precision = run.choose(quick=0.1, full=0.05)
    trials = run.sample(simulate_random_feature_risk, run.grid(quick=grid), population_eigenvalues=POPULATION,
                        population_target=TARGET, record_steps=STEPS, n_trials=4096,
                        block=512)  # fmt: skip
    yield agreement(
        "random-features",
        trials.values,
        exact,
        precision=np.where(STEPS >= 100, 0.4, 1.0) * precision,
        reason="exact given the features: nothing is allowed for",
        rivals={"the unexplained part makes no noise": unexplained, "the first d directions of D": population},
        at=dict(seed=np.array([seed for seed, _ in pairs])[:, np.newaxis],
                scheme=np.array([kind for _, kind in pairs])[:, np.newaxis], step=STEPS),
    )  # fmt: skip


def _scheme(problem: RandomFeatureProblem, kind: str) -> MomentumScheme:
    """A quarter of the critical step."""
    if kind == "sgd":
        return sgd_scheme(0.25 * critical_learning_rate(problem.eigenvalues))
    longest = critical_learning_rate(problem.eigenvalues, kind="heavy_ball", momentum=0.7)
    return heavy_ball_scheme(0.25 * longest, momentum=0.7)


def _risks(problem: RandomFeatureProblem, scheme: MomentumScheme, noise_variance: float) -> np.ndarray:
    """Return the risk in the population, with the unexplained part."""
    line = risk_curve(problem.eigenvalues, problem.initial_error, scheme, n_steps=int(STEPS[-1]),
                      noise_variance=noise_variance)  # fmt: skip
    return line + 0.5 * problem.noise_variance
