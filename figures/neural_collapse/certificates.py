"""Certificates of one layer: lower bounds from the convex dual that meet the trained loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from assay import agreement, bound, certificate, claim, curve, figure
from figures.neural_collapse import dynamics_drawings
from figures.neural_collapse._convex import nuclear_norm_optimum
from figures.neural_collapse._training import SETTING, Problem
from figures.neural_collapse.papers import DEEP_LINEAR_COLLAPSE
from simulations.neural_collapse import (
    simulate_cross_entropy_training,
    simulate_mse_curves,
    simulate_mse_training,
)
from theory.neural_collapse import cross_entropy_dual_bound, mse_dual_bound, mse_geometry

certificates = figure("neural_collapse.certificates", dynamics_drawings.draw_certificates)

PROBLEMS: tuple[Problem, ...] = (
    dict(class_sizes=(5.0, 3.0, 2.0), weight_ridges=(0.03,), feature_ridge=0.02),
    dict(class_sizes=(8.0, 4.0, 4.0, 1.0), weight_ridges=(0.02,), feature_ridge=0.01),
    dict(class_sizes=(12.0, 8.0, 6.0, 4.0, 2.0, 1.0), weight_ridges=(0.005,), feature_ridge=0.02),
)

Case = tuple[str, Problem, float, np.ndarray]  # kind of loss, problem, trained loss, end-to-end matrix


@claim(
    "neural_collapse.9",
    paper=DEEP_LINEAR_COLLAPSE,
    label="one linear layer, past the theorems: certificates",
    nature="exact",
    status="beyond",
    evidence="certified",
    statement="For one layer any end-to-end matrix gives a lower bound on the squared loss and on the cross-entropy "
    "over all parameters, for unequal classes too; at a trained minimum it equals the loss, and at another critical "
    "point it does not.",
    assumptions="One linear layer on free features, no bias, width of at least K.",
    formula=r"\min_Z\;\frac{1}{2N}\Vert Z - D^{1/2}\Vert_F^2 + c\,\Vert Z\Vert_\ast,\qquad "
    r"c = \sqrt{\lambda_W\lambda_H}"
    "\n"
    r"f \geq \langle G, D^{1/2}\rangle - \frac{N}{2}\Vert G\Vert_F^2,\qquad "
    r"G = \min(1,\frac{c}{\Vert G_0\Vert})\,G_0,\quad "
    r"G_0 = \frac{1}{N}(D^{1/2} - Z)"
    "\n"
    r"f_{\mathrm{CE}} \geq \frac{1}{N}\sum_k n_k\,\mathrm{entropy}[(1-t)e_k + t\,p_k],\quad "
    r"t = \min(1,\frac{c}{\Vert\frac{1}{N}(I-P)D^{1/2}\Vert}),\quad P = (p_1,\ldots,p_K) = \mathrm{softmax}",
    normalisations=SETTING + " D = diag(n); operator norm on matrices.",
    figure=certificates,
)
def dual_certificates(run: Any) -> Iterator[Any]:
    problems = PROBLEMS[: run.choose(quick=2, full=3)]
    grid = run.grid(quick=list(problems))
    counts = [4] * len(problems)
    squared = run.sample(simulate_mse_training, grid, n_trials=counts, width=8)
    entropy = run.sample(simulate_cross_entropy_training, grid, n_trials=counts, width=8)
    # loss and end-to-end matrix of the first run of every problem; all runs end alike
    ends = {
        "squared": [(loss[0], matrix[0]) for loss, matrix in zip(squared.loss, squared.end_to_end, strict=True)],
        "cross-entropy": [(loss[0], matrix[0]) for loss, matrix in zip(entropy.loss, entropy.logits, strict=True)],
    }
    cases = [(kind, problem, *end) for kind in ends for problem, end in zip(problems, ends[kind], strict=True)]
    at = dict(kind=[kind for kind, *_ in cases], n_classes=[len(problem["class_sizes"]) for _, problem, *_ in cases])
    yield certificate(
        "duality-gap",
        [loss - _bound(kind, matrix, problem) for kind, problem, loss, matrix in cases],
        precision=1e-12,
        reason="rounding: the gap is of first order in an error of the matrix, measured at most 2e-15",
        controls={
            "columns longer by 0.1 per cent times their number": [
                loss - _bound(kind, _skewed(matrix), problem) for kind, problem, loss, matrix in cases
            ],
            "zero, another critical point": [
                _loss_at_zero(kind, matrix) - _bound(kind, 0 * matrix, problem) for kind, problem, _, matrix in cases
            ],
        },
        at=at,
    )
    yield _any_matrix(run, cases)
    yield _convex_programs(run, cases)
    yield from _along_training(run, cases[0])


def _bound(kind: str, matrix: np.ndarray, problem: Problem) -> float:
    dual = mse_dual_bound if kind == "squared" else cross_entropy_dual_bound
    return dual(
        matrix, problem["class_sizes"], weight_ridge=problem["weight_ridges"][0], feature_ridge=problem["feature_ridge"]
    )


def _unclipped(kind: str, matrix: np.ndarray, problem: Problem) -> float:
    """Return the dual objective at a point that may leave the ball of the operator norm."""
    return _bound(kind, matrix, problem | dict(weight_ridges=(1e6,), feature_ridge=1e6))


def _skewed(matrix: np.ndarray) -> np.ndarray:
    return matrix * (1 + 1e-3 * np.arange(1, len(matrix) + 1))


def _loss_at_zero(kind: str, matrix: np.ndarray) -> float:
    return 0.5 if kind == "squared" else float(np.log(len(matrix)))


def _any_matrix(run: Any, cases: Sequence[Case]) -> Any:
    """Bounds from matrices at all distances from the trained one."""
    n_draws = run.choose(quick=40, full=150)
    rng = np.random.default_rng(run.seed)
    losses, bounds, unclipped = np.empty((3, len(cases), n_draws))
    distance = np.geomspace(1e-7, 1, n_draws)
    for index, (kind, problem, loss, matrix) in enumerate(cases):
        for draw, size in enumerate(distance):
            noise = size * np.abs(matrix).max() * rng.standard_normal(matrix.shape)
            candidate = matrix * rng.uniform(1 - size, 1) + noise
            losses[index, draw] = loss
            bounds[index, draw] = _bound(kind, candidate, problem)
            unclipped[index, draw] = _unclipped(kind, candidate, problem)
    return bound(
        "any-matrix",
        losses,
        bounds,
        upper=False,
        unit="absolute",
        rounding=1e-13,
        tightness=1e-6,
        reason="rounding of the loss; the gap is of the order of the distance of the matrix, here at least 1e-7",
        rivals={"dual point not clipped": unclipped},
        at=dict(case=np.arange(len(cases))[:, np.newaxis], distance=distance),
    )


def _convex_programs(run: Any, cases: Sequence[Case]) -> Any:
    """The same minima from a conic solver, which knows of a nuclear norm and nothing of layers."""
    chosen = run.choose(quick=[case for case in cases if len(case[3]) == 3], full=cases)
    grid = run.grid(quick=[dict(kind=kind, class_sizes=problem["class_sizes"], weight_ridge=problem["weight_ridges"][0],
                                feature_ridge=problem["feature_ridge"]) for kind, problem, *_ in chosen])  # fmt: skip
    found = run.compute(nuclear_norm_optimum, grid)
    half = [loss - 0.5 * _penalty(problem, matrix) for _, problem, loss, matrix in chosen]
    return agreement(
        "conic-solver",
        found.value,
        [
            mse_geometry(**problem).loss if kind == "squared" else _bound(kind, matrix, problem)
            for kind, problem, _, matrix in chosen
        ],
        estimator="exact",
        unit="absolute",
        precision=1e-9,
        reason="gap and infeasibility at which the solver stops, 1e-10",
        rivals={"half the nuclear norm": half},
        at=dict(kind=grid.column("kind"), n_classes=[len(matrix) for *_, matrix in chosen]),
    )


def _penalty(problem: Problem, matrix: np.ndarray) -> float:
    """Return c times the nuclear norm of a matrix of one column for each class."""
    scale = np.sqrt(problem["weight_ridges"][0] * problem["feature_ridge"])
    return float(scale * np.linalg.norm(matrix * np.sqrt(problem["class_sizes"]), "nuc"))


def _along_training(run: Any, case: Case) -> Iterator[Any]:
    """Training by momentum: the loss falls and its certificate rises to meet it."""
    kind, problem, least, _ = case
    steps = np.unique(np.geomspace(1, 6000, 60).astype(int))
    path = run.sample(
        simulate_mse_curves,
        run.grid(quick=[problem]),
        n_trials=1,
        width=8,
        reduced=True,
        record_steps=tuple(steps.tolist()),
    )
    matrices = path.end_to_end[0, 0]
    bounds = np.array([_bound(kind, matrix, problem) for matrix in matrices])
    unclipped = np.array([_unclipped(kind, matrix, problem) for matrix in matrices])
    yield bound(
        "along-training",
        np.full(len(steps), least),
        bounds,
        upper=False,
        unit="absolute",
        rounding=1e-13,
        tightness=1e-9,
        reason="rounding of the loss; 6000 steps come as close as 1e-12",
        rivals={"dual point not clipped": unclipped},
        at=dict(step=steps),
    )
    yield curve("training", path.loss[0, 0], at=dict(step=steps, bound=bounds, unclipped=unclipped))
