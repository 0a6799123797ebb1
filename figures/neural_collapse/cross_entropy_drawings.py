"""Drawings of cross-entropy with balanced classes, from the tables of their claims alone."""

from __future__ import annotations

from typing import Any

import numpy as np

MARKERS = "osD^v"


def draw_margins(tables: dict[str, Any]) -> Any:
    """Draw the margin of the simplex frame against the ridge: one layer by classes, and two classes by depth."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.10"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4))
    lines, points = table[table["check"] == "line"], table[table["check"] == "margin"]
    for index, (count, line) in enumerate(lines.groupby("n_classes")):
        colour, rival = f"C{index}", line["K for K - 1 in the logarithm"]
        left.plot(line["strength"], line["predicted"], color=colour, label=f"{count:.0f} classes")
        left.plot(line["strength"], rival, color=colour, linestyle="--", linewidth=0.8)
        here = points[points["n_classes"] == count].groupby("strength", as_index=False).first()
        left.plot(here["strength"], here["simulated"], MARKERS[index], color=colour)
    left.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label=r"$K$ for $K - 1$ (rival)")
    left.set(xscale="log", xlabel=r"ridge strength $K c \sqrt{n}$", ylabel="margin $a$ of the logits (nats)")
    left.set_title("One layer: full collapse at strength 1")
    left.legend(loc="lower left")
    curves, jumps = (table[table["check"] == check] for check in ("two-classes-line", "two-classes"))
    for index, (depth, line) in enumerate(jumps.groupby("n_layers")):
        colour, stayed = f"C{index}", line["larger root while it exists"]
        right.plot(line["ridge_mean"], line["simulated"], MARKERS[index], color=colour, label=f"{depth:.0f} layers")
        smooth = curves[curves["n_layers"] == depth]
        last = smooth["ridge_mean"].max()
        right.plot(smooth["ridge_mean"], smooth["predicted"], color=colour)
        right.plot([last, last, 0.22], [smooth["predicted"].min(), 0, 0], color=colour)
        beyond = line["ridge_mean"] > 0.985 * last
        right.plot(line["ridge_mean"][beyond], stayed[beyond], color=colour, linestyle="--", linewidth=0.8)
    right.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="larger root (rival)")
    right.set(xlabel="ridge $c$ of every matrix", ylabel="margin $a$ of the logits (nats)")
    right.set_title("Two classes of two samples: a jump")
    right.legend(loc="upper right")
    return figure


def draw_low_rank(tables: dict[str, Any]) -> Any:
    """Draw losses over that of the best frame, and the rank of the lowest trained logits by classes and depth."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    table = tables["neural_collapse.11"]
    lines, points = (table[table["check"] == check] for check in ("antipodal-pairs", "map"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4))
    for index, (depth, line) in enumerate(lines.groupby("n_layers")):
        here = points[points["n_layers"] == depth]
        layers = "1 layer" if depth == 1 else f"{depth:.0f} layers"
        left.plot(line["n_classes"], line["predicted"], color=f"C{index}", label=layers)
        left.plot(here["n_classes"], here["simulated"], MARKERS[index], color=f"C{index}")
    left.axhline(1, color="0.4", linestyle="--", linewidth=0.8)
    left.set(xlabel="number of classes $K$", ylabel="loss over that of the best simplex frame", ylim=(0.5, 1.28))
    left.set_title("Lines: antipodal pairs.  Points: trained.  Dashed: frame")
    left.legend(loc="upper right", ncols=2)

    ratio = points.pivot(index="n_layers", columns="n_classes", values="simulated")
    rank = points.pivot(index="n_layers", columns="n_classes", values="trained_rank")
    image = right.imshow(ratio, origin="lower", aspect="auto", cmap="viridis", vmin=0.5, vmax=1)
    for row, column in np.ndindex(ratio.shape):
        dark = ratio.iloc[row, column] < 0.8
        right.text(column, row, f"{rank.iloc[row, column]:.0f}", ha="center", va="center", color="w" if dark else "k")
        if rank.iloc[row, column] == ratio.columns[column] - 1:
            right.add_patch(
                Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor="C2", linewidth=1.5)
            )
    right.set_xticks(range(len(ratio.columns)), [f"{count:.0f}" for count in ratio.columns])
    right.set_yticks(range(len(ratio.index)), [f"{depth:.0f}" for depth in ratio.index])
    right.set(xlabel="number of classes $K$", ylabel="linear layers $M$")
    right.set_title("Rank of the lowest trained logits (framed: $K - 1$)")
    right.grid(visible=False)
    figure.colorbar(image, ax=right, label="trained loss over that of the best frame")
    return figure
