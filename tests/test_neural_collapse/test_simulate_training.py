"""Training with the squared loss: plain twins, known optima, and invariances."""

import numpy as np
import pytest
from scipy.optimize import minimize

from simulations._streams import spawn_streams
from simulations.neural_collapse import simulate_mse_curves, simulate_mse_training

SIZES = [50, 30, 20, 8]
ONE = dict(weight_ridges=[4e-3], feature_ridge=2e-3, width=8)
TWO = dict(weight_ridges=[1e-3, 2e-3], feature_ridge=1e-3, width=8)
SMALL = [4, 3, 2]


def soft_threshold_optimum(sizes, weight_ridge, feature_ridge, *, bias=False):
    """One layer is nuclear-norm regression of the targets, whose singular values shrink by N times the geometric mean.

    Returns the loss and the predictions for the classes.
    """
    sizes = np.asarray(sizes, float)
    total, roots = sizes.sum(), np.sqrt(sizes)
    target = np.diag(roots)
    if bias:
        target = target - np.outer(sizes, roots) / total
    left, values, right = np.linalg.svd(target)
    threshold = total * np.sqrt(weight_ridge * feature_ridge)
    kept = np.maximum(values - threshold, 0.0)
    fitted = (left * kept) @ right
    loss = np.sum((fitted - target) ** 2) / (2 * total) + np.sqrt(weight_ridge * feature_ridge) * kept.sum()
    return loss, fitted / roots


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("method", ["lbfgs", "als"])
@pytest.mark.parametrize("reduced", [True, False])
def test_one_layer_reaches_the_convex_optimum(bias, method, reduced):
    sizes = [9, 6, 2]
    result = simulate_mse_training(
        sizes, weight_ridges=[0.02], feature_ridge=0.03, width=5, bias=bias, method=method, reduced=reduced,
        n_trials=2, seed=1,
    )  # fmt: skip
    loss, predictions = soft_threshold_optimum(sizes, 0.02, 0.03, bias=bias)
    np.testing.assert_allclose(result.loss, loss, rtol=1e-14)
    np.testing.assert_allclose(result.end_to_end, [predictions] * 2, atol=1e-11)
    np.testing.assert_allclose(result.bias, [np.array(sizes) / 17 if bias else np.zeros(3)] * 2, atol=1e-11)
    assert np.all(result.within_deviation < 1e-11)
    assert np.all(result.gradient_norm < 1e-11)


def test_reference_losses():
    """Values from independent optimisations of the same objective."""
    one = simulate_mse_training(SIZES, **ONE, n_trials=2)
    np.testing.assert_allclose(one.loss, 0.05441304402550323, rtol=1e-14)
    biased = simulate_mse_training(SIZES, **ONE, bias=True, n_trials=2)
    np.testing.assert_allclose(biased.loss, 0.03888917920154987, rtol=1e-14)
    row = [0.088334568866, -0.084205261649, -0.072670154585, -0.054645937761]
    np.testing.assert_allclose(biased.class_mean_gram[0, 0], row, atol=1e-12)
    two = simulate_mse_training(SIZES, **TWO, n_trials=2)
    np.testing.assert_allclose(two.loss, 0.021618175448237083, rtol=1e-14)
    means = [0.092208156311, 0.129260724289, 0.168872480330, 0.307710970437]
    rows = [10.627930112899, 7.518750679687, 5.703582922584, 3.029953322465]
    np.testing.assert_allclose(two.class_mean_gram, [np.diag(means)] * 2, atol=1e-12)
    np.testing.assert_allclose(two.classifier_gram, [np.diag(rows)] * 2, atol=1e-11)


@pytest.mark.parametrize(("n_layers", "loss"), [(3, 0.04032499713765504), (6, 0.03878763977426845)])
def test_published_sizes(n_layers, loss):
    sizes = np.repeat([500, 400, 300, 200, 100], 2)
    result = simulate_mse_training(sizes, weight_ridges=[5e-4] * n_layers, feature_ridge=5e-4, width=64, seed=2)
    np.testing.assert_allclose(result.loss, loss, rtol=1e-14)
    off_diagonal = result.end_to_end[0] - np.diag(np.diag(result.end_to_end[0]))
    assert np.abs(off_diagonal).max() < 1e-12


