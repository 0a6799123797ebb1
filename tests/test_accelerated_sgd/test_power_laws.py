"""Late-time power laws: integrals, exact curves of many modes, the mode matrix at eigenvalue zero, bad input."""

import math

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose
from scipy.special import gamma, rgamma

from theory.accelerated_sgd import (
    asgd_scheme,
    cumulative_lookahead_loss,
    cumulative_loss,
    growth_rate,
    heavy_ball_scheme,
    jain_asgd_scheme,
    nesterov_scheme,
    power_law_asymptote,
    power_law_exponent,
    risk_curve,
    sgd_scheme,
    stability_trace,
    stationary_risk,
    volterra_terms,
)

ACCELERATED = asgd_scheme(alpha=0.95, beta=0.05, gamma=0.4, delta=0.1)
SCHEMES = [sgd_scheme(0.3), nesterov_scheme(0.1, momentum=0.6), heavy_ball_scheme(0.1, momentum=0.5), ACCELERATED]


def power_law(capacity, source, d):
    """Eigenvalues k^-b and initial errors with lambda_k e_k^2 = k^-a."""
    k = np.arange(1.0, d + 1.0)
    return k**-capacity, k ** (0.5 * (capacity - source))


def leading_terms(capacity, values, error, scheme, batch):
    """The arguments of the asymptote that depend on the spectrum, with the traces of the modes k > d added."""
    trace = stability_trace(values, scheme, batch_size=batch)
    mass = 2 * (1 - trace) * stationary_risk(values, scheme, noise_variance=1, batch_size=batch)
    rest = (len(values) + 0.5) ** (1 - capacity) / (capacity - 1) * scheme.effective_learning_rate / (2 * batch)
    summed = cumulative_lookahead_loss(values, error, scheme, batch_size=batch) * (1 - trace) / (1 - trace - rest)
    return dict(
        scheme=scheme, batch_size=batch, stability=trace + rest, cumulative=summed, iterate_stability=mass + rest
    )


def second_order(times, capacity, source, terms):
    """Both power laws, each with its next correction, of relative order t^-(1 - 1 / b).

    From the generating functions F + f s^(x - 1) of the forcing and l + k s^(1 - 1 / b) of the kernel at s = 0+, and
    s^z -> t^(-z - 1) / Gamma(-z).
    """
    eta, slack = terms["scheme"].effective_learning_rate, 1 - terms["stability"]
    kappa, power = 1 - 1 / capacity, (source - 1) / capacity
    kernel = eta**2 / terms["batch_size"] * gamma(1 + kappa) / capacity * (2 * eta) ** -(1 + kappa)
    memory = kernel * gamma(-kappa) / slack * times**-kappa
    bias = gamma(power) / capacity * (2 * eta * times) ** -power
    bias *= 1 + memory * gamma(1 - power) * rgamma(1 - power - kappa)
    noise = kernel * terms["cumulative"] * times ** -(1 + kappa)
    noise *= 1 + memory * gamma(-kappa) * rgamma(-2 * kappa)
    return (1 + terms["iterate_stability"] / slack) * (bias + noise)


@pytest.mark.parametrize(
    ("capacity", "source", "expected"),
    [(2, 2.5, 0.75), (1.5, 4.5, 4 / 3), (2, 6, 1.5), (2, 4, 1.5), (1.5, 1.2, 2 / 15)],
)
def test_exponent(capacity, source, expected):
    assert_allclose(power_law_exponent(capacity=capacity, source=source), expected, rtol=1e-14)


@pytest.mark.parametrize(("capacity", "source"), [(2.0, 2.5), (1.5, 1.2), (3.0, 5.9)])
def test_bias_is_the_integral_over_modes(capacity, source):
    scheme, t, trace = ACCELERATED, 1000.0, 0.3
    rate = 2 * scheme.effective_learning_rate * t

    def per_log_mode(s):  # k = e^s
        return mp.exp((1 - source) * s - rate * mp.exp(-capacity * s))

    # The integrand peaks near k^b = rate and is negligible 60 units of (a - 1) log k away.
    peak = math.log(rate) / capacity
    integral = mp.quad(per_log_mode, np.linspace(peak - 4, peak + 60 / (source - 1), 20).tolist())
    value = power_law_asymptote([t], capacity=capacity, source=source, scheme=scheme, stability=trace)
    assert_allclose(value, [float(integral) / (1 - trace)], rtol=1e-12)


