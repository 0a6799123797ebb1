"""The lazy limit in high dimension: a linear fit of an even target, with the quadratic part as its ridge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, exponent, separation
from figures.grokking._data_sets import train_data_sets, without_controls
from figures.grokking._lazy_curves import (
    RATIO,
    STRENGTH,
    TRAINING,
    VARIANCE,
    curves_without_mean,
    label_mean,
    lazy_curves,
    limits_at_random,
)
from figures.grokking._networks import SETTING
from figures.grokking._spectra import simulate_spectra
from figures.grokking.lazy_limit import lazy_figure
from figures.grokking.papers import LAZY_TO_RICH
from simulations.grokking import sample_polynomial_regression, simulate_infinite_width_training
from theory.grokking import LazyLimit, lazy_highdim_limit, lazy_highdim_path, lazy_training_path, max_learning_rate

STEPS = np.array([1, 3, 6, 10, 40])
EARLY = 4  # of the steps: the train loss is compared before it vanishes
OFFSETS = np.array([0.0, 1.0])
N_BLOCKS = 32  # of trials, for a slope each
OUTPUT_SCALE = 1e6  # losses and scaled features differ from their limit by about its inverse


@claim(
    "grokking.5",
    paper=LAZY_TO_RICH,
    label="lazy limit in high dimension, past the paper",
    nature="asymptotic",
    status="beyond",
    statement="In high dimension a lazy network learns the mean of its even target and a linear fit, with the squared "
    "quadratic strength as the ridge: it memorises, and ends above the loss of predicting the mean. The whole curves, "
    "their end and the first features have closed forms.",
    assumptions="Infinite width, isotropic start, output scale to infinity, then n and d to infinity at a fixed ratio "
    "delta; corrections of order 1/d. A start planted along the target has another limit.",
    formula=r"K_0\to XX^\top + \lambda I + \frac{\lambda}{d}11^\top,\quad \lambda = \varepsilon^2,\qquad "
    r"\lambda m^2 + (\lambda+\delta-1)\,m = 1,\quad g = \frac{1}{\lambda(1+m)}"
    "\n"
    r"L_{\mathrm{test}}(\infty) = [v + (\bar y - c)^2]\,(1 + B) > v,\qquad B = m + \lambda m',\quad "
    r"c = \bar y\,\frac{\lambda\delta g}{1+\lambda\delta g}"
    "\n"
    r"\alpha\,(e^\top Me - 1)\to 2\varepsilon\delta g\,(\bar y + 1 - c),\qquad "
    r"\alpha\,(\frac{1}{d}\mathrm{tr}\,M - 1)\to 2\varepsilon\delta g\,(\bar y - c)",
    normalisations=SETTING + " delta = n/d, label mean (1 - c_0)/2, label variance v = 1/2, e the unit vector along "
    "beta, m' the derivative in lambda.",
    figure=lazy_figure,
)
def memorising(run: Any) -> Iterator[Any]:
    sizes = run.choose(quick={32: 256, 64: 128}, full={32: 512, 64: 512, 128: 256})
    grid = run.grid(quick=[dict(n_features=d, initial_alignment=1 / d, target_offset=offset)
                           for d in sizes for offset in OFFSETS])  # fmt: skip
    trials = run.sample(
        train_data_sets,
        grid,
        n_trials=[sizes[d] for d in grid.column("n_features")],
        sample_ratio=RATIO,
        output_scale=OUTPUT_SCALE,
        steps=tuple(STEPS.tolist()),
        **TRAINING,
    )
    yield from _losses(run, trials)
    yield from _first_features(run, trials)
    yield from _spectra(run)
    draws = run.compute(limits_at_random, run.grid(quick=[{}]), n_draws=run.choose(quick=1000, full=100_000))
    yield bound(
        "above-the-variance",
        draws.values[0],
        VARIANCE,
        upper=False,
        tightness=1e-4,
        reason="strict; tight where a strong quadratic part learns the mean alone",
        rivals={"one per cent above": 1.01 * VARIANCE},
    )
    if run.scale != "quick":
        yield from _worse_than_the_mean(run, trials)


def _losses(run: Any, trials: Any) -> Iterator[Any]:
    """Train and test loss along the steps, at every size and extrapolated to infinite size."""
    offsets = trials.grid.column("target_offset")
    paths = {
        "theory": [lazy_curves(offset) for offset in offsets],
        "ridge epsilon^2/delta": [lazy_curves(offset, STRENGTH / np.sqrt(RATIO)) for offset in offsets],
        "no ridge": [lazy_curves(offset, 0.0) for offset in offsets],
        "mean not learnt": [curves_without_mean(offset) for offset in offsets],
    }
    train = {name: np.array([one.train_loss[STEPS[:EARLY]] for one in known]) for name, known in paths.items()}
    test = {name: np.array([one.test_loss[STEPS] for one in known]) for name, known in paths.items()}
    d = trials.grid.column("n_features")[:, np.newaxis]
    simulated = _quiet(trials, "test_loss")
    for name, losses, lines, missing in (
        ("train-loss", [one[:, :EARLY] for one in _quiet(trials, "train_loss")], train, 2.2),
        ("test-loss", simulated, test, 2.6),
    ):
        yield agreement(
            name,
            losses,
            lines.pop("theory"),
            estimator="median",
            unit="absolute",
            allowance=missing / d,
            precision=0.02,
            reason=f"correction of order 1/d, measured at most {missing - 0.2:.1f}/d; labels with heavy tails",
            rivals=lines,
            at=trials.at(step=STEPS[: len(lines["no ridge"][0])]),
        )
    half, whole = simulated[-4:-2], simulated[-2:]
    finest = run.choose(quick=[0.012, 0.02, 0.04, 0.05, 0.07], full=[0.005, 0.009, 0.02, 0.025, 0.035])
    yield agreement(
        "test-loss-extrapolated",
        [2 * large - small.mean(axis=0) for small, large in zip(half, whole, strict=True)],
        [one.test_loss[STEPS] for one in paths["theory"][-2:]],
        predicted_standard_error=[small.std(axis=0) / np.sqrt(len(small)) for small in half],
        estimator="median",
        allowance=run.choose(quick=0.01, full=0.004),
        precision=finest,
        reason="from the two largest sizes to infinity: left are order 1/d^2 and the skewness of the sets",
        rivals={name: lines[-2:] for name, lines in test.items()},
        at=dict(target_offset=OFFSETS[:, np.newaxis], step=STEPS),
    )
    if run.scale != "quick":
        gaps = [path.test_loss[3] - losses[:, 1].reshape(N_BLOCKS, -1).mean(axis=1)
                for path, losses in zip(paths["theory"], simulated, strict=True)]  # fmt: skip
        yield exponent(
            "rate",
            np.unique(d),
            np.reshape(gaps, (-1, len(OFFSETS), N_BLOCKS)).sum(axis=1).T,
            -1.0,
            estimator="median",
            allowance=0.06,
            precision=0.13,
            reason="test loss of both targets after three steps; next order in 1/d",
            rivals={"-1/2": -0.5, "-2": -2.0, "no convergence": 0.0},
        )
    steps = np.arange(TRAINING["n_steps"] + 1)
    for offset in OFFSETS:
        line, rival = lazy_curves(offset), lazy_curves(offset, 0.0)
        for name in ("train_loss", "test_loss"):
            yield curve(f"{name}-line", getattr(line, name), at=dict(target_offset=offset, step=steps),
                        rivals={"no ridge": getattr(rival, name)})  # fmt: skip


def _quiet(trials: Any, name: str) -> list[np.ndarray]:
    """Return a field of the trials less what the largest labels of a data set do to it."""
    return [without_controls(*pair) for pair in zip(getattr(trials, name), trials.controls, strict=True)]


def _limit(offset: float) -> LazyLimit:
    return lazy_highdim_limit(RATIO, quadratic_strength=STRENGTH, target_offset=offset)


def _first_features(run: Any, trials: Any) -> Iterator[Any]:
    d, offsets = trials.grid.column("n_features")[:, np.newaxis], trials.grid.column("target_offset")
    limits = [_limit(offset) for offset in offsets]
    slopes = np.array([(limit.overlap_slope, limit.trace_slope) for limit in limits])
    means = np.array([label_mean(offset) for offset in offsets])
    growth = 2 * STRENGTH * RATIO * limits[0].sample_resolvent
    grown = [OUTPUT_SCALE * (np.column_stack([size * overlap[:, -1], trace[:, -1]]) - 1)
             for size, overlap, trace in zip(d.ravel(), trials.overlap, trials.trace, strict=True)]  # fmt: skip
    yield agreement(
        "first-features",
        [without_controls(*pair) for pair in zip(grown, trials.controls, strict=True)],
        slopes,
        estimator="median",
        unit="absolute",
        allowance=np.array([13.0, 1.5]) / d,
        precision=run.choose(quick=np.array([0.3, 0.04]), full=np.array([0.15, 0.02])),
        reason="corrections of order 1/d, measured 13/d and 1/d; 40 steps leave 0.5 % of the slowest mode",
        rivals={
            "factor 2 lost": slopes / 2,
            "m for g": slopes * limits[0].feature_resolvent / limits[0].sample_resolvent,
            "constant not subtracted": growth * np.column_stack([means + 1, means]),
        },
        at=trials.at(slope=np.array(["overlap", "trace"])),
    )


def _spectra(run: Any) -> Iterator[Any]:
    """Resolvents of random inputs, and the largest learning rate on either side of the transition of its formula."""
    # d, delta, epsilon: the mean of the labels leaves the bulk of the kernel in the third.
    grid = run.grid(
        quick=[dict(n_features=64, sample_ratio=RATIO, quadratic_strength=STRENGTH)],
        full=[dict(n_features=128, sample_ratio=ratio, quadratic_strength=strength)
              for ratio, strength in ((RATIO, STRENGTH), (0.5, 1.0), (1.5, 1.8))],
    )  # fmt: skip
    spectra = run.sample(simulate_spectra, grid, n_trials=128)
    limits = [lazy_highdim_limit(one["sample_ratio"], quadratic_strength=one["quadratic_strength"]) for one in grid]
    names = np.array(["feature_resolvent", "sample_resolvent", "variance_factor"])
    theory = np.array([[getattr(limit, name) for name in names] for limit in limits])
    wrong = [lazy_highdim_limit(one["sample_ratio"], quadratic_strength=one["quadratic_strength"] / np.sqrt(RATIO))
             for one in grid]  # fmt: skip
    yield agreement(
        "resolvents",
        np.stack([getattr(spectra, name) for name in names], axis=-1),
        theory,
        allowance=0.5 / grid.column("n_features")[:, np.newaxis],
        precision=run.choose(quick=0.02, full=0.005),
        reason="correction of order 1/d",
        rivals={
            "samples and features exchanged": theory[:, [1, 0, 2]],
            "half the ridge": [[getattr(limit, name) for name in names] for limit in wrong],
        },
        at=spectra.at(quantity=names),
    )
    ratio, ridge = grid.column("sample_ratio"), grid.column("quadratic_strength") ** 2
    edges = [max_learning_rate(one["sample_ratio"], one["quadratic_strength"]) for one in grid]
    rivals = {"no ridge": ratio / (1 + np.sqrt(ratio)) ** 2}
    if run.scale != "quick":
        rivals["bulk alone"] = ratio / ((1 + np.sqrt(ratio)) ** 2 + ridge)
    yield agreement(
        "edge-of-stability",
        spectra.edge,
        edges,
        allowance=np.where(ridge > 1 + ratio**-0.5, 2.4, 1.2) / grid.column("n_features") ** (2 / 3),
        precision=0.02,
        reason="edges of spectra converge as d^(-2/3): measured 1.1 of it, and 2.1 where a mode has left the bulk",
        rivals=rivals,
        at=spectra.at(),
    )


def _worse_than_the_mean(run: Any, trials: Any) -> Iterator[Any]:
    """Lazy training ends above the variance of the label; from weights planted along the target it does not."""
    large = [losses[:, -1] for losses in _quiet(trials, "test_loss")[-2:]]
    ends = [limit.test_loss for limit in map(_limit, OFFSETS)]
    yield separation(
        "worse-than-the-mean",
        large,
        np.full(2, VARIANCE),
        unit="absolute",
        gap=0.06,
        reason="at d = 128 the limit, 0.1 above the variance, is missed by 0.02",
        rivals={"their own limit": ends},
        at=dict(n_features=128, target_offset=OFFSETS),
    )
    # A small step: labels with heavy tails meet the planted part of the kernel.
    sizes = dict(n_samples=192, n_features=64)
    training = dict(quadratic_strength=0.5, learning_rate=0.04, n_steps=100, target_offset=1.0)
    planted = run.sample(simulate_infinite_width_training, run.grid(full=[dict(initial_alignment=0.5)]), n_trials=128,
                         output_scale=OUTPUT_SCALE, **sizes, **training)  # fmt: skip
    isotropic = lazy_highdim_path(3.0, **training).test_loss[-1]
    yield separation(
        "planted",
        planted.test_loss[..., -1],
        [isotropic],
        estimator="median",
        unit="absolute",
        gap=0.2,
        reason="planted weights let a lazy network fit the target itself, to less than its variance",
        rivals={"lazy limit with planted weights": [_planted_loss(**sizes, **training)]},
        at=dict(initial_alignment=[0.5]),
    )


def _planted_loss(*, n_samples: int, n_features: int, target_offset: float, **training: Any) -> float:
    """Return the median over some data sets of the lazy limit from a second moment planted along the target."""
    moment = np.eye(n_features)
    moment[0, 0] = 0.5 * n_features
    losses = []
    for seed in range(5):
        data = sample_polynomial_regression(n_samples, n_features, target_offset=target_offset, seed=seed)
        path = lazy_training_path(**vars(data), second_moment=moment, target_offset=target_offset, **training)
        losses.append(path.test_loss[-1])
    return float(np.median(losses))
