"""Drawing of the relaxation without the cones against the optimum."""

from __future__ import annotations

from typing import Any


def draw_gated(tables: dict[str, Any]) -> Any:
    """Draw the ratio of the relaxation to the optimum along regularisations. None at quick scale."""
    import matplotlib.pyplot as plt

    table = tables["convex_relu.9"]
    lines, points = (table[table["check"] == name] for name in ("ratio", "never-above-the-optimum"))
    if not len(lines):  # the paths are computed at full scale alone
        return None
    figure, axis = plt.subplots(figsize=(6.5, 4.4))
    for index, ((n, d), line) in enumerate(lines.groupby(["n_samples", "n_features"])):
        colour = f"C{index}"
        axis.plot(line["share"], line["predicted"], color=colour, label=f"n = {n:g}, d = {d:g}")
        here = points[(points["n_samples"] == n) & (points["n_features"] == d) & (points["draw"] == 0)]
        axis.plot(here["share"], here["simulated"] / here["predicted"], "o", color=colour)
        axis.axvline(line["critical"].iloc[0], color=colour, linestyle=":", linewidth=1.0)
    axis.plot([], [], color="0.4", linestyle=":", linewidth=1.0, label="ReLU network switched off")
    axis.axvline(1, color="0.4", linewidth=1.0, linestyle="--", label="gated network switched off")
    axis.axhline(1, color="black", linewidth=0.8)
    axis.set(xscale="log", ylim=(0, 1.05), xlabel=r"$\beta$ / gated gauge of the targets",
             ylabel="optimum without the cones / optimum", title="the gated relaxation")  # fmt: skip
    axis.set_xticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    axis.legend(loc="upper left", bbox_to_anchor=(0.0, 0.96))
    return figure
