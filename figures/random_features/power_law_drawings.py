"""Drawings of the power-law claims, from their tables alone."""

from __future__ import annotations

from typing import Any


def draw_fitting_ratio(tables: dict[str, Any]) -> Any:
    """Draw test error against fitting ratio at several noise levels, with the best ratio marked."""
    import matplotlib.pyplot as plt

    table = tables["random_features.7"]
    lines, best, points = (table[table["check"] == name] for name in ("theory", "optimum", "simulated-error"))
    tasks = {"CIFAR-10": (1.17, 1.14), "SVHN": (1.22, 1.2), "MNIST": (1.12, 1.36)}
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 4.2), sharey=True)
    for axis, (name, (alpha, beta)) in zip(axes, tasks.items(), strict=True):

        def chosen(rows: Any, task: Any = (alpha, beta)) -> Any:
            return rows[(rows["alpha"] == task[0]) & (rows["beta"] == task[1])]

        simulated = dict(list(chosen(points).groupby("relative_noise")))
        optima = dict(list(chosen(best).groupby("relative_noise")))
        for index, (noise, line) in enumerate(chosen(lines).groupby("relative_noise")):
            unit, colour = line["predicted"].iloc[0], f"C{index}"
            axis.plot(line["slack"] ** 2, line["predicted"] / unit, color=colour, label=f"relative noise {noise:g}")
            if noise in simulated:
                here = simulated[noise]
                axis.errorbar(here["slack"] ** 2, here["simulated"], yerr=here["standard_error"], fmt="o", color=colour)
            here = optima[noise]
            axis.plot(here["slack"] ** 2, here["predicted"] / unit, "*", color=colour, markersize=15,
                      markeredgecolor="black", markeredgewidth=0.7, zorder=5, clip_on=False)  # fmt: skip
        axis.set(xlim=(0, 1), ylim=(0.82, 1.4), xlabel=r"fitting ratio $E_{\mathrm{train}}/E_{\mathrm{test}}$",
                 title=rf"{name}: $\alpha$ = {alpha:g}, $\beta$ = {beta:g}")  # fmt: skip
    axes[0].set_ylabel("test error / test error of the interpolator")
    axes[0].plot([], [], "*", color="white", markersize=13, markeredgecolor="black", label="best fitting ratio")
    axes[0].plot([], [], "o", color="0.4", label="simulation (n = 80), 1 SE")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return figure


def draw_phases(tables: dict[str, Any]) -> Any:
    """Draw where interpolation is optimal in the plane of width and noise, with numeric optima as dots."""
    import matplotlib.pyplot as plt

    table = tables["random_features.8"]
    lines, optima = table[table["check"] == "theory"], table[table["check"] == "best-slack"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6), sharex=True)
    line = lines[(lines["alpha"] == 1.5) & (lines["beta"] == 1.8)]
    left.fill_between(line["width_ratio"], 0, line["predicted"].clip(lower=0), color="C0", alpha=0.15, linewidth=0)
    left.plot(line["width_ratio"], line["predicted"], color="C0", label="predicted boundary")
    left.plot(line["width_ratio"], line["kernel limit"], color="0.3", linestyle="--", linewidth=0.9,
              label="kernel limit (rival)")  # fmt: skip
    interpolates = optima["best_slack"] == 0
    regular = optima[~interpolates]
    shown = left.scatter(regular["width_ratio"], regular["relative_noise"], c=regular["best_slack"], cmap="YlOrBr",
                         vmin=0, edgecolors="0.3", linewidths=0.5, s=34, zorder=3, clip_on=False,
                         label="numeric optimum: ridge > 0")  # fmt: skip
    left.scatter(optima[interpolates]["width_ratio"], optima[interpolates]["relative_noise"], marker="s", color="C0",
                 s=30, zorder=3, clip_on=False, label="numeric optimum: interpolation")  # fmt: skip
    figure.colorbar(shown, ax=left, label=r"best $s = \sqrt{E_{\mathrm{train}}/E_{\mathrm{test}}}$", pad=0.02)
    left.set(xscale="log", xlim=(1.3, 130), ylim=(-0.015, 0.62), xlabel="features per sample $k/n$",
             ylabel=r"relative noise $\sigma^2_{\mathrm{rel}}$")  # fmt: skip
    left.set_title(r"$\alpha$ = 1.5, $\beta$ = 1.8", pad=38)
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, columnspacing=1.2, fontsize=8)
    numeric = table[table["check"] == "noise-threshold"]
    for index, ((alpha, beta), line) in enumerate(lines.groupby(["alpha", "beta"])):
        colour = f"C{index}"
        above = line[line["predicted"] > 0]
        right.plot(above["width_ratio"], above["predicted"], color=colour,
                   label=rf"$\alpha$ = {alpha:g}, $\beta$ = {beta:g}")  # fmt: skip
        right.plot(line["width_ratio"], line["kernel limit"], color=colour, linestyle="--", linewidth=0.8)
        here = numeric[(numeric["alpha"] == alpha) & (numeric["beta"] == beta)]
        right.plot(here["width_ratio"], here["simulated"], "o", color=colour)
    right.plot([], [], "o", color="0.4", label="numeric boundary")
    right.plot([], [], color="0.4", linestyle="--", linewidth=0.8, label="kernel limit (rival)")
    right.set(yscale="log", xlabel="features per sample $k/n$", ylabel="largest relative noise",
              ylim=(0.012, 3))  # fmt: skip
    right.set_title("interpolation is optimal below the line")
    right.legend(loc="lower left", fontsize=8)
    for axis in (left, right):
        axis.set_xticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
        axis.xaxis.minorticks_off()
    return figure


def draw_exponents(tables: dict[str, Any]) -> Any:
    """Draw learning curves in samples and features with their predicted asymptotes."""
    import matplotlib.pyplot as plt

    table = tables["random_features.9"]
    kinds = {
        "curve-samples": (r"samples $n$ ($k=\infty$, no noise)", "samples"),
        "curve-features": (r"features $k$ ($n=\infty$, no noise)", "features"),
        "curve-noise": (r"samples $n$ ($k=\infty$, noise, best ridge)", "samples-with-noise"),
    }
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 4.0))
    for axis, (kind, (label, check)) in zip(axes, kinds.items(), strict=True):
        rows, slopes = table[table["check"] == kind], table[table["check"] == check]
        for index, ((alpha, beta), line) in enumerate(rows.groupby(["alpha", "beta"], sort=False)):
            fitted = slopes[(slopes["alpha"] == alpha) & (slopes["beta"] == beta)].iloc[0]
            axis.plot(line["size"], line["predicted"], color=f"C{index}", label=rf"$\alpha$ = {alpha:g}, $\beta$ = "
                      rf"{beta:g}: slope {fitted['predicted']:.3f}, measured {fitted['simulated']:.3f}")  # fmt: skip
            axis.plot(line["size"], line["exact"], "os"[index], color=f"C{index}", markersize=3.5)
            if abs(line["rival slope"] / line["predicted"] - 1).max() > 1e-6:
                end = line[line["size"] > 3e3]
                axis.plot(end["size"], end["rival slope"], color=f"C{index}", linestyle="--", linewidth=0.9)
        axis.set(xscale="log", yscale="log", xlabel=label)
        axis.set_ylim(rows["exact"].min() / 300, 3 * rows["exact"].max())
        axis.legend(loc="lower left", fontsize=8)
    axes[0].set_ylabel("excess test error")
    figure.suptitle(
        "Power-law learning curves: asymptotes (lines), exact spectral sums (dots), rival exponents (dashed)",
        fontsize=10.5,
    )
    return figure
