"""The Gaussian random-feature simulators against plain NumPy, and what they promise about seeds and bad input."""

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.random_features import simulate_gaussian_rf, simulate_gaussian_rf_modes, simulate_rf_ensemble
from simulations.random_features._ridge_path import regularised_inverse, ridge_path

MODES = np.arange(1.0, 41.0)
EIGENVALUES, TARGET = MODES**-1.3, MODES**-0.6


def continued(seed, first):
    return np.random.SeedSequence(seed, n_children_spawned=first)


def assert_equal_means(sample, other, at_most):
    """Means within five standard errors, which are themselves at most the given share of the mean."""
    error = np.sqrt(sample.var(axis=0) / len(sample) + other.var(axis=0) / len(other))
    assert np.all(np.abs(sample.mean(axis=0) - other.mean(axis=0)) < 5.0 * error)
    assert np.all(error < at_most * other.mean(axis=0))


def direct_errors(eigenvalues, target, *, n_samples, n_features, ridges, noise_variance, n_trials, rng):
    """Draw features, data and noise, solve, and measure: (n_trials, n_ridges) each for test, training error and GCV."""
    n_modes = len(eigenvalues)
    mixing = np.sqrt(eigenvalues / n_features) * rng.standard_normal((n_trials, n_features, n_modes))
    data = rng.standard_normal((n_trials, n_samples, n_modes))
    labels = data @ target + np.sqrt(noise_variance) * rng.standard_normal((n_trials, n_samples))
    features = data @ mixing.transpose(0, 2, 1)
    curves = []
    for ridge in ridges:
        hat = np.linalg.solve(
            features.transpose(0, 2, 1) @ features + ridge * np.eye(n_features), features.transpose(0, 2, 1)
        )
        readout = np.einsum("tkn,tn->tk", hat, labels)
        learnt = np.einsum("tkm,tk->tm", mixing, readout)
        test = np.sum((learnt - target) ** 2, axis=1) + noise_variance
        train = np.mean((labels - np.einsum("tnk,tk->tn", features, readout)) ** 2, axis=1)
        freedom = np.einsum("tnk,tkn->t", features, hat)
        curves.append((test, train, train / (1.0 - freedom / n_samples) ** 2))
    return np.moveaxis(np.array(curves), 0, 2)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "zeros"), [(12, 8, 0), (8, 12, 3), (20, 45, 0), (45, 60, 5), (60, 30, 0)]
)
def test_errors_agree_with_direct_simulation(n_samples, n_features, zeros):
    eigenvalues = np.where(np.arange(40) % 8 < zeros / 5.0, 0.0, EIGENVALUES)[::-1]
    common = dict(n_samples=n_samples, n_features=n_features, ridges=[0.05, 0.8], noise_variance=0.3)
    ours = simulate_gaussian_rf(eigenvalues, TARGET[::-1], n_trials=1500, seed=3, n_targets=4, **common)
    rng = np.random.default_rng(7)
    theirs = direct_errors(eigenvalues, TARGET[::-1], n_trials=4000, rng=rng, **common)
    for curve, other in zip((ours.test_mse, ours.train_mse, ours.gcv), theirs, strict=True):
        assert curve.shape == (1500, 2)
        assert_equal_means(curve, other, at_most=0.03)


