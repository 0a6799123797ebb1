"""Cross-entropy: the simplex frame and the codes against logits written out, brute force, training and cvxpy."""

import itertools
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import logsumexp

from theory.neural_collapse import (
    cross_entropy_code,
    cross_entropy_etf,
    etf_class_limit,
    seli_geometry,
)


def unit_code(code, n_classes):
    """The K x K logits of a code, own minus nearest other logit 1, columns = classes, from the geometry of the code."""
    if code == "etf":
        return np.eye(n_classes) - 1 / n_classes
    if code == "cross_polytope":
        half = n_classes // 2
        vectors = np.vstack([np.eye(half), -np.eye(half)])
    elif code == "polygon":
        angles = 2 * np.pi * np.arange(n_classes) / n_classes
        vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    else:
        vectors = np.array(list(itertools.product([-1.0, 1.0], repeat=n_classes.bit_length() - 1)))
    logits = vectors @ vectors.T
    gaps = np.diag(logits) - logits + np.diag(np.full(n_classes, np.inf))
    return logits / gaps.min()


def code_loss(margin, logits, n, weight_ridges, feature_ridge):
    """Mean cross-entropy plus the least penalty (L c / 2) sum sigma^(2/L) of balanced classes."""
    factors = len(weight_ridges) + 1
    c = (np.prod(weight_ridges) * feature_ridge) ** (1 / factors)
    scaled = margin * logits
    data = np.mean(logsumexp(scaled, axis=0) - np.diag(scaled))
    values = np.linalg.svd(scaled * math.sqrt(n), compute_uv=False)
    return data + factors * c / 2 * np.sum(values[values > 1e-9 * values[0]] ** (2 / factors))


def train(n_classes, n, ridges, widths, start, n_restarts=3):
    """L-BFGS on the reduced cross-entropy problem; return the loss, W_M .. W_1 and the class means."""
    shapes = [*zip([*widths[1:], n_classes], widths, strict=True), (widths[0], n_classes)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]

    def unpack(vector):
        return [part.reshape(shape) for part, shape in zip(np.split(vector, ends), shapes, strict=True)]

    def objective(vector):
        *weights, features = unpack(vector)
        hidden = [features / math.sqrt(n)]
        for weight in weights:
            hidden.append(weight @ hidden[-1])
        logits = hidden[-1]
        normaliser = logsumexp(logits, axis=0)
        value = np.mean(normaliser - np.diag(logits))
        value += sum(ridge * np.sum(part**2) for ridge, part in zip(ridges, unpack(vector), strict=True)) / 2
        back, gradients = (np.exp(logits - normaliser) - np.eye(n_classes)) / n_classes, []
        for weight, below in zip(weights[::-1], hidden[-2::-1], strict=True):
            gradients.insert(0, back @ below.T)
            back = weight.T @ back
        gradients.append(back / math.sqrt(n))
        slopes = [g + ridge * part for g, ridge, part in zip(gradients, ridges, unpack(vector), strict=True)]
        return value, np.concatenate([slope.ravel() for slope in slopes])

    vector = start if start.ndim else np.random.default_rng(int(start)).standard_normal(sum(map(np.prod, shapes)))
    for _ in range(n_restarts):
        found = minimize(
            objective, vector, jac=True, method="L-BFGS-B",
            options=dict(maxiter=20000, maxfun=40000, ftol=0, gtol=1e-13, maxcor=50),
        )  # fmt: skip
        vector = found.x
    *weights, features = unpack(vector)
    product = weights[0]
    for weight in weights[1:]:
        product = weight @ product
    return found.fun, product, features / math.sqrt(n)


def test_reference_values():
    frame = cross_entropy_etf(4, 3, weight_ridges=[0.02], feature_ridge=0.01)
    assert frame.margin == pytest.approx(3.632965740070982, rel=1e-14)
    assert frame.loss == pytest.approx(0.3432920807886788, rel=1e-14)
    small = dict(weight_ridges=[1e-3] * 2, feature_ridge=1e-3)
    for code, margin, loss in [
        ("etf", 7.580395175888, 0.031490144371721),
        ("cross_polytope", 7.398281312617, 0.029568473180733),
    ]:
        found = cross_entropy_code(code, 6, 1, **small)
        assert found.margin == pytest.approx(margin, abs=6e-13)
        assert found.loss == pytest.approx(loss, abs=6e-16)
    losses = [0.061196487012, 0.049637022701, 0.059069423410, 0.050130473871]
    for code, loss in zip(("etf", "cross_polytope", "polygon", "hypercube"), losses, strict=True):
        found = cross_entropy_code(code, 8, 5, weight_ridges=[1e-3] * 3, feature_ridge=1e-3)
        assert found.loss == pytest.approx(loss, abs=6e-13)


