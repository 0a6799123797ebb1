"""The training problems of this family: how they are posed, where trials start, and what is read off the end.

Samples are rotated among themselves: the features of class k become sqrt(n_k) times their mean, of scale sqrt(n_k) and
label k, and deviations from the means, of scale and label 0. Squared loss, ridges and descent are the same in any
orthonormal basis of the samples. The deviations only ever change by factors from the side of the feature dimension d,
so that min(d, N - K) rows hold them all, however many samples there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from assay.base import number, require
from simulations.neural_collapse._chain import Chain, make_chain
from simulations.neural_collapse._input import checked_ridges, checked_sizes, checked_widths

__all__ = [
    "Readout",
    "Start",
    "checked_problem",
    "class_means",
    "convergence_goal",
    "factors",
    "finite_loss",
    "pack",
    "random_start",
    "read_classes",
]


class Start(NamedTuple):
    """Parameters of a trial, and what turns its rows of deviations back into samples: (N, r), r >= 0."""

    parameters: np.ndarray
    deviation_basis: np.ndarray


class Readout(NamedTuple):
    """Grams of the class means after j = 0 .. M layers, of W_M .. W_(j+1), j < M, and W_M .. W_1 times the means."""

    feature_grams: np.ndarray
    product_grams: np.ndarray
    end_to_end: np.ndarray


def checked_problem(
    class_sizes: ArrayLike, weight_ridges: ArrayLike, feature_ridge: float, width: int | Sequence[int], bias: bool,
    bias_ridge: float, reduced: bool,
) -> tuple[np.ndarray, Chain]:  # fmt: skip
    """Return the class sizes and the problem of the squared loss: a row per class and, unless reduced, deviations."""
    sizes, ridges = checked_sizes(class_sizes, whole=not reduced), checked_ridges(weight_ridges, feature_ridge)
    widths = checked_widths(width, len(ridges) - 1)
    bias_ridge = number("bias_ridge", bias_ridge, "[0, inf)")
    require(bool(bias) or bias_ridge == 0.0, "bias_ridge", bias_ridge, "0 without bias")
    n_classes, n_samples = len(sizes), float(sizes.sum())
    n_deviations = 0 if reduced else min(int(widths[0]), int(n_samples) - n_classes)
    chain = make_chain(
        widths=np.append(widths, n_classes),
        labels=np.eye(n_classes + n_deviations, n_classes),
        scales=np.append(np.sqrt(sizes), np.zeros(n_deviations)),
        ridges=np.append(ridges, bias_ridge),
        n_samples=n_samples,
        has_bias=bool(bias),
    )
    return sizes, chain


def random_start(chain: Chain, rng: np.random.Generator, sizes: np.ndarray, init_scale: float) -> Start:
    """Draw W_1 .. W_M, then the features; entries are normal of variance init_scale^2 / rows, the bias is 0."""
    weights = [
        rng.standard_normal((above, below)) * (init_scale / np.sqrt(above)) for below, above in pairwise(chain.widths)
    ]
    n_classes, n_rows, dimension = len(sizes), len(chain.labels), int(chain.widths[0])
    scale, basis = init_scale / np.sqrt(dimension), np.empty((0, 0))
    if n_rows == n_classes or chain.scales[-1] > 0.0:
        rows = scale * rng.standard_normal((n_rows, dimension))
    else:
        labels = np.repeat(np.arange(n_classes), sizes.astype(np.int64))
        features = scale * rng.standard_normal((len(labels), dimension))
        means = class_means(features, labels)
        basis, triangle = np.linalg.qr(features - means[labels])
        basis = basis[:, : n_rows - n_classes]
        rows = np.vstack([np.sqrt(sizes)[:, None] * means, triangle[: n_rows - n_classes]])
    return Start(pack(rows, weights), basis)


def class_means(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean of the rows of each class: (K, d)."""
    members = labels == np.arange(labels.max() + 1)[:, None]
    return (members @ features) / members.sum(axis=1, keepdims=True)


def pack(rows: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Return the parameters with these factors and a bias of 0."""
    blocks = [rows, *weights, np.zeros(len(weights[-1]))]
    return np.concatenate([block.ravel() for block in blocks])


def convergence_goal(chain: Chain) -> float:
    """Return the gradient norm at which a trial has converged: far below the ridges, above the rounding error."""
    return 1e-13 + 1e-9 * float(chain.ridges[:-1].min())


def finite_loss(loss: float, learning_rate: float) -> float:
    """Return the loss; raise ``RuntimeError`` where gradient descent has left the finite range."""
    if not np.isfinite(loss):
        raise RuntimeError(f"training diverges at {learning_rate = }")
    return loss


def factors(chain: Chain, parameters: np.ndarray) -> list[np.ndarray]:
    """Return [features as rows, W_1, .., W_M, bias] as views of the parameters."""
    widths: list[int] = chain.widths.tolist()
    layers = [(above, below) for below, above in pairwise(widths)]
    shapes: list[tuple[int, ...]] = [(len(chain.labels), widths[0]), *layers, (widths[-1],)]
    blocks = np.split(parameters, chain.starts[1:-1])
    return [block.reshape(shape) for block, shape in zip(blocks, shapes, strict=True)]


def read_classes(weights: list[np.ndarray], means: np.ndarray) -> Readout:
    """Return the geometry of the layers and of the class means, (K, d)."""
    hidden, feature_grams = means, [means @ means.T]
    for weight in weights:
        hidden = hidden @ weight.T
        feature_grams.append(hidden @ hidden.T)
    product, product_grams = np.eye(len(means)), []
    for weight in reversed(weights):
        product = product @ weight
        product_grams.append(product @ product.T)
    return Readout(np.array(feature_grams), np.array(product_grams[::-1]), hidden.T)
