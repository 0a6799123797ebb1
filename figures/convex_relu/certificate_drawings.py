"""Drawings of what a certificate says about trained networks, and of the gain below the critical regularisation."""

from __future__ import annotations

from typing import Any


def draw_certificates(tables: dict[str, Any]) -> Any:
    """Draw certified gaps against true gaps, and the onset of the gain. None at quick scale."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["convex_relu.3"]
    networks, onsets = (table[table["check"] == name] for name in ("bound-from-any-network", "onset"))
    if not len(onsets):  # computed at full scale alone
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6))
    for index, ((n, d), points) in enumerate(networks.groupby(["n_samples", "n_features"])):
        true = np.maximum(points["objective"] / points["simulated"] - 1, 1e-16)
        rival = 1 - points["gauge without the cones"] / points["objective"]
        left.plot(true, rival, "x", color="0.6", markersize=3)
        for origin, marker in (("trained", "o"), ("disturbed", "+")):
            here = points["origin"] == origin
            left.plot(true[here], 1 - points["predicted"][here] / points["objective"][here], marker, color=f"C{index}",
                      markersize=4.5, alpha=0.7, label=f"{origin}, n = {n:g}, d = {d:g}")  # fmt: skip
    left.plot([], [], "x", color="0.6", markersize=3, label="gauge without the cones (rival)")
    line = np.geomspace(1e-16, 5, 300)
    left.plot(line, line / (1 + line), color="black", linewidth=1.0, label="no certificate can be below")
    left.set(xscale="log", yscale="log", xlim=(5e-10, 5), ylim=(5e-10, 3), ylabel="certified gap / objective",
             xlabel="objective above the optimum (relative)", title="networks and their certificates")  # fmt: skip
    left.legend(loc="lower right")
    for index, ((n, d), gain) in enumerate(onsets.groupby(["n_samples", "n_features"])):
        right.plot(gain["offset"], gain["predicted"], color=f"C{index}", label=f"n = {n:g}, d = {d:g}")
        right.plot(gain["offset"], gain["quadratic law"], color=f"C{index}", linestyle="--", linewidth=0.8)
    right.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label=r"$(\beta_{crit} - \beta)^2$")
    right.set(xscale="log", yscale="log", xlabel=r"$1 - \beta/\beta_{crit}$",
              ylabel=r"$\frac{1}{2}\Vert y\Vert^2 - p^\ast$", title="gain over the zero network")  # fmt: skip
    right.legend(loc="lower right")
    return figure
