"""Elementary functions without cancellation, and a vectorised root finder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

MAX_ITERATIONS = 200

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
UNIT_NODES, UNIT_WEIGHTS = 0.5 * (1.0 + _NODES), 0.5 * _WEIGHTS  # quadrature on [0, 1]


def tilted(x: Any, rate: float) -> Any:
    """Return the integral of exp(rate u) over u from 0 to x, that is (exp(rate x) - 1) / rate, or x at rate 0."""
    if rate == 0.0:
        return x
    with np.errstate(over="ignore"):
        return np.expm1(rate * x) / rate


def untilted(y: Any, rate: float) -> Any:
    """Return the x with ``tilted(x, rate) = y``; infinity where y is out of reach."""
    if rate == 0.0:
        return y
    with np.errstate(divide="ignore"):
        return np.log1p(np.maximum(rate * y, -1.0)) / rate


def log_cosh(z: Any) -> Any:
    """Return log cosh z without cancellation at small z or overflow at large z."""
    size = np.abs(z)
    return np.where(
        size < 1.0,
        np.log1p(2.0 * np.sinh(0.5 * np.minimum(size, 1.0)) ** 2),
        size + np.log1p(np.exp(-2.0 * size)) - np.log(2.0),
    )


def increasing_root(function: Callable[[np.ndarray], np.ndarray], low: Any, high: Any) -> np.ndarray:
    """Return, elementwise, the root of an increasing function in [low, high], or the nearer end if there is none.

    Chandrupatla's method: inverse quadratic interpolation where it is safe, else bisection, until the bracket is a few
    units in the last place wide. Raises ``RuntimeError`` if it does not get there.
    """
    low, high = np.broadcast_arrays(np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64))
    a, b, at_a, at_b = low, high, function(low), function(high)
    result = np.where(at_a >= 0.0, low, high)
    open_ = (at_a < 0.0) & (at_b > 0.0)
    share = np.full(low.shape, 0.5)
    for _ in range(MAX_ITERATIONS):
        if not open_.any():
            return result
        x = np.where(open_, a + share * (b - a), result)
        at_x = function(x)
        same = np.sign(at_x) == np.sign(at_a)
        c, at_c = np.where(same, a, b), np.where(same, at_a, at_b)
        b, at_b = np.where(same, b, a), np.where(same, at_b, at_a)
        a, at_a = x, at_x
        best = np.where(np.abs(at_a) < np.abs(at_b), a, b)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            limit = 2.0 * np.finfo(float).eps * np.abs(best) / np.abs(b - a)
            done = open_ & ((limit > 0.5) | (at_x == 0.0) | (b == a))
            position, height = (a - b) / (c - b), (at_a - at_b) / (at_c - at_b)
            safe = (height**2 < position) & ((1.0 - height) ** 2 < 1.0 - position)
            step = at_a / (at_b - at_a) * at_c / (at_b - at_c)
            step = step + (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
            share = np.where(safe, np.clip(step, limit, 1.0 - limit), 0.5)
        result = np.where(done, best, result)
        open_ = open_ & ~done
    raise RuntimeError(f"bracketed root not found in {MAX_ITERATIONS} iterations, {int(open_.sum())} points left")
