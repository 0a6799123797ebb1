"""The lasso with few samples and many atoms, solved exactly by an active set and certified by its duality gap."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

_DEPENDENT = 1e-10  # relative length outside the span of the active atoms, below which an atom lies in it
_GAP = 1e-10  # duality gap, relative to the value, that certifies it
_ROUNDING = 100.0 * float(np.finfo(float).eps)


def lasso(atoms: np.ndarray, targets: np.ndarray, regularisation: float) -> tuple[np.ndarray, float]:
    """Return the fit A x of atoms A (n, N) and ||x||_1 that minimise 1/2 ||A x - targets||^2 + regularisation ||x||_1.

    The atom most correlated with the residual, up to sign, enters; the weights move straight towards the optimum of the
    active atoms, and whichever reaches zero first leaves. Active atoms stay independent, so that at most n are active.
    O(n N + n^3) a step.

    Raises ``RuntimeError`` if the duality gap does not close.
    """
    slack = _ROUNDING * (regularisation + np.linalg.norm(targets) * np.linalg.norm(atoms, axis=0))
    active, fitted = _ActiveSet(len(targets)), np.zeros_like(targets)
    for _ in range(100 * (len(targets) + 10)):
        correlations = (targets - fitted) @ atoms
        excess = np.abs(correlations) - regularisation - slack
        excess[active.indices] = -np.inf
        entering = int(np.argmax(excess))
        if excess[entering] <= 0.0:
            break
        active.enter(entering, np.copysign(1.0, correlations[entering]) * atoms[:, entering])
        fitted = active.descend(targets, regularisation)
        if entering not in active.indices:  # nothing to gain beyond rounding
            break
    penalty = float(active.weights.sum())
    value, gap = _certificate(atoms, targets, fitted, penalty, regularisation)
    if gap > _GAP * value + _ROUNDING * float(targets @ targets) + float(slack.max()) * penalty:
        raise RuntimeError(f"lasso: duality gap {gap:.1e} left at value {value:.6g}")
    return fitted, penalty


class _ActiveSet:
    """Independent signed atoms (n, k), k <= n, their QR factors, their indices and their non-negative weights."""

    def __init__(self, n_samples: int) -> None:
        self.indices = np.empty(0, dtype=int)
        self.atoms = np.empty((n_samples, 0))
        self.weights = np.empty(0)
        self.basis, self.triangle = np.linalg.qr(self.atoms)

    def enter(self, index: int, atom: np.ndarray) -> None:
        """Add an atom at weight zero, or, if it lies in the span, in place of an active one and without a new fit."""
        weight = 0.0
        inside = self.basis.T @ atom
        if np.linalg.norm(atom - self.basis @ inside) <= _DEPENDENT * np.linalg.norm(atom):
            # The shares of the active atoms in it sum to more than 1, since it correlates more than they all do.
            shares = solve_triangular(self.triangle, inside)
            limits = np.divide(self.weights, shares, out=np.full(shares.shape, np.inf), where=shares > 0.0)
            weight = float(limits.min())
            self.weights = np.maximum(self.weights - weight * shares, 0.0)
            self._keep(np.arange(shares.size) != np.argmin(limits))
        self.indices = np.append(self.indices, index)
        self.atoms = np.column_stack([self.atoms, atom])
        self.weights = np.append(self.weights, weight)

    def descend(self, targets: np.ndarray, regularisation: float) -> np.ndarray:
        """Move to the optimum over the active atoms, dropping those whose weight ends; return its fit."""
        while True:
            self.basis, self.triangle = np.linalg.qr(self.atoms)
            shrinkage = solve_triangular(self.triangle, np.full(self.weights.size, regularisation), trans="T")
            coordinates = self.basis.T @ targets - shrinkage
            optimum = solve_triangular(self.triangle, coordinates)
            if np.all(optimum > 0.0):
                self.weights = optimum
                return self.basis @ coordinates
            falling = optimum <= 0.0
            change = np.where(falling, self.weights - optimum, 1.0)
            steps = np.where(falling, self.weights / np.where(change > 0.0, change, 1.0), np.inf)
            self.weights = self.weights + steps.min() * (optimum - self.weights)
            self._keep(np.arange(steps.size) != np.argmin(steps))

    def _keep(self, kept: np.ndarray) -> None:
        self.indices, self.atoms, self.weights = self.indices[kept], self.atoms[:, kept], self.weights[kept]


def _certificate(
    atoms: np.ndarray, targets: np.ndarray, fitted: np.ndarray, penalty: float, regularisation: float
) -> tuple[float, float]:
    """Return the objective, and its distance from the dual value of the residual scaled to feasibility."""
    residual = targets - fitted
    energy = float(residual @ residual)
    value = 0.5 * energy + regularisation * penalty
    if energy == 0.0:
        return value, value
    largest = float(np.abs(residual @ atoms).max())
    scale = float(residual @ targets) / energy
    if largest * scale > regularisation:
        scale = regularisation / largest
    return value, value - scale * float(residual @ targets) + 0.5 * scale**2 * energy
