"""What is known of every claim: its verdicts at the largest scale that was run, and its figure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.registry import Claim, discover
from assay.run import SCALES
from assay.suite import Record, figure_name, load, load_manifest


@dataclass(frozen=True)
class Judged:
    """A claim with its entries of verdicts.json at ``scale``; none where it was not judged: ``problem`` says why."""

    claim: Claim
    scale: str
    entries: tuple[Record, ...]
    problem: str

    @property
    def word(self) -> str:
        """``passes``, ``fails`` or ``absent``."""
        if not self.entries:
            return "absent" if self.problem.startswith("not ") else "fails"
        return "passes" if all(entry["passed"] for entry in self.entries) else "fails"

    @property
    def title(self) -> str:
        """The name of the claim's function, in words."""
        return humanised(self.claim.check.__name__)


@dataclass(frozen=True)
class Figure:
    """A drawn figure, the claims that it shows, and its width and height."""

    name: str
    members: tuple[Judged, ...]
    size: tuple[int, int]

    @property
    def family(self) -> str:
        return self.members[0].claim.family

    @property
    def title(self) -> str:
        """The figure's name in words, or the claim's where it says nothing."""
        name = self.name.rpartition(".")[2]
        return self.members[0].title if name == "headline" or name.isdigit() else humanised(name)

    @property
    def caption(self) -> str:
        """What is drawn, from the docstring of the function that draws it."""
        spec = self.members[0].claim.figure
        text = (inspect.getdoc(spec.draw) or "").partition("\n\n")[0] if spec else ""
        text = " ".join(text.removeprefix("Draw ").partition(" None at ")[0].split())
        return text[:1].upper() + text[1:] if text else "Predicted against simulated, with the tolerance band."

    @property
    def entries(self) -> list[Record]:
        return [entry for member in self.members for entry in member.entries]

    @property
    def word(self) -> str:
        return "passes" if all(member.word == "passes" for member in self.members) else "fails"


def judged_claims(output: Path) -> list[Judged]:
    """Return every claim of the registry with its results at the largest scale found in ``output``."""
    results = [(scale, load(output, scale), load_manifest(output, scale)) for scale in reversed(SCALES)]
    return [_largest(claim, results) for claim in discover().values()]


def _largest(claim: Claim, results: Sequence[tuple[str, list[Record], Record]]) -> Judged:
    problem = "not run"
    for scale, entries, manifest in results:
        mine = tuple(entry for entry in entries if entry["claim"] == claim.id)
        if mine:
            return Judged(claim, scale, mine, "")
        problem = manifest.get("not_judged", {}).get(claim.id, problem)
    return Judged(claim, "", (), problem)


def by_family(claims: Iterable[Judged]) -> dict[str, list[Judged]]:
    """Return the claims of each family, in order."""
    families: dict[str, list[Judged]] = {}
    for one in claims:
        families.setdefault(one.claim.family, []).append(one)
    return families


def by_figure(claims: Iterable[Judged]) -> dict[str, list[Judged]]:
    """Return the claims that each figure shows."""
    figures: dict[str, list[Judged]] = {}
    for one in claims:
        figures.setdefault(figure_name(one.claim), []).append(one)
    return figures


def drawn_figures(claims: Iterable[Judged], folder: Path) -> list[Figure]:
    """Return the figures that are in ``folder``: families in order, the headline of each first."""
    figures = [Figure(name, tuple(members), _size(folder / f"{name}.svg"))
               for name, members in by_figure(claims).items() if (folder / f"{name}.svg").exists()]  # fmt: skip
    return sorted(figures, key=lambda figure: (figure.family, not figure.name.endswith(".headline")))


def _size(svg: Path) -> tuple[int, int]:
    """Return width and height of a drawing, so that its place is kept before it is loaded."""
    found = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg.read_text()[:2000])
    if found is None:
        raise ValueError(f"{svg}: expected the width and height of a drawing")
    return round(float(found[1])), round(float(found[2]))


def humanised(name: str) -> str:
    """Return an identifier as words with a capital."""
    words = name.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def sharpest(entries: Iterable[Record]) -> Record | None:
    """Return the entry of finest relative resolution, if any; one with trials where there is one."""
    relative = [one for one in entries if one["resolution"] is not None and one["resolution_unit"] == "relative"]
    return min(relative, key=lambda one: (not one["n_trials"], one["resolution"]), default=None)
