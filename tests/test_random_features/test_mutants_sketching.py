"""Wrong formulas for sketched least squares, each of which the quick checks of its claim must refuse."""

import math

import numpy as np
import pytest

import assay
from theory.random_features import optimal_sketch, rf_risk, sketched_risk, sketched_risk_correlated


def lost_minus_one(**point):
    return sketched_risk(**point, limit=True).risk


def samples_for_rows(**point):
    return sketched_risk(**point | dict(sketch_size=point["n_samples"])).risk


def swapped_sketches(**point):
    return sketched_risk(**point | dict(sketch={"iid": "orthogonal", "orthogonal": "iid"}[point["sketch"]])).risk


def noise_not_squared(**point):
    return sketched_risk(**point | dict(noise_variance=math.sqrt(point["noise_variance"]))).risk


def rows_over_samples_in_the_bias(**point):
    risk = sketched_risk(**point)
    return risk.variance + (1 - point["sketch_size"] / point["n_samples"]) * (risk.bias > 0)


def iid_like_orthogonal(**point):
    return sketched_risk(**point | dict(sketch="orthogonal")).risk


def exact_law(**point):
    return sketched_risk(**point).risk


def test_the_exact_law_is_accepted(output):
    verdict = assay.judge("random_features.18", exact_law, check="risk", output=output)
    assert verdict.outcome == "agrees"


@pytest.mark.parametrize(
    "formula",
    [lost_minus_one, samples_for_rows, swapped_sketches, noise_not_squared, rows_over_samples_in_the_bias,
     iid_like_orthogonal],
)  # fmt: skip
def test_isotropic_mutants(formula, output):
    verdict = assay.judge("random_features.18", formula, check="risk", output=output)
    assert verdict.outcome == "disagrees"


def spectrum(top_eigenvalue, n_features):
    levels = np.repeat([top_eigenvalue, 1.0], n_features // 2)
    return levels, np.sqrt(levels / n_features)


def correlated_law(top_eigenvalue, n_features, sketch_size, part):
    return getattr(
        sketched_risk_correlated(*spectrum(top_eigenvalue, n_features), sketch_size=sketch_size, noise_variance=1.0),
        part,
    )


def full_sample(top_eigenvalue, n_features, n_samples, part):
    return correlated_law(top_eigenvalue, n_features, n_samples, part)


def prior_not_weighted(top_eigenvalue, n_features, sketch_size, part):
    """The power of the target in each direction taken as beta^2, without its eigenvalue."""
    levels, _ = spectrum(top_eigenvalue, n_features)
    flat = np.full(n_features, 1 / math.sqrt(n_features))
    return getattr(sketched_risk_correlated(levels, flat, sketch_size=sketch_size, noise_variance=1.0), part)


def overfitting_left_out(top_eigenvalue, n_features, sketch_size, part):
    solved = rf_risk(*spectrum(top_eigenvalue, n_features), n_samples=sketch_size, n_features=np.inf, ridge=0.0)
    return correlated_law(top_eigenvalue, n_features, sketch_size, part) / solved.overfitting_factor


def features_for_rows(top_eigenvalue, n_features, sketch_size, part):
    """q/(p - q) in the variance, and q/p in the bias."""
    solved = rf_risk(*spectrum(top_eigenvalue, n_features), n_samples=sketch_size, n_features=np.inf, ridge=0.0)
    ratio = (1 - solved.modes_squared / sketch_size) / (1 - solved.modes_squared / n_features)
    scale = ratio * (sketch_size / n_features if part == "variance" else 1.0)
    return correlated_law(top_eigenvalue, n_features, sketch_size, part) * scale


def test_the_correlated_law_is_accepted(output):
    assert assay.judge("random_features.19", correlated_law, output=output).outcome == "agrees"


@pytest.mark.parametrize("formula", [full_sample, prior_not_weighted, overfitting_left_out, features_for_rows])
def test_correlated_mutants(formula, output):
    assert assay.judge("random_features.19", formula, output=output).outcome == "disagrees"


def test_covariance_is_no_factor_above_p(output):
    def scaled(n_features, sketch_size, top_eigenvalue):
        return (1 + top_eigenvalue) / 2 * n_features / (sketch_size - n_features - 1)

    assert assay.judge("random_features.19", scaled, check="covariance-free", output=output).outcome == "disagrees"


def best(aspect_ratio, snr):
    return optimal_sketch(aspect_ratio, signal_power=1.0, noise_variance=snr**-2).risk


@pytest.mark.parametrize(
    "formula",
    [
        lambda snr: (1 - 1 / snr) / snr,  # sigma (alpha - sigma)
        lambda aspect_ratio, snr: best(aspect_ratio, snr**2),  # ratio of powers for ratio of amplitudes
        lambda aspect_ratio, snr: best(aspect_ratio / 2, snr),  # samples for kept rows
    ],
)
def test_best_risk_mutants(formula, output):
    verdict = assay.judge("random_features.20", formula, check="risk-at-the-best-size", output=output)
    assert verdict.outcome == "disagrees"


def moments(n_features, sketch_size, *, minus_one=1, factor=2):
    p, m = n_features, sketch_size
    return factor * p * (m - 1) / ((m - p) * (m - p - minus_one) ** 2 * (m - p - 3 * minus_one))


def test_the_variance_of_the_risk_is_accepted(output):
    verdict = assay.judge(
        "random_features.21", lambda n_features, sketch_size: moments(n_features, sketch_size),
        check="variance-of-the-risk", output=output,
    )  # fmt: skip
    assert verdict.outcome == "agrees"


@pytest.mark.parametrize(
    "formula",
    [
        lambda n_features, sketch_size: moments(n_features, sketch_size, minus_one=0),  # the limit
        lambda n_features, sketch_size: moments(n_features, sketch_size, factor=1),  # complex data
        lambda n_features, sketch_size: moments(n_features, sketch_size) * n_features,  # independent eigenvalues
        lambda n_features, sketch_size: moments(sketch_size - n_features, sketch_size),  # p and m - p swapped
    ],
)
def test_fluctuation_mutants(formula, output):
    verdict = assay.judge("random_features.21", formula, check="variance-of-the-risk", output=output)
    assert verdict.outcome == "disagrees"
