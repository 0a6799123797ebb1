"""Drawings of minimizability gaps and of training on finite laws, from their claims' tables alone."""

from __future__ import annotations

from typing import Any

NAMES = {0.0: r"$\tau$ = 0: sum-exponential", 0.5: r"$\tau$ = 0.5", 1.0: r"$\tau$ = 1: logistic"}


def draw_gaps(tables: dict[str, Any]) -> Any:
    """Draw gap and approximation error against the bound of the class, and the gaps of constant scores against tau."""
    import matplotlib.pyplot as plt

    table = tables["h_consistency.4"]
    rows = table[(table["check"] == "gap-and-approximation-error") & (table["law"] == "cyclic")]
    if rows["weight_bound"].nunique() < 3:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 4.4))
    for index, (tau, here) in enumerate(rows.groupby("tau")):
        for quantity, style, marker in (("A", "--", "s"), ("M", "-", "o")):
            line = here[here["quantity"] == quantity]
            left.plot(line["weight_bound"], line["predicted"], style, color=f"C{index}")
            left.plot(line["weight_bound"], line["simulated"], marker, color=f"C{index}", markersize=3.5)
        left.plot([], [], color=f"C{index}", label=NAMES[tau])
    left.plot([], [], "s--", color="0.4", markersize=3.5, label="approximation error $A$")
    left.plot([], [], "o-", color="0.4", markersize=3.5, label="minimizability gap $M$")
    left.set(xscale="log", ylim=(0, 1.15), xlabel="bounds of the linear class, $W = B$", ylabel="gap",
             title="classes in a circle, linear scores")  # fmt: skip
    left.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    left.legend(loc="upper right", ncols=2, fontsize=8)
    lines = table[table["check"] == "constant-scores-theory"]
    points = table[(table["check"] == "constant-scores") & (table["score_bound"] == 20)]
    for index, (classes, line) in enumerate(lines.groupby("classes", sort=False)):
        label = r"$\pi$ = " + classes.replace(" ", ", ")
        here = points[points["classes"] == classes]
        right.plot(line["tau"], line["predicted"], color=f"C{index}", label=label)
        right.plot(here["tau"], here["simulated"], "os^"[index], color=f"C{index}")
    right.set(xlabel=r"$\tau$", ylabel=r"minimizability gap $M_\tau$", title="constant scores, certain labels",
              ylim=(0, None))  # fmt: skip
    right.legend(title="class frequencies")
    return figure


def draw_training(tables: dict[str, Any]) -> Any:
    """Draw the regrets of logistic regression against the sample size, for a well specified law and another one."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["h_consistency.5"]
    rows = table[(table["check"] == "trained-on-average") & (table["tau"] == 1.0)]
    best = table[table["check"] == "best-in-class"].set_index("name")["predicted"]
    figure, axes = plt.subplots(1, 2, figsize=(10.0, 4.6), sharex=True)
    titles = {"linear": "linear logits: well specified", "cyclic": "classes in a circle: not linear"}
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        here = rows[rows["name"] == name]
        m = here["n_samples"]
        axis.plot(m, here["predicted"], color="C0", label=r"bound $\Gamma_1$(surrogate regret)")
        if name == "linear":
            line = np.geomspace(m.min(), m.max(), 30)
            axis.plot(line, 2.0 / line, color="C1", label=r"$(n-1)(d+1)/2m$")
        else:
            axis.plot(m, here["against the best in class"], color="C3", linestyle="--", linewidth=0.9,
                      label=r"$\Gamma_1$ of the regret in the class (rival)")  # fmt: skip
            axis.axhline(best[name], color="C2", linestyle=":", label="zero-one regret of the best linear scores")
        axis.plot(m, here["surrogate_regret"], "s", color="C1", label="surrogate regret, simulated")
        seen = here["simulated"] > 1e-5
        axis.plot(m[seen], here["simulated"][seen], "o", color="C2", label="zero-one regret, simulated")
        axis.set(xscale="log", yscale="log", xlabel="training points $m$", title=title)
    axes[0].set(ylabel="mean regret", ylim=(4e-5, 1))
    axes[1].set(ylim=(1.8e-2, 8))
    for axis in axes:
        axis.legend(loc="upper right", fontsize=8)
    return figure
