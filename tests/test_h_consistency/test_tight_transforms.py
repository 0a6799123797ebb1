"""The exact transform against direct minimisation over distributions, its envelope and the bound it gives."""

import functools

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, softmax

from theory.h_consistency import (
    convex_tight_transform,
    critical_tau,
    h_consistency_bound,
    h_consistency_transform,
    optimal_conditional_risk,
    predicted_class_optimal_risk,
    tight_bound,
    tight_transform,
)


def regret(p, tau):
    """Least regret when class 1 is predicted; class 0 is the best."""
    return predicted_class_optimal_risk(p, 1, tau=tau) - float(optimal_conditional_risk(p, tau=tau))


@pytest.mark.parametrize(
    ("beta", "tau", "n", "value"),
    [
        (0.5, 1.2, 10, 0.139553444277),
        (0.5, 1.5, 10, 0.166925267711),
        (0.5, 1.7, 10, 0.196829705186),
        (0.3, 1.9, 10, 0.0796383453989),
        (0.5, 2, 10, 0.166666666667),
        (0.05, 2, 10, 0.005),
        (0.3, 3, 4, 0.11875),
    ],
)
def test_reference_values(beta, tau, n, value):
    assert_allclose(tight_transform(beta, tau=tau, n_classes=n), value, rtol=3e-12)


def test_reference_values_of_the_bound():
    for tau, value in ((0, 0.435889894354), (0.5, 0.449096051887), (1, 0.439589252323)):
        assert_allclose(tight_bound(0.1, tau=tau, n_classes=4), value, rtol=1e-11)
    assert_allclose(tight_bound(0.1, tau=1.5, n_classes=10), 0.382650436087, rtol=1e-11)
    # The value .0993646617 known to 1e-6: it was read off an envelope of 2001 points.
    assert_allclose(tight_bound(0.01, tau=1.7, n_classes=100), 0.0993646617, rtol=1e-5)
    # Corners (1/6, 1/42) and (1/5, 1/30): 1/6 + (.03 - 1/42) 7/2.
    assert_allclose(tight_bound(0.03, tau=2, n_classes=10), 113 / 600, rtol=1e-14)


