"""Drawing of networks of one input with a free bias: linear splines."""

from __future__ import annotations

from typing import Any


def draw_splines(tables: dict[str, Any]) -> Any:
    """Draw the optimal spline and the convex program's network over the data, for four regularisations."""
    import matplotlib.pyplot as plt

    table = tables["convex_relu.4"]
    fits, networks = (table[table["check"] == name] for name in ("twelve-points", "network"))
    figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.9), sharex=True, sharey=True)
    for axis, (beta, fit) in zip(axes, fits.groupby("regularisation"), strict=True):
        network = networks[networks["regularisation"] == beta]
        axis.plot(fit["position"], fit["target"], "x", color="0.5", markersize=5, label="targets")
        axis.plot(fit["position"], fit["predicted"], color="C0", linewidth=2.5, alpha=0.6, label="spline (closed form)")
        axis.plot(fit["position"], fit["simulated"], "o", color="C0", label="network at the data")
        axis.plot(network["position"], network["predicted"], color="black", linewidth=1.0, label="network in between")
        for index, rival in enumerate(("bending alone", "penalised bias"), start=1):
            axis.plot(fit["position"], fit[rival], color=f"C{index}", linestyle="--", linewidth=0.9,
                      label=f"{rival} (rival)")  # fmt: skip
        axis.set(xlabel="input $x$", title=rf"$\beta$ = {beta:g}")
    axes[0].set_ylabel("output")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=6)
    return figure
