"""Collapse thresholds against the arithmetic of the formats themselves, and the gap flow against its equation."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from theory.grokking import (
    logit_gap_flow,
    softmax_collapse_gap,
    softmax_collapse_time,
    softmax_underflow_gap,
    stablemax_collapse_gap,
)
from theory.grokking.collapse_time import QUANTISED_TIME

FORMATS = [np.float16, np.float32, np.float64]
PRECISION = {np.float16: 11, np.float32: 24, np.float64: 53}


def denominator(gap, dtype, n_classes, order):
    """The sum of the softmax as a sequential sum in the format, exponentials correctly rounded."""
    small = dtype(mp.exp(-mp.mpf(gap)))
    terms = [dtype(1)] + [small] * (n_classes - 1)
    total = dtype(0)
    for term in terms if order == "max_first" else reversed(terms):
        total = total + term
    return total


def test_reference_gaps():
    expected = [7.6246189861593985, 16.635532333438686, 36.7368005696771]
    assert_allclose([softmax_collapse_gap(dtype) for dtype in FORMATS], expected, rtol=1e-15)
    assert softmax_collapse_gap("float32", n_classes=113, order="max_last") == pytest.approx(21.3540312, abs=5e-8)
    underflows = [softmax_underflow_gap(dtype) for dtype in FORMATS]
    assert_allclose(underflows, [17.3287, 103.972, 745.133], rtol=3e-6)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("n_classes", [2, 3, 113])
def test_sum_that_starts_with_the_largest(dtype, n_classes):
    threshold = softmax_collapse_gap(dtype, n_classes=n_classes)
    grid = max(2.0 ** (1 - PRECISION[dtype]), 2 * math.ulp(threshold))  # of e^{-z} in the format, relative
    assert denominator(threshold + math.ulp(threshold), dtype, n_classes, "max_first") == 1
    assert denominator(threshold - grid, dtype, n_classes, "max_first") > 1


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("n_classes", [2, 3, 5, 17])
def test_sum_that_ends_with_the_largest(dtype, n_classes):
    """Powers of two of small terms add up without rounding."""
    threshold = softmax_collapse_gap(dtype, n_classes=n_classes, order="max_last")
    # In float16 the small terms are subnormal from 14 ln 2 on, where their grid is 2^-24.
    smallest = 2.0**-24 * math.exp(threshold) if dtype is np.float16 else 0.0
    grid = max(2.0 ** (1 - PRECISION[dtype]), 2 * math.ulp(threshold), smallest)
    assert denominator(threshold + math.ulp(threshold), dtype, n_classes, "max_last") == 1
    assert denominator(threshold - grid, dtype, n_classes, "max_last") > 1


@pytest.mark.parametrize("dtype", FORMATS)
def test_underflow(dtype):
    threshold = softmax_underflow_gap(dtype)
    above, below = (dtype(mp.exp(-mp.mpf(threshold) * factor)) for factor in (1 + 1e-14, 1 - 1e-4))
    assert above == 0 and below > 0


def absorbs(large, small):
    return large + small == large


@pytest.mark.parametrize("dtype", FORMATS)
def test_symmetric_stablemax(dtype):
    """No smaller score absorbs its inverse: all of them in float16, the last hundred thousand otherwise."""
    score = dtype(1 + stablemax_collapse_gap(dtype) / 2)
    assert absorbs(score, dtype(1) / score)
    spacing = np.spacing(np.nextafter(score, dtype(0)))
    count = min(10**5, int((score - dtype(1)) / spacing)) if dtype is not np.float16 else 0
    if dtype is np.float16:
        candidates = np.arange(np.float16(1).view(np.uint16), score.view(np.uint16), dtype=np.uint16).view(np.float16)
    else:
        candidates = (score - spacing * np.arange(count, 0, -1)).astype(dtype)
    assert candidates[-1] == np.nextafter(score, dtype(0))
    assert not absorbs(candidates, dtype(1) / candidates).any()


@pytest.mark.parametrize("dtype", FORMATS)
def test_one_sided_stablemax(dtype):
    gap = stablemax_collapse_gap(dtype, layout="one_sided")
    score = dtype(gap + 1)
    assert absorbs(score, dtype(1))
    assert not absorbs(np.nextafter(score, dtype(0)), dtype(1))
    # Odd significands do not absorb the tie; past the next power of two every one does.
    last = np.nextafter(2 * score, dtype(0))
    assert not absorbs(last, dtype(1)) and absorbs(2 * score, dtype(1))
    assert absorbs(np.nextafter(2 * score, dtype(np.inf)), dtype(1))


def test_reference_stablemax_gaps():
    assert [stablemax_collapse_gap(dtype) for dtype in FORMATS] == [126.0, 8190.0, 268435454.0]
    expected = [2047.0, 16777215.0, 9007199254740991.0]
    assert [stablemax_collapse_gap(dtype, layout="one_sided") for dtype in FORMATS] == expected


def test_dtypes_by_name():
    for dtype in FORMATS:
        assert softmax_collapse_gap(np.dtype(dtype)) == softmax_collapse_gap(np.dtype(dtype).name)
        assert softmax_collapse_gap(dtype) == softmax_collapse_gap(np.dtype(dtype).name)


def test_reference_flow():
    values = logit_gap_flow([1.0, 10.0, 100.0])
    assert_allclose(values, [0.442854401002, 2.17732510061, 4.56882949484], rtol=2e-12)
    assert logit_gap_flow(3.0, speed=2.0, initial_gap=0.5) == pytest.approx(1.84166849538, rel=2e-12)


@pytest.mark.parametrize("start", [-800.0, -30.0, -1.0, 0.0, 0.5, 5.0, 39.0, 41.0, 200.0, 900.0])
@pytest.mark.parametrize("time", [0.0, 1e-8, 0.3, 50.0, 1e4, 1e16, 1e300])
def test_flow_solves_its_equation(start, time):
    """In 500 digits; the gap is found to a few units in the last place of its own size."""
    with mp.workdps(500):
        total = mp.exp(start) + mp.mpf(start) + mp.mpf(time)
        guess = mp.log(total) if total > 3 else total - mp.exp(total) if total < -3 else mp.mpf(0)
        gap = guess
        for _ in range(60):
            gap -= (mp.exp(gap) + gap - total) / (mp.exp(gap) + 1)
        expected = float(gap)
    value = logit_gap_flow(time, initial_gap=start)
    # The sum e^{z_0} + z_0 + t is rounded: relative to dz/d(sum) = sigma(-z) that is one unit of 1, or of z_0.
    assert value == pytest.approx(expected, rel=1e-14, abs=4e-16 * max(1.0, abs(start)))


def test_flow_is_the_solution_of_the_equation():
    solution = solve_ivp(lambda _, z: 1.7 / (1 + np.exp(z)), (0, 30), [-2.0], rtol=1e-11, atol=1e-12,
                         t_eval=np.linspace(0, 30, 7))  # fmt: skip
    assert_allclose(logit_gap_flow(solution.t, speed=1.7, initial_gap=-2.0), solution.y[0], atol=1e-9)


def test_shapes():
    times = np.arange(6.0).reshape(2, 3)
    assert logit_gap_flow(times).shape == (2, 3)
    assert isinstance(logit_gap_flow(1.0), float)


def test_reference_times():
    expected = [2054.6246189861595, 16777231.635532334, 9007199254741028.0]
    assert_allclose([softmax_collapse_time(dtype) for dtype in FORMATS], expected, rtol=2e-16)
    quantised = softmax_collapse_time("float16", quantised=True)
    assert [round(quantised / step, 1) for step in (0.5, 0.1, 0.05)] == [3585.3, 17926.5, 35853.0]


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("start", [-50.0, 0.0, 5.0, 7.6])
def test_flow_reaches_the_threshold_at_the_time(dtype, start):
    time = softmax_collapse_time(dtype, speed=3.0, initial_gap=start)
    gap = logit_gap_flow(time, speed=3.0, initial_gap=start)
    assert gap == pytest.approx(softmax_collapse_gap(dtype), rel=1e-14)


def test_collapsed_from_the_start():
    for quantised in (False, True):
        assert softmax_collapse_time("float16", initial_gap=8.0, quantised=quantised) == 0.0
        assert softmax_collapse_time("float16", initial_gap=1e6, quantised=quantised) == 0.0


def test_quantised_constant():
    with mp.workdps(30):
        direct = mp.nsum(lambda j: mp.log((2 * j + 1) / (2 * j - 1)) / j, [1, mp.inf])
        series = mp.nsum(lambda k: mp.zeta(2 * k + 2) / ((2 * k + 1) * mp.mpf(4) ** k), [0, mp.inf])
    assert float(direct) == pytest.approx(float(series), rel=1e-14)
    assert QUANTISED_TIME == float(series)


@pytest.mark.parametrize("dtype", FORMATS)
def test_quantised_time_is_shorter_and_continuous(dtype):
    """0.875 of the exact time from gap 0, and no jump where the sum over bins takes over from its asymptotic form."""
    scale = 2.0 ** (PRECISION[dtype] - 1)
    exact = softmax_collapse_time(dtype)
    assert softmax_collapse_time(dtype, quantised=True) / exact == pytest.approx(QUANTISED_TIME / 2, rel=5e-3)
    for gap in [0.0, *np.log(scale / np.array([1e5, 1000.5, 1.5])).clip(0.0), softmax_collapse_gap(dtype)]:
        around = [softmax_collapse_time(dtype, initial_gap=gap + shift, quantised=True) for shift in (-1e-9, 1e-9)]
        # The slope of the time in the gap is -1 / gradient, at most 2^{p-1}.
        assert abs(around[1] - around[0]) < 2e-9 * 2.2 * scale + 1e-6


@pytest.mark.parametrize("gap", [0.0, 2.0, 5.0, 6.0, 7.0])
def test_quantised_time_in_half_precision(gap):
    """Gradient descent whose softmax is evaluated in float16, step by step."""
    one, weight, step, n_steps = np.float16(1), gap, 0.05, 0
    while (total := one + np.float16(math.exp(-float(np.float16(weight))))) != one:
        weight += step * float(one - np.float16(one / total))
        n_steps += 1
    # Rounding of z in float16 moves the bins by up to 2^-9; terms of order p are left out of the law.
    predicted = softmax_collapse_time("float16", initial_gap=gap, quantised=True) / step
    assert n_steps == pytest.approx(predicted, rel=5e-3)
