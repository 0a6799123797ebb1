"""Wrong recursions for the exact risk, and wrong mean dynamics: some quick check of each claim must refuse them."""

import functools
import math

import numpy as np
import pytest

import assay
from assay.engine import Engine
from assay.registry import select
from assay.run import Run
from assay.store import Store
from figures.accelerated_sgd._configurations import CONFIGURATIONS
from figures.accelerated_sgd._feature_laws import LAWS
from theory.accelerated_sgd import complex_eigenvalue_window, mean_tail_bias, risk_curve, tail_average_risk_curve


def verdict_of(claim, check, folder):
    """Return the quick verdict of one check; wrong values that are stored need a folder of their own."""
    with Engine() as engine:
        for item in select([f"accelerated_sgd.{claim}"])[0].check(Run("quick", 0, Store(folder), engine)):
            if item.name == check:
                return item.verdict()
    raise AssertionError(check)


def moments(configuration, batch_size, n_steps, wrong="", law="gaussian"):
    """The recursion of (E w^2, E w y, E y^2) as it is printed; yields (a, b, h) at each step."""
    known = CONFIGURATIONS[configuration]
    values, noise = known.eigenvalues, known.noise_variance
    delta, c, q = known.scheme.learning_rate, known.scheme.momentum, known.scheme.lookahead_learning_rate
    if wrong == "momentum not reduced":
        c = min(c / 0.9, 0.99)
    radial = 1 + LAWS[law].radial_spread ** 2
    p = radial * (LAWS[law].kurtosis - 1) - 1
    a = b = h = known.initial_error**2
    for _ in range(n_steps + 1):
        yield a, b, h
        tau = values @ (a if wrong == "trace of w" else h)
        own = values if wrong == "eigenvalue not squared" else values**2
        level = radial * tau + (0.5 * noise if wrong == "half the label noise" else noise)
        injected = p * own * h + values * level
        if wrong != "noise not divided by m":
            injected = injected / batch_size
        if wrong == "second moment, not covariance":
            injected = injected + values**2 * h / batch_size
        p1, p2 = 1 - delta * values, 1 + c - q * values
        cross = delta**2 if wrong == "short step in the cross term" else delta * q
        sign = 2 if wrong == "sign of the momentum term" else -2
        a, b, h = (
            p1**2 * h + delta**2 * injected,
            p1 * (p2 * h - c * b) + cross * injected,
            p2**2 * h + sign * c * p2 * b + c**2 * a + q**2 * injected,
        )


def last_risk(configuration, batch_size, step, wrong=""):
    *_, (a, _, _) = moments(configuration, batch_size, step, wrong)
    return 0.5 * CONFIGURATIONS[configuration].eigenvalues @ a


def last_risk_in_any_law(configuration, law, wrong=""):
    known = CONFIGURATIONS[configuration]
    *_, (a, _, _) = moments(configuration, known.batch_size, known.last_step, wrong, law)
    return 0.5 * known.eigenvalues @ a


def average_risk(configuration, batch_size, wrong=""):
    """The running sums as they are printed."""
    known = CONFIGURATIONS[configuration]
    values, scheme, length = known.eigenvalues, known.scheme, known.n_average
    delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
    squared = with_w = with_y = np.zeros_like(values)
    for t, (a, b, _) in enumerate(moments(configuration, batch_size, known.last_step)):
        if t >= known.burn_in + (wrong == "one iterate too few"):
            squared = squared + (with_w if wrong == "lags on one side" else 2 * with_w) + a
            with_w, with_y = with_w + a, with_y + (a if wrong == "w for y" else b)
        p1, p2 = 1 - delta * values, 1 + c - q * values
        back = 0 if wrong == "no way back from w" else c
        with_w, with_y = p1 * with_y, p2 * with_y - back * with_w
    if wrong == "divided by s + N":
        length = known.burn_in + known.n_average
    return 0.5 * values @ squared / length**2


def test_the_right_recursions_are_accepted(output):
    assert assay.judge("accelerated_sgd.1", last_risk, check="last-iterate", output=output).outcome == "agrees"
    assert assay.judge("accelerated_sgd.2", average_risk, check="tail-average", output=output).outcome == "agrees"
    dense = assay.judge("accelerated_sgd.10", last_risk_in_any_law, check="equals-dense-moments", output=output)
    assert dense.outcome == "agrees"


@pytest.mark.parametrize(
    "wrong",
    ["momentum not reduced", "eigenvalue not squared", "half the label noise", "noise not divided by m",
     "second moment, not covariance", "short step in the cross term", "sign of the momentum term"],
)  # fmt: skip
def test_last_iterate_mutants(wrong, output):
    formula = functools.partial(last_risk, wrong=wrong)
    verdict = assay.judge("accelerated_sgd.1", formula, check="last-iterate", output=output)
    assert verdict.outcome == "disagrees"


