"""A page for each family: its claims as statement, formula, status, checks, rivals and figure, and its papers."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from pathlib import Path

from assay.drawing import resolution
from assay.registry import Paper, home
from assay.suite import Record, rejected
from docs.pages.markup import anchor, badge, escaped, formulas, margin, number, plain, prose, raw, table
from docs.pages.results import Figure, Judged
from docs.pages.uses import numerics

CHECKS = ("check", "kind", "outcome", "deviation", "tolerance", "resolution", "points", "trials", "rejected")
REASONS = ("check", "allowance + precision", "why this tolerance", "rivals and controls, and their margins")


def family_page(family: str, claims: Sequence[Judged], figures: Sequence[Figure], has_notebook: bool) -> str:
    """Return the page as Markdown."""
    package = importlib.import_module(claims[0].claim.check.__module__.rpartition(".")[0])
    scales = sorted({one.scale for one in claims if one.scale})
    passed = sum(one.word == "passes" for one in claims)
    links = [f"[notebook](../notebooks/{family}.ipynb)"] * has_notebook
    links += [f"[{side}](../reference/{side}.{family}.rst)" for side in ("theory", "simulations")]
    parts = [
        f"# {family}",
        "",
        prose((package.__doc__ or "").strip().partition("\n\n")[0]),
        "",
        f"{passed} of {len(claims)} claims pass"
        + (f" at scale {' and '.join(f'`{scale}`' for scale in scales)}" if scales else ": none was run yet")
        + f". Read on: {', '.join(links)}, [gallery](../gallery.md).",
        "",
    ]
    shown: set[str] = set()
    for one in claims:
        mine = next((figure for figure in figures if one.claim in [member.claim for member in figure.members]), None)
        parts += _claim(one, mine, first=mine is not None and mine.name not in shown)
        shown |= {mine.name} if mine else set()
    papers = list(dict.fromkeys(one.claim.paper for one in claims))
    parts += ["## Papers", "", *(line for paper in papers for line in _paper(paper, claims))]
    return "\n".join(parts)


def _claim(one: Judged, figure: Figure | None, first: bool) -> list[str]:
    claim = one.claim
    status = f"{claim.status}, {claim.evidence} evidence"
    number_ = claim.id.rpartition(".")[2]
    facts = f'{badge(one.word, one.problem if one.word != "passes" else "")} <span class="tag">{status}</span> ' \
            f'<span class="tag">{claim.nature}</span>'  # fmt: skip
    parts = [
        f"({anchor(claim.id)})=",
        f"## {number_}. {one.title}",
        "",
        raw(f'<p class="facts"><code>{claim.id}</code> {facts}</p>'),
        prose(claim.statement),
        "",
        formulas(claim.formula),
        f"**Assumptions.** {prose(claim.assumptions)}",
        "",
        *([f"**Normalisations.** {prose(claim.normalisations)}", ""] if claim.normalisations else []),
        f"**Source.** [{escaped(claim.paper.short())}](#{_label(claim.paper)}), {escaped(claim.label)}.",
        "",
        *_computed_by(one),
    ]
    if one.entries:
        parts.append(raw(check_table(one, one.entries, root="../"), details(one, one.entries)))
    if figure and first:
        parts.append(raw(figure_card(figure, root="../")))
    elif figure:
        parts += [f"Shown in the figure of {_claim_link(figure.members[0])}.", ""]
    parts.append(f"Run it: `assay run {claim.id}`\n")
    return parts


def _computed_by(one: Judged) -> list[str]:
    path = Path(str(importlib.import_module(one.claim.check.__module__).__file__))
    source = path.relative_to(home(one.claim.check.__module__))
    used = numerics(one.claim.check)
    sides = [f"{side}: " + ", ".join(f"{{py:obj}}`~{name}`" for name in names) for side, names in used.items() if names]
    return [f"**Computed by.** {'; '.join([*sides, f'claim in `{source}`'])}.", ""]


def check_table(one: Judged, entries: Sequence[Record], root: str) -> str:
    """Return checks of a claim as an HTML table; ``root`` leads from the page to the front page."""
    return table(CHECKS, [_row(entry, root) for entry in entries], f"checks of {one.claim.id}", "checks")


def _row(entry: Record, root: str) -> list[str]:
    survives = entry["outcome"] == "agrees" and not entry["passed"]
    outcome = badge("fails" if survives else entry["outcome"], "a rival survives" if survives else "")
    kind = f'<a href="{root}verdicts.html#kinds">{entry["kind"]}</a>'
    unit = "" if entry["unit"] == "relative" else " abs."
    return [plain(entry["check"]), kind, outcome, number(entry["deviation"]) + unit, number(entry["tolerance"]) + unit,
            resolution(entry), f"{entry['n_points']:,}", f"{entry['n_trials']:,}" if entry["n_trials"] else "exact",
            rejected(entry)]  # fmt: skip


def details(one: Judged, entries: Sequence[Record]) -> str:
    """Return, folded, the reasons of the tolerances of checks, and how their rivals fared."""
    rows = []
    for entry in entries:
        rivals = [
            f"{plain(rival['name'])}{' <em>(as published)</em>' if rival.get('as_published') else ''}: "
            + (f"rejected, {margin(entry, rival['margin'])}" if rival["rejected"] else "<strong>survives</strong>")
            for rival in (*entry["rivals"], *entry["controls"])
        ]
        parts = f"{number(entry['allowance'])} + {number(entry['precision'])}"
        rows.append([plain(entry["check"]), parts, plain(entry["reason"]), "<br>".join(rivals)])
    folded = table(REASONS, rows, f"tolerances and rivals of {one.claim.id}")
    return f"<details><summary>Tolerances and rivals</summary>{folded}</details>"


def figure_card(figure: Figure, root: str) -> str:
    """Return a figure with its caption as HTML; ``root`` leads from the page to the front page."""
    picture = f"{root}figures/{figure.name}.svg"
    width, height = figure.size
    return f"""<figure class="plot" id="{anchor(f"figure-{figure.name}")}"><a href="{picture}">
<img src="{picture}" alt="{plain(figure.caption)}" width="{width}" height="{height}" loading="lazy"></a>
<figcaption>{plain(figure.caption)}</figcaption></figure>"""


def _claim_link(one: Judged) -> str:
    return f"[{escaped(one.claim.id)}](#{anchor(one.claim.id)})"


def _label(paper: Paper) -> str:
    return anchor(f"paper-{paper.arxiv or paper.title}")


def _paper(paper: Paper, claims: Sequence[Judged]) -> list[str]:
    tested = ", ".join(_claim_link(one) for one in claims if one.claim.paper == paper)
    known = re.fullmatch(r"\d{4}\.\d{4,5}", paper.arxiv)
    link = f"[arXiv {paper.eprint}](https://arxiv.org/abs/{paper.eprint}). " if known else ""
    authors = ", ".join(paper.authors)
    return [f"({_label(paper)})=", f"### {escaped(paper.title)}", "",
            f"{escaped(authors)}, {paper.year}. {link}Tested by {tested}.", "",
            "```bibtex", paper.bibtex(), "```", ""]  # fmt: skip
