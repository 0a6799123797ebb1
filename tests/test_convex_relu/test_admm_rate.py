"""The predicted linear rate of ADMM against the iteration itself, its finite differences, and its symmetries."""

import numpy as np
import pytest
from scipy.linalg import block_diag

from theory.convex_relu import admm, admm_linear_rate


def random_problem(seed, n, d, n_directions=3):
    generator = np.random.default_rng(seed)
    features, targets = generator.standard_normal((n, d)), generator.standard_normal(n)
    patterns = np.unique(generator.standard_normal((n_directions, d)) @ features.T >= 0, axis=0)
    return features, targets, patterns


def published_iteration(features, targets, patterns, beta, rho):
    """Return the map (v, m, s, k) -> next of the paper's algorithm, with dense matrices, and its dimension."""
    masks = np.concatenate([patterns, patterns]).astype(float)
    signs = np.repeat([1.0, -1.0], len(patterns))
    fit = np.hstack([sign * mask[:, None] * features for sign, mask in zip(signs, masks, strict=True)])
    cones = block_diag(*[(2 * mask - 1)[:, None] * features for mask in masks])
    size, rows = fit.shape[1], len(cones)
    system = np.eye(size) + fit.T @ fit / rho + cones.T @ cones

    def step(state):
        v, m, s, k = np.split(state, [size, 2 * size, 2 * size + rows])
        u = np.linalg.solve(system, fit.T @ targets / rho + v - m + cones.T @ (s - k))
        groups = (u + m).reshape(len(masks), -1)
        norms = np.linalg.norm(groups, axis=1, keepdims=True)
        v = (np.maximum(1 - beta / (rho * norms), 0) * groups).ravel()
        s = np.maximum(cones @ u + k, 0)
        return np.concatenate([v, m + u - v, s, k + cones @ u - s])

    return step, 2 * size + 2 * rows


# Draws with a strictly complementary fixed point; the guard refuses about half of all draws.
PROBLEMS = [(1, 8, 2, 1.0), (3, 9, 3, 1.0), (3, 12, 3, 0.3), (1, 10, 2, 2.0)]


@pytest.mark.parametrize(("seed", "n", "d", "rho"), PROBLEMS)
def test_rate_of_the_iteration(seed, n, d, rho):
    features, targets, patterns = random_problem(seed, n, d)
    rate = admm_linear_rate(features, targets, patterns, regularisation=0.2, penalty_parameter=rho)
    step, size = published_iteration(features, targets, patterns, 0.2, rho)
    states = [np.zeros(size)]
    while len(states) < 3 or np.linalg.norm(states[-1] - states[-2]) > 1e-13:
        states.append(step(states[-1]))
    changes = np.linalg.norm(np.diff(states, axis=0), axis=1)
    late = np.flatnonzero((changes < 1e-8) & (changes > 1e-12))
    slope = np.polyfit(late, np.log(changes[late]), 1)[0]
    assert slope == pytest.approx(np.log(rate), rel=0.05)  # pairs of complex eigenvalues make the residual ripple


@pytest.mark.parametrize(("seed", "n", "d", "rho"), PROBLEMS[:2])
def test_rate_by_finite_differences(seed, n, d, rho):
    features, targets, patterns = random_problem(seed, n, d)
    step, size = published_iteration(features, targets, patterns, 0.2, rho)
    state = np.zeros(size)
    for _ in range(3000):
        state = step(state)
    jacobian = np.column_stack([(step(state + h) - step(state - h)) / 2e-6 for h in 1e-6 * np.eye(size)])
    moduli = np.abs(np.linalg.eigvals(jacobian))
    rate = admm_linear_rate(features, targets, patterns, regularisation=0.2, penalty_parameter=rho)
    assert moduli.max() < 1 + 1e-6
    assert moduli[moduli < 1 - 1e-5].max() == pytest.approx(rate, abs=1e-6)  # central differences at 1e-6


