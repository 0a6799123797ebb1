"""Bad input of the eigenframework is named."""

import math

import pytest

from theory.random_features import (
    mode_learnabilities,
    rf_ensemble_risk,
    rf_infinite_data_risk,
    rf_optimal_ridge,
    rf_risk,
    rf_risk_at_gamma,
)

INF = math.inf
GOOD = dict(eigenvalues=[2.0, 1.0, 0.5], target_coefficients=[1.0, 1.0, 1.0], n_samples=2.0, n_features=2.0)


@pytest.mark.parametrize("function", [rf_risk, rf_risk_at_gamma, rf_optimal_ridge, rf_ensemble_risk])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eigenvalues", [2.0, -1.0, 0.5]),
        ("eigenvalues", [2.0, math.nan, 0.5]),
        ("eigenvalues", [2.0, INF, 0.5]),
        ("eigenvalues", [0.0, 0.0, 0.0]),
        ("eigenvalues", [1e308, 1e308, 1e308]),
        ("eigenvalues", [[2.0, 1.0, 0.5]]),
        ("target_coefficients", [1.0, 1.0]),
        ("target_coefficients", [1.0, INF, 1.0]),
        ("target_coefficients", [1e200, 1.0, 1.0]),
        ("n_samples", 0.0),
        ("n_samples", INF),
        ("n_samples", math.nan),
        ("n_features", 0.0),
        ("n_features", math.nan),
        ("noise_variance", -1.0),
        ("noise_variance", INF),
    ],
)
def test_bad_input(function, name, value):
    extra = {rf_risk: {"ridge": 0.1}, rf_ensemble_risk: {"ridge": 0.1, "n_ensemble": 2}, rf_risk_at_gamma: {"gamma": 1}}
    arguments = {**GOOD, **extra.get(function, {}), name: value}
    with pytest.raises(ValueError, match=name):
        function(**arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("multiplicities", [1.0, 0.0, 1.0]),
        ("multiplicities", [1.0, 1.0]),
        ("multiplicities", [1.0, INF, 1.0]),
        ("tail_trace", -1e-3),
        ("tail_trace", math.nan),
        ("tail_power", -1e-3),
        ("ridge", -1e-3),
        ("ridge", INF),
        ("ridge", math.nan),
        ("n_samples", [1.0, 2.0, 3.0]),
    ],
)
def test_bad_optional_input(name, value):
    arguments = {**GOOD, "ridge": [0.1, 0.2], name: value}
    with pytest.raises(ValueError, match=name):
        rf_risk(**arguments)


def test_bad_input_of_single_functions():
    lams, coefficients = GOOD["eigenvalues"], GOOD["target_coefficients"]
    sizes = dict(n_samples=2.0, n_features=2.0)
    with pytest.raises(ValueError, match="gamma"):
        rf_risk_at_gamma(lams, coefficients, 1e-3, **sizes)
    with pytest.raises(ValueError, match="gamma"):
        rf_risk_at_gamma(lams, coefficients, -1.0, **sizes)
    with pytest.raises(ValueError, match="gamma"):
        rf_risk_at_gamma(lams, coefficients, 0.0, n_samples=5, n_features=5, tail_trace=0.1)
    with pytest.raises(ValueError, match="target_coefficients"):
        rf_optimal_ridge([1.0, 0.0], [0.0, 1.0], **sizes)
    with pytest.raises(ValueError, match="n_ensemble"):
        rf_ensemble_risk(lams, coefficients, ridge=0.1, n_ensemble=0.5, **sizes)
    with pytest.raises(ValueError, match="n_features"):
        rf_infinite_data_risk(lams, coefficients, n_features=0)
    with pytest.raises(ValueError, match="ridge"):
        mode_learnabilities(lams, ridge=-1, **sizes)
