"""Small pieces of Markdown, reStructuredText and HTML that the pages share."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from assay.suite import Record
from docs.pages.tex import display
from docs.pages.typeset import pieces

ROW = 52  # visible characters of a display, after which it is broken
WORDS = {"passes": "passes", "fails": "fails", "absent": "not run"}


def prose(text: str) -> str:
    """Return plain text as Markdown, its formulas as mathematics."""
    parts = []
    for kind, piece in pieces(text):
        parts.append(f"{{math}}`{piece}`" if kind == "math" else piece if kind == "code" else escaped(piece))
    return "".join(parts)


def escaped(text: str) -> str:
    """Return text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", _relations(text))


def _relations(text: str) -> str:
    """Return text with the signs of its comparisons: of words, which are no formula."""
    return text.replace(" >= ", " \N{GREATER-THAN OR EQUAL TO} ").replace(" <= ", " \N{LESS-THAN OR EQUAL TO} ")


def plain(text: object) -> str:
    """Return text as HTML that shows it as it is."""
    return html.escape(str(text))


def rest(docstring: str) -> str:
    """Return a docstring as reStructuredText: formulas as mathematics, indented blocks as displays, lists as lists."""
    return "\n\n".join(_rest_block(block) for block in re.split(r"\n\s*\n", docstring.strip("\n")) if block)


def _rest_block(block: str) -> str:
    lines = block.splitlines()
    if len(lines) > 2 and set(lines[1]) == {"-"}:
        return f"**{lines[0]}**\n\n" + _rest_parameters(lines[2:])
    indented = [bool(re.match(r"\s{4}", line)) for line in lines]
    if all(indented):
        margin = min(len(line) - len(line.lstrip()) for line in lines)
        return "\n\n".join(f".. math:: {tex}" for tex in display("\n".join(line[margin:] for line in lines)))
    if any(indented) and not re.match(r"\s*[-*] ", lines[0]):
        first = indented.index(True)
        last = next((index for index in range(first, len(lines)) if not indented[index]), len(lines))
        parts = ("\n".join(lines[:first]), "\n".join(lines[first:last]), "\n".join(lines[last:]))
        return "\n\n".join(_rest_block(part) for part in parts if part)
    marker = "- " if re.match(r"[-*] ", block) else ""
    return marker + _rest_prose(block.removeprefix("- ").removeprefix("* ") if marker else block)


def _rest_parameters(lines: list[str]) -> str:
    """Return the lines of a section of parameters as a list: ``name : what it is``, going on where indented."""
    items = []
    for item in "\n".join(lines).replace("\n    ", " ").splitlines():
        names, _, what = item.partition(" : ")
        items.append(f"- {', '.join(f'``{name}``' for name in names.split(', '))}: {_rest_prose(what)}")
    return "\n".join(items)


def _rest_prose(text: str) -> str:
    parts: list[str] = []
    for kind, piece in pieces(" ".join(text.replace("\\*", "*").split())):
        if kind == "math":
            parts.append(rf"\ :math:`{piece}`\ ")
        elif kind == "code":
            parts.append(rf"\ {piece}\ ")
        else:
            parts.append(re.sub(r"([\\`*_|])", r"\\\1", _relations(piece)))
    return "".join(parts).removeprefix("\\ ").replace("\\ \\ ", "\\ ")


def formulas(lines: str) -> str:
    """Return the lines of a claim's formula as displays, the wider ones broken where they have a space."""
    shown = [row for line in lines.splitlines() if line.strip() for row in _rows(line.strip())]
    return "\n".join(f"```{{math}}\n{row}\n```\n" for row in shown)


def _rows(line: str) -> list[str]:
    """Return a line of TeX as rows of about ``ROW`` visible characters, broken at a quad outside braces."""
    rows, depth, start = [""], 0, 0
    for match in re.finditer(r"[{}]|\\q?quad", line):
        if match.group() in "{}":
            depth += 1 if match.group() == "{" else -1
        elif depth == 0:
            rows.append(line[start : match.end()])
            start = match.end()
    joined = [""]
    for row in [*rows, line[start:]]:
        if joined[-1] and _visible(joined[-1] + row) > ROW:
            joined.append("")
        joined[-1] += row
    return [re.sub(r"(\\q?quad|\\[,;]|\s)+$", "", row).strip() for row in joined if row.strip()]


def _visible(tex: str) -> int:
    """Return about how many characters wide a line of TeX is; of a fraction, its wider part."""
    tex = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", lambda part: max(part.groups(), key=len), tex)
    tex = re.sub(r"\\(mathrm|mathbf|mathcal|text|hat|bar|tilde|dot|left|right|sqrt)", "", tex)
    return len(re.sub(r"\\[a-zA-Z]+|\\.", "x", tex).translate(str.maketrans("", "", "{}^_ ")))


def raw(*lines: str) -> str:
    """Return HTML for a Markdown page."""
    return "\n".join(["```{raw} html", *lines, "```", ""])


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], name: str, kind: str = "") -> str:
    """Return an HTML table in a box that scrolls where the screen is too narrow; cells are HTML."""
    head = "".join(f"<th scope=col>{heading}</th>" for heading in headings)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    box = f'<div class="scroll" tabindex="0" role="region" aria-label="{plain(name)}">'
    return f'{box}<table class="{kind}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def badge(word: str, text: str = "") -> str:
    """Return a word on a coloured ground."""
    return f'<span class="badge {word}">{plain(text or WORDS.get(word, word))}</span>'


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with few digits: 0.012, 1.5e-7, a dash for none."""
    return "&ndash;" if value is None else f"{value:.{digits}g}"


def margin(entry: Record, value: float | None) -> str:
    """Return by how much a wrong prediction was rejected: in standard errors, or in tolerances without noise."""
    if value is None:
        return "by any measure"
    noisy = entry["worst"]["standard_error"] or entry["worst"]["predicted_standard_error"]
    size = f"{value:,.0f}" if 10 <= value < 1e5 else f"{value:.2g}"
    return f"{size} {'SE' if noisy else 'tolerances'}"


def anchor(name: str) -> str:
    """Return the id that an element of this name has on a page."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())
