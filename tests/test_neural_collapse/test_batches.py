"""The graph of active pairs against brute-force search, the known designs, and minimisers that are no frames."""

import itertools

import numpy as np
import pytest

from theory.neural_collapse import batch_interaction, bind_batches, scl_batch_lower_bound, scl_loss

SPLIT_LABELS = [0, 0, 0, 0, 1, 1, 1, 1]
SPLIT_BATCHES = [[0, 1, 4, 5], [2, 3, 6, 7]]


def brute_force(labels, batches):
    """Every pair of samples of every batch, then reachability by repeated squaring of the adjacency matrix."""
    labels = np.asarray(labels)
    n_classes, n = labels.max() + 1, labels.size
    joined, pairs = np.eye(n, dtype=bool), np.eye(n_classes, dtype=bool)
    regular = True
    for batch in batches:
        counts = [sum(labels[i] == k for i in batch) for k in range(n_classes)]
        regular &= sum(count > 0 for count in counts) >= 2 and all(count != 1 for count in counts)
        if sum(count > 0 for count in counts) < 2:
            continue
        for i, j in itertools.permutations(batch, 2):
            if labels[i] == labels[j]:
                joined[i, j] = True
            elif counts[labels[i]] >= 2 or counts[labels[j]] >= 2:
                pairs[labels[i], labels[j]] = True
    for _ in range(n):
        joined = (joined.astype(int) @ joined.astype(int)) > 0
    within = [joined[np.ix_(labels == k, labels == k)].all() for k in range(n_classes)]
    unique = all(within) and pairs.all() and np.bincount(labels).min() >= 2
    return within, pairs, unique, regular


def assert_interaction(labels, batches, expected):
    found = batch_interaction(labels, batches)
    within, pairs, unique, regular = expected
    assert found.within_connected.tolist() == [bool(entry) for entry in within]
    assert found.pair_connected.tolist() == np.asarray(pairs).tolist()
    assert (found.unique_frame, found.regular) == (bool(unique), bool(regular))


@pytest.mark.parametrize("seed", range(4))
def test_brute_force(seed):
    generator = np.random.default_rng(seed)
    outcomes = set()
    for _ in range(60):
        n_classes = int(generator.integers(2, 4))
        labels = generator.permutation(np.concatenate([np.arange(n_classes), generator.integers(n_classes, size=7)]))
        size = int(generator.integers(2, 6))
        batches = [generator.permutation(labels.size)[:size].tolist() for _ in range(generator.integers(1, 9))]
        expected = brute_force(labels, batches)
        assert_interaction(labels, batches, expected)
        outcomes.add(bool(expected[2]))
    assert outcomes == {True, False}


def test_full_batch():
    found = batch_interaction([0, 0, 1, 1, 1], None)
    assert found.unique_frame and found.regular and found.pair_connected.all()
    alone = batch_interaction([0, 0, 1], None)
    # The norm of a single sample is free, so that minimisers need not be frames.
    assert alone.within_connected.all() and alone.pair_connected.all() and not alone.unique_frame
    assert not alone.regular


def test_disconnected_classes_leave_other_minimisers():
    """Axes swapped in the second batch: at the bound, and no frame."""
    found = batch_interaction(SPLIT_LABELS, SPLIT_BATCHES)
    assert not found.within_connected.any() and found.pair_connected.all() and found.regular
    assert not found.unique_frame
    swapped = np.eye(2)[:, [0, 0, 1, 1, 1, 1, 0, 0]]
    bound = scl_batch_lower_bound(SPLIT_LABELS, SPLIT_BATCHES)
    assert scl_loss(swapped, SPLIT_LABELS, batches=SPLIT_BATCHES) == pytest.approx(bound, rel=1e-14)


def test_missing_pair_leaves_other_minimisers():
    labels, batches = [0, 0, 1, 1, 2, 2], [[0, 1, 2, 3], [2, 3, 4, 5]]
    found = batch_interaction(labels, batches)
    assert found.within_connected.all() and not found.pair_connected[0, 2] and not found.unique_frame
    merged = np.eye(3)[:, [0, 0, 1, 1, 0, 0]]
    bound = scl_batch_lower_bound(labels, batches)
    assert scl_loss(merged, labels, batches=batches) == pytest.approx(bound, rel=1e-14)


def test_edges_of_constant_loss_do_not_count():
    """Sharing a batch is not enough: these batches connect everything by the published rule, and the loss is 0."""
    labels, batches = [0, 0, 1, 1], [[0, 1], [2, 3], [0, 2]]
    found = batch_interaction(labels, batches)
    assert not found.within_connected.any() and not found.pair_connected[0, 1]
    assert not found.unique_frame and not found.regular
    features = np.random.default_rng(1).standard_normal((3, 4))
    assert scl_loss(features, labels, batches=batches) == pytest.approx(0.0, abs=1e-15)


def test_more_batches_never_disconnect():
    generator = np.random.default_rng(9)
    labels = np.repeat(np.arange(3), 3)
    batches = [generator.permutation(9)[:4] for _ in range(8)]
    seen = [batch_interaction(labels, batches[: k + 1]) for k in range(8)]
    for fewer, more in itertools.pairwise(seen):
        assert (more.within_connected >= fewer.within_connected).all()
        assert (more.pair_connected >= fewer.pair_connected).all()


def test_binding_samples_connect():
    labels = np.repeat(np.arange(3), 4)
    batches = [[0, 4, 9], [1, 5, 6], [2, 7, 10], [3, 8, 11]]
    assert not batch_interaction(labels, batches).unique_frame
    bound = bind_batches(batches, [8, 0, 4])
    assert [batch.tolist() for batch in bound] == [
        [0, 4, 8, 9],
        [0, 1, 4, 5, 6, 8],
        [0, 2, 4, 7, 8, 10],
        [0, 3, 4, 8, 11],
    ]
    assert batch_interaction(labels, bound).unique_frame


def test_relabelled_samples():
    generator = np.random.default_rng(3)
    labels, batches = np.array([0, 1, 2, 0, 1, 2, 0]), [[0, 1, 3], [2, 5, 4], [6, 3, 2]]
    order = generator.permutation(7)
    moved = batch_interaction(labels[order], [np.argsort(order)[batch] for batch in batches])
    found = batch_interaction(labels, batches)
    assert (moved.within_connected == found.within_connected).all()
    assert (moved.pair_connected == found.pair_connected).all()
