"""Wrong errors and sample sizes of naive Bayes, each of which the quick checks of claim 9 must refuse."""

import math

import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

import assay

SIGNAL = (2 * 1.6448536269514722) ** 2


def error(m, d, signal, wrong=""):
    noise = {"2d for 4d": 2, "m for each class": 2, "noise of the means lost": 0}.get(wrong, 4) * d / (m * signal)
    variances = (m - 6) / (m - 4)
    variances = {"variances known": 1, "m - 4 and m - 6 exchanged": 1 / variances}.get(wrong, variances)
    midpoint = {"midpoint known": 1, "midpoint with 4/m": 1 + 4 / m}.get(wrong, 1 + 1 / m)
    distance = signal / 2 if wrong == "S for its root" else math.sqrt(signal) / 2
    return ndtr(-distance * math.sqrt(variances / ((1 + noise) * midpoint)))


def expected(wrong=""):
    def predicted(n_features, mean_scale, n_samples):
        share = 1 / n_features if wrong != "all variances 1" else 1
        signal = 4 * mean_scale**2 * (n_features // 2 * share + n_features - n_features // 2)
        return error(n_samples, n_features, signal, wrong)

    return predicted


def size(wrong=""):
    def predicted(n_features):
        target = ndtr(-math.sqrt(SIGNAL) / 2) + 0.01
        return brentq(lambda m: error(m, n_features, SIGNAL, wrong) - target, 8, 1e6)

    return predicted


def judged(check, predicted, output):
    return assay.judge("h_consistency.9", predicted, check=check, output=output).outcome


def test_right_formulas_agree(output):
    assert judged("expected-error", expected(), output) == "agrees"
    assert judged("samples-at-fixed-signal", size(), output) == "agrees"


@pytest.mark.parametrize(
    "wrong",
    ["2d for 4d", "noise of the means lost", "variances known", "m - 4 and m - 6 exchanged", "midpoint known",
     "midpoint with 4/m", "S for its root", "all variances 1"],
)  # fmt: skip
def test_wrong_error_disagrees(wrong, output):
    assert judged("expected-error", expected(wrong), output) == "disagrees"


@pytest.mark.parametrize(
    "predicted",
    [size("m for each class"), size("noise of the means lost"), lambda n_features: 55 * math.log(n_features),
     lambda n_features: 3 * n_features, lambda n_features: 28 * math.sqrt(n_features)],
)  # fmt: skip
def test_wrong_sample_size_disagrees(predicted, output):
    assert judged("samples-at-fixed-signal", predicted, output) == "disagrees"


@pytest.mark.parametrize(
    "predicted", [lambda n_features: 0.0, lambda n_features: 60 / n_features, lambda n_features: 2.0]
)
def test_wrong_growth_of_logistic_regression_disagrees(predicted, output):
    assert judged("logistic-samples-per-feature", predicted, output) == "disagrees"


def test_naive_bayes_does_not_need_more_samples_with_more_features(output):
    wrong = assay.judge("h_consistency.9", lambda: 1.0, check="naive-bayes-exponent", output=output)
    assert wrong.outcome == "disagrees"
