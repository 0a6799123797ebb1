"""Regression with hierarchical kernels against the definition of the kernel and a direct solve, and its limits."""

import mpmath
import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.spectral_algorithms import hierarchical, simulate_hierarchical_regression
from simulations.spectral_algorithms.hierarchical import _half_turns, _kernel_block, _rotated_targets

COEFFICIENTS = np.arange(1.0, 8.0) ** -1.0


def kernel_of_definition(differences, kind, sqrt=np.sqrt, acos=np.arccos, cos=np.cos, pi=np.pi):
    """The kernel from cosines and arc cosines of the differences of angles, layer by layer."""
    n_patches = len(differences)

    def degree_0(t):
        return (pi - acos(t)) / pi

    def degree_1(t):
        return (sqrt(1 - t**2) + t * (pi - acos(t))) / pi

    cosines = [cos(difference) for difference in differences]
    mean = sum(degree_1(t) for t in cosines) / n_patches
    if kind == "rfk":
        return degree_1(mean)
    return degree_1(mean) + degree_0(mean) * sum(degree_1(t) + t * degree_0(t) for t in cosines) / n_patches


def kernel(angles, others, kind):
    return _kernel_block(_half_turns(np.array(angles)), _half_turns(np.array(others)), kind == "ntk")


@pytest.mark.parametrize("kind", ["ntk", "rfk"])
@pytest.mark.parametrize("n_patches", [1, 2, 5])
def test_kernel_has_all_its_digits_everywhere(kind, n_patches):
    """Against thirty digits, at generic, equal, close, opposite and nearly opposite points, and across angle 0."""
    rng = np.random.default_rng(n_patches)
    angles = 2.0 * np.pi * rng.random((n_patches, 12))
    distances = [0.0, 1e-15, 1e-9, 1e-6, 1e-3, 0.3, np.pi - 1e-6, np.pi - 1e-9, np.pi]
    others = np.concatenate(
        [angles[:, :1] + distance * rng.choice([-1.0, 1.0], (n_patches, 2)) for distance in distances], axis=1
    )
    others = np.concatenate([others, 2.0 * np.pi * rng.random((n_patches, 10))], axis=1)
    others[:, :3] = angles[:, :3]
    values = kernel(angles, others, kind)
    with mpmath.workdps(30):
        for i, j in [*((0, j) for j in range(others.shape[1])), (1, 1), (2, 2), (3, 20), (7, 25)]:
            differences = [mpmath.mpf(a) - mpmath.mpf(b) for a, b in zip(angles[:, i], others[:, j], strict=True)]
            exact = kernel_of_definition(
                differences, kind, mpmath.sqrt, lambda t: mpmath.acos(min(t, mpmath.mpf(1))), mpmath.cos, mpmath.pi
            )
            # A difference of angles below 2 pi has an error of 1e-15, and the kernel a slope of at most one.
            assert abs(values[i, j] - float(exact)) < 3e-15


def test_layers_are_expectations_over_random_weights():
    """One patch: the first layer averages products of ReLUs, and of their slopes, over weights in the plane."""
    gaps = np.array([0.0, 0.4, 1.5, 2.9, np.pi])
    directions = 2.0 * np.pi * (np.arange(200_000) + 0.5) / 200_000
    first, second = np.cos(directions), np.cos(directions - gaps[:, None])
    both = (first > 0.0) & (second > 0.0)
    slopes = 2.0 * np.mean(both, axis=1)
    # The squared length of a weight in the plane has mean 2; both layers are normalised to 1 at equal points.
    products = 4.0 * np.mean(both * first * second, axis=1)
    top_product = [kernel_of_definition([np.arccos(t)], "rfk") for t in np.cos(gaps)]
    np.testing.assert_allclose(kernel([[0.0]], [gaps], "rfk")[0], top_product, atol=1e-7)
    angle = np.arccos(np.minimum(products, 1.0))
    expected = (np.sin(angle) + products * (np.pi - angle)) / np.pi
    np.testing.assert_allclose(kernel([[0.0]], [gaps], "rfk")[0], expected, atol=1e-4)
    expected += (1.0 - angle / np.pi) * (products + np.cos(gaps) * slopes)
    np.testing.assert_allclose(kernel([[0.0]], [gaps], "ntk")[0], expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["ntk", "rfk"])
def test_kernel_is_symmetric_positive_and_invariant(kind):
    rng = np.random.default_rng(3)
    angles = 2.0 * np.pi * rng.random((3, 60))
    gram = kernel(angles, angles, kind)
    np.testing.assert_allclose(np.diagonal(gram), 3.0 if kind == "ntk" else 1.0, rtol=1e-15)
    np.testing.assert_allclose(gram, gram.T, atol=1e-15)
    assert np.linalg.eigvalsh(gram).min() > 0.0
    rotated = (angles + np.array([[0.4], [2.0], [5.0]])) % (2.0 * np.pi)
    for other in (rotated, 2.0 * np.pi - angles, angles[[2, 0, 1]]):
        np.testing.assert_allclose(kernel(other, other, kind), gram, atol=1e-14)


@pytest.mark.parametrize("n_coefficients", [1, 2, 64, 65, 300])
def test_rotated_targets_are_the_series(n_coefficients):
    rng = np.random.default_rng(n_coefficients)
    coefficients, angles = rng.standard_normal(n_coefficients), 2.0 * np.pi * rng.random((2, 9))
    targets = _rotated_targets(coefficients, angles)
    rotations = 2.0 * np.pi * np.arange(64) / 64
    phases = np.arange(1, n_coefficients) * (angles[:, None, :, None] + rotations[:, None, None])
    expected = coefficients[0] + 2.0 * np.cos(phases) @ coefficients[1:]
    np.testing.assert_allclose(targets, expected.reshape(128, 9), atol=1e-12 * n_coefficients)