def test_the_trace_of_the_wrong_sequence(output):
    """Late in a run w and y have much the same risk: only the dense moments tell tau of w from tau of y."""
    formula = functools.partial(last_risk_in_any_law, wrong="trace of w")
    verdict = assay.judge("accelerated_sgd.10", formula, check="equals-dense-moments", output=output)
    assert verdict.outcome == "disagrees"


@pytest.mark.parametrize(
    "wrong", ["one iterate too few", "lags on one side", "w for y", "no way back from w", "divided by s + N"]
)
def test_tail_average_mutants(wrong, output):
    formula = functools.partial(average_risk, wrong=wrong)
    verdict = assay.judge("accelerated_sgd.2", formula, check="tail-average", output=output)
    assert verdict.outcome == "disagrees"


def law_risk(configuration, batch_size, law, step=None, change=lambda kurtosis, radial: (kurtosis, radial)):
    """The risk with the moments of the features changed; of the average where no step is given."""
    known, found = CONFIGURATIONS[configuration], LAWS[law]
    kurtosis, radial = change(found.kurtosis, 1 + found.radial_spread**2)
    arguments = known.problem(batch_size=batch_size) | dict(kurtosis=kurtosis, radial_fourth_moment=radial)
    if step is None:
        return tail_average_risk_curve(**arguments, burn_in=known.burn_in, n_average=known.n_average)[-1]
    return risk_curve(**arguments, n_steps=int(step))[-1]


def average_law_risk(configuration, batch_size, law, change=lambda kurtosis, radial: (kurtosis, radial)):
    return law_risk(configuration, batch_size, law, change=change)


@pytest.mark.parametrize(("claim", "formula"), [(1, law_risk), (2, average_law_risk)])
def test_the_right_feature_laws_are_accepted(claim, formula, output):
    verdict = assay.judge(f"accelerated_sgd.{claim}", formula, check="feature-laws", output=output)
    assert verdict.outcome == "agrees"


@pytest.mark.parametrize(
    "change",
    [
        lambda kurtosis, radial: (3.0, radial),
        lambda kurtosis, radial: (kurtosis + 3.0, radial),  # excess kurtosis taken for kurtosis
        lambda kurtosis, radial: (max(6.0 - kurtosis, 1.0), radial),  # a sign
        lambda kurtosis, radial: (kurtosis, 1 + 4 * (radial - 1)),  # spread of R for that of R^2
    ],
)
def test_feature_law_mutants(change, output):
    for claim, formula in ((1, law_risk), (2, average_law_risk)):
        wrong = functools.partial(formula, change=change)
        if claim == 1:  # an average is less sensitive
            assert assay.judge("accelerated_sgd.1", wrong, check="feature-laws", output=output).outcome == "disagrees"
        else:
            assert assay.judge("accelerated_sgd.2", wrong, check="feature-laws", output=output).outcome != "agrees"


def swapped_window(scheme):
    lower, upper = complex_eigenvalue_window(scheme)
    return lower, upper * scheme.lookahead_learning_rate / scheme.learning_rate


@pytest.mark.parametrize(
    ("function", "wrong", "check"),
    [
        ("acceleration_crossover", lambda scheme: (1 + scheme.momentum) / scheme.learning_rate, "crossover"),
        ("acceleration_crossover", lambda scheme: (1 - scheme.momentum) / scheme.lookahead_learning_rate, "crossover"),
        ("acceleration_crossover", lambda scheme: 0.5 * (1 - scheme.momentum) / scheme.learning_rate, "crossing-point"),
        ("complex_eigenvalue_window", swapped_window, "window"),
        ("complex_eigenvalue_window", lambda scheme: tuple(2 * x for x in complex_eigenvalue_window(scheme)), "window"),
        (
            "mode_spectral_radius",
            lambda values, scheme: np.array([math.sqrt(abs(scheme.momentum * (1 - scheme.learning_rate)))]),
            "spectral-radius",
        ),
    ],
)
def test_cut_off_mutants(function, wrong, check, tmp_path, monkeypatch):
    monkeypatch.setattr(f"figures.accelerated_sgd._mode_instances.{function}", wrong)
    assert verdict_of(3, check, tmp_path).outcome == "disagrees"


@pytest.mark.parametrize("check", ["three-sequences", "sgd-at-equal-steps", "averaged-from-the-start"])
def test_a_bias_from_the_second_iterate_on(check, output, monkeypatch):
    def late(values, scheme, *, burn_in, n_average):
        return mean_tail_bias(values, scheme, burn_in=burn_in + 1, n_average=n_average)

    assert verdict_of(3, check, output).outcome == "agrees"
    monkeypatch.setattr("figures.accelerated_sgd.momentum.mean_tail_bias", late)
    assert verdict_of(3, check, output).outcome == "disagrees"
