"""Exact risks against dense moment recursions, full enumeration, extended precision, and reference values."""

import itertools

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.accelerated_sgd import (
    asgd_scheme,
    heavy_ball_scheme,
    nesterov_scheme,
    overparameterized_asgd_scheme,
    risk_curve,
    sgd_scheme,
    tail_average_risk_curve,
)

INDEX = np.arange(1.0, 41.0)
ASGD = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)
ASGD_C = asgd_scheme(alpha=0.95, beta=0.05, gamma=0.6, delta=0.15)
# eigenvalues, initial error, scheme, noise variance, batch size, burn-in, averaging length
CASES = {
    "A": (1 / INDEX[:12], np.ones(12), ASGD, 0.3, 1, 20, 41),
    "B": (1 / INDEX[:12], np.ones(12), sgd_scheme(0.25), 0.3, 1, 20, 41),
    "C": (INDEX**-1.5, INDEX**-0.25, ASGD_C, 0.5, 4, 50, 101),
    "D": (np.array([1.0, 0.5, 0.2, 0.1]), np.ones(4), heavy_ball_scheme(0.15, momentum=0.6), 0.2, 2, 10, 51),
    "E": (1 / INDEX[:20], np.ones(20), nesterov_scheme(0.1, momentum=0.7), 0.0, 2, 10, 51),
}
LAWS = [dict(), dict(kurtosis=1.0), dict(kurtosis=1.8, radial_fourth_moment=1.25), dict(kurtosis=6.0)]


def dense_moments(eigenvalues, error, scheme, n_steps, noise, m, kurtosis=3.0, radial_fourth_moment=1.0):
    """All E s_t s_t^T, s = (w, y) - w*, with every matrix in full; returns them and the matrix of the mean."""
    d = len(eigenvalues)
    covariance, root = np.diag(eigenvalues), np.diag(np.sqrt(eigenvalues))
    identity, zero = np.eye(d), np.zeros((d, d))
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    steps = np.vstack([delta * identity, q * identity])
    mean = np.block([[zero, identity], [-c * identity, (1 + c) * identity]]) - steps @ np.hstack([zero, covariance])
    start = np.concatenate([error, error])
    moments = [np.outer(start, start)]
    for _ in range(n_steps):
        ahead = moments[-1][d:, d:]
        standard = root @ ahead @ root
        fourth = 2 * standard + np.trace(standard) * identity + (kurtosis - 3) * np.diag(np.diag(standard))
        gradient = radial_fourth_moment * root @ fourth @ root - covariance @ ahead @ covariance + noise * covariance
        moments.append(mean @ moments[-1] @ mean.T + steps @ gradient @ steps.T / m)
    return moments, mean


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", CASES)
def test_last_iterate_equals_the_dense_recursion(name, law):
    eigenvalues, error, scheme, noise, m, burn_in, n_average = CASES[name]
    n_steps = burn_in + n_average - 1
    moments, _ = dense_moments(eigenvalues, error, scheme, n_steps, noise, m, **law)
    d = len(eigenvalues)
    expected = [0.5 * eigenvalues @ np.diag(moment)[:d] for moment in moments]
    curve = risk_curve(eigenvalues, error, scheme, n_steps=n_steps, noise_variance=noise, batch_size=m, **law)
    assert_allclose(curve, expected, rtol=2e-12)  # rounding over 150 steps


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", CASES)
def test_tail_average_equals_the_double_sum_over_lags(name, law):
    eigenvalues, error, scheme, noise, m, burn_in, n_average = CASES[name]
    moments, mean = dense_moments(eigenvalues, error, scheme, burn_in + n_average - 1, noise, m, **law)
    d = len(eigenvalues)
    powers = [np.eye(2 * d)]
    for _ in range(n_average - 1):
        powers.append(mean @ powers[-1])
    lagged = np.array([[eigenvalues @ np.sum(p[:d] * s[:d], axis=1) for p in powers] for s in moments[burn_in:]])
    curve = tail_average_risk_curve(
        eigenvalues, error, scheme, burn_in=burn_in, n_average=n_average, noise_variance=noise, batch_size=m, **law
    )
    for length in (1, 2, 7, n_average):
        total = sum(lagged[t, lag] * (1 if lag == 0 else 2) for t in range(length) for lag in range(length - t))
        assert_allclose(curve[length - 1], 0.5 * total / length**2, rtol=2e-12)


