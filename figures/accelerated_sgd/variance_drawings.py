"""Drawings of the variance, and of random features."""

from __future__ import annotations

from typing import Any


def draw_variance(tables: dict[str, Any]) -> Any:
    """Draw averages against their limit, the sandwich of the variance, and its rate, on random problems."""
    import matplotlib.pyplot as plt
    import numpy as np

    settled, table = tables["accelerated_sgd.5"], tables["accelerated_sgd.6"]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4.3))
    points = settled[settled["check"] == "averages"]
    names = {"A": "accelerated SGD (A)", "D": "heavy ball (D)"}
    for index, (name, line) in enumerate(settled[settled["check"] == "average"].groupby("configuration")):
        left.plot(line["n_average"], line["predicted"] / line["limit"], color=f"C{index}", label=names[name])
        here, limit = points[points["configuration"] == name], line["limit"].iloc[0]
        left.errorbar(here["n_average"], here["simulated"] / limit, yerr=here["standard_error"] / limit, fmt="o",
                      color=f"C{index}")  # fmt: skip
    left.axhline(1, color="0.4", linestyle="--", linewidth=0.8, label="limit at every length (rival)")
    left.plot([], [], "o", color="0.4", label="simulation, 1 SE")
    left.set(xscale="log", xlabel="averaged iterates $N$", ylabel=r"$N R_N$ over its limit", ylim=(0, 1.45),
             title="averages from the optimum")  # fmt: skip
    left.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    left.legend(loc="upper left")
    inside = table[table["check"] == "lower-end"]
    middle.plot(
        inside["largest"], inside["ratio"], ".", color="C0", markersize=3, label="random problems", rasterized=True
    )
    ends = np.array([1.0, inside["largest"].max()])
    middle.plot(ends, ends, color="black", linewidth=1, label="upper end")
    middle.plot(ends, [1, 1], color="black", linewidth=1, linestyle=":", label="lower end")
    simulated = table[table["check"] == "simulated-variance"]
    low = simulated["lower"]
    middle.errorbar(simulated["upper"] / low, simulated["simulated"] / low, yerr=simulated["standard_error"] / low,
                    fmt="o", color="C1", label="simulation, 1 SE")  # fmt: skip
    middle.set(xscale="log", yscale="log", xlabel=r"$\max_i (1 - p\,x_i)^{-1} / (1-\ell)$", ylabel=r"$V / V_{add}$",
               title="variance in its sandwich")  # fmt: skip
    middle.legend(loc="upper left")
    rate = table[table["check"] == "rate-from-above"]
    for index, (scheme, name) in enumerate((("accelerated", r"accelerated, long step $\gamma$"), ("sgd", "SGD"))):
        here = rate[rate["scheme"] == scheme]
        right.plot(here["rate"], here["simulated"] / here["rate"] / here["factor"], ".", color=f"C{index}",
                   markersize=3, label=name, rasterized=True)  # fmt: skip
        constants = here["predicted"] / here["rate"] / here["factor"]
        right.axhline(constants.iloc[0], color=f"C{index}", linewidth=1, label="its upper constant")
    here = rate[rate["scheme"] == "accelerated"]
    short = here["short step for gamma"] / here["predicted"] * here["rate"]
    right.plot(here["rate"], here["simulated"] / short / here["factor"], "x", color="0.6", markersize=3, zorder=1,
               rasterized=True, label=r"accelerated, short step $\delta$ (rival)")  # fmt: skip
    right.set(xscale="log", yscale="log", xlabel="rate $D$: effective-dimension sum", ylim=(0.005, 500),
              ylabel=r"$V (1-\ell)\,\min_i(1-x_i) / D$", title="rate of the variance")  # fmt: skip
    right.legend(loc="upper left", markerscale=3)
    return figure


def draw_renewal(tables: dict[str, Any]) -> Any:
    """Draw the risk as remains of the initial error plus remembered noise, and learning curves of random features."""
    import matplotlib.pyplot as plt

    table = tables["accelerated_sgd.10"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4))
    risk, start = table[table["check"] == "risk"], table[table["check"] == "initial error"]
    left.plot(risk["step"], risk["predicted"], color="C0", label="risk")
    left.plot(start["step"], start["predicted"], color="C1", label=r"initial error alone, $F^w_t / 2$")
    left.fill_between(risk["step"], start["predicted"], risk["predicted"].to_numpy(), color="C0", alpha=0.15,
                      label="remembered noise")  # fmt: skip
    kernel = table[table["check"] == "kernel"]
    left.plot(kernel["step"], kernel["predicted"], color="C2", linestyle="-.", label="kernel $K^y_t$")
    left.set(yscale="log", ylim=(1e-4, 3), xlabel="step $t$", title="configuration A")
    left.legend(loc="lower left")
    lines, points = table[table["check"] == "random-feature-line"], table[table["check"] == "random-features"]
    for index, (scheme, here) in enumerate(lines.groupby("scheme")):
        for seed, line in here.groupby("seed"):
            name = scheme.replace("sgd", "SGD") if seed == 0 else None
            right.plot(line["step"], line["predicted"], color=f"C{index}", label=name)
            right.plot(line["step"], line["no label noise"], color=f"C{index}", linestyle="--", linewidth=0.8)
            drawn = points[(points["scheme"] == scheme) & (points["seed"] == seed)]
            right.errorbar(drawn["step"], drawn["simulated"], yerr=drawn["standard_error"], fmt="os"[int(seed)],
                           color=f"C{index}")  # fmt: skip
    right.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="unexplained part makes no noise (rival)")
    for seed, marker in enumerate("os"):
        right.plot([], [], marker, color="0.4", label=f"simulation in the population, draw {seed + 1} of W")
    right.set(yscale="log", xscale="log", xlabel="step $t$", ylabel="risk", title="random features, v = 100, d = 20",
              xlim=(0.9, 250))  # fmt: skip
    right.set_xticks([1, 10, 100], ["1", "10", "100"])
    right.set_yticks([0.1, 0.2, 0.5], ["0.1", "0.2", "0.5"])
    right.yaxis.minorticks_off()
    right.legend(loc="lower left")
    return figure
