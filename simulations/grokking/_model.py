"""The quadratic two-layer network: its parameters, and what the simulators of it check at the door."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require

__all__ = ["Model", "checked_data", "checked_model", "checked_sizes", "checked_start", "require_finite"]


@dataclass(frozen=True)
class Model:
    """Network ``f(x) = (alpha / N) sum_i (h_i + epsilon h_i^2 / 2)``, h_i = w_i . x, and its gradient descent.

    alpha is the output scale and epsilon the quadratic strength. A step is ``learning_rate * d * N / alpha^2`` times
    the gradient of the mean squared error against ``y = ((direction . x)^2 - target_offset) / 2``; a centred output
    has its initial value subtracted.
    """

    output_scale: float
    quadratic_strength: float
    learning_rate: float
    n_steps: int
    target_offset: float
    center_output: bool


def checked_model(
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    target_offset: float,
    center_output: bool,
) -> Model:
    """Return the model; raise ``ValueError`` naming the parameter that is out of range."""
    return Model(
        number("output_scale", output_scale, "(0, inf)"),
        number("quadratic_strength", quadratic_strength, "[0, inf)"),
        number("learning_rate", learning_rate, "(0, inf)"),
        integer("n_steps", n_steps, "[0, inf)"),
        number("target_offset", target_offset),
        bool(center_output),
    )


def checked_sizes(n_samples: int, n_features: int) -> tuple[int, int]:
    """Return both as ints; raise ``ValueError`` below 1."""
    return integer("n_samples", n_samples, "[1, inf)"), integer("n_features", n_features, "[1, inf)")


def checked_data(
    features: ArrayLike, labels: ArrayLike, direction: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, d), labels (n,) and direction (d,); raise ``ValueError`` for other shapes or direction 0."""
    inputs = array("features", features, shape=(None, None))
    outputs = array("labels", labels, shape=inputs.shape[:1])
    target = array("direction", direction, shape=inputs.shape[1:])
    require(bool(target.any()), "direction", direction, "a vector other than zero")
    return inputs, outputs, target


def checked_start(
    mean_weight: ArrayLike | None, second_moment: ArrayLike | None, n_features: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean weight (d,) and a factor P (d, r) with ``second_moment = P P' + mean_weight mean_weight'``.

    None stands for infinite width, mean 0 and second moment 1. Directions along which the weights do not differ are
    left out of P, so that rounding cannot grow in them. Raises ``ValueError`` for other shapes, a second moment that is
    not symmetric to 1e-10, or one that no weights have.
    """
    size = (n_features,)
    mean = np.zeros(size) if mean_weight is None else array("mean_weight", mean_weight, shape=size)
    moment = np.eye(n_features) if second_moment is None else array("second_moment", second_moment, shape=size * 2)
    asymmetry = float(np.max(np.abs(moment - moment.T)))
    require(asymmetry <= 1e-10, "second_moment", f"array with asymmetry {asymmetry:.2g}", "a symmetric matrix")
    spread, vectors = np.linalg.eigh(0.5 * (moment + moment.T) - np.outer(mean, mean))
    scale = float(np.trace(moment))
    least = f"{spread[0]:.3g}, the least eigenvalue beyond the mean"
    require(spread[0] >= -1e-10 * scale, "second_moment", least, "0 or more: weights that have this mean")
    kept = spread > n_features * np.finfo(float).eps * scale
    return mean, np.asfortranarray(vectors[:, kept] * np.sqrt(spread[kept]))


def require_finite(loss: float, learning_rate: float, step: int) -> None:
    """Raise ``ValueError`` naming the learning rate where training has diverged."""
    require(bool(np.isfinite(loss)), "learning_rate", learning_rate, f"a smaller one: the loss overflows at {step = }")
