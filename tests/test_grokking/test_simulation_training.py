"""Training of the quadratic network: plain twins, weights against statistics, streams, invariances and bad input."""

import numpy as np
import pytest

from simulations.grokking import (
    sample_initial_statistics,
    sample_polynomial_regression,
    simulate_feature_learning,
    simulate_finite_width_training,
    simulate_infinite_width_training,
    simulate_network_training,
    train_network,
    train_statistics,
)

SETTING = dict(output_scale=2.0, quadratic_strength=0.7, learning_rate=0.15)


def continued(seed, first):
    return np.random.SeedSequence(seed, n_children_spawned=first)


def output(weights, features, output_scale, quadratic_strength):
    hidden = features @ weights.T
    return output_scale * np.mean(hidden + quadratic_strength / 2 * hidden**2, axis=1)


def statistics_twin(features, labels, mean, moment, n_steps, *, output_scale, quadratic_strength, learning_rate,
                    center_output):  # fmt: skip
    """The recursion of mean and second moment as it is written down: training losses, final mean and second moment."""
    n, d = features.shape
    losses, start = [], 0.0
    for step in range(n_steps + 1):
        quadratic = np.einsum("ni,ij,nj->n", features, moment, features)
        f = output_scale * (features @ mean + quadratic_strength / 2 * quadratic)
        if step == 0 and center_output:
            start = f
        residual = f - start - labels
        losses.append(np.mean(residual**2))
        if step < n_steps:
            g = 2 * learning_rate * d / n * features.T @ residual
            curvature = 2 * learning_rate * d / n * features.T @ np.diag(residual) @ features
            matrix = np.eye(d) - quadratic_strength / output_scale * curvature
            moved = matrix @ mean
            moment = matrix @ moment @ matrix.T - (np.outer(moved, g) + np.outer(g, moved)) / output_scale
            moment += np.outer(g, g) / output_scale**2
            mean = moved - g / output_scale
    return np.array(losses), mean, moment


