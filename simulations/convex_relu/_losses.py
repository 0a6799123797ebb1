"""Losses of the fitted values: their values, proximal steps and dual bounds."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["dual_value", "loss_value", "proximal_step"]

_NEWTON_STEPS = 100  # a safeguarded step that is not Newton's halves the bracket


def loss_value(fitted: np.ndarray, targets: np.ndarray, loss: str) -> float:
    """Return ``|f - y|^2 / 2`` ("squared"), or the mean of ``(1 - y f)_+`` ("hinge") or ``log(1 + e^-yf)``."""
    if loss == "squared":
        return 0.5 * float(np.sum((fitted - targets) ** 2))
    if loss == "hinge":
        return float(np.mean(np.maximum(1.0 - targets * fitted, 0.0)))
    return float(np.mean(np.logaddexp(0.0, -targets * fitted)))


def proximal_step(point: np.ndarray, targets: np.ndarray, step: float, loss: str) -> np.ndarray:
    """Return the minimiser of ``step loss(f) + |f - point|^2 / 2``, (n,)."""
    if loss == "squared":
        return (point + step * targets) / (1.0 + step)
    margins, share = targets * point, step / len(targets)
    if loss == "hinge":
        return targets * np.where(margins >= 1.0, margins, np.minimum(margins + share, 1.0))
    return targets * _logistic_margins(margins, share)


def dual_value(dual: np.ndarray, targets: np.ndarray, gauge_ratio: float, loss: str) -> float:
    """Return the largest dual value along the ray of ``dual`` inside the dual constraints.

    dual: z, minus a subgradient of the loss, (n,). gauge_ratio: the largest t for which t z is known to satisfy the
    dual constraints of the penalty and the cones. The value is ``-loss*(-t z)``, a lower bound of the optimum.
    """
    if loss == "squared":
        square, overlap = float(dual @ dual), float(dual @ targets)
        scale = min(max(overlap, 0.0) / square, gauge_ratio) if square > 0.0 else 0.0
        return scale * overlap - 0.5 * scale**2 * square
    # In [0, 1] up to rounding, being n times minus a derivative of the loss in the margin.
    shares = min(gauge_ratio, 1.0) * np.clip(len(targets) * targets * dual, 0.0, 1.0)
    if loss == "hinge":
        return float(np.mean(shares))
    return float(np.mean(_entropy(shares)))


def _entropy(shares: np.ndarray) -> np.ndarray:
    inside = np.clip(shares, 1e-300, 1.0 - 1e-16)
    return -inside * np.log(inside) - (1.0 - inside) * np.log1p(-inside)


@njit(cache=True, nogil=True, error_model="numpy")
def _logistic_margins(margins, share):
    """Solve ``x - m - share / (1 + e^x) = 0`` for every margin m by Newton's method inside ``[m, m + share]``."""
    solved = np.empty_like(margins)
    for k in range(margins.size):
        low, high = margins[k], margins[k] + share
        x = low + share / (1.0 + np.exp(low)) if low > 0.0 else min(high, max(low, 0.0))
        for _ in range(_NEWTON_STEPS):
            slope = 1.0 / (1.0 + np.exp(x))
            excess = x - margins[k] - share * slope
            if excess > 0.0:
                high = x
            else:
                low = x
            moved = x - excess / (1.0 + share * slope * (1.0 - slope))
            if not low <= moved <= high:
                moved = 0.5 * (low + high)
            done = abs(moved - x) <= 4e-16 * abs(moved)
            x = moved
            if done or high <= low:
                break
        solved[k] = x
    return solved