@pytest.mark.parametrize(("capacity", "source"), [(1.5, 4.5), (2.0, 6.0)])
def test_noise_is_the_integral_of_the_kernel(capacity, source):
    scheme, t, trace, batch, summed = heavy_ball_scheme(0.1, momentum=0.5), 500.0, 0.2, 4, 1.7
    eta = scheme.effective_learning_rate
    assert eta == 0.2

    def per_log_mode(s):
        return mp.exp((1 - 2 * capacity) * s - 2 * eta * t * mp.exp(-capacity * s))

    peak = math.log(2 * eta * t) / capacity
    integral = mp.quad(per_log_mode, np.linspace(peak - 4, peak + 30, 20).tolist())
    value = power_law_asymptote(
        t, capacity=capacity, source=source, scheme=scheme, batch_size=batch, stability=trace, cumulative=summed
    )
    assert_allclose(value, eta**2 / batch * float(integral) * summed / (1 - trace), rtol=1e-12)


def test_both_terms_add_where_the_powers_agree():
    settings = dict(capacity=2.0, scheme=sgd_scheme(0.3), stability=0.25, cumulative=2.0)
    times = np.array([[1e2, 1e3], [1e4, 1e5]])
    below = power_law_asymptote(times, source=4.0 - 1e-12, **settings)
    above = power_law_asymptote(times, source=4.0 + 1e-12, **settings)
    at = power_law_asymptote(times, source=4.0, **settings)
    assert at.shape == (2, 2)
    assert_allclose(at, below + above, rtol=1e-9)
    assert_allclose(np.diff(np.log(at)) / math.log(10), -1.5, rtol=1e-12)


@pytest.mark.parametrize(
    ("capacity", "source", "scheme", "batch"),
    [
        (2.0, 2.5, SCHEMES[0], 1),
        (2.0, 2.5, SCHEMES[0], 8),
        (2.0, 2.5, ACCELERATED, 2),
        (2.0, 3.5, ACCELERATED, 1),
        (1.5, 4.5, sgd_scheme(0.2), 1),
        (1.5, 4.5, ACCELERATED, 2),
        (1.5, 4.5, SCHEMES[2], 2),
        (2.0, 6.0, SCHEMES[0], 1),
        (2.0, 6.0, ACCELERATED, 2),
        (2.0, 4.0, SCHEMES[0], 1),
        (2.0, 4.0, SCHEMES[1], 2),
    ],
)
def test_exact_curves_approach_the_asymptote(capacity, source, scheme, batch):
    d, times = 8000, np.array([125, 500, 2000])
    values, error = power_law(capacity, source, d)
    terms = leading_terms(capacity, values, error, scheme, batch)
    exact = 2 * risk_curve(values, error, scheme, n_steps=2000, batch_size=batch)[times]
    predicted = power_law_asymptote(times, capacity=capacity, source=source, **terms)
    if source < capacity + 1:  # the summed loss diverges with d, and its finite part is what counts
        tail = (d + 0.5) ** (capacity - source + 1) / (capacity - source + 1)
        terms["cumulative"] -= tail / (2 * scheme.effective_learning_rate * (1 - terms["stability"]))
    corrected = second_order(times, capacity, source, terms)
    # What remains is of relative order 1 / t, up to 20 / t here, and the modes beyond d.
    assert (abs(exact / corrected - 1) < 20 / times).all()
    assert_allclose(exact[-1], predicted[-1], rtol=0.01 + abs(corrected[-1] / predicted[-1] - 1))


