"""Softmax and StableMax in narrow formats: exactness of the rounding, thresholds by brute force, steps to collapse."""

import itertools
import math

import numpy as np
import pytest

from simulations.grokking import (
    float_cross_entropy,
    measure_collapse_gap,
    measure_underflow_gap,
    simulate_softmax_collapse,
)
from simulations.grokking.collapse import round_to_format

FORMATS = {"float16": (11, -24), "float32": (24, -149), "float64": (53, -1074)}


def half_precision_numbers():
    """Every finite number of half precision that is not negative."""
    patterns = np.arange(0x7C00, dtype=np.uint16)
    return patterns.view(np.float16)


def test_rounding_is_that_of_the_formats():
    """Random doubles of every exponent in range, halfway cases and their neighbours, subnormal numbers, zero."""
    rng = np.random.default_rng(1)
    for name, (precision, least) in FORMATS.items():
        narrow = np.dtype(name).type
        low, high = least - 3, int(np.finfo(name).maxexp) - 1
        values = rng.uniform(1, 2, 4000) * 2.0 ** rng.integers(max(low, -1022), high, 4000)
        grid = narrow(values)
        middles = (grid.astype(float) + np.nextafter(grid, narrow(np.inf)).astype(float)) / 2
        below, above = np.nextafter(middles, 0), np.nextafter(middles, np.inf)
        for value in itertools.chain([0.0], values, middles, below, above):
            assert round_to_format(value, precision, least) == float(narrow(value))


def test_half_precision_operations_are_emulated_exactly():
    """exp(-z) of every number z, and 1 + e, 1 / s and 1 - p of all that can follow, against NumPy's half precision."""
    one, numbers = np.float16(1), half_precision_numbers()
    terms = np.array([np.exp(-z) for z in numbers])
    assert np.array_equal(terms, [round_to_format(math.exp(-z), 11, -24) for z in numbers.astype(float)])
    fractions = numbers[numbers <= 1]
    sums = np.array([one + e for e in fractions])
    assert np.array_equal(sums, [round_to_format(1.0 + e, 11, -24) for e in fractions.astype(float)])
    sums = np.unique(sums)
    shares = np.array([one / s for s in sums])
    assert np.array_equal(shares, [round_to_format(1.0 / s, 11, -24) for s in sums.astype(float)])
    rest = [one - p for p in shares]
    assert np.array_equal(rest, [round_to_format(1.0 - p, 11, -24) for p in shares.astype(float)])


def half_precision_twin(learning_rate):
    """Descent with NumPy's scalars of half precision; the weight is a double."""
    one, gap, steps = np.float16(1), 0.0, 0
    while True:
        total = one + np.exp(-np.float16(gap))
        if total == one:
            return steps
        gap += learning_rate * float(one - one / total)
        steps += 1


@pytest.mark.parametrize(("learning_rate", "steps"), [(0.5, 3586), (0.1, 17945)])
def test_steps_in_half_precision(learning_rate, steps):
    assert simulate_softmax_collapse(np.float16, learning_rate=learning_rate) == steps
    assert half_precision_twin(learning_rate) == steps


def test_steps_at_the_smallest_rate():
    assert simulate_softmax_collapse("float16", learning_rate=0.05) == 35893


def test_exact_gradient_takes_longer_by_an_eighth():
    """The flow e^z + z = 1 + t crosses where z rounds to the threshold 7.625; descent is some steps early."""
    gap = 7.625 - 2.0**-9  # the middle of the grid step below, where rounding turns
    for rate in (0.5, 0.1, 0.05):
        steps = simulate_softmax_collapse("float16", learning_rate=rate, exact_gradient=True)
        # The second difference of e^z + z adds rate * z / 2 on the way, and the last step overshoots.
        assert abs(rate * steps - (math.exp(gap) + gap - 1)) < rate * (gap / 2 + 1)
        assert 0.86 < simulate_softmax_collapse("float16", learning_rate=rate) / steps < 0.88


def test_single_precision_collapses_at_the_quantised_time():
    """2^23 times the sum of log((2j + 1) / (2j - 1)) / j, in units of one over the rate."""
    j = np.arange(1.0, 2e5)
    constant = np.sum(np.log1p(2 / (2 * j - 1)) / j) + 1 / j[-1]
    steps = simulate_softmax_collapse(np.float32, learning_rate=4.0)
    assert steps == pytest.approx(2.0**23 * constant / 4.0, rel=2e-5)


def test_a_gap_that_has_collapsed_takes_no_step():
    assert simulate_softmax_collapse(np.float64, learning_rate=1.0, initial_gap=36.8) == 0
    assert simulate_softmax_collapse(np.float16, learning_rate=1.0, initial_gap=7.625) == 0
    assert simulate_softmax_collapse(np.float16, learning_rate=1.0, initial_gap=7.62) > 0


