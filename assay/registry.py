"""Papers, figures and claims by declaration, and how they are found."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.base import choice, closure_digest, require
from assay.verdict import Check, Verdict

NATURES = ("exact", "asymptotic", "bound", "counterexample")
STATUSES = ("holds", "corrected", "refuted", "beyond")
EVIDENCE = ("proved", "certified", "numerical")


@dataclass(frozen=True)
class Paper:
    """A paper as it is cited; ``version`` is the arXiv version that the claims were read from, if that is known."""

    title: str
    authors: tuple[str, ...]
    year: int
    arxiv: str
    version: int | None
    venue: str = ""

    @property
    def eprint(self) -> str:
        """The arXiv id with its version."""
        return self.arxiv + (f"v{self.version}" if self.version else "")

    def short(self) -> str:
        """Return the paper as a text cites it: first author and year."""
        others = " et al." if len(self.authors) > 2 else f" and {_surname(self.authors[1])}" if self.authors[1:] else ""
        return f"{_surname(self.authors[0])}{others} ({self.year}), arXiv {self.eprint}"

    def bibtex(self) -> str:
        """Return a BibTeX entry."""
        first_word = next(word for word in re.findall(r"[a-z]+", self.title.lower()) if len(word) > 3)
        fields = dict(title=f"{{{self.title}}}", author=" and ".join(self.authors), year=self.year)
        fields |= dict(eprint=self.eprint, archiveprefix="arXiv", note=self.venue)
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
        return f"@article{{{_surname(self.authors[0]).lower()}{self.year}{first_word},\n{body}\n}}"


@dataclass(frozen=True)
class FigureSpec:
    """A picture drawn from the tables of the claims that name it: ``draw(tables)`` returns a matplotlib figure.

    ``tables`` maps claim ids to data frames. ``draw`` may return None where a scale has nothing to show.
    """

    name: str
    draw: Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Claim:
    """A numbered statement of a paper and the function of one argument that yields its checks."""

    id: str
    check: Callable[[Any], Iterator[Check]]
    paper: Paper
    label: str
    nature: str
    statement: str
    assumptions: str
    formula: str
    normalisations: str
    status: str
    evidence: str
    figure: FigureSpec | None

    @property
    def family(self) -> str:
        """The part of the id before its last dot."""
        return self.id.rpartition(".")[0]

    @property
    def order(self) -> tuple[str, int]:
        """Families by name, claims by number."""
        return self.family, int(self.id.rpartition(".")[2])

    def unproved(self, verdicts: Sequence[Verdict]) -> str:
        """Return why the declared status is not what the checks show; empty where it is."""
        if self.status == "corrected":
            published = [rival for verdict in verdicts for rival in verdict.rivals if rival.as_published]
            if not published or not all(rival.rejected for rival in published):
                return "status corrected needs the published version as a rival that is rejected"
        if self.status == "refuted":
            if not any(v.kind in ("certificate", "separation") and v.passed for v in verdicts):
                return "status refuted needs a certificate or separation that passes"
        return ""


REGISTRY: dict[str, Claim] = {}


def figure(name: str, draw: Callable[[dict[str, Any]], Any]) -> FigureSpec:
    """Declare a figure, named ``<family>.<name>``."""
    require(re.fullmatch(r"\w+\.[\w-]+", name) is not None, "figure", name, '"<family>.<name>"')
    return FigureSpec(name, draw)


def claim(
    id: str,
    *,
    paper: Paper,
    label: str,
    nature: str,
    statement: str,
    assumptions: str,
    formula: str = "",
    normalisations: str = "",
    status: str = "holds",
    evidence: str = "numerical",
    figure: FigureSpec | None = None,
) -> Callable[[Callable[[Any], Iterator[Check]]], Callable[[Any], Iterator[Check]]]:
    """Register the decorated function of one argument, ``run``, as the checks of a claim.

    ``id`` is ``<family>.<number>``, unique for good; ``label`` is the theorem or equation in the paper; ``formula`` is
    LaTeX without dollars, one line an entry. Raises ValueError for an id in use, an unknown nature, status or evidence,
    or an empty statement.
    """
    require(re.fullmatch(r"[a-z]\w*\.[1-9]\d*", id) is not None, "claim", id, '"<family>.<number>"')
    require(bool(statement.strip()), f"statement of {id}", statement, "a sentence")
    require(bool(assumptions.strip()), f"assumptions of {id}", assumptions, "a sentence")
    choice("nature", nature, NATURES)
    choice("status", status, STATUSES)
    choice("evidence", evidence, EVIDENCE)

    def register(function: Callable[[Any], Iterator[Check]]) -> Callable[[Any], Iterator[Check]]:
        known = REGISTRY.get(id)
        same = known is not None and known.check.__qualname__ == function.__qualname__  # a reloaded module
        require(known is None or same, "claim", id, "an id that is not in use")
        REGISTRY[id] = Claim(id, function, paper, label, nature, statement, assumptions, formula, normalisations,
                             status, evidence, figure)  # fmt: skip
        return function

    return register


def discover() -> dict[str, Claim]:
    """Import every family of every installed package that names one under ``assay.families``; return the claims."""
    for entry in importlib.metadata.entry_points(group="assay.families"):
        if importlib.util.find_spec(entry.module) is None:  # the wheel of the bench comes without the families
            continue
        package = importlib.import_module(entry.module)
        for module in pkgutil.iter_modules(getattr(package, "__path__", []), prefix=f"{package.__name__}."):
            if not module.name.rpartition(".")[2].startswith("_"):
                importlib.import_module(module.name)
    return claims()


def claims() -> dict[str, Claim]:
    """Return the registered claims in order."""
    return {known.id: known for known in sorted(REGISTRY.values(), key=lambda known: known.order)}


def select(targets: Sequence[str]) -> list[Claim]:
    """Return the claims that the targets name: a claim, a family, an importable module or a file.

    Raises ValueError for an unknown target, with the nearest name.
    """
    known = discover()
    chosen: dict[str, Claim] = {}
    for target in targets:
        found = _matching(target, claims()) or _imported(target) or _imported(target.rpartition(".")[0], target)
        if not found:
            names = [*known, *{one.family for one in known.values()}]
            nearest = difflib.get_close_matches(target, names, n=1, cutoff=0.0)
            raise ValueError(f"unknown claim {target!r}" + (f": did you mean {nearest[0]}?" if nearest else ""))
        chosen |= found
    return sorted(chosen.values(), key=lambda one: one.order) if targets else list(known.values())


def family_digest(members: Sequence[Claim]) -> str:
    """Return a digest of the code that the claims of a family rest on."""
    files = sorted({str(sys.modules[one.check.__module__].__file__) for one in members})
    return hashlib.sha256("".join(map(closure_digest, files)).encode()).hexdigest()[:16]


def home(module: str) -> Path:
    """Return the folder that the top-level package (or lone module) of an imported module is imported from."""
    top = Path(str(sys.modules[module.partition(".")[0]].__file__))
    return top.parents[1] if top.name == "__init__.py" else top.parent


def _matching(target: str, known: dict[str, Claim]) -> dict[str, Claim]:
    return {one.id: one for one in known.values() if target in (one.id, one.family)}


def _imported(target: str, only: str = "") -> dict[str, Claim]:
    """Import a file or a module, and return the claims that it declares, or ``only`` one of them."""
    path = Path(target)
    if path.suffix == ".py" and path.is_file():
        folder, name = path.resolve().parent, path.stem
    elif re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", target):
        folder, name = Path.cwd(), target
    else:
        return {}
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        if importlib.util.find_spec(name) is None:
            return {}
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            return {}
        raise
    declared = (one for one in claims().values() if f"{one.check.__module__}.".startswith(f"{name}."))
    return {one.id: one for one in declared if only in ("", one.id)}


def _surname(author: str) -> str:
    return author.split()[-1]
