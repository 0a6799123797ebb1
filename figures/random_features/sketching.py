"""Sketched ridgeless least squares: exact risks with isotropic features, and correlated features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, exponent, figure, structure
from figures.random_features import sketching_drawings as drawings
from figures.random_features._sketching import (
    SETTING,
    UNIT,
    correlated,
    exact,
    implicit_constant,
    isotropic_of_same_power,
    trials_needed,
    two_levels,
)
from figures.random_features.papers import SKETCHED_RIDGELESS
from simulations.random_features import simulate_sketch_identity, simulate_sketched_ridgeless
from theory.random_features import sketched_risk_correlated

SNRS = np.array([1.0, 2.0, 3.0])


@claim(
    "random_features.18",
    paper=SKETCHED_RIDGELESS,
    label="Theorem 3.2, and its exact form at finite size",
    nature="exact",
    status="beyond",
    statement="With isotropic Gaussian features the mean risk of sketched ridgeless least squares has a closed form "
    "at every size, which tends to the published limit at rate 1/n; below m = p all sketches are alike.",
    assumptions="Rows of X iid N(0, I); S independent of X, with rows from a random orthonormal frame (orthogonal) or "
    "iid Gaussian entries; |m - p| > 1.",
    formula=r"""m < p:\quad E\,R = \alpha^2\left(1 - \frac{m}{p}\right) + \sigma^2\frac{m}{p-m-1}
        m > p,\ \mathrm{orthogonal}:\quad E\,R = \sigma^2\frac{p}{m-p-1}
        m > p,\ \mathrm{iid}:\quad E\,R = \sigma^2\frac{p}{n-p-1}\left(1 + \frac{n-p}{m-p-1}\right)
        m \leq p:\quad (SX)^+S = (QX)^+Q,\quad QQ^\top = I,\ \mathrm{rows\ of}\ Q\ \mathrm{span\ those\ of}\ S""",
    normalisations=SETTING,
    figure=figure("random_features.sketch-size", drawings.draw_sketch_size),
)
def isotropic(run: Any) -> Iterator[Any]:
    grid = run.grid(
        quick=[dict(n_samples=80, n_features=40, sketch_size=m, sketch=sketch)
               for m, sketch in ((20, "orthogonal"), (12, "iid"), (60, "orthogonal"), (60, "iid"))],
        full=[dict(n_samples=200, n_features=120, sketch_size=m, sketch=sketch) for sketch in ("orthogonal", "iid")
              for m in (20, 40, 60, 80, 100, 140, 150, 160, 170, 180, 190, 200)],
    )  # fmt: skip
    n, p, m, sketch = (grid.column(name) for name in ("n_samples", "n_features", "sketch_size", "sketch"))
    # Only below m = p and for iid sketches the bias is drawn; elsewhere it is the simulator's own closed form.
    below, iid, distance = m < p, sketch == "iid", abs(m - p)
    far = np.where(iid, np.where(below, 0.015, 0.01), 0.007)
    precision = run.choose(quick=np.full(len(grid), 0.025),
                           full=np.where(distance > 30, far, np.where(distance > 20, 0.01, 0.025)))  # fmt: skip
    direct = below & iid
    noise = 1 / SNRS**2
    theory = exact(grid, noise)
    counts = trials_needed(p, m, precision, share=theory["variance"][:, 0] / theory["risk"][:, 0])
    trials = run.sample(simulate_sketched_ridgeless, grid, n_trials=counts, block=256, **UNIT)
    risk = [bias[:, None] + noise * variance[:, None]
            for bias, variance in zip(trials.bias, trials.variance, strict=True)]  # fmt: skip
    other = [point | dict(sketch="iid" if point["sketch"] == "orthogonal" else "orthogonal") for point in grid]
    yield agreement(
        "risk",
        risk,
        theory["risk"],
        precision=precision[:, None],
        reason="exact at every size: nothing is allowed for",
        rivals={
            "limit, without the -1": exact(grid, noise, limit=True)["risk"],
            "orthogonal and iid swapped": exact(other, noise)["risk"],
            "full sample": exact([point | dict(sketch_size=point["n_samples"]) for point in grid], noise)["risk"],
            "signal lost with the rows": theory["variance"] + (1 - m / n)[:, None],
        },
        at=trials.at(noise_variance=noise),
    )
    lost = [(bias.min(), bias.max()) for bias, own in zip(trials.bias, direct, strict=True) if own]
    expected = (1 - m / p)[direct, None]
    yield structure(
        "bias-of-every-draw",
        lost / expected - 1,
        precision=1e-10,
        reason="the sketched data span m of p directions, whatever is drawn: rounding alone",
        rivals={"1 - m/n": (1 - m / n)[direct, None] / expected - 1},
        at=dict(sketch_size=m[direct, None], extreme=np.array(["least", "largest"])),
    )
    yield from _identity(run)
    yield from _limit()
    setting = {name: grid[0][name] for name in ("n_samples", "n_features")}
    sizes = np.array([m for m in range(2, n[0] + 1) if abs(m - p[0]) > 1])  # otherwise the risk is infinite
    for name, rival in (("orthogonal", "iid"), ("iid", "orthogonal")):
        line, wrong = (
            exact([setting | dict(sketch_size=int(m), sketch=one) for m in sizes], noise) for one in (name, rival)
        )
        at = setting | dict(sketch_size=sizes[:, None], sketch=name, noise_variance=noise)
        yield curve("theory", line["risk"], at=at, rivals={"orthogonal and iid swapped": wrong["risk"]})


def _identity(run: Any) -> Iterator[Any]:
    n, p = 60, 40
    grid = run.grid(quick=dict(sketch_size=[10, 30, 50]), full=dict(sketch_size=[1, 10, 20, 30, 36, 50]))
    deviations = run.sample(simulate_sketch_identity, grid, n_samples=n, n_features=p,
                            n_trials=run.choose(quick=10, full=100)).values  # fmt: skip
    below = grid.column("sketch_size") < p
    yield structure(
        "sketches-alike",
        deviations[:, below],
        precision=1e-11,
        reason="an identity of matrices: rounding grows with the condition number of SX",
        rivals={"alike above m = p too": deviations[:, ~below]},
        at=dict(sketch_size=grid.column("sketch_size")[below]),
    )


def _limit() -> Iterator[Any]:
    """The exact law minus the limit, over doubled sizes, and a relation that holds in the limit only."""
    sizes, cases = 20_000 * np.array([1, 2, 4]), ((0.3, "iid"), (0.8, "orthogonal"), (0.8, "iid"))
    grid = [dict(n_samples=int(n), n_features=int(0.6 * n), sketch_size=int(psi * n), sketch=sketch)
            for n in sizes for psi, sketch in cases]  # fmt: skip
    yield exponent(
        "rate-of-the-limit",
        sizes,
        (exact(grid, 1.0)["risk"] - exact(grid, 1.0, limit=True)["risk"]).reshape(len(sizes), len(cases)),
        -1.0,
        estimator="exact",
        allowance=2 / (0.2 * sizes[0]),
        precision=1e-4,
        reason="the next term is smaller by 1/|m - p|",
        rivals={"1/sqrt(n)": -0.5, "1/n^2": -2.0},
        at=dict(psi=[psi for psi, _ in cases], sketch=[sketch for _, sketch in cases]),
    )
    kept = np.array([140, 160, 180])

    def excess(limit: bool) -> np.ndarray:
        """Iid risk over orthogonal plus full-sample risk, minus 1."""
        points = [dict(n_samples=200, n_features=120, sketch_size=int(m)) for m in (*kept, 200)]
        iid, orthogonal = (exact(points, 1.0, sketch=sketch, limit=limit)["risk"][:, 0]
                           for sketch in ("iid", "orthogonal"))  # fmt: skip
        return iid[:-1] / (orthogonal[:-1] + orthogonal[-1]) - 1

    yield structure(
        "iid-adds-the-full-sample-risk",
        excess(limit=True),
        precision=1e-12,
        reason="exact in the limit",
        rivals={"at finite size": excess(limit=False)},
        at=dict(sketch_size=kept),
    )


@claim(
    "random_features.19",
    paper=SKETCHED_RIDGELESS,
    label="Theorem 4.2",
    nature="asymptotic",
    statement="For m < p rows the bias and variance follow from the spectrum of correlated features through one "
    "implicit constant, for any sketch; for m > p the risk does not depend on the covariance.",
    assumptions="Gaussian features of any covariance; beta drawn from an isotropic prior; p and m large together.",
    formula=r"\sum_i L_i = m,\quad L_i = \frac{\lambda_i}{\lambda_i + \gamma},\quad q = \sum_i L_i^2"
    "\n"
    r"\mathrm{bias} = \frac{\sum_i (1 - L_i)^2 \lambda_i\beta_i^2}{1 - q/m} = \alpha^2\frac{m\gamma}{p},\quad "
    r"\mathrm{variance} = \sigma^2\frac{q}{m - q}",
    normalisations=SETTING + " The published constant is c_0 = -m gamma / p.",
    figure=figure("random_features.sketch-correlated", drawings.draw_correlated),
)
def correlated_features(run: Any) -> Iterator[Any]:
    n_features, tops = run.choose(quick=(60, (10.0,)), full=(120, (2.0, 10.0)))
    ratios = run.choose(quick=(0.25, 0.5), full=(0.125, 0.25, 0.375, 0.5, 0.625, 0.75))
    cases = [(top, round(ratio * n_features), "orthogonal") for top in tops for ratio in ratios]
    cases += [(tops[0], n_features // 2, "iid")]
    top, m, sketch = (np.array(values) for values in zip(*cases, strict=True))
    p, n = n_features, 9 * n_features // 10
    resolved = run.choose(quick=np.full(len(cases), 0.04), full=np.where(p - m >= 60, 0.012, 0.02))
    mild = top < 3
    precision = np.stack([np.where(mild, 0.004, run.choose(quick=0.018, full=0.01)), resolved], axis=1)
    drawn = _draw(run, [(n, p, *case) for case in cases], trials_needed(p, m, resolved, share=1.2))
    parts = ["bias", "variance"]
    at = dict(top_eigenvalue=top[:, None], n_samples=n, n_features=p, sketch_size=m[:, None], sketch=sketch[:, None],
              part=np.array(parts))  # fmt: skip
    yield agreement(
        "bias-and-variance",
        drawn,
        correlated(top, p, m),
        allowance=np.stack([np.where(mild, 0.15, 1.2) / p, 1.4 / (p - m)], axis=1),
        precision=precision,
        reason="corrections of order 1/n, measured at p = 60, 120, 240: at most 0.11/p and 1.05/p on the bias for "
        "top eigenvalues 2 and 10, 1.3/(p - m) on the variance",
        rivals={
            "isotropic, same power": isotropic_of_same_power(top, p, m),
            "full sample": correlated(top, p, n),
        },
        at=at,
    )
    yield from _implicit_constant(run)
    if run.scale != "quick":
        yield _extrapolated(run)
    yield from _enough_rows(run)
    shares = np.arange(1, 100) / 100
    for top in tops:
        sizes = np.round(shares * 400).astype(int)  # the limit depends on m/p alone
        rival = {"isotropic, same power": isotropic_of_same_power(top, 400, sizes)}
        at = dict(top_eigenvalue=top, n_features=400, sketch_size=sizes[:, None], part=np.array(parts))
        yield curve("theory", correlated(top, 400, sizes), at=at, rivals=rival)


def _draw(run: Any, cases: list[tuple[int, int, float, int, str]], n_trials: Any) -> list[np.ndarray]:
    """Bias and variance of every trial, (n_trials, 2) for each case, with a covariance of two levels."""
    grid = run.grid(quick=[dict(n_samples=n, n_features=p, eigenvalues=two_levels(top, p), sketch_size=m, sketch=sketch)
                           for n, p, top, m, sketch in cases])  # fmt: skip
    trials = run.sample(simulate_sketched_ridgeless, grid, n_trials=n_trials, **UNIT)
    return [np.stack(pair, axis=1) for pair in zip(trials.bias, trials.variance, strict=True)]


def _implicit_constant(run: Any) -> Iterator[Any]:
    """The bias under an isotropic prior against m gamma / p, with gamma from its definition."""
    rng = np.random.default_rng(1)
    gaps, swapped = [], []
    for _ in range(run.choose(quick=5, full=50)):
        eigenvalues = rng.lognormal(0, 1.5, size=int(rng.integers(20, 200)))
        p = len(eigenvalues)
        m = int(rng.integers(1, p))
        bias = sketched_risk_correlated(eigenvalues, np.sqrt(eigenvalues / p), sketch_size=m, noise_variance=1.0).bias
        gamma = implicit_constant(eigenvalues, m)
        gaps.append(bias * p / (m * gamma) - 1)
        swapped.append(bias * p / ((p - m) * gamma) - 1)
    yield structure(
        "bias-from-the-constant",
        gaps,
        precision=1e-9,
        reason="two root finders; gamma is ill-conditioned where m is close to 1 or p",
        rivals={"p - m for m": swapped},
    )


def _extrapolated(run: Any) -> Any:
    """Bias and variance over their predictions at p and 2p, extrapolated to infinite size by the rate 1/n."""
    top, sizes, n_trials = 10.0, (120, 240), run.choose(full=2560, large=20480)
    drawn = _draw(run, [(p, p, top, p // 4, "orthogonal") for p in sizes], [n_trials] * 2)
    small, large = (trials / correlated([top], p, p // 4) for trials, p in zip(drawn, sizes, strict=True))
    return agreement(
        "extrapolated",
        2 * large - small,
        1.0,
        allowance=2 / 120**2,
        precision=[0.002, run.choose(full=0.011, large=0.004)],
        reason="what is left after extrapolation is of order 1/n^2",
        rivals={"half a per cent more": 1.005},
        at=dict(top_eigenvalue=top, n_features=np.inf, part=np.array(["bias", "variance"])),
    )


def _enough_rows(run: Any) -> Iterator[Any]:
    """For m > p the exact isotropic risk holds for any covariance."""
    n, p, m, top = 90, 30, 60, 10.0
    sketches = ("orthogonal", "iid")
    precision = run.choose(quick=0.04, full=0.01)
    drawn = _draw(run, [(n, p, top, m, sketch) for sketch in sketches], [trials_needed(p, m, precision)] * 2)
    grid = [dict(n_samples=n, n_features=p, sketch_size=m, sketch=sketch) for sketch in sketches]
    theory = exact(grid, 1.0)["variance"][:, 0]
    yield agreement(
        "covariance-free",
        np.stack([trials[:, 1] for trials in drawn], axis=1),
        theory,
        precision=precision,
        reason="exact at every size: the covariance cancels",
        rivals={"scaled by the mean eigenvalue": theory * (1 + top) / 2},
        at=dict(top_eigenvalue=top, n_samples=n, n_features=p, sketch_size=m, sketch=np.array(sketches)),
    )
    yield structure(
        "no-bias",
        np.abs([trials[:, 0] for trials in drawn]).max(axis=1),
        precision=1e-11,
        reason="every direction is seen: rounding alone",
        rivals={"1 - m/n": 1 - m / n},
        at=dict(sketch=np.array(sketches)),
    )
