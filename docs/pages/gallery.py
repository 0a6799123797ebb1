"""The gallery: every figure with its verdict, its resolution and links to its claims."""

from __future__ import annotations

from collections.abc import Sequence

from assay.drawing import resolution
from docs.pages.markup import anchor, badge, plain, raw
from docs.pages.results import Figure, sharpest

INTRODUCTION = """# Gallery

Every figure is drawn from the tables of the claims that it shows: theory is a line, simulation is points with error
bars, rivals are thin dashed lines. The badge says whether all checks of these claims pass. The *resolution* is the
smallest relative error of the prediction that the sharpest of them would have exposed, of those with trials where there
are any ([how a check decides](verdicts.md)).
"""


def gallery_page(figures: Sequence[Figure]) -> str:
    """Return the page as Markdown."""
    choices = {
        "family": sorted({figure.family for figure in figures}),
        "kind": sorted({entry["kind"] for figure in figures for entry in figure.entries}),
        "status": sorted({member.claim.status for figure in figures for member in figure.members}),
    }
    selects = [
        f'<label>{name} <select name="{name}"><option value="">all</option>'
        + "".join(f'<option value="{value}">{value}</option>' for value in values)
        + "</select></label>"
        for name, values in choices.items()
    ]
    form = [
        '<form id="filter" aria-label="Filter the figures" hidden>',
        *selects,
        '<button type="reset">Show all</button>',
        '<output id="count" aria-live="polite"></output>',
        "</form>",
    ]
    cards = [_card(figure) for figure in figures]
    script = '<script src="_static/gallery.js"></script>'
    return INTRODUCTION + "\n" + raw(*form, '<div class="cards">', *cards, "</div>", script)


def _card(figure: Figure) -> str:
    kinds = sorted({entry["kind"] for entry in figure.entries})
    statuses = sorted({member.claim.status for member in figure.members})
    page = f"families/{figure.family}.html"
    sharp = sharpest(figure.entries)
    links = [f'<a href="{page}#{anchor(one.claim.id)}">{one.claim.id}</a>' for one in figure.members]
    passed = sum(entry["passed"] for entry in figure.entries)
    verdict = badge(figure.word, f"{passed} of {len(figure.entries)} checks pass")
    return f"""<article class="card" data-family="{figure.family}" data-kind="{" ".join(kinds)}"
 data-status="{" ".join(statuses)}">
<a href="{page}#{anchor(f"figure-{figure.name}")}"><img src="figures/{figure.name}.png" alt="{plain(figure.caption)}"
 loading="lazy"></a>
<p class="name">{plain(figure.title)}</p>
<p>{verdict} {f"resolution {resolution(sharp)}" if sharp else ""}</p>
<p class="soft">{", ".join(links)} &middot; {", ".join(statuses)} &middot; {", ".join(kinds)}</p>
</article>"""
