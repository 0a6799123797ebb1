"""Hierarchical kernels: expectations over random features, Fourier coefficients, decay exponents, bad input."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad

from theory.spectral_algorithms import hierarchical_eigenvalues, hierarchical_kernel, hierarchical_learning_exponent


def relu_moment(order, angle):
    """Twice (order 1: twice E relu(g.x) relu(g.y), order 0: twice P(g.x > 0, g.y > 0)) for unit x, y at this angle.

    The direction of the Gaussian g in the plane of x and y is uniform, its squared length has mean 2.
    """
    low, high = angle - 0.5 * np.pi, 0.5 * np.pi
    if order == 0:
        return (high - low) / np.pi
    return 2.0 / np.pi * quad(lambda phi: math.cos(phi) * math.cos(phi - angle), low, high, epsabs=1e-14)[0]


def kernel_from_moments(differences, kind):
    angles = [abs((d + np.pi) % (2.0 * np.pi) - np.pi) for d in differences]
    first = [relu_moment(1, angle) for angle in angles]
    tangents = [f + math.cos(a) * relu_moment(0, a) for f, a in zip(first, angles, strict=True)]
    top = math.acos(min(np.mean(first), 1.0))
    if kind == "rfk":
        return relu_moment(1, top)
    return relu_moment(1, top) + relu_moment(0, top) * np.mean(tangents)


@pytest.mark.parametrize("kind", ["rfk", "ntk"])
@pytest.mark.parametrize("n_patches", [1, 2, 4])
def test_kernel_is_the_expectation_over_random_features(kind, n_patches):
    generator = np.random.default_rng(2)
    differences = generator.uniform(-7.0, 7.0, (n_patches, 12))
    expected = [kernel_from_moments(column, kind) for column in differences.T]
    assert_allclose(hierarchical_kernel(list(differences), kind=kind), expected, rtol=1e-12)


@pytest.mark.parametrize(("kind", "top"), [("rfk", 1.0), ("ntk", 3.0)])
def test_kernel_at_equal_and_at_opposite_inputs(kind, top):
    assert hierarchical_kernel([0.0, 0.0], kind=kind) == top
    assert_allclose(hierarchical_kernel([2.0 * np.pi, -4.0 * np.pi], kind=kind), top, rtol=1e-14)
    # Opposite patches have t = 0: kappa_1(0) = 1 / pi, and no tangent part.
    assert_allclose(hierarchical_kernel([np.pi, np.pi], kind=kind), 1.0 / np.pi, rtol=1e-14)


@pytest.mark.parametrize("kind", ["rfk", "ntk"])
def test_kernel_next_to_equal_inputs(kind):
    # With one patch, t = 1 - d^2 / 2 + d^3 / (3 pi) and the next angle is d (1 - d / (3 pi)) to second order.
    d = 1e-6
    kernel = float(hierarchical_kernel([d], kind=kind))
    if kind == "rfk":
        assert_allclose(1.0 - kernel, 0.5 * d**2, rtol=1e-3)  # rounding of 1 is 2e-4 of d^2 / 2
    else:
        # kappa_1 + kappa_0 [kappa_1 + cos kappa_0] falls by d / pi from the inner and 2 d / pi from the outer layer.
        assert_allclose(3.0 - kernel, 3.0 * d / np.pi, rtol=1e-5)


def test_kernel_is_even_symmetric_and_broadcasts():
    a, b = np.linspace(-3.0, 3.0, 7)[:, None], np.linspace(0.0, 1.0, 5)[None, :]
    kernel = hierarchical_kernel([a, b])
    assert kernel.shape == (7, 5)
    assert_allclose(kernel, hierarchical_kernel([-a, b]), rtol=1e-15)
    assert_allclose(kernel, hierarchical_kernel([b, a]), rtol=1e-15)
    assert_allclose(kernel[2, 3], hierarchical_kernel([a[2, 0], b[0, 3]]), rtol=1e-15)


@pytest.mark.parametrize("kind", ["rfk", "ntk"])
@pytest.mark.parametrize(("size", "n_patches"), [(1, 2), (2, 1), (9, 1), (8, 2), (7, 2), (5, 3), (6, 3)])
def test_eigenvalues_are_those_of_the_grid(kind, size, n_patches):
    points = 2.0 * np.pi / size * np.array(list(itertools.product(range(size), repeat=n_patches)))
    differences = points[:, None, :] - points[None, :, :]
    matrix = hierarchical_kernel(list(np.moveaxis(differences, -1, 0)), kind=kind) / len(points)
    eigenvalues = hierarchical_eigenvalues(size, n_patches=n_patches, kind=kind)
    assert eigenvalues.shape == (size,) * n_patches
    assert_allclose(np.sort(eigenvalues.ravel()), np.linalg.eigvalsh(matrix), atol=1e-14)
    # Which is which: a plane wave is an eigenvector.
    for position in [(0,) * n_patches, (1 % size,) * n_patches, (size - 1,) + (0,) * (n_patches - 1)]:
        wave = np.exp(2j * np.pi / size * np.array(list(itertools.product(range(size), repeat=n_patches))) @ position)
        assert_allclose(matrix @ wave, eigenvalues[position] * wave, atol=1e-14)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ntk", [1.000158802, 0.00857661136, 0.0003937749348]),
        ("rfk", [0.5592174532, 0.0007417986526, 8.085256102e-06]),
    ],
)
def test_reference_eigenvalues(kind, expected):
    eigenvalues = hierarchical_eigenvalues(512, kind=kind)
    assert_allclose([eigenvalues[0, 0], eigenvalues[4, 0], eigenvalues[4, 4]], expected, rtol=1e-9)
    assert_allclose(eigenvalues.sum(), 1.0 if kind == "rfk" else 3.0, rtol=1e-14)
    assert eigenvalues[0, 0] == eigenvalues.max()
    assert eigenvalues.min() >= 0.0
    assert_array_equal(eigenvalues[1:], eigenvalues[:0:-1])
    assert_allclose(eigenvalues, eigenvalues.T, rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize(("kind", "smoothness"), [("rfk", 1.5), ("ntk", 0.5)])
def test_eigenvalues_decay_with_the_number_of_patches_that_a_mode_sees(kind, smoothness):
    # Between 32 and 128 the slopes still differ by up to 0.035 from their limits, and the grid adds its images: a share
    # of 2 zeta(2) (k / 2048)^2 on the axis of the ntk, 0.013 at k = 128, which shifts a slope by 0.015.
    eigenvalues = hierarchical_eigenvalues(2048, kind=kind)
    for low, high in ((32, 64), (64, 128)):
        axis = math.log2(eigenvalues[high, 0] / eigenvalues[low, 0])
        diagonal = math.log2(eigenvalues[high, high] / eigenvalues[low, low])
        assert abs(axis + 2.0 * smoothness + 1.0) < 0.05
        assert abs(diagonal + 2.0 * smoothness + 2.0) < 0.05


@pytest.mark.parametrize(
    ("student", "teacher", "patch", "whole", "expected"),
    [
        (0.5, 0.5, 1, 2, 0.75),
        (0.5, 0.5, 2, 2, 0.5),
        (1.5, 1.0, 1, 2, 1.25),
        (1.5, 1.0, 2, 2, 1.0),
        (0.5, 1.0, 1, 1, 2.0),
        (0.5, 40.0, 1, 2, 3.0),
        (0.5, 0.5, 1, 10**9, 0.5),
        (0.5, 0.5, 10**9, 10**9, 1e-9),
    ],
)
def test_learning_exponents(student, teacher, patch, whole, expected):
    beta = hierarchical_learning_exponent(
        student_smoothness=student, teacher_smoothness=teacher, patch_dimension=patch, input_dimension=whole
    )
    assert_allclose(beta, expected, rtol=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hierarchical_kernel([0.1], kind="gp"), "kind = 'gp': expected one of 'rfk', 'ntk'"),
        (lambda: hierarchical_kernel([]), "angle_differences"),
        (lambda: hierarchical_kernel(0.3), "angle_differences = 0.3"),
        (lambda: hierarchical_kernel([0.3, np.nan]), r"angle_differences\[1\] = nan"),
        (lambda: hierarchical_kernel([np.zeros(2), np.zeros(3)]), "shapes that broadcast"),
        (lambda: hierarchical_eigenvalues(0), "grid_size = 0"),
        (lambda: hierarchical_eigenvalues(4, n_patches=0), "n_patches = 0"),
        (lambda: hierarchical_eigenvalues(4, kind="cnn"), "kind = 'cnn'"),
    ],
)
def test_bad_kernels(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(student_smoothness=0.0), "student_smoothness = 0.0"),
        (dict(teacher_smoothness=-1.0), "teacher_smoothness = -1.0"),
        (dict(patch_dimension=3), r"patch_dimension = 3: expected an integer in \[1, 2\]"),
        (dict(input_dimension=0), "input_dimension = 0"),
    ],
)
def test_bad_exponents(change, message):
    good = dict(student_smoothness=0.5, teacher_smoothness=0.5, patch_dimension=1, input_dimension=2)
    with pytest.raises(ValueError, match=message):
        hierarchical_learning_exponent(**(good | change))
