"""The best ridge: where it is, how one data set shows it, and how ensembles of feature draws hide a larger one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure, structure
from figures.random_features import width_drawings
from figures.random_features._ridge_path import (
    ALLOWANCE,
    PRECISION,
    REASON,
    RIDGES,
    TASK,
    simulate_ridge_path,
    simulate_sizes,
)
from figures.random_features._rivals import wrong_test_errors
from figures.random_features.papers import MORE_IS_BETTER
from figures.random_features.width import SETTING
from simulations.random_features import simulate_rf_ensemble
from theory.random_features import power_law_task, rf_ensemble_risk, rf_optimal_ridge, rf_risk

ridge_paths = figure("random_features.best-ridge", width_drawings.draw_ridge_paths)
ensemble_figure = figure("random_features.ensembles", width_drawings.draw_ensembles)
PATH_WIDTHS = (50, 100, 400)


@claim(
    "random_features.6",
    paper=MORE_IS_BETTER,
    label="optimal ridge of the eigenframework (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="When the target is drawn from the kernel's own prior, the best ridge at infinite width is noise over "
    "signal, and the error is explicit at every ridge.",
    assumptions="Infinite width and squared target coefficients tau^2 lambda_i; the numeric best ridge needs neither.",
    formula=r"v_i^2 = \tau^2\lambda_i,\; k=\infty:\quad E(\delta) = \tau^2 n\kappa + "
    r"\frac{n\,(\sigma^2 - \tau^2\delta)}{n - q},\quad \frac{d\kappa}{d\delta} = \frac{1}{n-q}"
    "\n"
    r"\delta^\ast = \sigma^2/\tau^2,\quad E^\ast = \tau^2 n\,\kappa(\delta^\ast)",
    normalisations=SETTING,
    figure=ridge_paths,
)
def best_ridge(run: Any) -> Iterator[Any]:
    tasks = run.grid(quick=dict(spectrum=range(5)), full=dict(spectrum=range(40)))
    ridges = np.geomspace(1e-3, 1e2, 9)
    found = run.compute(matched_prior, tasks, ridges=ridges)
    yield agreement("matched-prior", found.general, found.closed, estimator="exact", precision=1e-11, reason="rounding",
                    rivals={"signal term lost": found.biased}, at=found.at(ridge=ridges))  # fmt: skip
    yield agreement("best-ridge", found.optimum, 1.0, estimator="exact", allowance=found.flatness,
                    precision=1e-4, reason="the error is flat at its minimum: its rounding, taken as 1e-15, moves the "
                    "ridge by sqrt(2e-15 / curvature) in relative terms",
                    rivals={"per sample": 1 / found.n_samples}, at=found.at())  # fmt: skip
    yield bound("global-minimum", found.minimum, found.scan, rounding=1e-12, tightness=1e-6,
                reason="at any width the numeric minimum lies below a scan of 4001 ridges, and as close as its step",
                rivals={"best ridge of infinite width": found.at_kernel_ridge}, at=found.at())  # fmt: skip
    yield from _simulated_paths(run, "test-error", "test_mse")
    shown = np.geomspace(1e-3, 10, 100)
    for k in (*PATH_WIDTHS, np.inf):
        line = rf_risk(n_samples=100, n_features=k, ridge=shown, **TASK).test_mse
        yield curve("theory", line, at=dict(n_features=k, ridge=shown))
        best = rf_optimal_ridge(n_samples=100, n_features=k, **TASK)
        yield curve("optimum", [best.test_mse], at=dict(n_features=k, ridge=[best.ridge]))


def matched_prior(*, spectrum: int, ridges: np.ndarray) -> dict[str, Any]:
    """Return general and closed-form errors of a random spectrum with a matched prior, and its best ridges."""
    rng = np.random.default_rng(spectrum)
    values = np.exp(rng.normal(0, 2, int(rng.integers(50, 600))))
    n, signal, noise = int(rng.integers(10, 200)), 10.0 ** rng.uniform(-1, 1), 10.0 ** rng.uniform(-1, 1)
    task: dict[str, Any] = dict(
        eigenvalues=values, target_coefficients=np.sqrt(signal * values), n_samples=n, noise_variance=noise
    )
    wide = rf_risk(n_features=np.inf, ridge=ridges, **task)
    inflation = n / (n - wide.modes_squared)
    at_best = noise / signal
    narrow = dict(n_features=int(rng.integers(n // 2, 2 * n)), **task)
    scan = np.geomspace(1e-3 * at_best, 1e4 * at_best, 4001)
    step = 0.1  # of log(ridge)
    below, lowest, above = rf_risk(n_features=np.inf, ridge=at_best * np.exp([-step, 0.0, step]), **task).test_mse
    curvature = (below - 2 * lowest + above) / (step**2 * lowest)
    return dict(
        n_samples=n,
        general=wide.test_mse,
        closed=signal * n * wide.kappa + inflation * (noise - signal * ridges),
        biased=signal * n * wide.kappa + inflation * noise,
        flatness=np.sqrt(2e-15 / curvature),
        optimum=rf_optimal_ridge(n_features=np.inf, **task).ridge / at_best,
        minimum=rf_optimal_ridge(**narrow).test_mse,
        scan=rf_risk(ridge=scan, **narrow).test_mse.min(),
        at_kernel_ridge=rf_risk(ridge=at_best, **narrow).test_mse,
    )


def _simulated_paths(run: Any, name: str, field: str) -> Iterator[Any]:
    """The test error, or its estimate from the training data, along a path of ridges."""
    counts = run.choose(quick={80: 128}, full=dict.fromkeys(PATH_WIDTHS, 512))
    trials, theory = simulate_ridge_path(run, counts)
    widths = np.array(list(counts))[:, np.newaxis]
    rivals = {"training error": theory.train_mse, "first power": theory.train_mse / (1 - theory.modes_learned / 100)}
    if field == "test_mse":
        rivals = wrong_test_errors(theory, n_samples=100, n_features=widths, **TASK)
    yield agreement(name, getattr(trials, field), theory.test_mse, allowance=ALLOWANCE,
                    precision=PRECISION * run.choose(quick=2, full=1), reason=REASON, rivals=rivals,
                    at=trials.at(ridge=RIDGES))  # fmt: skip


@claim(
    "random_features.10",
    paper=MORE_IS_BETTER,
    label="consequence of the eigenframework, drawn in this project",
    nature="asymptotic",
    status="beyond",
    statement="Generalised cross-validation, which sees neither the spectrum nor the width, converges to the test "
    "error of random features.",
    assumptions="A result of this project. Gaussian inputs and features, n and k large together; K is the sampled "
    "kernel on the training data.",
    formula=r"\frac{E_{\mathrm{train}}}{(1 - \mathrm{tr}\,K(K+\delta)^{-1}/n)^2} \to E_{\mathrm{test}}",
    normalisations=SETTING,
    figure=ridge_paths,
)
def cross_validation(run: Any) -> Iterator[Any]:
    trials, theory, n, _, ridges = simulate_sizes(run)
    yield agreement(
        "gcv",
        trials.gcv,
        theory.test_mse,
        allowance=1 / n,
        precision=np.broadcast_to(run.choose(quick=0.015, full=1 / n), n.shape),
        reason="correction of order 1/n, measured at most 0.6/n on this grid",
        rivals={
            "training error": theory.train_mse,
            "squared learnabilities for learnabilities": theory.train_mse / (1 - theory.modes_squared / n) ** 2,
            "first power": theory.train_mse / (1 - theory.modes_learned / n),
        },
        at=trials.at(ridge=ridges),
    )
    yield from _simulated_paths(run, "gcv-along-ridges", "gcv")
    yield curve("training", rf_risk(n_samples=100, n_features=100, ridge=RIDGES, **TASK).train_mse,
                at=dict(n_features=100, ridge=RIDGES))  # fmt: skip


@claim(
    "random_features.11",
    paper=MORE_IS_BETTER,
    label="ensembles, drawn from the eigenframework here; cf. Ruben et al., No Free Lunch From Random Feature "
    "Ensembles, arXiv 2412.05418",
    nature="asymptotic",
    status="beyond",
    statement="The mean of N random-feature models on the same data has the error of a kernel model with a larger "
    "ridge, plus the excess of one model over it divided by N.",
    assumptions="A result of this project. Gaussian inputs and features, n and k large together; gamma is that of one "
    "model with k features.",
    formula=r"E_N = E_\infty + (E_1 - E_\infty)/N"
    "\n"
    r"E_\infty = E_{\mathrm{kernel}}(\delta'),\quad \delta' = \gamma\,(n - z) > \delta",
    normalisations=SETTING,
    figure=ensemble_figure,
)
def ensembles(run: Any) -> Iterator[Any]:
    eigenvalues, target = power_law_task(run.choose(quick=500, full=600), 1.5, 1.5)
    task = dict(eigenvalues=eigenvalues, target_coefficients=target, noise_variance=0.5)
    n, budget = run.choose(quick=(60, 120), full=(120, 240))
    members, ridges = run.choose(quick=(1, 4), full=(1, 2, 4, 8, 16)), run.choose(quick=(0.05,), full=(0.05, 0.5))
    grid = run.grid(quick=[dict(n_samples=n, n_features=budget // size, n_ensemble=size, ridge=ridge)
                           for size in members for ridge in ridges]
                    + [dict(n_samples=n, n_features=3 * n // 4, n_ensemble=size, ridge=0.05)
                       for size in run.choose(quick=(4,), full=(1, 2, 4, 10))])  # fmt: skip
    trials = run.sample(simulate_rf_ensemble, grid, n_trials=run.choose(quick=128, full=160), **task)
    k, size = grid.column("n_features"), grid.column("n_ensemble")
    single, whole, kernel = (rf_risk(n_samples=n, n_features=width, ridge=grid.column("ridge"), **task)
                             for width in (k, k * size, np.inf))  # fmt: skip
    yield agreement(
        "test-error",
        trials.values,
        [rf_ensemble_risk(**point, **task) for point in grid],
        allowance=0.15 / n + 0.06 / k,
        precision=run.choose(quick=0.012, full=0.0045),
        reason="correction of order 1/n and 1/k, measured 0.1/n at k = 2n to 0.05/k at k = n/8, for n = 60 and 120",
        rivals={
            "one model with all features": whole.test_mse,
            "kernel limit at the same ridge": kernel.test_mse,
            "one member": single.test_mse,
        },
        at=trials.at(),
    )
    infinite = np.array([rf_ensemble_risk(**(point | dict(n_ensemble=np.inf)), **task) for point in grid])
    larger = single.gamma * (n - single.modes_learned)
    kernel, halfway = (rf_risk(n_samples=n, n_features=np.inf, ridge=ridge, **task).test_mse
                       for ridge in (larger, single.kappa * n))  # fmt: skip
    yield structure("hidden-ridge", infinite / kernel - 1, precision=1e-9,
                    reason="an identity of the eigenframework; rounding in n - z",
                    rivals={"ridge n kappa": infinite / halfway - 1}, at=trials.at())  # fmt: skip
    counts = np.geomspace(1, 24, 49)
    tuning = np.geomspace(0.02, 20, 40)
    for ridge in ridges:
        arguments = dict(n_samples=n, ridge=ridge, **task)
        line = [rf_ensemble_risk(n_features=budget / count, n_ensemble=count, **arguments) for count in counts]
        whole = rf_risk(n_features=budget, **arguments).test_mse
        yield curve("budget", line, at=dict(n_ensemble=counts, ridge=ridge),
                    rivals={"one model with all features": np.full(len(counts), whole)})  # fmt: skip
    best = [min(rf_ensemble_risk(n_samples=n, n_features=budget / count, n_ensemble=count, ridge=ridge, **task)
                for ridge in tuning) for count in counts]  # fmt: skip
    yield curve("best ridge", best, at=dict(n_ensemble=counts))
    arguments = dict(n_samples=n, n_features=3 * n // 4, ridge=0.05, **task)
    line = [rf_ensemble_risk(n_ensemble=count, **arguments) for count in counts]
    limit = rf_ensemble_risk(n_ensemble=np.inf, **arguments)
    kernel, whole = (rf_risk(**(arguments | dict(n_features=width))).test_mse
                     for width in (np.inf, arguments["n_features"] * counts))  # fmt: skip
    rivals = {"kernel limit at the same ridge": np.full(len(counts), kernel), "one model with all features": whole}
    yield curve("growing", line, at=dict(n_ensemble=counts, limit=limit), rivals=rivals)
