"""StableMax: the softmax of a signed logarithm, which collapses exponentially later, and whose loss is a power law."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import softmax

from assay import agreement, claim, exponent, structure
from figures.grokking._formats import FORMATS, grid_step, precision, representable
from figures.grokking.papers import NUMERICAL_STABILITY
from figures.grokking.softmax_collapse import collapse_figure
from simulations.grokking import float_cross_entropy, measure_collapse_gap
from theory.grokking import (
    softmax_collapse_gap,
    stablemax,
    stablemax_collapse_gap,
    stablemax_cross_entropy,
    stablemax_cross_entropy_gradient,
)

LAYOUTS = ("symmetric", "one_sided")


@claim(
    "grokking.10",
    paper=NUMERICAL_STABILITY,
    label="StableMax (numbering unverified), with exact constants",
    nature="exact",
    status="beyond",
    statement="StableMax is the softmax of sign(x) ln(1 + |x|). Of two classes its loss falls as a power of the logit "
    "gap, and it vanishes in p bits only from a gap exponential in p: 2 (2^ceil(p/2) - 1) for logits z/2 and -z/2, "
    "2^p - 1 for z and 0.",
    assumptions="Logits of two classes for the thresholds and the loss; not invariant under shifts, so that both "
    "logits matter; rounding to nearest even. Definition and identity are the paper's, the thresholds are results of "
    "this project.",
    formula=r"s(x) = 1 + x\;\;(x\geq 0),\quad \frac{1}{1 - x}\;\;(x<0);\qquad "
    r"p_i = \frac{s(x_i)}{\sum_j s(x_j)} = \mathrm{softmax}_i(\mathrm{sign}(x)\,\ln(1 + |x|))"
    "\n"
    r"s(x)\,s(-x) = 1,\qquad \partial_{x_i}(-\ln p_y) = \frac{p_i - [i = y]}{1 + |x_i|}"
    "\n"
    r"\pm\frac{z}{2}:\;\; -\ln p_y = \ln(1 + (1 + \frac{z}{2})^{-2}),\quad z^* = 2\,(2^{\lceil p/2\rceil} - 1)"
    "\n"
    r"z,\,0:\;\; -\ln p_y = \ln(1 + \frac{1}{1 + z}),\quad z^* = 2^p - 1",
    normalisations="Precision p counts the leading one: 11, 24, 53 bits in half, single, double.",
    figure=collapse_figure,
)
def stable_max(run: Any) -> Iterator[Any]:
    yield _thresholds()
    yield _staircase(run)
    yield _power_laws()
    yield _identity(run)
    yield _smoothness()
    yield _gradient(run)


def _thresholds() -> Any:
    cases = [(dtype, layout) for dtype in FORMATS for layout in LAYOUTS]
    predicted = np.array([stablemax_collapse_gap(dtype, layout=layout) for dtype, layout in cases])
    bits = np.array([precision(dtype) for dtype, _ in cases])
    symmetric = np.array([layout == "symmetric" for _, layout in cases])
    return agreement(
        "thresholds",
        [measure_collapse_gap(dtype, head="stablemax", layout=layout) for dtype, layout in cases],
        predicted,
        estimator="exact",
        unit="absolute",
        precision=[grid_step(dtype, gap) for (dtype, _), gap in zip(cases, predicted, strict=True)],
        reason="one step of the format's grid of logits",
        rivals={
            "without rounding p/2 up": np.where(symmetric, 2 * (2 ** (bits / 2) - 1), predicted),
            "a gap of z in place of z/2": np.where(symmetric, 2.0 ** np.ceil(bits / 2) - 1, predicted),
            "one bit less": np.where(symmetric, predicted, 2.0 ** (bits - 1) - 1),
            "softmax": [softmax_collapse_gap(dtype) for dtype, _ in cases],
        },
        at=dict(dtype=[dtype for dtype, _ in cases], layout=[layout for _, layout in cases]),
    )


def _logits(gap: np.ndarray, layout: str) -> np.ndarray:
    """Return the logits of the correct and the other class, (len(gap), 2)."""
    return np.stack([gap, 0 * gap] if layout == "one_sided" else [gap / 2, -gap / 2], axis=1)


def _loss(gap: np.ndarray, layout: str) -> np.ndarray:
    return stablemax_cross_entropy(_logits(gap, layout), np.zeros(len(gap)))


def _staircase(run: Any) -> Any:
    """The loss as the format has it, over all its numbers' orders of magnitude up to beyond collapse."""
    columns: dict[str, list] = {name: [] for name in ("dtype", "layout", "gap", "simulated", "predicted", "softmax")}
    steps = []
    for dtype in FORMATS:
        for layout in LAYOUTS:
            edge = stablemax_collapse_gap(dtype, layout=layout)
            gap = representable(np.geomspace(0.1, 8 * edge, run.choose(quick=40, full=160)), dtype)
            gap = gap[abs(gap - edge) > 2 * grid_step(dtype, edge)]
            exact = _loss(gap, layout)
            columns["dtype"] += [dtype] * len(gap)
            columns["layout"] += [layout] * len(gap)
            columns["gap"] += list(gap)
            columns["simulated"] += list(float_cross_entropy(gap, dtype, head="stablemax", layout=layout))
            columns["predicted"] += list(np.where(gap < edge, exact, 0.0))
            columns["softmax"] += list(np.where(gap < softmax_collapse_gap(dtype), np.logaddexp(0, -gap), 0.0))
            steps += list(np.where(gap < edge, 2.0 ** (1 - precision(dtype)), 0))
    return agreement(
        "staircase",
        columns["simulated"],
        columns["predicted"],
        estimator="exact",
        unit="absolute",
        precision=np.maximum(1.5 * np.array(steps), 1e-300),
        reason="half a step 2^(1-p) each from the sum, the quotient and the logarithm below collapse; exactly 0 above",
        rivals={"softmax": columns["softmax"]},
        at={name: columns[name] for name in ("dtype", "layout", "gap")},
    )


