"""Gaussian coefficients of activations against quadrature, closed forms and limits."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from theory.random_features import activation_coefficients, activation_coefficients_symbolic, deep_rf_layers

NAMED = {
    "erf": erf,
    "identity": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "sign": np.sign,
    "tanh": np.tanh,
}


def by_quadrature(function, variance):
    """Transcribe the definitions with scipy's quadrature."""
    deviation = math.sqrt(variance)

    def expect(integrand):
        def weighted(z):
            return integrand(deviation * z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

        return sum(quad(weighted, *ends, epsabs=1e-14, epsrel=1e-13)[0] for ends in ((-14, 0), (0, 14)))

    mean, slope, second = (
        expect(function),
        expect(lambda u: u * function(u)) / variance,
        expect(lambda u: function(u) ** 2),
    )
    return mean, slope, second - mean**2 - variance * slope**2, second


def as_tuple(coefficients):
    return coefficients.mean, coefficients.kappa_1, coefficients.kappa_star**2, coefficients.second_moment


def test_reference_values():
    layers = deep_rf_layers("tanh", 3)
    assert layers[0] == activation_coefficients("tanh")
    assert layers[0].kappa_1 == pytest.approx(0.60570550960, abs=5e-11)
    assert layers[0].kappa_star == pytest.approx(0.16557574108, abs=5e-11)
    assert layers[0].second_moment == pytest.approx(0.39429449040, abs=5e-11)
    assert layers[1].kappa_1 == pytest.approx(0.76354958950, abs=5e-11)
    assert layers[2].kappa_1 == pytest.approx(0.83334364620, abs=5e-11)
    of_erf = activation_coefficients("erf")
    assert of_erf.kappa_1 == pytest.approx(0.65147001587, abs=5e-11)
    assert of_erf.kappa_star == pytest.approx(0.20036435017, abs=5e-11)
    assert of_erf.second_moment == pytest.approx(0.46455905440, abs=5e-11)


@pytest.mark.parametrize("variance", [0.02, 0.4, 1.0, 3.0, 40.0])
@pytest.mark.parametrize("name", NAMED)
def test_coefficients_match_their_definitions(name, variance):
    expected = by_quadrature(NAMED[name], variance)
    scale = expected[3]
    np.testing.assert_allclose(
        as_tuple(activation_coefficients(name, variance)), expected, rtol=1e-12, atol=1e-13 * scale
    )


@pytest.mark.parametrize("name", ["erf", "relu", "sign"])
def test_a_callable_goes_the_same_way_as_its_name(name):
    function = {"erf": erf, "relu": lambda x: np.maximum(x, 0.0), "sign": np.sign}[name]
    for variance in (1e-4, 0.7, 25.0):
        named, called = activation_coefficients(name, variance), activation_coefficients(function, variance)
        np.testing.assert_allclose(as_tuple(called), as_tuple(named), rtol=3e-9, atol=1e-12 * named.second_moment)


def test_a_kink_away_from_the_origin_is_resolved():
    clipped = activation_coefficients(lambda x: np.clip(x, -1.0, 1.0))
    inside = erf(1 / math.sqrt(2))
    assert clipped.kappa_1 == pytest.approx(inside, rel=1e-12)  # the mean derivative
    density = math.exp(-0.5) / math.sqrt(2 * math.pi)
    assert clipped.second_moment == pytest.approx(inside - 2 * density + (1 - inside), rel=1e-12)


@pytest.mark.parametrize("variance", [1e-12, 1e-6, 1e-3, 0.1, 0.3, 0.5, 0.6, 2.0])
def test_nonlinear_part_of_erf_keeps_its_digits_at_small_variance(variance):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        x = 2 * mpmath.mpf(variance) / (1 + 2 * mpmath.mpf(variance))
        exact = float(mpmath.sqrt(2 / mpmath.pi * (mpmath.asin(x) - x)))
    assert activation_coefficients("erf", variance).kappa_star == pytest.approx(exact, rel=1e-14)


def test_nonlinear_part_of_tanh_at_small_variance():
    # tanh u = u - u^3/3 + ..., and u^3 - 3 r u has variance 6 r^3.
    for variance in (1e-5, 1e-4):
        leading = math.sqrt(6 * variance**3) / 3
        assert activation_coefficients("tanh", variance).kappa_star == pytest.approx(leading, rel=20 * variance)


def test_extreme_variances():
    for exponent in range(-16, 17, 2):
        tanh = activation_coefficients("tanh", 10.0**exponent)
        clipped = activation_coefficients(lambda x: np.clip(x, -1.0, 1.0), 10.0**exponent)
        for found in (tanh, clipped):
            centred = found.second_moment - found.mean**2 - 10.0**exponent * found.kappa_1**2
            assert found.kappa_star**2 == pytest.approx(centred, rel=1e-6, abs=1e-14 * found.second_moment)
    sign = activation_coefficients("sign", 1e16)
    assert as_tuple(tanh) == pytest.approx(as_tuple(sign), rel=1e-7)


def test_symbolic_forms_are_the_numbers_used():
    import sympy as sp

    for name in ("erf", "identity", "relu", "sign"):
        symbolic = activation_coefficients_symbolic(name)
        r = symbolic["preactivation_variance"]
        for variance in (sp.Rational(3, 11), sp.Rational(17, 5)):
            keys = ("mean", "kappa_1", "kappa_star_squared", "second_moment")
            values = [float(sp.N(symbolic[key].subs(r, variance), 30)) for key in keys]
            np.testing.assert_allclose(as_tuple(activation_coefficients(name, float(variance))), values, rtol=1e-13)


def test_rescaling_the_argument_rescales_the_variance():
    plain = activation_coefficients("tanh", 2.25)
    stretched = activation_coefficients(lambda x: np.tanh(1.5 * x), 1.0)
    assert stretched.kappa_1 == pytest.approx(1.5 * plain.kappa_1, rel=1e-12)
    assert stretched.kappa_star == pytest.approx(plain.kappa_star, rel=1e-10)


def test_layers_feed_on_the_centred_second_moment():
    for name in NAMED:
        layers = deep_rf_layers(name, 4, input_variance=1.7)
        for below, above in itertools.pairwise(layers):
            expected = activation_coefficients(name, below.second_moment - below.mean**2)
            np.testing.assert_allclose(as_tuple(above), as_tuple(expected), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("swish",), "activation"),
        ((3,), "activation"),
        ((lambda x: x / 0.0 if isinstance(x, float) else x * np.nan,), "activation"),
        ((lambda x: np.exp(x**4),), "activation"),
        (("tanh", 0.0), "preactivation_variance"),
        (("tanh", -1.0), "preactivation_variance"),
        (("tanh", math.nan), "preactivation_variance"),
        (("tanh", math.inf), "preactivation_variance"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_input_of_coefficients(arguments, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        activation_coefficients(*arguments)


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (("tanh", 0), {}, "n_layers"),
        (("tanh", 1.5), {}, "n_layers"),
        (("tanh", 2), {"input_variance": 0.0}, "input_variance"),
        (("tanh", 2), {"input_variance": math.nan}, "input_variance"),
        ((np.ones_like, 2), {}, "activation"),
        (("gelu", 2), {}, "activation"),
    ],
)
def test_bad_input_of_layers(arguments, options, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        deep_rf_layers(*arguments, **options)


@pytest.mark.parametrize("name", ["tanh", "swish", None])
def test_only_closed_forms_are_symbolic(name):
    with pytest.raises(ValueError, match=r"^name"):
        activation_coefficients_symbolic(name)
