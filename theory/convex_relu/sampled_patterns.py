"""How many sampled patterns make one more of them unlikely to help, and how many reach the global optimum."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincc

from assay.base import integer, number

__all__ = ["pattern_sample_bound", "pattern_sample_exact", "whitened_recovery_probability"]


def pattern_sample_bound(n_samples: int, *, violation_level: float, failure_probability: float) -> int:
    """Return a number of sampled patterns after which one more lowers the optimum with small probability only.

    The least integer not below min((n + 1) / (eps delta) - 1, 2 (n + 1 - log delta) / eps), with n = ``n_samples``
    >= 1 the number of data, eps = ``violation_level`` and delta = ``failure_probability`` in (0, 1): with probability
    at least 1 - delta over so many iid patterns, one more lowers the optimum with probability at most eps. It says
    nothing of the distance from the global optimum. Bound, far from tight.

    Raises ``ValueError`` naming the parameter. Source: Theorem 2.2 of Bai, Gautam and Sojoudi, "Efficient Global
    Optimization of Two-layer ReLU Networks", arXiv 2201.01965, as we understand it; Calafiore and Campi (2005, 2006).
    """
    n = integer("n_samples", n_samples, "[1, inf)")
    level, failure = _read_levels(violation_level, failure_probability)
    by_mean = (n + 1) / level / failure - 1.0
    return math.ceil(min(by_mean, 2.0 * (n + 1 - math.log(failure)) / level))


def pattern_sample_exact(n_support: int, *, violation_level: float, failure_probability: float) -> int:
    """Return the least N with P(Binomial(N, violation_level) < n_support) <= failure_probability.

    So many iid patterns serve as :func:`pattern_sample_bound` says if at most ``n_support`` >= 1 of them can be
    decisive; that is at most the number of data, the dimension of the dual problem. Both levels in (0, 1). Exact for
    programs in which exactly so many are, bound otherwise.

    Raises ``ValueError`` naming the parameter. Source: Campi and Garatti, "The exact feasibility of randomized
    solutions of uncertain convex programs" (2008), Theorem 1 (numbering unverified).
    """
    k = integer("n_support", n_support, "[1, inf)")
    level, failure = _read_levels(violation_level, failure_probability)

    def enough(n: int) -> bool:
        return n >= k and bool(betaincc(k, n - k + 1, level) <= failure)

    low, high = 0, k
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def whitened_recovery_probability(n_positive: int, n_negative: int, n_patterns: int) -> float:
    """Return the probability that sampled patterns contain the global optimum of whitened data.

    Features with X X^T = I, ``n_positive`` and ``n_negative`` targets of either sign, each part of norm above the
    regularisation, or empty; ``n_patterns`` >= 0 iid patterns of Gaussian directions. The neuron of the positive
    targets needs one pattern that is on at all of them, the other neuron likewise, and those are independent events:
    the probability is (1 - (1 - 2^-n_positive)^N) (1 - (1 - 2^-n_negative)^N), a factor for each non-empty part. Exact.

    Raises ``ValueError`` naming the parameter.
    """
    sizes = integer("n_positive", n_positive, "[0, inf)"), integer("n_negative", n_negative, "[0, inf)")
    n = integer("n_patterns", n_patterns, "[0, inf)")
    # One minus a power near 1 would cancel.
    return float(np.prod([-math.expm1(n * math.log1p(-(2.0**-size))) for size in sizes if size > 0]))


def _read_levels(violation_level: float, failure_probability: float) -> tuple[float, float]:
    level = number("violation_level", violation_level, "(0, 1)")
    return level, number("failure_probability", failure_probability, "(0, 1)")
