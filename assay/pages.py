"""The pages that a run leaves behind: ``paper_checks.md`` and one static gallery, ``index.html``."""

from __future__ import annotations

import hashlib
import html
import io
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from assay.drawing import STYLE, caption, resolution
from assay.registry import Claim, family_digest
from assay.store import write_atomically
from assay.suite import Record, figure_name, load, load_manifest, rejected

CSS = Path(__file__).parent / "assets" / "page.css"
HEADINGS = ("claim", "statement", "status", "check", "outcome", "deviation / tolerance", "resolution", "rivals",
            "figure")  # fmt: skip
DIGEST = re.compile(r"^<!-- (\w+): code (\w+) -->$", re.MULTILINE)


def write_pages(claims: Sequence[Claim], output: Path, scale: str) -> None:
    """Write both pages from the results of a scale, for the families that were run at it."""
    entries, not_judged = load(output, scale), load_manifest(output, scale)["not_judged"]
    seen = {name.rpartition(".")[0] for name in (*not_judged, *(entry["claim"] for entry in entries))}
    claims = [claim for claim in claims if claim.family in seen]
    write_atomically(output / "paper_checks.md", paper_checks(claims, entries, not_judged, scale))
    write_atomically(output / "index.html", index_page(claims, entries, not_judged, output, scale))


