"""Minority collapse: the class size below which a class leaves no trace in features and classifier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure
from figures.neural_collapse import collapse_drawings
from figures.neural_collapse._training import SETTING, Problem, equal_ridges, train
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from theory.neural_collapse import collapse_fit, collapse_thresholds, effective_ridge, minority_collapse_size

collapse_map = figure("neural_collapse.minority-collapse", collapse_drawings.draw_minority_collapse)

N_SAMPLES, LOST_SIZE = 200.0, 10.0
# What the other classes get of the samples that the smallest one leaves.
MAJORITIES = {"equal": (1 / 3, 1 / 3, 1 / 3), "one large": (0.7, 0.2, 0.1)}
RATIOS = (0.95, 0.99, 1.01, 1.05)  # of effective ridge to threshold
N_MAP = 400.0  # samples of the map, two large and two small classes
SCALES = (0.6, 0.8, 1.0)


@claim(
    "neural_collapse.3",
    paper=DEEP_LINEAR_COLLAPSE,
    label="minority collapse (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="At a global minimum of the bias-free squared loss a class has a zero mean and a zero classifier row if"
    " and only if it has fewer samples than a closed threshold, which the sizes of the other classes enter by their "
    "sum alone.",
    assumptions="Free features, linear layers, inner widths of at least K. The trained value is that of the lowest of"
    " all starts.",
    formula=r"n_{\mathrm{crit}} = \left(\frac{N c}{\beta_c}\right)^{(M+1)/M} = "
    r"\frac{M^2}{(M-1)^{(M-1)/M}}\;N\,(N\lambda_H\lambda_{W_1}\cdots\lambda_{W_M})^{1/M}"
    "\n"
    r"M=1:\quad n_{\mathrm{crit}} = N^2\lambda_W\lambda_H",
    normalisations=SETTING,
    figure=collapse_map,
)
def minority_collapse(run: Any) -> Iterator[Any]:
    depths = run.choose(quick=(1, 2), full=(1, 2, 3, 4))
    points = [(depth, ratio, others) for depth in depths for ratio in RATIOS for others in MAJORITIES]
    found = train(
        run, [_near_collapse(*point) for point in points], n_trials=run.choose(quick=12, full=25), init_scales=SCALES
    )
    depth, ratio, others = (np.array(column) for column in zip(*points, strict=True))
    fit, mean, row = (np.array([matrix[-1, -1] for matrix in found.each(name)])
                      for name in ("end_to_end", "class_mean_gram", "classifier_gram"))  # fmt: skip
    effective = np.array([theory.effective_ridge[-1] for theory in found.theory])
    size, largest = _size(depth, ratio), _fits(effective, depth, branch="stable")
    at = dict(n_layers=depth, ratio=ratio, others=others, class_size=size, effective_ridge=effective)
    terms = dict(estimator="exact", unit="absolute", precision=1e-9, at=at,
                 reason="rounding over the small curvature one per cent off the threshold of one layer")  # fmt: skip
    one_layer = np.array([minority_collapse_size(N_SAMPLES, **_ridges(int(M), shallow=True)) for M in depth])
    lost = "lost where the root disappears"
    yield agreement(
        "minority-fit",
        fit,
        _fits(effective, depth),
        rivals={
            lost: largest,
            "N^2 times two ridges at every depth": np.where(size >= one_layer, largest, 0),
            "threshold at the size N/K of an average class": np.zeros_like(fit),
        },
        **terms,
    )
    scale = N_SAMPLES * np.array([_ridges(int(M))["feature_ridge"] for M in depth])
    gone = np.array([(theory.class_mean_gram[-1, -1], theory.classifier_gram[-1, -1]) for theory in found.theory]).T
    yield agreement("minority-mean", mean * scale, gone[0] * scale, rivals={lost: largest * (1 - largest)}, **terms)
    yield agreement("minority-row", row / scale, gone[1] / scale, rivals={lost: largest / (1 - largest)}, **terms)
    yield from _map(run)


def _ridges(depth: int, *, shallow: bool = False) -> Problem:
    """Return equal ridges with the size of collapse LOST_SIZE, for the first layer alone if ``shallow``."""
    threshold = collapse_thresholds(depth).global_ridge
    return equal_ridges(1 if shallow else depth, threshold * LOST_SIZE ** (depth / (depth + 1)) / N_SAMPLES)


def _size(depth: Any, ratio: Any) -> Any:
    """Return the class size at a ratio of effective ridge to threshold."""
    return LOST_SIZE * ratio ** (-(depth + 1) / depth)


def _near_collapse(depth: int, ratio: float, others: str) -> Problem:
    size = float(_size(depth, ratio))
    sizes = (*((N_SAMPLES - size) * share for share in MAJORITIES[others]), size)
    return dict(class_sizes=sizes, width=16) | _ridges(depth)


def _fits(effective: np.ndarray, depth: np.ndarray, branch: str = "global") -> np.ndarray:
    return np.array([collapse_fit(beta, n_layers=M, branch=branch)
                     for beta, M in zip(effective.tolist(), depth.tolist(), strict=True)])  # fmt: skip


def _step_sizes(imbalance: Any) -> tuple[Any, Any]:
    """Return the sizes of the two large and of the two small classes of the map."""
    small = 0.5 * N_MAP / (imbalance + 1)
    return imbalance * small, small


def _map(run: Any) -> Iterator[Any]:
    """Two large and two small classes: the fits of both over imbalance ratio and ridge."""
    depths = run.choose(quick=(2,), full=(1, 2, 3))
    imbalances = run.choose(quick=(4.0, 20.0), full=(1.5, 3.0, 6.0, 12.0, 20.0, 35.0))
    ridges = run.choose(quick=(0.005, 0.02), full=tuple(np.geomspace(0.001, 0.06, 8).tolist()))
    points = [(depth, imbalance, ridge) for depth in depths for imbalance in imbalances for ridge in ridges]
    problems = []
    for depth, imbalance, ridge in points:
        large, small = _step_sizes(imbalance)
        problems.append(dict(class_sizes=(large, large, small, small), width=16) | equal_ridges(depth, ridge))
    found = train(run, problems, n_trials=run.choose(quick=12, full=16), init_scales=SCALES)
    depth, imbalance, ridge = (np.array(column)[:, np.newaxis] for column in zip(*points, strict=True))
    predicted = np.array([theory.fit for theory in found.theory])
    root = np.array([collapse_fit(theory.effective_ridge, n_layers=len(theory.weight_singular_values), branch="stable")
                     for theory in found.theory])  # fmt: skip
    yield agreement(
        "map",
        np.array([np.diag(product)[[0, 2]] for product in found.each("end_to_end")]),
        predicted[:, [0, 2]],
        estimator="exact",
        unit="absolute",
        precision=1e-9,
        reason="rounding over the small curvature next to a threshold",
        rivals={"lost where the root disappears": root[:, [0, 2]],
                "soft threshold at every depth": np.maximum(0, 1 - N_MAP * ridge / np.sqrt(_both(imbalance)))},
        at=dict(n_layers=depth, imbalance=imbalance, ridge=ridge, part=["large", "small"]),
    )  # fmt: skip
    line = np.geomspace(1.0, 45.0, 120)
    for M in (1, 2, 3):
        known = collapse_thresholds(M)
        unit = effective_ridge(_both(line[:, np.newaxis]).ravel(), n_samples=N_MAP, **equal_ridges(M, 1.0)).reshape(
            -1, 2
        )
        for name, threshold in (("threshold", known.global_ridge), ("root", known.spinodal_ridge)):
            at = dict(n_layers=M, imbalance=line[:, np.newaxis], part=["large", "small"])
            yield curve(name, threshold / unit, at=at)


def _both(imbalance: np.ndarray) -> np.ndarray:
    """Return the sizes of a large and of a small class along a new last axis of two: (..., 2)."""
    return np.concatenate(_step_sizes(imbalance), axis=-1)
