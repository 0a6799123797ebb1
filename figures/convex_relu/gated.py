"""The relaxation without the cones: a lower bound, and when it is the optimum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, certificate, claim, curve, figure, structure
from figures.convex_relu import gated_drawings
from figures.convex_relu._closed_form_problems import (
    all_signs,
    conic_fit,
    feature_of,
    orthogonal_features,
    row_norms_of,
    targets_of,
)
from figures.convex_relu._gauges import gated_gauge, scaled_dual
from figures.convex_relu._optima import columns, conic_optima, data, generated_optima, objectives
from figures.convex_relu._problems import GAUSSIAN, MEDIUM, REFERENCES, SETTING, SMALL, Problem, reference
from figures.convex_relu.papers import CONVEX_REGULARIZERS
from theory.convex_relu import (
    dual_gauge,
    orthogonal_optimum,
    single_feature_optimum,
    whitened_optimum,
)


@claim(
    "convex_relu.9",
    paper=CONVEX_REGULARIZERS,
    label="the convex program without its cones",
    nature="bound",
    status="beyond",
    evidence="certified",
    statement="Without the cones the convex program is a lower bound of the ReLU optimum, equal to it exactly when the "
    "residual of the ReLU optimum has a gated gauge of at most the regularisation: for one feature, for whitened data "
    "with targets of one sign, and where the gated network is zero; for weak regularisation it is far below.",
    assumptions="Squared loss; all activation patterns. A gated network multiplies every neuron by a fixed pattern "
    "instead of its own.",
    formula=r"p_{\mathrm{gated}} = \min_{v_i,w_i}\;\frac{1}{2}\Vert\sum_i D_iX(v_i-w_i) - y\Vert^2 + "
    r"\beta\sum_i(\Vert v_i\Vert + \Vert w_i\Vert) \leq p^\ast"
    "\n"
    r"p_{\mathrm{gated}} = p^\ast\;\Leftrightarrow\;\max_i\,\Vert X^\top D_i(y-\hat{y})\Vert\leq\beta,\qquad "
    r"\hat{y}\;\mathrm{of\;the\;ReLU\;optimum}",
    normalisations=SETTING,
    figure=figure("convex_relu.gated", gated_drawings.draw_gated),
)
def gated_relaxation(run: Any) -> Iterator[Any]:
    yield from _below(run)
    yield from _closed_forms(run)
    yield from _when_equal(run)


def _below(run: Any) -> Iterator[Any]:
    """Reference and Gaussian problems, well below the regularisation that switches the networks off."""
    problems = run.choose(quick=REFERENCES, full=REFERENCES + GAUSSIAN)
    relaxed, optima = conic_optima(run, problems, cone_constraints=False), generated_optima(run, problems)
    values, least = objectives(relaxed), objectives(optima)
    at = columns(problems)

    def gaps(gauge: Any) -> list[float]:
        """Relative gaps to the dual value of the residual, scaled by a gauge."""
        found = []
        for problem, one in zip(problems, relaxed, strict=True):
            features, targets = data(problem)
            limit = problem["regularisation"] / gauge(features, targets - one.fitted)
            found.append(1 - scaled_dual(targets, one.fitted, limit) / one.objective)
        return found

    yield certificate(
        "duality-gap",
        gaps(gated_gauge),
        precision=1e-9,
        reason="the conic solver leaves up to 1e-11",
        rivals={"gauge with the cones": gaps(dual_gauge)},
        at=at,
    )
    yield bound(
        "far-below-the-optimum",
        values,
        0.95 * least,
        reason="at least five per cent below for regularisations of less than two fifths of the critical one",
        rivals={"half the optimum": 0.5 * least},
        at=at,
    )


def _closed_forms(run: Any) -> Iterator[Any]:
    """One feature, and whitened and orthogonal rows, with targets of one sign and of two."""
    kinds = ["one feature", "whitened, one sign", "whitened, two signs", "orthogonal, two signs"]
    strengths = run.choose(quick=[0.15, 1.0], full=[0.05, 0.15, 0.3, 0.6, 1.0])
    grid, sizes = run.grid(quick=dict(regularisation=strengths)), run.choose(quick=[4, 5], full=[4, 5, 6, 7])
    values = [[run.compute(conic_fit, grid, cone_constraints=False, **_arguments(kind, n)).objective for n in sizes]
              for kind in kinds]  # fmt: skip
    relaxed, relu = (np.array([[[_optimum(kind, n, beta, by_sign=by_sign) for beta in strengths] for n in sizes]
                               for kind in kinds]) for by_sign in (False, True))  # fmt: skip
    yield agreement(
        "closed-forms",
        values,
        relaxed,
        estimator="exact",
        precision=1e-9,
        reason="the conic solver leaves up to 1e-11",
        rivals={"optimum of the ReLU network": relu},
        at=dict(kind=np.array(kinds)[:, np.newaxis, np.newaxis], n_samples=np.array(sizes)[:, np.newaxis],
                regularisation=np.array(strengths)),
    )  # fmt: skip
    equal = slice(0, 2)
    yield agreement(
        "equal-for-one-sign",
        values[equal],
        relu[equal],
        estimator="exact",
        precision=1e-9,
        reason="the conic solver leaves up to 1e-11",
        rivals={"two signs like one": relu[2:]},
        at=dict(kind=np.array(kinds[equal])[:, np.newaxis, np.newaxis], n_samples=np.array(sizes)[:, np.newaxis],
                regularisation=np.array(strengths)),
    )  # fmt: skip


def _arguments(kind: str, n: int) -> dict[str, Any]:
    if kind == "one feature":
        return dict(features=feature_of(n, 1)[:, np.newaxis], targets=targets_of(n, 1))
    norms = row_norms_of(n) if kind.startswith("orthogonal") else np.ones(n)
    targets = np.abs(targets_of(n, 1)) if kind.endswith("one sign") else targets_of(n, 1)
    return dict(features=norms[:, np.newaxis] * orthogonal_features(n, n, 1), targets=targets, patterns=all_signs(n))


def _optimum(kind: str, n: int, beta: float, *, by_sign: bool) -> float:
    """Return the optimum in closed form, with the two signs of the targets fitted apart or at once."""
    targets = _arguments(kind, n)["targets"]
    if kind == "one feature":
        return single_feature_optimum(feature_of(n, 1), targets, regularisation=beta).objective
    targets = targets if by_sign else np.abs(targets)
    if kind.startswith("whitened"):
        return whitened_optimum(targets, regularisation=beta).objective
    return orthogonal_optimum(row_norms_of(n), targets, regularisation=beta).objective


def _when_equal(run: Any) -> Iterator[Any]:
    """Regularisations up to the one that switches the gated network off, and beyond."""
    sizes = [SMALL, MEDIUM, reference(9, 3, 1.0)]
    known = run.choose(quick=sizes, full=[*sizes, *GAUSSIAN[::2]])
    shares = np.array([0.1, 0.5, 0.9, 0.99, 1.001, 1.1])
    thresholds = np.array([gated_gauge(*data(problem)) for problem in known])
    problems = [Problem(**problem | dict(regularisation=float(share * threshold)))
                for problem, threshold in zip(known, thresholds, strict=True) for share in shares]  # fmt: skip
    relaxed, optima = conic_optima(run, problems, cone_constraints=False), generated_optima(run, problems)
    values, least = objectives(relaxed), objectives(optima)
    strength = np.array([problem["regularisation"] for problem in problems])
    gated, own = (
        np.array([gauge(data(problem)[0], data(problem)[1] - one.fitted)
                  for problem, one in zip(problems, optima, strict=True)])
        for gauge in (gated_gauge, dual_gauge)
    )  # fmt: skip
    at = columns(problems) | dict(share=np.tile(shares, len(known)))
    yield bound(
        "never-above-the-optimum",
        values,
        least,
        rounding=1e-9,
        tightness=1e-9,
        reason="the conic solver leaves up to 1e-11; equal above the threshold of the gated network",
        rivals={"a per mille below": 0.999 * least},
        at=at,
    )
    equal = values > least * (1 - 1e-8)
    yield structure(
        "criterion-of-equality",
        (gated <= strength * (1 + 1e-8)) != equal,
        precision=1e-9,
        reason="true or false: the two are at least 1e-5 apart where they differ",
        rivals={
            "gauge with the cones": (own <= strength * (1 + 1e-8)) != equal,
            "equal from the ReLU threshold on": (strength >= [dual_gauge(*data(problem)) for problem in problems])
            != equal,
        },
        at=at,
    )
    if run.scale != "quick":
        yield from _path(run, sizes, thresholds)


def _path(run: Any, problems: list[Problem], thresholds: np.ndarray) -> Iterator[Any]:
    """The ratio of the two optima along regularisations, for the figure."""
    shares = np.unique(np.append(np.geomspace(0.004, 1.3, 26), 1.0))
    for problem, threshold in zip(problems, thresholds, strict=False):
        path = [Problem(**problem | dict(regularisation=float(share * threshold))) for share in shares]
        values = objectives(conic_optima(run, path, cone_constraints=False))
        critical = np.full(len(shares), dual_gauge(*data(problem)) / threshold)
        at = dict(n_samples=problem["n_samples"], n_features=problem["n_features"], share=shares, critical=critical)
        yield curve("ratio", values / objectives(generated_optima(run, path)), at=at)
