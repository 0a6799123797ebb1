"""Adversarial regrets against plain Python with the same draws, and attacks on linear models against exact suprema."""

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.h_consistency import (
    simulate_adversarial_pairs,
    simulate_adversarial_regrets,
    simulate_linear_attacks,
)


def phi(u, tau):
    return np.log1p(u) if tau == 1 else np.expm1((1 - tau) * np.log1p(u)) / (1 - tau)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize(("n_classes", "n_perturbations"), [(2, 1), (3, 4), (5, 2)])
def test_pairs_with_the_same_draws(tau, n_classes, n_perturbations):
    pairs = simulate_adversarial_pairs(
        20, n_classes=n_classes, n_perturbations=n_perturbations, tau=tau, rho=0.7, seed=3
    )
    (rng,) = spawn_streams(3, 1)
    for zero_one, surrogate in zip(*pairs, strict=True):
        concentration = 10 ** (-1.5 + 2.5 * rng.random())
        logs = [np.log(rng.standard_gamma(concentration + 1)) + np.log(1 - rng.random()) / concentration
                for _ in range(n_classes)]  # fmt: skip
        p = np.exp(np.array(logs) - max(logs))
        p /= p.sum()
        spread = 0.7 * 10 ** (-1 + 2.5 * rng.random())
        local = spread * 10 ** (-3 + 3 * rng.random())
        base = spread * rng.standard_normal(n_classes)
        scores = base + local * rng.standard_normal((n_perturbations, n_classes))
        gaps = scores[:, :, None] - scores[:, None, :]  # perturbation, label, other class
        ramp = np.clip(1 - gaps / 0.7, 0, 1) * (1 - np.eye(n_classes))
        losses = phi(ramp.sum(axis=2).max(axis=0), tau)
        attacked = np.any((gaps <= 0) & ~np.eye(n_classes, dtype=bool), axis=(0, 2))
        optimum = np.sum(np.sort(p)[::-1] * phi(np.arange(n_classes), tau))
        assert zero_one == pytest.approx(p @ attacked - (1 - p.max()), abs=1e-14)
        assert surrogate == pytest.approx(p @ losses - optimum, abs=1e-13)


def test_probabilities_are_dirichlet_mixtures():
    """With one perturbation, two classes and wide margins the regrets show p: the mean of max(p) - min(p)."""
    pairs = simulate_adversarial_pairs(40_000, n_classes=2, n_perturbations=1, tau=1.0, rho=1.0, seed=1)
    rng = np.random.default_rng(2)
    concentrations = 10 ** rng.uniform(-1.5, 1.0, 40_000)
    beta = rng.beta(concentrations, concentrations)
    # Half of the pairs predict the wrong class.
    assert pairs.zero_one_regret.mean() == pytest.approx(np.abs(2 * beta - 1).mean() / 2, abs=0.015)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_the_constant_of_one_other_class_is_the_largest_valid_one(tau, n_classes):
    arguments = dict(n_classes=n_classes, n_perturbations=5, tau=tau, rho=0.5, seed=1)
    valid = simulate_adversarial_regrets(20_000, constant=phi(1.0, tau), **arguments)
    assert valid.min_slack > -1e-12
    assert 1.0 - 1e-9 < valid.min_ratio < 1.01
    larger = simulate_adversarial_regrets(20_000, constant=1.02 * phi(1.0, tau), **arguments)
    assert larger.min_slack < -1e-3
    assert larger.min_ratio == pytest.approx(valid.min_ratio / 1.02, rel=1e-3)


def test_regrets_are_those_of_the_pairs():
    arguments = dict(n_classes=3, n_perturbations=3, tau=0.5, rho=2.0, seed=4)
    zero_one, surrogate = simulate_adversarial_pairs(3000, **arguments)
    regrets = simulate_adversarial_regrets(3000, constant=0.4, **arguments)
    assert regrets.min_slack == np.min(surrogate - 0.4 * zero_one)
    clear = 0.4 * zero_one > 1e-3
    assert regrets.min_ratio == np.min(surrogate[clear] / (0.4 * zero_one[clear]))


def test_pairs_do_not_depend_on_blocks():
    arguments = dict(n_classes=3, n_perturbations=2, tau=1.0, rho=1.0)
    whole = simulate_adversarial_pairs(9000, seed=6, **arguments)
    rest = np.random.SeedSequence(6, n_children_spawned=8192)
    tail = simulate_adversarial_pairs(808, seed=rest, **arguments)
    assert np.array_equal(whole.zero_one_regret[8192:], tail.zero_one_regret)
    assert np.array_equal(whole.surrogate_regret[8192:], tail.surrogate_regret)


def test_only_the_ratio_of_scores_to_rho_matters():
    arguments = dict(n_classes=3, n_perturbations=2, tau=1.0, seed=6)
    one, other = (simulate_adversarial_pairs(100, rho=rho, **arguments) for rho in (1.0, 4.0))
    np.testing.assert_allclose(one.surrogate_regret, other.surrogate_regret, atol=1e-14)


# Linear attacks ---------------------------------------------------------------------------------------------------


def models(n_models, n_classes, n_features, seed=1):
    rng = np.random.default_rng(seed)
    return dict(
        weights=rng.standard_normal((n_models, n_classes, n_features)),
        biases=rng.standard_normal((n_models, n_classes)),
        x=rng.standard_normal((n_models, n_features)),
        labels=rng.integers(0, n_classes, n_models),
    )


