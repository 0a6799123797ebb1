"""The three binary floating-point formats of training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from assay.base import choice, require

FORMATS = ("float16", "float32", "float64")


class Format(NamedTuple):
    """A binary format with round to nearest even."""

    precision: int  # p, bits of the significand with the leading one: neighbours of 1 are 2^-p below, 2^(1-p) above
    underflow: int  # the largest power of two that rounds to zero is 2^-underflow, half the smallest subnormal


def read_format(dtype: Any) -> Format:
    """Return the format of a dtype or of its name."""
    require(dtype is not None, "dtype", dtype, "one of " + ", ".join(FORMATS))
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = dtype
    info = np.finfo(choice("dtype", name, FORMATS))
    return Format(info.nmant + 1, info.nmant + 1 - int(info.minexp))
