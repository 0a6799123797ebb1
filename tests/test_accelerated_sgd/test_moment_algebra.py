"""The recursion and the closed forms derived with sympy: Wick moments, stationary variances, eigenvalues."""

import numpy as np
import pytest
import sympy as sp

from theory.accelerated_sgd import mode_stationary_variance, mode_stationary_variance_symbolic, sgd_scheme
from theory.accelerated_sgd._recursion import _accumulate, _advance
from theory.accelerated_sgd.schemes import MomentumScheme

LAM, DELTA, C, Q = sp.symbols("lambda delta c q", positive=True)
MATRIX = sp.Matrix([[0, 1 - DELTA * LAM], [-C, 1 + C - Q * LAM]])
CHARACTERISTIC = sp.Symbol("x") ** 2 - MATRIX.trace() * sp.Symbol("x") + MATRIX.det()


def exact(expression):
    """Kernels hold floats such as 2.0; make them exact."""
    return sp.expand(sp.nsimplify(expression, rational=True))


def objects(*values):
    return np.array(values, dtype=object)


def feature_expectation(polynomial, features, eigenvalues, kurtosis, radial, noise, variance):
    """Expectation over x_i = R sqrt(lambda_i) z_i (up to fourth order) and independent noise of a polynomial."""
    total = 0
    for powers, coefficient in sp.Poly(polynomial, *features, noise).terms():
        *orders, noise_order = powers
        if any(order % 2 for order in orders):
            continue  # odd moments; skewness never enters an even total with the noise centred
        degree = sum(orders)
        moment = {0: 1, 1: 0, 2: variance}[noise_order] * {0: 1, 2: 1, 4: radial}[degree]
        for order, eigenvalue in zip(orders, eigenvalues, strict=True):
            moment *= eigenvalue ** (order // 2) * {0: 1, 2: 1, 4: kurtosis}[order]
        total += coefficient * moment
    return sp.expand(total)


def test_one_step_of_the_kernel_is_the_expectation_of_one_step():
    """Two modes, symbolic kurtosis, radius, batch size and scheme; all three moments of the first mode."""
    kurtosis, radial, m, variance = sp.symbols("kappa r m s", positive=True)
    eigenvalues = sp.symbols("lambda1 lambda2", positive=True)
    features, noise = sp.symbols("x1 x2"), sp.Symbol("xi")
    w, y = sp.symbols("w1 w2"), sp.symbols("y1 y2")
    residual = features[0] * y[0] + features[1] * y[1] - noise
    arguments = (features, eigenvalues, kurtosis, radial, noise, variance)
    first = feature_expectation(sp.expand(features[0] * residual), *arguments)
    second = feature_expectation(sp.expand((features[0] * residual) ** 2), *arguments)
    assert first == eigenvalues[0] * y[0]
    batch = {1: first, 2: second / m + (1 - 1 / m) * first**2}  # moments of the mean of m independent terms
    gradient = sp.Symbol("g")
    new_w, new_y = y[0] - DELTA * gradient, (1 + C) * y[0] - C * w[0] - Q * gradient

    def expected(product):
        terms = sp.Poly(sp.expand(product), gradient).terms()
        return sp.expand(sum(k * (batch[order] if order else 1) for (order,), k in terms))

    p = radial * (kurtosis - 1) - 1
    u = [y[i] - w[i] for i in range(2)]
    state = [[u[i] ** 2, u[i] * y[i], y[i] ** 2, w[i] ** 2] for i in range(2)]
    moments = np.array(state, dtype=object).T.copy()
    # Cross moments y1 y2 are odd under the sign of one mode and drop out of the diagonal moments.
    tau = sum(eigenvalues[i] * y[i] ** 2 for i in range(2))
    counts, rates, injection = objects(1, 1), (DELTA, C, Q), (p / m, radial / m, variance / m)
    _advance.py_func(objects(*eigenvalues), counts, moments, tau, rates, injection)
    products = [(new_y - new_w) ** 2, (new_y - new_w) * new_y, new_y**2, new_w**2]
    for row, product in enumerate(products):
        assert sp.expand(exact(moments[row, 0]) - expected(product)) == 0


def test_one_step_of_the_running_sum():
    """B grows by w, then its products with u = y - w and y move on with the mean dynamics."""
    w, y, b = sp.symbols("w y b")
    moments = np.array([[(y - w) ** 2], [(y - w) * y], [y**2], [w**2]], dtype=object)
    sums = np.array([[b * (y - w)], [b * y], [b**2]], dtype=object)
    _accumulate.py_func(objects(LAM), moments, sums, (DELTA, C, Q))
    new_w, new_y = MATRIX * sp.Matrix([w, y])
    for found, expected in zip(sums[:, 0], [new_y - new_w, new_y, b + w], strict=True):
        assert exact(found - (b + w) * expected) == 0
    assert exact(sums[2, 0] - (b + w) ** 2) == 0


@pytest.fixture(scope="module")
def variances():
    return mode_stationary_variance_symbolic()


def test_stationary_variances(variances):
    ahead, iterate = variances
    bottom = LAM * (1 - C + C * DELTA * LAM) * (2 * (1 + C) - LAM * (Q + C * DELTA))
    top = (1 + C) * (Q - C * DELTA) + C * DELTA * LAM * (Q + C * DELTA)
    assert sp.cancel(ahead - top / bottom) == 0
    top = (1 + C) * (Q - C * DELTA) + DELTA * LAM * ((2 + 2 * C + C**2) * DELTA - (2 + C) * Q)
    assert sp.cancel(iterate - top / bottom) == 0
    assert sp.cancel(iterate - (1 - DELTA * LAM) ** 2 * ahead - DELTA**2) == 0


def test_stationary_variance_of_sgd(variances):
    sgd = DELTA / (LAM * (2 - DELTA * LAM))
    for variance in variances:
        assert sp.cancel(variance.subs(Q, DELTA) - sgd) == 0  # for every momentum


def test_stationary_variances_are_the_numeric_ones(variances):
    values = {LAM: 0.4, DELTA: 0.3, C: 0.7, Q: 0.5}
    numeric = mode_stationary_variance([0.4], MomentumScheme(0.3, 0.7, 0.5))
    symbolic = [float(variance.subs(values)) for variance in variances]
    np.testing.assert_allclose((numeric.lookahead[0], numeric.iterate[0]), symbolic, rtol=1e-13)


def test_lookahead_variance_grows_with_the_lookahead_step(variances):
    """d log g / d q is a sum of two terms that are positive wherever the mode is stable (both denominators are)."""
    ahead = variances[0]
    top = (1 + C) * (Q - C * DELTA) + C * DELTA * LAM * (Q + C * DELTA)
    slope = (1 + C + C * DELTA * LAM) / top + LAM / (2 * (1 + C) - LAM * (Q + C * DELTA))
    assert sp.cancel(sp.diff(ahead, Q) / ahead - slope) == 0


def test_discriminant_has_the_window_as_its_roots():
    discriminant = sp.expand(MATRIX.trace() ** 2 - 4 * MATRIX.det())
    assert sp.expand(discriminant - ((1 - C) ** 2 - 2 * LAM * (Q * (1 + C) - 2 * C * DELTA) + Q**2 * LAM**2)) == 0
    # In terms of a = sqrt(q - c delta), b = sqrt(c (q - delta)), with (1 - c) q = a^2 - b^2.
    a, b = sp.symbols("a b", positive=True)
    delta = (a**2 - b**2 / C) / (1 - C)
    q = sp.cancel(a**2 + C * delta)
    assert sp.cancel(C * (q - delta) - b**2) == 0
    lower, upper = ((1 - C) / (a + b)) ** 2, ((a + b) / q) ** 2
    factored = q**2 * (LAM - lower) * (LAM - upper)
    assert sp.cancel(discriminant.subs({Q: q, DELTA: delta}) - factored) == 0


def test_characteristic_polynomial_at_the_two_sgd_rates():
    x = sp.Symbol("x")
    at_short_step = CHARACTERISTIC.subs(x, 1 - DELTA * LAM)
    assert sp.expand(at_short_step - LAM * (1 - DELTA * LAM) * (Q - DELTA)) == 0
    effective = (Q - C * DELTA) / (1 - C)
    at_effective_step = CHARACTERISTIC.subs(x, 1 - effective * LAM)
    assert sp.cancel(at_effective_step - C * LAM**2 * effective * (Q - DELTA) / (1 - C)) == 0


def test_effective_step_by_perturbation_of_the_slow_eigenvector():
    still = MATRIX.subs(LAM, 0)
    left, right = sp.Matrix([[-C, 1]]) / (1 - C), sp.Matrix([1, 1])
    assert (left * still - left).applyfunc(sp.cancel) == sp.zeros(1, 2)
    assert still * right == right
    assert sp.cancel((left * right)[0]) == 1
    shift = (left * sp.diff(MATRIX, LAM) * right)[0]
    assert sp.cancel(shift + (Q - C * DELTA) / (1 - C)) == 0
    assert sgd_scheme(0.3).effective_learning_rate == 0.3
