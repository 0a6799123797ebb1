"""Formulas in plain text: what is found in a sentence, and how it is set."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from assay.registry import discover
from docs.pages.markup import formulas, prose, rest
from docs.pages.tex import display
from docs.pages.typeset import pieces

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("d = 40 and SGD", "«d = 40» and SGD"),
        ("lambda_i = i^-1.5, say", r"«\lambda _{i} = i^{-1.5}», say"),
        ("at 2^(1 - tau) and above", r"at «2^{1 - \tau}» and above"),
        ("k+ = #{lambda >= 1 / N}", r"«{k}^{+} = \#\{\lambda \geq 1 / N\}»"),
        ("(w*_i)^2 over |w*|^2", r"«({w}^{*}_{i})^{2}» over «\vert {w}^{*}\vert ^{2}»"),
        ("Q = M^^2 T", r"«Q = \hat{M}^{2} T»"),
        ("sqrt(kappa kappa_tilde)", r"«\sqrt{\kappa \tilde{\kappa}}»"),
        ("t^-min(a, b)", r"«t^{-\min (a, b)}»"),
        ("x.w* is a dot, so is x_t . w", r"«x\cdot {w}^{*}» is a dot, so is «x_{t} \cdot w»"),
        ("(a remark about n)", "(a remark about «n»)"),
        ("shapes (n_trials, 3) and (M, d) of n_trials", "shapes (n_trials, 3) and (M, d) of n_trials"),
        ("top-k loss, e.g. Wilks's, in 2021", "top-k loss, e.g. Wilks's, in 2021"),
        ("arXiv 2304.07288, Thm 3.1", "arXiv 2304.07288, Thm 3.1"),
        ("``ridge`` is lambda", r"``ridge`` is «\lambda»"),
        ("unbalanced (x = 2", "unbalanced («x = 2»"),
    ],
)
def test_formulas_of_a_sentence(sentence, expected):
    said = "".join(f"«{piece}»" if kind == "math" else piece for kind, piece in pieces(sentence))
    assert re.sub(r"\s+", " ", said) == expected


def test_a_long_formula_may_break_at_its_relations():
    found = [
        piece
        for kind, piece in pieces("half of E (x.(w - w*))^2 = sum_i lambda_i E (w_i - w*_i)^2 it is")
        if kind == "math"
    ]
    assert len(found) == 2 and found[1].startswith("=")


def test_indented_blocks_are_displays():
    assert display("h = [a + b]\n    / [c d]") == [r"h = \frac{a + b}{c d}"]
    assert display("x = 1,   y = 2\nz = 3") == [r"x = 1,\qquad y = 2", "z = 3"]


def balanced(tex: str) -> bool:
    depth = 0
    for sign in re.sub(r"\\[{}]", "", tex):
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def test_every_docstring_and_statement_gives_balanced_formulas():
    texts = [
        ast.get_docstring(node) or ""
        for side in ("theory", "simulations", "assay")
        for path in (ROOT / side).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
    ]
    found = [tex for text in texts for tex in re.findall(r":math:`([^`]*)`|math:: (.*)", rest(text)) if any(tex)]
    for claim in discover().values():
        found += re.findall(
            r"\{math\}`([^`]*)`()", prose(f"{claim.statement} {claim.assumptions} {claim.normalisations}")
        )
        found += re.findall(r"^```\{math\}\n(.*)\n```()", formulas(claim.formula), re.MULTILINE)
    assert len(found) > 1000
    assert not [tex for tex in map("".join, found) if not balanced(tex)]


def test_a_broken_display_loses_nothing():
    for claim in discover().values():
        letters = re.compile(r"\\qquad|\\quad|\\[,;]|\s|```|\{math\}")
        assert letters.sub("", formulas(claim.formula)) == letters.sub("", claim.formula), claim.id


def test_a_section_of_parameters_is_a_list():
    text = "Parameters\n----------\nclaim, check : the id\n    and the name.\nscale : one of three."
    assert rest(text) == "**Parameters**\n\n- ``claim``, ``check``: the id and the name.\n- ``scale``: one of three."


def test_markdown_of_a_statement_is_escaped():
    assert prose("of n_trials * [see](there) `code`") == r"of n\_trials \* \[see\](there) `code`"