@pytest.mark.parametrize("noise_variance", [0.0, 0.3])
@pytest.mark.parametrize(("n_samples", "n_patches", "kind"), [(1, 1, "ntk"), (30, 2, "ntk"), (40, 3, "rfk")])
def test_losses_are_those_of_a_direct_solve(n_samples, n_patches, kind, noise_variance, monkeypatch):
    n_test, ridge, n_targets = 50, 0.01, 64 * n_patches
    common = dict(
        target_coefficients=COEFFICIENTS, n_patches=n_patches, kind=kind, ridge=ridge, noise_variance=noise_variance,
        n_test=n_test, n_trials=2, seed=7,
    )  # fmt: skip
    losses = simulate_hierarchical_regression(n_samples, **common)
    for trial, rng in enumerate(spawn_streams(7, 2)):
        inputs = 2.0 * np.pi * rng.random((n_patches, n_samples))
        noise = rng.standard_normal((n_targets, n_samples)) if noise_variance > 0.0 else 0.0
        cells = rng.permuted(np.tile(np.arange(n_test), (n_patches, 1)), axis=1)
        fresh = 2.0 * np.pi * (cells + rng.random((n_patches, n_test))) / n_test

        def difference(angles, others):
            gap = np.abs(angles[:, :, None] - others[:, None, :])
            return np.minimum(gap, 2.0 * np.pi - gap)

        labels = _rotated_targets(COEFFICIENTS, inputs) + np.sqrt(noise_variance) * noise
        gram = kernel_of_definition(difference(inputs, inputs), kind) + n_samples * ridge * np.eye(n_samples)
        fits = kernel_of_definition(difference(fresh, inputs), kind) @ np.linalg.solve(gram, labels.T)
        expected = 0.5 * np.mean((fits.T - _rotated_targets(COEFFICIENTS, fresh)) ** 2)
        np.testing.assert_allclose(losses[trial], expected, rtol=1e-11)
    monkeypatch.setattr(hierarchical, "ENTRIES_AT_A_TIME", 7 * n_samples)
    np.testing.assert_allclose(simulate_hierarchical_regression(n_samples, **common), losses, rtol=1e-12)


COMMON = dict(
    target_coefficients=COEFFICIENTS, n_patches=2, kind="ntk", ridge=0.0, noise_variance=0.0, n_test=500, n_trials=4,
    seed=1,
)  # fmt: skip


@pytest.mark.parametrize("kind", ["ntk", "rfk"])
def test_limits(kind):
    # Nothing is learnt under a huge ridge; 64 rotations average a target of degree 6 exactly.
    power = 2.0 * np.sum(COEFFICIENTS**2) - COEFFICIENTS[0] ** 2
    idle = simulate_hierarchical_regression(20, **(COMMON | dict(kind=kind, ridge=1e15)))
    np.testing.assert_allclose(idle, 0.5 * power, rtol=1e-12)
    losses = [simulate_hierarchical_regression(n, **(COMMON | dict(kind=kind))).mean() for n in (20, 80, 320)]
    assert power > losses[0] > 2.0 * losses[1] > 4.0 * losses[2]
    constant = COMMON | dict(kind=kind, target_coefficients=[1.0])
    assert simulate_hierarchical_regression(150, **constant).max() < 1e-3


def test_rotations_average_the_same_law():
    """Against one target on the first patch and plain uniform test points."""
    ours = simulate_hierarchical_regression(25, **(COMMON | dict(n_trials=60, noise_variance=0.2)))
    rng, theirs = np.random.default_rng(5), []
    for _ in range(1500):
        inputs, fresh = 2.0 * np.pi * rng.random((2, 25)), 2.0 * np.pi * rng.random((2, 100))
        labels = _rotated_targets(COEFFICIENTS, inputs[:1])[0] + np.sqrt(0.2) * rng.standard_normal(25)
        fit = kernel(fresh, inputs, "ntk") @ np.linalg.solve(kernel(inputs, inputs, "ntk"), labels)
        theirs.append(0.5 * np.mean((fit - _rotated_targets(COEFFICIENTS, fresh[:1])[0]) ** 2))
    theirs = np.array(theirs)
    error = np.sqrt(ours.var() / len(ours) + theirs.var() / len(theirs))
    assert error < 0.02 * theirs.mean()
    assert abs(ours.mean() - theirs.mean()) < 5.0 * error
    assert ours.std() < 0.3 * theirs.std()


def test_trials_do_not_depend_on_blocks():
    whole = simulate_hierarchical_regression(15, **COMMON)
    rest = np.random.SeedSequence(1, n_children_spawned=1)
    parts = [
        simulate_hierarchical_regression(15, **(COMMON | dict(n_trials=1))),
        simulate_hierarchical_regression(15, **(COMMON | dict(n_trials=3, seed=rest))),
    ]
    assert np.array_equal(whole, np.concatenate(parts))
    assert len(np.unique(whole)) == 4


def test_a_singular_kernel_matrix_is_an_error(monkeypatch):
    monkeypatch.setattr(hierarchical, "JITTER", -10.0)
    with pytest.raises(RuntimeError, match="singular"):
        simulate_hierarchical_regression(10, **COMMON)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0), ("n_samples", 2.5), ("target_coefficients", []), ("target_coefficients", [np.nan]),
        ("target_coefficients", [[1.0]]), ("n_patches", 0), ("kind", "cntk"), ("ridge", -0.1), ("ridge", np.inf),
        ("noise_variance", -1.0), ("noise_variance", np.nan), ("n_test", 0), ("n_trials", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    with pytest.raises(ValueError, match=name):
        simulate_hierarchical_regression(**(COMMON | dict(n_samples=5) | {name: value}))
