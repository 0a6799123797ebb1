"""The symbolic transform, its inverses and its series, against the numeric functions and the stated limits."""

import itertools

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose

from theory.h_consistency import (
    comp_sum_transform_symbolic,
    h_consistency_bound,
    h_consistency_transform,
    inverse_transform_symbolic,
    tight_transform,
    transform_series_symbolic,
)

BETA, TAU, N, T = sp.symbols("beta tau n t", positive=True)
TAUS = {"below_one": (0.0, 0.3, 0.9), "logistic": (1.0,), "above_one": (1.1, 1.5, 1.9), "mae": (2.0, 2.5, 4.0)}


@pytest.mark.parametrize("regime", TAUS)
def test_derived_transform_is_the_numeric_one(regime):
    function = sp.lambdify((BETA, TAU, N), comp_sum_transform_symbolic(regime), "mpmath")
    for tau, n, beta in itertools.product(TAUS[regime], (2, 7), (0.1, 0.5, 0.99)):
        exact = h_consistency_transform(beta, tau=tau, n_classes=n)
        assert_allclose(float(function(beta, tau, n)), exact, rtol=1e-11)


def test_stated_limits():
    below, above = (comp_sum_transform_symbolic(regime) for regime in ("below_one", "above_one"))
    logistic, mae = (comp_sum_transform_symbolic(regime) for regime in ("logistic", "mae"))
    assert sp.simplify(below.subs(TAU, 0) - (1 - sp.sqrt(1 - BETA**2))).subs(BETA, sp.Rational(3, 5)) == 0
    assert sp.simplify(mae.subs(TAU, 2) - BETA / N) == 0
    for beta in (sp.Rational(1, 7), sp.Rational(4, 5)):
        value = sp.N(logistic.subs(BETA, beta), 40)
        for side, form in ((-1, below), (1, above)):
            near = form.subs({BETA: beta, N: 5, TAU: 1 + side * sp.Rational(1, 10**12)})
            assert abs(sp.N(near, 40) - value) < sp.Float("1e-11")
        close_to_two = above.subs({BETA: beta, N: 5, TAU: 2 - sp.Rational(1, 500)})
        assert abs(sp.N(close_to_two, 40) - beta / 5) < sp.Float("2e-3")
    # At beta = 1 the value is Phi(1).
    for tau in (sp.Rational(0), sp.Rational(1, 3), sp.Rational(4, 5)):
        top = sp.limit(below.subs(TAU, tau), BETA, 1, "-")
        assert abs(sp.N(top - (2 ** (1 - tau) - 1) / (1 - tau), 30)) < sp.Float("1e-25")


def test_series_at_small_regret():
    second, fourth = transform_series_symbolic()
    published = 1 / (2**TAU * (2 - TAU)), (3 - TAU) * (4 - 3 * TAU) / (12 * 2**TAU * (2 - TAU) ** 3)
    for tau in (sp.Rational(1, 7), sp.Rational(5, 3)):
        assert sp.simplify(second.subs(TAU, tau) - published[0].subs(TAU, tau)) == 0
        assert sp.simplify(fourth.subs(TAU, tau) - published[1].subs(TAU, tau)) == 0
    assert [c.subs(TAU, 0) for c in (second, fourth)] == [sp.Rational(1, 2), sp.Rational(1, 8)]
    assert [c.subs(TAU, 1) for c in (second, fourth)] == [sp.Rational(1, 2), sp.Rational(1, 12)]
    # The same coefficients serve the exact transform above 1; the next term is of order beta^6.
    for tau in (0.4, 1.0, 1.3, 1.6):
        a, b = (float(c.subs(TAU, tau)) for c in (second, fourth))
        beta = np.array([0.01, 0.02])
        rest = tight_transform(beta, tau=tau, n_classes=4) - a * beta**2 - b * beta**4
        assert_allclose(rest[1] / rest[0], 64, rtol=0.02)


@pytest.mark.parametrize("tau", [0, 1.5, sp.Rational(3, 2), 2])
def test_inverses_in_closed_form(tau):
    inverse = inverse_transform_symbolic(tau)
    assert inverse.free_symbols <= {T, N}
    for t, n in itertools.product((1e-3, 0.02, 0.1), (2, 6)):
        value = float(inverse.subs({T: t, N: n}))
        assert_allclose(value, h_consistency_bound(t, tau=float(tau), n_classes=n), rtol=1e-12)


def test_inverses_are_the_published_ones():
    known = {0: sp.sqrt(T * (2 - T)), 1.5: sp.sqrt((1 + sp.sqrt(N) * T / 2) ** 2 - 1), 2: N * T}
    for tau, formula in known.items():
        assert sp.simplify(sp.expand(inverse_transform_symbolic(tau) ** 2 - formula**2)) == 0
