"""Bad input of the exact risks, of stability and of the renewal equation is named."""

import math

import numpy as np
import pytest

from theory.accelerated_sgd import (
    VolterraTerms,
    critical_learning_rate,
    growth_rate,
    is_mean_square_stable,
    mean_tail_bias,
    mode_matrix,
    mode_spectral_radius,
    mode_stationary_variance,
    random_feature_problem,
    risk_curve,
    sgd_scheme,
    solve_volterra,
    stability_trace,
    stationary_risk,
    tail_average_constant,
    tail_average_risk_curve,
    variance_sandwich,
    volterra_terms,
)

NAN, INF = math.nan, math.inf
STEP = dict(scheme=sgd_scheme(0.1))
ERROR = dict(initial_error=[1.0, 1.0, 1.0])
AVERAGE = dict(burn_in=2, n_average=3)
FUNCTIONS = {
    mode_matrix: STEP,
    mode_spectral_radius: STEP,
    mode_stationary_variance: STEP,
    mean_tail_bias: STEP | AVERAGE,
    stability_trace: STEP,
    is_mean_square_stable: STEP,
    critical_learning_rate: {},
    growth_rate: STEP,
    risk_curve: STEP | ERROR | dict(n_steps=3),
    tail_average_risk_curve: STEP | ERROR | AVERAGE,
    stationary_risk: STEP | dict(noise_variance=1.0),
    tail_average_constant: STEP | dict(noise_variance=1.0),
    variance_sandwich: STEP | AVERAGE,
    volterra_terms: STEP | ERROR | dict(n_steps=3),
}
BAD = {
    "eigenvalues": [[], [1.0, 0.0, 0.5], [1.0, NAN, 0.5], [1.0, INF, 0.5], [[1.0, 0.7, 0.5]], 1.0, [1e308] * 3],
    "initial_error": [[1.0, 1.0], [1.0, INF, 1.0], [1e200, 1.0, 1.0], "abc"],
    "n_steps": [-1, 2.5],
    "burn_in": [-1, NAN],
    "n_average": [0, 1.5],
    "noise_variance": [-0.1, NAN, INF],
}
MOMENTS = {"batch_size": [0, 0.5, NAN], "kurtosis": [0.9, INF], "radial_fourth_moment": [0.0, NAN]}
MEAN_ONLY = (mode_matrix, mode_spectral_radius, mode_stationary_variance, mean_tail_bias)
WITH_MOMENTS = [function for function in FUNCTIONS if function not in MEAN_ONLY]
ROWS = [
    (function, name, value)
    for function, arguments in FUNCTIONS.items()
    for name in BAD
    if name == "eigenvalues" or name in arguments
    for value in BAD[name]
] + [(function, name, value) for function in WITH_MOMENTS for name in MOMENTS for value in MOMENTS[name]]


@pytest.mark.parametrize(("function", "name", "value"), ROWS)
def test_bad_input(function, name, value):
    arguments = dict(eigenvalues=[1.0, 0.7, 0.5]) | FUNCTIONS[function] | {name: value}
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        function(**arguments)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_good_input_is_finite(function):
    result = function(**dict(eigenvalues=[1.0, 0.7, 0.5]) | FUNCTIONS[function])
    parts = vars(result).values() if hasattr(result, "__dataclass_fields__") else [result]
    assert all(np.isfinite(part).all() for part in parts)


@pytest.mark.parametrize("function", [stationary_risk, tail_average_constant, variance_sandwich])
@pytest.mark.parametrize("step", [0.9, 3.0])
def test_past_the_threshold(function, step):
    arguments = FUNCTIONS[function] | dict(scheme=sgd_scheme(step))
    with pytest.raises(ValueError, match="past the mean-square stability threshold"):
        function([1.0, 0.7, 0.5], **arguments)


def test_unstable_curves_are_legal_until_they_overflow():
    unstable = sgd_scheme(1.5)
    curve = risk_curve([1.0, 0.7], [1.0, 1.0], unstable, n_steps=100)
    assert np.isfinite(curve).all() and curve[-1] > 1e20
    with pytest.raises(ValueError, match=r"n_steps = 3000: expected at most \d+: .* overflow"):
        risk_curve([1.0, 0.7], [1.0, 1.0], unstable, n_steps=3000)
    with pytest.raises(ValueError, match=r"burn_in = 3000: expected fewer steps: .* overflow"):
        tail_average_risk_curve([1.0, 0.7], [1.0, 1.0], unstable, burn_in=3000, n_average=1)
    with pytest.raises(ValueError, match=r"n_average = 3000: expected at most \d+: .* overflow"):
        tail_average_risk_curve([1.0, 0.7], [1.0, 1.0], unstable, burn_in=3, n_average=3000)
    with pytest.raises(ValueError, match="n_steps"):
        volterra_terms([1.0, 0.7], [1.0, 1.0], unstable, n_steps=3000)


def test_kinds_and_momentum():
    with pytest.raises(ValueError, match="kind"):
        critical_learning_rate([1.0], kind="adam")
    with pytest.raises(ValueError, match="momentum"):
        critical_learning_rate([1.0], kind="nesterov", momentum=1.0)
    with pytest.raises(ValueError, match="momentum"):
        critical_learning_rate([1.0], momentum=0.5)
    with pytest.raises(ValueError, match="scheme"):
        growth_rate([1.0], sgd_scheme(1e130))


def test_volterra_input():
    good = np.array([1.0, 0.5])
    with pytest.raises(ValueError, match=r"terms\.iterate_kernel"):
        solve_volterra(VolterraTerms(good, good, good[:1], good), noise_variance=0.0)
    with pytest.raises(ValueError, match="noise_variance"):
        solve_volterra(VolterraTerms(good, good, good, good), noise_variance=-1.0)
    huge = np.full(10, 1e200)
    with pytest.raises(ValueError, match="terms"):
        solve_volterra(VolterraTerms(huge, huge, huge, huge), noise_variance=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("population_eigenvalues", [1.0, -1.0, 0.5]),
        ("population_eigenvalues", []),
        ("population_target", [1.0, 1.0]),
        ("projection", [[1.0], [1.0]]),
        ("projection", [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]),
        ("projection", np.ones((3, 4))),
        ("projection", [[1.0], [NAN], [1.0]]),
    ],
)
def test_random_feature_input(name, value):
    good = dict(population_eigenvalues=[1.0, 0.7, 0.5], population_target=[1.0, 1.0, 1.0], projection=np.eye(3)[:, :2])
    with pytest.raises(ValueError, match=name):
        random_feature_problem(**good | {name: value})
