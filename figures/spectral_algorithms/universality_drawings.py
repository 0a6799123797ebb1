"""Drawing of universality: tuned losses in three models, the gaps between them, and interpolation without noise."""

from __future__ import annotations

from typing import Any

NAMES = {"ridge": "ridge", "gradient_flow": "gradient flow", "optimal": "best profile"}


def draw_headline(tables: dict[str, Any]) -> Any:
    """Draw losses over their asymptotics, gaps to the naive model, and noiseless interpolation. None at quick scale."""
    import matplotlib.pyplot as plt

    table, rates = tables["spectral_algorithms.10"], tables["spectral_algorithms.15"]
    if not (table["check"] == "circle-line").any():
        return None
    figure, axes = plt.subplots(2, 2, figsize=(11, 8.6))
    for axis, kappa in zip(axes[0], (1.0, 4.0), strict=True):
        _losses(axis, table[table["kappa"] == kappa], kappa)
    axes[0, 0].legend(loc="upper right", ncols=2)
    _gaps(axes[1, 0], rates)
    _noiseless(axes[1, 1], table)
    return figure


def _losses(axis: Any, table: Any, kappa: float) -> None:
    for index, (name, label) in enumerate(NAMES.items()):
        colour = f"C{index}"
        rows = table[table["algorithm"] == name]
        circle, wishart = (rows[rows["check"] == check].sort_values("n_samples")
                           for check in ("circle-line", "wishart-line"))  # fmt: skip
        power = kappa / (kappa + 1)
        axis.plot(circle["n_samples"], circle["naive"] * circle["n_samples"] ** power, color=colour, linewidth=3.5,
                  alpha=0.35)  # fmt: skip
        axis.plot(circle["n_samples"], circle["predicted"] * circle["n_samples"] ** power, color=colour, label=label)
        axis.plot(wishart["n_samples"], wishart["predicted"] * wishart["n_samples"] ** power, color=colour,
                  linestyle="-.")  # fmt: skip
        points = rows[rows["check"] == f"features-kappa-{kappa:g}"]
        for shift, features, marker in ((0.97, "gaussian", "o"), (1.03, "cosine", "s")):
            here = points[points["features"] == features]
            scale = here["n_samples"] ** power
            axis.errorbar(shift * here["n_samples"], here["simulated"] * scale, yerr=here["standard_error"] * scale,
                          fmt=marker, color=colour, markerfacecolor=colour if marker == "o" else "white")  # fmt: skip
    axis.plot([], [], color="0.4", linewidth=3.5, alpha=0.35, label="naive model")
    axis.plot([], [], color="0.4", label="Circle")
    axis.plot([], [], color="0.4", linestyle="-.", label="Wishart")
    axis.plot([], [], "o", color="0.4", label="Gaussian features, 1 SE")
    axis.plot([], [], "s", color="0.4", markerfacecolor="white", label="cosine features, 1 SE")
    exponent = r"1/2" if kappa == 1 else r"4/5"
    axis.set(xscale="log", xlabel="samples N", ylabel=rf"loss $\times\, N^{{{exponent}}}$",
             title=rf"tuned, with noise, $\nu = 1.5$, $\kappa = {kappa:g}$")  # fmt: skip
    axis.set_ylim(*((1.4, 2.0) if kappa == 1 else (0.5, 2.0)))


def _gaps(axis: Any, table: Any) -> None:
    for index, kappa in enumerate((0.5, 1.0)):
        rows = table[table["kappa"] == kappa]
        wishart, circle, law = (rows[rows["check"] == check].sort_values("n_samples")
                                for check in ("wishart-gap-line", "circle-gap-line", "circle-law"))  # fmt: skip
        axis.plot(wishart["n_samples"], wishart["predicted"], "^-.", color=f"C{index}",
                  label=rf"Wishart, $\kappa = {kappa:g}$: slope {'-1/3' if kappa < 1 else '-1/2'}")  # fmt: skip
        axis.plot(wishart["n_samples"], wishart["gamma"], color="black", linewidth=0.8, linestyle=":")
        axis.plot(circle["n_samples"], circle["predicted"], "v-", color=f"C{index}",
                  label=rf"Circle, $\kappa = {kappa:g}$: slope {'-1/2' if kappa < 1 else '-1'}")  # fmt: skip
        axis.plot(law["n_samples"], law["predicted"], color="black", linewidth=0.8, linestyle=":")
    axis.plot([], [], color="black", linewidth=0.8, linestyle=":", label="leading terms")
    axis.set(xscale="log", yscale="log", xlabel="samples N", ylabel="relative gap to the naive model",
             title="how fast the models meet: ridge")  # fmt: skip
    axis.legend(loc="lower left")


def _noiseless(axis: Any, table: Any) -> None:
    lines = table[table["check"] == "noiseless-line"]
    for index, (model, label) in enumerate((("circle", "Circle"), ("wishart", "Wishart"))):
        here = lines[lines["model"] == model]
        axis.plot(here["n_samples"], here["predicted"] * here["n_samples"], color=f"C{index}", label=label)
    for check, marker, label in (("gaussian", "o", "Gaussian features"), ("cosine", "s", "cosine features, 1 SE")):
        here = table[table["check"] == f"noiseless-{check}"]
        axis.errorbar(here["n_samples"], here["simulated"] * here["n_samples"],
                      yerr=here["standard_error"] * here["n_samples"], fmt=marker, label=label,
                      color="C1" if check == "gaussian" else "C2",
                      markerfacecolor="C1" if check == "gaussian" else "white")  # fmt: skip
    axis.axhline(0, color="0.5", linewidth=3.5, alpha=0.5, label="naive model")
    axis.set(xscale="log", xlabel="samples N", ylabel=r"loss $\times\, N$", ylim=(-0.3, 9.0),
             title=r"no universality: interpolation without noise, $\kappa = 1$")  # fmt: skip
    axis.set_xticks([50, 100, 200, 400, 800], ["50", "100", "200", "400", "800"])
    axis.minorticks_off()
    axis.legend(loc="upper left", ncols=2)
