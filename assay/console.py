"""What a run prints while it goes on, what a failure says, and a claim as the terminal shows it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from assay.registry import Claim
from assay.suite import Outcome, Record, rejected


class Report:
    """A line per claim, and on a terminal one progress bar with the time left."""

    def __init__(self, bar: Any = None, row: Any = None) -> None:
        self._bar, self._row, self._done = bar, row, 0

    def tasks(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._row, completed=self._done + done / total, tasks=f"task {done} of {total}")

    def claim(self, outcome: Outcome, scale: str, seed: int) -> None:
        self._done += 1
        say: Callable[[str], Any] = click.echo
        if self._bar is not None:
            self._bar.update(self._row, completed=self._done, tasks=outcome.claim.id)
            say = lambda text: self._bar.console.print(text, markup=False, highlight=False)  # noqa: E731
        say(line(outcome))
        for text in _failures(outcome, scale, seed):
            say(text)


@contextmanager
def progress(total: int) -> Iterator[Report]:
    """Report on ``total`` claims: one progress bar with the time left on a terminal, a line per claim elsewhere."""
    if not sys.stdout.isatty():
        yield Report()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[tasks]}"))
    with Progress(*columns, transient=True) as bar:
        yield Report(bar, bar.add_task("claims", total=total, tasks=""))


def line(outcome: Outcome) -> str:
    """Return a claim's outcome in one line: the worst of its checks, and how sharp each is."""
    if not outcome.verdicts:
        return f"{outcome.claim.id:<24} {outcome.problem}"
    banded = [verdict for verdict in outcome.verdicts if verdict.kind != "separation"] or outcome.verdicts
    worst = max(banded, key=lambda verdict: verdict.deviation / verdict.tolerance)
    word = "passed" if outcome.passed else "FAILED"
    checks = f"{len(outcome.verdicts)} checks" if len(outcome.verdicts) > 1 else "1 check "
    distance = f"{worst.check} {worst.deviation:.2g} of {worst.tolerance:.2g}"
    return (
        f"{outcome.claim.id:<20} {word}  {checks}, closest: {distance}, resolution {worst.show_resolution()}"
        f"  ({outcome.seconds:.1f} s)"
    )


def _failures(outcome: Outcome, scale: str, seed: int) -> Iterator[str]:
    if outcome.problem and not outcome.absent:
        yield f"  {outcome.problem}"
    for verdict in outcome.verdicts:
        if verdict.passed:
            continue
        yield f"  {verdict}"
        worst = {name: value for name, value in verdict.worst.items()}
        yield f"    worst point of {verdict.n_points}: {worst}"
        for one in (*verdict.rivals, *verdict.controls):
            if not one.rejected:
                yield f"    {one.name!r} survives, margin {one.margin:.2g}"
        if verdict.advice:
            yield f"    {verdict.advice}"
    if not outcome.passed and not outcome.absent:
        yield f"  again: assay run {outcome.claim.id} --scale {scale} --seed {seed}"


def describe(claim: Claim, entries: Sequence[Record], width: int) -> str:
    """Return a claim as text: statement, formula, source, last verdicts, and how to run, judge and cite it."""
    from assay.formula import pretty_formula

    def wrapped(text: str) -> str:
        return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ")

    formulas = [pretty_formula(formula, width - 4) for formula in claim.formula.splitlines() if formula.strip()]
    parts = [
        f"{click.style(claim.id, bold=True)}: {claim.status}, {claim.evidence} evidence ({claim.nature})",
        wrapped(claim.statement),
        *(textwrap.indent(formula, "    ") for formula in formulas),
        f"Assumptions\n{wrapped(claim.assumptions)}",
        *([f"Normalisations\n{wrapped(claim.normalisations)}"] if claim.normalisations else []),
        f"Source\n{wrapped(f'{claim.paper.short()}, {claim.label}. {claim.paper.title}.')}",
        *(_last_verdicts(entries) or [f"Not run yet: assay run {claim.id}"]),
        f"Run it\n  assay run {claim.id}\n  assay run {claim.id} --scale full",
        f'Judge a formula of your own, in Python\n  assay.judge("{claim.id}", my_formula)',
        f"Cite it\n{textwrap.indent(claim.paper.bibtex(), '  ')}",
    ]
    return "\n\n".join(parts)


def _last_verdicts(entries: Sequence[Record]) -> list[str]:
    """Return one table for each scale: a row per check, as wide as its longest name."""
    from assay.drawing import resolution

    tables = []
    for scale in dict.fromkeys(entry["scale"] for entry in entries):
        rows = [("check", "outcome", "deviation", "tolerance", "resolution", "rejected")]
        for entry in (entry for entry in entries if entry["scale"] == scale):
            deviation, tolerance = (f"{entry[name]:.2g}" for name in ("deviation", "tolerance"))
            rows.append((entry["check"], entry["outcome"], deviation, tolerance, resolution(entry), rejected(entry)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(room) for cell, room in zip(row, widths, strict=True)).rstrip() for row in rows]
        tables.append(f"Last verdicts, scale {scale}\n" + textwrap.indent("\n".join(lines), "  "))
    return tables
