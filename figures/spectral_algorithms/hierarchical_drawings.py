"""Drawing of hierarchical kernels: eigenvalue cones and learning curves on lattices."""

from __future__ import annotations

from typing import Any


def draw_hierarchical(tables: dict[str, Any]) -> Any:
    """Draw eigenvalues along one patch and along both, and learning curves with the three candidate slopes."""
    import matplotlib.pyplot as plt

    table = tables["spectral_algorithms.14"]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.4))
    cones, curves = table[table["check"] == "cone"], table[table["check"] == "lattice"]
    names = {"axis": "one patch, $(k, 0)$", "beside": "beside it, $(k, 1)$", "diagonal": "both patches, $(k, k)$"}
    for kind, line in (("ntk", "-"), ("rfk", "--")):
        for index, (cone, label) in enumerate(names.items()):
            here = cones[(cones["kind"] == kind) & (cones["cone"] == cone)]
            axes[0].plot(here["frequency"], here["predicted"], color=f"C{index}", linestyle=line,
                         label=label if kind == "ntk" else None)  # fmt: skip
    axes[0].plot([], [], color="0.4", label="tangent kernel (ntk)")
    axes[0].plot([], [], color="0.4", linestyle="--", label="random features (rfk)")
    axes[0].set(xscale="log", yscale="log", xlabel="frequency k, even", ylabel="eigenvalue", ylim=(1e-14, None),
                title="eigenvalues on one patch and on both")  # fmt: skip
    axes[0].legend(loc="lower left")
    designs = table[table["check"] == "random-design-interpolation"]
    titles = {"ntk": r"tangent kernel, $\nu_T = 1/2$", "rfk": r"random features, $\nu_T = 1$"}
    for axis, (kind, title) in zip(axes[1:], titles.items(), strict=True):
        for index, target in enumerate(("local", "whole")):
            here = curves[(curves["kind"] == kind) & (curves["target"] == target)].sort_values("n_samples")
            name = "one patch" if target == "local" else "both patches"
            axis.plot(here["n_samples"], here["predicted"], "o", color=f"C{index}", label=f"target on {name}")
            axis.plot(here["n_samples"], here["predicted slope"], color=f"C{index}")
            if target == "local":
                axis.plot(here["n_samples"], here["a kernel that knows the patch"], color="C2", linestyle="--",
                          linewidth=0.9, label="slope of a kernel that knows the patch (rival)")  # fmt: skip
                axis.plot(here["n_samples"], here["cursed"], color="0.4", linestyle="--", linewidth=0.9,
                          label="cursed slope (rival)")  # fmt: skip
        axis.plot([], [], color="0.4", label="predicted slope")
        axis.set(xscale="log", yscale="log", xlabel="points of the lattice N", title=title)
        if kind == "ntk":
            axis.errorbar(designs["n_samples"], designs["simulated"], yerr=designs["standard_error"], fmt="s",
                          color="C0", markerfacecolor="white", label="random points, 1 SE")  # fmt: skip
        axis.legend(loc="lower left")
        axis.set_ylim(bottom=axis.get_ylim()[0] / 8)
    axes[1].set_ylabel("loss of interpolation")
    return figure
