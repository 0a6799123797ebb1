"""Gradient flow of free features with the best classifier at every moment: the traces of their covariances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.integrate import cumulative_simpson

from assay import agreement, bound, claim, curve, figure, structure
from figures.neural_collapse import perturbation_drawings as drawings
from figures.neural_collapse._perturbed_features import one_flow, random_flows
from figures.neural_collapse.papers import PERTURBATION_ANALYSIS
from theory.neural_collapse import central_path_rates

SHAPES = [(7, 4, 5), (3, 5, 4), (12, 3, 2), (2, 2, 8)]  # features, classes, samples of each
TRACES = np.array(["within", "between"])


@claim(
    "neural_collapse.14",
    paper=PERTURBATION_ANALYSIS,
    label="Monotonicity along the central path (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="Along the gradient flow of the features with the best classifier at every moment, the within-class "
    "trace "
    "falls and the between-class trace grows, at rates in closed form; so their ratio falls.",
    assumptions="K balanced classes, a linear classifier without bias, one-hot targets.",
    formula=r"""\dot H = -W^\top(WH - Y),\quad W = YH^\top(HH^\top + n\lambda_W I)^{-1}
        \frac{d}{dt}\mathrm{tr}\,\Sigma_W = -2\,\mathrm{tr}(W^\top W\,\Sigma_W)\leq 0
        \frac{d}{dt}\mathrm{tr}\,\Sigma_B = \frac{2}{K}\,\mathrm{tr}(P\,A(I - A))\geq 0
        A = W\bar{H},\quad 0\leq A < I""",
    normalisations="Objective: squared error / (2 K n) + lambda_W |W|^2 / (2 K). Sigma_W is a mean over samples, "
    "Sigma_B "
    "over classes, around the mean of all; P projects out the ones. Time is that of the flow as written.",
    figure=figure("neural_collapse.perturbation", drawings.draw_perturbation),
)
def central_path(run: Any) -> Iterator[Any]:
    grid = run.grid(
        quick=[dict(zip(("n_features", "n_classes", "n_per_class"), shape, strict=True)) for shape in SHAPES]
    )
    flows = run.sample(random_flows, grid, n_times=run.choose(quick=40, full=200),
                       n_trials=[run.choose(quick=13, full=125)] * len(grid))  # fmt: skip
    rates, traces, step, ridges, paths = (np.concatenate(getattr(flows, name))
                                          for name in ("rates", "traces", "step", "weight_ridge", "path"))  # fmt: skip
    predicted, uncentred, spectra = [], [], []
    for point, features, values in zip(grid, flows.features, flows.weight_ridge, strict=True):
        labels = np.repeat(np.arange(point["n_classes"]), point["n_per_class"])
        for row, ridge in zip(features, values, strict=True):
            theory = central_path_rates(row, labels, weight_ridge=ridge)
            eigenvalues = theory.alignment_eigenvalues
            predicted.append((theory.within, theory.between))
            uncentred.append((theory.within, 2 * np.mean(eigenvalues * (1 - eigenvalues))))
            spectra.append((eigenvalues[0], eigenvalues[-1]))
    theory, spectra = np.array(predicted), np.array(spectra)
    yield agreement(
        "rates",
        rates,
        theory,
        estimator="exact",
        allowance=2e-15 * traces / step[:, None] / np.abs(theory),
        precision=1e-7,
        reason="finite differences of order eight over an accurate path; allowed for: rounding of the traces over a "
        "step",
        rivals={
            "without the factor 2": theory / 2,
            "around 0, not around the mean": uncentred,
        },
        at=dict(instance=np.arange(len(rates))[:, None], weight_ridge=ridges[:, None], trace=TRACES),
    )
    ratio = paths[..., :1] / paths[..., 1:]
    both = np.concatenate([paths / paths.max(axis=1, keepdims=True), ratio / ratio[:, :1]], axis=2)
    steps = np.diff(both, axis=1)
    worst = np.maximum(0.0, steps * [1, -1, 1]).max(axis=1)
    yield structure(
        "monotone",
        worst,
        precision=1e-12,
        reason="rounding of the integrated traces, over their largest value",
        rivals={"the other way": np.maximum(0.0, steps * [-1, 1, -1]).max(axis=1)},
        at=dict(instance=np.arange(len(paths))[:, None], quantity=np.array(["within", "between", "ratio"])),
    )
    yield structure(
        "eigenvalues-of-A",
        np.stack([np.maximum(0.0, -spectra[:, 0]), np.maximum(0.0, spectra[:, 1] - 1)], axis=1),
        precision=1e-12,
        reason="below 0 or above 1 by rounding alone",
        rivals={"below one half": np.maximum(0.0, spectra - 0.5)},
        at=dict(end=np.array(["least", "largest"])),
    )
    relative = -rates[:, 0] / traces[:, 0]
    yield bound(
        "no-least-rate",
        relative,
        np.zeros(len(relative)),
        upper=False,
        unit="absolute",
        tightness=1e-4,
        reason="of the within-class trace, as a share per time: with a large ridge the classifier vanishes, and with "
        "it "
        "the rate; rounding alone below zero",
        rivals={"at least 1e-3": np.full(len(relative), 1e-3)},
        at=dict(weight_ridge=ridges),
    )
    yield from _one_path(run)


def _one_path(run: Any) -> Iterator[Any]:
    """The traces of one flow against the integrals of their predicted rates."""
    ridge, last, n_times = 0.02, 6.0, 241
    flow = run.compute(one_flow, run.grid(quick=[dict(seed=1)]), n_times=n_times, last_time=last, weight_ridge=ridge)
    labels, path = flow.labels[0], flow.features[0]
    times = np.linspace(0.0, last, n_times)
    theory = [central_path_rates(features, labels, weight_ridge=ridge) for features in path]
    start = np.array([flow.within[0, 0], flow.between[0, 0]])
    slopes = np.array([(one.within, one.between) for one in theory])
    plain = np.array([(one.within, 2 * np.mean(one.alignment_eigenvalues * (1 - one.alignment_eigenvalues)))
                      for one in theory])  # fmt: skip
    line, wrong = (start + cumulative_simpson(values, x=times, axis=0, initial=0.0) for values in (slopes, plain))
    shown = slice(12, None, 12)
    simulated = np.stack([flow.within[0], flow.between[0]], axis=1)
    rivals = {"around 0, not around the mean": wrong}
    yield agreement(
        "one-path",
        simulated[shown],
        line[shown],
        estimator="exact",
        precision=1e-6,
        reason="Simpson's rule over 240 steps",
        rivals={name: values[shown] for name, values in rivals.items()},
        at=dict(time=times[shown, None], trace=TRACES),
    )
    yield curve("theory", line, at=dict(time=times[:, None], trace=TRACES), rivals=rivals)
