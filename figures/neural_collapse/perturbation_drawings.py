"""Drawings of the claims on features near collapse."""

from __future__ import annotations

from typing import Any


def draw_perturbation(tables: dict[str, Any]) -> Any:
    """Draw both traces along a flow, the factors of the response, and what the first order leaves."""
    import matplotlib.pyplot as plt

    figure, (path, factors, rest) = plt.subplots(1, 3, figsize=(11.4, 4.2), width_ratios=(1, 1.25, 1))
    _path(path, tables["neural_collapse.14"])
    _factors(factors, tables["neural_collapse.17"])
    _remainder(rest, tables["neural_collapse.17"])
    return figure


def _path(axis: Any, table: Any) -> None:
    wrong = "around 0, not around the mean"
    for index, (trace, name) in enumerate((("within", r"$\Sigma_W$"), ("between", r"$\Sigma_B$"))):
        rows = table[table["trace"] == trace]
        line, points = (rows[rows["check"] == check] for check in ("theory", "one-path"))
        axis.plot(line["time"], line["predicted"], color=f"C{index}", label=f"tr {name}, integrated rate")
        axis.plot(points["time"], points["simulated"], "os"[index], color=f"C{index}", label=f"tr {name}, flow")
        if trace == "between":
            axis.plot(line["time"], line[wrong], "--", linewidth=0.9, color="0.4", label="uncentred rate (rival)")
    axis.set(xlabel="time of the flow", ylabel="trace of the covariance", ylim=(0, None), title="central path")
    low, high = axis.get_ylim()
    axis.set_ylim(low, 1.55 * high)
    axis.legend(loc="upper left")


def _factors(axis: Any, table: Any) -> None:
    points = table[(table["check"] == "factors") & (table["setting"] == 0)].drop_duplicates("component")
    labels = []
    for row, point in enumerate(points.itertuples()):
        axis.plot([point.predicted] * 2, [row - 0.3, row + 0.3], color="C0", linewidth=2.2,
                  label="theory" if row == 0 else None)  # fmt: skip
        frozen = points["frozen classifier"].iloc[row]
        axis.plot([frozen] * 2, [row - 0.3, row + 0.3], "--", color="0.4", linewidth=0.9,
                  label="frozen classifier (rival)" if row == 0 else None)  # fmt: skip
        axis.plot(point.simulated, row, "o", color="C2", label="minimiser" if row == 0 else None)
        labels.append(point.component)
    axis.set(yticks=range(len(labels)), yticklabels=labels, xlabel="factor in the minimiser", xlim=(0.3, 1.15),
             ylim=(len(labels) - 0.4, -1.9), title="response of each component")  # fmt: skip
    axis.grid(axis="y", visible=False)
    axis.legend(loc="upper left")


def _remainder(axis: Any, table: Any) -> None:
    rows = table[table["check"] == "remainder"]
    axis.loglog(rows["size"], rows["predicted"], "o", color="C2", label="first order")
    axis.loglog(rows["size"], rows["frozen classifier"], "s", color="0.4", markerfacecolor="none",
                label="frozen classifier (rival)")  # fmt: skip
    for column, slope, colour, style in (("predicted", 2, "C0", "-"), ("frozen classifier", 1, "0.4", "--")):
        anchor = rows[column].iloc[-1]
        axis.plot(rows["size"], anchor * (rows["size"] / rows["size"].iloc[-1]) ** slope, style, color=colour,
                  linewidth=0.9, label=f"slope {slope}", zorder=0)  # fmt: skip
    axis.set(
        xlabel=r"perturbation $|\delta H_0|$",
        ylabel="what is left of the change",
        ylim=(1e-11, None),
        title="remainder",
    )
    axis.legend(loc="lower right", fontsize=8)
