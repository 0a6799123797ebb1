"""Formulas in plain text as TeX: ``lambda_i^2 <= k*`` becomes ``\\lambda_{i}^{2} \\leq {k}^{*}``."""

from __future__ import annotations

import re
from dataclasses import dataclass

GREEK = {*"alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi "
         "omega ell Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()}  # fmt: skip
FUNCTIONS = {*"log exp min max sup inf det arccos arcsin cos sin tan tanh cosh".split()}
UPRIGHT = {*"tr diag erf sign Var Cov softmax clip Tr Re Im".split()}
LARGE = {"sum": r"\sum", "int": r"\int", "prod": r"\prod", "sqrt": r"\sqrt"}
OPERATORS = {"<=": r"\leq ", ">=": r"\geq ", "->": r"\to ", "<-": r"\leftarrow ", ">>": r"\gg ", "<<": r"\ll ",
             "!=": r"\neq ", "==": "=", "+-": r"\pm ", "||": r"\Vert ", "|": r"\vert ", "...": r"\ldots ",
             "..": r"\ldots ", ".": r"\cdot ", "*": r"\cdot ", "//": "//", "~": r"\sim ", "#": r"\#"}  # fmt: skip
SUBSCRIPTS = {"max", "min", "opt", "eff", "rel", "test", "train", "add", "crit", "ex", "tilde"}
TOKEN = re.compile(
    r"""(?P<code>``.+?``|:[a-z:]+:`[^`]+`|`[^`]+`)
    |(?P<word>(?:[A-Za-z]\.){2,}|[A-Za-z]\w*_(?:\w{3,}|\w+_\w+)|[A-Za-z]{2,}-[A-Za-z](?!\w)
        |[A-Za-z]{2,}(?:['-][A-Za-z]{2,})*(?:'s)?(?![\w*'])|[A-Za-z]-[A-Za-z]{3,}(?:-[A-Za-z]+)*|\d{4}\.\d{4,5}\w*|[A-Za-z]{2,}\d*)
    |(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)
    |(?P<letter>[A-Za-z]\d*)
    |(?P<operator>(?<=[A-Za-z0-9)\]}*'])\.(?=[A-Za-z(])|(?<=\s)\.(?=\s)|<=|>=|->|<-|>>|<<|!=|==|\+-|\|\|
        |\.\.\.|\.\.|//|[-+*/=<>^_()\[\]{}|!'~\#])
    |(?P<space>\s+)
    |(?P<other>.)""",
    re.VERBOSE,
)
POSTFIXES = {"*": "{%s}^{*}", "+": "{%s}^{+}", "~": r"\tilde{%s}", "^": r"\hat{%s}"}
CLOSING = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Token:
    """A piece of a sentence: its kind and its text."""

    kind: str
    text: str

    @property
    def is_name(self) -> bool:
        """A letter, a Greek name or a function, with an index or without."""
        if self.kind == "letter" or self.text in FUNCTIONS | UPRIGHT | {*LARGE}:
            return True
        base, _, index = self.text.partition("_")
        greek = base.rstrip("0123456789") in GREEK
        return self.kind == "word" and (index in SUBSCRIPTS if index else greek) and (greek or len(base) == 1)


END = Token("space", " ")


def display(block: str) -> list[str]:
    """Return the formulas of an indented block as TeX, one for each; a line that goes on is joined to the last."""
    lines: list[str] = []
    for line in block.splitlines():
        if lines and (line.startswith(" ") or line.lstrip()[:1] in "+/-"):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    return [tex(tokens(re.sub(r"(?<!\s)\s\s(?!\s)", " ", line)), words=True) for line in lines]


def tokens(text: str) -> list[Token]:
    """Return a text in tokens; nothing is lost."""
    return [Token(str(match.lastgroup), match.group()) for match in TOKEN.finditer(text)]


def tex(formula: list[Token], words: bool = False) -> str:
    """Return a formula as TeX; with ``words``, words stand in it, wide spaces are kept and quotients stacked."""
    out: list[str] = []
    index = 0
    while index < len(formula):
        token, index = formula[index], index + 1
        following = formula[index] if index < len(formula) else END
        glued = bool(out) and formula[index - 2].kind != "space"
        if glued and token.text in POSTFIXES and _ends(following) and _is_atom(formula[index - 2], token):
            out[-1] = POSTFIXES[token.text] % out[-1].strip()
        elif token.text in ("^", "_") and token.kind == "operator":
            script, index = _script(formula, index)
            base = out.pop() if out else "{}"
            again = token.text + "{" in base  # a second script of the same kind
            out.append(f"{{{base}}}{token.text}{{{script}}}" if again else f"{base}{token.text}{{{script}}}")
        elif token.text == "sqrt" and following.text == "(":
            end = _matching(formula, index)
            out.append(rf"\sqrt{{{tex(formula[index + 1 : end], words)}}}")
            index = end + 1
        elif words and token.text in ("(", "[") and (ends := _quotient(formula, index - 1)):
            over, under = formula[index : ends[0]], formula[ends[1] + 1 : ends[2]]
            out.append(rf"\frac{{{tex(over, words)}}}{{{tex(under, words)}}}")
            index = ends[2] + 1
        else:
            out.append(_atom(token, words))
    return "".join(out).strip()


def _ends(following: Token) -> bool:
    """Return whether a sign before this token belongs to what stands before it, as the star of w*."""
    return following.kind in ("space", "other") or following.text in (*CLOSING, "_", "^", "/", ",", "=", "|", "||")


def _script(formula: list[Token], index: int) -> tuple[str, int]:
    """Return a subscript or superscript as TeX, without its own brackets, and the index of what follows."""
    sign = ""
    while index < len(formula) and formula[index].text in ("-", "+"):
        sign, index = sign + formula[index].text, index + 1
    if index >= len(formula):
        return sign, index
    if formula[index].text in ("(", "{"):
        end = _matching(formula, index)
        inside = tex(formula[index + 1 : end])
        return sign + (f"({inside})" if sign and formula[index].text == "(" else inside), end + 1
    if formula[index].text in FUNCTIONS and formula[index + 1 : index + 2] == [Token("operator", "(")]:
        end = _matching(formula, index + 1)
        return sign + tex(formula[index : end + 1]), end + 1
    if formula[index].text == "T" and not sign:
        return r"\top", index + 1
    if formula[index].text == "*":
        return "*", index + 1
    return sign + _atom(formula[index], True), index + 1


def _matching(formula: list[Token], start: int) -> int:
    """Return the index of the bracket that closes the one at ``start``."""
    depth = 0
    for index in range(start, len(formula)):
        depth += (formula[index].text in "([{") - (formula[index].text in ")]}")
        if depth == 0:
            return index
    return len(formula)


def _quotient(formula: list[Token], start: int) -> tuple[int, int, int] | None:
    """Return the end of a bracket, and start and end of the bracket it is divided by, or None where it is not."""

    def past_spaces(index: int) -> int:
        while index < len(formula) and formula[index].kind == "space":
            index += 1
        return index

    first = _matching(formula, start)
    slash = past_spaces(first + 1)
    second = past_spaces(slash + 1)
    if second >= len(formula) or formula[slash].text != "/" or formula[second].text not in ("(", "["):
        return None
    last = _matching(formula, second)
    scripted = last + 1 < len(formula) and formula[last + 1].text in ("^", "_")
    return None if scripted else (first, second, last)


def _is_atom(token: Token, sign: Token) -> bool:
    return token.is_name or token.text in CLOSING or (token.text == "^" and sign.text == "^")


def _atom(token: Token, words: bool) -> str:
    text = token.text
    if token.kind == "operator":
        return OPERATORS.get(text, rf"\{text}" if text in "{}" else text)
    if token.kind == "number":
        return re.sub(r"e([+-]?\d+)$", r"\\cdot 10^{\1}", text)
    if token.kind == "space":
        return r"\qquad " if len(text) > 1 and words else " "
    if token.is_name:
        return _name(text)
    if token.kind in ("word", "code") and words:
        text = text.strip("`").replace("_", r"\_")
        return rf"\mathrm{{{text}}}" if "_" in text else rf"\;\text{{{text}}}\;"
    return rf"\{text}" if text in "%&$" else r"\cdot " if text == "." else text


def _name(text: str) -> str:
    """Return a letter, Greek name or function with its index: digits, or what follows an underscore."""
    if text in LARGE:
        return LARGE[text] + " "
    base, digits, index = re.fullmatch(r"([A-Za-z]+)(\d*)(?:_(\w+))?", text).groups()  # type: ignore[union-attr]
    known = base in GREEK | FUNCTIONS
    stem = rf"\{base}" if known else rf"\mathrm{{{base}}}" if base in UPRIGHT else base
    if index == "tilde":
        return rf"\tilde{{{stem}}}"
    if index or digits:
        return stem + (rf"_{{\mathrm{{{index}}}}}" if index else f"_{{{digits}}}")
    return f"{stem} " if known else stem
