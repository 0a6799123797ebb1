"""Learning curves of SGD: the full covariance recursion, matrix powers, isotropic formulas, sums, batch sizes."""

import math

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from theory.accelerated_sgd import (
    critical_learning_rate,
    cumulative_loss,
    isotropic_learning_curve,
    isotropic_optimal_learning_rate,
    learning_curve,
    optimal_batch_size,
    sgd_transition_matrix,
    stability_trace,
)
from theory.accelerated_sgd.schemes import sgd_scheme

INDEX = np.arange(1.0, 101.0)
SPECTRUM, TARGET = INDEX**-1.5, INDEX**-0.5


def covariance_curve(covariance, target, eta, batch, n_steps, noise):
    """Loss from the full recursion for E (w - w*)(w - w*)^T with Gaussian features, in any basis."""
    moment, losses = np.outer(target, target), []
    for _ in range(n_steps + 1):
        losses.append(np.trace(covariance @ moment) + noise)
        single = 2 * covariance @ moment @ covariance + np.trace(covariance @ moment) * covariance  # Isserlis
        pairs = covariance @ moment @ covariance
        second = (single + (batch - 1) * pairs + noise * covariance) / batch
        moment = moment - eta * (covariance @ moment + moment @ covariance) + eta**2 * second
    return np.array(losses)


def random_problem(rng):
    d, batch = int(rng.integers(1, 9)), float(rng.integers(1, 6))
    values, target = rng.exponential(size=d) + 0.01, rng.normal(size=d)
    kurtosis, radial = rng.choice([1.0, 1.8, 3.0, 6.0]), rng.choice([1.0, 1.25])
    moments = dict(batch_size=batch, kurtosis=kurtosis, radial_fourth_moment=radial)
    eta = rng.uniform(0.1, 0.9) * critical_learning_rate(values, **moments)
    return values, target, eta, moments


def test_reference_values():
    curve = learning_curve(SPECTRUM, TARGET, learning_rate=0.4, batch_size=4, n_steps=200, noise_variance=0.1)
    expected = [1.440825569751, 0.849283481339, 0.133487243734, 0.119672207466]
    assert_allclose(curve[[0, 1, 50, 200]], expected, rtol=0, atol=6e-13)
    total = cumulative_loss(SPECTRUM, TARGET, learning_rate=0.2, batch_size=2)
    assert_allclose(total, 15.584597833735035, rtol=1e-13)
    found = optimal_batch_size(SPECTRUM, TARGET, learning_rate=0.4, compute_budget=512, batch_sizes=[1, 2, 4, 8])
    assert found.batch_size == 2
    expected = [0.004388402102, 0.004181778771, 0.00714631747, 0.013493148254]
    assert_allclose(found.losses, expected, rtol=0, atol=6e-13)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_agrees_with_the_full_covariance_in_a_rotated_basis(batch, noise):
    rng = np.random.default_rng(batch)
    values, target = np.array([1.0, 0.6, 0.6, 0.1, 0.02]), rng.normal(size=5)
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    expected = covariance_curve(basis @ np.diag(values) @ basis.T, basis @ target, 0.3, batch, 80, noise)
    curve = learning_curve(values, target, learning_rate=0.3, batch_size=batch, n_steps=80, noise_variance=noise)
    assert_allclose(curve, expected, rtol=1e-12)


def test_agrees_with_powers_of_the_transition_matrix():
    rng = np.random.default_rng(1)
    for _ in range(30):
        values, target, eta, moments = random_problem(rng)
        matrix = sgd_transition_matrix(values, learning_rate=eta, **moments)
        assert_array_equal(matrix, matrix.T)
        noise = rng.uniform()
        curve = learning_curve(values, target, learning_rate=eta, n_steps=40, noise_variance=noise, **moments)
        fixed = np.linalg.solve(np.eye(len(values)) - matrix, eta**2 * noise / moments["batch_size"] * values)
        late = values @ (np.linalg.matrix_power(matrix, 40) @ (target**2 - fixed) + fixed) + noise
        assert_allclose(curve[40], late, rtol=1e-10)
        summed = values @ np.linalg.solve(np.eye(len(values)) - matrix, target**2)
        assert_allclose(cumulative_loss(values, target, learning_rate=eta, **moments), summed, rtol=1e-9)


def test_largest_eigenvalue_of_the_transition_matrix_decides_stability():
    rng = np.random.default_rng(2)
    for _ in range(50):
        values, _, eta, moments = random_problem(rng)
        eta *= rng.uniform(0.5, 2.5)
        top = np.linalg.eigvalsh(sgd_transition_matrix(values, learning_rate=eta, **moments))[-1]
        assert (top < 1) == (stability_trace(values, sgd_scheme(eta), **moments) < 1)


