"""Drawing of SGD on fixed training sets."""

from __future__ import annotations

from typing import Any

RIVAL = dict(linestyle="--", linewidth=0.9)
NAMES = {1: "first", 0: "second", 2: "third"}  # training sets by their seeds
MARKERS = "osD"


def draw_training_sets(tables: dict[str, Any]) -> Any:
    """Draw train losses, the same over the exact ones, and test losses of three interpolating training sets."""
    import matplotlib.pyplot as plt

    table = tables["accelerated_sgd.9"]
    rows = {name: part for name, part in table.groupby("check")}
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11.5, 4.0))
    for index, (seed, name) in enumerate(NAMES.items()):
        own = {check: part[part["seed"] == seed] for check, part in rows.items()}
        train, test, train_points, test_points = (
            own["train-line"],
            own["test-line"],
            own["train-loss"],
            own["test-loss"],
        )
        if train.empty:
            continue
        style = dict(fmt=MARKERS[index], color=f"C{index}")
        left.plot(train["time"], train["predicted"], color=f"C{index}", label=f"{name} training set, exact")
        left.plot(train["time"], train["Gaussian closure"], color=f"C{index}", **RIVAL)
        left.errorbar(train_points["time"], train_points["simulated"], yerr=train_points["standard_error"], **style)
        middle.plot(train["time"], train["Gaussian closure"] / train["predicted"], color=f"C{index}", **RIVAL)
        middle.errorbar(train_points["time"], train_points["simulated"] / train_points["predicted"],
                        yerr=train_points["standard_error"] / train_points["predicted"], **style)  # fmt: skip
        right.plot(test["time"], test["predicted"], color=f"C{index}")
        right.plot(test["time"], test["Gaussian closure"], color=f"C{index}", **RIVAL)
        right.plot(test["time"], test["fresh samples"], color=f"C{index}", linestyle=":", linewidth=0.9)
        right.errorbar(test_points["time"], test_points["simulated"], yerr=test_points["standard_error"], **style)
    middle.axhline(1.0, color="0.5", linewidth=0.8)
    left.plot([], [], "o", color="0.4", label="simulation, 1 SE")
    left.plot([], [], color="0.4", label="Gaussian closure (rival)", **RIVAL)
    left.plot([], [], color="0.4", linestyle=":", linewidth=0.9, label="fresh samples (rival)")
    left.set(yscale="log", xlabel="step $t$", ylabel="train loss")
    middle.set(xlabel="step $t$", ylabel="train loss / exact train loss", ylim=(0.9, 1.5))
    right.set(xlabel="step $t$", ylabel="test loss", ylim=(0, 1.1))
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
