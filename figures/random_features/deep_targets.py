"""Deep random features and a target that they see only in part: ridge and logistic regression of the readout."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure
from figures.random_features import deep_drawings
from figures.random_features._deep_columns import points_of, widths_text
from figures.random_features.papers import DEEP_RANDOM_FEATURES
from simulations.random_features import simulate_deep_rf_hidden_target, simulate_deep_rf_logistic
from theory.random_features import (
    LogisticRisk,
    activation_coefficients,
    deep_rf_layers,
    deep_rf_linear_target_risk,
    deep_rf_logistic_risk,
)

ridge_curves = figure("random_features.deep-ridge", deep_drawings.draw_ridge)
logistic_curves = figure("random_features.deep-logistic", deep_drawings.draw_logistic)
NOISE = 0.1
SETTING = (
    "Widths d = k_0, k_1 .. k_L as in the layers of claim 13, readout on h_L / sqrt(k_L). The target is the readout of "
    "one random hidden layer with activation sigma_* on the same input."
)


def linear_power(activation: str) -> tuple[float, float]:
    """Return the power of the linear part of a random hidden layer's readout, and its variance, at unit inputs."""
    one = activation_coefficients(activation)
    return one.kappa_1**2, one.second_moment - one.mean**2


def ridge_error(*, widths: Sequence[int], activation: str, n_samples: float, ridge: float,
                teacher_activation: str = "sign", explained_only: bool = False) -> float:  # fmt: skip
    """Return the predicted test error, or a wrong one that leaves out what is not linear in the target."""
    power, variance = linear_power(teacher_activation)
    return deep_rf_linear_target_risk(
        widths, activation, teacher_power=power, target_variance=power if explained_only else variance,
        n_samples=n_samples, ridge=ridge, noise_variance=NOISE,
    ).test_mse  # fmt: skip


