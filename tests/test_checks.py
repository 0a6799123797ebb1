"""The statistics of a verdict, on synthetic data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from assay import agreement, bound, certificate, distribution, exponent, separation, structure
from assay.estimates import Estimates
from assay.evidence import AGREE_LEVEL, DISAGREE_LEVEL


def check(simulated, predicted=1.0, *, precision=0.01, **terms):
    terms = dict(reason="synthetic", rivals={"half": np.asarray(predicted) * 1.5}) | terms
    return agreement("synthetic", simulated, predicted, precision=precision, **terms)


def normal_trials(rng, n_trials, gaps, standard_error, correlation=0.0):
    """Trials with the given relative gaps from 1 and the given standard error of the mean."""
    gaps = np.atleast_1d(gaps)
    noise = rng.standard_normal((n_trials, len(gaps)))
    common = rng.standard_normal((n_trials, 1))
    noise = np.sqrt(1 - correlation) * noise + np.sqrt(correlation) * common
    return 1 + gaps + standard_error * np.sqrt(n_trials) * noise


# Calibration: what the two levels promise ---------------------------------------------------------------------------


@pytest.mark.parametrize("n_trials", [8, 32, 128])
def test_false_agreement_at_the_edge_is_the_agree_level(n_trials):
    """A true gap of exactly the tolerance is accepted with probability AGREE_LEVEL at most.

    Each of 300 000 points is a check of its own, judged by the same one-sided limits.
    """
    rng = np.random.default_rng(1)
    accepted = total = 0
    for _ in range(6):
        estimates = Estimates(normal_trials(rng, n_trials, np.full(50_000, 0.01), 0.001), "mean")
        below, above = estimates.widths(AGREE_LEVEL)
        gap = estimates.value - 1
        accepted += int(((gap - below >= -0.01) & (gap + above <= 0.01)).sum())
        total += len(gap)
    assert 0 < accepted < total * AGREE_LEVEL + 5 * np.sqrt(total * AGREE_LEVEL)


def test_false_disagreement_at_the_edge_is_the_disagree_level():
    """At a level that can be counted, the limit behind "disagrees" misses as often as it says."""
    rng = np.random.default_rng(2)
    level, total = 1e-3, 400_000
    estimates = Estimates(normal_trials(rng, 64, np.full(total, 0.01), 0.001), "mean")
    below, _ = estimates.widths(level)
    false = int((estimates.value - 1 - below > 0.01).sum())
    assert abs(false - total * level) < 5 * np.sqrt(total * level)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_planned_precision_is_almost_never_undecided(correlation):
    """With 20 points, no gap and a standard error of a ninth of the precision, all of 400 seeds agree."""
    rng = np.random.default_rng(3)
    outcomes = [
        check(normal_trials(rng, 256, np.zeros(20), 0.01 / 9, correlation)).verdict().outcome for _ in range(400)
    ]
    assert outcomes.count("agrees") == 400


def test_underplanned_precision_is_undecided_not_red():
    """At a sixth of the precision about half of the seeds are undecided, and none disagrees."""
    rng = np.random.default_rng(4)
    outcomes = [check(normal_trials(rng, 256, np.full(20, 0.003), 0.01 / 6)).verdict().outcome for _ in range(300)]
    assert outcomes.count("disagrees") == 0
    assert 100 < outcomes.count("undecided") <= 300


def test_many_points_one_wrong_is_found():
    """One point of 200 that is off by twice the tolerance makes the whole check disagree."""
    rng = np.random.default_rng(5)
    gaps = np.zeros(200)
    gaps[77] = 0.02
    verdict = check(normal_trials(rng, 256, gaps, 0.01 / 9), at={"k": np.arange(200)}).verdict()
    assert verdict.outcome == "disagrees"
    assert verdict.worst["parameters"] == {"k": 77}


@pytest.mark.parametrize("correlation", [0.0, 0.99])
def test_no_false_alarm_in_many_points(correlation):
    """A true prediction with noise far above the precision is undecided: in 300 seeds of 100 points none disagrees."""
    rng = np.random.default_rng(6)
    outcomes = {check(normal_trials(rng, 64, np.zeros(100), 0.05, correlation)).verdict().outcome for _ in range(300)}
    assert outcomes == {"undecided"}


def test_skewed_mean_is_at_best_undecided_and_says_what_to_do():
    rng = np.random.default_rng(7)
    trials = rng.exponential(size=(128, 1))
    verdict = check(trials, precision=5.0).verdict()  # a tolerance that any interval fits in
    assert verdict.outcome == "undecided"
    assert "median" in verdict.advice and "trials" in verdict.advice
    assert not check(trials, predicted=50.0, precision=0.01).verdict().outcome == "disagrees"


def test_skewed_errors_with_enough_trials_keep_the_level():
    """Exponential errors: once the guard lets a mean pass, its interval misses at most a few times the level."""
    rng = np.random.default_rng(8)
    n_trials, level, missed, judged = 1024, 1e-3, 0, 0
    for _ in range(40):
        estimates = Estimates(rng.exponential(size=(n_trials, 1000)), "mean")
        below, above = estimates.widths(level)
        usable = estimates.usable
        outside = (estimates.value - below > 1) | (estimates.value + above < 1)
        missed, judged = missed + int((outside & usable).sum()), judged + int(usable.sum())
    assert judged > 30_000
    assert missed / judged < 4 * level


def test_median_keeps_its_level_under_skew():
    rng = np.random.default_rng(9)
    estimates = Estimates(rng.exponential(size=(64, 100_000)), "median")
    below, above = estimates.widths(1e-3)
    true = np.log(2)
    assert np.mean(estimates.value - below > true) <= 1.2e-3
    assert np.mean(estimates.value + above < true) <= 1.2e-3
    assert estimates.usable.all()


def test_median_of_too_few_trials_decides_nothing():
    rng = np.random.default_rng(10)
    assert check(1 + 1e-6 * rng.standard_normal((10, 3)), estimator="median").verdict().outcome == "undecided"


def test_log_estimator_judges_the_geometric_mean():
    rng = np.random.default_rng(11)
    trials = np.exp(0.5 + 0.3 * rng.standard_normal((2048, 3)))
    geometric, arithmetic = np.exp(0.5), np.exp(0.5 + 0.3**2 / 2)
    verdict = check(
        trials, geometric, precision=0.06, estimator="log", rivals={"arithmetic": arithmetic * 1.1}
    ).verdict()
    assert verdict.passed
    assert verdict.worst["simulated"] == pytest.approx(geometric, rel=0.03)


# Resolution ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.sampled_from(["mean", "median", "log"]), st.sampled_from([1.0, -1.0]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_prediction_off_by_the_resolution_disagrees(seed, estimator, sign):
    """Scaled by slightly more than the resolution the prediction disagrees both ways; by slightly less, not both."""
    rng = np.random.default_rng(seed)
    sign = 1.0 if estimator == "log" else sign
    trials = sign * normal_trials(rng, 256, rng.uniform(-0.002, 0.002, 5), 0.001)
    resolution = check(trials, sign, estimator=estimator).verdict().resolution
    scaled = [
        check(trials, sign * (1 + s * resolution), estimator=estimator, precision=0.01) for s in (1.0001, -1.0001)
    ]
    # the tolerance is that of the true prediction, so judge by the true check's evidence
    true = check(trials, sign, estimator=estimator)
    assert [true.against(c.prediction).outcome for c in scaled] == ["disagrees", "disagrees"]
    inner = [true.against(sign * (1 + s * resolution)).outcome for s in (0.999, -0.999)]
    assert inner != ["disagrees", "disagrees"]


def test_resolution_never_improves_with_noise():
    """Stretching the trials about their means, or adding noise on average, makes the resolution worse."""
    rng = np.random.default_rng(12)
    trials = normal_trials(rng, 256, np.zeros(4), 0.0005)
    mean = trials.mean(axis=0)
    stretched = [check(mean + factor * (trials - mean)).verdict().resolution for factor in (1, 1.5, 2, 4)]
    assert stretched == sorted(stretched)
    noisy = np.mean([
        [check(trials + sd * rng.standard_normal(trials.shape)).verdict().resolution for sd in (0.0, 0.02, 0.04)]
        for _ in range(20)
    ], axis=0)  # fmt: skip
    assert noisy[0] < noisy[1] < noisy[2]


def test_resolution_improves_with_trials_and_is_never_below_the_tolerance():
    rng = np.random.default_rng(13)
    resolutions = [
        check(1 + 0.02 * rng.standard_normal((n, 3)), precision=0.005).verdict().resolution for n in (256, 1024, 16384)
    ]
    assert resolutions[0] > resolutions[1] > resolutions[2] > 0.005


def test_resolution_where_the_prediction_is_zero_is_a_shift():
    rng = np.random.default_rng(14)
    trials = 0.01 * rng.standard_normal((400, 3))
    terms = dict(unit="absolute", precision=0.005, reason="shift", rivals={"shifted": 0.02})
    verdict = agreement("zero", trials, 0.0, **terms).verdict()
    assert not verdict.resolution_is_relative
    assert 0.005 < verdict.resolution < 0.012


def test_resolution_of_each_kind():
    rng = np.random.default_rng(15)
    tight = bound("b", [1.0, 0.9], 1.0, tightness=1e-3, reason="r", rivals={"too small": 0.95}).verdict()
    assert tight.passed and tight.resolution == pytest.approx(1e-3, rel=0.05)
    assert bound("b", [0.9, 0.8], 1.0, reason="r", rivals={"small": 0.85}).verdict().resolution is None
    identity = structure("s", [1e-12, 3e-12], precision=1e-10, reason="r", controls={"perturbed": 1e-6}).verdict()
    assert identity.resolution == pytest.approx(1.03e-10)
    cdf = distribution("d", rng.standard_normal(50_000), ndtr, precision=0.03, reason="r",
                       rivals={"shifted": lambda x: ndtr(x - 0.2)})  # fmt: skip
    scale = cdf.verdict().resolution
    assert cdf.against(lambda x: ndtr(x / (1 + 1.01 * scale))).outcome == "disagrees"
    assert separation("a", rng.normal(1, 0.01, (64, 1)), 2.0, gap=0.1, reason="r",
                      rivals={"itself": 1.0}).verdict().resolution is None  # fmt: skip


# Kinds ----------------------------------------------------------------------------------------------------------------


def test_wrong_predictor_fails():
    rng = np.random.default_rng(16)
    verdict = check(normal_trials(rng, 256, np.zeros(5), 0.0005), predicted=1.05, rivals={"true": 1.0}).verdict()
    assert verdict.outcome == "disagrees" and not verdict.passed
    assert verdict.deviation == pytest.approx(0.05, rel=0.1)


def test_surviving_rival_fails_the_check():
    rng = np.random.default_rng(17)
    trials = normal_trials(rng, 256, np.zeros(5), 0.0005)
    verdict = check(trials, rivals={"twin": 1.001, "half": 1.5}).verdict()
    assert verdict.outcome == "agrees" and not verdict.passed
    assert [rival.rejected for rival in verdict.rivals] == [False, True]
    assert verdict.rivals[1].margin > 100 > 0 > verdict.rivals[0].margin


def test_rejection_uses_the_tolerance_of_the_true_check():
    """A tiny rival prediction has a tiny relative tolerance of its own; the check's is what counts."""
    rng = np.random.default_rng(18)
    verdict = check(normal_trials(rng, 256, np.zeros(2), 0.0005), rivals={"tiny": 1e-9}).verdict()
    assert verdict.rivals[0].rejected
    assert verdict.rivals[0].margin == pytest.approx(0.99 / 0.0005, rel=0.2)


