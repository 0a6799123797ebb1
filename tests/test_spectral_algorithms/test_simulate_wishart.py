"""The Wishart simulator against explicit maps, label by label and sign by sign, and what it promises of its streams."""

import itertools

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.spectral_algorithms import simulate_wishart


def ridge(eigenvalues):
    return eigenvalues / (eigenvalues + 0.05)


def flow(eigenvalues):
    return -np.expm1(-9.0 * eigenvalues)


def interpolation(eigenvalues):
    return np.ones_like(eigenvalues)


def cutoff(eigenvalues):
    return np.where(eigenvalues > 0.08, 1.0, 0.0)


def nothing(eigenvalues):
    return np.zeros_like(eigenvalues)


def power_law(n_modes, capacity=1.5, source=1.0):
    modes = np.arange(1.0, n_modes + 1.0)
    return dict(eigenvalues=modes**-capacity, target_power=modes ** -(source + 1.0))


def continued(seed, first):
    return np.random.SeedSequence(seed, n_children_spawned=first)


def draw_features(rng, features, n_samples, n_modes):
    if features == "gaussian":
        return rng.standard_normal((n_modes, n_samples)).T
    return np.sqrt(2.0) * np.cos(np.pi * np.outer(rng.random(n_samples), np.arange(1, n_modes + 1)))


def learner(matrix, eigenvalues, profile):
    """The map from labels to coefficients of the fit: (P, n)."""
    n_samples = len(matrix)
    values, vectors = np.linalg.eigh((matrix * eigenvalues) @ matrix.T / n_samples)
    rank = min(matrix.shape)
    values, vectors = values[-rank:], vectors[:, -rank:]
    return eigenvalues[:, None] * (matrix.T @ ((vectors * (profile(values) / values)) @ vectors.T)) / n_samples


@pytest.mark.parametrize("features", ["gaussian", "cosine"])
@pytest.mark.parametrize(
    ("n_samples", "n_modes"), [(1, 5), (5, 1), (12, 20), (30, 17), (20, 128), (20, 129), (25, 400), (150, 300)]
)
def test_losses_are_those_of_the_explicit_map(features, n_samples, n_modes):
    task = power_law(n_modes)
    profiles = [ridge, flow, cutoff]
    losses = simulate_wishart(profiles, n_samples, n_trials=3, seed=5, features=features, **task)
    assert losses.shape == (3, 3, 2)
    for trial, rng in enumerate(spawn_streams(5, 3)):
        matrix = draw_features(rng, features, n_samples, n_modes)
        for index, profile in enumerate(profiles):
            hat = learner(matrix, task["eigenvalues"], profile)
            error = hat @ matrix - np.eye(n_modes)
            signal = 0.5 * np.sum(task["target_power"] * np.sum(error**2, axis=0))
            np.testing.assert_allclose(losses[trial, index, 0], signal, rtol=1e-10, atol=1e-15)
            np.testing.assert_allclose(losses[trial, index, 1], 0.5 * np.sum(hat**2), rtol=1e-10)


@pytest.mark.parametrize("features", ["gaussian", "cosine"])
def test_profiles_are_the_algorithms(features):
    """Ridge by a linear solve; gradient descent and twice iterated ridge by iterating on the residual."""
    n_samples, n_modes, eta, rate = 15, 40, 0.05, 0.3
    task = power_law(n_modes)
    profiles = [
        ridge,
        lambda values: 1.0 - (1.0 - rate * values) ** 30,
        lambda values: 1.0 - (eta / (values + eta)) ** 2,
    ]
    losses = simulate_wishart(profiles, n_samples, n_trials=1, seed=2, features=features, **task)[0]
    matrix = draw_features(spawn_streams(2, 1)[0], features, n_samples, n_modes)
    gram = (matrix * task["eigenvalues"]) @ matrix.T
    step = np.linalg.inv(gram + n_samples * eta * np.eye(n_samples))
    descended = np.zeros_like(gram)
    for _ in range(30):
        descended += rate / n_samples * (np.eye(n_samples) - gram @ descended)
    twice = step + step @ (np.eye(n_samples) - gram @ step)
    for (signal, noise), weights in zip(losses, (step, descended, twice), strict=True):
        hat = task["eigenvalues"][:, None] * (matrix.T @ weights)
        error = hat @ matrix - np.eye(n_modes)
        np.testing.assert_allclose(signal, 0.5 * np.sum(task["target_power"] * np.sum(error**2, axis=0)), rtol=1e-11)
        np.testing.assert_allclose(noise, 0.5 * np.sum(hat**2), rtol=1e-11)


