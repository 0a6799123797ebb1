"""Every registered claim at quick scale, and the page of record against the registry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.engine import Engine
from assay.pages import recorded_digests
from assay.registry import select
from assay.run import Run
from assay.store import Store
from assay.suite import judge_claim

CLAIMS = select([])
PAGE = Path(__file__).parents[1] / "paper_checks.md"


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claim_passes_at_quick_scale(claim, store):
    with Engine() as engine:
        outcome = judge_claim(claim, Run("quick", 0, store, engine))
    if outcome.absent:
        pytest.skip(f"{claim.id} has no check at quick scale")
    details = "\n".join(f"{verdict} {verdict.worst} {verdict.rivals} {verdict.advice}" for verdict in outcome.verdicts)
    assert outcome.passed, f"{outcome.problem}\n{details}\nagain: assay run {claim.id}"


def test_page_of_record_has_every_claim_with_its_statement_and_status():
    rows = [_cells(line) for line in PAGE.read_text().splitlines() if re.match(r"\| \w+\.\d+ \|", line)]
    recorded = {row[0]: (row[1], row[2]) for row in rows if row[1]}
    declared = {claim.id: (claim.statement, f"{claim.status}, {claim.evidence}") for claim in CLAIMS}
    assert recorded == declared


def test_page_of_record_has_only_green_outcomes_and_rejected_rivals():
    rows = [_cells(line) for line in PAGE.read_text().splitlines() if re.match(r"\| \w+\.\d+ \|", line)]
    for claim, _, _, check, outcome, _, _, rivals, _ in rows:
        if check:
            rejected, total = map(int, rivals.split(" of "))
            assert outcome == "agrees" and rejected == total > 0, (claim, check)


def test_page_of_record_names_the_code_of_every_family():
    assert set(recorded_digests(PAGE)) == {claim.family for claim in CLAIMS}


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
