"""Contrastive training against a plain loop, its lower bound, and exact minimisers."""

import numpy as np
import pytest
from scipy.optimize import minimize

from simulations._streams import spawn_streams
from simulations.neural_collapse import simulate_scl_training


def lower_bound(labels, batches, temperature):
    """Anchors meet equal positives at 1 and all others at 0."""
    total = 0.0
    for batch in batches:
        counts = np.bincount(np.asarray(labels)[batch])
        for count in counts[counts >= 2]:
            total += count * np.log(count - 1 + (len(batch) - count) * np.exp(-1 / temperature))
    return total


@pytest.mark.parametrize("nonnegative", [True, False])
def test_plain_loop_with_the_same_draws(nonnegative):
    labels = np.array([0, 0, 1, 2, 1, 0, 2])
    batches = [np.array([0, 1, 2, 4]), np.array([5, 3, 6, 2, 1])]
    ours = simulate_scl_training(
        labels, n_features=3, temperature=0.7, batches=batches, nonnegative=nonnegative, learning_rate=0.05,
        n_steps=25, n_trials=2, seed=1,
    )  # fmt: skip
    for trial, rng in enumerate(spawn_streams(1, 2)):
        features = rng.standard_normal((7, 3))
        features = np.abs(features) if nonnegative else features
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        for step in range(26):
            loss, gradient = 0.0, np.zeros((7, 3))
            for batch in batches:
                rows, own = features[batch], labels[batch]
                scores = rows @ rows.T / 0.7
                weights = np.exp(scores) * (1 - np.eye(len(batch)))
                same = (own[:, None] == own) & ~np.eye(len(batch), dtype=bool)
                counts = same.sum(axis=1)
                anchors = counts > 0
                shares = np.where(anchors[:, None], weights / weights.sum(axis=1, keepdims=True), 0.0)
                shares -= same / np.maximum(counts, 1)[:, None]
                loss += np.log(weights.sum(axis=1))[anchors].sum() - np.sum(
                    scores * same / np.maximum(counts, 1)[:, None]
                )
                gradient[batch] += (shares + shares.T) @ rows / 0.7
            if step < 25:
                features = features - 0.05 * gradient
                features = np.maximum(features, 0.0) if nonnegative else features
                features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1.0)
        np.testing.assert_allclose(ours.loss[trial], loss, rtol=1e-12)
        np.testing.assert_allclose(ours.gram[trial], features @ features.T, atol=1e-12)
        assert ours.n_steps[trial] == 25


@pytest.mark.parametrize(("sizes", "temperature"), [((6, 4, 2), 1.0), ((5, 5, 5, 5), 0.5), ((12, 3), 1.0)])
def test_nonnegative_features_reach_the_bound(sizes, temperature):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    result = simulate_scl_training(
        labels, n_features=3 * len(sizes), temperature=temperature, n_trials=4, seed=2, n_steps=20000
    )
    bound = lower_bound(labels, [np.arange(len(labels))], temperature)
    assert np.all(result.loss >= bound * (1 - 1e-14))
    np.testing.assert_allclose(result.loss, bound, rtol=1e-12)
    np.testing.assert_allclose(result.gram, [np.equal.outer(labels, labels)] * 4, atol=1e-12)
    assert np.all(result.n_steps < 20000)


def test_the_bound_holds_from_any_start():
    labels = np.repeat(np.arange(3), [4, 3, 2])
    result = simulate_scl_training(labels, n_features=3, n_steps=1, learning_rate=1e-12, n_trials=200, seed=3)
    assert np.all(result.loss > lower_bound(labels, [np.arange(9)], 1.0))


def test_the_order_of_samples_does_not_matter():
    labels = np.repeat(np.arange(3), [5, 3, 2])
    order = np.random.default_rng(4).permutation(10)
    plain = simulate_scl_training(labels, n_features=9, n_trials=3)
    shuffled = simulate_scl_training(labels[order], n_features=9, n_trials=3)
    np.testing.assert_allclose(shuffled.loss, plain.loss, rtol=1e-13)
    np.testing.assert_allclose(shuffled.gram, plain.gram[:, order][:, :, order], atol=1e-12)


