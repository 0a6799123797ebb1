"""Sampled convex programs solved to a certified gap, one by one or along a path of regularisations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assay.base import array, integer, number, require
from simulations.convex_relu._input import checked_patterns, checked_problem
from simulations.convex_relu._splitting import Iterate, Splitting

__all__ = ["AdmmSolution", "admm_regularisation_path", "solve_by_admm"]

_CHECK_INTERVAL = 10  # steps between two certificates, each of which costs about half a step
_FIRST_BALANCE, _BALANCE_GROWTH = 5, 1.4  # the penalty is balanced ever more rarely, so that ADMM converges


@dataclass(frozen=True)
class AdmmSolution:
    """A feasible point of a sampled convex program, a lower bound of its optimum, and the state ADMM can go on from.

    objective: of the weights. They lie in the cones, so that the network of these neurons has this very objective.
    lower_bound: of the optimum over the same patterns, by duality. positive_weights, negative_weights: v and w, (P, d).
    fitted: output of the network on the data, (n,). n_steps: of ADMM. penalty_parameter: rho in the last step.
    weight_dual: (2 P, d); fit, fit_dual: (n,): the other variables of ADMM, with the duals scaled by 1 / rho.
    """

    objective: float
    lower_bound: float
    positive_weights: np.ndarray
    negative_weights: np.ndarray
    fitted: np.ndarray
    n_steps: int
    penalty_parameter: float
    weight_dual: np.ndarray
    fit: np.ndarray
    fit_dual: np.ndarray


def solve_by_admm(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    patterns: ArrayLike,
    regularisation: float,
    loss: str = "squared",
    tolerance: float = 1e-6,
    start: AdmmSolution | None = None,
    max_steps: int = 100_000,
) -> AdmmSolution:
    """Minimise ``loss(sum_i D_i X (v_i - w_i)) + beta sum_i (|v_i| + |w_i|)`` over the cones of given patterns.

    The cones are ``(2 D_i - 1) X v_i >= 0``, the same for w_i. ADMM with two splits, ``u = v`` and ``F u = f``: the
    u-step solves one system with n unknowns that does not depend on rho, the v-step projects onto every cone exactly
    and shrinks, the f-step is the proximal step of the loss. In :func:`simulate_admm` the cones are split off as well:
    its iterates are infeasible, and it takes many thousands of steps where this takes hundreds. rho is set by balancing
    the norms of the primal and the dual weights.

    features: (n, d). targets: (n,), -1 or 1 for "hinge" and "logistic". patterns: boolean, (P, n). regularisation:
    beta. loss: "squared" ``|f - y|^2 / 2``, or the mean of ``(1 - y f)_+`` or of ``log(1 + e^-yf)``. Stops when
    ``objective - lower_bound <= tolerance objective``. start: a solution for the same features and patterns; targets,
    loss and regularisation may differ. Costs ``n^2 (P + n)`` once and ``n d P + n^2`` a step.

    Nature: a certified solver. After Algorithm 3.1 of Bai, Gautam and Sojoudi, "Efficient Global Optimization of
    Two-layer ReLU Networks: Quadratic-time Algorithms and Adversarial Training", arXiv 2201.01965; the projections, the
    balancing and the certificate go beyond it.

    Raises ``ValueError`` for features that are empty or not finite, targets of another length or not -1 and 1 for a
    classification loss, patterns that are not boolean (P, n), a beta, tolerance or max_steps that is not positive, an
    unknown loss, a start of other shapes; ``RuntimeError`` if the gap is not reached within ``max_steps``.
    """
    features, targets = checked_problem(features, targets, loss)
    patterns = checked_patterns(patterns, len(features))
    beta = number("regularisation", regularisation, "(0, inf)")
    tolerance = number("tolerance", tolerance, "(0, inf)")
    max_steps = integer("max_steps", max_steps, "[1, inf)")
    if start is not None:
        shape = (2 * len(patterns), features.shape[1])
        fits = start.weight_dual.shape == shape and start.fit.shape == targets.shape
        require(fits, "start", start.weight_dual.shape, f"a solution of the same shapes, weight_dual {shape}")
    return _solve(Splitting(features, patterns), targets, beta, loss, tolerance, start, max_steps)


def admm_regularisation_path(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    patterns: ArrayLike,
    regularisations: ArrayLike,
    loss: str = "squared",
    tolerance: float = 1e-6,
    max_steps: int = 100_000,
) -> list[AdmmSolution]:
    """Solve the program of :func:`solve_by_admm` for every regularisation, each from the solution of the one before.

    regularisations: (n_betas,), in the order in which they are solved. The system of the u-step is factorised once for
    all. Everything else, and the errors, are as there.
    """
    features, targets = checked_problem(features, targets, loss)
    patterns = checked_patterns(patterns, len(features))
    betas = array("regularisations", regularisations, "(0, inf)", shape=(None,))
    tolerance = number("tolerance", tolerance, "(0, inf)")
    max_steps = integer("max_steps", max_steps, "[1, inf)")
    splitting, path = Splitting(features, patterns), list[AdmmSolution]()
    for beta in betas.tolist():
        path.append(_solve(splitting, targets, beta, loss, tolerance, path[-1] if path else None, max_steps))
    return path


def _solve(
    splitting: Splitting,
    targets: np.ndarray,
    beta: float,
    loss: str,
    tolerance: float,
    start: AdmmSolution | None,
    max_steps: int,
) -> AdmmSolution:
    state = None
    if start is not None:
        weights = np.concatenate([start.positive_weights, start.negative_weights])
        duals = start.weight_dual.copy(), start.fit, start.fit_dual.copy()
        state = Iterate(weights, *duals, start.penalty_parameter)
    iterate = splitting.begin(targets, beta, loss, state)
    lower_bound, next_balance = -np.inf, _FIRST_BALANCE
    for step in range(1, max_steps + 1):
        splitting.step(iterate)
        if step % _CHECK_INTERVAL == 0 or step == max_steps:
            fitted, objective, bound = splitting.certify(iterate)
            lower_bound = max(lower_bound, bound)
            if objective - lower_bound <= tolerance * objective:
                positive, negative = np.split(iterate.weights, 2)
                return AdmmSolution(
                    objective,
                    lower_bound,
                    positive,
                    negative,
                    fitted,
                    step,
                    iterate.penalty_parameter,
                    iterate.weight_dual,
                    iterate.fit,
                    iterate.fit_dual,
                )
        if step >= next_balance:
            splitting.balance(iterate)
            next_balance = int(_BALANCE_GROWTH * step) + 1
    gap = (objective - lower_bound) / objective
    raise RuntimeError(f"no relative gap of {tolerance} within {max_steps} steps of ADMM: {gap:.2g} is left")
