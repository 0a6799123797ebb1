"""Width: the limits of the eigenframework, double descent, and why more is better at the best ridge."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, exponent, figure, structure
from figures.random_features import width_drawings
from figures.random_features._limits import gamma_learning, limits_at, place_of_peak, unlearned
from figures.random_features._ridge_path import (
    ALLOWANCE,
    N_SAMPLES,
    PRECISION,
    REASON,
    RIDGES,
    TASK,
    simulate_ridge_path,
)
from figures.random_features._rivals import wrong_test_errors
from figures.random_features.eigenframework import SETTING as FRAMEWORK
from figures.random_features.papers import MORE_IS_BETTER
from simulations.random_features import simulate_gaussian_rf
from theory.random_features import rf_optimal_ridge, rf_risk

double_descent = figure("random_features.double-descent", width_drawings.draw_double_descent)
maps = figure("random_features.more-is-better", width_drawings.draw_maps)

SETTING = f"{FRAMEWORK} L = lambda / (lambda + gamma), z = sum L, q = sum L^2."


@claim(
    "random_features.4",
    paper=MORE_IS_BETTER,
    label="limits of the eigenframework (numbering unverified)",
    nature="asymptotic",
    statement="The eigenframework has closed limits at infinite width, infinite data and ridge 0, and a peak at n = k "
    "that grows as ridge^(-1/2), or as 1/|k - n| at ridge 0.",
    assumptions="More modes than min(n, k); Gaussian inputs and Gaussian features for the simulated curves.",
    formula=r"k=\infty:\;\; E = \frac{\sum_i v_i^2(1-L_i)^2 + \sigma^2}{1 - q/n},\qquad "
    r"n=\infty:\;\; E = \sum_i v_i^2(1-L_i) + \sigma^2,\;\; z = k"
    "\n"
    r"\delta = 0,\; k<n:\;\; E = \frac{n}{n-k}\,[\sum_i v_i^2(1-L_i) + \sigma^2],\;\; z = k"
    "\n"
    r"k = n,\; \delta\to 0:\;\; E \simeq \frac{1}{2}\sqrt{n\gamma/\delta}\,"
    r"[\sum_i v_i^2(1-L_i) + \sigma^2],\;\; z = n",
    normalisations=SETTING,
    figure=double_descent,
)
def limits(run: Any) -> Iterator[Any]:
    sizes = np.array(run.choose(quick=(50, 200), full=(20, 50, 100, 200, 400)))
    known = [limit for n in sizes.tolist() for limit in limits_at(n)]
    yield agreement(
        "limits",
        [limit.general.test_mse for limit in known],
        [limit.closed for limit in known],
        estimator="exact",
        precision=1e-9,
        reason="a size of 1e13 for infinity, or ridge 0; rounding",
        rivals={
            "1 - L and (1 - L)^2 exchanged": [limit.exchanged for limit in known],
            "noise and bias not inflated": [limit.closed / limit.general.overfitting_factor for limit in known],
        },
        at=dict(limit=[limit.name for limit in known]),
    )
    yield from _peak(sizes)
    n = N_SAMPLES
    counts = run.choose(quick={80: 128}, full=dict.fromkeys((25, 50, 75, 90, 100, 110, 130, 200, 400), 512))
    trials, theory = simulate_ridge_path(run, counts)
    widths = np.array(list(counts))[:, np.newaxis]
    yield agreement(
        "double-descent",
        trials.test_mse,
        theory.test_mse,
        allowance=ALLOWANCE,
        precision=PRECISION * run.choose(quick=2, full=1),
        reason=REASON,
        rivals=wrong_test_errors(theory, n_samples=n, n_features=widths, **TASK),
        at=trials.at(ridge=RIDGES),
    )
    shown = np.unique(np.concatenate([np.geomspace(20, 450, 60), n + np.linspace(-15, 15, 31)]))
    for ridge in (0.0, 1e-3, 1e-2, 0.1, 1.0):
        k = shown[shown != n] if ridge == 0 else shown
        wide, line = (rf_risk(**TASK, n_samples=n, n_features=size, ridge=ridge).test_mse for size in (math.inf, k))
        yield curve("theory", line, at=dict(n_features=k, ridge=ridge), rivals={"kernel limit": np.full_like(k, wide)})
    ridges, gamma = np.geomspace(1e-4, 10, 60), gamma_learning(n)
    law = 0.5 * np.sqrt(n * gamma / ridges) * unlearned(gamma, 1)
    line = rf_risk(**TASK, n_samples=n, n_features=n, ridge=ridges).test_mse
    yield curve("peak-theory", line, at=dict(n_features=n, ridge=ridges, small_ridge=law))


def _peak(sizes: np.ndarray) -> Iterator[Any]:
    """The peak at n = k: its exponents, its height and its place."""
    ridges, distances = np.geomspace(1e-12, 1e-9, 5), np.geomspace(1e-7, 1e-5, 5)
    along = rf_risk(**TASK, n_samples=sizes, n_features=sizes, ridge=ridges[:, np.newaxis]).test_mse
    n, side = sizes[:, np.newaxis], np.array([-1, 1])
    offsets = distances[:, np.newaxis, np.newaxis] * side
    beside = rf_risk(**TASK, n_samples=n, n_features=n * (1 + offsets), ridge=0.0).test_mse
    rule = dict(estimator="exact", precision=1e-3, reason="next order: relative sqrt(ridge), or |k - n| / n")
    yield exponent("peak-ridge-exponent", ridges, along, -0.5, rivals={"-1": -1.0}, at=dict(n_samples=sizes), **rule)
    at = dict(n_samples=n, side=side)
    yield exponent("peak-width-exponent", distances, beside, -1.0, rivals={"-1/2": -0.5}, at=at, **rule)
    gammas = [gamma_learning(size) for size in sizes.tolist()]
    half, first, second = (
        np.array([0.5 * math.sqrt(size * g) for size, g in zip(sizes, gammas, strict=True)]),
        np.array([unlearned(g, 1) for g in gammas]),
        np.array([unlearned(g, 2) for g in gammas]),
    )
    height = np.column_stack([half * first, first, first])
    yield agreement(
        "peak-height",
        np.column_stack([along[0] * math.sqrt(ridges[0]), beside[0] * distances[0]]),
        height,
        estimator="exact",
        precision=2e-5,
        reason="next order at ridge 1e-12 and |k - n| = 1e-7 n, measured at most 1e-5",
        rivals={"factor 1/2 lost": height * [2, 1, 1], "bias (1 - L)^2": height * (second / first)[:, np.newaxis]},
        at=dict(n_samples=n, side=np.array([0, -1, 1])),
    )
    place, moved = ([place_of_peak(size, ridge) for size in sizes.tolist()] for ridge in (1e-12, 1e-2))
    yield structure("peak-place", place, precision=1e-4, reason="the peak is about as wide as sqrt(ridge)",
                    rivals={"at k = n for ridge 0.01": moved}, at=dict(n_samples=sizes))  # fmt: skip


@claim(
    "random_features.5",
    paper=MORE_IS_BETTER,
    label="Theorem 1 (numbering unverified)",
    nature="bound",
    evidence="proved",
    statement="At the best ridge, more samples and more random features never increase the predicted test error.",
    assumptions="The eigenframework's prediction, for any spectrum, target and noise; at fixed gamma every term falls.",
    formula=r"E^\ast(n,k) = \min_{\delta\geq 0} E_{\mathrm{test}}(n,k,\delta) \geq E^\ast(n',k')"
    r"\quad (n'\geq n,\; k'\geq k)",
    normalisations=SETTING,
    figure=maps,
)
def more_is_better(run: Any) -> Iterator[Any]:
    sizes = run.choose(quick=(10, 25, 60, 150), full=(8, 16, 32, 64, 128, 256))
    spectra = run.grid(quick=dict(spectrum=range(6)), full=dict(spectrum=range(40)))
    errors = run.compute(tuned_and_fixed_errors, spectra, sizes=sizes)
    best, untuned = errors.best, errors.untuned
    less = np.concatenate([best[:, :-1].ravel(), best[:, :, :-1].ravel()])
    more = np.concatenate([best[:, 1:].ravel(), best[:, :, 1:].ravel()])
    rise = max((untuned[:, 1:] / untuned[:, :-1]).max(), (untuned[:, :, 1:] / untuned[:, :, :-1]).max()) - 1
    reason = "both sides are minima found to rounding"
    yield bound("never-worse", more, less, rounding=1e-11, tightness=1e-3, reason=reason,
                rivals={"every doubling gains a per mille": 0.999 * less})  # fmt: skip
    yield structure("largest-rise", np.maximum(0, (more / less).max() - 1), precision=1e-11, reason=reason,
                    rivals={"at ridge 0.001": rise})  # fmt: skip
    if run.scale != "quick":
        yield from _maps(run)


def tuned_and_fixed_errors(*, spectrum: int, sizes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the predicted errors over samples and features at the best ridge and at 0.001, for a random spectrum."""
    rng = np.random.default_rng(spectrum)
    n_modes = int(rng.integers(100, 400))
    task: dict[str, Any] = dict(
        eigenvalues=np.exp(rng.normal(0, 3, n_modes)),
        target_coefficients=rng.normal(size=n_modes),
        noise_variance=10.0 ** rng.uniform(-3, 2),
    )
    best = [[rf_optimal_ridge(**task, n_samples=n, n_features=k).test_mse for k in sizes] for n in sizes]
    untuned = rf_risk(**task, n_samples=np.array(sizes)[:, np.newaxis], n_features=np.array(sizes), ridge=1e-3)
    return dict(best=np.array(best), untuned=untuned.test_mse)


