"""Softmax and StableMax collapse: the logits at which cross-entropy vanishes in floating point.

A max-shifted softmax with correct logit z and K - 1 others at 0 divides by 1 + (K - 1) e^{-z}. In a format of precision
p, rounding to nearest even, the sum is exactly 1 once the addends are absorbed: then the loss is 0, and the gradient
p_y - 1 of the correct class is 0, while those of the other classes, e^{-z}, live on until they underflow. One side of
the gradient is lost; a wider format only delays this, and log1p of the sum of the small terms avoids it.

Source of the phenomenon and of StableMax: Prieto, Barsbey, Mediano and Birdal, "Grokking at the Edge of Numerical
Stability", arXiv 2501.04697 (numbering unverified). The thresholds are this project's; they are exact for exactly
evaluated exponentials.
"""

from __future__ import annotations

import math

from assay.base import choice, integer
from theory.grokking._formats import read_format

__all__ = ["softmax_collapse_gap", "softmax_underflow_gap", "stablemax_collapse_gap"]


def softmax_collapse_gap(dtype: object, *, n_classes: int = 2, order: str = "max_first") -> float:
    """Return the logit gap at and above which the sum of the softmax is exactly 1.

    Statement: ``order`` "max_first", a sum that starts with the 1 of the largest logit: p ln 2, for every number of
    classes, because 1 + 2^-p is a tie and rounds to even. "max_last": p ln 2 + ln(K - 1), the small terms having added
    up first. Every other order lies between; with j small terms before the 1, p ln 2 + ln max(j, 1).

    ``dtype`` float16, float32 or float64; ``n_classes`` K >= 2. Exact, for "max_last" up to the rounding of the sum of
    small terms. Raises ``ValueError`` naming the parameter. Setting and source as in the module.
    """
    precision = read_format(dtype).precision
    n_classes = integer("n_classes", n_classes, "[2, inf)")
    ahead = choice("order", order, ("max_first", "max_last")) == "max_last"
    return precision * math.log(2.0) + (math.log(n_classes - 1) if ahead else 0.0)


def softmax_underflow_gap(dtype: object) -> float:
    """Return the logit gap at and above which e^{-z}, the gradient of a wrong class, is exactly 0.

    Statement: 25 ln 2, 150 ln 2 and 1075 ln 2 for float16, float32 and float64: half the smallest subnormal rounds to
    even. Exact, with gradual underflow. Raises ``ValueError`` naming ``dtype``.
    """
    return read_format(dtype).underflow * math.log(2.0)


def stablemax_collapse_gap(dtype: object, *, layout: str = "symmetric") -> float:
    """Return the smallest logit gap z at which the sum of a two-class StableMax is exactly its larger term.

    Statement: with s of :func:`theory.grokking.stablemax`, a term s_o is absorbed by s_c when
    s_o <= 2^(floor(log2 s_c) - p). ``layout`` "symmetric", logits +-z/2: 2 (2^ceil(p/2) - 1). "one_sided", logits z
    and 0: 2^p - 1; there the addend 1 is a tie, absorbed by a sum of even significand, so that collapse is final
    only past 2^(p+1) - 1. StableMax is not invariant under shifts, which is why the layout matters.

    ``dtype`` float16, float32 or float64. Exact. Raises ``ValueError`` naming the parameter. Source as in the module.
    """
    precision = read_format(dtype).precision
    if choice("layout", layout, ("symmetric", "one_sided")) == "symmetric":
        return 2.0 * (2.0 ** math.ceil(precision / 2) - 1.0)
    return 2.0**precision - 1.0
