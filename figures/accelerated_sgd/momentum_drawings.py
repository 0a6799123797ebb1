"""Drawings of the mean dynamics and of stability."""

from __future__ import annotations

from typing import Any


def draw_acceleration(tables: dict[str, Any]) -> Any:
    """Draw rates of contraction, and the bias of accelerated SGD over that of SGD, against the eigenvalue."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["accelerated_sgd.3"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), sharex=True)
    rate = table[table["check"] == "contraction"]
    left.plot(rate["eigenvalue"], rate["predicted"], color="C0", label=r"accelerated, $1 - \rho(A)$")
    left.plot(rate["eigenvalue"], rate["SGD"], color="C1", label=r"SGD, $\delta\lambda$")
    left.set(xscale="log", yscale="log", xlabel=r"eigenvalue $\lambda$", ylabel="contraction per step of the mean",
             ylim=(2e-5, 0.5))  # fmt: skip
    mean, total = table[table["check"] == "mean-only"], table[table["check"] == "total"]
    right.plot(mean["eigenvalue"], mean["predicted"], color="C0", linewidth=0.8, linestyle="--",
               label="mean alone (rival)")  # fmt: skip
    right.plot(total["eigenvalue"], total["predicted"], color="C0", label="total bias")
    points = table[table["check"] == "total-bias"].pivot(index="eigenvalue", columns="scheme")
    top, bottom = points["simulated"]["accelerated"], points["simulated"]["sgd"]
    spread = np.hypot(points["standard_error"]["accelerated"] / top, points["standard_error"]["sgd"] / bottom)
    right.errorbar(points.index, top / bottom, yerr=top / bottom * spread, fmt="o", color="C0",
                   label="simulation, 1 SE")  # fmt: skip
    right.axhline(1, color="0.4", linewidth=0.8)
    right.set(yscale="log", xlabel=r"eigenvalue $\lambda$", ylabel="squared bias: accelerated over SGD",
              ylim=(1e-4, 1e2))  # fmt: skip
    for axis in (left, right):
        for name, label in (("lower", r"$\lambda_-$"), ("crossover", r"$\hat\lambda$"), ("upper", r"$\lambda_+$")):
            place = float(rate[name].iloc[0])
            axis.axvline(place, color="0.6", linewidth=0.9, linestyle=":")
            axis.annotate(label, (place, 1), xycoords=("data", "axes fraction"), xytext=(3, -4),
                          textcoords="offset points", va="top")  # fmt: skip
    left.legend(loc="lower right")
    right.legend(loc="lower left")
    return figure


def draw_stability(tables: dict[str, Any]) -> Any:
    """Draw the stability trace over step and momentum with simulated runs, and critical steps against batch size."""
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.colors import LogNorm

    table = tables["accelerated_sgd.4"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), width_ratios=(1.15, 1))
    grid = table[table["check"] == "map"].pivot(index="momentum", columns="load", values="predicted")
    levels = [0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.67, 2.5, 5, 10]
    shades = left.contourf(grid.columns, grid.index, grid.to_numpy(), cmap="RdBu_r", norm=LogNorm(0.08, 12.5),
                           alpha=0.8, levels=levels, extend="both")  # fmt: skip
    left.contour(grid.columns, grid.index, grid.to_numpy(), levels=[1], colors="black", linewidths=1.5)
    runs = table[table["check"] == "simulated-growth"]
    for grew, marker, label in ((False, "o", "simulated risk falls"), (True, "^", "simulated risk grows")):
        here = runs[(runs["simulated"] > 0) == grew]
        left.plot(here["load"], here["momentum"], marker, color="black", markerfacecolor="white", label=label)
    left.plot([], [], color="black", label=r"$\ell = 1$")
    figure.colorbar(shades, ax=left, label=r"stability trace $\ell$", pad=0.02, ticks=levels, format="%g")
    left.set(xscale="log", xlim=(0.02, 3), ylim=(-0.03, 0.97), ylabel="momentum $c$ (heavy ball)",
             xlabel=r"step times $\mathrm{tr}H/2$", title="two levels of eigenvalues, d = 400")  # fmt: skip
    left.set_xticks([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2], ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"])
    left.minorticks_off()
    left.grid(False)
    left.legend(loc="lower left", frameon=True)
    thresholds, points = table[table["check"] == "threshold"], table[table["check"] == "critical-step"]
    names = {"sgd": "SGD", "nesterov": "Nesterov, $c$ = 0.8", "heavy_ball": "heavy ball, $c$ = 0.8"}
    for index, (kind, line) in enumerate(thresholds.groupby("kind", sort=False)):
        right.plot(line["batch_size"], line["predicted"], color=f"C{index}", label=names[kind])
    here = points[(points["kind"] == "sgd") & (points["kurtosis"] == 3) & np.isfinite(points["batch_size"])]
    right.plot(here["batch_size"], here["simulated"], "o", color="C0", label="SGD, numerical spectrum")
    right.axhline(2, color="C0", linestyle="--", linewidth=0.8, label=r"SGD, $2/\lambda_1$ (rival)")
    trace = float(here["2 (1 - c) / tr H"].iloc[0])
    right.axhline(trace, color="C0", linestyle=":", linewidth=0.9, label=r"SGD, $2/\mathrm{tr}H$ (rival)")
    right.set(xscale="log", yscale="log", ylim=(0.1, 5), xlabel="batch size $m$", ylabel="critical step",
              title=r"$\lambda_i = i^{-1.5}$, d = 100")  # fmt: skip
    right.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
    right.set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
    right.minorticks_off()
    right.legend(loc="lower right")
    return figure
