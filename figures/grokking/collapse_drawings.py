"""Drawing of collapse in three formats: the losses of softmax and StableMax, and how many steps it takes."""

from __future__ import annotations

from typing import Any

FORMATS = {"float16": ("C0", "o"), "float32": ("C1", "s"), "float64": ("C4", "D")}
BITS = {"float16": 11, "float32": 24, "float64": 53}
FLOOR = 1e-17


def draw_collapse(tables: dict[str, Any]) -> Any:
    """Draw the evaluated losses with the exact thresholds, and steps to collapse over those of the exact flow."""
    import matplotlib.pyplot as plt

    if not {"grokking.9", "grokking.10"} <= set(tables):
        return None
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13.2, 4.5))
    softmax, stable = tables["grokking.9"], tables["grokking.10"].query("layout == 'symmetric'")
    _losses(left, softmax)
    _thresholds(left, softmax.query("check == 'thresholds' and n_before == 0 and n_classes == 2"), "{:.2f}")
    left.set(xlim=(0, 43), xlabel="logit gap $z$", ylabel="cross-entropy as evaluated",
             title="softmax: collapse at $p\\,\\ln 2$")  # fmt: skip
    _losses(middle, stable)
    _thresholds(middle, stable.query("check == 'thresholds'"), "{:.0f}")
    middle.set(xscale="log", xlim=(0.8, 3e9), xlabel="logit gap $z$",
               title="StableMax: collapse at $2\\,(2^{\\lceil p/2\\rceil} - 1)$")  # fmt: skip
    _times(right, softmax.query("check == 'collapse-time' and initial_gap != 4"))
    left.plot([], [], color="0.4", label="exact loss")
    left.plot([], [], ":", color="0.4", label="exact threshold")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names))
    return figure


def _losses(axis: Any, table: Any) -> None:
    """Draw evaluated losses, those that are exactly zero on the floor, and the exact loss."""
    rows = table[table["check"] == "staircase"]
    longest = rows[(rows["dtype"] == "float64") & (rows["predicted"] > 0)]
    axis.plot(longest["gap"], longest["predicted"], color="0.4", linewidth=1)
    for index, (dtype, (colour, marker)) in enumerate(FORMATS.items()):
        here = rows[rows["dtype"] == dtype]
        alive, dead = here[here["simulated"] > 0], here[here["simulated"] == 0]
        style = dict(marker=marker, color=colour, linestyle="", markersize=3.2, zorder=5 - index)
        axis.plot(alive["gap"], alive["simulated"], markevery=3, **style)
        axis.plot(alive["gap"].iloc[-24:], alive["simulated"].iloc[-24:], label=dtype, **style)
        axis.plot(dead["gap"], dead["gap"] * 0 + FLOOR, clip_on=False, **style)
    axis.set(yscale="log", ylim=(FLOOR, 3))
    axis.set_yticks([FLOOR, *(10.0**power for power in range(-15, 1, 3))],
                    ["0", *(f"$10^{{{power}}}$" for power in range(-15, 1, 3))])  # fmt: skip
    axis.minorticks_off()


def _thresholds(axis: Any, rows: Any, form: str) -> None:
    for dtype, (colour, _) in FORMATS.items():
        edge = rows[rows["dtype"] == dtype]["predicted"].iloc[0]
        axis.axvline(edge, color=colour, linestyle=":", linewidth=1.3)
        side = "right" if dtype == "float64" else "left"
        axis.text(edge, 0.4, f" {form.format(edge)} ", color=colour, ha=side, va="bottom", fontsize=8.5)


def _times(axis: Any, rows: Any) -> None:
    """Draw steps over those of the exact flow: 1 for exact gradients, kappa / 2 and less for a rounded softmax."""
    exact = rows["exact_gradient"] == 1
    flow = rows["predicted"].where(exact, rows["the other gradient"])
    fineness = rows["learning_rate"] / 2.0 ** rows["dtype"].map(BITS)
    for dtype, (colour, marker) in FORMATS.items():
        for kind in (exact, ~exact):
            here = (rows["dtype"] == dtype) & kind
            axis.plot(fineness[here], (rows["predicted"] / flow)[here], color=colour, zorder=1)
            axis.plot(fineness[here], (rows["simulated"] / flow)[here], marker, color=colour,
                      markerfacecolor="white" if kind is exact else colour)  # fmt: skip
    for height, text in ((1.0, "exact gradient"), (0.875, "gradient of the rounded softmax")):
        axis.annotate(text, (0.98, height), (0, 7), xycoords=("axes fraction", "data"), textcoords="offset points",
                      ha="right", fontsize=9)  # fmt: skip
    axis.set(xscale="log", ylim=(0.84, 1.04), xlabel="learning rate over $2^p$",
             ylabel="steps to collapse, over those of the flow",
             title=r"time to collapse: $2^p$ and $2^{p-1}\kappa$")  # fmt: skip
