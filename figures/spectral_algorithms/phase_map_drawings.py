"""Drawing of how much of the best loss each algorithm reaches, from the table of its claim alone."""

from __future__ import annotations

from typing import Any


def draw_phase_map(tables: dict[str, Any]) -> Any:
    """Draw the excess of the best loss of four algorithms over that of the best profile. None at quick scale."""
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.colors import LogNorm

    table = tables["spectral_algorithms.9"]
    lines, points = table[table["check"] == "map"], table[table["check"] == "efficiency"]
    if lines.empty:
        return None
    names = {
        "ridge": "ridge regression",
        "ridge_2": "ridge, iterated twice",
        "ridge_3": "ridge, iterated three times",
        "gradient_flow": "gradient flow",
    }
    style = dict(cmap="viridis", norm=LogNorm(1e-3, 1))
    levels, ticks = np.geomspace(1e-3, 1, 25), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1)
    figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.9), sharex=True, sharey=True)
    maps = {
        name: lines[lines["algorithm"] == name].pivot(index="nu", columns="kappa_over_nu", values="predicted") - 1
        for name in names
    }
    for axis, (name, title) in zip(axes, names.items(), strict=True):
        excess = maps[name]
        shown = axis.contourf(excess.columns, excess.index, excess.clip(1.001e-3, 0.999), levels=levels, **style)
        axis.contour(excess.columns, excess.index, excess, levels=[0.01, 0.1], colors="white", linewidths=0.8)
        here = points[points["algorithm"] == name]
        colour = (here["simulated"] - 1).clip(1e-3, 1)
        axis.scatter(here["kappa"] / here["nu"], here["nu"], c=colour, edgecolors="white", linewidths=0.8, s=42,
                     zorder=3, clip_on=False, **style)  # fmt: skip
        if name == "ridge":
            axis.text(0.665, 3, r"$\kappa = \nu - 1$", color="white", rotation=83, ha="center", va="center", fontsize=9)
            axis.axvspan(2, 4, facecolor="0.93", edgecolor="0.7", hatch="//", linewidth=0)
            axis.text(3, 2.5, "saturated", ha="center", fontsize=10, bbox=dict(facecolor="white", edgecolor="none"))
        axis.set(xlabel=r"$\kappa/\nu$", title=title, xlim=(0.05, 4), ylim=(1.06, 4))
        axis.grid(False)
    both = maps["ridge"].reindex(columns=maps["gradient_flow"].columns) / maps["gradient_flow"]
    for axis in (axes[0], axes[3]):
        axis.contour(both.columns, both.index, both, levels=[1], colors="C2", linestyles="--", linewidths=1.5)
    axes[0].plot([], [], color="C2", linestyle="--", label="ridge = flow")
    axes[0].scatter([], [], color="0.5", edgecolors="white", s=42, label="sums, N = $10^6$")
    axes[0].legend(loc="lower right", frameon=True, framealpha=0.9)
    axes[0].set_ylabel(r"capacity exponent $\nu$")
    bar = figure.colorbar(shown, ax=axes, pad=0.01, label="loss over that of the best profile, minus 1")
    bar.set_ticks(ticks, labels=[f"{100 * tick:g} %" for tick in ticks])
    return figure
