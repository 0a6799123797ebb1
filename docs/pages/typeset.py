"""Which parts of a sentence are formulas, as docstrings and statements write them: ``lambda_i^2 <= 1 / (N eta)``.

A sentence is cut into words and formulas. A formula is a run of letters, Greek names, numbers and operators that holds
a letter; everything else stays the text it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docs.pages.tex import CLOSING, FUNCTIONS, GREEK, LARGE, UPRIGHT, Token, tex, tokens

BREAKS = {"=", "<=", ">=", "<", ">", "->", "~", "+", "-"}
WIDTH = 16  # characters of a formula in a line of text, after which it may break


def pieces(sentence: str) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a sentence in order: ("text", ...), ("code", ...) as it was written, or ("math", TeX)."""
    text = ""
    run: list[Token] = []
    for token in [*tokens(sentence), Token("other", "")]:
        if token.kind in ("number", "letter", "operator", "space") or token.is_name or _inner(token, run):
            run.append(token)
            continue
        for kind, piece in _resolve(run, token.text):
            if kind == "text":
                text += piece
            else:
                yield from [("text", text)] * bool(text)
                text = ""
                yield kind, piece
        run = []
        if token.kind == "code":
            yield from [("text", text)] * bool(text)
            text = ""
            yield "code", token.text
        else:
            text += token.text
    yield from [("text", text)] * bool(text)


def _inner(token: Token, run: list[Token]) -> bool:
    """Return whether a comma or dot stands inside the brackets of a formula."""
    depth = sum((one.text in "([{") - (one.text in ")]}") for one in run if one.kind == "operator")
    return token.kind == "other" and token.text in (",", ".") and depth > 0


def _resolve(run: list[Token], following: str = "") -> Iterator[tuple[str, str]]:
    """Yield a run of possible formula as text and mathematics, cut where its brackets do not match."""
    cut = _unmatched(run)
    if cut is not None:
        yield from _resolve(run[:cut])
        yield "text", run[cut].text
        yield from _resolve(run[cut + 1 :], following)
        return
    first, last = 0, len(run)
    while first < last and _loose_start(run[first : first + 3]):
        first += 1
    while last > first and _loose_end(run[last - 1], run[last - 2] if last - 2 >= first else None):
        last -= 1
    formula = run[first:last]
    listed = [token.text for token in formula] in (["a"], ["A"]) and following in (",", ":", ";")
    if not listed and not _convinces(formula):
        yield "text", "".join(token.text for token in run)
        return
    before, after = ("".join(token.text for token in part) for part in (run[:first], run[last:]))
    yield from [("text", before)] * bool(before)
    for index, chunk in enumerate(_chunks(formula)):
        yield from [("text", " ")] * bool(index)
        yield "math", tex(chunk)
    yield from [("text", after)] * bool(after)


def _chunks(formula: list[Token]) -> Iterator[list[Token]]:
    """Yield a long formula in pieces between which a line may break: before a relation, a plus or a minus."""
    chunk: list[Token] = []
    depth, length = 0, 0
    for token in formula:
        if depth == 0 and token.text in BREAKS and length > WIDTH and chunk[-1].kind == "space":
            yield chunk
            chunk, length = [], 0
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "operator" else 0
        chunk.append(token)
        length += len(token.text)
    yield chunk


def _unmatched(run: list[Token]) -> int | None:
    """Return the index of a bracket without its partner, if there is one."""
    opened: list[int] = []
    for index, token in enumerate(run):
        if token.kind == "operator" and token.text in "([{":
            opened.append(index)
        elif token.kind == "operator" and token.text in CLOSING:
            if not opened or run[opened[-1]].text != CLOSING[token.text]:
                return index
            opened.pop()
    return opened[0] if opened else None


def _loose_start(run: list[Token]) -> bool:
    """Return whether a formula cannot begin here: at an operator, a space, or the article of the next word."""
    token = run[0]
    if token.text in ("a", "A", "I") and len(run) > 2 and run[1].kind == "space":
        return run[2].kind != "operator" or run[2].text in "(["
    opening = ("(", "[", "{", "-", "|", "||", "#")
    return token.kind == "space" or (token.kind == "operator" and token.text not in opening)


def _loose_end(token: Token, before: Token | None) -> bool:
    """Return whether a formula cannot end here: at an operator that is no postfix, a space, or a function's name."""
    if token.kind == "operator":
        glued = before is not None and before.kind != "space"
        return token.text not in (")", "]", "}", "|", "||") and not (glued and token.text in "*'+!^~")
    return token.kind == "space" or token.text in LARGE or token.text in FUNCTIONS | UPRIGHT


def _convinces(formula: list[Token]) -> bool:
    """Return whether a trimmed run is mathematics and not a word, a number, a shape or a remark in brackets."""
    names = [token for token in formula if token.is_name]
    if not names or (len(formula) == 1 and formula[0].text in ("a", "A", "I")):
        return False
    shape = re.fullmatch(r"\((\w+,\s*)+\w*\)", "".join(token.text for token in formula))
    return not shape or any(token.text in GREEK for token in formula)
