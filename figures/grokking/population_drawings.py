"""Drawing of the population limit: train and test loss merge."""

from __future__ import annotations

from typing import Any

from figures.grokking._corrections import draw_corrections


def draw_population(tables: dict[str, Any]) -> Any:
    """Draw both losses at growing numbers of samples per dimension, and corrections of networks on n = d^2 samples."""
    import matplotlib.pyplot as plt

    table = tables["grokking.7"]
    limit, corrections = (table[table["check"] == name] for name in ("population line", "correction"))
    figure, (losses, train, test) = plt.subplots(1, 3, figsize=(14, 4.4), width_ratios=(1.25, 1, 1))
    for index, (ratio, rows) in enumerate(table[table["check"] == "test line"].groupby("sample_ratio")):
        memorised = table[(table["check"] == "train line") & (table["sample_ratio"] == ratio)]
        losses.plot(rows["step"], rows["predicted"], color=f"C{index}", label=rf"n = {ratio:g} d")
        losses.plot(memorised["step"], memorised["predicted"], color=f"C{index}", linestyle="-.", linewidth=1.0)
    losses.plot(limit["step"], limit["predicted"], color="black", linewidth=1.0, label="population")
    losses.plot([], [], color="0.4", label="test loss")
    losses.plot([], [], color="0.4", linestyle="-.", linewidth=1.0, label="train loss")
    losses.set(yscale="log", ylim=(0.017, 0.55), xlabel="step", ylabel="mean squared error", title="mean-field theory")
    losses.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
    losses.minorticks_off()
    losses.legend(loc="lower left", ncols=2)
    for axis, part in ((train, "train"), (test, "test")):
        draw_corrections(axis, corrections[corrections["part"] == part], (1, 2, 5, 10, 20))
        axis.set_title(f"networks on n = $d^2$ samples: {part} loss")
    train.set_ylabel(r"$d\,\langle L_{\mathrm{network}} - L_{\mathrm{population}}\rangle$, 1 SE")
    train.legend(loc="lower right")
    return figure