def test_gram_fields_fit_together():
    result = simulate_mse_training(SIZES, **TWO, n_trials=3, seed=3)
    assert result.feature_grams.shape == (3, 3, 4, 4) and result.product_grams.shape == (3, 2, 4, 4)
    assert np.array_equal(result.class_mean_gram, result.feature_grams[:, 0])
    assert np.array_equal(result.classifier_gram, result.product_grams[:, 0])
    squares = result.end_to_end.transpose(0, 2, 1) @ result.end_to_end
    np.testing.assert_allclose(result.feature_grams[:, -1], squares, atol=1e-14)
    # At a critical point ridge times Gram is the same on either side of a layer.
    last = 2e-3 * result.product_grams[:, 1]
    energies = np.linalg.eigvalsh(last)
    roots = np.sqrt(SIZES)
    features = 1e-3 * roots[:, None] * result.class_mean_gram * roots
    np.testing.assert_allclose(np.linalg.eigvalsh(features), energies, rtol=1e-11)


@pytest.mark.parametrize("bias", [False, True])
def test_momentum_is_the_plain_loop_over_all_columns(bias):
    """The rotated samples of the full problem give the iterates of the plain one."""
    ridges, scale, steps = np.array([0.02, 0.03]), 0.8, 60
    arguments = dict(weight_ridges=ridges, feature_ridge=0.04, width=[3, 5], bias=bias, learning_rate=0.1, seed=4)
    arguments |= dict(init_scale=scale, bias_ridge=0.05 if bias else 0.0)
    ours = simulate_mse_training(SMALL, method="momentum", n_steps=steps, reduced=False, **arguments)
    curves = simulate_mse_curves(SMALL, record_steps=[0, 17, steps], **arguments)

    rng = spawn_streams(4, 1)[0]
    first, second = rng.standard_normal((5, 3)) * scale / np.sqrt(5), rng.standard_normal((3, 5)) * scale / np.sqrt(3)
    features, offset = (rng.standard_normal((9, 3)) * scale / np.sqrt(3)).T, np.zeros((3, 1))
    targets = np.repeat(np.eye(3), SMALL, axis=1)
    state = [first, second, features, offset]
    velocity = [np.zeros_like(block) for block in state]
    for _ in range(steps):
        first, second, features, offset = state
        slope = (second @ first @ features + offset - targets) / 9
        gradients = [
            second.T @ slope @ features.T + 0.02 * first,
            slope @ (first @ features).T + 0.03 * second,
            (second @ first).T @ slope + 0.04 * features,
            (slope.sum(axis=1, keepdims=True) + 0.05 * offset) * bias,
        ]
        velocity = [0.9 * v - 0.1 * g for v, g in zip(velocity, gradients, strict=True)]
        state = [block + v for block, v in zip(state, velocity, strict=True)]
    first, second, features, offset = state
    residual = second @ first @ features + offset - targets
    penalty = sum(r * np.sum(block**2) for r, block in zip([0.02, 0.03, 0.04, 0.05], state, strict=True))
    members = targets / np.array(SMALL)[:, None]
    means = features @ members.T
    deviations = features - means @ targets
    np.testing.assert_allclose(ours.loss[0], np.sum(residual**2) / 18 + penalty / 2, rtol=1e-13)
    np.testing.assert_allclose(ours.end_to_end[0], second @ first @ means, atol=1e-14)
    np.testing.assert_allclose(ours.class_mean_gram[0], means.T @ means, atol=1e-14)
    np.testing.assert_allclose(ours.classifier_gram[0], second @ first @ first.T @ second.T, atol=1e-14)
    np.testing.assert_allclose(ours.bias[0], offset[:, 0], atol=1e-15)
    np.testing.assert_allclose(ours.within_deviation[0], np.linalg.norm(deviations, axis=0).max(), rtol=1e-12)
    assert ours.n_steps[0] == steps

    for name in ("loss", "end_to_end", "class_mean_gram", "classifier_gram", "bias"):
        np.testing.assert_allclose(getattr(curves, name)[:, -1], getattr(ours, name), rtol=1e-14)
    centred = means - features.mean(axis=1, keepdims=True)
    within, between = deviations @ deviations.T / 9, centred @ centred.T / 3
    np.testing.assert_allclose(curves.within[0, -1], np.trace(within), rtol=1e-12)
    np.testing.assert_allclose(curves.between[0, -1], np.trace(between), rtol=1e-12)
    nc1 = np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / 3
    np.testing.assert_allclose(curves.nc1[0, -1], nc1, rtol=1e-10)
    # The rotation is only as large as the dimension of the features: nothing is lost where that is small or large.
    assert curves.loss.shape == (1, 3) and curves.end_to_end.shape == (1, 3, 3, 3)


@pytest.mark.parametrize("width", [2, 3, 6, 11])
def test_full_problem_starts_like_plain_samples(width):
    curves = simulate_mse_curves(SMALL, weight_ridges=[0.02], feature_ridge=0.03, width=width, record_steps=[0], seed=5)
    rng = spawn_streams(5, 1)[0]
    weight = rng.standard_normal((3, width)) / np.sqrt(3)
    features = rng.standard_normal((9, width)) / np.sqrt(width)
    targets = np.repeat(np.eye(3), SMALL, axis=0)
    loss = np.sum((features @ weight.T - targets) ** 2) / 18 + 0.01 * np.sum(weight**2) + 0.015 * np.sum(features**2)
    np.testing.assert_allclose(curves.loss[0, 0], loss, rtol=1e-13)


