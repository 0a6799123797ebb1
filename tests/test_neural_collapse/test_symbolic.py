"""Symbolic derivations: their form, and their values against the numeric functions."""

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose

from theory.neural_collapse import (
    collapse_fit,
    collapse_threshold_symbolic,
    collapse_thresholds,
    fit_equation_symbolic,
    mse_geometry,
    proximity_factors,
    proximity_factors_symbolic,
)

TAU, BETA, DEPTH = sp.symbols("tau beta M", positive=True)


def test_fit_equation():
    equation = fit_equation_symbolic()
    assert sp.simplify(equation.lhs - (1 - TAU) * TAU ** ((DEPTH - 1) / (DEPTH + 1))) == 0
    assert equation.rhs == BETA
    for n_layers in (1, 2, 3, 6):
        for beta in (0.01, 0.1):
            fit = collapse_fit(beta, n_layers=n_layers)
            assert float(equation.lhs.subs({TAU: fit, DEPTH: n_layers})) == pytest.approx(beta, rel=1e-13)


def test_collapse_threshold():
    fit, ridge = collapse_threshold_symbolic()
    published = ((DEPTH - 1) ** (DEPTH - 1) * DEPTH ** (-2 * DEPTH)) ** (1 / (DEPTH + 1))
    for n_layers in (2, 3, 4, 7):
        thresholds = collapse_thresholds(n_layers)
        values = [float(expression.subs(DEPTH, n_layers)) for expression in (fit, ridge, published)]
        expected = [thresholds.global_fit, thresholds.global_ridge, thresholds.global_ridge]
        assert_allclose(values, expected, rtol=1e-14)


def test_spinodal_is_the_double_root():
    left = fit_equation_symbolic().lhs
    merged = sp.solve(sp.simplify(sp.diff(sp.log(left), TAU)), TAU)[0]
    for n_layers in (2, 3, 5):
        thresholds = collapse_thresholds(n_layers)
        assert float(merged.subs(DEPTH, n_layers)) == pytest.approx(thresholds.spinodal_fit, rel=1e-15)
        value = float(left.subs({TAU: merged.subs(DEPTH, n_layers), DEPTH: n_layers}))
        assert value == pytest.approx(thresholds.spinodal_ridge, rel=1e-14)


def test_minimal_loss_follows_from_the_equation():
    """(1 - tau)^2 + (M + 1) beta tau^(2/(M+1)) at the root is (1 - tau)(1 + M tau)."""
    objective = (1 - TAU) ** 2 + (DEPTH + 1) * fit_equation_symbolic().lhs * TAU ** (2 / (DEPTH + 1))
    assert sp.simplify(sp.powsimp(sp.expand(objective - (1 - TAU) * (1 + DEPTH * TAU)))) == 0
    sizes = np.array([30.0, 7.0])
    geometry = mse_geometry(sizes, weight_ridges=[2e-3, 1e-3], feature_ridge=2e-3)
    values = [objective.subs({TAU: fit, DEPTH: 2}) for fit in geometry.fit]
    assert float(np.dot(values, sizes)) / (2 * sizes.sum()) == pytest.approx(geometry.loss, rel=1e-12)


@pytest.fixture(scope="module")
def factors():
    return proximity_factors_symbolic()


def test_proximity_factors_have_the_stated_form(factors):
    h, w, mu, ridge, alpha = sp.symbols("h w mu lambda_W alpha", positive=True)
    rho = (h**2 - ridge) / (h**2 + ridge)
    solved = h / (h**2 + ridge)
    assert factors.scale == h and sp.simplify(factors.classifier_scale - solved) == 0
    assert sp.simplify(factors.within_parallel - mu / (mu + w**2)) == 0
    assert factors.within_orthogonal == 1
    symmetric = mu / (mu + w**2 - rho**2 / (h**2 + ridge))
    assert sp.simplify((factors.mean_symmetric - symmetric).subs(w, solved)) == 0
    assert sp.simplify(factors.mean_rotation - h / alpha) == 0


def test_symmetric_factor_is_the_derivative_of_the_scale(factors):
    h, mu, ridge = sp.symbols("h mu lambda_W", positive=True)
    input_scale = h - h * ridge / (mu * (h**2 + ridge) ** 2)
    assert sp.simplify(factors.mean_symmetric * sp.diff(input_scale, h) - 1) == 0


@pytest.mark.parametrize(("alpha", "ridge", "mu"), [(1.3, 0.05, 0.4), (0.2, 0.7, 0.01), (5.0, 1e-3, 2.0)])
def test_proximity_factors_have_the_numeric_values(factors, alpha, ridge, mu):
    numeric = vars(proximity_factors(alpha, weight_ridge=ridge, proximity=mu))
    values = dict(h=numeric["scale"], w=numeric["classifier_scale"], mu=mu, lambda_W=ridge, alpha=alpha)
    values = {sp.Symbol(name, positive=True): value for name, value in values.items()}
    for name, expression in vars(factors).items():
        assert float(expression.subs(values)) == pytest.approx(numeric[name], rel=1e-11), name
