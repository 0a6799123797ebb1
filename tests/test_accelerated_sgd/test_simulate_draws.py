"""One-pass simulators with momentum, draw by draw: against plain NumPy with the same stream, and their symmetries."""

from typing import NamedTuple

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.accelerated_sgd import simulate_risk_curve, simulate_tail_average_risk


class Scheme(NamedTuple):
    learning_rate: float
    momentum: float
    lookahead_learning_rate: float


D = 12
EIGENVALUES, START = 1.0 / np.arange(1.0, D + 1.0), np.linspace(-1.0, 2.0, D)
ASGD = (0.9, 0.1, 0.35, 0.12)  # alpha, beta, gamma, delta
SCHEME = Scheme(0.12, 0.81, 0.143)  # the same in three numbers
STEPS = [0, 1, 2, 15]


def last(steps, **options):
    arguments = dict(eigenvalues=EIGENVALUES, initial_error=START, scheme=SCHEME, noise_variance=0.3, seed=8)
    return simulate_risk_curve(**(arguments | options), record_steps=steps)


def tail(lengths, **options):
    arguments = dict(eigenvalues=EIGENVALUES, initial_error=START, scheme=SCHEME, noise_variance=0.3, seed=8, burn_in=9)
    return simulate_tail_average_risk(**(arguments | options), record_lengths=lengths)


# The algorithm in plain NumPy ----------------------------------------------------------------------------------------


