"""Drawings of adversarial regrets and of label-distributionally robust losses, from their claims' tables alone."""

from __future__ import annotations

from typing import Any

RIVAL = dict(linestyle="--", linewidth=0.9)


def draw_adversarial(tables: dict[str, Any]) -> Any:
    """Draw pairs of zero-one and surrogate regrets with the line of slope Phi(1), for three losses."""
    import matplotlib.pyplot as plt

    table = tables["h_consistency.7"]
    names = {0.0: r"$\tau$ = 0: sum of ramps", 1.0: r"$\tau$ = 1: logistic", 2.0: r"$\tau$ = 2: mean absolute error"}
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 4.0), sharex=True)
    for axis, (tau, name) in zip(axes, names.items(), strict=True):
        rows = table[(table["tau"] == tau) & (table["zero_one"] >= 0.0)]
        points = rows[(rows["check"] == "random-pairs") & (rows["n_classes"] == 3)]
        line = rows[rows["check"] == "constant"]
        axis.plot(
            points["zero_one"], points["simulated"], ".", color="C0", markersize=3, label="random pairs, 3 classes"
        )
        axis.plot(line["zero_one"], line["predicted"], color="black", label=r"slope $\Phi^\tau(1)$")
        if tau:
            axis.plot(line["zero_one"], line["1"], color="C2", label="slope 1 (rival)", **RIVAL)
        axis.set(title=name, xlim=(0, 1), ylim=(0, 1.7 * line["predicted"].max()),
                 xlabel="adversarial zero-one regret")  # fmt: skip
    axes[0].set_ylabel("adversarial surrogate regret")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def draw_label_robust(tables: dict[str, Any]) -> Any:
    """Draw a loss against the temperature between its limits, and the least regret of a wrong order of classes."""
    import matplotlib.pyplot as plt

    table = tables["h_consistency.8"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 4.4))
    line = table[table["check"] == "loss"]
    left.plot(line["temperature"], line["predicted"], color="C0", label=r"$\psi_\lambda$, closed form")
    left.axhline(line["maximum"].iloc[0], color="C1", linestyle=":", label="max $d$")
    left.axhline(line["mean"].iloc[0], color="C2", linestyle=":", label="mean $d$")
    points = table[table["check"] == "one-loss"]
    left.plot(points["temperature"], points["simulated"], "o", color="C0", label="numerical maximum over $q$")
    left.set(xscale="log", xlabel=r"temperature $\lambda$", ylabel="loss", title="between hinge and linear loss")
    left.legend(loc="upper right", bbox_to_anchor=(1.0, 0.92))
    wrong = table[table["check"] == "below-two-classes"]
    right.plot(wrong["temperature"], wrong["simulated"], "o-", color="C0", label="least regret found, three classes")
    two = table[table["check"] == "two-classes"]
    right.plot(two["temperature"], two["predicted"], color="C2", label=r"two classes with the same $\beta$", **RIVAL)
    right.set(xscale="log", yscale="log", xlabel=r"temperature $\lambda$", ylabel="regret of a wrong first class",
              title="$p$ = (0.4, 0.35, 0.25), margin 1")  # fmt: skip
    right.legend(loc="upper left", bbox_to_anchor=(0.0, 0.85))
    return figure
