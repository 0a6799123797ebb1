"""Two-layer ReLU networks at random weights, which two claims look at: one draw for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulations.grokking import simulate_relu_gradients

LAYERS = ("first", "second")
SETTING = (
    "Loss: mean cross-entropy over n samples. Network W_2 max(W_1 x, 0), of degree L = 2 in its weights theta = "
    "(W_1, W_2); inputs standard normal, labels uniform, weights of a layer normal of variance 1 over its inputs."
)


@dataclass(frozen=True)
class Network:
    """One network: its weights and gradients by layer, logits (n, K) and labels (n,)."""

    head: str
    n_classes: int
    weights: tuple[np.ndarray, np.ndarray]
    gradients: tuple[np.ndarray, np.ndarray]
    logits: np.ndarray
    labels: np.ndarray

    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all weights, and the gradient by them, as vectors."""
        weights, gradient = (np.concatenate([layer.ravel() for layer in layers])
                             for layers in (self.weights, self.gradients))  # fmt: skip
        return weights, gradient


def draw_networks(run: Any) -> list[Network]:
    """Return networks of every head and size."""
    sizes = [(1, 4, 3, 6), (20, 5, 2, 10), (30, 10, 10, 20)]
    grid = run.grid(quick=[
        dict(n_samples=n, n_features=d, n_classes=n_classes, width=width, head=head)
        for head in ("softmax", "stablemax") for n, d, n_classes, width in sizes
    ])  # fmt: skip
    drawn = run.sample(simulate_relu_gradients, grid, n_trials=[run.choose(quick=20, full=200)] * len(grid), block=200)
    return [network for index, point in enumerate(grid) for network in _networks(drawn.fields, index, point)]


def _networks(fields: Any, index: int, point: dict[str, Any]) -> Iterator[Network]:
    by_layer = [[fields[f"{layer}_{part}"][index] for layer in LAYERS] for part in ("weights", "gradient")]
    for trial in range(len(fields["loss"][index])):
        weights, gradients = ((first[trial], second[trial]) for first, second in by_layer)
        logits, labels = fields["logits"][index][trial], fields["labels"][index][trial]
        yield Network(point["head"], point["n_classes"], weights, gradients, logits, labels)
