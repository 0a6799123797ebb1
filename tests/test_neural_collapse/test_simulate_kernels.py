"""The compiled losses, gradients and Hessian products against plain NumPy and against differences."""

import numpy as np
import pytest

from simulations.neural_collapse import _contrastive
from simulations.neural_collapse._chain import hessian_product, loss_and_gradient, make_chain, workspace
from simulations.neural_collapse._descent import heavy_ball, minimise
from simulations.neural_collapse._model import factors, pack, random_start

SIZES = np.array([5.0, 3.0, 2.0])


def chain_of(kind, *, widths=(4, 6, 5), has_bias=False, n_deviations=0, samples=False):
    """A chain with unequal ridges; ``samples`` gives a row of scale 1 to each of the ten samples."""
    labels, scales = np.eye(3 + n_deviations, 3), np.append(np.sqrt(SIZES), np.zeros(n_deviations))
    if samples:
        labels, scales = np.eye(3)[np.repeat(np.arange(3), SIZES.astype(int))], np.ones(10)
    ridges = np.append(np.geomspace(0.02, 0.05, len(widths) + 1), 0.03 if has_bias else 0.0)
    return make_chain(
        np.append(widths, 3), labels, scales, ridges, 10.0, has_bias=has_bias, cross_entropy=kind == "cross_entropy"
    )


def random_parameters(chain, seed=0):
    parameters, _ = random_start(chain, np.random.default_rng(seed), SIZES, 1.0)
    if chain.has_bias:
        parameters[-3:] = [0.3, -0.2, 0.1]
    return parameters


def plain_loss(chain, parameters):
    """Columns are samples, as in the papers."""
    rows, *weights, bias = factors(chain, parameters)
    logits = rows.T
    for weight in weights:
        logits = weight @ logits
    logits = logits + np.outer(bias, chain.scales)
    if chain.cross_entropy:
        scaled = logits / chain.scales
        losses = np.log(np.exp(scaled).sum(axis=0)) - np.sum(scaled * chain.labels.T, axis=0)
        loss = np.sum(chain.scales**2 * losses) / chain.n_samples
    else:
        loss = np.sum((logits - chain.labels.T * chain.scales) ** 2) / (2 * chain.n_samples)
    blocks = [rows, *weights, bias]
    return loss + sum(0.5 * ridge * np.sum(block**2) for ridge, block in zip(chain.ridges, blocks, strict=True))


CHAINS = [
    chain_of("squared"),
    chain_of("squared", widths=(7,), has_bias=True),
    chain_of("squared", n_deviations=2, has_bias=True),
    chain_of("squared", widths=(5, 4, 6, 3), samples=True, has_bias=True),
    chain_of("cross_entropy"),
    chain_of("cross_entropy", widths=(4, 5, 3), samples=True),
    chain_of("cross_entropy", widths=(4,), has_bias=True),
]


@pytest.mark.parametrize("chain", CHAINS)
def test_loss_and_gradient(chain):
    parameters, space = random_parameters(chain), workspace(chain)
    gradient = np.empty_like(parameters)
    loss = loss_and_gradient(chain, parameters, gradient, space)
    np.testing.assert_allclose(loss, plain_loss(chain, parameters), rtol=1e-14)
    step, expected = 1e-5, np.empty_like(gradient)
    for i in range(len(parameters)):
        moved = np.zeros_like(parameters)
        moved[i] = step
        expected[i] = (plain_loss(chain, parameters + moved) - plain_loss(chain, parameters - moved)) / (2 * step)
    if not chain.has_bias:
        expected[-3:] = 0.0
    # Central differences: rounding 1e-16 / step, curvature step^2.
    np.testing.assert_allclose(gradient, expected, atol=1e-9)


@pytest.mark.parametrize("chain", CHAINS)
def test_hessian_product(chain):
    parameters, space = random_parameters(chain), workspace(chain)
    direction = np.random.default_rng(1).standard_normal(len(parameters))
    if not chain.has_bias:
        direction[-3:] = 0.0
    above, below, product = (np.empty_like(parameters) for _ in range(3))
    step = 1e-5
    loss_and_gradient(chain, parameters + step * direction, above, space)
    loss_and_gradient(chain, parameters - step * direction, below, space)
    loss_and_gradient(chain, parameters, product, space)
    hessian_product(chain, parameters, direction, product, space)
    np.testing.assert_allclose(product, (above - below) / (2 * step), atol=3e-8)


@pytest.mark.parametrize("width", [4, 64])
def test_large_layers_take_the_same_values(width):
    """Beyond a few thousand multiplications BLAS takes over from loops."""
    chain = chain_of("squared", widths=(width, width + 1), samples=True)
    parameters = random_parameters(chain)
    gradient = np.empty_like(parameters)
    loss = loss_and_gradient(chain, parameters, gradient, workspace(chain))
    np.testing.assert_allclose(loss, plain_loss(chain, parameters), rtol=1e-13)
    rows, *weights, _ = factors(chain, parameters)
    residual = rows @ weights[0].T @ weights[1].T - chain.labels
    expected = residual.T @ rows @ weights[0].T / 10 + chain.ridges[2] * weights[1]
    np.testing.assert_allclose(factors(chain, gradient)[2], expected, atol=1e-14)


