"""The Circle model: an exact loss at every number of points, against dense matrices and simulated training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure
from figures.spectral_algorithms import circle_drawings
from figures.spectral_algorithms._circle_models import POWER_LAWS, SETTING, power_laws
from figures.spectral_algorithms._circle_tasks import (
    PROFILES,
    QUIET,
    dense_losses,
    formula_losses,
    predicted_losses,
    simulate_training,
)
from figures.spectral_algorithms._infinite_circle import infinite_loss
from figures.spectral_algorithms.papers import SPECTRAL_ALGORITHMS
from theory.spectral_algorithms import circle_loss, circle_loss_from_spectrum


@claim(
    "spectral_algorithms.2",
    paper=SPECTRAL_ALGORITHMS,
    label="Theorem 1, Circle model (numbering unverified)",
    nature="exact",
    statement="On equispaced points of the circle the mean loss of every spectral algorithm is, at every number of "
    "points, one sum over the classes of frequencies that the points cannot tell apart.",
    assumptions="Translation-invariant kernel with real even eigenvalues, grid with a uniform random shift; the target "
    "coefficients are real and even.",
    formula=r"L[h] = \frac{1}{2}\sum_{k=0}^{N-1} \{ [c^2]_k - 2h_k\frac{[\lambda c^2]_k}{[\lambda]_k} "
    r"+ h_k^2\frac{[\lambda^2]_k}{[\lambda]_k^2}([c^2]_k + \frac{\sigma^2}{N}) \}"
    "\n"
    r"[a]_k = \sum_{n} a_{k+Nn},\qquad h_k = h([\lambda]_k)",
    normalisations=f"{SETTING} Power laws: {POWER_LAWS}",
    evidence="proved",
    figure=figure("spectral_algorithms.circle", circle_drawings.draw_circle),
)
def exact_loss(run: Any) -> Iterator[Any]:
    yield from _dense(run)
    yield from _infinite(run)
    yield from _simulated(run)


def _dense(run: Any) -> Iterator[Any]:
    """Dense kernel matrices and their eigenvectors, averaged over shifts, and at one shift."""
    sizes = run.choose(quick=((7, 6), (8, 6), (12, 6)), full=((7, 6), (8, 6), (12, 6), (33, 8), (64, 20)))
    grid = run.grid(quick=[dict(n_samples=n, nu=nu, kappa=kappa, noise_variance=noise, n_images=images)
                           for n, images in sizes
                           for nu, kappa, noise in ((1.5, 1.0, 0.3), (2.0, 3.0, 0.0), (1.3, 0.5, 1.0))])  # fmt: skip
    dense, theory = run.compute(dense_losses, grid), run.compute(formula_losses, grid)
    rule = dict(
        estimator="exact",
        precision=1e-12,
        reason="exact: rounding of dense matrices, measured at most 2e-13",
        at=dense.at(profile=np.array(list(PROFILES))),
    )
    yield agreement(
        "dense",
        dense.averaged,
        theory.averaged,
        rivals={
            "profile at the population eigenvalues": theory.population,
            "spectrum without end": theory.endless,
            "no aliasing": theory.naive,
        },
        **rule,
    )
    yield agreement(
        "one-shift",
        dense.at_one_shift,
        theory.at_one_shift,
        rivals={"averaged over shifts": theory.averaged},
        **rule,
    )


def _infinite(run: Any) -> Iterator[Any]:
    """Power laws without end, whose kernel is a polylogarithm."""
    grid = run.grid(quick=dict(n_samples=[6], nu=[2], kappa=[3], noise_variance=[0.0, 0.2]),
                    full=[dict(n_samples=n, nu=nu, kappa=kappa, noise_variance=noise) for n, nu, kappa in
                          ((6, 2, 3), (13, 2, 3), (8, 3, 5)) for noise in (0.0, 0.2)])  # fmt: skip
    chosen = {name: PROFILES[name] for name in ("ridge", "gradient flow", "interpolation")}
    theory, cut = [], []
    for point in grid:
        n, nu, kappa, noise = point.values()
        exponents = dict(capacity_exponent=nu, source_exponent=kappa, noise_variance=noise)
        theory.append([circle_loss(profile, n, **exponents) for profile in chosen.values()])
        spectrum = power_laws(n, nu, kappa, 10) | dict(noise_variance=noise)
        cut.append([circle_loss_from_spectrum(profile, n, **spectrum) for profile in chosen.values()])
    dense = run.compute(infinite_loss, grid, profiles=list(chosen.values()), n_nodes=24)
    yield agreement(
        "endless-spectrum",
        dense.losses,
        theory,
        estimator="exact",
        precision=1e-11,
        reason="kernel in closed form, mean over shifts by quadrature: rounding, measured at most 2e-12",
        rivals={"spectrum cut at |l| = 10.5 n": cut},
        at=dense.at(profile=np.array(list(chosen))),
    )


def _simulated(run: Any) -> Iterator[Any]:
    """Training on sampled labels: with noise up to large sizes, and without it, where only the shift is random."""
    small = [("gradient flow", n) for n in run.choose(quick=(101,), full=(101, 10**3, 10**4))]
    small += [("ridge", n) for n in run.choose(quick=(101,), full=(101, 10**4))]
    small += [(name, n) for name in QUIET for n in run.choose(quick=(101,), full=(101, 1000))]
    large = [("gradient flow", n) for n in run.choose(quick=(), full=(10**5, 10**6))]
    names, n = (np.array(column) for column in zip(*small, *large, strict=True))
    quiet = np.isin(names, QUIET)
    precision = run.choose(quick=0.04, full=np.where(quiet, 0.02, 0.01))
    spread = np.where(quiet, 0.42, 0.2 * (101 / n) ** 0.32)  # of the loss, measured, relative
    counts = np.maximum(128, np.ceil((9 * spread / precision) ** 2 / 16) * 16).astype(int).tolist()
    losses = []
    for settings, block in ((small, 2048), (large, 32)):
        if settings:
            tasks = run.grid(quick=[dict(name=name, n_samples=size) for name, size in settings])
            own = counts[len(losses) : len(losses) + len(settings)]
            losses += run.sample(simulate_training, tasks, n_trials=own, block=block).values
    tasks = run.grid(quick=[dict(name=name, n_samples=size) for name, size in (*small, *large)])
    theory = run.compute(predicted_losses, tasks)
    yield agreement(
        "simulated-training",
        losses,
        theory.losses,
        precision=precision,
        reason="exact at every size: the statistical error alone",
        rivals={"no aliasing": theory.naive, "random design": theory.random_design},
        at=dict(algorithm=names, n_samples=n),
    )
    largest = run.choose(quick=1000, full=10**6)
    shown = np.unique(np.geomspace(32, largest, run.choose(quick=8, full=19)).astype(int))
    for name, top in (("gradient flow", 10**6), ("ridge", 10**5), ("interpolation", 10**4)):
        sizes = shown[shown <= top]
        line = run.compute(predicted_losses, run.grid(quick=dict(name=[name], n_samples=sizes.tolist())))
        rivals = {} if name == "gradient flow" else {"random design": line.random_design}
        yield curve("theory", line.losses, at=dict(algorithm=name, n_samples=sizes), rivals=rivals)
