"""The scalar equation behind regularised unconstrained features with squared loss.

Setting of the family. K classes of n_k samples, N in all; features H (d, N), M >= 1 linear layers W_1 .. W_M on top of
them, the first next to the features; L = M + 1 factors. Objective, with one-hot targets Y (K, N):

    1/(2N) ||W_M .. W_1 H + b 1^T - Y||^2 + 1/2 sum_l ridge_l ||W_l||^2 + feature_ridge/2 ||H||^2 + bias_ridge/2 ||b||^2

With inner widths of at least K and no bias the problem decouples exactly into one scalar problem per class: the fit
tau, the k-th diagonal entry of W_M .. W_1 times the class means, minimises (1 - tau)^2 + L beta tau^(2/L), where beta
is the effective ridge. Source: Dang, Tran, Osher, Tran-The, Ho and Nguyen, "Neural Collapse in Deep Linear Networks:
From Balanced to Imbalanced Data", arXiv 2301.00437 (numbering unverified).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from assay.base import array, choice, integer, number
from theory.neural_collapse._input import Ridges, read_class_sizes, read_ridges

__all__ = ["CollapseThresholds", "collapse_fit", "collapse_thresholds", "effective_ridge", "minority_collapse_size"]


@dataclass(frozen=True)
class CollapseThresholds:
    """Effective ridges beyond which a mode is lost, and the fits there.

    ``global_ridge``: above it zero is the global minimiser; ``spinodal_ridge``: above it zero is the only one.
    """

    global_ridge: float
    spinodal_ridge: float
    global_fit: float
    spinodal_fit: float


def effective_ridge(
    class_sizes: Any, *, weight_ridges: Any, feature_ridge: float, n_samples: float | None = None
) -> np.ndarray:
    """Return beta_k = N c n_k^(-M/(M+1)) for every class, with c the geometric mean of all M + 1 ridges.

    ``class_sizes`` (K,), at least 1 each, not necessarily whole; ``weight_ridges`` (M,), first layer first;
    ``n_samples`` N, by default the sum of the sizes, else at least the largest of them. Dimensionless; (K,). Exact.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2301.00437; beta relates to the constant b of the paper by
    M beta^((M+1)/M) = b / n_k.
    """
    sizes, ridges = read_class_sizes(class_sizes), read_ridges(weight_ridges, feature_ridge)
    if n_samples is None:
        total = float(sizes.sum())
    else:
        total = number("n_samples", n_samples, f"[{float(sizes.max())!r}, inf)")
    return mode_ridges(np.sqrt(sizes), total, ridges)


def mode_ridges(target_singular_values: np.ndarray, n_samples: float, ridges: Ridges) -> np.ndarray:
    """Return the effective ridge of modes whose targets have the given singular values."""
    depth = ridges.n_layers
    return n_samples * ridges.geometric_mean * target_singular_values ** (-2.0 * depth / (depth + 1.0))


def collapse_thresholds(n_layers: int) -> CollapseThresholds:
    """Return the two collapse thresholds of a head of ``n_layers`` = M >= 1 linear layers.

    Global: tau = (M-1)/M, beta = tau^((M-1)/(M+1)) / M; the fit jumps to zero there for M >= 2 and reaches zero
    continuously for M = 1. Spinodal, where the nonzero stationary points merge: tau = (M-1)/(2M),
    beta = (1 - tau) tau^((M-1)/(M+1)). Both are (0, 1) for M = 1. Exact.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2301.00437 for the global one (numbering unverified).
    """
    depth = integer("n_layers", n_layers, "[1, inf)")
    power = (depth - 1) / (depth + 1)
    lost, merged = (depth - 1) / depth, (depth - 1) / (2 * depth)
    return CollapseThresholds(
        global_ridge=lost**power / depth,
        spinodal_ridge=(1.0 - merged) * merged**power,
        global_fit=lost,
        spinodal_fit=merged,
    )


def collapse_fit(effective_ridge: Any, *, n_layers: int, branch: str = "global") -> Any:
    """Solve (1 - tau) tau^((M-1)/(M+1)) = beta for the fit tau of every effective ridge beta.

    ``branch`` "stable" is the larger root, a local minimum of the scalar problem; "unstable" the smaller one, the
    boundary between the basins of the stable root and of zero (0 for M = 1); "global" the minimiser, the stable root
    up to the global threshold. Strictly past the threshold of the branch (the spinodal for the other two) the value
    is 0; at it, the root.

    ``effective_ridge``: positive, any shape; the result has that shape, and is a float for a float. Exact, to rounding
    amplified by 1 / sqrt(1 - beta / spinodal) next to the spinodal.

    Raises ``ValueError`` naming the parameter.
    """
    ridges = array("effective_ridge", effective_ridge, "(0, inf)")
    depth = integer("n_layers", n_layers, "[1, inf)")
    choice("branch", branch, ("global", "stable", "unstable"))
    fit, _ = solve_fit(ridges, depth, branch)
    return fit if fit.ndim else float(fit)


def solve_fit(effective_ridge: np.ndarray, n_layers: int, branch: str) -> tuple[np.ndarray, np.ndarray]:
    """Return tau and 1 - tau, the small one of them with all its digits, for validated input of any shape."""
    thresholds, power = collapse_thresholds(n_layers), (n_layers - 1) / (n_layers + 1)
    limit = thresholds.global_ridge if branch == "global" else thresholds.spinodal_ridge
    flat = effective_ridge.ravel()
    if branch == "unstable":
        fit = _smaller_roots(flat, power, 1.0, limit, 0.0) if n_layers > 1 else np.zeros_like(flat)
        gap = 1.0 - fit
    else:
        gap = _smaller_roots(flat, 1.0, power, limit, 1.0)
        fit = 1.0 - gap
    return fit.reshape(effective_ridge.shape), gap.reshape(effective_ridge.shape)


@njit(cache=True, nogil=True, error_model="numpy")
def _smaller_roots(values, a, b, limit, beyond):
    """Return the smaller root x in (0, 1) of x^a (1 - x)^b = value for each value up to ``limit``, else ``beyond``.

    With exponents in [0, 1] the left-hand side is concave, and value^(1/a) lies left of the root: Newton's iteration
    rises to it, each step shorter than the last until rounding. Steps halve only where the two roots merge.
    """
    roots = np.empty_like(values)
    for i in range(values.size):
        if values[i] > limit:
            roots[i] = beyond
            continue
        x, last = values[i] ** (1.0 / a), np.inf
        while True:
            slope = a * (1.0 - x) - b * x
            step = (values[i] * x ** (1.0 - a) * (1.0 - x) ** (1.0 - b) - x * (1.0 - x)) / slope
            if not (slope > 0.0 and 0.0 < step < last):
                break
            x += step
            last = step
        roots[i] = x
    return roots


def minority_collapse_size(n_samples: float, *, weight_ridges: Any, feature_ridge: float) -> float:
    """Return the class size below which a class is lost: its mean and its row of the classifier vanish.

    It is (N c / beta_c)^((M+1)/M), with beta_c the global threshold; N^2 weight_ridge feature_ridge for M = 1. Every
    class is lost or kept by its own size and N alone. ``n_samples`` N >= 1; ``weight_ridges`` (M,). In samples. Exact.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2301.00437 (numbering unverified).
    """
    total = number("n_samples", n_samples, "[1, inf)")
    ridges = read_ridges(weight_ridges, feature_ridge)
    depth = ridges.n_layers
    threshold = collapse_thresholds(depth).global_ridge
    return float((total * ridges.geometric_mean / threshold) ** ((depth + 1) / depth))
