"""How the gap of a linearly separable logit grows, and when its softmax collapses.

The gap z of a two-class softmax under gradient flow obeys dz/dt = s sigma(-z), s the speed that the features set.
Setting and sources as in :mod:`theory.grokking.collapse`; the times are this project's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import wrightomega

from assay.base import array, number, require
from theory.grokking._formats import read_format

__all__ = ["logit_gap_flow", "softmax_collapse_time"]

# sum over j >= 1 of ln((2j + 1) / (2j - 1)) / j = sum over k >= 0 of zeta(2k + 2) / ((2k + 1) 4^k)
QUANTISED_TIME = 1.7506329692450444
ALL_BINS = 10**5  # grid steps from which the sum over bins has its asymptotic form, to rounding


def logit_gap_flow(time: Any, *, speed: float = 1.0, initial_gap: float = 0.0) -> Any:
    """Return the gap z(t) of dz/dt = s sigma(-z), which solves e^z + z = e^{z_0} + z_0 + s t.

    Statement: z = C - W(e^C) = ln omega(C), with C the right side, W Lambert's and omega Wright's function: the gap
    grows for ever, as ln(s t). ``time`` >= 0, any shape, the shape of the result (a float for a float); ``speed`` > 0;
    ``initial_gap`` any. Exact.

    Raises ``ValueError`` naming the parameter.
    """
    times = array("time", time, "[0, inf)")
    speed = number("speed", speed, "(0, inf)")
    start = number("initial_gap", initial_gap)
    with np.errstate(over="ignore"):
        elapsed = speed * times
    require(bool(np.isfinite(elapsed).all()), "time", time, "numbers with a finite product with speed")
    if start > 40.0:  # z - z_0 is below rounding beside e^z - e^{z_0}
        gap = start + np.log1p(np.exp(-start) * elapsed)
    else:
        total = math.exp(start) + start + elapsed
        omega = wrightomega(total)
        # ln omega loses its digits where the gap is negative and omega small, the difference where omega is large.
        gap = np.where(total > 1.0, np.log(np.maximum(omega, 1.0)), total - omega)
    return gap if times.ndim else float(gap)


def softmax_collapse_time(
    dtype: object, *, speed: float = 1.0, initial_gap: float = 0.0, quantised: bool = False
) -> float:
    """Return the time at which the gap of :func:`logit_gap_flow` reaches the softmax collapse of the format.

    Statement: s t = 2^p + p ln 2 - e^{z_0} - z_0 for the exact gradient. ``quantised``: for a softmax evaluated in the
    format, whose sum moves in steps of 2^{1-p}, the last bins are crossed too fast, and from gap 0

        s t = 2^{p-1} kappa,    kappa = sum over j >= 1 of ln((2j + 1) / (2j - 1)) / j = 1.7506...,

    0.875 of the exact time; from a larger gap only the bins still ahead count. Zero from a gap beyond collapse.
    ``dtype`` float16, float32 or float64; ``speed`` > 0; ``initial_gap`` any. The flow is exact, the quantised time
    asymptotic in p, with a relative error of order p 2^-p (0.1 % in float16); gradient descent with step h needs
    t / h steps up to O(1).

    Raises ``ValueError`` naming the parameter.
    """
    precision = read_format(dtype).precision
    speed = number("speed", speed, "(0, inf)")
    start = number("initial_gap", initial_gap)
    distance = precision * math.log(2.0) - start
    if distance <= 0.0:
        return 0.0
    if not quantised:
        elapsed = -(2.0**precision) * math.expm1(-distance) + distance
    elif start < 0.0:
        elapsed = -math.expm1(start) - start + 2.0 ** (precision - 1) * QUANTISED_TIME
    else:
        share = math.expm1(start) / math.expm1(precision * math.log(2.0))
        elapsed = 2.0 ** (precision - 1) * _bins_ahead(math.exp(distance) / 2.0) + 1.0 - share
    require(elapsed / speed < math.inf, "speed", speed, "a speed with a finite time")
    return elapsed / speed


def _bins_ahead(steps: float) -> float:
    """Return the time, in grid steps per unit gradient, for an addend of so many grid steps to fall below one half."""
    if steps > ALL_BINS:
        return QUANTISED_TIME - 1.0 / steps
    current = round(steps)
    bins = np.arange(1, current)
    crossed = float(np.sum(np.log1p(2.0 / (2.0 * bins - 1.0)) / bins))
    return crossed + math.log(2.0 * steps / (2.0 * current - 1.0)) / current
