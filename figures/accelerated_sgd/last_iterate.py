"""The exact risk of the last iterate, for any spectrum, scheme, batch size and law of the features."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, distribution, figure
from figures.accelerated_sgd import risk_drawings
from figures.accelerated_sgd._configurations import (
    CONFIGURATIONS,
    CONFIGURATIONS_NOTE,
    LARGE_BLOCK,
    SETTING,
    trials_for,
)
from figures.accelerated_sgd._feature_laws import (
    LAWS,
    Case,
    dense_cases,
    dense_check,
    feature_law_cases,
    feature_law_precision,
    feature_law_trials,
)
from figures.accelerated_sgd.papers import ACCELERATED_SGD
from simulations.accelerated_sgd import simulate_risk_curve
from theory.accelerated_sgd import risk_curve, sgd_scheme

feature_laws_figure = figure("accelerated_sgd.feature-laws", risk_drawings.draw_feature_laws)

LAW_STEP = 10  # at which whole laws of the risk are compared: the noise has not averaged out yet


@claim(
    "accelerated_sgd.1",
    paper=ACCELERATED_SGD,
    label="Algorithm 1; its exact risk is a result of this project",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="The expected risk of the last iterate of SGD with any momentum follows, at every dimension, batch size "
    "and step, from a linear recursion of three numbers per eigenvalue that meet in one scalar; of the law of the "
    "features only the kurtosis and the fourth moment of the radius enter.",
    assumptions="Fresh samples; x = R Lambda^(1/2) z with independent coordinates and an independent radius; label "
    f"noise independent of x. {CONFIGURATIONS_NOTE}",
    formula=r"I = \frac{1}{m}\,[\,p\,\lambda^2 h + \lambda\,(r_4\tau + \sigma^2)\,],\quad "
    r"p = r_4(\kappa_4 - 1) - 1,\quad \tau = \sum_j\lambda_jh_j"
    "\n"
    r"a' = p_1^2h + \delta^2I,\quad b' = p_1(p_2h - cb) + \delta q\,I,\quad h' = p_2^2h - 2cp_2b + c^2a + q^2I"
    "\n"
    r"p_1 = 1 - \delta\lambda,\quad p_2 = 1 + c - q\lambda,\quad R_t = \frac{1}{2}\sum_i\lambda_ia_i",
    normalisations=f"{SETTING} a, b, h: E w^2, E wy, E y^2 of an eigendirection, minus the optimum.",
    figure=feature_laws_figure,
)
def last_iterate(run: Any) -> Iterator[Any]:
    yield _simulated(run)
    yield _feature_laws(run)
    yield from _laws_of_the_risk(run)
    yield _dense(run)
    every = np.arange(CONFIGURATIONS["A"].last_step + 1)
    for batch_size in (1, 3):
        for law in LAWS:
            case = Case("A", batch_size, law)
            yield curve("theory", _curve(case), at=dict(batch_size=batch_size, law=law, step=every),
                        rivals={"Gaussian formula": _curve(Case("A", batch_size, "gaussian"))})  # fmt: skip


def _curve(case: Case, **changes: Any) -> np.ndarray:
    known = CONFIGURATIONS[case.configuration]
    arguments = case.arguments() | LAWS[case.law].moments | changes
    return risk_curve(**arguments, n_steps=known.last_step)


def _recorded(cases: list[Case], steps: list[np.ndarray], **changes: Any) -> np.ndarray:
    """Return the predicted risks, (n_cases, n_steps)."""
    return np.array([_curve(case, **changes)[at] for case, at in zip(cases, steps, strict=True)])


def _simulated(run: Any) -> Any:
    """Five schemes, and batches of one sample to many. With one sample a step, B has too heavy tails for a mean."""
    few = {("A", 1): 0.04, ("B", 2): 0.04, ("D", 2): 0.05}
    more = {("A", 1): 0.01, ("A", 8): 0.01, ("A", 64): 0.005, ("B", 2): 0.015, ("C", 4): 0.02, ("D", 2): 0.02,
            ("E", 2): 0.01}  # fmt: skip
    chosen = run.choose(quick=few, full=more)
    cases, precision = [Case(name, size, "gaussian") for name, size in chosen], np.array(list(chosen.values()))
    steps = [case.steps()[-2:] for case in cases]
    grid = run.grid(quick=[case.arguments() | dict(record_steps=at) for case, at in zip(cases, steps, strict=True)])
    # Larger batches of A spread less.
    narrower = [math.sqrt(CONFIGURATIONS[case.configuration].batch_size / case.batch_size) for case in cases]
    counts = [
        trials_for(max(share, 0.5) * CONFIGURATIONS[case.configuration].spread_last, wanted)
        for case, share, wanted in zip(cases, narrower, precision.tolist(), strict=True)
    ]
    trials = run.sample(simulate_risk_curve, grid, n_trials=counts, block=LARGE_BLOCK)
    plain = [
        risk_curve(**case.arguments() | dict(scheme=sgd_scheme(case.arguments()["scheme"].effective_learning_rate)),
                   n_steps=CONFIGURATIONS[case.configuration].last_step)[at]
        for case, at in zip(cases, steps, strict=True)
    ]  # fmt: skip
    return agreement(
        "last-iterate",
        trials.values,
        _recorded(cases, steps),
        precision=precision[:, np.newaxis],
        reason="exact at every size: nothing is allowed for",
        rivals={
            "no doubled Isserlis term (p = 0)": _recorded(cases, steps, kurtosis=2.0),
            "label noise alone": _recorded(cases, steps, multiplicative_noise=False),
            "SGD with the effective step": plain,
        },
        at=dict(
            configuration=np.array([case.configuration for case in cases])[:, np.newaxis],
            batch_size=np.array([case.batch_size for case in cases])[:, np.newaxis],
            step=np.array(steps),
        ),
    )


def _feature_laws(run: Any) -> Any:
    """Laws of the features that differ in kurtosis and radius."""
    cases = feature_law_cases(run)
    steps, precision = [case.steps() for case in cases], feature_law_precision(run, cases)
    grid = run.grid(quick=[case.arguments() | LAWS[case.law].drawn | dict(record_steps=at)
                           for case, at in zip(cases, steps, strict=True)])  # fmt: skip
    counts = feature_law_trials(cases, precision, tail=False)
    trials = run.sample(simulate_risk_curve, grid, n_trials=counts, block=LARGE_BLOCK // 4)
    return agreement(
        "feature-laws",
        trials.values,
        _recorded(cases, steps),
        precision=precision[:, np.newaxis],
        reason="exact at every size: nothing is allowed for",
        rivals={"Gaussian formula": _recorded(cases, steps, kurtosis=3.0, radial_fourth_moment=1.0)}
        | run.choose(quick={}, full={
            "kurtosis without the radius": _recorded(cases, steps, radial_fourth_moment=1.0),
            "radius without the kurtosis": _recorded(cases, steps, kurtosis=3.0),
        }),
        at=dict(
            configuration=np.array([case.configuration for case in cases])[:, np.newaxis],
            batch_size=np.array([case.batch_size for case in cases])[:, np.newaxis],
            law=np.array([case.law for case in cases])[:, np.newaxis],
            step=np.array(steps),
        ),
    )  # fmt: skip


def _laws_of_the_risk(run: Any) -> Iterator[Any]:
    """The sampler that draws sufficient statistics of a batch, and the one that draws its samples: the same law."""
    # batch size: trials, precision
    chosen = run.choose(quick={2: (32768, 0.02)}, full={1: (65536, 0.015), 8: (196608, 0.009), 64: (32768, 0.02)})
    for size, (n_trials, precision) in chosen.items():
        wrong = {}
        if size > 1:
            wrong["half the batch"] = _drawn_law(run, "exact_law", size // 2, n_trials)
        if size <= 8:  # by the central limit theorem they are alike for larger batches
            wrong["normal gradient of the right covariance"] = _drawn_law(run, "normal_gradient", size, n_trials)
        yield distribution(
            f"law-of-the-risk-m{size}",
            _drawn(run, "exact_law", size, n_trials),
            _drawn_law(run, "direct", size, n_trials),
            allowance=math.sqrt(math.log(2e4) / (2 * n_trials)),
            precision=precision,
            reason="the half-width (at 1e-4) of the law that is drawn sample by sample, the prediction here",
            rivals=wrong,
        )


def _drawn(run: Any, sampler: str, batch_size: int, n_trials: int) -> np.ndarray:
    grid = run.grid(quick=[dict(sampler=sampler)])
    trials = run.sample(simulate_risk_curve, grid, record_steps=[LAW_STEP], n_trials=n_trials, block=LARGE_BLOCK,
                        **CONFIGURATIONS["A"].problem(batch_size=batch_size))  # fmt: skip
    return trials.values[:, 0, 0]


def _drawn_law(run: Any, sampler: str, batch_size: int, n_trials: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return an empirical distribution function."""
    ordered = np.sort(_drawn(run, sampler, batch_size, n_trials))
    return lambda x: np.searchsorted(ordered, x, side="right") / len(ordered)


def _dense(run: Any) -> Any:
    """The recursion against all (2d)^2 second moments, in any law of the features."""
    cases, dense = dense_cases(run)
    return dense_check("dense-moments", cases, dense.last, lambda case, **changes: _curve(case, **changes)[-1])
