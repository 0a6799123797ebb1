"""A claim's formula in the terminal: matplotlib's LaTeX, laid out with SymPy's two-dimensional pretty printer."""

# ruff: noqa: RUF001 - mathematics is written in the characters of mathematics
from __future__ import annotations

import re
import unicodedata
from typing import Any

from sympy.printing.pretty.stringpict import stringPict  # noqa: TID253 - this module is imported only where a formula is shown

TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
SPACES = {"\\,": "", "\\!": "", "\\;": " ", "\\:": " ", "\\ ": " ", "~": " "}


def _table(entries: str) -> dict[str, str]:
    words = entries.split()
    return dict(zip(words[::2], words[1::2], strict=True))


RELATIONS = _table(r"""
    \leq ≤ \geq ≥ \neq ≠ \sim ∼ \simeq ≃ \approx ≈ \equiv ≡ \propto ∝ \in ∈ \to → \rightarrow → \leftarrow ← \ll ≪ \gg ≫
    \Rightarrow ⇒ \Leftrightarrow ⇔ \gtrless ≷ = = < < > > + + - − \pm ± \times × \cdot · \odot ⊙ \circ ∘ \otimes ⊗
""")
SYMBOLS = _table(r"""
    \infty ∞ \partial ∂ \nabla ∇ \ell ℓ \top ⊤ \ast * \dagger † \perp ⊥ \parallel ∥ \Vert ‖ \| ‖ \langle ⟨ \rangle ⟩
    \lfloor ⌊ \rfloor ⌋ \lceil ⌈ \rceil ⌉ \cdots ⋯ \ldots … \dots … \prime ′ \varepsilon ε \epsilon ϵ \varphi φ \phi ϕ
    \varsigma ς \vartheta ϑ \{ { \} } \% % \# #
""")
LARGE = _table(r"\sum ∑ \prod ∏ \int ∫")
LIMITS = (*LARGE, "\\min", "\\max", "\\sup", "\\inf", "\\lim")
ACCENTS = {"\\bar": "\u0304", "\\hat": "\u0302", "\\tilde": "\u0303", "\\dot": "\u0307"}
FONTS = ("\\mathrm", "\\mathbf", "\\mathcal", "\\mathbb", "\\operatorname", "\\text")
FUNCTIONS = ("log", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "det")
RAISED = dict(zip("0123456789+−=()inT*⊤′†", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿᵀ*ᵀ′†", strict=True))
LOWERED = dict(zip("0123456789+−=()aehijklmnoprstuvxβγρϕχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))


def pretty_formula(formula: str, width: int) -> str:
    r"""Return one line of LaTeX as a picture of text, broken at ``\quad`` where it is wider than ``width`` columns."""
    rows: list[Any] = []
    for part in re.split(r"\\q?quad", formula):
        picture = _Layout(part).sequence()
        if rows and rows[-1].width() + 4 + picture.width() <= width:
            rows[-1] = _beside(rows[-1], stringPict("    "), picture)
        else:
            rows.append(picture)
    return "\n".join("\n".join(line.rstrip() for line in row.picture) for row in rows)


class _Layout:
    """A recursive descent over the tokens of one formula; each part becomes a picture with a baseline."""

    def __init__(self, formula: str) -> None:
        self._tokens = [token for token in TOKEN.findall(formula) if not token.isspace()]
        self._at = 0

    def sequence(self, closing: str = "") -> Any:
        """Lay out everything up to a closing token, side by side."""
        parts: list[Any] = []
        operand = False  # whether a sign that comes now stands between two operands
        while self._peek() and (token := self._take()) != closing:
            if token in RELATIONS:
                sign = RELATIONS[token]
                alone = sign + " " * (self._peek() == "\\frac")  # or the sign would run into the fraction bar
                parts.append(stringPict(f" {sign} " if operand or sign not in "+−±" else alone))
                operand = False
            elif token == ",":
                parts.append(stringPict(", "))
                operand = False
            elif token in SPACES:
                after_comma = parts and parts[-1].picture == [", "]
                parts.append(stringPict("" if after_comma else SPACES[token]))
            else:
                part = self._with_scripts(token, self._atom(token))
                if parts and parts[-1].height() > 1 and part.height() > 1:
                    parts.append(stringPict(" "))  # or two fraction bars would run into one
                parts.append(part)
                operand = token not in ("(", "[", "\\{", "\\langle", "\\lfloor", "\\lceil")
        return _beside(*parts) if parts else stringPict("")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _argument(self) -> Any:
        token = self._take()
        return stringPict(RELATIONS[token]) if token in RELATIONS else self._atom(token)

    def _atom(self, token: str) -> Any:
        if token == "{":
            return self.sequence("}")
        if token == "\\frac":
            above, below = self._argument(), self._argument()
            return _stacked(above, stringPict("─" * max(above.width(), below.width())), below, baseline=above.height())
        if token == "\\sqrt":
            inner = self._argument()
            return _beside(
                stringPict("√"), inner if inner.height() == inner.width() == 1 else _bracketed("(", inner, ")")
            )
        if token == "\\left":
            left = self._take()
            inner = self.sequence("\\right")
            return _bracketed(left, inner, self._take())
        if token in ACCENTS:
            inner = self._argument()
            return stringPict(inner.picture[0] + ACCENTS[token]) if inner.width() == 1 else inner
        if token in FONTS:
            return self._upright()
        return stringPict(_character(token))

    def _upright(self) -> Any:
        """Lay out a word; an operator such as ``diag`` keeps a space before what it acts on."""
        letters = [self._take()]
        while letters[0] == "{" and letters[-1] != "}":
            letters.append(self._take())
        word = "".join(SPACES.get(letter, _character(letter)) for letter in letters if letter not in "{}")
        acts = len(word) > 1 and (self._peek().isalnum() or self._peek() in ("\\frac", "\\lambda", "\\log"))
        return stringPict(word + " " * acts)

    def _with_scripts(self, token: str, base: Any) -> Any:
        upper, lower = self._scripts()
        if token in LIMITS:
            parts = [part for part in (upper, base, lower) if part is not None]
            limits = _stacked(*parts, baseline=base.baseline + (upper.height() if upper else 0))
            return _beside(stringPict(" "), limits, stringPict(" "))
        if base.height() == 1:  # in Unicode's small characters where it has them
            for script, small in ((lower, LOWERED), (upper, RAISED)):
                if script is not None and script.height() == 1 and set(script.picture[0]) <= {*small, " "}:
                    base = _beside(base, stringPict("".join(small.get(letter, "") for letter in script.picture[0])))
                    upper, lower = (None, lower) if script is upper else (upper, None)
        if upper is None and lower is None:
            return base
        above, below = (script.picture if script else [] for script in (upper, lower))
        lines = [*above, *[""] * base.height(), *below]
        column = stringPict("\n".join(line.ljust(max(map(len, lines))) for line in lines), base.baseline + len(above))
        return _beside(base, column)

    def _scripts(self) -> tuple[Any, Any]:
        scripts: dict[str, Any] = {}
        while (kind := self._peek()) in ("^", "_", "'"):
            self._take()
            script = stringPict("′") if kind == "'" else self._argument()
            place = "_" if kind == "_" else "^"
            scripts[place] = _beside(scripts[place], script) if place in scripts else script
        return scripts.get("^"), scripts.get("_")


def _beside(*pictures: Any) -> Any:
    return stringPict(*stringPict.next(*pictures))


def _stacked(*pictures: Any, baseline: int) -> Any:
    return stringPict(stringPict.stack(*pictures)[0], baseline) if len(pictures) > 1 else pictures[0]


def _bracketed(left: str, inner: Any, right: str) -> Any:
    left, right = ("" if bracket == "." else _character(bracket) for bracket in (left, right))
    return stringPict(*inner.parens(left, right))


def _character(token: str) -> str:
    """Return a symbol, a Greek letter or, failing these, the name of the command."""
    name = token.removeprefix("\\")
    greek = f"GREEK {'CAPITAL' if name[:1].isupper() else 'SMALL'} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}"
    if token in SYMBOLS or token in LARGE:
        return SYMBOLS.get(token) or LARGE[token]
    if token.startswith("\\") and len(name) > 1:
        try:
            return unicodedata.lookup(greek)
        except KeyError:
            return f"{name} " if name in FUNCTIONS else name
    return name
