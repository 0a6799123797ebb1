"""The lazy limit in high dimension and the population limit: references, quadrature, finite data and limits."""

import math

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.grokking import (
    lazy_highdim_limit,
    lazy_highdim_path,
    lazy_training_path,
    max_learning_rate,
    population_path,
)
from theory.grokking._marchenko_pastur import marchenko_pastur_nodes

DIGITS = 2e-11
RATIOS = [0.1, 0.7, 0.99, 1.0, 1.01, 3.0, 50.0]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (1.0, [0.642951190799, 0.374070280474, 1.48523431118, 0.0, 0.285902381597, 6.23798410695, 0.0]),
        (0.0, [0.674675661768, 0.374070280474, 1.48523431118, 0.342930017996, 0.285902381597, 7.21778415837,
               0.979800051418]),
    ],
)  # fmt: skip
def test_reference_limit(offset, expected):
    limit = lazy_highdim_limit(3.0, quadratic_strength=0.7, target_offset=offset)
    assert_allclose(list(vars(limit).values()), expected, rtol=DIGITS)


@pytest.mark.parametrize(
    ("offset", "step", "expected"),
    [
        (1.0, 5, [0.174957294072, 0.601283816347]),
        (0.0, 5, [0.189672662667, 0.683048700068]),
        (1.0, 40, [0.00149769695761, 0.642908788753]),
    ],
)
def test_reference_path(offset, step, expected):
    path = lazy_highdim_path(3.0, quadratic_strength=0.7, learning_rate=0.2, n_steps=step, target_offset=offset)
    assert path.train_loss.shape == path.test_loss.shape == (step + 1,)
    assert_allclose([path.train_loss[-1], path.test_loss[-1]], expected, rtol=DIGITS)


def test_reference_learning_rates():
    assert max_learning_rate(3.0, 0.7) == pytest.approx(0.37716390173977, rel=1e-13)
    assert max_learning_rate(4.0, 2.0) == pytest.approx(0.1875, rel=1e-15)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("strength", [1e-7, 1e-3, 0.3, 1.0, 5.0, 1e4])
