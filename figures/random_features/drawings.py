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


def draw_gaussian(tables: dict[str, Any]) -> Any:
    """Draw the errors of the largest size against width, and the relative gap of every size against n."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["random_features.2"]
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.4), width_ratios=(1.2, 1))
    markers = {"test": "o", "training": "s"}
    shown = table["n_samples"][table["check"] == "test-theory"].iloc[0]
    for name, style in (("test", "-"), ("training", ":")):
        points = table[(table["check"] == f"{name}-error") & (table["n_samples"] == shown)]
        for index, (ridge, line) in enumerate(table[table["check"] == f"{name}-theory"].groupby("ridge")):
            axes[0].plot(line["n_features"], line["predicted"], style, color=f"C{index}",
                         label=rf"{name} error, $\delta$ = {ridge:g}")  # fmt: skip
            here = points[points["ridge"] == ridge]
            axes[0].errorbar(here["n_features"], here["simulated"], yerr=here["standard_error"], fmt=markers[name],
                             color=f"C{index}")  # fmt: skip
    axes[0].set(xscale="log", yscale="log", xlabel="number of features $k$", ylabel="mean squared error",
                title=f"Gaussian features, n = {shown:g}")  # fmt: skip
    axes[0].set_xticks([100, 200, 300, 600, 1200], ["100", "200", "300", "600", "1200"])
    axes[0].set_xticks([], minor=True)
    axes[0].legend(loc="lower left")
    rows = table[table["check"] == "test-error"]
    for index, (ridge, here) in enumerate(rows.groupby("ridge")):
        gap = 100 * (here["simulated"] / here["predicted"] - 1)
        shift = 0.97 if index == 0 else 1.03  # so that the two ridges do not cover each other
        axes[1].errorbar(shift * here["n_samples"], gap, yerr=100 * here["standard_error"] / here["predicted"], fmt="o",
                         color=f"C{index}", label=rf"simulation, $\delta$ = {ridge:g}")  # fmt: skip
    sizes = np.geomspace(rows["n_samples"].min() / 1.15, 1.15 * rows["n_samples"].max(), 50)
    axes[1].plot(sizes, 200 / sizes, color="0.4", linestyle="--", label="allowance 2/n")
    axes[1].axhline(0, color="0.6", linewidth=0.8)
    ticks = sorted(rows["n_samples"].unique())
    axes[1].set(xscale="log", xlabel="number of samples $n$", ylabel="test error: simulation over theory - 1 (%)",
                title="The gap falls as 1/n")  # fmt: skip
    axes[1].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[1].set_xticks([], minor=True)
    axes[1].legend()
    return figure


def draw_modes(tables: dict[str, Any]) -> Any:
    """Draw the learnt share of each mode, and the degrees of freedom against their prediction."""
    import matplotlib.pyplot as plt

    table = tables["random_features.3"]
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2))
    rows, lines = (
        table[(table["check"] == "learnability") & (table["ridge"] == 0.02)],
        table[table["check"] == "theory"],
    )
    for index, (n_samples, here) in enumerate(rows.groupby("n_samples")):
        axes[0].errorbar(here["mode"], here["simulated"], yerr=here["standard_error"], fmt="o", color=f"C{index}",
                         label=f"simulation, n = {n_samples:g}")  # fmt: skip
        axes[0].plot(here["mode"], here["kappa for gamma"], color=f"C{index}", linestyle="--", linewidth=0.8)
        line = lines[(lines["n_samples"] == n_samples) & (lines["ridge"] == 0.02)]
        axes[0].plot(line["mode"], line["predicted"], color=f"C{index}", label=f"theory, n = {n_samples:g}")
    axes[0].plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="kappa for gamma (rival)")
    axes[0].set(xlabel="mode", ylabel="learnt share $L_i$", title=r"Learnability, $k = 3n/2$, $\delta$ = 0.02")
    axes[0].legend(loc="lower left")
    freedom = table[table["check"] == "degrees-of-freedom"].sort_values("predicted")
    axes[1].plot(freedom["predicted"], freedom["predicted"], color="0.4", label="theory")
    axes[1].plot(freedom["predicted"], freedom["kernel limit"], "x", color="0.4", label="kernel limit (rival)")
    for index, (ridge, here) in enumerate(freedom.groupby("ridge")):
        axes[1].errorbar(here["predicted"], here["simulated"], yerr=here["standard_error"], fmt="o", color=f"C{index}",
                         label=rf"simulation, $\delta$ = {ridge:g}")  # fmt: skip
    axes[1].set(
        xlabel="predicted degrees of freedom $z$", ylabel="simulated trace", title="Conservation of learnability"
    )
    axes[1].legend()
    return figure
