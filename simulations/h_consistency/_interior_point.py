"""Comp-sum risk minimised over bounded linear scores by a primal-dual interior-point method (compiled)."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["minimise_risk"]

_MAX_STEPS = 100
_MAX_HALVINGS = 40
_SHRINK = 100.0  # factor by which every step aims to lower the complementarity


@njit(cache=True, nogil=True, error_model="numpy")
def minimise_risk(features, cells, tau, tolerance, theta):
    """Minimise ``sum_iy cells[i, y] loss_tau(features theta', i, y)`` over parameters in unit balls, 0 <= tau <= 1.

    features: (K, d + 1), a constant last. cells: (K, n), nonnegative. theta: (n, d + 1), written; of every row the
    first d entries lie in the unit ball, the last in [-1, 1]. Returns the risk and its Frank-Wolfe gap, the largest
    decrease that the gradient allows inside the constraints, and so a bound on the distance to the optimum. Stops when
    the gap is at most ``tolerance`` or no longer falls: the caller judges it.

    Newton's method on the optimality conditions with complementarity ``-f_j dual_j = target``, one constraint
    ``f_j <= 0`` for every ball, and a line search on their residual.
    """
    n_classes, width = theta.shape
    size = n_classes * width
    gradient, hessian = np.empty(size), np.empty((size, size))
    step, dual_step, dual = np.empty(size), np.empty((n_classes, 2)), np.empty((n_classes, 2))
    slack, trial, trial_dual = np.empty((n_classes, 2)), np.empty_like(theta), np.empty((n_classes, 2))
    theta[:] = 0.0
    _slacks(theta, slack)
    risk = _evaluate(features, cells, tau, theta, gradient, hessian)
    gap = _frank_wolfe_gap(theta, gradient)
    dual[:] = 0.1 * gap / (2 * n_classes)
    best_risk, best_gap, best = risk, gap, theta.copy()
    for _ in range(_MAX_STEPS):
        if best_gap <= tolerance:
            break
        # Duals that vanish before the gradient does leave no barrier: an optimum on the boundary is then missed.
        stationarity = _stationarity(theta, gradient, dual)
        target = max((dual * slack).sum() / dual.size, stationarity) / _SHRINK
        residual = stationarity**2 + ((dual * slack - target) ** 2).sum()
        _newton_system(theta, gradient, hessian, dual, slack, target, step)
        if not _solve_positive(hessian, step):
            break
        length = _dual_direction(theta, step, dual, slack, target, dual_step)
        moved = False
        for _ in range(_MAX_HALVINGS):
            trial[:] = theta + length * step.reshape(theta.shape)
            _slacks(trial, slack)
            if slack.min() > 0.0:
                trial_dual[:] = dual + length * dual_step
                risk = _evaluate(features, cells, tau, trial, gradient, hessian)
                left = _stationarity(trial, gradient, trial_dual) ** 2 + ((trial_dual * slack - target) ** 2).sum()
                if left <= (1.0 - 0.01 * length) * residual:
                    moved = True
                    break
            length *= 0.5
        if not moved:
            break
        theta[:], dual[:] = trial, trial_dual
        gap = _frank_wolfe_gap(theta, gradient)
        if gap < best_gap:
            best_risk, best_gap = risk, gap
            best[:] = theta
    theta[:] = best
    return best_risk, best_gap


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(features, cells, tau, theta, gradient, hessian):
    """Return the risk at theta; write its gradient and Hessian over the flattened parameters.

    With E_y = exp((1 - tau) L_y) the loss of label y has the gradient E_y (S - e_y) in the scores, and the Hessian
    E_y [diag(S) - S S' + (1 - tau) (S - e_y) (S - e_y)'].
    """
    n_classes, width = theta.shape
    softmax, pull = np.empty(n_classes), np.empty(n_classes)
    gradient[:] = 0.0
    hessian[:] = 0.0
    risk = 0.0
    for i in range(features.shape[0]):
        if cells[i].sum() == 0.0:
            continue
        top, total, force = -np.inf, 0.0, 0.0
        for y in range(n_classes):
            score = 0.0
            for a in range(width):
                score += theta[y, a] * features[i, a]
            softmax[y] = score
            top = max(top, score)
        for y in range(n_classes):
            pull[y] = top - softmax[y]
            softmax[y] = np.exp(-pull[y])
            total += softmax[y]
        log_total = np.log(total)
        for y in range(n_classes):
            excess = log_total + pull[y]
            # A label that does not occur costs nothing, even where its loss overflows.
            growth = 0.0 if tau == 1.0 or cells[i, y] == 0.0 else np.expm1((1.0 - tau) * excess)
            risk += cells[i, y] * (excess if tau == 1.0 else growth / (1.0 - tau))
            pull[y] = cells[i, y] * (1.0 + growth)
            force += pull[y]
            softmax[y] /= total
        for y in range(n_classes):
            for a in range(width):
                gradient[y * width + a] += (force * softmax[y] - pull[y]) * features[i, a]
            for z in range(y + 1):
                curvature = -force * softmax[y] * softmax[z]
                curvature += (1.0 - tau) * (
                    force * softmax[y] * softmax[z] - softmax[y] * pull[z] - pull[y] * softmax[z]
                )
                if z == y:
                    curvature += force * softmax[y] + (1.0 - tau) * pull[y]
                for a in range(width):
                    for b in range(width):
                        hessian[y * width + a, z * width + b] += curvature * features[i, a] * features[i, b]
    return risk


@njit(cache=True, nogil=True, error_model="numpy")
def _slacks(theta, slack):
    """Write ``1 - |w_y|^2`` and ``1 - b_y^2``."""
    last = theta.shape[1] - 1
    for y in range(theta.shape[0]):
        slack[y, 0] = 1.0
        for a in range(last):
            slack[y, 0] -= theta[y, a] ** 2
        slack[y, 1] = 1.0 - theta[y, last] ** 2


@njit(cache=True, nogil=True, error_model="numpy")
def _frank_wolfe_gap(theta, gradient):
    """Return ``<g, theta> + sum_y |g_w| + |g_b|``."""
    n_classes, width = theta.shape
    gap = 0.0
    for y in range(n_classes):
        squared = 0.0
        for a in range(width - 1):
            slope = gradient[y * width + a]
            gap += slope * theta[y, a]
            squared += slope**2
        slope = gradient[y * width + width - 1]
        gap += np.sqrt(squared) + slope * theta[y, width - 1] + abs(slope)
    return gap


@njit(cache=True, nogil=True, error_model="numpy")
def _stationarity(theta, gradient, dual):
    """Return the norm of the gradient of the Lagrange function."""
    n_classes, width = theta.shape
    squared = 0.0
    for y in range(n_classes):
        for a in range(width):
            part = 0 if a < width - 1 else 1
            squared += (gradient[y * width + a] + 2.0 * dual[y, part] * theta[y, a]) ** 2
    return np.sqrt(squared)


@njit(cache=True, nogil=True, error_model="numpy")
def _newton_system(theta, gradient, hessian, dual, slack, target, step):
    """Add the constraints to the lower triangle of the Hessian, and write the right-hand side, the duals eliminated."""
    n_classes, width = theta.shape
    largest = 0.0
    for k in range(step.size):
        largest = max(largest, hessian[k, k])
    for y in range(n_classes):
        for a in range(width):
            part = 0 if a < width - 1 else 1
            k = y * width + a
            step[k] = -gradient[k] - 2.0 * target / slack[y, part] * theta[y, a]
            # Equal shifts of all classes leave the risk unchanged: the last term keeps their pivots above rounding.
            hessian[k, k] += 2.0 * dual[y, part] + 1e-13 * largest
            for b in range(part * (width - 1), a + 1):
                hessian[k, y * width + b] += 4.0 * dual[y, part] / slack[y, part] * theta[y, a] * theta[y, b]


@njit(cache=True, nogil=True, error_model="numpy")
def _dual_direction(theta, step, dual, slack, target, dual_step):
    """Write the step of the duals that belongs to the step of theta; return the part of it that keeps them positive."""
    n_classes, width = theta.shape
    length = 1.0
    for y in range(n_classes):
        for part in range(2):
            along = 0.0
            for a in range(part * (width - 1), width - 1 + part):
                along += 2.0 * theta[y, a] * step[y * width + a]
            dual_step[y, part] = (target + dual[y, part] * along) / slack[y, part] - dual[y, part]
            if dual_step[y, part] < 0.0:
                length = min(length, -0.99 * dual[y, part] / dual_step[y, part])
    return length


@njit(cache=True, nogil=True, error_model="numpy")
def _solve_positive(matrix, vector):
    """Solve in place by Cholesky from the lower triangle of a small matrix; False where a pivot is not positive."""
    size = vector.size
    for j in range(size):
        for k in range(j):
            vector[j] -= matrix[j, k] * vector[k]
            matrix[j, j] -= matrix[j, k] ** 2
        if not matrix[j, j] > 0.0:
            return False
        matrix[j, j] = np.sqrt(matrix[j, j])
        vector[j] /= matrix[j, j]
        for i in range(j + 1, size):
            for k in range(j):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
            matrix[i, j] /= matrix[j, j]
    for j in range(size - 1, -1, -1):
        for i in range(j + 1, size):
            vector[j] -= matrix[i, j] * vector[i]
        vector[j] /= matrix[j, j]
    return True