@pytest.mark.parametrize("center_output", [True, False])
@pytest.mark.parametrize("width", [1, 3, 7, 64])
def test_the_recursion_is_the_network_at_any_width(width, center_output):
    data = sample_polynomial_regression(60, 20, target_offset=1.0, seed=3)
    weights = np.random.default_rng(width).standard_normal((width, 20))
    setting = SETTING | dict(n_steps=300, target_offset=1.0, center_output=center_output)
    network = train_network(*vars(data).values(), weights, **setting)
    recursion = train_statistics(
        *vars(data).values(), mean_weight=weights.mean(axis=0), second_moment=weights.T @ weights / width, **setting
    )
    # Rounding of 300 steps; one neuron, which does not fit, moves through larger losses.
    np.testing.assert_allclose(recursion.train_loss, network.train_loss, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(recursion.test_terms.sum(axis=1), network.test_loss, rtol=1e-11)
    np.testing.assert_allclose(recursion.mean_weight[0], network.weights.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(recursion.second_moment[0], network.weights.T @ network.weights / width, atol=1e-12)


@pytest.mark.parametrize(("n_samples", "n_features", "width"), [(1, 1, 1), (5, 1, 2), (1, 4, 2), (3, 7, 5)])
def test_the_recursion_is_the_network_at_the_smallest_sizes(n_samples, n_features, width):
    data = sample_polynomial_regression(n_samples, n_features, seed=2)
    weights = np.random.default_rng(1).standard_normal((width, n_features))
    setting = SETTING | dict(learning_rate=0.02, n_steps=20)
    network = train_network(*vars(data).values(), weights, **setting)
    recursion = train_statistics(
        *vars(data).values(), mean_weight=weights.mean(axis=0), second_moment=weights.T @ weights / width, **setting
    )
    np.testing.assert_allclose(recursion.train_loss, network.train_loss, atol=1e-14)
    np.testing.assert_allclose(recursion.test_terms.sum(axis=1), network.test_loss, atol=1e-14)


@pytest.mark.parametrize("center_output", [True, False])
def test_the_recursion_is_its_plain_twin(center_output):
    data = sample_polynomial_regression(60, 20, seed=4)
    start = sample_initial_statistics(20, 30, n_trials=1, seed=5)
    mean, moment = start.mean_weight[0], start.second_moment[0]
    ours = train_statistics(
        *vars(data).values(), mean_weight=mean, second_moment=moment, n_steps=200, center_output=center_output,
        record_steps=[0, 10, 200], **SETTING,
    )  # fmt: skip
    np.testing.assert_allclose(ours.second_moment[0], moment, atol=1e-14)
    for place, steps in ((1, 10), (2, 200)):
        losses, mean_end, moment_end = statistics_twin(
            data.features, data.labels, mean, moment, steps, center_output=center_output, **SETTING
        )
        np.testing.assert_allclose(ours.train_loss[: steps + 1], losses, rtol=1e-11)
        np.testing.assert_allclose(ours.mean_weight[place], mean_end, atol=1e-13)
        np.testing.assert_allclose(ours.second_moment[place], moment_end, atol=1e-12)
    unit = data.direction / np.sqrt(20)
    np.testing.assert_allclose(ours.overlap[-1], unit @ moment_end @ unit, rtol=1e-12)
    np.testing.assert_allclose(ours.trace[-1], np.trace(moment_end) / 20, rtol=1e-12)


def test_a_step_is_the_stated_multiple_of_the_gradient(cosine_data):
    """Central differences of the loss; a quadratic network makes the loss quartic, their error is O(h^2)."""
    features, labels, direction = cosine_data(9, 4, 0.3)
    weights = np.random.default_rng(0).standard_normal((3, 4))
    start = output(weights, features, 2.0, 0.7)
    after = train_network(features, labels, direction, weights, n_steps=1, target_offset=0.3, **SETTING).weights
    shift = 1e-5
    for place in np.ndindex(3, 4):
        losses = []
        for sign in (1, -1):
            moved = weights.copy()
            moved[place] += sign * shift
            losses.append(np.mean((output(moved, features, 2.0, 0.7) - start - labels) ** 2))
        gradient = (losses[0] - losses[1]) / (2 * shift)
        np.testing.assert_allclose(after[place], weights[place] - 0.15 * 4 * 3 / 2.0**2 * gradient, atol=1e-10)


def test_reference_paths(cosine_data, cosine_weights):
    """Values from an independent implementation, at infinite width and with five neurons."""
    features, labels, direction = cosine_data(20, 8, 1.0)
    wide = train_statistics(
        features, labels, direction, output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1, n_steps=50,
        target_offset=1.0,
    )  # fmt: skip
    np.testing.assert_allclose(wide.train_loss[[0, -1]], [0.191942581963, 0.0491853639789], rtol=1e-11)
    np.testing.assert_allclose(wide.test_terms[-1], [0.00304177429039, 0.32332611131, 0.0243244073925], rtol=1e-11)
    np.testing.assert_allclose(8 * wide.trace[-1], 9.76487304738, rtol=1e-11)
    features, labels, direction = cosine_data(20, 8, 0.0)
    narrow = train_network(
        features,
        labels,
        direction,
        cosine_weights(5, 8),
        output_scale=2.0,
        quadratic_strength=0.7,
        learning_rate=0.05,
        n_steps=80,
    )
    np.testing.assert_allclose(narrow.train_loss[[0, -1]], [0.33677676726, 0.0101974580186], rtol=1e-11)
    terms = [0.00861666748764, 0.479501479737, 0.0705632870906]
    np.testing.assert_allclose(narrow.test_loss[-1], sum(terms), rtol=1e-11)


@pytest.mark.parametrize(("center_output", "offset"), [(True, 0.0), (True, 1.0), (False, 0.3)])
def test_test_loss_is_the_mean_over_fresh_inputs(center_output, offset):
    """A long direction, neither of length sqrt(d) nor along an axis, and 400 000 fresh inputs."""
    rng = np.random.default_rng(1)
    features, direction = rng.standard_normal((30, 6)) / np.sqrt(6), rng.standard_normal(6) * 1.4
    labels = 0.5 * ((features @ direction) ** 2 - offset)
    weights = rng.standard_normal((5, 6))
    setting = SETTING | dict(n_steps=40, target_offset=offset, center_output=center_output)
    network = train_network(features, labels, direction, weights, **setting)
    inputs = rng.standard_normal((400_000, 6)) / np.sqrt(6)
    truth = 0.5 * ((inputs @ direction) ** 2 - offset)
    for loss, state in ((network.test_loss[0], weights), (network.test_loss[-1], network.weights)):
        start = output(weights, inputs, 2.0, 0.7) if center_output else 0.0
        squares = (output(state, inputs, 2.0, 0.7) - start - truth) ** 2
        error = squares.std() / np.sqrt(len(squares))
        assert abs(squares.mean() - loss) < 4 * error < 0.03 * loss


def test_rotation_of_everything_changes_nothing():
    data = sample_polynomial_regression(40, 10, seed=6)
    start = sample_initial_statistics(10, 15, n_trials=1, seed=7)
    mean, moment = start.mean_weight[0], start.second_moment[0]
    turn = np.linalg.qr(np.random.default_rng(8).standard_normal((10, 10)))[0]
    setting = SETTING | dict(n_steps=60)
    plain = train_statistics(*vars(data).values(), mean_weight=mean, second_moment=moment, **setting)
    turned = train_statistics(
        data.features @ turn.T, data.labels, turn @ data.direction, mean_weight=turn @ mean,
        second_moment=turn @ moment @ turn.T, **setting,
    )  # fmt: skip
    np.testing.assert_allclose(turned.train_loss, plain.train_loss, rtol=1e-11)
    np.testing.assert_allclose(turned.test_terms, plain.test_terms, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(turned.overlap, plain.overlap, rtol=1e-11)
    np.testing.assert_allclose(turned.second_moment[0], turn @ plain.second_moment[0] @ turn.T, atol=1e-12)


def test_without_curvature_training_is_linear_regression():
    data = sample_polynomial_regression(12, 30, seed=9)
    ours = train_statistics(
        *vars(data).values(), output_scale=3.0, quadratic_strength=0.0, learning_rate=0.05, n_steps=40
    )
    gram = data.features @ data.features.T
    map_ = np.linalg.matrix_power(np.eye(12) - 2 * 0.05 * 30 / 12 * gram, 40)
    np.testing.assert_allclose(ours.train_loss[-1], np.mean((map_ @ data.labels) ** 2), rtol=1e-11)
    covariance = ours.second_moment[0] - np.outer(ours.mean_weight[0], ours.mean_weight[0])
    np.testing.assert_allclose(covariance, np.eye(30), atol=1e-14)


def test_trials_draw_the_same_data_in_all_simulators():
    setting = SETTING | dict(n_steps=30, target_offset=1.0)
    curves = simulate_infinite_width_training(40, 10, **setting, n_trials=3, seed=11)
    features = simulate_feature_learning(40, 10, **setting, n_trials=3, seed=11)
    assert curves.train_loss.shape == curves.test_loss.shape == (3, 31)
    assert features.test_terms.shape == (3, 31, 3) and features.overlap.shape == features.trace.shape == (3, 31)
    np.testing.assert_allclose(features.test_terms.sum(axis=2), curves.test_loss, rtol=1e-14)
    for trial in range(3):
        data = sample_polynomial_regression(40, 10, target_offset=1.0, seed=continued(11, trial))
        path = train_statistics(*vars(data).values(), **setting)
        np.testing.assert_allclose(path.train_loss, curves.train_loss[trial], rtol=1e-12)
        np.testing.assert_allclose(path.overlap, features.overlap[trial], rtol=1e-12)
        np.testing.assert_allclose(path.trace, features.trace[trial], rtol=1e-12)
    data = sample_polynomial_regression(40, 10, target_offset=1.0, seed=11)
    np.testing.assert_allclose(data.labels, 0.5 * ((data.features @ data.direction) ** 2 - 1.0))
    network = simulate_network_training(40, 10, 8, **setting, n_trials=2, seed=11)
    assert network.train_loss[0, 0] == pytest.approx(np.mean(data.labels**2), rel=1e-14)
    np.testing.assert_allclose(network.test_loss[:, 0], 0.5, rtol=1e-14)


def test_trials_do_not_depend_on_how_they_are_split():
    def network(**trials):
        return simulate_network_training(30, 6, 5, **SETTING, n_steps=10, **trials)

    def wide(**trials):
        return simulate_infinite_width_training(30, 6, **SETTING, n_steps=10, initial_alignment=0.4, **trials)

    def narrow(**trials):
        data = sample_polynomial_regression(30, 6, seed=1)
        return simulate_finite_width_training(*vars(data).values(), 4, **SETTING, n_steps=10, **trials)

    for simulate in (network, wide, narrow):
        whole = simulate(n_trials=5, seed=12)
        parts = simulate(n_trials=2, seed=12), simulate(n_trials=3, seed=continued(12, 2))
        assert np.array_equal(whole.train_loss, np.concatenate([part.train_loss for part in parts]))
        assert np.array_equal(whole.test_loss, np.concatenate([part.test_loss for part in parts]))
        assert len(np.unique(whole.test_loss[:, -1])) == 5


def test_planted_start():
    """The planted moment lies along the direction, and 0 leaves nothing there to grow."""
    data = sample_polynomial_regression(40, 10, seed=13)
    setting = SETTING | dict(n_steps=30)
    for alignment in (0.0, 0.4):
        moment = np.eye(10)
        moment[0, 0] = 10 * alignment
        path = train_statistics(*vars(data).values(), second_moment=moment, **setting)
        curves = simulate_infinite_width_training(40, 10, **setting, initial_alignment=alignment, n_trials=1, seed=13)
        features = simulate_feature_learning(40, 10, **setting, initial_alignment=alignment, n_trials=1, seed=13)
        np.testing.assert_allclose(curves.train_loss[0], path.train_loss, rtol=1e-12)
        np.testing.assert_allclose(features.overlap[0], path.overlap, rtol=1e-12, atol=1e-15)
        assert path.overlap[0] == pytest.approx(10 * alignment)


@pytest.mark.parametrize("width", [1, 2, 3, 10])
def test_initial_statistics_have_the_law_of_random_neurons(width):
    """First two moments of the mean and of the second moment, and how the two go together, in 4000 networks."""
    d, n_trials = 4, 4000
    start = sample_initial_statistics(d, width, n_trials=n_trials, seed=14)
    means, moments = start.mean_weight, start.second_moment
    ranks = np.linalg.matrix_rank(moments[:20], tol=1e-10)
    assert np.all(ranks == min(d, width))
    below = np.tril_indices(d, -1)
    expected = [
        (means**2, 1 / width),
        (means[:, :1] * means[:, 1:], 0.0),
        (np.einsum("tii->ti", moments), 1.0),
        ((np.einsum("tii->ti", moments) - 1) ** 2, 2 / width),
        (moments[:, *below], 0.0),
        (moments[:, *below] ** 2, 1 / width),
        (moments[:, :1, 1] * moments[:, 2:3, 3], 0.0),
        (np.einsum("ti,tij,tj->t", means, moments, means)[:, None], (d * (d + 2) + (width - 1) * d) / width**2),
    ]
    for sample, value in expected:
        # Mean over the entries, which are independent of the trial's number: 4 standard errors of 4000 trials.
        per_trial = sample.mean(axis=1)
        assert abs(per_trial.mean() - value) < 4 * per_trial.std() / np.sqrt(n_trials)


def test_drawn_statistics_train_as_drawn_neurons_do():
    """Mean and spread of the test loss of 400 networks, by statistics and by weights, on the same data."""
    data = sample_polynomial_regression(30, 8, seed=15)
    setting = SETTING | dict(n_steps=25)
    ours = simulate_finite_width_training(*vars(data).values(), 12, **setting, n_trials=400, seed=16).test_loss[:, -1]
    rng = np.random.default_rng(17)
    theirs = np.array(
        [train_network(*vars(data).values(), rng.standard_normal((12, 8)), **setting).test_loss[-1] for _ in range(400)]
    )
    assert abs(ours.mean() - theirs.mean()) < 4 * np.hypot(ours.std(), theirs.std()) / 20
    assert abs(np.log(ours.std() / theirs.std())) < 4 * np.sqrt(2 / 400)


def test_a_network_of_a_million_neurons_is_nearly_infinite():
    data = sample_polynomial_regression(30, 8, seed=18)
    setting = SETTING | dict(n_steps=25)
    wide = simulate_finite_width_training(*vars(data).values(), 10**6, **setting, n_trials=3, seed=19)
    limit = train_statistics(*vars(data).values(), **setting)
    deviation = np.abs(wide.test_loss - limit.test_terms.sum(axis=1)).max()
    assert 1e-6 < deviation < 1e-2  # of order 1e-3, one over the root of the width
