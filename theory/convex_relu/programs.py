"""The convex programs whose optimum is the global minimum of a two-layer ReLU network with weight decay.

For every activation pattern D_i of the data, weights v_i and w_i in the cone where (2 D_i - I) X v >= 0 stand for the
neurons of positive and of negative output weight. Source: Pilanci and Ergen, "Neural Networks are Convex Regularizers",
arXiv 2002.10553; Bai, Gautam and Sojoudi, "Efficient Global Optimization of Two-layer ReLU Networks", arXiv 2201.01965.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.base import array, number, require
from theory.convex_relu._problem import read_data, read_patterns
from theory.convex_relu._relu_program import ReluProgram
from theory.convex_relu.survival import pattern_survival_radius

__all__ = ["ConvexReluSolution", "robust_convex_program", "solve_convex_program"]


@dataclass(frozen=True)
class ConvexReluSolution:
    """An optimum of a convex program over P patterns of n samples with d features."""

    objective: float  # loss + penalty
    positive_weights: np.ndarray  # v, (P, d)
    negative_weights: np.ndarray  # w, (P, d)
    fitted: np.ndarray  # sum_i D_i X (v_i - w_i), (n,)
    penalty: float  # regularisation times the sum of the norms
    patterns: np.ndarray  # boolean, (P, n)


def solve_convex_program(
    features: Any,
    targets: Any,
    *,
    regularisation: float,
    patterns: Any | None = None,
    loss: str = "squared",
    cone_constraints: bool = True,
    penalised_features: Any | None = None,
    perturbation_radius: float = 0.0,
) -> ConvexReluSolution:
    """Return the minimum of loss + regularisation * sum_i (||v_i|| + ||w_i||) over v_i, w_i in the cone of pattern i.

    Statement: with all patterns the optimum equals the global minimum of loss + (regularisation / 2) times the sum of
    squares of all weights of a two-layer ReLU network that is wide enough (at most n neurons, see
    :func:`recover_network` and :func:`prune_network`); with some of the patterns it is an upper bound. The losses are
    1/2 sum_k (f_k - y_k)^2, mean_k (1 - y_k f_k)_+ and mean_k log(1 + exp(-y_k f_k)).

    ``features`` (n, d); ``targets`` (n,), +-1 unless the loss is "squared"; ``regularisation`` > 0; ``patterns``
    boolean (P, n), None for all of them. ``cone_constraints=False`` drops the cones, which gives the gated relaxation,
    a lower bound. ``penalised_features``, boolean (d,), restricts the norms to the marked columns, so that an unmarked
    column of ones is a free bias. With ``perturbation_radius`` > 0 the loss is that of the worst attack moving every
    entry of the features by at most so much, in units of the features, and the cones hold under every attack: the
    objective is then the exact worst case of the recovered network.

    Exact, by a second-order cone program (exponential cones for the logistic loss) whose dual multipliers certify the
    value: the gap is about 1e-12 as a rule and at most 1e-8, relative to the objective of the zero network. Cost about
    0.2 s at n = 12, d = 4, 464 patterns.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the solver certifies no solution.
    Source: arXiv 2201.01965, Theorem 2.1 and Section 4 (numbering unverified).
    """
    rows, values = read_data(features, targets, loss)
    masks = read_patterns(patterns, rows)
    strength = number("regularisation", regularisation, "(0, inf)")
    radius = number("perturbation_radius", perturbation_radius, "[0, inf)")
    penalised = np.ones(rows.shape[1], dtype=bool)
    if penalised_features is not None:
        marks = array("penalised_features", penalised_features, "[0, 1]", shape=penalised.shape)
        penalised = marks == 1.0
        rule = "booleans, one of them true at least"
        require(bool(penalised.any() and np.all(penalised | (marks == 0.0))), "penalised_features", marks, rule)
    whole = ReluProgram(rows, values, masks, strength, loss, bool(cone_constraints), penalised, radius)
    kept = np.ones(len(masks), dtype=bool)
    if cone_constraints and radius > 0.0:  # the other cones have no interior, which the solver needs
        kept = pattern_survival_radius(rows, masks) > radius
    weights = np.zeros((2, *kept.shape, rows.shape[1]))
    if kept.any():
        width = float(np.linalg.norm(rows, axis=1).max()) or 1.0
        height = (float(np.linalg.norm(values)) or 1.0) if loss == "squared" else 1.0
        scaled = replace(
            whole,
            rows=rows / width,
            targets=values / height,
            patterns=masks[kept],
            strength=strength / (width * height),
            radius=radius / width,
        )
        weights[:, kept] = (height / width) * scaled.optimal_weights()
    objective, fitted, penalty = whole.evaluate(weights)
    return ConvexReluSolution(objective, weights[0], weights[1], fitted, penalty, masks)


def robust_convex_program(
    features: Any,
    targets: Any,
    *,
    regularisation: float,
    perturbation_radius: float,
    patterns: Any | None = None,
    loss: str = "hinge",
) -> ConvexReluSolution:
    """Return the optimum of convex adversarial training against attacks of l-infinity norm ``perturbation_radius``.

    Statement: :func:`solve_convex_program` with every cone tightened to (2 D_i - I) X v_i >= radius ||v_i||_1 and the
    worst-case loss. The value is the worst-case objective of the recovered network, hence an upper bound of non-convex
    adversarial training; both agree at radius 0. Patterns that appear for attacked data alone never help, and the
    network is zero above the largest :func:`pattern_survival_radius`.

    Shapes, losses and errors as in :func:`solve_convex_program`; ``fitted`` is on the unattacked features.
    Exact for the program. Source: arXiv 2201.01965, Section 4 (numbering unverified).
    """
    return solve_convex_program(
        features,
        targets,
        regularisation=regularisation,
        patterns=patterns,
        loss=loss,
        perturbation_radius=perturbation_radius,
    )