@pytest.mark.parametrize(("m", "n_steps", "spread"), [(1, 3, 0.5), (1, 4, 0.0), (2, 2, 0.5)])
def test_every_path_enumerated(m, n_steps, spread):
    """Sign features with a two-point radius and two-point noise: all samples of all steps, by the algorithm itself."""
    alpha, beta, gamma, delta = 0.8, 0.2, 0.5, 0.3
    eigenvalues, error, sigma = np.array([1.0, 0.4]), np.array([1.0, -2.0]), 0.6
    radii = [1 - spread, 1 + spread] if spread else [1.0]
    samples = [
        (np.sqrt(r * eigenvalues) * signs, sigma * xi)
        for r in radii for signs in itertools.product([-1, 1], repeat=2) for xi in (-1, 1)
    ]  # fmt: skip
    batches = list(itertools.product(samples, repeat=m))
    w = v = error[None]
    iterates = [w]
    for _ in range(n_steps):
        y = alpha * w + (1 - alpha) * v
        new_w, new_v = [], []
        for batch in batches:
            gradient = sum((y @ x - xi)[:, None] * x for x, xi in batch) / m
            new_w.append(y - delta * gradient)
            new_v.append(beta * y + (1 - beta) * v - gamma * gradient)
        w, v = np.concatenate(new_w), np.concatenate(new_v)
        iterates = [np.tile(old, (len(batches), 1)) for old in iterates] + [w]
    scheme = asgd_scheme(alpha=alpha, beta=beta, gamma=gamma, delta=delta)
    law = dict(noise_variance=sigma**2, batch_size=m, kurtosis=1.0, radial_fourth_moment=1 + spread**2)
    expected = [0.5 * np.mean(np.square(w) @ eigenvalues) for w in iterates]
    assert_allclose(risk_curve(eigenvalues, error, scheme, n_steps=n_steps, **law), expected, rtol=1e-12)
    averaged = tail_average_risk_curve(eigenvalues, error, scheme, burn_in=1, n_average=n_steps, **law)
    sums = np.cumsum(iterates[1:], axis=0) / np.arange(1, n_steps + 1)[:, None, None]
    assert_allclose(averaged, [0.5 * np.mean(np.square(w) @ eigenvalues) for w in sums], rtol=1e-12)


def test_momentum_near_one_loses_no_accuracy():
    """A plain transcription of the recursion with 40 digits, at momentum 0.9995 where it needs them."""
    eigenvalues, error = np.array([1.0, 1e-2, 1e-4]), np.array([1.0, 1.0, 10.0])
    scheme = asgd_scheme(alpha=0.9998, beta=0.0003, gamma=1.5, delta=0.1)
    burn_in, n_average, noise = 200, 200, 0.01
    with mpmath.workdps(40):
        delta, c, q = map(mpmath.mpf, (scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate))
        values = [mpmath.mpf(x) for x in eigenvalues]
        a, b, h = ([mpmath.mpf(x) ** 2 for x in error] for _ in range(3))
        squared, with_w, with_y = ([mpmath.mpf(0)] * 3 for _ in range(3))
        for t in range(burn_in + n_average):
            last = sum(x * y for x, y in zip(values, a, strict=True)) / 2
            tau = sum(x * y for x, y in zip(values, h, strict=True))
            for i, x in enumerate(values):
                p1, p2 = 1 - delta * x, 1 + c - q * x
                if t >= burn_in:
                    squared[i] += 2 * with_w[i] + a[i]
                    start_w, start_y = with_w[i] + a[i], with_y[i] + b[i]
                    with_w[i], with_y[i] = p1 * start_y, p2 * start_y - c * start_w
                injected = x**2 * h[i] + x * (tau + mpmath.mpf(noise))
                a[i], b[i], h[i] = (
                    p1**2 * h[i] + delta**2 * injected,
                    p1 * (p2 * h[i] - c * b[i]) + delta * q * injected,
                    p2**2 * h[i] - 2 * c * p2 * b[i] + c**2 * a[i] + q**2 * injected,
                )
        tail = sum(x * y for x, y in zip(values, squared, strict=True)) / 2 / n_average**2
    curve = risk_curve(eigenvalues, error, scheme, n_steps=burn_in + n_average - 1, noise_variance=noise)
    averaged = tail_average_risk_curve(
        eigenvalues, error, scheme, burn_in=burn_in, n_average=n_average, noise_variance=noise
    )
    assert_allclose(curve[-1], float(last), rtol=1e-12)
    assert_allclose(averaged[-1], float(tail), rtol=1e-12)


