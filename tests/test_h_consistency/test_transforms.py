"""The published transform: its formula at high precision, inverses, validity on random pairs, tightness."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.h_consistency import (
    conditional_risk,
    h_consistency_bound,
    h_consistency_transform,
    optimal_conditional_risk,
    simple_bound,
    simple_transform,
    tight_transform,
)

BETAS = [1e-100, 1e-8, 1e-4, 0.05, 0.5, 0.93, 1 - 1e-12, 1.0]


def published(beta, tau, n):
    """The formula of the theorem, with as many digits as the working precision has."""
    beta, tau = mp.mpf(beta), mp.mpf(tau)
    if tau == 1:
        return sum((1 + s * beta) / 2 * mp.log(1 + s * beta) for s in (1, -1) if 1 + s * beta)
    if tau >= 2:
        return beta / ((tau - 1) * mp.mpf(n) ** (tau - 1))
    mean = ((1 + beta) ** (1 / (2 - tau)) + (1 - beta) ** (1 / (2 - tau))) / 2
    if tau < 1:
        return 2 ** (1 - tau) / (1 - tau) * (1 - mean ** (2 - tau))
    return (mean ** (2 - tau) - 1) / ((tau - 1) * mp.mpf(n) ** (tau - 1))


@pytest.mark.parametrize("n_classes", [2, 7])
@pytest.mark.parametrize("tau", [0, 0.4, 0.5, 0.9, 1 - 1e-12, 1, 1 + 1e-15, 1 + 1e-9, 1.3, 1.5, 1.9, 2 - 1e-9, 2, 2.7])
def test_transform_and_inverse_keep_all_digits(tau, n_classes):
    values = h_consistency_transform(BETAS, tau=tau, n_classes=n_classes)
    with mp.workdps(450):
        exact = [float(published(beta, tau, n_classes)) for beta in BETAS]
    # A few units in the last place; artanh(beta) close to 1 amplifies rounding ten times.
    assert_allclose(values, exact, rtol=2e-14)
    assert_allclose(h_consistency_bound(values, tau=tau, n_classes=n_classes), BETAS, rtol=1e-12)


def test_reference_values():
    for tau, value in ((0, 0.133974596216), (0.5, 0.125627761034), (1, 0.130812035941)):
        for n in (2, 10):
            assert_allclose(h_consistency_transform(0.5, tau=tau, n_classes=n), value, rtol=1e-11)
    table = {1.2: 0.101145498408, 1.5: 0.0746512491529, 1.7: 0.0648978570511, 2: 0.05}
    for tau, value in table.items():
        assert_allclose(h_consistency_transform(0.5, tau=tau, n_classes=10), value, rtol=1e-11)
    assert_allclose(h_consistency_transform(0.3, tau=1.9, n_classes=10), 0.0298213125428, rtol=1e-11)
    assert_allclose(h_consistency_transform(0.05, tau=2, n_classes=10), 0.005, rtol=1e-14)
    assert_allclose(h_consistency_transform(0.3, tau=3, n_classes=4), 0.009375, rtol=1e-14)


@pytest.mark.parametrize(
    ("t", "tau", "n", "value"),
    [
        (0.1, 0, 3, 0.435889894354),
        (0.1, 0.5, 3, 0.449096051887),
        (0.1, 1, 3, 0.439589252323),
        (0.1, 1.5, 10, 0.584147041435),
        (0.01, 1.7, 100, 0.427590967967),
        (0.03, 2, 10, 0.3),
    ],
)
def test_reference_values_of_the_bound(t, tau, n, value):
    assert_allclose(h_consistency_bound(t, tau=tau, n_classes=n), value, rtol=2e-12)


@pytest.mark.parametrize("n", [2, 6])
def test_closed_form_inverses(n):
    t = np.array([0.0, 1e-12, 0.01, 0.2])
    assert_allclose(h_consistency_bound(t, tau=0, n_classes=n), np.sqrt(t * (2 - t)), rtol=1e-14)
    exact = np.sqrt(np.sqrt(n) * t + n * t**2 / 4)
    assert_allclose(h_consistency_bound(t, tau=1.5, n_classes=n), np.minimum(exact, 1), rtol=1e-14)
    assert_allclose(h_consistency_bound(t, tau=2, n_classes=n), np.minimum(n * t, 1), rtol=1e-14)


@pytest.mark.parametrize("tau", [0, 0.6, 1, 1.4, 2, 2.5])
def test_simple_form_is_weaker_and_leading(tau):
    beta, n = np.linspace(0.0, 1.0, 201), 5
    full, simple = (f(beta, tau=tau, n_classes=n) for f in (h_consistency_transform, simple_transform))
    assert np.all(simple <= full * (1 + 1e-15))
    small = np.array([1e-5])
    leading = h_consistency_transform(small, tau=tau, n_classes=n) / simple_transform(small, tau=tau, n_classes=n)
    # Below 1 and at 1 the simple form is the leading term; between, it lacks the factor 1 / (2 - tau).
    assert_allclose(leading, 1 / (2 - tau) if 1 < tau < 2 else 1.0, rtol=1e-9)
    t = np.geomspace(1e-6, 10, 50)
    assert np.all(simple_bound(t, tau=tau, n_classes=n) >= h_consistency_bound(t, tau=tau, n_classes=n) * (1 - 1e-14))
    inside = simple[simple > 0]
    assert_allclose(simple_bound(inside, tau=tau, n_classes=n), beta[simple > 0], rtol=1e-14)


@pytest.mark.parametrize("tau", [0, 0.5, 1, 1.5, 1.9, 2, 3])
def test_shape_of_the_transform(tau):
    beta, n = np.linspace(0, 1, 401), 4
    values = h_consistency_transform(beta, tau=tau, n_classes=n)
    assert values[0] == 0.0
    assert np.all(np.diff(values) > 0)
    assert np.all(np.diff(values, 2) > -1e-15)
    top = {0: 1.0, 0.5: 2 * (2**0.5 - 1), 1: math.log(2)}
    if tau in top:
        assert_allclose(values[-1], top[tau], rtol=1e-15)
    last = values[-1]
    assert np.all(h_consistency_bound([last, 2 * last, math.inf], tau=tau, n_classes=n) == 1.0)
    assert h_consistency_bound([0.0, -1e-13], tau=tau, n_classes=n).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("n", [2, 10])
def test_limits_in_tau(n):
    beta = np.array([0.1, 0.5, 0.9])
    logistic = h_consistency_transform(beta, tau=1, n_classes=n)
    for tau in (1 - 1e-8, 1 + 1e-8):
        assert_allclose(h_consistency_transform(beta, tau=tau, n_classes=n), logistic, rtol=1e-7)
    assert_allclose(h_consistency_transform(beta, tau=2 - 1e-9, n_classes=n), beta / n, rtol=1e-7)
    assert_allclose(h_consistency_transform(beta, tau=0, n_classes=n), 1 - np.sqrt(1 - beta**2), rtol=1e-14)


def random_pairs(n_pairs, n_classes, tau, seed):
    """Probabilities, scores near the optimal ones and far from them, and the zero-one regret of the prediction."""
    source = np.random.default_rng(seed)
    p = source.random((n_pairs, n_classes)) ** (1 + 6 * source.random((n_pairs, 1)))
    p /= p.sum(axis=1, keepdims=True)
    alpha = 5.0 if tau >= 2 else 1 / (2 - tau)
    noise = source.uniform(-1, 1, p.shape) * source.uniform(0, 4, (n_pairs, 1))
    scores = alpha * np.log(p) + noise
    beta = p.max(axis=1) - np.take_along_axis(p, scores.argmax(axis=1)[:, None], axis=1)[:, 0]
    return p, scores, beta


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("tau", [0, 0.5, 1, 1.5, 1.8, 2, 3])
def test_both_transforms_hold_on_random_pairs(tau, n_classes):
    p, scores, beta = random_pairs(30_000, n_classes, tau, seed=n_classes)
    slack = conditional_risk(p, scores, tau=tau) - optimal_conditional_risk(p, tau=tau)
    exact = tight_transform(beta, tau=tau, n_classes=n_classes)
    # Rounding of two risks of order n_classes.
    assert (slack - exact).min() > -1e-12
    assert np.all(h_consistency_transform(beta, tau=tau, n_classes=n_classes) <= exact + 1e-15)
    assert np.count_nonzero(beta) > 1000


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("tau", [0, 0.5, 1])
def test_equality_up_to_the_logistic_loss(tau, n_classes):
    beta = np.linspace(0.01, 1, 50)
    p = np.zeros((50, n_classes))
    p[:, 0], p[:, 1] = (1 + beta) / 2, (1 - beta) / 2
    scores = np.full(n_classes, -math.inf)
    scores[:2] = 0.0
    regret = conditional_risk(p, scores, tau=tau) - optimal_conditional_risk(p, tau=tau)
    assert_allclose(regret, h_consistency_transform(beta, tau=tau, n_classes=n_classes), rtol=1e-11, atol=1e-15)
    # The simple form is not attained: .125 instead of .13397 at tau = 0, beta = .5.
    assert simple_transform(0.5, tau=0, n_classes=n_classes) < 0.126


def test_two_classes_below_two_attain_the_transform():
    beta = np.linspace(0.01, 1, 50)
    p = np.stack([(1 + beta) / 2, (1 - beta) / 2], axis=1)
    for tau in (1.2, 1.66, 1.95):
        regret = conditional_risk(p, np.zeros(2), tau=tau) - optimal_conditional_risk(p, tau=tau)
        assert_allclose(regret, h_consistency_transform(beta, tau=tau, n_classes=2), rtol=1e-11, atol=1e-15)
