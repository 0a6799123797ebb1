"""Wrong formulas for the global minima of the squared loss, each of which the quick checks of its claim must refuse."""

import numpy as np
import pytest

import assay
from theory.neural_collapse import collapse_fit, collapse_thresholds


def judged(claim, formula, check, output):
    return assay.judge(f"neural_collapse.{claim}", formula, check=check, output=output).outcome


def fit(n_samples, ridge_mean, class_size, n_layers, *, power=None):
    power = n_layers / (n_layers + 1) if power is None else power
    return collapse_fit(n_samples * ridge_mean * class_size**-power, n_layers=int(n_layers))


def power_of_one_layer(n_samples, ridge_mean, class_size, n_layers):
    return fit(n_samples, ridge_mean, class_size, n_layers, power=0.5)


def power_of_the_features(n_samples, ridge_mean, class_size, n_layers):
    return fit(n_samples, ridge_mean, class_size, n_layers, power=1 / (n_layers + 1))


def mean_size_for_samples(n_samples, n_classes, ridge_mean, class_size, n_layers):
    return fit(n_samples / n_classes, ridge_mean, class_size, n_layers)


def feature_ridge_alone(n_samples, feature_ridge, class_size, n_layers):
    return fit(n_samples, feature_ridge, class_size, n_layers)


def one_layer_more(n_samples, ridge_mean, class_size, n_layers):
    beta = n_samples * ridge_mean * class_size ** (-n_layers / (n_layers + 1))
    return collapse_fit(beta, n_layers=int(n_layers) + 1)


def test_the_fit_is_accepted(output):
    def right(n_samples, ridge_mean, class_size, n_layers):
        return fit(n_samples, ridge_mean, class_size, n_layers)

    assert judged(1, right, "fit", output) == "agrees"


@pytest.mark.parametrize(
    "formula",
    [power_of_one_layer, power_of_the_features, mean_size_for_samples, feature_ridge_alone, one_layer_more],
)
def test_fit_mutants(formula, output):
    assert judged(1, formula, "fit", output) == "disagrees"


@pytest.mark.parametrize(
    "threshold",
    [
        lambda depth: collapse_thresholds(depth).spinodal_ridge,
        lambda depth: collapse_thresholds(depth).global_ridge / (1 - 1 / depth if depth > 1 else 0.5),
        lambda depth: 1 / depth,  # the gap at the threshold for the ridge there
        lambda depth: 1.0,  # of one layer
    ],
)
def test_threshold_mutants(threshold, output):
    def loss(n_layers, effective_ridge):
        if effective_ridge > min(threshold(n_layers), collapse_thresholds(n_layers).spinodal_ridge):
            return 0.5
        tau = collapse_fit(effective_ridge, n_layers=n_layers, branch="stable")
        return 0.5 * (1 - tau) * (1 + n_layers * tau)

    assert judged(1, loss, "transition-loss", output) == "disagrees"


def test_the_laws_of_the_norms_are_accepted(output):
    def mean(fit, n_samples, feature_ridge):
        return fit * (1 - fit) / (n_samples * feature_ridge)

    assert judged(2, mean, "mean-norm", output) == "agrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda fit, n_samples, feature_ridge: fit * (1 + fit) / (n_samples * feature_ridge),
        lambda fit, n_samples, feature_ridge: fit**2 * (1 - fit) / (n_samples * feature_ridge),
        lambda fit, class_size, feature_ridge: fit * (1 - fit) / (class_size * feature_ridge),
        lambda fit, n_samples, ridge_mean: fit * (1 - fit) / (n_samples * ridge_mean),
        lambda fit, n_samples, feature_ridge: 2 * fit * (1 - fit) / (n_samples * feature_ridge),
    ],
)
def test_mean_norm_mutants(formula, output):
    assert judged(2, formula, "mean-norm", output) == "disagrees"


@pytest.mark.parametrize(
    "power", [lambda M: M / (M + 1), lambda M: -1 / (M + 1), lambda M: -M / (M + 2), lambda M: -0.5]
)
def test_exponent_mutants(power, output):
    assert judged(2, lambda n_layers: power(n_layers), "exponent-of-means", output) == "disagrees"


@pytest.mark.parametrize(
    "shift",
    [
        lambda M: 1.02 if M > 1 else 1.0,  # size of collapse two per cent off
        lambda M: ((M + 1) / M) ** 0.5,  # an exponent of the size lost
    ],
)
def test_minority_size_mutants(shift, output):
    def mutant(n_layers, effective_ridge):
        limit = collapse_thresholds(n_layers).global_ridge * shift(n_layers)
        return collapse_fit(effective_ridge, n_layers=n_layers, branch="stable") if effective_ridge <= limit else 0.0

    assert judged(3, mutant, "minority-fit", output) == "disagrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda n_layers, effective_ridge, bias_ridge: collapse_fit(effective_ridge / bias_ridge, n_layers=n_layers),
        lambda n_layers, effective_ridge, bias_ridge: collapse_fit(
            effective_ridge * (1 + bias_ridge) ** 2 / bias_ridge, n_layers=n_layers
        ),
        lambda n_layers, effective_ridge, bias_ridge: collapse_fit(effective_ridge, n_layers=n_layers),
        lambda n_layers, effective_ridge, bias_ridge: collapse_fit(
            effective_ridge * (1 + 1 / np.sqrt(bias_ridge)), n_layers=n_layers
        ),
        lambda n_layers, effective_ridge, bias_ridge: collapse_fit(
            effective_ridge * bias_ridge / (1 + bias_ridge), n_layers=n_layers
        ),
    ],
)
def test_mean_mode_mutants(formula, output):
    assert judged(6, formula, "mean-fit", output) == "disagrees"


def test_the_mean_mode_is_accepted(output):
    def right(n_layers, effective_ridge, bias_ridge):
        return collapse_fit(effective_ridge * (1 + bias_ridge) / bias_ridge, n_layers=n_layers)

    assert judged(6, right, "mean-fit", output) == "agrees"