def test_separation():
    rng = np.random.default_rng(19)
    trials = normal_trials(rng, 256, np.zeros(3), 0.001)
    apart = separation("apart", trials, 1.2, gap=0.1, reason="r", rivals={"itself": 1.0}).verdict()
    assert apart.passed
    assert (
        separation("near", trials, 1.01, gap=0.1, reason="r", rivals={"itself": 1.0}).verdict().outcome == "disagrees"
    )
    edge = separation("edge", trials, 1 / 0.9, gap=0.1, reason="r", rivals={"itself": 1.0}).verdict()
    assert edge.outcome == "undecided"


def test_bound_violated_loose_and_lower():
    violated = bound("b", [1.0, 1.2], 1.1, reason="r", rivals={"r": 0.5}).verdict()
    assert violated.outcome == "disagrees" and violated.worst["simulated"] == 1.2
    assert bound("b", [0.5], 1.1, tightness=0.01, reason="r", rivals={"r": 0.2}).verdict().outcome == "disagrees"
    assert bound("b", [0.5, 0.1], 0.1, upper=False, tightness=0.01, reason="r", rivals={"r": 0.2}).verdict().passed
    rounding = bound("b", [1 + 1e-14], 1.0, reason="r", rivals={"r": 0.5}).verdict()
    assert rounding.passed