def test_heavy_ball():
    chain = chain_of("squared")
    parameters = random_parameters(chain)
    ours, velocity = parameters.copy(), np.zeros_like(parameters)
    heavy_ball(chain, ours, velocity, workspace(chain), 0.05, 0.9, np.empty((7, 0)))
    path = np.empty((3, 5))
    heavy_ball(chain, ours, velocity, workspace(chain), 0.05, 0.9, path)
    assert np.array_equal(path[-1], ours[:5])
    previous, now, gradient = parameters.copy(), parameters.copy(), np.empty_like(parameters)
    for _ in range(10):
        loss_and_gradient(chain, now, gradient, workspace(chain))
        now, previous = now - 0.05 * gradient + 0.9 * (now - previous), now
    np.testing.assert_allclose(ours, now, atol=1e-14)
    np.testing.assert_allclose(velocity, now - previous, atol=1e-14)


@pytest.mark.parametrize("kind", ["squared", "cross_entropy"])
def test_descent_leaves_a_saddle(kind):
    """With one layer, a class absent from the features is a strict saddle: its column of both factors is zero."""
    chain = chain_of(kind, widths=(4,))._replace(ridges=np.array([0.02, 0.02, 0.0]))
    space, gradient = workspace(chain), np.empty(0)
    rng = np.random.default_rng(2)
    weight, rows = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    weight[:, 3] = rows[:, 3] = 0.0
    weight[:, 2] = rows[:, 2] = 0.0
    parameters = pack(rows, [weight])
    gradient = np.empty_like(parameters)
    # A start inside the two-dimensional subspace, and a nudge below any size that a descent would notice by itself.
    parameters += 1e-9 * rng.standard_normal(len(parameters))
    parameters[-3:] = 0.0
    minimise(chain, parameters, space, 1e-11, 1000)
    loss = loss_and_gradient(chain, parameters, gradient, space)
    best = min(_trained(chain, seed) for seed in range(3))
    np.testing.assert_allclose(loss, best, rtol=1e-13)
    assert np.linalg.matrix_rank(factors(chain, parameters)[0], tol=1e-3) == (3 if kind == "squared" else 2)


def _trained(chain, seed):
    parameters = random_parameters(chain, seed)
    minimise(chain, parameters, workspace(chain), 1e-11, 1000)
    return loss_and_gradient(chain, parameters, np.empty_like(parameters), workspace(chain))


# Contrastive loss ---------------------------------------------------------------------------------------------------


def plain_contrastive_loss(features, classes, batches, temperature):
    """The double sum as the paper writes it; a row of ``features`` is a sample."""
    loss = 0.0
    for batch in batches:
        for i in batch:
            positives = [j for j in batch if j != i and classes[j] == classes[i]]
            for j in positives:
                terms = [features[i] @ (features[other] - features[j]) / temperature for other in batch if other != i]
                loss += np.log(np.sum(np.exp(terms))) / len(positives)
    return loss


BATCHES = [
    [np.arange(8)],
    [np.array([0, 1, 4, 7]), np.array([2, 3, 5, 6]), np.array([0, 5])],
    [np.array([0]), np.array([1, 2, 3])],
]


@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_contrastive_loss_and_gradient(batches, temperature):
    classes = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    features = np.random.default_rng(3).standard_normal((8, 4))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    members, ends = np.concatenate(batches), np.cumsum([len(batch) for batch in batches])
    space, gradient = _contrastive.scl_workspace(8, 4, 3), np.empty_like(features)
    loss = _contrastive.loss_and_gradient(features, classes, members, ends, temperature, space, gradient)
    np.testing.assert_allclose(loss, plain_contrastive_loss(features, classes, batches, temperature), rtol=1e-13)
    step = 1e-5
    for index in np.ndindex(features.shape):
        moved = np.zeros_like(features)
        moved[index] = step
        ends_of_step = [plain_contrastive_loss(features + s * moved, classes, batches, temperature) for s in (1, -1)]
        np.testing.assert_allclose(gradient[index], (ends_of_step[0] - ends_of_step[1]) / (2 * step), atol=2e-8)


@pytest.mark.parametrize("temperature", [10.0, 1.0, 0.1, 0.003])
def test_exponentials(temperature):
    products = np.linspace(-1.0, 1.0, 1001)
    out = products.copy()
    _contrastive._exponentiate(out, temperature, np.empty(1024, np.int64))
    # The exponent is rounded twice.
    np.testing.assert_allclose(
        out, np.exp((products - 1.0) / temperature), rtol=5e-16 + 5e-16 / temperature, atol=1e-305
    )
    assert out[-1] == 1.0
