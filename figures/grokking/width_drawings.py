"""Drawings of networks of every width on one data set, and of how their losses fluctuate."""

from __future__ import annotations

from typing import Any


def draw_widths(tables: dict[str, Any]) -> Any:
    """Draw train losses of narrow networks on their recursion, and the spread of losses against the width."""
    import matplotlib.pyplot as plt

    table = tables["grokking.1"]
    lines, points = table[table["check"] == "path"], table[table["check"] == "train-loss"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.5))
    for index, (width, line) in enumerate(lines.groupby("width")):
        colour = f"C{(0, 4, 1)[index]}"
        left.plot(line["step"], line["predicted"], color=colour, label=f"recursion, N = {width:g}")
        here = points[points["width"] == width]
        left.plot(here["step"], here["simulated"], "o", color=colour)
    left.plot(line["step"], line["infinite width"], color="black", linestyle="--", linewidth=1.0,
              label=r"$N = \infty$ (rival)")  # fmt: skip
    left.plot([], [], "o", color="0.4", label="network, weight by weight")
    left.set(xscale="log", yscale="log", xlabel="step", ylabel="train loss", title="one recursion for every width")
    left.legend(loc="lower left")
    law, drawn = table[table["check"] == "spread-line"], table[table["check"] == "spread"]
    for part, colour in (("train", "C0"), ("test", "C2")):
        line, here = law[law["part"] == part], drawn[drawn["part"] == part]
        right.plot(line["width"], line["predicted"], color=colour, label=rf"{part} loss, $\sqrt{{V/N}}$")
        right.errorbar(here["width"], here["simulated"], yerr=here["standard_error"], fmt="o", color=colour)
    right.plot(here["width"], here["fluctuations of the mean weight alone"], color="C2", linestyle="--", linewidth=0.9,
               label="mean weight alone (rival)")  # fmt: skip
    right.plot([], [], "o", color="0.4", label="random networks, 1 SE")
    right.set(xscale="log", yscale="log", xlabel="width $N$", ylabel="standard deviation over networks",
              title="fluctuations on one data set (step 20)")  # fmt: skip
    right.legend(loc="lower left")
    return figure
