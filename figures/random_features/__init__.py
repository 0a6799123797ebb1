"""Random features, deep random features and sketched least squares."""

from figures.random_features import (
    best_ridge,
    deep,
    deep_targets,
    eigenframework,
    learning_curves,
    power_laws,
    sketching,
    sketching_size,
    sphere,
    width,
)

__all__ = [
    "best_ridge",
    "deep",
    "deep_targets",
    "eigenframework",
    "learning_curves",
    "power_laws",
    "sketching",
    "sketching_size",
    "sphere",
    "width",
]
