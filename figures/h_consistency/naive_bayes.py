"""Naive Bayes against logistic regression: exact errors, and how many samples each needs as features are added."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, exponent, figure
from figures.h_consistency import naive_bayes_drawings
from figures.h_consistency._generative import (
    AROUND,
    EXCESS,
    error_without,
    logistic_errors,
    naive_bayes_errors,
    naive_bayes_size,
    needed_sizes,
    next_order,
    scale_of_signal,
)
from figures.h_consistency.papers import GENERATIVE_CLASSIFIERS
from theory.h_consistency import easy_mixture_gaps, gaussian_bayes_error, naive_bayes_expected_error

SETTING = (
    "Two equally likely classes with means +-a in all d features, variances d for the first half of them and 1 for the "
    "rest; delta_j = 2a/sigma_j, S = sum delta_j^2, m samples, half of each class; m* is the least m with a mean error "
    "within 0.01 of Bayes; logistic regression has ridge 1 and a free intercept."
)
BLOCKS = 128
CLOSE_TO_LOGISTIC = {32: 60, 64: 88, 128: 148, 256: 267}  # sample sizes close to those that it needs


@claim(
    "h_consistency.9",
    paper=GENERATIVE_CLASSIFIERS,
    label="sample complexities, and the Gaussian-mixture simulation (numbering unverified)",
    nature="asymptotic",
    status="beyond",
    statement="As we understand the paper, naive Bayes needs O(log d) samples where logistic regression needs O(d). "
    "On its mixture naive Bayes needs 6 or 8 samples and logistic regression a number linear in d; at a fixed total "
    "signal naive Bayes needs a number linear in d too, by a closed form for its error.",
    assumptions="The mixture as we understand it, with means of size a in every feature; pooled maximum-likelihood "
    "variances and equal priors. The logarithm needs a signal in every feature that is bounded below.",
    formula=r"\bar{e}\;\simeq\;Q\left(\frac{\sqrt{S}}{2}\sqrt{\frac{m-6}{m-4}}\;/\;"
    r"\sqrt{\left(1 + \frac{4d}{mS}\right)\left(1 + \frac{1}{m}\right)}\right)"
    "\n"
    r"a = 1:\quad m^\ast_{\mathrm{NB}}\leq 8,\quad m^\ast_{\mathrm{LR}}\approx 29 + 0.93\,d;\qquad "
    r"S\;\mathrm{fixed,\;Bayes\;error\;5\,\%}:\quad m^\ast_{\mathrm{NB}}\approx 28 + 3.1\,d",
    normalisations=SETTING,
    figure=figure("h_consistency.naive-bayes", naive_bayes_drawings.draw_naive_bayes),
)
def naive_bayes(run: Any) -> Iterator[Any]:
    yield from _errors(run)
    yield from _sizes_at_fixed_signal(run)
    yield from _sizes_of_naive_bayes(run)
    yield from _sizes_of_logistic_regression(run)


def _errors(run: Any) -> Iterator[Any]:
    """The expected error of naive Bayes against its formula, and against the formula with its next order."""
    cases = run.choose(
        quick=[(100, 0.2, 20), (100, 0.15, 200), (400, 0.1, 80)],
        full=[(100, 0.2, m) for m in (20, 40, 80, 160, 320)] + [(400, 0.1, m) for m in (20, 40, 80, 160, 320, 640)]
        + [(1600, 0.06, 40), (1600, 0.06, 640), (100, 0.15, 200), (25, 0.4, 50)],
    )  # fmt: skip
    grid = run.grid(quick=[dict(n_features=d, mean_scale=a, n_samples=m) for d, a, m in cases])
    gaps = [easy_mixture_gaps(d, mean_scale=a) for d, a, _ in cases]
    sizes = [m for _, _, m in cases]
    formula = _each(naive_bayes_expected_error, gaps, sizes)
    term, spread = np.array([next_order(delta, m) for delta, m in zip(gaps, sizes, strict=True)]).T
    precision = run.choose(quick=5e-3, full=2e-3)
    needed = 1.2 * (9.0 * spread / (precision * formula)) ** 2
    count = np.maximum(2048, 2048 * np.ceil(needed / 2048)).astype(int)
    trials = run.sample(naive_bayes_errors, grid, n_trials=count.tolist(), block=8192)
    rivals = {
        f"{name} left out": np.array([error_without(delta, m, part) for delta, m in zip(gaps, sizes, strict=True)])
        for part, name in (("variances", "noise of the variances"), ("means", "noise of the means"),
                           ("midpoint", "noise of the midpoint"))
    }  # fmt: skip
    yield agreement(
        "expected-error",
        trials.values,
        formula,
        allowance=2.0 * np.abs(term / formula),
        precision=precision,
        reason="twice the next order by the delta method, of order 1/(m S) and 1/d, for its own inaccuracy at small m",
        rivals=rivals,
        at=trials.at(),
    )
    corrected = formula + term
    yield agreement(
        "error-with-the-next-order",
        trials.values,
        corrected,
        allowance=2.0 / np.array(sizes) ** 2,
        precision=precision,
        reason="the order after the next, of relative order 1/m^2 and measured at most 0.5/m^2, or smaller",
        rivals={name: values + term for name, values in rivals.items()},
        at=trials.at(),
    )
    for d, a in ((100, 0.2), (400, 0.1)):
        m = 2 * np.unique(np.geomspace(5, 400, 60).round())
        delta = easy_mixture_gaps(d, mean_scale=a)
        yield curve("error", naive_bayes_expected_error(delta, n_samples=m), at=dict(n_features=d, n_samples=m),
                    rivals={"noise of the means left out": [error_without(delta, size, "means") for size in m],
                            "Bayes": np.full(len(m), gaussian_bayes_error(delta))})  # fmt: skip


def _each(error: Any, gaps: Sequence[np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    return np.array([float(error(delta, n_samples=m)) for delta, m in zip(gaps, sizes, strict=True)])


def predicted_size(n_features: int, mean_scale: float) -> float:
    """Return the sample size, not rounded, at which the formula is 0.01 above the Bayes error."""
    gaps = easy_mixture_gaps(n_features, mean_scale=mean_scale)
    target, sizes = gaussian_bayes_error(gaps) + EXCESS, 2.0 * np.arange(4.0, 40.0 * n_features)
    errors = naive_bayes_expected_error(gaps, n_samples=sizes)
    first = int(np.argmax(errors < target))
    share = (errors[first - 1] - target) / (errors[first - 1] - errors[first])
    return float(sizes[first - 1] + share * (sizes[first] - sizes[first - 1]))


def _sizes_at_fixed_signal(run: Any) -> Iterator[Any]:
    """Features are added while the Bayes error stays 5 %: naive Bayes needs samples in proportion."""
    features = run.choose(quick=[64, 256, 1024], full=[64, 128, 256, 512, 1024, 2048])
    scales = [scale_of_signal(d) for d in features]
    predicted = np.array([predicted_size(d, a) for d, a in zip(features, scales, strict=True)])
    needed = _needed(run, naive_bayes_errors, [dict(n_features=d, mean_scale=a) for d, a in zip(features, scales,
                     strict=True)], predicted, run.choose(quick=2048, full=4096))  # fmt: skip
    d = np.array(features, dtype=float)
    yield agreement(
        "samples-at-fixed-signal",
        needed,
        predicted,
        allowance=1.0 / d,
        precision=run.choose(quick=0.02, full=0.01),
        reason="correction of relative order 1/d, measured at most 0.7/d",
        rivals={
            "logarithmic in d": predicted[0] * np.log(d) / math.log(features[0]),
            "m counted in each class": predicted / 2.0,
        },
        at=dict(n_features=features),
    )
    yield exponent(
        "increments-at-fixed-signal",
        features[:-1],
        np.diff(needed, axis=1)[..., np.newaxis],
        [1.0],
        allowance=0.002,
        precision=run.choose(quick=0.06, full=0.04),
        reason="free of the offset; the formula's own slope is within 0.002 of 1",
        rivals={"0, as for a logarithm": [0.0], "1/2, as for a square root": [0.5]},
    )


def _needed(run: Any, simulator: Any, settings: list[dict[str, Any]], close: Any, count: int) -> np.ndarray:
    """Return the samples needed in every setting and block of trials, (blocks, settings), from errors close by."""
    grid = run.grid(quick=[dict(setting, n_samples=2 * round(share * float(size) / 2))
                           for setting, size in zip(settings, close, strict=True) for share in AROUND])  # fmt: skip
    errors = run.sample(simulator, grid, n_trials=count, block=512).values
    sizes = grid.column("n_samples").astype(float).reshape(len(settings), -1)
    columns = []
    for index, setting in enumerate(settings):
        target = gaussian_bayes_error(easy_mixture_gaps(**setting)) + EXCESS
        own = errors[:, index * len(AROUND) : (index + 1) * len(AROUND)]
        columns.append(needed_sizes(own, sizes[index], target, BLOCKS))
    return np.array(columns).T


def _sizes_of_naive_bayes(run: Any) -> Iterator[Any]:
    """On the mixture of the paper the signal grows with the features, and naive Bayes needs no more samples."""
    features = run.choose(quick=[32, 64, 256, 1024], full=[32, 64, 128, 256, 512, 1024, 2048, 4096])
    grid = run.grid(quick=dict(n_features=features))
    sizes = run.compute(naive_bayes_size, grid, n_draws=1024, seed=run.seed).values.astype(float)
    yield bound(
        "naive-bayes-sizes",
        sizes,
        np.full(len(features), 8.0),
        tightness=1e-12,
        reason="a statement about even numbers: 8 at 32 features, 6 from 64 on, five standard errors from any other",
        rivals={"6 from 32 features on": np.full(len(features), 6.0)},
        at=dict(n_features=features),
    )
    yield exponent(
        "naive-bayes-exponent",
        features[1:],
        sizes[1:, np.newaxis],
        [0.0],
        estimator="exact",
        precision=0.1,
        reason="no growth to be seen in a number that is always 6",
        rivals={"1, as for logistic regression": [1.0], "1/2": [0.5], "0.25, as a logarithm looks here": [0.25]},
    )


def _sizes_of_logistic_regression(run: Any) -> Iterator[Any]:
    """On the same mixture logistic regression needs a number of samples that is affine in the features."""
    features = run.choose(quick=[32, 128], full=[32, 64, 128, 256])
    close = np.array([CLOSE_TO_LOGISTIC[d] for d in features], dtype=float)
    needed = _needed(run, logistic_errors, [dict(n_features=d) for d in features], close, 512)
    d = np.array(features, dtype=float)
    steps = run.choose(quick=slice(0, None), full=slice(1, None))  # from 64 features on

    def per_feature(sizes: np.ndarray) -> np.ndarray:
        return np.diff(sizes[..., steps], axis=-1) / np.diff(d[steps])

    slopes = per_feature(needed)
    yield agreement(
        "logistic-samples-per-feature",
        slopes,
        np.ones(slopes.shape[1]),
        allowance=0.08,
        precision=0.1,
        reason="the paper gives no constant: samples for each further feature, measured 0.91 to 0.94, are about 1",
        rivals={
            "a constant": np.zeros(slopes.shape[1]),
            "a logarithm": per_feature(close[0] * np.log(d) / math.log(features[0])),
            "a square root": per_feature(close[0] * np.sqrt(d / features[0])),
        },
        at=dict(n_features=features[steps][1:]),
    )
    if run.scale != "quick":
        yield exponent(
            "logistic-exponent",
            features[-2:],
            needed[:, -2:, np.newaxis],
            [1.0],
            allowance=20.0 / features[-2],
            precision=0.06,
            reason="m* is close to 29 + 0.93 d, whose local exponent is below 1 by up to 19/d",
            rivals={"0, as for naive Bayes": [0.0], "1/2": [0.5]},
        )
    mean, error = needed.mean(axis=0), needed.std(axis=0, ddof=1) / math.sqrt(BLOCKS)
    slope = mean @ (d - d.mean()) / ((d - d.mean()) ** 2).sum()
    yield curve("logistic-sizes", mean.mean() + slope * (d - d.mean()),
                at=dict(n_features=features, simulated=mean, standard_error=error))  # fmt: skip
