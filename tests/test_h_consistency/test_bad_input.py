"""Bad input is refused with a message that names the parameter."""

import functools
import math

import pytest

import theory.h_consistency as family

NAN, INF = math.nan, math.inf
P, SCORES = [0.5, 0.3, 0.2], [0.1, 0.2, 0.3]
WEIGHTS, BIASES = [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [0.1, 0.0, -0.1]
GOOD = {
    "phi_tau": dict(u=0.5, tau=1.0),
    "comp_sum_loss": dict(scores=SCORES, labels=0, tau=1.0),
    "conditional_risk": dict(probabilities=P, scores=SCORES, tau=1.0),
    "optimal_conditional_risk": dict(probabilities=P, tau=1.0),
    "optimal_softmax": dict(probabilities=P, tau=1.0),
    "predicted_class_optimal_risk": dict(probabilities=P, label=1, tau=1.0),
    "h_consistency_transform": dict(beta=0.5, tau=1.0, n_classes=3),
    "simple_transform": dict(beta=0.5, tau=1.0, n_classes=3),
    "tight_transform": dict(beta=0.5, tau=1.0, n_classes=3),
    "convex_tight_transform": dict(beta=0.5, tau=1.8, n_classes=3),
    "h_consistency_bound": dict(surrogate_regret=0.1, tau=1.0, n_classes=3),
    "simple_bound": dict(surrogate_regret=0.1, tau=1.0, n_classes=3),
    "tight_bound": dict(surrogate_regret=0.1, tau=1.8, n_classes=3),
    "bounded_optimal_conditional_risk": dict(probabilities=P, tau=1.0, score_bound=1.0),
    "bounded_logistic_transform": dict(beta=0.5, score_bound=1.0, n_classes=3),
    "bounded_logistic_bound": dict(surrogate_regret=0.1, score_bound=1.0, n_classes=3),
    "inconsistency_floor": dict(score_bound=1.0, n_classes=3),
    "constant_score_gap": dict(priors=P, tau=1.0, score_bound=1.0),
    "deterministic_gap_bound": dict(sum_exp_risk=0.5, sum_exp_floor=0.1, tau=1.0),
    "rho_margin": dict(u=0.5, rho=1.0),
    "adversarial_optimal_conditional_risk": dict(probabilities=P, tau=1.0),
    "adversarial_constant": dict(tau=1.0),
    "smooth_adversarial_loss": dict(
        weights=WEIGHTS, biases=BIASES, x=[0.5, 0.2], label=0, tau=1.0, rho=1.0, gamma=0.1, nu=2.0
    ),
    "ldr_kl_loss": dict(scores=SCORES, labels=0, temperature=1.0, margin=1.0),
    "ldr_kl_optimal_softmax": dict(probabilities=P, temperature=1.0, margin=1.0),
    "ldr_kl_bound": dict(surrogate_regret=0.1, temperature=1.0),
    "ldr_kl_two_class_transform": dict(beta=0.5, temperature=1.0, margin=1.0),
    "easy_mixture_gaps": dict(n_features=4, mean_scale=1.0),
    "gaussian_bayes_error": dict(gaps=[1.0, 2.0]),
    "naive_bayes_expected_error": dict(gaps=[1.0, 2.0], n_samples=20),
    "well_specified_surrogate_regret": dict(n_samples=100, n_classes=3, n_features=2),
    "comp_sum_transform_symbolic": dict(regime="logistic"),
    "inverse_transform_symbolic": dict(tau=2),
}
WRONG = {
    "tau": [-0.1, NAN, INF, "one"],
    "beta": [-0.01, 1.01, NAN, [0.5, NAN]],
    "surrogate_regret": [-1e-11, NAN, [0.1, -1.0]],
    "n_classes": [1, 0, 2.5, NAN],
    "probabilities": [[0.5, 0.6, -0.1], [0.5, 0.5, NAN], [0.5, 0.3, 0.2 + 2e-9], [1.0], 1.0, []],
    "priors": [[0.5, 0.6, -0.1], [0.5, 0.5, NAN], [0.5, 0.3, 0.3], [1.0]],
    "scores": [[0.1, NAN, 0.2], [0.1, INF, 0.2], [1.0], 2.0],
    "labels": [3, -1, 0.5, NAN, [0, 3]],
    "label": [3, -1, 0.5, NAN, [0, 1]],
    "score_bound": [-1e-3, NAN],
    "gamma": [-1e-3, NAN, INF],
    "margin": [-1e-3, NAN, INF],
    "rho": [0.0, -1.0, NAN, INF],
    "nu": [1.41, -1.0, NAN],
    "temperature": [-1.0, NAN],
    "mean_scale": [0.0, -1.0, NAN],
    "n_features": [0, 1.5],
    "gaps": [[NAN], [INF], [], [[1.0]], [1e200, 1.0]],
    "weights": [[1.0, 2.0], [[1.0, NAN]], [[1.0, 2.0]]],
    "biases": [[0.1, 0.2], [0.1, NAN, 0.2]],
    "x": [[0.5], [0.5, NAN]],
    "sum_exp_risk": [-1.0, NAN, INF],
    "sum_exp_floor": [-1.0, NAN, 0.6],
    "regime": ["mean", 1.0],
}
SPECIAL = [
    ("optimal_softmax", "tau", 2.0),
    ("bounded_optimal_conditional_risk", "tau", 2.01),
    ("constant_score_gap", "tau", 2.01),
    ("inverse_transform_symbolic", "tau", 1),
    ("phi_tau", "u", -1e-3),
    ("phi_tau", "u", NAN),
    ("rho_margin", "u", NAN),
    ("ldr_kl_optimal_softmax", "temperature", 0.0),
    ("ldr_kl_optimal_softmax", "temperature", INF),
    ("ldr_kl_bound", "temperature", 0.0),
    ("ldr_kl_bound", "temperature", INF),
    ("ldr_kl_two_class_transform", "temperature", 0.0),
    ("ldr_kl_two_class_transform", "temperature", INF),
    ("ldr_kl_two_class_transform", "margin", 1e308),
    ("naive_bayes_expected_error", "n_samples", 6),
    ("naive_bayes_expected_error", "n_samples", 9),
    ("naive_bayes_expected_error", "n_samples", [20, NAN]),
    ("well_specified_surrogate_regret", "n_samples", 0),
    ("comp_sum_loss", "scores", [-INF, -INF, -INF]),
    ("conditional_risk", "scores", [0.1, 0.2]),
    ("conditional_risk", "scores", [-INF, -INF, -INF]),
    ("ldr_kl_loss", "scores", [0.1, -INF, 0.2]),
    ("ldr_kl_bound", "temperature", NAN),
]
CASES = [
    (name, parameter, value)
    for name, good in GOOD.items()
    for parameter in good
    for value in WRONG.get(parameter, [])
    if (name, parameter) != ("inverse_transform_symbolic", "tau")
] + SPECIAL


def call(name, **changes):
    return getattr(family, name)(**{**GOOD[name], **changes})


@pytest.mark.parametrize(("name", "parameter", "value"), CASES)
def test_bad_input(name, parameter, value):
    arguments = {parameter: value}
    if (name, parameter) == ("ldr_kl_two_class_transform", "margin") and value == 1e308:
        arguments["temperature"] = 1e-10
    with pytest.raises(ValueError, match=f"^{parameter}.* expected"):
        call(name, **arguments)


def test_message_of_priors_speaks_of_probabilities():
    with pytest.raises(ValueError, match=r"priors.*probabilities"):
        call("constant_score_gap", priors=[0.5, 0.3, 0.3])


@pytest.mark.parametrize("name", GOOD)
def test_good_input_is_accepted(name):
    result = call(name)
    if name not in ("comp_sum_transform_symbolic", "inverse_transform_symbolic"):
        assert functools.reduce(lambda ok, x: ok and math.isfinite(x), [*_flat(result)], True)


def _flat(value):
    return value.ravel().tolist() if hasattr(value, "ravel") else [value]


def test_public_names_are_all_tested_here():
    assert set(family.__all__) - set(GOOD) == {"critical_tau", "transform_series_symbolic"}


def test_rounding_is_accepted():
    assert call("h_consistency_bound", surrogate_regret=-1e-12) == 0.0
    assert call("optimal_conditional_risk", probabilities=[0.5, 0.3, 0.2 + 5e-10]) > 0
    assert call("comp_sum_loss", labels=2.0) == call("comp_sum_loss", labels=2)
    assert call("smooth_adversarial_loss", nu=math.sqrt(2.0)) == call("smooth_adversarial_loss", nu=None)