def test_limit_from_its_published_form(ratio, strength):
    """The quadratic solved, and its root differentiated, as stated, in 60 digits."""
    offset = 0.3
    with mp.workdps(60):
        delta, ridge = mp.mpf(ratio), mp.mpf(strength) ** 2
        linear = ridge + delta - 1
        m = (-linear + mp.sqrt(linear**2 + 4 * ridge)) / (2 * ridge)
        factor = m - ridge * (m**2 + m) / (2 * ridge * m + linear)
        g = ((delta - 1) / ridge + m) / delta
        mean = (1 - mp.mpf(offset)) / 2
        constant = mean * ridge * delta * g / (1 + ridge * delta * g)
        loss = (mp.mpf(1) / 2 + (mean - constant) ** 2) * (1 + factor)
        growth = 2 * strength * delta * g
        expected = [loss, m, g, constant, factor, growth * (mean + 1 - constant), growth * (mean - constant)]
    limit = lazy_highdim_limit(ratio, quadratic_strength=strength, target_offset=offset)
    assert_allclose(list(vars(limit).values()), np.array(expected, dtype=float), rtol=1e-13)
    assert limit.test_loss > 0.5
    assert limit.trace_slope == pytest.approx(2 * limit.constant / strength, rel=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_quadrature(ratio):
    """Mass, moments 1, delta, delta + delta^2, the share of zeros and both resolvents."""
    nodes, weights = marchenko_pastur_nodes(ratio, 400)
    assert_allclose([weights.sum(), weights @ nodes], [1.0, ratio], rtol=1e-13)
    assert weights @ nodes**2 == pytest.approx(ratio + ratio**2, rel=1e-13)
    if abs(ratio - 1) > 0.2:
        assert weights[-1] == pytest.approx(max(0.0, 1.0 - ratio), abs=1e-13)
    limit = lazy_highdim_limit(ratio, quadratic_strength=0.5)
    resolvent = weights @ (1.0 / (nodes + 0.25))
    assert resolvent == pytest.approx(limit.feature_resolvent, rel=1e-12)
    samples = (resolvent + (ratio - 1.0) / 0.25) / ratio
    assert samples == pytest.approx(limit.sample_resolvent, rel=1e-11)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_path_ends_at_the_limit(ratio, offset):
    rate = 0.6 * max_learning_rate(ratio, 0.8)
    steps = math.ceil(30 / (2 * rate / ratio * 0.64))  # the slowest mode decays as exp(-2 eta lambda t / delta)
    path = lazy_highdim_path(ratio, quadratic_strength=0.8, learning_rate=rate, n_steps=steps, target_offset=offset)
    limit = lazy_highdim_limit(ratio, quadratic_strength=0.8, target_offset=offset)
    assert path.test_loss[-1] == pytest.approx(limit.test_loss, rel=1e-12)
    assert path.train_loss[-1] < 1e-24


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("strength", [0.0, 0.7])
def test_nodes_do_not_show(ratio, strength):
    rate = 0.5 * max_learning_rate(ratio, strength)
    arguments = dict(quadratic_strength=strength, learning_rate=rate, n_steps=300)
    coarse, fine = lazy_highdim_path(ratio, **arguments), lazy_highdim_path(ratio, **arguments, n_nodes=1500)
    assert_allclose(coarse.train_loss, fine.train_loss, rtol=1e-11, atol=1e-25)
    assert_allclose(coarse.test_loss, fine.test_loss, rtol=1e-11)


@pytest.mark.parametrize(("ratio", "strength", "offset"), [(3.0, 0.7, 0.0), (0.5, 0.9, 1.0)])
def test_finite_data(ratio, strength, offset):
    """Mean curves of 8 sets at d = 100 lie within four standard errors and the measured finite-size 3 / d."""
    d, n_sets, steps = 100, 8, 40
    rate = 0.5 * max_learning_rate(ratio, strength)
    rng = np.random.default_rng(17)
    train, test = [], []
    for _ in range(n_sets):
        features = rng.normal(size=(round(ratio * d), d)) / np.sqrt(d)
        direction = np.sqrt(d) * np.eye(d)[0]
        labels = 0.5 * ((features @ direction) ** 2 - offset)
        path = lazy_training_path(features, labels, direction, quadratic_strength=strength, learning_rate=rate,
                                  n_steps=steps, target_offset=offset)  # fmt: skip
        train.append(path.train_loss)
        test.append(path.test_loss)
    theory = lazy_highdim_path(ratio, quadratic_strength=strength, learning_rate=rate, n_steps=steps,
                               target_offset=offset)  # fmt: skip
    for sample, curve in ((train, theory.train_loss), (test, theory.test_loss)):
        gap = np.abs(np.mean(sample, axis=0) - curve)
        assert np.all(gap <= 4 * np.std(sample, axis=0) / np.sqrt(n_sets) + 3 / d)


def test_no_quadratic_part_learns_no_constant():
    """Ridge 0 below the interpolation threshold: a train loss stays, the mean of the target is never fitted."""
    path = lazy_highdim_path(3.0, quadratic_strength=0.0, learning_rate=0.2, n_steps=2000, target_offset=0.0)
    assert path.train_loss[-1] == pytest.approx((0.5 + 0.25) * (1 - 1 / 3), rel=1e-10)  # n - d of n directions left
    assert path.test_loss[-1] == pytest.approx(0.75 * (1 + 1 / 2), rel=1e-10)  # least squares: 1 + 1 / (delta - 1)


def test_strong_quadratic_part():
    """A large ridge learns the mean alone: the loss falls to the variance as delta / (2 epsilon^4), never below."""
    losses = [lazy_highdim_limit(3.0, quadratic_strength=s, target_offset=1.0).test_loss for s in (10.0, 1e3, 1e200)]
    assert_allclose(np.array(losses) - 0.5, [0.5 * 3 / 1e4, 0.5 * 3 / 1e12, 0.0], rtol=0.1, atol=1e-16)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 4.0])
