"""Drawings of the lazy limit: how networks reach it, and what it is in high dimension."""

from __future__ import annotations

from typing import Any


def draw_lazy(tables: dict[str, Any]) -> Any:
    """Draw distances from the lazy limit against the output scale, lazy curves in high dimension, and their end."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(14.5, 4.5))
    _draw_rates(axes[0], tables["grokking.4"])
    _draw_curves(axes[1], tables["grokking.5"])
    _draw_sizes(axes[2], tables["grokking.5"])
    return figure


def _draw_rates(axis: Any, table: Any) -> None:
    """Losses and features of trained networks less their limit, with the slopes -1 and -2."""
    rows = table[table["check"].str.endswith(" law")]
    labels = {"second moment": r"$\Vert\delta M\Vert$", "its remainder": r"$\delta M$ beyond first order",
              "remainder of the mean": r"$\delta\bar w$ beyond first order"}  # fmt: skip
    for index, (gap, here) in enumerate(rows.groupby("gap", sort=False)):
        colour = f"C{(0, 2, 4, 1, 5)[index]}"
        for width, line in here.groupby("width"):
            infinite = width == "infinite"
            axis.plot(line["output_scale"], line["predicted"], color=colour, linewidth=1.0,
                      linestyle="-" if infinite else ":", label=labels.get(gap, gap) if infinite else None)  # fmt: skip
            axis.plot(line["output_scale"], line["trained"], "o" if infinite else "s", color=colour,
                      markerfacecolor=colour if infinite else "white")  # fmt: skip
    axis.plot([], [], "o-", color="0.4", label="infinite width")
    axis.plot([], [], "s:", color="0.4", markerfacecolor="white", label="25 neurons")
    axis.set(xscale="log", yscale="log", xlabel=r"output scale $\alpha$", ylabel="distance from the lazy limit",
             title=r"losses at $1/\alpha$, features exact to $1/\alpha^2$")  # fmt: skip
    ticks = sorted(rows["output_scale"].unique())
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.xaxis.minorticks_off()
    low, high = axis.get_ylim()
    axis.set_ylim(low * 10**-2.2, high)  # room for the legend
    axis.legend(loc="lower left", ncols=2, columnspacing=1.0)


def _draw_curves(axis: Any, table: Any) -> None:
    """Train and test loss of lazy training: the limit, the smallest and the largest size."""
    shown = 1.0  # the target without a mean
    for part, colour in (("train", "C0"), ("test", "C2")):
        line = table[(table["check"] == f"{part}_loss-line") & (table["target_offset"] == shown)]
        axis.plot(line["step"], line["predicted"], color=colour, label=rf"{part} loss, $d = \infty$")
        axis.plot(line["step"], line["no ridge"], color=colour, linestyle="--", linewidth=0.9)
        points = table[(table["check"] == f"{part}-loss") & (table["target_offset"] == shown)]
        for d, marker in zip(sorted(points["n_features"].unique()), "o^s", strict=False):
            here = points[points["n_features"] == d]
            axis.errorbar(here["step"], here["simulated"], yerr=here["standard_error"], fmt=marker, color=colour,
                          markerfacecolor="white" if marker == "o" else colour)  # fmt: skip
    for d, marker in zip(sorted(points["n_features"].unique()), "o^s", strict=False):
        axis.plot([], [], marker, color="0.4", markerfacecolor="white" if marker == "o" else "0.4",
                  label=f"networks, d = {d:g}")  # fmt: skip
    axis.plot([], [], color="0.4", linestyle="--", linewidth=0.9, label="no ridge (rival)")
    axis.axhline(0.5, color="0.4", linewidth=1.0, linestyle=":")
    axis.annotate("predicting the mean", (43, 0.5), xytext=(0, -11), textcoords="offset points", color="0.3",
                  fontsize=9, ha="right")  # fmt: skip
    axis.set(xscale="symlog", xlim=(0, 45), ylim=(-0.02, 1.05), xlabel="step", ylabel="mean squared error",
             title=r"lazy training memorises ($\delta = 2$, $\varepsilon = 1$, $c_0 = 1$)")  # fmt: skip
    axis.set_xticks([0, 1, 2, 5, 10, 20, 40], ["0", "1", "2", "5", "10", "20", "40"])
    axis.legend(loc="upper left", ncols=2)


def _draw_sizes(axis: Any, table: Any) -> None:
    """The end of lazy training against 1/d, with the limit and, at full scale, what the sizes extrapolate to."""
    points = table[(table["check"] == "test-loss") & (table["step"] == 40)]
    extrapolated = table[(table["check"] == "test-loss-extrapolated") & (table["step"] == 40)]
    for index, (offset, here) in enumerate(points.groupby("target_offset")):
        colour = f"C{(4, 1)[index]}"
        axis.errorbar(1 / here["n_features"], here["simulated"], yerr=here["standard_error"], fmt="o", color=colour,
                      label=rf"$c_0 = {offset:g}$: networks")  # fmt: skip
        axis.axhline(here["predicted"].iloc[0], color=colour, label=rf"$c_0 = {offset:g}$: limit")
        axis.axhline(here["ridge epsilon^2/delta"].iloc[0], color=colour, linestyle="--", linewidth=0.9)
        end = extrapolated[extrapolated["target_offset"] == offset]
        if len(end):
            axis.errorbar([0], end["simulated"], yerr=end["standard_error"], fmt="*", color=colour, markersize=11,
                          markeredgecolor="black", markeredgewidth=0.6, clip_on=False, zorder=5)  # fmt: skip
    axis.plot([], [], "*", color="0.6", markersize=11, markeredgecolor="black", markeredgewidth=0.6,
              label="extrapolated")  # fmt: skip
    axis.plot([], [], color="0.4", linestyle="--", linewidth=0.9, label=r"ridge $\varepsilon^2/\delta$ (rival)")
    axis.axhline(0.5, color="0.4", linewidth=1.0, linestyle=":", label="predicting the mean")
    axis.set(xlim=(0, 0.034), ylim=(0.39, 0.76), xlabel=r"$1/d$", ylabel="test loss after 40 steps",
             title="and ends above the variance of the label")  # fmt: skip
    axis.legend(loc="lower left", ncols=2)
