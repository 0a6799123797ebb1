"""Drawings of sampled patterns and of fixed random neurons."""

from __future__ import annotations

from typing import Any


def draw_sampled_patterns(tables: dict[str, Any]) -> Any:
    """Draw value and violation against the number of patterns, the global optimum's probability, and the levels."""
    import matplotlib.pyplot as plt

    table = tables["convex_relu.5"]
    figure, axes = plt.subplots(2, 2, figsize=(11.5, 8.8))
    _draw_value(axes[0, 0], table)
    _draw_violation(axes[0, 1], table)
    _draw_recovery(axes[1, 0], table)
    _draw_levels(axes[1, 1], table)
    return figure


def _draw_value(axis: Any, table: Any) -> None:
    line, points = table[table["check"] == "optimum-law"], table[table["check"] == "mean-optimum"]
    axis.fill_between(line["n_patterns"], line["low"], line["high"], color="C0", alpha=0.15, linewidth=0,
                      label="10 % to 90 %")  # fmt: skip
    axis.plot(line["n_patterns"], line["predicted"], color="C0", label=r"exact mean of $p_N$")
    axis.axhline(line["global_optimum"].iloc[0], color="black", linewidth=1.0, label=r"global optimum $p^\ast$")
    axis.errorbar(points["n_patterns"], points["simulated"], yerr=points["standard_error"], fmt="o", color="C0",
                  label="simulation, 1 SE")  # fmt: skip
    axis.set(xscale="log", xlabel="sampled patterns N", ylabel="optimum", title="value, n = 6, d = 2", ylim=(0.2, 1.4))
    _set_ticks(axis, [1, 2, 4, 8, 16, 32, 60])
    axis.legend()


def _draw_violation(axis: Any, table: Any) -> None:
    line, points = table[table["check"] == "violation-law"], table[table["check"] == "violation-probability"]
    axis.plot(line["n_patterns"], line["predicted"], color="C0", label=r"exact $E\,V_N$")
    axis.plot(line["n_patterns"], line["n/(N + 1)"], color="C0", linestyle="--", linewidth=0.8,
              label=r"its bound $n/(N+1)$")  # fmt: skip
    axis.plot(line["n_patterns"], line["quantile"], color="C1", drawstyle="steps-mid",
              label="exceeded with probability 0.1")  # fmt: skip
    axis.plot(line["n_patterns"], line["theorem"], color="C1", linestyle="--", linewidth=0.8,
              label=r"level of the theorem, $\delta = 0.1$")  # fmt: skip
    for side, marker, label in (("V", "o", r"simulated $E\,V_N$"), ("S/(N + 1)", "x", r"simulated $E\,S_{N+1}/(N+1)$")):
        here = points[points["side"] == side]
        axis.errorbar(here["n_patterns"], here["simulated"], yerr=here["standard_error"], fmt=marker, color="black",
                      markersize=5 if marker == "o" else 9, label=label)  # fmt: skip
    axis.set(xscale="log", xlabel="sampled patterns N", ylabel="violation probability", ylim=(0, 1.05),
             title="does one more pattern help?")  # fmt: skip
    _set_ticks(axis, [1, 2, 4, 8, 16, 32, 60])
    axis.legend(loc="lower left")


def _draw_recovery(axis: Any, table: Any) -> None:
    lines, points = table[table["check"] == "recovery"], table[table["check"] == "recovery-probability"]
    names = ["n_positive", "n_negative"]
    for index, (signs, line) in enumerate(lines.groupby(names)):
        positive, negative = (int(size) for size in signs)
        axis.plot(line["n_patterns"], line["predicted"], color=f"C{index}", label=f"n = {positive} + {negative}")
        here = points[(points["n_positive"] == positive) & (points["n_negative"] == negative)]
        axis.errorbar(here["n_patterns"], here["simulated"], yerr=here["standard_error"], fmt="o", color=f"C{index}")
    axis.set(xscale="log", xlabel="sampled patterns N", ylabel=r"$P(p_N = p^\ast)$", ylim=(0, 1.04),
             title="the global optimum, whitened data")  # fmt: skip
    _set_ticks(axis, [1, 2, 4, 8, 16, 32, 64, 128, 256])
    axis.add_artist(axis.legend(loc="upper left"))
    rival = lines[(lines["n_positive"] == 2) & (lines["n_negative"] == 3)]
    (dashed,) = axis.plot(rival["n_patterns"], rival["patterns with the signs of y"], color="C1", linestyle="--",
                          linewidth=0.8)  # fmt: skip
    (dots,) = axis.plot([], [], "o", color="0.4")
    axis.legend([dashed, dots], ["rival for 2 + 3", "simulation, 1 SE"], loc="lower right")


