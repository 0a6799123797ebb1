"""Drawings of the claims on the supervised contrastive loss."""

from __future__ import annotations

from typing import Any

import numpy as np

RIVAL = dict(linestyle="--", linewidth=0.9, color="0.4")
HEAT = dict(vmin=-1, vmax=1, cmap="RdBu_r")


def draw_contrastive(tables: dict[str, Any]) -> Any:
    """Draw the frames with and without signs at a ratio of ten, and the cosines without signs against the ratio."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.20"]
    points = table[(table["check"] == "cosines") & (table["temperature"] == 1.0)]
    figure, axes = plt.subplots(1, 3, figsize=(11.4, 4.2), width_ratios=(0.72, 0.72, 1.5))
    at_ten = points[(points["ratio"] == 10) & (points["majority_classes"] == 2)]
    x, y, z = (at_ten[at_ten["cosine"] == name]["simulated"].iloc[0] for name in ("majority", "minority", "across"))
    signed = np.array([[1, x, z, z], [x, 1, z, z], [z, z, 1, y], [z, z, y, 1]])
    for axis, gram, title in ((axes[0], np.eye(4), "non-negative features"), (axes[1], signed, "features with signs")):
        image = _heat(axis, gram, title, digits=True)
        axis.set(xticks=range(4), yticks=range(4), xticklabels=["a", "a", "b", "b"], yticklabels=["a", "a", "b", "b"])
    axes[0].set_ylabel("class: a of 20 samples, b of 2")
    figure.colorbar(
        image, ax=axes[:2], orientation="horizontal", shrink=0.7, pad=0.02, aspect=30, label="cosine of two classes"
    )
    _cosines(axes[2], table, points)
    return figure


def _heat(axis: Any, gram: np.ndarray, title: str, *, digits: bool = False) -> Any:
    image = axis.imshow(gram, **HEAT)
    if digits:
        for (row, column), value in np.ndenumerate(gram):
            axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8,
                      color="white" if abs(value) > 0.6 else "black")  # fmt: skip
    axis.set(title=title)
    axis.grid(visible=False)
    return image


def _cosines(axis: Any, table: Any, points: Any) -> None:
    lines = table[table["check"] == "theory"]
    for index, name in enumerate(("majority", "minority", "across")):
        for classes, style, marker in ((2, "-", "o"), (3, "-.", "s")):
            line, here = (rows[(rows["cosine"] == name) & (rows["majority_classes"] == classes)]
                          for rows in (lines, points))  # fmt: skip
            label = name if classes == 2 else None
            axis.plot(line["ratio"], line["predicted"], style, color=f"C{index}", label=label)
            axis.plot(here["ratio"], here["simulated"], marker, color=f"C{index}")
    for classes, style, marker in ((2, "-", "o"), (3, "-.", "s")):
        axis.plot([], [], style, marker=marker, color="0.4", label=f"$K_a = K_b = {classes}$")
    axis.axhline(-1 / 3, label="simplex frame, $K = 4$ (rival)", **RIVAL)
    axis.set(xscale="log", xlabel="imbalance $n_a / n_b$", ylabel="cosine", ylim=(-1.1, 1.95),
             yticks=(-1, -0.5, 0, 0.5, 1), title="features with signs, T = 1")  # fmt: skip
    axis.legend(loc="upper left", ncols=2)


def draw_batches(tables: dict[str, Any]) -> Any:
    """Draw the inner products of two designs of batches, and how far from frames the runs of every design end."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.19"]
    cells = table[table["check"] == "gram-of-a-chain"]
    size = int(cells["row"].max()) + 1
    figure, axes = plt.subplots(1, 3, figsize=(11.4, 4.2), width_ratios=(0.8, 0.8, 1.3))
    same = np.equal.outer(np.arange(size) // 4, np.arange(size) // 4)
    cells = cells.sort_values(["row", "column"])
    apart = cells["halves apart"].to_numpy().reshape(size, size) + same
    chain = cells["simulated"].to_numpy().reshape(size, size) + same
    batches = (((0, 1, 4, 5), (1, 2, 5, 6), (2, 3, 6, 7)), ((0, 1, 4, 5), (2, 3, 6, 7)))
    names = ("chain of batches", "halves apart")
    for axis, gram, name, groups in zip(axes[:2], (chain, apart), names, batches, strict=True):
        image = _heat(axis, gram, name)
        axis.set(xlabel="sample: 0-3 one class, 4-7 the other", xticks=range(size), yticks=range(size))
        for height, group in enumerate(groups):
            axis.plot(group, np.full(len(group), -1.0 - 0.6 * height), "o-", color="0.3", markersize=3, linewidth=1)
        axis.set_ylim(size - 0.5, -2.6)
    figure.colorbar(image, ax=axes[:2], orientation="horizontal", shrink=0.6, pad=0.04,
                    label="inner product at the end; above: the samples of each batch")  # fmt: skip
    _designs(axes[2], table)
    return figure


def _designs(axis: Any, table: Any) -> None:
    rows = table[table["check"] == "frames-are-forced"].sort_values("predicted", kind="stable")
    height = np.arange(len(rows))
    for name, column, marker, style in (
        ("theory: frames are forced", "predicted", "|", dict(color="C0", markersize=16, markeredgewidth=2.2)),
        ("training: all runs end in frames", "simulated", "o", dict(color="C2")),
        ("any shared batch joins (rival)", "any shared batch joins", "x", dict(color="0.4")),
    ):
        axis.plot(rows[column], height, marker, linestyle="none", label=name, **style)
    axis.set(yticks=height, yticklabels=rows["design"], xticks=(0, 1), xticklabels=("no", "yes"), xlim=(-0.4, 1.4),
             ylim=(-0.7, len(rows) + 2.6), title="only frames minimise")  # fmt: skip
    axis.grid(axis="y", visible=False)
    axis.legend(loc="upper left")


def draw_landscape(tables: dict[str, Any]) -> Any:
    """Draw the share of runs that reach the least loss against the dimension, and the levels where the others end."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.21"]
    figure, axis = plt.subplots(figsize=(7.2, 4.4))
    rows = table[table["check"] == "levels"]
    for index, (sizes, here) in enumerate(rows.groupby("sizes", sort=False)):
        share = here["successful"]
        axis.errorbar(here["n_features"] / here["n_classes"], share, yerr=(share - here["low"], here["high"] - share),
                      fmt="osD"[index] + "-", linewidth=0.8, color=f"C{index}",
                      label=sizes.replace("+", ", "))  # fmt: skip
    axis.set(xlabel="dimensions per class $d / K$", ylabel="share of runs that reach the least loss",
             ylim=(-0.03, 1.05), title="non-negative features, T = 1: runs that end in a frame")  # fmt: skip
    axis.legend(title="class sizes", loc="lower right")
    return figure
