"""Drawings of the scalar equation with its levels, and of the norms of the orthogonal frame."""

from __future__ import annotations

from typing import Any


def draw_headline(tables: dict[str, Any]) -> Any:
    """Draw the fit against the effective ridge with both thresholds, and every run on its predicted loss level."""
    import matplotlib.pyplot as plt

    minima, landscape = tables["neural_collapse.1"], tables["neural_collapse.7"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.8), width_ratios=(1.55, 1))
    best = minima[(minima["check"] == "transition-fit") & (minima["effective_ridge"] < 1.08)]
    metastable = landscape[(landscape["check"] == "metastable-fit") & (landscape["simulated"] > 0.01)]
    lines = minima[minima["check"] == "line"]
    for depth, branches in lines.groupby("n_layers"):
        colour = f"C{int(depth) - 1}"
        for branch, style in (("global", "-"), ("stable", "--"), ("unstable", ":")):
            line = branches[branches["branch"] == branch].sort_values("effective_ridge")
            left.plot(
                line["effective_ridge"], line["predicted"], style, color=colour, linewidth=1.7 if style == "-" else 1
            )
            if branch == "global":
                edge = line.iloc[-1]
                left.plot([edge["effective_ridge"]] * 2, [edge["predicted"], 0], color=colour, linewidth=0.7, alpha=0.6)
        here = best[best["n_layers"] == depth]
        left.plot(
            here["effective_ridge"],
            here["simulated"],
            "o",
            color=colour,
            label=f"M = {depth:g}",
            clip_on=False,
            zorder=4,
        )
        here = metastable[metastable["n_layers"] == depth]
        left.plot(here["effective_ridge"], here["simulated"], "o", color=colour, markerfacecolor="white", zorder=3)
    first = left.legend(loc="upper right", title="layers; best of 50 trained runs")
    left.add_artist(first)
    handles = [plt.Line2D([], [], color="0.3", linestyle=style) for style in ("-", "--", ":")]
    handles.append(plt.Line2D([], [], color="0.3", linestyle="", marker="o", markerfacecolor="white"))
    names = ["global minimum", "local minimum", "saddle", "started learnt"]
    left.legend(handles, names, loc="upper right", bbox_to_anchor=(1, 0.5))
    left.set(xlim=(0, 1.08), ylim=(0, 1), xlabel=r"effective ridge $\beta = Nc\,n^{-M/(M+1)}$", ylabel=r"fit $\tau$",
             title="collapse is continuous for one layer, and a jump for more")  # fmt: skip
    _draw_levels(right, landscape)
    return figure


def _draw_levels(axis: Any, table: Any) -> None:
    import numpy as np

    runs = table[(table["check"] == "every-run-on-a-level") & (table["problem"] == "three layers")]
    levels = table[(table["check"] == "every-level-reached") & (table["problem"] == "three layers")]["level"].to_numpy()
    scales = np.sort(runs["init_scale"].unique())
    for rank, level in enumerate(np.sort(levels)[::-1]):
        axis.axhline(level, color="0.45", linewidth=0.9, zorder=1)
        text = "no class" if rank == 0 else "1 class" if rank == 1 else f"{rank} classes"
        axis.annotate(text, (1.0, level), xycoords=("axes fraction", "data"), xytext=(4, 0), color="0.25",
                      textcoords="offset points", va="center", fontsize=8.5, annotation_clip=False)  # fmt: skip
    column = np.searchsorted(scales, runs["init_scale"])
    width = 0.7 * (runs["trial"] / max(1, runs["trial"].max()) - 0.5)
    axis.plot(column + width, runs["simulated"], "o", color="C0", markersize=2.5, zorder=2)
    axis.set_xticks(range(len(scales)), [f"{scale:g}" for scale in scales])
    axis.set(xlim=(-0.6, len(scales) - 0.4), xlabel="scale of the start", ylabel="loss at the end of training",
             title="every run ends on one of K + 1 levels (M = 3)")  # fmt: skip
    axis.grid(axis="y", visible=False)


def draw_norms(tables: dict[str, Any]) -> Any:
    """Draw squared norms of means and rows against the class size, and the parabola in the fit of all depths."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.2"]
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.3))
    lines = table[table["check"] == "norms"]
    colours = {depth: f"C{index}" for index, depth in enumerate(sorted(lines["n_layers"].unique()))}
    panels = (("means-by-size", "predicted", r"$N\lambda_H\,\Vert\bar h_k\Vert^2$"),
              ("rows-by-size", "row", r"$\Vert w_k\Vert^2/(N\lambda_H)$"))  # fmt: skip
    for axis, (check, column, label) in zip(axes, panels, strict=False):
        points = table[table["check"] == check]
        for depth, line in lines.groupby("n_layers"):
            alive = line[line[column] > 0]
            axis.plot(alive["class_size"], alive[column], color=colours[depth], label=f"M = {depth:g}")
            here = points[(points["n_layers"] == depth) & (points["simulated"] > 1e-9)]
            axis.plot(here["class_size"], here["simulated"], "o", color=colours[depth])
            rival = here.sort_values("class_size")
            axis.plot(rival["class_size"], rival["leading power"], "--", color=colours[depth], linewidth=0.8)
        axis.axvline(4, color="0.5", linewidth=0.8, linestyle=":")
        axis.set(xscale="log", yscale="log", xlim=(3, 270), xlabel="class size $n_k$", ylabel=label)
        axis.set_xticks([4, 10, 20, 50, 100, 200], ["4", "10", "20", "50", "100", "200"])
        axis.xaxis.minorticks_off()
    axes[1].plot([], [], "--", color="0.4", linewidth=0.8, label=r"leading power (rival)")
    axes[0].set_title("class means")
    axes[1].set_title("rows of the classifier")
    axes[0].annotate(r"$n_{\mathrm{crit}}$", (4, axes[0].get_ylim()[0]), xytext=(3, 4), textcoords="offset points")
    axes[1].legend(loc="lower right", fontsize=8)
    parabola, points = table[table["check"] == "parabola"], table[table["check"] == "mean-norm"]
    axes[2].plot(parabola["fit"], parabola["predicted"], color="black", label=r"$\tau(1-\tau)$, every depth")
    scaled = points["simulated"] * points["n_samples"] * points["feature_ridge"]
    for depth in sorted(points["n_layers"].unique()):
        for lowest, fill in ((True, None), (False, "white")):
            here = (points["n_layers"] == depth) & (points["lowest"].astype(bool) == lowest)
            axes[2].plot(
                points["fit"][here],
                scaled[here],
                "o",
                color=colours[depth],
                markerfacecolor=fill or colours[depth],
                label=f"M = {depth:g}" if lowest else None,
            )
    axes[2].plot([], [], "o", color="0.4", markerfacecolor="white", label="other local minima")
    axes[2].set(
        xlabel=r"trained fit $\tau_k$",
        ylabel=r"$N\lambda_H\,\Vert\bar h_k\Vert^2$",
        title="one law for all depths",
        ylim=(0, 0.27),
    )
    axes[2].legend(loc="lower center", fontsize=8)
    return figure
