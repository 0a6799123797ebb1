"""Drawing of noiseless learning on the scale of the smallest eigenvalues, from the table of its claim alone."""

from __future__ import annotations

from typing import Any


def draw_noiseless(tables: dict[str, Any]) -> Any:
    """Draw rescaled losses against rescaled thresholds, and the approach to the constants. None at quick scale."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["spectral_algorithms.11"]
    rows = dict(list(table.groupby("check")))
    if "limit" not in rows:
        return None
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.4))
    constants = rows["constant"].set_index(["nu", "kappa", "profile"])["predicted"]
    for axis, (nu, kappa) in zip(axes, ((2.0, 3.0), (1.5, 1.0)), strict=False):
        for index, (name, label) in enumerate((("ridge", r"ridge $\eta$"), ("gradient_flow", r"flow, $\eta = 1/t$"))):
            line, finite, simulated = (
                here[(here["algorithm"] == name) & (here["nu"] == nu) & (here["kappa"] == kappa)]
                for here in (rows["limit"], rows["scaling-limit"], rows["simulated-training"])
            )
            axis.plot(line["threshold"], line["predicted"], color=f"C{index}", label=f"{label}, limit")
            small = finite[finite["n_samples"] == 100]
            axis.plot(small["threshold"], small["simulated"], color=f"C{index}", linestyle=":", linewidth=1.3,
                      label=f"{label}, $N$ = 100")  # fmt: skip
            axis.errorbar(simulated["threshold"], simulated["simulated"], yerr=simulated["standard_error"],
                          color=f"C{index}", fmt="o")  # fmt: skip
        for name, style in (("interpolation", "-"), ("optimal", "--")):
            axis.axhline(constants[nu, kappa, name], color="black", linestyle=style, linewidth=0.9, zorder=1,
                         label={"interpolation": "interpolation", "optimal": "best profile"}[name])  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel=r"threshold $\eta N^\nu$", ylabel=r"$N^\kappa$ loss",
                 title=rf"$\nu$ = {nu:g}, $\kappa$ = {kappa:g}")  # fmt: skip
        low = constants[nu, kappa, "optimal"]
        high, ticks = (12, (6, 10, 20, 30, 40, 60)) if kappa > 2 else (4, (3, 4, 6, 8, 12))
        axis.set(xlim=(0.03, 120), ylim=(0.85 * low, high * low))
        axis.set_yticks(ticks, list(map(str, ticks)))
        axis.yaxis.minorticks_off()
    axes[0].plot([], [], "o", color="0.4", label="simulation, 1 SE")
    axes[0].legend(loc="upper left")
    points = rows["circle-constants"]
    for index, ((nu, kappa), here) in enumerate(points[points["profile"] == "interpolation"].groupby(["nu", "kappa"])):
        gap = np.abs(here["simulated"] / here["predicted"] - 1)
        rate = min(1, 2 * nu - kappa)
        label = rf"({nu:g}, {kappa:g}), slope $-${rate:g}"
        axes[2].plot(here["n_samples"], gap, "o", color=f"C{index}", label=label)
        reference = gap.iloc[0] * (here["n_samples"] / here["n_samples"].iloc[0]) ** -rate
        axes[2].plot(here["n_samples"], reference, color=f"C{index}", linewidth=0.9)
    axes[2].set(xscale="log", yscale="log", xlabel="number of points $N$", ylabel=r"$1 - N^\kappa L / \Omega$",
                title=r"approach to the constant $\Omega$, $h = 1$")  # fmt: skip
    axes[2].legend(title=r"($\nu$, $\kappa$)", loc="lower left")
    return figure
