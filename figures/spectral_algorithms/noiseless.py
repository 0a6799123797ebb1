"""Noiseless learning curves: constants on the scale of the smallest eigenvalues, model by model."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import zeta

from assay import agreement, claim, curve, exponent, figure
from figures.spectral_algorithms import noiseless_drawings
from figures.spectral_algorithms._circle_models import POWER_LAWS, SETTING
from figures.spectral_algorithms._noiseless_tasks import (
    circle_curve,
    circle_noise,
    nearest_images,
    rescaled_loss,
    scaling_limit,
    simulate_noiseless,
    truncated_loss,
    wishart_curve,
)
from figures.spectral_algorithms.papers import SPECTRAL_ALGORITHMS
from theory.spectral_algorithms import circle_noiseless_constant, wishart_noiseless_constant

PARTS = ["interpolation", "optimal"]


@claim(
    "spectral_algorithms.11",
    paper=SPECTRAL_ALGORITHMS,
    label="Section 5.3 and Appendix E.3.4 (numbering unverified)",
    nature="asymptotic",
    status="beyond",
    statement="Without noise and for kappa < 2 nu the loss is a constant times N^-kappa, another one for the Circle "
    "than for the Wishart model; for kappa > 2 nu aliasing holds every profile on the Circle at N^(-2 nu). "
    "Interpolation of noisy labels never converges.",
    assumptions="Power laws without end; thresholds at most of the order of the smallest eigenvalues, N^-nu.",
    formula=r"\zeta_x(s) = \zeta(s,x)+\zeta(s,1-x),\quad N^\kappa L \to \int_0^{1/2}\{\zeta_x(\kappa+1)"
    r"-2h\frac{\zeta_x(\nu+\kappa+1)}{\zeta_x(\nu)}+h^2\frac{\zeta_x(2\nu)\zeta_x(\kappa+1)}{\zeta_x(\nu)^2}\}dx,\;\;"
    r"h = h(N^{-\nu}\zeta_x(\nu))"
    "\n"
    r"\mathrm{Wishart},\ h = 1:\quad N^\kappa L \to \frac{1}{2}C^\kappa\,\Gamma(2-\frac{\kappa}{\nu})"
    r"\Gamma(\frac{\kappa}{\nu}),\quad C = \frac{\pi/\nu}{\sin(\pi/\nu)}"
    "\n"
    r"\kappa>2\nu:\quad N^{2\nu}L \to \frac{1}{2}A_s[4\zeta(\nu)^2+2\zeta(2\nu)]\ (h=1),\quad "
    r"\frac{1}{2}A_s\,2\zeta(2\nu)\ (\mathrm{best}),\quad A_s = 2\zeta(\kappa+1-2\nu)-1"
    "\n"
    r"\mathrm{noise,}\ h = 1:\quad \sigma^2\int_0^{1/2}\frac{\zeta_x(2\nu)}{\zeta_x(\nu)^2}dx\ (\mathrm{Circle}),\quad "
    r"\frac{\sigma^2}{2}(\nu-1)\ (\mathrm{Wishart})",
    normalisations=f"{SETTING} Circle: {POWER_LAWS} Wishart: Gaussian features, l^-nu, l^(-kappa - 1), l = 1, 2, ...",
    figure=figure("spectral_algorithms.noiseless", noiseless_drawings.draw_noiseless),
)
def noiseless_constants(run: Any) -> Iterator[Any]:
    yield from _circle(run)
    yield from _wishart(run)
    yield from _scaling(run)
    yield from _aliasing(run)
    yield _simulated(run)


def _circle(run: Any) -> Iterator[Any]:
    """Interpolation and the best profile on the Circle: constants, the rate of approach, the limit beyond it."""
    laws = run.choose(quick=((1.5, 1.0), (2.0, 3.0)), full=((1.5, 1.0), (2.0, 0.5), (2.0, 3.0), (1.5, 2.5), (3.0, 2.0)))
    sizes = np.array(run.choose(quick=(500, 1000, 5000, 10**4), full=(10**3, 10**4, 10**5, 5 * 10**5, 10**6)))
    grid = run.grid(quick=[dict(n_samples=n, nu=nu, kappa=kappa) for nu, kappa in laws for n in sizes.tolist()])
    found = run.compute(circle_curve, grid)
    n, nu, kappa = (grid.column(name)[:, None] for name in ("n_samples", "nu", "kappa"))
    constants = np.array([[_circle_constant(*law, name) for name in PARTS] for law in laws])
    predicted = np.repeat(constants, len(sizes), axis=0) / n**kappa
    wishart = np.array([_wishart_constant(*law) for law in laws])[:, None]
    cut = run.compute(nearest_images, run.grid(quick=[dict(nu=law[0], kappa=law[1]) for law in laws]))
    rate = np.minimum(1, 2 * nu - kappa)
    rivals = {
        "Wishart model": wishart,
        "the other profile": constants[:, ::-1],
        "nearest images alone": cut.constant[:, None],
    }
    yield agreement(
        "circle-constants",
        found.losses,
        predicted,
        estimator="exact",
        allowance=7 / n**rate,
        precision=0.5 / n**rate,
        reason="correction of order N^-min(1, 2 nu - kappa), measured at most 6.2 of it",
        rivals={name: np.repeat(wrong * np.ones(2), len(sizes), axis=0) / n**kappa for name, wrong in rivals.items()},
        at=found.at(profile=PARTS),
    )
    shape = (len(laws), len(sizes), 2)
    gaps = np.abs(found.losses / predicted - 1).reshape(shape)
    rate = rate.reshape(shape[:2])[:, :1]
    at = dict(nu=np.array(laws)[:, :1], kappa=np.array(laws)[:, 1:], profile=np.array(PARTS))
    yield exponent(
        "rate-of-approach",
        sizes,
        np.swapaxes(gaps, 0, 1),
        -rate * np.ones(2),
        estimator="exact",
        precision=0.02,
        allowance=np.where(rate < 1, 0.03, 0.0),
        reason="slope of the relative correction; where 2 nu - kappa < 1 the next order is close",
        rivals={"-2 everywhere": -2.0, "2 nu - kappa everywhere": (at["kappa"] - 2 * at["nu"]) * np.ones(2)},
        at=at,
    )
    half, whole = (found.losses.reshape(shape)[:, i] * sizes[i] ** at["kappa"] for i in (-2, -1))
    gain = 2.0**rate
    yield agreement(
        "extrapolated",
        (gain * whole - half) / (gain - 1),
        constants,
        estimator="exact",
        allowance=np.where(rate < 1, 8.0, 60.0) / sizes[-1] ** np.where(rate < 1, 1.0, 2.0),
        precision=1e-9,
        reason="what is left after extrapolation from N/2 and N by the rate is of the next order",
        rivals={"a hundredth of a per cent more": 1.0001 * constants},
        at=at,
    )
    for law, constant in zip(laws, constants, strict=True):
        for name, size in zip(PARTS, constant, strict=True):
            yield curve("constant", size, at=dict(nu=law[0], kappa=law[1], profile=name))


def _wishart(run: Any) -> Iterator[Any]:
    """Interpolation of Gaussian features by its fixed point, and the noise of interpolation in both models."""
    laws = ((1.5, 1.0), (2.0, 0.5), (2.0, 3.0), (3.0, 2.0))
    sizes = run.choose(quick=(1000,), full=(1000, 4000, 16000))
    grid = run.grid(quick=[dict(n_samples=n, nu=nu, kappa=kappa) for nu, kappa in laws for n in sizes])
    found = run.compute(wishart_curve, grid)
    n, nu, kappa = (grid.column(name) for name in ("n_samples", "nu", "kappa"))
    constant = np.array([_wishart_constant(p["nu"], p["kappa"]) for p in grid])
    circle = np.array([_circle_constant(p["nu"], p["kappa"], "interpolation") for p in grid])
    close = np.where(2 * nu - kappa > 1, 0.0, 1.0) / n  # there the leading modes add another correction of order 1/n
    next_order = 1 - (kappa + 1) / (2 * n) - close
    yield agreement(
        "wishart-constants",
        found.loss,
        constant * next_order / n**kappa,
        estimator="exact",
        allowance=12 / n**2,
        precision=1e-6,
        reason="fixed point by sums and integrals; correction -(kappa + 1) / 2n, what follows is of the next order",
        rivals={
            "Circle model": circle / n**kappa,
            "error not inflated": constant * next_order / (nu * n**kappa),
            "no correction": constant / n**kappa,
        },
        at=found.at(),
    )
    grid = run.grid(quick=dict(nu=[1.2, 1.5, 2.0, 3.0], n_samples=list(run.choose(quick=(1000,), full=(1000, 10**4)))))
    n, nu = grid.column("n_samples"), grid.column("nu")
    noises = np.stack([run.compute(model, grid, kappa=1.0).noise for model in (circle_curve, wishart_curve)], axis=1)
    of_circle = run.compute(circle_noise, run.grid(quick=dict(nu=nu.tolist()))).limit
    limits = np.stack([of_circle, (nu - 1) / 2], axis=1)
    yield agreement(
        "noise-of-interpolation",
        noises,
        limits,
        estimator="exact",
        allowance=4 * np.column_stack([n, n]) ** -np.minimum(1, 2 * nu - 2)[:, None],
        precision=1e-6,
        reason="correction of order N^-min(1, 2 nu - 2), as is the weight of the first frequencies",
        rivals={"models exchanged": limits[:, ::-1], "falls like 1/N^(1/2)": limits * (100 / n[:, None]) ** 0.5},
        at=dict(nu=nu[:, None], n_samples=n[:, None], model=np.array(["Circle", "Wishart"])),
    )


def _scaling(run: Any) -> Iterator[Any]:
    """Thresholds in units of N^-nu: one curve for all N, an integral over frequencies."""
    laws = run.choose(quick=((2.0, 3.0),), full=((2.0, 3.0), (1.5, 1.0)))
    sizes = run.choose(quick=(1000,), full=(100, 1000, 10**4))
    thresholds = run.choose(quick=[0.3, 3.0, 30.0], full=np.geomspace(0.1, 300, 15).tolist())
    settings = [dict(algorithm=name, threshold=e, nu=nu, kappa=kappa) for name in ("ridge", "gradient_flow")
                for nu, kappa in laws for e in thresholds]  # fmt: skip
    found = run.compute(scaling_limit, run.grid(quick=settings))
    grid = run.grid(quick=[point | dict(n_samples=n) for point in settings for n in sizes])
    finite = run.compute(rescaled_loss, grid)
    n, threshold = grid.column("n_samples"), grid.column("threshold")
    relative = (7 + 1.2 * threshold ** (1 / grid.column("nu"))) / n
    yield agreement(
        "scaling-limit",
        finite.loss,
        np.repeat(found.limit, len(sizes)),
        estimator="exact",
        allowance=relative,
        precision=0.1 * relative,
        reason="correction of order one over the modes that are learnt, measured at most 6/N, and 22/N at the largest",
        rivals={"profile at the population eigenvalues": np.repeat(found.population, len(sizes)),
                "interpolation": [_circle_constant(p["nu"], p["kappa"], "interpolation") for p in grid]},
        at=finite.at(),
    )  # fmt: skip
    if run.scale != "quick":
        lines = [point | dict(threshold=e) for point in settings[:: len(thresholds)]
                 for e in np.geomspace(0.03, 300, 41).tolist()]  # fmt: skip
        grid = run.grid(full=lines)
        line = run.compute(scaling_limit, grid)
        yield curve("limit", line.limit, at=line.at())


def _aliasing(run: Any) -> Iterator[Any]:
    """Targets smoother than kappa = 2 nu: no profile on the Circle is faster than N^(-2 nu)."""
    laws = run.choose(quick=((1.5, 4.0),), full=((1.2, 4.0), (1.5, 4.0), (2.0, 6.0), (1.5, 3.5)))
    sizes = run.choose(quick=(10**4,), full=(10**4, 10**5))
    grid = run.grid(quick=[dict(n_samples=n, nu=nu, kappa=kappa) for nu, kappa in laws for n in sizes])
    found = run.compute(circle_curve, grid)
    n, nu, kappa = (grid.column(name)[:, None] for name in ("n_samples", "nu", "kappa"))
    leading = 0.5 * (2 * zeta(kappa + 1 - 2 * nu) - 1)
    interpolation, best = leading * (4 * zeta(nu) ** 2 + 2 * zeta(2 * nu)), leading * 2 * zeta(2 * nu)
    limits = np.concatenate([interpolation, best], axis=1) * n ** (-2 * nu)
    correction = n ** -np.minimum(1, kappa - 2 * nu)
    yield agreement(
        "aliasing-limit",
        found.losses,
        limits,
        estimator="exact",
        allowance=13 * correction,
        precision=1e-5,
        reason="corrections of order N^-min(1, kappa - 2 nu) and N^-nu, measured at most 12 of it",
        rivals={"N^-kappa goes on": limits * n ** (2 * nu - kappa),
                "eigenvalues do not alias": np.concatenate([best, best], axis=1) * n ** (-2 * nu)},
        at=found.at(profile=PARTS),
    )  # fmt: skip


def _simulated(run: Any) -> Any:
    """Simulated training on the same scale, of spectra that end at thirty times the number of points."""
    grid = run.grid(
        quick=[dict(algorithm=name, threshold=3.0, n_samples=101, nu=2.0, kappa=3.0) for name in ("ridge",)],
        full=[dict(algorithm=name, threshold=e, n_samples=n, nu=2.0, kappa=3.0) for name in ("ridge", "gradient_flow")
              for n, thresholds in ((101, (0.3, 3.0, 30.0, 150.0)), (400, (10.0,))) for e in thresholds],
    )  # fmt: skip
    precision = run.choose(quick=0.08, full=0.05)
    count = int(np.ceil((9 * 0.75 / precision) ** 2 / 16) * 16)
    trials = run.sample(simulate_noiseless, grid, n_trials=count, block=4096)
    further = run.grid(quick=[point | dict(threshold=point["threshold"] * point["n_samples"]) for point in grid])
    theory, wrong = (run.compute(truncated_loss, points).loss for points in (grid, further))
    return agreement(
        "simulated-training",
        trials.values,
        theory,
        precision=precision,
        reason="exact at every size: the statistical error alone",
        rivals={
            "thresholds of the order N^(1 - nu)": wrong,
            "half the loss": theory / 2,
        },
        at=trials.at(),
    )


@functools.cache
def _circle_constant(nu: float, kappa: float, algorithm: str) -> float:
    return circle_noiseless_constant(capacity_exponent=nu, source_exponent=kappa, algorithm=algorithm)


def _wishart_constant(nu: float, kappa: float) -> float:
    return wishart_noiseless_constant(capacity_exponent=nu, source_exponent=kappa)
