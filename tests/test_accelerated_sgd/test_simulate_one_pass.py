"""One-pass simulators with momentum against the algorithm in plain NumPy and against dense second moments."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from simulations.accelerated_sgd import simulate_risk_curve, simulate_tail_average_risk

KURTOSIS = {"gaussian": 3.0, "rademacher": 1.0, "uniform": 1.8, "laplace": 6.0}


class Scheme(NamedTuple):
    learning_rate: float
    momentum: float
    lookahead_learning_rate: float


class Setting(NamedTuple):
    """A problem, a scheme, and the averaging window: burn-in s and length N."""

    eigenvalues: np.ndarray
    initial_error: np.ndarray
    scheme: Scheme
    noise_variance: float
    batch_size: int
    window: tuple[int, int]


def asgd(alpha, beta, gamma, delta):
    return Scheme(delta, alpha * (1.0 - beta), alpha * delta + (1.0 - alpha) * gamma)


MODES = np.arange(1.0, 13.0)
ASGD = (0.9, 0.1, 0.35, 0.12)
A = Setting(1.0 / MODES, np.ones(12), asgd(*ASGD), 0.3, 1, (20, 41))
B = A._replace(scheme=Scheme(0.25, 0.0, 0.25))
D = Setting(np.array([1.0, 0.5, 0.2, 0.1]), np.ones(4), Scheme(0.0, 0.6, 0.15), 0.2, 2, (10, 51))
E = Setting(1.0 / np.arange(1.0, 21.0), np.ones(20), Scheme(0.1, 0.7, 0.17), 0.0, 2, (10, 51))


def last(setting, steps, **options):
    return simulate_risk_curve(
        setting.eigenvalues, setting.initial_error, setting.scheme, record_steps=steps,
        noise_variance=setting.noise_variance, batch_size=setting.batch_size, **options,
    )  # fmt: skip


def tail(setting, lengths, **options):
    return simulate_tail_average_risk(
        setting.eigenvalues, setting.initial_error, setting.scheme, burn_in=setting.window[0], record_lengths=lengths,
        noise_variance=setting.noise_variance, batch_size=setting.batch_size, **options,
    )  # fmt: skip


# Second moments ------------------------------------------------------------------------------------------------------


def mean_risks(setting, n_steps, *, kurtosis=3.0, radial=1.0):
    """Expected risk of the iterate for t <= n_steps, and of tail averages: moments of (sum, w, y) as a dense matrix."""
    eigenvalues, error, (delta, momentum, ahead), noise, m, (burn_in, length) = setting
    d = len(eigenvalues)
    covariance, identity = np.diag(eigenvalues), np.eye(d)
    moments = np.kron(np.diag([0.0, 1.0, 1.0]) @ np.ones((3, 3)) @ np.diag([0.0, 1.0, 1.0]), np.outer(error, error))
    if burn_in == 0:
        moments = np.kron(np.ones((3, 3)), np.outer(error, error))
    risks, averages = [], []
    for t in range(max(n_steps, burn_in + length - 1) + 1):
        risks.append(0.5 * np.trace(covariance @ moments[d : 2 * d, d : 2 * d]))
        if t >= burn_in:
            averages.append(0.5 * np.trace(covariance @ moments[:d, :d]) / (t - burn_in + 1) ** 2)
        # The mean step on (sum, w, y); the sum starts with w at the burn-in.
        mean = np.zeros((3, 3, d, d))
        mean[1, 2] = identity - delta * covariance
        mean[2, 1], mean[2, 2] = -momentum * identity, (1.0 + momentum) * identity - ahead * covariance
        if t + 1 >= burn_in:
            mean[0, 0], mean[0, 2] = identity * (t >= burn_in), mean[1, 2]
        mean = mean.transpose(0, 2, 1, 3).reshape(3 * d, 3 * d)
        # Covariance of the gradient: E xx'Yxx' over the law of x, less the square of its mean, and label noise.
        inner = moments[2 * d :, 2 * d :]
        product = covariance @ inner @ covariance
        fourth = 2.0 * product + np.trace(covariance @ inner) * covariance
        fourth += (kurtosis - 3.0) * np.diag(eigenvalues**2 * np.diag(inner))
        spread = (radial * fourth - product + noise * covariance) / m
        gain = np.array([delta * (t + 1 >= burn_in), delta, ahead])
        moments = mean @ moments @ mean.T + np.kron(np.outer(gain, gain), spread)
    return np.array(risks), np.array(averages)


@pytest.mark.parametrize(
    ("setting", "n_steps", "moments", "iterate", "average"),
    [
        (A, 60, {}, 0.13447587293766952, 0.14305077098972455),
        (B, 60, {}, 0.17167898256333292, 0.13759984788808333),
        (D, 60, {}, 0.023988298291816913, 0.012478897065161898),
        (E, 60, {}, 0.05630518893984121, 0.15449152303804875),
        (A, 60, {"kurtosis": 1.0}, 0.11047971080921536, None),
        (A._replace(batch_size=4), 60, {"kurtosis": 6.0, "radial": 1.16}, 0.035871738324816986, None),
    ],
)
def test_dense_moments_reproduce_reference_values(setting, n_steps, moments, iterate, average):
    risks, averages = mean_risks(setting, n_steps, **moments)
    np.testing.assert_allclose(risks[n_steps], iterate, rtol=1e-11)
    if average is not None:
        np.testing.assert_allclose(averages[setting.window[1] - 1], average, rtol=1e-11)


def assert_mean(samples, expected, at_most):
    """Means within five standard errors, which are themselves at most the given share of the mean."""
    error = samples.std(axis=0) / np.sqrt(len(samples))
    assert np.all(error <= at_most * expected)
    assert np.all(np.abs(samples.mean(axis=0) - expected) < 5.0 * error + 1e-12 * expected)


@pytest.mark.parametrize(
    ("sampler", "setting"),
    [
        *[("exact_law", one) for one in (A, B, D, E, A._replace(batch_size=8), D._replace(batch_size=64))],
        *[("direct", one) for one in (A, D._replace(batch_size=8))],
        ("normal_gradient", A), ("normal_gradient", D),
    ],
)  # fmt: skip
def test_means_are_exact(sampler, setting):
    common = dict(n_trials=20_000, seed=1, sampler=sampler)
    steps, lengths = [0, 1, 10, 60], [1, 5, setting.window[1]]
    risks, averages = mean_risks(setting, 60)
    assert_mean(last(setting, steps, **common), risks[steps], at_most=0.01)
    assert_mean(tail(setting, lengths, **common), averages[np.array(lengths) - 1], at_most=0.01)


@pytest.mark.parametrize(
    ("law", "spread", "batch_size"),
    [("rademacher", 0.0, 1), ("uniform", 0.0, 1), ("laplace", 0.0, 2), ("gaussian", 0.6, 2), ("uniform", 0.9, 3)],
)
def test_means_depend_on_two_moments_of_the_features(law, spread, batch_size):
    setting = A._replace(batch_size=batch_size)
    common = dict(n_trials=20_000, seed=2, feature_law=law, radial_spread=spread)
    moments = dict(kurtosis=KURTOSIS[law], radial=1.0 + spread**2)
    risks, averages = mean_risks(setting, 60, **moments)
    assert_mean(last(setting, [60], **common), risks[[60]], at_most=0.01)
    assert_mean(tail(setting, [41], **common), averages[[40]], at_most=0.01)
    wrong = mean_risks(setting, 60)[0][60]
    assert abs(wrong / risks[60] - 1.0) > 0.05  # what the Gaussian moments would say is far outside the error


# Laws ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "batch_size"), [(A, 1), (A, 8), (D, 2), (A._replace(noise_variance=0.0), 3)])
def test_exact_law_is_the_law_of_the_direct_sampler(setting, batch_size):
    setting = setting._replace(batch_size=batch_size)
    steps, lengths = [1, 10, 40], [11]
    exact = [last(setting, steps, n_trials=6000, seed=4), tail(setting, lengths, n_trials=6000, seed=5)]
    direct = [
        last(setting, steps, n_trials=6000, seed=6, sampler="direct"),
        tail(setting, lengths, n_trials=6000, seed=7, sampler="direct"),
    ]
    for one, other in zip(np.hstack(exact).T, np.hstack(direct).T, strict=True):
        assert stats.ks_2samp(one, other).pvalue > 1e-3


def test_normal_gradient_has_another_law():
    """Same mean, other distribution: for single samples after ten steps too wide, and 0.15 from the true one."""
    normal = last(A, [10], n_trials=20_000, seed=4, sampler="normal_gradient")[:, 0]
    exact = last(A, [10], n_trials=20_000, seed=5)[:, 0]
    result = stats.ks_2samp(normal, exact)
    assert result.pvalue < 1e-8
    np.testing.assert_allclose(result.statistic, 0.151, atol=0.02)  # 0.151 at 400,000 trials; the noise is 0.01
    np.testing.assert_allclose([normal.std(), exact.std()], [0.477, 0.263], rtol=0.1)


def test_from_the_target_only_noise_moves_the_iterate():
    """At a vanishing look-ahead error the gradient has no direction of its own; without noise nothing moves."""
    setting = A._replace(initial_error=np.zeros(12), batch_size=3)
    risks = mean_risks(setting, 5)[0]
    for sampler in ("exact_law", "direct", "normal_gradient"):
        samples = last(setting, [0, 1, 5], n_trials=40_000, seed=2, sampler=sampler)
        assert np.all(samples[:, 0] == 0.0)
        assert_mean(samples[:, 1:], risks[[1, 5]], at_most=0.01)
        still = last(setting._replace(noise_variance=0.0), [5], n_trials=2, seed=2, sampler=sampler)
        assert np.all(still == 0.0)


def test_one_dimension_without_noise_is_a_product():
    """In d = 1 every step multiplies the error by 1 - eta lambda chi^2_m / m, whose logarithm has a known mean."""
    risks = simulate_risk_curve(
        [0.7], [1.5], Scheme(0.4, 0.0, 0.4), record_steps=[1], batch_size=5, n_trials=20_000, seed=3
    )
    factor = 1.0 - 0.4 * 0.7 * stats.chi2(5).rvs(20_000, random_state=1) / 5
    assert stats.ks_2samp(risks[:, 0], 0.5 * 0.7 * (1.5 * factor) ** 2).pvalue > 1e-3
