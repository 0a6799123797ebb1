"""Drawing of the mean-field theory: how finite networks approach it, and what it remembers."""

from __future__ import annotations

from typing import Any

from figures.grokking._corrections import draw_corrections


def draw_mean_field(tables: dict[str, Any]) -> Any:
    """Draw d times the finite-size corrections of both losses by step, and two functions of two times."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["grokking.6"]
    figure, axes = plt.subplots(2, 2, figsize=(11.5, 8.6))
    for axis, part in zip(axes[0], ("train", "test"), strict=True):
        draw_corrections(axis, table[(table["check"] == "correction") & (table["part"] == part)], (1, 2, 5, 10, 20, 40))
        axis.set_title(f"{part} loss: corrections of order 1/d")
        axis.set_ylabel(r"$d\,\langle\ln L_{\mathrm{network}} - \ln L_{\mathrm{theory}}\rangle$, 1 SE")
    axes[0, 0].legend(loc="upper left")
    for axis, name, title in (
        (axes[1, 0], "correlation_mean", "correlation $C_m(t, s)$ of the common mean"),
        (axes[1, 1], "response_mean", "response $R_m(t, s)$ at step $t$ to a change at $s$"),
    ):
        rows = table[table["check"] == name]
        square = rows.pivot(index="time", columns="earlier", values="predicted").to_numpy()
        if name == "response_mean":
            square = np.where(np.tri(len(square), k=-1, dtype=bool), square, np.nan)
        image = axis.imshow(square, origin="lower", cmap="viridis", aspect="equal")
        axis.set(xlabel="step $s$", ylabel="step $t$", title=title)
        axis.grid(False)
        figure.colorbar(image, ax=axis, shrink=0.9)
    return figure
