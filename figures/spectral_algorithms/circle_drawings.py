"""Drawings of the exact loss on the Circle, from the tables of the claims alone."""

from __future__ import annotations

from typing import Any


def draw_circle(tables: dict[str, Any]) -> Any:
    """Draw simulated losses over the predicted ones against the size, and their ratio."""
    import matplotlib.pyplot as plt

    table = tables["spectral_algorithms.2"]
    lines, points = table[table["check"] == "theory"], table[table["check"] == "simulated-training"]
    labels = {
        "gradient flow": r"flow, $t = N^{0.6}$, $\sigma = 1$",
        "ridge": r"ridge $3N^{-0.6}$, $\sigma = 1$",
        "interpolation": r"interpolation, $\sigma = 0$",
        "noiseless ridge": r"ridge $N^{-1.5}$, $\sigma = 0$",
        "noiseless flow": r"flow, $t = N^{1.5}$, $\sigma = 0$",
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6), width_ratios=(1.2, 1))
    for index, (name, label) in enumerate(labels.items()):
        line, here = (rows[rows["algorithm"] == name].sort_values("n_samples") for rows in (lines, points))
        style = dict(color=f"C{index}", zorder=3)
        if len(line):
            left.plot(line["n_samples"], line["predicted"], color=f"C{index}")
            left.errorbar(here["n_samples"], here["simulated"], yerr=here["standard_error"], fmt="o", label=label,
                          **style)  # fmt: skip
        if "random design" in line and line["random design"].notna().any():
            left.plot(line["n_samples"], line["random design"], color=f"C{index}", linestyle="--", linewidth=0.8)
        ratio, error = here["simulated"] / here["predicted"], here["standard_error"] / here["predicted"]
        shift = 1.12 ** (index - 2)  # side by side
        right.errorbar(here["n_samples"] * shift, 100 * (ratio - 1), yerr=100 * error, fmt="os^Dv"[index], label=label,
                       **style)  # fmt: skip
    left.plot([], [], color="0.4", label="theory")
    left.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="random design (rival)")
    left.set(xscale="log", yscale="log", xlabel="number of points $N$", ylabel="loss",
             title=r"training on a grid of the circle, $\nu = 1.5$, $\kappa = 1$")  # fmt: skip
    left.legend(loc="lower left")
    tolerance = 100 * float((points["tolerance"] / points["predicted"]).min())
    right.axhspan(-tolerance, tolerance, color="0.92", label=f"{tolerance:.2g} %")
    right.axhline(0, color="0.4", linewidth=0.8)
    right.set(xscale="log", xlabel="number of points $N$", ylabel="simulation over theory, minus 1 (%)",
              ylim=(-1.6 * tolerance, 1.6 * tolerance), title="the same, relative to theory (1 SE)")  # fmt: skip
    right.legend(loc="upper right", ncols=2)
    return figure