def test_invariances():
    features, targets, patterns = random_problem(1, 8, 2)
    options = dict(regularisation=0.2, penalty_parameter=1.0)
    rate = admm_linear_rate(features, targets, patterns, **options)
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert admm_linear_rate(features @ rotation, targets, patterns, **options) == pytest.approx(rate, abs=1e-9)
    assert admm_linear_rate(features, -targets, patterns, **options) == pytest.approx(rate, abs=1e-9)
    assert admm_linear_rate(features, targets, patterns[::-1], **options) == pytest.approx(rate, abs=1e-9)
    scaled = admm_linear_rate(features, 1e6 * targets, patterns, regularisation=2e5, penalty_parameter=1.0)
    assert scaled == pytest.approx(rate, abs=1e-9)
    padded = np.vstack([features, np.zeros(2)]), np.append(targets, 3.0)
    wider = np.column_stack([patterns, np.ones(len(patterns))])
    assert admm_linear_rate(*padded, wider, **options) == pytest.approx(rate, abs=1e-9)
    assert 0.0 < rate < 1.0


@pytest.mark.parametrize(("x", "y", "beta", "rho"), [(1.3, 0.7, 0.2, 0.8), (1.3, 0.7, 0.2, 3.0), (0.5, 2.0, 0.1, 1.0)])
def test_one_sample_in_closed_form(x, y, beta, rho):
    """One sample, pattern on, one of the two groups active.

    In p = d(u + l) + x d(x u + k) of either group a step is [[1 - g, -g], [g, g]] with g = c / (1 + x^2 + 2 c),
    c = x^2 / rho: eigenvalues of t^2 - t + g.
    """
    c = x**2 / rho
    g = c / (1 + x**2 + 2 * c)
    rate = admm_linear_rate([[x]], [y], [[True]], regularisation=beta, penalty_parameter=rho)
    assert rate == pytest.approx(np.abs(np.roots([1.0, -1.0, g])).max(), rel=1e-9)


def test_kinks_are_refused():
    k, c = np.arange(1, 13)[:, None], np.arange(1, 4)
    features = np.sin(1.3 * k * c + 0.7 * c**2) + 0.3 * np.cos(2.1 * k + c)
    targets = np.cos(0.9 * k[:, 0] ** 2) + 0.2 * np.sin(k[:, 0])
    angles = np.arange(6.0)
    directions = np.column_stack([np.cos(angles), np.sin(angles), 0.5 * np.cos(2 * angles)])
    with pytest.raises(RuntimeError, match="strictly complementary"):
        admm_linear_rate(features, targets, directions @ features.T >= 0, regularisation=0.3, penalty_parameter=1.0)


def test_too_few_steps_are_refused(monkeypatch):
    features, targets, patterns = random_problem(1, 8, 2)
    monkeypatch.setattr(admm, "_iterate", lambda *arguments: False)
    with pytest.raises(RuntimeError, match="200000 steps"):
        admm_linear_rate(features, targets, patterns, regularisation=0.2, penalty_parameter=1.0)


GOOD = dict(regularisation=0.2, penalty_parameter=1.0)
X, T, PATTERNS = random_problem(0, 5, 2)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("features", dict(features=X[:, 0])),
        ("features", dict(features=np.full((5, 2), np.inf))),
        ("targets", dict(targets=T[:4])),
        ("targets", dict(targets=np.full(5, np.nan))),
        ("patterns", dict(patterns=np.ones((2, 4), dtype=bool))),
        ("regularisation", dict(regularisation=0.0)),
        ("regularisation", dict(regularisation=np.inf)),
        ("penalty_parameter", dict(penalty_parameter=0.0)),
        ("penalty_parameter", dict(penalty_parameter=-1.0)),
        ("penalty_parameter", dict(penalty_parameter=np.nan)),
    ],
)
def test_bad_input(name, change):
    with pytest.raises(ValueError, match=name):
        admm_linear_rate(**(dict(features=X, targets=T, patterns=PATTERNS) | GOOD | change))
