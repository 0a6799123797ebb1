"""Corrections of finite networks times their size, by step: curves that fall together where the order is 1/d."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def draw_corrections(axis: Any, rows: Any, steps: Sequence[int]) -> None:
    """Draw the corrections at every size, with their standard errors; ``steps`` are labelled."""
    for index, (size, here) in enumerate(rows.groupby("n_features")):
        axis.errorbar(here["step"] * 1.02**index, here["predicted"], yerr=here["error"], fmt="o-", linewidth=0.8,
                      markersize=4, color=f"C{index}", label=f"d = {size:g}")  # fmt: skip
    axis.axhline(0.0, color="0.4", linewidth=0.8)
    axis.set(xscale="log", xlabel="step")
    axis.set_xticks(steps, [str(step) for step in steps])
    axis.minorticks_off()
