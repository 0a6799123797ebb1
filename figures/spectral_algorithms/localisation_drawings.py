"""Drawing of the scales on which the loss lives, from the table of its claim alone."""

from __future__ import annotations

from typing import Any


def draw_localisation(tables: dict[str, Any]) -> Any:
    """Draw densities of bias and noise over spectral scales for growing sizes, and the losses."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["spectral_algorithms.12"]
    panels = (
        (1.5, 1.0, "ridge", "ridge, not saturated"),
        (1.2, 4.0, "ridge", "ridge, saturated"),
        (1.2, 4.0, "gradient_flow", "gradient flow"),
    )
    figure, axes = plt.subplots(1, 4, figsize=(13.5, 4.2), width_ratios=(1, 1, 1, 1.15))
    for axis, (nu, kappa, name, title) in zip(axes, panels, strict=False):
        own = table[(table["nu"] == nu) & (table["kappa"] == kappa) & (table["algorithm"] == name)]
        sizes = np.unique(own["n_samples"].dropna())
        for index, n in enumerate(sizes):
            weight = 0.35 + 0.65 * index / max(1, len(sizes) - 1)
            for part, colour in (("bias", "C0"), ("noise", "C2")):
                line = own[(own["check"] == part) & (own["n_samples"] == n)]
                axis.plot(line["scale"], line["predicted"], color=colour, alpha=weight, linewidth=0.8 + 1.2 * weight,
                          label=f"{part}" if n == sizes[-1] else None)  # fmt: skip
        last = own[(own["check"] == "bias") & (own["n_samples"] == sizes[-1])]
        axis.axvline(last["threshold_scale"].iloc[0], color="0.3", linestyle=":", linewidth=1.2, label="threshold")
        axis.set_xticks(np.linspace(0, nu, 4))
        axis.set(xlabel=r"scale $s = -\log_N\hat\lambda$", yscale="log", xlim=(0, nu), ylim=(2e-3, 40),
                 title=rf"{title}: $\nu$ = {nu:g}, $\kappa$ = {kappa:g}")  # fmt: skip
    axes[0].set_ylabel("share of the loss per unit of scale")
    axes[0].plot([], [], color="0.6", linewidth=0.9, label="paler: fewer points")
    axes[0].legend(loc="upper left")
    losses = table[table["check"] == "loss"]
    names = {"ridge": "ridge", "ridge_2": "iterated ridge", "gradient_flow": "gradient flow", "optimal": "best profile"}
    for index, (name, label) in enumerate(names.items()):
        line = losses[(losses["nu"] == 1.2) & (losses["kappa"] == 4) & (losses["algorithm"] == name)]
        if line.empty:
            continue
        own = line["n_samples"] ** 0.8 * line["predicted"]
        axes[3].plot(line["n_samples"], own, "o-", color=f"C{index}", label=label)
        rate = {"ridge": 2.4 / 3.4}.get(name, 0.8)
        axes[3].plot(line["n_samples"], own.iloc[-1] * (line["n_samples"] / line["n_samples"].iloc[-1]) ** (0.8 - rate),
                     color=f"C{index}", linestyle="--", linewidth=0.8)  # fmt: skip
    axes[3].plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="predicted slope")
    axes[3].set(xscale="log", yscale="log", xlabel="number of points $N$", ylabel=r"$N^{0.8}$ best loss",
                title=r"$\nu$ = 1.2, $\kappa$ = 4: ridge falls behind")  # fmt: skip
    axes[3].set_yticks([1, 1.5, 2, 3, 5, 8], ["1", "1.5", "2", "3", "5", "8"])
    axes[3].yaxis.minorticks_off()
    axes[3].set_ylim(top=16)
    axes[3].legend(loc="upper left")
    return figure
