"""SGD on finitely many points against all of its sequences of draws, and against plain NumPy with the same draws."""

import itertools

import numpy as np
import pytest
from scipy import stats

from simulations._streams import spawn_streams
from simulations.accelerated_sgd import DiscreteFeatureSamples, simulate_discrete_feature_loss

FEATURES = np.array([[1.0, 0.5, -0.2], [-0.3, 0.8, 0.4], [0.6, -0.7, 0.1], [0.2, 0.1, -0.9]])
TARGETS = np.array([1.0, -0.5, 0.3, 0.7])
TEST_LAW = dict(test_covariance=np.diag([1.0, 0.5, 0.25]), true_weights=[1.0, -1.0, 0.5], test_noise_variance=0.1)
SKEWED = np.array([0.5, 0.1, 0.0, 0.4])


def losses(weights, probabilities=None):
    """Train and test loss of one weight vector."""
    probabilities = np.full(4, 0.25) if probabilities is None else probabilities
    error = weights - TEST_LAW["true_weights"]
    train = probabilities @ (FEATURES @ weights - TARGETS) ** 2
    return train, error @ TEST_LAW["test_covariance"] @ error + 0.1


def enumerate_sequences(n_steps, batch_size, probabilities, learning_rate):
    """All possible (train, test) losses after n_steps from zero, and their probabilities."""
    outcomes, weights = [], []
    for points in itertools.product(range(4), repeat=n_steps * batch_size):
        w = np.zeros(3)
        for batch in np.reshape(points, (n_steps, batch_size)):
            w = w - learning_rate * np.mean((FEATURES[batch] @ w - TARGETS[batch])[:, None] * FEATURES[batch], axis=0)
        outcomes.append(losses(w, probabilities))
        weights.append(np.prod(probabilities[list(points)]))
    return np.array(outcomes), np.array(weights)


@pytest.mark.parametrize(("n_steps", "batch_size"), [(1, 1), (3, 1), (2, 2), (1, 4)])
@pytest.mark.parametrize("probabilities", [np.full(4, 0.25), SKEWED])
def test_every_sequence_of_draws_has_its_frequency(n_steps, batch_size, probabilities):
    n_trials = 40_000
    samples = simulate_discrete_feature_loss(
        FEATURES, TARGETS, learning_rate=0.3, batch_size=batch_size, record_steps=[n_steps], n_trials=n_trials, seed=1,
        probabilities=probabilities, **TEST_LAW,
    )  # fmt: skip
    outcomes, chances = enumerate_sequences(n_steps, batch_size, probabilities, 0.3)
    # Sequences that differ in the order inside a batch alone have the same losses up to rounding.
    keys, inverse = np.unique(outcomes.round(10), axis=0, return_inverse=True)
    chances = np.bincount(inverse.ravel(), chances, len(keys))
    found, counts = np.unique(np.hstack([samples.train_loss, samples.test_loss]).round(10), axis=0, return_counts=True)
    observed = np.zeros(len(keys))
    for key, count in zip(found, counts, strict=True):
        match = np.flatnonzero(np.all(np.abs(keys - key) < 1e-9, axis=1))
        assert len(match) == 1  # nothing but what can happen
        observed[match] += count
    possible = chances > 0.0
    assert np.all(observed[~possible] == 0.0)
    assert stats.chisquare(observed[possible], n_trials * chances[possible]).pvalue > 1e-3


def test_mean_losses_have_their_reference_values():
    samples = simulate_discrete_feature_loss(
        FEATURES, TARGETS, learning_rate=0.2, batch_size=2, record_steps=[0, 1, 25], n_trials=40_000, seed=2, **TEST_LAW
    )
    for loss, expected in (
        (samples.train_loss, [0.4575, 0.383771292812, 0.010156806696]),
        (samples.test_loss, [1.6625, 1.536131875, 0.982974158513]),
    ):
        error = loss.std(axis=0) / 200.0
        assert np.all(error < 0.003 * np.array(expected))
        assert np.all(np.abs(loss.mean(axis=0) - expected) < 5.0 * error + 1e-12)


