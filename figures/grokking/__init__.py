"""Grokking: the quadratic network from lazy to rich training, and losses at the edge of floating point."""

from figures.grokking import (
    alignment,
    finite_width,
    laziness,
    lazy_high_dimension,
    lazy_limit,
    loss_decomposition,
    mean_field,
    naive_minimisation,
    orthogonal_descent,
    population_limit,
    softmax_collapse,
    stable_max,
)

__all__ = [
    "alignment",
    "finite_width",
    "laziness",
    "lazy_high_dimension",
    "lazy_limit",
    "loss_decomposition",
    "mean_field",
    "naive_minimisation",
    "orthogonal_descent",
    "population_limit",
    "softmax_collapse",
    "stable_max",
]
