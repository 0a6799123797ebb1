"""Sample sizes of the scenario theorem and the law of recovering the whitened optimum."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy.stats import binom

from theory.convex_relu import pattern_sample_bound, pattern_sample_exact, whitened_recovery_probability

REFERENCE = [(10, 0.1, 0.1, 267, 152, 140), (20, 0.2, 0.5, 209, 104, 99), (100, 0.1, 0.05, 2080, 1172, 1161)]


@pytest.mark.parametrize(("n", "level", "failure", "paper", "one_more", "exact"), REFERENCE)
def test_reference_sizes(n, level, failure, paper, one_more, exact):
    levels = dict(violation_level=level, failure_probability=failure)
    assert pattern_sample_bound(n, **levels) == paper
    assert pattern_sample_exact(n + 1, **levels) == one_more
    assert pattern_sample_exact(n, **levels) == exact


@pytest.mark.parametrize("k", [1, 2, 7, 40])
@pytest.mark.parametrize("level", [0.9, 0.3, 0.02])
@pytest.mark.parametrize("failure", [0.5, 1e-3, 1e-12])
def test_exact_size_is_the_least(k, level, failure):
    size = pattern_sample_exact(k, violation_level=level, failure_probability=failure)
    assert size >= k
    assert binom.cdf(k - 1, size, level) <= failure
    assert binom.cdf(k - 1, size - 1, level) > failure


def test_exact_size_at_small_levels():
    """One support pattern: the least N with (1 - eps)^N <= delta. Poisson tails for many."""
    size = pattern_sample_exact(1, violation_level=1e-9, failure_probability=0.01)
    assert size == math.ceil(math.log(0.01) / math.log1p(-1e-9))
    size = pattern_sample_exact(5, violation_level=1e-12, failure_probability=1e-3)
    tail = mpmath.gammainc(5, size * mpmath.mpf("1e-12"), regularized=True)
    assert tail == pytest.approx(1e-3, rel=1e-10)  # Poisson and binomial differ by 1e-12


def test_both_branches_of_the_bound():
    """Large failure probabilities take (n + 1) / (eps delta) - 1, small ones the logarithm."""
    assert pattern_sample_bound(9, violation_level=0.1, failure_probability=0.8) == 124
    assert pattern_sample_bound(9, violation_level=0.5, failure_probability=1e-6) == math.ceil(4 * (10 + math.log(1e6)))


def test_exact_is_below_the_bound():
    grid = itertools.product([1, 2, 5, 20, 100], [0.5, 0.1, 0.01], [0.5, 0.1, 1e-3, 1e-9])
    for n, level, failure in grid:
        levels = dict(violation_level=level, failure_probability=failure)
        assert pattern_sample_exact(n, **levels) < pattern_sample_exact(n + 1, **levels)
        assert pattern_sample_exact(n + 1, **levels) <= pattern_sample_bound(n, **levels)


@pytest.mark.parametrize(("n_patterns", "value"), [(4, 0.467300415039), (8, 0.809796765679), (16, 0.980055260910)])
def test_recovery_reference_values(n_patterns, value):
    assert whitened_recovery_probability(2, 2, n_patterns) == pytest.approx(value, abs=5e-13)


@pytest.mark.parametrize(("positive", "negative", "draws"), [(1, 1, 3), (2, 1, 3), (2, 2, 3), (3, 0, 3), (0, 0, 2)])
def test_recovery_by_enumeration(positive, negative, draws):
    """All equally likely draws of sign patterns: one on at every positive target, one at every negative."""
    patterns = list(itertools.product([0, 1], repeat=positive + negative))
    samples = list(itertools.product(patterns, repeat=draws))
    hits = sum(any(all(p[:positive]) for p in s) and any(all(p[positive:]) for p in s) for s in samples)
    assert whitened_recovery_probability(positive, negative, draws) == pytest.approx(hits / len(samples), rel=1e-14)


def test_recovery_limits():
    assert whitened_recovery_probability(3, 2, 0) == 0.0
    assert whitened_recovery_probability(0, 0, 0) == 1.0
    assert whitened_recovery_probability(1, 1, 1) == 0.25
    assert whitened_recovery_probability(4, 4, 10**9) == 1.0
    # N 2^-n for one rare pattern, without cancellation.
    assert whitened_recovery_probability(80, 0, 1000) == pytest.approx(1000 * 2.0**-80, rel=1e-14)
    assert whitened_recovery_probability(5000, 1, 10) == 0.0
    assert whitened_recovery_probability(3, 5, 20) == whitened_recovery_probability(5, 3, 20)


@pytest.mark.parametrize("function", [pattern_sample_bound, pattern_sample_exact])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, 1.5, np.nan])
def test_bad_levels(function, value):
    with pytest.raises(ValueError, match="violation_level"):
        function(3, violation_level=value, failure_probability=0.1)
    with pytest.raises(ValueError, match="failure_probability"):
        function(3, violation_level=0.1, failure_probability=value)


def test_bad_counts():
    with pytest.raises(ValueError, match="n_samples"):
        pattern_sample_bound(0, violation_level=0.1, failure_probability=0.1)
    with pytest.raises(ValueError, match="n_support"):
        pattern_sample_exact(0, violation_level=0.1, failure_probability=0.1)
    for arguments, name in [((-1, 1, 1), "n_positive"), ((1, -1, 1), "n_negative"), ((1, 1, -1), "n_patterns")]:
        with pytest.raises(ValueError, match=name):
            whitened_recovery_probability(*arguments)
