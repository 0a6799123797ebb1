"""Narrow layers: which modes survive when there is room for fewer than there are classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import claim, curve, figure, structure
from figures.neural_collapse import bias_drawings
from figures.neural_collapse._geometries import ROUNDING
from figures.neural_collapse._training import SETTING, Problem, gram_distance, train
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from theory.neural_collapse import MseGeometry, mse_geometry

bottleneck = figure("neural_collapse.bottleneck", bias_drawings.draw_bottleneck)

SIZES = (30.0, 25.0, 20.0, 15.0, 10.0)
BALANCED = (20.0,) * 5
RIDGES: Problem = dict(weight_ridges=(1e-3, 2e-3), feature_ridge=1e-3)


@claim(
    "neural_collapse.4",
    paper=DEEP_LINEAR_COLLAPSE,
    label="bottleneck cases of the theorems (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="With a layer narrower than the number of modes only the modes of largest gain survive, which without "
    "bias are the largest classes; of equal classes the end-to-end matrix keeps a projector, times the fit.",
    assumptions="Squared loss, free features, linear layers. The case of unequal classes with a free bias is a result"
    " of this project.",
    formula=r"R = \min(d_1,\ldots,d_M,K):\quad R\;\mathrm{modes\;of\;largest}\;\; n_k\tau_k\,(M\tau_k - M + 1)"
    "\n"
    r"n_k = n:\quad W_M\cdots W_1\bar H = \tau\,\Pi,\quad \Pi^2 = \Pi = \Pi^{\,T},\quad \mathrm{tr}\,\Pi = R",
    normalisations=SETTING + " With a free bias the squared singular values of the centred labels stand for n_k.",
    figure=bottleneck,
)
def width_bottleneck(run: Any) -> Iterator[Any]:
    widths = ((6, 1), (2, 6), (6, 3), (4, 6), (6, 6))
    cases = run.choose(quick=[(False, (6, 3))], full=[(bias, width) for bias in (False, True) for width in widths])
    found = train(run, [_problem(*case) for case in cases], n_trials=12)
    rank = np.array([min(*width, len(SIZES)) for _, width in cases])
    at = dict(rank=rank, bias=[bias for bias, _ in cases])
    wide = [mse_geometry(SIZES, bias=bias, **RIDGES) for bias, _ in cases]
    yield found.loss_check(
        {
            "loss at full width": [geometry.loss for geometry in wide],
            "smallest modes survive": list(map(_loss_of_smallest, wide, rank)),
        },
        at,
    )
    fewer = [mse_geometry(SIZES, bias=bias, width=max(1, min(width) - 1), **RIDGES) for bias, width in cases]
    ends = found.each("end_to_end")
    yield structure(
        "end-to-end",
        list(map(gram_distance, ends, found.predicted("end_to_end"))),
        precision=1e-11,
        reason=ROUNDING,
        rivals={
            "nothing is lost": [
                gram_distance(end, geometry.end_to_end) for end, geometry in zip(ends, wide, strict=True)
            ],
            "one mode fewer": [
                gram_distance(end, geometry.end_to_end) for end, geometry in zip(ends, fewer, strict=True)
            ],
        },
        at=at,
    )
    yield _equal_classes(run)
    ranks = np.arange(1, len(SIZES) + 1)
    for bias in (False, True):
        full = mse_geometry(SIZES, bias=bias, **RIDGES)
        losses = [mse_geometry(SIZES, bias=bias, width=int(least), **RIDGES).loss for least in ranks]
        yield curve("line", losses, at=dict(rank=ranks, bias=bias),
                    rivals={"smallest modes survive": [_loss_of_smallest(full, least) for least in ranks]})  # fmt: skip


def _problem(bias: bool, width: tuple[int, int]) -> Problem:
    return dict(class_sizes=SIZES, width=width, bias=bias) | RIDGES


def _loss_of_smallest(geometry: MseGeometry, rank: int) -> float:
    """Return the loss if the ``rank`` modes of smallest target are kept: the last ones."""
    squares, depth = geometry.target_singular_values**2, len(RIDGES["weight_ridges"])
    fits = np.where(np.arange(len(squares)) >= len(squares) - rank, geometry.fit, 0)
    return float(squares @ ((1 - fits) * (1 + depth * fits)) / (2 * sum(SIZES)))


def _equal_classes(run: Any) -> Any:
    """Equal classes: the end-to-end matrix over its fit is a projector, and no choice of classes."""
    widths = run.choose(quick=((6, 2),), full=((6, 2), (3, 6)))
    ranks = [min(width) for width in widths]
    found = train(run, [dict(class_sizes=BALANCED, width=width) | RIDGES for width in widths], n_trials=6)
    residuals, chosen = [], []
    for rank, runs, theory in zip(ranks, found.runs, found.theory, strict=True):
        projectors = runs["end_to_end"] / theory.fit.max()
        wrong_rank = np.abs(np.trace(projectors, axis1=1, axis2=2) - rank)
        first = np.diag((np.arange(len(BALANCED)) < rank).astype(float))
        idempotent = np.linalg.norm(projectors @ projectors - projectors, axis=(1, 2))
        symmetric = np.linalg.norm(projectors - projectors.transpose(0, 2, 1), axis=(1, 2))
        residuals.append([idempotent, symmetric, wrong_rank])
        chosen.append([np.linalg.norm(projectors - first, axis=(1, 2)), symmetric, wrong_rank])
    return structure(
        "projector-of-equal-classes",
        residuals,
        precision=1e-11,
        reason=ROUNDING,
        rivals={"R of the classes survive": chosen},
        at=dict(rank=np.reshape(ranks, (-1, 1, 1)), part=np.reshape(["idempotent", "symmetric", "rank"], (-1, 1))),
    )
