"""Figures: the house style, the default drawing, captions with the verdict, and drawing only what has changed."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.base import closure_digest
from assay.registry import Claim
from assay.store import write_atomically
from assay.suite import Record, figure_name, where
from assay.verdict import Verdict, show_resolution

STYLE = Path(__file__).parent / "assets" / "assay.mplstyle"


def draw_figures(
    claims: Sequence[Claim], entries: Sequence[Record], output: Path, scale: str, *, bare: Path | None = None
) -> list[str]:
    """Draw every figure whose claims all have tables, unless it would come out as it is; return what went wrong.

    Into ``output / "figures"`` with the verdicts below the drawing, or into the folder ``bare`` without them.
    """
    folder, tables = bare or output / "figures", output / "results" / scale / "tables"
    stamps_file = folder / ".stamps.json"
    stamps = json.loads(stamps_file.read_text()) if stamps_file.exists() else {}
    shown: dict[str, list[Claim]] = {}
    for claim in claims:
        shown.setdefault(figure_name(claim), []).append(claim)
    problems = []
    for name, members in shown.items():
        if not all((tables / f"{claim.id}.csv").exists() for claim in members):
            continue
        text = "" if bare else caption([entry for entry in entries if entry["figure"] == name])
        stamp = _stamp(members, tables, text)
        files = {kind: folder / f"{name}.{kind}" for kind in ("svg", "png")}
        if stamps.get(name) != stamp or not all(path.exists() for path in files.values()):
            for path in files.values():
                path.unlink(missing_ok=True)
            try:
                _draw(members, tables, text, files)
                stamps[name] = stamp
            except OSError:
                raise
            except Exception as error:
                problems.append(f"figure {name} cannot be drawn: {type(error).__name__}: {error} ({where(error)})")
    if claims:
        write_atomically(stamps_file, json.dumps(stamps, indent=1, sort_keys=True))
    return problems


def caption(entries: Sequence[Record]) -> str:
    """Return one line for each check: its outcome, its resolution and the rivals it rejects."""
    lines = []
    for entry in entries:
        rejected = [rival["name"] for rival in entry["rivals"] if rival["rejected"]]
        against = f"; rejects {', '.join(rejected)}" if rejected else ""
        band = "beyond" if entry["kind"] == "separation" else "within"
        judged = f"{entry['outcome']} {band} {entry['tolerance']:.2g} ({entry['unit']})"
        lines.append(f"{entry['claim']} {entry['check']}: {judged}, resolution {resolution(entry)}{against}")
    return "\n".join(lines)


def resolution(entry: Record) -> str:
    """Return the resolution of an entry of verdicts.json as the verdict itself shows it."""
    return show_resolution(entry["resolution"], entry["resolution_unit"] == "relative")


def default_figure(verdicts: Sequence[Verdict]) -> Any:
    """Return predicted against simulated, with the tolerance band, one panel for each check."""
    return _panels({verdict.check: verdict.rows for verdict in verdicts})


def _panels(checks: Mapping[str, Mapping[str, np.ndarray]]) -> Any:
    import matplotlib.pyplot as plt

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(1, len(checks), squeeze=False, figsize=(max(5.0, 3.8 * len(checks)), 4.2))
        for axis, (name, rows) in zip(axes[0], checks.items(), strict=True):
            predicted, simulated = np.asarray(rows["predicted"]), np.asarray(rows["simulated"])
            order = np.argsort(predicted, kind="stable")
            if not predicted.any():  # deviations from zero
                axis.plot(np.arange(1, len(simulated) + 1), np.maximum(simulated, 1e-18), "o", label="deviation")
                tolerance = float(np.max(rows["tolerance"]))
                axis.axhline(tolerance, color="0.4", linestyle="--", label="tolerance")
                axis.set(yscale="log", xlabel="point", ylabel="deviation", title=name)
                axis.set_ylim(top=1e3 * tolerance)  # room for the legend above the line
            else:
                band = np.asarray(rows["tolerance"])
                axis.fill_between(predicted[order], (predicted - band)[order], (predicted + band)[order], color="0.9",
                                  label="tolerance")  # fmt: skip
                axis.plot(predicted[order], predicted[order], color="0.4", label="theory")
                axis.errorbar(predicted, simulated, yerr=rows["standard_error"], fmt="o", label="simulation, 1 SE")
                axis.set(xlabel="predicted", ylabel="simulated", title=name)
            axis.legend()
    return figure


def _draw(members: Sequence[Claim], tables: Path, text: str, files: Mapping[str, Path]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd

    frames = {claim.id: pd.read_csv(tables / f"{claim.id}.csv", low_memory=False) for claim in members}
    spec = members[0].figure
    with plt.style.context(STYLE):
        if spec is None:
            table = frames[members[0].id]
            groups = table[table["simulated"].notna()].groupby("check", sort=False)
            picture = _panels({str(name): rows.to_dict("list") for name, rows in groups})
        else:
            picture = spec.draw(frames)
        if picture is None:
            return
        if text:
            _set_caption(picture, text)
        for kind, path in files.items():
            buffer = io.BytesIO()
            picture.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
            write_atomically(path, buffer.getvalue())
        plt.close(picture)


def _set_caption(picture: Any, text: str) -> None:
    """Write the caption below the drawing, which keeps its size."""
    width, drawing = picture.get_size_inches()
    wrapped = (textwrap.wrap(line, int(16 * width), subsequent_indent="    ") for line in text.splitlines())
    text = "\n".join(itertools.chain.from_iterable(wrapped))
    height = 0.13 * (text.count("\n") + 1) + 0.15  # inches that the caption adds below the drawing
    picture.set_size_inches(width, drawing + height)
    if picture.get_layout_engine() is not None:
        share = height / (drawing + height)
        picture.get_layout_engine().set(rect=(0, share, 1, 1 - share))
    picture.text(0.01, 0.06 / (drawing + height), text, fontsize=7, color="0.3", va="bottom")


def _stamp(members: Sequence[Claim], tables: Path, text: str) -> str:
    digest = hashlib.sha256(text.encode() + STYLE.read_bytes() + closure_digest(__file__).encode())
    for claim in members:
        digest.update((tables / f"{claim.id}.csv").read_bytes())
    spec = members[0].figure
    if spec is not None:
        digest.update(closure_digest(spec.draw.__code__.co_filename).encode())
    return digest.hexdigest()
