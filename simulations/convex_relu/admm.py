"""The alternating direction method of multipliers on the sampled convex program, as published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from assay.base import integer, number, require
from simulations.convex_relu._input import checked_patterns, checked_problem
from simulations.convex_relu._losses import loss_value, proximal_step
from simulations.convex_relu._stack import Stack, solve_symmetric, symmetric_inverse

__all__ = ["AdmmTrace", "simulate_admm"]


@dataclass(frozen=True)
class AdmmTrace:
    """Entry k of an array is taken after update k + 1, at the weights v and w of that moment.

    objective: of the convex program, (n_steps,), below its optimum where the weights leave their cones.
    network_objective: of the network whose neurons are these weights, (n_steps,); no less than the optimum over all
    patterns. primal_residual: norm of ``(u - v, G u - s)``, (n_steps,). positive_weights, negative_weights: v and w in
    the end, (P, d).
    """

    objective: np.ndarray
    network_objective: np.ndarray
    primal_residual: np.ndarray
    positive_weights: np.ndarray
    negative_weights: np.ndarray


def simulate_admm(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    patterns: ArrayLike,
    regularisation: float,
    penalty_parameter: float,
    n_steps: int,
    dual_step: float = 1.0,
    over_relaxation: float = 1.0,
    loss: str = "squared",
) -> AdmmTrace:
    """Run ADMM from zero on ``loss(F u) + beta sum_j |v_j|`` with ``u = v`` and ``G u = s >= 0``.

    u stacks v_1 .. v_P, w_1 .. w_P; ``F u = sum_i D_i X (v_i - w_i)``; G applies ``(2 D_i - 1) X`` to every block. For
    the squared loss the u-step minimises the loss exactly; for the others a third split ``f = F u`` has a proximal step
    of its own. dual_step: gamma / rho of the published method, 1 for plain ADMM; it multiplies every dual step.
    over_relaxation: a; ``u`` and ``G u`` become ``a u + (1 - a) v`` and ``a G u + (1 - a) s`` in all steps but the
    first. penalty_parameter: rho.

    features: (n, d). targets: (n,), -1 or 1 for "hinge" and "logistic". patterns: boolean, (P, n). loss: "squared"
    ``|f - y|^2 / 2``, or the mean of ``(1 - y f)_+`` or of ``log(1 + e^-yf)``.

    The diagonal blocks of ``G'G`` all equal X'X, so that by Woodbury's identity the u-step solves one d by d and one n
    by n system: ``n^2 (d + P) + n^3`` flops once and ``n d P + n^2`` a step, instead of ``(d P)^3`` and ``(d P)^2``.

    Source: Bai, Gautam and Sojoudi, "Efficient Global Optimization of Two-layer ReLU Networks: Quadratic-time
    Algorithms and Adversarial Training", arXiv 2201.01965, Algorithm 3.1; over-relaxation is an addition.

    Raises ``ValueError`` for features that are empty or not finite, targets of another length or not -1 and 1 for a
    classification loss, patterns that are not boolean (P, n), parameters that are not positive, over_relaxation outside
    (0, 2), an unknown loss, and a dual_step with which the run overflows.
    """
    features, targets = checked_problem(features, targets, loss)
    patterns = checked_patterns(patterns, len(features))
    beta = number("regularisation", regularisation, "(0, inf)")
    rho = number("penalty_parameter", penalty_parameter, "(0, inf)")
    n_steps = integer("n_steps", n_steps, "[1, inf)")
    gamma = number("dual_step", dual_step, "(0, inf)")
    relaxation = number("over_relaxation", over_relaxation, "(0, 2)")
    squared = loss == "squared"

    stack = Stack(features, patterns)
    metric = np.eye(stack.n_features) + features.T @ features
    inverse_metric = np.linalg.inv(metric)
    system = stack.gram(metric)
    fit_weight = rho if squared else 1.0
    system[np.diag_indices_from(system)] += fit_weight
    inverse = symmetric_inverse(system)

    n_pairs, shape = stack.n_pairs, (2 * stack.n_pairs, stack.n_features)
    weights, dual, point = np.zeros(shape), np.zeros(shape), np.empty(shape)
    pull, solved = np.empty(shape), np.empty(shape)
    slack, slack_dual, force = (np.zeros((len(weights), stack.n_samples)) for _ in range(3))
    products = np.empty_like(slack)
    fit, fit_dual = np.zeros_like(targets), np.zeros_like(targets)
    objective, network_objective, primal_residual = (np.empty(n_steps) for _ in range(3))
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(n_steps):
            # u = B^-1 (r + F'q) with r = v - dual + G'(s - dual of s) and (c I + F B^-1 F') q = c g - F B^-1 r.
            np.matmul(force, features, out=pull)
            pull += weights
            pull -= dual
            np.matmul(pull, inverse_metric, out=solved)
            goal = targets if squared else fit - fit_dual
            correction = solve_symmetric(inverse, goal - stack.fit(solved))
            move = stack.pull(correction) @ inverse_metric
            np.copyto(point, solved)
            point[:n_pairs] += move
            point[n_pairs:] -= move
            np.matmul(point, stack.columns, out=products)
            residual = _cone_step(patterns, products, slack, slack_dual, force, gamma, relaxation)
            change, penalty = _weight_step(point, weights, dual, beta / rho, gamma, relaxation)
            if not squared:
                relaxed = relaxation * (goal - correction) + (1.0 - relaxation) * fit
                fit = proximal_step(relaxed + fit_dual, targets, 1.0 / rho, loss)
                fit_dual = fit_dual + gamma * (relaxed - fit)
            np.matmul(weights, stack.columns, out=products)
            fitted, output = _fits(patterns, products)
            objective[step] = loss_value(fitted, targets, loss) + beta * penalty
            network_objective[step] = loss_value(output, targets, loss) + beta * penalty
            primal_residual[step] = np.sqrt(residual + change)
    finite = bool(np.isfinite(objective).all() and np.isfinite(primal_residual).all())
    require(finite, "dual_step", dual_step, "a run that stays finite; this one diverges")
    return AdmmTrace(objective, network_objective, primal_residual, *np.split(weights, 2))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _cone_step(patterns, products, slack, slack_dual, force, gamma, relaxation):
    """Update s and its dual from ``X u_j``, (2 P, n), in place; return ``|G u - s|^2``.

    force: written, ``s - dual`` with the sign of each row, so that ``G'(s - dual)`` is its product with X.
    """
    n_pairs, n_samples = patterns.shape
    total = 0.0
    for block in range(2 * n_pairs):
        pattern = patterns[block % n_pairs]
        for k in range(n_samples):
            value = products[block, k] if pattern[k] else -products[block, k]
            relaxed = relaxation * value + (1.0 - relaxation) * slack[block, k]
            clipped = max(relaxed + slack_dual[block, k], 0.0)
            raised = slack_dual[block, k] + gamma * (relaxed - clipped)
            slack[block, k], slack_dual[block, k] = clipped, raised
            force[block, k] = clipped - raised if pattern[k] else raised - clipped
            total += (value - clipped) ** 2
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _weight_step(point, weights, dual, threshold, gamma, relaxation):
    """Shrink every block and update its dual, in place; return ``|u - v|^2`` and the sum of the norms of v."""
    change, penalty = 0.0, 0.0
    for block in range(len(point)):
        square = 0.0
        for c in range(point.shape[1]):
            relaxed = relaxation * point[block, c] + (1.0 - relaxation) * weights[block, c]
            dual[block, c] += relaxed  # until the shrinkage is known
            weights[block, c] = relaxed
            square += dual[block, c] ** 2
        norm = np.sqrt(square)
        scale = 1.0 - threshold / norm if norm > threshold else 0.0
        penalty += scale * norm
        for c in range(point.shape[1]):
            relaxed, shrunk = weights[block, c], scale * dual[block, c]
            dual[block, c] += (gamma - 1.0) * relaxed - gamma * shrunk
            weights[block, c] = shrunk
            change += (point[block, c] - shrunk) ** 2
    return change, penalty


@njit(cache=True, nogil=True, error_model="numpy")
def _fits(patterns, products):
    """Return ``F v`` and the output of the network of the same neurons, (n,) each, from ``X v_j``, (2 P, n)."""
    n_pairs, n_samples = patterns.shape
    fitted, output = np.zeros(n_samples), np.zeros(n_samples)
    for i in range(n_pairs):
        for k in range(n_samples):
            positive, negative = products[i, k], products[n_pairs + i, k]
            fitted[k] += positive - negative if patterns[i, k] else 0.0
            output[k] += max(positive, 0.0) - max(negative, 0.0)
    return fitted, output
