"""The circle by transforms and by dense algebra: against each other, plain NumPy, solvers in function space, limits."""

import numpy as np
import pytest

from simulations._streams import spawn_streams
from simulations.spectral_algorithms import _spectral, circle, circle_dense_loss, simulate_circle, simulate_circle_dense


def ridge(eigenvalues):
    return eigenvalues / (eigenvalues + 0.05)


def flow(eigenvalues):
    return -np.expm1(-7.0 * eigenvalues)


def descent(eigenvalues):
    return 1.0 - (1.0 - 0.4 * eigenvalues) ** 25


def interpolation(eigenvalues):
    return np.ones_like(eigenvalues)


def overlearning(eigenvalues):
    return 1.0 + 0.2 * eigenvalues


def nothing(eigenvalues):
    return np.zeros_like(eigenvalues)


PROFILES = [ridge, flow, descent, interpolation, overlearning]


def power_law(n_modes, capacity=1.5, source=1.0):
    distance = np.arange(1.0, n_modes + 1.0)
    return dict(eigenvalues=distance**-capacity, target_coefficients=distance ** (-0.5 * (source + 1.0)))


def continued(seed, first):
    return np.random.SeedSequence(seed, n_children_spawned=first)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("noise_variance", [0.0, 0.3])
@pytest.mark.parametrize(
    ("n_samples", "n_modes"),
    [(1, 1), (1, 6), (2, 7), (3, 2), (7, 4), (7, 5), (8, 5), (8, 4), (8, 41), (9, 13), (12, 301), (33, 20), (64, 500)],
)
def test_transforms_are_the_dense_algebra(profile, noise_variance, n_samples, n_modes):
    """Same shifts and noise, so that the two routes differ by rounding alone."""
    common = dict(noise_variance=noise_variance, n_trials=18, seed=4, **power_law(n_modes))
    fast = simulate_circle(profile, n_samples, **common)
    dense = simulate_circle_dense(profile, n_samples, **common)
    assert fast.shape == dense.shape == (18,)
    # The squared norm of the target is of order one: a loss that vanishes is left at rounding squared.
    np.testing.assert_allclose(fast, dense, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("case", range(12))
def test_transforms_are_the_dense_algebra_for_any_even_spectrum(case):
    """Random sizes, eigenvalues in no order, coefficients of both signs."""
    rng = np.random.default_rng(case)
    n_samples, n_modes = int(rng.integers(1, 40)), int(rng.integers(1, 120))
    common = dict(
        eigenvalues=rng.exponential(size=n_modes), target_coefficients=rng.standard_normal(n_modes),
        noise_variance=rng.exponential(), n_trials=3, seed=case,
    )  # fmt: skip
    profile = PROFILES[case % len(PROFILES)]
    fast, dense = simulate_circle(profile, n_samples, **common), simulate_circle_dense(profile, n_samples, **common)
    # Descent diverges on large eigenvalues; both routes then lose the digits of (1 - 0.4 eigenvalue)^25 alone.
    np.testing.assert_allclose(fast, dense, rtol=1e-10)


@pytest.mark.parametrize(("n_samples", "n_modes"), [(2500, 11_250), (2501, 9000), (4096, 700), (20_000, 70_001)])
def test_several_blocks_of_classes_with_the_same_draws(n_samples, n_modes):
    """A twin with one exponential per mode, signed modes and a complex transform."""
    task = power_law(n_modes, 1.3, 0.8)
    losses = simulate_circle(flow, n_samples, noise_variance=0.4, n_trials=3, seed=2, **task)
    rng = spawn_streams(2, 1)[0]
    modes = np.arange(-n_modes + 1, n_modes)
    values, coefficients = task["eigenvalues"][abs(modes)], task["target_coefficients"][abs(modes)]
    folded = np.bincount(modes % n_samples, values, n_samples)
    gain = np.divide(flow(folded), folded, out=np.zeros(n_samples), where=folded > 0.0)
    for loss in losses:
        shift = 2.0 * np.pi * rng.random()
        turned = coefficients * np.exp(1j * modes * shift)
        labels = np.zeros(n_samples, complex)
        np.add.at(labels, modes % n_samples, turned)
        noise = np.sqrt(0.4) * rng.standard_normal(n_samples)
        labels = np.fft.fft(n_samples * np.fft.ifft(labels) + noise) / n_samples
        fit = values * (gain * labels)[modes % n_samples]
        # Phases of 1e6 radians are exact to 1e-10.
        np.testing.assert_allclose(loss, 0.5 * np.sum(abs(fit - turned) ** 2), rtol=1e-9)


@pytest.mark.parametrize("n_samples", [6, 11])
@pytest.mark.parametrize("shift", [0.0, 0.7, -40.0])
def test_dense_loss_is_that_of_the_solver_in_function_space(n_samples, shift):
    """Ridge by a linear solve, descent by iterating; the distance by quadrature, the noise label by label."""
    n_modes, noise_variance = 16, 0.3
    task = power_law(n_modes)
    inputs = shift + 2.0 * np.pi * np.arange(n_samples) / n_samples
    points = 2.0 * np.pi * np.arange(64) / 64.0  # exact for squares of polynomials of degree 15

    def series(coefficients, angle):
        return coefficients[0] + 2.0 * np.cos(angle[..., None] * np.arange(1, n_modes)) @ coefficients[1:]

    gram = series(task["eigenvalues"], inputs[:, None] - inputs)
    evaluate = series(task["eigenvalues"], points[:, None] - inputs)
    weights_of_descent = np.zeros((n_samples, n_samples))
    for _ in range(25):
        weights_of_descent += 0.4 / n_samples * (np.eye(n_samples) - gram @ weights_of_descent)
    weights_of_ridge = np.linalg.inv(gram + 0.05 * n_samples * np.eye(n_samples))
    for profile, weights in ((ridge, weights_of_ridge), (descent, weights_of_descent)):
        learner = evaluate @ weights
        signal = learner @ series(task["target_coefficients"], inputs) - series(task["target_coefficients"], points)
        expected = 0.5 * np.mean(signal**2) + 0.5 * noise_variance * np.mean(np.sum(learner**2, axis=1))
        loss = circle_dense_loss(profile, n_samples, noise_variance=noise_variance, shift=shift, **task)
        np.testing.assert_allclose(loss, expected, rtol=1e-11)


@pytest.mark.parametrize("n_samples", [5, 8])
def test_mean_over_shifts_is_a_finite_sum(n_samples):
    n_modes = 23
    common = dict(noise_variance=0.2, **power_law(n_modes))
    degree = int(1 + 2 * (n_modes - 1) / n_samples)

    def mean(profile, n_shifts):
        shifts = 2.0 * np.pi / n_samples * np.arange(n_shifts) / n_shifts
        return np.mean([circle_dense_loss(profile, n_samples, shift=shift, **common) for shift in shifts])

    for profile in PROFILES:
        np.testing.assert_allclose(mean(profile, degree + 1), mean(profile, 40), rtol=1e-12)
    assert abs(mean(interpolation, 1) / mean(interpolation, 40) - 1.0) > 0.01  # the shift matters
    trials = simulate_circle(flow, n_samples, n_trials=20_000, seed=3, **common)
    error = trials.std() / np.sqrt(len(trials))
    assert error < 0.005 * trials.mean()
    assert abs(trials.mean() - mean(flow, 40)) < 5.0 * error


def test_nothing_learnt_is_the_power_of_the_target():
    task = power_law(30)
    power = np.sum(task["target_coefficients"] ** 2) * 2.0 - task["target_coefficients"][0] ** 2
    losses = simulate_circle(nothing, 12, noise_variance=1.0, n_trials=5, seed=1, **task)
    np.testing.assert_allclose(losses, 0.5 * power, rtol=1e-14)


@pytest.mark.parametrize("n_samples", [9, 10])
def test_interpolation_recovers_a_band_limited_target(n_samples):
    task = power_law(5)
    assert simulate_circle(interpolation, n_samples, noise_variance=0.0, n_trials=5, seed=1, **task).max() < 1e-28
    # On 8 points modes 4 and -4 are one: of the coefficients of both, cos(4u) is seen and sin(4u) is not.
    losses = simulate_circle(interpolation, 8, noise_variance=0.0, n_trials=5, seed=1, **task)
    shifts = 2.0 * np.pi * spawn_streams(1, 1)[0].random(5)
    np.testing.assert_allclose(losses, (task["target_coefficients"][4] * np.sin(4.0 * shifts)) ** 2, rtol=1e-11)


@pytest.mark.parametrize("n_samples", [6, 7, 40])
def test_modes_that_the_kernel_lacks_are_not_learnt(n_samples):
    """An eigenvalue 0 leaves classes without kernel; extending both arrays by zeros changes nothing."""
    task = power_law(9)
    task["eigenvalues"][[2, 5, 6]] = 0.0
    longer = {name: np.append(values, np.zeros(40)) for name, values in task.items()}
    common = dict(noise_variance=0.2, n_trials=6, seed=1)
    losses = simulate_circle(interpolation, n_samples, **common, **task)
    for other in (
        simulate_circle(interpolation, n_samples, **common, **longer),
        simulate_circle_dense(interpolation, n_samples, **common, **task),
    ):
        np.testing.assert_allclose(other, losses, rtol=1e-11)


@pytest.mark.parametrize("simulate", [simulate_circle, simulate_circle_dense])
@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scale_of_the_kernel_cancels(simulate, scale):
    task = power_law(30)
    common = dict(noise_variance=0.2, n_trials=3, seed=1, target_coefficients=task["target_coefficients"])
    plain = simulate(flow, 8, eigenvalues=task["eigenvalues"], **common)
    scaled = simulate(lambda values: flow(values / scale), 8, eigenvalues=scale * task["eigenvalues"], **common)
    np.testing.assert_allclose(scaled, plain, rtol=1e-11)


def test_small_losses_keep_their_digits():
    """Noiseless interpolation of a smooth target: the loss is ten orders below the power of the target."""
    common = dict(noise_variance=0.0, n_trials=3, seed=1, **power_law(4000, 2.0, 3.5))
    fast = simulate_circle(interpolation, 400, **common)
    assert np.all(fast < 1e-7)
    np.testing.assert_allclose(fast, simulate_circle_dense(interpolation, 400, **common), rtol=1e-6)


@pytest.mark.parametrize("simulate", [simulate_circle, simulate_circle_dense])
def test_trials_do_not_depend_on_blocks(simulate, monkeypatch):
    def run(seed, n_trials):
        return simulate(flow, 10, noise_variance=0.2, n_trials=n_trials, seed=seed, **power_law(25))

    whole = run(6, 40)
    assert len(np.unique(whole)) == 40
    assert np.array_equal(whole[:21], run(6, 21))
    assert np.array_equal(whole[16:], run(continued(6, 16), 24))
    monkeypatch.setattr(circle, "LABELS_AT_A_TIME", 30)
    np.testing.assert_allclose(run(6, 40), whole, rtol=1e-13)
    with pytest.raises(ValueError, match="n_children_spawned"):
        run(continued(6, 5), 8)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("profile", 0.5), ("profile", lambda values: 1.0), ("profile", lambda values: values[:-1]),
        ("profile", lambda values: np.full_like(values, np.nan)), ("profile", lambda values: values / 0.0),
        ("n_samples", 0), ("n_samples", 2.5), ("eigenvalues", []), ("eigenvalues", np.zeros(6)),
        ("eigenvalues", -np.ones(6)), ("eigenvalues", np.full(6, np.inf)), ("eigenvalues", np.ones((2, 3))),
        ("target_coefficients", np.ones(5)), ("target_coefficients", np.full(6, np.nan)), ("noise_variance", -0.1),
        ("noise_variance", np.inf), ("n_trials", 0), ("n_trials", 1.5), ("seed", -1),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_input(name, value):
    arguments = dict(profile=ridge, n_samples=7, noise_variance=0.1, n_trials=2, seed=1, **power_law(6))
    for simulate in (simulate_circle, simulate_circle_dense):
        with pytest.raises(ValueError, match=name):
            simulate(**(arguments | {name: value}))
    if name not in ("n_trials", "seed"):
        common = {key: arguments[key] for key in arguments if key not in ("n_trials", "seed")} | {name: value}
        with pytest.raises(ValueError, match=name):
            circle_dense_loss(**common, shift=0.0)


def test_dense_loss_refuses_a_shift_that_is_not_finite():
    with pytest.raises(ValueError, match="shift"):
        circle_dense_loss(ridge, 7, noise_variance=0.1, shift=np.inf, **power_law(6))


def test_a_failed_eigendecomposition_is_an_error(monkeypatch):
    monkeypatch.setattr(_spectral.lapack, "dsyevd", lambda matrix, **options: (matrix[0], matrix, 3))
    with pytest.raises(RuntimeError, match="info = 3"):
        simulate_circle_dense(ridge, 7, noise_variance=0.1, n_trials=1, seed=1, **power_law(6))
