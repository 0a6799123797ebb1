"""Regrets of random pairs against extended precision with the same draws, and against the two-class formula."""

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.h_consistency import simulate_conditional_regrets

PASS = 2048
STREAM = 65_536


def plain_regrets(rng, n_classes, tau):
    """Zero-one and surrogate regrets of the next 2048 pairs, from the definitions, in extended precision."""
    doubles = rng.random((n_classes + 1, PASS))
    upper, lower = np.floor(doubles * 2.0**26), doubles * 2.0**26 % 1.0
    uniforms = ((upper[:-1] + 0.5) / 2.0**26).astype(np.longdouble)
    p = uniforms ** (1.0 + 6.0 * doubles[-1])
    exponent = min(1.0 / (2.0 - tau), 5.0) if tau < 2.0 else 5.0
    scores = exponent * np.log(p) + max(4.0, 2.0 * exponent) * lower[-1] * (2.0 * lower[:-1] - 1.0)
    p /= p.sum(axis=0)
    tau = np.longdouble(tau)
    excess = np.log(np.exp(scores - scores.max(axis=0)).sum(axis=0)) + scores.max(axis=0) - scores
    if tau == 1.0:
        losses, optimum = excess, -(p * np.log(p)).sum(axis=0)
    else:
        losses = (np.exp((1 - tau) * excess) - 1) / (1 - tau)
        if tau < 2.0:
            optimum = ((p ** (1 / (2 - tau))).sum(axis=0) ** (2 - tau) - 1) / (1 - tau)
        else:
            optimum = (1 - p.max(axis=0)) / (tau - 1)
    beta = p.max(axis=0) - p[scores.argmax(axis=0), np.arange(PASS)]
    return beta.astype(float), ((p * losses).sum(axis=0) - optimum).astype(float)


def two_class_transform(beta, tau):
    if tau == 1.0:
        return (1 + beta) / 2 * np.log1p(beta) + (1 - beta) / 2 * np.log1p(-beta)
    alpha = 1 / (2 - tau)
    mean = ((1 + beta) ** alpha + (1 - beta) ** alpha) / 2
    return 2 ** (1 - tau) / (1 - tau) * (1 - mean ** (2 - tau))


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 1.0 + 1e-4, 1.05, 1.5, 1.97, 2.0, 3.0])
def test_same_draws_in_extended_precision(n_classes, tau):
    n_pairs = PASS + 700
    frontier = simulate_conditional_regrets(n_pairs, n_classes=n_classes, tau=tau, n_bins=40, seed=3)
    (rng,) = spawn_streams(3, 1)
    beta, regret = np.hstack([plain_regrets(rng, n_classes, tau) for _ in range(2)])[:, :n_pairs]
    useful = beta > 0.0
    assert frontier.n_useful == useful.sum()
    bins = np.minimum((beta * 40).astype(int), 39)
    for index in range(40):
        inside = useful & (bins == index)
        if not inside.any():
            assert frontier.min_regret[index] == frontier.beta_at_min[index] == np.inf
            continue
        best = np.flatnonzero(inside)[regret[inside].argmin()]
        # Differences of risks of order one, at most a few tens for tau = 0, divided by |tau - 1| >= 1/16 where they
        # are formed from powers.
        assert frontier.min_regret[index] == pytest.approx(regret[best], rel=1e-13, abs=1e-14)
        assert frontier.beta_at_min[index] == pytest.approx(beta[best], rel=1e-12)


@pytest.mark.parametrize("offset", [-1e-9, 1e-9])
def test_no_digits_are_lost_close_to_the_logistic_loss(offset):
    """The regret is smooth in tau: at a distance of 1e-9 it changes by that order."""
    logistic, close = (
        simulate_conditional_regrets(5000, n_classes=4, tau=tau, n_bins=20, seed=1) for tau in (1.0, 1.0 + offset)
    )
    filled = np.isfinite(logistic.min_regret)
    np.testing.assert_allclose(close.min_regret[filled], logistic.min_regret[filled], rtol=2e-8)


def test_powers_do_not_underflow_close_to_two():
    """At tau = 2 - 1e-9 the optimum is 1 - max(p) to within about 1e-8; the power 1e9 of every probability is 0."""
    at_two, close = (
        simulate_conditional_regrets(5000, n_classes=3, tau=tau, n_bins=20, seed=1) for tau in (2.0, 2.0 - 1e-9)
    )
    filled = np.isfinite(at_two.min_regret)
    assert filled.sum() > 5
    np.testing.assert_allclose(close.min_regret[filled], at_two.min_regret[filled], atol=1e-7)


@pytest.mark.parametrize(("tau", "n_classes"), [(0.5, 3), (1.0, 3), (1.5, 3), (0.0, 2), (1.8, 2)])
def test_frontier_lies_on_the_transform_from_above(tau, n_classes):
    frontier = simulate_conditional_regrets(1_000_000, n_classes=n_classes, tau=tau, n_bins=4096, seed=2)
    filled = np.isfinite(frontier.min_regret)
    transform = two_class_transform(frontier.beta_at_min[filled], tau)
    assert np.all(frontier.min_regret[filled] >= transform - 1e-14)
    assert np.all(frontier.beta_at_min[filled] >= frontier.bin_edges[:-1][filled] - 1e-15)
    assert np.all(frontier.beta_at_min[filled] < frontier.bin_edges[1:][filled] + 1e-15)
    ratio = frontier.min_regret[filled] / transform
    coarse = (frontier.beta_at_min[filled] * 20).astype(int)
    # Coarse bins between .05 and .9; the least of some 1e4 random ratios in each.
    assert max(ratio[coarse == index].min() for index in range(1, 18)) < 1.08


@pytest.mark.parametrize("tau", [0.3, 1.0, 2.0])
def test_streams_continue(tau):
    arguments = dict(n_classes=3, tau=tau, n_bins=100)
    whole = simulate_conditional_regrets(STREAM + 5000, seed=6, **arguments)
    head = simulate_conditional_regrets(STREAM, seed=6, **arguments)
    rest = np.random.SeedSequence(6, n_children_spawned=STREAM)
    tail = simulate_conditional_regrets(5000, seed=rest, **arguments)
    assert np.array_equal(whole.min_regret, np.minimum(head.min_regret, tail.min_regret))
    assert whole.n_useful == head.n_useful + tail.n_useful


def test_result_can_be_stored():
    """Stored results must not have NaN; empty bins are infinite."""
    frontier = simulate_conditional_regrets(10, n_classes=3, tau=1.0, n_bins=1000, seed=1)
    assert not any(np.isnan(np.asarray(field)).any() for field in frontier)
    assert np.isinf(frontier.min_regret).sum() >= 990


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau", -0.1), ("tau", np.nan), ("tau", np.inf), ("n_classes", 1), ("n_classes", 2.5), ("n_bins", 0),
        ("n_pairs", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    arguments = dict(n_pairs=10, n_classes=3, tau=1.0, n_bins=5, seed=1) | {name: value}
    with pytest.raises(ValueError, match=name):
        simulate_conditional_regrets(**arguments)
