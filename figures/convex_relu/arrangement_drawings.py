"""Drawings of the number of activation patterns and of the share that random directions meet."""

from __future__ import annotations

from typing import Any


def draw_patterns(tables: dict[str, Any]) -> Any:
    """Draw the number of patterns against the number of samples, and the share met by random directions."""
    import matplotlib.pyplot as plt

    table = tables["convex_relu.1"]
    lines = table[table["check"] == "number"]
    counted, listed = (table[table["check"] == name] for name in ("counted", "listed-for-many-samples"))
    shares = table[table["check"] == "share-met"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.4))
    for index, (d, line) in enumerate(lines.groupby("n_features")):
        colour = f"C{index}"
        left.plot(line["n_samples"], line["predicted"], color=colour, label=f"d = {d:g}")
        left.plot(line["n_samples"], line["published bound"], color=colour, linestyle="--", linewidth=0.8)
        for points, marker in ((counted, "o"), (listed, "s")):
            here = points[points["n_features"] == d]
            left.plot(here["n_samples"], here["simulated"], marker, color=colour)
    left.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="published bound")
    left.plot([], [], "o", color="0.4", label="counted exactly")
    left.plot([], [], "s", color="0.4", label="listed")
    left.set(xscale="log", yscale="log", xlim=(3.5, 105), ylim=(4, 3e6), xlabel="samples $n$",
             ylabel="activation patterns", title="how many there are")  # fmt: skip
    left.set_xticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    left.minorticks_off()
    left.legend(ncols=2)
    for (n, d), line in shares.groupby(["n_samples", "n_features"]):
        right.plot(line["n_directions"], line["predicted"], color=f"C{int(d) - 2}", label=f"n = {n:g}, d = {d:g}")
    right.axhline(1, color="0.4", linewidth=0.8)
    right.set(xscale="log", ylim=(0, 1.04), xlabel="random directions", ylabel="share of the patterns met",
              title="how many random directions meet")  # fmt: skip
    if len(shares):
        right.legend(loc="lower right")
    return figure
