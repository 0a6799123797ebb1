"""Optimal steps for a moving target: joint optimisation, dominance over other schedules, limits, bad input."""

import math

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from theory.accelerated_sgd import tracking_optimal_schedule

JUMP = np.where(np.arange(20) == 10, 1.0, 0.0)


def errors_of(rates, d, m, start, drift, noise):
    """Squared errors under any steps, from the one-step second moments of isotropic Gaussian features."""
    errors = [start]
    for rate, move in zip(rates, drift, strict=True):
        second = (m + d + 1) / m  # E |mini-batch Hessian u|^2 for a unit vector u
        errors.append(errors[-1] * (1 - 2 * rate + rate**2 * second) + rate**2 * noise * d / m + move)
    return np.array(errors)


def test_reference_values():
    schedule = tracking_optimal_schedule(20, initial_squared_error=5, drift=JUMP, noise_variance=0.5, batch_size=2)
    expected = [0.08, 0.073714275751, 0.072831630566, 0.076195538125, 0.069037992838]
    assert_allclose(schedule.learning_rates[[0, 9, 10, 11, 19]], expected, rtol=0, atol=6e-13)
    expected = [2.241852765093, 3.078574972722, 1.559516329765]
    assert_allclose(schedule.squared_errors[[10, 11, 20]], expected, rtol=0, atol=6e-13)
    assert schedule.learning_rates.shape == (20,) and schedule.squared_errors.shape == (21,)


@pytest.mark.parametrize("objective", ["last", "sum"])
@pytest.mark.parametrize(
    ("d", "m", "start", "noise", "drift"),
    [(20, 2, 5.0, 0.5, JUMP), (3, 1, 0.1, 2.0, np.full(12, 0.05)), (50, 10, 1.0, 0.0, np.linspace(0.2, 0.0, 8))],
)
def test_greedy_steps_are_the_joint_optimum(objective, d, m, start, noise, drift):
    schedule = tracking_optimal_schedule(
        d, initial_squared_error=start, drift=drift, noise_variance=noise, batch_size=m
    )
    weights = np.ones(len(drift) + 1) if objective == "sum" else np.append(np.zeros(len(drift)), 1.0)

    def cost(scaled):
        return weights @ errors_of(scaled * m / (m + d + 1), d, m, start, drift, noise)

    found = minimize(cost, np.full(len(drift), 0.5), method="BFGS", options={"gtol": 1e-9, "maxiter": 2000})
    # The minimum is flat: numerical gradients fix its value to about 1e-10, the steps to about 1e-5.
    assert_allclose(weights @ schedule.squared_errors, found.fun, rtol=1e-8)
    assert weights @ schedule.squared_errors <= found.fun * (1 + 1e-13)
    assert_allclose(schedule.squared_errors, errors_of(schedule.learning_rates, d, m, start, drift, noise), rtol=1e-13)


def test_every_error_is_at_most_that_of_any_other_schedule():
    rng = np.random.default_rng(0)
    for _ in range(200):
        d, m = int(rng.integers(1, 40)), int(rng.integers(1, 9))
        start, noise, drift = rng.exponential(), rng.exponential(), rng.exponential(size=15) * rng.integers(0, 2, 15)
        best = tracking_optimal_schedule(
            d, initial_squared_error=start, drift=drift, noise_variance=noise, batch_size=m
        )
        factors = rng.uniform(0.5, 1.5, size=15)
        other = errors_of(best.learning_rates * factors, d, m, start, drift, noise)
        assert (best.squared_errors <= other * (1 + 1e-14)).all()
        assert best.squared_errors[-1] < other[-1]


def test_a_jump_raises_the_step():
    rates = tracking_optimal_schedule(20, initial_squared_error=5, drift=JUMP, noise_variance=0.5).learning_rates
    assert (np.diff(rates[:11]) < 0).all() and rates[11] > rates[10] and (np.diff(rates[11:]) < 0).all()


def test_limits():
    noiseless = tracking_optimal_schedule(7, initial_squared_error=2, drift=np.zeros(4000), noise_variance=0)
    assert_array_equal(noiseless.learning_rates, np.full(4000, 1 / 9))
    assert_allclose(noiseless.squared_errors[:100], 2 * (8 / 9) ** np.arange(100), rtol=1e-13)
    # A still target: the errors fall as 1 / t with the constant sigma^2 d / m.
    still = tracking_optimal_schedule(
        5, initial_squared_error=1, drift=np.zeros(100000), noise_variance=2, batch_size=4
    )
    assert_allclose(1e5 * still.squared_errors[-1], 2 * 5 / 4, rtol=1e-3)
    # Steady drift: the error settles where e^2 = drift (g e + sigma^2 d / m).
    steady = tracking_optimal_schedule(5, initial_squared_error=1, drift=np.full(3000, 0.01), noise_variance=2)
    before = steady.squared_errors[-1] - 0.01
    assert_allclose(steady.squared_errors[-1] * steady.learning_rates[-1], 0.01, rtol=1e-10)
    assert before > 0
    at_target = tracking_optimal_schedule(5, initial_squared_error=0, drift=[0.0, 1.0, 0.0], noise_variance=1)
    assert_array_equal(at_target.learning_rates[:2], [0.0, 0.0])
    assert_array_equal(at_target.squared_errors[:3], [0.0, 0.0, 1.0])
    population = tracking_optimal_schedule(
        5, initial_squared_error=3, drift=[0.5, 0.0], noise_variance=1, batch_size=math.inf
    )
    assert_array_equal(population.squared_errors, [3.0, 0.5, 0.0])


def test_symbolic_greedy_step():
    e, eta, growth, floor = sp.symbols("e eta g b", positive=True)
    after = e * (1 - 2 * eta + growth * eta**2) + floor * eta**2
    (best,) = sp.solve(sp.diff(after, eta), eta)
    assert sp.simplify(best - e / (growth * e + floor)) == 0
    assert sp.simplify(after.subs(eta, best) - e * (1 - best)) == 0
    assert sp.expand(sp.diff(after, eta, 2)) == 2 * e * growth + 2 * floor
    # The next error rises with the present one at every step: the discriminant of the factor is negative for g > 1.
    assert sp.expand(sp.discriminant(1 - 2 * eta + growth * eta**2, eta)) == 4 - 4 * growth
    d, m, sigma = 20, 2, 0.5
    values = {growth: 1 + sp.Rational(d + 1, m), floor: sigma * d / m, e: 5}
    schedule = tracking_optimal_schedule(d, initial_squared_error=5, drift=[0.0], noise_variance=sigma, batch_size=m)
    assert_allclose(schedule.learning_rates[0], float(best.subs(values)), rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_features", 0),
        ("n_features", 2.5),
        ("initial_squared_error", -1.0),
        ("initial_squared_error", math.inf),
        ("drift", []),
        ("drift", [0.0, -1.0]),
        ("drift", [0.0, math.nan]),
        ("drift", [1e308, 1e308]),
        ("drift", 1.0),
        ("noise_variance", -0.1),
        ("batch_size", 0),
    ],
)
def test_bad_input(name, value):
    arguments = dict(n_features=5, initial_squared_error=1.0, drift=[0.0, 0.1], noise_variance=0.2, batch_size=2)
    with pytest.raises(ValueError, match=name):
        tracking_optimal_schedule(**{**arguments, name: value})