REFERENCES = {  # last iterate at step s + N - 1, tail average
    "A": (0.13447587293766952, 0.14305077098972455),
    "B": (0.17167898256333292, 0.13759984788808333),
    "C": (0.032829491624206196, 0.022510027298913514),
    "D": (0.023988298291816913, 0.012478897065161898),
    "E": (0.05630518893984121, 0.15449152303804875),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_values(name):
    eigenvalues, error, scheme, noise, m, burn_in, n_average = CASES[name]
    law = dict(noise_variance=noise, batch_size=m)
    last = risk_curve(eigenvalues, error, scheme, n_steps=burn_in + n_average - 1, **law)[-1]
    tail = tail_average_risk_curve(eigenvalues, error, scheme, burn_in=burn_in, n_average=n_average, **law)[-1]
    assert_allclose((last, tail), REFERENCES[name], rtol=2e-12)


def test_more_reference_values_of_the_first_case():
    eigenvalues, error, scheme, noise, _, burn_in, n_average = CASES["A"]
    curve = risk_curve(eigenvalues, error, scheme, n_steps=60, noise_variance=noise)
    expected = (1.551605339105339, 1.4194185608455803, 0.7175984762397337)
    assert_allclose(curve[[0, 1, 10]], expected, rtol=1e-13)
    sizes = dict(burn_in=burn_in, n_average=n_average)
    bias = tail_average_risk_curve(eigenvalues, error, scheme, **sizes)[-1]
    variance = tail_average_risk_curve(eigenvalues, 0 * error, scheme, **sizes, noise_variance=noise)[-1]
    assert_allclose((bias, variance), (0.10922158282689046, 0.03382918816283608), rtol=1e-12)
    signs = risk_curve(eigenvalues, error, scheme, n_steps=60, noise_variance=noise, kurtosis=1)
    laplace = dict(kurtosis=6, radial_fourth_moment=1.16, batch_size=4)
    heavy = risk_curve(eigenvalues, error, scheme, n_steps=60, noise_variance=noise, **laplace)
    assert_allclose((signs[-1], heavy[-1]), (0.11047971080921536, 0.035871738324816986), rtol=1e-12)


def test_headline_values():
    eigenvalues, error = np.arange(1.0, 2001.0) ** -2, np.zeros(2000)
    error[9] = 10.0
    scheme = overparameterized_asgd_scheme(eigenvalues, delta=0.1, gamma=0.9, kappa_tilde=5)
    expected = {  # accelerated and SGD; with the error, and the variance alone; in 80-bit arithmetic
        (scheme, 1): 9.2198833131242655e-4,
        (sgd_scheme(0.1), 1): 0.11630151809166840,
        (scheme, 0): 1.8844233703847900e-4,
        (sgd_scheme(0.1), 0): 6.6722708420715581e-5,
    }
    for (method, scale), value in expected.items():
        curve = tail_average_risk_curve(
            eigenvalues, scale * error, method, burn_in=500, n_average=500, noise_variance=0.01
        )
        assert_allclose(curve[-1], value, rtol=2e-12)


def test_bias_plus_variance():
    eigenvalues, error, scheme, noise, m, burn_in, n_average = CASES["C"]
    sizes = dict(burn_in=burn_in, n_average=n_average, batch_size=m)
    total = tail_average_risk_curve(eigenvalues, error, scheme, noise_variance=noise, **sizes)
    bias = tail_average_risk_curve(eigenvalues, error, scheme, **sizes)
    variance = tail_average_risk_curve(eigenvalues, 0 * error, scheme, noise_variance=noise, **sizes)
    assert_allclose(total, bias + variance, rtol=1e-13)


def test_order_sign_scale_and_grouping_change_nothing():
    eigenvalues, error, scheme, noise, m, _, _ = CASES["C"]
    law = dict(n_steps=80, noise_variance=noise, batch_size=m)
    curve = risk_curve(eigenvalues, error, scheme, **law)
    order = np.random.default_rng(2).permutation(len(error))
    assert_allclose(risk_curve(eigenvalues[order], -error[order], scheme, **law), curve, rtol=1e-13)
    slow = asgd_scheme(alpha=0.95, beta=0.05, gamma=0.6 / 4, delta=0.15 / 4)
    assert_allclose(risk_curve(4 * eigenvalues, error / 2, slow, **law), curve, rtol=1e-12)
    equal = np.full(30, 0.3)
    distinct = equal * (1 + 1e-13 * np.arange(30))
    errors = np.linspace(-1, 2, 30)
    grouped = risk_curve(equal, errors, scheme, **law)
    assert_allclose(risk_curve(distinct, errors, scheme, **law), grouped, rtol=1e-11)  # eigenvalues differ by 3e-12


def test_population_gradient_without_noise_follows_the_mean():
    eigenvalues, error, scheme, *_ = CASES["C"]
    curve = risk_curve(eigenvalues, error, scheme, n_steps=30, batch_size=np.inf)
    quiet = risk_curve(eigenvalues, error, scheme, n_steps=30, multiplicative_noise=False)
    w = y = error
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    for _ in range(30):
        gradient = eigenvalues * y
        w, y = y - delta * gradient, (1 + c) * y - c * w - q * gradient
    assert_allclose((curve[-1], quiet[-1]), 0.5 * eigenvalues @ w**2, rtol=1e-12)


def test_averages_of_length_one_and_zero_steps():
    eigenvalues, error, scheme, noise, *_ = CASES["A"]
    curve = risk_curve(eigenvalues, error, scheme, n_steps=9, noise_variance=noise)
    singles = [
        tail_average_risk_curve(eigenvalues, error, scheme, burn_in=s, n_average=1, noise_variance=noise)[0]
        for s in range(10)
    ]
    assert_allclose(singles, curve, rtol=1e-13)
    assert risk_curve(eigenvalues, error, scheme, n_steps=0).shape == (1,)
