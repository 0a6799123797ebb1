"""Certified convex solves, exact zero-one risks and trained hypotheses against SciPy and enumeration."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from simulations._streams import spawn_streams
from simulations.h_consistency import (
    FiniteDistribution,
    best_in_class_surrogate_risk,
    best_in_class_zero_one_risk,
    cyclic_distribution,
    linear_softmax_distribution,
    minimizability_gap,
    simulate_finite_sample_regrets,
)

CYCLIC = cyclic_distribution(12, n_classes=3, sharpness=2.0)


def risk(distribution, weights, biases, tau, cells=None):
    cells = distribution.weights[:, None] * distribution.probabilities if cells is None else cells
    scores = distribution.support @ np.asarray(weights).T + biases
    excess = logsumexp(scores, axis=1, keepdims=True) - scores
    return np.sum(cells * (excess if tau == 1 else np.expm1((1 - tau) * excess) / (1 - tau)))


def random_distribution(seed, n_support, n_features, n_classes):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(n_classes, 0.5), n_support)
    support = rng.standard_normal((n_support, n_features))
    return FiniteDistribution(support, rng.dirichlet(np.ones(n_support)), probabilities)


# Best in class ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "tau", "best", "gap", "approximation_error"),
    [
        (0.5, 1.0, 1.023878323, 0.364666354, 0.468712866), (0.5, 0.5, 1.344212870, 0.488311144, 0.539722020),
        (0.5, 0.0, 1.807397044, 0.652465892, 0.673225482), (8.0, 0.0, None, 0.651332964, None),
        (8.0, 0.5, None, 0.514937958, None), (8.0, 1.0, None, 0.442438751, None),
    ],
)  # fmt: skip
def test_gaps_of_the_cyclic_distribution(bound, tau, best, gap, approximation_error):
    report = minimizability_gap(CYCLIC, tau=tau, weight_bound=bound, bias_bound=bound)
    assert report.gap == pytest.approx(gap, abs=1.5e-9)
    if best is not None:
        assert report.best_in_class_risk == pytest.approx(best, abs=1.5e-9)
        assert report.approximation_error == pytest.approx(approximation_error, abs=1.5e-9)
    assert report.optimality_gap <= 1e-9
    assert report.gap == report.best_in_class_risk - report.expected_conditional_optimum
    assert 0 < report.gap <= report.approximation_error + 1e-15


@pytest.mark.parametrize(("tau", "best"), [(0.0, 1.181307491), (0.5, 0.865371427), (1.0, 0.634710669)])
def test_a_well_specified_model_has_no_gap(tau, best):
    law = linear_softmax_distribution(41, n_classes=3, sharpness=3.0)
    report = minimizability_gap(law, tau=tau, weight_bound=20.0, bias_bound=20.0)
    assert report.best_in_class_risk == pytest.approx(best, abs=1e-9)
    assert abs(report.gap) < 1e-10
    assert abs(report.approximation_error) < 1e-10


@pytest.mark.parametrize(("n_support", "n_features", "n_classes"), [(8, 1, 3), (10, 3, 2), (15, 2, 4)])
@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("bound", [0.3, 2.0])
def test_agrees_with_slsqp(n_support, n_features, n_classes, tau, bound):
    law = random_distribution(n_support, n_support, n_features, n_classes)
    ours = best_in_class_surrogate_risk(law, tau=tau, weight_bound=bound, bias_bound=2 * bound)
    assert ours.optimality_gap <= 1e-9
    assert ours.weights.shape == (n_classes, n_features)
    assert np.linalg.norm(ours.weights, axis=1).max() <= bound
    assert np.abs(ours.biases).max() <= 2 * bound
    assert ours.value == pytest.approx(risk(law, ours.weights, ours.biases, tau), rel=1e-13)
    n_weights = n_classes * n_features

    def objective(parameters):
        return risk(law, parameters[:n_weights].reshape(n_classes, n_features), parameters[n_weights:], tau)

    inside = {
        "type": "ineq",
        "fun": lambda v: bound**2 - np.sum(v[:n_weights].reshape(n_classes, n_features) ** 2, axis=1),
    }
    theirs = minimize(
        objective, np.zeros(n_weights + n_classes), method="SLSQP", constraints=[inside],
        bounds=[(None, None)] * n_weights + [(-2 * bound, 2 * bound)] * n_classes, options=dict(ftol=1e-14, maxiter=500)
    ).fun  # fmt: skip
    # SLSQP with numerical gradients stops within 1e-6, and may leave the balls by its tolerance.
    assert -1e-8 < theirs - ours.value < 1e-6


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_certificate_is_the_largest_decrease_of_the_linearised_risk(tau):
    """By finite differences of the risk at the solution, and no risk inside the bounds is lower by more."""
    law = random_distribution(5, 9, 2, 3)
    ours = best_in_class_surrogate_risk(law, tau=tau, weight_bound=1.0, bias_bound=1.0)
    point, step = np.hstack([ours.weights, ours.biases[:, None]]), 1e-6
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        shift = np.zeros_like(point)
        shift[index] = step
        up, down = (risk(law, (point + s)[:, :-1], (point + s)[:, -1], tau) for s in (shift, -shift))
        gradient[index] = (up - down) / (2 * step)
    gap = np.sum(gradient * point) + np.linalg.norm(gradient[:, :-1], axis=1).sum() + np.abs(gradient[:, -1]).sum()
    assert gap == pytest.approx(ours.optimality_gap, abs=1e-8)  # central differences
    rng = np.random.default_rng(1)
    for _ in range(200):
        other = point + 0.1 * rng.standard_normal(point.shape)
        other[:, :-1] /= np.maximum(np.linalg.norm(other[:, :-1], axis=1, keepdims=True), 1.0)
        other[:, -1] = np.clip(other[:, -1], -1.0, 1.0)
        assert risk(law, other[:, :-1], other[:, -1], tau) >= ours.value - ours.optimality_gap


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_certain_labels_push_the_scores_to_their_bounds(tau):
    """Two separable points, two classes: opposite scores of size W + B at x = 1 and at x = -1."""
    law = FiniteDistribution([[-1.0], [1.0]], [0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]])
    for bound in (0.5, 5.0):
        ours = best_in_class_surrogate_risk(law, tau=tau, weight_bound=bound, bias_bound=1.0)
        excess = np.log1p(np.exp(-2 * bound))
        expected = excess if tau == 1 else np.expm1((1 - tau) * excess) / (1 - tau)
        assert ours.value == pytest.approx(expected, abs=1e-9)


def test_no_weights_leave_constant_scores():
    law = random_distribution(3, 6, 2, 3)
    frequencies = law.weights @ law.probabilities
    free = best_in_class_surrogate_risk(law, tau=1.0, weight_bound=0.0, bias_bound=50.0)
    assert free.value == pytest.approx(-np.sum(frequencies * np.log(frequencies)), abs=1e-9)
    assert np.all(free.weights == 0.0)
    nothing = best_in_class_surrogate_risk(law, tau=1.0, weight_bound=0.0, bias_bound=0.0)
    assert nothing.value == pytest.approx(np.log(3.0), rel=1e-14)


# Zero-one risk ----------------------------------------------------------------------------------------------------


def test_zero_one_risk_of_the_cyclic_distribution():
    assert best_in_class_zero_one_risk(CYCLIC) == pytest.approx(0.309808973221, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_zero_one_risk_by_enumeration(seed):
    law = random_distribution(seed, 6, 1, 3)
    cells = law.weights[:, None] * law.probabilities
    order, best = np.argsort(law.support[:, 0]), 0.0
    for labels in product(range(3), repeat=6):
        changes = 1 + np.count_nonzero(np.diff(labels))
        if changes == len(set(labels)):  # every label on one interval
            best = max(best, cells[order, labels].sum())
    assert best_in_class_zero_one_risk(law) == pytest.approx(1 - best, abs=1e-14)


def test_zero_one_risk_is_reached_by_lines_and_not_beaten():
    law = random_distribution(3, 7, 1, 3)
    cells = law.weights[:, None] * law.probabilities
    rng = np.random.default_rng(1)
    scores = law.support * rng.standard_normal((100_000, 1, 3)) + rng.standard_normal((100_000, 1, 3))
    risks = 1 - np.take_along_axis(cells[None], scores.argmax(axis=2)[:, :, None], axis=2).sum(axis=(1, 2))
    assert risks.min() == pytest.approx(best_in_class_zero_one_risk(law), abs=1e-14)


def test_equal_inputs_share_their_label():
    law = FiniteDistribution([[0.5], [0.5]], [0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]])
    assert best_in_class_zero_one_risk(law) == pytest.approx(0.5)


# Trained hypotheses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_fits_with_the_same_draws(tau):
    law = cyclic_distribution(6, n_classes=3, sharpness=1.5)
    sizes = [20, 300]
    trials = simulate_finite_sample_regrets(
        law, tau=tau, weight_bound=1.5, bias_bound=1.0, n_samples=sizes, n_trials=2, seed=5
    )
    assert trials.zero_one_regret.shape == trials.surrogate_regret.shape == (2, 2)
    (rng,) = spawn_streams(5, 1)
    p, cells = law.probabilities, (law.weights[:, None] * law.probabilities).ravel()
    alpha = 1 / (2 - tau)
    optimum = -np.sum(p * np.log(p)) if tau == 1 else np.sum(np.sum(p**alpha, axis=1) ** (2 - tau) - 1) / (1 - tau)
    for trial, size in product(range(2), range(2)):
        table = rng.multinomial(sizes[size], cells / cells.sum()).reshape(p.shape) / sizes[size]
        fit = minimize(
            lambda v, table=table: risk(law, v[:3, None], v[3:], tau, table), np.zeros(6), method="L-BFGS-B",
            bounds=[(-1.5, 1.5)] * 3 + [(-1, 1)] * 3, options=dict(ftol=1e-15, gtol=1e-9, maxiter=2000),
        ).x  # fmt: skip
        chosen = (law.support * fit[:3] + fit[3:]).argmax(axis=1)
        regret = np.mean(p.max(axis=1) - p[np.arange(6), chosen])
        assert trials.zero_one_regret[trial, size] == pytest.approx(regret, abs=1e-14)
        # The quasi-Newton fit is within 1e-5 of the optimum in its parameters.
        expected = risk(law, fit[:3, None], fit[3:], tau) - optimum / 6
        assert trials.surrogate_regret[trial, size] == pytest.approx(expected, abs=2e-5)


def test_regret_of_a_well_specified_fit_is_chi_square():
    """2 m times the logistic regret has (n - 1) (d + 1) = 4 degrees of freedom: mean 4, variance 8."""
    law = linear_softmax_distribution(31, n_classes=3, sharpness=2.5)
    regrets = simulate_finite_sample_regrets(
        law, tau=1.0, weight_bound=30.0, bias_bound=30.0, n_samples=4000, n_trials=4000, seed=1
    ).surrogate_regret[:, 0]
    assert regrets.min() >= -1e-12
    error = np.sqrt(8.0 / 4000)
    # Corrections of order 1/m: 1.2 per cent at m = 4000.
    assert abs(np.mean(2 * 4000 * regrets) - 4.0) < 5 * error + 0.05
    assert np.var(2 * 4000 * regrets) == pytest.approx(8.0, rel=0.25)


@pytest.mark.parametrize("bound", [0.5, 8.0, 30.0])
def test_separable_samples_are_fitted(bound):
    """One to five points are often separable: the fits lie on the bounds, and are certified all the same."""
    for tau in (0.0, 0.3, 1.0):
        trials = simulate_finite_sample_regrets(
            CYCLIC, tau=tau, weight_bound=bound, bias_bound=bound, n_samples=[1, 2, 5], n_trials=64, seed=1
        )
        assert np.all(np.isfinite(trials.surrogate_regret))
        assert trials.surrogate_regret.min() > 0.0
        assert trials.zero_one_regret.min() >= 0.309808973221 - 0.207737054684 - 1e-11


def test_trials_do_not_depend_on_blocks():
    arguments = dict(tau=1.0, weight_bound=3.0, bias_bound=3.0, n_samples=[10, 40])
    whole = simulate_finite_sample_regrets(CYCLIC, n_trials=100, seed=6, **arguments)
    head = simulate_finite_sample_regrets(CYCLIC, n_trials=64, seed=6, **arguments)
    rest = np.random.SeedSequence(6, n_children_spawned=64)
    tail = simulate_finite_sample_regrets(CYCLIC, n_trials=36, seed=rest, **arguments)
    for name in whole._fields:
        parts = np.concatenate([getattr(head, name), getattr(tail, name)])
        assert np.array_equal(getattr(whole, name), parts)


# Input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solve", [best_in_class_surrogate_risk, minimizability_gap])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau", -0.1), ("tau", 1.1), ("tau", np.nan), ("weight_bound", -1.0), ("weight_bound", np.nan),
        ("bias_bound", -1.0), ("bias_bound", np.inf),
    ],
)  # fmt: skip
def test_bad_input(solve, name, value):
    with pytest.raises(ValueError, match=name):
        solve(CYCLIC, **(dict(tau=1.0, weight_bound=1.0, bias_bound=1.0) | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_samples", 0), ("n_samples", [3, 2.5]), ("n_samples", []), ("n_trials", 0), ("tau", 1.5), ("bias_bound", -1.0)],
)
def test_bad_input_of_fits(name, value):
    arguments = dict(tau=1.0, weight_bound=1.0, bias_bound=1.0, n_samples=5, n_trials=1, seed=1) | {name: value}
    with pytest.raises(ValueError, match=name):
        simulate_finite_sample_regrets(CYCLIC, **arguments)


def test_zero_one_risk_wants_one_feature_and_few_classes():
    with pytest.raises(ValueError, match="one feature"):
        best_in_class_zero_one_risk(random_distribution(1, 4, 2, 3))
    with pytest.raises(ValueError, match="16 classes"):
        best_in_class_zero_one_risk(random_distribution(1, 4, 1, 17))


def test_an_uncertified_solve_raises(monkeypatch):
    import simulations.h_consistency.training as training

    monkeypatch.setattr(training, "_CERTIFIED", -1.0)
    with pytest.raises(RuntimeError, match="not certified"):
        best_in_class_surrogate_risk(CYCLIC, tau=1.0, weight_bound=1.0, bias_bound=1.0)
