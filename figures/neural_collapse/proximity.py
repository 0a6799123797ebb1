"""Features tied to given ones: exact shrinkage within classes, the collapsed centre, and the response around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, exponent, figure, structure
from figures.neural_collapse import perturbation_drawings as drawings
from figures.neural_collapse._perturbed_features import (
    COMPONENTS,
    collapsed_minimisers,
    random_minimisers,
    responses,
    tied_more_and_more,
)
from figures.neural_collapse.papers import PERTURBATION_ANALYSIS
from theory.neural_collapse import proximity_factors, proximity_first_order, within_class_shrinkage

SETTING = (
    "Objective: |W H - Y|^2 / (2 K n) + lambda_W |W|^2 / (2 K) + mu |H - H_0|^2 / (2 K n); K balanced classes of n "
    "samples, no bias."
)
LABELS = np.repeat(np.arange(4), 6)  # of the responses
CENTRE = dict(input_scale=1.3, weight_ridge=0.05, proximity=0.4)
OTHER_CENTRES = [dict(input_scale=0.5, weight_ridge=0.3, proximity=1.5), dict(input_scale=2.0, weight_ridge=0.01,
                 proximity=0.1), dict(input_scale=1.0, weight_ridge=1.0, proximity=0.6)]  # fmt: skip
DRAWING = figure("neural_collapse.perturbation", drawings.draw_perturbation)


@claim(
    "neural_collapse.15",
    paper=PERTURBATION_ANALYSIS,
    label="Model with features tied to given ones; its large-proximity limit (numbering unverified)",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="At every critical point the deviations from class means are those of the given features times one "
    "matrix, however far from collapse these are; tied ever more closely, the minimiser is one step of the flow.",
    assumptions="None for the identity; the limit is that of large proximity. The paper has the identity to first "
    "order "
    "around collapse.",
    formula=r"""E = \mu\,(\mu I + W^\top W)^{-1}E_0
        H = H_0 - \frac{1}{\mu}W_0^{\top}(W_0 H_0 - Y) + O(\mu^{-2}),\quad W_0 = W^\ast(H_0)""",
    normalisations=SETTING,
)
def shrinkage(run: Any) -> Iterator[Any]:
    shapes = run.choose(quick=[(6, 3, 4)], full=[(6, 3, 4), (3, 4, 5), (10, 5, 3), (4, 2, 10)])
    grid = run.grid(
        quick=[dict(zip(("n_features", "n_classes", "n_per_class"), shape, strict=True)) for shape in shapes]
    )
    found = run.sample(random_minimisers, grid, n_trials=[run.choose(quick=8, full=25)] * len(grid))
    gaps, alike, disturbed, ties = [], [], [], []
    for index, point in enumerate(grid):
        labels = np.repeat(np.arange(point["n_classes"]), point["n_per_class"])
        for given, features, classifier, proximity in zip(
            *(getattr(found, name)[index] for name in ("given", "features", "classifier", "proximity")), strict=True
        ):
            before, after = _deviations(given, labels), _deviations(features, labels)
            pull = np.linalg.norm(classifier) ** 2 / min(classifier.shape)
            matrices = (
                within_class_shrinkage(classifier, proximity=proximity),
                proximity / (proximity + pull) * np.eye(len(given)),
                within_class_shrinkage((1 + 1e-6) * classifier, proximity=proximity),
            )
            for gap, matrix in zip((gaps, alike, disturbed), matrices, strict=True):
                gap.append(np.linalg.norm(after - matrix @ before) / np.linalg.norm(before))
            ties.append(proximity)
    yield structure(
        "shrinkage",
        gaps,
        precision=1e-12,
        reason="rounding, relative to the given deviations: the features solve their linear system exactly",
        rivals={"the same factor in all directions": alike},
        controls={"classifier longer by 1e-6": disturbed},
        at=dict(instance=np.arange(len(gaps)), proximity=ties),
    )
    proximities = 1e3 * np.array([1.0, 2.0, 4.0, 8.0])
    tied = run.sample(tied_more_and_more, run.grid(quick=[dict(weight_ridge=0.1), dict(weight_ridge=1.0)]),
                      proximities=proximities, n_trials=run.choose(quick=2, full=8))  # fmt: skip
    step = tied.velocity[:, :, None] / proximities[:, None, None]
    left, whole = (
        np.moveaxis(np.linalg.norm(moves, axis=(-2, -1)), -1, 0) for moves in (tied.moves - step, tied.moves)
    )
    yield exponent(
        "what-one-step-leaves",
        proximities,
        left,
        -2.0,
        estimator="exact",
        precision=0.01,
        reason="the next order is smaller by 1/proximity, at proximities from 1000",
        rivals={"-1": -1.0, "-3": -3.0},
    )
    yield exponent(
        "length-of-the-move",
        proximities,
        whole,
        -1.0,
        estimator="exact",
        precision=0.01,
        reason="the next order is smaller by 1/proximity, at proximities from 1000",
        rivals={"-2": -2.0},
    )


def _deviations(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    targets = np.eye(labels.max() + 1)[:, labels]
    return features - (features @ targets.T / targets.sum(axis=1)) @ targets


@claim(
    "neural_collapse.16",
    paper=PERTURBATION_ANALYSIS,
    label="Minimiser for collapsed given features (numbering unverified)",
    nature="exact",
    evidence="proved",
    statement="Where the given features are collapsed onto an orthonormal frame, so is the minimiser, longer by the "
    "only "
    "root of a scalar equation, and the classifier lies along the same frame.",
    assumptions="H_0 = alpha Q Y with Q^T Q = I and alpha > 0.",
    formula=r"""H = hQY,\quad W = wQ^\top,\quad w = \frac{h}{h^2 + \lambda_W}
        h - \alpha = \frac{h\lambda_W}{\mu(h^2 + \lambda_W)^2}\leq\frac{3\sqrt{3}}{16\,\mu\sqrt{\lambda_W}}""",
    normalisations=SETTING,
)
def collapsed_centre(run: Any) -> Iterator[Any]:
    tight = dict(input_scale=float(np.sqrt(2 / 3) * 7 / 16), weight_ridge=2.0, proximity=0.5)  # h^2 = lambda_W / 3
    grid = run.grid(quick=[CENTRE, *OTHER_CENTRES, tight],
                    full=[CENTRE, *OTHER_CENTRES, tight,
                          *(dict(input_scale=a, weight_ridge=ridge, proximity=mu) for a in (0.2, 0.7, 1.5)
                            for ridge in (0.02, 0.2, 1.0) for mu in (0.2, 1.0, 5.0))])  # fmt: skip
    found = run.sample(collapsed_minimisers, grid, n_trials=run.choose(quick=2, full=8))
    theory = [proximity_factors(**point) for point in grid]
    h, w = np.array([one.scale for one in theory]), np.array([one.classifier_scale for one in theory])
    alpha, ridge, mu = (grid.column(name) for name in ("input_scale", "weight_ridge", "proximity"))
    kept = alpha / (alpha**2 + ridge)
    once = alpha + alpha * ridge / (mu * (alpha**2 + ridge) ** 2)
    per_sample = [proximity_factors(**point | dict(weight_ridge=point["weight_ridge"] / 3)) for point in grid]
    yield agreement(
        "scales",
        np.stack([found.scale, found.classifier_scale], axis=2)[0],
        np.stack([h, w], axis=1),
        estimator="exact",
        precision=1e-11,
        reason="Newton's method to rounding, in a random frame",
        rivals={
            "features as given": np.stack([alpha, kept], axis=1),
            "one step from the given features": np.stack([once, once / (once**2 + ridge)], axis=1),
            "ridge per sample": [(one.scale, one.classifier_scale) for one in per_sample],
        },
        at=found.at(quantity=np.array(["h", "w"])),
    )
    yield structure(
        "along-the-frame",
        np.stack([found.features_beside, found.classifier_beside]),
        precision=1e-11,
        reason="rounding: what lies beside the frame, relative to what lies along it",
        controls={"frame turned by 1e-6": np.stack([found.beside_turned] * 2)},
    )
    yield bound(
        "bracket",
        found.scale - alpha,
        np.broadcast_to(3 * np.sqrt(3) / (16 * mu * np.sqrt(ridge)), found.scale.shape),
        tightness=1e-9,
        reason="attained where h^2 = lambda_W / 3, one of the points; the gap is quadratic around it",
        rivals={"without the 3": np.broadcast_to(np.sqrt(3) / (16 * mu * np.sqrt(ridge)), found.scale.shape)},
        at=found.at(),
    )


@claim(
    "neural_collapse.17",
    paper=PERTURBATION_ANALYSIS,
    label="First-order minimiser near collapse (numbering unverified)",
    nature="asymptotic",
    evidence="proved",
    statement="A perturbation of collapsed given features appears in the minimiser with one factor for each of five "
    "components: within classes and of class means, in the span of the frame (symmetric, antisymmetric) or out of it.",
    assumptions="H_0 = alpha Q Y + a small perturbation; balanced classes. The remainder is of second order.",
    formula=r"""\mathrm{within\ classes:}\quad\frac{\mu}{\mu + w^2}\ \mathrm{in\ span}(Q),\quad 1\ \mathrm{out\ of\ it}
        \mathrm{means,\ symmetric:}\quad\frac{dh}{d\alpha} = \frac{\mu}{\mu + w^2 - \rho^2/(h^2 + \lambda_W)}
        \rho = \frac{h^2 - \lambda_W}{h^2 + \lambda_W}
        \mathrm{means,\ antisymmetric\ or\ orthogonal:}\quad\frac{h}{\alpha}
        \delta W = CQ^\top + \frac{B^\top}{h^2 + \lambda_W},\quad C = -\frac{hwA + (hw - 1)A^\top}{h^2 + \lambda_W}""",
    normalisations=SETTING + " A and B: responses of the class means along Q and orthogonal to it.",
    figure=DRAWING,
)
def first_order_response(run: Any) -> Iterator[Any]:
    sizes = np.geomspace(1e-4, 1e-2, 5)
    grid = run.grid(quick=[CENTRE], full=[CENTRE, *OTHER_CENTRES])
    found = run.sample(responses, grid, step=2e-4, sizes=sizes, n_trials=run.choose(quick=2, full=8))
    theory = [proximity_factors(**point) for point in grid]
    n_trials = len(found.parts)
    predicted, frozen = np.array([_factors(one) for one in theory]), []
    for point, one in zip(grid, theory, strict=True):
        inside = point["proximity"] / (point["proximity"] + one.classifier_scale**2)
        frozen.append((inside, 1.0, inside, inside, 1.0))
    measured = np.sum(found.derivatives * found.parts, axis=(-2, -1))
    no_correction = [(a, b, (h / alpha), d, e) for (a, b, _, d, e), h, alpha in zip(
        predicted, (one.scale for one in theory), grid.column("input_scale"), strict=True)]  # fmt: skip
    yield agreement(
        "factors",
        measured,
        np.broadcast_to(predicted, measured.shape),
        estimator="exact",
        precision=1e-6,
        reason="central differences with a step of 2e-4, of relative error 1e-7",
        rivals={
            "frozen classifier": np.broadcast_to(frozen, measured.shape),
            "shrunk in all directions": np.broadcast_to(np.where(np.arange(5) == 1, predicted[:, :1], predicted),
                                                        measured.shape),
            "means symmetric or not": np.broadcast_to(no_correction, measured.shape),
        },
        at=dict(setting=np.arange(len(grid))[:, None], component=np.array(COMPONENTS)),
    )  # fmt: skip
    mixed = np.linalg.norm(found.derivatives - measured[..., None, None] * found.parts, axis=(-2, -1))
    yield structure(
        "components-do-not-mix",
        mixed,
        precision=1e-6,
        reason="central differences with a step of 2e-4, of relative error 1e-7",
        rivals={"out of the component only": np.abs(measured)},
        at=dict(component=np.array(COMPONENTS)),
    )
    yield from _remainder(found, grid, theory, sizes, n_trials)
    yield from _classifier(found, grid, theory)


def _factors(one: Any) -> tuple[float, ...]:
    """Return the factors in the order of COMPONENTS."""
    return one.within_parallel, one.within_orthogonal, one.mean_symmetric, one.mean_rotation, one.mean_rotation


def _remainder(found: Any, grid: Any, theory: Any, sizes: np.ndarray, n_trials: int) -> Iterator[Any]:
    """What the first order leaves, at perturbations of falling size in one direction."""
    left, left_frozen = np.empty((2, n_trials, len(grid), len(sizes)))
    for trial in range(n_trials):
        for index, (point, one) in enumerate(zip(grid, theory, strict=True)):
            whole, frame = found.whole[trial, index], found.frame[trial, index]
            response = proximity_first_order(whole, frame, LABELS, **point)
            inside = frame @ (frame.T @ whole)
            frozen = whole - (1 - one.within_parallel) * inside
            for kept, linear in ((left, response), (left_frozen, frozen)):
                gap = found.changes[trial, index] - sizes[:, None, None] * linear
                kept[trial, index] = np.linalg.norm(gap, axis=(-2, -1))
    logs = np.log(sizes) - np.log(sizes).mean()
    slope, slope_frozen = (np.log(kept) @ logs / (logs @ logs) for kept in (left, left_frozen))
    yield structure(
        "slope-of-the-remainder",
        slope - 2,
        precision=0.02,
        reason="the third order is smaller by the size of the perturbation, at most 0.01",
        rivals={"frozen classifier": slope_frozen - 2},
        at=dict(setting=np.arange(len(grid))),
    )
    yield structure(
        "remainder-at-1e-4",
        left[..., 0] / sizes[0],
        precision=2e-4,
        reason="second order with coefficients of order one, relative to the perturbation",
        rivals={"frozen classifier": left_frozen[..., 0] / sizes[0]},
        at=dict(setting=np.arange(len(grid))),
    )
    shown = dict(size=sizes, order=np.array(["first order"]))
    yield curve("remainder", left[0, 0], at=shown, rivals={"frozen classifier": left_frozen[0, 0]})


def _classifier(found: Any, grid: Any, theory: Any) -> Iterator[Any]:
    """The change of the classifier, from the responses of the class means."""
    gaps, untransposed = [], []
    for trial in range(len(found.whole)):
        for index, (point, one) in enumerate(zip(grid, theory, strict=True)):
            frame = found.frame[trial, index]
            response = proximity_first_order(found.whole[trial, index], frame, LABELS, **point)
            means = response @ np.eye(4)[LABELS] / 6
            inside, h, w = frame.T @ means, one.scale, one.classifier_scale
            total = h**2 + point["weight_ridge"]
            for kept, second in ((gaps, inside.T), (untransposed, inside)):
                core = -(h * w * inside + (h * w - 1) * second) / total
                change = core @ frame.T + (means - frame @ inside).T / total
                kept.append(np.linalg.norm(found.classifier_derivative[trial, index] - change) / np.linalg.norm(change))
    yield structure(
        "classifier",
        gaps,
        precision=1e-6,
        reason="central differences with a step of 2e-4, of relative error 1e-7",
        rivals={"A for its transpose": untransposed},
    )
