"""Drawing of how descent follows the weights, and of the directions that descent and orthogonal descent find."""

from __future__ import annotations

from typing import Any


def draw_orthogonal(tables: dict[str, Any]) -> Any:
    """Draw the cosine of descent with the weights against the margin, and the angle of three kinds of descent."""
    import matplotlib.pyplot as plt

    if not {"grokking.11", "grokking.12"} <= set(tables):
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.5))
    _follow(left, tables["grokking.11"])
    _turn(right, tables["grokking.12"])
    return figure


def _follow(axis: Any, table: Any) -> None:
    cosine, margin = table[table["check"] == "cosine"], table[table["check"] == "margin"]
    runs = cosine.merge(margin, on=["trial", "step"], suffixes=("", "_margin"))
    for _, run in runs.groupby("trial"):
        axis.plot(run["predicted_margin"], run["predicted"], "-o", color="C0", linewidth=0.6, markersize=2.5, alpha=0.7)
    judged = table[table["check"] == "descent-follows-the-weights"]
    ends = [judged["margin"].min(), judged["margin"].max()]
    axis.plot(ends, [judged["predicted"].iloc[0]] * 2, color="C2", label="bound that is checked")
    axis.axvline(0, color="0.4", linestyle=":", label="all samples classified")
    axis.plot([], [], "-o", color="C0", linewidth=0.6, markersize=2.5, label="training runs, step 0 to "
              f"{runs['step'].max():.0f}")  # fmt: skip
    axis.set(xlabel="smallest margin of a sample", ylabel="cosine of minus gradient and weights", ylim=(-0.25, 0.85),
             title="naive loss minimisation: descent follows the weights")  # fmt: skip
    axis.legend(loc="lower right")


def _turn(axis: Any, table: Any) -> None:
    paths, asymptote = table[table["check"] == "paths"], table[table["check"] == "asymptote"]
    kinds = {"descent": ("C1", "s", "gradient descent"), "stretched": ("C3", ".", "orthogonal, stretched to $|g|$"),
             "orthogonal": ("C0", "o", "orthogonal gradient")}  # fmt: skip
    for kind, (colour, marker, label) in kinds.items():
        here = paths[paths["kind"] == kind]
        axis.plot(here["step"][::2], here["angle"][::2], marker, color=colour, markersize=3.5, label=label)
    best = paths[paths["kind"] == "orthogonal"]
    axis.plot(best["step"], best["predicted"], color="C0", linewidth=1.2, label="best on its circle")
    axis.plot(asymptote["step"], asymptote["predicted"], color="C1", linewidth=1.2, label=r"asymptote $\sim 1/\ln t$")
    axis.axhline(0, color="0.4", linewidth=0.9, linestyle="--", label="maximal margin")
    axis.set(xscale="log", xlabel="step", ylabel="angle of the weights", ylim=(-0.55, 0.42),
             title="two samples: which direction, and how soon")  # fmt: skip
    axis.legend(loc="lower right")
