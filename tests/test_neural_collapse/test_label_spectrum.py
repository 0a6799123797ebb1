"""Singular values of the centred labels: the secular equation against the dense decomposition."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.neural_collapse import centred_label_singular_values


def dense(sizes):
    """From the centred one-hot labels themselves, one column per sample."""
    labels = np.repeat(np.eye(len(sizes)), sizes, axis=1)
    return np.linalg.svd(labels - labels.mean(axis=1, keepdims=True), compute_uv=False)[: len(sizes) - 1]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([10, 10, 5, 5, 5], [3.162277660168, 2.672612419124, 2.236067977500, 2.236067977500]),
        ([50, 30, 20, 8], [6.254312949162, 4.836400660713, 3.116892748431]),
    ],
)
def test_reference_values(sizes, expected):
    assert_allclose(centred_label_singular_values(sizes), expected, rtol=2e-13)


@pytest.mark.parametrize("seed", range(8))
def test_dense_decomposition(seed):
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 12 if seed % 2 else 200, size=generator.integers(2, 25))
    # Rounding of the dense decomposition is relative to the largest value.
    assert_allclose(centred_label_singular_values(sizes), dense(sizes), rtol=0, atol=1e-13)


def test_two_classes():
    assert_allclose(centred_label_singular_values([7.5, 2.5]), np.sqrt(2 * 7.5 * 2.5 / 10), rtol=1e-15)


def test_equal_sizes_lose_one_mode():
    assert_allclose(centred_label_singular_values([9.0] * 5), np.full(4, 3.0), rtol=0, atol=0)


def test_roots_interlace_the_sizes():
    sizes = np.sort(np.random.default_rng(9).uniform(1, 1e4, size=60))[::-1]
    squares = centred_label_singular_values(sizes) ** 2
    assert (squares < sizes[:-1]).all() and (squares > sizes[1:]).all()
    # The published form; rounding of the root itself moves the sum by the slope times an ulp.
    distances = sizes - squares[:, None]
    rounding = 4e-16 * squares * np.sum(sizes**2 / distances**2, axis=1)
    rounding += 1e-14 * np.sum(sizes**2 / np.abs(distances), axis=1)
    assert (np.abs(np.sum(sizes**2 / distances, axis=1) - sizes.sum()) < rounding).all()


def test_traces():
    """The sum of the squares is that of D - n n^T / N, and the sum of fourth powers that of its square."""
    sizes = np.array([1e6, 3e3, 3e3, 40.0, 2.0, 1.0, 1.0])
    squares = centred_label_singular_values(sizes) ** 2
    matrix = np.diag(sizes) - np.outer(sizes, sizes) / sizes.sum()
    assert squares.sum() == pytest.approx(np.trace(matrix), rel=1e-13)
    assert np.sum(squares**2) == pytest.approx(np.sum(matrix**2), rel=1e-13)


@pytest.mark.parametrize("gap", [1e-3, 1e-9, 2e-15])
def test_nearly_equal_sizes(gap):
    """Two sizes n (1 +- gap) leave a root between them, like a pair of equal sizes."""
    squares = centred_label_singular_values([20 * (1 + gap), 20 * (1 - gap), 5.0]) ** 2
    assert squares[0] == pytest.approx(20.0, rel=1.01 * gap)
    equal = centred_label_singular_values([20.0, 20.0, 5.0]) ** 2
    assert squares[1] == pytest.approx(equal[1], rel=3 * gap + 1e-15)


def test_small_values_keep_relative_accuracy():
    import mpmath

    sizes = [1e12, 1e5, 3.0, 1.0]
    with mpmath.workdps(50):
        exact = [mpmath.mpf(size) for size in sizes]
        total = sum(exact)
        matrix = mpmath.diag(exact) - mpmath.matrix([[first * second / total for second in exact] for first in exact])
        expected = sorted(float(mpmath.sqrt(abs(value))) for value in mpmath.eigsy(matrix, eigvals_only=True))[1:]
    assert_allclose(centred_label_singular_values(sizes), expected[::-1], rtol=1e-14)