def test_average_over_signs_is_over_all_of_them():
    n_samples, n_modes = 7, 6
    task = power_law(n_modes)
    loss = simulate_wishart([flow], n_samples, n_trials=1, seed=3, features="cosine", **task)[0, 0, 0]
    matrix = draw_features(spawn_streams(3, 1)[0], "cosine", n_samples, n_modes)
    hat = learner(matrix, task["eigenvalues"], flow)
    losses = []
    for signs in itertools.product([-1.0, 1.0], repeat=n_modes):
        target = np.array(signs) * np.sqrt(task["target_power"])
        losses.append(0.5 * np.sum((hat @ (matrix @ target) - target) ** 2))
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-12)


def test_signs_and_noise_do_not_move_the_gaussian_mean():
    """Against one target and one noise vector in every trial; the spread is smaller."""
    n_samples, n_modes, noise_variance, rng = 15, 40, 0.3, np.random.default_rng(8)
    task = power_law(n_modes)
    parts = simulate_wishart([ridge], n_samples, n_trials=2000, seed=1, **task)[:, 0]
    ours = parts[:, 0] + noise_variance * parts[:, 1]
    matrix = rng.standard_normal((8000, n_samples, n_modes))
    target = np.sqrt(task["target_power"])
    labels = matrix @ target + np.sqrt(noise_variance) * rng.standard_normal((8000, n_samples))
    gram = (matrix * task["eigenvalues"]) @ matrix.transpose(0, 2, 1) + n_samples * 0.05 * np.eye(n_samples)
    weights = np.linalg.solve(gram, labels[..., None])
    fits = task["eigenvalues"] * (matrix.transpose(0, 2, 1) @ weights)[..., 0]
    theirs = 0.5 * np.sum((fits - target) ** 2, axis=1)
    error = np.sqrt(ours.var() / 2000 + theirs.var() / 8000)
    assert error < 0.01 * theirs.mean()
    assert abs(ours.mean() - theirs.mean()) < 5.0 * error
    assert ours.std() < 0.5 * theirs.std()


@pytest.mark.parametrize("features", ["gaussian", "cosine"])
def test_limits(features):
    task = power_law(60)
    losses = simulate_wishart([nothing, flow], 20, n_trials=4, seed=1, features=features, **task)
    np.testing.assert_allclose(losses[:, 0, 0], 0.5 * task["target_power"].sum(), rtol=1e-14)
    assert np.all(losses[:, 0, 1] == 0.0) and np.all(losses[:, 1, 1] > 0.0)
    # As many features as samples and fewer: without noise interpolation finds the target, with noise it pays.
    few = simulate_wishart([interpolation], 40, n_trials=4, seed=1, features=features, **power_law(10))
    assert np.all(few[:, 0, 0] < 1e-12) and np.all(few[:, 0, 1] > 0.05)
    # Two modes and many samples: eigenvalues and features concentrate, and the loss of the first is (1 - h)^2 / 2.
    single = dict(eigenvalues=[1.0, 0.5], target_power=[1.0, 0.0])
    many = simulate_wishart([ridge, flow], 400, n_trials=4, seed=1, features=features, **single)[..., 0]
    np.testing.assert_allclose(many[:, 0], 0.5 * (0.05 / 1.05) ** 2, rtol=6.0 * np.sqrt(2.0 / 400))
    assert many[:, 1].max() < 1e-5


