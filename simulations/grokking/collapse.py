"""Softmax and StableMax evaluated in half, single and double precision, and training until the loss is exactly 0."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, DTypeLike

from assay.base import array, choice, integer, number

__all__ = ["float_cross_entropy", "measure_collapse_gap", "measure_underflow_gap", "simulate_softmax_collapse"]

# Bits of the significand with the hidden one, and the exponent of the least positive number.
_FORMATS = {"float16": (11, -24), "float32": (24, -149), "float64": (53, -1074)}
_HEADS = ("softmax", "stablemax")
_LAYOUTS = ("one_sided", "symmetric")


def float_cross_entropy(
    gaps: ArrayLike,
    dtype: DTypeLike,
    *,
    head: str = "softmax",
    n_classes: int = 2,
    n_before: int = 0,
    layout: str = "one_sided",
) -> np.ndarray:
    """Cross-entropy of the correct class, every operation being rounded to ``dtype``, at the given logit gaps.

    The logit of the correct class is ``gap`` and the others are 0 ("one_sided"), or they are gap / 2 and -gap / 2
    ("symmetric"). Softmax subtracts the largest logit; StableMax has the terms 1 + x for x >= 0 and 1 / (1 - x) below.
    The terms are added one after the other, ``n_before`` of the wrong classes ahead of the correct one. The loss,
    -log of the correct term over the sum, is exactly 0 where the wrong terms are lost in rounding.

    gaps: any shape, at least 0, rounded to the dtype; the result has their shape, as float64. Source: Prieto et al.,
    "Grokking at the edge of numerical stability", arXiv 2501.04697.

    Raises ``ValueError`` for negative gaps, gaps beyond the range of the dtype, another dtype, head or layout,
    ``n_classes`` below 2, or ``n_before`` outside 0 .. n_classes - 1.
    """
    name = _checked_format(dtype)
    kind, (n_classes, n_before) = _checked_head(head, layout), _checked_order(n_classes, n_before)
    values = array("gaps", gaps, f"[0, {np.finfo(name).max}]")
    terms = _terms(values.reshape(-1).astype(name), *kind, n_classes, n_before)
    total = np.add.accumulate(terms, axis=1)[:, -1]
    return (0.0 - np.log(terms[:, n_before] / total)).astype(np.float64).reshape(values.shape)


def measure_collapse_gap(
    dtype: DTypeLike, *, head: str = "softmax", n_classes: int = 2, n_before: int = 0, layout: str = "one_sided"
) -> float:
    """Find the least logit gap of the format at which ``float_cross_entropy`` is exactly 0, by bisection.

    Arguments and ``ValueError`` as there.
    """
    name = _checked_format(dtype)
    kind, (n_classes, n_before) = _checked_head(head, layout), _checked_order(n_classes, n_before)

    def collapsed(gap: np.ndarray) -> bool:
        terms = _terms(gap, *kind, n_classes, n_before)
        return bool(np.add.accumulate(terms, axis=1)[0, -1] == terms[0, n_before])

    return _least_number(name, collapsed)


def measure_underflow_gap(dtype: DTypeLike) -> float:
    """Find the least logit gap of the format at which the probability of the wrong class, exp(-gap), becomes 0.

    Raises ``ValueError`` for a dtype other than float16, float32 and float64.
    """
    return _least_number(_checked_format(dtype), lambda gap: bool(_terms(gap, "softmax", "one_sided", 2, 0)[0, 1] == 0))


def simulate_softmax_collapse(
    dtype: DTypeLike,
    *,
    learning_rate: float,
    initial_gap: float = 0.0,
    exact_gradient: bool = False,
    max_steps: int = 10**7,
) -> int:
    """Count the steps of gradient descent on the logit gap z of two classes until the softmax sum rounds to 1.

    A step is ``z <- z + learning_rate * (1 - p)``. The weight z is kept in double precision; z, exp(-z), the sum 1 +
    exp(-z), the probability p of the correct class and 1 - p are each rounded to ``dtype``, to nearest and ties to
    even. With ``exact_gradient`` the step is ``learning_rate / (1 + exp(z))`` in double precision, and only the sum
    that is tested is rounded. Cost: about 30 ns a step in single precision, 80 in half.

    Raises ``ValueError`` for another dtype, a learning rate that is not positive, a negative gap, ``max_steps`` below
    1, or more steps than that.
    """
    name = _checked_format(dtype)
    learning_rate = number("learning_rate", learning_rate, "(0, inf)")
    gap = number("initial_gap", initial_gap, "[0, inf)")
    limit = integer("max_steps", max_steps, "[1, inf)")
    steps = int(_steps_to_collapse(gap, learning_rate, bool(exact_gradient), limit, *_FORMATS[name]))
    if steps < 0:
        raise ValueError(f"max_steps = {max_steps}: expected more, the softmax has not collapsed by then")
    return steps


def _checked_format(dtype: DTypeLike) -> str:
    """Return the name of the dtype; raise ``ValueError`` unless it is one of the three formats."""
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    return str(choice("dtype", name, tuple(_FORMATS)))


def _checked_head(head: str, layout: str) -> tuple[str, str]:
    return choice("head", head, _HEADS), choice("layout", layout, _LAYOUTS)


def _checked_order(n_classes: int, n_before: int) -> tuple[int, int]:
    n_classes = integer("n_classes", n_classes, "[2, inf)")
    return n_classes, integer("n_before", n_before, f"[0, {n_classes - 1}]")


def _terms(gaps: np.ndarray, head: str, layout: str, n_classes: int, n_before: int) -> np.ndarray:
    """Return the addends of the denominator, (len(gaps), n_classes), computed in the dtype of the gaps (m,)."""
    high, low = (gaps, np.zeros_like(gaps)) if layout == "one_sided" else (gaps / 2, -gaps / 2)
    logits = np.repeat(low[:, None], n_classes, axis=1)
    logits[:, n_before] = high
    if head == "softmax":
        return np.exp(logits - high[:, None])
    grown = 1 + np.abs(logits)
    return np.where(logits >= 0, grown, 1 / grown)


def _least_number(name: str, holds: Callable[[np.ndarray], bool]) -> float:
    """Return the least positive number of the format with a property that all larger ones have too.

    The patterns of bits of positive numbers, read as integers, are in the order of the numbers.
    """
    high = np.ones(1, name)
    while not holds(high):
        high *= 2
    pattern = f"uint{8 * high.itemsize}"
    lower, upper = 0, int(high.view(pattern)[0])
    while upper - lower > 1:
        middle = (lower + upper) // 2
        if holds(np.array([middle], pattern).view(name)):
            upper = middle
        else:
            lower = middle
    return float(np.array([upper], pattern).view(name)[0])


@njit(cache=True, nogil=True)
def round_to_format(value, precision, least_exponent):
    """Return a double rounded to the nearest number of a narrower format, ties to even; overflow is left out.

    Scaled by a power of two the numbers of the format around the value are integers. The sum, the quotient and the
    difference of two of them, taken in double precision and then rounded, are rounded correctly: 53 bits are more than
    twice 24 and 2.
    """
    if precision == 53:
        return value
    if precision == 24:
        return float(np.float32(value))
    _, exponent = math.frexp(value)
    spacing = max(exponent - precision, least_exponent)
    return math.ldexp(np.rint(math.ldexp(value, -spacing)), spacing)


@njit(cache=True, nogil=True)
def _steps_to_collapse(gap, learning_rate, exact_gradient, max_steps, precision, least_exponent):
    """Return the number of steps before the sum rounds to 1, or -1 if it has not after ``max_steps``."""
    for step in range(max_steps + 1):
        rounded = round_to_format(gap, precision, least_exponent)
        total = round_to_format(
            1.0 + round_to_format(math.exp(-rounded), precision, least_exponent), precision, least_exponent
        )
        if total == 1.0:
            return step
        if exact_gradient:
            gap += learning_rate / (1.0 + math.exp(gap))
        else:
            correct = round_to_format(1.0 / total, precision, least_exponent)
            gap += learning_rate * round_to_format(1.0 - correct, precision, least_exponent)
    return -1
