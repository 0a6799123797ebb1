"""Power-law spectra and targets: how fast learning curves fall."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from assay import claim, curve, exponent, figure
from figures.random_features import power_law_drawings
from figures.random_features._power_law_numerics import errors_in_features, errors_in_samples, errors_with_noise
from figures.random_features.papers import MORE_IS_BETTER
from figures.random_features.power_laws import SETTING
from theory.random_features import power_law_exponents

exponent_figure = figure("random_features.power-law-exponents", power_law_drawings.draw_exponents)


@claim(
    "random_features.9",
    paper=MORE_IS_BETTER,
    label="power-law eigenframework (numbering unverified); exponents in the width drawn from it here",
    nature="asymptotic",
    statement="Power-law learning curves fall with explicit exponents, which saturate at alpha in the number of "
    "features and at 2 alpha in the number of samples.",
    assumptions="alpha > 1, beta > 1; ridge 0 without noise, or the best ridge with noise at infinite width.",
    formula=r"E \sim n^{-c},\; c = \min(\beta-1,\, 2\alpha)\quad (k=\infty)"
    "\n"
    r"E \sim k^{-\min(\beta-1,\,\alpha)}\quad (n=\infty)"
    "\n"
    r"E - \sigma^2 \sim n^{-c/(c+1)}\quad (k=\infty,\ \mathrm{best\ ridge})",
    normalisations=SETTING,
    figure=exponent_figure,
)
def learning_curves(run: Any) -> Iterator[Any]:
    start = run.choose(quick=1e4, full=1e5)
    sizes = start * np.array([1.0, 2.0, 4.0, 8.0])
    every = run.choose(quick=((1.5, 1.8), (1.3, 3.2), (1.2, 6.0)),
                       full=((1.5, 1.8), (1.3, 3.2), (1.2, 6.0), (2.0, 1.5), (1.17, 1.14), (1.5, 3.5)))  # fmt: skip
    fast = [pair for pair in every if pair != (1.17, 1.14)]  # with noise its corrections fall as n^-0.12 only
    a, b = np.array(every).T

    def errors(route: Callable[..., np.ndarray], pairs: Sequence[tuple[float, float]], at: np.ndarray) -> np.ndarray:
        grid = run.grid(quick=[dict(alpha=alpha, beta=beta) for alpha, beta in pairs])
        return run.compute(route, grid, sizes=at).values

    predicted = [power_law_exponents(*pair) for pair in every]
    rule = dict(estimator="exact", at=dict(alpha=a, beta=b))
    slow = run.choose(quick=0.012, full=0.005)
    yield exponent(
        "samples",
        sizes,
        errors(errors_in_samples, every, sizes).T,
        [one.samples for one in predicted],
        allowance=slow,
        precision=0.005,
        reason="the next term falls as n^-(2 alpha + 1 - beta): measured 0.0114 from n = 1e4, 0.0044 from n = 1e5",
        rivals={"saturates at alpha": -np.minimum(b - 1, a), "not saturated": 1 - b},
        **rule,
    )
    yield exponent(
        "features",
        sizes,
        errors(errors_in_features, every, sizes).T,
        [one.features for one in predicted],
        precision=0.005,
        reason="measured within 6e-4; the next term falls as k^-|alpha + 1 - beta|",
        rivals={"saturates at 2 alpha": -np.minimum(b - 1, 2 * a), "not saturated": 1 - b},
        **rule,
    )
    a, b = np.array(fast).T
    yield exponent(
        "samples-with-noise",
        sizes,
        errors(errors_with_noise, fast, sizes).T,
        [power_law_exponents(*pair).noisy_optimal for pair in fast],
        allowance=run.choose(quick=0.013, full=0.009),
        precision=0.005,
        reason="the next terms fall as slowly as the excess: measured 0.0123 from n = 1e4, 0.0083 from n = 1e5",
        rivals={"exponent without noise": -np.minimum(b - 1, 2 * a)},
        estimator="exact",
        at=dict(alpha=a, beta=b),
    )
    long = np.geomspace(10, 1e6, 41)
    for pair in ((1.5, 1.8), (1.3, 3.2)):
        slopes, unsaturated = power_law_exponents(*pair), 1 - pair[1]
        for name, route, slope, wrong in (
            ("curve-samples", errors_in_samples, slopes.samples, max(unsaturated, -pair[0])),
            ("curve-features", errors_in_features, slopes.features, unsaturated),
            ("curve-noise", errors_with_noise, slopes.noisy_optimal, slopes.samples),
        ):
            line = errors(route, [pair], long)[0]
            yield curve(
                name,
                line[-1] * (long / long[-1]) ** slope,
                at=dict(alpha=pair[0], beta=pair[1], size=long, exact=line),
                rivals={"rival slope": line[-1] * (long / long[-1]) ** wrong},
            )