def test_cumulative_loss_is_the_sum_of_the_curve():
    settings = dict(learning_rate=0.25, batch_size=2, kurtosis=1.8, radial_fourth_moment=1.16)
    values, target = np.array([1.0, 0.5, 0.3]), np.array([1.0, -2.0, 0.5])
    curve = learning_curve(values, target, n_steps=1000, **settings)
    assert curve[-1] < 1e-20
    assert_allclose(cumulative_loss(values, target, **settings), curve.sum(), rtol=1e-12)


@pytest.mark.parametrize(("d", "eta", "batch"), [(1, 0.5, 1), (20, 0.05, 1), (20, 0.3, 8), (7, 2 / 9, 1), (5, 0.8, 2)])
def test_isotropic_curve_is_the_general_one(d, eta, batch):
    target = np.linspace(1.0, 2.0, d)
    settings = dict(learning_rate=eta, batch_size=batch, n_steps=60, noise_variance=0.4)
    expected = learning_curve(np.ones(d), target, **settings)
    # (7, 2 / 9, 1) sits on the stability threshold, (5, 0.8, 2) beyond.
    curve = isotropic_learning_curve(d, target_norm_squared=target @ target, **settings)
    assert_allclose(curve, expected, rtol=1e-12)


def test_isotropic_limits():
    small = isotropic_learning_curve(3, learning_rate=1e-12, batch_size=1, n_steps=4, noise_variance=1.0)
    assert_allclose(small, 1.0 + 1.0 + np.arange(5) * (-2e-12), rtol=0, atol=1e-15)
    noise_only = isotropic_learning_curve(
        3, learning_rate=1e-9, batch_size=1, n_steps=4, noise_variance=1e9, target_norm_squared=0
    )
    assert_allclose(noise_only / 1e9 - 1, 3e-18 * np.arange(5), rtol=0, atol=1e-15)
    population = isotropic_learning_curve(3, learning_rate=1.0, batch_size=math.inf, n_steps=3)
    assert_array_equal(population, [1.0, 0.0, 0.0, 0.0])
    settled = isotropic_learning_curve(4, learning_rate=0.2, batch_size=2, n_steps=5000, noise_variance=0.5)
    assert_allclose(settled[-1], 0.5 * (1 + 0.04 * 2 / (1 - 0.64 - 0.04 * 2.5)), rtol=1e-13)


@pytest.mark.parametrize(("d", "batch"), [(1, 1), (20, 1), (20, 8), (300, 64)])
def test_isotropic_best_step(d, batch):
    best = isotropic_optimal_learning_rate(d, batch_size=batch)

    def after(eta):
        return isotropic_learning_curve(d, learning_rate=eta, batch_size=batch, n_steps=1)[1]

    found = minimize_scalar(after, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-10})
    assert_allclose(best, found.x, rtol=1e-6)
    curve = isotropic_learning_curve(d, learning_rate=best, batch_size=batch, n_steps=10)
    assert_allclose(curve, ((d + 1) / (batch + d + 1)) ** np.arange(11.0), rtol=1e-13)
    assert_allclose(critical_learning_rate(np.ones(d), batch_size=batch), 2 * best, rtol=1e-12)


