"""Drawings of the scalar dynamics of aligned factors, and of certificates along training."""

from __future__ import annotations

from typing import Any


def draw_mode_dynamics(tables: dict[str, Any]) -> Any:
    """Draw the fits of all classes from just below and just above the boundary of the basin of collapse."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.8"]
    paths, roots = table[table["check"] == "paths"], table[table["check"] == "roots"]
    depths = sorted(paths["n_layers"].unique())
    figure, axes = plt.subplots(
        1, len(depths), figsize=(1.2 + 3.6 * len(depths), 4.1), sharex=True, sharey=True, squeeze=False
    )
    for axis, depth in zip(axes[0], depths, strict=True):
        here = paths[(paths["n_layers"] == depth) & (paths["step"] > 0)]
        for index, (size, lines) in enumerate(sorted(here.groupby("class_size"), reverse=True)):
            root = roots[(roots["n_layers"] == depth) & (roots["class_size"] == size)].iloc[0]
            for offset, line in lines.groupby("offset"):
                axis.plot(line["step"], line["predicted"], "-" if offset > 1 else "--", color=f"C{index}",
                          label=f"n = {size:g}" if offset > 1 else None)  # fmt: skip
                axis.plot(line["step"][::5], line["trained"][::5], "o", color=f"C{index}", markersize=3)
            axis.axhline(root["predicted"], color=f"C{index}", linewidth=0.7, linestyle=":")
        axis.set(xscale="log", yscale="log", xlim=(50, 2e4), ylim=(1e-7, 3), xlabel="step",
                 title=f"{depth:g} layers")  # fmt: skip
    axes[0, 0].set_ylabel(r"fit $s_k^L/\sqrt{n_k}$")
    for style, name in (("-", "start 1 % above"), ("--", "1 % below"), (":", r"smaller root $\tau_-$")):
        axes[0, 0].plot([], [], style, color="0.3", label=name, linewidth=0.7 if style == ":" else 1.6)
    axes[0, 0].plot([], [], "o", color="0.3", markersize=3, label="descent on matrices")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names))
    return figure


def draw_certificates(tables: dict[str, Any]) -> Any:
    """Draw the loss and its dual bound along training, and the gap of matrices at all distances from the optimum."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.9"]
    training, drawn = table[table["check"] == "training"], table[table["check"] == "any-matrix"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.3))
    least = table[table["check"] == "along-training"]["simulated"].iloc[0]
    left.plot(training["step"], training["predicted"], color="C0", label="loss")
    left.plot(training["step"], training["bound"], color="C2", label="dual bound")
    left.plot(
        training["step"],
        training["unclipped"],
        "--",
        color="0.4",
        linewidth=0.9,
        label="dual point not clipped (rival)",
    )
    left.axhline(least, color="black", linewidth=0.8, linestyle=":", label="least loss")
    left.set(
        xscale="log",
        xlabel="step of momentum",
        ylabel="squared loss",
        xlim=(1, 1000),
        ylim=(-0.02, 0.65),
        title="a certificate at every step",
    )
    left.legend(loc="upper right")
    kinds = table[table["check"] == "duality-gap"]["kind"].tolist()
    for kind, colour in (("squared", "C0"), ("cross-entropy", "C1")):
        here = drawn[drawn["case"].map(lambda case, kind=kind: kinds[int(case)] == kind)]
        right.plot(here["distance"], here["simulated"] - here["predicted"], ".", color=colour, markersize=3, label=kind)
    right.set(xscale="log", yscale="log", xlabel="distance of the matrix from the trained one, relative",
              ylabel="loss minus dual bound", title="random matrices around the optimum")  # fmt: skip
    right.legend(loc="upper left")
    return figure
