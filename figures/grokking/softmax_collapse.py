"""Softmax collapse: the logit gaps at which a format loses cross-entropy, and how soon descent gets there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from assay import agreement, claim, figure, structure
from figures.grokking import collapse_drawings as drawings
from figures.grokking._formats import FORMATS, grid_step, precision, representable
from figures.grokking.papers import NUMERICAL_STABILITY
from simulations.grokking import (
    float_cross_entropy,
    measure_collapse_gap,
    measure_underflow_gap,
    simulate_softmax_collapse,
)
from theory.grokking import logit_gap_flow, softmax_collapse_gap, softmax_collapse_time, softmax_underflow_gap

collapse_figure = figure("grokking.collapse", drawings.draw_collapse)


@claim(
    "grokking.9",
    paper=NUMERICAL_STABILITY,
    label="Softmax Collapse (numbering unverified), with exact constants",
    nature="exact",
    status="beyond",
    statement="Evaluated in p bits, the cross-entropy of a softmax and the gradient of the correct logit vanish from a "
    "logit gap of p ln 2 on, or p ln 2 + ln(K - 1) where the other classes are added up first, while the gradients of "
    "those classes live on until they underflow. Descent on the gap collapses at a closed time, about an eighth sooner "
    "with the softmax evaluated in the format than with exact gradients.",
    assumptions="Correct logit z, all others 0; the largest logit is subtracted; rounding to nearest even with gradual "
    "underflow; the denominator is summed one term after the other, j of the small ones ahead of the 1. The times are "
    "those of small steps, and the quantised one that of large p. Collapse is the paper's phenomenon; the constants "
    "are results of this project.",
    formula=r"z^* = p\,\ln 2 + \ln\max(j, 1),\qquad z_{\mathrm{underflow}} = (p - e_{\min})\,\ln 2"
    "\n"
    r"\dot z = s\,\sigma(-z):\quad e^z + z = e^{z_0} + z_0 + s\,t,\qquad s\,t^* = 2^p + p\,\ln 2 - e^{z_0} - z_0"
    "\n"
    r"\mathrm{quantised}:\quad s\,t^* = 2^{p-1}\kappa,\quad "
    r"\kappa = \sum_{j\geq 1}\frac{1}{j}\ln\frac{2j+1}{2j-1} = 1.7506\ldots",
    normalisations="Precision p counts the leading one: 11, 24, 53 bits in half, single, double. e_min: exponent of "
    "the least normal number. One step of descent adds the learning rate times 1 - p_y to the gap.",
    figure=collapse_figure,
)
def softmax_collapse(run: Any) -> Iterator[Any]:
    yield _thresholds(run)
    yield _underflow()
    yield _staircase(run)
    yield _one_sided(run)
    yield _remedy(run)
    yield _flow()
    yield _times(run)


def _thresholds(run: Any) -> Any:
    generator = np.random.default_rng(run.seed)
    cases = []
    for n_classes in run.choose(quick=(2, 10, 113), full=(2, 3, 10, 113, 1000)):
        drawn = generator.integers(n_classes, size=run.choose(quick=0, full=3)).tolist()
        cases += [(n_classes, n_before) for n_before in sorted({0, n_classes - 1, *drawn})]
    grid = run.grid(quick=[dict(dtype=dtype, n_classes=n_classes, n_before=n_before)
                           for dtype in FORMATS for n_classes, n_before in cases])  # fmt: skip
    measured = run.compute(measure_collapse_gap, grid)
    predicted = np.array([_predicted_gap(**point) for point in grid])
    bits = np.array([precision(point["dtype"]) for point in grid])
    n_classes, ahead = grid.column("n_classes"), grid.column("n_before")
    step = np.array([grid_step(point["dtype"], gap) for point, gap in zip(grid, predicted, strict=True)])
    least = np.array([float(np.finfo(point["dtype"]).smallest_subnormal) for point in grid])
    return agreement(
        "thresholds",
        measured.values,
        predicted,
        estimator="exact",
        unit="absolute",
        allowance=np.where(ahead > 1, ahead, 0) * (2.0 ** -(bits + 1) + 2.0 ** (bits - 1) * least),
        precision=2 * step,
        reason="two steps of the format's grid of logits; and j equal small terms, each rounded by half the least "
        "positive number, and each added to a sum near 2^-p with a rounding of up to 2^-(2p+1), are off by that much "
        "relative to 2^-p/j",
        rivals={
            "(p - 1) ln 2, the machine epsilon": predicted - np.log(2),
            "ln K for ln(K - 1)": bits * np.log(2) + np.log(ahead + 1),
            "any order like the last": bits * np.log(2) + np.log(n_classes - 1),
            "no order matters": bits * np.log(2),
        },
        at=measured.at(),
    )


def _predicted_gap(dtype: str, n_classes: int, n_before: int) -> float:
    if n_before == 0:
        return softmax_collapse_gap(dtype, n_classes=n_classes)
    return softmax_collapse_gap(dtype, n_classes=n_before + 1, order="max_last")  # what comes later is absorbed


def _underflow() -> Any:
    predicted = np.array([softmax_underflow_gap(dtype) for dtype in FORMATS])
    normal = [-np.log(float(np.finfo(dtype).tiny)) for dtype in FORMATS]
    return agreement(
        "underflow",
        [measure_underflow_gap(dtype) for dtype in FORMATS],
        predicted,
        estimator="exact",
        unit="absolute",
        precision=[2 * grid_step(dtype, gap) for dtype, gap in zip(FORMATS, predicted, strict=True)],
        reason="two steps of the format's grid of logits",
        rivals={"the least positive number": predicted - np.log(2), "the least normal number": normal},
        at=dict(dtype=FORMATS),
    )


def _staircase(run: Any) -> Any:
    """The loss as the format has it, from no gap to beyond collapse: the exact loss to one step of the sum, then 0."""
    dtypes, gaps, losses, thresholds = [], [], [], []
    for dtype in FORMATS:
        edge = softmax_collapse_gap(dtype)
        here = representable(np.linspace(0, 1.15 * edge, run.choose(quick=60, full=240)), dtype)
        here = here[abs(here - edge) > 2 * grid_step(dtype, edge)]
        dtypes += [dtype] * len(here)
        gaps.append(here)
        losses.append(float_cross_entropy(here, dtype))
        thresholds += [edge] * len(here)
    gap, edge = np.concatenate(gaps), np.array(thresholds)
    step = np.array([2.0 ** (1 - precision(dtype)) for dtype in dtypes])
    exact = np.logaddexp(0, -gap)
    return agreement(
        "staircase",
        np.concatenate(losses),
        np.where(gap < edge, exact, 0.0),
        estimator="exact",
        unit="absolute",
        precision=np.where(gap < edge, 1.5 * step, 1e-300),
        reason="half a step 2^(1-p) each from the sum, the quotient and the logarithm below collapse; exactly 0 above",
        rivals={"no collapse": exact, "one bit more": np.where(gap < edge + np.log(2), exact, 0.0)},
        at=dict(dtype=dtypes, gap=gap),
    )


def _collapsed_gaps(dtype: str, n_classes: int, *, start: float) -> np.ndarray:
    """Return gaps of the format from a start to where a wrong class is no longer a normal number."""
    last = -np.log(float(np.finfo(dtype).tiny))
    return representable(np.linspace(start, last, 42)[1:-1], dtype)


def _one_sided(run: Any) -> Any:
    """Beyond collapse the gradients of all classes add up to those of the wrong ones, where they should cancel."""
    deviations, bits, dtypes, classes = [], [], [], []
    for dtype in FORMATS:
        for n_classes in run.choose(quick=(2, 10), full=(2, 10, 1000)):
            gaps = _collapsed_gaps(dtype, n_classes, start=softmax_collapse_gap(dtype))
            small = np.exp(-gaps.astype(dtype))
            total = np.add.accumulate([np.ones_like(small), *[small] * (n_classes - 1)])[-1]
            correct, wrong = (1 / total - 1).astype(float), (small / total).astype(float)
            exact = np.exp(-gaps)
            deviations += list((correct / (n_classes - 1) + wrong) / exact - 1)
            bits += [precision(dtype)] * len(gaps)
            dtypes += [dtype] * len(gaps)
            classes += [n_classes] * len(gaps)
    return structure(
        "one-sided-gradient",
        deviations,
        precision=4 * 2.0 ** -np.array(bits),
        reason="sum of the gradients over that of the wrong classes, minus 1: exponential and quotient are rounded",
        rivals={"the gradients cancel": np.ones(len(bits))},
        at=dict(dtype=dtypes, n_classes=classes),
    )


def _remedy(run: Any) -> Any:
    """The small terms alone hold the loss, in any format, for as long as they are normal numbers."""
    remedy, direct, bits, dtypes = [], [], [], []
    n_classes = 10
    for dtype in FORMATS:
        gaps = _collapsed_gaps(dtype, n_classes, start=0.0)
        exact = np.log1p((n_classes - 1) * np.exp(-gaps))
        small = np.exp(-gaps.astype(dtype))
        rest = np.add.accumulate([small] * (n_classes - 1))[-1]
        remedy += list(np.log1p(rest).astype(float) / exact - 1)
        direct += list(np.log(1 + rest).astype(float) / exact - 1)
        bits += [precision(dtype)] * len(gaps)
        dtypes += [dtype] * len(gaps)
    return structure(
        "log1p-keeps-the-loss",
        remedy,
        precision=2 * n_classes * 2.0 ** -np.array(bits),
        reason="relative: the exponential, nine sums and log1p are rounded",
        rivals={"log of the sum with the 1": direct},
        at=dict(dtype=dtypes),
    )


def _flow() -> Any:
    times, starts = np.logspace(-2, 6, 9), np.array([-2.0, 0.0, 0.5, 5.0])
    solved = [solve_ivp(lambda _, z: 2 / (1 + np.exp(z)), (0, times[-1]), [start], method="DOP853", t_eval=times,
                        rtol=1e-12, atol=1e-12).y[0] for start in starts]  # fmt: skip
    at = dict(initial_gap=starts[:, np.newaxis], time=times)
    total = np.exp(at["initial_gap"]) + 2 * times
    return agreement(
        "gap-flow",
        solved,
        [logit_gap_flow(times, speed=2.0, initial_gap=start) for start in starts],
        estimator="exact",
        unit="absolute",
        precision=1e-9,
        reason="a Runge-Kutta solver at relative accuracy 1e-12",
        rivals={"exponential part alone": np.log(total), "start forgotten": np.log1p(total)},
        at=at,
    )


def _times(run: Any) -> Any:
    """Steps to collapse. In double precision they are counted from a late start, with steps as large as the time."""
    settings = run.choose(
        quick=[("float16", 0.5, 0.0), ("float32", 4.0, 0.0), ("float64", 2.0**36, 33.0)],
        full=[*(("float16", rate, start) for start in (0.0, 4.0) for rate in (0.5, 0.2, 0.1, 0.05)),
              *(("float32", rate, 0.0) for rate in (4.0, 2.0, 1.0)),
              *(("float64", 2.0**k, 33.0) for k in (36, 33, 30))],
    )  # fmt: skip
    grid = run.grid(quick=[dict(dtype=dtype, learning_rate=rate, initial_gap=start, exact_gradient=exact)
                           for dtype, rate, start in settings for exact in (False, True)])  # fmt: skip
    counted = run.compute(simulate_softmax_collapse, grid, max_steps=10**8)

    exact, rate, start = (grid.column(name) for name in ("exact_gradient", "learning_rate", "initial_gap"))

    def steps(quantised: np.ndarray, start: np.ndarray = start) -> np.ndarray:
        return np.array([softmax_collapse_time(point["dtype"], speed=point["learning_rate"], initial_gap=gap,
                                               quantised=bool(coarse))
                         for point, gap, coarse in zip(grid, start, quantised, strict=True)])  # fmt: skip

    predicted, bits = steps(~exact), np.array([precision(point["dtype"]) for point in grid])
    edge = bits * np.log(2)
    rounded = np.array([grid_step(point["dtype"], z) for point, z in zip(grid, edge, strict=True)]) / 2
    late = np.where(exact, 0.0, np.maximum(edge / 2 - start, 0))
    ahead = rate * (edge - start + 1) + rounded * 2.0 ** np.where(exact, bits, bits - 1) + late
    return agreement(
        "collapse-time",
        counted.values,
        predicted,
        estimator="exact",
        allowance=ahead / (rate * predicted),
        precision=np.where(bits == 11, 1e-4, 1e-6),
        reason="in units of the time s t: a step h runs ahead of the flow by at most h for each unit of the gap, and "
        "one step; half a step of the grid of logits shifts the edges; quantised, the linear term of the flow is lost "
        "only in the last bins, those below 2^(1-p/2)",
        rivals={
            "the other gradient": steps(exact),
            "seven eighths of the exact time": np.where(exact, 1, 7 / 8) * steps(np.zeros_like(exact)),
            "start forgotten": steps(~exact, 0 * start),
        },
        at=counted.at(),
    )
