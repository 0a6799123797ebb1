"""The pictures of the page on verdicts, drawn with real checks: in dark ink and in light, on no ground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from assay import agreement
from assay.drawing import STYLE
from assay.estimates import Estimates
from assay.evidence import AGREE_LEVEL
from assay.verdict import Check

INKS = {"light": dict(ink="#1d2430", soft="#e3e6ea", good="#1a7f4b", bad="#b3261e", open="#8a6100"),
        "dark": dict(ink="#e6e9ee", soft="#3a414c", good="#58c48a", bad="#ff8a80", open="#e0b050")}  # fmt: skip
TOLERANCE = 0.03


def draw_pictures(folder: Path) -> None:
    """Draw every picture into ``folder``, named ``<picture>-<light or dark>.svg``."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    for theme, inks in INKS.items():
        inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
        colours = dict.fromkeys(inked, inks["ink"])
        with plt.style.context([STYLE, colours | {"grid.color": inks["soft"], "svg.hashsalt": theme}]):
            for name, draw in (("outcomes", _outcomes), ("resolution", _resolution)):
                picture = draw(plt, inks)
                picture.savefig(folder / f"{name}-{theme}.svg", transparent=True, metadata={"Date": None})
                plt.close(picture)


def example(offset: float, spread: float) -> Check:
    """Return a check whose simulation lies ``offset`` off the prediction 1, with standard error ``spread``."""
    trials = _trials(offset, spread)
    return agreement("example", trials, 1.0, precision=TOLERANCE, reason="drawn", rivals={"twice": 2.0})


def _trials(offset: float, spread: float) -> np.ndarray:
    signs = np.repeat([-1.0, 1.0], 128)
    return 1 + offset + spread * np.sqrt(len(signs) - 1) * signs


def _outcomes(plt: Any, inks: dict[str, str]) -> Any:
    figure, axis = plt.subplots(figsize=(5.8, 2.6))
    axis.axvspan(-TOLERANCE, TOLERANCE, color=inks["soft"], label="tolerance")
    axis.axvline(0, color=inks["ink"], linewidth=0.8)
    rows = [("theory right, enough trials", 0.004, 0.003), ("theory right, too few trials", 0.009, 0.009),
            ("theory off by 8 %", 0.08, 0.003), ("off by 3 %: at the edge", 0.03, 0.003)]  # fmt: skip
    for height, (label, offset, error) in enumerate(reversed(rows)):
        outcome = example(offset, error).verdict().outcome
        colour = inks[{"agrees": "good", "disagrees": "bad", "undecided": "open"}[outcome]]
        below, above = Estimates(_trials(offset, error), "mean").widths(AGREE_LEVEL)
        axis.errorbar(offset, height, xerr=[[below], [above]], fmt="o", color=colour, capsize=4, linewidth=2)
        axis.text(0.1, height, outcome, color=colour, va="center", weight="bold")
        axis.text(-0.042, height, label, va="center", ha="right")
    axis.set(xlim=(-0.135, 0.145), ylim=(-0.6, 3.6), yticks=[], xlabel="simulated minus predicted, relative")
    axis.set_xticks([-0.03, 0, 0.03, 0.06, 0.09], ["-3 %", "0", "+3 %", "+6 %", "+9 %"])
    axis.spines["left"].set_visible(False)
    axis.grid(visible=False)
    axis.text(0, 3.68, "tolerance", ha="center", va="bottom", fontsize=9)
    return figure


def _resolution(plt: Any, inks: dict[str, str]) -> Any:
    figure, axis = plt.subplots(figsize=(5.8, 2.6))
    for index, error in enumerate((0.006, 0.003, 0.001)):
        check = example(0.004, error)
        resolution = check.verdict().resolution or 0.0
        shifts = np.linspace(-0.12, 0.12, 481)
        codes = {"agrees": "good", "undecided": "open", "disagrees": "bad"}
        colours = [inks[codes[check.against(1 + shift).outcome]] for shift in shifts]
        axis.scatter(shifts, np.full_like(shifts, 2 - index), c=colours, marker="s", s=20, linewidths=0)
        for side in (-1, 1):
            axis.plot([side * resolution] * 2, [1.72 - index, 2.28 - index], color=inks["ink"], linewidth=1.4)
        axis.text(0.127, 2 - index, f"{100 * resolution:.1f} %", va="center", weight="bold")
        axis.text(-0.127, 2 - index, f"SE {100 * error:.1f} %", va="center", ha="right")
    axis.set(xlim=(-0.18, 0.18), ylim=(-0.5, 2.6), yticks=[], xlabel="the prediction, scaled by")
    axis.set_xticks([-0.1, -0.05, 0, 0.05, 0.1], ["0.90", "0.95", "1", "1.05", "1.10"])
    axis.spines["left"].set_visible(False)
    axis.grid(visible=False)
    axis.text(0.127, 2.42, "resolution", fontsize=9)
    for word, colour, place in (("disagrees", "bad", -0.095), ("agrees", "good", 0.0), ("disagrees", "bad", 0.095)):
        axis.text(place, 2.42, word, color=inks[colour], ha="center", fontsize=9)
    return figure