def scalar_sum_is_one(gap, name, n_classes, n_before):
    """The max-shifted softmax sum, one scalar after the other in the format."""
    narrow = np.dtype(name).type
    total = narrow(0)
    for place in range(n_classes):
        total = total + (narrow(1) if place == n_before else np.exp(-narrow(gap)))
    return total == narrow(1)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("n_classes", "n_before"), [(2, 0), (2, 1), (10, 0), (10, 4), (10, 9), (113, 112)])
def test_threshold_is_the_least_gap_of_the_format(name, n_classes, n_before):
    gap = np.dtype(name).type(measure_collapse_gap(name, n_classes=n_classes, n_before=n_before))
    assert scalar_sum_is_one(gap, name, n_classes, n_before)
    assert not scalar_sum_is_one(np.nextafter(gap, gap * 0), name, n_classes, n_before)


def test_half_precision_thresholds_by_trying_every_number():
    gaps = half_precision_numbers()
    gaps = gaps[gaps <= 3000].astype(float)
    for head, layout, n_classes, n_before in itertools.product(
        ("softmax", "stablemax"), ("one_sided", "symmetric"), (2, 7), (0, 1)
    ):
        options = dict(head=head, layout=layout, n_classes=n_classes, n_before=n_before)
        losses = float_cross_entropy(gaps, np.float16, **options)
        threshold = measure_collapse_gap(np.float16, **options)
        assert losses[gaps == threshold] == 0.0
        # A tie may round to either side: the one number below the threshold is left out.
        assert np.all(losses[gaps >= threshold] == 0.0) and np.all(losses[gaps < threshold * (1 - 2e-3)] > 0.0)


@pytest.mark.parametrize(
    ("name", "softmax", "symmetric", "one_sided", "underflow"),
    [
        ("float16", 7.6246189861593985, 126, 2047, 17.3287),
        ("float32", 16.635532333438686, 8190, 16777215, 103.972),
        ("float64", 36.7368005696771, 268435454, 9007199254740991, 745.133),
    ],
)
def test_known_thresholds(name, softmax, symmetric, one_sided, underflow):
    """p log 2 for the softmax, to the grid of the format; the others are numbers of the format."""
    spacing = float(np.spacing(np.dtype(name).type(softmax)))
    assert abs(measure_collapse_gap(name, n_classes=113) - softmax) <= spacing
    assert measure_collapse_gap(name, head="stablemax", layout="symmetric") == symmetric
    assert measure_collapse_gap(name, head="stablemax") == one_sided
    assert measure_underflow_gap(name) == pytest.approx(underflow, rel=1e-3)


@pytest.mark.parametrize(
    ("head", "layout"), list(itertools.product(("softmax", "stablemax"), ("one_sided", "symmetric")))
)
def test_losses_approach_the_exact_ones_far_from_collapse(head, layout):
    gaps = np.array([[0.0, 0.5, 1.0], [2.0, 3.0, 5.0]])
    if head == "softmax":
        odds = np.exp(-gaps)
    else:
        odds = 1 / (1 + gaps) if layout == "one_sided" else (1 + gaps / 2) ** -2
    exact = np.log1p(3 * odds)
    for name, rounding in (("float16", 5e-3), ("float32", 1e-6), ("float64", 1e-14)):
        losses = float_cross_entropy(gaps, name, head=head, layout=layout, n_classes=4, n_before=2)
        assert losses.shape == gaps.shape and losses.dtype == np.float64
        np.testing.assert_allclose(losses, exact, atol=rounding)


@pytest.mark.parametrize("function", [float_cross_entropy, measure_collapse_gap])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dtype", "int32"), ("dtype", "float8"), ("dtype", np.longdouble), ("head", "sigmoid"), ("layout", "sideways"),
        ("n_classes", 1), ("n_before", -1), ("n_before", 2),
    ],
)  # fmt: skip
def test_bad_input_of_thresholds(function, name, value):
    arguments = dict(dtype="float32") | {name: value}
    if function is float_cross_entropy:
        arguments["gaps"] = [1.0]
    with pytest.raises(ValueError, match=name):
        function(**arguments)


@pytest.mark.parametrize("gaps", [[-1.0], [np.nan], [1e5]])
def test_bad_gaps(gaps):
    with pytest.raises(ValueError, match="gaps"):
        float_cross_entropy(gaps, np.float16)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dtype", "int16"), ("learning_rate", 0.0), ("learning_rate", np.inf), ("initial_gap", -0.1),
        ("initial_gap", np.nan), ("max_steps", 0), ("max_steps", 3585),
    ],
)  # fmt: skip
def test_bad_input_of_the_descent(name, value):
    with pytest.raises(ValueError, match=name):
        simulate_softmax_collapse(**dict(dtype="float16", learning_rate=0.5) | {name: value})


def test_bad_dtype_of_the_underflow():
    with pytest.raises(ValueError, match="dtype"):
        measure_underflow_gap(complex)


def test_the_step_limit_is_inclusive():
    assert simulate_softmax_collapse("float16", learning_rate=0.5, max_steps=3586) == 3586
