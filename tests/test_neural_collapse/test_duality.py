"""Dual bounds: below every loss, equal to it at the optimum, and the optimum of the convex programs by cvxpy."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from theory.neural_collapse import (
    cross_entropy_dual_bound,
    cross_entropy_etf,
    mse_dual_bound,
    mse_geometry,
)

RIDGES = dict(weight_ridge=0.03, feature_ridge=0.02)
SCALE = math.sqrt(0.03 * 0.02)


def nuclear(matrix):
    return np.linalg.svd(matrix, compute_uv=False).sum()


def mse_primal(predictions, sizes):
    """The least loss of one layer with these predictions of the class means."""
    error = (predictions - np.eye(len(sizes))) * np.sqrt(sizes)
    return np.sum(error**2) / (2 * np.sum(sizes)) + SCALE * nuclear(predictions * np.sqrt(sizes))


def cross_entropy_primal(logits, sizes):
    data = np.asarray(sizes) @ (logsumexp(logits, axis=0) - np.diag(logits)) / np.sum(sizes)
    return data + SCALE * nuclear(logits * np.sqrt(sizes))


def geometry(sizes):
    return mse_geometry(sizes, weight_ridges=[0.03], feature_ridge=0.02)


@pytest.mark.parametrize("sizes", [[5, 3, 2], [4, 4, 4, 4], [40.5, 1]])
def test_tight_at_the_squared_loss_minimum(sizes):
    best = geometry(sizes)
    assert mse_primal(best.end_to_end, sizes) == pytest.approx(best.loss, rel=1e-14)
    assert mse_dual_bound(best.end_to_end, sizes, **RIDGES) == pytest.approx(best.loss, rel=1e-13)


def test_known_bounds():
    sizes, best = [5, 3, 2], geometry([5, 3, 2])
    assert best.loss == pytest.approx(0.12284, abs=5e-6)
    assert mse_dual_bound(0.5 * best.end_to_end, sizes, **RIDGES) == pytest.approx(0.1055, abs=5e-5)
    # The loss at zero is 1/2; the dual point there is D^(1/2) / N, scaled to the operator norm c.
    expected = SCALE * (10 / math.sqrt(5)) - 5 * SCALE**2 * 10 / 5
    assert mse_dual_bound(np.zeros((3, 3)), sizes, **RIDGES) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_below_every_loss(seed):
    generator = np.random.default_rng(seed)
    sizes = [7, 4, 1]
    optimum = geometry(sizes)
    for _ in range(60):
        spread = 10 ** generator.uniform(-4, 1)
        predictions = optimum.end_to_end + spread * generator.standard_normal((3, 3))
        assert mse_dual_bound(predictions, sizes, **RIDGES) <= optimum.loss + 1e-15
        first, second = (spread * generator.standard_normal((3, 3)) for _ in range(2))
        bound = cross_entropy_dual_bound(first, sizes, **RIDGES)
        assert 0 <= bound <= cross_entropy_primal(second, sizes) + 1e-15
        assert bound <= cross_entropy_primal(first, sizes) + 1e-15


def test_saddles_leave_a_gap():
    """A class dropped that the optimum keeps is a critical point with a strictly lower bound."""
    best = geometry([5, 3, 2])
    partial = best.end_to_end * [1, 1, 0]
    assert mse_dual_bound(partial, [5, 3, 2], **RIDGES) < best.loss - 1e-3


@pytest.mark.parametrize(("n_classes", "n"), [(3, 4), (4, 9), (3, 1e3), (2, 700.0)])
def test_tight_at_the_cross_entropy_minimum(n_classes, n):
    """Including the collapsed minimum, where the logits are 0 and the loss is log K."""
    frame = cross_entropy_etf(n_classes, n, weight_ridges=[0.03], feature_ridge=0.02)
    assert frame.collapsed == (n_classes * SCALE * math.sqrt(n) >= 1)
    bound = cross_entropy_dual_bound(frame.end_to_end, [n] * n_classes, **RIDGES)
    assert bound == pytest.approx(frame.loss, rel=1e-13)
    assert cross_entropy_primal(frame.end_to_end, [n] * n_classes) == pytest.approx(frame.loss, rel=1e-13)


def test_huge_logits_are_no_obstacle():
    assert cross_entropy_dual_bound(1e4 * np.eye(3), [5, 3, 2], **RIDGES) == 0.0


@pytest.mark.parametrize("sizes", [[5, 3, 2], [6, 6, 1, 1]])
def test_squared_loss_program(sizes):
    import cvxpy as cp

    labels = np.repeat(np.eye(len(sizes)), sizes, axis=1)
    outputs = cp.Variable(labels.shape)
    loss = cp.sum_squares(outputs - labels) / (2 * labels.shape[1]) + SCALE * cp.normNuc(outputs)
    problem = cp.Problem(cp.Minimize(loss))
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    assert geometry(sizes).loss == pytest.approx(problem.value, abs=1e-8)  # interior-point accuracy


@pytest.mark.parametrize("sizes", [[4, 4, 4], [9, 3, 1]])
def test_cross_entropy_program(sizes):
    """The program, a trained model and its certificate agree, balanced or not."""
    import cvxpy as cp

    n_classes, roots = len(sizes), np.sqrt(sizes)
    logits = cp.Variable((n_classes, n_classes))
    data = sum(size * (cp.log_sum_exp(logits[:, k]) - logits[k, k]) for k, size in enumerate(sizes)) / sum(sizes)
    problem = cp.Problem(cp.Minimize(data + SCALE * cp.normNuc(logits @ np.diag(roots))))
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    loss, trained = train_cross_entropy(np.array(sizes, dtype=float))
    assert loss == pytest.approx(problem.value, abs=1e-8)  # interior-point accuracy
    # The bound falls short in proportion to the error of the logits, about 1e-8 in a trained model.
    bound = cross_entropy_dual_bound(trained, sizes, **RIDGES)
    assert bound <= loss + 1e-15 and bound == pytest.approx(loss, abs=1e-8)
    assert cross_entropy_dual_bound(trained * [0.8, 0.9, 1.0], sizes, **RIDGES) < loss - 1e-4
    if len(set(sizes)) == 1:
        frame = cross_entropy_etf(n_classes, sizes[0], weight_ridges=[0.03], feature_ridge=0.02)
        assert frame.loss == pytest.approx(loss, abs=1e-14)


def train_cross_entropy(sizes):
    """L-BFGS on classifier and one column sqrt(n_k) times the mean per class; return the loss and the class logits."""
    n_classes, total, roots = sizes.size, sizes.sum(), np.sqrt(sizes)

    def objective(vector):
        weights, columns = vector.reshape(2, n_classes, n_classes)
        logits = weights @ columns / roots
        value = cross_entropy_primal(logits, sizes) - SCALE * nuclear(logits * roots)
        value += 0.03 / 2 * np.sum(weights**2) + 0.02 / 2 * np.sum(columns**2)
        back = (softmax(logits, axis=0) - np.eye(n_classes)) * roots / total
        return value, np.concatenate(
            [(back @ columns.T + 0.03 * weights).ravel(), (weights.T @ back + 0.02 * columns).ravel()]
        )

    vector = np.random.default_rng(1).standard_normal(2 * n_classes**2)
    for _ in range(3):
        options = dict(maxiter=10000, ftol=0, gtol=1e-14, maxcor=30)
        found = minimize(objective, vector, jac=True, method="L-BFGS-B", options=options)
        vector = found.x
    weights, columns = vector.reshape(2, n_classes, n_classes)
    return found.fun, weights @ columns / roots