def test_many_modes_with_the_same_draws():
    n_samples, n_features, noise, ridges = 9, 12, 0.2, np.array([0.03, 0.5])
    ours = simulate_gaussian_rf(
        EIGENVALUES, TARGET, n_samples=n_samples, n_features=n_features, ridges=ridges, noise_variance=noise,
        n_trials=1, seed=5, n_targets=3,
    )  # fmt: skip
    rng = spawn_streams(5, 1)[0]
    mixing = np.sqrt(EIGENVALUES / n_features)[:, None] * rng.standard_normal((40, n_features))
    covariance = mixing.T @ mixing
    whitened = rng.standard_normal((n_samples, n_features))
    features = whitened @ np.linalg.cholesky(covariance).T
    # A target for each leading mode, and one for every pool of the others.
    targets = [TARGET * (np.arange(40) == mode) for mode in range(n_features)]
    targets += [TARGET * (np.arange(40) >= n_features) * (np.arange(40) % 3 == pool) for pool in range(3)]
    power = np.sum(TARGET**2)
    loadings = [np.linalg.solve(covariance, mixing.T @ target) for target in targets]
    remainder = power - sum(theta @ covariance @ theta for theta in loadings)
    for column, ridge in enumerate(ridges):
        hat = np.linalg.solve(features.T @ features + ridge * np.eye(n_features), features.T)
        errors = [theta - hat @ (features @ theta) for theta in loadings]
        test = sum(error @ covariance @ error for error in errors)
        test += (remainder + noise) * (1.0 + np.trace(hat.T @ covariance @ hat))
        residual = np.eye(n_samples) - features @ hat
        train = sum(np.sum((residual @ features @ theta) ** 2) for theta in loadings)
        train = (train + (remainder + noise) * np.sum(residual**2)) / n_samples
        # Single precision of the trailing modes.
        np.testing.assert_allclose(ours.test_mse[0, column], test, rtol=2e-6)
        np.testing.assert_allclose(ours.train_mse[0, column], train, rtol=2e-6)
        np.testing.assert_allclose(ours.gcv[0, column], train / (np.trace(residual) / n_samples) ** 2, rtol=2e-6)


@pytest.mark.parametrize(("n_rows", "n_columns", "extra"), [(6, 9, 0), (9, 6, 0), (7, 7, 0), (6, 6, 5)])
def test_ridge_path_is_the_explicit_formula(n_rows, n_columns, extra):
    rng = np.random.default_rng(11)
    features = rng.standard_normal((n_rows, n_columns))
    joint = rng.standard_normal((n_rows + n_columns, 30)) / 5.0
    label_covariance = joint[:n_rows] @ joint[:n_rows].T
    feature_covariance = joint[n_rows:] @ joint[n_rows:].T
    cross = rng.standard_normal((n_rows, n_columns))
    ridges = np.array([0.0, 0.3, 20.0])
    n_samples = n_rows + extra
    test, train, gcv = ridge_path(
        features, label_covariance, feature_covariance, cross, ridges,
        label_power=90.0, n_unexplained=extra, unexplained_power=0.4,
    )  # fmt: skip
    for column, ridge in enumerate(ridges):
        hat = np.linalg.pinv(features)
        if ridge > 0.0:
            hat = np.linalg.solve(features.T @ features + ridge * np.eye(n_columns), features.T)
        np.testing.assert_allclose(regularised_inverse(features, ridge), hat, atol=1e-10)
        error = 90.0 - 2.0 * np.trace(hat @ cross) + np.trace(feature_covariance @ hat @ label_covariance @ hat.T)
        np.testing.assert_allclose(test[column], error, rtol=1e-10)
        residual = np.eye(n_rows) - features @ hat
        expected = (np.trace(residual @ label_covariance @ residual.T) + 0.4 * extra) / n_samples
        np.testing.assert_allclose(train[column], expected, rtol=1e-10, atol=1e-12)
        if ridge > 0.0:
            freedom = np.trace(features @ hat)
            np.testing.assert_allclose(gcv[column], expected / (1.0 - freedom / n_samples) ** 2, rtol=1e-10)


@pytest.mark.parametrize(("n_samples", "n_features"), [(15, 25), (15, 15), (15, 60)])
def test_ridge_zero_interpolates_and_is_a_limit(n_samples, n_features):
    common = dict(n_samples=n_samples, n_features=n_features, noise_variance=0.3, n_trials=20, seed=2)
    path = simulate_gaussian_rf(EIGENVALUES, TARGET, ridges=[0.0, 1e-13], **common)
    assert np.all(path.train_mse[:, 0] == 0.0)
    for curve in (path.test_mse, path.gcv):
        assert np.all(np.isfinite(curve)) and np.all(curve > 0.0)
        np.testing.assert_allclose(curve[:, 0], curve[:, 1], rtol=1e-4)


