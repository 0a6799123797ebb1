"""The codes of deep cross-entropy at their best margins, and settings where antipodal pairs beat the frame."""

from __future__ import annotations

import math

import numpy as np

from figures.neural_collapse._codes import Problem, equal_ridge_problem, geometric_mean, loss_of_logits, unit_code
from theory.neural_collapse import CodeOptimum, cross_entropy_code

BEATEN = (  # settings where a cross-polytope costs at least 5 % less than the best frame
    equal_ridge_problem(6, 1, 2, 1e-3),
    equal_ridge_problem(4, 1, 3, 1e-2),
    equal_ridge_problem(8, 1, 2, 1e-4),
    equal_ridge_problem(8, 5, 3, 1e-3),
)
ODD = dict(n_classes=5, n_per_class=4, weight_ridges=(2e-3, 1e-3), feature_ridge=3e-3)


def codes_of(n_classes: int) -> list[str]:
    """Return the names of the codes that there are for so many classes."""
    powers = ["hypercube"] * (n_classes in (4, 8))
    return ["etf", "polygon", *["cross_polytope"] * (n_classes % 2 == 0), *powers]


def optimum(code: str, problem: Problem) -> CodeOptimum:
    """Return the best multiple of a code."""
    return cross_entropy_code(code, **problem)


def best_logits(code: str, problem: Problem) -> np.ndarray:
    """Return the logits of a code at its best margin."""
    return optimum(code, problem).margin * unit_code(code, problem["n_classes"])


def start_logits(code: str, problem: Problem) -> tuple[tuple[float, ...], ...]:
    """Return the logits of a code at its best margin, as nested tuples."""
    return tuple(map(tuple, best_logits(code, problem).tolist()))


def pairs_over_frame(problem: Problem) -> float:
    """Return the loss of antipodal pairs over that of the frame, both summed over real matrices."""
    pairs, frame = (loss_of_logits(best_logits(code, problem), problem) for code in ("cross_polytope", "etf"))
    return pairs / frame


def unit_penalty(code: str, n_classes: int, n_layers: int) -> float:
    """Return the sum of s^(2/L) over the singular values of the logits of unit margin."""
    values = np.linalg.svd(unit_code(code, n_classes), compute_uv=False)
    return float(np.sum(values[values > 1e-9] ** (2 / (n_layers + 1))))


def nuclear_loss(code: str, problem: Problem) -> float:
    """Return the loss at the best margin with the nuclear norm in place of the Schatten quasi-norm."""
    plain = problem | dict(weight_ridges=(geometric_mean(problem),), feature_ridge=geometric_mean(problem))
    return loss_of_logits(best_logits(code, problem), plain)


def loss_by_rank_alone(problem: Problem) -> float:
    """Return the loss of antipodal pairs at their best margin if their singular values were those of the frame."""
    if problem["n_classes"] % 2:
        return math.inf
    pairs, n_factors = optimum("cross_polytope", problem), len(problem["weight_ridges"]) + 1
    unit = n_factors / 2 * geometric_mean(problem) * pairs.rank * pairs.margin ** (2 / n_factors)
    return pairs.loss - unit * (2 ** (2 / n_factors) - 1)
