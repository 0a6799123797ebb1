"""Drawing of robust training: the convex value, trained networks and rivals against the radius of the attack."""

from __future__ import annotations

from typing import Any


def draw_robust(tables: dict[str, Any]) -> Any:
    """Draw objectives under the worst attack against its radius, with the survival radii. None at quick scale."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["convex_relu.8"]
    lines, rivals, restarts, radii = (
        table[table["check"] == name] for name in ("value", "rivals", "restart", "survival")
    )
    if lines.empty:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(11.5, 4.8))
    for axis, (loss, line) in zip(axes, lines.groupby("loss", sort=False), strict=True):
        axis.plot(line["radius"], line["predicted"], color="C0", label="convex robust program")
        runs = restarts[(restarts["loss"] == loss) & (restarts["n_features"] == 2)]
        axis.plot(runs["radius"], runs["predicted"], "o", color="C1", markersize=2, alpha=0.5)
        best = runs.groupby("radius")["predicted"].min()
        axis.plot(best.index, best, "o", color="C1", label="best of 16 restarts of training")
        rival = rivals[rivals["loss"] == loss]
        for name, style, colour, text in (
            ("suffered", "--", "C2", "cones not tightened: suffered"),
            ("predicted", ":", "C2", "cones not tightened: claimed"),
            ("clean", "--", "C4", "trained without attacks"),
        ):
            axis.plot(rival["radius"], rival[name], style, color=colour, linewidth=1, label=text)
        zero = rival["at_zero"].iloc[0]
        axis.axhline(zero, color="0.4", linewidth=0.8)
        axis.annotate("zero network", (0.0, zero), xytext=(3, 4), textcoords="offset points", color="0.3", fontsize=8.5)
        axis.set(xlim=(-0.01, 0.41), ylim=(0.35 * zero, 1.35 * zero), xlabel=r"radius $\epsilon$ of the attack",
                 title=f"{loss} loss (n = 8, d = 2)")  # fmt: skip
        axis.plot(radii["predicted"], np.full(len(radii), 0.015), "|", color="black", markersize=9,
                  transform=axis.get_xaxis_transform(), label="survival radii of patterns")  # fmt: skip
    axes[0].set_ylabel("objective under the worst attack")
    axes[0].legend(loc="lower right", bbox_to_anchor=(1, 0.05))
    return figure
