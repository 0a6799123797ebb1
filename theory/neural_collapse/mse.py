"""Global minimisers of the regularised unconstrained-features model with squared loss, as Gram matrices.

Setting and notation in :mod:`theory.neural_collapse.fit`. Grams are basis-independent; everything here is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import helmert

from assay.base import array, integer, number, require
from theory.neural_collapse._input import read_class_sizes, read_ridges
from theory.neural_collapse.fit import mode_ridges, solve_fit
from theory.neural_collapse.label_spectrum import centred_label_modes

__all__ = ["MseGeometry", "mse_geometry"]


@dataclass(frozen=True)
class MseGeometry:
    """A global minimiser; K classes, M layers.

    Per mode, (n_modes,): ``fit`` tau, ``target_singular_values``, ``effective_ridge``, ``collapsed`` (fit 0, also by
    the width), ``layer_energy`` q (ridge times squared singular value, equal in every layer and in the features),
    ``feature_singular_values`` of the features (d, N); ``weight_singular_values`` is (M, n_modes).

    Grams of classes: ``feature_grams`` (M + 1, K, K), entry j of the class means after j layers; ``product_grams``
    (M, K, K), entry j of W_M .. W_(j+1) times its transpose; ``class_mean_gram`` and ``classifier_gram`` are their
    first entries. ``end_to_end`` (K, K) is W_M .. W_1 times the class means, ``bias`` (K,), ``loss`` the objective.
    """

    loss: float
    fit: np.ndarray
    target_singular_values: np.ndarray
    effective_ridge: np.ndarray
    collapsed: np.ndarray
    layer_energy: np.ndarray
    weight_singular_values: np.ndarray
    feature_singular_values: np.ndarray
    feature_grams: np.ndarray
    product_grams: np.ndarray
    class_mean_gram: np.ndarray
    classifier_gram: np.ndarray
    end_to_end: np.ndarray
    bias: np.ndarray


def mse_geometry(
    class_sizes: Any,
    *,
    weight_ridges: Any,
    feature_ridge: float,
    width: Any = None,
    bias: bool = False,
    bias_ridge: float = 0.0,
) -> MseGeometry:
    """Return the global minimiser of the squared loss with M linear layers on free features.

    Statement: the features of a class coincide, and the problem decouples over the modes of the target. Without bias
    these are the classes, with singular values sqrt(n_k), in class order. A free last-layer bias (``bias`` with
    ``bias_ridge`` 0) leaves the K - 1 modes of the centred labels, in descending order, and equals n_k / N. With a
    positive ``bias_ridge`` (equal sizes only) there are K - 1 centred modes and last the mean mode, whose effective
    ridge is larger by (1 + bias_ridge) / bias_ridge. Each mode takes the fit of :func:`collapse_fit`, and its energy q
    is c (s tau)^(2/L), with target singular value s. The loss is the sum of s^2 / (2N) (1 - tau) (1 + M tau), times
    bias_ridge / (1 + bias_ridge) for the mean mode.

    ``class_sizes`` (K,), at least 1 each, not necessarily whole; ``weight_ridges`` (M,), first layer first. ``width``,
    an int or (M,), holds the feature dimension and the inner widths (default: K or more): where the least of them, R,
    is below the number of modes, the R modes that lower the loss most survive, the first of equal ones. At equal
    sizes, or where the cut passes through equal modes, the minimiser is one of many, all with this loss.

    Raises ``ValueError`` naming the parameter. Source: arXiv 2301.00437 (numbering unverified) without bias and for
    balanced classes with free bias; imbalance with bias and the positive bias ridge are results of this project.
    """
    sizes, ridges = read_class_sizes(class_sizes), read_ridges(weight_ridges, feature_ridge)
    depth, total, n_classes = ridges.n_layers, float(sizes.sum()), sizes.size
    rank = _read_rank(width, depth, n_classes)
    decay = number("bias_ridge", bias_ridge, "[0, inf)")
    require(decay == 0.0 or bool(bias), "bias_ridge", decay, "0 without bias")
    balanced = bool(np.all(sizes == sizes[0]))
    require(decay == 0.0 or balanced, "bias_ridge", decay, "0 where class_sizes differ")

    left, targets, right, share = _target_modes(sizes, bool(bias), decay)
    effective = mode_ridges(targets, total, ridges) / share
    fit, gap = solve_fit(effective, depth, "global")
    gain = share * targets**2 * fit * (1.0 - depth * gap)
    cut = np.argsort(-gain, kind="stable")[rank:]
    fit[cut], gap[cut] = 0.0, 1.0

    energy = ridges.geometric_mean * (targets * fit) ** (2.0 / (depth + 1))
    weights, features = energy / ridges.weights[:, None], energy / ridges.feature
    # Squared singular values of W_j .. W_1 H and of W_M .. W_(j+1).
    after = features * np.cumprod(np.vstack([np.ones_like(energy), weights]), axis=0)
    above = np.cumprod(weights[::-1], axis=0)[::-1]
    means = right / np.sqrt(sizes)[:, None]
    feature_grams = np.stack([_gram(means, squares) for squares in after])
    product_grams = np.stack([_gram(left, squares) for squares in above])
    if not bias:
        offset = np.zeros(n_classes)
    elif decay == 0.0:
        offset = sizes / total
    else:
        offset = np.full(n_classes, gap[-1] / ((1.0 + decay) * n_classes))
    return MseGeometry(
        loss=float(np.sum(share * targets**2 * gap * (1.0 + depth * fit)) / (2.0 * total)),
        fit=fit,
        target_singular_values=targets,
        effective_ridge=effective,
        collapsed=fit == 0.0,
        layer_energy=energy,
        weight_singular_values=np.sqrt(weights),
        feature_singular_values=np.sqrt(features),
        feature_grams=feature_grams,
        product_grams=product_grams,
        class_mean_gram=feature_grams[0],
        classifier_gram=product_grams[0],
        end_to_end=(left * (targets * fit)) @ means.T,
        bias=offset,
    )


def _read_rank(width: Any, n_layers: int, n_classes: int) -> int:
    """Return the largest rank that the widths allow."""
    if width is None:
        return n_classes
    if np.ndim(width) == 0:
        return min(integer("width", width, "[1, inf)"), n_classes)
    widths = array("width", width, "[1, inf)", shape=(n_layers,))
    return min(n_classes, *(integer("width", float(entry)) for entry in widths))


def _target_modes(sizes: np.ndarray, bias: bool, decay: float) -> tuple[np.ndarray, ...]:
    """Return (U, s, V, share): target modes, and the share of its squared error that the bias leaves to each."""
    n_classes = sizes.size
    if not bias:
        return np.eye(n_classes), np.sqrt(sizes), np.eye(n_classes), np.ones(n_classes)
    if decay == 0.0:
        return *centred_label_modes(sizes), np.ones(n_classes - 1)
    basis = np.vstack([helmert(n_classes), np.full(n_classes, n_classes**-0.5)]).T
    share = np.ones(n_classes)
    share[-1] = decay / (1.0 + decay)
    return basis, np.sqrt(sizes), basis, share


def _gram(vectors: np.ndarray, squares: np.ndarray) -> np.ndarray:
    root = vectors * np.sqrt(squares)
    return root @ root.T