def _draw_levels(axis: Any, table: Any) -> None:
    line, points = table[table["check"] == "one-sign"], table[table["check"] == "one-sign-simulated"]
    axis.plot(line["n_patterns"], line["predicted"], color="C0", label=r"exact $P(V_N > \epsilon)$")
    axis.plot(line["n_patterns"], line["binomial tail"], color="black", linewidth=1.0, label="binomial tail")
    axis.plot(line["n_patterns"], line["theorem"], color="C1", label=r"$\delta$ of the theorem")
    axis.plot(line["n_patterns"], line["swapped"], color="C3", linestyle="--", linewidth=0.9,
              label=r"$\epsilon$ and $\delta$ swapped (rival)")  # fmt: skip
    axis.plot(points["n_patterns"], points["predicted"], "o", color="C0", label="simulation")
    axis.set(xscale="log", xlabel="sampled patterns N", ylabel="failure probability", ylim=(0, 1.04),
             title=r"which level is which: n = 8 of one sign, $\epsilon < 2^{-8}$")  # fmt: skip
    _set_ticks(axis, [8, 32, 128, 512, 2048, 8192])
    axis.legend(loc="lower left")


def draw_fixed_neurons(tables: dict[str, Any]) -> Any:
    """Draw the excess against the number of fixed neurons, and the same over its law."""
    import matplotlib.pyplot as plt

    table = tables["convex_relu.7"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.8))
    smooth, constant = table[table["check"] == "smooth-law"], table[table["check"] == "smooth-constant"]
    first = constant[constant["regularisation"] == 0.3]
    n, scale = first["n_directions"], first["n_directions"] ** 2
    left.plot(smooth["n_directions"], smooth["predicted"], color="C0", label=r"$X = I_2$, $\beta$ = 0.3: power $-2$")
    left.plot(smooth["n_directions"], smooth["nearest neighbour alone"], color="C0", linestyle="--", linewidth=0.8,
              label="nearest neighbour alone (rival)")  # fmt: skip
    left.errorbar(n, first["simulated"] / scale, yerr=first["standard_error"] / scale, fmt="o", color="C0")
    ratio = first["predicted"]
    right.errorbar(n, first["simulated"] / ratio, yerr=first["standard_error"] / ratio, fmt="o", color="C0")
    lines, few = table[table["check"] == "kink-law"], table[table["check"] == "kink-simulated"]
    many = table[table["check"] == "kink-constant"]
    for index, ((size, strength), line) in enumerate(lines.groupby(["n_samples", "regularisation"]), start=1):
        left.plot(line["n_directions"], line["predicted"], color=f"C{index}",
                  label=rf"n = {size:g}, $\beta$ = {strength:g}: power $-1$")  # fmt: skip
        constant = (line["predicted"] * (line["n_directions"] + 1)).iloc[0]
        for points, value, error in ((few, "predicted", "error"), (many, "simulated", "standard_error")):
            here = points[(points["n_samples"] == size) & (points["regularisation"] == strength)]
            if here.empty:  # few neurons are simulated at full scale alone
                continue
            law = constant / (here["n_directions"] + 1)
            left.errorbar(here["n_directions"], here[value], yerr=here[error], fmt="s", color=f"C{index}")
            right.errorbar(here["n_directions"], here[value] / law, yerr=here[error] / law, fmt="s", color=f"C{index}")
    left.plot([], [], "s", color="0.4", label="simulation, 1 SE")
    left.set(ylabel=r"mean of $p_N - p^\ast$", yscale="log", title="excess over the best network, two features")
    right.axhline(1, color="black", linewidth=1.0)
    right.set(ylabel="simulated mean over its law", title="approach to the exact constants")
    for axis in (left, right):
        axis.set(xscale="log", xlabel="fixed random neurons N")
    left.legend(loc="lower left")
    return figure


def _set_ticks(axis: Any, ticks: list[int]) -> None:
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.xaxis.minorticks_off()
