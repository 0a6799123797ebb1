"""Drawings of deep random features, from the tables of their claims alone."""

from __future__ import annotations

from typing import Any

MARKERS = "os^Dvp"
DASHES = {"linear network": (0, (5, 2)), "one layer": (0, (5, 2)), "nonlinear part dropped": (0, (1.5, 1.5))}


def draw_features(tables: dict[str, Any]) -> Any:
    """Draw the degrees of freedom against the shift, and the error of a matched target against samples."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4))
    panels = [(left, "random_features.14", "degrees-of-freedom", "shift"),
              (right, "random_features.15", "test-error", "n_samples")]  # fmt: skip
    for axis, claim, check, parameter in panels:
        table = tables[claim]
        points = table[table["check"] == check]
        networks = table[table["check"] == "theory"].groupby(["activation", "widths"], sort=False)
        for index, ((activation, widths), line) in enumerate(networks):
            width = int(widths.split("-")[-1])
            across, unit = (1, width) if axis is left else (width, 1)
            here = points[(points["activation"] == activation) & (points["widths"] == widths)]
            _curve(axis, index, line, here, parameter, f"{_name(activation)} {widths}", across, unit)
    left.set(xscale="log", xlabel=r"shift $s$", ylabel=r"degrees of freedom over width, $D_L(s)/k_L$", ylim=(0, 1))
    left.set_title("Degrees of freedom of the last layer")
    _log_axis(right, "samples over width, $n/k_L$", [0.5, 1, 2, 4, 8])
    right.set(ylabel="test error (noise 0.2 included)", title="Ridge regression, target linear in the features")
    left.legend(loc="lower left", title="activation and widths")
    right.legend(loc="upper right", title="activation and widths")
    return _with_key(figure, ["linear network"])


def draw_ridge(tables: dict[str, Any]) -> Any:
    """Draw learning curves of ridge regression for a sign target: two layers at three ridges, and by depth."""
    import matplotlib.pyplot as plt

    table = tables["random_features.16"]
    table = table[(table["teacher_activation"] == "sign") & (table["activation"] == "tanh")]
    depth, d = table["widths"].str.count("-"), int(table["widths"].iloc[0].split("-")[0])
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4))
    for axis, rows, parameter in ((left, table[depth == 2], "ridge"), (right, table[table["ridge"] == 0.01], "widths")):
        lines, points = (rows[rows["check"] == check] for check in ("theory", "test-error"))
        for index, (value, line) in enumerate(lines.groupby(parameter, sort=False)):
            label = rf"ridge $\delta$ = {value:g}" if axis is left else _layers(value)
            rivals = ["one layer", "nonlinear part dropped"] if axis is left else []
            _curve(axis, index, line, points[points[parameter] == value], "n_samples", label, d, 1, rivals)
        _log_axis(axis, "samples over input dimension, $n/d$", [0.25, 0.5, 1, 2, 4])
        axis.set_ylabel("test error (noise 0.1 included)")
        axis.legend(loc="upper right")
    left.set_title(f"Two tanh layers, target: a layer of signs (widths {d})")
    right.set_title(r"The same by depth, at ridge $\delta$ = 0.01")
    return _with_key(figure, ["one layer", "nonlinear part dropped"])


def draw_logistic(tables: dict[str, Any]) -> Any:
    """Draw classification error and training loss of logistic regression against samples."""
    import matplotlib.pyplot as plt

    table = tables["random_features.17"]
    d = int(table["teacher_width"].max())
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.4))
    checks = (("test_error", "test-error", "share of fresh points misclassified"),
              ("train_loss", "training-loss", "logistic loss per training sample"))  # fmt: skip
    for axis, (field, check, label) in zip(axes, checks, strict=True):
        lines, points = table[table["check"] == f"line-{field}"], table[table["check"] == check]
        for index, (ridge, line) in enumerate(lines.groupby("ridge")):
            here = points[points["ridge"] == ridge]
            rivals = ["one layer", "nonlinear part dropped"]
            _curve(axis, index, line, here, "n_samples", rf"ridge $\delta$ = {ridge:g}", d, 1, rivals)
        _log_axis(axis, "samples over input dimension, $n/d$", [0.5, 1, 2, 3, 4, 6])
        axis.set_ylabel(label)
    axes[0].set_title(f"Logistic regression on two tanh layers (widths {d})")
    axes[1].set_title("Labels: signs of the readout of a layer of signs")
    axes[0].legend(loc="upper right")
    return _with_key(figure, ["one layer", "nonlinear part dropped"])


def _curve(axis: Any, index: int, line: Any, points: Any, parameter: str, label: str, across: float, up: float,
           rivals: Any = ("linear network",)) -> None:  # fmt: skip
    """Draw one line of theory with its rivals and its points, ``parameter`` in units of ``across``."""
    colour = f"C{index}"
    axis.plot(line[parameter] / across, line["predicted"] / up, color=colour, label=label)
    for rival in rivals:
        axis.plot(line[parameter] / across, line[rival] / up, color=colour, linestyle=DASHES[rival], linewidth=0.8)
    axis.errorbar(points[parameter] / across, points["simulated"] / up, yerr=points["standard_error"] / up,
                  fmt=MARKERS[index], color=colour)  # fmt: skip


def _log_axis(axis: Any, label: str, ticks: list[float]) -> None:
    """Make the horizontal axis logarithmic, with these ticks as plain numbers."""
    axis.set(xscale="log", xlabel=label)
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()


def _with_key(figure: Any, rivals: list[str]) -> Any:
    """Say once, above the panels, what lines and points are."""
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color="0.4", label="theory, averaged over the weights"),
        Line2D([], [], color="0.4", marker="o", linestyle="none", label="simulation, real activations, 1 SE"),
    ]
    for rival in rivals:
        keys.append(Line2D([], [], color="0.4", linestyle=DASHES[rival], linewidth=0.8, label=f"{rival} (rival)"))
    figure.legend(handles=keys, loc="outside upper center", ncols=4)
    return figure


def _name(activation: str) -> str:
    return {"relu": "ReLU"}.get(activation, activation)


def _layers(widths: str) -> str:
    depth = widths.count("-")
    return f"{depth} layer" + "s" * (depth > 1)
