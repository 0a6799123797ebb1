"""The settings whose trained geometry is compared with the prediction, layer by layer and class by class."""

from __future__ import annotations

from typing import Any

from figures.neural_collapse._training import Problem, Trained, train, unequal_ridges
from theory.neural_collapse import collapse_thresholds, effective_ridge

SIZES = ((50.0, 30.0, 20.0, 8.0), (60.0, 25.0, 10.0), (30.0, 25.0, 20.0, 15.0, 10.0))
MANY_SIZES = tuple(float(size) for size in range(50, 0, -5))
BEYOND = 1.15  # times the threshold: the effective ridge of the smallest class in the settings where it is lost
SCALES = (0.7, 0.9, 1.1)  # of the starts: small ones end at few classes, large ones at all
ROUNDING = "training ends at rounding error, amplified by the flatness of the minimum: measured at most 1e-12"


def geometry_problems(run: Any) -> list[Problem]:
    """Return problems of unequal ridges: two of small ones, and one where the smallest class is lost."""
    n_sizes, depths = run.choose(quick=(1, (1, 2)), full=(len(SIZES), (1, 2, 3, 6)))
    problems = []
    for depth in depths:
        for sizes in SIZES[:n_sizes]:
            unit = effective_ridge(sizes, **unequal_ridges(depth, 1.0))[-1]
            for base in (1e-4, 1e-3, BEYOND * collapse_thresholds(depth).global_ridge / unit):
                problems.append(dict(class_sizes=sizes, width=16) | unequal_ridges(depth, base))
        if n_sizes > 1:
            problems.append(dict(class_sizes=MANY_SIZES, width=16) | unequal_ridges(depth, 1e-4))
    return problems


def trained_geometries(run: Any, problems: list[Problem]) -> Trained:
    return train(run, problems, n_trials=10, init_scales=SCALES)