def _power_laws() -> Any:
    """Evaluated in double precision, whose rounding 1e-16 is far below the losses."""
    gaps = np.array([1e4, 1e5])
    losses = [float_cross_entropy(gaps, "float64", head="stablemax", layout=layout) for layout in LAYOUTS]
    return exponent(
        "decay-of-the-loss",
        gaps,
        np.transpose(losses),
        [-2.0, -1.0],
        estimator="exact",
        allowance=[2 * 2 / gaps[0], 1.5 / gaps[0]],
        precision=1e-4,
        reason="ln(1 + z/2) and ln(1 + z) differ from ln z by a constant and 2/z or 1/z, and the logarithm of the loss "
        "is off by half of it, one-sided",
        rivals={"layouts exchanged": [-1.0, -2.0], "inverse square root": [-0.5, -0.5]},
        at=dict(layout=LAYOUTS),
    )


def _identity(run: Any) -> Any:
    generator = np.random.default_rng(run.seed)
    drawn = generator.standard_normal((run.choose(quick=50, full=500), 7)) * 10 ** generator.uniform(-3, 3, 7)
    ours, logarithm = stablemax(drawn), np.sign(drawn) * np.log1p(np.abs(drawn))

    def apart(transformed: np.ndarray) -> np.ndarray:
        return np.abs(softmax(transformed, axis=1) / ours - 1).max(axis=1)

    def odds(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the deviation of ln s(first) - ln s(second) from twice the signed logarithm."""
        share = stablemax(np.stack([first, second], axis=-1))
        return np.abs(np.log(share[..., 0]) - np.log(share[..., 1]) - 2 * logarithm).max(axis=1)

    return structure(
        "softmax-of-the-signed-logarithm",
        [apart(logarithm), odds(drawn, -drawn)],
        precision=1e-12,
        reason="rounding of probabilities, relative",
        rivals={
            "softmax": [apart(drawn), odds(drawn, -drawn)],
            "sign forgotten": [apart(np.abs(logarithm)), odds(drawn, -drawn)],
            "invariant under shifts": [apart(logarithm), odds(2 * drawn, 0 * drawn)],
        },
        at=dict(statement=np.array([["softmax"], ["s(x) s(-x) = 1"]])),
    )


def _smoothness() -> Any:
    """One-sided differences of s, read off as the odds against a logit of 0, where s is 1."""
    h = 1e-4
    points = h * np.array([-2, -1, 0, 1, 2])
    share = stablemax(np.stack([points, 0 * points], axis=1))[:, 0]
    s = share / (1 - share)
    found = [(s[2] - s[1]) / h, (s[3] - s[2]) / h, (s[2] - 2 * s[1] + s[0]) / h**2, (s[4] - 2 * s[3] + s[2]) / h**2]
    return agreement(
        "smoothness-at-zero",
        found,
        [1, 1, 2, 0],
        estimator="exact",
        unit="absolute",
        allowance=[h, h, 6 * h, 6 * h],
        precision=[1e-9, 1e-9, 1e-6, 1e-6],
        reason="differences over a step h: the next derivatives on the left are 2 and 6; rounding over h or h^2",
        rivals={"two derivatives": [1, 1, 2, 2], "a kink": [0.5, 1, 2, 0]},
        at=dict(side=["left", "right"] * 2, derivative=[1, 1, 2, 2]),
    )


def _gradient(run: Any) -> Any:
    """Complex steps differentiate every branch of s to rounding."""
    generator = np.random.default_rng((run.seed, 1))
    n_samples, n_classes = run.choose(quick=40, full=400), 5
    logits = generator.standard_normal((n_samples, n_classes)) * 10 ** generator.uniform(-2, 3, (n_samples, 1))
    labels = generator.integers(n_classes, size=n_samples)
    rows, step = np.arange(n_samples), 1e-30
    slopes = np.empty_like(logits)
    for place in range(n_classes):
        moved = logits.astype(complex)
        moved[:, place] += 1j * step
        scores = np.where(moved.real >= 0, 1 + moved, 1 / (1 - moved))
        slopes[:, place] = (np.log(scores.sum(axis=1)) - np.log(scores[rows, labels])).imag / step
    ours = stablemax_cross_entropy_gradient(logits, labels)
    plain = stablemax(logits) - np.eye(n_classes)[labels]
    return structure(
        "gradient",
        (ours - slopes) * (1 + np.abs(logits)),
        precision=1e-13,
        reason="in units of 1/(1 + |x|): rounding",
        rivals={
            "without 1/(1 + |x|)": (plain - slopes) * (1 + np.abs(logits)),
            "1/(1 + |x|) of the correct logit": (
                plain / (1 + np.abs(logits[rows, labels]))[:, np.newaxis] - slopes) * (1 + np.abs(logits)),
        },
    )  # fmt: skip
