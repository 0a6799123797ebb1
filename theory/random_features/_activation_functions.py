"""Activation functions by name, for the random-feature predictors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import erf

from assay.base import require

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "erf": erf,
    "identity": lambda x: np.asarray(x, dtype=np.float64),
    "relu": lambda x: np.maximum(x, 0.0),
    "sign": np.sign,
    "tanh": np.tanh,
}


def activation_function(activation: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return the vectorised activation of that name, or the callable itself.

    A callable must map a float64 array to finite numbers of the same shape; this is tried once on a few points.
    Raises ``ValueError`` naming ``activation`` otherwise.
    """
    if isinstance(activation, str):
        require(
            activation in ACTIVATIONS,
            "activation",
            activation,
            f"a callable or one of {', '.join(sorted(ACTIVATIONS))}",
        )
        return ACTIVATIONS[activation]
    require(callable(activation), "activation", activation, "a callable or the name of an activation")
    probe = np.array([-1.5, -0.25, 0.25, 1.5])
    try:
        values = np.asarray(activation(probe), dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    rule = "a function that maps arrays elementwise to finite numbers"
    require(values.shape == probe.shape and bool(np.isfinite(values).all()), "activation", activation, rule)
    return activation