def without_noise(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return a point whose network is linear: identity layers, the product of all kappa_1 moved into the ridge."""
    layers = deep_rf_layers(point["activation"], len(point["widths"]) - 1)
    scale = math.prod(layer.kappa_1 for layer in layers) ** 2
    return dict(point, activation="identity", ridge=point["ridge"] / scale)


def one_layer(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return a point with the layers between the first and the last left out."""
    return dict(point, widths=[point["widths"][0], point["widths"][-1]])


@claim(
    "random_features.16",
    paper=DEEP_RANDOM_FEATURES,
    label="Appendix D.2 (numbering unverified)",
    nature="asymptotic",
    status="beyond",
    statement="For any target the error of ridge regression on deep random features depends on the linear part of the "
    "target alone, the rest acting as label noise; the paper gives this for given weights, its average over the "
    "weights in closed form is a result of this project.",
    assumptions="Standard normal inputs and Gaussian weights; widths, samples and the target's own width large and in "
    "proportion.",
    formula=r"""E_{\mathrm{test}} = \frac{\rho + \sigma^2 - T + \dot{T}}{1 - q/n}
        T = \frac{1}{d}\sum_i \frac{\omega_i^2\,\tau_i}{\omega_i + \mu_1}
        \dot{T} = s_L\,\frac{dT/d\mu_1}{ds_L/d\mu_1}""",
    normalisations=f"{SETTING} It has linear power tau and variance rho; omega are the input eigenvalues, mu_1 and s_L "
    "the shifts of the input and of the last layer, q its squared degrees of freedom. The ridge is added to the "
    "unnormalised Gram matrix, and the test error includes the label noise.",
    figure=ridge_curves,
)
def ridge_target(run: Any) -> Iterator[Any]:
    def point(d: int, depth: int, n: float, ridge: float = 0.01, network: str = "tanh", teacher: str = "sign") -> dict:
        return dict(widths=[d] * (depth + 1), activation=network, teacher_activation=teacher, teacher_width=d,
                    n_samples=int(n), ridge=ridge)  # fmt: skip

    d, ratios = run.choose(quick=60, full=80, large=200), [0.25, 0.5, 1, 2, 4]
    grid = run.grid(
        quick=[point(d, 2, d), point(d, 2, 4 * d), point(d, 1, 2 * d), point(d, 2, 2 * d, 0.01, "relu", "relu")],
        full=[point(d, depth, d * ratio) for depth in range(1, 7) for ratio in ratios]
        + [point(d, 2, d * ratio, ridge) for ridge in (0.1, 1.0) for ratio in ratios]
        + [point(d, 2, 2 * d, 0.1, network, teacher) for network, teacher in (("relu", "relu"), ("erf", "tanh"))],
    )
    trials = run.sample(simulate_deep_rf_hidden_target, grid, noise_variance=NOISE, n_test=600, n_trials=128)
    yield agreement(
        "test-error",
        trials.values,
        [_ridge(one) for one in grid],
        allowance=1.3 / d,
        precision=0.0225,
        reason="correction of order 1/width, measured at most 1.13 over the width of network and target at widths of "
        "50, 100 and 200",
        rivals=_ridge_rivals(grid),
        at=points_of(trials),
    )
    if run.scale != "quick":
        pair = run.grid(full=[point(size, 2, 2 * size) for size in (60, 120)])
        sizes = run.sample(simulate_deep_rf_hidden_target, pair, noise_variance=NOISE, n_test=600, n_trials=2048)
        error = sizes.values / [_ridge(one) for one in pair]
        yield agreement(
            "test-error-extrapolated",
            2 * error[:, 1] - error[:, 0],
            1.0,
            allowance=4 / 60**2,
            precision=0.005,
            reason="from widths of 60 and 120 to infinity by the rate 1/width; what is left is of order 1/width^2",
            rivals={"one and a half per cent more": 1.015},
            at=dict(samples_per_dimension=2.0),
        )
    n = d * np.geomspace(0.2, 5, 60)
    for depth, ridge in [*((depth, 0.01) for depth in range(1, 7)), (2, 0.1), (2, 1.0)]:
        line = [dict(point(d, depth, 1, ridge), n_samples=x) for x in n]
        yield curve("theory", [_ridge(one) for one in line], rivals=_ridge_rivals(line),
                    at=dict(widths=widths_text([d] * (depth + 1)), activation="tanh", teacher_activation="sign",
                            n_samples=n, ridge=ridge))  # fmt: skip


def _ridge(point: Mapping[str, Any], **wrong: Any) -> float:
    return ridge_error(**{name: value for name, value in point.items() if name != "teacher_width"}, **wrong)


def _ridge_rivals(points: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    return {
        "nonlinear part dropped": [_ridge(one, explained_only=True) for one in points],
        "linear network": [_ridge(without_noise(one)) for one in points],
        "one layer": [_ridge(one_layer(one)) for one in points],
    }


@claim(
    "random_features.17",
    paper=DEEP_RANDOM_FEATURES,
    label="Appendix D.3 (numbering unverified)",
    nature="asymptotic",
    status="beyond",
    statement="Error and loss of logistic regression on deep random features are those of Gaussian features with the "
    "same covariance; the paper gives this for given weights, its average over them is a result of this project.",
    assumptions="Standard normal inputs and Gaussian weights; labels are the signs of the readout of a random hidden "
    "layer of signs; widths and samples large and in proportion.",
    formula=r"""P(\mathrm{error}) = \frac{1}{\pi}\arccos\frac{M}{\sqrt{\rho\,Q}},\quad M = \hat{M}\,T/\hat{V}
        Q = \frac{\hat{M}^2\,(T + \dot{T}) + \hat{Q}\,q}{\hat{V}^2}
        V = D_L/\hat{V},\quad s_L = k_L\,\delta/\hat{V}""",
    normalisations=f"{SETTING} The fit minimises the sum of logistic losses plus delta/2 times the squared norm. "
    "Letters with a hat are n times Gaussian averages over predictor and label, the others as in claim 16.",
    figure=logistic_curves,
)
def logistic_target(run: Any) -> Iterator[Any]:
    d, ridges = run.choose(quick=60, full=100, large=200), (0.05, 1.0)

    def point(ratio: float, ridge: float) -> dict[str, Any]:
        return dict(widths=[d] * 3, teacher_width=d, n_samples=int(ratio * d), ridge=ridge)

    grid = run.grid(quick=[point(3, 0.05), point(6, 1.0)],
                    full=[point(ratio, ridge) for ridge in ridges for ratio in (0.5, 1, 2, 3, 4, 6)])  # fmt: skip
    sharp = point(run.choose(quick=6, full=3), 1.0)  # many trials at one point, for the resolution
    fine, weak = np.array([one == sharp for one in grid]), grid.column("ridge") < 1
    counts = [run.choose(quick=512, full=2048) if many else 256 for many in fine]
    trials = run.sample(simulate_deep_rf_logistic, grid, activation="tanh", n_test=run.choose(quick=1000, full=2000),
                        n_trials=counts)  # fmt: skip
    predicted = [_logistic(**one) for one in grid]
    rivals = {
        "nonlinear part dropped": [_logistic(**one, explained_only=True) for one in grid],
        "one layer": [_logistic(**one_layer(one)) for one in grid],
    }
    yield agreement(
        "training-loss",
        trials.train_loss,
        [risk.train_loss for risk in predicted],
        allowance=0.3 / d,
        precision=np.where(fine, run.choose(quick=0.012, full=0.0038), np.where(weak, 0.06, 0.015)),
        reason="correction of order 1/width, measured at most 0.3 over the width at widths of 50, 100 and 200",
        rivals={name: [risk.train_loss for risk in risks] for name, risks in rivals.items()},
        at=points_of(trials),
    )
    yield agreement(
        "test-error",
        trials.test_error,
        [risk.test_error for risk in predicted],
        allowance=1 / d,
        precision=np.where(fine, run.choose(quick=0.03, full=0.0125), run.choose(quick=0.0425, full=0.035)),
        reason="correction of order 1/width, measured at most 0.85 over the width at widths of 50, 100 and 200",
        rivals={name: [risk.test_error for risk in risks] for name, risks in rivals.items()},
        at=points_of(trials),
    )
    n = d * np.geomspace(0.4, 7, 30)
    for ridge in ridges:
        line = [dict(point(1, ridge), n_samples=x) for x in n]
        lines = {"theory": [_logistic(**one) for one in line],
                 "nonlinear part dropped": [_logistic(**one, explained_only=True) for one in line],
                 "one layer": [_logistic(**one_layer(one)) for one in line]}  # fmt: skip
        for name in ("test_error", "train_loss"):
            values = {who: [getattr(risk, name) for risk in risks] for who, risks in lines.items()}
            yield curve(f"line-{name}", values.pop("theory"), rivals=values, at=dict(n_samples=n, ridge=ridge))


def _logistic(*, widths: Sequence[int], n_samples: float, ridge: float, teacher_width: int = 0,
              activation: str = "tanh", explained_only: bool = False) -> LogisticRisk:  # fmt: skip
    """Return the prediction for a teacher of signs, or a wrong one that leaves out what is not linear in it."""
    power, variance = linear_power("sign")
    return deep_rf_logistic_risk(
        widths, activation, teacher_power=power, target_variance=power if explained_only else variance,
        n_samples=n_samples, ridge=ridge,
    )  # fmt: skip
