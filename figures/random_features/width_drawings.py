"""Drawings of double descent, of the maps of samples and features, of ridge paths and of ensembles."""

from __future__ import annotations

from typing import Any


def _points(axis: Any, x: Any, rows: Any, **style: Any) -> None:
    axis.errorbar(x, rows["simulated"], yerr=rows["standard_error"], fmt=style.pop("fmt", "o"), **style)


def draw_double_descent(tables: dict[str, Any]) -> Any:
    """Draw test error against width at several ridges, and the height of the peak against the ridge."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["random_features.4"]
    lines, points = table[table["check"] == "theory"], table[table["check"] == "double-descent"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6), width_ratios=(1.6, 1))
    for index, (ridge, line) in enumerate(lines.groupby("ridge")):
        colour = "black" if ridge == 0 else f"C{index - 1}"
        # a gap where the curve at ridge 0 diverges
        k, error = line["n_features"].to_numpy(), line["predicted"].to_numpy()
        if ridge == 0:
            k, error = np.append(k, 100), np.append(error, np.nan)
            order = np.argsort(k)
            k, error = k[order], error[order]
        left.plot(k, error, color=colour, linewidth=1.0 if ridge == 0 else 1.6, label=rf"$\delta$ = {ridge:g}")
        left.plot(line["n_features"], line["kernel limit"], color=colour, linestyle="--", linewidth=0.7)
        here = points[np.isclose(points["ridge"], ridge, rtol=1e-6, atol=0)]
        if len(here):
            _points(left, here["n_features"], here, color=colour)
    left.axvline(100, color="0.6", linewidth=0.8, linestyle=":")
    left.set(xscale="log", yscale="log", ylim=(0.4, 40), xlabel="number of features $k$",
             ylabel="test error (n = 100)", title="double descent")  # fmt: skip
    left.plot([], [], color="0.4", linestyle="--", linewidth=0.7, label="kernel limit (rival)")
    left.plot([], [], "o", color="0.4", label="simulation, 1 SE")
    left.set_xticks([20, 50, 100, 200, 400], ["20", "50", "100", "200", "400"])
    left.set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    left.minorticks_off()
    left.legend(loc="upper right")
    peak = table[table["check"] == "peak-theory"]
    right.plot(peak["ridge"], peak["predicted"], color="C0", label="theory at k = n")
    right.plot(peak["ridge"], peak["small_ridge"], color="black", linewidth=1.0, label=r"its limit, $\delta^{-1/2}$")
    middle = float(peak["small_ridge"].iloc[0]) * float(peak["ridge"].iloc[0]) / peak["ridge"]
    shown = middle > 0.3
    right.plot(peak["ridge"][shown], middle[shown], color="0.4", linestyle="--", linewidth=0.8,
               label=r"$\delta^{-1}$ (rival)")  # fmt: skip
    here = points[points["n_features"] == 100]
    _points(right, here["ridge"], here, color="C0", label="simulation, 1 SE")
    right.set(xscale="log", yscale="log", xlabel=r"ridge $\delta$", title="height of the peak at k = n")
    right.legend(loc="upper right")
    return figure


def draw_maps(tables: dict[str, Any]) -> Any:
    """Draw test and training error over samples and features: theory above, simulation below. None at quick scale."""
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.colors import LogNorm

    table = tables["random_features.5"]
    if "setting" not in table:  # the maps are simulated at full scale alone
        return None
    test, training = (table[table["check"] == name] for name in ("test-error", "training-error"))
    columns = [
        ("map ridge 0.003", r"test error, $\delta$ = 0.003", test[test["setting"] == "ridge 0.003"]),
        ("map ridge 0.1", r"test error, $\delta$ = 0.1", test[test["setting"] == "ridge 0.1"]),
        ("map best ridge", "test error, best ridge", test[test["setting"] == "best ridge"]),
        ("map training", r"training error, $\delta$ = 0.1", training),
    ]
    figure, axes = plt.subplots(2, 4, figsize=(12, 6), sharex=True, sharey=True)
    for column, (name, title, cells) in enumerate(columns):
        fine = table[table["check"] == name].pivot(index="n_samples", columns="n_features", values="predicted")
        scale = LogNorm(0.45, 6) if column < 3 else LogNorm(0.01, 1)
        grid = cells.pivot(index="n_samples", columns="n_features", values="simulated")
        style = dict(norm=scale, cmap="viridis", rasterized=True)
        axes[0, column].pcolormesh(fine.columns, fine.index, fine.to_numpy(), shading="gouraud", **style)
        levels = np.geomspace(scale.vmin, scale.vmax, 13)
        axes[0, column].contour(fine.columns, fine.index, fine.to_numpy(), levels=levels, colors="white",
                                linewidths=0.5, alpha=0.7)  # fmt: skip
        middles = np.sqrt(grid.index[1:].to_numpy() * grid.index[:-1].to_numpy())
        edges = np.array([fine.index[0], *middles, fine.index[-1]])
        shown = axes[1, column].pcolormesh(edges, edges, grid.to_numpy(), **style)
        for row in (0, 1):
            axes[row, column].plot(edges[[0, -1]], edges[[0, -1]], color="white", linestyle=":", linewidth=1)
            axes[row, column].set(xscale="log", yscale="log", xlim=edges[[0, -1]], ylim=edges[[0, -1]])
            axes[row, column].grid(False)
            axes[row, column].set_xticks([20, 50, 100], ["20", "50", "100"])
            axes[row, column].set_yticks([20, 50, 100], ["20", "50", "100"])
            axes[row, column].minorticks_off()
        axes[0, column].set_title(title)
        axes[1, column].set_xlabel("features $k$")
        if column >= 2:
            bar = figure.colorbar(shown, ax=axes[:, column], shrink=0.7, pad=0.03)
            ticks = (0.5, 1, 2, 4) if column == 2 else (0.01, 0.1, 1)
            bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
            bar.minorticks_off()
    axes[0, 0].set_ylabel("theory\nsamples $n$")
    axes[1, 0].set_ylabel("simulation\nsamples $n$")
    return figure


def draw_ridge_paths(tables: dict[str, Any]) -> Any:
    """Draw test error against the ridge with its minimum, and generalised cross-validation on the same curves."""
    import matplotlib.pyplot as plt
    import numpy as np

    paths, gcv = tables["random_features.6"], tables["random_features.10"]
    lines, best = paths[paths["check"] == "theory"], paths[paths["check"] == "optimum"]
    figure, axes = plt.subplots(1, 2, figsize=(11.5, 4.4), sharex=True, sharey=True)
    panels = ((axes[0], paths[paths["check"] == "test-error"], "test error and its best ridge"),
              (axes[1], gcv[gcv["check"] == "gcv-along-ridges"], "generalised cross-validation"))  # fmt: skip
    for axis, points, title in panels:
        for index, (k, line) in enumerate(lines.groupby("n_features")):
            colour = "black" if np.isinf(k) else f"C{index}"
            axis.plot(line["ridge"], line["predicted"], color=colour,
                      label=r"$k = \infty$" if np.isinf(k) else f"k = {k:g}")  # fmt: skip
            here = points[points["n_features"] == k]
            if len(here):
                _points(axis, here["ridge"], here, color=colour, fmt="o" if axis is axes[0] else "s")
            if axis is axes[0]:
                here = best[best["n_features"] == k]
                axis.plot(here["ridge"], here["predicted"], "*", color=colour, markersize=14, markeredgecolor="black",
                          markeredgewidth=0.7, zorder=5)  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel=r"ridge $\delta$", title=title, ylim=(0.18, 8))
    axes[0].axvline(0.2, color="0.6", linewidth=0.8, linestyle=":")
    axes[0].annotate(r"$\delta = \sigma^2/\tau^2$", (0.2, 5.6), xytext=(-5, 0), textcoords="offset points", ha="right")
    axes[0].plot([], [], "*", color="white", markersize=13, markeredgecolor="black", label="best ridge")
    axes[0].plot([], [], "o", color="0.4", label="simulated test error, 1 SE")
    training = gcv[gcv["check"] == "training"]
    axes[1].plot(training["ridge"], training["predicted"], color="C1", linestyle="--", linewidth=0.9,
                 label="training error, k = 100 (rival)")  # fmt: skip
    axes[1].plot([], [], "s", color="0.4", label="simulated GCV, 1 SE")
    for axis in axes:
        axis.legend(loc="upper right")
        axis.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
        axis.yaxis.minorticks_off()
    axes[0].set_ylabel("error (n = 100)")
    return figure


def draw_ensembles(tables: dict[str, Any]) -> Any:
    """Draw ensembles at an equal budget of features, and ensembles that grow at a fixed width of their members."""
    import matplotlib.pyplot as plt

    table = tables["random_features.11"]
    points = table[table["check"] == "test-error"]
    n = points["n_samples"].iloc[0]
    whole = points["n_features"] * points["n_ensemble"]
    budget = whole[points["n_ensemble"] == points["n_ensemble"].max()].max()
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.4))
    same = points[(whole > 0.9 * budget) & (whole <= budget)]
    for index, (ridge, line) in enumerate(table[table["check"] == "budget"].groupby("ridge")):
        left.plot(line["n_ensemble"], line["predicted"], color=f"C{index}", label=rf"$\delta$ = {ridge:g}")
        left.plot(line["n_ensemble"], line["one model with all features"], color=f"C{index}", linestyle="--",
                  linewidth=0.8)  # fmt: skip
        here = same[same["ridge"] == ridge]
        _points(left, here["n_ensemble"], here, color=f"C{index}")
    best = table[table["check"] == "best ridge"]
    left.plot(best["n_ensemble"], best["predicted"], color="black", label="best ridge for each N")
    left.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="one model with all features (rival)")
    left.plot([], [], "o", color="0.4", label="simulation, 1 SE")
    left.set(xscale="log", xlabel=f"members N, each with {budget:g}/N features", ylabel=f"test error (n = {n:g})",
             title="equal budget of features")  # fmt: skip
    left.legend(loc="upper center", bbox_to_anchor=(0.6, 0.88))
    growing = table[table["check"] == "growing"]
    right.plot(growing["n_ensemble"], growing["predicted"], color="C0", label=r"$E_\infty + (E_1 - E_\infty)/N$")
    right.axhline(growing["limit"].iloc[0], color="black", linewidth=1.0, label="kernel at the larger, hidden ridge")
    right.plot(growing["n_ensemble"], growing["kernel limit at the same ridge"], color="0.4", linestyle="--",
               linewidth=0.8, label="kernel at the same ridge (rival)")  # fmt: skip
    here = points[points["n_features"] == 3 * n // 4].sort_values("n_ensemble")
    right.plot(growing["n_ensemble"], growing["one model with all features"], color="C2", linestyle="--",
               linewidth=0.8, label="one model with all features (rival)")  # fmt: skip
    _points(right, here["n_ensemble"], here, color="C0", label="simulation, 1 SE")
    right.set(xscale="log", xlabel=f"members N, each with {3 * n // 4:g} features", title="growing ensemble")
    right.legend()
    for axis in (left, right):
        axis.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
        axis.minorticks_off()
    return figure
