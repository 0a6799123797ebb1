"""StableMax, its loss and gradient, and the orthogonal gradient, against identities and high precision."""

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax

from theory.grokking import (
    orthogonal_gradient,
    stablemax,
    stablemax_cross_entropy,
    stablemax_cross_entropy_gradient,
)

LOGITS = np.random.default_rng(2).normal(scale=3.0, size=(40, 5))
LABELS = np.arange(40) % 5


def score(x):
    return x + 1 if x >= 0 else 1 / (1 - x)


def precise_loss(row, label):
    with mp.workdps(700):
        scores = [score(mp.mpf(float(x))) for x in row]
        return float(mp.log(sum(scores) / scores[label]))


def test_reference_values():
    logits = [1.5, -2.0, 0.3]
    assert_allclose(stablemax(logits), [0.604838709677, 0.0806451612903, 0.314516129032], rtol=2e-12)
    assert_allclose(stablemax_cross_entropy([logits, logits], [0, 1]), [0.502793452069, 2.51769647261], rtol=2e-12)


def test_softmax_of_the_logarithmic_map():
    mapped = np.sign(LOGITS) * np.log1p(np.abs(LOGITS))
    assert_allclose(stablemax(LOGITS), softmax(mapped, axis=-1), rtol=1e-13)
    assert_allclose(stablemax(LOGITS, axis=0), softmax(mapped, axis=0), rtol=1e-13)


def test_not_invariant_under_shifts():
    assert np.abs(stablemax([3.0, 0.0]) - stablemax([13.0, 10.0])).max() > 0.2


def test_inverse_pairs_and_slope_at_zero():
    """s(x) s(-x) = 1, seen through the ratio of two probabilities; s is continuously differentiable at 0."""
    x = np.array([0.0, 1e-3, 0.7, 40.0, 1e9])
    pairs = stablemax(np.stack([x, -x], axis=1))
    assert_allclose(pairs[:, 0] / pairs[:, 1], (1 + x) ** 2, rtol=1e-14)
    step = 1e-6
    ratios = [p[0] / p[1] for p in stablemax([[step, 0.0], [-step, 0.0]])]  # s(+-step)
    assert_allclose([(ratios[0] - 1) / step, (1 - ratios[1]) / step], [1.0, 1.0], rtol=2e-6)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e4, 1e150, 1e308])
def test_extreme_logits(scale):
    logits = scale * np.array([[1.0, -1.0, 0.3], [-1.0, -0.9, 1.0], [0.0, 1e-3, 1.0], [1.0, 1.0, 1.0]])
    probabilities = stablemax(logits)
    assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-15)
    for label in range(3):
        losses = stablemax_cross_entropy(logits, np.full(4, label))
        expected = [precise_loss(row, label) for row in logits]
        assert_allclose(losses, expected, rtol=2e-15)


@pytest.mark.parametrize("margin", [0.0, 1.0, 1e3, 1e9, 1e100])
def test_loss_on_a_margin(margin):
    symmetric, one_sided = stablemax_cross_entropy([[margin / 2, -margin / 2], [margin, 0.0]], [0, 0])
    assert symmetric == pytest.approx(np.log1p((1 + margin / 2) ** -2.0), rel=1e-15)
    assert one_sided == pytest.approx(np.log1p(1 / (1 + margin)), rel=1e-15)


def test_gradient_is_the_derivative():
    gradient = stablemax_cross_entropy_gradient(LOGITS, LABELS)
    step = 1e-6
    for k in range(5):
        shift = step * np.eye(5)[k]
        up, down = (stablemax_cross_entropy(LOGITS + sign * shift, LABELS) for sign in (1, -1))
        assert_allclose(gradient[:, k], (up - down) / (2 * step), atol=3e-9)
    assert gradient.shape == (40, 5)


def test_gradient_of_a_confident_sample():
    """The component of the right class keeps its digits where p_y rounds to 1, against softmax collapse."""
    gradient = stablemax_cross_entropy_gradient([[1e20, -1e20, 0.0]], [0])[0]
    rest = 1e-20  # the other scores over the largest
    assert_allclose(gradient, [-rest * 1e-20, 1e-40 * 1e-20, rest], rtol=1e-12)


def test_one_class():
    assert_allclose(stablemax_cross_entropy([[3.0], [-2.0]], [0, 0]), 0.0, atol=0)
    assert_allclose(stablemax_cross_entropy_gradient([[3.0]], [0]), 0.0, atol=0)


@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 5)])
@pytest.mark.parametrize("rescale", [False, True])
def test_orthogonal_gradient(shape, rescale):
    rng = np.random.default_rng(len(shape))
    for size in (1.0, 1e-150, 1e150):
        gradient, weights = rng.normal(size=shape), size * rng.normal(size=shape)
        result = orthogonal_gradient(gradient, weights, rescale=rescale)
        assert abs(np.vdot(result, weights)) <= 1e-15 * np.linalg.norm(result) * np.linalg.norm(weights) * 10
        plain = gradient - np.vdot(weights / size, gradient) / np.vdot(weights / size, weights / size) * weights / size
        factor = np.linalg.norm(gradient) / np.linalg.norm(plain) if rescale else 1.0
        assert_allclose(result, factor * plain, atol=1e-14)


def test_norm_and_descent_identities():
    rng = np.random.default_rng(0)
    for _ in range(200):
        gradient, weights, step = rng.normal(size=6), rng.normal(size=6), rng.uniform(0, 2)
        result = orthogonal_gradient(gradient, weights)
        after = np.sum((weights - step * result) ** 2)
        assert after == pytest.approx(np.sum(weights**2) + step**2 * np.sum(result**2), rel=1e-14)
        assert gradient @ result == pytest.approx(result @ result, rel=1e-12, abs=1e-15)
        stretched = orthogonal_gradient(gradient, weights, rescale=True)
        assert np.linalg.norm(stretched) == pytest.approx(np.linalg.norm(gradient), rel=1e-14)


def test_nearly_parallel_gradient():
    """Orthogonal relative to what is left, though nearly all has been taken away."""
    rng = np.random.default_rng(1)
    weights, small = rng.normal(size=50), rng.normal(size=50)
    result = orthogonal_gradient(1e10 * weights + small, weights)
    assert abs(result @ weights) <= 1e-14 * np.linalg.norm(result) * np.linalg.norm(weights)


@pytest.mark.parametrize("factor", [1.0, -3.7, 1e-30, 0.0])
def test_parallel_gradient(factor):
    weights = np.random.default_rng(4).normal(size=1000)
    result = orthogonal_gradient(factor * weights, weights)
    assert np.linalg.norm(result) <= 1e-15 * np.linalg.norm(factor * weights)
    with pytest.raises(ValueError, match="gradient"):
        orthogonal_gradient(factor * weights, weights, rescale=True)


def test_max_margin_playground():
    """Two folded samples with summed logistic loss: the projected descent settles on the minimiser of its sphere."""
    samples = np.array([[1.0, 0.8], [1.0, -0.3]])

    def gradient(weights):
        return -samples.T @ (1 / (1 + np.exp(samples @ weights)))

    projected = plain = np.array([0.3, -1.0])
    for _ in range(1000):
        projected = projected - 0.1 * orthogonal_gradient(gradient(projected), projected)
        plain = plain - 0.1 * gradient(plain)
    assert_allclose(projected, [1.0631393, 0.21406981], rtol=1e-7)
    assert_allclose(plain, [5.24081305, 0.38706057], rtol=1e-8)
    left = orthogonal_gradient(gradient(projected), projected)
    assert np.linalg.norm(left) < 1e-10