def test_isotropic_batch_of_one_is_best_at_fixed_compute():
    def final(batch):
        best = isotropic_optimal_learning_rate(30, batch_size=batch)
        return isotropic_learning_curve(30, learning_rate=best, batch_size=batch, n_steps=64 // batch)[-1]

    assert (np.diff([final(batch) for batch in (1, 2, 4, 8, 16, 32, 64)]) > 0).all()


def test_symbolic_isotropic_step():
    eta, m, d = sp.symbols("eta m d", positive=True)
    rate = (1 - eta) ** 2 + eta**2 * (d + 1) / m
    (best,) = sp.solve(sp.diff(rate, eta), eta)
    assert sp.simplify(best - m / (m + d + 1)) == 0
    assert sp.simplify(rate.subs(eta, best) - (d + 1) / (m + d + 1)) == 0
    # The stability trace reaches 1 where r does.
    trace = d / m * eta / (2 - eta * (1 + 1 / m))
    (critical,) = sp.solve(trace - 1, eta)
    assert sp.simplify(critical - 2 * best) == 0
    assert sp.simplify(rate.subs(eta, critical) - 1) == 0
    # At fixed compute the loss rate per sample, log r / m, rises with m: positive derivative at random rationals.
    per_sample = sp.log(rate.subs(eta, best)) / m
    rng = np.random.default_rng(0)
    for _ in range(20):
        point = {m: sp.Rational(int(rng.integers(1, 500)), 7), d: int(rng.integers(1, 100))}
        assert sp.diff(per_sample, m).subs(point).evalf() > 0


def test_best_batch_grows_with_the_step():
    k = np.arange(1.0, 1001.0)
    best = [
        optimal_batch_size(k**-2, k**0.25, learning_rate=eta, compute_budget=512, batch_sizes=range(1, 9)).batch_size
        for eta in (0.05, 0.3, 0.8)
    ]
    assert best[0] == 1 and best[0] <= best[1] < best[2]


def test_batch_search_reads_off_the_curves():
    sizes = [7, 1, 3]
    found = optimal_batch_size(
        SPECTRUM, TARGET, learning_rate=0.3, compute_budget=100, batch_sizes=sizes, noise_variance=0.2
    )
    for size, loss in zip(sizes, found.losses, strict=True):
        curve = learning_curve(
            SPECTRUM, TARGET, learning_rate=0.3, batch_size=size, n_steps=100 // size, noise_variance=0.2
        )
        assert_allclose(loss, curve[-1], rtol=1e-14)
    assert found.batch_size == sizes[int(np.argmin(found.losses))]
    # A batch of one diverges out of range at this step; larger ones do not.
    wild = optimal_batch_size(np.ones(50), np.ones(50), learning_rate=1.0, compute_budget=10000, batch_sizes=[1, 200])
    assert wild.losses[0] == math.inf and wild.batch_size == 200


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_symmetries(noise):
    settings = dict(batch_size=3, n_steps=30, noise_variance=noise)
    reference = learning_curve(SPECTRUM, TARGET, learning_rate=0.3, **settings)
    shuffled = np.random.default_rng(0).permutation(100)
    moved = learning_curve(SPECTRUM[shuffled], -TARGET[shuffled], learning_rate=0.3, **settings)
    assert_allclose(moved, reference, rtol=1e-13)
    # Larger features with a shorter step and a smaller target are the same problem.
    scaled = learning_curve(4 * SPECTRUM, 0.5 * TARGET, learning_rate=0.075, **settings)
    assert_allclose(scaled, reference, rtol=1e-13)


GOOD = dict(eigenvalues=[1.0, 0.5], target_coefficients=[1.0, 2.0], learning_rate=0.2, batch_size=2)
CALLS = {
    learning_curve: dict(GOOD, n_steps=5),
    cumulative_loss: GOOD,
    sgd_transition_matrix: {name: GOOD[name] for name in ("eigenvalues", "learning_rate", "batch_size")},
    isotropic_learning_curve: dict(n_features=3, learning_rate=0.2, batch_size=2, n_steps=5),
    isotropic_optimal_learning_rate: dict(n_features=3, batch_size=2),
    optimal_batch_size: dict(
        {name: GOOD[name] for name in ("eigenvalues", "target_coefficients", "learning_rate")},
        compute_budget=20,
        batch_sizes=[1, 2],
    ),
}
BAD = [
    *[
        ("eigenvalues", value)
        for value in ([], [[1.0, 0.5]], [1.0, 0.0], [1.0, -1.0], [1.0, math.nan], [1.0, math.inf])
    ],
    *[("target_coefficients", value) for value in ([1.0], [1.0, math.nan])],
    *[("learning_rate", value) for value in (0.0, -1.0, math.nan)],
    *[("batch_size", value) for value in (0, 0.5, math.nan)],
    *[("n_steps", value) for value in (-1, 1.5)],
    *[("n_features", value) for value in (0, 2.5)],
    ("noise_variance", -0.1),
    ("target_norm_squared", -0.1),
    ("kurtosis", 0.9),
    ("radial_fourth_moment", 0.0),
    ("compute_budget", 0),
    *[("batch_sizes", value) for value in ([], [0], [21], [1.5])],
]
OPTIONAL = {
    "noise_variance": {learning_curve, isotropic_learning_curve, optimal_batch_size},
    "target_norm_squared": {isotropic_learning_curve},
    "kurtosis": {learning_curve, cumulative_loss, sgd_transition_matrix},
    "radial_fourth_moment": {learning_curve, cumulative_loss, sgd_transition_matrix},
}


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [(f, name, value) for f in CALLS for name, value in BAD if name in CALLS[f] or f in OPTIONAL.get(name, ())],
)
def test_bad_input(function, name, value):
    with pytest.raises(ValueError, match=name):
        function(**{**CALLS[function], name: value})


def test_past_the_threshold():
    step = critical_learning_rate(SPECTRUM, batch_size=2) * 1.001
    with pytest.raises(ValueError, match="past the mean-square stability threshold"):
        cumulative_loss(SPECTRUM, TARGET, learning_rate=step, batch_size=2)
    assert learning_curve(SPECTRUM, TARGET, learning_rate=2.0, batch_size=2, n_steps=100)[-1] > 1e6
    for curve in (
        lambda: learning_curve(SPECTRUM, TARGET, learning_rate=9.0, batch_size=1, n_steps=1000),
        lambda: isotropic_learning_curve(50, learning_rate=9.0, batch_size=1, n_steps=1000),
    ):
        with pytest.raises(ValueError, match="n_steps"):
            curve()
    with pytest.raises(ValueError, match="learning_rate"):
        optimal_batch_size([1.0], [1.0], learning_rate=9.0, compute_budget=10000, batch_sizes=[1, 2])
