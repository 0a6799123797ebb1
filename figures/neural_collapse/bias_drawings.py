"""Drawings of narrow layers, of training towards the frames, and of the transition under a ridge on the bias."""

from __future__ import annotations

from typing import Any

PARTS = {"nc1": "NC1, variability", "class_mean_gram": "NC2, class means", "classifier_gram": "NC2, classifier",
         "end_to_end": "NC3, end to end"}  # fmt: skip


def draw_bottleneck(tables: dict[str, Any]) -> Any:
    """Draw the least loss against the least width, without and with a bias."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.4"]
    figure, axis = plt.subplots()
    points = table[table["check"] == "loss"]
    for index, (bias, line) in enumerate(table[table["check"] == "line"].groupby(table["bias"].astype(str))):
        colour, name = f"C{2 * index}", "free bias" if bias == "True" else "no bias"
        axis.plot(line["rank"], line["predicted"], color=colour, label=f"{name}: largest modes")
        axis.plot(
            line["rank"],
            line["smallest modes survive"],
            "--",
            color=colour,
            linewidth=0.9,
            label=f"{name}: smallest (rival)",
        )
        here = points[points["bias"].astype(str) == bias]
        axis.plot(here["rank"], here["simulated"], "o", color=colour)
    axis.plot([], [], "o", color="0.4", label="trained, best of 12")
    axis.set(
        xlabel="least width R (five classes, two layers)",
        ylabel="loss",
        ylim=(0, None),
        title="room for fewer modes than classes",
    )
    axis.set_xticks(range(1, 6))
    axis.legend()
    return figure


def draw_training_curves(tables: dict[str, Any]) -> Any:
    """Draw the measures of collapse along training by momentum, towards four targets."""
    import matplotlib.pyplot as plt

    table = tables["neural_collapse.5"]
    lines = table[table["check"] == "training"]
    targets = [name for name in ("OF", "GOF", "ETF", "centred labels") if name in lines["target"].unique()]
    titles = {"OF": "balanced, no bias: OF", "GOF": "imbalanced, no bias: GOF", "ETF": "balanced, bias: ETF",
              "centred labels": "imbalanced, bias"}  # fmt: skip
    figure, axes = plt.subplots(
        1, len(targets), figsize=(1.5 + 2.8 * len(targets), 4.0), sharex=True, sharey=True, squeeze=False
    )
    styles = dict(zip(sorted(lines["n_layers"].unique()), ("-", "--"), strict=False))
    for axis, target in zip(axes[0], targets, strict=True):
        for index, (part, name) in enumerate(PARTS.items()):
            for depth, style in styles.items():
                line = lines[(lines["target"] == target) & (lines["part"] == part) & (lines["n_layers"] == depth)]
                axis.plot(line["step"], line["predicted"].clip(lower=1e-17), style, color=f"C{index}",
                          label=name if style == "-" else None)  # fmt: skip
        axis.axhline(1e-10, color="0.3", linewidth=0.8, linestyle=":")
        axis.set(xscale="log", yscale="log", ylim=(1e-16, 10), xlabel="step", title=titles[target])
    for depth, style in styles.items():
        axes[0, 0].plot([], [], style, color="0.3", label="one layer" if depth == 1 else f"{depth:g} layers")
    axes[0, 0].plot([], [], ":", color="0.3", linewidth=0.8, label="tolerance at the end")
    axes[0, 0].set_ylabel("distance from the predicted frame")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names))
    return figure


def draw_bias_transition(tables: dict[str, Any]) -> Any:
    """Draw the fit of the mean mode against the ridge on the bias, in units of the transition."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["neural_collapse.6"]
    points = table[table["check"] == "mean-fit"]
    figure, axis = plt.subplots()
    for index, (depth, line) in enumerate(table[table["check"] == "line"].groupby("n_layers")):
        here = points[points["n_layers"] == depth]
        if not len(here):
            continue
        colour, line = f"C{2 * index}", line.sort_values("ratio")
        name = "one layer" if depth == 1 else f"{depth:g} layers"
        axis.plot(line["ratio"], line["predicted"], color=colour, label=name)
        axis.plot(line["ratio"], line["transition at beta / beta_c"], "--", color=colour, linewidth=0.9)
        axis.plot(here["ratio"], here["simulated"], "o", color=colour)
    axis.plot([], [], "--", color="0.4", linewidth=0.9, label=r"transition at $\beta/\beta_c$ (rival)")
    axis.plot([], [], "o", color="0.4", label="trained, best of 24")
    axis.axvline(1, color="0.5", linewidth=0.8, linestyle=":")
    axis.annotate("simplex frame", (0.42, 0.06), ha="center", color="0.3")
    axis.annotate("towards the orthonormal frame", (6, 0.32), ha="center", color="0.3")
    axis.set(
        xscale="log",
        xlim=(0.2, 22),
        ylim=(-0.02, 1),
        xlabel=r"ridge on the bias, $\lambda_b/\lambda_b^\ast$",
        ylabel=r"fit $\tau'$ of the mean mode",
        title="a ridge on the bias turns one frame into the other",
    )
    ticks = np.array([0.2, 0.5, 1, 2, 5, 10, 20])
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.xaxis.minorticks_off()
    axis.legend(loc="upper left")
    return figure