def test_noise_of_least_squares_is_that_of_the_inverse_wishart_matrix():
    """As the profile is 1 and P < n, the noise part is tr (Z'Z)^{-1} / 2, of mean P / (n - P - 1) / 2."""
    parts = simulate_wishart([interpolation], 30, n_trials=4000, seed=1, **power_law(8))[:, 0, 1]
    error = parts.std() / np.sqrt(len(parts))
    assert error < 0.01 * parts.mean()
    assert abs(parts.mean() - 0.5 * 8 / (30 - 8 - 1)) < 5.0 * error


def test_one_draw_serves_all_profiles():
    common = dict(n_trials=3, seed=1, **power_law(50))
    together = simulate_wishart([ridge, flow, cutoff], 20, **common)
    alone = np.concatenate([simulate_wishart([profile], 20, **common) for profile in (ridge, flow, cutoff)], axis=1)
    np.testing.assert_allclose(together, alone, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scale_of_the_kernel_cancels(scale):
    task = power_law(50)
    common = dict(n_trials=3, seed=1, target_power=task["target_power"])
    plain = simulate_wishart([flow], 20, eigenvalues=task["eigenvalues"], **common)
    scaled = simulate_wishart([lambda v: flow(v / scale)], 20, eigenvalues=scale * task["eigenvalues"], **common)
    np.testing.assert_allclose(scaled, plain, rtol=1e-10)


@pytest.mark.parametrize("features", ["gaussian", "cosine"])
def test_spectrum_beyond_double_precision(features):
    """Eigenvalues below rounding are left out: interpolation stays finite, and what it misses is beyond resolution."""
    task = dict(eigenvalues=10.0 ** -np.arange(40.0), target_power=10.0 ** -np.arange(40.0))
    losses = simulate_wishart([interpolation], 30, n_trials=5, seed=1, features=features, **task)
    assert np.all(np.isfinite(losses)) and np.all(losses[..., 0] < 1e-8)


def test_small_losses_keep_their_digits():
    """Noiseless interpolation of a smooth target, seven orders below its power, against the explicit map."""
    task = power_law(400, 2.0, 3.0)
    loss = simulate_wishart([interpolation], 80, n_trials=1, seed=1, **task)[0, 0, 0]
    matrix = draw_features(spawn_streams(1, 1)[0], "gaussian", 80, 400)
    error = learner(matrix, task["eigenvalues"], interpolation) @ matrix - np.eye(400)
    assert loss < 1e-5
    np.testing.assert_allclose(loss, 0.5 * np.sum(task["target_power"] * np.sum(error**2, axis=0)), rtol=1e-8)


@pytest.mark.parametrize("features", ["gaussian", "cosine"])
def test_trials_do_not_depend_on_blocks(features):
    def run(seed, n_trials):
        return simulate_wishart([ridge, flow], 12, n_trials=n_trials, seed=seed, features=features, **power_law(150))

    whole = run(6, 8)
    assert len(np.unique(whole)) == whole.size
    assert np.array_equal(whole, np.concatenate([run(6, 3), run(continued(6, 3), 5)]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("profiles", []), ("profiles", [ridge, 0.5]), ("profiles", [lambda values: values[:-1]]),
        ("profiles", [lambda values: 1.0]), ("profiles", [lambda values: np.inf * values]), ("n_samples", 0),
        ("n_samples", 1.5), ("eigenvalues", []), ("eigenvalues", [1.0, 0.5, 0.0]), ("eigenvalues", [1.0, 0.5, -0.1]),
        ("eigenvalues", [0.5, 1.0, 0.2]), ("eigenvalues", [np.inf, 1.0, 0.2]), ("target_power", [1.0, 0.5]),
        ("target_power", [1.0, -0.1, 0.1]), ("target_power", [1.0, np.nan, 0.1]), ("features", "fourier"),
        ("n_trials", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_bad_input(name, value):
    arguments = dict(profiles=[ridge], n_samples=7, n_trials=2, seed=1, **power_law(3))
    with pytest.raises(ValueError, match=name):
        simulate_wishart(**(arguments | {name: value}))
