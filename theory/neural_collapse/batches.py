"""Which mini-batches force the minimisers of the supervised contrastive loss to be orthonormal frames.

Setting and source in :mod:`theory.neural_collapse.contrastive`; the graph of active pairs is a result of this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from assay.base import require
from theory.neural_collapse._batches import read_batches, read_indices
from theory.neural_collapse._input import read_labels

__all__ = ["BatchInteraction", "batch_interaction", "bind_batches"]


@dataclass(frozen=True)
class BatchInteraction:
    """The graph of samples whose products the loss pins down.

    ``within_connected`` (K,): the samples of the class are connected (true for one sample); ``pair_connected`` (K, K),
    symmetric, true on the diagonal: some pair of these classes is active. ``unique_frame``: only orthonormal frames
    are minimisers. ``regular``: the assumption of the published criterion.
    """

    within_connected: np.ndarray
    pair_connected: np.ndarray
    unique_frame: bool
    regular: bool


def batch_interaction(labels: Any, batches: Any) -> BatchInteraction:
    """Return which classes and pairs of classes the batches connect, and whether that forces an orthonormal frame.

    Two samples are joined where the loss determines their product: in a batch of at least two classes, all samples of
    a class, and the samples of two classes of which at least one has two samples in that batch. Statement: if every
    class has two samples or more, each is connected and each pair of classes is joined, then with non-negative
    features and d >= K all minimisers are orthonormal frames. Sufficient whatever the other batches hold; for
    ``regular`` batches, which all have two classes or more and two samples or more of each class in them, the joined
    pairs are necessary, and so are the connected classes where d >= K + 1.

    ``labels`` (N,), every class 0..K-1 present; ``batches``: index arrays, None for one batch of all samples.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2306.07960 for regular batches (numbering unverified).
    """
    classes = read_labels(labels)
    sizes = np.bincount(classes)
    parts = read_batches(batches, classes.size)
    pairs, regular = np.eye(sizes.size, dtype=bool), True
    starts, ends = [], []
    for part in parts:
        counts = np.bincount(classes[part], minlength=sizes.size)
        present = counts > 0
        several = np.count_nonzero(present) >= 2
        regular &= bool(several and np.all(counts[present] >= 2))
        if not several:
            continue
        # A chain through the samples of each class connects them.
        ordered = part[np.argsort(classes[part], kind="stable")]
        same = classes[ordered[1:]] == classes[ordered[:-1]]
        starts.append(ordered[:-1][same])
        ends.append(ordered[1:][same])
        active = np.outer(present, counts >= 2)
        pairs |= active | active.T
    within = _connected(classes, sizes, starts, ends)
    unique = bool(np.all(sizes >= 2) and within.all() and pairs.all())
    return BatchInteraction(within_connected=within, pair_connected=pairs, unique_frame=unique, regular=regular)


def _connected(classes: np.ndarray, sizes: np.ndarray, starts: list[np.ndarray], ends: list[np.ndarray]) -> np.ndarray:
    """Return for each class whether the edges, which stay within classes, connect it."""
    edges = np.concatenate([np.empty(0, dtype=np.int64), *starts]), np.concatenate([np.empty(0, dtype=np.int64), *ends])
    graph = coo_array((np.ones(edges[0].size), edges), shape=(classes.size, classes.size))
    n_components, component = connected_components(graph, directed=False)
    class_of_component = np.empty(n_components, dtype=np.int64)
    class_of_component[component] = classes
    return np.bincount(class_of_component, minlength=sizes.size) == 1


def bind_batches(batches: Any, binding_indices: Any) -> list[np.ndarray]:
    """Return every batch with the binding samples added, as sorted index arrays.

    With one fixed sample of every class in all batches, classes are connected as soon as every sample appears once,
    and pairs as soon as they meet in a batch that holds another sample of one of them. ``batches``: index arrays;
    ``binding_indices``: distinct sample indices. Exact.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2306.07960 (numbering unverified).
    """
    binding = read_indices("binding_indices", binding_indices)
    require(hasattr(batches, "__len__") and len(batches) > 0, "batches", batches, "a list of at least one batch")
    return [np.union1d(read_indices("batches", batch), binding) for batch in batches]
