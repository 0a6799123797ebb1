"""Drawings of the claims on sketching."""

from __future__ import annotations

from typing import Any

RIVAL = dict(linestyle="--", linewidth=0.9)
MARKERS = "osD^"


def draw_sketch_size(tables: dict[str, Any]) -> Any:
    """Draw risk against the share of rows kept, for orthogonal and iid sketches: theory, simulation, the swap."""
    import matplotlib.pyplot as plt

    table = tables["random_features.18"]
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.6), sharey=True)
    for axis, sketch in zip(axes, ("orthogonal", "iid"), strict=True):
        rows = table[table["sketch"] == sketch]
        lines, points = rows[rows["check"] == "theory"], rows[rows["check"] == "risk"]
        n, p = lines["n_samples"].iloc[0], lines["n_features"].iloc[0]
        for index, (noise, line) in enumerate(lines.groupby("noise_variance", sort=False)):
            colour, snr = f"C{index}", noise**-0.5
            for above in (False, True):
                side = line[(line["sketch_size"] > p) == above]
                axis.plot(side["sketch_size"] / n, side["predicted"], color=colour)
                if above:  # below p the two sketches have one risk
                    axis.plot(side["sketch_size"] / n, side["orthogonal and iid swapped"], color=colour, **RIVAL)
            here = points[points["noise_variance"] == noise]
            axis.errorbar(here["sketch_size"] / n, here["simulated"], yerr=here["standard_error"], fmt=MARKERS[index],
                          color=colour, label=f"SNR {snr:.0f}")  # fmt: skip
        axis.axvline(p / n, color="0.6", linewidth=0.8, linestyle=":")
        axis.set(yscale="log", ylim=(0.12, 12), xlim=(0, 1.02), xlabel=r"rows kept $\psi = m/n$",
                 title=f"{sketch} sketch")  # fmt: skip
    axes[0].set_ylabel(rf"risk over $|\beta|^2$ ($n = {n:.0f}$, $p = {p:.0f}$)")
    _legend(figure, axes[0], "the other sketch (rival)")
    return figure


def draw_correlated(tables: dict[str, Any]) -> Any:
    """Draw bias and variance against rows over features, for two covariances and their isotropic rivals."""
    import matplotlib.pyplot as plt

    table = tables["random_features.19"]
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.4))
    for axis, part in zip(axes, ("bias", "variance"), strict=True):
        rows = table[table["part"] == part]
        lines, points = rows[rows["check"] == "theory"], rows[rows["check"] == "bias-and-variance"]
        for index, (top, line) in enumerate(lines.groupby("top_eigenvalue")):
            colour, share = f"C{index}", line["sketch_size"] / line["n_features"]
            label = f"eigenvalues {top:.0f} and 1"
            axis.plot(share, line["predicted"], color=colour)
            axis.plot(share, line["isotropic, same power"], color=colour, **RIVAL)
            here = points[points["top_eigenvalue"] == top]
            axis.errorbar(here["sketch_size"] / here["n_features"], here["simulated"], yerr=here["standard_error"],
                          fmt=MARKERS[index], color=colour, label=label)  # fmt: skip
        axis.set(xlabel="rows over features $m/p$", title=part, xlim=(0, 1))
    axes[0].set_ylabel(r"bias over $|\beta|^2$")
    axes[1].set(ylabel=r"variance over $\sigma^2$", yscale="log", ylim=(0.05, 30))
    _legend(figure, axes[0], "equal eigenvalues, same power (rival)")
    return figure


def draw_best_sketch(tables: dict[str, Any]) -> Any:
    """Draw risk against features per sample, with the best sketch and with all rows, and how many rows are best."""
    import matplotlib.pyplot as plt

    table = tables["random_features.20"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.6))
    checks = {name: rows for name, rows in table.groupby("check")}
    for index, (snr, line) in enumerate(checks["theory"].groupby("snr")):
        colour = f"C{index}"
        left.plot(line["aspect_ratio"], line["predicted"], color=colour, label=f"SNR {snr:.0f}")
        left.plot(line["aspect_ratio"], line["all rows"], color=colour, **RIVAL)
        here = checks["risk-at-the-best-size"].query("snr == @snr")
        left.errorbar(here["aspect_ratio"], here["simulated"], yerr=here["standard_error"], fmt=MARKERS[index],
                      color=colour)  # fmt: skip
        peak = checks["peak-with-all-rows"].query("snr == @snr")
        left.errorbar(peak["aspect_ratio"], peak["simulated"], yerr=peak["standard_error"], fmt=MARKERS[index],
                      color=colour, markerfacecolor="white")  # fmt: skip
        best = checks["fraction"].query("snr == @snr")
        right.plot(best["aspect_ratio"], best["predicted"], color=colour)
        right.plot(here["aspect_ratio"], here["sketch_size"] / here["n_samples"], MARKERS[index], color=colour)
    for axis in (left, right):
        axis.set(xscale="log", xlabel=r"features per sample $\phi = p/n$", xlim=(0.25, 4))
        axis.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
        axis.minorticks_off()
    left.set(yscale="log", ylim=(0.03, 8), ylabel=r"risk over $|\beta|^2$", title="no peak with the best sketch")
    right.set(ylabel=r"best share of rows $\psi^*$", ylim=(-0.03, 1.05), title="rows worth keeping")
    left.plot([], [], "o", color="0.4", label="simulation, best sketch")
    left.plot([], [], "o", color="0.4", markerfacecolor="white", label="simulation, all rows")
    _legend(figure, left, "all rows (rival)")
    return figure


def draw_fluctuations(tables: dict[str, Any]) -> Any:
    """Draw the variance of the risk over its limit, exact and simulated, and how far its law is from normal."""
    import matplotlib.pyplot as plt

    table = tables["random_features.21"]
    checks = {name: rows for name, rows in table.groupby("check")}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.4))
    for index, (p, line) in enumerate(checks["theory"].groupby("n_features")):
        left.plot(line["sketch_size"] / p, line["predicted"] / line["limit"], color=f"C{index}")
        here = checks["variance-of-the-risk"].query("n_features == @p")
        left.errorbar(here["sketch_size"] / p, here["simulated"] / here["limit"],
                      yerr=here["standard_error"] / here["limit"], fmt=MARKERS[index], color=f"C{index}",
                      label=f"$p = {p:.0f}$")  # fmt: skip
    left.axhline(1, color="black", label="limit (rival)", **RIVAL)
    left.set(xlabel="rows per feature $m/p$", xlim=(1.25, 6.2), ylim=(0.95, 1.8), ylabel="variance of the risk / limit")
    left.legend()
    law = checks["normal-law"]
    gap, band = law["probability"] - law["predicted"], law["tolerance"].iloc[0]
    right.axhspan(-band, band, color="0.93", label="tolerance")
    right.axhline(0, color="0.4", label="normal law")
    right.plot(law["predicted"], gap, ".", markersize=4, label="simulation, $p = 30$, $m = 90$")
    right.set(xlabel="probability, normal law", ylabel="simulated minus normal probability", xlim=(0, 1),
              ylim=(-1.3 * band, 1.9 * band))  # fmt: skip
    right.legend(loc="upper left")
    return figure


def _legend(figure: Any, axis: Any, rival: str) -> None:
    axis.plot([], [], color="0.4", label="theory")
    axis.plot([], [], color="0.4", label=rival, **RIVAL)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=7)
