"""Stability, thresholds and growth rates against the dense spectrum of the second-moment operator."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.accelerated_sgd import (
    MomentumScheme,
    asgd_scheme,
    critical_learning_rate,
    growth_rate,
    is_mean_square_stable,
    jain_asgd_scheme,
    mode_spectral_radius,
    overparameterized_asgd_scheme,
    risk_curve,
    sgd_scheme,
    stability_trace,
)

ASGD = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)
POWER_LAW = np.arange(1.0, 101.0) ** -1.5


def dense_growth_rate(eigenvalues, scheme, m, kurtosis, radial):
    """Spectral radius of the linear map on all (2 d)^2 second moments, one basis matrix at a time."""
    d = len(eigenvalues)
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    covariance, root = np.diag(eigenvalues), np.sqrt(eigenvalues)
    identity, zero = np.eye(d), np.zeros((d, d))
    steps = np.vstack([delta * identity, q * identity])
    mean = np.block([[zero, identity], [-c * identity, (1 + c) * identity]]) - steps @ np.hstack([zero, covariance])
    basis = np.eye(4 * d * d).reshape(-1, 2 * d, 2 * d)
    ahead = basis[:, d:, d:]
    standard = root[:, None] * ahead * root
    diagonal = np.einsum("kii->ki", standard)
    fourth = standard + standard.transpose(0, 2, 1) + diagonal.sum(1)[:, None, None] * identity
    fourth = radial * (fourth + (kurtosis - 3) * diagonal[:, :, None] * identity)
    gradient = root[:, None] * fourth * root - covariance @ ahead @ covariance
    images = mean @ basis @ mean.T + steps @ gradient @ steps.T / m
    return np.abs(np.linalg.eigvals(images.reshape(4 * d * d, -1))).max()


def test_decision_and_growth_rate_equal_the_dense_spectrum():
    generator = np.random.default_rng(11)
    counts = [0, 0]
    for _ in range(150):
        d, m = int(generator.integers(1, 5)), int(generator.integers(1, 9))
        kurtosis, radial = generator.choice([1, 1.8, 3, 6]), generator.choice([1, 1.5])
        law = dict(batch_size=m, kurtosis=kurtosis, radial_fourth_moment=radial)
        eigenvalues = generator.uniform(0.05, 1.5, size=d)
        delta, c = generator.uniform(0.0, 1), generator.uniform(0, 0.95)
        scheme = MomentumScheme(delta, c, c * delta + generator.uniform(0.01, 1))
        expected = dense_growth_rate(eigenvalues, scheme, m, kurtosis, radial)
        assert_allclose(growth_rate(eigenvalues, scheme, **law), expected, rtol=1e-9)  # accuracy of dense eigenvalues
        assert abs(expected - 1) > 1e-7
        stable = is_mean_square_stable(eigenvalues, scheme, **law)
        assert stable == (expected < 1)
        assert stable == (stability_trace(eigenvalues, scheme, **law) < 1)
        counts[stable] += 1
    assert min(counts) > 40


def test_reference_values():
    harmonic = 1 / np.arange(1.0, 13.0)
    assert_allclose(stability_trace(harmonic, ASGD), 0.3751935503627748, rtol=1e-13)
    assert_allclose(growth_rate(harmonic, ASGD), 0.9606261474687454, rtol=1e-14)
    strongly_convex = np.repeat([1.0, 1e-3], 10)
    rate = growth_rate(strongly_convex, jain_asgd_scheme(strongly_convex))
    assert_allclose(rate, 0.9994795312599258, rtol=1e-14)
    headline = np.arange(1.0, 2001.0) ** -2
    scheme = overparameterized_asgd_scheme(headline, delta=0.1, gamma=0.9, kappa_tilde=5)
    assert_allclose(stability_trace(headline, scheme), 0.203939593543, rtol=1e-11)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (dict(batch_size=1), 0.5390343595186651),
        (dict(batch_size=4), 1.2613526942904554),
        (dict(batch_size=16), 1.7677837932487663),
        (dict(batch_size=math.inf), 2.0),
        (dict(kurtosis=1), 0.8288870111683293),
        (dict(momentum=0.8, kind="nesterov"), 0.15231954461944586),
        (dict(momentum=0.8, kind="heavy_ball"), 0.13057336814877363),
    ],
)
def test_critical_learning_rate(arguments, expected):
    assert_allclose(critical_learning_rate(POWER_LAW, **arguments), expected, rtol=1e-14)


@pytest.mark.parametrize(("d", "m"), [(1, 1), (1, 7), (30, 1), (30, 64)])
def test_isotropic_critical_learning_rate(d, m):
    critical = critical_learning_rate(np.full(d, 0.5), batch_size=m)
    assert_allclose(critical, 2 * m / ((m + d + 1) * 0.5), rtol=1e-14)
    assert_allclose(growth_rate(np.full(d, 0.5), sgd_scheme(critical), batch_size=m), 1.0, rtol=1e-12)


@pytest.mark.parametrize("kind", ["nesterov", "heavy_ball"])
def test_without_momentum_every_kind_is_sgd(kind):
    # The heavy-ball iterate is SGD too, one step behind.
    assert critical_learning_rate(POWER_LAW, kind=kind) == critical_learning_rate(POWER_LAW)


def test_sgd_closed_form():
    for m, kurtosis, radial in [(1, 3, 1), (5, 1.8, 1.5), (2.5, 6, 1)]:
        p = radial * (kurtosis - 1) - 1
        step = 0.3 * POWER_LAW
        expected = radial / m * np.sum(step / (2 - step * (1 + p / m)))
        law = dict(batch_size=m, kurtosis=kurtosis, radial_fourth_moment=radial)
        assert_allclose(stability_trace(POWER_LAW, sgd_scheme(0.3), **law), expected, rtol=1e-13)


def test_sign_features_in_one_dimension_are_stable_up_to_the_mean():
    assert critical_learning_rate([2.0], kurtosis=1) == 1.0
    assert_allclose(growth_rate([2.0], sgd_scheme(0.3), kurtosis=1), (1 - 0.6) ** 2, rtol=1e-12)


def test_large_batches_grow_as_the_mean():
    rate = growth_rate(POWER_LAW, ASGD, batch_size=math.inf)
    assert_allclose(rate, mode_spectral_radius(POWER_LAW, ASGD).max() ** 2, rtol=1e-13)
    assert stability_trace(POWER_LAW, ASGD, batch_size=math.inf) == 0.0


@pytest.mark.parametrize("step", [0.3, 0.65])
def test_growth_rate_is_the_slope_of_the_log_risk(step):
    eigenvalues = np.array([1.0, 0.7, 0.4])
    scheme = asgd_scheme(alpha=0.9, beta=0.2, gamma=2 * step, delta=step)
    curve = risk_curve(eigenvalues, np.ones(3), scheme, n_steps=600)
    assert_allclose(curve[-1] / curve[-2], growth_rate(eigenvalues, scheme), rtol=1e-12)


@pytest.mark.parametrize("smallest", [1e-6, 1e-8, 1e-10])
def test_strongly_convex_rate(smallest):
    """1 - rate -> (1 / (3 sqrt 5) + 1 / 9) / S; the distance shrinks as the square root of the condition number."""
    eigenvalues = np.repeat([1.0, smallest], 10)
    speed = math.sqrt((eigenvalues.sum() + 2) / smallest * 22)
    gap = (1 - growth_rate(eigenvalues, jain_asgd_scheme(eigenvalues))) * speed
    limit = 1 / (3 * math.sqrt(5)) + 1 / 9
    assert abs(gap - limit) < 0.25 * math.sqrt(smallest) + 1e-15 * speed  # 0.24 sqrt(mu) measured, plus rounding
    sgd = 1 - growth_rate(eigenvalues, sgd_scheme(1 / (5 * (eigenvalues.sum() + 2))))
    assert_allclose(sgd * (eigenvalues.sum() + 2) / smallest, 0.4, rtol=1e-5 + 1e-14 / smallest)


def test_never_smaller_than_sgd_with_the_short_step():
    """For gamma >= delta and p >= 0 the trace is no smaller than that of SGD; for gamma < delta it can be."""
    generator = np.random.default_rng(12)
    for _ in range(300):
        eigenvalues = generator.uniform(0.01, 1, size=6)
        alpha, beta, delta = generator.uniform(0, 1), generator.uniform(0.01, 1), generator.uniform(0.01, 0.1)
        scheme = asgd_scheme(alpha=alpha, beta=beta, gamma=delta * generator.uniform(1, 3), delta=delta)
        sgd = stability_trace(eigenvalues, sgd_scheme(delta))
        assert stability_trace(eigenvalues, scheme) >= sgd * (1 - 1e-13)
    slow = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.05, delta=0.1)
    assert stability_trace(eigenvalues, slow) < 0.9 * stability_trace(eigenvalues, sgd_scheme(0.1))


def test_infinite_when_a_mode_is_unstable_alone():
    assert stability_trace([1.0, 0.1], sgd_scheme(2.0)) == math.inf  # in the mean
    assert stability_trace([1.0, 0.1], sgd_scheme(1.2)) == math.inf  # p x >= 1
    assert growth_rate([1.0, 0.1], sgd_scheme(1e3)) > 1e6