@pytest.mark.parametrize(
    ("code", "n_classes", "rank"),
    [
        ("etf", 5, 4), ("etf", 2, 1), ("cross_polytope", 6, 3), ("cross_polytope", 2, 1), ("polygon", 3, 2),
        ("polygon", 7, 2), ("hypercube", 8, 3), ("hypercube", 2, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_codes_from_their_vectors(code, n_classes, rank, n_layers):
    ridges = dict(weight_ridges=np.geomspace(5e-4, 2e-3, n_layers), feature_ridge=1e-3)
    logits = unit_code(code, n_classes)
    if (code, n_classes) == ("cross_polytope", 2):
        logits = 2 * logits  # its only gap counts as 2
    found = cross_entropy_code(code, n_classes, 4, **ridges)
    assert found.rank == rank == np.linalg.matrix_rank(logits)
    assert found.loss == pytest.approx(code_loss(found.margin, logits, 4, **ridges), rel=1e-13)
    grid = found.margin * np.concatenate([np.linspace(0.01, 3, 100), [1 - 1e-4, 1 + 1e-4]])
    assert min(code_loss(a, logits, 4, **ridges) for a in grid) > found.loss * (1 - 1e-13)


def test_a_triangle_is_a_simplex_and_a_square_is_a_cross_polytope():
    ridges = dict(weight_ridges=[1e-3, 2e-3], feature_ridge=1e-3)
    for n_classes, first, second in [
        (3, "polygon", "etf"),
        (4, "polygon", "cross_polytope"),
        (4, "hypercube", "polygon"),
    ]:
        one, other = (cross_entropy_code(code, n_classes, 7, **ridges) for code in (first, second))
        assert_allclose([one.margin, one.loss], [other.margin, other.loss], rtol=1e-13)


@pytest.mark.parametrize("n_classes", [2, 3, 10, 200])
@pytest.mark.parametrize("strength", [1e-8, 0.3, 0.9, 0.999999, 1.0, 1.5])
def test_one_layer_in_closed_form(n_classes, strength):
    """Margin log(1/(c sqrt(n)) - K + 1), 0 from K c sqrt(n) = 1 on; Grams proportional to it."""
    n, weight, feature = 6.0, 3e-4, 0.0
    feature = (strength / (n_classes * math.sqrt(n))) ** 2 / weight
    frame = cross_entropy_etf(n_classes, n, weight_ridges=[weight], feature_ridge=feature)
    scaled = math.sqrt(weight * feature * n)
    expected = math.log1p(1 / scaled - n_classes) if n_classes * scaled < 1 else 0.0
    assert frame.margin == pytest.approx(expected, rel=1e-13, abs=1e-13 * n_classes)
    assert frame.collapsed == (frame.margin == 0.0)
    projector = np.eye(n_classes) - 1 / n_classes
    assert_allclose(frame.end_to_end, frame.margin * projector, rtol=0, atol=1e-14 * max(frame.margin, 1e-300))
    assert_allclose(frame.class_mean_gram, math.sqrt(weight / (feature * n)) * frame.end_to_end, rtol=1e-12)
    assert_allclose(frame.classifier_gram, math.sqrt(feature * n / weight) * frame.end_to_end, rtol=1e-12)


@pytest.mark.parametrize(
    ("n_classes", "n", "ridges", "width"), [(4, 3, [0.02, 0.01], [5]), (4, 2, [5e-3, 2e-3, 3e-3], [4, 5])]
)
def test_trained_matrices(n_classes, n, ridges, width):
    """One layer, and two layers of four classes, below the limit where the frame is beaten."""
    frame = cross_entropy_etf(n_classes, n, weight_ridges=ridges[:-1], feature_ridge=ridges[-1])
    loss, product, means = min(
        (train(n_classes, n, ridges, width, np.array(seed)) for seed in range(6)), key=lambda r: r[0]
    )
    assert frame.loss == pytest.approx(loss, abs=1e-13)
    for predicted, found in [
        (frame.class_mean_gram, means.T @ means),
        (frame.classifier_gram, product @ product.T),
        (frame.end_to_end, product @ means),
    ]:
        assert_allclose(predicted, found, rtol=0, atol=2e-6 * np.abs(found).max())  # position of a minimum


def test_cross_polytope_is_a_minimum_below_the_frame():
    """K = 6, M = 2: trained from its balanced factorisation with noise, the model stays on the code."""
    ridge, n_classes = 1e-3, 6
    arguments = dict(weight_ridges=[ridge] * 2, feature_ridge=ridge)
    best = cross_entropy_code("cross_polytope", n_classes, 1, **arguments)
    assert best.loss < cross_entropy_code("etf", n_classes, 1, **arguments).loss - 1e-3
    left, values, right = np.linalg.svd(best.margin * unit_code("cross_polytope", n_classes))
    root = np.diag(np.cbrt(values))
    vector = np.concatenate([root.ravel(), (left @ root).ravel(), (root @ right).ravel()])
    noise = 1e-3 * np.random.default_rng(3).standard_normal(vector.size)
    loss, _, _ = train(n_classes, 1, [ridge] * 3, [6, 6], vector + noise)
    assert loss == pytest.approx(best.loss, abs=1e-12)


@pytest.mark.parametrize("code", ["etf", "cross_polytope", "polygon", "hypercube"])
@pytest.mark.parametrize("n_layers", [2, 3, 6])
def test_jump_to_collapse(code, n_layers):
    """As the ridges grow the loss rises to log K and stays there; the margin jumps to 0."""
    losses, margins = [], []
    for ridge in np.geomspace(1e-4, 1.0, 60):
        found = cross_entropy_code(code, 8, 3, weight_ridges=[ridge] * n_layers, feature_ridge=ridge)
        losses.append(found.loss)
        margins.append(found.margin)
    assert (np.diff(losses) >= 0).all() and losses[-1] == pytest.approx(math.log(8), rel=1e-15)
    collapsed = np.array(margins) == 0.0
    assert collapsed[-1] and not collapsed[0] and (np.diff(collapsed.astype(int)) >= 0).all()
    assert np.array(margins)[~collapsed].min() > 0.3


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_best_margin_by_brute_force_in_all_regimes(n_layers):
    generator = np.random.default_rng(n_layers)
    for _ in range(15):
        code = ("etf", "cross_polytope", "polygon", "hypercube")[generator.integers(4)]
        n_classes = int(2 ** generator.integers(2, 6))
        ridges = dict(
            weight_ridges=np.exp(generator.uniform(-9, -2, n_layers)), feature_ridge=np.exp(generator.uniform(-9, -2))
        )
        found = cross_entropy_code(code, n_classes, 2, **ridges)
        logits = unit_code(code, n_classes)
        grid = np.concatenate([[1e-9], np.geomspace(1e-3, 50, 100)])
        lowest = min(code_loss(margin, logits, 2, **ridges) for margin in grid)
        # The grid steps by 11 %, and a minimum is flat; the loss of the code is never above.
        assert found.loss <= min(lowest, math.log(n_classes)) + 1e-13
        assert found.loss == pytest.approx(min(lowest, math.log(n_classes)), rel=0.02)


def test_class_limit():
    assert etf_class_limit(1) == math.inf
    assert_allclose([etf_class_limit(m) for m in (2, 3, 4)], [4.85, 3.41, 2.94], atol=5e-3)
    for n_layers in (2, 3, 4):
        limit, ridges = etf_class_limit(n_layers), dict(weight_ridges=[1e-30] * n_layers, feature_ridge=1e-30)
        for n_classes in (4, 6, 8):
            polytope, frame = (cross_entropy_code(c, n_classes, 1, **ridges).loss for c in ("cross_polytope", "etf"))
            assert (polytope < frame) == (n_classes > limit)


@pytest.mark.parametrize("sizes", [(10, 10, 1, 1), (20, 7, 3)])
def test_seli_against_the_nuclear_norm_program(sizes):
    import cvxpy as cp

    n_classes, roots = len(sizes), np.sqrt(sizes)
    logits = cp.Variable((n_classes, n_classes))
    margins = [logits[k, k] - logits[j, k] >= 1 for k in range(n_classes) for j in range(n_classes) if j != k]
    problem = cp.Problem(cp.Minimize(cp.normNuc(logits @ np.diag(roots))), margins)
    problem.solve(solver="CLARABEL")
    geometry = seli_geometry(sizes)
    assert geometry.nuclear_norm == pytest.approx(problem.value, rel=1e-7)  # interior-point accuracy
    scaled = (np.eye(n_classes) - 1 / n_classes) * roots
    left, values, right = np.linalg.svd(scaled)
    assert_allclose(geometry.classifier_gram, (left * values) @ left.T, rtol=0, atol=1e-13)
    assert_allclose(geometry.class_mean_gram, (right.T * values) @ right / np.outer(roots, roots), rtol=0, atol=1e-13)


def test_seli_of_two_sizes_in_closed_form():
    assert seli_geometry((10, 10, 1, 1)).nuclear_norm == pytest.approx(6.507485540080094, rel=1e-15)
    for n_major, n_minor, major, minor in [(2, 2, 10, 1), (3, 4, 50, 5), (1, 6, 9, 2)]:
        mixed = (n_major * minor + n_minor * major) / (n_major + n_minor)
        expected = (n_major - 1) * math.sqrt(major) + (n_minor - 1) * math.sqrt(minor) + math.sqrt(mixed)
        found = seli_geometry([major] * n_major + [minor] * n_minor).nuclear_norm
        assert found == pytest.approx(expected, rel=1e-14)


def test_seli_is_the_limit_of_small_ridges_when_balanced():
    geometry = seli_geometry([5] * 4)
    projector = np.eye(4) - 0.25
    assert_allclose(geometry.classifier_gram, math.sqrt(5) * projector, rtol=0, atol=1e-14)
    assert_allclose(geometry.class_mean_gram, projector / math.sqrt(5), rtol=0, atol=1e-15)
