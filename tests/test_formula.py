"""Formulas in the terminal: two-dimensional pictures of the LaTeX that claims are written in."""

# ruff: noqa: RUF001 - mathematics is written in the characters of mathematics
from __future__ import annotations

import pytest

from assay.formula import pretty_formula
from assay.registry import select

PICTURES = {
    r"\lambda_1^2 \leq -\frac{a + b}{2}": ["        a + b", "λ₁² ≤ − ─────", "          2"],
    r"\sum_{k=1}^n \sqrt{k}": ["   n", "   ∑   √k", " k = 1"],
    r"x^{a/b} = e'": [" a/b", "x    = e′"],
    r"\left(\frac{1}{n}\right)^2": ["   2", "⎛1⎞", "⎜─⎟", "⎝n⎠"],
    r"\bar x\,\mathrm{diag}(y),\ 5\,\%": ["x\u0304diag(y), 5%"],
}


@pytest.mark.parametrize("formula", PICTURES)
def test_picture(formula):
    assert pretty_formula(formula, 80).splitlines() == PICTURES[formula]


def test_wide_formulas_break_between_parts():
    formula = r"a = b\quad c = d\qquad e = f"
    assert pretty_formula(formula, 80) == "a = b    c = d    e = f"
    assert pretty_formula(formula, 16) == "a = b    c = d\ne = f"


def test_every_formula_is_laid_out_whole():
    """No command is left over, and every digit of the formula is in the picture, small or not."""
    small = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", "0123456789" * 2)
    for claim in select(()):
        for line in claim.formula.splitlines():
            picture = pretty_formula(line, 100).translate(small)
            assert "\\" not in picture, (claim.id, picture)
            digits = [sorted(filter(str.isdigit, text)) for text in (line, picture)]
            assert digits[0] == digits[1], (claim.id, picture)
