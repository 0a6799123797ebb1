"""Drawing of the gap that training leaves against the number of neurons."""

from __future__ import annotations

from typing import Any

FLOOR = 1e-9  # of the logarithmic scale: closer to the optimum than any restart comes


def draw_headline(tables: dict[str, Any]) -> Any:
    """Draw the relative gap of every restart to the convex optimum against width, and the wrong programs below it."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["convex_relu.2"]
    runs = table[table["check"] == "never-below"]
    certified, left = (table[table["check"] == name] for name in ("least-of-few-neurons", "neurons-beyond-n"))
    problems = list(runs.groupby(["n_samples", "n_features", "regularisation"]))[:2]
    figure, axes = plt.subplots(2, 2, figsize=(11.5, 5.6), sharex="col", sharey="row", height_ratios=(4.2, 1))
    rng = np.random.default_rng(0)
    for (upper, lower), ((n, d, strength), points) in zip(axes.T, problems, strict=True):
        optimum = points["predicted"].iloc[0]
        gap = np.maximum(points["simulated"] / optimum - 1, FLOOR)
        shaken = points["width"] * np.exp(rng.uniform(-0.035, 0.035, len(points)))
        upper.plot(shaken, gap, ".", color="C0", markersize=3, alpha=0.35, label="restarts")
        best = gap.groupby(points["width"]).min()
        upper.plot(best.index, best, "-o", color="C0", markersize=5, label="best restart")
        least = certified[(certified["n_samples"] == n) & (certified["regularisation"] == strength)]
        above = least["predicted"] / optimum - 1
        shown = above > FLOOR
        if shown.any():
            upper.plot(least["width"][shown], above[shown], "D", color="none", markeredgecolor="black", markersize=10,
                       label="certified least")  # fmt: skip
        here = left[(left["n_samples"] == n) & (left["regularisation"] == strength)]
        for axis in (upper, lower):
            axis.axvline(here["neurons"].iloc[0], color="0.4", linewidth=1.0, linestyle=":",
                         label="pruned solution" if axis is upper else None)  # fmt: skip
        lower.axhspan(-1, 0, color="0.92")
        lower.axhline(0, color="black", linewidth=1.0)
        for name, label, colour in (
            ("no cones", "without cones", "C1"),
            ("half the regularisation", r"$\beta/2$", "C2"),
        ):
            value = points[name].iloc[0] / optimum - 1
            lower.axhline(value, color=colour, linestyle="--", linewidth=1.2)
            lower.annotate(f"{label}: {100 * value:.0f} %", (0.99, value), xytext=(0, 2), textcoords="offset points",
                           xycoords=("axes fraction", "data"), ha="right", color=colour, fontsize=9)  # fmt: skip
        upper.set(xscale="log", yscale="log", ylim=(FLOOR, 5), title=rf"n = {n:g}, d = {d:g}, $\beta$ = {strength:g}")
        lower.set(ylim=(-0.62, 0.05), xlabel="width: neurons of the network")
        widths = [1, 2, 3, 4, 5, 6, 8, 10, 16, 32]
        lower.set_xticks(widths, [str(width) for width in widths])
        lower.minorticks_off()
    axes[0, 0].set_ylabel("objective above the\nconvex optimum (relative)")
    axes[1, 0].set_ylabel("below it:\nno network")
    axes[1, 0].set_yticks([-0.5, 0], ["-50 %", "0"])
    axes[0, 0].legend(loc="lower left")
    return figure
