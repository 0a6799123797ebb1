"""Problems whose optimum has a closed form, and their optimum by the programs that need none."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import linprog, lsq_linear

from simulations.convex_relu import solve_by_pattern_generation
from theory.convex_relu import solve_convex_program

BIAS_SCALE = 3e4  # a bias column so long that its weight costs next to nothing
Fit = dict[str, np.ndarray]


def targets_of(n_samples: int, draw: int) -> np.ndarray:
    """Return targets (n,) of both signs."""
    if n_samples == 5 and draw == 0:
        return np.array([1.2, -0.7, 0.4, -2.0, 0.9])
    return 1.5 * np.random.default_rng([n_samples, draw]).standard_normal(n_samples)


def row_norms_of(n_samples: int) -> np.ndarray:
    """Return norms (n,) from 1/2 to 2, in no order."""
    return 0.5 * 4.0 ** (np.argsort(np.sin(1.0 + np.arange(n_samples))) / max(n_samples - 1, 1))


def orthogonal_features(n_samples: int, n_features: int, draw: int) -> np.ndarray:
    """Return orthonormal rows (n, d) in random directions."""
    rng = np.random.default_rng([n_samples, n_features, draw, 1])
    return np.linalg.qr(rng.standard_normal((n_features, n_samples)))[0].T


def feature_of(n_samples: int, draw: int) -> np.ndarray:
    """Return one feature (n,) of both signs, and a row without it."""
    feature = np.random.default_rng([n_samples, draw, 2]).standard_normal(n_samples)
    feature[-1] = 0.0
    return feature


def spline_data(n_samples: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Return increasing positions (n,), about 1/2 apart, and targets (n,)."""
    if n_samples == 4 and draw == 0:
        return np.array([-1.0, -0.2, 0.5, 1.3]), np.array([0.3, -1.0, 0.8, 0.1])
    shifts = np.random.default_rng([n_samples, draw, 3]).uniform(-0.3, 0.3, n_samples)
    return 0.5 * (np.arange(n_samples) - 0.5 * (n_samples - 1) + shifts), targets_of(n_samples, draw)


def all_signs(n_samples: int) -> np.ndarray:
    """Return every pattern, (2^n, n): each one occurs where the rows are independent."""
    return np.array(list(itertools.product([False, True], repeat=n_samples)))


def generated_fit(
    *, features: np.ndarray, targets: np.ndarray, regularisation: float, patterns: np.ndarray | None = None
) -> Fit:
    """Return the optimum and its outputs by pattern generation."""
    found = solve_by_pattern_generation(features, targets, regularisation=regularisation, patterns=patterns)
    return dict(objective=np.array(found.objective), fitted=found.fitted)


def conic_fit(
    *,
    features: np.ndarray,
    targets: np.ndarray,
    regularisation: float,
    patterns: np.ndarray | None = None,
    penalised_features: list[bool] | None = None,
    cone_constraints: bool = True,
) -> Fit:
    """Return the optimum and its outputs by the conic program."""
    found = solve_convex_program(features, targets, regularisation=regularisation, patterns=patterns,
                                 penalised_features=penalised_features, cone_constraints=cone_constraints)  # fmt: skip
    return dict(objective=np.array(found.objective), fitted=found.fitted)


def generated_spline(*, positions: np.ndarray, targets: np.ndarray, regularisation: float) -> Fit:
    """Return the optimum with a free bias and its outputs, as the limit of bias columns M = 3e4, 6e4, 12e4.

    What a constant costs falls like 1/M, and the rest like 1/M^2: both are extrapolated away.
    """
    ends = [generated_fit(features=np.column_stack([positions, np.full(len(positions), factor * BIAS_SCALE)]),
                          targets=targets, regularisation=regularisation) for factor in (1, 2, 4)]  # fmt: skip
    return {name: (ends[0][name] - 6 * ends[1][name] + 8 * ends[2][name]) / 3 for name in ends[0]}


def conic_spline(*, positions: np.ndarray, targets: np.ndarray, regularisation: float, shown: np.ndarray) -> np.ndarray:
    """Return the outputs of the conic program's network with a free bias at the positions shown."""
    found = solve_convex_program(np.column_stack([positions, np.ones(len(positions))]), targets,
                                 regularisation=regularisation, penalised_features=[True, False])  # fmt: skip
    inputs = np.column_stack([shown, np.ones(len(shown))])
    positive, negative = (np.maximum(inputs @ weights.T, 0.0).sum(axis=1)
                          for weights in (found.positive_weights, found.negative_weights))  # fmt: skip
    return positive - negative


def least_bending_fit(positions: np.ndarray, targets: np.ndarray, regularisation: float) -> np.ndarray:
    """Return the minimiser (n,) of half the squared distance plus the total variation of the slope: no cost of slopes.

    Its dual is a least-squares problem in a box.
    """
    bends = np.diff(np.diff(np.eye(len(positions)), axis=0) / np.diff(positions)[:, np.newaxis], axis=0)
    if not len(bends):
        return targets
    found = lsq_linear(bends.T, targets, bounds=(-regularisation, regularisation), method="bvls", tol=1e-14)
    return targets - bends.T @ found.x


def bending(positions: np.ndarray, values: np.ndarray) -> float:
    """Return the total variation of the slope."""
    return float(np.abs(np.diff(np.diff(values) / np.diff(positions))).sum())


def cheapest_hinges(positions: np.ndarray, values: np.ndarray) -> float:
    """Return the least sum of |slopes| of hinges at, between and beyond the data that give these values."""
    middles = 0.5 * (positions[1:] + positions[:-1])
    knots = np.concatenate([positions, middles, positions[[0, -1]] + [-1.0, 1.0]])
    offsets = positions[:, np.newaxis] - knots
    hinges = np.maximum(np.concatenate([offsets, -offsets], axis=1), 0.0)
    n, count = hinges.shape
    found = linprog(
        np.append(np.ones(2 * count), 0.0),
        A_eq=np.column_stack([hinges, -hinges, np.ones(n)]),
        b_eq=values,
        bounds=[(0.0, None)] * (2 * count) + [(None, None)],
    )
    return float(found.fun)
