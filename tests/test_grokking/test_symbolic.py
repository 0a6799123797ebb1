"""Symbolic derivations: both sides of each identity, and their values against the numeric functions."""

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose

from theory.grokking import (
    collapse_flow_symbolic,
    lazy_highdim_limit,
    lazy_limit_symbolic,
    logit_gap_flow,
    loss_terms_symbolic,
    recursion_symbolic,
    softmax_collapse_time,
    statistics_recursion,
)
from theory.grokking import test_loss_terms as loss_terms


@pytest.fixture(scope="module")
def recursion():
    return recursion_symbolic()


def at_random_rationals(expressions, seed):
    """Values for every symbol in the expressions."""
    rng = np.random.default_rng(seed)
    symbols = sorted(set().union(*(expression.free_symbols for expression in expressions)), key=str)
    return {symbol: sp.Rational(int(rng.integers(1, 30)), int(rng.integers(1, 30))) for symbol in symbols}


@pytest.mark.parametrize("seed", range(2))
def test_recursion_is_affine(recursion, seed):
    """Exact equality at random rational points; the mean also as polynomials."""
    values = at_random_rationals(recursion.values(), seed)
    for name in ("mean_weight", "second_moment"):
        assert recursion[name].subs(values) == recursion[f"{name}_affine"].subs(values)
    assert sp.expand(recursion["mean_weight"] - recursion["mean_weight_affine"]) == sp.zeros(2, 1)


def test_recursion_has_the_numeric_values(recursion):
    values = at_random_rationals(recursion.values(), 11)
    numbers = {str(symbol): float(value) for symbol, value in values.items()}
    weights, features = (np.array([[numbers[f"{n}{i}{k}"] for k in (1, 2)] for i in (1, 2)]) for n in "wx")
    path = statistics_recursion(
        features, [numbers["y1"], numbers["y2"]], output_scale=numbers["alpha"], quadratic_strength=numbers["epsilon"],
        learning_rate=numbers["eta"], n_steps=1, center_output=False, mean_weight=weights.mean(axis=0),
        second_moment=weights.T @ weights / 2,
    )  # fmt: skip
    expected = [np.array(recursion[n].subs(values).evalf(30), dtype=float) for n in ("mean_weight", "second_moment")]
    assert_allclose(path.mean_weight, expected[0].ravel(), rtol=1e-10)
    assert_allclose(path.second_moment, expected[1], rtol=1e-10)


def test_loss_terms():
    derived = loss_terms_symbolic()
    assert derived["cross"] == 0
    for name in ("linear", "variance", "misalignment"):
        assert sp.expand(derived[name] - derived[f"{name}_closed"]) == 0, name
    total = derived["linear"] + derived["variance"] + derived["misalignment"]
    assert sp.expand(derived["test_loss"] - total) == 0


def test_loss_terms_have_the_numeric_values():
    derived = loss_terms_symbolic()
    mean, moment, direction = np.array([0.3, -0.7]), np.array([[1.2, 0.1], [0.1, 0.4]]), np.array([0.5, 1.1])
    alpha, epsilon, offset = 1.5, 0.6, 0.2
    S = alpha * epsilon * moment - np.outer(direction, direction)
    values = dict(v1=alpha * mean[0], v2=alpha * mean[1], s11=S[0, 0], s12=S[0, 1], s22=S[1, 1], c_0=offset)
    values = {sp.Symbol(name, real=True): value for name, value in values.items()}
    terms = loss_terms(mean, moment, direction, output_scale=alpha, quadratic_strength=epsilon, target_offset=offset)
    for name in ("linear", "variance", "misalignment"):
        assert float(derived[name].subs(values)) == pytest.approx(getattr(terms, name), rel=1e-13), name


@pytest.fixture(scope="module")
def limit():
    return lazy_limit_symbolic()


@pytest.mark.parametrize(("ratio", "strength", "offset"), [(3.0, 0.7, 0.0), (0.4, 1.3, 1.0), (1.0, 0.5, 2.0)])
def test_lazy_limit_has_the_numeric_values(limit, ratio, strength, offset):
    delta, epsilon = sp.symbols("delta epsilon", positive=True)
    values = {delta: ratio, epsilon: strength, sp.Symbol("c_0", real=True): offset}
    numeric = lazy_highdim_limit(ratio, quadratic_strength=strength, target_offset=offset)
    for name, expression in vars(limit).items():
        assert float(expression.subs(values)) == pytest.approx(getattr(numeric, name), rel=1e-12, abs=1e-14), name


def test_variance_factor_in_closed_form(limit):
    """B = (1 + delta + lambda - root) / (2 root), root^2 = (1 + delta + lambda)^2 - 4 delta."""
    delta, epsilon = sp.symbols("delta epsilon", positive=True)
    total = 1 + delta + epsilon**2
    root = sp.sqrt(sp.expand(total**2 - 4 * delta))
    assert sp.simplify(limit.variance_factor - (total - root) / (2 * root)) == 0


def test_slopes_differ_by_the_alignment_of_the_target(limit):
    """The target direction gains 2 epsilon delta g more than the average one."""
    delta, epsilon = sp.symbols("delta epsilon", positive=True)
    excess = 2 * epsilon * delta * limit.sample_resolvent
    assert sp.simplify(limit.overlap_slope - limit.trace_slope - excess) == 0
    assert sp.simplify(limit.trace_slope - 2 * limit.constant / epsilon) == 0


def test_collapse_flow():
    gap, time = collapse_flow_symbolic()
    t, s, precision = sp.symbols("t s p", positive=True)
    start = sp.Symbol("z_0", real=True)
    assert sp.simplify(time * s - (2**precision + precision * sp.log(2) - sp.exp(start) - start)) == 0
    for values in ({t: 0.7, s: 1.3, start: -0.4}, {t: 40.0, s: 0.5, start: 2.0}):
        assert float(gap.subs(values)) == pytest.approx(
            logit_gap_flow(values[t], speed=values[s], initial_gap=values[start]), rel=1e-12
        )
        rate = (sp.diff(gap, t) * (1 + sp.exp(gap)) / s).subs(values)
        assert float(rate) == pytest.approx(1.0, rel=1e-12)
        assert float(gap.subs({**values, t: 0})) == pytest.approx(values[start], rel=1e-12)
    number = time.subs({precision: 11, s: 2, start: sp.Rational(1, 2)})
    assert float(number) == pytest.approx(softmax_collapse_time("float16", speed=2.0, initial_gap=0.5), rel=1e-15)
