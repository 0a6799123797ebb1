"""Loss levels against training runs and Hessians, the bias transition, and the recursion against matrix descent."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from theory.neural_collapse import (
    bias_ridge_transition,
    collapse_fit,
    collapse_thresholds,
    effective_ridge,
    mode_recursion,
    mse_geometry,
    mse_loss_levels,
)


def loss_and_gradient(vector, sizes, ridges):
    """Square factors W_1 .. W_M and features with one column sqrt(n_k) times the mean per class, stacked."""
    n_classes, total = len(sizes), np.sum(sizes)
    *weights, features = vector.reshape(len(ridges), n_classes, n_classes)
    hidden = [features]
    for weight in weights:
        hidden.append(weight @ hidden[-1])
    error = hidden[-1] - np.diag(np.sqrt(sizes))
    back, gradient = error / total, []
    for weight, below in zip(weights[::-1], hidden[-2::-1], strict=True):
        gradient.insert(0, back @ below.T)
        back = weight.T @ back
    factors = vector.reshape(len(ridges), -1)
    gradient = np.reshape([*gradient, back], factors.shape) + np.asarray(ridges)[:, None] * factors
    value = np.sum(error**2) / (2 * total) + np.sum(np.asarray(ridges)[:, None] * factors**2) / 2
    return value, gradient.ravel()


def critical_point(sizes, ridges, active):
    """Diagonal factors of equal energy, active classes on the stable branch."""
    depth, sizes = len(ridges) - 1, np.asarray(sizes, dtype=float)
    beta = effective_ridge(sizes, weight_ridges=ridges[:-1], feature_ridge=ridges[-1])
    fit = np.where(active, collapse_fit(beta, n_layers=depth, branch="stable"), 0.0)
    energy = np.prod(ridges) ** (1 / (depth + 1)) * (np.sqrt(sizes) * fit) ** (2 / (depth + 1))
    return np.concatenate([np.diag(np.sqrt(energy / ridge)).ravel() for ridge in ridges])


def least_curvature(vector, sizes, ridges, step=1e-5):
    columns = [
        loss_and_gradient(vector + step * unit, sizes, ridges)[1]
        - loss_and_gradient(vector - step * unit, sizes, ridges)[1]
        for unit in np.eye(vector.size)
    ]
    hessian = np.array(columns) / (2 * step)
    return np.linalg.eigvalsh(0.5 * (hessian + hessian.T))[0]


@pytest.mark.parametrize("ridges", [[4e-3, 2e-3], [1e-3, 2e-3, 1e-3], [1e-3] * 4])
def test_lowest_level_is_the_global_minimum(ridges):
    sizes = [30, 50, 8, 20]
    levels = mse_loss_levels(sizes, weight_ridges=ridges[:-1], feature_ridge=ridges[-1])
    assert levels[0] == pytest.approx(
        mse_geometry(sizes, weight_ridges=ridges[:-1], feature_ridge=ridges[-1]).loss, rel=1e-14
    )
    assert levels.size == (1 if len(ridges) == 2 else 5)
    if len(ridges) > 2:
        assert levels[-1] == 0.5


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_subset_levels_by_enumeration(n_layers):
    sizes, ridges = [40, 20, 10, 1], [8e-3] * (n_layers + 1)
    arguments = dict(weight_ridges=ridges[:-1], feature_ridge=ridges[-1])
    beta = effective_ridge(sizes, **arguments)
    stable = beta <= collapse_thresholds(n_layers).spinodal_ridge
    assert stable.tolist() == [True, True, True, n_layers == 1]
    levels = []
    for mask in range(16):
        active = np.array([bool(mask >> k & 1) for k in range(4)])
        if not (active & ~stable).any():
            levels.append(loss_and_gradient(critical_point(sizes, ridges, active), sizes, ridges)[0])
    found = mse_loss_levels(sizes, local_minima=False, **arguments)
    assert_allclose(found, np.sort(levels), rtol=1e-13)
    chain = mse_loss_levels(sizes, **arguments)
    assert all(np.abs(found - level).min() < 1e-15 for level in chain)


def test_levels_are_accurate_where_the_loss_is_small():
    """At ridges of 1e-12 the loss is the energy L c sum q, far below the rounding of 1/2."""
    level = mse_loss_levels([5, 3], weight_ridges=[1e-18] * 2, feature_ridge=1e-18)[0]
    # (3 c / 2) sum n_k^(1/3), up to a relative beta.
    assert level == pytest.approx(1.5e-18 * (5 ** (1 / 3) + 3 ** (1 / 3)), rel=1e-14)


@pytest.mark.parametrize(
    ("active", "curvature"),
    [
        ((1, 1, 1), 0.0),
        ((1, 1, 0), 0.0),
        ((1, 0, 0), 0.0),
        ((0, 0, 0), 6e-3),
        ((0, 1, 1), -0.064),
        ((1, 0, 1), -0.027),
        ((0, 1, 0), -0.043),
    ],
)
def test_curvature_of_critical_points(active, curvature):
    """Top-r subsets are minima, flat along rotations of the inner factors; the others are saddles."""
    sizes, ridges = [40, 20, 10], [6e-3] * 3
    vector = critical_point(sizes, ridges, np.array(active, dtype=bool))
    assert np.abs(loss_and_gradient(vector, sizes, ridges)[1]).max() < 1e-15
    assert least_curvature(vector, sizes, ridges) == pytest.approx(curvature, abs=6e-4 if curvature < 0 else 1e-9)


def test_unstable_root_is_a_saddle():
    sizes, ridges = [40, 20, 10], [6e-3] * 3
    beta = effective_ridge(sizes, weight_ridges=ridges[:2], feature_ridge=6e-3)
    fit = collapse_fit(beta, n_layers=2) * [1, 1, 0] + collapse_fit(beta, n_layers=2, branch="unstable") * [0, 0, 1]
    factor = np.sqrt((np.sqrt(sizes) * fit) ** (2 / 3))
    vector = np.concatenate([np.diag(factor).ravel()] * 3)
    assert np.abs(loss_and_gradient(vector, sizes, ridges)[1]).max() < 1e-15
    assert least_curvature(vector, sizes, ridges) < -1e-3


def descend(start, sizes, ridges):
    for _ in range(2):
        found = minimize(
            loss_and_gradient, start, (sizes, ridges), jac=True, method="L-BFGS-B",
            options=dict(maxiter=5000, ftol=0, gtol=1e-12, maxcor=30),
        )  # fmt: skip
        start = found.x
    return found.fun


@pytest.mark.parametrize(
    ("sizes", "ridges", "n_hit"),
    [([50, 30, 20], [5e-3] * 3, 3), ([30, 20, 12], [4e-3] * 4, 4), ([40, 20, 8], [1e-2] * 3, 3)],
)
def test_every_run_ends_on_a_level(sizes, ridges, n_hit):
    generator = np.random.default_rng(5)
    levels = mse_loss_levels(sizes, weight_ridges=ridges[:-1], feature_ridge=ridges[-1])
    hit = set()
    for run in range(30):
        loss = descend(generator.standard_normal(len(ridges) * 9) * (0.1, 0.3, 0.6)[run % 3], sizes, ridges)
        nearest = int(np.argmin(np.abs(levels - loss)))
        assert loss == pytest.approx(levels[nearest], abs=1e-13)
        hit.add(nearest)
    assert len(hit) >= n_hit


def test_metastable_levels_count():
    """Between the thresholds a class is a local minimum that training keeps, above the level without it."""
    sizes, ridges = [40, 20, 2], [1.3e-2, 1e-2, 1.1e-2]
    beta = effective_ridge(sizes, weight_ridges=ridges[:2], feature_ridge=ridges[2])
    thresholds = collapse_thresholds(2)
    assert thresholds.global_ridge < beta[2] < thresholds.spinodal_ridge
    levels = mse_loss_levels(sizes, weight_ridges=ridges[:2], feature_ridge=ridges[2])
    noise = 1e-3 * np.random.default_rng(1).standard_normal(27)
    kept = descend(critical_point(sizes, ridges, np.ones(3, dtype=bool)) + noise, sizes, ridges)
    lost = descend(critical_point(sizes, ridges, np.array([True, True, False])) + noise, sizes, ridges)
    assert lost < kept - 1e-4
    assert np.abs(levels - lost).min() < 1e-13 and np.abs(levels - kept).min() < 1e-13


def test_bias_transition_reference_values():
    found = bias_ridge_transition(4, 10, weight_ridges=[4e-3], feature_ridge=4e-3)
    assert found == pytest.approx(0.0532928723158226, rel=1e-14)
    found = bias_ridge_transition(4, 10, weight_ridges=[1e-3] * 2, feature_ridge=1e-3)
    assert found == pytest.approx(0.022197364265595307, rel=1e-14)
    assert bias_ridge_transition(4, 10, weight_ridges=[1.0], feature_ridge=1.0) == math.inf


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_mean_mode_appears_at_the_transition(n_layers):
    arguments = dict(weight_ridges=[2e-3] * n_layers, feature_ridge=1e-3)
    critical = bias_ridge_transition(5, 12, **arguments)
    below, above = (
        mse_geometry([12] * 5, bias=True, bias_ridge=critical * f, **arguments) for f in (1 - 1e-9, 1 + 1e-9)
    )
    assert below.fit[-1] == 0.0
    threshold = collapse_thresholds(n_layers).global_fit
    assert above.fit[-1] == pytest.approx(threshold, abs=1e-7) and above.fit[-1] > 0
    assert above.loss == pytest.approx(below.loss, rel=1e-9)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 4])
def test_recursion_is_matrix_descent(n_layers):
    sizes, ridge, rate, n_steps = [50, 30, 20, 8], 2e-3, 0.1, 300
    start = np.array([0.5, 0.7, 0.9, 1.1])
    generator = np.random.default_rng(n_layers)
    bases = [np.linalg.qr(generator.standard_normal((4, 4)))[0] for _ in range(n_layers)]
    ends = [np.eye(4), *bases, np.eye(4)]  # of the features' columns, between layers, of the outputs
    features = ends[1] @ np.diag(start) @ ends[0].T
    weights = [upper @ np.diag(start) @ lower.T for lower, upper in itertools.pairwise(ends[1:])]
    vector = np.concatenate([part.ravel() for part in [*weights, features]])
    for _ in range(n_steps):
        vector = vector - rate * loss_and_gradient(vector, sizes, [ridge] * (n_layers + 1))[1]
    path = mode_recursion(
        sizes, ridge=ridge, n_layers=n_layers, learning_rate=rate, initial_singular_values=start, n_steps=n_steps
    )
    assert path.shape == (n_steps + 1, 4) and (path[0] == start).all()
    lowers, uppers = [*ends[1:-1], ends[0]], [*ends[2:], ends[1]]
    for factor, lower, upper in zip(vector.reshape(-1, 4, 4), lowers, uppers, strict=True):
        assert_allclose(upper.T @ factor @ lower, np.diag(path[-1]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_layers", [2, 3, 4])
def test_basin_boundary_of_the_recursion(n_layers):
    sizes, ridge = np.array([50.0, 30.0, 20.0, 8.0]), 5e-3
    beta = effective_ridge(sizes, weight_ridges=[ridge] * n_layers, feature_ridge=ridge)
    stable, unstable = (collapse_fit(beta, n_layers=n_layers, branch=branch) for branch in ("stable", "unstable"))
    assert (unstable > 0).all()
    boundary = (np.sqrt(sizes) * unstable) ** (1 / (n_layers + 1))
    for factor, end in ((0.99, np.zeros(4)), (1.01, stable)):
        path = mode_recursion(
            sizes, ridge=ridge, n_layers=n_layers, learning_rate=0.1, initial_singular_values=factor * boundary,
            n_steps=60000,
        )  # fmt: skip
        assert_allclose(path[-1] ** (n_layers + 1) / np.sqrt(sizes), end, rtol=0, atol=1e-10)


def test_recursion_takes_one_start_for_all_and_reports_divergence():
    arguments = dict(ridge=0.01, n_layers=2, n_steps=5)
    one = mode_recursion([5, 3], learning_rate=0.1, initial_singular_values=0.7, **arguments)
    each = mode_recursion([5, 3], learning_rate=0.1, initial_singular_values=[0.7, 0.7], **arguments)
    assert_allclose(one, each, rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="learning_rate"):
        mode_recursion([5, 3], learning_rate=1e6, initial_singular_values=5.0, **{**arguments, "n_steps": 50})