def test_spectrum_beyond_double_precision():
    eigenvalues = 10.0 ** -np.arange(40.0)
    common = dict(n_samples=15, n_features=25, ridges=[0.01], noise_variance=0.2)
    ours = simulate_gaussian_rf(eigenvalues, np.ones(40), n_trials=400, seed=1, **common)
    theirs = direct_errors(eigenvalues, np.ones(40), n_trials=4000, rng=np.random.default_rng(1), **common)
    assert_equal_means(ours.test_mse, theirs[0], at_most=0.01)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scale_of_the_eigenvalues_cancels(scale):
    common = dict(n_samples=20, n_features=15, noise_variance=0.3, n_trials=3, seed=2)
    plain = simulate_gaussian_rf(EIGENVALUES, TARGET, ridges=[0.1], **common)
    scaled = simulate_gaussian_rf(scale * EIGENVALUES, TARGET, ridges=[0.1 * scale], **common)
    np.testing.assert_allclose(scaled.test_mse, plain.test_mse, rtol=1e-5)


def test_spread_of_a_trial_is_a_fraction_of_the_direct_one():
    modes = np.arange(1.0, 301.0)
    common = dict(n_samples=60, n_features=60, ridges=[0.05], noise_variance=0.2, n_trials=150)
    ours = simulate_gaussian_rf(modes**-1.5, modes**-0.75, seed=1, **common).test_mse
    theirs = direct_errors(modes**-1.5, modes**-0.75, rng=np.random.default_rng(1), **common)[0]
    assert ours.std() < 0.3 * theirs.std()


@pytest.mark.parametrize(("n_samples", "n_features", "ridge"), [(12, 18, 0.02), (18, 12, 0.0), (12, 18, 0.0)])
def test_learnt_modes_are_the_explicit_map(n_samples, n_features, ridge):
    trials = simulate_gaussian_rf_modes(
        EIGENVALUES, n_samples=n_samples, n_features=n_features, ridge=ridge, n_trials=4, seed=9, n_modes=3
    )
    for trial, rng in enumerate(spawn_streams(9, 4)):
        loadings = np.sqrt(EIGENVALUES / n_features)[:, None] * rng.standard_normal((40, n_features))
        data = rng.standard_normal((40, n_samples)).T
        features = data @ loadings
        hat = np.linalg.pinv(features)
        if ridge > 0.0:
            hat = np.linalg.solve(features.T @ features + ridge * np.eye(n_features), features.T)
        learnt = loadings @ hat @ data
        np.testing.assert_allclose(trials.learnabilities[trial], np.diagonal(learnt)[:3], rtol=1e-10)
        np.testing.assert_allclose(trials.trace[trial], np.trace(features @ hat), rtol=1e-10)
    np.testing.assert_allclose(trials.trace, trials.degrees_of_freedom, rtol=1e-10)
    if ridge == 0.0:
        np.testing.assert_allclose(trials.trace, min(n_samples, n_features), rtol=1e-10)


def test_ensemble_is_the_average_of_explicit_models():
    n_samples, n_features, ridge, noise = 10, 8, 0.05, 0.4
    errors = simulate_rf_ensemble(
        EIGENVALUES, TARGET, n_samples=n_samples, n_features=n_features, ridge=ridge, noise_variance=noise,
        n_ensemble=3, n_trials=2, seed=4,
    )  # fmt: skip
    for trial, rng in enumerate(spawn_streams(4, 2)):
        data = rng.standard_normal((40, n_samples)).T
        learner = 0.0
        for _ in range(3):
            loadings = np.sqrt(EIGENVALUES / n_features)[:, None] * rng.standard_normal((40, n_features))
            features = data @ loadings
            learner += loadings @ np.linalg.solve(features.T @ features + ridge * np.eye(n_features), features.T) / 3
        bias = sum(
            np.sum((learner @ data[:, mode] * TARGET[mode] - TARGET[mode] * np.eye(40)[mode]) ** 2)
            for mode in range(40)
        )
        np.testing.assert_allclose(errors[trial], bias + noise * (1.0 + np.sum(learner**2)), rtol=1e-10)


