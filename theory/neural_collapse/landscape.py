"""Loss levels of all critical points, the bias transition, and the dynamics of aligned modes, for the squared loss.

Setting and notation in :mod:`theory.neural_collapse.fit`. Everything here is a result of this project unless a source
is named.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from assay.base import array, integer, number, require
from theory.neural_collapse._input import read_class_sizes, read_ridges
from theory.neural_collapse.fit import collapse_thresholds, mode_ridges, solve_fit

__all__ = ["bias_ridge_transition", "mode_recursion", "mse_loss_levels"]

MOST_SUBSET_CLASSES = 20


def mse_loss_levels(
    class_sizes: Any, *, weight_ridges: Any, feature_ridge: float, local_minima: bool = True
) -> np.ndarray:
    """Return the losses at which training without bias can end, in ascending order.

    Statement: at a critical point each class sits at fit 0 or at a root of the scalar equation; a class on the smaller
    root makes it a saddle. For M >= 2 the others are local minima if and only if no inactive class is larger than an
    active one, so that the local minima have the losses of the r largest classes, r = 0 .. the number of classes that
    have a stable root: at most K + 1 levels. For M = 1 the only level is the global minimum.

    With ``local_minima`` false: the levels of every subset of the classes that have a stable root, with repetitions,
    for at most 20 classes. Those are the critical levels without a class on the unstable root. Inner widths at least K.

    ``class_sizes`` (K,), ``weight_ridges`` (M,). Exact. Raises ``ValueError`` naming the parameter.
    """
    sizes, ridges = read_class_sizes(class_sizes), read_ridges(weight_ridges, feature_ridge)
    sizes = -np.sort(-sizes)
    depth, total = ridges.n_layers, float(sizes.sum())
    effective = mode_ridges(np.sqrt(sizes), total, ridges)
    fit, gap = solve_fit(effective, depth, "stable")
    dropped = sizes / (2.0 * total)
    kept = dropped * gap * (1.0 + depth * fit)
    n_stable = int(np.count_nonzero(effective <= collapse_thresholds(depth).spinodal_ridge))
    if not local_minima:
        require(sizes.size <= MOST_SUBSET_CLASSES, "class_sizes", class_sizes, "at most 20 classes to list subsets")
        levels = np.zeros(1)
        for active, inactive in zip(kept[:n_stable], dropped[:n_stable], strict=True):
            levels = np.concatenate([levels + active, levels + inactive])
        return np.sort(levels + dropped[n_stable:].sum())
    if depth == 1:
        return kept.sum(keepdims=True)
    chain = np.concatenate([[0.0], np.cumsum(kept)]) + np.concatenate([np.cumsum(dropped[::-1])[::-1], [0.0]])
    return np.sort(chain[: n_stable + 1])


def bias_ridge_transition(n_classes: int, n_per_class: float, *, weight_ridges: Any, feature_ridge: float) -> float:
    """Return the bias ridge above which balanced classes leave the simplex frame: beta / (beta_c - beta).

    Up to it the global mean of the features is exactly zero at the global minimum; above it the mean mode appears,
    continuously for one layer, with a jump for more. Infinite where beta >= beta_c, when everything is collapsed.
    ``n_classes`` K >= 2, ``n_per_class`` >= 1, ``weight_ridges`` (M,). Exact.

    Raises ``ValueError`` naming the parameter.
    """
    count, size = integer("n_classes", n_classes, "[2, inf)"), number("n_per_class", n_per_class, "[1, inf)")
    ridges = read_ridges(weight_ridges, feature_ridge)
    effective = float(mode_ridges(np.sqrt(np.array([size])), count * size, ridges)[0])
    threshold = collapse_thresholds(ridges.n_layers).global_ridge
    return effective / (threshold - effective) if effective < threshold else math.inf


def mode_recursion(
    class_sizes: Any,
    *,
    ridge: float,
    n_layers: int,
    learning_rate: float,
    initial_singular_values: Any,
    n_steps: int,
) -> np.ndarray:
    """Return the singular values of every factor along gradient descent from an aligned, balanced start.

    Assumptions: all M + 1 ridges equal, no bias, one column sqrt(n_k) (mean of class k) per class; layers and features
    start with the same singular values s_k in matching bases, that of the output and of the columns being the classes.
    Statement: with L = M + 1 and step eta, gradient descent keeps the alignment and obeys

        s_k <- s_k + eta [(sqrt(n_k) - s_k^L) s_k^(L-1) / N - ridge s_k].

    For M >= 2 class k is learnt if s_k^L starts above sqrt(n_k) times its unstable fit, and lost if it starts below
    (for steps small enough).

    ``class_sizes`` (K,); ``initial_singular_values`` at least 0, a float or (K,). Returns (n_steps + 1, K). Exact.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the recursion diverges.
    """
    sizes, decay = read_class_sizes(class_sizes), number("ridge", ridge, "(0, inf)")
    depth, steps = integer("n_layers", n_layers, "[1, inf)"), integer("n_steps", n_steps, "[1, inf)")
    rate = number("learning_rate", learning_rate, "(0, inf)")
    start = array("initial_singular_values", initial_singular_values, "[0, inf)")
    rule = f"one number or {sizes.size} of them"
    require(start.shape in ((), sizes.shape), "initial_singular_values", f"array of shape {start.shape}", rule)
    path = _iterate_modes(np.sqrt(sizes), np.broadcast_to(start, sizes.shape), sizes.sum(), decay, depth, rate, steps)
    if not np.isfinite(path[-1]).all():
        raise RuntimeError(f"gradient descent diverges at learning_rate = {rate:g}")
    return path


@njit(cache=True, nogil=True, error_model="numpy")
def _iterate_modes(targets, start, total, decay, n_layers, rate, n_steps):
    path = np.empty((n_steps + 1, targets.size))
    path[0] = start
    for step in range(n_steps):
        for k in range(targets.size):
            s = path[step, k]
            others = s
            for _ in range(n_layers - 1):
                others *= s
            path[step + 1, k] = s + rate * ((targets[k] - others * s) * others / total - decay * s)
    return path
