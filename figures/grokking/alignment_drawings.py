"""Drawings of the alignment of the tangent kernel, and of what a step of descent does."""

from __future__ import annotations

from typing import Any


def draw_alignment(tables: dict[str, Any]) -> Any:
    """Draw alignment against quadratic strength for four networks, and the remainder of the kernel's one step."""
    import matplotlib.pyplot as plt

    table = tables["grokking.3"]
    exact, pairs, lines, steps = (
        table[table["check"] == name] for name in ("cubature", "pairs", "line", "remainder-line")
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.4), width_ratios=(1.3, 1))
    for index, (state, line) in enumerate(lines.groupby("state", sort=False)):
        colour = f"C{(0, 2, 4, 1)[index]}"
        left.plot(line["quadratic_strength"], line["predicted"], color=colour, label=state)
        here = exact[exact["state"] == state]
        left.plot(here["quadratic_strength"], here["simulated"], "o", color=colour)
        drawn = pairs[pairs["state"] == state]
        left.errorbar(drawn["quadratic_strength"], drawn["simulated"], yerr=drawn["standard_error"], fmt="s",
                      color=colour, markerfacecolor="white", markersize=8, zorder=1)  # fmt: skip
        if state == "untrained":
            left.plot(line["quadratic_strength"], line["no square of the trace"], color=colour, linestyle="--",
                      linewidth=0.9)  # fmt: skip
            left.plot(line["quadratic_strength"], line["infinite width"], color=colour, linestyle=":", linewidth=1.2)
    left.plot([], [], "o", color="0.4", label="cubature, neuron by neuron")
    left.plot([], [], "s", color="0.4", markerfacecolor="white", markersize=8, label="random pairs, 1 SE")
    left.plot([], [], color="0.4", linestyle="--", linewidth=0.9, label="no square of the trace (rival)")
    left.plot([], [], color="0.4", linestyle=":", linewidth=1.2, label="infinite width (rival)")
    left.set(xscale="log", yscale="log", xlabel=r"quadratic strength $\varepsilon$",
             ylabel="alignment of kernel and target", title="eight neurons, d = 6")  # fmt: skip
    left.legend(loc="lower right")
    right.plot(steps["output_scale"], steps["predicted"], color="0.4", label=r"$\propto 1/\alpha$")
    right.plot(steps["output_scale"], steps["trained"], "o", color="C0", label="network trained for one step")
    right.set(xscale="log", yscale="log", xlabel=r"output scale $\alpha$",
              ylabel="train loss: network minus kernel", title="one step of descent")  # fmt: skip
    ticks = sorted(steps["output_scale"].unique())
    right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    right.legend()
    return figure
