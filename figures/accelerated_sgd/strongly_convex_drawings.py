"""Drawing of the contraction of accelerated SGD on strongly convex problems."""

from __future__ import annotations

from typing import Any

import numpy as np

N_FEATURES = 20


def draw_contraction(tables: dict[str, Any]) -> Any:
    """Draw contraction against the smallest eigenvalue for three methods, and risks against time."""
    import matplotlib.pyplot as plt

    table = tables["accelerated_sgd.11"]
    rows = {name: part for name, part in table.groupby("check")}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 4.3))
    smallest = np.geomspace(1e-8, 1e-1, 50)
    condition = (N_FEATURES / 2 * (1 + smallest) + 2) / smallest
    laws = {"accelerated": (0.260182 / np.sqrt(condition * (N_FEATURES + 2)), r"$0.2602\,/\sqrt{\kappa\tilde\kappa}$"),
            "SGD": (0.4 / condition, r"$0.4\,/\kappa$")}  # fmt: skip
    for index, (name, (law, text)) in enumerate(laws.items()):
        colour = f"C{2 * index}"
        left.plot(smallest, law, color=colour, label=f"{_label(name)}: {text}")
        points = rows["contraction"].query("scheme == @name and n_features == @N_FEATURES")
        left.plot(points["smallest"], points["simulated"], "os"[index], color=colour)
        line = rows["risk-line"].query("scheme == @name")
        right.plot(line["time"], line["predicted"], color=colour, label=_label(name))
    best = rows["faster-than-the-best-SGD"].query("n_features == @N_FEATURES").sort_values("smallest")
    left.plot(best["smallest"], best["best"], "--D", color="C1", markersize=4, linewidth=0.9,
              label="SGD, best constant step")  # fmt: skip
    left.plot([], [], "o", color="0.4", label="spectrum of the map, 40 digits")
    left.set(xscale="log", yscale="log", xlabel=r"smallest eigenvalue $\mu$", ylabel=r"contraction a step $1-\rho$",
             title=f"spectrum of two levels, $d$ = {N_FEATURES}")  # fmt: skip
    left.legend()
    points = rows["simulated"].query("smallest == 0.001")
    right.errorbar(points["time"], points["simulated"], yerr=points["standard_error"], fmt="o", color="C0",
                   label="simulation, 1 SE")  # fmt: skip
    right.set(yscale="log", xlabel=r"steps over $\sqrt{\kappa\tilde\kappa}$", ylabel="risk (half the excess)",
              title=r"risk at $\mu$ = 0.001")  # fmt: skip
    right.legend()
    return figure


def _label(name: str) -> str:
    return "accelerated SGD" if name == "accelerated" else r"SGD($\delta$)"
