"""One-pass SGD, with and without momentum, for linear regression."""

from figures.accelerated_sgd import (
    last_iterate,
    learning_curves,
    momentum,
    moving_target,
    published_bounds,
    renewal,
    stability,
    strongly_convex,
    tail_average,
    training_set,
    variance,
)

__all__ = [
    "last_iterate",
    "learning_curves",
    "momentum",
    "moving_target",
    "published_bounds",
    "renewal",
    "stability",
    "strongly_convex",
    "tail_average",
    "training_set",
    "variance",
]
