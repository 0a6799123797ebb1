"""The local rate of the alternating direction method of multipliers (ADMM) on the squared-loss convex program."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from assay.base import number
from theory.convex_relu._problem import read_data, read_patterns

__all__ = ["admm_linear_rate"]

MAX_STEPS = 200_000
SETTLED = 1e-13  # change per step, relative to the state
MARGIN = 1e-9  # least distance of an entry from its kink, relative to the state
MANIFOLD = 1e-8  # eigenvalues within this of 1 belong to the manifold of solutions


def admm_linear_rate(
    features: Any, targets: Any, patterns: Any, *, regularisation: float, penalty_parameter: float
) -> float:
    """Return the factor by which the error of plain ADMM on the convex program falls per step, near the fixed point.

    Statement: ADMM with the splitting u = v (norms), G u = s >= 0 (cones), scaled duals l and k, penalty rho and dual
    step 1, is a map of (u + l, G u + k) that is smooth where no group norm is at its threshold and no slack at 0. The
    rate is the largest eigenvalue modulus below 1 of its derivative at the fixed point reached from zero; eigenvalues 1
    belong to the directions along which solutions and multipliers are not unique.

    ``features`` (n, d); ``targets`` (n,); ``patterns`` boolean (P, n), None for all; ``regularisation`` > 0;
    ``penalty_parameter`` rho > 0. Nature: asymptotic in the number of steps, exact in the limit. The eigenvalues cost
    time of order (2 P (n + d))^3: meant for few patterns.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the fixed point is not reached within 200 000 steps
    or is not strictly complementary, where the prediction can fail. Source: derived here for Algorithm 3.1 of
    arXiv 2201.01965, whose theorem states that some linear rate exists.
    """
    rows, values = read_data(features, targets, "squared")
    masks = read_patterns(patterns, rows)
    beta = number("regularisation", regularisation, "(0, inf)")
    rho = number("penalty_parameter", penalty_parameter, "(0, inf)")
    seen = rows.any(axis=1)  # a zero row constrains nothing
    masks, threshold = np.concatenate([masks, masks])[:, seen], beta / rho
    rows, values = rows[seen], values[seen]
    (blocks, n), d = masks.shape, rows.shape[1]
    gates = masks * np.repeat([1.0, -1.0], blocks // 2)[:, None]
    fit = (gates.T[:, :, None] * rows[:, None, :]).reshape(n, -1)
    cones = (2.0 * masks - 1.0)[:, :, None] * rows
    inverse = np.linalg.inv(np.kron(np.eye(blocks), np.eye(d) + rows.T @ rows) + fit.T @ fit / rho)
    groups, slacks = np.zeros((blocks, d)), np.zeros((blocks, n))
    if not _iterate(inverse, fit.T @ values / rho, cones, threshold, groups, slacks):
        raise RuntimeError(f"ADMM: the fixed point was not reached within {MAX_STEPS} steps")
    norms = np.linalg.norm(groups, axis=1)
    margin = min(np.abs(norms - threshold).min(), np.abs(slacks).min())
    if margin < MARGIN * max(norms.max(), threshold):
        raise RuntimeError(f"ADMM: the fixed point is not strictly complementary, {margin:.1e} from a kink")
    moduli = np.abs(np.linalg.eigvals(_derivative(inverse, cones, threshold, groups, slacks)))
    return float(moduli[moduli < 1.0 - MANIFOLD].max(initial=0.0))


def _derivative(
    inverse: np.ndarray, cones: np.ndarray, threshold: float, groups: np.ndarray, slacks: np.ndarray
) -> np.ndarray:
    """Return the derivative of one step at ``groups`` and ``slacks``, square of size B (d + n)."""
    blocks, n, d = cones.shape
    shrinking = np.zeros((blocks, d, blocks, d))
    for i, group in enumerate(groups):
        norm = np.linalg.norm(group)
        if norm > threshold:
            unit = group / norm
            shrinking[i, :, i] = np.eye(d) - threshold / norm * (np.eye(d) - np.outer(unit, unit))
    cut = shrinking.reshape(blocks * d, -1)
    on = np.diag((slacks > 0.0).ravel().astype(np.float64))
    wide = np.zeros((blocks, n, blocks, d))
    wide[np.arange(blocks), :, np.arange(blocks)] = cones
    tall = wide.reshape(blocks * n, -1)
    identity, other = np.eye(len(cut)), np.eye(len(on))
    step = inverse @ np.hstack([2.0 * cut - identity, tall.T @ (2.0 * on - other)])
    derivative = np.vstack([step, tall @ step])
    derivative[: len(cut), : len(cut)] += identity - cut
    derivative[len(cut) :, len(cut) :] += other - on
    return derivative


@njit(cache=True, nogil=True, error_model="numpy")
def _iterate(inverse, start, cones, threshold, groups, slacks):
    """Run ADMM on groups = u + l (B, d) and slacks = G u + k (B, n), in place; return whether it settled."""
    blocks, n, d = cones.shape
    right, duals, update = np.empty(blocks * d), np.empty((blocks, d)), np.empty((blocks, d))
    for _ in range(MAX_STEPS):
        for i in range(blocks):
            square = 0.0
            for c in range(d):
                square += groups[i, c] ** 2
            share = min(1.0, threshold / math.sqrt(square)) if square > 0.0 else 1.0
            for c in range(d):
                duals[i, c] = share * groups[i, c]
                pull = groups[i, c] - 2.0 * duals[i, c]  # v - l
                for k in range(n):
                    pull += cones[i, k, c] * abs(slacks[i, k])  # |slack| = s - k
                right[i * d + c] = start[i * d + c] + pull
        for i in range(blocks):
            for c in range(d):
                update[i, c] = 0.0
                for j in range(blocks * d):
                    update[i, c] += inverse[i * d + c, j] * right[j]
        change, size = 0.0, 0.0
        for i in range(blocks):
            for c in range(d):
                new = update[i, c] + duals[i, c]
                change += (new - groups[i, c]) ** 2
                size += new**2
                groups[i, c] = new
            for k in range(n):
                new = min(slacks[i, k], 0.0)
                for c in range(d):
                    new += cones[i, k, c] * update[i, c]
                change += (new - slacks[i, k]) ** 2
                size += new**2
                slacks[i, k] = new
        if change <= SETTLED**2 * size:
            return True
    return False
