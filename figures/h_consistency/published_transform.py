"""The published transform between surrogate and zero-one regret: valid, and where it is attained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure, structure
from figures.h_consistency import transform_drawings
from figures.h_consistency._least_regrets import (
    DISTANCE_OF_PAIRS,
    along,
    least_ratios,
    least_slacks,
    searched_regrets,
    simulate_frontier,
)
from figures.h_consistency.papers import CROSS_ENTROPY
from theory.h_consistency import (
    conditional_risk,
    h_consistency_bound,
    h_consistency_transform,
    optimal_conditional_risk,
    simple_transform,
    tight_transform,
)

headline = figure("h_consistency.transforms", transform_drawings.draw_transforms)

SETTING = (
    "beta is the conditional zero-one regret max p - p(predicted), ties against the classifier; Delta the conditional "
    "surrogate regret; natural logarithms; Gamma, the inverse of T, is 1 from T(1) on."
)
SHOWN_CLASSES, SHOWN_TAUS = 10, (0.0, 0.5, 1.0, 1.5, 1.8, 2.0)


@claim(
    "h_consistency.2",
    paper=CROSS_ENTROPY,
    label="Theorems 3.1 and 3.2 (numbering unverified)",
    nature="bound",
    evidence="proved",
    statement="As we understand the statement: for symmetric and complete hypothesis sets an explicit transform of the "
    "zero-one regret bounds the surrogate regret from below, and it is attained for tau up to 1; with two classes it "
    "is attained for every tau up to 2.",
    assumptions="Unbounded scores, checked pointwise: p and h at one input. For expectations the regrets are those "
    "with minimizability gaps, and convexity of T does the rest.",
    formula=r"R_{01}(h) - R^\ast_{01}(H) + M_{01}(H) \leq \Gamma_\tau(R_\tau(h) - R^\ast_\tau(H) + M_\tau(H)),\quad "
    r"\Gamma_\tau = T_\tau^{-1},\quad D = \frac{(1+\beta)^{\alpha} + (1-\beta)^{\alpha}}{2},\;\; "
    r"\alpha = \frac{1}{2-\tau}"
    "\n"
    r"T_\tau = \frac{2^{1-\tau}}{1-\tau}\,[1 - D^{2-\tau}]\;\;(\tau<1),\qquad "
    r"T_1 = \frac{1+\beta}{2}\log(1+\beta) + \frac{1-\beta}{2}\log(1-\beta)"
    "\n"
    r"T_\tau = \frac{1}{(\tau-1)\,n^{\tau-1}}\,[D^{2-\tau} - 1]\;\;(1<\tau<2),\qquad "
    r"T_\tau = \frac{\beta}{(\tau-1)\,n^{\tau-1}}\;\;(\tau\geq 2)",
    normalisations=SETTING,
    figure=headline,
)
def published_transform(run: Any) -> Iterator[Any]:
    yield from _random_pairs(run)
    yield from _searches(run)
    yield _attaining_instance(run)
    yield _inverses(run)
    yield _simple_form(run)
    beta = np.linspace(0.0, 1.0, 301)
    for tau in SHOWN_TAUS:
        yield curve("theory", published(beta, tau, SHOWN_CLASSES), at=dict(tau=tau, n_classes=SHOWN_CLASSES, beta=beta),
                    rivals={"exact": tight_transform(beta, tau=tau, n_classes=SHOWN_CLASSES)})  # fmt: skip


def published(beta: np.ndarray, tau: float, n_classes: int) -> np.ndarray:
    return h_consistency_transform(beta, tau=tau, n_classes=n_classes)


def simple(beta: np.ndarray, tau: float, n_classes: int) -> np.ndarray:
    return simple_transform(beta, tau=tau, n_classes=n_classes)


def prefactor_with_classes(beta: np.ndarray, tau: float, n_classes: int) -> np.ndarray:
    """The prefactor n^(1 - tau) below tau = 1 as well."""
    factor = (n_classes / 2.0) ** (1.0 - tau) if tau < 1.0 else 1.0
    return factor * published(beta, tau, n_classes)


def two_classes(beta: np.ndarray, tau: float, n_classes: int) -> np.ndarray:
    """The prefactor 2^(1 - tau) for every tau and any number of classes."""
    return published(beta, tau, 2)


def attained(tau: float, n_classes: int) -> bool:
    return tau <= 1.0 or n_classes == 2


def _random_pairs(run: Any) -> Iterator[Any]:
    """Every pair against the transform, and how close the best of them come to it."""
    frontier = simulate_frontier(run, [(tau, n) for tau in (0.0, 0.5, 1.0, 1.5, 2.0) for n in (2, 3, 10)])
    points = least_slacks(frontier, published)
    yield bound(
        "random-pairs",
        points["regret"],
        along(published, points),
        upper=False,
        unit="absolute",
        reason=f"{frontier.n_pairs:.0e} pairs in each setting, each against T at the left edge of its bin, 1/4096 "
        "wide; rounding of risks of order one",
        rivals={
            "prefactor n^(1 - tau) for every tau": along(prefactor_with_classes, points),
            "prefactor 2^(1 - tau) for every tau": along(two_classes, points),
        },
        at={name: points[name] for name in ("tau", "n_classes", "beta")},
    )
    points = least_ratios(frontier, published)
    shown = [attained(tau, n) and n < 10 for tau, n in zip(points["tau"], points["n_classes"], strict=True)]
    points = {name: values[shown] for name, values in points.items()}
    yield agreement(
        "random-pairs-come-close",
        points["regret"],
        along(published, points),
        estimator="exact",
        precision=run.choose(quick=0.04, full=0.01),
        reason=DISTANCE_OF_PAIRS,
        rivals={"the simple transform": along(simple, points)},
        at={name: points[name] for name in ("tau", "n_classes", "beta")},
    )


def _searches(run: Any) -> Iterator[Any]:
    """Guided searches for the least regret: never below the transform, and on it where it is attained."""
    taus, classes = run.choose(quick=(SHOWN_TAUS, [SHOWN_CLASSES, 2]), full=(SHOWN_TAUS, [SHOWN_CLASSES, 2, 3, 5]))
    betas = run.choose(quick=np.linspace(0.1, 0.9, 9), full=np.linspace(0.05, 0.95, 19)).round(10).tolist()
    grid = run.grid(quick=dict(tau=taus, n_classes=classes))
    steps = run.choose(quick=20_000, full=50_000)
    found = run.compute(searched_regrets, grid, betas=betas, n_steps=steps, n_restarts=1, seed=run.seed)
    at = found.at(beta=betas)
    yield bound(
        "searches",
        found.values,
        along(published, at),
        upper=False,
        rounding=1e-11,
        tightness=1e-9,
        reason="differences of risks of order one that are at least 1e-3; a search ends within 1e-9 of the minimum",
        rivals={
            "prefactor n^(1 - tau) for every tau": along(prefactor_with_classes, at),
            "prefactor 2^(1 - tau) for every tau": along(two_classes, at),
        },
        at=at,
    )
    tight = [attained(point["tau"], point["n_classes"]) for point in grid]
    at = {name: at[name][tight] for name in grid[0]} | dict(beta=betas)
    yield agreement(
        "attained",
        found.values[tight],
        along(published, at),
        estimator="exact",
        precision=1e-8,
        reason="a search ends within 1e-8 of a minimum with two classes, measured at most 1e-11",
        rivals={
            "the simple transform": along(simple, at),
            "prefactor n^(1 - tau) for every tau": along(prefactor_with_classes, at),
        },
        at=at,
    )


def _attaining_instance(run: Any) -> Any:
    """The regret of two classes with probabilities (1 +- beta)/2 and tied scores, all other scores minus infinity."""
    settings = [(tau, n) for tau in (0.0, 0.5, 1.0) for n in (2, 3, 10)] + [(tau, 2) for tau in (1.3, 1.5, 1.8)]
    beta = np.linspace(0.0, 1.0, run.choose(quick=51, full=501))

    def deviations(other_score: float, transform: Any) -> list[np.ndarray]:
        rows = []
        for tau, n in settings:
            p = np.zeros((len(beta), n))
            p[:, 0], p[:, 1] = (1.0 + beta) / 2.0, (1.0 - beta) / 2.0
            scores = np.array([0.0, 0.0, *[other_score] * (n - 2)])
            regret = conditional_risk(p, scores, tau=tau) - optimal_conditional_risk(p, tau=tau)
            rows.append(regret - transform(beta, tau, n))
        return rows

    tau, n_classes = np.array(settings).T[..., np.newaxis]
    return structure(
        "attaining-instance",
        deviations(-np.inf, published),
        precision=1e-14,
        reason="an identity: rounding of risks of order one",
        rivals={"the simple transform": deviations(-np.inf, simple)},
        controls={"other scores -25": deviations(-25.0, published)},
        at=dict(tau=tau, n_classes=n_classes, beta=beta),
    )


def _inverses(run: Any) -> Any:
    """The bound against the inverses that are closed: tau = 0, 3/2 and 2."""
    classes = np.array(run.choose(quick=[2, 10], full=[2, 3, 10, 100]))[:, np.newaxis]
    t = np.geomspace(1e-8, 0.15, run.choose(quick=20, full=200))
    ours = np.array([[h_consistency_bound(t, tau=tau, n_classes=n) for n in classes[:, 0].tolist()]
                     for tau in (0.0, 1.5, 2.0)])  # fmt: skip

    def closed(n: np.ndarray, two: float) -> np.ndarray:
        generalised = np.sqrt(np.sqrt(n) * t * (1.0 + np.sqrt(n) * t / 4.0))
        return np.minimum(np.stack([np.sqrt(t * (two - t)) + 0.0 * n, generalised, n * t]), 1.0)

    return agreement(
        "closed-inverses",
        ours,
        closed(classes, 2.0),
        estimator="exact",
        precision=1e-12,
        reason="inverted to rounding",
        rivals={"t (1 - t) at tau = 0": closed(classes, 1.0), "n for its root, and n^2": closed(classes**2, 2.0)},
        at=dict(tau=np.array([0.0, 1.5, 2.0])[:, np.newaxis, np.newaxis], n_classes=classes, surrogate_regret=t),
    )


def _simple_form(run: Any) -> Any:
    """The simple transform below the published one, which it meets at small beta up to tau = 1."""
    taus = np.array(run.choose(quick=[0.0, 0.5, 1.0, 1.5, 1.9], full=np.linspace(0.0, 1.9, 20)))
    beta = np.geomspace(1e-3, 1.0, run.choose(quick=20, full=100))
    setting = dict(tau=taus[:, np.newaxis, np.newaxis], n_classes=np.array([2, 3, 10])[:, np.newaxis], beta=beta)
    tau = setting["tau"]
    return bound(
        "simple-transform",
        along(published, setting),
        along(simple, setting),
        upper=False,
        tightness=1e-6,
        reason="an inequality: rounding; the next order is beta^2, 1e-6 at the smallest beta",
        rivals={"beta^2 / (2^tau (2 - tau)) up to tau = 2": beta**2 / (2.0**tau * (2.0 - tau))},
        at=setting,
    )