def paper_checks(claims: Sequence[Claim], entries: Sequence[Record], not_judged: Mapping[str, str], scale: str) -> str:
    """Return the table of record: it changes only when the science, or the code that it rests on, does."""
    lines = ["# Paper checks", "", f"Every claim at scale `{scale}`: what was checked, how far theory and simulation"
             " are apart, and how sharp the check is. Written by `make figures`; not edited by hand.", ""]  # fmt: skip
    for family, members in _families(claims):
        lines += [f"## {family}", "", f"<!-- {family}: code {family_digest(members)} -->", ""]
        lines += [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
        for claim in members:
            mine = [entry for entry in entries if entry["claim"] == claim.id]
            status = f"{claim.status}, {claim.evidence}"
            for index, entry in enumerate(mine):
                said = ["", ""] if index else [claim.statement, status]
                cells = [claim.id, *said, entry["check"], _outcome(entry), _ratio(entry),
                         resolution(entry), rejected(entry), figure_name(claim)]  # fmt: skip
                lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
            if not mine:
                reason = not_judged.get(claim.id, "not run")
                lines.append(f"| {claim.id} | {claim.statement} | {status} | | {reason} | | | | |")
        lines.append("")
    return "\n".join(lines)


def recorded_digests(page: Path) -> dict[str, str]:
    """Return the digest of each family's code that a ``paper_checks.md`` was written with."""
    return dict(DIGEST.findall(page.read_text())) if page.exists() else {}


def index_page(
    claims: Sequence[Claim], entries: Sequence[Record], not_judged: Mapping[str, str], output: Path, scale: str
) -> str:
    """Return the gallery: every figure, claim, formula and verdict on one page without scripts."""
    passed = sum(entry["passed"] for entry in entries)
    families = list(_families(claims))
    body = [
        "<h1>Assay</h1>",
        f"<p>Theorems of machine-learning theory against simulation: {passed} of {len(entries)} checks pass at scale "
        f"<code>{scale}</code>.</p>",
        "<p class=soft>A check <em>agrees</em> when the whole confidence interval of simulation minus theory lies "
        "inside the tolerance, <em>disagrees</em> when it lies outside, and is <em>undecided</em> otherwise, which is "
        "no pass. The <em>resolution</em> is the smallest relative error of the prediction that these data would have "
        "exposed. A <em>rival</em> is a wrong prediction that they must reject.</p>",
        "<nav>" + "".join(f'<a href="#{family}">{family}</a>' for family, _ in families) + "</nav>",
    ]
    for family, members in families:
        body.append(f'<h2 id="{family}">{family}</h2>')
        names = dict.fromkeys(claim.figure.name for claim in members if claim.figure)
        body += [_picture(name, entries, output) for name in sorted(names, key=lambda name: "headline" not in name)]
        for claim in members:
            mine = [entry for entry in entries if entry["claim"] == claim.id]
            body.append(_article(claim, mine, not_judged.get(claim.id, "not run"), output))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Assay</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>\n{CSS.read_text()}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _article(claim: Claim, entries: Sequence[Record], problem: str, output: Path) -> str:
    text = html.escape
    verdict = ("agrees" if all(entry["passed"] for entry in entries) else "disagrees") if entries else "absent"
    word = {"agrees": "passes", "disagrees": "fails", "absent": problem}[verdict]
    formulas = [formula_svg(line, output) for line in claim.formula.splitlines() if line.strip()]
    parts = [
        f'<article id="{claim.id}"><h3>{claim.id}<span class="badge {verdict}">{word}</span></h3>',
        f"<p>{text(claim.statement)}</p>",
        *(f'<div class="formula">{formula}</div>' for formula in formulas),
        f"<p class=soft>{text(claim.assumptions)} {text(claim.normalisations)}</p>",
        f"<p class=soft>{text(claim.paper.short())}, {text(claim.label)} &middot; {claim.nature} &middot; "
        f"{claim.status}, {claim.evidence} evidence &middot; <code>assay run {claim.id}</code></p>",
    ]
    if entries:
        headings = ("check", "outcome", "deviation / tolerance", "resolution", "points", "trials", "rejected")
        parts.append("<div class=scroll><table><tr>" + "".join(f"<th>{heading}" for heading in headings))
        for entry in entries:
            outcome = f'<span class="{entry["outcome"]}">{_outcome(entry)}</span>'
            cells = [text(entry["check"]), outcome, _ratio(entry), resolution(entry), entry["n_points"],
                     entry["n_trials"], rejected(entry)]  # fmt: skip
            row = "".join(f"<td>{cell}" for cell in cells)
            parts.append(f'<tr title="{text(entry["reason"])}">{row}')
        parts.append("</table></div>")
    if not claim.figure:
        parts.append(_picture(claim.id, [], output))
    return "\n".join([*parts, "</article>"])


def _picture(name: str, entries: Sequence[Record], output: Path) -> str:
    """Return a figure with its caption, or nothing where it was not drawn."""
    if not (output / "figures" / f"{name}.svg").exists():
        return ""
    shown = [entry for entry in entries if entry["figure"] == name]
    lines = [html.escape(line) for line in caption(shown).splitlines()]
    link = f'<a href="figures/{name}.svg"><img src="figures/{name}.svg" alt="{name}" loading="lazy"></a>'
    return f"<figure>{link}<figcaption class=soft>{'<br>'.join(lines) or name}</figcaption></figure>"


def formula_svg(formula: str, output: Path) -> str:
    """Return a formula (LaTeX without dollars, as matplotlib sets it) as an inline SVG in the colour of the text."""
    path = output / "formulas" / f"{hashlib.sha256(formula.encode()).hexdigest()[:20]}.svg"
    if not path.exists():
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt

        with plt.style.context(STYLE):
            picture = plt.figure(figsize=(0.1, 0.1))
            picture.text(0, 0, f"${formula}$", fontsize=13)
            buffer = io.StringIO()
            picture.savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.03, transparent=True,
                            metadata={"Date": None, "Creator": None})  # fmt: skip
            plt.close(picture)
        drawing = buffer.getvalue()
        drawing = drawing[drawing.index("<svg") :]
        # Ids repeat from formula to formula; on one page each needs its own.
        drawing = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{path.stem[:8]}-", drawing)
        label = html.escape(formula, quote=True)
        drawing = drawing.replace("<svg ", f'<svg role="img" aria-label="{label}" fill="currentColor" ', 1)
        write_atomically(path, drawing)
    return path.read_text()


def _families(claims: Iterable[Claim]) -> Iterable[tuple[str, list[Claim]]]:
    return ((family, list(members)) for family, members in itertools.groupby(claims, key=lambda claim: claim.family))


def _outcome(entry: Record) -> str:
    survives = entry["outcome"] == "agrees" and not entry["passed"]
    return "agrees, but fails" if survives else entry["outcome"]


def _ratio(entry: Record) -> str:
    deviation = "-" if entry["deviation"] is None else f"{entry['deviation']:.1e}"
    return f"{deviation} / {entry['tolerance']:.1e}"
