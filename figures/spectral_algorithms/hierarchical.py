"""Hierarchical convolutional kernels: eigenvalues by effective dimension, and who learns a target on one patch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, exponent, figure
from figures.spectral_algorithms import hierarchical_drawings
from figures.spectral_algorithms._hierarchical_numerics import (
    eigenvalue_cones,
    lattice_curve,
    local_target,
    random_design,
)
from figures.spectral_algorithms.papers import WIDE_CONVOLUTIONAL_NETWORKS
from simulations.spectral_algorithms import simulate_hierarchical_regression
from theory.spectral_algorithms import hierarchical_learning_exponent

hierarchical_figure = figure("spectral_algorithms.hierarchical", hierarchical_drawings.draw_hierarchical)

SMOOTHNESS = {"ntk": 0.5, "rfk": 1.5}
TEACHER = {"ntk": 0.5, "rfk": 1.0}
TARGETS = {"local": 1, "whole": 2}  # number of angles that the target depends on


@claim(
    "spectral_algorithms.14",
    paper=WIDE_CONVOLUTIONAL_NETWORKS,
    label="eigenvalue decay and learning curves of hierarchical kernels (re-derived, numbering unverified)",
    nature="asymptotic",
    statement="Eigenvalues of a hierarchical kernel decay with an exponent set by the number of angles of the patch "
    "that a mode lives on, so that a target on one patch is learnt at a rate between that of a kernel of this patch "
    "alone and the cursed one.",
    assumptions="As we understand the statement. Two patches on circles, ReLU layers; noiseless interpolation of "
    "targets with power-law coefficients; training points on rank-1 lattices for the rates, random for the loss.",
    formula=r"\lambda_k \sim k^{-2\nu_S-1}\;\;(\mathrm{one\;patch}),\qquad "
    r"\lambda_k \sim |k|^{-2\nu_S-p}\;\;(\mathrm{all\;}p\mathrm{\;patches})"
    "\n"
    r"L \sim N^{-\beta},\qquad \beta = \frac{2\nu_T\,(d_L+2\nu_S)}{d_L\,(d_l+2\nu_S)}",
    normalisations="nu_S = 1/2 (tangent kernel, ntk), 3/2 (random features, rfk); c_k^2 ~ |k|^(-2 nu_T - d_l) on a "
    "patch of d_l angles of an input of d_L; nu_T = 1/2 (ntk), 1 (rfk); loss: half the mean squared error.",
    figure=hierarchical_figure,
)
def convolutional_kernels(run: Any) -> Iterator[Any]:
    yield from _eigenvalues(run)
    yield from _learning_curves(run)
    yield from _random_designs(run)


def _eigenvalues(run: Any) -> Iterator[Any]:
    size = run.choose(quick=1024, full=2048)
    kinds = run.grid(quick=dict(kind=list(SMOOTHNESS)))
    found = run.compute(eigenvalue_cones, kinds, grid_size=size)
    k = found.frequency[0]
    # Beyond an eighth of the grid the tangent kernel is aliased; at small k the decay is not a power yet.
    window = (k >= 32) & (k <= run.choose(quick=64, full=128))
    smoothness = np.array([SMOOTHNESS[kind] for kind in kinds.column("kind")])
    at = dict(kind=kinds.column("kind"))
    axis, bulk = -2 * smoothness - 1, -2 * smoothness - 2
    reason = f"slope over even frequencies {k[window][0]} to {k[window][-1]}, aliased by a grid of {size}"
    allowance = run.choose(quick=0.03, full=0.01)
    yield exponent("one-patch", k[window], found.axis[:, window].T, axis, estimator="exact", allowance=allowance,
                   precision=0.01, reason=reason, rivals={"exponent of both patches": bulk}, at=at)  # fmt: skip
    yield exponent("both-patches", k[window], found.diagonal[:, window].T, bulk, estimator="exact",
                   allowance=allowance, precision=0.01, reason=reason, rivals={"exponent of one patch": axis},
                   at=at)  # fmt: skip
    for cone in ("axis", "diagonal", "beside"):
        for index, kind in enumerate(at["kind"]):
            yield curve("cone", found.fields[cone][index], at=dict(cone=cone, kind=kind, frequency=k))


def _learning_curves(run: Any) -> Iterator[Any]:
    slopes_from = run.choose(quick=(1597, 6765), full=(4181, 6765, 10946, 17711))
    sizes = {n: run.choose(quick=1024, full=2048) for n in slopes_from}
    shown = run.choose(quick={}, full=dict.fromkeys((233, 610, 1597), 1024)) | sizes
    grid = run.grid(quick=[dict(kind=kind, n_samples=n, grid_size=size, teacher_smoothness=TEACHER[kind])
                           for kind in SMOOTHNESS for n, size in shown.items()])  # fmt: skip
    found = run.compute(lattice_curve, grid)
    losses = np.stack([found.local, found.whole], axis=-1).reshape(len(SMOOTHNESS), len(shown), len(TARGETS))
    kinds, n = np.array(list(SMOOTHNESS))[:, np.newaxis], np.array(list(shown))
    predicted = -np.array([[hierarchical_learning_exponent(
        student_smoothness=SMOOTHNESS[kind], teacher_smoothness=TEACHER[kind], patch_dimension=d, input_dimension=2)
        for d in TARGETS.values()] for kind in SMOOTHNESS])  # fmt: skip
    teacher = np.array([TEACHER[kind] for kind in SMOOTHNESS])[:, np.newaxis]
    cursed, informed = -teacher * [1, 1], -2 * teacher / list(TARGETS.values())
    tail = losses[:, -len(slopes_from) :].transpose(1, 0, 2)
    yield exponent(
        "learning-curve",
        n[-len(slopes_from) :],
        tail,
        predicted,
        estimator="exact",
        allowance=run.choose(quick=0.12, full=0.08),
        precision=0.02,
        reason=f"slow approach: slope from {slopes_from[0]} to {slopes_from[-1]} points of a lattice",
        rivals={"a kernel that knows the patch": informed, "cursed": cursed},
        at=dict(kind=kinds, target=list(TARGETS)),
    )
    for index, kind in enumerate(SMOOTHNESS):
        for column, target in enumerate(TARGETS):
            line = losses[index, :, column]
            last = (n / n[-1], line[-1])
            yield curve("lattice", line, at=dict(kind=kind, target=target, n_samples=n), rivals={
                "predicted slope": last[1] * last[0] ** predicted[index, column],
                "a kernel that knows the patch": last[1] * last[0] ** informed[index, column],
                "cursed": last[1] * last[0] ** cursed[index, column]})  # fmt: skip


def _random_designs(run: Any) -> Iterator[Any]:
    """The tangent kernel at random points, against the eigenframework on its spectrum."""
    counts = run.choose(quick={50: 128}, full={100: 256, 233: 128, 377: 128})
    n = np.array(list(counts))
    settings = (
        ("with-noise", 0.01, 0.1, 0.35 / n, 0.013 * np.sqrt(100 / n), "ridge 0.01 and noise variance 0.1: universal, "
         "correction of order 1/N, measured 0.5 per cent at N = 100 and 0.1 at 233; nine standard errors"),
        ("interpolation", 0.0, 0.0, 0.018, 0.03, "without noise not universal: 1 to 2 per cent above at every N; nine "
         "standard errors of the simulation"),
    )  # fmt: skip
    for name, ridge, noise, allowance, precision, reason in settings:
        grid = run.grid(quick=[dict(n_samples=size, n_test=5 * size) for size in n.tolist()])
        trials = run.sample(simulate_hierarchical_regression, grid, target_coefficients=local_target(), n_patches=2,
                            kind="ntk", ridge=ridge, noise_variance=noise, n_trials=list(counts.values()))  # fmt: skip
        points = run.grid(quick=[dict(n_samples=size) for size in n.tolist()])
        theory = run.compute(random_design, points, ridge=ridge, noise_variance=noise)
        yield agreement(f"random-design-{name}", trials.values, theory.both, allowance=allowance, precision=precision,
                        reason=reason, rivals={"kernel of the patch alone": theory.alone},
                        at=trials.at() | dict(ridge=ridge))  # fmt: skip
