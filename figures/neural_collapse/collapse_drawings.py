"""Drawing of minority collapse: the trained fit across the threshold, and the map of imbalance and ridge."""

from __future__ import annotations

from typing import Any

SHOWN_DEPTHS = (1, 2, 3)


def draw_minority_collapse(tables: dict[str, Any]) -> Any:
    """Draw for each depth which of two large and two small classes survive, with both thresholds and trained points."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["neural_collapse.3"]
    points = table[table["check"] == "map"]
    depths = [depth for depth in SHOWN_DEPTHS if depth in points["n_layers"].unique()]
    figure, axes = plt.subplots(
        1, len(depths), figsize=(1.0 + 3.7 * len(depths), 4.4), sharex=True, sharey=True, squeeze=False
    )
    for axis, depth in zip(axes[0], depths, strict=True):
        lines = table[table["n_layers"] == depth]
        edges, roots = (dict(iter(lines[lines["check"] == name].groupby("part"))) for name in ("threshold", "root"))
        x, large, small = edges["small"]["imbalance"], edges["large"]["predicted"], edges["small"]["predicted"]
        top = 0.09
        axis.fill_between(x, 7e-4, small, color="C0", alpha=0.22, linewidth=0)
        axis.fill_between(x, small, np.minimum(large, top), color="C1", alpha=0.22, linewidth=0)
        axis.fill_between(x, np.minimum(large, top), top, color="C3", alpha=0.22, linewidth=0)
        for edge in (small, large):
            axis.plot(x, edge, color="black", linewidth=1.3)
        if depth > 1:
            for part in ("small", "large"):
                axis.plot(x, roots[part]["predicted"], color="0.3", linestyle="--", linewidth=0.9)
        here = (
            points[points["n_layers"] == depth]
            .pivot(index=["imbalance", "ridge"], columns="part", values="simulated")
            .reset_index()
        )
        kinds = ((here["small"] > 0.01, "o", "C0", "all classes learnt"),
                 ((here["small"] <= 0.01) & (here["large"] > 0.01), "s", "C6", "small classes lost"),
                 (here["large"] <= 0.01, "x", "0.25", "all lost"))  # fmt: skip
        for chosen, marker, colour, name in kinds:
            axis.plot(here["imbalance"][chosen], here["ridge"][chosen], marker, color=colour, markersize=4, label=name)
        axis.set(
            xscale="log",
            yscale="log",
            xlim=(1, 45),
            ylim=(7e-4, top),
            xlabel="imbalance ratio of the class sizes",
            title="one layer" if depth == 1 else f"{depth:g} layers",
        )
        axis.set_xticks([1, 2, 5, 10, 20, 40], ["1", "2", "5", "10", "20", "40"])
        axis.xaxis.minorticks_off()
    axes[0, 0].set_ylabel("ridge of every layer and of the features")
    handles, names = axes[0, -1].get_legend_handles_labels()
    handles += [plt.Line2D([], [], color="black"), plt.Line2D([], [], color="0.3", linestyle="--", linewidth=0.9)]
    figure.legend(handles, [*names, "threshold", "root disappears (rival)"], loc="outside upper center", ncols=5)
    return figure
