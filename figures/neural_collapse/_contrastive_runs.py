"""Contrastive training as the claims pose it: by class sizes or by designs of batches, with the runs summarised."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.optimize import brentq

from simulations._streams import spawn_streams
from simulations.neural_collapse import simulate_scl_training

BINDING_SAMPLES = (0, 4)


def _designs() -> dict[str, tuple[list[int], list[Any], int]]:
    """Return labels, batches and number of features by name."""
    two, three = [0] * 4 + [1] * 4, [0] * 3 + [1] * 3 + [2] * 3
    apart = [[0, 1, 4, 5], [2, 3, 6, 7]]
    bound_to = [sorted({*batch, *BINDING_SAMPLES}) for batch in apart]
    return {
        "all samples": (three, [range(9)], 9),
        "chain of batches": (two, [[0, 1, 4, 5], [1, 2, 5, 6], [2, 3, 6, 7]], 6),
        "halves apart": (two, apart, 6),
        "halves bound": (two, bound_to, 6),
        "one class apart": (two, [[0, 1, 4, 5], [2, 3, 5, 6, 7]], 6),
        "a pair never meets": (three, [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8]], 9),
        "pairs meet in turn": (three, [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8], [0, 1, 2, 6, 7, 8]], 9),
        "an extra batch of one class": (two, [[0, 1, 4, 5], [1, 2, 5, 6], [2, 3, 6, 7], [0, 1, 2, 3]], 6),
        "no contrast at all": ([0, 0, 1, 1], [[0, 1], [2, 3], [0, 2]], 6),
        "meet without positives": (three, [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8], [0, 6]], 9),
        "positive on one side": (three, [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8], [0, 1, 6]], 9),
        "one sample left out": (two, [[0, 1, 2, 4, 5, 6, 7]], 6),
    }


DESIGNS = _designs()


def train_design(*, design: str, n_trials: int, seed: Any, n_features: int = 0) -> dict[str, Any]:
    """Train on a design, with its own number of features if 0; see :func:`_summary`."""
    labels, batches, width = DESIGNS[design]
    runs = simulate_scl_training(labels, batches=[list(batch) for batch in batches], n_features=n_features or width,
                                 n_trials=n_trials, seed=seed, n_steps=20_000)  # fmt: skip
    return _summary(runs, np.array(labels)) | dict(gram=runs.gram)


def train_sizes(*, class_sizes: tuple[int, ...], n_features: int, n_trials: int, seed: Any, temperature: float = 1.0,
                nonnegative: bool = True, n_steps: int = 20_000) -> dict[str, Any]:  # fmt: skip
    """Train on all samples of classes of these sizes; see :func:`_summary`."""
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    runs = simulate_scl_training(labels, n_features=n_features, temperature=temperature, nonnegative=nonnegative,
                                 n_steps=n_steps, n_trials=n_trials, seed=seed)  # fmt: skip
    return _summary(runs, labels)


def losses_on_the_way(*, class_sizes: tuple[int, ...], n_features: int, temperature: float, stops: tuple[int, ...],
                      n_trials: int, seed: Any) -> np.ndarray:  # fmt: skip
    """Return the losses (T, n_stops) of runs that are stopped after so many steps, 1 being as good as random."""
    ended = [train_sizes(class_sizes=class_sizes, n_features=n_features, temperature=temperature, n_steps=stop,
                         n_trials=n_trials, seed=seed)["loss"] for stop in stops]  # fmt: skip
    return np.stack(ended, axis=1)


def _summary(runs: Any, labels: np.ndarray) -> dict[str, Any]:
    """Return loss, steps, the Gram matrix of one sample of each class (T, K, K), and two largest deviations, (T,).

    ``spread``: of the full Gram matrix from that of the classes, ``from_frame``: from an orthonormal frame. Runs of one
    seed are the same whatever they are stopped at.
    """
    first = np.unique(labels, return_index=True)[1]
    grams = runs.gram[:, first][:, :, first]
    spread = np.abs(runs.gram - grams[:, labels][:, :, labels]).max(axis=(1, 2))
    from_frame = np.abs(runs.gram - np.equal.outer(labels, labels)).max(axis=(1, 2))
    return dict(loss=runs.loss, class_gram=grams, spread=spread, from_frame=from_frame, n_steps=runs.n_steps)


def part_merged(*, class_sizes: tuple[int, ...], tilt: float, n_trials: int, seed: Any) -> np.ndarray:
    """Merge the last two classes, tilt the last towards the free coordinate, train on (d = K, T = 1); losses (T,).

    Its samples get |N(0, tilt^2)| there. The descent is a plain projected gradient.
    """
    n_classes = len(class_sizes)
    labels = np.repeat(np.arange(n_classes), class_sizes)
    same = np.equal.outer(labels, labels) & ~np.eye(len(labels), dtype=bool)
    share = same / same.sum(axis=1)
    losses = []
    for rng in spawn_streams(seed, n_trials):
        features = np.eye(n_classes)[:, np.minimum(labels, n_classes - 2)]
        features[-1, labels == n_classes - 1] = np.abs(tilt * rng.standard_normal(class_sizes[-1]))
        previous = np.inf
        for _ in range(20_000):
            features /= np.maximum(1.0, np.linalg.norm(features, axis=0))
            products = features.T @ features
            weights = np.exp(products)
            np.fill_diagonal(weights, 0.0)
            sums = weights.sum(axis=1)
            loss = np.log(sums).sum() - (share * products).sum()
            if tilt == 0.0 or abs(loss - previous) <= 1e-14 * loss:
                break
            previous = loss
            pull = weights / sums[:, np.newaxis] - share.T
            features = np.maximum(0.0, features - 0.2 * features @ (pull + pull.T))
        losses.append(loss)
    return np.array(losses)


def coincidence_ratio(*, classes: tuple[int, int], minority_size: int, temperature: float) -> float:
    """Return the ratio of sizes n_a / n_b (real) from which coinciding minority classes are a minimum.

    There the least loss over the cosine of the majority, all minority classes alike, stops falling as they part.
    """
    k_a, k_b, n_b = *classes, float(minority_size)

    def loss(u: Any, v_squared: Any, n_a: float) -> Any:
        x, y = (u * u - 1) / (k_a - 1), (v_squared - 1) / (k_b - 1)
        cross = np.exp((-u * np.sqrt(v_squared / (k_a * k_b)) - 1) / temperature)
        first = n_a - 1 + (k_a - 1) * n_a * np.exp((x - 1) / temperature) + k_b * n_b * cross
        second = n_b - 1 + (k_b - 1) * n_b * np.exp((y - 1) / temperature) + k_a * n_a * cross
        return k_a * n_a * np.log(first) + k_b * n_b * np.log(second)

    def rise(ratio: float) -> float:
        """Return how fast the loss rises towards coincidence, at the best u: a derivative by a complex step."""
        n_a = ratio * n_b
        u = brentq(lambda u: loss(u + 1e-30j, k_b, n_a).imag, 0.0, 1.0, xtol=1e-15)
        return float(loss(u, k_b + 1e-30j, n_a).imag)

    low, high = 1.0, 1e4
    while high > (1 + 1e-9) * low:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if rise(middle) > 0 else (low, middle)
    return low


@functools.cache
def set_partitions(n_classes: int) -> tuple[tuple[int, ...], ...]:
    """Return every partition of the classes, as the number of the block of each class."""
    partitions: list[tuple[int, ...]] = [()]
    for _ in range(n_classes):
        partitions = [(*blocks, block) for blocks in partitions for block in range(max(blocks, default=-1) + 2)]
    return tuple(partitions)
