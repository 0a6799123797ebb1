"""Drawings of the learning measures of the Wishart model, and of ridge regression in closed form."""

from __future__ import annotations

from typing import Any


def draw_measures(tables: dict[str, Any]) -> Any:
    """Draw the one-point measures, and the masses of the two-point measure on bins: theory next to simulation."""
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.colors import LogNorm

    table = tables["spectral_algorithms.6"]
    figure, (lines, left, right) = plt.subplots(1, 3, figsize=(13, 4.3), width_ratios=(1.25, 1, 1))
    density, masses = table[table["check"] == "density"], table[table["check"] == "one-point-mass"]
    labels = {"rho1": r"$\lambda\,\rho^{(1)}$", "rho_eps": r"$\lambda\,\rho^{(\varepsilon)}$"}
    for index, (measure, label) in enumerate(labels.items()):
        here = density[density["measure"] == measure].sort_values("eigenvalue")
        eigenvalue, values = here["eigenvalue"].to_numpy(), here["predicted"].to_numpy()
        gaps = np.flatnonzero((np.diff(np.log(eigenvalue)) > 0.15) & (eigenvalue[1:] > 0.1)) + 1  # between the bands
        eigenvalue, values = np.insert(eigenvalue, gaps, np.nan), np.insert(values, gaps, np.nan)
        lines.plot(eigenvalue, eigenvalue * values, color=f"C{index}", linewidth=1.0, label=label + ", theory")
        here = masses[masses["measure"] == measure]
        width = np.log(here["high"] / here["low"])
        lines.errorbar(np.sqrt(here["low"] * here["high"]), here["simulated"] / width,
                       yerr=here["standard_error"] / width, fmt="o", color=f"C{index}")  # fmt: skip
        for _, row in here.iterrows():
            height = row["predicted"] / np.log(row["high"] / row["low"])
            lines.plot([row["low"], row["high"]], [height, height], color=f"C{index}", alpha=0.5)
    lines.plot([], [], "o-", color="0.5", label="mean over a bin: theory, simulation")
    lines.set(xscale="log", yscale="log", xlabel=r"empirical eigenvalue $\lambda$", ylim=(0.01, 20),
              ylabel=r"density in $\log\lambda$", title="one-point measures, N = 100")  # fmt: skip
    lines.legend(loc="upper right")
    pairs = table[table["check"] == "two-point-mass"]
    edges = np.append(np.sort(pairs["low"].unique()), pairs["high"].max())
    widths = np.diff(np.log(edges))
    scale = LogNorm(2e-5, 0.5)
    for axis, column, title in ((left, "predicted", "theory"), (right, "simulated", "simulation")):
        table_of = np.full((len(widths), len(widths)), np.nan)
        first, second = (np.searchsorted(edges, pairs[name]) for name in ("low", "other_low"))
        table_of[first, second] = table_of[second, first] = pairs[column]
        shown = axis.pcolormesh(edges, edges, table_of / np.outer(widths, widths), norm=scale, cmap="viridis",
                                rasterized=True)  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel=r"$\lambda_1$", title=rf"two-point measure, {title}")
        axis.grid(False)
    left.set_ylabel(r"$\lambda_2$")
    bar = figure.colorbar(shown, ax=right, shrink=0.9)
    bar.set_label(r"mass per unit of $\log\lambda_1$, $\log\lambda_2$")
    return figure


def draw_ridge(tables: dict[str, Any]) -> Any:
    """Draw signal and noise of ridge regression against the ridge, and the ratio of training to test error."""
    import matplotlib.pyplot as plt

    table = tables["spectral_algorithms.7"]
    theory, loss = table[table["check"] == "theory"], table[table["check"] == "loss"]
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), sharex=True)
    titles = {"signal": "loss without noise", "noise": r"loss per unit of noise variance"}
    for axis, (part, title) in zip(axes, titles.items(), strict=True):
        for index, (n, line) in enumerate(theory[theory["part"] == part].groupby("n_samples")):
            axis.plot(line["ridge"], line["predicted"], color=f"C{index}", label=f"N = {n:g}")
            pole = line["eta for kappa"][line["ridge"] < 0.02].idxmax()
            shown = line["ridge"] > line["ridge"][pole]
            axis.plot(line["ridge"][shown], line["eta for kappa"][shown], color=f"C{index}", linestyle="--",
                      linewidth=0.8)  # fmt: skip
            here = loss[(loss["part"] == part) & (loss["n_samples"] == n)]
            axis.errorbar(here["ridge"], here["simulated"], yerr=here["standard_error"], fmt="o", color=f"C{index}")
        axis.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label=r"$\eta$ for $\kappa$ (rival)")
        axis.plot([], [], "o", color="0.4", label="simulation, 1 SE")
        axis.set(xscale="log", yscale="log", xlabel=r"ridge $\eta$", title=title)
    axes[0].set(ylabel="loss", ylim=(0.02, 1))
    axes[1].set(ylim=(1e-3, 3))
    axes[1].legend(loc="upper right")
    return figure
