"""Activation patterns: their number, their enumeration against independent oracles, their measure on the circle."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog

from theory.convex_relu import (
    arrangement_count,
    arrangement_count_bound,
    circle_pattern_measure,
    enumerate_arrangements,
)
from theory.convex_relu.arrangements import interior_directions


def reference_features(n, d):
    k, c = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)
    return np.sin(1.3 * k * c + 0.7 * c**2) + 0.3 * np.cos(2.1 * k + c)


def margin(features, pattern):
    """Largest min_k s_k x_k.u over |u_c| <= 1 and rows that are not zero: positive iff the cell is open."""
    rows = (np.where(pattern, 1.0, -1.0)[:, None] * features)[np.any(features != 0, axis=1)]
    d = features.shape[1]
    result = linprog(
        np.append(np.zeros(d), -1.0),
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * d + [(None, 1)],
    )
    return -result.fun


def patterns_by_brute_force(features):
    """Every sign vector whose cell is open by a linear program, zero rows on."""
    zero = ~np.any(features != 0, axis=1)
    candidates = itertools.product([False, True], repeat=len(features))
    # Cells of the integer and Gaussian rows below are wider than 1e-6.
    return np.array([c for c in candidates if np.all(np.array(c)[zero]) and margin(features, c) > 1e-7])


@pytest.mark.parametrize(("n", "r", "count"), [(8, 2, 16), (10, 3, 92), (12, 4, 464), (20, 5, 10072)])
def test_reference_counts(n, r, count):
    assert arrangement_count(n, r) == count
    assert arrangement_count(50, 10) == 5214913020


def test_count_in_closed_form():
    """2, 2 n, n^2 - n + 2 for ranks 1, 2, 3; every sign vector for rank n or more."""
    n = sp.symbols("n")
    for rank, expected in [(1, 2), (2, 2 * n), (3, n**2 - n + 2)]:
        total = 2 * sum(sp.ff(n - 1, k) / sp.factorial(k) for k in range(rank))
        assert sp.expand(sp.expand_func(total) - expected) == 0
        assert all(arrangement_count(size, rank) == sp.sympify(expected).subs(n, size) for size in range(3, 40))
    assert [arrangement_count(6, rank) for rank in (6, 7, 100)] == [64, 64, 64]


def test_count_bound():
    assert arrangement_count_bound(8, 2) == pytest.approx(362.0637488, abs=5e-8)
    assert arrangement_count_bound(10, 3) == pytest.approx(3253.856982, abs=5e-7)
    ratios = {
        (n, r): arrangement_count_bound(n, r) / arrangement_count(n, r) for n in range(2, 60) for r in range(1, n)
    }
    assert min(ratios, key=ratios.get) == (2, 1)
    assert ratios[2, 1] == pytest.approx(math.e, rel=1e-15)
    assert arrangement_count_bound(10**9, 200) == math.inf


SIZES = [(5, 1), (6, 2), (8, 3), (10, 3), (7, 4), (12, 4), (10, 5), (5, 5), (4, 6), (1, 3), (2, 2), (40, 4), (14, 7)]


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_general_position_reaches_covers_number(n, d, draws=2):
    rng = np.random.default_rng([n, d])
    for _ in range(draws):
        features = rng.standard_normal((n, d))
        patterns = enumerate_arrangements(features)
        assert patterns.dtype == bool
        assert patterns.shape == (arrangement_count(n, min(n, d)), n)
        # Distinct and in lexicographic order, the first row most significant: strictly increasing as numbers.
        packed = [row.tobytes() for row in patterns]
        assert all(a < b for a, b in itertools.pairwise(packed))


@pytest.mark.parametrize(("n", "d"), [(8, 3), (12, 4), (20, 5), (60, 3), (9, 6)])
def test_every_pattern_has_a_witness_strictly_inside(n, d):
    features = np.random.default_rng(n).standard_normal((n, d))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    directions = interior_directions(features, tolerance=1e-9)
    products = directions @ features.T
    assert np.abs(products).min() > 1e-9  # rounding of a product of unit vectors is 1e-15
    assert {row.tobytes() for row in products > 0} == {row.tobytes() for row in enumerate_arrangements(features)}


@pytest.mark.parametrize("seed", range(3))
def test_equals_linear_programs_over_all_sign_vectors(seed):
    features = np.random.default_rng(seed).standard_normal((7, 3))
    assert_array_equal(enumerate_arrangements(features), patterns_by_brute_force(features))


DEGENERATE = {
    "repeated": [[1, 2, 0], [1, 2, 0], [0, 1, 1], [3, -1, 2], [2, 4, 0]],
    "antiparallel": [[1, 2, 0], [-1, -2, 0], [0, 1, 1], [3, -1, 2], [0, -2, -2]],
    "zero rows": [[0, 0, 0], [1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0], [1, -1, 1]],
    "coplanar": [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [1, 2, 0], [1, 1, 1]],
    "rank 2": [[1, 2, 3], [2, 1, 0], [3, 3, 3], [1, -1, -3], [0, 3, 6]],
    "rank 1": [[1, 2], [-2, -4], [3, 6], [0, 0]],
    "rank 4, many coincidences": [
        [1, 1, 0, 0], [1, -1, 0, 0], [0, 0, 1, 1], [0, 0, 1, -1], [1, 0, 1, 0], [1, 0, -1, 0], [0, 1, 0, 1],
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_rows_against_linear_programs(name):
    features = np.array(DEGENERATE[name], dtype=float)
    assert_array_equal(enumerate_arrangements(features), patterns_by_brute_force(features))


@pytest.mark.parametrize("seed", range(8))
def test_random_integer_rows_against_sampling(seed):
    """60000 directions miss no cell of so few small integer rows; a cell too many would fail as well."""
    rng = np.random.default_rng(seed)
    features = rng.integers(-1, 2, size=(9, 3)).astype(float)
    sampled = rng.standard_normal((60000, 3)) @ features.T >= 0
    assert_array_equal(enumerate_arrangements(features), np.unique(sampled, axis=0))


def roots(d, kind):
    """Rows e_i - e_j (kind A), and e_i + e_j, e_i besides (kind B): reflection arrangements, far from general."""
    pairs = list(itertools.combinations(np.eye(d), 2))
    rows = [a - b for a, b in pairs]
    return np.array(rows if kind == "A" else [*rows, *(a + b for a, b in pairs), *np.eye(d)])


@pytest.mark.parametrize("d", [2, 3, 4, 5, 6])
def test_reflection_arrangements(d):
    """One cell for each permutation of the coordinates, and for each signed permutation."""
    rotation = np.linalg.qr(np.random.default_rng(d).standard_normal((d, d)))[0]
    assert len(enumerate_arrangements(roots(d, "A") @ rotation)) == math.factorial(d)
    if d < 6:
        assert len(enumerate_arrangements(roots(d, "B") @ rotation)) == 2**d * math.factorial(d)


def count_by_deletion_and_restriction(rows):
    """Number of cells in rational arithmetic: without the last hyperplane, plus those that are left on it."""
    lines = {tuple(Fraction(value, next(v for v in row if v)) for value in row) for row in rows if any(row)}
    if not lines:
        return 1
    *others, last = sorted(lines)
    pivot = next(c for c, value in enumerate(last) if value)
    traces = [
        [v - row[pivot] * w for c, (v, w) in enumerate(zip(row, last, strict=True)) if c != pivot] for row in others
    ]
    return count_by_deletion_and_restriction(others) + count_by_deletion_and_restriction(traces)


@pytest.mark.parametrize(("n", "d", "entry"), [(10, 4, 1), (10, 4, 2), (9, 5, 1), (9, 6, 1), (14, 3, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_count_of_random_integer_rows_in_rational_arithmetic(n, d, entry, seed):
    """As many patterns as there are cells, and each is the sign pattern of a direction well inside."""
    rows = np.random.default_rng([n, d, entry, seed]).integers(-entry, entry + 1, size=(n, d))
    patterns = enumerate_arrangements(rows.astype(float))
    assert len(patterns) == count_by_deletion_and_restriction(rows.tolist())
    products = interior_directions(rows.astype(float), tolerance=1e-9) @ rows.T
    assert np.abs(products[:, np.any(rows != 0, axis=1)]).min() > 1e-6
    assert_array_equal(np.unique(products >= 0, axis=0), patterns)


@pytest.mark.parametrize("noise", [0.0, 1e-15, 1e-12])
@pytest.mark.parametrize("tolerance", [1e-9, 1e-6])
def test_coincidences_survive_noise_below_the_tolerance(noise, tolerance):
    rng = np.random.default_rng(7)
    exact = roots(4, "B")
    features = exact + noise * rng.standard_normal(exact.shape)
    assert len(enumerate_arrangements(features, tolerance=tolerance)) == 384


def test_rank_deficient_rows_are_those_of_the_row_space():
    rng = np.random.default_rng(5)
    low = rng.standard_normal((12, 3))
    embedded = low @ rng.standard_normal((3, 7))
    patterns = enumerate_arrangements(low)
    assert len(patterns) == arrangement_count(12, 3)
    assert_array_equal(enumerate_arrangements(embedded), patterns)


def test_symmetries():
    rng = np.random.default_rng(6)
    features = rng.standard_normal((9, 4))
    patterns = enumerate_arrangements(features)
    # Antipodes: without zero rows every complement is a pattern, and reverses the order.
    assert_array_equal(~patterns[::-1], patterns)
    scales = 10.0 ** rng.uniform(-200, 200, size=(9, 1))
    assert_array_equal(enumerate_arrangements(scales * features), patterns)
    assert_array_equal(enumerate_arrangements(features @ rng.standard_normal((4, 4))), patterns)
    order = rng.permutation(9)
    permuted = enumerate_arrangements(features[order])
    assert {row.tobytes() for row in permuted} == {row.tobytes() for row in patterns[:, order]}
    flipped = enumerate_arrangements(-features)
    assert_array_equal(flipped, patterns)


def test_zero_features_have_one_pattern():
    assert_array_equal(enumerate_arrangements(np.zeros((3, 2))), np.ones((1, 3), dtype=bool))
    patterns, measure = circle_pattern_measure(np.zeros((3, 2)))
    assert_array_equal(patterns, np.ones((1, 3), dtype=bool))
    assert_array_equal(measure, [1.0])


@pytest.mark.parametrize(("angle", "tolerance", "count"), [(1e-7, 1e-9, 6), (1e-11, 1e-9, 4), (1e-7, 1e-6, 4)])
def test_tolerance_is_an_angle_between_unit_rows(angle, tolerance, count):
    features = np.array([[1e6, 0.0], [1e-3, 1e-3 * angle], [1.0, 2.0]])
    assert len(enumerate_arrangements(features, tolerance=tolerance)) == count


def test_circle_reference_values():
    features = reference_features(8, 2)
    patterns, measure = circle_pattern_measure(features)
    first = [0.089036266824, 0.033116306813, 0.036368517403, 0.075436643359]
    assert_allclose(measure[:4], first, rtol=0, atol=1e-12)
    assert_array_equal(patterns, enumerate_arrangements(features))
    assert measure.sum() == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_circle_measure_by_an_angular_grid(seed):
    """With m directions evenly spaced, a pattern's share is an interval, off by at most one direction per end."""
    rng = np.random.default_rng(seed)
    features = rng.integers(-2, 3, size=(6, 2)).astype(float)
    patterns, measure = circle_pattern_measure(features)
    assert_array_equal(patterns, enumerate_arrangements(features))
    m = 20011
    angles = 2 * np.pi * (np.arange(m) + 0.5) / m
    bits = np.column_stack([np.cos(angles), np.sin(angles)]) @ features.T >= 0
    share = [np.mean(np.all(bits == pattern, axis=1)) for pattern in patterns]
    assert_allclose(measure, share, rtol=0, atol=1 / m)
    assert measure.sum() == pytest.approx(1.0, abs=1e-15)


