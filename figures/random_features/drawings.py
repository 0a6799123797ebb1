"""Drawings of the family, from the tables of its claims alone."""

from __future__ import annotations

from typing import Any


def draw_headline(tables: dict[str, Any]) -> Any:
    """Draw test error against width for real features: theory, simulation, the kernel limit and the best ridge."""
    import matplotlib.pyplot as plt

    table = tables["random_features.12"]
    activations = {"tanh": "tanh", "relu": "ReLU", "erf": "erf"}
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 4.4), sharey=True)
    for axis, (activation, title) in zip(axes, activations.items(), strict=True):
        rows = table[table["activation"] == activation]
        lines, points = rows[rows["check"] == "theory"], rows[rows["check"] == "test-error"]
        for index, (ridge, line) in enumerate(lines.groupby("ridge")):
            colour = f"C{index}"
            axis.plot(line["n_features"], line["predicted"], color=colour, label=rf"$\delta$ = {ridge:g}")
            axis.plot(line["n_features"], line["kernel limit"], color=colour, linestyle="--", linewidth=0.8)
            here = points[points["ridge"] == ridge]
            axis.errorbar(here["n_features"], here["simulated"], yerr=here["standard_error"], fmt="o", color=colour)
        best = rows[rows["check"] == "best-ridge"]
        axis.plot(best["n_features"], best["predicted"], color="black", linestyle=(0, (5, 2)), label="best ridge")
        axis.set(xscale="log", yscale="log", xlabel="number of features $k$", title=f"{title} features on the sphere")
        axis.set_yticks([1, 1.5, 2, 3, 4], ["1", "1.5", "2", "3", "4"], minor=False)
        axis.set_yticks([], minor=True)
        axis.axvline(200, color="0.6", linewidth=0.8, linestyle=":")
    axes[0].set_ylabel("test error (n = 200, d = 30)")
    axes[0].plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="kernel limit (rival)")
    axes[0].plot([], [], "o", color="0.4", label="simulation, 1 SE")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=8)
    return figure
