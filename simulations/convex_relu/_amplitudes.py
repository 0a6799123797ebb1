"""Amplitudes of neurons of fixed direction: a lasso with nonnegative coefficients, by active sets (compiled)."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulations.convex_relu._vectors import clear, factor_row, inner, scale_into, solve_transposed

__all__ = ["best_amplitudes"]

_DEPENDENT = 1e-13  # squared distance of an output from the span of others, relative to its own, that counts as none


@njit(cache=True, nogil=True, error_model="numpy")
def best_amplitudes(outputs, targets, beta, amplitudes):
    """Minimise ``|sum_j c_j g_j - y|^2 / 2 + beta sum_j c_j`` over c >= 0 from a feasible start, by active sets.

    outputs: rows g_j, (m, n). amplitudes: c, (m,), overwritten. The outputs in use stay independent: along a
    combination that changes no fit, the amplitudes move the way that does not raise their sum until one vanishes.
    """
    n_neurons = len(outputs)
    gram, pull = np.empty((n_neurons, n_neurons)), np.empty(n_neurons)
    used, n_used = np.empty(n_neurons, np.int64), 0
    for j in range(n_neurons):
        pull[j] = inner(outputs[j], targets) - beta
        for i in range(j + 1):
            gram[i, j] = gram[j, i] = inner(outputs[i], outputs[j])
        if amplitudes[j] > 0.0:
            used[n_used] = j
            n_used += 1
    factor, move = np.empty((n_neurons, n_neurons)), np.empty(n_neurons)
    for _ in range(100 * n_neurons):
        dependent = _newton_point(gram, pull, used, n_used, factor, move)
        step = np.inf if dependent else 1.0
        blocking = -1
        for i in range(n_used):
            if not dependent:
                move[i] -= amplitudes[used[i]]
            if move[i] < 0.0 and -amplitudes[used[i]] / move[i] <= step:
                step, blocking = -amplitudes[used[i]] / move[i], i
        for i in range(n_used):
            amplitudes[used[i]] += step * move[i]
        if blocking >= 0:
            amplitudes[used[blocking]] = 0.0
            n_used -= 1
            for i in range(blocking, n_used):
                used[i] = used[i + 1]
            continue
        best, entering = 1e-13 * beta, -1
        for j in range(n_neurons):
            slope = pull[j]
            for i in range(n_used):
                slope -= gram[j, used[i]] * amplitudes[used[i]]
            if slope > best and amplitudes[j] == 0.0:
                best, entering = slope, j
        if entering < 0:
            return
        used[n_used] = entering
        n_used += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _newton_point(gram, pull, used, n_used, factor, out):
    """Solve for the unconstrained amplitudes of the neurons in use, (n_used,), and return False.

    Where an output depends on those before it, write instead a change of the amplitudes that keeps the fit and does not
    raise their sum, and return True.
    """
    for i in range(n_used):
        for j in range(i + 1):
            factor[i, j] = gram[used[i], used[j]]
        pivot = factor_row(factor, i)
        if pivot <= _DEPENDENT * gram[used[i], used[i]]:
            clear(out)
            scale_into(-1.0, factor[i, :i], out[:i])
            solve_transposed(factor, out[:i])
            out[i] = 1.0
            if np.sum(out) > 0.0:
                scale_into(-1.0, out, out)
            return True
        factor[i, i] = np.sqrt(pivot)
        out[i] = (pull[used[i]] - inner(factor[i, :i], out[:i])) / factor[i, i]
    solve_transposed(factor, out[:n_used])
    return False