def test_critical_tau():
    assert_allclose(critical_tau(), 1.6629838290682, rtol=0, atol=5e-14)
    with mp.workdps(30):
        # A double root: both the excess of (beta, 0, 1 - beta) over two classes and its slope vanish.
        def excess(beta, tau):
            power = 1 / (2 - tau)
            three = (beta**power + (1 - beta) ** power) ** (2 - tau) - 3 ** (1 - tau)
            two = 2 ** (1 - tau) * ((((1 + beta) ** power + (1 - beta) ** power) / 2) ** (2 - tau) - 1)
            return (three - two) / (tau - 1)

        slope = lambda beta, tau: mp.diff(lambda x: excess(x, tau), beta)  # noqa: E731
        beta, tau = mp.findroot(lambda b, t: [excess(b, t), slope(b, t)], (mp.mpf("0.6"), mp.mpf("1.663")))
        assert_allclose(critical_tau(), float(tau), rtol=0, atol=1e-14)
        assert_allclose(float(beta), 0.600134, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n", [3, 5, 20])
def test_class_count_matters_only_beyond_the_critical_tau(n):
    beta = np.linspace(0.3, 0.9, 2401)

    def least_ratio(tau):
        ratio = tight_transform(beta, tau=tau, n_classes=n) / tight_transform(beta, tau=tau, n_classes=2)
        return ratio.min()

    assert least_ratio(critical_tau() - 1e-3) == 1.0
    assert_allclose(least_ratio(critical_tau() + 1e-3), 0.9989, rtol=0, atol=5e-5)
    assert least_ratio(critical_tau() + 1e-6) < 1.0


@pytest.mark.parametrize("tau", [1.0, 1.4, 1.66, 1.68, 1.75, 1.9, 1.99, 2.0, 2.4, 3.0])
@pytest.mark.parametrize("beta", [0.07, 0.3, 0.47, 0.62, 0.9])
def test_three_classes_by_brute_force(tau, beta):
    low, high = max(beta, (1 + beta) / 3), (1 + beta) / 2

    def cost(top):
        return regret([top, top - beta, max(1 - 2 * top + beta, 0.0)], tau)

    grid = np.linspace(low, high, 120)
    values = np.array([cost(top) for top in grid])
    around = grid[np.clip([values.argmin() - 1, values.argmin() + 1], 0, 119)]
    polished = minimize_scalar(cost, bounds=around, method="bounded", options={"xatol": 1e-9}).fun
    # The polish stops 1e-9 short of an end of the interval at worst; the rest is rounding.
    assert_allclose(tight_transform(beta, tau=tau, n_classes=3), min(polished, values.min()), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(("tau", "n"), [(1.5, 4), (1.7, 4), (1.8, 5), (1.95, 4), (2.0, 5), (2.5, 4)])
def test_no_search_goes_below_and_some_start_attains(tau, n):
    for beta in (0.15, 0.4):
        exact = float(tight_transform(beta, tau=tau, n_classes=n))

        def cost(logits, beta=beta):
            # Top class P, predicted P - beta; the others share the rest, and are penalised above P.
            lowest = max(beta, (1 + beta) / n)
            top = lowest + ((1 + beta) / 2 - lowest) * expit(logits[0])
            others = (1 - 2 * top + beta) * softmax(np.append(0.0, logits[1:]))
            p = np.maximum(np.concatenate([[top, top - beta], np.minimum(others, top)]), 0.0)
            return regret(p / p.sum(), tau) + 10 * np.maximum(others - top, 0).sum()

        source = np.random.default_rng(7)
        starts = [
            np.append(s, np.where(np.arange(n - 3) < k, 0.0, -25.0)) for s in (-20.0, -2.0, 3.0) for k in range(n - 2)
        ]
        starts += [source.normal(0, 1.5, n - 2) for _ in range(3)]
        options = {"xatol": 1e-10, "fatol": 1e-15, "maxfev": 250}
        found = min(minimize(cost, s, method="Nelder-Mead", options=options).fun for s in starts)
        # Never below, up to rounding; attained as closely as a simplex search comes to a corner.
        assert found > exact - 1e-12
        assert found < exact * (1 + 1e-6)


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("tau", [1.67, 1.74, 1.85, 1.97])
def test_pooled_family_by_a_fine_scan(tau, n):
    """All m and a fine grid of P in the family (P, P - beta, r, ..., r), pooling of two classes included."""
    alpha = 1 / (2 - tau)
    for beta in (0.03, 0.11, 0.26, 0.5, 0.66):
        least = float(tight_transform(beta, tau=tau, n_classes=2))
        for m in range(1, n - 1):
            low, high = max(beta, (1 + beta) / (m + 2)), (1 + beta) / 2
            for _ in range(3):  # zoom
                top = np.linspace(low, high, 201)
                r = np.maximum((1 - 2 * top + beta) / m, 0)
                spread = top**alpha + (top - beta) ** alpha + m * r**alpha
                pooled = np.where(
                    r > top - beta / 2, (m + 2.0) ** (1 - alpha), 2 * (top - beta / 2) ** alpha + m * r**alpha
                )
                values = (spread ** (2 - tau) - pooled ** (2 - tau)) / (tau - 1)
                best = values.argmin()
                low, high = top[max(best - 1, 0)], top[min(best + 1, 200)]
            least = min(least, values.min())
        assert_allclose(tight_transform(beta, tau=tau, n_classes=n), least, rtol=1e-9)


@pytest.mark.parametrize("n", [3, 4, 9])
@pytest.mark.parametrize("tau", [2.0, 2.2, 3.0, 5.0])
def test_piecewise_linear_regime_by_enumeration(tau, n):
    for beta in (0.02, 1 / (n - 1), 0.2, 1 / 3, 0.4, 0.77, 1.0):
        top = max(beta, (1 + beta) / n)
        costs = [beta] + [top - m ** (1 - tau) * min(m * top - beta, 1) for m in range(2, n + 1)]
        assert_allclose(tight_transform(beta, tau=tau, n_classes=n), min(costs) / (tau - 1), rtol=1e-13)
        if tau == 2:
            k = min(int(1 / beta + 1e-12), n - 1)
            closed = min([beta / (k + 1)] + [beta - 1 / (k + 2)] * (k + 1 <= n - 1))
            assert_allclose(tight_transform(beta, tau=2, n_classes=n), closed, rtol=1e-13)


@pytest.mark.parametrize(("tau", "n"), [(1.0, 3), (1.7, 3), (1.8, 10), (1.95, 100), (2.0, 6), (2.5, 5), (3.0, 4)])
def test_envelope_is_convex_below_and_touching(tau, n):
    beta = np.linspace(0, 1, 3001)
    exact = tight_transform(beta, tau=tau, n_classes=n)
    hull = convex_tight_transform(beta, tau=tau, n_classes=n)
    assert exact[0] == hull[0] == 0.0
    assert np.all(np.diff(exact) > 0)
    assert np.all(hull <= exact + 1e-12)
    assert np.diff(hull, 2).min() > -1e-11
    if tau <= critical_tau():
        assert_allclose(hull, exact, rtol=0, atol=0)
    else:
        # Chords of a grid with spacing 5e-5 lie above a curve of second derivative 60 by 2e-8 at most.
        excess = dense_envelope(tau, n)(beta) - hull
        assert -1e-12 < excess.min() <= excess.max() < 2e-8


@functools.cache
def dense_envelope(tau, n):
    x = np.unique(np.concatenate([np.linspace(0, 1, 20_001), np.geomspace(1e-6, 1, 5000), 1 / np.arange(1, n)]))
    points = list(zip(x, tight_transform(x, tau=tau, n_classes=n), strict=True))
    kept = []
    for point in points:
        while len(kept) > 1 and turn(kept[-2], kept[-1], point) <= 0:
            kept.pop()
        kept.append(point)
    return lambda beta: np.interp(beta, *zip(*kept, strict=True))


def turn(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@pytest.mark.parametrize("n", [2, 3, 30])
@pytest.mark.parametrize("tau", [0, 1, 1.5, 1.7, 1.9, 1.99, 2, 2.5, 4])
def test_bound_inverts_the_envelope(tau, n):
    top = float(tight_transform(1.0, tau=tau, n_classes=n))
    t = np.concatenate([np.geomspace(1e-9, 0.9999, 200) * top, [top]])
    bound = tight_bound(t, tau=tau, n_classes=n)
    assert_allclose(convex_tight_transform(bound, tau=tau, n_classes=n), t, rtol=1e-12)
    assert np.all(np.diff(bound) > 0)
    assert bound[-1] == 1.0
    assert np.all(bound <= h_consistency_bound(t, tau=tau, n_classes=n) * (1 + 1e-13))
    assert tight_bound([0.0, 2 * top], tau=tau, n_classes=n).tolist() == [0.0, 1.0]


def test_factor_gained_over_the_published_bound():
    # Leading behaviour: beta^2 = 2^tau (2 - tau) t against 2 n^(tau - 1) t in the simple form, 162 at tau = 1.65.
    t, tau, n = 1e-9, 1.65, 1000
    gain = (np.sqrt(2 * n ** (tau - 1) * t) / float(tight_bound(t, tau=tau, n_classes=n))) ** 2
    assert_allclose(gain, 2 * n ** (tau - 1) / (2**tau * (2 - tau)), rtol=1e-6)
    assert 161 < gain < 164
    # For two classes nothing is gained below tau = 2.
    beta = np.linspace(0, 1, 21)
    for order in (0.5, 1.5, 1.9):
        both = [f(beta, tau=order, n_classes=2) for f in (tight_transform, h_consistency_transform)]
        assert_allclose(*both, rtol=1e-15)


def test_small_regrets_of_many_classes():
    # As beta -> 0 two classes are the worst for every tau < 2; at tau = 2 all n are.
    beta = np.geomspace(1e-8, 1e-5, 7)
    for tau in (1.7, 1.9):
        assert_allclose(tight_transform(beta, tau=tau, n_classes=1000), beta**2 / (2**tau * (2 - tau)), rtol=1e-4)
    assert_allclose(tight_transform(beta, tau=2, n_classes=1000), beta / 1000, rtol=1e-9)
