"""The errata: claims whose statement came out corrected or refuted, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.suite import Record
from docs.pages.families import check_table, details
from docs.pages.markup import anchor, badge, escaped, formulas, margin, number, plain, prose, raw, table
from docs.pages.results import Judged

INTRODUCTION = """# Errata

Statements that did not survive as published, or as we understand them. *Corrected* means that the published version is
rejected by the same data that a corrected one passes. *Refuted* means that a counterexample passes as a certificate or
a separation. Each entry says on which evidence; a claim of `numerical` evidence is no proof. Corrections of this page,
and of the suite, are as welcome as corrections of papers.
"""
VERSIONS = ("check", "where they differ most", "as published", "as corrected", "simulated", "the published version is")


def errata_page(claims: Sequence[Judged], output: Path) -> str:
    """Return the page as Markdown; ``output`` holds the tables."""
    parts = [INTRODUCTION]
    for status in ("corrected", "refuted"):
        chosen = [one for one in claims if one.claim.status == status]
        parts += [f"## {status.capitalize()}", ""] + ([] if chosen else ["None so far.", ""])
        for one in chosen:
            parts += _entry(one, output)
    return "\n".join(parts)


def _entry(one: Judged, output: Path) -> list[str]:
    claim = one.claim
    link = f"[{escaped(claim.id)}](families/{claim.family}.md#{anchor(claim.id)})"
    evidence = f'<span class="tag">{claim.status}, {claim.evidence} evidence</span>'
    parts = [
        f"### {one.title}",
        "",
        raw(f'<p class="facts">{badge(one.word)} {evidence}</p>'),
        f"{link}, on {escaped(claim.paper.short())}, {escaped(claim.label)}.",
        "",
        prose(claim.statement),
        "",
        formulas(claim.formula),
    ]
    if claim.status == "refuted":
        shown = [entry for entry in one.entries if entry["kind"] in ("certificate", "separation")]
        return [*parts, raw(check_table(one, shown, root=""), details(one, shown))] if shown else parts
    rows = [_versions(one, entry, rival, output) for entry in one.entries for rival in entry["rivals"]
            if rival["as_published"]]  # fmt: skip
    return [*parts, raw(table(VERSIONS, rows, f"evidence of {claim.id}"))] if rows else parts


def _versions(one: Judged, entry: Record, rival: Record, output: Path) -> list[str]:
    """Return the paper's version against ours and the simulation, where the paper's is farthest from it."""
    rejected = badge("disagrees", "rejected") if rival["rejected"] else badge("undecided", "survives")
    said = f"{rejected} by {margin(entry, rival['margin'])}" if rival["margin"] is not None else rejected
    point = _farthest(output / "results" / one.scale / "tables" / f"{one.claim.id}.csv", entry, rival["name"])
    if point is None:
        return [plain(entry["check"]), "", plain(rival["name"]), "", "", said]
    simulated = number(point["simulated"], 4)
    if point["standard_error"]:
        simulated += f" &plusmn; {number(point['standard_error'])}"
    where = ", ".join(f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
                      for name, value in point["parameters"].items())  # fmt: skip
    return [plain(entry["check"]), plain(where), f"{number(point['published'], 4)} ({plain(rival['name'])})",
            number(point["predicted"], 4), simulated, said]  # fmt: skip


def _farthest(path: Path, entry: Record, rival: str) -> dict[str, Any] | None:
    """Return the point of a check where a rival is farthest from the simulation, or None where the table lacks it."""
    import pandas as pd

    if not path.exists():
        return None
    table_ = pd.read_csv(path, low_memory=False)
    rows = table_[table_["check"] == entry["check"]]
    if rival not in rows or rows[rival].isna().all():
        return None
    row = rows.loc[((rows[rival] - rows["simulated"]).abs() / rows["tolerance"]).idxmax()]
    parameters = {name: row[name] for name in entry["worst"]["parameters"]}
    names = ("predicted", "simulated", "standard_error")
    return dict(parameters=parameters, published=row[rival]) | {name: row[name] for name in names}
