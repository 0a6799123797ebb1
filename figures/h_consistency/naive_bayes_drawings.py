"""Drawing of naive Bayes against logistic regression, from its claim's table alone."""

from __future__ import annotations

from typing import Any

RIVAL = dict(linestyle="--", linewidth=0.9)


def draw_naive_bayes(tables: dict[str, Any]) -> Any:
    """Draw errors against samples, and samples needed against features: growing signal, then a fixed one."""
    import matplotlib.pyplot as plt
    import numpy as np

    table = tables["h_consistency.9"]
    checks = {name: rows for name, rows in table.groupby("check")}
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.0, 4.4))
    for index, (d, line) in enumerate(checks["error"].groupby("n_features")):
        colour, mean = f"C{index}", {100: 0.2, 400: 0.1}[d]
        left.plot(line["n_samples"], line["predicted"], color=colour, label=f"$d$ = {d:.0f}, $a$ = {mean:g}")
        left.plot(line["n_samples"], line["noise of the means left out"], color=colour, **RIVAL)
        left.plot(line["n_samples"], line["Bayes"], color=colour, linestyle=":", linewidth=0.9)
        here = checks["expected-error"].query("n_features == @d and mean_scale == @mean")
        left.errorbar(here["n_samples"], here["simulated"], yerr=here["standard_error"], fmt="os"[index], color=colour)
    left.plot([], [], color="0.4", label="noise of means left out", **RIVAL)
    left.plot([], [], color="0.4", linestyle=":", linewidth=0.9, label="Bayes error")
    left.set(xscale="log", xlabel="samples $m$", ylabel="expected error of naive Bayes", ylim=(0.05, 0.45),
             title="error")  # fmt: skip
    left.legend(fontsize=8)
    logistic, bayes = checks["logistic-sizes"], checks["naive-bayes-sizes"]
    middle.plot(logistic["n_features"], logistic["predicted"], color="C2", linewidth=1.0, label="affine fit")
    middle.errorbar(logistic["n_features"], logistic["simulated"], yerr=logistic["standard_error"], fmt="s", color="C2",
                    label="logistic regression")  # fmt: skip
    middle.plot(bayes["n_features"], bayes["simulated"], "o", color="C0", label="naive Bayes")
    middle.set(ylabel="samples needed $m^*$", ylim=(3, 1500), title="means $\\pm 1$ in every feature")
    fixed = checks["samples-at-fixed-signal"]
    right.plot(fixed["n_features"], fixed["predicted"], color="C0", label="from the formula")
    right.errorbar(fixed["n_features"], fixed["simulated"], yerr=fixed["standard_error"], fmt="o", color="C0",
                   label="naive Bayes")  # fmt: skip
    right.plot(fixed["n_features"], fixed["logarithmic in d"], color="C2", label="logarithmic (rival)", **RIVAL)
    right.set(title="total signal fixed, Bayes error 5 %", ylim=(100, 20_000))
    for axis in (middle, right):
        axis.set(xscale="log", yscale="log", xlabel="features $d$")
        axis.legend(loc="upper left", fontsize=8)
    ticks = np.array([32, 128, 512, 2048])
    for axis in (middle, right):
        axis.set_xticks(ticks, [str(d) for d in ticks])
        axis.tick_params(axis="x", which="minor", bottom=False)
    return figure
