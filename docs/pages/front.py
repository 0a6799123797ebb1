"""What the front page fills in: the headline figure, the families and how their claims came out, the contents."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.suite import load_manifest
from docs.pages.families import figure_card
from docs.pages.markup import plain, raw, table
from docs.pages.results import Figure, Judged

README = Path(__file__).parents[2] / "README.md"
CONTENTS = {
    "Results": ["gallery", "errata", "speed"],
    "Use it": ["verdicts", "judge", "own_theorem", "reference/index"],
}


def filled(page: str, families: Mapping[str, Sequence[Judged]], figures: Sequence[Figure], notebooks: Sequence[str],
           output: Path) -> str:  # fmt: skip
    """Return the front page with its marks replaced."""
    marks = {
        "headline": _headline(figures),
        "families": _families(families),
        "counts": _counts(families, output),
        "contents": _contents(list(families), notebooks),
    }
    return re.sub(r"<!-- (\w+) -->", lambda mark: marks[mark[1]], page)


def _headline(figures: Sequence[Figure]) -> str:
    """The headline of the family that the README shows, or the first figure there is."""
    named = re.search(r"`assay show\s+(\w+)\.\d+`", README.read_text())
    wanted = f"{named[1]}.headline" if named else ""
    chosen = next((figure for figure in figures if figure.name == wanted), figures[0] if figures else None)
    if chosen is None:
        return ""
    return raw(figure_card(chosen, root=""))


def _families(families: Mapping[str, Sequence[Judged]]) -> str:
    questions = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", README.read_text(), re.MULTILINE))
    rows = []
    for family, claims in families.items():
        question = re.sub(r"\*(\w+)\*", r"<em>\1</em>", plain(questions.get(family, "")))
        passed = sum(one.word == "passes" for one in claims)
        rows.append([f'<a href="families/{family}.html">{family}</a>', question, f"{passed} of {len(claims)}"])
    return raw(table(("family", "a question it settles", "claims that pass"), rows, "families"))


def _counts(families: Mapping[str, Sequence[Judged]], output: Path) -> str:
    claims = [one for members in families.values() for one in members]
    parts = []
    for scale in ("large", "full", "quick"):
        at = [one for one in claims if one.scale == scale]
        if at:
            manifest = load_manifest(output, scale)
            version = f", commit `{manifest['commit'][:10]}`" if manifest.get("commit") else ""
            checks = sum(len(one.entries) for one in at)
            parts.append(f"{len(at)} claims with {checks} checks at scale `{scale}` (seed {manifest['seed']}{version})")
    absent = sum(not one.scale for one in claims)
    parts += [f"{absent} claims not run yet"] * bool(absent)
    hint = "" if any(one.scale == "full" for one in claims) else " `make figures` runs the full scale."
    return f"Shown on these pages: {'; '.join(parts)}.{hint}"


def _contents(families: Sequence[str], notebooks: Sequence[str]) -> str:
    groups = {
        "Families": [f"families/{family}" for family in families],
        "Notebooks": [f"notebooks/{name}" for name in notebooks],
        **CONTENTS,
    }
    order = ["Results", "Families", "Notebooks", "Use it"]
    trees = ["\n".join(["```{toctree}", ":hidden:", f":caption: {name}", "", *groups[name], "```", ""])
             for name in order if groups[name]]  # fmt: skip
    return "\n".join(trees)
