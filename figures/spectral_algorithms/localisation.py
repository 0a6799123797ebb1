"""Localisation: on which eigenvalues bias and noise of the best threshold live, and how saturation moves the bias."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, exponent, figure
from figures.spectral_algorithms import localisation_drawings
from figures.spectral_algorithms._circle_models import POWER_LAWS, SETTING
from figures.spectral_algorithms._localisation_tasks import (
    at_the_best_threshold,
    densities,
    order,
    qualification,
    simulate_at_threshold,
)
from figures.spectral_algorithms.papers import SPECTRAL_ALGORITHMS

CASES = (
    (1.5, 1.0, "ridge"),
    (1.5, 1.0, "gradient_flow"),
    (1.5, 1.0, "optimal"),
    (1.2, 4.0, "ridge"),
    (1.2, 4.0, "ridge_2"),
    (1.2, 4.0, "gradient_flow"),
    (1.2, 4.0, "optimal"),
    (1.2, 6.0, "ridge_2"),
)  # nu, kappa, algorithm


@claim(
    "spectral_algorithms.12",
    paper=SPECTRAL_ALGORITHMS,
    label="scales, localisation and saturation (numbering unverified)",
    nature="asymptotic",
    statement="At the best threshold bias and noise live on eigenvalues around the threshold as long as "
    "kappa < 2 a nu, a being the qualification of the algorithm; beyond, the bias sits on the leading modes and the "
    "rate freezes.",
    assumptions="Power laws, label noise of fixed variance, best threshold for each number of points.",
    formula=r"1-h\sim\lambda^{-a}:\quad a = 1\ (\mathrm{ridge}),\;\; m\ (\mathrm{iterated}\ m\ \mathrm{times}),\;\; "
    r"\infty\ (\mathrm{gradient\ flow},\ \mathrm{best\ profile})"
    "\n"
    r"M = \min(\kappa, 2a\nu):\quad L\sim N^{-M/(M+1)},\quad \theta^\ast\sim N^{-\nu/(M+1)}"
    "\n"
    r"\mathrm{median\ eigenvalue\ of\ the\ noise}\sim\theta^\ast;\quad \mathrm{of\ the\ bias}\sim\theta^\ast\ "
    r"(\kappa<2a\nu)\ \mathrm{or}\ N^0\ (\kappa>2a\nu)",
    normalisations=f"{SETTING} {POWER_LAWS} sigma = 1; threshold theta: the ridge, or 1 / time.",
    figure=figure("spectral_algorithms.localisation", localisation_drawings.draw_localisation),
)
def localisation(run: Any) -> Iterator[Any]:
    sizes = np.array(run.choose(quick=(10**4, 10**5), full=(10**3, 10**4, 10**5, 10**6)))
    cases = run.choose(quick=(*CASES[:4], CASES[5]), full=CASES)
    grid = run.grid(quick=[dict(algorithm=name, nu=nu, kappa=kappa, n_samples=n)
                           for nu, kappa, name in cases for n in sizes.tolist()])  # fmt: skip
    best = run.compute(at_the_best_threshold, grid)
    shape = (len(cases), len(sizes))
    loss, threshold, bias, noise = (
        best.fields[name].reshape(shape).T for name in ("loss", "threshold", "bias_median", "noise_median")
    )
    nu, kappa = np.array([case[:2] for case in cases]).T
    names = np.array([case[2] for case in cases])
    m = np.array([order(name, *law) for *law, name in cases])
    swapped = np.where(m < kappa, kappa, np.minimum(kappa, 2 * nu))  # saturated where it is not, and vice versa
    saturated = m < kappa
    at = dict(nu=nu, kappa=kappa, algorithm=names)
    # learnt modes at the geometric mean of the last two sizes
    learnt = np.sqrt(sizes[-1] * sizes[-2]) ** (1 / (1 + m))
    last = dict(
        estimator="exact",
        allowance=0.4 / learnt,
        precision=0.004,
        reason="slope of the last decade: correction of order one over the learnt modes, measured at most 0.38 of it",
    )
    yield exponent(
        "loss-exponent",
        sizes[-2:],
        loss[-2:],
        -m / (1 + m),
        rivals={"saturated and not exchanged": -swapped / (1 + swapped), "as without noise": -kappa},
        at=at,
        **last,
    )
    tuned = names != "optimal"
    yield exponent(
        "threshold-exponent",
        sizes[-2:],
        threshold[-2:, tuned],
        (-nu / (1 + m))[tuned],
        rivals={"saturated and not exchanged": (-nu / (1 + swapped))[tuned], "smallest eigenvalues": -nu[tuned]},
        at={name: column[tuned] for name, column in at.items()},
        **last | dict(allowance=0.5 / learnt[tuned]),
    )
    regular = names != "ridge_2"  # so close to saturation the median of its bias is slower than any grid
    medians = np.stack([bias, noise], axis=2)[-2:, regular]
    expected = np.stack([np.where(saturated, 0.0, -nu / (1 + m)), -nu / (1 + m)], axis=1)[regular]
    at_threshold = np.repeat((-nu / (1 + m))[regular, None], 2, axis=1)
    yield exponent(
        "median-scales",
        sizes[-2:],
        medians,
        expected,
        estimator="exact",
        allowance=np.minimum(1.5 / learnt, 0.04)[regular, None],
        precision=0.02,
        reason="slope of the last decade: one over the learnt modes, measured at most 1.4 of it, and 0.04",
        rivals={"bias at the threshold in saturation too": at_threshold, "everything on leading modes": 0.0},
        at={name: column[regular, None] for name, column in at.items()} | dict(part=np.array(["bias", "noise"])),
    )
    if run.scale != "quick":
        slopes = np.diff(np.log(loss[-3:]), axis=0) / np.diff(np.log(sizes[-3:]))[:, None]
        ratio = 10 ** (-1 / (1 + m))
        yield agreement(
            "extrapolated-exponent",
            (slopes[1] - ratio * slopes[0]) / (1 - ratio),
            -m / (1 + m),
            estimator="exact",
            unit="absolute",
            precision=0.004,
            reason="slopes of two decades extrapolated by the rate of their correction; what follows, measured 0.0024",
            rivals={"saturated and not exchanged": -swapped / (1 + swapped), "no extrapolation": slopes[1]},
            at=at,
        )
    yield _simulated(run)
    yield from _lines(run, cases, sizes, threshold, loss)


def _simulated(run: Any) -> Any:
    """Slopes of simulated losses at the best thresholds, one for each block of trials."""
    sizes = np.array(run.choose(quick=(10**3, 10**4), full=(10**3, 10**4, 10**5)))
    laws = run.choose(quick={(1.5, 1.0): 320}, full={(1.5, 1.0): 320, (1.2, 4.0): 1280})
    names, n_blocks, slopes, cases = ("ridge", "gradient_flow"), 64, [], []
    for (nu, kappa), n_trials in laws.items():
        grid = run.grid(quick=[dict(algorithm=name, nu=nu, kappa=kappa, n_samples=n) for name in names
                               for n in sizes.tolist()])  # fmt: skip
        thresholds = run.compute(at_the_best_threshold, grid).threshold
        # to three digits, so that rounding elsewhere draws the same labels
        tasks = [point | dict(threshold=float(f"{t:.3g}")) for point, t in zip(grid, thresholds, strict=True)]
        losses = run.sample(simulate_at_threshold, run.grid(quick=tasks), n_trials=n_trials, block=64).values
        blocks = losses.reshape(n_blocks, -1, len(names), len(sizes)).mean(axis=1)
        slopes.append(np.swapaxes(blocks, 1, 2))
        cases += [(nu, kappa, name) for name in names]
    nu, kappa = np.array([case[:2] for case in cases]).T
    m = np.array([order(name, *law) for *law, name in cases])
    never = {"never saturated": -kappa / (1 + kappa)} if (m < kappa).any() else {}
    middle = np.exp(np.log(sizes).mean())
    return exponent(
        "simulated-exponent",
        sizes,
        np.concatenate(slopes, axis=2),
        -m / (1 + m),
        allowance=0.4 * middle ** (-1 / (1 + m)),
        precision=0.03,
        reason="correction of order one over the learnt modes, and the statistical error",
        rivals=never | {"saturated everywhere": -2 * nu / (1 + 2 * nu), "as without noise": -kappa},
        at=dict(nu=nu, kappa=kappa, algorithm=np.array([case[2] for case in cases])),
    )


def _lines(run: Any, cases: Any, sizes: np.ndarray, threshold: np.ndarray, loss: np.ndarray) -> Iterator[Any]:
    """Densities of bias and noise over scales, and losses, for the figure."""
    for index, (nu, kappa, name) in enumerate(cases):
        at = dict(nu=nu, kappa=kappa, algorithm=name, saturated=int(2 * qualification(name) * nu < kappa))
        yield curve("loss", loss[:, index], at=at | dict(n_samples=sizes))
        if name in ("ridge", "gradient_flow"):
            tasks = [
                dict(n_samples=n, threshold=float(t)) for n, t in zip(sizes.tolist(), threshold[:, index], strict=True)
            ]
            found = run.compute(densities, run.grid(quick=tasks), algorithm=name, nu=nu, kappa=kappa)
            scale = -np.log(threshold[:, index]) / np.log(sizes)
            where = at | dict(n_samples=sizes[:, None], scale=found.scale, threshold_scale=scale[:, None])
            for part in ("bias", "noise"):
                yield curve(part, found.fields[part], at=where)