def test_iterates_and_lookahead_iterates_have_their_own_prefactor():
    scheme, capacity, source, batch, n = SCHEMES[1], 2.0, 4.0, 2, 2000
    values, error = power_law(capacity, source, 5000)
    terms = leading_terms(capacity, values, error, scheme, batch)
    iterate_law = power_law_asymptote(n, capacity=capacity, source=source, **terms)
    lookahead_law = power_law_asymptote(n, capacity=capacity, source=source, **{**terms, "iterate_stability": None})
    renewal = volterra_terms(values, error, scheme, n_steps=n, batch_size=batch)
    lookahead = renewal.lookahead_forcing.copy()
    for t in range(1, n + 1):
        lookahead[t] += renewal.lookahead_kernel[:t] @ lookahead[t - 1 :: -1]
    # The correction is 0.55 / t, the difference of the prefactors does not shrink.
    iterate = 2 * risk_curve(values, error, scheme, n_steps=n, batch_size=batch)[n]
    assert_allclose(iterate, iterate_law, rtol=5e-4)
    assert_allclose(lookahead[n], lookahead_law, rtol=5e-4)
    assert lookahead_law / iterate_law > 1.007
    masses = renewal.lookahead_kernel.sum() - renewal.iterate_kernel.sum()
    assert_allclose(masses, terms["stability"] - terms["iterate_stability"], rtol=1e-3)
    for other in (SCHEMES[0], SCHEMES[2]):
        terms = leading_terms(capacity, values, error, other, batch)
        assert_allclose(terms["iterate_stability"], terms["stability"], rtol=1e-12)


def test_published_exponent_fails_in_the_noise_limited_phase():
    values, error = power_law(1.5, 4.5, 5000)
    curve = 2 * risk_curve(values, error, sgd_scheme(0.2), n_steps=2000)
    slope = -math.log(curve[2000] / curve[1000]) / math.log(2)
    assert abs(slope - power_law_exponent(capacity=1.5, source=4.5)) < 0.03
    assert abs(slope - (4.5 - 1) / 1.5) > 0.9
    population = 2 * risk_curve(values, error, sgd_scheme(0.2), n_steps=2000, batch_size=math.inf)
    assert abs(-math.log(population[2000] / population[1000]) / math.log(2) - (4.5 - 1) / 1.5) < 0.03


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("batch", "kurtosis", "radial"), [(1, 3.0, 1.0), (3, 1.8, 1.3), (math.inf, 3.0, 1.0)])
def test_cumulative_lookahead_loss(scheme, batch, kurtosis, radial):
    """Against the 3 x 3 systems of the modes, and against the summed forcing of the renewal equation."""
    values, error = np.array([1.0, 0.5, 0.2, 0.1]), np.array([1.0, -1.0, 2.0, 0.3])
    moments = dict(batch_size=batch, kurtosis=kurtosis, radial_fourth_moment=radial)
    total = cumulative_lookahead_loss(values, error, scheme, **moments)
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    excess, forcing = radial * (kurtosis - 1) - 1, 0.0
    for value, start in zip(values, error, strict=True):
        p1, p2 = 1 - delta * value, 1 + c - q * value
        step = np.array([[0, 0, p1**2], [0, -c * p1, p1 * p2], [c**2, -2 * c * p2, p2**2]])
        step[:, 2] += excess * value**2 / batch * np.array([delta**2, delta * q, q**2])
        forcing += value * start**2 * np.linalg.solve(np.eye(3) - step, np.ones(3))[2]
    trace = stability_trace(values, scheme, **moments)
    assert_allclose(total, forcing / (1 - trace), rtol=1e-12)
    terms = volterra_terms(values, error, scheme, n_steps=4000, **moments)
    assert_allclose(total, terms.lookahead_forcing.sum() / (1 - trace), rtol=1e-11)


def test_cumulative_lookahead_loss_of_sgd_is_its_cumulative_loss():
    values, error = power_law(1.5, 2.0, 50)
    total = cumulative_loss(values, error, learning_rate=0.2, batch_size=2)
    assert_allclose(cumulative_lookahead_loss(values, error, sgd_scheme(0.2), batch_size=2), total, rtol=1e-14)
    with pytest.raises(ValueError, match="past the mean-square stability threshold"):
        cumulative_lookahead_loss(values, error, sgd_scheme(1.0))
    for name, value in (("initial_error", error[1:]), ("eigenvalues", -values), ("batch_size", 0)):
        with pytest.raises(ValueError, match=name):
            cumulative_lookahead_loss(
                **{"eigenvalues": values, "initial_error": error, "scheme": SCHEMES[0], name: value}
            )