def test_edge_is_continuous_where_the_mean_detaches(ratio):
    critical = math.sqrt(1 + ratio**-0.5)
    below, above = max_learning_rate(ratio, critical * (1 - 1e-9)), max_learning_rate(ratio, critical * (1 + 1e-9))
    assert below == pytest.approx(above, rel=1e-8)
    assert max_learning_rate(ratio, 2 * critical) < ratio / ((1 + math.sqrt(ratio)) ** 2 + 4 * critical**2)


@pytest.mark.parametrize(("ratio", "strength"), [(3.0, 0.7), (4.0, 2.0), (0.5, 2.0)])
def test_edge_against_an_isotropic_kernel(ratio, strength):
    """Top eigenvalue of X X^T + lambda (I + 1 1^T / d), without the O(1 / d) of the full tangent kernel."""
    d, ridge = 700, strength**2
    n_samples = round(ratio * d)
    rng = np.random.default_rng(8)
    features = rng.normal(size=(n_samples, d)) / np.sqrt(d)
    features = np.column_stack([features, np.full(n_samples, strength / np.sqrt(d))])
    gram = features.T @ features if d < n_samples else features @ features.T
    top = np.linalg.eigvalsh(gram)[-1] + ridge
    # Fluctuations: d^{-2/3} at the edge of the bulk, d^{-1/2} for the detached mode; about one per cent here.
    assert ratio / top == pytest.approx(max_learning_rate(ratio, strength), rel=0.03)


def two_eigenvalue_descent(d, *, alpha, epsilon, eta, n_steps, alignment, offset, chi):
    """Population gradient descent at finite d: M has d - 1 equal eigenvalues and one along the target."""
    a, a_e, losses = 1.0, 1.0, []
    for _ in range(n_steps + 1):
        bulk = alpha * epsilon * (a**2 - chi)
        spike = alpha * epsilon * d * alignment * (a_e**2 - chi) - d
        trace, square = (d - 1) * bulk + spike, (d - 1) * bulk**2 + spike**2
        losses.append((trace / (2 * d) + offset / 2) ** 2 + square / (2 * d**2))
        last = a, a_e
        # E[(x^T S x / 2 + c_0 / 2) x x^T] = [(tr S / (2 d) + c_0 / 2) I + S / d] / d.
        mean = trace / (2 * d) + offset / 2
        a *= 1 - 2 * eta * epsilon / alpha * (mean + bulk / d)
        a_e *= 1 - 2 * eta * epsilon / alpha * (mean + spike / d)
    return losses, *last


@pytest.mark.parametrize("offset", [0.0, 1.0])
@pytest.mark.parametrize("center_output", [True, False])
@pytest.mark.parametrize("alignment", [0.0, 0.5, 2.0])
def test_population_path(offset, center_output, alignment):
    path = population_path(output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1, n_steps=40,
                           initial_alignment=alignment, target_offset=offset, center_output=center_output)  # fmt: skip
    losses, a, a_e = two_eigenvalue_descent(1e10, alpha=1.0, epsilon=0.5, eta=0.1, n_steps=40, alignment=alignment,
                                            offset=offset, chi=float(center_output))  # fmt: skip
    assert_allclose(path.loss, losses, rtol=1e-7)
    assert_allclose([path.bulk[-1], path.overlap[-1]], [a, a_e], rtol=1e-7)


def test_reference_population_path():
    path = population_path(output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1, n_steps=40,
                           initial_alignment=0.5)  # fmt: skip
    assert path.loss.shape == path.bulk.shape == path.overlap.shape == (41,)
    expected = [0.000961610570292, 1.07305425693, 2.21082895393]
    assert_allclose([path.loss[-1], path.bulk[-1], path.overlap[-1]], expected, rtol=DIGITS)
    assert path.loss[0] == pytest.approx(0.75, rel=1e-15)