def test_exponent_covers_and_rejects():
    rng = np.random.default_rng(20)
    sizes = np.array([10.0, 20, 40, 80])
    trials = sizes**-0.8 * (1 + 0.05 * rng.standard_normal((512, 4)))
    verdict = exponent("e", sizes, trials, -0.8, precision=0.02, reason="r", rivals={"-1": -1.0}).verdict()
    assert verdict.passed and verdict.unit == "absolute"
    blocked = exponent("e", sizes, trials, -0.8, precision=0.02, blocks=128, reason="r", rivals={"-1": -1.0}).verdict()
    assert blocked.n_trials == 128 and blocked.passed
    exact = exponent("e", sizes, sizes**-0.8, -0.8, precision=1e-9, estimator="exact", reason="r", rivals={"-1": -1.0})
    assert exact.verdict().passed


def test_exponent_intervals_cover_when_sizes_share_trials():
    """One slope per trial keeps its level although the points of a trial are correlated."""
    rng = np.random.default_rng(21)
    sizes, level, missed = np.array([10.0, 20, 40]), 0.05, 0
    weights = np.log(sizes) - np.log(sizes).mean()
    for _ in range(400):
        common = 0.1 * rng.standard_normal((64, 1)) + 0.05 * rng.standard_normal((64, 3))
        slopes = (np.log(sizes**-1.0) + common) @ weights / (weights**2).sum()
        below, _ = Estimates(slopes, "mean").widths(level / 2)
        missed += abs(slopes.mean() + 1) > below
    assert 5 < missed < 40


