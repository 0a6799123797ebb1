"""Deep random features: coefficients of the layers, degrees of freedom, and a target linear in the features."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import erf

from assay import agreement, claim, curve, figure, structure
from figures.random_features import deep_drawings
from figures.random_features._deep_columns import points_of, widths_text
from figures.random_features._deep_rivals import (
    effective_dof,
    equal_eigenvalues_error,
    matched_error,
    wrong_networks,
)
from figures.random_features.papers import DEEP_RANDOM_FEATURES
from simulations.random_features import (
    simulate_deep_effective_dof,
    simulate_deep_rf,
)
from theory.random_features import (
    activation_coefficients,
    deep_effective_dof,
    deep_rf_layers,
    deep_rf_risk,
)
from theory.random_features.deep import deep_network

features = figure("random_features.deep-features", deep_drawings.draw_features)
NETWORK = (
    "Layers h_l = sigma(W_l h_{l-1} / sqrt(k_{l-1})) minus the Gaussian mean, with h_0 = x in dimension d = k_0 and "
    "standard normal W_l; the readout acts on h_L / sqrt(k_L)."
)
RIDGE = f"{NETWORK} The ridge is added to the unnormalised Gram matrix; the test error includes the label noise."
FUNCTIONS = {"erf": erf, "relu": lambda u: np.maximum(u, 0.0), "sign": np.sign, "tanh": np.tanh}


@claim(
    "random_features.13",
    paper=DEEP_RANDOM_FEATURES,
    label="eqs. (10)-(11)",
    nature="exact",
    evidence="proved",
    statement="An activation of a Gaussian is a linear function plus uncorrelated noise, with coefficients that are "
    "closed for erf, ReLU and sign, and one recursion for the variance carries them from layer to layer.",
    assumptions="Gaussian preactivations u of variance r; every layer is centred by its mean.",
    formula=r"""\kappa_1 = E[u\,\sigma(u)]/r,\quad m = E\,\sigma,\quad \kappa_*^2 = E\,\sigma^2 - m^2 - r\,\kappa_1^2
        r_{\ell+1} = E\,\sigma^2 - m^2 = r_\ell\,\kappa_1^2 + \kappa_*^2
        \mathrm{erf}:\ \kappa_1 = \frac{2}{\sqrt{\pi(1+2r)}},\quad E\,\sigma^2 = \frac{2}{\pi}\arcsin\frac{2r}{1+2r}
        \mathrm{ReLU}:\ \kappa_1 = \frac{1}{2},\quad m = \sqrt{\frac{r}{2\pi}},\quad E\,\sigma^2 = \frac{r}{2}
        \mathrm{sign}:\ \kappa_1 = \sqrt{\frac{2}{\pi r}},\quad E\,\sigma^2 = 1""",
    normalisations=NETWORK,
)
def layer_coefficients(run: Any) -> Iterator[Any]:
    variances = run.choose(quick=np.geomspace(0.05, 20, 5), full=np.geomspace(0.01, 100, 25))
    at = dict(activation=np.array(list(FUNCTIONS))[:, None, None], preactivation_variance=variances[:, None],
              coefficient=np.array(["mean", "kappa_1", "kappa_star", "second_moment"]))  # fmt: skip
    ours = np.array([[_coefficients(activation_coefficients(name, r)) for r in variances] for name in FUNCTIONS])
    exact = np.array([[_by_quadrature(function, r) for r in variances] for function in FUNCTIONS.values()])
    unit = np.where(exact == 0.0, 1.0, exact)
    undivided = ours * np.where(at["coefficient"] == "kappa_1", variances[:, None], 1.0)
    uncentred = np.sqrt(ours[..., 3] - variances * ours[..., 1] ** 2)
    yield structure(
        "coefficients",
        (ours - exact) / unit,
        precision=1e-13,
        reason="rounding of a quadrature with 1440 nodes; kappa_star keeps fewest digits where the activation is "
        "nearly linear",
        rivals={
            "kappa_1 not divided by the variance": (undivided - exact) / unit,
            "kappa_star without the mean removed": np.where(
                at["coefficient"] == "kappa_star", (uncentred[..., None] - exact) / unit, 0.0
            ),
        },
        at=at,
    )
    n_layers = run.choose(quick=4, full=10)
    names = ["erf", "relu", "tanh"]
    ours = np.array([[_coefficients(one)[1:3] for one in deep_rf_layers(name, n_layers)] for name in names])
    exact = np.array([_layers(FUNCTIONS[name], n_layers, centred=True) for name in names])
    uncentred = np.array([_layers(FUNCTIONS[name], n_layers, centred=False) for name in names])
    yield structure(
        "recursion",
        ours / exact - 1,
        precision=1e-13,
        reason="rounding of the quadratures, carried through the layers",
        rivals={
            "second moment not centred": uncentred / exact - 1,
            "variance of the first layer": ours[:, :1] / exact - 1,
        },
        at=dict(activation=np.array(names)[:, None, None], layer=np.arange(1, n_layers + 1)[:, None],
                coefficient=at["coefficient"][1:3]),
    )  # fmt: skip


def _coefficients(one: Any) -> list[float]:
    return [one.mean, one.kappa_1, one.kappa_star, one.second_moment]


def _by_quadrature(function: Any, variance: float) -> list[float]:
    """Return the four coefficients from their definitions, with 30 Gauss nodes on each of 48 panels."""
    nodes, weights = np.polynomial.legendre.leggauss(30)
    z = (0.5 * np.arange(-24, 24)[:, None] + 0.25 * (nodes + 1)).ravel()  # a panel ends at 0, where there may be a kink
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi) * np.tile(0.25 * weights, 48)
    u = math.sqrt(variance) * z
    values = function(u)
    mean, slope = density @ values, density @ (u * values) / variance
    mean = 0.0 if abs(mean) < 1e-13 else mean  # odd: what is left is rounding
    return [mean, slope, math.sqrt(density @ (values - mean - slope * u) ** 2), density @ values**2]


def _layers(function: Any, n_layers: int, *, centred: bool) -> list[list[float]]:
    """Return kappa_1 and kappa_star of every layer by the recursion for the variance, or by a wrong one."""
    layers, variance = [], 1.0
    for _ in range(n_layers):
        mean, slope, rest, second = _by_quadrature(function, variance)
        layers.append([slope, rest])
        variance = second - mean**2 if centred else second
    return layers


@claim(
    "random_features.14",
    paper=DEEP_RANDOM_FEATURES,
    label="Theorem 3.3",
    nature="asymptotic",
    statement="The degrees of freedom of a deep random network follow layer by layer from those of its input, as if "
    "every layer were linear plus noise, up to a correction that does not grow with the width.",
    assumptions="Gaussian inputs and weights; all widths large and in proportion.",
    formula=r"""\Omega_\ell \simeq a_\ell\, W_\ell\,\Omega_{\ell-1} W_\ell^{T} / k_{\ell-1} + b_\ell\, I
        a_\ell = (\kappa_1^{(\ell)})^2,\quad b_\ell = (\kappa_*^{(\ell)})^2
        D_\ell(s) = \mathrm{tr}\,\Omega_\ell(\Omega_\ell + s)^{-1}
        k_\ell - D_{\ell-1}(\mu) = \frac{(b_\ell + s)\,k_{\ell-1}}{a_\ell\,\mu}
        D_\ell(s) = \frac{s\,D_{\ell-1}(\mu) + b_\ell k_\ell}{s + b_\ell}""",
    normalisations=NETWORK,
    figure=features,
)
def degrees_of_freedom(run: Any) -> Iterator[Any]:
    shifts = run.choose(quick=np.array([0.01, 0.1, 1.0]), full=np.geomspace(0.003, 3, 7))
    small = [
        dict(activation="erf", widths=[60, 90], input_eigenvalues=None),
        dict(activation="tanh", widths=[40, 60, 50], input_eigenvalues=_two_levels(40)),
    ]
    relu = dict(activation="relu", widths=[60, 90], input_eigenvalues=None)
    doubled = [_doubled(network) for network in [*small, relu]]
    deep = dict(activation="tanh", widths=[100] * 4, input_eigenvalues=None)
    grid = run.grid(quick=small, full=[*small, relu, *doubled, deep])
    trials = run.sample(simulate_deep_effective_dof, grid, shifts=shifts, n_inputs=run.choose(quick=2000, full=4000),
                        n_trials=run.choose(quick=128, full=384))  # fmt: skip
    predicted = np.array([[deep_effective_dof(**network, shift=s) for s in shifts] for network in grid])
    wrong = [wrong_networks(**network) for network in grid]
    yield agreement(
        "degrees-of-freedom",
        trials.values,
        predicted,
        unit="absolute",
        allowance=1.0,
        precision=0.3,
        reason="correction of order 1: measured at most 0.9 degrees of freedom for one to three layers, the same at "
        "twice and four times the widths",
        rivals={name: [[effective_dof(networks[name], s) for s in shifts] for networks in wrong] for name in wrong[0]},
        at=points_of(trials, shift=shifts),
    )
    if run.scale != "quick":
        half = len(doubled)
        points = points_of(trials, shift=shifts)
        yield agreement(
            "doubled-widths",
            trials.values[:, half : 2 * half] - trials.values[:, :half],
            predicted[:half],
            unit="absolute",
            allowance=0.06,
            precision=0.3,
            reason="the correction of order 1 cancels from the difference that doubling all widths makes; what is left "
            "is of order 1/width, measured at most 0.06",
            rivals={"linear network": [[effective_dof(networks["linear network"], s) for s in shifts]
                                       for networks in wrong[:half]]},
            at={name: values[:half] if np.ndim(values) == 2 else values for name, values in points.items()},
        )  # fmt: skip
    line = np.geomspace(shifts[0], shifts[-1], 40)
    for network in run.choose(quick=small, full=[doubled[0], doubled[2], doubled[1], deep]):
        linear = wrong_networks(**network)["linear network"]
        yield curve(
            "theory",
            [deep_effective_dof(**network, shift=s) for s in line],
            rivals={"linear network": [effective_dof(linear, s) for s in line]},
            at=dict(activation=network["activation"], widths=widths_text(network["widths"]), shift=line),
        )


def _two_levels(dimension: int) -> list[float]:
    """Return input eigenvalues of mean 1, half of them nine times the other half."""
    return [1.8, 0.2] * (dimension // 2)


def _doubled(network: dict[str, Any]) -> dict[str, Any]:
    """Return a network with all widths doubled."""
    inputs = network["input_eigenvalues"]
    return dict(network, widths=[2 * width for width in network["widths"]], input_eigenvalues=inputs and 2 * inputs)


@claim(
    "random_features.15",
    paper=DEEP_RANDOM_FEATURES,
    label="Section 4, with Theorem 3.3",
    nature="asymptotic",
    statement="For a target that is linear in the features, the error of ridge regression on deep random features "
    "follows from one scalar root at any depth, and the best ridge is the noise variance.",
    assumptions="Gaussian inputs and weights, standard normal target readout; widths and samples large and in "
    "proportion.",
    formula=r"""n = D_L(k_L\kappa) + \delta/\kappa,\quad q = \mathrm{tr}\,\Omega_L^2(\Omega_L + k_L\kappa)^{-2}
        E_{\mathrm{test}} = n\kappa + \frac{n\,(\sigma^2 - \delta)}{n - q}
        \delta^* = \sigma^2,\quad E^* = n\kappa""",
    normalisations=RIDGE,
    figure=features,
)
def matched_target(run: Any) -> Iterator[Any]:
    noise = 0.2
    shapes = dict(erf=(4, 3), relu=(3, 4, 3), tanh=(2, 4, 3))
    ridges = dict(erf=0.01, relu=0.02, tanh=0.01)

    def points(unit: int, ratios: list[float], names: list[str]) -> list[dict[str, Any]]:
        return [dict(activation=name, widths=[unit * part for part in shapes[name]], n_samples=int(ratio * 3 * unit),
                     ridge=ridges[name]) for name in names for ratio in ratios]  # fmt: skip

    unit = run.choose(quick=20, full=40, large=80)
    deep = dict(activation="tanh", widths=[3 * unit] * 5, n_samples=5 * unit, ridge=0.01)
    ratios = run.choose(quick=[1], full=[0.5, 1, 5 / 3, 3, 6])
    grid = run.grid(quick=points(unit, ratios, list(shapes)), full=[*points(unit, ratios, list(shapes)), deep])
    trials = run.sample(
        simulate_deep_rf, grid, noise_variance=noise, n_test=600, n_trials=run.choose(quick=192, full=160)
    )
    wrong = [wrong_networks(point["widths"], point["activation"]) for point in grid]
    fits = [dict(n_samples=p["n_samples"], ridge=p["ridge"], noise_variance=noise) for p in grid]
    rivals = {name: [matched_error(networks[name], **fit) for networks, fit in zip(wrong, fits, strict=True)]
              for name in wrong[0]}  # fmt: skip
    right = [deep_network(point["widths"], point["activation"], None) for point in grid]
    rivals["equal eigenvalues"] = [equal_eigenvalues_error(net, **fit) for net, fit in zip(right, fits, strict=True)]
    yield agreement(
        "test-error",
        trials.values,
        [deep_rf_risk(**point, noise_variance=noise).test_mse for point in grid],
        allowance=[0.8 / point["widths"][-1] for point in grid],
        precision=run.choose(quick=0.015, full=0.01),
        reason="correction of order 1/width, measured at most 0.67 over the width of the last layer, where that is 60 "
        "and where it is 120",
        rivals=rivals,
        at=points_of(trials),
    )
    yield _best_ridge(run.choose(quick=[[100, 150, 120]], full=[[100, 150], [100, 150, 120], [200] * 5]))
    if run.scale != "quick":
        pair = run.grid(full=[point for size in (20, 40) for point in points(size, [5 / 3], ["tanh"])])
        sizes = run.sample(simulate_deep_rf, pair, noise_variance=noise, n_test=600, n_trials=2048)
        error = sizes.values / [deep_rf_risk(**point, noise_variance=noise).test_mse for point in pair]
        yield agreement(
            "test-error-extrapolated",
            2 * error[:, 1] - error[:, 0],
            1.0,
            allowance=2 / 60**2,
            precision=0.003,
            reason="from widths of 60 and 120 to infinity by the rate 1/width; what is left is of order 1/width^2",
            rivals={"one per cent more": 1.01},
            at=dict(activation="tanh", n_samples=np.inf),
        )
    for name, shape in shapes.items():
        n = unit * np.geomspace(0.75, 25, 80)
        widths, fit = [unit * part for part in shape], dict(ridge=ridges[name], noise_variance=noise)
        linear = wrong_networks(widths, name)["linear network"]
        yield curve("theory", [deep_rf_risk(widths, name, n_samples=x, **fit).test_mse for x in n],
                    rivals={"linear network": [matched_error(linear, n_samples=x, **fit) for x in n]},
                    at=dict(activation=name, widths=widths_text(widths), n_samples=n))  # fmt: skip


def _best_ridge(networks: list[list[int]]) -> Any:
    """The slope of the predicted error in the logarithm of the ridge, at the ridge that should be best."""
    noise, step = 0.2, 1e-5

    def slopes(ridge: float) -> list[float]:
        errors = [[deep_rf_risk(widths, "tanh", n_samples=140, ridge=ridge * factor, noise_variance=noise).test_mse
                   for factor in (1 + step, 1 / (1 + step))] for widths in networks]  # fmt: skip
        return [math.log(above / below) / (2 * math.log1p(step)) for above, below in errors]

    return structure(
        "best-ridge",
        slopes(noise),
        precision=1e-8,
        reason="central difference with a step of 1e-5: rounding over the step, 1e-10 measured",
        rivals={"half the noise variance": slopes(noise / 2)},
        at=dict(widths=[widths_text(widths) for widths in networks]),
    )