def draw_coordinates(rng, law, d):
    if law == "gaussian":
        return rng.standard_normal(d)
    if law == "uniform":
        return np.sqrt(3.0) * (2.0 * rng.random(d) - 1.0)
    if law == "laplace":
        return np.diff(rng.standard_exponential((d, 2))[:, ::-1])[:, 0] / np.sqrt(2.0)
    words = (rng.random(-(-d // 32)) * 2.0**32).astype(np.uint64)
    bits = (words[:, None] >> np.arange(32, dtype=np.uint64)) & np.uint64(1)
    return 2.0 * bits.reshape(-1)[:d] - 1.0


def plain_run(rng, eigenvalues, error, noise_variance, batch_size, n_steps, law, spread):
    """Iterates (n_steps + 1, d) of accelerated SGD in its published form, with three sequences and explicit samples."""
    alpha, beta, gamma, delta = ASGD
    w, v, iterates = error.copy(), error.copy(), [error.copy()]
    for _ in range(n_steps):
        y = alpha * w + (1.0 - alpha) * v
        gradient = np.zeros_like(y)
        for _ in range(batch_size):
            x = np.sqrt(eigenvalues) * draw_coordinates(rng, law, len(y))
            if spread:
                x *= np.sqrt(1.0 + spread if rng.random() < 0.5 else 1.0 - spread)
            label_noise = np.sqrt(noise_variance) * rng.standard_normal() if noise_variance else 0.0
            gradient += x * (x @ y - label_noise) / batch_size
        w = y - delta * gradient
        v = beta * y + (1.0 - beta) * v - gamma * gradient
        iterates.append(w)
    return np.array(iterates)


@pytest.mark.parametrize(
    ("d", "law", "spread", "batch_size", "noise"),
    [
        (12, "gaussian", 0.0, 1, 0.3), (12, "gaussian", 0.5, 3, 0.3), (12, "uniform", 0.0, 2, 0.0),
        (70, "rademacher", 0.0, 1, 0.3), (64, "rademacher", 0.3, 2, 0.0), (12, "laplace", 0.0, 2, 0.1),
        (1, "laplace", 0.2, 1, 0.1),
    ],
)  # fmt: skip
def test_direct_sampler(d, law, spread, batch_size, noise):
    eigenvalues, error = 1.0 / np.arange(1.0, d + 1.0), np.linspace(-1.0, 2.0, d)
    options = dict(
        eigenvalues=eigenvalues, initial_error=error, noise_variance=noise, batch_size=batch_size, feature_law=law,
        radial_spread=spread, sampler="direct", n_trials=3,
    )  # fmt: skip
    risks, averages = last(STEPS, **options), tail([1, 2, 7], **options)
    for samples, averaged in ((risks, False), (averages, True)):
        rng = spawn_streams(8, 1)[0]  # the trials of a block follow each other in one stream
        for trial in range(3):
            iterates = plain_run(rng, eigenvalues, error, noise, batch_size, 15, law, spread)
            points = iterates[STEPS]
            if averaged:
                points = np.array([iterates[9 : 9 + length].mean(axis=0) for length in (1, 2, 7)])
            np.testing.assert_allclose(samples[trial], 0.5 * points**2 @ eigenvalues, rtol=1e-10)


def momentum_run(gradient, n_steps):
    """Risks of the three-number form of a scheme, under ``gradient(y)``."""
    delta, momentum, ahead = SCHEME
    w = y = START
    risks = [0.5 * EIGENVALUES @ w**2]
    for _ in range(n_steps):
        g = gradient(y)
        w, y = y - delta * g, (1.0 + momentum) * y - momentum * w - ahead * g
        risks.append(0.5 * EIGENVALUES @ w**2)
    return np.array(risks)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_exact_law_sampler(batch_size, noise):
    """The sums of squares over a batch, as a Wishart matrix by Bartlett's decomposition, and the gradient from them."""
    rng = spawn_streams(8, 1)[0]

    def chi_square(degrees):
        if degrees == 0:
            return 0.0
        if degrees == 1:
            return rng.standard_normal() ** 2
        return 2.0 * rng.standard_exponential() if degrees == 2 else rng.chisquare(degrees)

    def gradient(y):
        u = np.sqrt(EIGENVALUES) * y
        z, power, squares = rng.standard_normal(D), u @ u, chi_square(batch_size)
        normal = rng.standard_normal() if noise else 0.0
        signal_signal = power * squares
        signal_noise = np.sqrt(power * noise * squares) * normal
        noise_noise = noise * (normal**2 + chi_square(batch_size - 1)) if noise else 0.0
        along = signal_signal - signal_noise
        across = np.sqrt(signal_signal - 2.0 * signal_noise + noise_noise)
        return np.sqrt(EIGENVALUES) * (u * along / power + across * (z - u * (u @ z) / power)) / batch_size

    risks = last(STEPS, noise_variance=noise, batch_size=batch_size, n_trials=2, sampler="exact_law")
    for trial in range(2):
        np.testing.assert_allclose(risks[trial], momentum_run(gradient, 15)[STEPS], rtol=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_normal_gradient_sampler(noise):
    """The covariance of a gradient is ``(|u|^2 H + (Hy)(Hy)' + noise H) / m`` with u = H^(1/2) y."""
    rng = spawn_streams(8, 1)[0]
    root = np.sqrt(EIGENVALUES)

    def gradient(y):
        power = np.sum(EIGENVALUES * y**2)
        axis = root * y / np.sqrt(power)
        factor = np.sqrt(power + noise) * root[:, None] * (np.eye(D) - np.outer(axis, axis))
        column = np.sqrt(2.0 * power + noise) * root * axis
        mean = EIGENVALUES * y
        covariance = (power + noise) * np.diag(EIGENVALUES) + np.outer(mean, mean)
        np.testing.assert_allclose(factor @ factor.T + np.outer(column, column), covariance, atol=1e-12 * power)
        return mean + (factor @ rng.standard_normal(D) + column * rng.standard_normal()) / np.sqrt(3.0)

    risks = last(STEPS, noise_variance=noise, batch_size=3, n_trials=1, sampler="normal_gradient")[0]
    np.testing.assert_allclose(risks, momentum_run(gradient, 15)[STEPS], rtol=1e-9)


# Symmetries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["exact_law", "direct"])
@pytest.mark.parametrize("scale", [1e-100, 7.0, 1e100])
def test_scale_of_the_features_cancels(sampler, scale):
    options = dict(n_trials=5, sampler=sampler)
    scaled = dict(
        eigenvalues=scale * EIGENVALUES, initial_error=START / np.sqrt(scale),
        scheme=Scheme(0.12 / scale, 0.81, 0.143 / scale),
    )  # fmt: skip
    np.testing.assert_allclose(last([5, 30], **scaled, **options), last([5, 30], **options), rtol=1e-9)


def test_equal_learning_rates_make_momentum_inert():
    """With lookahead_learning_rate = learning_rate and a common start, every scheme is SGD, path by path."""
    sgd, inert = (dict(scheme=Scheme(0.2, momentum, 0.2), n_trials=5) for momentum in (0.0, 0.8))
    np.testing.assert_allclose(last([9, 50], **inert), last([9, 50], **sgd), rtol=1e-9)
    np.testing.assert_allclose(tail([9, 50], **inert), tail([9, 50], **sgd), rtol=1e-9)


def test_average_of_one_is_the_iterate():
    np.testing.assert_allclose(tail([1], n_trials=70), last([9], n_trials=70), rtol=1e-12)


@pytest.mark.parametrize("sampler", ["exact_law", "direct", "normal_gradient"])
@pytest.mark.parametrize(("simulate", "records"), [(last, [3, 10]), (tail, [2, 10])])
def test_trials_depend_neither_on_blocks_nor_on_what_is_recorded(sampler, simulate, records):
    whole = simulate(records, n_trials=150, sampler=sampler)
    head = simulate(records, n_trials=64, sampler=sampler)
    others = simulate(records, n_trials=86, sampler=sampler, seed=np.random.SeedSequence(8, n_children_spawned=64))
    assert np.array_equal(whole, np.concatenate([head, others]))
    assert np.array_equal(whole[:70], simulate(records, n_trials=70, sampler=sampler))
    assert len(np.unique(whole[:, 0])) == 150
    assert not np.any(whole == simulate(records, n_trials=150, sampler=sampler, seed=9))
    # Trials of a block share a stream: the first does not see how far the others run.
    assert np.array_equal(whole[:1, :1], simulate(records[:1], n_trials=1, sampler=sampler))
    assert np.array_equal(whole[:, 1], simulate(records[1:], n_trials=150, sampler=sampler)[:, 0])
