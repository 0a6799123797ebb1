"""Naive loss minimisation: once all samples are classified, homogeneous networks descend by growing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import softmax

from assay import bound, claim, curve, figure, structure
from figures.grokking import orthogonal_drawings as drawings
from figures.grokking._relu_networks import SETTING, Network, draw_networks
from figures.grokking.papers import NUMERICAL_STABILITY
from simulations.grokking import simulate_relu_gradients, simulate_relu_training
from theory.grokking import stablemax, stablemax_cross_entropy_gradient

DEGREE = 2  # of the logits in the weights
CLEAR = 4.0  # margin of all samples from which descent is said to follow the weights; at separation it does not yet
orthogonal_figure = figure("grokking.orthogonal", drawings.draw_orthogonal)


@claim(
    "grokking.11",
    paper=NUMERICAL_STABILITY,
    label="naive loss minimisation (numbering unverified)",
    nature="exact",
    status="holds",
    evidence="proved",
    statement="With logits homogeneous of degree L in the weights, the slope of the loss along the weights is L times "
    "the mean of E_p z - z_y, the same for every layer, and at most -L times the mean of (1 - p_y) times the margin: "
    "once all samples are classified, growing the weights lowers the loss and changes no prediction.",
    assumptions="No biases. The bound on the slope is for cross-entropy of a softmax, and tight for two classes. The "
    "identity is Euler's; how closely descent follows the weights is observed, not proved.",
    formula=r"\theta\cdot\nabla\ell = \frac{L}{n}\sum_i (E_{p_i}[z] - z_{i,y_i}) \;\leq\; "
    r"-\frac{L}{n}\sum_i (1 - p_{i,y_i})\,(z_{i,y_i} - \max_{k\neq y_i} z_{i,k})"
    "\n"
    r"\mathrm{StableMax}:\quad \theta\cdot\nabla\ell = "
    r"\frac{L}{n}\sum_i\sum_k \frac{z_{i,k}}{1 + |z_{i,k}|}\,(p_{i,k} - [k = y_i])"
    "\n"
    r"\langle W_1, \nabla_{W_1}\ell\rangle = \langle W_2, \nabla_{W_2}\ell\rangle,\qquad "
    r"z(\lambda\theta) = \lambda^L z(\theta)",
    normalisations=SETTING,
    figure=orthogonal_figure,
)
def naive_minimisation(run: Any) -> Iterator[Any]:
    networks = draw_networks(run)
    yield _euler(networks)
    yield _balance(networks)
    yield _bound(networks)
    yield _scaling(run)
    yield from _training(run)


def _layer_slopes(network: Network) -> tuple[float, ...]:
    """Return the slope of the loss along the weights of each layer."""
    return tuple(float(np.vdot(*pair)) for pair in zip(network.weights, network.gradients, strict=True))


def _logit_gradient(network: Network) -> np.ndarray:
    """Return the predicted gradient of the loss of every sample by its logits, (n, K)."""
    if network.head == "stablemax":
        return stablemax_cross_entropy_gradient(network.logits, network.labels)
    return softmax(network.logits, axis=1) - np.eye(network.n_classes)[network.labels]


def _euler(networks: list[Network]) -> Any:
    found, right, stable = [], [], []
    for network in networks:
        found.append(sum(_layer_slopes(network)))
        right.append(DEGREE * np.mean(np.sum(network.logits * _logit_gradient(network), axis=1)))
        share = stablemax(network.logits) if network.head == "stablemax" else softmax(network.logits, axis=1)
        plain = network.logits * (share - np.eye(network.n_classes)[network.labels])
        stable.append(DEGREE * np.mean(np.sum(plain, axis=1)))
    found, right, stable = np.array(found), np.array(right), np.array(stable)
    return structure(
        "euler-identity",
        found - right,
        precision=1e-12,
        reason="rounding of slopes of order 1",
        rivals={
            "degree 1": found - right / DEGREE,
            "summed over the samples": found - right * [len(network.labels) for network in networks],
            "StableMax like softmax": found - stable,
        },
        at=_at(networks),
    )


def _balance(networks: list[Network]) -> Any:
    first, second = np.array([_layer_slopes(network) for network in networks]).T
    lengths = np.array([[np.linalg.norm(layer) for layer in network.weights] for network in networks])
    sizes = np.array([[layer.size for layer in network.weights] for network in networks])
    return structure(
        "layers-balance",
        first - second,
        precision=1e-12,
        reason="rounding of slopes of order 1",
        rivals={
            "balanced per length of the weights": first / lengths[:, 0] - second / lengths[:, 1],
            "balanced per weight": first / sizes[:, 0] - second / sizes[:, 1],
        },
        at=_at(networks),
    )


def _bound(networks: list[Network]) -> Any:
    chosen = [network for network in networks if network.head == "softmax"]
    slopes = [sum(_layer_slopes(network)) for network in chosen]
    bounds = []
    for network in chosen:
        rows = np.arange(len(network.labels))
        others = network.logits.copy()
        others[rows, network.labels] = -np.inf
        margins = network.logits[rows, network.labels] - others.max(axis=1)
        wrong = 1 - softmax(network.logits, axis=1)[rows, network.labels]
        bounds.append(-DEGREE * np.mean(wrong * margins))
    return bound(
        "slope-and-margin",
        slopes,
        bounds,
        rounding=1e-12,
        tightness=1e-12,
        unit="absolute",
        reason="rounding of slopes of order 1; equal for two classes",
        rivals={"degree 1": np.array(bounds) / DEGREE, "never growing": np.zeros(len(chosen))},
        at=_at(chosen),
    )


def _scaling(run: Any) -> Any:
    """Every network drawn again with longer weights: its logits over those before, and its predictions."""
    scales = np.array([0.5, 1.5, 3.0])
    sizes = dict(n_samples=20, n_features=6, n_classes=4, width=15, n_trials=run.choose(quick=10, full=200))
    logits = [simulate_relu_gradients(**sizes, weight_scale=scale, seed=run.seed).logits for scale in (1.0, *scales)]

    def deviations(degree: int) -> list[np.ndarray]:
        pairs = zip(scales, logits[1:], strict=True)
        return [np.abs(scaled - scale**degree * logits[0]).max(axis=(1, 2)) for scale, scaled in pairs]

    def changed(scaled: np.ndarray) -> np.ndarray:
        return np.any(scaled.argmax(axis=2) != logits[0].argmax(axis=2), axis=1).astype(float)

    same = [changed(scaled) for scaled in logits[1:]]
    return structure(
        "scaled-weights",
        [deviations(DEGREE), same],
        precision=1e-12,
        reason="rounding of logits of order 10; no prediction may change",
        rivals={"degree 1": [deviations(1), same], "degree 3": [deviations(3), same]},
        at=dict(part=np.array(["logits", "predictions"]).reshape(2, 1, 1), weight_scale=scales[:, np.newaxis]),
    )


def _training(run: Any) -> Iterator[Any]:
    """Descent from random weights on random labels: how much of it is along the weights, from separation on."""
    steps = run.choose(quick=[0, 30, 100, 300, 1000, 1500], full=[0, 10, 30, 100, 300, 1000, 3000, 10000])
    sizes = dict(n_samples=20, n_features=10, n_classes=3, width=50)
    path = run.sample(simulate_relu_training, run.grid(quick=[{}]), **sizes, learning_rate=0.1, record_steps=steps,
                      n_trials=run.choose(quick=12, full=24), block=4)  # fmt: skip
    cosine, margin = path.cosine[:, 0], path.margin[:, 0]
    clear = margin >= CLEAR
    trial, record = np.nonzero(clear)
    yield bound(
        "descent-follows-the-weights",
        cosine[clear],
        np.full(len(trial), 0.5),
        upper=False,
        reason="cosine of minus the gradient with the weights, for every network whose smallest margin has reached "
        "4; an observation, with nothing allowed but rounding",
        rivals={"all along the weights": np.full(len(trial), 0.95)},
        at=dict(trial=trial, step=np.array(steps)[record], margin=margin[clear]),
    )
    for name, values in (("cosine", cosine), ("margin", margin)):
        yield curve(name, values, at=dict(trial=np.arange(len(values))[:, np.newaxis], step=steps))


def _at(networks: list[Network]) -> dict[str, Any]:
    return dict(head=[network.head for network in networks], n_classes=[network.n_classes for network in networks])
