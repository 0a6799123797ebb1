"""Drawings of the best profile of the Wishart model."""

from __future__ import annotations

from typing import Any


def draw_optimum(tables: dict[str, Any]) -> Any:
    """Draw the best profile on the bands with simpler ones, and how far the naive optimum is from it."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["spectral_algorithms.8"]
    profile = table[table["check"] == "profile"]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), width_ratios=(1, 1, 0.9))
    for axis, (kappa, lines) in zip(axes, profile.groupby("kappa"), strict=False):
        lines = lines.sort_values("eigenvalue")
        axis.plot(lines["eigenvalue"], lines["best ridge"], color="0.4", linestyle="--", linewidth=0.9,
                  label="best ridge (rival)")  # fmt: skip
        axis.plot(lines["eigenvalue"], lines["naive model"], color="C2", linestyle="--", linewidth=0.9,
                  label="best of the naive model (rival)")  # fmt: skip
        axis.plot(lines["eigenvalue"], lines["predicted"], ".", color="C0", markersize=2.5, label="best, on the bands")
        axis.set(xscale="log", xlabel=r"empirical eigenvalue $\lambda$", ylim=(-0.03, 1.12),
                 title=rf"$\nu = 1.5$, $\kappa = {kappa:g}$, N = 100, $\sigma^2 = 0.1$")  # fmt: skip
    axes[0].set_ylabel(r"profile $h(\lambda)$")
    axes[0].legend(loc="lower right")
    distance = table[table["check"] == "distance"]
    for index, (kappa, line) in enumerate(distance.groupby("kappa")):
        n = line["n_samples"].to_numpy(dtype=float)
        axes[2].plot(n, line["predicted"], "s-", color=f"C{index}", label=rf"$\kappa = {kappa:g}$")
        reference = line["predicted"].to_numpy()[-1] * np.sqrt(n[-1] / n)
        axes[2].plot(n, reference, color="black", linewidth=0.8, linestyle=":")
    axes[2].plot([], [], color="black", linewidth=0.8, linestyle=":", label=r"$N^{-1/2}$")
    axes[2].set_ylim(0.006, 0.04)
    axes[2].set(xscale="log", yscale="log", xlabel="samples N", ylabel=r"$\sup|h^\ast - h_{\mathrm{NMNO}}|$",
                title=r"towards the naive model, $\sigma^2 = 1$")  # fmt: skip
    axes[2].set_xticks([100, 400, 1600], ["100", "400", "1600"])
    axes[2].set_yticks([0.01, 0.02, 0.03], ["0.01", "0.02", "0.03"])
    axes[2].minorticks_off()
    axes[2].legend()
    return figure