def test_reduced_and_full_problems_share_their_optimum():
    arguments = dict(weight_ridges=[0.01, 0.02], feature_ridge=0.01, width=6, n_trials=6, seed=6)
    reduced = simulate_mse_training([7, 4, 2], **arguments)
    full = simulate_mse_training([7, 4, 2], reduced=False, **arguments)
    np.testing.assert_allclose(full.loss.min(), reduced.loss.min(), rtol=1e-13)
    best = full.loss.argmin(), reduced.loss.argmin()
    for name in ("end_to_end", "class_mean_gram", "classifier_gram"):
        np.testing.assert_allclose(getattr(full, name)[best[0]], getattr(reduced, name)[best[1]], atol=1e-11)
    assert np.all(full.within_deviation < 1e-11) and np.all(reduced.within_deviation == 0.0)


def test_methods_agree():
    arguments = dict(weight_ridges=[2e-3, 1e-3], feature_ridge=3e-3, width=8, n_trials=2, seed=7)
    lbfgs, als = (simulate_mse_training(SIZES, method=name, **arguments) for name in ("lbfgs", "als"))
    momentum = simulate_mse_training(SIZES, method="momentum", n_steps=20000, **arguments)
    np.testing.assert_allclose(als.loss, lbfgs.loss, rtol=1e-14)
    np.testing.assert_allclose(als.classifier_gram, lbfgs.classifier_gram, atol=1e-10)
    # The heavy ball is still on its way, at a rate of ridge / (1 - momentum) a unit of time.
    np.testing.assert_allclose(momentum.loss, lbfgs.loss, rtol=1e-12)
    np.testing.assert_allclose(momentum.classifier_gram, lbfgs.classifier_gram, atol=1e-6)


def test_lbfgs_of_scipy_finds_the_same_optimum():
    sizes, roots = np.array([6.0, 3.0]), np.sqrt([6.0, 3.0])

    def objective(flat):
        first, second, features = flat[:12].reshape(4, 3), flat[12:20].reshape(2, 4), flat[20:].reshape(3, 2)
        residual = second @ first @ features - np.diag(roots)
        ridges = 0.02 * np.sum(first**2) + 0.01 * np.sum(second**2) + 0.03 * np.sum(features**2)
        return np.sum(residual**2) / 18 + ridges / 2

    rng = np.random.default_rng(8)
    theirs = min(minimize(objective, rng.standard_normal(26), options=dict(gtol=1e-7)).fun for _ in range(4))
    ours = simulate_mse_training(sizes, weight_ridges=[0.02, 0.01], feature_ridge=0.03, width=[3, 4], n_trials=4)
    np.testing.assert_allclose(ours.loss.min(), theirs, rtol=1e-10)


@pytest.mark.parametrize("bias_ridge", [0.0, 0.3])
def test_permuting_equal_treatment(bias_ridge):
    """Sizes in another order: the optimum is permuted."""
    order = [2, 0, 3, 1]
    arguments = ONE | dict(bias=True, bias_ridge=bias_ridge, n_trials=1)
    plain = simulate_mse_training(SIZES, **arguments)
    permuted = simulate_mse_training(np.array(SIZES)[order], **arguments)
    np.testing.assert_allclose(permuted.loss, plain.loss, rtol=1e-13)
    np.testing.assert_allclose(permuted.end_to_end[0], plain.end_to_end[0][np.ix_(order, order)], atol=1e-11)
    np.testing.assert_allclose(permuted.bias[0], plain.bias[0][order], atol=1e-12)


def test_only_the_geometric_mean_of_the_ridges_matters():
    even = simulate_mse_training(SIZES, weight_ridges=[2e-3, 2e-3], feature_ridge=2e-3, width=8, n_trials=2, seed=9)
    uneven = simulate_mse_training(SIZES, weight_ridges=[1e-3, 8e-3], feature_ridge=1e-3, width=8, n_trials=2, seed=9)
    np.testing.assert_allclose(uneven.loss, even.loss, rtol=1e-13)
    np.testing.assert_allclose(uneven.end_to_end, even.end_to_end, atol=1e-11)


def test_narrow_layers_cut_the_rank():
    sizes = [30, 25, 20, 15, 10]
    common = dict(weight_ridges=[1e-3, 2e-3], feature_ridge=1e-3, n_trials=4, seed=10)
    wide, narrow = (simulate_mse_training(sizes, width=width, **common) for width in (8, [8, 3]))
    assert np.all(narrow.loss > wide.loss.min() + 0.05)
    assert np.linalg.matrix_rank(narrow.end_to_end[narrow.loss.argmin()], tol=1e-8) == 3


