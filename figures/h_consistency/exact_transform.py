"""The exact transform: what the published one becomes above tau = 1, where the number of classes hardly matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure
from figures.h_consistency import transform_drawings
from figures.h_consistency._exact_numerics import (
    best_mixture,
    bounds_against_classes,
    least_regrets_by_programs,
    ratios_to_two_classes,
    three_class_ratios,
)
from figures.h_consistency._least_regrets import (
    DISTANCE_OF_PAIRS,
    along,
    least_ratios,
    least_slacks,
    searched_regrets,
    simulate_frontier,
)
from figures.h_consistency.papers import CROSS_ENTROPY
from figures.h_consistency.published_transform import SETTING, published, two_classes
from theory.h_consistency import critical_tau, h_consistency_bound, simple_bound, tight_bound, tight_transform

classes_figure = figure("h_consistency.number-of-classes", transform_drawings.draw_number_of_classes)

CRITICAL_BETA = 0.600134  # where three classes first cost as little as two
SHOWN_REGRET, SHOWN_TAUS = 0.01, (1.0, 1.3, 1.6, 1.8, 2.0)
MIXED_BETAS = (0.05, 0.15, 0.25, 1 / 3, 0.375, 0.45, 0.5, 0.6, 2 / 3, 0.8, 0.95)


@claim(
    "h_consistency.3",
    paper=CROSS_ENTROPY,
    label="beyond Theorem 3.2 (numbering unverified)",
    nature="exact",
    status="beyond",
    evidence="numerical",
    statement="Up to tau = 1.66298... the least surrogate regret of a zero-one regret is that of two classes, whatever "
    "the number of classes; above, it is an explicit minimum over pools of equal classes, so that the class-count "
    "factor of the published bound can be dropped or reduced.",
    assumptions="A result of this project, certified numerically and not proved; it contradicts no paper. Unbounded "
    "scores. For distributions the lower convex envelope takes the place of the transform.",
    formula=r"T^{\mathrm{ex}}_{\tau,n}(\beta) = \frac{2^{1-\tau}}{\tau-1}\,[D^{2-\tau} - 1]\quad "
    r"(\tau\leq\tau_c = 1.66298\ldots,\;\;\mathrm{any}\;n)"
    "\n"
    r"\tau_c<\tau<2:\;\; \min_{m,\,P}\;\frac{1}{\tau-1}\,[\,B^{2-\tau} - A^{2-\tau}]\quad "
    r"\mathrm{at}\;\; p = (P,\,P-\beta,\,r,\ldots,r),\quad r = \frac{1-2P+\beta}{m}"
    "\n"
    r"\tau = 2:\;\; \min\{\frac{\beta}{K+1},\;\beta - \frac{1}{K+2}\},\quad K = \min(\lfloor 1/\beta\rfloor,\,n-1)"
    "\n"
    r"\tau>2:\;\; \frac{1}{\tau-1}\min\{\beta,\;\min_{2\leq m\leq n}[P - m^{1-\tau}\min(mP-\beta,\,1)]\},\quad "
    r"P = \max(\beta,\,\frac{1+\beta}{n})",
    normalisations=f"{SETTING} B is the sum of p^alpha, A the same after sharing in the pool of the predicted class; "
    "the second term at tau = 2 counts only if K + 1 < n.",
    figure=classes_figure,
)
def exact_transform(run: Any) -> Iterator[Any]:
    yield from _random_pairs(run)
    yield from _searches(run)
    yield _onset(run)
    yield _critical_tau(run)
    yield _linear_programs(run)
    yield _mixtures(run)
    yield _factor_gained(run)
    yield _reached(run)
    yield from _curves(run)


def exact(beta: np.ndarray, tau: float, n_classes: int) -> np.ndarray:
    return tight_transform(beta, tau=tau, n_classes=n_classes)


def _random_pairs(run: Any) -> Iterator[Any]:
    """Every pair against the exact transform, and how close the best of them come to it with three classes."""
    frontier = simulate_frontier(run, [(tau, n) for tau in (1.5, 1.8, 2.0, 3.0) for n in (3, 10)])
    points = least_slacks(frontier, exact)
    yield bound(
        "random-pairs",
        points["regret"],
        along(exact, points),
        upper=False,
        unit="absolute",
        reason=f"{frontier.n_pairs:.0e} pairs in each setting, each against the transform at the left edge of its bin, "
        "1/4096 wide; rounding of risks of order one",
        rivals={"two classes for every tau": along(two_classes, points)},
        at={name: points[name] for name in ("tau", "n_classes", "beta")},
    )
    points = least_ratios(frontier, exact)
    shown = (points["n_classes"] == 3) & (points["tau"] < 1.8)
    points = {name: values[shown] for name, values in points.items()}
    yield agreement(
        "random-pairs-come-close",
        points["regret"],
        along(exact, points),
        estimator="exact",
        precision=run.choose(quick=0.04, full=0.01),
        reason=DISTANCE_OF_PAIRS,
        rivals={"published": along(published, points)},
        at={name: points[name] for name in ("tau", "n_classes", "beta")},
    )


def _searches(run: Any) -> Iterator[Any]:
    """Guided searches over p, whose best scores are known: never below the transform, and close to it."""
    grid = run.grid(
        quick=dict(tau=[1.2, 1.5, 1.8, 2.0], n_classes=[3, 4]),
        full=dict(tau=[1.05, 1.2, 1.4, 1.5, 1.6, 1.65, 1.7, 1.8, 1.9, 1.95, 2.0], n_classes=[3, 4, 5, 6, 10]),
    )  # fmt: skip
    betas = run.choose(quick=[0.1, 0.3, 0.6, 0.9], full=[0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    steps, restarts = run.choose(quick=(20_000, 1), full=(50_000, 3))
    found = run.compute(searched_regrets, grid, betas=betas, n_steps=steps, n_restarts=restarts, seed=run.seed)
    at = found.at(beta=betas)
    predicted, two = along(exact, at), along(two_classes, at)
    yield bound(
        "searches",
        found.values,
        predicted,
        upper=False,
        rounding=1e-11,
        tightness=1e-9,
        reason="differences of risks of order one that are at least 1e-4: rounding measured at most 2e-12",
        rivals={"two classes for every tau": two},
        at=at,
    )
    yield agreement(
        "attained",
        found.values,
        predicted,
        estimator="exact",
        precision=5e-6,
        reason="a search with ten classes ends within 6e-6 of the minimum, and the best of three within 2e-7",
        rivals={"published": along(published, at), "two classes for every tau": two},
        at=at,
    )


def _onset(run: Any) -> Any:
    """Searches on either side of the critical tau, from three to a hundred classes."""
    taus = [1.5, 1.662, 1.664, 1.7]
    grid = run.grid(quick=dict(tau=taus, n_classes=[3, 5]), full=dict(tau=taus, n_classes=[*range(3, 21), 50, 100]))
    found = _at_critical_beta(run, grid)
    tau = grid.column("tau")
    return agreement(
        "onset",
        found,
        [exact(CRITICAL_BETA, **point) / two_classes(CRITICAL_BETA, **point) for point in grid],
        estimator="exact",
        precision=1e-8,
        reason="least regret at beta = 0.600134 over the two-class transform; a search ends within 1e-8 of the minimum",
        rivals={
            "two classes up to tau = 5/3": np.where(tau < 5 / 3, 1.0, three_class_ratios(tau, CRITICAL_BETA)),
            "three classes from tau = 3/2 on": three_class_ratios(tau, CRITICAL_BETA),
        },
        at=dict(tau=tau, n_classes=grid.column("n_classes")),
    )


def _critical_tau(run: Any) -> Any:
    """The tau at which the least regret leaves the two-class transform, extrapolated from searches above it."""
    taus = [1.6635, 1.664, 1.6645, 1.665]
    classes = run.choose(quick=[3, 5], full=[3, 4, 5, 6, 10, 20, 100])
    grid = run.grid(quick=dict(n_classes=classes, tau=taus))
    gains = 1000.0 * (1.0 - _at_critical_beta(run, grid).reshape(len(classes), len(taus)))
    return agreement(
        "critical-tau",
        [np.linalg.solve(np.vander(gain), taus)[-1] for gain in gains],  # tau as a cubic of the gain, at gain 0
        critical_tau(),
        estimator="exact",
        precision=1e-9,
        reason="cubic extrapolation over 0.0005 from four searches at beta = 0.600134, the place of the first contact",
        rivals={"3/2": 1.5, "5/3": 5 / 3},
        at=dict(n_classes=classes),
    )


def _at_critical_beta(run: Any, grid: Any) -> np.ndarray:
    """Return the least regrets found at the critical beta over the two-class transform, one for each point."""
    found = run.compute(searched_regrets, grid, betas=[CRITICAL_BETA], n_steps=40_000, n_restarts=1, seed=run.seed)
    return found.values[:, 0] / [two_classes(CRITICAL_BETA, **point) for point in grid]


def _linear_programs(run: Any) -> Any:
    """From tau = 2 on the regret is linear in p for every size of the pool: a linear program for each."""
    grid = run.grid(quick=dict(tau=[2.0, 3.0], n_classes=[3, 5]),
                    full=dict(tau=[2.0, 2.2, 2.5, 3.0, 5.0], n_classes=[2, 3, 4, 6, 10]))  # fmt: skip
    betas = run.choose(quick=[0.1, 0.4, 0.7], full=[0.02, 0.1, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9])
    found = run.compute(least_regrets_by_programs, grid, betas=betas)
    at = found.at(beta=betas)
    return agreement(
        "linear-programs",
        found.values,
        along(exact, at),
        estimator="exact",
        precision=1e-10,
        reason="the solver ends at a vertex: rounding, relative to regrets of at least 1e-5",
        rivals={"published": along(published, at), "two classes for every tau": along(two_classes, at)},
        at=at,
    )


def _mixtures(run: Any) -> Any:
    """Distributions over two inputs, each with the least regret that a search found, against the bound."""
    grid = run.grid(
        quick=dict(tau=[1.5, 2.0], n_classes=[4]), full=dict(tau=[1.5, 1.7, 1.8, 1.9, 2.0], n_classes=[4, 10])
    )
    found = run.compute(searched_regrets, grid, betas=MIXED_BETAS, n_steps=40_000, n_restarts=1, seed=run.seed)
    weight = np.array([0.2, 0.4, 0.6, 0.8])[:, np.newaxis]
    first, second = np.triu_indices(len(MIXED_BETAS), 1)

    def mixed(values: np.ndarray) -> np.ndarray:
        return weight * values[..., np.newaxis, first] + (1.0 - weight) * values[..., np.newaxis, second]

    regret, zero_one = mixed(found.values), mixed(np.array(MIXED_BETAS))
    fine = np.linspace(0.0, 1.0, 2001)
    return bound(
        "mixtures",
        zero_one,
        [tight_bound(rows, **point) for rows, point in zip(regret, grid, strict=True)],
        rounding=1e-10,
        tightness=1e-9,
        reason="the envelope is accurate to 1e-11; its chords are attained by mixtures",
        rivals={
            "inverse without the convex envelope": [
                np.interp(rows, exact(fine, **point), fine) for rows, point in zip(regret, grid, strict=True)
            ],
            "half the regret": [tight_bound(rows / 2, **point) for rows, point in zip(regret, grid, strict=True)],
        },
        at={name: grid.column(name)[:, np.newaxis, np.newaxis] for name in grid[0]}
        | dict(weight=weight, first=np.array(MIXED_BETAS)[first], second=np.array(MIXED_BETAS)[second]),
    )


def _factor_gained(run: Any) -> Any:
    """What the square of the published bound loses at small regret."""
    grid = run.grid(quick=dict(tau=[1.2, 1.65], n_classes=[3, 1000]),
                    full=dict(tau=[1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.65], n_classes=[2, 3, 10, 100, 1000]))  # fmt: skip
    tau, n = grid.column("tau")[:, np.newaxis], grid.column("n_classes")[:, np.newaxis]
    forms = {"published": h_consistency_bound, "simple": simple_bound}
    ratio = [[form(1e-9, **point) / tight_bound(1e-9, **point) for form in forms.values()] for point in grid]
    gained = (n / 2.0) ** (tau - 1.0) * np.hstack([np.ones_like(tau), 1.0 / (2.0 - tau)])
    return agreement(
        "factor-gained",
        np.square(ratio),
        gained,
        estimator="exact",
        precision=1e-6,
        reason="next order in the regret, 1e-9",
        rivals={"n^(tau - 1)": n ** (tau - 1.0), "published and simple exchanged": gained[:, ::-1]},
        at=dict(tau=tau, n_classes=n, form=list(forms)),
    )


def _reached(run: Any) -> Any:
    """The largest zero-one regret that mixtures of searched minima reach at a fixed surrogate regret."""
    grid = run.grid(quick=dict(tau=[1.3, 2.0], n_classes=[3]), full=dict(tau=SHOWN_TAUS, n_classes=[3, 10, 30]))
    betas = np.unique([*np.geomspace(0.05, 0.25, 24), *(1.0 / np.arange(4, 21))]).tolist()
    found = run.compute(searched_regrets, grid, betas=betas, n_steps=20_000, n_restarts=1, seed=run.seed)
    reached = [best_mixture(np.append(0.0, regrets), np.append(0.0, betas), SHOWN_REGRET) for regrets in found.values]
    return agreement(
        "reached",
        reached,
        [tight_bound(SHOWN_REGRET, **point) for point in grid],
        estimator="exact",
        precision=0.003,
        reason="mixtures of zero-one regrets that are 7 per cent apart: the chord costs 0.1 per cent",
        rivals={"published": [h_consistency_bound(SHOWN_REGRET, **point) for point in grid]},
        at=found.at(),
    )


def _curves(run: Any) -> Iterator[Any]:
    """For the figure: bounds at a fixed regret against the number of classes, and the exact over the two-class form."""
    classes = run.choose(quick=[2, 10, 100], full=np.unique(np.geomspace(2, 1000, 28).round().astype(int)).tolist())
    grid = run.grid(quick=dict(tau=SHOWN_TAUS))
    lines = run.compute(bounds_against_classes, grid, classes=classes, surrogate_regret=SHOWN_REGRET)
    at = dict(tau=grid.column("tau")[:, np.newaxis], n_classes=np.array(classes))
    yield curve("classes", lines.exact, at=at, rivals={"published": lines.published})
    taus, betas = (
        np.linspace(1.5, 2.0, run.choose(quick=11, full=61)),
        np.linspace(0.005, 1.0, run.choose(quick=15, full=101)),
    )
    phase = run.compute(ratios_to_two_classes, run.grid(quick=dict(n_classes=[10])), taus=taus, betas=betas)
    yield curve("phase", phase.values[0], at=dict(tau=taus[:, np.newaxis], beta=betas, n_classes=10,
                                                  critical_tau=critical_tau()))  # fmt: skip
