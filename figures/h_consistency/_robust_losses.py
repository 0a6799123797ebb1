"""LDR-KL losses by numerical maximisation, and their least conditional risks by Newton's method and linear programs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog
from scipy.special import logsumexp, softmax

MOST_CLASSES = 5
ASCENT_STEPS = 60
NEWTON_STEPS = 500


def worst_case(d: np.ndarray, temperature: float) -> np.ndarray:
    """Return max_q sum_k q_k d_k - temperature KL(q || uniform), classes last, by mirror ascent from uniform q.

    Half steps halve the distance to the maximiser in the logarithm each time.
    """
    n = d.shape[-1]
    log_q = np.full(d.shape, -np.log(n))
    for _ in range(ASCENT_STEPS):
        log_q = log_q + 0.5 * (d / temperature - log_q)
        log_q = log_q - logsumexp(log_q, axis=-1, keepdims=True)
    q = np.exp(log_q)
    return (q * (d - temperature * (log_q + np.log(n)))).sum(axis=-1)


def random_losses(
    *, temperature: float, margin: float, n_classes: int, n_rows: int, seed: int
) -> dict[str, np.ndarray]:
    """Return random scores and labels, and their LDR-KL losses by maximisation; scores (n_rows, 5)."""
    rng = np.random.default_rng([seed, n_classes])
    scores = rng.standard_normal((n_rows, n_classes))
    labels = rng.integers(0, n_classes, n_rows)
    d = scores - scores[np.arange(n_rows), labels][:, np.newaxis]
    d += margin * (np.arange(n_classes) != labels[:, np.newaxis])
    return dict(scores=_padded(scores), labels=labels, loss=worst_case(d, temperature))


def random_optima(
    *, temperature: float, margin: float, n_classes: int, n_rows: int, seed: int
) -> dict[str, np.ndarray]:
    """Return random class probabilities and softmax(f/temperature) at the scores f of least conditional risk.

    Also the same for margins from half to one and a half times the margin, the larger for the less likely label.
    """
    rng = np.random.default_rng([seed, n_classes])
    p = rng.dirichlet(np.ones(n_classes), n_rows)
    p[::2] = 0.1 * p[::2] + 0.9 / n_classes  # close to equal, where an order is easily lost
    ranks = np.argsort(np.argsort(-p, axis=1), axis=1)
    uneven = margin * np.linspace(0.5, 1.5, n_classes)[ranks]
    even = [least_risk(row, np.full(n_classes, margin), temperature)[1] for row in p]
    other = [least_risk(row, own, temperature)[1] for row, own in zip(p, uneven, strict=True)]
    return dict(probabilities=_padded(p), softmax=_padded(softmax(np.array(even) / temperature, axis=1)),
                uneven=_padded(softmax(np.array(other) / temperature, axis=1)))  # fmt: skip


def random_regrets(*, temperature: float, n_rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return zero-one and LDR-KL regrets without margin, of random scores and then of tied ones, (2 n_rows,) each.

    Three classes; the tied scores are of two classes with probabilities (1 +- beta)/2, the third has no chance.
    """
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(3), n_rows)
    scores = temperature * (np.log(p) + rng.uniform(0.0, 3.0, (n_rows, 1)) * rng.uniform(-1.0, 1.0, p.shape))
    beta = rng.uniform(0.05, 0.95, n_rows)
    tied = np.column_stack([1.0 + beta, 1.0 - beta, np.full(n_rows, 1e-26)]) / 2.0
    p = np.concatenate([p, tied])
    scores = np.concatenate([scores, np.tile([0.0, 0.0, -60.0 * temperature], (n_rows, 1))])
    risk, least = (
        (p * worst_case(f[:, np.newaxis, :] - f[..., np.newaxis], temperature)).sum(axis=1)
        for f in (scores, temperature * np.log(p))
    )
    chosen = np.where(np.arange(len(p)) < n_rows, np.argmax(scores, axis=1), 1)
    zero_one = p.max(axis=1) - np.take_along_axis(p, chosen[:, np.newaxis], axis=1)[:, 0]
    return dict(zero_one=zero_one, surrogate=risk - least)


