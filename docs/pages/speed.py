"""The speed page: what ``make bench`` printed last, as tables."""

from __future__ import annotations

import re
from pathlib import Path

from docs.pages.markup import plain, raw, table

INTRODUCTION = """# Speed

Every simulator and solver is timed against its plain NumPy twin in one process, candidates interleaved round by round,
the first round dropped. The *ratio* compares the least times, the range is over the rounds; a ratio of 5 means five
times as fast as the reference. Seconds depend on the machine, ratios much less.
"""
TIMED = re.compile(r"  (?P<name>.+?) +(?P<time>[\d.]+) ms   ratio +(?P<ratio>[\d.]+)   rounds (?P<range>.+)")


def speed_page(folder: Path) -> str:
    """Return the page as Markdown, from the text files of ``folder``."""
    reports = sorted(folder.glob("*.txt"))
    if not reports:
        return INTRODUCTION + "\nNo benchmarks were run here yet: `make bench`, then `make site`.\n"
    return "\n".join([INTRODUCTION, *(part for report in reports for part in _report(report))])


def _report(path: Path) -> list[str]:
    """Return a section: a table for each run of timed lines, everything else as it was printed."""
    parts: list[str] = []
    rows: list[list[str]] = []
    lines = path.read_text().splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        timed = TIMED.fullmatch(line)
        if timed:
            ratio = f"<strong>{float(timed['ratio']):.3g}</strong>"
            rows.append([plain(timed["name"]), f"{float(timed['time']):.3g} ms", ratio, plain(timed["range"])])
        if rows and not TIMED.fullmatch(following):
            parts.append(table(("candidate", "time", "ratio", "rounds"), rows, "timings"))
            rows = []
        if not timed and line.strip():
            parts.append(f'<p class="{"soft" if line.startswith(" ") else "name"}">{plain(line.strip())}</p>')
    return [f"## {path.stem}", "", raw(*parts)]