def test_signed_features_of_equal_classes_form_a_simplex():
    labels = np.repeat(np.arange(4), 6)
    result = simulate_scl_training(labels, n_features=5, nonnegative=False, n_trials=3, n_steps=20000)
    np.testing.assert_allclose(result.loss, 54.64148455419894, rtol=1e-12)
    cosines = np.where(np.equal.outer(labels, labels), 1.0, -1 / 3)
    np.testing.assert_allclose(result.gram, [cosines] * 3, atol=1e-7)


def test_signed_features_of_unequal_classes():
    """Two large and two small classes: three cosines, at the minimum of the same loss over collapsed frames."""
    labels = np.repeat(np.arange(4), [10, 10, 3, 3])
    result = simulate_scl_training(labels, n_features=6, nonnegative=False, n_trials=2, n_steps=20000)
    sizes = np.array([10.0, 10.0, 3.0, 3.0])

    def loss(flat):
        frame = flat.reshape(4, 4) / np.linalg.norm(flat.reshape(4, 4), axis=1, keepdims=True)
        weights = sizes * np.exp(frame @ frame.T - 1) - np.eye(4)
        return np.sum(sizes * np.log(weights.sum(axis=1)))

    rng = np.random.default_rng(5)
    best = min(
        (minimize(loss, rng.standard_normal(16), options=dict(gtol=1e-9)) for _ in range(3)), key=lambda r: r.fun
    )
    frame = best.x.reshape(4, 4) / np.linalg.norm(best.x.reshape(4, 4), axis=1, keepdims=True)
    np.testing.assert_allclose(result.loss, best.fun, rtol=1e-12)
    np.testing.assert_allclose(result.gram, [(frame @ frame.T)[np.ix_(labels, labels)]] * 2, atol=1e-5)


def test_batches_that_share_samples_bind_the_frame():
    labels = np.repeat([0, 1], 4)
    connected = [[0, 1, 4, 5], [1, 2, 5, 6], [2, 3, 6, 7]]
    result = simulate_scl_training(labels, n_features=6, batches=connected, n_trials=4, n_steps=20000)
    np.testing.assert_allclose(result.loss, lower_bound(labels, connected, 1.0), rtol=1e-12)
    np.testing.assert_allclose(result.gram, [np.equal.outer(labels, labels)] * 4, atol=1e-12)
    apart = [[0, 1, 4, 5], [2, 3, 6, 7]]
    loose = simulate_scl_training(labels, n_features=6, batches=apart, n_trials=4, n_steps=20000)
    np.testing.assert_allclose(loose.loss, lower_bound(labels, apart, 1.0), rtol=1e-12)
    assert np.abs(loose.gram - np.equal.outer(labels, labels)).max() > 0.02


def test_batches_without_contrast():
    """Pairs of one class, or of two classes without positives: the loss is zero and nothing moves."""
    result = simulate_scl_training([0, 0, 1, 1], n_features=4, batches=[[0, 1], [2, 3], [0, 2]], n_trials=2)
    np.testing.assert_allclose(result.loss, 0.0, atol=1e-15)
    assert np.all(result.n_steps == 0)


@pytest.mark.parametrize("batches", [None, [[0, 1, 2, 5], [3, 4, 0]]])
def test_trials_do_not_depend_on_blocks(batches):
    def run(seed, n_trials):
        common = dict(n_features=4, batches=batches, n_steps=40)
        return simulate_scl_training([0, 0, 1, 1, 0, 1], n_trials=n_trials, seed=seed, **common)._asdict()

    whole, head, tail = run(6, 5), run(6, 2), run(np.random.SeedSequence(6, n_children_spawned=2), 3)
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([head[name], tail[name]])), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", [0, 0, 2, 2]), ("labels", [0, 0, 0]), ("labels", [0, 0.5, 1, 1]), ("labels", [-1, 0, 1, 1]),
        ("n_features", 0), ("temperature", 0.0), ("temperature", np.nan), ("learning_rate", 0.0), ("n_steps", 0),
        ("batches", []), ("batches", [[0, 4]]), ("batches", [[0, 0]]), ("batches", [[]]), ("batches", [[0, -1]]),
        ("batches", [[0.5, 1]]), ("n_trials", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_refuses(name, value):
    arguments = dict(labels=[0, 0, 1, 1], n_features=3)
    with pytest.raises(ValueError, match=name):
        simulate_scl_training(**(arguments | {name: value}))
