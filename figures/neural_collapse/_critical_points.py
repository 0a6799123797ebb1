"""Critical points of the squared loss with chosen active classes, and the least curvature that is predicted there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from figures.neural_collapse._training import Problem, geometric_mean, ridges_of
from simulations.neural_collapse import mse_hessian_spectrum
from theory.neural_collapse import collapse_fit, effective_ridge


class Point(NamedTuple):
    """A critical point: its fits, what its Hessian says, and the predicted least eigenvalue if that is below 0."""

    active: tuple[int, ...]
    fit: np.ndarray
    on_chain: bool
    gradient_norm: float
    least_eigenvalue: float
    predicted: float


def subset_points(problem: Problem) -> Iterator[Point]:
    """Yield the critical points of all subsets of the classes that have a stable root, on that root.

    Class sizes descend, and sets on the chain are 0, 1, .. of the largest classes.
    """
    stable = _fits(problem, "stable")
    rooted = np.flatnonzero(stable)
    for count in range(len(rooted) + 1):
        for active in itertools.combinations(rooted.tolist(), count):
            fit = np.where(np.isin(np.arange(len(stable)), active), stable, 0)
            yield _point(problem, active, fit, active == tuple(range(count)), _borrowing_curvature(problem, fit))


def unstable_point(problem: Problem) -> Point:
    """Return the critical point with all classes active, the smallest of them on its unstable root; equal ridges.

    In the direction in which its factors grow together the curvature is ridge (2 M tau - M + 1) / (1 - tau).
    """
    fit = _fits(problem, "stable")
    fit[-1] = _fits(problem, "unstable")[-1]
    depth, ridge = len(problem["weight_ridges"]), problem["feature_ridge"]
    curvature = ridge * (2 * depth * fit[-1] - depth + 1) / (1 - fit[-1])
    return _point(problem, tuple(range(len(fit))), fit, False, curvature)


def spectrum_at(problem: Problem, fit: np.ndarray) -> Any:
    """Return gradient norm and Hessian spectrum where class k has fit k, and every factor its share of the energy."""
    sizes, ridges = np.array(problem["class_sizes"]), ridges_of(problem)
    energy = geometric_mean(problem) * (np.sqrt(sizes) * fit) ** (2 / len(ridges))
    weights = [np.diag(np.sqrt(energy / ridge)) for ridge in ridges[:-1]]
    means = np.diag(np.sqrt(energy / ridges[-1] / sizes))
    return mse_hessian_spectrum(weights, means, sizes, weight_ridges=ridges[:-1], feature_ridge=ridges[-1])


def _point(problem: Problem, active: Sequence[int], fit: np.ndarray, on_chain: bool, predicted: float) -> Point:
    spectrum = spectrum_at(problem, fit)
    return Point(tuple(active), fit, on_chain, spectrum.gradient_norm, float(spectrum.eigenvalues[0]), predicted)


def _fits(problem: Problem, branch: str) -> np.ndarray:
    sizes, ridges = problem["class_sizes"], {name: problem[name] for name in ("weight_ridges", "feature_ridge")}
    return collapse_fit(effective_ridge(sizes, **ridges), n_layers=len(ridges["weight_ridges"]), branch=branch)


def _borrowing_curvature(problem: Problem, fit: np.ndarray) -> float:
    """Return the least curvature of the directions in which an inactive class k borrows a neuron, or 0 if that is more.

    With several layers the neuron is that of an active class j: features and last layer move, and their second
    derivatives are a matrix of two rows, (sqrt(n_j) - s)^-1 [[sqrt(n_j) a, -sqrt(n_k a b)], [.., sqrt(n_j) b]], with
    ridges a and b of the features and of the last layer and s the singular value sqrt(n_j) tau_j. With one layer any
    unused neuron will do: [[a, -sqrt(n_k) / N], [.., b]].
    """
    sizes = np.array(problem["class_sizes"])
    last, features = problem["weight_ridges"][-1], problem["feature_ridge"]
    middle, half = 0.5 * (last + features), 0.5 * (last - features)
    inactive = sizes[fit == 0]
    if len(problem["weight_ridges"]) == 1:
        curvatures = middle - np.hypot(half, np.sqrt(inactive) / sizes.sum())
    else:
        ratio = inactive[:, np.newaxis] / sizes[fit > 0]
        curvatures = (middle - np.sqrt(half**2 + ratio * last * features)) / (1 - fit[fit > 0])
    return float(np.min(curvatures, initial=0.0))