def test_everything_collapses_under_large_ridges():
    result = simulate_mse_training([20] * 4, weight_ridges=[0.1], feature_ridge=0.05, width=8, n_trials=2)
    np.testing.assert_allclose(result.loss, 0.5, rtol=1e-14)
    np.testing.assert_allclose(result.end_to_end, np.zeros((2, 4, 4)), atol=1e-12)


@pytest.mark.parametrize("n_layers", [2, 6])
def test_deep_heads_that_collapse_end_at_exactly_zero(n_layers):
    """Newton's method converges so fast that squares of the gradient underflow."""
    arguments = dict(weight_ridges=[0.05] * n_layers, feature_ridge=0.05, width=12, n_trials=10, seed=13)
    result = simulate_mse_training([90, 30, 5, 1], init_scale=0.5, **arguments)
    np.testing.assert_allclose(result.loss, 0.5, rtol=1e-15)
    assert np.abs(result.end_to_end).max() < 1e-20


def test_small_starts_end_on_several_levels():
    """Deep models from small weights: every end is stationary, zero among them, and not all are the best."""
    arguments = dict(weight_ridges=[6e-3] * 3, feature_ridge=6e-3, width=7, n_trials=40, seed=11)
    result = simulate_mse_training([40, 20, 10], init_scale=0.4, **arguments)
    assert len(np.unique(np.round(result.loss, 10))) >= 3
    assert np.all(result.gradient_norm < 1e-11)
    ranks = np.linalg.matrix_rank(result.end_to_end, tol=1e-8)
    by_rank = [np.ptp(result.loss[ranks == rank]) for rank in np.unique(ranks)]
    assert max(by_rank) < 1e-13


@pytest.mark.parametrize("method", ["lbfgs", "momentum", "als"])
def test_trials_do_not_depend_on_blocks(method):
    def run(seed, n_trials):
        result = simulate_mse_training(
            SMALL, weight_ridges=[0.02, 0.01], feature_ridge=0.02, width=4, reduced=False, method=method,
            n_steps=3000, n_trials=n_trials, seed=seed,
        )  # fmt: skip
        return vars(result)

    whole, head, tail = run(12, 5), run(12, 2), run(np.random.SeedSequence(12, n_children_spawned=2), 3)
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([head[name], tail[name]])), name
        assert len(values) == 5


def test_refuses_to_stop_early():
    for method in ("lbfgs", "als"):
        with pytest.raises(RuntimeError, match="n_steps"):
            simulate_mse_training(SIZES, **TWO, method=method, n_steps=3)
    with pytest.raises(RuntimeError, match="learning_rate"):
        simulate_mse_training(SIZES, **TWO, method="momentum", learning_rate=50.0)
    with pytest.raises(RuntimeError, match="learning_rate"):
        simulate_mse_curves(SIZES, **TWO, learning_rate=50.0, record_steps=[2000])


BAD = [
    ("class_sizes", []), ("class_sizes", [5]), ("class_sizes", [5, 0.5]), ("class_sizes", [5, np.nan]),
    ("class_sizes", [[5, 5]]), ("weight_ridges", []), ("weight_ridges", [0.0]), ("weight_ridges", [np.nan]),
    ("feature_ridge", 0.0), ("width", 0), ("width", [3, 3]), ("width", 2.5), ("bias_ridge", -1.0), ("bias_ridge", 0.1),
    ("learning_rate", 0.0), ("init_scale", 0.0), ("n_trials", 0), ("seed", -1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [*BAD, ("method", "newton"), ("n_steps", 0)])
def test_training_refuses(name, value):
    arguments = dict(class_sizes=[5, 4], weight_ridges=[0.1], feature_ridge=0.1, width=3)
    with pytest.raises(ValueError, match=name):
        simulate_mse_training(**(arguments | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"), [*BAD, ("record_steps", []), ("record_steps", [3, 3]), ("record_steps", [0.5])]
)
def test_curves_refuse(name, value):
    arguments = dict(class_sizes=[5, 4], weight_ridges=[0.1], feature_ridge=0.1, width=3, record_steps=[0, 3])
    with pytest.raises(ValueError, match=name):
        simulate_mse_curves(**(arguments | {name: value}))


def test_whole_sizes_are_needed_for_samples():
    arguments = dict(weight_ridges=[0.01], feature_ridge=0.01, width=3)
    assert simulate_mse_training([5.5, 4.0], **arguments).loss[0] > 0.0
    with pytest.raises(ValueError, match="class_sizes"):
        simulate_mse_training([5.5, 4.0], reduced=False, **arguments)
