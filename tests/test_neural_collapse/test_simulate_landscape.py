"""Hessians against dense differences and hand-made critical points; aligned descent against a plain loop."""

import numpy as np
import pytest

from simulations.neural_collapse import mse_hessian_spectrum, simulate_aligned_descent

SIZES = np.array([40.0, 20.0, 10.0])
RIDGE = 6e-3


def diagonal_point(active, *, ridge=RIDGE, sizes=SIZES):
    """A critical point of two layers with equal ridges: energies s of the active classes, zero for the others.

    All factors are diag(s): the gradient vanishes where (sqrt(n) - s^3) s = N ridge, here at the larger root.
    """
    total, values = sizes.sum(), np.zeros(len(sizes))
    for k in active:
        roots = np.roots([-1.0, 0.0, 0.0, np.sqrt(sizes[k]), -total * ridge])
        values[k] = max(root.real for root in roots if abs(root.imag) < 1e-9)
    return [np.diag(values)] * 2, np.diag(values) / np.sqrt(sizes)


def spectrum(active):
    weights, means = diagonal_point(active)
    return mse_hessian_spectrum(weights, means, SIZES, weight_ridges=[RIDGE] * 2, feature_ridge=RIDGE)


@pytest.mark.parametrize("active", [(0, 1, 2), (0, 1), (0,), ()])
def test_the_largest_classes_are_minima(active):
    result = spectrum(active)
    assert result.gradient_norm < 1e-14  # rounding of the polynomial's root
    assert result.eigenvalues[0] > -1e-15
    # Flat are the turns of r active directions in each of the two inner spaces of dimension 3, and nothing else.
    turns = 2 * (len(active) * (len(active) - 1) // 2 + len(active) * (3 - len(active)))
    assert np.sum(result.eigenvalues < 1e-10) == turns


@pytest.mark.parametrize(("active", "least"), [((1, 2), -0.064), ((0, 2), -0.027), ((1,), -0.043)])
def test_other_subsets_are_saddles(active, least):
    result = spectrum(active)
    assert result.gradient_norm < 1e-14  # rounding of the polynomial's root
    np.testing.assert_allclose(result.eigenvalues[0], least, atol=5e-4)


def test_spectrum_against_differences_of_the_loss():
    rng = np.random.default_rng(0)
    shapes = [(5, 4), (3, 5)]
    weights, means = [rng.standard_normal(shape) for shape in shapes], rng.standard_normal((4, 3))
    result = mse_hessian_spectrum(weights, means, SIZES, weight_ridges=[0.02, 0.03], feature_ridge=0.01)

    def loss(flat):
        features, first, second = flat[:12].reshape(4, 3), flat[12:32].reshape(5, 4), flat[32:].reshape(3, 5)
        residual = second @ first @ features - np.diag(np.sqrt(SIZES))
        penalty = 0.01 * np.sum(features**2) + 0.02 * np.sum(first**2) + 0.03 * np.sum(second**2)
        return np.sum(residual**2) / 140 + penalty / 2

    point = np.concatenate([(means * np.sqrt(SIZES)).ravel(), weights[0].ravel(), weights[1].ravel()])
    np.testing.assert_allclose(result.loss, loss(point), rtol=1e-13)
    step, moves = 1e-3, 1e-3 * np.eye(len(point))
    hessian = [
        [loss(point + a + b) - loss(point + a - b) - loss(point - a + b) + loss(point - a - b) for b in moves]
        for a in moves
    ]
    # Each entry is a polynomial of degree six; fourth derivatives of order ten times step^2.
    expected = np.linalg.eigvalsh(np.array(hessian) / (4 * step**2))
    np.testing.assert_allclose(result.eigenvalues, expected, atol=2e-4)
    assert len(result.eigenvalues) == len(point)


def test_spectrum_is_invariant_under_rotations():
    rng = np.random.default_rng(1)
    weights, means = [rng.standard_normal((4, 4)), rng.standard_normal((3, 4))], rng.standard_normal((4, 3))
    turns = [np.linalg.qr(rng.standard_normal((4, 4)))[0] for _ in range(2)]
    turned = [turns[1] @ weights[0] @ turns[0].T, weights[1] @ turns[1].T]
    common = dict(weight_ridges=[0.02, 0.03], feature_ridge=0.01)
    plain = mse_hessian_spectrum(weights, means, SIZES, **common)
    rotated = mse_hessian_spectrum(turned, turns[0] @ means, SIZES, **common)
    np.testing.assert_allclose(rotated.eigenvalues, plain.eigenvalues, atol=1e-12)
    np.testing.assert_allclose([rotated.loss, rotated.gradient_norm], [plain.loss, plain.gradient_norm], rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class_sizes", [5]), ("class_means", np.ones((4, 2))), ("class_means", np.full((4, 3), np.nan)),
        ("weights", []), ("weights", [np.ones((3, 4))] * 2), ("weights", [np.ones((3, 5))]),
        ("weights", [np.ones((2, 4))]),
        ("weights", [np.full((3, 4), np.inf)]), ("weight_ridges", [-0.1]), ("feature_ridge", 0.0),
    ],
)  # fmt: skip
def test_spectrum_refuses(name, value):
    arguments = dict(weights=[np.ones((3, 4))], class_means=np.ones((4, 3)), class_sizes=SIZES)
    arguments |= dict(weight_ridges=[0.1], feature_ridge=0.1)
    with pytest.raises(ValueError, match=name):
        mse_hessian_spectrum(**(arguments | {name: value}))
    with pytest.raises(ValueError, match="weights"):
        mse_hessian_spectrum([np.ones((3, 700))], np.ones((700, 3)), SIZES, weight_ridges=[0.1], feature_ridge=0.1)


