"""Variance: where the risk settles, how averages fall, and the sandwich, the ordering and the rate of the variance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, exponent, figure, structure
from figures.accelerated_sgd import variance_drawings
from figures.accelerated_sgd._configurations import CONFIGURATIONS, LARGE_BLOCK, SETTING, trials_for
from figures.accelerated_sgd._dense import DenseMoments
from figures.accelerated_sgd._feature_laws import LAWS
from figures.accelerated_sgd._variance_instances import ordering_instances, rate_instances, sandwich_instances
from figures.accelerated_sgd.papers import ACCELERATED_SGD
from simulations.accelerated_sgd import simulate_risk_curve, simulate_tail_average_risk
from theory.accelerated_sgd import (
    mode_stationary_variance,
    risk_curve,
    stability_trace,
    stationary_risk,
    tail_average_constant,
    tail_average_risk_curve,
    variance_sandwich,
)

variance_figure = figure("accelerated_sgd.variance", variance_drawings.draw_variance)

SYMBOLS = "l, x_i and p as for stability; V: risk of the tail average from w_0 = w*."
DENSE_VALUES = np.array([1.0, 0.6, 0.35, 0.1])
# Of accelerated SGD and SGD, by scanning single modes; 1/2 is proved.
UPPER_CONSTANTS, LOWER_CONSTANTS = np.array([0.645, 0.5]), np.array([0.0099, 0.073])


def _from_the_optimum(name: str, batch_size: int) -> dict[str, Any]:
    known = CONFIGURATIONS[name]
    return known.problem(batch_size=batch_size, initial_error=np.zeros_like(known.initial_error))


def _closed(function: Any, name: str, batch_size: int, **changes: Any) -> float:
    """Return a stationary quantity of a configuration."""
    known = CONFIGURATIONS[name]
    return function(known.eigenvalues, known.scheme, noise_variance=known.noise_variance, batch_size=batch_size,
                    **changes)  # fmt: skip


@claim(
    "accelerated_sgd.5",
    paper=ACCELERATED_SGD,
    label="amplification of the noise, in closed form",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="The risk of the last iterate settles at a closed value, and N times the risk of an average of N "
    "iterates tends to another, with a remainder of order 1/N; gradient noise amplifies both by 1/(1 - l).",
    assumptions="Stability trace l < 1; fresh samples, independent coordinates and an independent radius. "
    "Configurations A (lambda_i = 1/i, d = 12, accelerated SGD) and D (four eigenvalues, heavy ball) with m = 2.",
    formula=r"R_\infty = \frac{\sigma^2}{2m(1-\ell)}\,\sum_i\frac{\lambda_i^2f_i}{1-p\,x_i},\qquad "
    r"\lim_N N R_N = \frac{\sigma^2}{2m(1-\ell)}\,\sum_i\frac{1}{1-p\,x_i}"
    "\n"
    r"f = (1-\delta\lambda)^2g + \delta^2;\quad \mathrm{SGD,}\; r_4 = 1:\;\; R_\infty = \frac{\sigma^2\ell}{2(1-\ell)}",
    normalisations=f"{SETTING} {SYMBOLS}",
    figure=variance_figure,
)
def stationary(run: Any) -> Iterator[Any]:
    yield from _dense()
    yield _settled(run)
    yield _averages(run)
    sizes = 1000 * 2 ** np.arange(run.choose(quick=3, full=5))
    problems = [_from_the_optimum("A", 1), _from_the_optimum("D", 2)]
    limits = np.array([_closed(tail_average_constant, name, size) for name, size in (("A", 1), ("D", 2))])
    scaled = np.stack([sizes * tail_average_risk_curve(**problem, burn_in=0, n_average=int(sizes[-1]))[sizes - 1]
                       for problem in problems], axis=1)  # fmt: skip
    at = dict(configuration=np.array(["A", "D"]))
    yield exponent("remainder", sizes, np.abs(scaled / limits - 1), -1.0, estimator="exact", precision=1e-3,
                   reason="what is left besides 1/N falls exponentially", rivals={"-1/2": -0.5, "-2": -2.0},
                   at=at)  # fmt: skip
    single = [_closed(tail_average_constant, name, size, kurtosis=2.0) for name, size in (("A", 1), ("D", 2))]
    yield agreement("extrapolated", 2 * scaled[-1] - scaled[-2], limits, estimator="exact", precision=1e-8,
                    reason="the remainder c/N drops out; rounding over thousands of steps",
                    rivals={"p = 0": single, "the longest average": scaled[-1]}, at=at)  # fmt: skip
    lengths = np.unique(np.geomspace(1, 3000, 70).round().astype(int))
    for name in ("A", "D"):
        line = lengths * tail_average_risk_curve(**_from_the_optimum(name, 2), burn_in=0, n_average=3000)[lengths - 1]
        yield curve("average", line, at=dict(configuration=name, n_average=lengths),
                    rivals={"limit": np.full(len(lengths), _closed(tail_average_constant, name, 2))})  # fmt: skip


def _dense() -> Iterator[Any]:
    """Both closed values against the stationary moments of a dense linear system."""
    cases = [(name, law) for name in "ABD" for law in LAWS]
    settled, long_run, closed = [], [], []
    wrong: dict[str, list[tuple[float, float]]] = {"no amplification": [], "p = 0": []}
    for name, law in cases:
        known, moments = CONFIGURATIONS[name], LAWS[law].moments | dict(batch_size=4, noise_variance=0.3)
        values, scheme = DENSE_VALUES, known.scheme
        dense = DenseMoments(values, scheme, **moments)
        fixed = dense.stationary()
        settled.append(dense.risks(fixed))
        lags = 2 * np.linalg.solve(np.eye(len(fixed)) - dense.mean, fixed) - fixed
        long_run.append(dense.risks(lags))
        quiet = moments | dict(kurtosis=1 + 1 / moments["radial_fourth_moment"])
        del moments["noise_variance"], quiet["noise_variance"]
        both = np.array([[function(values, scheme, noise_variance=0.3, **some) for some in (moments, quiet)]
                         for function in (stationary_risk, tail_average_constant)])  # fmt: skip
        closed.append(both[:, 0])
        wrong["no amplification"].append(both[:, 0] * (1 - stability_trace(values, scheme, **moments)))
        wrong["p = 0"].append(both[:, 1])
    lookahead = [0.3 / 8 * float(DENSE_VALUES**2 @ mode_stationary_variance(DENSE_VALUES, CONFIGURATIONS[name].scheme)
                                 .lookahead) for name, _ in cases]  # fmt: skip
    at = dict(configuration=[name for name, _ in cases], law=[law for _, law in cases])
    rule = dict(estimator="exact", precision=1e-9, reason="rounding of a dense linear solve", at=at)
    columns = {name: np.array(pairs).T for name, pairs in wrong.items()}
    first, second = np.array(closed).T
    yield agreement(
        "settled-dense",
        settled,
        first,
        **rule,
        rivals={name: both[0] for name, both in columns.items()} | {"y for w, alone": lookahead},
    )
    yield agreement("average-dense", long_run, second, **rule, rivals={name: both[1] for name, both in columns.items()})


def _settled(run: Any) -> Any:
    """The last iterate from the optimum, late enough."""
    names, steps = ("A", "D"), np.array([200, 100])
    precision = np.array(run.choose(quick=(0.06, 0.06), full=(0.015, 0.02)))
    grid = run.grid(quick=[_from_the_optimum(name, 2) | dict(record_steps=np.array([step]))
                           for name, step in zip(names, steps.tolist(), strict=True)])  # fmt: skip
    counts = [trials_for(spread, wanted) for spread, wanted in zip((0.62, 1.1), precision.tolist(), strict=True)]
    trials = run.sample(simulate_risk_curve, grid, n_trials=counts, block=LARGE_BLOCK // 2)
    predicted = np.array([_closed(stationary_risk, name, 2) for name in names])
    left = [abs(risk_curve(**_from_the_optimum(name, 2), n_steps=step)[-1] / value - 1)
            for name, step, value in zip(names, steps.tolist(), predicted, strict=True)]  # fmt: skip
    traces = [stability_trace(CONFIGURATIONS[name].eigenvalues, CONFIGURATIONS[name].scheme, batch_size=2)
              for name in names]  # fmt: skip
    return agreement(
        "settled",
        [risks[:, 0] for risks in trials.values],
        predicted,
        allowance=left,
        precision=precision,
        reason="the exact distance from the limit at these steps",
        rivals={"no amplification": predicted * (1 - np.array(traces))},
        at=dict(configuration=np.array(names), step=steps),
    )


def _averages(run: Any) -> Any:
    """Averages from the optimum, of growing length."""
    names, lengths = ("A", "D"), np.array([10, 100, 400])
    grid = run.grid(quick=[_from_the_optimum(name, 2) for name in names])
    precision = 0.05 * np.array([[2.0, 1.0, 1.0]])  # short averages are skewed: no fewer trials at quick scale
    counts = [trials_for(spread, float(precision.min())) for spread in (0.47, 0.75)]
    trials = run.sample(simulate_tail_average_risk, grid, burn_in=0, record_lengths=lengths, n_trials=counts,
                        block=LARGE_BLOCK // 8)  # fmt: skip
    exact, additive = (
        np.array([tail_average_risk_curve(**problem, burn_in=0, n_average=400, multiplicative_noise=noisy)[lengths - 1]
                  for problem in grid])
        for noisy in (True, False)
    )  # fmt: skip
    limits = np.array([[_closed(tail_average_constant, name, 2)] for name in names])
    return agreement(
        "averages",
        [lengths * risks for risks in trials.values],
        lengths * exact,
        precision=precision,
        reason="exact at every length: nothing is allowed for",
        rivals={"the limit at every length": limits, "label noise alone": lengths * additive},
        at=dict(configuration=np.array(names)[:, np.newaxis], n_average=lengths),
    )


@claim(
    "accelerated_sgd.6",
    paper=ACCELERATED_SGD,
    label="variance: comparison with SGD and effective dimension",
    nature="bound",
    status="beyond",
    statement="The variance lies between that of label noise alone and an explicit multiple of it, tight at both ends; "
    "for gamma >= delta it is never below that of SGD with the same short step; and it is of the order of an "
    "effective-dimension sum in the long step gamma. The first is proved, the others hold on every instance tried.",
    assumptions="Stability trace l < 1; Gaussian features and alpha = 1/(1 + beta) for ordering and rate; for the rate "
    "one sample a step and N (1 - c) >= 4.",
    formula=r"V_{\mathrm{add}} \leq V \leq \max_i\frac{1}{1-p\,x_i}\,\frac{1}{1-\ell}\,V_{\mathrm{add}};\qquad "
    r"\gamma\geq\delta:\;\; V(\mathrm{accelerated}) \geq V(\mathrm{SGD},\,\delta)"
    "\n"
    r"C_1\,D \leq \frac{V}{\sigma^2} \leq C_2\,\max_i\frac{1}{1-x_i}\,\frac{D}{1-\ell},\quad "
    r"D = \sum_i\min\{\frac{1}{N},\ \gamma\lambda_i,\ (s+N)\,\gamma^2\lambda_i^2\},\quad "
    r"k^* = \#\{\lambda_i \geq \frac{1}{N\gamma}\}",
    normalisations=f"{SETTING} {SYMBOLS} V_add: the same with the noise of the labels alone. C_1, C_2: 0.0099, 0.645 "
    "for accelerated SGD, 0.073, 1/2 for SGD (gamma = delta), which single modes reach; 1/2 is proved.",
    figure=variance_figure,
)
def variance(run: Any) -> Iterator[Any]:
    batches = run.grid(quick=dict(batch=[0]), full=dict(batch=list(range(10))))
    inside = run.compute(sandwich_instances, batches, n_instances=200)
    exact, lower, upper = (getattr(inside, name).ravel() for name in ("exact", "lower", "upper"))
    at = dict(instance=np.arange(exact.size), ratio=exact / lower, largest=upper / lower)
    yield bound("lower-end", exact, lower, upper=False, tightness=1e-3, rounding=1e-9, at=at,
                reason="rounding; reached where gradient noise is small",
                rivals={"two per cent more": 1.02 * lower})  # fmt: skip
    yield bound("upper-end", exact, upper, tightness=1e-3, rounding=1e-9, at=at,
                reason="rounding; reached by isotropic features and long averages",
                rivals={"1/(1 - l) alone": inside.one_factor.ravel()})  # fmt: skip
    order = run.compute(ordering_instances, batches, n_instances=150)
    instances = order.at(instance=np.arange(150))
    yield structure("never-below-sgd", order.longer_step, precision=1e-12, at=instances,
                    reason="rounding; how far the whole curves of last iterates and averages fall below SGD's",
                    rivals={"for gamma = delta/2 too": order.half_step,
                            "than SGD with the effective step": order.effective_step})  # fmt: skip
    yield structure("closed-forms-in-order", order.closed_forms, precision=1e-12, at=instances,
                    reason="rounding; stability trace and constant of long averages",
                    rivals={"for gamma = delta/2 too": order.closed_half_step})  # fmt: skip
    yield from _rate(run.compute(rate_instances, batches, n_instances=200))
    yield _simulated(run)


def _rate(found: Any) -> Iterator[Any]:
    """The effective-dimension sum, from above and from below."""
    rate, exact = found.rate, found.exact
    at = found.at(instance=np.arange(rate.shape[1]), scheme=["accelerated", "sgd"])
    at |= dict(rate=rate, factor=found.factor)
    ceiling = UPPER_CONSTANTS * found.factor
    yield bound("rate-from-above", exact, ceiling * rate, tightness=0.03, at=at,
                reason="constants rounded up by a hundredth; reached by a damped oscillation with N (1 - c) = 4",
                rivals={"short step for gamma": ceiling * found.short_step,
                        "1/2 for accelerated SGD too": 0.5 * found.factor * rate})  # fmt: skip
    yield bound("rate-from-below", exact, LOWER_CONSTANTS * rate, upper=False, tightness=0.1, at=at,
                reason="constants rounded down by a hundredth; reached by short averages from the start",
                rivals={"min{1/N, gamma lambda} alone": LOWER_CONSTANTS * found.two_terms,
                        "amplified by 1/(1 - l) and 1/(1 - x)": LOWER_CONSTANTS * found.factor * rate})  # fmt: skip


def _simulated(run: Any) -> Any:
    """The variance in the middle of the sandwich, simulated."""
    cases = (("A", 1), ("C", 4), ("D", 2))
    precision = run.choose(quick=(0.06, 0.06, 0.08), full=(0.0065, 0.03, 0.02))
    grid, ends, exact = [], [], []
    for name, size in cases:
        known, problem = CONFIGURATIONS[name], _from_the_optimum(name, size)
        sizes = dict(burn_in=known.burn_in, n_average=known.n_average)
        grid.append(problem | dict(burn_in=known.burn_in, record_lengths=np.array([known.n_average])))
        exact.append(tail_average_risk_curve(**problem, **sizes)[-1])
        ends.append(variance_sandwich(known.eigenvalues, known.scheme, **sizes, noise_variance=known.noise_variance,
                                      batch_size=size))  # fmt: skip
    counts = [trials_for(spread, wanted) for spread, wanted in zip((0.5, 0.38, 0.78), precision, strict=True)]
    trials = run.sample(simulate_tail_average_risk, run.grid(quick=grid), n_trials=counts, block=LARGE_BLOCK // 2)
    return agreement(
        "simulated-variance",
        [risks[:, 0] for risks in trials.values],
        exact,
        precision=precision,
        reason="exact at every size: nothing is allowed for",
        rivals={"lower end": [one.lower for one in ends], "upper end": [one.upper for one in ends]},
        at=dict(configuration=np.array([name for name, _ in cases]), batch_size=np.array([size for _, size in cases]),
                lower=[one.lower for one in ends], upper=[one.upper for one in ends]),
    )  # fmt: skip