def test_ensemble_of_one_is_the_single_model():
    common = dict(n_samples=20, n_features=15, noise_variance=0.3, n_trials=800)
    single = simulate_gaussian_rf(EIGENVALUES, TARGET, ridges=[0.1], seed=1, **common).test_mse[:, 0]
    ensemble = simulate_rf_ensemble(EIGENVALUES, TARGET, ridge=0.1, n_ensemble=1, seed=2, **common)
    assert_equal_means(ensemble, single, at_most=0.01)


@pytest.mark.parametrize("n_features", [10, 50])
def test_trials_do_not_depend_on_blocks(n_features):
    common = dict(n_samples=12, n_features=n_features)

    def run(seed, n_trials):
        gaussian = simulate_gaussian_rf(
            EIGENVALUES, TARGET, ridges=[0.1, 1.0], noise_variance=0.1, n_trials=n_trials, seed=seed, **common
        )
        modes = simulate_gaussian_rf_modes(EIGENVALUES, ridge=0.1, n_trials=n_trials, seed=seed, **common)
        ensemble = simulate_rf_ensemble(
            EIGENVALUES, TARGET, ridge=0.1, noise_variance=0.1, n_ensemble=2, n_trials=n_trials, seed=seed, **common
        )
        return [gaussian.test_mse, gaussian.train_mse, gaussian.gcv, modes.learnabilities, modes.trace, ensemble]

    for whole, head, tail in zip(run(6, 8), run(6, 4), run(continued(6, 4), 4), strict=True):
        assert np.array_equal(whole, np.concatenate([head, tail]))


GAUSSIAN = dict(
    eigenvalues=EIGENVALUES, target_coefficients=TARGET, n_samples=10, n_features=8, ridges=[0.1], noise_variance=0.1,
    n_trials=2, seed=1,
)  # fmt: skip
BAD = [
    ("eigenvalues", -EIGENVALUES), ("eigenvalues", 0.0 * EIGENVALUES), ("eigenvalues", np.full(40, np.inf)),
    ("eigenvalues", []), ("target_coefficients", TARGET[:-1]), ("target_coefficients", TARGET * np.nan),
    ("n_samples", 0), ("n_samples", np.nan), ("n_features", 0), ("n_features", np.inf), ("noise_variance", -0.1),
    ("noise_variance", np.inf), ("n_trials", 0), ("seed", -1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [*BAD, ("ridges", [-0.1]), ("ridges", []), ("n_targets", 0)])
def test_gaussian_refuses(name, value):
    with pytest.raises(ValueError, match=name):
        simulate_gaussian_rf(**(GAUSSIAN | {name: value}))


@pytest.mark.parametrize(("name", "value"), [*BAD, ("ridge", -0.1), ("ridge", np.nan), ("n_ensemble", 0)])
def test_ensemble_refuses(name, value):
    arguments = {key: GAUSSIAN[key] for key in GAUSSIAN if key != "ridges"} | dict(ridge=0.1, n_ensemble=2)
    with pytest.raises(ValueError, match=name):
        simulate_rf_ensemble(**(arguments | {name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("eigenvalues", [0.0]), ("ridge", -1.0), ("n_modes", 41), ("n_modes", 0), ("n_samples", 0), ("n_features", 0.5)],
)
def test_modes_refuse(name, value):
    arguments = dict(eigenvalues=EIGENVALUES, n_samples=10, n_features=8, ridge=0.1, n_trials=2, seed=1)
    with pytest.raises(ValueError, match=name):
        simulate_gaussian_rf_modes(**(arguments | {name: value}))
