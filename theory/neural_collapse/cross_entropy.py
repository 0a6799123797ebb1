"""Cross-entropy on free features with M linear layers: the simplex frame, codes that beat it, and its SVM limit.

Setting of :mod:`theory.neural_collapse.fit` without bias and with the squared loss replaced by the mean cross-entropy
of the logits Z = W_M .. W_1 H. For given logits the ridges cost (L c / 2) sum_i sigma_i(Z)^(2/L), with L = M + 1 and c
the geometric mean of all ridges: for M >= 2 that prefers logits of low rank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import xlogy

from assay.base import choice, integer, number, require
from theory.neural_collapse._input import read_class_sizes, read_ridges
from theory.neural_collapse.label_spectrum import uniform_code_modes

__all__ = [
    "CodeOptimum",
    "CrossEntropyGeometry",
    "SeliGeometry",
    "cross_entropy_code",
    "cross_entropy_etf",
    "etf_class_limit",
    "seli_geometry",
]

CODES = ("etf", "cross_polytope", "polygon", "hypercube")


@dataclass(frozen=True)
class CrossEntropyGeometry:
    """The best simplex frame: ``margin`` a, ``loss``, Grams (K, K) of class means and of W_M .. W_1, and the logits.

    ``end_to_end`` (K, K) holds the logits of the classes, a times the projector P; ``collapsed``: the margin is 0.
    """

    margin: float
    loss: float
    class_mean_gram: np.ndarray
    classifier_gram: np.ndarray
    end_to_end: np.ndarray
    collapsed: bool


@dataclass(frozen=True)
class CodeOptimum:
    """The best multiple ``margin`` of a code of unit margin, its ``loss``, and the ``rank`` of the code."""

    margin: float
    loss: float
    rank: int


@dataclass(frozen=True)
class SeliGeometry:
    """Least nuclear norm and the Grams (K, K) of class means and classifier, up to one common scale each."""

    nuclear_norm: float
    class_mean_gram: np.ndarray
    classifier_gram: np.ndarray


class _Code(NamedTuple):
    """Unit-margin logits: singular values (all equal) and the gaps of the own to the other logits."""

    rank: int
    singular_value: float
    gaps: np.ndarray
    multiplicities: np.ndarray


def cross_entropy_etf(
    n_classes: int, n_per_class: float, *, weight_ridges: Any, feature_ridge: float
) -> CrossEntropyGeometry:
    """Return the best simplex frame Z = a P for balanced classes, with or without a last-layer bias.

    Statement: a minimises log(1 + (K-1) e^-a) + (L c / 2) (K-1) (a sqrt(n))^(2/L), n samples per class. For one layer
    a = log(1 / (c sqrt(n)) - K + 1) if K c sqrt(n) < 1 and else 0, and it is the global minimum. For M >= 2 it jumps to
    0 with growing ridge, and other codes can be better (:func:`cross_entropy_code`).

    ``n_classes`` K >= 2, ``n_per_class`` >= 1, ``weight_ridges`` (M,). Nature: exact for M = 1; for M >= 2 exact within
    the family, an upper bound on the global minimum.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2301.00437 (numbering unverified).
    """
    optimum = cross_entropy_code(
        "etf", n_classes, n_per_class, weight_ridges=weight_ridges, feature_ridge=feature_ridge
    )
    ridges, size = read_ridges(weight_ridges, feature_ridge), float(n_per_class)
    energy = ridges.geometric_mean * (optimum.margin * math.sqrt(size)) ** (2.0 / (ridges.n_layers + 1))
    frame = np.eye(int(n_classes)) - 1.0 / n_classes
    return CrossEntropyGeometry(
        margin=optimum.margin,
        loss=optimum.loss,
        class_mean_gram=energy / (ridges.feature * size) * frame,
        classifier_gram=float(np.prod(energy / ridges.weights)) * frame,
        end_to_end=optimum.margin * frame,
        collapsed=optimum.margin == 0.0,
    )


def cross_entropy_code(
    code: str, n_classes: int, n_per_class: float, *, weight_ridges: Any, feature_ridge: float
) -> CodeOptimum:
    """Return the least loss of balanced classes among the multiples of a code of logits.

    ``code``: "etf" (rank K - 1), "cross_polytope" (even K: rank K/2, classes in antipodal pairs), "polygon" (K >= 3:
    rank 2, a regular polygon) or "hypercube" (K = 2^r: rank r, the sign vectors). Each is scaled so that the own logit
    exceeds the nearest other one by 1 (by 2 for the single pair of a cross-polytope of two classes).

    Statement: the margin a >= 0 minimises log(1 + sum over the other classes of e^(-a gap)) + (L c / 2) rank
    (a s sqrt(n))^(2/L), with s the singular value of the code; where log K is lower the margin is 0.

    ``n_per_class`` n >= 1, ``weight_ridges`` (M,). Nature: exact within the code, an upper bound on the global minimum.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2410.23169 for low rank beating collapse in general; the
    codes are results of this project.
    """
    choice("code", code, CODES)
    count, size = integer("n_classes", n_classes, "[2, inf)"), number("n_per_class", n_per_class, "[1, inf)")
    ridges = read_ridges(weight_ridges, feature_ridge)
    entries = _code(code, count)
    exponent = 2.0 / (ridges.n_layers + 1)
    cost = ridges.geometric_mean * entries.rank * (entries.singular_value * math.sqrt(size)) ** exponent
    margin, loss = _best_margin(entries, cost, exponent)
    return CodeOptimum(margin, loss, entries.rank)


def _code(code: str, n_classes: int) -> _Code:
    if code == "etf":
        return _Code(n_classes - 1, 1.0, np.ones(1), np.array([n_classes - 1.0]))
    if code == "cross_polytope":
        require(n_classes % 2 == 0, "n_classes", n_classes, "an even number for code = 'cross_polytope'")
        gaps, multiplicities = np.array([1.0, 2.0]), np.array([n_classes - 2.0, 1.0])
        kept = multiplicities > 0
        return _Code(n_classes // 2, 2.0, gaps[kept], multiplicities[kept])
    if code == "polygon":
        require(n_classes >= 3, "n_classes", n_classes, "at least 3 for code = 'polygon'")
        # 1 - cos(2 x) = 2 sin(x)^2 keeps the digits of small angles.
        gaps = np.sin(np.pi * np.arange(1, n_classes) / n_classes) ** 2
        nearest = math.sin(math.pi / n_classes) ** 2
        return _Code(2, n_classes / (4.0 * nearest), gaps / nearest, np.ones(n_classes - 1))
    dimension = n_classes.bit_length() - 1
    require(n_classes == 2**dimension, "n_classes", n_classes, "a power of 2 for code = 'hypercube'")
    gaps = np.arange(1.0, dimension + 1.0)
    multiplicities = np.array([float(math.comb(dimension, h)) for h in range(1, dimension + 1)])
    return _Code(dimension, n_classes / 2.0, gaps, multiplicities)


def _best_margin(code: _Code, cost: float, exponent: float) -> tuple[float, float]:
    """Minimise log(1 + sum m e^(-a g)) + (cost / exponent) a^exponent over a >= 0; return the margin and the value.

    At a stationary point the mean gap E(a) under the softmax equals cost a^(exponent - 1). The logarithm of the ratio
    of the two sides rises to a single peak and falls beyond it, where the minimum lies; with exponent 1 it only falls.
    (A single peak: found numerically for all codes of up to 4096 classes.)
    """
    gaps, multiplicities = code.gaps, code.multiplicities
    nearest, power = float(gaps.min()), 1.0 - exponent

    def weights(margin: float) -> tuple[np.ndarray, float]:
        """Return m e^(-a (g - nearest)) and log(1 + sum m e^(-a g))."""
        relative = multiplicities * np.exp(-margin * (gaps - nearest))
        return relative, math.log1p(float(relative.sum()) * math.exp(-margin * nearest))

    def log_ratio(margin: float) -> float:
        relative, normaliser = weights(margin)
        mean_gap = math.log(float(relative @ gaps)) - margin * nearest - normaliser
        return mean_gap + float(xlogy(power, margin)) - math.log(cost)

    def fall(margin: float) -> float:
        """Return minus the slope of ``log_ratio`` times the margin."""
        relative, normaliser = weights(margin)
        mean_gap = float(relative @ gaps)
        return (
            margin * (float(relative @ gaps**2) / mean_gap - mean_gap * math.exp(-margin * nearest - normaliser))
            - power
        )

    at_zero = math.log1p(float(multiplicities.sum()))
    peak = _rising_root(fall, 0.0) if power > 0.0 else 0.0
    if log_ratio(peak) <= 0.0:
        return 0.0, at_zero
    margin = _rising_root(lambda a: -log_ratio(a), peak)
    loss = weights(margin)[1] + cost / exponent * margin**exponent
    return (margin, loss) if loss < at_zero else (0.0, at_zero)


def _rising_root(function: Any, low: float) -> float:
    """Return the root to the right of ``low``, where the function is negative."""
    high = max(1.0, 2.0 * low)
    while function(high) <= 0.0:
        high *= 2.0
    return float(brentq(function, low, high, xtol=1e-16, rtol=1e-15))


def etf_class_limit(n_layers: int) -> float:
    """Return the number of classes above which the cross-polytope beats the simplex frame at vanishing ridges.

    It is 1 / (1 - 2^(-(M-1)/(M+1))): about 4.85, 3.41 and 2.94 for M = 2, 3, 4, infinite for M = 1. Exact as a limit,
    for cross-entropy and balanced classes (K even). ``n_layers`` M >= 1.

    Raises ``ValueError`` naming the parameter. Source: a result of this project.
    """
    depth = integer("n_layers", n_layers, "[1, inf)")
    return math.inf if depth == 1 else -1.0 / math.expm1(-math.log(2.0) * (depth - 1) / (depth + 1))


def seli_geometry(class_sizes: Any) -> SeliGeometry:
    """Return the geometry of cross-entropy with one layer at vanishing ridges, for any imbalance.

    Statement: the least nuclear norm of Z D^(1/2), D = diag(n), over logits Z (K, K) with margins of at least 1 is
    attained at Z = P, the projector orthogonal to the ones. With P D^(1/2) = U s V^T the norm is sum s, the classifier
    Gram is U s U^T and that of the class means D^(-1/2) V s V^T D^(-1/2), each up to a scale. Exact.

    ``class_sizes`` (K,), at least 1 each. Raises ``ValueError`` naming the parameter. Source: Thrampoulidis, Kini,
    Vakilian and Behnia, "Imbalance Trouble: Revisiting Neural-Collapse Geometry", NeurIPS 2022 (numbering unverified).
    """
    sizes = read_class_sizes(class_sizes)
    left, values, right = uniform_code_modes(sizes)
    left = left * np.sqrt(values)
    right = right * np.sqrt(values) / np.sqrt(sizes)[:, None]
    return SeliGeometry(float(values.sum()), right @ right.T, left @ left.T)