def _maps(run: Any) -> Iterator[Any]:
    """Simulated errors over samples and features, at two ridges and at the best ridge of the path."""
    sizes, ridges = [25, 40, 63, 100, 160], np.array([0.003, 0.1, *np.geomspace(0.03, 10, 11)])
    grid = run.grid(full=dict(n_samples=sizes, n_features=sizes))
    n, k = grid.column("n_samples"), grid.column("n_features")
    counts = np.where(np.minimum(n, k) <= 40, 256, 128)  # few modes make skewed errors
    trials = run.sample(simulate_gaussian_rf, grid, ridges=ridges, n_trials=counts.tolist(), **TASK)
    theory = rf_risk(**TASK, n_samples=n[:, None], n_features=k[:, None], ridge=ridges)
    best = theory.test_mse.argmin(axis=1)
    chosen = np.column_stack([np.zeros_like(best), np.ones_like(best), best])
    rivals = wrong_test_errors(theory, n_samples=n[:, None], n_features=k[:, None], **TASK)
    least = np.minimum(n, k)[:, np.newaxis]
    where = trials.at(setting=["ridge 0.003", "ridge 0.1", "best ridge"])
    yield agreement(
        "test-error",
        [errors[:, columns] for errors, columns in zip(trials.test_mse, chosen, strict=True)],
        np.take_along_axis(theory.test_mse, chosen, axis=1),
        allowance=np.array([2.0, 0.6, 0.6]) / least,
        precision=np.array([5.0, 1.2, 1.0]) / least,
        reason="correction of order 1/min(n, k), measured at most 1.8 and 0.45 of it; the best ridge of thirteen",
        rivals={name: np.take_along_axis(wrong, chosen, axis=1) for name, wrong in rivals.items()},
        at=where,
    )
    yield agreement(
        "training-error",
        [errors[:, 1] for errors in trials.train_mse],
        theory.train_mse[:, 1],
        allowance=1.5 / least[:, 0],
        precision=2.5 / least[:, 0],
        reason="correction of order 1/min(n, k), measured at most 1.3 of it",
        rivals={"gamma for kappa": ((theory.ridge / (n[:, None] * theory.gamma)) ** 2 * theory.test_mse)[:, 1]},
        at=trials.at(),
    )
    fine = np.geomspace(20, 200, 45)
    n, k = np.meshgrid(fine, fine, indexing="ij")
    ridges = np.append(ridges[:2], np.geomspace(0.01, 10, 61))
    line = rf_risk(**TASK, n_samples=n[..., np.newaxis], n_features=k[..., np.newaxis], ridge=ridges)
    shown = {
        "map ridge 0.003": line.test_mse[..., 0],
        "map ridge 0.1": line.test_mse[..., 1],
        "map best ridge": line.test_mse.min(axis=2),
        "map training": line.train_mse[..., 1],
    }
    for name, values in shown.items():
        yield curve(name, values, at=dict(n_samples=n, n_features=k))