def test_symbolic_integral_and_effective_step():
    a, b, eta, t = sp.symbols("a b eta t", positive=True)
    # With u = 2 eta t k^-b the integral over k is one of the Gamma function.
    u = sp.symbols("u", positive=True)
    k_of_u = (2 * eta * t / u) ** (1 / b)
    integrand = k_of_u**-a * sp.exp(-u) * sp.diff(k_of_u, u) * -1
    power = (a - 1) / b
    expected = u ** (power - 1) * sp.exp(-u) / b * (2 * eta * t) ** -power
    rng = np.random.default_rng(0)
    for _ in range(20):
        a_value, b_value, eta_value, t_value, u_value = (sp.Rational(int(v), 8) for v in rng.integers(9, 40, size=5))
        point = {a: a_value, b: b_value, eta: eta_value, t: t_value, u: u_value}
        assert abs((integrand / expected).subs(point).evalf(30) - 1) < 1e-25
    assert sp.integrate(u ** (power - 1) * sp.exp(-u), (u, 0, sp.oo), conds="none").equals(sp.gamma(power))
    # A mode of eigenvalue 0 keeps (1, 1) and reads noise through (-c, 1) / (1 - c).
    c, delta, q, value = sp.symbols("c delta q lambda", positive=True)
    matrix = sp.Matrix([[0, 1 - delta * value], [-c, 1 + c - q * value]])
    at_zero = matrix.subs(value, 0)
    right, left = sp.Matrix([1, 1]), sp.Matrix([[-c, 1]]) / (1 - c)
    assert at_zero * right == right
    assert sp.simplify(left * at_zero - left) == sp.zeros(1, 2)
    assert sp.simplify((left * right)[0]) == 1
    effective = (q - c * delta) / (1 - c)
    assert sp.simplify((left * sp.Matrix([delta, q]))[0] - effective) == 0
    # First-order perturbation: the eigenvalue near 1 moves by -effective lambda.
    assert sp.simplify((left * matrix.diff(value) * right)[0] + effective) == 0
    assert_allclose(
        float(effective.subs({c: ACCELERATED.momentum, delta: 0.1, q: ACCELERATED.lookahead_learning_rate})),
        ACCELERATED.effective_learning_rate,
        rtol=1e-14,
    )


def test_symbolic_limit_of_the_strongly_convex_contraction():
    speed = sp.symbols("S", positive=True)
    alpha = 3 * sp.sqrt(5) * speed / (1 + 3 * sp.sqrt(5) * speed)
    momentum = alpha * (1 - 1 / (9 * speed))
    limit = sp.limit((1 - momentum) * speed, speed, sp.oo)
    assert sp.simplify(limit - (1 / (3 * sp.sqrt(5)) + sp.Rational(1, 9))) == 0
    # In the complex window the second moments contract by c (1 - delta lambda), here at lambda = mu.
    mu, d = 1e-8, 20
    values = np.repeat([1.0, mu], d // 2)
    size = math.sqrt((values.sum() + 2) / mu * (d + 2))
    contraction = (1 - growth_rate(values, jain_asgd_scheme(values))) * size
    assert_allclose(contraction, float(limit), rtol=1e-3)


GOOD = dict(times=[10.0], capacity=2.0, source=5.0, scheme=SCHEMES[0], batch_size=1, stability=0.2, cumulative=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("times", value) for value in ([0.0], [-1.0], [math.nan], [math.inf])],
        *[("capacity", value) for value in (1.0, 0.5, math.nan)],
        *[("source", value) for value in (1.0, math.inf)],
        *[("batch_size", value) for value in (0, math.nan)],
        *[("stability", value) for value in (-0.1, 1.0, math.inf)],
        *[("cumulative", value) for value in (None, -1.0, math.inf)],
        *[("iterate_stability", value) for value in (-0.1, math.inf)],
    ],
)
def test_bad_input(name, value):
    with pytest.raises(ValueError, match=name):
        power_law_asymptote(**{**GOOD, name: value})
    if name in ("capacity", "source"):
        with pytest.raises(ValueError, match=name):
            power_law_exponent(**{"capacity": 2.0, "source": 3.0, name: value})