def test_one_hyperplane_halves_the_circle():
    patterns, measure = circle_pattern_measure([[1.0, 2.0], [-2.0, -4.0], [0.0, 0.0]])
    assert_array_equal(patterns, [[False, True, True], [True, False, True]])
    assert_array_equal(measure, [0.5, 0.5])


@pytest.mark.parametrize("features", [[[1.0, np.nan]], [[np.inf, 1.0]], np.empty((0, 2)), np.empty((2, 0)), [1.0, 2.0]])
def test_bad_features(features):
    with pytest.raises(ValueError, match="features"):
        enumerate_arrangements(features)
    with pytest.raises(ValueError, match="features"):
        circle_pattern_measure(features)


def test_other_bad_input():
    with pytest.raises(ValueError, match="features"):
        circle_pattern_measure(np.ones((4, 3)))
    for tolerance in (-1e-9, 0.5, np.nan):
        with pytest.raises(ValueError, match="tolerance"):
            enumerate_arrangements(np.eye(2), tolerance=tolerance)


@pytest.mark.parametrize(
    ("function", "n", "r", "name"),
    [
        (arrangement_count, 0, 1, "n_samples"),
        (arrangement_count, 2.5, 1, "n_samples"),
        (arrangement_count, 3, 0, "rank"),
        (arrangement_count_bound, 1, 1, "n_samples"),
        (arrangement_count_bound, 4, 0, "rank"),
        (arrangement_count_bound, 4, 5, "rank"),
    ],
)
def test_bad_sizes(function, n, r, name):
    with pytest.raises(ValueError, match=name):
        function(n, r)
