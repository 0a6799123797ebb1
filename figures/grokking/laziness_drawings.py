"""Drawing of the passage from rich to lazy: losses, the terms of the test loss, and a map of the delay."""

from __future__ import annotations

from typing import Any


def draw_headline(tables: dict[str, Any]) -> Any:
    """Draw both losses at five output scales; below, the terms of one run and the delay over both scales.

    None at quick scale, where neither networks nor the map are there.
    """
    import matplotlib.pyplot as plt

    table = tables["grokking.8"]
    if not (table["check"] == "map").any():
        return None
    figure, ((train, test), (terms, delays)) = plt.subplots(2, 2, figsize=(12.5, 9.2))
    _draw_losses(train, table, "train")
    _draw_losses(test, table, "test")
    test.axhline(table.loc[table["check"] == "lazy", "end"].iloc[0], color="0.4", linestyle=":", linewidth=1.2,
                 label="lazy without planted part, end")  # fmt: skip
    train.legend(loc="lower left")
    handles, labels = test.get_legend_handles_labels()
    test.legend(handles[5:], labels[5:], loc="lower left")

    rows = table[table["check"] == "terms"]
    total = rows.groupby("step")["predicted"].sum()
    for index, name in enumerate(("variance", "misalignment", "linear")):
        here = rows[rows["term"] == name]
        terms.plot(here["step"] + 1, here["predicted"], color=f"C{(4, 5, 1)[index]}", label=name)
    terms.plot(total.index + 1, total, color="black", linewidth=1.0, label="sum: test loss")
    terms.set(xscale="log", xlabel="step + 1", ylabel="loss", ylim=(-0.02, 0.75),
              title=r"terms of the test loss, mean-field theory, $\alpha$ = 2")  # fmt: skip
    terms.legend(loc="upper left", ncols=2)
    _draw_map(figure, delays, table[table["check"] == "map"])
    for axis in (train, test, terms):
        axis.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
        axis.minorticks_off()
    return figure


def _draw_losses(axis: Any, table: Any, part: str) -> None:
    lines, networks, lazy = (
        table[(table["check"] == name) & (table["part"] == part)] for name in ("line", "networks", "lazy")
    )
    for index, (scale, rows) in enumerate(lines.groupby("output_scale")):
        axis.plot(rows["step"] + 1, rows["predicted"], color=f"C{index}", label=rf"$\alpha$ = {scale:g}")
        here = networks[networks["output_scale"] == scale]
        axis.fill_between(here["step"] + 1, here["below"], here["above"], color=f"C{index}", alpha=0.2, linewidth=0)
    axis.fill_between([], [], [], color="0.4", alpha=0.25, label="networks, d = 200: mean and spread")
    axis.plot(lazy["step"] + 1, lazy["predicted"], color="black", linestyle="--", linewidth=1.0, label="lazy limit")
    axis.set(xscale="log", yscale="log", xlabel="step + 1", title=f"{part} loss")
    axis.set_ylabel("mean squared error")
    if part == "test":
        axis.set_ylim(0.21, 0.72)
        axis.set_yticks([0.25, 0.3, 0.4, 0.5, 0.6, 0.7], ["0.25", "0.3", "0.4", "0.5", "0.6", "0.7"])


def _draw_map(figure: Any, axis: Any, rows: Any) -> None:
    """Draw the delay of networks with a random start; grey where the test loss does not come down in time."""
    import numpy as np
    from matplotlib.colors import SymLogNorm

    shown = rows["predicted"].where(rows["reached"] > 0)
    square = rows.assign(shown=shown).pivot(index="quadratic_strength", columns="output_scale", values="shown")
    scales, strengths = square.columns.to_numpy(), square.index.to_numpy()
    axis.set_facecolor("0.85")
    mesh = axis.pcolormesh(scales, strengths, square.to_numpy(), norm=SymLogNorm(10.0, vmin=-50, vmax=400),
                           cmap="viridis", shading="nearest")  # fmt: skip
    bar = figure.colorbar(mesh, ax=axis, ticks=[-30, -10, 0, 10, 30, 100, 300])
    bar.ax.set_yticklabels(["-30", "-10", "0", "10", "30", "100", "300"])
    bar.ax.minorticks_off()
    bar.set_label("delay: steps from train < 0.1 to test < 0.4")
    line = np.geomspace(scales.min(), scales.max(), 50)
    reach = rows["reach"].iloc[0]
    low, high = strengths.min() / 1.18, strengths.max() * 1.18
    axis.plot(line, 1.0 / line, color="white", linestyle="--", linewidth=1.4, label=r"$\alpha\varepsilon = 1$")
    axis.plot(line, reach / line, color="white", linewidth=1.4, label=r"$\alpha\varepsilon = 2(\delta-1)/\ln d$")
    axis.set(
        xscale="log",
        yscale="log",
        xlim=(scales.min() / 1.18, scales.max() * 1.18),
        ylim=(low, high),
        title="delay of networks, d = 50; grey: test loss stays up",
    )
    axis.set(xlabel=r"output scale $\alpha$ (laziness)", ylabel=r"quadratic strength $\varepsilon$")
    axis.set_xticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
    axis.set_yticks([0.2, 0.4, 0.8], ["0.2", "0.4", "0.8"])
    axis.minorticks_off()
    axis.grid(False)
    legend = axis.legend(loc="lower left", frameon=True, facecolor="0.3", edgecolor="0.3", framealpha=0.9)
    for text in legend.get_texts():
        text.set_color("white")