# Aligned descent ----------------------------------------------------------------------------------------------------

ALIGNED = dict(ridge=2e-3, learning_rate=0.1, initial_singular_values=[0.5, 0.7, 0.9, 1.1], n_steps=500)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [None, 6])
def test_modes_follow_a_scalar_recursion(n_layers, width):
    sizes = np.array([50.0, 30.0, 20.0, 8.0])
    result = simulate_aligned_descent(sizes, **ALIGNED, n_layers=n_layers, width=width, n_trials=2, seed=1)
    value = np.array(ALIGNED["initial_singular_values"])
    for step in range(501):
        np.testing.assert_allclose(result.singular_values[:, step], [value] * 2, atol=1e-12)
        power = value**n_layers
        value = value + 0.1 * ((np.sqrt(sizes) - value * power) * power / 108 - 2e-3 * value)
    assert result.singular_values.shape == (2, 501, 4)
    assert np.all(result.misalignment < 1e-12)


def test_basins_of_learning_and_collapse():
    """With two layers, equal factors s learn where s^3 starts above the smaller root of (sqrt(n) - s^3) s = N ridge."""
    sizes = np.array([30.0, 30.0])
    roots = np.roots([-1.0, 0.0, 0.0, np.sqrt(30.0), -60 * 6e-3])
    low, high = sorted(root.real for root in roots if abs(root.imag) < 1e-9 and root.real > 0)
    starts = low * np.array([0.99, 1.01]) ** (1 / 3)
    result = simulate_aligned_descent(
        sizes, ridge=6e-3, n_layers=2, learning_rate=0.2, initial_singular_values=starts, n_steps=30000
    )
    np.testing.assert_allclose(result.singular_values[0, -1], [0.0, high], atol=1e-10)


def test_aligned_trials_do_not_depend_on_blocks():
    def run(seed, n_trials):
        common = ALIGNED | dict(initial_singular_values=0.8, n_steps=20)
        return vars(simulate_aligned_descent([9, 4], **common, n_layers=2, n_trials=n_trials, seed=seed))

    whole, head, tail = run(2, 4), run(2, 1), run(np.random.SeedSequence(2, n_children_spawned=1), 3)
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([head[name], tail[name]])), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class_sizes", [5, 0]), ("ridge", 0.0), ("n_layers", 0), ("learning_rate", 0.0), ("n_steps", 0),
        ("initial_singular_values", -1.0), ("initial_singular_values", [1.0] * 3), ("width", 3), ("n_trials", 0),
    ],
)  # fmt: skip
def test_aligned_descent_refuses(name, value):
    arguments = ALIGNED | dict(class_sizes=[50, 30, 20, 8], n_layers=2)
    with pytest.raises(ValueError, match=name):
        simulate_aligned_descent(**(arguments | {name: value}))


def test_aligned_descent_says_that_it_diverges():
    with pytest.raises(RuntimeError, match="learning_rate"):
        simulate_aligned_descent([50, 30, 20, 8], **(ALIGNED | dict(learning_rate=1e3)), n_layers=2)
