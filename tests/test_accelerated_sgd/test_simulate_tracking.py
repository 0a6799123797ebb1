"""SGD on a moving target against vectors in plain NumPy, and against the recursion of its mean."""

import numpy as np
import pytest
from scipy import stats

from simulations.accelerated_sgd import simulate_tracking_error

DRIFT = np.where(np.arange(20) == 10, 1.0, 0.02)
RATES = np.linspace(0.12, 0.04, 20)


def track(**options):
    arguments = dict(n_features=20, learning_rates=RATES, initial_squared_error=5.0, drift=DRIFT, noise_variance=0.5)
    return simulate_tracking_error(**(arguments | dict(batch_size=2) | options))


@pytest.mark.parametrize(
    ("d", "batch_size", "noise", "drift"),
    [
        (20, 2, 0.5, DRIFT),
        (1, 1, 0.5, DRIFT),
        (2, 1, 0.0, DRIFT),
        (3, 40, 0.1, 0.0 * DRIFT),
        (10**9, 10**10, 0.5, DRIFT),
    ],
)
def test_mean_obeys_the_recursion(d, batch_size, noise, drift):
    errors = track(n_features=d, batch_size=batch_size, noise_variance=noise, drift=drift, n_trials=20_000, seed=1)
    assert errors.shape == (20_000, 21)
    expected = [5.0]
    for rate, move in zip(RATES, drift, strict=True):
        factor = 1.0 - 2.0 * rate + rate**2 * (1.0 + (d + 1.0) / batch_size)
        expected.append(expected[-1] * factor + rate**2 * noise * d / batch_size + move)
    spread = errors.std(axis=0) / np.sqrt(20_000)
    assert np.all(spread < 0.02 * np.array(expected))
    assert np.all(np.abs(errors.mean(axis=0) - expected) < 5.0 * spread + 1e-12)


@pytest.mark.parametrize(("d", "batch_size", "noise"), [(6, 2, 0.5), (1, 1, 0.3), (2, 5, 0.0)])
def test_law_is_that_of_the_vectors(d, batch_size, noise):
    rng = np.random.default_rng(2)
    n_trials, rates, drift = 6000, np.array([0.1, 0.2, 0.05, 0.15]), np.array([0.0, 1.0, 0.1, 0.2])
    error = np.full((n_trials, d), np.sqrt(3.0 / d))
    direct = [np.sum(error**2, axis=1)]
    for rate, move in zip(rates, drift, strict=True):
        features = rng.standard_normal((n_trials, batch_size, d))
        residuals = np.einsum("tmd,td->tm", features, error) - np.sqrt(noise) * rng.standard_normal(
            (n_trials, batch_size)
        )
        error = error - rate * np.einsum("tm,tmd->td", residuals, features) / batch_size
        error = error - np.sqrt(move / d) * rng.standard_normal((n_trials, d))
        direct.append(np.sum(error**2, axis=1))
    ours = track(
        n_features=d, learning_rates=rates, initial_squared_error=3.0, drift=drift, noise_variance=noise,
        batch_size=batch_size, n_trials=n_trials, seed=3,
    )  # fmt: skip
    np.testing.assert_allclose(ours[:, 0], 3.0)
    for t in range(1, 5):
        assert stats.ks_2samp(ours[:, t], direct[t]).pvalue > 1e-3


def test_nothing_moves_without_steps_or_drift():
    errors = track(learning_rates=np.zeros(20), drift=np.zeros(20), n_trials=3, seed=1)
    np.testing.assert_allclose(errors, 5.0, rtol=1e-12)
    errors = track(initial_squared_error=0.0, noise_variance=0.0, drift=np.zeros(20), n_trials=3, seed=1)
    assert np.all(errors == 0.0)


def test_trials_do_not_depend_on_blocks():
    rest = np.random.SeedSequence(6, n_children_spawned=64)
    whole = track(n_trials=150, seed=6)
    assert np.array_equal(whole, np.concatenate([track(n_trials=64, seed=6), track(n_trials=86, seed=rest)]))
    assert np.array_equal(whole[:70], track(n_trials=70, seed=6))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_features", 0), ("learning_rates", []), ("learning_rates", -RATES), ("learning_rates", np.nan * RATES),
        ("initial_squared_error", -1.0), ("drift", DRIFT[:-1]), ("drift", -DRIFT), ("noise_variance", -0.1),
        ("batch_size", 0), ("n_trials", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        track(**(dict(n_trials=1, seed=1) | {name: value}))


def test_a_run_that_overflows_is_refused():
    with pytest.raises(ValueError, match=r"learning_rates.*diverges"):
        track(learning_rates=np.full(2000, 30.0), drift=np.zeros(2000), n_trials=1, seed=1)
