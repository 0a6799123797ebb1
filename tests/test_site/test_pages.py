"""The sources of the site, from results of a toy kind: nothing is simulated here, and no Sphinx is needed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from assay.registry import STATUSES, discover
from docs.pages.errata import errata_page
from docs.pages.families import family_page
from docs.pages.front import filled
from docs.pages.gallery import gallery_page
from docs.pages.markup import anchor
from docs.pages.pictures import draw_pictures, example
from docs.pages.reference import reference_pages
from docs.pages.results import Figure, by_family, drawn_figures, judged_claims
from docs.pages.speed import speed_page
from docs.pages.uses import numerics

DOCS = Path(__file__).parents[2] / "docs"
REPORT = """Fixed point: 10 modes (per point)
  plain NumPy                            1.500 ms   ratio    1.00   rounds 1.00 to 1.00
  predictor                              0.012 ms   ratio  125.00   rounds 99.10 to 130.00
  share of the dgemm limit: 0.40
"""


def entry(claim, *, scale: str, outcome: str = "agrees", published: bool = False) -> dict:
    """An entry of verdicts.json as the bench writes it."""
    rival = dict(name="wrong", as_published=published, rejected=True, margin=12.0)
    shared = dict(claim=claim.id, family=claim.family, kind="agreement", scale=scale, unit="relative", figure=claim.id)
    numbers = dict(
        deviation=0.001, allowance=0.0, precision=0.01, tolerance=0.01, resolution=0.02, n_points=2, n_trials=8
    )
    worst = dict(parameters=dict(n=3), predicted=2.0, predicted_standard_error=0.0, simulated=2.1, standard_error=0.1)
    return shared | numbers | dict(check="main", outcome=outcome, passed=outcome == "agrees", reason="<exact>",
                                   resolution_unit="relative", worst=worst, rivals=[rival], controls=[])  # fmt: skip


def store(output: Path, scale: str, entries: list[dict], not_judged: dict[str, str] | None = None) -> None:
    folder = output / "results" / scale
    (folder / "tables").mkdir(parents=True)
    (folder / "verdicts.json").write_text(json.dumps(entries))
    manifest = dict(seed=0, commit="0123456789abcdef", not_judged=not_judged or {}, modules=["figures"])
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def three():
    """Three claims of one family."""
    return by_family(judged_claims(Path("nowhere")))["random_features"][:3]


def test_the_largest_scale_of_each_claim_is_shown(tmp_path, three):
    first, second, third = (one.claim for one in three)
    store(
        tmp_path, "quick", [entry(first, scale="quick"), entry(second, scale="quick")], {third.id: "not at this scale"}
    )
    store(tmp_path, "full", [entry(second, scale="full", outcome="undecided")])
    judged = {one.claim.id: one for one in judged_claims(tmp_path)}
    assert (judged[first.id].scale, judged[first.id].word) == ("quick", "passes")
    assert (judged[second.id].scale, judged[second.id].word) == ("full", "fails")
    assert (judged[third.id].scale, judged[third.id].word) == ("", "absent")
    page = family_page("random_features", [judged[one.id] for one in (first, second, third)], [], has_notebook=False)
    assert "1 of 3 claims pass at scale `full` and `quick`" in page
    assert "not at this scale" in page and "notebook](" not in page
    assert "&lt;exact&gt;" in page and "12 SE" in page


def test_every_claim_has_a_page_even_if_nothing_was_run(tmp_path):
    families = by_family(judged_claims(tmp_path))
    assert set(families) == {claim.family for claim in discover().values()}
    for family, members in families.items():
        page = family_page(family, members, [], has_notebook=True)
        assert "none was run yet" in page
        for one in members:
            assert f"({anchor(one.claim.id)})=" in page
            assert f"assay run {one.claim.id}`" in page
        for paper in {one.claim.paper for one in members}:
            assert paper.bibtex() in page


def test_every_figure_names_its_claims_in_the_gallery(tmp_path):
    claims = judged_claims(tmp_path)
    for one in claims:
        name = one.claim.figure.name if one.claim.figure else one.claim.id
        (tmp_path / f"{name}.svg").write_text('<svg width="16.2pt" height="9pt">')
    figures = drawn_figures(claims, tmp_path)
    page = gallery_page(figures)
    assert page.count('<article class="card"') == len(figures)
    assert {figure.size for figure in figures} == {(16, 9)}
    for one in claims:
        assert f"#{anchor(one.claim.id)}" in page
    assert all(figure.caption.endswith(".") and figure.title for figure in figures)
    families = [figure.family for figure in figures]
    assert families == sorted(families)


def test_errata_show_the_papers_version_against_ours(tmp_path):
    chosen = [claim for claim in discover().values() if claim.status in ("corrected", "refuted")]
    corrected = next(claim for claim in chosen if claim.status == "corrected")
    store(tmp_path, "full", [entry(corrected, scale="full", published=True)])
    rows = ("check,n,predicted,wrong,simulated,standard_error,tolerance",
            "main,3,2.0,2.4,2.1,0.1,0.2", "main,4,2.0,3.5,2.0,0.1,0.2")  # fmt: skip
    (tmp_path / "results" / "full" / "tables" / f"{corrected.id}.csv").write_text("\n".join(rows))
    page = errata_page(judged_claims(tmp_path), tmp_path)
    for claim in chosen:
        assert f"families/{claim.family}.md#{anchor(claim.id)}" in page
    assert "<td>n = 4</td><td>3.5 (wrong)</td><td>2</td><td>2 &plusmn; 0.1</td>" in page, "where they differ most"
    assert {claim.status for claim in chosen} <= set(STATUSES)


def test_the_front_page_is_filled(tmp_path):
    claims = judged_claims(tmp_path)
    families = by_family(claims)
    page = filled(
        (DOCS / "index.md").read_text(), families, [Figure("a.headline", (claims[0],), (16, 9))], ["x"], tmp_path
    )
    assert "<!--" not in page and "figures/a.headline.svg" in page and "notebooks/x" in page
    assert f"{len(claims)} claims not run yet" in page
    for family in families:
        assert f"\nfamilies/{family}\n" in page


def test_the_speed_page_shows_what_the_benchmarks_printed(tmp_path):
    assert "No benchmarks were run here yet" in speed_page(tmp_path)
    (tmp_path / "toy.txt").write_text(REPORT)
    page = speed_page(tmp_path)
    assert "## toy" in page and page.count("<table") == 1
    assert "<td>predictor</td><td>0.012 ms</td><td><strong>125</strong></td><td>99.10 to 130.00</td>" in page
    assert "share of the dgemm limit" in page


def test_the_reference_has_every_public_name():
    pages = dict(reference_pages())
    import theory.random_features

    for name in theory.random_features.__all__:
        assert f":: theory.random_features.{name}\n" in pages["theory.random_features"]
    assert ".. autofunction:: assay.judge" in pages["assay"]
    assert re.search(r"toctree::.*theory\.random_features", pages["index"], re.DOTALL)


def test_a_claim_knows_the_functions_it_rests_on():
    used = numerics(discover()["random_features.2"].check)
    assert "theory.random_features.rf_risk" in used["theory"], "called in the claim itself"
    assert "simulations.random_features.simulate_gaussian_rf" in used["simulations"], "called by a helper"
    for claim in discover().values():
        assert any(numerics(claim.check).values()), claim.id


def test_the_pictures_show_verdicts_of_the_bench(tmp_path):
    outcomes = {"agrees": (0.004, 0.003), "undecided": (0.009, 0.009), "disagrees": (0.08, 0.003)}
    for outcome, (offset, error) in outcomes.items():
        assert example(offset, error).verdict().outcome == outcome
    draw_pictures(tmp_path)
    drawn = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(drawn) == {f"{name}-{theme}.svg" for name in ("outcomes", "resolution") for theme in ("light", "dark")}
    assert "#e6e9ee" in drawn["outcomes-dark.svg"] and "#e6e9ee" not in drawn["outcomes-light.svg"]


@pytest.mark.parametrize("name", ["judge", "own_theorem"])
def test_the_tutorial_does_what_it_says(name, tmp_path):
    """Word for word: its files, its code, its commands, and what they print."""
    command = [sys.executable, "-m", "docs.pages.tutorials", str(DOCS / f"{name}.md")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    pictures = re.findall(rf"^```\{{image\}} {name}/(.*)$", (DOCS / f"{name}.md").read_text(), re.MULTILINE)
    assert pictures and all((tmp_path / picture).stat().st_size > 5000 for picture in pictures)


def test_a_tutorial_that_says_something_else_is_caught(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```{code-block} python\nprint(1 + 1)\n```\n\n```{code-block} text\n3\n```\n")
    command = [sys.executable, "-m", "docs.pages.tutorials", str(page)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "but this is printed:\n2" in done.stderr
