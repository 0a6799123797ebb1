"""Gauge, critical regularisation and duality certificate: brute force, plain NNLS, and networks of every kind."""

import numpy as np
import pytest
from scipy.optimize import nnls

from theory.convex_relu import (
    TwoLayerNetwork,
    certificates,
    critical_regularisation,
    dual_gauge,
    duality_certificate,
    enumerate_arrangements,
    network_objective,
    network_output,
    prune_network,
    recover_network,
    solve_convex_program,
)


def reference_data(n, d):
    k, c = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)
    features = np.sin(1.3 * k * c + 0.7 * c**2) + 0.3 * np.cos(2.1 * k + c)
    return features, np.cos(0.9 * k[:, 0] ** 2) + 0.2 * np.sin(k[:, 0])


def random_data(seed, n, d):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((n, d)), generator.standard_normal(n)


def gauge_without_screen(features, dual, patterns):
    """Largest projection over all patterns and both signs, by SciPy's NNLS."""
    norms = []
    for pattern in patterns:
        cone = np.where(pattern, 1.0, -1.0)[:, None] * features
        moment = features.T @ (pattern * dual)
        norms += [nnls(cone.T, -moment)[1], nnls(cone.T, moment)[1]]
    return max(norms)


CRITICAL = [((8, 2), 1.376803829580), ((10, 3), 2.385589377930), ((12, 4), 2.619450018905)]


@pytest.mark.parametrize(("shape", "value"), CRITICAL)
def test_reference_values(shape, value):
    assert critical_regularisation(*reference_data(*shape)) == pytest.approx(value, abs=2e-12)


