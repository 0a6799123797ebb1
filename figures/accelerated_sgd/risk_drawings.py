"""Drawings of exact risks: the headline experiment, and laws of the features."""

from __future__ import annotations

from typing import Any


def draw_headline(tables: dict[str, Any]) -> Any:
    """Draw the risk of the tail average against its length, by direction of the error. None at quick scale."""
    import matplotlib.pyplot as plt

    table = tables["accelerated_sgd.2"]
    if "direction" not in table:  # the headline is simulated at full scale alone
        return None
    lines, points = table[table["check"] == "theory"], table[table["check"] == "headline"]
    names = {"accelerated": "accelerated SGD", "sgd": r"SGD, same short step $\delta$", "best_sgd": "SGD, best step"}
    styles = {"accelerated": "-", "sgd": "--", "best_sgd": "-."}
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 4.2), sharey=True)
    for axis, (direction, here) in zip(axes, lines.groupby("direction"), strict=True):
        for index, (scheme, name) in enumerate(names.items()):
            line = here[here["scheme"] == scheme]
            axis.plot(line["n_average"], line["predicted"], styles[scheme], color=f"C{index}", label=name)
            drawn = points[(points["direction"] == direction) & (points["scheme"] == scheme)]
            if len(drawn):
                axis.errorbar(drawn["n_average"], drawn["simulated"], yerr=drawn["standard_error"], fmt="o",
                              color=f"C{index}")  # fmt: skip
        ends = {scheme: float(here[here["scheme"] == scheme]["predicted"].iloc[-1]) for scheme in names}
        gains = [ends[scheme] / ends["accelerated"] for scheme in ("sgd", "best_sgd")]
        same, best = (f"{gain:.{0 if gain > 10 else 1 if gain > 0.95 else 2}f}" for gain in gains)
        value = r"\lambda_1 = 1" if direction == 1 else rf"\lambda_{{{direction:.0f}}} = 1/{direction**2:.0f}"
        axis.set(xscale="log", yscale="log", xlim=(10, 600), ylim=(4e-4, 0.4), xlabel="averaged iterates $N$",
                 title=f"error along eigenvector {direction:.0f}, ${value}$")  # fmt: skip
        axis.text(0.04, 0.04, f"SGD over accelerated at N = 500:\n{same} (same step), {best} "
                  f"(best step, {here['best_step'].iloc[0]:.2g})", transform=axis.transAxes, fontsize=9)  # fmt: skip
        axis.set_xticks([10, 20, 50, 100, 200, 500], ["10", "20", "50", "100", "200", "500"])
        axis.xaxis.minorticks_off()
    axes[0].set_ylabel("risk of the tail average")
    axes[0].plot([], [], "o", color="0.4", label="simulation, 1 SE")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def draw_feature_laws(tables: dict[str, Any]) -> Any:
    """Draw the risk of the last iterate over its value with Gaussian features, for every law of the features."""
    import matplotlib.pyplot as plt

    table = tables["accelerated_sgd.1"]
    lines, points = table[table["check"] == "theory"], table[table["check"] == "feature-laws"]
    points = points[points["configuration"] == "A"]
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.4), sharex=True)
    for axis, (size, here) in zip(axes, lines.groupby("batch_size"), strict=True):
        drawn = points[points["batch_size"] == size]
        others = [law for law in here["law"].unique() if law != "gaussian"]
        axis.axhline(1, color="black", linestyle="--", linewidth=0.8, label="gaussian (rival)")
        for index, law in enumerate(others):
            simulated, line = drawn[drawn["law"] == law], here[here["law"] == law]
            if len(simulated):
                axis.plot(line["step"], line["predicted"] / line["Gaussian formula"], color=f"C{index}", label=law)
                axis.errorbar(simulated["step"], simulated["simulated"] / simulated["Gaussian formula"],
                              yerr=simulated["standard_error"] / simulated["Gaussian formula"], fmt="o",
                              color=f"C{index}")  # fmt: skip
        axis.set(xlabel="step $t$", title="one sample a step" if size == 1 else f"{size:.0f} samples a step")
    axes[1].plot([], [], "o", color="0.4", label="simulation, 1 SE")
    axes[0].set_ylabel("risk over that of Gaussian features")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure
