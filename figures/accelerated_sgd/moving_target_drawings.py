"""Drawing of schedules that follow a moving target."""

from __future__ import annotations

from typing import Any

RIVALS = {"best constant step": "C2", "best 1/(a + t/s)": "C1"}


def draw_tracking(tables: dict[str, Any]) -> Any:
    """Draw learning rates and squared errors against time, for the best schedule and two that are tuned as a whole."""
    import matplotlib.pyplot as plt

    table = tables["accelerated_sgd.12"]
    rows = {name: part for name, part in table[table["n_features"] == 20].groupby("check")}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 4.0))
    for axis, name in ((left, "steps"), (right, "errors")):
        line = rows[name]
        axis.plot(line["time"], line["predicted"], color="C0", label="best schedule")
        for rival, colour in RIVALS.items():
            axis.plot(line["time"], line[rival], color=colour, linestyle="--", linewidth=0.9, label=rival)
        axis.set(xlabel="step $t$", xlim=(0, 203))
    points = rows["tracking-error"]
    right.errorbar(points["time"], points["simulated"], yerr=points["standard_error"], fmt="o", color="C0",
                   label="simulation, 1 SE")  # fmt: skip
    left.set(ylabel=r"learning rate $\eta_t$", ylim=(0, 0.09))
    right.set(yscale="log", ylabel=r"squared error $E\,|w_t - w^*_t|^2$")
    right.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    right.minorticks_off()
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure
