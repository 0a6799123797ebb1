"""ADMM on the blocks and the fit, with exact projections onto the cones: one step, its certificate, its penalty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulations.convex_relu._losses import dual_value, loss_value, proximal_step
from simulations.convex_relu._projection import ConeFaces, cone_faces, shrink_on_cones
from simulations.convex_relu._stack import Stack, solve_symmetric, symmetric_inverse

__all__ = ["Iterate", "Splitting"]

_OVER_RELAXATION = 1.7
_FIT_WEIGHT = 10.0  # of the split of the fit, in units of the mean eigenvalue of F F'; 1 to 100 is as good
_BALANCE_LIMIT = 10.0  # largest change of the penalty at once
_BALANCE_SLACK = 1.3  # smaller changes would only disturb
_EMPTY = 1e-3  # of the natural size of weights: below it they do not tell the penalty


@dataclass
class Iterate:
    """The variables of ADMM: v and its scaled dual, (2 P, d), f and its scaled dual, (n,), and the penalty rho."""

    weights: np.ndarray
    weight_dual: np.ndarray
    fit: np.ndarray
    fit_dual: np.ndarray
    penalty_parameter: float


class Splitting:
    """Minimise ``loss(f) + beta sum_j |v_j|`` with v_j in its cone, ``u = v`` and ``F u = f``.

    With the constraint on f weighted by kappa the u-step solves ``(I + kappa F'F) u = v - dual + kappa F'(f - dual)``,
    whatever rho is; its n by n inverse is made once.
    """

    def __init__(self, features: np.ndarray, patterns: np.ndarray) -> None:
        self.stack = Stack(features, patterns)
        system = self.stack.gram()
        trace = float(np.trace(system))
        self._kappa = _FIT_WEIGHT * len(features) / trace if trace > 0.0 else 1.0
        system *= self._kappa
        system[np.diag_indices_from(system)] += 1.0
        self._inverse = symmetric_inverse(system)
        self._faces: ConeFaces
        self._excess: np.ndarray

    def begin(self, targets: np.ndarray, beta: float, loss: str, start: Iterate | None) -> Iterate:
        """Return the iterate to start from, and forget the faces of earlier solves."""
        self._targets, self._beta, self._loss = targets, beta, loss
        self._faces = cone_faces(self.stack.features, self.stack.patterns)
        shape = (2 * self.stack.n_pairs, self.stack.n_features)
        self._point, self._excess = np.empty(shape), np.zeros(shape)
        length = float(np.linalg.norm(self.stack.features))
        self._size = float(np.linalg.norm(targets)) / length if length > 0.0 and targets.any() else 1.0
        if start is not None:
            return start
        zeros = np.zeros_like(targets)
        return Iterate(np.zeros(shape), np.zeros(shape), zeros, zeros, 10.0 * beta / self._size)

    def step(self, iterate: Iterate) -> None:
        """Take one step of over-relaxed ADMM, in place."""
        weights, dual, point = iterate.weights, iterate.weight_dual, self._point
        n_pairs, rho = self.stack.n_pairs, iterate.penalty_parameter
        # u = r + kappa F'q and F u = h - q, where r = v - dual, h = f - dual and (I + kappa F F') q = h - F r.
        np.subtract(weights, dual, out=point)
        shifted = iterate.fit - iterate.fit_dual
        correction = solve_symmetric(self._inverse, shifted - self.stack.fit(point))
        move = self.stack.pull(correction)
        move *= self._kappa
        point[:n_pairs] += move
        point[n_pairs:] -= move
        point *= _OVER_RELAXATION
        weights *= 1.0 - _OVER_RELAXATION
        point += weights
        point += dual
        if not shrink_on_cones(self._faces, point, self._beta / rho, weights, self._excess):
            raise RuntimeError("the projection onto a cone did not settle")
        np.subtract(point, weights, out=dual)
        relaxed = _OVER_RELAXATION * (shifted - correction) + (1.0 - _OVER_RELAXATION) * iterate.fit + iterate.fit_dual
        iterate.fit = proximal_step(relaxed, self._targets, 1.0 / (rho * self._kappa), self._loss)
        iterate.fit_dual = relaxed - iterate.fit

    def certify(self, iterate: Iterate) -> tuple[np.ndarray, float, float]:
        """Return fitted values, objective and lower bound of the last step's weights.

        ``z = -rho kappa (dual of f)`` is minus a subgradient of the loss, and ``X' D z`` plus a nonnegative combination
        of signed rows is ``F'z - rho (dual of v) + rho excess`` in every block, of norm near beta.
        """
        n_pairs, rho = self.stack.n_pairs, iterate.penalty_parameter
        fitted = self.stack.fit(iterate.weights)
        penalty = self._beta * float(np.sum(np.linalg.norm(iterate.weights, axis=1)))
        objective = loss_value(fitted, self._targets, self._loss) + penalty
        residual = -rho * self._kappa * iterate.fit_dual
        slope = rho * (self._excess - iterate.weight_dual)
        pulled = self.stack.pull(residual)
        slope[:n_pairs] += pulled
        slope[n_pairs:] -= pulled
        gauge = float(np.max(np.linalg.norm(slope, axis=1)))
        ratio = self._beta / gauge if gauge > 0.0 else np.inf
        return fitted, objective, dual_value(residual, self._targets, ratio, self._loss)

    def balance(self, iterate: Iterate) -> None:
        """Set rho to the ratio of the norms of dual and primal weights, where ADMM is about as fast as it gets."""
        active = iterate.weights.any(axis=1)
        if active.any():
            ratio = float(np.linalg.norm(iterate.weight_dual[active]) / np.linalg.norm(iterate.weights))
        else:
            ratio = float(np.linalg.norm(iterate.weight_dual)) / (_EMPTY * self._size)
        ratio = min(max(ratio, 1.0 / _BALANCE_LIMIT), _BALANCE_LIMIT)
        if 1.0 / _BALANCE_SLACK < ratio < _BALANCE_SLACK:
            return
        iterate.penalty_parameter *= ratio
        for scaled in (iterate.weight_dual, iterate.fit_dual, self._excess, self._faces.multipliers):
            scaled /= ratio
