"""Drawings of conditional risks and of transforms between surrogate and zero-one regret, from the tables alone."""

from __future__ import annotations

from typing import Any

MEMBERS = {
    0.0: r"$\tau$ = 0: sum-exponential",
    0.5: r"$\tau$ = 0.5",
    1.0: r"$\tau$ = 1: logistic",
    1.5: r"$\tau$ = 1.5: generalised cross-entropy",
    1.8: r"$\tau$ = 1.8: generalised cross-entropy",
    2.0: r"$\tau$ = 2: mean absolute error",
}


def draw_conditional_risk(tables: dict[str, Any]) -> Any:
    """Draw the least conditional risks of three classes along tau, and the softmax that attains the least of all."""
    import matplotlib.pyplot as plt

    table = tables["h_consistency.1"]
    rows = {name: part for name, part in table.groupby("check")}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2))
    least = {name: rows[name][rows[name]["label"] == 0] for name in ("risk", "example-risk")}
    for label in (2, 3):
        line, points = (rows[name][rows[name]["label"] == label] for name in least)
        left.plot(line["tau"], line["predicted"] - least["risk"]["predicted"].to_numpy(), color=f"C{label - 1}",
                  label=f"class {label} predicted")  # fmt: skip
        left.plot(points["tau"], points["simulated"] - least["example-risk"]["simulated"].to_numpy(), "o",
                  color=f"C{label - 1}")  # fmt: skip
    line = least["risk"]
    left.plot(line["tau"], line["S = p for every tau"] - line["predicted"], color="0.4", linestyle="--", linewidth=0.9,
              label="S = p (rival)")  # fmt: skip
    for label in (1, 2, 3):
        line, points = (rows[name][rows[name]["label"] == label] for name in ("softmax", "example-softmax"))
        right.plot(line["tau"], line["predicted"], color=f"C{label - 1}", label=f"class {label}")
        right.plot(points["tau"], points["simulated"], "o", color=f"C{label - 1}")
        right.plot(points["tau"], points["S = p for every tau"], color="0.4", linestyle="--", linewidth=0.9)
    left.plot([], [], "o", color="0.4", label="numerical minimum")
    right.plot([], [], color="0.4", linestyle="--", linewidth=0.9, label="S = p (rival)")
    left.set(xlabel=r"$\tau$", ylabel="least conditional regret", title="p = (0.5, 0.3, 0.2)", xlim=(0, 3),
             ylim=(0, 0.24))  # fmt: skip
    right.set(xlabel=r"$\tau$", ylabel=r"best softmax $S^\ast$", xlim=(0, 2), ylim=(0, 1.02),
              title=r"$S^\ast_y \propto p_y^{1/(2-\tau)}$")  # fmt: skip
    right.set_xticks([0, 0.5, 1, 1.5, 2])
    left.legend(loc="upper right")
    right.legend(loc="upper left")
    return figure


def draw_transforms(tables: dict[str, Any]) -> Any:
    """Draw the least surrogate regret against the zero-one regret: published, exact, and found by searches."""
    import matplotlib.pyplot as plt

    table = tables["h_consistency.2"]
    lines, points = table[table["check"] == "theory"], table[table["check"] == "searches"]
    n = lines["n_classes"].iloc[0]
    points = points[points["n_classes"] == n]
    figure, axes = plt.subplots(2, 3, figsize=(10.5, 6.2), sharex=True)
    for axis, (tau, line) in zip(axes.flat, lines.groupby("tau"), strict=True):
        here = points[points["tau"] == tau]
        axis.plot(line["beta"], line["exact"], color="C0", label="exact transform")
        axis.plot(line["beta"], line["predicted"], color="C2", linestyle="--", label="published transform")
        axis.plot(here["beta"], here["simulated"], "o", color="C0", label="least regret found by search")
        axis.set(title=MEMBERS[tau], xlim=(0, 1), ylim=(0, None))
    for axis in axes[1]:
        axis.set_xlabel(r"zero-one regret $\beta$")
    for axis in axes[:, 0]:
        axis.set_ylabel(r"surrogate regret $\Delta_\tau$")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3,
                  title=f"{n:g} classes")  # fmt: skip
    return figure


