"""Sketched ridgeless least squares: the best number of rows to keep, and how the risk fluctuates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import ndtr

from assay import agreement, claim, curve, distribution, exponent, figure, separation, structure
from figures.random_features import sketching_drawings as drawings
from figures.random_features._sketching import SETTING, UNIT, best_by_search, exact, trials_needed
from figures.random_features.papers import SKETCHED_RIDGELESS
from simulations.random_features import simulate_sketched_ridgeless
from theory.random_features import optimal_sketch, sketched_risk_variance

SNRS = np.array([1.0, 2.0, 3.0])


@claim(
    "random_features.20",
    paper=SKETCHED_RIDGELESS,
    label="Theorem 3.3",
    nature="asymptotic",
    statement="The best number of rows to keep is known in closed form, and with it the risk has no peak at n = p: "
    "over a range of aspect ratios it is constant.",
    assumptions="Isotropic Gaussian features, an orthogonal sketch, the proportional limit.",
    formula=r"\alpha > \sigma,\ 1 - \frac{\sigma}{2\alpha} < \phi \leq \frac{\alpha}{\alpha - \sigma}:\quad "
    r"\psi^* = \phi\,\frac{\alpha - \sigma}{\alpha},\quad R^* = \sigma(2\alpha - \sigma)"
    "\n"
    r"\alpha \leq \sigma,\ \phi > \frac{\alpha^2}{\alpha^2 + \sigma^2}:\quad \psi^* = 0,\quad R^* = \alpha^2"
    "\n"
    r"\mathrm{otherwise}:\quad \psi^* = 1",
    normalisations=SETTING,
    figure=figure("random_features.sketch-best", drawings.draw_best_sketch),
)
def best_size(run: Any) -> Iterator[Any]:
    yield from _by_search(run)
    yield from _without_peak(run)
    n = 10**6
    sizes = [round(ratio * n) for ratio in np.geomspace(0.25, 4, 240)]  # none of them is n
    best = [[optimal_sketch(p / n, signal_power=1.0, noise_variance=1 / snr**2) for snr in SNRS] for p in sizes]
    all_rows = exact([dict(n_samples=n, n_features=p, sketch_size=n) for p in sizes], 1 / SNRS**2, limit=True)["risk"]
    at = dict(aspect_ratio=np.array(sizes)[:, None] / n, snr=SNRS)
    yield curve("theory", [[one.risk for one in row] for row in best], at=at, rivals={"all rows": all_rows})
    yield curve("fraction", [[one.fraction for one in row] for row in best], at=at)


def _by_search(run: Any) -> Iterator[Any]:
    rng = np.random.default_rng(1)
    n = 10**10
    settings = [(round(n * np.exp(rng.uniform(-1.5, 1.5))), np.exp(rng.uniform(-1, 1.5)))
                for _ in range(run.choose(quick=12, full=200))]  # fmt: skip
    p, snr = (np.array(values) for values in zip(*settings, strict=True))
    grid = [dict(n_samples=n, n_features=int(size), noise_variance=float(ratio**-2)) for size, ratio in settings]
    found = run.compute(best_by_search, run.grid(quick=grid)).values
    theory = [optimal_sketch(size / n, signal_power=1.0, noise_variance=ratio**-2)
              for size, ratio in zip(p, snr, strict=True)]  # fmt: skip
    fraction, risk = (np.array([getattr(best, name) for best in theory]) for name in ("fraction", "risk"))
    partial = np.array([best.regime == "partial" for best in theory])
    at = dict(aspect_ratio=p / n, snr=snr)
    yield structure(
        "best-fraction",
        found[:, 0] - fraction,
        precision=1e-6,
        reason="a minimum is found to the square root of double precision",
        rivals={
            "all rows": found[:, 0] - 1,
            "phi left out": found[:, 0] - np.where(partial, 1 - 1 / snr, fraction),
            "ratio of variances": found[:, 0] - np.where(partial, np.minimum(p / n * (1 - snr**-2), 1), fraction),
        },
        at=at,
    )
    full = exact([dict(n_samples=n, n_features=size, sketch_size=n) for size in p.tolist()], snr**-2, limit=True)
    yield structure(
        "best-risk",
        found[:, 1] / risk - 1,
        precision=1e-8,
        reason="the search keeps at least one row of 10^10 where none is best",
        rivals={"all rows": np.diag(full["risk"]) / risk - 1},
        at=at,
    )


def _without_peak(run: Any) -> Iterator[Any]:
    """The risk with the best sketch, and with all rows next to n = p, simulated."""
    n = 200
    cases = run.choose(
        quick=[(2, 160), (2, 240)],
        full=[(snr, p) for snr in (2, 3) for p in (60, 100, 130, 160, 190, 220, 260, 300, 360, 440, 520, 600)],
    )
    best = [optimal_sketch(p / n, signal_power=1.0, noise_variance=snr**-2) for snr, p in cases]
    predicted = np.array([one.risk for one in best])
    snr, p = np.array(cases).T
    m = np.array([round(n * one.fraction) for one in best])
    noise = snr**-2.0
    finite = np.diag(exact(_orthogonal(n, p, m), noise)["risk"])
    precision = run.choose(quick=0.015, full=0.008)
    drawn = _simulated_risk(run, n, p, m, noise, precision)
    at = dict(snr=snr, n_samples=n, n_features=p, aspect_ratio=p / n, sketch_size=m)
    all_rows = np.diag(exact(_orthogonal(n, p, np.full(len(p), n)), noise, limit=True)["risk"])
    yield agreement(
        "risk-at-the-best-size",
        drawn,
        predicted,
        allowance=np.abs(finite / predicted - 1),
        precision=precision,
        reason="the known correction of order 1/n to the limit, and the rounding of m",
        rivals={"all rows": all_rows},
        at=at,
    )
    near = np.array(run.choose(quick=[160, 240], full=[160, 170, 176, 180, 220, 224, 230, 240, 260]))
    best_risk = np.array([optimal_sketch(size / n, signal_power=1.0, noise_variance=0.25).risk for size in near])
    rows, quarter = np.full(len(near), n), np.full(len(near), 0.25)
    yield separation(
        "peak-with-all-rows",
        _simulated_risk(run, n, near, rows, quarter, 0.04),
        best_risk,
        gap=0.1,
        reason="a tenth more risk than with the best sketch is worth avoiding",
        rivals={"full-sample risk": np.diag(exact(_orthogonal(n, near, rows), quarter)["risk"])},
        at=dict(snr=2, n_samples=n, n_features=near, aspect_ratio=near / n, sketch_size=n),
    )


def _orthogonal(n_samples: int, n_features: Any, sketch_sizes: Any) -> list[dict[str, Any]]:
    return [dict(n_samples=n_samples, n_features=int(p), sketch_size=int(m), sketch="orthogonal")
            for p, m in zip(n_features, sketch_sizes, strict=True)]  # fmt: skip


def _simulated_risk(run: Any, n_samples: int, p: Any, m: Any, noise: Any, precision: float) -> list[np.ndarray]:
    grid = run.grid(quick=_orthogonal(n_samples, p, m))
    theory = exact(grid, noise)
    share = np.diag(theory["variance"] / theory["risk"])
    trials = run.sample(simulate_sketched_ridgeless, grid, block=256,
                        n_trials=trials_needed(p, m, precision, share), **UNIT)  # fmt: skip
    return [bias + own * variance for bias, variance, own in zip(trials.bias, trials.variance, noise, strict=True)]


@claim(
    "random_features.21",
    paper=SKETCHED_RIDGELESS,
    label="central limit theorem for the risk, and its exact moments at finite size (numbering unverified)",
    nature="exact",
    status="beyond",
    statement="For m > p and an orthogonal sketch the variance of the risk over the data is known exactly at every "
    "size, and p times its fluctuation tends to the published normal law.",
    assumptions="Isotropic Gaussian features; the risk is averaged over the noise; m > p + 3.",
    formula=r"\mathrm{Var}\,R = \sigma^4\,\frac{2p(m-1)}{(m-p)(m-p-1)^2(m-p-3)}"
    "\n"
    r"p\left(R - \sigma^2\frac{g}{1-g}\right) \rightarrow "
    r"N\left(\sigma^2\frac{g^2}{(1-g)^2},\ 2\sigma^4\frac{g^3}{(1-g)^4}\right),\quad g = \frac{p}{m}",
    normalisations=SETTING,
    figure=figure("random_features.sketch-fluctuations", drawings.draw_fluctuations),
)
def fluctuations(run: Any) -> Iterator[Any]:
    yield from _moments(run)
    yield _normal_law(run)
    for p in (10, 20, 40):
        m = np.unique(np.geomspace(p + 8, 8 * p, 80).round()).astype(int)
        m = m[m >= 1.3 * p]
        line, limit = _spread(np.full(len(m), p), m), _limiting_variance(p / m) / p**2
        yield curve("theory", line, at=dict(n_features=p, sketch_size=m), rivals={"limit": limit})


def _moments(run: Any) -> Iterator[Any]:
    cases = run.choose(quick=[(10, 30)], full=[(10, 30), (10, 50), (20, 40), (20, 60), (40, 80)])
    grid = run.grid(quick=[dict(n_samples=m, n_features=p, sketch_size=m) for p, m in cases])
    p, m = grid.column("n_features"), grid.column("sketch_size")
    n_trials = run.choose(quick=24576, full=32768, large=2**20)
    trials = run.sample(simulate_sketched_ridgeless, grid, sketch="orthogonal", n_trials=n_trials, block=4096, **UNIT)
    mean, limit = exact(grid, np.ones(1))["variance"][:, 0], p / (m - p)
    yield agreement(
        "mean-of-the-risk",
        trials.variance,
        mean,
        precision=run.choose(quick=0.012, full=0.007, large=0.002),
        reason="exact at every size",
        rivals={"limit without its shift": limit},
        at=trials.at(),
    )
    yield agreement(
        "variance-of-the-risk",
        (trials.variance - mean) ** 2,  # the mean is known, so that squares are unbiased
        _spread(p, m),
        precision=run.choose(quick=0.1, full=0.09, large=0.017),
        reason="exact at every size; a square spreads by more than its mean",
        rivals={
            "limit": _limiting_variance(p / m) / p**2,
            "independent eigenvalues": (p / m) ** 2 * m**2 / (m - p) ** 3,
        },
        at=trials.at(),
    )
    sizes = 100_000 * np.array([1, 2, 4])
    cases = np.array([0.25, 0.5, 0.8])
    scaled = np.array([[(g * m) ** 2 * sketched_risk_variance(n_features=int(g * m), sketch_size=int(m),
                        noise_variance=1.0) for g in cases] for m in sizes])  # fmt: skip
    yield exponent(
        "rate-of-the-limit",
        sizes,
        scaled - _limiting_variance(cases),
        -1.0,
        estimator="exact",
        allowance=10 / (0.2 * sizes[0]),
        precision=1e-4,
        reason="the next term is smaller by a few 1/(m - p)",
        rivals={"1/sqrt(n)": -0.5, "1/n^2": -2.0},
        at=dict(features_per_row=cases),
    )


def _normal_law(run: Any) -> Any:
    p, m = 30, 90
    g = p / m
    grid = run.grid(quick=[dict(n_samples=m, n_features=p, sketch_size=m)])
    trials = run.sample(simulate_sketched_ridgeless, grid, sketch="orthogonal", block=2048,
                        n_trials=run.choose(quick=6144, full=16384), **UNIT)  # fmt: skip
    shift, spread = (g / (1 - g)) ** 2, math.sqrt(_limiting_variance(g))
    return distribution(
        "normal-law",
        p * (trials.variance[:, 0] - g / (1 - g)),
        lambda x: ndtr((x - shift) / spread),
        allowance=0.6 / p,
        precision=run.choose(quick=0.06, full=0.037),
        reason="the law is skewed by order 1/p: its distance from the normal law at m = 3p measured 0.5/p",
        rivals={
            "no shift of the mean": lambda x: ndtr(x / spread),
            "independent eigenvalues": lambda x: ndtr((x - shift) / math.sqrt(p * g * g * g / (1 - g) ** 3)),
        },
    )


def _spread(n_features: Any, sketch_sizes: Any) -> np.ndarray:
    return np.array([sketched_risk_variance(n_features=int(p), sketch_size=int(m), noise_variance=1.0)
                     for p, m in zip(n_features, sketch_sizes, strict=True)])  # fmt: skip


def _limiting_variance(ratio: Any) -> Any:
    """Return the variance of p times the risk in the proportional limit, with p/m = ratio."""
    return 2 * ratio**3 / (1 - ratio) ** 4
