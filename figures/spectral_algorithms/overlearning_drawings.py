"""Drawing of the overlearning transition, from the table of its claim alone."""

from __future__ import annotations

from typing import Any


def draw_overlearning(tables: dict[str, Any]) -> Any:
    """Draw the best profile for several kernels, its extremes across the transition, and what it gains."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["spectral_algorithms.3"]
    rows = dict(list(table.groupby("check")))
    if "gain" not in rows:
        return None
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 4.3))
    dense = rows["dense-optimum"]
    for index, (nu, line) in enumerate(rows["best-profile"].groupby("nu")):
        left.plot(line["frequency"], line["predicted"], color=f"C{index}", label=rf"$\nu$ = {nu:g}")
        here = dense[(dense["nu"] == nu) & (dense["n_samples"] == 16)]
        left.plot(here["frequency"], here["simulated"], "o", color=f"C{index}")
    left.plot([], [], "o", color="0.4", label="dense matrices")
    left.set(xlabel="frequency $k$ ($N$ = 16)", ylabel="best profile $h^*$",
             title=r"one target ($\kappa$ = 3), four kernels")  # fmt: skip
    for index, nu in enumerate((1.5, 2.0, 3.0)):
        low, high = (rows[name][rows[name]["nu"] == nu] for name in ("lowest", "highest"))
        x = low["kappa"] - nu + 1
        middle.fill_between(x, 1 + low["predicted"], 1 + high["predicted"], color=f"C{index}", alpha=0.25, linewidth=0)
        middle.plot(x, 1 + high["predicted"], color=f"C{index}", label=rf"$\nu$ = {nu:g}")
        middle.plot(x, 1 + low["predicted"], color=f"C{index}", linewidth=0.8)
    middle.axvline(1, color="0.3", linestyle="--", linewidth=0.8)
    middle.annotate(r"$\kappa = \nu$ (rival)", (1, 0.72), xytext=(-4, 0), textcoords="offset points", rotation=90,
                    ha="right", fontsize=9)  # fmt: skip
    middle.set(xlabel=r"$\kappa - (\nu - 1)$", ylabel="range of $h^*$ over all frequencies", ylim=(0.5, None),
               title=r"the transition ($N$ = 1000)")  # fmt: skip
    points = rows["simulated-training"]
    for nu, line in rows["gain"].groupby("nu"):
        colour = "C1" if nu == 2 else "C0"
        right.plot(line["kappa"], line["predicted"], color=colour, label=rf"$\nu$ = {nu:g}")
        here = points[points["nu"] == nu].sort_values("kappa")
        best, full = (here[here["profile"] == name] for name in ("best", "interpolation"))
        ratio = full["simulated"].to_numpy() / best["simulated"].to_numpy()
        errors = (side["standard_error"].to_numpy() / side["simulated"].to_numpy() for side in (best, full))
        right.errorbar(best["kappa"], ratio, yerr=ratio * np.hypot(*errors), fmt="o", color=colour)
        right.plot(nu - 1, 1, "|", color=colour, markersize=16, markeredgewidth=1.5)
    right.plot([], [], "o", color="0.4", label="simulation, 1 SE")
    right.plot([], [], "|", color="0.4", markersize=12, label=r"$\kappa = \nu - 1$")
    right.set(xlabel=r"source exponent $\kappa$", yscale="log", ylabel="loss of interpolation / best loss",
              title="what the best profile gains ($N$ = 101)")  # fmt: skip
    right.set_yticks([1, 1.5, 2, 3], ["1", "1.5", "2", "3"])
    right.minorticks_off()
    for axis in (left, middle, right):
        axis.axhline(1, color="0.4", linewidth=0.8, zorder=0.5)
        axis.legend(loc="upper left")
    return figure