def test_distribution_agrees_and_rejects():
    rng = np.random.default_rng(22)
    samples = rng.standard_normal(40_000)
    terms = dict(reason="r", rivals={"wide": lambda x: ndtr(x / 1.3)})
    assert distribution("d", samples, ndtr, precision=0.02, **terms).verdict().passed
    assert distribution("d", samples[:200], ndtr, precision=0.02, **terms).verdict().outcome == "undecided"
    assert distribution("d", samples + 0.2, ndtr, precision=0.02, **terms).verdict().outcome == "disagrees"


def test_certificate_and_control():
    good = certificate("c", [1e-10], precision=1e-8, reason="r", controls={"sign flipped": 1e-3}).verdict()
    assert good.passed and good.kind == "certificate" and good.controls[0].margin == pytest.approx(1e5)
    weak = certificate("c", [1e-10], precision=1e-8, reason="r", controls={"too small": 1e-9}).verdict()
    assert weak.outcome == "agrees" and not weak.passed


def test_ragged_trials_equal_separate_checks():
    rng = np.random.default_rng(23)
    many, few = normal_trials(rng, 512, [0.0, 0.0], 0.0005), normal_trials(rng, 128, [0.0, 0.0], 0.0005)
    ragged = check([many, few], at={"n": [[1], [2]]}).verdict()
    assert ragged.passed and ragged.n_points == 4
    np.testing.assert_array_equal(ragged.rows["n_trials"], [512, 512, 128, 128])
    np.testing.assert_array_equal(ragged.rows["simulated"][:2], many.mean(axis=0))


def test_noise_in_the_prediction_adds_in_quadrature():
    rng = np.random.default_rng(24)
    trials = normal_trials(rng, 256, np.zeros(3), 0.0005)
    assert check(trials).verdict().outcome == "agrees"
    assert check(trials, predicted_standard_error=0.01).verdict().outcome == "undecided"


def test_undecided_says_how_many_trials():
    rng = np.random.default_rng(25)
    verdict = check(normal_trials(rng, 256, np.zeros(3), 0.005)).verdict()
    needed = int(verdict.advice.split()[2])
    assert verdict.outcome == "undecided" and 256 < needed < 4000
    again = check(normal_trials(rng, 4 * needed, np.zeros(3), 0.005 * np.sqrt(256 / (4 * needed))))
    assert again.verdict().outcome == "agrees"


def test_levels_are_constants():
    assert (AGREE_LEVEL, DISAGREE_LEVEL) == (1e-4, 1e-6)


# Refusals ---------------------------------------------------------------------------------------------------------

TRIALS = np.random.default_rng(0).normal(1, 0.01, (32, 2))


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (dict(reason=""), "reason"),
        (dict(reason="   "), "reason"),
        (dict(rivals={}), "rival or a control"),
        (dict(as_published="nobody"), "as_published"),
        (dict(precision=0.0), "tolerance"),
        (dict(precision=-1.0), "tolerance"),
        (dict(precision=0.02, allowance=-0.01), "allowance"),
        (dict(unit="percent"), "unit"),
        (dict(estimator="mode"), "estimator"),
        (dict(predicted=0.0), "absolute"),
        (dict(predicted=np.nan), "finite"),
        (dict(simulated=TRIALS * np.inf), "finite"),
        (dict(simulated=TRIALS[:1]), "two trials"),
        (dict(rivals={"nan": np.nan}), "NaN"),
        (dict(simulated=-TRIALS, estimator="log"), "positive"),
    ],
)
def test_refused(terms, words):
    arguments = dict(simulated=TRIALS) | terms
    with pytest.raises(ValueError, match=words):
        check(arguments.pop("simulated"), **arguments).verdict()
