"""Sketched least squares against plain NumPy with explicit data and sketches."""

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.random_features import simulate_sketch_identity, simulate_sketched_ridgeless

SPECTRUM = np.linspace(0.5, 2.0, 10)


def direct(n_samples, n_features, sketch_size, sketch, eigenvalues, *, n_trials, seed):
    """Bias for unit signal power and variance for unit noise from explicit X and S: (2, n_trials)."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((n_trials, n_samples, n_features)) * np.sqrt(eigenvalues)
    sketcher = rng.standard_normal((n_trials, sketch_size, n_samples))
    if sketch == "orthogonal":
        sketcher = np.linalg.qr(sketcher.transpose(0, 2, 1))[0].transpose(0, 2, 1)
    inverse = np.linalg.pinv(sketcher @ data)
    error = inverse @ sketcher @ data - np.eye(n_features)
    weight = eigenvalues[:, None]
    bias = np.sum(weight * error**2, axis=(1, 2)) / n_features
    return bias, np.sum(weight * (inverse @ sketcher) ** 2, axis=(1, 2))


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("sketch", ["orthogonal", "iid"])
@pytest.mark.parametrize(("n_samples", "n_features", "sketch_size"), [(30, 10, 20), (20, 20, 10), (12, 24, 12)])
def test_risk_agrees_with_explicit_sketches(sketch, n_samples, n_features, sketch_size, correlated):
    eigenvalues = np.linspace(0.5, 2.0, n_features) if correlated else np.ones(n_features)
    ours = simulate_sketched_ridgeless(
        n_samples=n_samples, n_features=n_features, sketch_size=sketch_size, signal_power=3.0, noise_variance=0.5,
        sketch=sketch, n_trials=3000, seed=1, eigenvalues=eigenvalues if correlated else None,
    )  # fmt: skip
    bias, variance = direct(n_samples, n_features, sketch_size, sketch, eigenvalues, n_trials=3000, seed=2)
    for sample, other in ((ours.bias, 3.0 * bias), (ours.variance, 0.5 * variance)):
        assert sample.shape == (3000,)
        error = np.sqrt((np.var(sample) + np.var(other)) / 3000)
        assert error <= 0.02 * other.mean() + 1e-12
        assert abs(sample.mean() - other.mean()) < 5 * error + 1e-12


@pytest.mark.parametrize("sketch", ["orthogonal", "iid"])
def test_correlated_with_the_same_draws(sketch):
    trials = simulate_sketched_ridgeless(
        n_samples=12, n_features=10, sketch_size=6, signal_power=1.0, noise_variance=1.0, sketch=sketch, n_trials=2,
        seed=3, eigenvalues=SPECTRUM,
    )  # fmt: skip
    for trial, rng in enumerate(spawn_streams(3, 2)):
        sketcher = rng.standard_normal((6, 12)) if sketch == "iid" else np.eye(6)
        data = rng.standard_normal((sketcher.shape[1], 10)) * np.sqrt(SPECTRUM)
        inverse = np.linalg.pinv(sketcher @ data)
        error = inverse @ sketcher @ data - np.eye(10)
        np.testing.assert_allclose(trials.bias[trial], np.sum(SPECTRUM @ error**2) / 10, rtol=1e-10)
        np.testing.assert_allclose(trials.variance[trial], np.sum(SPECTRUM @ (inverse @ sketcher) ** 2), rtol=1e-10)


def test_fluctuations_of_the_orthogonal_risk():
    """For m > p the risk is the trace of an inverse Wishart matrix; its spread is compared as well."""
    ours = simulate_sketched_ridgeless(
        n_samples=40, n_features=10, sketch_size=40, signal_power=0.0, noise_variance=1.0, sketch="orthogonal",
        n_trials=8000, seed=1,
    ).variance  # fmt: skip
    theirs = direct(40, 10, 40, "orthogonal", np.ones(10), n_trials=8000, seed=2)[1]
    squares, others = (ours - ours.mean()) ** 2, (theirs - theirs.mean()) ** 2
    error = np.sqrt((np.var(squares) + np.var(others)) / 8000)
    assert error < 0.05 * others.mean()
    assert abs(squares.mean() - others.mean()) < 5 * error


def test_identity_holds_up_to_the_number_of_features_only():
    sizes = dict(n_samples=30, n_features=12, n_trials=5, seed=1)
    assert simulate_sketch_identity(sketch_size=8, **sizes).max() < 1e-12
    assert simulate_sketch_identity(sketch_size=18, **sizes).min() > 0.05


@pytest.mark.parametrize("sketch_size", [6, 14])
def test_trials_do_not_depend_on_blocks(sketch_size):
    sizes = dict(n_samples=16, n_features=10, sketch_size=sketch_size)

    def run(seed, n_trials):
        risks = [
            simulate_sketched_ridgeless(
                **sizes, signal_power=1.0, noise_variance=1.0, sketch=sketch, n_trials=n_trials, seed=seed,
                eigenvalues=eigenvalues,
            )
            for sketch in ("orthogonal", "iid")
            for eigenvalues in (None, SPECTRUM)
        ]  # fmt: skip
        curves = [curve for risk in risks for curve in (risk.bias, risk.variance)]
        return [*curves, simulate_sketch_identity(**sizes, n_trials=n_trials, seed=seed)]

    rest = np.random.SeedSequence(6, n_children_spawned=4)
    for whole, head, tail in zip(run(6, 8), run(6, 4), run(rest, 4), strict=True):
        assert np.array_equal(whole, np.concatenate([head, tail]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sketch", "hadamard"), ("sketch_size", 0), ("sketch_size", 21), ("n_samples", 0), ("n_features", 0),
        ("signal_power", -1.0), ("noise_variance", np.nan), ("eigenvalues", np.ones(9)),
        ("eigenvalues", np.zeros(10)), ("n_trials", 0),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    arguments = dict(
        n_samples=20, n_features=10, sketch_size=15, signal_power=1.0, noise_variance=1.0, sketch="iid", n_trials=1,
        seed=1,
    )  # fmt: skip
    with pytest.raises(ValueError, match=name):
        simulate_sketched_ridgeless(**(arguments | {name: value}))


def test_identity_refuses_a_sketch_larger_than_the_data():
    with pytest.raises(ValueError, match="sketch_size"):
        simulate_sketch_identity(n_samples=5, n_features=4, sketch_size=6, n_trials=1, seed=1)