def draw_number_of_classes(tables: dict[str, Any]) -> Any:
    """Draw both bounds against the number of classes, and the exact over the two-class transform around tau_c."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["h_consistency.3"]
    rows = {name: part for name, part in table.groupby("check")}
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.8), width_ratios=(1, 1.15))
    for index, (tau, line) in enumerate(rows["classes"].groupby("tau")):
        points = rows["reached"][rows["reached"]["tau"] == tau]
        left.plot(line["n_classes"], line["predicted"], color=f"C{index}", label=rf"$\tau$ = {tau:g}")
        left.plot(line["n_classes"], line["published"], color=f"C{index}", linestyle="--", linewidth=1.0)
        left.plot(points["n_classes"], points["simulated"], "o", color=f"C{index}")
    left.plot([], [], color="0.4", label="exact bound")
    left.plot([], [], color="0.4", linestyle="--", linewidth=1.0, label="published bound")
    left.plot([], [], "o", color="0.4", label="reached by search")
    left.set(xscale="log", yscale="log", xlabel="number of classes $n$", ylabel="bound on the zero-one regret",
             title="surrogate regret 0.01", ylim=(0.015, 1.1))  # fmt: skip
    left.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5, 1.0], ["0.02", "0.05", "0.1", "0.2", "0.5", "1"])
    left.set_xticks([2, 10, 100, 1000], ["2", "10", "100", "1000"])
    left.minorticks_off()
    left.legend(loc="lower right", ncols=2)
    phase = rows["phase"].pivot(index="beta", columns="tau", values="predicted")
    scale = dict(cmap="viridis", vmin=float(np.floor(10 * phase.to_numpy().min()) / 10), vmax=1.0)
    shown = right.pcolormesh(phase.columns, phase.index, phase.to_numpy(), shading="gouraud", rasterized=True, **scale)
    n = rows["phase"]["n_classes"].iloc[0]
    points = rows["searches"]
    points = points[(points["n_classes"] == n) & (points["tau"] >= phase.columns[0])]
    right.scatter(points["tau"], points["beta"], c=points["simulated"] / points["two classes for every tau"], s=28,
                  edgecolors="black", linewidths=0.6, clip_on=False, zorder=3, **scale)  # fmt: skip
    critical = rows["phase"]["critical_tau"].iloc[0]
    right.axvline(critical, color="black", linestyle=":", linewidth=1.2)
    right.annotate(rf"$\tau_c$ = {critical:.5f}", (critical, 0.95), xytext=(-5, 0), textcoords="offset points",
                   ha="right", va="top")  # fmt: skip
    right.set(xlabel=r"$\tau$", ylabel=r"zero-one regret $\beta$", ylim=(0, 1),
              title=f"exact / two-class transform, {n:g} classes (dots: search)")  # fmt: skip
    right.grid(False)
    figure.colorbar(shown, ax=right)
    return figure


def draw_bounded(tables: dict[str, Any]) -> Any:
    """Draw the least logistic regret of bounded scores against the zero-one regret, with the floor below it."""
    import matplotlib.pyplot as plt

    table = tables["h_consistency.6"]
    lines, points = table[table["check"] == "theory"], table[table["check"] == "searches"]
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 4.0), sharex=True)
    for axis, (score_bound, panel) in zip(axes, lines.groupby("score_bound"), strict=True):
        for index, (n, line) in enumerate(panel.groupby("n_classes")):
            here = points[(points["n_classes"] == n) & (points["score_bound"] == score_bound)]
            axis.plot(line["beta"], line["predicted"], color=f"C{index}", label=f"{n:g} classes")
            axis.plot(here["beta"], here["simulated"], "o", color=f"C{index}")
            if line["floor"].iloc[0] > 0:
                axis.plot(
                    line["floor"].iloc[0], 0, "|", color=f"C{index}", markersize=16, markeredgewidth=2, clip_on=False
                )
        axis.set(xlabel=r"zero-one regret $\beta$", title=rf"scores within $\pm${score_bound:g}", xlim=(0, 1))
    axes[0].set_ylabel("least logistic regret")
    axes[0].plot([], [], "o", color="0.4", label="found by search")
    axes[0].plot([], [], "|", color="0.4", markersize=12, markeredgewidth=2, label=r"floor $\beta_0$")
    axes[0].legend()
    return figure
