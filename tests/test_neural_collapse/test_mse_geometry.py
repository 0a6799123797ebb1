"""Geometry of the squared loss: against trained matrices, against the laws every minimiser obeys, and by symmetry."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from theory.neural_collapse import collapse_fit, effective_ridge, mse_geometry

SIZES = [50, 30, 20, 8]
DEEP = dict(weight_ridges=[1e-3, 2e-3], feature_ridge=1e-3)
SHALLOW = dict(weight_ridges=[4e-3], feature_ridge=2e-3)


def train(targets, ones, n_samples, weight_ridges, feature_ridge, widths, bias_ridge, seed):
    """Minimise the matrix problem by L-BFGS from a random start; return loss, weights, features and bias."""
    n_classes, columns = targets.shape
    shapes = [*zip([*widths[1:], n_classes], widths, strict=True), (widths[0], columns), (n_classes,)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    ridges = [*weight_ridges, feature_ridge, bias_ridge or 0.0]

    def unpack(vector):
        return [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes, strict=True)]

    def objective(vector):
        *weights, features, bias = unpack(vector)
        hidden = [features]
        for weight in weights:
            hidden.append(weight @ hidden[-1])
        error = hidden[-1] + np.outer(bias, ones) - targets
        value = np.sum(error**2) / (2 * n_samples)
        value += sum(ridge * np.sum(part**2) for ridge, part in zip(ridges, unpack(vector), strict=True)) / 2
        back, gradients = error / n_samples, []
        bias_gradient = back @ ones if bias_ridge is not None else np.zeros(n_classes)
        for weight, below in zip(weights[::-1], hidden[-2::-1], strict=True):
            gradients.insert(0, back @ below.T)
            back = weight.T @ back
        gradients += [back, bias_gradient]
        slopes = [g + ridge * part for g, ridge, part in zip(gradients, ridges, unpack(vector), strict=True)]
        return value, np.concatenate([slope.ravel() for slope in slopes])

    generator = np.random.default_rng(seed)
    start = np.concatenate([generator.standard_normal(np.prod(shape)) / np.sqrt(shape[0]) for shape in shapes[:-1]])
    vector = np.concatenate([start, np.zeros(n_classes)])
    options = dict(maxiter=20000, maxfun=40000, ftol=0, gtol=1e-13, maxcor=50)
    for _ in range(3):
        found = minimize(objective, vector, jac=True, method="L-BFGS-B", options=options)
        vector = found.x
    *weights, features, bias = unpack(vector)
    return found.fun, weights, features, bias


def best_reduced(sizes, *, weight_ridges, feature_ridge, width, bias_ridge=None, seeds=range(4)):
    """Train on one column per class, sqrt(n_k) times its mean; return loss, weights, means and bias of the best run."""
    roots = np.sqrt(np.asarray(sizes, dtype=float))
    runs = [
        train(np.diag(roots), roots, sum(sizes), weight_ridges, feature_ridge, width, bias_ridge, seed)
        for seed in seeds
    ]
    loss, weights, features, bias = min(runs, key=lambda run: run[0])
    return loss, weights, features / roots, bias


def grams(weights, means):
    after, hidden = [means.T @ means], means
    for weight in weights:
        hidden = weight @ hidden
        after.append(hidden.T @ hidden)
    product, above = np.eye(len(weights[-1])), []
    for weight in weights[::-1]:
        product = product @ weight
        above.insert(0, product @ product.T)
    return np.array(after), np.array(above), hidden


def assert_same_geometry(geometry, trained, gram_error=1e-6):
    loss, weights, means, bias = trained
    assert geometry.loss == pytest.approx(loss, abs=1e-13)
    after, above, end_to_end = grams(weights, means)
    # Positions of a minimum found from values and slopes in double precision.
    assert_allclose(geometry.feature_grams, after, rtol=0, atol=gram_error * after.max())
    assert_allclose(geometry.product_grams, above, rtol=0, atol=gram_error * above.max())
    assert_allclose(geometry.end_to_end, end_to_end, rtol=0, atol=gram_error)
    assert_allclose(geometry.bias, bias, rtol=0, atol=gram_error)


def test_reference_values():
    geometry = mse_geometry(SIZES, **DEEP)
    assert geometry.loss == pytest.approx(0.021618175448237083, rel=1e-14)
    means = [0.092208156311, 0.129260724289, 0.168872480330, 0.307710970437]
    classifier = [10.627930112899, 7.518750679687, 5.703582922584, 3.029953322465]
    energy = [0.004610407816, 0.003877821729, 0.003377449607, 0.002461687763]
    assert_allclose(np.diag(geometry.class_mean_gram), means, rtol=1e-11)
    assert_allclose(np.diag(geometry.classifier_gram), classifier, rtol=1e-12)
    assert_allclose(geometry.layer_energy, energy, rtol=0, atol=6e-13)
    geometry = mse_geometry(SIZES, **SHALLOW)
    assert geometry.loss == pytest.approx(0.05441304402550323, rel=1e-14)
    assert_allclose(np.diag(geometry.class_mean_gram), [0.19136, 0.243798889747, 0.294627766017, 0.446], rtol=5e-12)
    geometry = mse_geometry(SIZES, bias=True, **SHALLOW)
    assert geometry.loss == pytest.approx(0.03888917920154987, rel=1e-13)
    assert_allclose(geometry.target_singular_values, [6.254312949162, 4.836400660713, 3.116892748431], rtol=2e-13)
    assert_allclose(geometry.fit, [0.951158483441, 0.936839366524, 0.901995302974], rtol=1e-12)
    row = [0.088334568866, -0.084205261649, -0.072670154585, -0.054645937761]
    assert_allclose(geometry.class_mean_gram[0], row, rtol=2e-11)


@pytest.mark.parametrize(
    ("n_layers", "loss"), [(1, 0.08007332347441763), (3, 0.04032499713765504), (6, 0.03878763977426845)]
)
def test_reference_losses_of_ten_classes(n_layers, loss):
    sizes = np.repeat([500, 400, 300, 200, 100], 2)
    found = mse_geometry(sizes, weight_ridges=[5e-4] * n_layers, feature_ridge=5e-4).loss
    assert found == pytest.approx(loss, rel=1e-13)


@pytest.mark.parametrize(
    ("sizes", "ridges", "width"),
    [
        (SIZES, SHALLOW, [7]),
        (SIZES, DEEP, [7, 6]),
        ([12, 5, 1], dict(weight_ridges=[0.02], feature_ridge=0.03), [3]),
        ([9, 9, 3], dict(weight_ridges=[1e-3, 3e-3, 2e-3], feature_ridge=2e-3), [6, 6, 6]),
    ],
)
def test_trained_matrices(sizes, ridges, width):
    assert_same_geometry(mse_geometry(sizes, **ridges), best_reduced(sizes, width=width, **ridges))


def test_trained_on_every_sample():
    """All N columns free: features of a class coincide, and the reduced problem has lost nothing."""
    sizes, ridges = [7, 4, 2], dict(weight_ridges=[2e-3, 1e-3], feature_ridge=3e-3)
    labels = np.repeat(np.arange(3), sizes)
    loss, weights, features, bias = train(np.eye(3)[:, labels], np.ones(13), 13, *ridges.values(), [5, 4], None, 0)
    means = np.stack([features[:, labels == k].mean(axis=1) for k in range(3)], axis=1)
    assert np.abs(features - means[:, labels]).max() < 1e-6
    assert_same_geometry(mse_geometry(sizes, **ridges), (loss, weights, means, bias))


@pytest.mark.parametrize(
    ("sizes", "ridges", "width"),
    [([12, 12, 12], SHALLOW, [5]), (SIZES, SHALLOW, [7]), ([25, 10, 10, 4], DEEP, [6, 6])],
)
def test_trained_with_free_bias(sizes, ridges, width):
    trained = best_reduced(sizes, width=width, bias_ridge=0.0, **ridges)
    assert_same_geometry(mse_geometry(sizes, bias=True, **ridges), trained)


@pytest.mark.parametrize("ridges", [SHALLOW, DEEP])
@pytest.mark.parametrize("bias_ridge", [0.02, 0.3])
def test_trained_with_bias_ridge(ridges, bias_ridge):
    sizes = [10, 10, 10, 10]
    trained = best_reduced(sizes, width=[6, 6][: len(ridges["weight_ridges"])], bias_ridge=bias_ridge, **ridges)
    assert_same_geometry(mse_geometry(sizes, bias=True, bias_ridge=bias_ridge, **ridges), trained)


@pytest.mark.parametrize(("bias_ridge", "width"), [(None, [5, 3]), (0.0, [2, 6])])
def test_trained_through_a_bottleneck(bias_ridge, width):
    sizes, ridges = [30, 25, 20, 15, 10], DEEP
    trained = best_reduced(sizes, width=width, bias_ridge=bias_ridge, seeds=range(6), **ridges)
    geometry = mse_geometry(sizes, width=width, bias=bias_ridge is not None, **ridges)
    assert np.count_nonzero(~geometry.collapsed) == min(width)
    assert_same_geometry(geometry, trained)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 5])
def test_laws_of_every_depth(n_layers):
    """Norms and products in terms of the fit alone, whatever the depth, and factors of equal energy."""
    sizes, ridges = np.array([90.0, 40.0, 17.5, 1.0]), np.geomspace(3e-4, 6e-4, n_layers)
    geometry = mse_geometry(sizes, weight_ridges=ridges, feature_ridge=4e-4)
    scale, tau = sizes.sum() * 4e-4, geometry.fit
    assert_allclose(np.diag(geometry.class_mean_gram), tau * (1 - tau) / scale, rtol=1e-12, atol=1e-15)
    assert_allclose(np.diag(geometry.classifier_gram), scale * tau / (1 - tau), rtol=1e-12)
    assert_allclose(geometry.end_to_end, np.diag(tau), rtol=1e-15, atol=1e-16)
    assert_allclose(geometry.feature_grams[-1], np.diag(tau**2), rtol=1e-12, atol=1e-16)
    assert_allclose(
        ridges[:, None] * geometry.weight_singular_values**2, [geometry.layer_energy] * n_layers, rtol=1e-13
    )
    assert_allclose(4e-4 * geometry.feature_singular_values**2, geometry.layer_energy, rtol=1e-13)
    product = geometry.weight_singular_values.prod(axis=0) * geometry.feature_singular_values
    assert_allclose(product, np.sqrt(sizes) * tau, rtol=1e-12)
    assert_allclose(
        tau, collapse_fit(effective_ridge(sizes, weight_ridges=ridges, feature_ridge=4e-4), n_layers=n_layers)
    )


def test_one_layer_in_closed_form():
    sizes, weight, feature = np.array(SIZES, dtype=float), 4e-3, 2e-3
    geometry, total = mse_geometry(SIZES, **SHALLOW), sum(SIZES)
    assert_allclose(np.diag(geometry.classifier_gram), np.sqrt(sizes * feature / weight) - total * feature, rtol=1e-13)
    means = np.sqrt(weight / (sizes * feature)) - total * weight / sizes
    assert_allclose(np.diag(geometry.class_mean_gram), means, rtol=1e-12)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 5])
def test_exponents_at_small_ridges(n_layers):
    sizes = np.array([1000.0, 10.0])
    geometry = mse_geometry(sizes, weight_ridges=[1e-9] * n_layers, feature_ridge=1e-9)
    slope = n_layers / (n_layers + 1)
    for gram, expected in ((geometry.class_mean_gram, -slope), (geometry.classifier_gram, slope)):
        # The relative correction is beta, about 1e-6 here.
        assert np.log(gram[0, 0] / gram[1, 1]) / np.log(100) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_balanced_with_free_bias_is_the_simplex_frame(n_layers):
    geometry = mse_geometry([20] * 5, weight_ridges=[1e-3] * n_layers, feature_ridge=1e-3, bias=True)
    projector, tau = np.eye(5) - 0.2, geometry.fit[0]
    assert_allclose(geometry.end_to_end, tau * projector, rtol=0, atol=1e-14)
    assert_allclose(geometry.class_mean_gram, tau * (1 - tau) / 0.1 * projector, rtol=0, atol=1e-14)
    assert_allclose(geometry.classifier_gram, 0.1 * tau / (1 - tau) * projector, rtol=0, atol=1e-12)
    assert_allclose(geometry.bias, np.full(5, 0.2), rtol=1e-15)
    assert geometry.fit.shape == (4,)


def test_free_bias_geometry_in_its_modes():
    geometry = mse_geometry(SIZES, bias=True, **DEEP)
    sizes, total, tau = np.array(SIZES, dtype=float), sum(SIZES), geometry.fit
    labels = (np.eye(4) - np.outer(sizes, np.ones(4)) / total) * np.sqrt(sizes)
    left, values, right = np.linalg.svd(labels)
    means = right[:3].T / np.sqrt(sizes)[:, None]
    expected = (means * (values[:3] ** 2 * tau * (1 - tau) / (total * 1e-3))) @ means.T
    assert_allclose(geometry.class_mean_gram, expected, rtol=0, atol=1e-14)
    assert_allclose(geometry.end_to_end, (left[:, :3] * (values[:3] * tau)) @ means.T, rtol=0, atol=1e-14)
    expected = (left[:, :3] * (total * 1e-3 * tau / (1 - tau))) @ left[:, :3].T
    assert_allclose(geometry.classifier_gram, expected, rtol=0, atol=1e-11)
    # The features average to zero over the samples.
    assert_allclose(geometry.class_mean_gram @ sizes, 0, atol=1e-13)


@pytest.mark.parametrize("ridges", [SHALLOW, DEEP])
def test_bias_ridge_between_free_bias_and_none(ridges):
    sizes = [10] * 4
    free, none = mse_geometry(sizes, bias=True, **ridges), mse_geometry(sizes, **ridges)
    nearly_free = mse_geometry(sizes, bias=True, bias_ridge=1e-12, **ridges)
    nearly_none = mse_geometry(sizes, bias=True, bias_ridge=1e12, **ridges)
    for name in ("loss", "class_mean_gram", "classifier_gram", "end_to_end", "bias"):
        assert_allclose(getattr(nearly_free, name), getattr(free, name), rtol=0, atol=2e-11)
        assert_allclose(getattr(nearly_none, name), getattr(none, name), rtol=0, atol=2e-11)
    assert nearly_free.fit[-1] == 0.0 and nearly_free.collapsed.tolist() == [False] * 3 + [True]
    assert_allclose(nearly_none.target_singular_values, np.sqrt(10), rtol=1e-15)


def test_classes_collapse_one_by_one():
    sizes = [40, 10, 3, 1]
    for ridge, survivors in ((0.002, 4), (0.012, 4), (0.03, 3), (0.07, 1)):
        geometry = mse_geometry(sizes, weight_ridges=[ridge], feature_ridge=ridge)
        assert (~geometry.collapsed).tolist() == [k < survivors for k in range(4)]
        assert np.count_nonzero(np.diag(geometry.class_mean_gram)) == survivors


def test_bottleneck_keeps_the_largest_classes():
    sizes, width = [10, 30, 20, 25, 15], 3
    geometry, wide = mse_geometry(sizes, width=width, **DEEP), mse_geometry(sizes, **DEEP)
    assert (~geometry.collapsed).tolist() == [False, True, True, True, False]
    assert wide.loss < geometry.loss
    assert geometry.loss == pytest.approx(0.1414, abs=5e-5) and wide.loss == pytest.approx(0.0251, abs=5e-5)
    assert_allclose(mse_geometry(sizes, width=[8, 5], **DEEP).loss, wide.loss, rtol=0, atol=0)
    balanced = mse_geometry([10] * 4, width=2, **DEEP)
    assert balanced.collapsed.tolist() == [False, False, True, True]


def test_relabelling_permutes_the_grams():
    order = np.array([2, 0, 3, 1])
    for bias in (False, True):
        first, second = mse_geometry(SIZES, bias=bias, **DEEP), mse_geometry(np.array(SIZES)[order], bias=bias, **DEEP)
        assert second.loss == pytest.approx(first.loss, rel=1e-14)
        for name in ("class_mean_gram", "classifier_gram", "end_to_end"):
            permuted = getattr(first, name)[np.ix_(order, order)]
            assert_allclose(getattr(second, name), permuted, rtol=0, atol=1e-12)
        assert_allclose(second.bias, first.bias[order], rtol=1e-15)
