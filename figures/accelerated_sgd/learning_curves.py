"""Learning curves of SGD: exact losses, isotropic features, what a batch is worth, and late power laws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure, structure
from figures.accelerated_sgd import learning_curve_drawings
from figures.accelerated_sgd._configurations import LARGE_BLOCK, trials_for
from figures.accelerated_sgd._dense import DenseMoments
from figures.accelerated_sgd._other_routes import best_isotropic_step, spectral_loss
from figures.accelerated_sgd.papers import STRUCTURED_FEATURES
from figures.accelerated_sgd.power_laws import late_losses
from simulations.accelerated_sgd import simulate_grouped_risk_curve, simulate_risk_curve
from theory.accelerated_sgd import (
    cumulative_loss,
    isotropic_learning_curve,
    isotropic_optimal_learning_rate,
    learning_curve,
    optimal_batch_size,
    sgd_scheme,
    stability_trace,
)

curves_figure = figure("accelerated_sgd.learning-curves", learning_curve_drawings.draw_learning_curves)

INDEX = np.arange(1.0, 61.0)
EIGENVALUES, TARGET = INDEX**-1.5, INDEX**-0.5
NOISE, STEP = 0.01, 0.15
SPREADS = {1: 0.32, 4: 0.12, 16: 0.06, 64: 0.03}  # of the loss over its mean after 30 steps or more, by batch size
BUDGET, BATCHES, BUDGET_STEPS = 512, (1, 2, 4, 8, 16, 32, 64), (0.2, 0.5, 0.8)
QUIET = 0.14  # stability trace up to which a few thousand trials give a mean that can be trusted
ISOTROPIC = 30  # dimensions
ROUNDING = "two exact routes: rounding alone"


@claim(
    "accelerated_sgd.8",
    paper=STRUCTURED_FEATURES,
    label="learning curves for Gaussian features, and their power laws (numbering unverified)",
    nature="exact",
    status="corrected",
    statement="The learning curve of SGD obeys a closed linear recursion, with the best batch and step in closed form "
    "for isotropic features. On power laws the loss falls as t^-min((a-1)/b, 2 - 1/b), prefactor included; as we "
    "understand the statement the published exponent is (a-1)/b throughout, which for a > 2b holds with exact "
    "gradients alone.",
    assumptions="Gaussian features, fresh samples, w_0 = 0. Power laws: lambda_k = k^-b and lambda_k w*_k^2 = k^-a "
    "without end, a, b > 1, no noise, constant step below the stability threshold, late times. Later work (arXiv "
    "2405.15074) has the noise-limited exponent of SGD; prefactors, with momentum too, are results of this project.",
    formula=r"c_{t+1} = A\,c_t + \frac{\eta^2\sigma^2}{m}\lambda,\quad A = \mathrm{diag}\left((1-\eta\lambda)^2 + "
    r"\frac{\eta^2\lambda^2}{m}\right) + \frac{\eta^2}{m}\lambda\lambda^\top,\quad L_t = \lambda^\top c_t + \sigma^2"
    "\n"
    r"\lambda = 1:\quad \eta^* = \frac{m}{m+d+1},\quad L_t = |w^*|^2\left(\frac{d+1}{m+d+1}\right)^t;\qquad "
    r"\sum_t L_t = \frac{1}{1-\ell}\,\sum_i\frac{(w_i^*)^2}{\eta\,(2-\eta\lambda_i(1+1/m))}"
    "\n"
    r"a < 2b:\quad L_t \simeq \frac{1}{1-\ell}\,\frac{1}{b}\,\Gamma\left(\frac{a-1}{b}\right)"
    r"(2\eta_et)^{-(a-1)/b}"
    "\n"
    r"a > 2b:\quad L_t \simeq \frac{1}{1-\ell}\,\frac{\eta_e^2}{m\,b}\,\Gamma\left(2-\frac{1}{b}\right)"
    r"(2\eta_et)^{-(2-1/b)}\,\sum_uL_u",
    normalisations="Loss L = E (y - x.w)^2, without a half; batch size m, step eta, eta_e the effective step of a "
    "scheme with momentum, l its stability trace. For the iterate of a scheme whose kernel has another mass l_w there, "
    "1/(1 - l) becomes 1 + l_w/(1 - l), and the sum is over its look-ahead losses.",
    figure=curves_figure,
)
def learning_curves(run: Any) -> Iterator[Any]:
    yield _simulated_curves(run)
    yield _dense_curves()
    yield from _isotropic(run)
    yield from _fixed_compute(run)
    yield _summed(run)
    yield from late_losses(run)
    times = np.unique(np.geomspace(1, 500, 60).round().astype(int))
    for batch in SPREADS:
        yield curve("curve", _loss(batch)[times], at=dict(batch_size=batch, time=times),
                    rivals={"exact gradient": _loss(np.inf)[times]})  # fmt: skip


def _loss(batch_size: float) -> np.ndarray:
    return learning_curve(EIGENVALUES, TARGET, learning_rate=STEP, batch_size=batch_size, n_steps=500,
                          noise_variance=NOISE)  # fmt: skip


def _simulated_curves(run: Any) -> Any:
    times = np.array(run.choose(quick=[30, 50, 100], full=[30, 50, 100, 200, 500]))
    precision = run.choose(quick=0.05, full=0.02)
    grid = run.grid(quick=dict(batch_size=list(SPREADS)))
    trials = run.sample(simulate_risk_curve, grid, eigenvalues=EIGENVALUES, initial_error=TARGET,
                        scheme=sgd_scheme(STEP), record_steps=times, noise_variance=NOISE,
                        n_trials=[trials_for(spread, precision, unit=256) for spread in SPREADS.values()],
                        block=2048)  # fmt: skip
    return agreement(
        "learning-curve",
        [2 * risks + NOISE for risks in trials.values],
        np.stack([_loss(batch)[times] for batch in SPREADS]),
        precision=precision,
        reason="exact at every size: nothing is allowed for",
        rivals={"exact gradient": np.stack([_loss(np.inf)[times]] * len(SPREADS)),
                "one sample whatever m": np.stack([_loss(1)[times]] * len(SPREADS))},
        at=trials.at(time=times),
    )  # fmt: skip


def _dense_curves() -> Any:
    """The recursion of d numbers against that of all (2d)^2 second moments."""
    values, target, n_steps = EIGENVALUES[:8], TARGET[:8], 60
    batches = (1, 3, 64)

    def losses(batch: float, **law: float) -> np.ndarray:
        return learning_curve(values, target, learning_rate=STEP, batch_size=batch, n_steps=n_steps,
                              noise_variance=NOISE, **law)  # fmt: skip

    dense = [DenseMoments(values, sgd_scheme(STEP), noise_variance=NOISE, batch_size=batch) for batch in batches]
    return agreement(
        "dense-moments",
        [2 * one.risks(one.curve(target, n_steps)) + NOISE for one in dense],
        [losses(batch) for batch in batches],
        estimator="exact",
        precision=1e-12,
        reason=ROUNDING,
        rivals={"diagonal term of the fourth moments lost": [losses(batch, kurtosis=2.0) for batch in batches]},
        at=dict(batch_size=np.array(batches)[:, np.newaxis], time=np.arange(n_steps + 1)),
    )


def _isotropic(run: Any) -> Iterator[Any]:
    d, precision = ISOTROPIC, run.choose(quick=0.03, full=0.01)
    batches = np.array([1, 8, 64])
    points = [dict(scheme=sgd_scheme(isotropic_optimal_learning_rate(d, batch_size=m)), batch_size=m,
                   record_steps=max(1, round(d / m)) * np.array([1, 2, 3])) for m in batches.tolist()]  # fmt: skip
    trials = run.sample(simulate_grouped_risk_curve, run.grid(quick=points), eigenvalues=np.ones(1),
                        multiplicities=np.array([d]), squared_errors=np.ones(1), noise_variance=NOISE,
                        n_trials=trials_for(0.32, precision), block=LARGE_BLOCK)  # fmt: skip
    steps = [point["scheme"].learning_rate for point in points]
    times = np.stack([point["record_steps"] for point in points])

    def losses(size: int, scale: float = 1.0) -> np.ndarray:
        return np.stack([isotropic_learning_curve(size, learning_rate=scale * step, batch_size=m, n_steps=t[-1],
                                                  noise_variance=NOISE)[t]
                         for step, m, t in zip(steps, batches.tolist(), times, strict=True)])  # fmt: skip

    yield agreement(
        "isotropic-curve",
        2 * trials.values + NOISE,
        losses(d),
        precision=precision,
        reason="exact at every size: nothing is allowed for",
        rivals={"d for d + 1": losses(d - 1), "half the step": losses(d, 0.5)},
        at=dict(batch_size=batches[:, np.newaxis], time=times),
    )
    grid = run.grid(quick=[dict(n_features=n, batch_size=m) for n, m in ((3, 1), (6, 4), (10, 64))])
    found = run.compute(best_isotropic_step, grid).values
    n, m = grid.column("n_features"), grid.column("batch_size")
    yield structure(
        "isotropic-best-step",
        found / [isotropic_optimal_learning_rate(**point) for point in grid] - 1,
        precision=1e-6,
        reason="a search over dense second moments finds a minimum to the square root of double precision",
        rivals={"m/(m + d)": found * (m + n) / m - 1, "critical step": found * (m + n + 1) / (2 * m) - 1},
        at=dict(n_features=n, batch_size=m),
    )
    batches, precision = np.array([1, 2, 4, 8, 16]), run.choose(quick=0.05, full=0.015)
    grid = run.grid(quick=[dict(scheme=sgd_scheme(isotropic_optimal_learning_rate(d, batch_size=m)), batch_size=m,
                                record_steps=np.array([64 // m])) for m in batches.tolist()])  # fmt: skip
    risks = run.sample(simulate_grouped_risk_curve, grid, eigenvalues=np.ones(1), multiplicities=np.array([d]),
                       squared_errors=np.ones(1), n_trials=trials_for(0.38, precision), block=LARGE_BLOCK)  # fmt: skip
    yield agreement(
        "isotropic-batches",
        2 * risks.values[:, :, 0],
        ((d + 1) / (batches + d + 1)) ** (64 / batches),
        precision=precision,
        reason="exact: the loss after 64 samples at the best step, least in batches of one",
        rivals={"samples count alike in any batch": np.full(len(batches), ((d + 1) / (d + 2)) ** 64),
                "steps count alike in any batch": ((d + 1) / (d + 2)) ** (64 / batches)},
        at=dict(batch_size=batches),
    )  # fmt: skip


def _fixed_compute(run: Any) -> Iterator[Any]:
    """The loss when a budget of samples is spent in batches of any size, at three fixed steps."""
    found = [optimal_batch_size(EIGENVALUES, TARGET, learning_rate=step, compute_budget=BUDGET, batch_sizes=BATCHES)
             for step in BUDGET_STEPS]  # fmt: skip
    runs = [(step, batch, BUDGET // batch) for step in BUDGET_STEPS for batch in BATCHES]
    spectral = _spectral(run, runs).reshape(len(BUDGET_STEPS), len(BATCHES))
    best = np.log2([one.batch_size for one in found])
    least = np.log2(np.array(BATCHES)[np.argmin(spectral, axis=1)])
    yield structure(
        "best-batch",
        best - least,
        precision=1e-8,
        reason="which batch is best, by the recursion and by the eigenvectors of its matrix: 1, 2 and 4",
        rivals={"one at every step": -least, "two at every step": 1 - least},
        at=dict(learning_rate=np.array(BUDGET_STEPS)),
    )
    quiet = [(row, column) for row, step in enumerate(BUDGET_STEPS) for column, batch in enumerate(BATCHES)
             if stability_trace(EIGENVALUES, sgd_scheme(step), batch_size=batch) < QUIET]  # fmt: skip
    points = [(BUDGET_STEPS[row], BATCHES[column]) for row, column in quiet]
    grid = run.grid(quick=[dict(scheme=sgd_scheme(step), batch_size=batch, record_steps=np.array([BUDGET // batch]))
                           for step, batch in points])  # fmt: skip
    precision = run.choose(quick=0.06, full=0.03)
    risks = run.sample(simulate_risk_curve, grid, eigenvalues=EIGENVALUES, initial_error=TARGET,
                       n_trials=trials_for(0.22, precision, unit=256), block=2048).values[:, :, 0]  # fmt: skip
    losses = np.array([one.losses for one in found])
    yield agreement(
        "fixed-compute",
        2 * risks,
        [losses[index] for index in quiet],
        precision=precision,
        reason="exact at every size: nothing is allowed for",
        rivals={"exact gradient": _spectral(run, [(step, np.inf, BUDGET // batch) for step, batch in points])},
        at=dict(learning_rate=np.array([step for step, _ in points]), batch_size=np.array([m for _, m in points])),
    )
    for step, one in zip(BUDGET_STEPS, found, strict=True):
        stable = [stability_trace(EIGENVALUES, sgd_scheme(step), batch_size=batch) < 1 for batch in BATCHES]
        at = dict(learning_rate=step, batch_size=np.array(BATCHES)[stable], best=one.batch_size)
        yield curve("fixed-compute-line", one.losses[stable], at=at)


def _spectral(run: Any, runs: list[tuple[float, float, int]]) -> np.ndarray:
    """Return the noiseless losses of runs with some step, batch size and number of steps."""
    grid = run.grid(quick=[dict(learning_rate=step, batch_size=m, n_steps=n_steps) for step, m, n_steps in runs])
    return run.compute(spectral_loss, grid, eigenvalues=EIGENVALUES, target_coefficients=TARGET).values


def _summed(run: Any) -> Any:
    """The noiseless loss summed over all steps, from the inverse of the map of all second moments."""
    points = [
        (step, m, d) for d in run.choose(quick=(4,), full=(3, 4, 6)) for step, m in ((0.2, 1), (0.5, 2), (0.8, 4))
    ]
    sums = []
    for step, m, d in points:
        dense = DenseMoments(EIGENVALUES[:d], sgd_scheme(step), batch_size=m)
        start = dense.curve(TARGET[:d], 0)[0]
        total = np.linalg.solve(np.eye(4 * d * d) - dense.operator(), start.ravel()).reshape(start.shape)
        sums.append(2 * dense.risks(total))
    step, m, d = np.array(points).T

    def predicted(batches: np.ndarray, **law: float) -> np.ndarray:
        return np.array([cumulative_loss(EIGENVALUES[:size], TARGET[:size], learning_rate=eta, batch_size=batch, **law)
                         for (eta, _, size), batch in zip(points, batches, strict=True)])  # fmt: skip

    trace = [stability_trace(EIGENVALUES[:size], sgd_scheme(eta), batch_size=batch) for eta, batch, size in points]
    return agreement(
        "summed-loss",
        sums,
        predicted(m),
        estimator="exact",
        precision=1e-10,
        reason=ROUNDING,
        rivals={"factor 1/(1 - l) lost": predicted(m) * (1 - np.array(trace)),
                "diagonal term of the fourth moments lost": predicted(m, kurtosis=2.0)},
        at=dict(learning_rate=step, batch_size=m, n_features=d),
    )  # fmt: skip
