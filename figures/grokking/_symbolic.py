"""Symbolic identities evaluated at rational points, where they must hold exactly, and on a broken input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from theory.grokking import loss_terms_symbolic, recursion_symbolic

POINTS = 3


def recursion_gaps() -> dict[str, float]:
    """Return the largest difference between the two forms of a step, also where they are given unequal labels."""
    derived = recursion_symbolic()
    return _gaps(derived, {name: f"{name}_affine" for name in ("mean_weight", "second_moment")}, moved="y2")


def loss_term_gaps() -> dict[str, float]:
    """Return the largest difference between the loss terms and their closed forms, also on unequal matrices."""
    derived = loss_terms_symbolic()
    names = {name: f"{name}_closed" for name in ("linear", "variance", "misalignment")}
    return _gaps(derived, names, moved="s12")


def _gaps(derived: Mapping[str, Any], pairs: Mapping[str, str], moved: str) -> dict[str, float]:
    """Evaluate pairs of expressions that are identical, and again with one symbol of the second 1e-6 apart."""
    import sympy as sp

    rng = np.random.default_rng(0)
    symbols = sorted(set().union(*(one.free_symbols for one in derived.values())), key=str)
    shift = 1 + sp.Rational(1, 10**6)
    gap, broken = [], []
    for _ in range(POINTS):
        values = {one: sp.Rational(int(rng.integers(1, 30)), int(rng.integers(1, 30))) for one in symbols}
        apart = {one: value * shift if str(one) == moved else value for one, value in values.items()}
        for name, closed in pairs.items():
            left, right = (sp.Matrix([derived[one]]) for one in (name, closed))
            gap += list(left.subs(values) - right.subs(values))
            broken += list(left.subs(values) - right.subs(apart))
    return dict(gap=float(max(map(abs, gap))), broken=float(max(map(abs, broken))))