@pytest.mark.parametrize(("n", "d"), [(1, 1), (4, 1), (7, 2), (2, 5), (9, 3), (8, 4), (6, 6)])
def test_against_plain_projections(n, d):
    for seed in range(3):
        features, dual = random_data(seed, n, d)
        patterns = enumerate_arrangements(features)
        gauge = dual_gauge(features, dual)
        assert gauge == pytest.approx(gauge_without_screen(features, dual, patterns), rel=1e-12)
        some = patterns[:: max(len(patterns) // 7, 1)]
        expected = gauge_without_screen(features, dual, some)
        assert dual_gauge(features, dual, patterns=some) == pytest.approx(expected, rel=1e-12)


def test_degenerate_rows_against_plain_projections():
    generator = np.random.default_rng(5)
    for _ in range(10):
        features = generator.integers(-1, 2, (7, 3)).astype(float)  # repeated, antiparallel and zero rows
        dual = generator.integers(-2, 3, 7).astype(float)
        expected = gauge_without_screen(features, dual, enumerate_arrangements(features))
        assert dual_gauge(features, dual) == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_against_all_directions_of_the_plane(seed):
    features, dual = random_data(seed, 9, 2)
    angles = np.linspace(0.0, 2 * np.pi, 200_001)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    largest = np.abs(dual @ np.maximum(features @ directions, 0.0)).max()
    gauge = dual_gauge(features, dual)
    # The function has slopes of order ||z|| ||X|| and a grid step of 3e-5.
    assert largest <= gauge * (1 + 1e-13)
    assert largest >= gauge - 3.2e-5 * np.abs(dual) @ np.linalg.norm(features, axis=1)


@pytest.mark.parametrize("d", [1, 3, 5])
def test_no_direction_exceeds_the_gauge(d):
    features, dual = random_data(10 + d, 8, d)
    directions = np.random.default_rng(d).standard_normal((d, 20_000))
    directions /= np.linalg.norm(directions, axis=0)
    values = np.abs(dual @ np.maximum(features @ directions, 0.0))
    assert 0.7 * dual_gauge(features, dual) < values.max() <= dual_gauge(features, dual) * (1 + 1e-13)


def test_the_gauge_is_a_norm():
    features, first = random_data(0, 8, 3)
    second = random_data(1, 8, 3)[1]
    gauge = dual_gauge(features, first)
    assert dual_gauge(features, -3.0 * first) == pytest.approx(3.0 * gauge, rel=1e-13)
    assert dual_gauge(1e5 * features, first) == pytest.approx(1e5 * gauge, rel=1e-13)
    assert dual_gauge(features, first + second) <= gauge + dual_gauge(features, second) + 1e-13
    assert dual_gauge(features, np.zeros(8)) == 0.0
    assert dual_gauge(np.zeros((8, 3)), first) == 0.0
    # Whitened data: the larger norm of the two sign parts.
    parts = [np.linalg.norm(np.maximum(sign * first, 0.0)) for sign in (1, -1)]
    assert dual_gauge(np.eye(8), first, patterns=[first > 0, first < 0]) == pytest.approx(max(parts), rel=1e-13)


def test_thin_cells():
    """Nearly parallel rows: the multipliers are huge, the projection is still exact."""
    angles = np.array([0.3, 0.3 + 1e-7, 0.3 + 2e-7, 1.2, 2.0])
    features = np.column_stack([np.cos(angles), np.sin(angles)])
    for dual in random_data(2, 5, 5)[0]:
        expected = gauge_without_screen(features, dual, enumerate_arrangements(features))
        assert dual_gauge(features, dual) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("n", "d"), [(8, 2), (10, 3), (9, 3)])
def test_gain_below_the_critical_regularisation_is_quadratic(n, d):
    features, targets = reference_data(n, d)
    critical, zero = critical_regularisation(features, targets), 0.5 * targets @ targets

    def gain(factor):
        return zero - solve_convex_program(features, targets, regularisation=factor * critical).objective

    assert abs(gain(1.001)) < 1e-10
    assert 99 < gain(0.999) / gain(0.9999) < 101  # a linear onset would give 10


@pytest.mark.parametrize(("n", "d", "beta"), [(8, 2, 0.1), (10, 3, 0.2), (10, 3, 0.02), (12, 4, 0.3)])
def test_no_gap_at_the_optimum(n, d, beta):
    features, targets = reference_data(n, d)
    patterns = enumerate_arrangements(features)
    solution = solve_convex_program(features, targets, regularisation=beta, patterns=patterns)
    certificate = duality_certificate(
        features, targets, solution.fitted, solution.penalty, regularisation=beta, patterns=patterns
    )
    assert certificate.primal == pytest.approx(solution.objective, rel=1e-14)
    assert certificate.gap == certificate.primal - certificate.dual
    assert abs(certificate.gap) <= 1e-11  # measured 2e-12
    assert certificate.gauge == pytest.approx(beta, rel=1e-10)
    # The gauge without projections is too large: its bound loses most of the value.
    z = targets - solution.fitted
    gated = np.linalg.norm((patterns * z) @ features, axis=1).max()
    scale = min(z @ targets / (z @ z), beta / gated)
    assert scale * z @ targets - 0.5 * scale**2 * z @ z < 0.5 * certificate.dual


@pytest.mark.parametrize("seed", range(5))
def test_bounds_every_network(seed):
    """The lower bound of one network stays below the optimum, hence below the objective of any other."""
    generator = np.random.default_rng(seed)
    features, targets = random_data(seed, 7, 3)
    patterns, beta = enumerate_arrangements(features), 0.15
    optimum = solve_convex_program(features, targets, regularisation=beta, patterns=patterns)
    best = recover_network(optimum)
    best = prune_network(features, best)
    gaps = []
    for spread in (1e-6, 1e-3, 0.1, 3.0):
        noise = [spread * generator.standard_normal(part.shape) for part in (best.hidden_weights, best.output_weights)]
        network = TwoLayerNetwork(best.hidden_weights + noise[0], best.output_weights + noise[1])
        cost = beta * np.linalg.norm(network.hidden_weights, axis=1) @ np.abs(network.output_weights)
        certificate = duality_certificate(
            features, targets, network_output(features, network), cost, regularisation=beta, patterns=patterns
        )
        assert 0.0 <= certificate.dual <= optimum.objective * (1 + 1e-10)
        assert certificate.primal <= network_objective(features, targets, network, regularisation=beta) + 1e-13
        assert certificate.primal >= optimum.objective * (1 - 1e-10)
        gaps.append(certificate.gap)
    # The gap is of first order in the noise; 1e-6 times the gauge of the changed fit over beta, some hundreds.
    assert gaps[0] < 1e-3 * optimum.objective < gaps[-1]


def test_formula_of_the_certificate():
    features, targets = random_data(3, 6, 2)
    fitted = 0.7 * targets + 0.1
    certificate = duality_certificate(features, targets, fitted, 0.25, regularisation=0.4)
    z = targets - fitted
    gauge = gauge_without_screen(features, z, enumerate_arrangements(features))
    scale = max(min(z @ targets / (z @ z), 0.4 / gauge), 0.0)
    assert certificate.gauge == pytest.approx(gauge, rel=1e-12)
    assert certificate.primal == pytest.approx(0.5 * z @ z + 0.25, rel=1e-14)
    assert certificate.dual == pytest.approx(scale * z @ targets - 0.5 * scale**2 * z @ z, rel=1e-12)


def test_limits_of_the_certificate():
    features, targets = random_data(4, 6, 2)
    exact_fit = duality_certificate(features, targets, targets, 0.5, regularisation=0.1)
    assert (exact_fit.primal, exact_fit.dual, exact_fit.gauge) == (0.5, 0.0, 0.0)
    wrong_way = duality_certificate(features, targets, 3.0 * targets, 0.5, regularisation=0.1)
    assert wrong_way.dual == 0.0
    blind = duality_certificate(np.zeros((6, 2)), targets, np.zeros(6), 0.0, regularisation=0.1)
    assert blind.gap == pytest.approx(0.0, abs=1e-15)  # nothing can be fitted: zero is optimal
    strong = duality_certificate(features, targets, np.zeros(6), 0.0, regularisation=1e3)
    assert strong.gap == pytest.approx(0.0, abs=1e-15)


def test_a_projection_that_is_not_found_raises(monkeypatch):
    monkeypatch.setattr(certificates, "_largest_projection", lambda *arguments: np.nan)
    with pytest.raises(RuntimeError, match="projection"):
        dual_gauge(np.eye(2), np.ones(2))


X, T = reference_data(5, 2)
NAN = np.where(X == X[0, 0], np.nan, X)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("features", lambda: dual_gauge(X[:, 0], T)),
        ("features", lambda: dual_gauge(NAN, T)),
        ("features", lambda: dual_gauge(np.zeros((0, 2)), [])),
        ("dual", lambda: dual_gauge(X, T[:4])),
        ("dual", lambda: dual_gauge(X, np.full(5, np.inf))),
        ("patterns", lambda: dual_gauge(X, T, patterns=np.ones((2, 4), dtype=bool))),
        ("features", lambda: critical_regularisation(NAN, T)),
        ("targets", lambda: critical_regularisation(X, T[:4])),
        ("targets", lambda: critical_regularisation(X, np.full(5, np.nan))),
        ("patterns", lambda: critical_regularisation(X, T, patterns=np.ones((2, 4), dtype=bool))),
        ("features", lambda: duality_certificate(NAN, T, T, 0.0, regularisation=1.0)),
        ("targets", lambda: duality_certificate(X, T[:4], T, 0.0, regularisation=1.0)),
        ("fitted", lambda: duality_certificate(X, T, T[:4], 0.0, regularisation=1.0)),
        ("penalty", lambda: duality_certificate(X, T, T, -1.0, regularisation=1.0)),
        ("regularisation", lambda: duality_certificate(X, T, T, 0.0, regularisation=0.0)),
        ("regularisation", lambda: duality_certificate(X, T, T, 0.0, regularisation=np.inf)),
        ("patterns", lambda: duality_certificate(X, T, T, 0.0, regularisation=1.0, patterns=[[1, 0]])),
    ],
)
def test_bad_input(name, call):
    with pytest.raises(ValueError, match=name):
        call()
