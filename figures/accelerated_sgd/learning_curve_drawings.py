"""Drawing of learning curves, batch sizes and power laws of SGD."""

from __future__ import annotations

from typing import Any

RIVAL = dict(linestyle="--", linewidth=0.9)


def draw_learning_curves(tables: dict[str, Any]) -> Any:
    """Draw losses by batch size, losses at a fixed budget, exponents against source, and losses over their law."""
    import matplotlib.pyplot as plt

    table = tables["accelerated_sgd.8"]
    rows = {name: part for name, part in table.groupby("check")}
    figure, axes = plt.subplots(2, 2, figsize=(10.0, 8.0))
    _draw_curves(axes[0, 0], rows)
    _draw_budget(axes[0, 1], rows)
    _draw_exponents(axes[1, 0], rows)
    _draw_collapse(axes[1, 1], rows)
    return figure


def _draw_curves(axis: Any, rows: dict[str, Any]) -> None:
    """Loss against time at several batch sizes."""
    for index, (batch, line) in enumerate(rows["curve"].groupby("batch_size")):
        axis.plot(line["time"], line["predicted"], color=f"C{index}", label=f"$m$ = {batch:.0f}")
        points = rows["learning-curve"].query("batch_size == @batch")
        axis.errorbar(points["time"], points["simulated"], yerr=points["standard_error"], fmt="o", color=f"C{index}")
    axis.plot(line["time"], line["exact gradient"], color="black", label="exact gradient (rival)", **RIVAL)
    axis.set(xscale="log", yscale="log", xlabel="step $t$", ylabel=r"loss $E(y - x \cdot w)^2$",
             title="learning curves, exact (lines) and simulated")  # fmt: skip
    axis.legend()


def _draw_budget(axis: Any, rows: dict[str, Any]) -> None:
    """Loss against batch size at a fixed number of samples."""
    for index, (step, line) in enumerate(rows["fixed-compute-line"].groupby("learning_rate")):
        axis.plot(line["batch_size"], line["predicted"], color=f"C{index}", label=rf"step $\eta$ = {step:g}")
        points = rows["fixed-compute"].query("learning_rate == @step")
        axis.errorbar(points["batch_size"], points["simulated"], yerr=points["standard_error"], fmt="o",
                      color=f"C{index}")  # fmt: skip
        best = line[line["batch_size"] == line["best"]]
        axis.plot(best["batch_size"], best["predicted"], "*", color=f"C{index}", markersize=15, markeredgecolor="black",
                  markeredgewidth=0.7, zorder=5)  # fmt: skip
    axis.plot([], [], "*", color="white", markersize=13, markeredgecolor="black", label="best batch")
    axis.set(xscale="log", yscale="log", xlabel="batch size $m$", ylabel="loss after 512 samples, no noise",
             title="a longer step wants larger batches")  # fmt: skip
    batches = sorted(rows["fixed-compute-line"]["batch_size"].unique())
    axis.set_xticks(batches, [f"{batch:.0f}" for batch in batches])
    axis.minorticks_off()
    axis.legend()


def _draw_exponents(axis: Any, rows: dict[str, Any]) -> None:
    """Exponent against source over capacity, with local slopes."""
    for index, (capacity, line) in enumerate(rows["exponent-line"].groupby("capacity")):
        ratio = line["source"] / capacity
        axis.plot(ratio, line["predicted"], color=f"C{index}", label=f"$b$ = {capacity:g}")
        axis.plot(ratio, line["(a - 1)/b"], color=f"C{index}", **RIVAL)
        points = rows["local-slope"].query("capacity == @capacity")
        axis.plot(points["source"] / capacity, -points["simulated"], "o", color=f"C{index}", clip_on=False)
    axis.axvline(2.0, color="0.5", linewidth=0.8, linestyle=":")
    axis.text(2.02, 0.1, "$a = 2b$", color="0.3", va="bottom", transform=axis.get_xaxis_transform())
    axis.plot([], [], "o", color="0.4", label=f"slope of the exact loss, $t$ up to {_last(rows):.0f}")
    axis.plot([], [], color="0.4", label="$(a-1)/b$, as published", **RIVAL)
    axis.set(xlim=(1.0, 3.65), ylim=(0.2, 3.2), xlabel="source over capacity $a/b$", ylabel="exponent of the loss",
             title="power laws: sampling noise takes over at $a = 2b$")  # fmt: skip
    axis.legend(loc="upper left")


def _draw_collapse(axis: Any, rows: dict[str, Any]) -> None:
    """Exact loss over its predicted asymptote, for three schemes in both phases."""
    lines = rows["collapse"]
    for index, (scheme, part) in enumerate(lines.groupby("scheme", sort=False)):
        for (_, source), line in part.groupby(["capacity", "source"]):
            style = dict(color=f"C{index}", linestyle="-" if source < 4 else "-.")
            axis.plot(line["time"], line["predicted"], label=f"{scheme}, $a$ = {source:g}", **style)
    wrong = lines[(lines["scheme"] == "SGD") & (lines["source"] < 4)]
    axis.plot(wrong["time"], wrong["no amplification"], color="black", label=r"$1/(1-\ell)$ lost (rival)", **RIVAL)
    axis.axhline(1.0, color="0.5", linewidth=0.8)
    axis.set(xscale="log", ylim=(0.85, 2.0), xlabel="step $t$", ylabel="exact loss / asymptote",
             title="one prefactor for all schemes ($b$ = 2)")  # fmt: skip
    axis.legend(loc="upper right", fontsize=8)


def _last(rows: dict[str, Any]) -> float:
    return float(rows["next-term"]["time"].max())
