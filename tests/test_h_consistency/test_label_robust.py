"""LDR-KL losses: the maximum over label weights, limits, minimisers by descent, regrets of two classes."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp, softmax

from theory.h_consistency import (
    comp_sum_loss,
    h_consistency_bound,
    h_consistency_transform,
    ldr_kl_bound,
    ldr_kl_loss,
    ldr_kl_optimal_softmax,
    ldr_kl_two_class_transform,
)

SCORES = np.array([0.3, -1.2, 0.8, 2.0])


def naive_risk(p, scores, temperature, margin):
    n = len(p)
    d = scores[None, :] - scores[:, None] + margin * (1 - np.eye(n))
    return p @ (temperature * (logsumexp(d / temperature, axis=1) - math.log(n)))


def test_reference_values():
    found = [ldr_kl_loss(SCORES, 0, temperature=t, margin=1) for t in (0, 0.5, 1, 5, math.inf)]
    assert_allclose(found, [2.7, 2.05309504755, 1.6567007897, 1.0863346767, 0.925], rtol=3e-11)
    for temperature, z in ((1, (0.57374526, 0.26317990, 0.16307485)), (0.25, (0.83740331, 0.09902872, 0.06356797))):
        found = ldr_kl_optimal_softmax([0.5, 0.3, 0.2], temperature=temperature, margin=1)
        assert_allclose(found, z, rtol=0, atol=6e-9)
    assert_allclose(ldr_kl_bound(0.1, temperature=0.5), 0.610345674460, rtol=1e-11)
    assert_allclose(ldr_kl_two_class_transform(0.5, temperature=1, margin=1), 0.320206429046, rtol=1e-11)
    assert_allclose(ldr_kl_two_class_transform(0.5, temperature=0.05, margin=1), 0.476130718792, rtol=1e-11)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.0])
def test_loss_is_the_largest_penalised_mean(temperature):
    d = SCORES - SCORES[2] + 0.5 * (np.arange(4) != 2)

    def objective(q):
        return q @ d - temperature * np.sum(q * np.log(4 * q), axis=-1)

    value = float(ldr_kl_loss(SCORES, 2, temperature=temperature, margin=0.5))
    weights = np.random.default_rng(0).dirichlet(np.ones(4), 2000)
    assert max(objective(q) for q in weights) < value
    assert_allclose(objective(softmax(d / temperature)), value, rtol=1e-13)


def test_limits_in_temperature():
    d = SCORES - SCORES[0] + (np.arange(4) != 0)
    for temperature in np.geomspace(1e-3, 1e-1, 7):
        drop = d.max() - ldr_kl_loss(SCORES, 0, temperature=temperature, margin=1)
        assert 0 <= drop <= temperature * math.log(4) * (1 + 1e-12)
    assert_allclose(d.max() - ldr_kl_loss(SCORES, 0, temperature=0.01, margin=1), 0.01 * math.log(4), rtol=1e-12)
    for temperature in (1e3, 1e5, 1e9):
        loss = ldr_kl_loss(SCORES, 0, temperature=temperature, margin=1)
        # The next term is of order 1 / temperature^2; below it only rounding remains.
        assert abs(loss - d.mean() - d.var() / (2 * temperature)) < 3 / temperature**2 + 1e-15
    values = [ldr_kl_loss(SCORES, 0, temperature=t, margin=1) for t in (0, *np.geomspace(1e-320, 1e300, 200), math.inf)]
    assert np.all(np.diff(values) <= 1e-15)
    logistic = comp_sum_loss(SCORES, np.arange(4), tau=1) - math.log(4)
    assert_allclose(ldr_kl_loss(SCORES, np.arange(4), temperature=1), logistic, rtol=1e-13)


def random_cases(n_cases, seed):
    source = np.random.default_rng(seed)
    for _ in range(n_cases):
        p = source.dirichlet(np.full(source.integers(2, 7), 10 ** source.uniform(-0.5, 1)))
        yield p / p.sum(), 10 ** source.uniform(-0.7, 1), source.uniform(0, 2)


def test_minimiser_by_descent_and_by_its_equations():
    for p, temperature, margin in random_cases(40, seed=1):
        z = ldr_kl_optimal_softmax(p, temperature=temperature, margin=margin)
        assert_allclose(z.sum(), 1.0, rtol=1e-14)
        best = naive_risk(p, temperature * np.log(z), temperature, margin)
        found = minimize(
            lambda f, p=p, t=temperature, c=margin: naive_risk(p, np.append(0, f), t, c), np.zeros(len(p) - 1)
        )
        # BFGS with numerical gradients stops within 1e-9 of the minimum, and cannot be below it.
        assert -1e-13 < found.fun - best < 1e-8
        kappa = z * (1 + math.expm1(-margin / temperature) * z) / p
        assert_allclose(kappa, kappa[0], rtol=1e-11)


def test_minimiser_keeps_the_order_of_the_classes():
    source = np.random.default_rng(2)
    for _ in range(300):
        p = source.dirichlet(np.full(6, 10 ** source.uniform(-2, 2)))
        z = ldr_kl_optimal_softmax(p / p.sum(), temperature=10 ** source.uniform(-2, 2), margin=source.uniform(0, 3))
        order = np.argsort(p)
        assert np.all(np.diff(z[order]) >= 0)
        assert np.all((z > 0) | (p < 1e-300))


def test_minimiser_in_extreme_cases():
    p = np.array([0.5, 0.3, 0.2])
    assert_allclose(ldr_kl_optimal_softmax(p, temperature=3.0), p, rtol=0)
    assert_allclose(ldr_kl_optimal_softmax(p, temperature=1e8, margin=1.0), p, rtol=1e-7)
    assert_allclose(ldr_kl_optimal_softmax(np.full(4, 0.25), temperature=1e-3, margin=1.0), 0.25, rtol=1e-14)
    assert ldr_kl_optimal_softmax([0.0, 1.0, 0.0], temperature=0.5, margin=1.0).tolist() == [0.0, 1.0, 0.0]
    assert_allclose(ldr_kl_optimal_softmax([0.5, 0.5], temperature=1e-3, margin=1.0), 0.5, rtol=1e-14)
    # Two classes far below overflow of exp(margin / temperature): z_2 / z_1 = r, 1 / (2 a beta) to leading order.
    z = ldr_kl_optimal_softmax([0.7, 0.3], temperature=0.01, margin=1.0)
    assert_allclose(z[1] / z[0], 0.6 / (2 * 0.4) * math.exp(-100.0), rtol=1e-14)
    stacked = ldr_kl_optimal_softmax(np.stack([p, p[::-1]])[:, None], temperature=0.3, margin=1.0)
    assert stacked.shape == (2, 1, 3)
    assert_allclose(stacked[1, 0], stacked[0, 0, ::-1], rtol=1e-14)


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("temperature", [0.05, 0.5, 3.0, 100.0])
def test_two_class_transform_is_the_least_regret_of_a_tie(temperature, margin):
    for beta in (0.02, 0.4, 0.95):
        p = np.array([(1 + beta) / 2, (1 - beta) / 2])
        tied = naive_risk(p, np.zeros(2), temperature, margin)
        reach = margin + 5 * temperature * math.atanh(beta)
        risk = minimize_scalar(
            lambda f, p=p: naive_risk(p, np.array([f, 0.0]), temperature, margin),
            bounds=(0, reach),
            method="bounded",
            options={"xatol": 1e-8 * reach},
        ).fun
        value = ldr_kl_two_class_transform(beta, temperature=temperature, margin=margin)
        # Rounding of risks of order temperature + margin; the minimum is stationary.
        assert_allclose(value, tied - risk, rtol=1e-9, atol=1e-14 * (temperature + margin))


def test_two_class_transform_with_many_digits():
    with mp.workdps(60):
        for beta, temperature, margin in ((1e-7, 1.0, 1.0), (1e-5, 0.02, 1.0), (0.3, 0.001, 1.0), (0.99, 50.0, 2.0)):
            b, a = mp.mpf(beta), mp.exp(mp.mpf(margin) / mp.mpf(temperature))
            r = (1 - b) / (a * b + mp.sqrt(a * a * b * b + 1 - b * b))
            exact = mp.log(1 + a) - (1 + b) / 2 * mp.log(1 + a * r) - (1 - b) / 2 * mp.log(1 + a / r)
            value = ldr_kl_two_class_transform(beta, temperature=temperature, margin=margin)
            # Differences of softplus cost up to margin / temperature roundings.
            assert_allclose(value, float(exact * mp.mpf(temperature)), rtol=3e-13)


def test_two_class_transform_limits():
    beta = np.linspace(0, 1, 101)
    assert_allclose(ldr_kl_two_class_transform(beta, temperature=1e-5, margin=0.7), 0.7 * beta, rtol=0, atol=2e-5)
    assert_allclose(ldr_kl_two_class_transform(beta, temperature=1e-306, margin=0.7), 0.7 * beta, rtol=1e-12)
    scaled = 2.5 * h_consistency_transform(beta, tau=1, n_classes=2)
    assert_allclose(ldr_kl_two_class_transform(beta, temperature=2.5), scaled, rtol=1e-13)
    values = ldr_kl_two_class_transform(beta, temperature=0.4, margin=1.0)
    assert np.diff(values, 2).min() > -1e-15
    assert_allclose(values[-1], 0.4 * math.log1p(math.exp(2.5)), rtol=1e-15)


def test_bound_without_margin_is_valid_and_tight():
    source = np.random.default_rng(3)
    temperature = 0.5
    wrong = 0.0
    for _ in range(300):
        p = source.dirichlet(np.ones(3))
        scores = temperature * (np.log(p) + source.normal(0, 1, 3))
        best = naive_risk(p, temperature * np.log(p), temperature, 0.0)
        regret = naive_risk(p, scores, temperature, 0.0) - best
        beta = p.max() - p[scores.argmax()]
        assert beta <= ldr_kl_bound(regret, temperature=temperature) + 1e-7
        wrong = max(wrong, beta / float(h_consistency_bound(regret, tau=1, n_classes=3)))
    assert wrong > 1.05
    beta = np.linspace(0.01, 1, 30)
    t = ldr_kl_two_class_transform(beta, temperature=temperature)
    assert_allclose(ldr_kl_bound(t, temperature=temperature), beta, rtol=1e-12)


@pytest.mark.parametrize(("temperature", "least"), [(0.05, 0.000420), (0.1, 0.000840), (1.0, 0.00326)])
def test_three_classes_with_a_margin_undercut_two(temperature, least):
    """Least regret of a wrong order at (.4, .35, .25), found by descent on scores with the first two tied."""
    p = np.array([0.4, 0.35, 0.25])
    best = naive_risk(
        p, temperature * np.log(ldr_kl_optimal_softmax(p, temperature=temperature, margin=1)), temperature, 1
    )
    tied = minimize_scalar(
        lambda f: naive_risk(p, np.array([0.0, 0.0, -f]), temperature, 1),
        bounds=(0, 5),
        method="bounded",
        options={"xatol": 1e-10},
    ).fun
    assert_allclose(tied - best, least, rtol=2e-3)
    assert tied - best < ldr_kl_two_class_transform(0.05, temperature=temperature, margin=1)
