"""Overlearning: the best noiseless profile of the Circle exceeds 1 exactly for targets smoother than the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import zeta

from assay import agreement, claim, curve, figure, structure
from figures.spectral_algorithms import overlearning_drawings
from figures.spectral_algorithms._circle_models import POWER_LAWS, SETTING
from figures.spectral_algorithms._infinite_circle import infinite_optimum
from figures.spectral_algorithms._overlearning_tasks import (
    best_and_interpolation,
    sides_of_one,
    simulate_best_and_interpolation,
)
from figures.spectral_algorithms.papers import SPECTRAL_ALGORITHMS
from theory.spectral_algorithms import circle_spectrum


@claim(
    "spectral_algorithms.3",
    paper=SPECTRAL_ALGORITHMS,
    label="Section 5.3, at every size and frequency (numbering unverified)",
    nature="exact",
    status="beyond",
    statement="Without noise the best profile of the Circle model overlearns, h > 1, at every frequency and every "
    "number of points if kappa > nu - 1; it is 1 at kappa = nu - 1, and below 1 everywhere if kappa < nu - 1.",
    assumptions="Power laws without end, no label noise, any number of points above 1.",
    formula=r"h^\ast_k = \frac{[\lambda c^2]_k\,[\lambda]_k}{[\lambda^2]_k\,([c^2]_k + \sigma^2/N)}"
    "\n"
    r"\sigma = 0:\quad \mathrm{sign}(h^\ast_k - 1) = \mathrm{sign}(\kappa - \nu + 1)\quad\mathrm{for\ all}\ k, N",
    normalisations=f"{SETTING} {POWER_LAWS}",
    evidence="proved",
    figure=figure("spectral_algorithms.overlearning", overlearning_drawings.draw_overlearning),
)
def overlearning(run: Any) -> Iterator[Any]:
    yield from _transition(run)
    yield from _dense_optimum(run)
    yield from _simulated(run)
    if run.scale != "quick":
        yield from _lines(run)


def _transition(run: Any) -> Iterator[Any]:
    """On which side of 1 the best profile lies, frequency by frequency, and how close to 1 it comes."""
    nus = run.choose(quick=(1.2, 1.5, 2.0, 3.0), full=(1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0))
    distances = run.choose(quick=(-0.1, 0.1, 1.2), full=(-0.15, -0.1, -0.03, 0.03, 0.3, 1.2))
    sizes = run.choose(quick=(2, 9, 1000), full=(2, 9, 64, 1000, 10**5))
    grid = run.grid(quick=[dict(n_samples=n, nu=nu, kappa=nu - 1 + d) for n in sizes for nu in nus for d in distances])
    found = run.compute(sides_of_one, grid)
    n, nu, kappa = (grid.column(name) for name in ("n_samples", "nu", "kappa"))

    def wrong_share(threshold: np.ndarray) -> np.ndarray:
        return np.where(kappa > threshold, 1 - found.above, 1 - found.below)

    yield structure(
        "side-of-one",
        wrong_share(nu - 1),
        precision=1e-9,
        reason="share of frequencies on the wrong side: none may be",
        rivals={"transition at kappa = nu": wrong_share(nu), "transition at kappa = nu - 2": wrong_share(nu - 2)},
        at=found.at(),
    )
    leading = 2 * (zeta(nu) * n**-nu - zeta(kappa + 1) * n ** -(kappa + 1))
    large = (n >= 1000) & (nu >= 1.5)
    yield agreement(
        "least-excess",
        found.at_zero[large],
        leading[large],
        estimator="exact",
        allowance=3 / n[large],
        precision=0.5 / n[large],
        reason="h - 1 at frequency 0, down to 1e-15; correction of order 1/N, measured at most 2.9/N",
        rivals={"aliased eigenvalues alone": (2 * zeta(nu) * n**-nu)[large]},
        at={name: column[large] for name, column in found.at().items()},
    )
    exactly = run.grid(quick=[dict(n_samples=n, nu=nu, kappa=nu - 1) for n in sizes for nu in nus])
    shifted = [point | dict(kappa=point["kappa"] * (1 + 1e-6)) for point in exactly]
    at_equality, near_it = (run.compute(sides_of_one, run.grid(quick=one)) for one in (exactly, shifted))
    yield structure(
        "exactly-one",
        np.maximum(at_equality.highest, -at_equality.lowest),
        precision=3e-15,
        reason="kappa = nu - 1: rounding, measured at most 3e-16",
        controls={"kappa off by 1e-6": np.maximum(near_it.highest, -near_it.lowest)},
        at=at_equality.at(),
    )


def _dense_optimum(run: Any) -> Iterator[Any]:
    """The minimum of the losses of dense matrices with endless power laws, one eigenvalue at a time."""
    sizes = run.choose(quick={8: ((2, 3), (4, 3), (5, 3))},
                       full={8: ((2, 3), (6, 5)), 16: ((2, 3), (3, 3), (4, 3), (5, 3))})  # fmt: skip
    grid = run.grid(quick=[dict(n_samples=n, nu=nu, kappa=kappa) for n, laws in sizes.items() for nu, kappa in laws])
    dense = [run.compute(infinite_optimum, run.grid(quick=[point])).optimum[0] for point in grid]
    spectra = [_spectrum(**point) for point in grid]
    exchanged = [_spectrum(point["n_samples"], point["kappa"] + 1, point["nu"] - 1) for point in grid]
    size = np.array([len(spectrum.optimal_profile) for spectrum in spectra])
    frequency = np.concatenate([np.arange(m) for m in size])
    at = {name: np.repeat(grid.column(name), size) for name in grid[0]} | dict(frequency=frequency)
    yield agreement(
        "dense-optimum",
        np.concatenate(dense),
        np.concatenate([spectrum.optimal_profile for spectrum in spectra]),
        estimator="exact",
        precision=1e-11,
        allowance=1e-14 * (at["n_samples"] / 2 + 1.0) ** (2 * at["nu"]),
        reason="rounding of dense matrices times the squared ratio of the extreme eigenvalues",
        rivals={
            "h is at most 1": np.concatenate([np.minimum(spectrum.optimal_profile, 1) for spectrum in spectra]),
            "target and kernel exchanged": np.concatenate([spectrum.optimal_profile for spectrum in exchanged]),
        },
        at=at,
    )


def _simulated(run: Any) -> Iterator[Any]:
    """Training with the best profile and with h = 1, on sampled grids without label noise."""
    laws = run.choose(quick=((2.0, 3.0),), full=((2.0, 3.0), (2.0, 2.0), (2.0, 0.5), (1.5, 1.0)))
    grid = run.grid(quick=[dict(n_samples=101, nu=nu, kappa=kappa, profile=profile) for nu, kappa in laws
                           for profile in ("best", "interpolation")])  # fmt: skip
    rough = grid.column("kappa") < 1  # such targets are unbounded: their loss varies more from grid to grid
    precision = run.choose(quick=0.08, full=np.where(rough, 0.06, 0.025))
    spread = np.where(rough, 1.25, 0.7)
    counts = (np.ceil((9 * spread / precision) ** 2 / 16) * 16).astype(int).tolist()
    trials = run.sample(simulate_best_and_interpolation, grid, n_trials=counts, block=4096)
    tasks = run.grid(quick=[dict(n_samples=101, nu=nu, kappa=kappa) for nu, kappa in laws])
    theory = run.compute(best_and_interpolation, tasks)
    yield agreement(
        "simulated-training",
        trials.values,
        np.stack([theory.best, theory.interpolation], axis=1).ravel(),
        precision=precision,
        reason="exact at every size: the statistical error alone",
        rivals={"best profile capped at 1": np.stack([theory.capped, theory.interpolation], axis=1).ravel()},
        at=trials.at(),
    )


def _lines(run: Any) -> Iterator[Any]:
    for nu in (2, 3, 4, 5):
        spectrum = _spectrum(16, nu, 3)
        at = dict(n_samples=16, nu=nu, kappa=3, frequency=np.arange(len(spectrum.optimal_profile)))
        yield curve("best-profile", spectrum.optimal_profile, at=at)
    distance = np.linspace(-0.8, 1.6, 49)
    for nu in (1.5, 2.0, 3.0):
        kappa = nu - 1 + distance[distance > 1.05 - nu]
        found = run.compute(sides_of_one, run.grid(full=dict(n_samples=[1000], nu=[nu], kappa=kappa.tolist())))
        for name in ("lowest", "highest"):
            yield curve(name, found.fields[name], at=dict(n_samples=1000, nu=nu, kappa=kappa))
    kappa = np.linspace(0.2, 3.2, 31)
    for nu in (1.5, 2.0):
        own = kappa[kappa < 2 * nu - 0.4]
        theory = run.compute(best_and_interpolation, run.grid(full=dict(n_samples=[101], nu=[nu], kappa=own.tolist())))
        yield curve("gain", theory.interpolation / theory.best, at=dict(n_samples=101, nu=nu, kappa=own))


def _spectrum(n_samples: int, nu: float, kappa: float) -> Any:
    return circle_spectrum(None, n_samples, capacity_exponent=nu, source_exponent=kappa, noise_variance=0.0)
