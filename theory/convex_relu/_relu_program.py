"""The convex programs of this family as cone programs, with the dual bound that certifies their solutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import entr, expit

from theory.convex_relu._cone_program import ConeProgram
from theory.convex_relu._problem import discrepancy, total_loss

# Gap between a value and its lower bound, relative to the value or, where that is tiny, to the scale of the program.
SMALL_GAP, SMALLEST_GAP, LARGEST_GAP = 1e-10, 1e-13, 1e-8
NEWTON_STEPS = 5


@dataclass(frozen=True)
class ReluProgram:
    """Minimise loss + strength * sum of the norms of the weights of P patterns, with a plus and with a minus.

    Weights have shape (2, P, d). Features and targets of norm about one serve the solver best.
    """

    rows: np.ndarray  # features, (n, d)
    targets: np.ndarray  # (n,)
    patterns: np.ndarray  # boolean, (P, n)
    strength: float
    loss: str
    cones: bool  # whether the weights stay in the cones of their patterns
    penalised: np.ndarray  # boolean, (d,): the columns that the norms see
    radius: float  # of the attack, l-infinity

    def evaluate(self, weights: np.ndarray) -> tuple[float, np.ndarray, float]:
        """Return objective, fitted values (n,) and penalty."""
        fitted, worst = self._discrepancies(weights)
        penalty = self.strength * float(np.linalg.norm(weights[..., self.penalised], axis=-1).sum())
        return total_loss(self.loss, worst) + penalty, fitted, penalty

    def optimal_weights(self) -> np.ndarray:
        """Return the weights with the smallest certified gap; ``RuntimeError`` where that is too large."""
        weights, gap, good = self._solve(self._cone_program())
        if self.loss == "logistic":  # exponential cones leave a gap that steps of Newton's method close
            for _ in range(NEWTON_STEPS):
                if good:
                    break
                new_weights, new_gap, good = self._solve(self._cone_program(near=weights))
                if new_gap < gap:
                    weights, gap = new_weights, new_gap
        if gap > LARGEST_GAP:
            raise RuntimeError(f"the convex program was not solved: the certified gap is {gap:.1e} of its scale")
        return weights

    def _solve(self, program: ConeProgram) -> tuple[np.ndarray, float, bool]:
        """Return the best weights of a few attempts, their certified gap, and whether that is as small as hoped for."""
        best, smallest = np.zeros((2, len(self.patterns), self.rows.shape[1])), np.inf
        for variables, multipliers in program.attempts(unit=min(1.0, self.strength)):
            weights = variables["weights"].reshape(best.shape)
            value = self.evaluate(weights)[0]
            gap = max(abs(value - self._lower_bound(weights, multipliers)), self._violation(weights))
            if gap < smallest:
                best, smallest = weights, gap
            if gap <= max(SMALL_GAP * value, SMALLEST_GAP):
                return best, smallest, True
            if self.loss == "logistic":
                break
        return best, smallest, False

    def _violation(self, weights: np.ndarray) -> float:
        """Return how far the weights leave their cones."""
        if not self.cones:
            return 0.0
        heights = (weights @ self.rows.T) * (2.0 * self.patterns - 1.0)
        return -float((heights - self.radius * np.abs(weights).sum(axis=-1, keepdims=True)).min(initial=0.0))

    def _lower_bound(self, weights: np.ndarray, multipliers: dict[str, np.ndarray]) -> float:
        """Return a lower bound of the optimum, from the multipliers of the fit, of the cones and of the attack.

        The multipliers are made feasible by clipping and by one common factor. Only the moments of columns without a
        penalty, which should vanish, are charged to first order, at the given weights.
        """
        (_, count, d), n = weights.shape, len(self.targets)
        dual, attack = multipliers["fit"], np.zeros((n, d))
        if self.radius > 0.0:
            attack = (multipliers["slopes+"] - multipliers["slopes-"]).reshape(n, d)
        if self.loss == "squared":
            share = np.abs(dual)
            if self.radius > 0.0:
                share = np.maximum(share, np.abs(attack).max(axis=1) / self.radius)
        else:
            share = np.clip(self.targets * dual, 0.0, 1.0 / n)
            dual = self.targets * share
            attack = np.clip(attack, -self.radius * share[:, None], self.radius * share[:, None])
        moments = self.patterns @ (dual[:, None] * self.rows + attack)
        moments = np.stack([moments, -moments])
        if self.cones:
            cones = np.maximum(multipliers["cones"], 0.0).reshape(2, count, n)
            moments += (cones * (2.0 * self.patterns - 1.0)) @ self.rows
            reach = self.radius * cones.sum(axis=-1, keepdims=True)
            moments = np.sign(moments) * np.maximum(np.abs(moments) - reach, 0.0)
        largest = float(np.linalg.norm(moments[..., self.penalised], axis=-1).max())
        factor = min(1.0, self.strength / largest) if largest > 0.0 else 1.0
        if self.loss == "squared":
            bound = factor * float(dual @ self.targets) - 0.5 * factor**2 * float(share @ share)
        elif self.loss == "hinge":
            bound = factor * float(share.sum())
        else:
            odds = np.minimum(factor * n * share, 1.0)
            bound = float((entr(odds) + entr(1.0 - odds)).mean())
        free = ~self.penalised
        return bound - factor * float(np.sum(np.abs(moments[..., free]) * np.abs(weights[..., free])))

    def _discrepancies(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the fitted values (n,) and their discrepancies under the worst attack (n,)."""
        layers = self.patterns.T @ (weights[0] - weights[1])  # at sample k the network is linear with weights layers[k]
        fitted = np.einsum("kc,kc->k", self.rows, layers)
        return fitted, discrepancy(self.loss, fitted, self.targets) + self.radius * np.abs(layers).sum(axis=1)

    def _cone_program(self, near: np.ndarray | None = None) -> ConeProgram:
        """Return the cone program; with weights given, for the second-order expansion of the logistic loss there."""
        masks = np.concatenate([self.patterns, self.patterns]).astype(np.float64)
        gates = masks * np.repeat([1.0, -1.0], len(self.patterns))[:, None]
        (blocks, n), d = masks.shape, self.rows.shape[1]
        attacked = self.radius > 0.0
        lengths = dict(weights=blocks * d, norms=blocks, fitted=n, loss=n)
        if attacked:
            lengths |= dict(sizes=blocks * d, slopes=n * d)
        if self.loss == "logistic" and near is None:
            lengths |= dict(parts=2 * n)
        program = ConeProgram(**lengths)

        gated = gates.T[:, :, None] * self.rows[:, None, :]
        program.constrain("fit", "zero", np.zeros(n), weights=gated.reshape(n, -1), fitted=-_eye(n))

        # norms >= ||weights||, block by block.
        program.charge("norms", linear=self.strength)
        columns = np.flatnonzero(self.penalised)
        size = len(columns) + 1
        tail = np.zeros((size, d))
        tail[np.arange(1, size), columns] = 1.0
        head, tail = _repeated(np.eye(size, 1), blocks), _repeated(tail, blocks)
        program.constrain("norms", "second order", np.zeros(blocks * size), size=size, norms=head, weights=tail)

        # Under attack sizes >= |weights|, and slopes >= |weights of the network at a sample|, entry by entry.
        shrunk, raised = {}, {}
        if attacked:
            layers, none, flat = sparse.kron(gates.T, _eye(d)), np.zeros(blocks * d), np.zeros(n * d)
            for sign, name in ((1.0, "+"), (-1.0, "-")):
                program.constrain(
                    "sizes" + name, "nonnegative", none, sizes=_eye(none.size), weights=sign * _eye(none.size)
                )
                program.constrain("slopes" + name, "nonnegative", flat, slopes=_eye(n * d), weights=sign * layers)
            shrunk = dict(sizes=_repeated(np.full((n, d), -self.radius), blocks))
            raised = dict(slopes=_repeated(np.full((1, d), -self.radius), n))
        if self.cones:
            signed = _diagonal((2.0 * masks - 1.0)[:, :, None] * self.rows)
            program.constrain("cones", "nonnegative", np.zeros(blocks * n), weights=signed, **shrunk)
        self._add_loss(program, raised, near)
        return program

    def _add_loss(self, program: ConeProgram, raised: dict[str, Any], near: np.ndarray | None) -> None:
        """Bound the loss of every sample from below; ``raised`` is what an attack takes off."""
        n, y = len(self.targets), self.targets
        if self.loss == "squared":
            program.charge("loss", quadratic=1.0)
            if not raised:
                program.constrain("loss", "zero", y, loss=_eye(n), fitted=-_eye(n))
                return
            for sign, name in ((1.0, "+"), (-1.0, "-")):
                program.constrain(
                    "loss" + name, "nonnegative", sign * y, loss=_eye(n), fitted=-sign * _eye(n), **raised
                )
            return
        margins = sparse.diags_array(y)
        if near is not None:  # loss stands for the discrepancy
            point = self._discrepancies(near)[1]
            slope, curvature = expit(point) / n, expit(point) * expit(-point) / n
            program.charge("loss", linear=slope - curvature * point, quadratic=curvature)
            program.constrain("loss", "nonnegative", np.zeros(n), loss=_eye(n), fitted=margins, **raised)
            return
        program.charge("loss", linear=1.0 / n)
        if self.loss == "hinge":
            program.constrain("positive", "nonnegative", np.zeros(n), loss=_eye(n))
            program.constrain("loss", "nonnegative", -np.ones(n), loss=_eye(n), fitted=margins, **raised)
            return
        # loss >= log(1 + exp(m)): p >= exp(-loss) and q >= exp(m - loss) with p + q <= 1, where exp(row 0) <= row 2.
        one, none = np.tile([0.0, 1.0, 0.0], n), sparse.coo_array((3 * n, n))
        power, value = (sparse.kron(_eye(n), np.eye(3, 1, -row)) for row in (0, 2))
        first, second = sparse.hstack([value, none]), sparse.hstack([none, value])
        against = dict(fitted=-power @ margins) | {name: -power @ block for name, block in raised.items()}
        program.constrain("first part", "exponential", one, size=3, loss=-power, parts=first)
        program.constrain("second part", "exponential", one, size=3, loss=-power, parts=second, **against)
        program.constrain("parts", "nonnegative", np.ones(n), parts=-sparse.hstack([_eye(n), _eye(n)]))


def _eye(size: int) -> Any:
    return sparse.eye_array(size)


def _diagonal(blocks: np.ndarray) -> Any:
    """Return the block-diagonal matrix of blocks (B, rows, columns)."""
    count, rows, columns = blocks.shape
    shape = (count * rows, count * columns)
    return sparse.bsr_array((blocks, np.arange(count), np.arange(count + 1)), shape=shape)


def _repeated(block: np.ndarray, count: int) -> Any:
    return _diagonal(np.tile(block, (count, 1, 1)))