def least_wrong_regret(*, temperature: float, margin: float, probabilities: Sequence[float]) -> float:
    """Return the least conditional regret of scores whose first class is not the likeliest, with which it then ties."""
    p, margins = np.array(probabilities), np.full(len(probabilities), margin)
    top = int(np.argmax(p))
    best = least_risk(p, margins, temperature)[0]
    return min(least_risk(p, margins, temperature, (top, k))[0] for k in range(len(p)) if k != top) - best


def least_hinge_risk(*, probabilities: Sequence[float], margin: float) -> float:
    """Return the least conditional risk at temperature 0, of max_k d_k, by a linear program over scores and losses."""
    n = len(probabilities)
    rows, limits = [], []
    for y in range(n):
        for k in range(n):
            row = np.zeros(2 * n)
            row[k] += 1.0
            row[y] -= 1.0
            row[n + y] -= 1.0
            rows.append(row)
            limits.append(-margin * (k != y))
    cost = np.append(np.zeros(n), probabilities)
    found = linprog(cost, A_ub=np.array(rows), b_ub=np.array(limits), bounds=[(None, None)] * n + [(0.0, None)] * n)
    if found.status != 0:
        raise RuntimeError(f"linear program failed: {found.message}")
    return float(found.fun)


def least_risk(
    p: np.ndarray, margins: np.ndarray, temperature: float, tie: tuple[int, int] | None = None
) -> tuple[float, np.ndarray]:
    """Return the least conditional risk, and its scores, of the LDR-KL loss with a margin for every label.

    Damped Newton over the scores, of which two may be tied, from temperature 1 down: at a low one the risk is almost
    piecewise linear, and a start nearby is needed. Raises RuntimeError where the gradient does not vanish.
    """
    basis = np.eye(len(p))
    if tie is not None:
        basis[:, tie[0]] += basis[:, tie[1]]
        basis = np.delete(basis, tie[1], axis=1)
    f = basis @ ((basis.T @ np.log(p)) / basis.sum(axis=0))
    start = max(1.0, temperature)
    for level in np.geomspace(start, temperature, 1 + math.ceil(6.0 * math.log(start / temperature))):
        for _ in range(NEWTON_STEPS):
            value, gradient, hessian = _risk(f, p, margins, float(level))
            slope = basis.T @ gradient
            curvature = basis.T @ hessian @ basis + 1.0  # a shift of all scores costs nothing
            step = basis @ np.linalg.solve(curvature, -slope)
            decrement = -float(gradient @ step)
            if decrement < 1e-28:
                break
            length = 1.0
            # Close to the minimum the decrease is lost in rounding, and full steps are safe.
            while decrement > 1e-12 and not _risk(f + length * step, p, margins, float(level))[0] < value:
                length /= 2.0
            f = f + length * step
    if not np.abs(slope).max() < 1e-13:
        raise RuntimeError(f"no minimum: gradient {np.abs(slope).max():.1g} at temperature {temperature}")
    return value, f


def _risk(
    f: np.ndarray, p: np.ndarray, margins: np.ndarray, temperature: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the conditional risk, its gradient and its Hessian."""
    n = len(p)
    d = (f - f[:, np.newaxis] + margins[:, np.newaxis] * (1.0 - np.eye(n))) / temperature  # label, class
    log_mean = logsumexp(d, axis=1) - np.log(n)
    q = np.exp(d - log_mean[:, np.newaxis]) / n
    mixed = p @ q
    return float(temperature * p @ log_mean), mixed - p, (np.diag(mixed) - (q.T * p) @ q) / temperature


def _padded(rows: np.ndarray) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, MOST_CLASSES - rows.shape[1])))
