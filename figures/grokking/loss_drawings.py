"""Drawings of the loss terms during training."""

from __future__ import annotations

from typing import Any


def draw_loss_terms(tables: dict[str, Any]) -> Any:
    """Draw a network that groks: its losses, the three terms, alignment and weights. None at quick scale."""
    import matplotlib.pyplot as plt

    table = tables["grokking.2"]
    run = table[table["check"] == "run"]
    if run.empty:  # the long run is computed at full scale alone
        return None
    points = table[table["check"] == "while-it-groks"]
    step = run["step"]
    figure, (losses, terms, features) = plt.subplots(1, 3, figsize=(14, 4.3))
    for name, exact, lazy, simulated, colour in (
        ("train", "train", "lazy_train", "trained", "C0"),
        ("test", "predicted", "lazy_test", "simulated", "C2"),
    ):
        losses.plot(step, run[exact], color=colour, label=f"{name} loss")
        losses.plot(step, run[lazy], color=colour, linestyle="--", linewidth=0.9)
        losses.plot(points["step"], points[simulated], "o", color=colour)
    losses.axhline(run["regression"].iloc[0], color="0.4", linewidth=0.9, linestyle=":",
                   label="kernel regression, test")  # fmt: skip
    losses.plot([], [], color="0.4", linestyle="--", linewidth=0.9, label="kernel of the start (rival)")
    losses.plot([], [], "o", color="0.4", label="500 neurons, by weights")
    losses.set(xscale="log", ylim=(-0.03, 1.05), xlabel="step", ylabel="mean squared error",
               title="grokking: d = 100, n = 550")  # fmt: skip
    losses.legend(loc="lower left")
    for index, name in enumerate(("variance", "misalignment", "linear")):
        terms.plot(step, run[name], color=f"C{(4, 5, 1)[index]}", label=name)
    terms.plot(step, run["predicted"], color="C2", linewidth=0.9, label="sum: test loss")
    terms.set(xscale="log", xlabel="step", title="the three terms of the test loss")
    terms.legend(loc="upper right")
    features.plot(step, run["alignment"], color="C0", label="kernel alignment (left)")
    features.set(xscale="log", xlabel="step", ylabel="alignment of kernel and target", ylim=(0, None),
                 title="features align while weights grow")  # fmt: skip
    weights = features.twinx()
    weights.plot(step, run["trace"], color="C1", linestyle="-.", label="tr M / d (right)")
    weights.set(yscale="log", ylabel=r"mean squared weight, tr $M/d$")
    weights.grid(False)
    weights.spines["right"].set_visible(True)
    handles = [*features.get_lines(), *weights.get_lines()]
    features.legend(handles, [line.get_label() for line in handles], loc="upper left")
    return figure
