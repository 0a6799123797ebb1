"""Drawing of the convergence of the alternating direction method, and of the networks on its way."""

from __future__ import annotations

from typing import Any


def draw_convergence(tables: dict[str, Any]) -> Any:
    """Draw the gap of the convex program against steps, with predicted slopes, and the objective of the networks."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["convex_relu.6"]
    gaps, networks = (table[table["check"] == name] for name in ("gap", "network"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6))
    for index, (rho, path) in enumerate(gaps.groupby("penalty_parameter")):
        path = path[path["step"] % 50 == 0]
        step, rate = path["step"].to_numpy(), path["rate"].iloc[0]
        gap = np.abs(path["predicted"] / path["sampled"] - 1).to_numpy()
        above = gap > 3e-12
        left.plot(step[above], gap[above], "o", color=f"C{index}", markersize=3, label=rf"$\rho$ = {rho:g}")
        late = np.flatnonzero(above & (gap < 1e-4))
        if rate < 1 and len(late) > 4:
            middle = late[len(late) // 2 :]
            height = np.exp(np.mean(np.log(gap[middle]) - step[middle] * np.log(rate)))
            shown = step[late[0] : late[-1] + 1]
            left.plot(shown, height * rate**shown, color=f"C{index}")
    left.plot([], [], color="0.4", label="predicted slope")
    left.set(yscale="log", ylim=(1e-12, 3), xlabel="step $k$", ylabel="relative gap of the objective",
             title="linear convergence, at the predicted rate")  # fmt: skip
    left.legend()
    for index, (rho, path) in enumerate(networks.groupby("penalty_parameter")):
        right.plot(path["step"], path["predicted"], color=f"C{index}", label=rf"$\rho$ = {rho:g}")
    sampled, complete = networks["sampled"].iloc[0], networks["complete"].iloc[0]
    for level, style, text in ((sampled, "--", "sampled optimum"), (complete, "-", "optimum over all patterns")):
        right.axhline(level, color="black", linewidth=1, linestyle=style, label=text)
    right.set(xscale="log", xlim=(1, 4000), ylim=(complete - 0.02, sampled + 0.15), xlabel="step $k$",
              ylabel="objective of the network", title="networks on the way beat the sampled optimum")  # fmt: skip
    right.legend(loc="upper right")
    return figure