@pytest.mark.parametrize(("n_classes", "n_features"), [(2, 1), (3, 2), (4, 6), (6, 3)])
def test_change_of_the_margins_reaches_the_operator_norm(n_classes, n_features):
    drawn = models(40, n_classes, n_features)
    found = simulate_linear_attacks(**drawn, tau=1.0, rho=1.0, gamma=0.3, n_perturbations=20, seed=2).margin_change
    for weights, label, change in zip(drawn["weights"], drawn["labels"], found, strict=True):
        exact = 0.3 * np.linalg.norm(weights[label] - np.delete(weights, label, axis=0), 2)
        assert exact * (1 - 1e-9) <= change <= exact * (1 + 1e-14)


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_loss_of_two_classes_reaches_its_supremum(tau):
    drawn = models(40, 2, 3)
    found = simulate_linear_attacks(**drawn, tau=tau, rho=1.5, gamma=0.4, n_perturbations=5, seed=2).margin_loss
    for weights, biases, x, label, loss in zip(*drawn.values(), found, strict=True):
        direction = weights[label] - weights[1 - label]
        margin = direction @ x + biases[label] - biases[1 - label] - 0.4 * np.linalg.norm(direction)
        assert loss == pytest.approx(phi(np.clip(1 - margin / 1.5, 0, 1), tau), abs=1e-12)


def test_loss_is_between_the_clean_one_and_its_bound():
    drawn = models(60, 4, 3)
    clean = simulate_linear_attacks(**drawn, tau=1.0, rho=1.0, gamma=0.0, n_perturbations=1, seed=2)
    attacked = simulate_linear_attacks(**drawn, tau=1.0, rho=1.0, gamma=0.2, n_perturbations=50, seed=2)
    assert np.all(clean.margin_change == 0.0)
    assert np.all(attacked.margin_loss >= clean.margin_loss)
    # Phi is 1-Lipschitz and the sum of n - 1 ramps sqrt(n - 1) / rho-Lipschitz in the margins.
    assert np.all(attacked.margin_loss <= clean.margin_loss + np.sqrt(3.0) * attacked.margin_change + 1e-12)


def test_loss_of_three_classes_against_a_grid_of_perturbations():
    drawn = models(30, 3, 2)
    found = simulate_linear_attacks(**drawn, tau=1.0, rho=1.0, gamma=0.3, n_perturbations=300, seed=2).margin_loss
    angles, radii = np.linspace(0, 2 * np.pi, 720), 0.3 * np.linspace(0, 1, 11)
    steps = (radii[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)).reshape(-1, 2)
    for weights, biases, x, label, loss in zip(*drawn.values(), found, strict=True):
        scores = (x + steps) @ weights.T + biases
        ramps = np.clip(1 - (scores[:, [label]] - np.delete(scores, label, axis=1)), 0, 1)
        # 300 random directions are a few degrees apart; the loss turns by some 0.1 over a radian.
        assert loss == pytest.approx(np.log1p(ramps.sum(axis=1)).max(), abs=5e-3)


def test_models_without_differences_have_no_attack():
    found = simulate_linear_attacks(
        np.ones((1, 3, 2)), np.zeros((1, 3)), np.zeros((1, 2)), [0], tau=1.0, rho=1.0, gamma=1.0, n_perturbations=3,
        seed=1,
    )  # fmt: skip
    assert found.margin_change[0] == 0.0
    assert found.margin_loss[0] == pytest.approx(np.log(3.0))


def test_attacks_continue():
    drawn = models(6, 3, 2)
    whole = simulate_linear_attacks(**drawn, tau=1.0, rho=1.0, gamma=0.3, n_perturbations=4, seed=2)
    rest = np.random.SeedSequence(2, n_children_spawned=4)
    last = {name: values[4:] for name, values in drawn.items()}
    tail = simulate_linear_attacks(**last, tau=1.0, rho=1.0, gamma=0.3, n_perturbations=4, seed=rest)
    assert np.array_equal(whole.margin_loss[4:], tail.margin_loss)
    assert np.array_equal(whole.margin_change[4:], tail.margin_change)


# Input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_pairs", 0), ("n_classes", 1), ("n_perturbations", 0), ("tau", -1.0), ("tau", np.nan), ("rho", 0.0),
        ("rho", -1.0), ("constant", 0.0), ("constant", np.nan),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    arguments = dict(n_pairs=5, n_classes=3, n_perturbations=2, tau=1.0, rho=1.0, constant=0.5, seed=1) | {name: value}
    with pytest.raises(ValueError, match=name):
        simulate_adversarial_regrets(**arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", np.ones((2, 3))), ("weights", np.ones((2, 1, 2))), ("biases", np.ones((2, 2))),
        ("x", np.ones((2, 3))), ("labels", [0, 3]), ("labels", [0, -1]), ("labels", [0.5, 1]), ("tau", -1.0),
        ("rho", 0.0), ("gamma", -0.1), ("gamma", np.nan), ("n_perturbations", 0),
    ],
)  # fmt: skip
def test_bad_input_of_attacks(name, value):
    arguments = models(2, 3, 2) | dict(tau=1.0, rho=1.0, gamma=0.1, n_perturbations=2, seed=1) | {name: value}
    expected = "biases|labels" if np.shape(value) == (2, 1, 2) else name
    with pytest.raises(ValueError, match=f"{expected}|{name}"):
        simulate_linear_attacks(**arguments)
