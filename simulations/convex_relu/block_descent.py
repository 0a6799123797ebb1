"""Randomised block-coordinate descent on the first weight step of ADMM."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import integer, number
from simulations._streams import spawn_streams
from simulations.convex_relu._input import checked_patterns, checked_problem
from simulations.convex_relu._stack import Stack, solve_symmetric, symmetric_inverse

__all__ = ["simulate_block_descent"]

STREAM_BLOCK = 16  # trials to a stream


def simulate_block_descent(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    patterns: ArrayLike,
    regularisation: float,
    penalty_parameter: float,
    n_steps: int,
    n_trials: int,
    seed: int | np.random.SeedSequence,
) -> np.ndarray:
    """Gaps ``L(u^k) - L*`` of random block-coordinate descent on the u-step of ADMM: (n_trials, n_steps + 1).

    ``L(u) = |F u - y|^2 / 2 + rho (|u|^2 + |G u|^2) / 2`` is what the first u-step from zero minimises; F and G are as
    in :func:`simulate_admm`. From u = 0, every step draws one of the 2 P blocks uniformly and moves it by
    ``-gradient / L_max``, ``L_max = max_i |D_i X|^2 + rho (1 + |X|^2)`` in spectral norms. Entry k of a row is the gap
    after k steps, as the quadratic form of the error: no difference of values limits it.

    features: (n, d). targets: (n,). patterns: boolean, (P, n). penalty_parameter: rho. ``regularisation`` has no part
    in this step. A step costs ``n d``.

    Source: Bai, Gautam and Sojoudi, "Efficient Global Optimization of Two-layer ReLU Networks: Quadratic-time
    Algorithms and Adversarial Training", arXiv 2201.01965, randomised block-coordinate descent for Algorithm 3.1.

    Raises ``ValueError`` for features that are empty or not finite, targets of another length, patterns that are not
    boolean (P, n), parameters that are not positive, ``n_steps < 0``, ``n_trials < 1``.
    """
    features, targets = checked_problem(features, targets)
    patterns = checked_patterns(patterns, len(features))
    number("regularisation", regularisation, "(0, inf)")
    rho = number("penalty_parameter", penalty_parameter, "(0, inf)")
    gaps = np.empty((integer("n_trials", n_trials, "[1, inf)"), integer("n_steps", n_steps, "[0, inf)") + 1))

    stack = Stack(features, patterns)
    metric = rho * (np.eye(stack.n_features) + features.T @ features)
    system = stack.gram(metric)
    system[np.diag_indices_from(system)] += 1.0
    half = stack.pull(solve_symmetric(symmetric_inverse(system), targets)) @ np.linalg.inv(metric)
    optimum = np.concatenate([half, -half])
    start = -stack.fit(optimum)
    steepest = max(np.linalg.norm(features[pattern], 2) if pattern.any() else 0.0 for pattern in patterns)
    bound = steepest**2 + rho * (1.0 + np.linalg.norm(features, 2) ** 2)
    for block, rng in enumerate(spawn_streams(seed, n_trials, block=STREAM_BLOCK)):
        rows = gaps[block * STREAM_BLOCK : (block + 1) * STREAM_BLOCK]
        _descend(rng, features, patterns, metric, optimum, start, 1.0 / bound, rows)
    return gaps


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _descend(rng, features, patterns, metric, optimum, start, step_size, gaps):
    """Fill ``gaps``, (n_trials, n_steps + 1).

    error: u - u*, (2 P, d). image: F error, (n,). energy: twice the part of each block in the quadratic form.
    """
    n_pairs, n_samples = patterns.shape
    dimension = features.shape[1]
    gradient, energy = np.empty(dimension), np.empty(2 * n_pairs)
    for trial in range(len(gaps)):
        error, image = -optimum, start.copy()
        for block in range(2 * n_pairs):
            energy[block] = _form(metric, error[block])
        gaps[trial, 0] = 0.5 * (_square(image) + energy.sum())
        for step in range(1, gaps.shape[1]):
            block = int(rng.random() * 2 * n_pairs)
            sign, pattern = (1.0, patterns[block]) if block < n_pairs else (-1.0, patterns[block - n_pairs])
            for a in range(dimension):
                gradient[a] = 0.0
                for c in range(dimension):
                    gradient[a] += metric[a, c] * error[block, c]
            for k in range(n_samples):
                if pattern[k]:
                    for c in range(dimension):
                        gradient[c] += sign * image[k] * features[k, c]
            for c in range(dimension):
                error[block, c] -= step_size * gradient[c]
            for k in range(n_samples):
                if pattern[k]:
                    moved = 0.0
                    for c in range(dimension):
                        moved += gradient[c] * features[k, c]
                    image[k] -= step_size * sign * moved
            energy[block] = _form(metric, error[block])
            gaps[trial, step] = 0.5 * (_square(image) + energy.sum())


@njit(cache=True, nogil=True, error_model="numpy")
def _form(metric, vector):
    """Return the quadratic form of a symmetric matrix."""
    total = 0.0
    for a in range(vector.size):
        for c in range(vector.size):
            total += metric[a, c] * vector[a] * vector[c]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _square(vector):
    """Return the squared norm."""
    total = 0.0
    for k in range(vector.size):
        total += vector[k] ** 2
    return total
