"""Bounds on averaged SGD and the variance rate: against the exact risk, a plain transcription, scalings, bad input."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.accelerated_sgd import (
    asgd_scheme,
    asgd_variance_rate,
    mode_stationary_variance,
    sgd_risk_lower_bound,
    sgd_risk_upper_bound,
    sgd_scheme,
    stability_trace,
    tail_average_risk_curve,
)

INDEX = np.arange(1.0, 101.0)
SPECTRUM, ERROR = INDEX**-1.5, INDEX**-0.5


def random_spectrum(rng, largest_size=200):
    d, kind = int(rng.integers(1, largest_size + 1)), rng.integers(3)
    index = np.arange(1.0, d + 1.0)
    if kind == 0:
        return index ** -rng.uniform(0.0, 3.0)
    if kind == 1:
        return np.exp(-index * rng.uniform(0.01, 0.5))
    return rng.exponential(size=d) + 1e-6


def random_problem(rng):
    """Spectrum, initial error and noise of comparable or very different weights."""
    values = random_spectrum(rng)
    error = rng.normal(size=len(values)) * values ** rng.uniform(-1.0, 1.0)
    error *= rng.integers(0, 2) * 10.0 ** rng.uniform(-2, 2) / np.sqrt((values * error**2).sum())
    return values, error, rng.integers(0, 2) * 10.0 ** rng.uniform(-2, 2)


def exact_risk(values, error, eta, s, n, noise):
    curve = tail_average_risk_curve(values, error, sgd_scheme(eta), burn_in=s, n_average=n, noise_variance=noise)
    return curve[-1]


def plain_upper(values, error, eta, s, n, noise, psi):
    """The bound, sorted and term by term."""
    order = np.argsort(-values)
    lam, delta = values[order], error[order]
    k_star = sum(1 for v in lam if v >= 1 / (n * eta))
    k_dagger = sum(1 for v in lam if v >= 1 / ((s + n) * eta))
    u = [(1 - eta * v) ** s * e for v, e in zip(lam, delta, strict=True)]
    bias = sum(u[i] ** 2 / lam[i] for i in range(k_star)) / (eta * n) ** 2
    bias += sum(lam[i] * u[i] ** 2 for i in range(k_star, len(lam)))
    head = sum(delta[i] ** 2 for i in range(k_dagger))
    tail = sum(lam[i] * delta[i] ** 2 for i in range(k_dagger, len(lam)))
    dimension = k_star / n + n * eta**2 * sum(lam[k_star:] ** 2)
    spread = k_star / n + eta * sum(lam[k_star:k_dagger]) + (s + n) * eta**2 * sum(lam[k_dagger:] ** 2)
    multiplicative = 4 * psi / (n * eta) * (head + (s + n) * eta * tail) * dimension
    return 2 * bias + 2 * (multiplicative + noise * spread) / (1 - psi * eta * sum(lam))


def test_reference_values():
    settings = dict(learning_rate=0.1, n_average=800, noise_variance=0.25)
    upper = sgd_risk_upper_bound(SPECTRUM, ERROR, burn_in=200, **settings)
    assert_allclose(upper, 0.2386604845505122, rtol=1e-13)
    assert_allclose(exact_risk(SPECTRUM, ERROR, 0.1, 200, 800, 0.25), 0.005477295779892613, rtol=1e-12)
    lower = sgd_risk_lower_bound(SPECTRUM, ERROR, **settings)
    assert_allclose(lower, 3.288562655481582e-4, rtol=1e-13)
    assert_allclose(exact_risk(SPECTRUM, ERROR, 0.1, 0, 800, 0.25), 0.007869797698602448, rtol=1e-12)


def test_upper_bound_agrees_with_a_plain_transcription():
    rng = np.random.default_rng(0)
    for _ in range(50):
        values, error, noise = random_problem(rng)
        psi = rng.choice([1.0, 3.0, 6.0])
        eta = rng.uniform(0.01, 0.99) / (psi * values.sum())
        s, n = int(rng.integers(0, 100)), int(rng.integers(1, 300))
        bound = sgd_risk_upper_bound(
            values,
            error,
            learning_rate=eta,
            burn_in=s,
            n_average=n,
            noise_variance=noise,
            fourth_moment_constant=psi,
        )
        assert_allclose(bound, plain_upper(values, error, eta, s, n, noise, psi), rtol=1e-12)


def test_upper_bound_holds_and_a_quarter_of_it_is_approached():
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(400):
        values, error, noise = random_problem(rng)
        if noise == 0.0 and not error.any():
            continue
        eta = 10.0 ** rng.uniform(-3.0, 0.0) * 0.999 / (3 * values.sum())
        s, n = int(10 ** rng.uniform(0, 2.5)) - 1, int(10 ** rng.uniform(0, 2.5))
        bound = sgd_risk_upper_bound(values, error, learning_rate=eta, burn_in=s, n_average=n, noise_variance=noise)
        ratios.append(exact_risk(values, error, eta, s, n, noise) / bound)
    # Rounding of the exact recursion is 1e-13 and far from mattering.
    assert max(ratios) < 0.25
    assert len(ratios) > 250
    values = np.ones(200)
    tiny = 1e-6 / values.sum()
    bound = sgd_risk_upper_bound(values, values, learning_rate=tiny, burn_in=0, n_average=1, noise_variance=0)
    assert 0.2499 < exact_risk(values, values, tiny, 0, 1, 0.0) / bound < 0.25


def test_upper_bound_needs_its_multiplicative_terms():
    """Without the 4 psi term, or without 1 / (1 - psi eta tr H), it fails."""
    values, error = np.ones(50), np.ones(50)
    eta = 0.9 / 150
    bound = sgd_risk_upper_bound(values, error, learning_rate=eta, burn_in=3000, n_average=100, noise_variance=0)
    bias_alone = 2 * ((1 - eta) ** 6000 * 50 / (100 * eta) ** 2)
    assert bias_alone < exact_risk(values, error, eta, 3000, 100, 0.0) < bound
    single, eta = np.ones(1), 0.999 / 3
    additive = 2 * (1 / 20000)
    exact = exact_risk(single, 0 * single, eta, 100, 20000, 1.0)
    bound = sgd_risk_upper_bound(single, 0 * single, learning_rate=eta, burn_in=100, n_average=20000, noise_variance=1)
    assert_allclose(bound, additive / (1 - 0.999), rtol=1e-10)
    assert exact < bound


def test_lower_bound_holds_within_two_orders_of_magnitude():
    rng = np.random.default_rng(2)
    ratios = []
    for _ in range(200):
        values, error, noise = random_problem(rng)
        if noise == 0.0 and not error.any():
            continue
        n = int(rng.integers(500, 1200))
        # Steps up to 1 / lambda_1, of which the exact risk is finite below the stability threshold only.
        eta = 10.0 ** rng.uniform(-3.0, 0.0) * min(0.999 / values.max(), 1.0 / values.sum())
        bound = sgd_risk_lower_bound(values, error, learning_rate=eta, n_average=n, noise_variance=noise)
        ratios.append(exact_risk(values, error, eta, 0, n, noise) / bound)
    assert len(ratios) > 100
    assert 4.7 < min(ratios) < 10.0


@pytest.mark.parametrize(("accelerated", "least", "most"), [(False, 0.073, 0.5), (True, 0.0099, 0.645)])
def test_variance_rate_has_the_right_order(accelerated, least, most):
    """The constants of the docstring; 1/2 for SGD is proved, the others come from scans of single modes."""
    rng = np.random.default_rng(3)
    from_above, from_below = [], []
    while len(from_above) < 300:
        values = random_spectrum(rng, 60)
        delta = 10.0 ** rng.uniform(-2.0, 0.0) / values.sum()
        gamma = delta * 10.0 ** rng.uniform(0.0, 1.5) if accelerated else delta
        beta = 10.0 ** rng.uniform(-1.5, 0.0)
        scheme = sgd_scheme(delta)
        if accelerated:
            scheme = asgd_scheme(alpha=1 / (1 + beta), beta=beta, gamma=gamma, delta=delta)
        trace = stability_trace(values, scheme)
        s, n = int(rng.integers(0, 200)), int(rng.integers(1, 600))
        if trace >= 0.99 or n * (1 - scheme.momentum) < 4:
            continue
        rate = asgd_variance_rate(values, gamma=gamma, burn_in=s, n_average=n, noise_variance=1.7, stability=trace)
        zero = np.zeros(len(values))
        exact = tail_average_risk_curve(values, zero, scheme, burn_in=s, n_average=n, noise_variance=1.7)[-1]
        factor = 1 / (1 - (values**2 * mode_stationary_variance(values, scheme).lookahead).max())
        assert factor < 2
        from_above.append(exact / (factor * rate))
        from_below.append(exact / (rate * (1 - trace)))
    assert max(from_above) <= most
    assert min(from_below) >= least


def test_variance_rate_by_hand():
    values = np.array([1.0, 0.01, 1e-4])
    # N gamma lambda = 100, 1 and 0.01; (s + N) gamma lambda = 400, 4 and 0.04.
    rate = asgd_variance_rate(values, gamma=1.0, burn_in=300, n_average=100, noise_variance=2.0, stability=0.5)
    assert_allclose(rate, 4.0 * (0.01 + 0.01 + 400 * 1e-8), rtol=1e-14)


def test_scalings():
    """Units of the target, units of the features, and the order of the modes."""
    rng = np.random.default_rng(4)
    shuffled = rng.permutation(100)
    settings = dict(n_average=800)

    def both(values, error, eta, noise):
        lower = sgd_risk_lower_bound(values, error, learning_rate=eta, noise_variance=noise, **settings)
        upper = sgd_risk_upper_bound(values, error, learning_rate=eta, noise_variance=noise, burn_in=50, **settings)
        return np.array([lower, upper])

    reference = both(SPECTRUM, ERROR, 0.1, 0.25)
    assert_allclose(both(SPECTRUM[shuffled], -ERROR[shuffled], 0.1, 0.25), reference, rtol=1e-12)
    assert_allclose(both(SPECTRUM, 3 * ERROR, 0.1, 9 * 0.25), 9 * reference, rtol=1e-12)
    assert_allclose(both(4 * SPECTRUM, 0.5 * ERROR, 0.025, 0.25), reference, rtol=1e-12)


GOOD = dict(eigenvalues=[1.0, 0.5], initial_error=[1.0, 2.0], learning_rate=0.1, n_average=600, noise_variance=0.3)
RATE = dict(eigenvalues=[1.0, 0.5], gamma=0.3, burn_in=2, n_average=5, noise_variance=0.1, stability=0.2)
CALLS = {sgd_risk_upper_bound: dict(GOOD, burn_in=3), sgd_risk_lower_bound: GOOD, asgd_variance_rate: RATE}
BAD = [
    *[("eigenvalues", value) for value in ([], [[1.0, 0.5]], [1.0, 0.0], [1.0, math.nan], [1.0, math.inf])],
    *[("initial_error", value) for value in ([1.0], [1.0, math.nan], [1.0, 1e200])],
    *[("learning_rate", value) for value in (0.0, -0.1, math.nan, 1.0)],
    *[("gamma", value) for value in (0.0, math.inf)],
    *[("burn_in", value) for value in (-1, 0.5)],
    *[("n_average", value) for value in (0, 2.5)],
    ("noise_variance", -0.1),
    *[("stability", value) for value in (-0.1, 1.0, math.inf, math.nan)],
]


@pytest.mark.parametrize(
    ("function", "name", "value"), [(f, name, value) for f in CALLS for name, value in BAD if name in CALLS[f]]
)
def test_bad_input(function, name, value):
    with pytest.raises(ValueError, match=name):
        function(**{**CALLS[function], name: value})


def test_ranges_of_the_theorems():
    upper, lower = CALLS[sgd_risk_upper_bound], CALLS[sgd_risk_lower_bound]
    assert sgd_risk_upper_bound(**{**upper, "learning_rate": 0.2222}) > 0
    with pytest.raises(ValueError, match=r"learning_rate.*psi tr H"):
        sgd_risk_upper_bound(**{**upper, "learning_rate": 0.2223})
    with pytest.raises(ValueError, match=r"learning_rate.*psi tr H"):
        sgd_risk_upper_bound(**upper, fourth_moment_constant=7.0)
    with pytest.raises(ValueError, match="fourth_moment_constant"):
        sgd_risk_upper_bound(**upper, fourth_moment_constant=0.5)
    with pytest.raises(ValueError, match="n_average"):
        sgd_risk_lower_bound(**{**lower, "n_average": 499})
    with pytest.raises(ValueError, match="fourth_moment_lower_constant"):
        sgd_risk_lower_bound(**lower, fourth_moment_lower_constant=-1.0)
    with pytest.raises(ValueError, match="past the mean-square stability threshold"):
        asgd_variance_rate(**{**RATE, "stability": 1.2})
