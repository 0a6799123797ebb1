"""Drawing of the published bounds on averaged SGD."""

from __future__ import annotations

from typing import Any

TITLES = {
    "i^-1": r"$\lambda_i = i^{-1}$",
    "i^-2": r"$\lambda_i = i^{-2}$",
    "exp(-i/5)": r"$\lambda_i = e^{-i/5}$",
}


def draw_bounds(tables: dict[str, Any]) -> Any:
    """Draw upper bound, exact risk and lower bound of averaged SGD against the number of iterates, on three spectra."""
    import matplotlib.pyplot as plt

    table = tables["accelerated_sgd.7"]
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.9), sharey=True)
    for axis, (spectrum, title) in zip(axes, TITLES.items(), strict=True):
        rows = {name: part for name, part in table[table["spectrum"] == spectrum].groupby("check")}
        upper, exact, lower = rows["upper-line"], rows["exact"], rows["lower-line"]
        axis.plot(upper["n_average"], upper["predicted"], color="C2", label="upper bound")
        axis.plot(upper["n_average"], upper["quarter"], color="C2", linestyle="--", linewidth=0.9,
                  label="a quarter of it")  # fmt: skip
        axis.plot(exact["n_average"], exact["predicted"], color="C0", label="exact risk")
        axis.plot(lower["n_average"], lower["predicted"], color="C4", label="lower bound")
        points = rows["simulated"]
        axis.errorbar(points["n_average"], points["simulated"], yerr=points["standard_error"], fmt="o", color="C0",
                      label="simulation, 1 SE")  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel="iterates averaged $N$", title=title)
    axes[0].set_ylabel("risk (half the excess squared error)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return figure
