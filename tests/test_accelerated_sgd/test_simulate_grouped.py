"""SGD on repeated eigenvalues against the simulator of every coordinate, and against its moments in closed form."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from simulations._streams import spawn_streams
from simulations.accelerated_sgd import simulate_grouped_risk_curve, simulate_risk_curve


class Scheme(NamedTuple):
    learning_rate: float
    momentum: float
    lookahead_learning_rate: float


MOMENTUM = Scheme(0.12, 0.81, 0.143)
HEAVY_BALL = Scheme(0.0, 0.6, 0.1)
SGD = Scheme(0.2, 0.0, 0.2)
SPECTRUM = dict(eigenvalues=[1.0, 0.4, 0.1], multiplicities=[2, 5, 9], squared_errors=[2.0, 5.0, 9.0])


def grouped(scheme, *, spectrum=SPECTRUM, **options):
    return simulate_grouped_risk_curve(**spectrum, scheme=scheme, **options)


@pytest.mark.parametrize(
    ("scheme", "batch_size", "noise"),
    [(MOMENTUM, 1, 0.3), (MOMENTUM, 4, 0.0), (HEAVY_BALL, 2, 0.2), (SGD, 1, 0.0), (SGD, 3, 0.5)],
)
def test_law_is_that_of_every_coordinate(scheme, batch_size, noise):
    steps = [1, 2, 10, 40]
    options = dict(record_steps=steps, noise_variance=noise, batch_size=batch_size, n_trials=6000)
    ours = grouped(scheme, seed=1, **options)
    eigenvalues = np.repeat(SPECTRUM["eigenvalues"], SPECTRUM["multiplicities"])
    theirs = simulate_risk_curve(eigenvalues, np.ones(16), scheme, seed=2, sampler="direct", **options)
    for one, other in zip(ours.T, theirs.T, strict=True):
        if np.ptp(other) == 0.0:  # a heavy ball's first iterate is its start
            np.testing.assert_allclose(one, other, rtol=1e-12)
        else:
            assert stats.ks_2samp(one, other).pvalue > 1e-3


def isotropic_mean(d, scheme, *, noise, batch_size, n_steps, squared_error):
    """Expected risks for unit eigenvalues, from the three mean products of the two errors."""
    delta, momentum, ahead = scheme
    error, mixed, lookahead = squared_error, squared_error, squared_error  # |w|^2, w.y, |y|^2
    risks = [0.5 * error]
    for _ in range(n_steps):
        # E|g - y|^2 with E |x|^2 (x.y)^2 = (d + 2) |y|^2
        spread = ((d + 1.0) * lookahead + noise * d) / batch_size
        slow, fast = 1.0 - delta, 1.0 + momentum - ahead
        error, mixed, lookahead = (
            slow**2 * lookahead + delta**2 * spread,
            slow * (fast * lookahead - momentum * mixed) + delta * ahead * spread,
            fast**2 * lookahead - 2.0 * fast * momentum * mixed + momentum**2 * error + ahead**2 * spread,
        )
        risks.append(0.5 * error)
    return np.array(risks)


@pytest.mark.parametrize("d", [2, 3, 30, 10**6, 10**12])
@pytest.mark.parametrize("scheme", [MOMENTUM, HEAVY_BALL, SGD])
def test_isotropic_means_for_any_dimension(d, scheme):
    batch_size = 4 * d
    steps = [0, 1, 5, 30]
    expected = isotropic_mean(d, scheme, noise=0.5, batch_size=batch_size, n_steps=30, squared_error=3.0)[steps]
    samples = simulate_grouped_risk_curve(
        [1.0], [d], [3.0], scheme, record_steps=steps, noise_variance=0.5, batch_size=batch_size, n_trials=5000, seed=3
    )
    error = samples.std(axis=0) / np.sqrt(5000)
    assert np.all(error < 0.02 * expected)
    assert np.all(np.abs(samples.mean(axis=0) - expected) < 5.0 * error + 1e-12)


def test_gram_matrices_with_the_same_draws():
    """The Gram matrix of both errors in each block, updated as a quadratic form, with its factor taken afresh."""
    eigenvalues, counts = np.array(SPECTRUM["eigenvalues"]), np.array(SPECTRUM["multiplicities"])
    steps, noise, m = [0, 1, 2, 12], 0.3, 5
    risks = grouped(MOMENTUM, record_steps=steps, noise_variance=noise, batch_size=m, n_trials=2, seed=4)
    delta, momentum, ahead = MOMENTUM
    rng = spawn_streams(4, 1)[0]
    for trial in range(2):
        # Blocks of the whitened (y, w), which coincide at the start.
        grams = eigenvalues[:, None, None] * np.array(SPECTRUM["squared_errors"])[:, None, None] * np.ones((2, 2))
        expected = [0.5 * grams[:, 1, 1].sum()]
        for _ in range(12):
            normals = np.empty((3, 2))
            rest = np.empty(3)
            for b, count in enumerate(counts):
                normals[b] = rng.standard_normal(2)
                rest[b] = 0.0 if count == 2 else rng.chisquare(count - 2)
            factors = np.zeros((3, 2, 2))
            factors[:, 0, 0] = np.sqrt(grams[:, 0, 0])
            factors[:, 1, 0] = grams[:, 1, 0] / factors[:, 0, 0]
            factors[:, 1, 1] = np.sqrt(np.maximum(grams[:, 1, 1] - factors[:, 1, 0] ** 2, 0.0))
            inner = np.einsum("bij,bj->bi", factors, normals)  # z.y and z.w of each block
            length = np.sqrt(rng.chisquare(m))
            power = grams[:, 0, 0].sum()
            parallel = length * np.sqrt(power) - np.sqrt(noise) * rng.standard_normal()
            along = length * parallel / m
            across = np.sqrt(parallel**2 + noise * rng.chisquare(m - 1)) / m
            shrink = along / np.sqrt(power) - across * inner[:, 0].sum() / power
            for b, eigenvalue in enumerate(eigenvalues):
                full = np.empty((3, 3))  # of y, w, z
                full[:2, :2] = grams[b]
                full[2, :2] = full[:2, 2] = inner[b]
                full[2, 2] = np.sum(normals[b] ** 2) + rest[b]
                push = eigenvalue * np.array([shrink, 0.0, across])
                rows = np.array([[1.0 + momentum, -momentum, 0.0] - ahead * push, [1.0, 0.0, 0.0] - delta * push])
                grams[b] = rows @ full @ rows.T
            expected.append(0.5 * grams[:, 1, 1].sum())
        np.testing.assert_allclose(risks[trial], np.array(expected)[steps], rtol=1e-6)


def test_splitting_a_block_changes_nothing():
    options = dict(record_steps=[3, 20], noise_variance=0.2, batch_size=4, n_trials=6000)
    split = dict(eigenvalues=[0.4] * 3, multiplicities=[2, 3, 6], squared_errors=[0.0, 3.0, 1.0])
    whole = dict(eigenvalues=[0.4], multiplicities=[11], squared_errors=[4.0])
    one, other = (
        grouped(MOMENTUM, spectrum=whole, seed=1, **options),
        grouped(MOMENTUM, spectrum=split, seed=2, **options),
    )
    for column in range(2):
        assert stats.ks_2samp(one[:, column], other[:, column]).pvalue > 1e-3


def test_from_the_target_only_noise_moves_the_iterate():
    still = SPECTRUM | dict(squared_errors=[0.0, 0.0, 0.0])
    options = dict(spectrum=still, record_steps=[0, 8], batch_size=2)
    assert np.all(grouped(MOMENTUM, n_trials=3, seed=1, **options) == 0.0)
    ours = grouped(MOMENTUM, n_trials=6000, seed=1, noise_variance=0.4, **options)
    assert np.all(ours[:, 0] == 0.0)
    theirs = simulate_risk_curve(
        np.repeat(SPECTRUM["eigenvalues"], SPECTRUM["multiplicities"]), np.zeros(16), MOMENTUM, record_steps=[8],
        noise_variance=0.4, batch_size=2, n_trials=6000, seed=2, sampler="direct",
    )  # fmt: skip
    assert stats.ks_2samp(ours[:, 1], theirs[:, 0]).pvalue > 1e-3


def test_trials_do_not_depend_on_blocks():
    def run(seed, n_trials):
        return grouped(MOMENTUM, record_steps=[2, 9], noise_variance=0.1, n_trials=n_trials, seed=seed)

    rest = np.random.SeedSequence(6, n_children_spawned=64)
    whole = run(6, 150)
    assert np.array_equal(whole, np.concatenate([run(6, 64), run(rest, 86)]))
    assert np.array_equal(whole[:70], run(6, 70))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eigenvalues", [1.0, 0.4, 0.0]), ("eigenvalues", []), ("multiplicities", [1, 5, 9]),
        ("multiplicities", [2.5, 5, 9]), ("multiplicities", [2, 5]), ("squared_errors", [-1.0, 1.0, 1.0]),
        ("squared_errors", [1.0, np.nan, 1.0]), ("squared_errors", 1.0), ("scheme", (0.1, 0.0, 0.1)),
        ("record_steps", [2, 1]), ("record_steps", [-1, 1]), ("noise_variance", -1.0), ("batch_size", 0),
        ("n_trials", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    arguments = SPECTRUM | dict(scheme=SGD, record_steps=[1], n_trials=1, seed=1) | {name: value}
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        simulate_grouped_risk_curve(**arguments)


def test_a_run_that_overflows_is_refused():
    with pytest.raises(ValueError, match=r"scheme.*diverges"):
        grouped(Scheme(30.0, 0.0, 30.0), record_steps=[2000], n_trials=1, seed=1)
