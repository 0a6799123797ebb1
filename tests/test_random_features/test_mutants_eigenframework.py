"""Wrong formulas for the eigenframework and its consequences: the quick check of each claim must refuse them."""

import math

import numpy as np
import pytest

import assay
from theory.random_features import (
    power_law_exponents,
    power_law_noise_threshold,
    power_law_risk,
    rf_ensemble_risk,
    rf_risk,
    rf_risk_at_gamma,
)


def solve(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
    return rf_risk(eigenvalues, target_coefficients, n_samples=n_samples, n_features=n_features, ridge=ridge,
                   noise_variance=noise_variance)  # fmt: skip


def right_error(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
    return solve(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge).test_mse


def samples_in_the_width_term(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
    """eta = (z - q) / (n - q) instead of (z - q) / (k - q)."""
    risk = solve(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge)
    z, q = risk.modes_learned, risk.modes_squared
    learned, eta = eigenvalues / (eigenvalues + risk.gamma), (z - q) / (n_samples - q)
    bias = target_coefficients**2 @ ((1 - learned) ** 2 + learned * (1 - learned) * eta)
    return (bias + noise_variance) / (1 - (q + (z - q) * eta) / n_samples)


def noise_not_inflated(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
    risk = solve(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge)
    return risk.overfitting_factor * risk.bias + noise_variance


def ridge_per_sample(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
    return right_error(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, n_samples * ridge)


def features_not_normalised(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
    """The ridge of features that are not divided by sqrt(k)."""
    return right_error(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge / n_features)


def unlearned_share_not_squared(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
    risk = solve(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge)
    return (1 - risk.modes_learned / n_samples) * risk.test_mse


def features_for_samples(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
    """Cross-validation with 1 - z/k for 1 - z/n."""
    risk = solve(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge)
    return risk.train_mse / (1 - risk.modes_learned / n_features) ** 2


@pytest.mark.parametrize(
    ("claim", "check", "formula"),
    [
        (2, "test-error", samples_in_the_width_term),
        (2, "test-error", noise_not_inflated),
        (2, "test-error", ridge_per_sample),
        (2, "test-error", features_not_normalised),
        (2, "training-error", unlearned_share_not_squared),
        (4, "double-descent", noise_not_inflated),
        (4, "double-descent", ridge_per_sample),
        (6, "test-error", features_not_normalised),
        (10, "gcv", features_for_samples),
        (10, "gcv", noise_not_inflated),
    ],
)
def test_mutants_of_the_errors(claim, check, formula, output):
    verdict = assay.judge(f"random_features.{claim}", formula, check=check, output=output)
    assert verdict.outcome == "disagrees"


@pytest.mark.parametrize(("claim", "check"), [(2, "test-error"), (4, "double-descent"), (10, "gcv")])
def test_the_right_error_is_accepted(claim, check, output):
    assert assay.judge(f"random_features.{claim}", right_error, check=check, output=output).outcome == "agrees"


def ensemble(n_ensemble, **point):
    return rf_ensemble_risk(n_ensemble=n_ensemble, **point)


def all_of_the_error_averages_out(n_ensemble, **point):
    """The excess over the noise divided by N, as if members had independent data."""
    noise = point["noise_variance"]
    return noise + (rf_ensemble_risk(n_ensemble=1, **point) - noise) / n_ensemble


def limit_at_the_same_ridge(n_ensemble, **point):
    kernel = rf_risk(**(point | dict(n_features=np.inf))).test_mse
    return kernel + (rf_ensemble_risk(n_ensemble=1, **point) - kernel) / n_ensemble


def standard_error_of_a_mean(n_ensemble, **point):
    """The excess divided by sqrt(N) instead of N."""
    return rf_ensemble_risk(n_ensemble=math.sqrt(n_ensemble), **point)


def test_the_ensemble_law_is_accepted(output):
    assert assay.judge("random_features.11", ensemble, check="test-error", output=output).outcome == "agrees"


@pytest.mark.parametrize("formula", [all_of_the_error_averages_out, limit_at_the_same_ridge, standard_error_of_a_mean])
def test_ensemble_mutants(formula, output):
    assert assay.judge("random_features.11", formula, check="test-error", output=output).outcome == "disagrees"


def test_a_lost_degree_of_freedom_breaks_the_hidden_ridge(output):
    """n - 1 - z for n - z in the ridge of the equivalent kernel model."""

    def residual(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge):
        risk = solve(eigenvalues, target_coefficients, noise_variance, n_samples, n_features, ridge)
        hidden = risk.gamma * (n_samples - 1 - risk.modes_learned)
        wide = rf_risk_at_gamma(eigenvalues, target_coefficients, risk.gamma, n_samples=n_samples, n_features=np.inf,
                                noise_variance=noise_variance).test_mse  # fmt: skip
        return solve(eigenvalues, target_coefficients, noise_variance, n_samples, np.inf, hidden).test_mse / wide - 1

    assert assay.judge("random_features.11", residual, check="hidden-ridge", output=output).outcome == "disagrees"


def power_law(alpha, beta, n_samples, slack, relative_noise, samples=None, noise_factor=1.0):
    unit = power_law_risk(alpha, beta, n_samples=n_samples, slack=0.0)
    return power_law_risk(alpha, beta, n_samples=samples or n_samples, slack=slack,
                          noise_variance=noise_factor * relative_noise * unit)  # fmt: skip


def test_the_power_law_is_accepted(output):
    assert assay.judge("random_features.7", power_law, check="test-error", output=output).outcome == "agrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda alpha, beta, n_samples, slack, relative_noise:  # all exponents raised by one
        power_law(alpha, beta, n_samples, slack, relative_noise) / (1 - slack),
        lambda alpha, **point: power_law(alpha, **point, noise_factor=alpha / (alpha - 1)),
        lambda n_samples, slack, **point:  # learnt modes for samples
        power_law(n_samples=n_samples, slack=slack, **point, samples=n_samples * (1 - slack)),
    ],
)  # fmt: skip
def test_power_law_mutants(formula, output):
    assert assay.judge("random_features.7", formula, check="test-error", output=output).outcome == "disagrees"


@pytest.mark.parametrize(
    ("claim", "formula"),
    [
        (7, lambda alpha, beta: (beta - alpha) / (beta * (beta - 1))),  # exponents exchanged
        (7, lambda alpha, beta: (beta - 1) / (alpha * (alpha - 1))),
        (8, lambda alpha, beta, width_ratio: power_law_noise_threshold(alpha, beta) * (1 - 1 / width_ratio)),
        (8, lambda alpha, beta, width_ratio: power_law_noise_threshold(alpha, beta, width_ratio=2 * width_ratio)),
    ],
)
def test_threshold_mutants(claim, formula, output):
    verdict = assay.judge(f"random_features.{claim}", formula, check="noise-threshold", output=output)
    assert verdict.outcome == "disagrees"


@pytest.mark.parametrize(
    ("check", "formula"),
    [
        ("samples", lambda alpha, beta: -(beta - 1) / alpha),  # decay in gamma for decay in n
        ("samples", lambda alpha, beta: power_law_exponents(alpha, beta).features),
        ("features", lambda alpha, beta: power_law_exponents(alpha, beta).samples),
        ("samples-with-noise", lambda beta: -(beta - 1) / beta),  # not saturated
        ("samples-with-noise", lambda alpha, beta: power_law_exponents(alpha, beta).samples / alpha),
    ],
)
def test_exponent_mutants(check, formula, output):
    verdict = assay.judge("random_features.9", formula, check=check, output=output)
    assert verdict.outcome == "disagrees"