@pytest.mark.parametrize(("n_points", "d", "batch_size"), [(7, 1, 1), (40, 3, 3), (5, 30, 2), (1, 4, 1)])
@pytest.mark.parametrize("uniform", [True, False])
def test_plain_numpy_with_the_same_draws(n_points, d, batch_size, uniform):
    rng = np.random.default_rng(3)
    features, targets = rng.standard_normal((n_points, d)), rng.standard_normal(n_points)
    probabilities = np.full(n_points, 1.0 / n_points) if uniform else rng.dirichlet(np.full(n_points, 0.3))
    covariance = np.cov(rng.standard_normal((d, 2 * d + 2))).reshape(d, d)
    start, truth = rng.standard_normal(d), rng.standard_normal(d)
    samples = simulate_discrete_feature_loss(
        features, targets, learning_rate=0.05, batch_size=batch_size, record_steps=[0, 3, 20], n_trials=3, seed=5,
        probabilities=None if uniform else probabilities, test_covariance=covariance, true_weights=truth,
        test_noise_variance=0.2, initial_weights=start,
    )  # fmt: skip
    stream, edges = spawn_streams(5, 1)[0], np.cumsum(probabilities)
    for trial in range(3):
        w, curve = start.copy(), []
        for step in range(21):
            if step in (0, 3, 20):
                error = w - truth
                curve.append((probabilities @ (features @ w - targets) ** 2, error @ covariance @ error + 0.2))
            if step < 20:
                batch = np.searchsorted(edges, stream.random(batch_size), side="right")
                w = w - 0.05 * np.mean((features[batch] @ w - targets[batch])[:, None] * features[batch], axis=0)
        np.testing.assert_allclose(samples.train_loss[trial], np.array(curve)[:, 0], rtol=1e-10, atol=1e-20)
        np.testing.assert_allclose(samples.test_loss[trial], np.array(curve)[:, 1], rtol=1e-10)


def test_interpolation_keeps_its_digits():
    """One point and a step that solves it: the train loss is zero up to the square of rounding."""
    samples = simulate_discrete_feature_loss(
        [[2.0, 1.0]], [3.0], learning_rate=0.2, batch_size=1, record_steps=[0, 1, 2], n_trials=2, seed=1
    )
    np.testing.assert_allclose(samples.train_loss[:, 0], 9.0)
    assert np.all(samples.train_loss[:, 1:] < 1e-30)
    assert samples.test_loss is None


def test_points_of_probability_zero_do_not_matter():
    options = dict(learning_rate=0.2, batch_size=2, record_steps=[9], n_trials=80, seed=1)
    drawn = SKEWED > 0.0
    with_them = simulate_discrete_feature_loss(FEATURES, TARGETS, probabilities=SKEWED, **options)
    without = simulate_discrete_feature_loss(FEATURES[drawn], TARGETS[drawn], probabilities=SKEWED[drawn], **options)
    assert np.array_equal(with_them.train_loss, without.train_loss)


def test_trials_do_not_depend_on_blocks(monkeypatch):
    def run(seed, n_trials):
        return simulate_discrete_feature_loss(
            FEATURES, TARGETS, learning_rate=0.2, batch_size=2, record_steps=[1, 9], n_trials=n_trials, seed=seed,
            **TEST_LAW,
        )  # fmt: skip

    whole, head, few = run(6, 150), run(6, 64), run(6, 70)
    rest = run(np.random.SeedSequence(6, n_children_spawned=64), 86)
    monkeypatch.setattr("simulations.accelerated_sgd.discrete._CHUNK_NUMBERS", 100)
    chunked = run(6, 150)
    assert isinstance(whole, DiscreteFeatureSamples)
    for name in ("train_loss", "test_loss"):
        values = getattr(whole, name)
        assert values.shape == (150, 2)
        np.testing.assert_allclose(values, np.concatenate([getattr(head, name), getattr(rest, name)]), rtol=1e-13)
        np.testing.assert_allclose(values[:70], getattr(few, name), rtol=1e-13)
        np.testing.assert_allclose(values, getattr(chunked, name), rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("features", [1.0, 2.0]), ("features", np.full((4, 3), np.nan)), ("features", np.empty((0, 3))),
        ("targets", TARGETS[:3]), ("targets", np.full(4, np.inf)), ("learning_rate", 0.0), ("learning_rate", np.nan),
        ("batch_size", 0), ("batch_size", 1.5), ("record_steps", [1, 1]), ("record_steps", [-1]), ("n_trials", 0),
        ("seed", -1), ("probabilities", [0.5, 0.5, 0.5, -0.5]), ("probabilities", [0.3, 0.3, 0.3, 0.3]),
        ("probabilities", [0.5, 0.5]), ("test_covariance", None), ("test_covariance", np.eye(2)),
        ("test_covariance", np.triu(np.ones((3, 3)))), ("test_covariance", np.diag([1.0, 1.0, -1.0])),
        ("true_weights", [1.0, 2.0]), ("test_noise_variance", -0.1), ("initial_weights", np.ones(4)),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    arguments = dict(learning_rate=0.1, batch_size=1, record_steps=[1], n_trials=1, seed=1) | TEST_LAW | {name: value}
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        simulate_discrete_feature_loss(**(dict(features=FEATURES, targets=TARGETS) | arguments))


def test_a_run_that_overflows_is_refused():
    with pytest.raises(ValueError, match=r"learning_rate.*diverges"):
        simulate_discrete_feature_loss(
            FEATURES, TARGETS, learning_rate=30.0, batch_size=1, record_steps=[2000], n_trials=1, seed=1
        )
