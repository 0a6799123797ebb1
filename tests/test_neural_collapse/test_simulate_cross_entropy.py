"""Training with cross-entropy: a convex oracle for one layer, codes of lower rank for more, and the full problem."""

import numpy as np
import pytest

from simulations.neural_collapse import simulate_cross_entropy_training

DEEP = dict(class_sizes=[1] * 6, weight_ridges=[1e-3, 1e-3], feature_ridge=1e-3, width=7)


def simplex_code(n_classes):
    return np.eye(n_classes) - 1 / n_classes


def cross_polytope_code(n_classes):
    vectors = np.vstack([np.eye(n_classes // 2), -np.eye(n_classes // 2)])
    return vectors @ vectors.T


def hypercube_code(dimension):
    vectors = np.array([[1 - 2 * (k >> bit & 1) for bit in range(dimension)] for k in range(2**dimension)])
    return vectors @ vectors.T / 2


@pytest.mark.parametrize("reduced", [True, False])
def test_one_layer_reaches_its_certified_optimum(reduced):
    """The margin a solves exp(a) + K - 1 = 1 / (c sqrt(n)), c the geometric mean of the ridges."""
    result = simulate_cross_entropy_training(
        [3] * 4, weight_ridges=[0.02], feature_ridge=0.01, width=5, reduced=reduced, n_trials=3
    )
    scale = np.sqrt(0.02 * 0.01 * 3)
    margin = np.log(1 / scale - 3)
    loss = np.log(1 + 3 * np.exp(-margin)) + scale * 3 * margin
    np.testing.assert_allclose(loss, 0.3432920807886788, rtol=1e-13)
    np.testing.assert_allclose(result.loss, loss, rtol=1e-14)
    np.testing.assert_allclose(result.logits, [margin * simplex_code(4)] * 3, atol=1e-12)
    np.testing.assert_allclose(
        result.class_mean_gram, [np.sqrt(0.02 / 0.03) * margin * simplex_code(4)] * 3, atol=1e-12
    )
    assert np.all(result.rank == 3)
    assert np.all(result.within_deviation < 1e-12)


def test_imbalanced_optimum_is_certified():
    """The convex dual at the trained logits: any logits give a lower bound, only the optimum closes the gap."""
    sizes, ridge = np.array([12.0, 5.0, 3.0]), 0.01
    result = simulate_cross_entropy_training(sizes, weight_ridges=[ridge], feature_ridge=ridge, width=4, n_trials=2)
    for loss, logits in zip(result.loss, result.logits, strict=True):
        softmax = np.exp(logits) / np.exp(logits).sum(axis=0)
        pull = (np.eye(3) - softmax) * np.sqrt(sizes) / 20
        shrink = min(1.0, ridge / np.linalg.norm(pull, ord=2))
        mixed = (1 - shrink) * np.eye(3) + shrink * softmax
        np.testing.assert_allclose(loss, -np.sum(sizes * np.sum(mixed * np.log(mixed), axis=0)) / 20, rtol=1e-12)


def test_large_ridges_collapse_everything():
    result = simulate_cross_entropy_training([5] * 4, weight_ridges=[0.2], feature_ridge=0.2, width=5, n_trials=2)
    np.testing.assert_allclose(result.loss, np.log(4), rtol=1e-14)
    assert np.all(result.rank == 0)


def test_deep_heads_prefer_lower_rank():
    """Losses of the two codes are one-dimensional minima, evaluated independently."""
    result = simulate_cross_entropy_training(**DEEP, n_trials=8, seed=1)
    np.testing.assert_allclose(result.loss.min(), 0.029568473180733, rtol=1e-12)
    assert result.rank[result.loss.argmin()] == 3
    frame = simulate_cross_entropy_training(**DEEP, initial_code=7.580395175888 * simplex_code(6), n_trials=3)
    np.testing.assert_allclose(frame.loss, 0.031490144371721, rtol=1e-12)
    np.testing.assert_allclose(frame.logits, [7.580395175888 * simplex_code(6)] * 3, atol=1e-11)
    assert np.all(frame.rank == 5)


@pytest.mark.parametrize("reduced", [True, False])
def test_a_start_from_a_local_minimum_stays(reduced):
    code = cross_polytope_code(6) * 7.398281312617
    result = simulate_cross_entropy_training(**DEEP, reduced=reduced, initial_code=code, n_trials=3)
    np.testing.assert_allclose(result.loss, 0.029568473180733, rtol=1e-12)
    np.testing.assert_allclose(result.logits, [code] * 3, atol=1e-11)


def test_a_start_from_a_saddle_leaves_it():
    common = dict(class_sizes=[5] * 8, weight_ridges=[1e-3] * 3, feature_ridge=1e-3, width=9, n_trials=3)
    result = simulate_cross_entropy_training(**common, initial_code=8.0 * hypercube_code(3))
    np.testing.assert_allclose(result.loss, 0.0485242, atol=5e-8)
    assert np.all(result.loss < 0.050130473870)


def test_the_start_is_balanced_and_has_the_given_logits(monkeypatch):
    """Without noise and steps the loss is that of the logits plus the least penalty, (L c / 2) sum s^(2/L)."""
    monkeypatch.setattr("simulations.neural_collapse.cross_entropy.CODE_NOISE", 0.0)
    monkeypatch.setattr("simulations.neural_collapse.cross_entropy.minimise", lambda *_: 0)
    monkeypatch.setattr("simulations.neural_collapse.cross_entropy.convergence_goal", lambda _: np.inf)
    sizes, ridges = np.array([4.0, 2.0, 1.0]), np.array([0.01, 0.03, 0.02])
    code = np.random.default_rng(2).standard_normal((3, 3))
    for reduced in (True, False):
        result = simulate_cross_entropy_training(
            sizes, weight_ridges=ridges[:2], feature_ridge=ridges[2], width=[4, 3], initial_code=code, reduced=reduced
        )
        np.testing.assert_allclose(result.logits[0], code, atol=1e-14)
        values = np.linalg.svd(code * np.sqrt(sizes), compute_uv=False)
        losses = np.log(np.exp(code).sum(axis=0)) - np.diag(code)
        expected = sizes @ losses / 7 + 1.5 * np.prod(ridges) ** (1 / 3) * np.sum(values ** (2 / 3))
        np.testing.assert_allclose(result.loss[0], expected, rtol=1e-13)


def test_permuted_classes():
    sizes, order = np.array([9.0, 6.0, 3.0, 2.0]), [3, 1, 0, 2]
    common = dict(weight_ridges=[0.01], feature_ridge=0.02, width=5)
    plain, permuted = (simulate_cross_entropy_training(n, **common) for n in (sizes, sizes[order]))
    np.testing.assert_allclose(permuted.loss, plain.loss, rtol=1e-13)
    np.testing.assert_allclose(permuted.logits[0], plain.logits[0][np.ix_(order, order)], atol=1e-11)


@pytest.mark.parametrize("code", [None, 5.0 * cross_polytope_code(6)])
def test_trials_do_not_depend_on_blocks(code):
    def run(seed, n_trials):
        return vars(simulate_cross_entropy_training(**DEEP, initial_code=code, n_trials=n_trials, seed=seed))

    whole, head, tail = run(3, 5), run(3, 2), run(np.random.SeedSequence(3, n_children_spawned=2), 3)
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([head[name], tail[name]])), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class_sizes", [5]), ("class_sizes", [5, np.nan]), ("weight_ridges", []), ("weight_ridges", [-1.0]),
        ("feature_ridge", 0.0), ("width", 0), ("width", [3, 3]), ("init_scale", -1.0), ("n_steps", 0), ("n_trials", 0),
        ("initial_code", np.eye(3)), ("initial_code", [[np.nan, 0.0], [0.0, 0.0]]), ("seed", -1),
    ],
)  # fmt: skip
def test_refuses(name, value):
    arguments = dict(class_sizes=[5, 4], weight_ridges=[0.1], feature_ridge=0.1, width=3)
    with pytest.raises(ValueError, match=name):
        simulate_cross_entropy_training(**(arguments | {name: value}))


def test_refuses_codes_that_do_not_fit_and_early_ends():
    with pytest.raises(ValueError, match="initial_code"):
        simulate_cross_entropy_training(**(DEEP | dict(width=[7, 2])), initial_code=simplex_code(6))
    with pytest.raises(ValueError, match="class_sizes"):
        simulate_cross_entropy_training([2.5, 3.0], weight_ridges=[0.1], feature_ridge=0.1, width=3, reduced=False)
    with pytest.raises(RuntimeError, match="n_steps"):
        simulate_cross_entropy_training(**DEEP, n_steps=3)
