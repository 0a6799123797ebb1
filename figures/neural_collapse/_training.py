"""Training problems of the squared loss as the claims pose them, their best runs, and the predicted geometries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from assay import agreement
from simulations.neural_collapse import simulate_mse_training
from theory.neural_collapse import MseGeometry, collapse_thresholds, mse_geometry

SETTING = (
    "N samples of K classes of n_k samples; M linear layers, L = M + 1 factors with the features. Objective: squared "
    "error / (2 N) plus half of every ridge times the squared norm of its matrix. c: geometric mean of the L ridges; "
    r"effective ridge of class k: N c n_k^(-M/(M+1))."
)
RIDGE_RATIOS = (1.0, 2.0, 0.5, 3.0, 1.3, 0.7)  # of the layers, in units of the base ridge; the features have 1.5

Problem = dict[str, Any]  # class_sizes, weight_ridges, feature_ridge, width; bias, bias_ridge


class Trained(NamedTuple):
    """All runs of every problem, the best run of each, and its prediction."""

    runs: list[Mapping[str, np.ndarray]]  # fields as in MseTraining, all runs of a problem on their first axis
    best: list[Mapping[str, np.ndarray]]
    theory: list[MseGeometry]

    def each(self, name: str) -> list[Any]:
        """Return a field of the best runs, one for each problem."""
        return [run[name] for run in self.best]

    def predicted(self, name: str) -> list[Any]:
        """Return the same field of the predictions."""
        return [getattr(geometry, name) for geometry in self.theory]

    def loss_check(self, rivals: Mapping[str, Any], at: Mapping[str, Any], *, name: str = "loss") -> Any:
        """Return the check that the best runs reach the predicted losses."""
        return agreement(name, self.each("loss"), self.predicted("loss"), estimator="exact", precision=1e-12,
                         reason="rounding of the trained loss", rivals=rivals, at=at)  # fmt: skip


def train(run: Any, problems: Sequence[Problem], *, n_trials: int, init_scales: Sequence[float] = (1.0,)) -> Trained:
    """Train every problem from ``n_trials`` starts of each scale; the best run of all is held against the theory."""
    grid = run.grid(quick=[problem | dict(init_scale=scale) for problem in problems for scale in init_scales])
    found = run.sample(simulate_mse_training, grid, n_trials=[n_trials] * len(grid))
    starts = range(0, len(grid), len(init_scales))
    runs = [{name: np.concatenate(values[start : start + len(init_scales)]) for name, values in found.fields.items()}
            for start in starts]  # fmt: skip
    best = [{name: values[fields["loss"].argmin()] for name, values in fields.items()} for fields in runs]
    return Trained(runs, best, [predict(problem) for problem in problems])


def predict(problem: Problem) -> MseGeometry:
    """Return the predicted global minimiser of a problem."""
    return mse_geometry(**{name: value for name, value in problem.items() if name != "reduced"})


def unequal_ridges(n_layers: int, base: float) -> Problem:
    """Return ridges of very different sizes, proportional to a base."""
    return dict(weight_ridges=tuple(base * ratio for ratio in RIDGE_RATIOS[:n_layers]), feature_ridge=1.5 * base)


def equal_ridges(n_layers: int, ridge: float) -> Problem:
    """Return one ridge for all layers and the features."""
    return dict(weight_ridges=(ridge,) * n_layers, feature_ridge=ridge)


def near_threshold(n_layers: int, ratio: float, *, n_classes: int = 4, class_size: float = 10.0) -> Problem:
    """Return balanced classes with equal ridges, at ``ratio`` times the effective ridge of global collapse."""
    effective = ratio * collapse_thresholds(n_layers).global_ridge
    ridge = effective * class_size ** (n_layers / (n_layers + 1)) / (n_classes * class_size)
    return dict(class_sizes=(class_size,) * n_classes, width=16) | equal_ridges(n_layers, ridge)


def ridges_of(problem: Problem) -> np.ndarray:
    """Return all ridges of a problem, (M + 1,), that of the features last."""
    return np.array([*problem["weight_ridges"], problem["feature_ridge"]])


def geometric_mean(problem: Problem) -> float:
    """Return c, the geometric mean of all ridges."""
    return float(np.exp(np.log(ridges_of(problem)).mean()))


def gram_distance(found: Any, wanted: Any) -> float:
    """Return the Frobenius distance of two matrices, or stacks of them, relative to the second: the largest."""
    found, wanted = (np.asarray(matrix) for matrix in (found, wanted))
    return float((np.linalg.norm(found - wanted, axis=(-2, -1)) / np.linalg.norm(wanted, axis=(-2, -1))).max())


def per_problem(problems: Sequence[Problem]) -> dict[str, np.ndarray]:
    """Return the parameters of checks with one point for each problem."""
    return dict(
        n_layers=np.array([len(problem["weight_ridges"]) for problem in problems]),
        n_classes=np.array([len(problem["class_sizes"]) for problem in problems]),
        ridge_mean=np.array([geometric_mean(problem) for problem in problems]),
    )


def per_class(problems: Sequence[Problem]) -> dict[str, np.ndarray]:
    """Return the parameters of checks with one point for each class of each problem."""
    columns = per_problem(problems)
    columns["n_samples"] = np.array([sum(problem["class_sizes"]) for problem in problems])
    columns["feature_ridge"] = np.array([problem["feature_ridge"] for problem in problems])
    repeated = {name: np.repeat(values, columns["n_classes"]) for name, values in columns.items()}
    return repeated | dict(class_size=np.concatenate([problem["class_sizes"] for problem in problems]))
