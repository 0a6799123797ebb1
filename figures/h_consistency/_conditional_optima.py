"""Least conditional risks by an interior-point method, with a certificate: no closed form enters.

The risk sum_y p_y (1 - S_y^(tau - 1)) / (tau - 1) is convex in the softmax S for tau <= 2, and so is the set of S on
the simplex whose first class has the top score.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

MOST_CLASSES = 6
EXAMPLE = np.array([0.5, 0.3, 0.2])
BARRIERS = np.geomspace(1.0, 1e-12, 24)
NEWTON_STEPS = 6  # for each barrier
SHIFT = 1e-6  # of the softmax, in the control of the certificate


def least_risks(*, tau: float, n_classes: int, n_rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return random class probabilities and their least risks, over all scores and with the first class on top.

    ``probabilities`` (n_rows, 6), zero beyond ``n_classes`` and here and there before; ``free`` and ``predicted``
    (n_rows,) the least risks; ``gaps`` (n_rows, 2) upper bounds on their distances from the minima, ``shifted_gaps``
    the same for softmax vectors moved by 1e-6 towards the uniform one.
    """
    rng = np.random.default_rng([seed, n_classes])
    p = rng.gamma(10.0 ** rng.uniform(-0.5, 0.5, (n_rows, 1)), size=(n_rows, n_classes))
    if n_classes > 2:
        p[::4, rng.integers(n_classes)] = 0.0
    p /= p.sum(axis=1, keepdims=True)
    free, predicted = _interior_point(p, tau, first_on_top=False), _interior_point(p, tau, first_on_top=True)
    gaps, shifted = (
        np.column_stack([_gap(p, tau, (1 - shift) * free + shift / n_classes, first_on_top=False),
                         _gap(p, tau, (1 - shift) * predicted + shift / n_classes, first_on_top=True)])
        for shift in (0.0, SHIFT)
    )  # fmt: skip
    return dict(probabilities=_padded(p), free=risk_at(p, free, tau), predicted=risk_at(p, predicted, tau), gaps=gaps,
                shifted_gaps=shifted)  # fmt: skip


def least_risks_at_corners(*, tau: float, n_classes: int, n_rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return the same from tau = 2 on, where the risk is concave in S and least at a corner of the feasible set."""
    rng = np.random.default_rng([seed, n_classes])
    p = rng.dirichlet(np.ones(n_classes), n_rows)
    return dict(probabilities=_padded(p), free=_over_corners(p, tau).min(axis=1), predicted=_on_top(p, tau))


def least_risks_of_example(*, tau: float) -> dict[str, np.ndarray]:
    """Return for the example the least risk over all scores, then with each class on top; and the best softmax."""
    rows = np.array([np.roll(EXAMPLE, -k) for k in range(3)])
    if tau >= 2.0:
        free = _over_corners(rows[:1], tau)
        return dict(risks=np.append(free.min(), _on_top(rows, tau)), softmax=np.eye(3)[free[0].argmin()])
    softmax = _interior_point(rows[:1], tau, first_on_top=False)
    risks = risk_at(rows, _interior_point(rows, tau, first_on_top=True), tau)
    return dict(risks=np.append(risk_at(rows[:1], softmax, tau), risks), softmax=softmax[0])


def _over_corners(p: np.ndarray, tau: float) -> np.ndarray:
    """Return the risks where one class has the whole softmax, (n_rows, n_classes)."""
    return (1.0 - p) / (tau - 1.0)


def _on_top(p: np.ndarray, tau: float) -> np.ndarray:
    """Return the least risks where the first class shares the softmax equally with a set of others."""
    others = range(1, p.shape[1])
    pools = [[0, *chosen] for size in range(p.shape[1]) for chosen in combinations(others, size)]
    corners = np.array([np.isin(np.arange(p.shape[1]), pool) / len(pool) for pool in pools])
    return ((1.0 - corners ** (tau - 1.0)) @ p.T / (tau - 1.0)).min(axis=0)


def _padded(p: np.ndarray) -> np.ndarray:
    return np.pad(p, ((0, 0), (0, MOST_CLASSES - p.shape[1])))


def risk_at(p: np.ndarray, softmax: np.ndarray, tau: float) -> np.ndarray:
    """Return the conditional risk of a softmax vector; classes of probability 0 count nothing."""
    s = np.where(p > 0.0, softmax, 1.0)
    return (p * (-np.log(s) if tau == 1.0 else (1.0 - s ** (tau - 1.0)) / (tau - 1.0))).sum(axis=1)


def _interior_point(p: np.ndarray, tau: float, *, first_on_top: bool) -> np.ndarray:
    """Follow the central path of all rows at once; return their softmax vectors, strictly inside the feasible set."""
    n_rows, n = p.shape
    s = np.full(p.shape, 1.0 / (n + 1.0))
    s[:, 0] *= 2.0
    system = np.zeros((n_rows, n + 1, n + 1))
    system[:, :n, n] = system[:, n, :n] = 1.0
    diagonal = np.arange(n)
    for barrier in np.repeat(BARRIERS, NEWTON_STEPS):
        gradient = -p * s ** (tau - 2.0) - barrier / s
        curvature = (2.0 - tau) * p * s ** (tau - 3.0) + barrier / s**2
        system[:, :n, :n] = 0.0
        if first_on_top:
            pull = barrier / (s[:, :1] - s[:, 1:])
            gradient[:, 1:] += pull
            gradient[:, 0] -= pull.sum(axis=1)
            tie = pull**2 / barrier
            curvature[:, 1:] += tie
            curvature[:, 0] += tie.sum(axis=1)
            system[:, 0, 1:n] = system[:, 1:n, 0] = -tie
        system[:, diagonal, diagonal] = curvature
        step = np.linalg.solve(system, np.pad(-gradient, ((0, 0), (0, 1)))[..., np.newaxis])[:, :n, 0]
        shrinks = -step / s  # relative rates at which the distances to the constraints shrink
        if first_on_top:
            shrinks = np.hstack([shrinks, (step[:, 1:] - step[:, :1]) / (s[:, :1] - s[:, 1:])])
        s += step / np.maximum(1.0, shrinks.max(axis=1, keepdims=True) / 0.9)
    return s / s.sum(axis=1, keepdims=True)


def _gap(p: np.ndarray, tau: float, softmax: np.ndarray, *, first_on_top: bool) -> np.ndarray:
    """Return the most that the linearised risk falls on the feasible set: by convexity the risk cannot fall more.

    Corners with the first class on top are uniform on a set of classes with the first: of each size, the set of the
    steepest others is best.
    """
    slope = -p * softmax ** (tau - 2.0)
    if not first_on_top:
        least = slope.min(axis=1)
    else:
        sizes = np.arange(1, p.shape[1] + 1)
        ordered = np.hstack([slope[:, :1], np.sort(slope[:, 1:], axis=1)])
        least = (np.cumsum(ordered, axis=1) / sizes).min(axis=1)
    return (slope * softmax).sum(axis=1) - least
