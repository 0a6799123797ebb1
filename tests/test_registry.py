"""Declaring papers, figures and claims, and what a status needs."""

from __future__ import annotations

import numpy as np
import pytest

from assay import Paper, agreement, certificate, claim, figure, separation
from assay.registry import REGISTRY, discover, family_digest, select
from assay.verdict import Check

PAPER = Paper(
    "On the theory of everything", ("Ann First", "Bo Second", "Cy Third"), 2020, arxiv="2001.00001", version=2
)
TERMS = dict(paper=PAPER, label="Theorem 1", nature="exact", statement="It is so.", assumptions="None.")


@pytest.fixture(autouse=True)
def clean_registry():
    before = dict(discover())
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def declare(**terms):
    @claim(terms.pop("id", "synthetic.1"), **(TERMS | terms))
    def checks(run):
        yield None

    return REGISTRY["synthetic.1"]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (dict(id="no number"), "claim = 'no number'"),
        (dict(id="family.0"), "claim = 'family.0'"),
        (dict(nature="true"), "nature = 'true'"),
        (dict(status="green"), "status = 'green'"),
        (dict(evidence="strong"), "evidence = 'strong'"),
        (dict(statement=" "), "statement"),
        (dict(assumptions=""), "assumptions"),
    ],
)
def test_refused_declarations(terms, words):
    with pytest.raises(ValueError, match=words):
        declare(**terms)


def test_an_id_is_never_reused():
    declare()
    with pytest.raises(ValueError, match=r"synthetic\.1"):

        @claim("synthetic.1", **TERMS)
        def another(run):
            yield None


def test_a_figure_is_named_after_its_family():
    assert figure("synthetic.headline", lambda tables: None).name == "synthetic.headline"
    with pytest.raises(ValueError, match="headline"):
        figure("headline", lambda tables: None)


def test_paper_in_a_text_and_in_bibtex():
    assert PAPER.short() == "First et al. (2020), arXiv 2001.00001v2"
    assert "@article{first2020theory," in PAPER.bibtex()
    assert "eprint = {2001.00001v2}" in PAPER.bibtex()


TRIALS = np.random.default_rng(0).normal(1, 0.01, (256, 1))


def verdicts(*checks: Check):
    return [check.verdict() for check in checks]


def test_corrected_needs_the_published_version_rejected():
    corrected = declare(status="corrected")
    terms = dict(precision=0.01, reason="r", rivals={"paper": 1.1, "other": 2.0})
    assert "published" in corrected.unproved(verdicts(agreement("a", TRIALS, 1.0, **terms)))
    assert not corrected.unproved(verdicts(agreement("a", TRIALS, 1.0, as_published="paper", **terms)))
    survives = terms | dict(rivals={"paper": 1.0001})
    assert corrected.unproved(verdicts(agreement("a", TRIALS, 1.0, as_published="paper", **survives)))


def test_refuted_needs_a_certificate_or_separation_that_passes():
    refuted = declare(status="refuted")
    assert refuted.unproved(verdicts(agreement("a", TRIALS, 1.0, precision=0.01, reason="r", rivals={"x": 2.0})))
    apart = separation("s", TRIALS, 1.2, gap=0.1, reason="r", rivals={"itself": 1.0})
    assert not refuted.unproved(verdicts(apart))
    certified = certificate("c", [1e-12], precision=1e-9, reason="r", controls={"perturbed": 1e-3})
    assert not refuted.unproved(verdicts(certified))
    near = separation("s", TRIALS, 1.05, gap=0.1, reason="r", rivals={"itself": 1.0})
    assert refuted.unproved(verdicts(near))


def test_unknown_target_names_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean random_features\.1"):
        select(["random_feature.1"])


def test_the_digest_of_a_family_covers_each_of_its_modules():
    members = select(["random_features"])
    files = {one.check.__module__ for one in members}
    one_of_each = {name: next(one for one in members if one.check.__module__ == name) for name in sorted(files)}
    digests = {family_digest([one for name, one in one_of_each.items() if name != left_out]) for left_out in files}
    assert len(digests | {family_digest(members)}) == len(files) + 1


def test_a_family_and_a_claim_are_targets():
    assert [one.id for one in select(["random_features.2"])] == ["random_features.2"]
    assert {one.family for one in select(["random_features"])} == {"random_features"}
