"""Circle model against dense kernel matrices and against its formula in 40 digits."""

import functools

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from theory.spectral_algorithms import (
    circle_loss,
    circle_loss_from_spectrum,
    circle_optimal_loss,
    circle_spectrum,
    cutoff_profile,
    gradient_descent_profile,
    gradient_flow_profile,
    interpolation_profile,
    iterated_ridge_profile,
    ridge_profile,
)

PROFILES = [
    ridge_profile(0.02),
    gradient_flow_profile(30.0),
    gradient_descent_profile(0.2, n_steps=20),
    iterated_ridge_profile(0.1, n_iterations=3),
    cutoff_profile(0.1),
    interpolation_profile(),
]


def identify(profile):
    return profile.name


def laws(nu, kappa, noise=0.0):
    return dict(capacity_exponent=nu, source_exponent=kappa, noise_variance=noise)


def arrays(last, nu, kappa):
    index = np.arange(last + 1.0)
    return (index + 1.0) ** -nu, (index + 1.0) ** (-0.5 * (kappa + 1.0))


def dense_loss(profile, n, eigenvalues, coefficients, noise_variance):
    """Loss by the definition: kernel matrix, eigendecomposition, all Fourier coefficients of the error.

    As a function of the shift the loss is a trigonometric polynomial, which equispaced shifts average exactly.
    """
    last = len(eigenvalues) - 1
    frequencies = np.arange(-last, last + 1)
    values, target = eigenvalues[np.abs(frequencies)], coefficients[np.abs(frequencies)]
    n_shifts = 2 * (2 * last // n + 2)
    total = 0.0
    for shift in np.arange(n_shifts) / n_shifts * 2.0 * np.pi / n:
        features = np.exp(1j * np.outer(shift + 2.0 * np.pi * np.arange(n) / n, frequencies))
        kernel = ((features * values) @ features.conj().T).real
        empirical, vectors = np.linalg.eigh(kernel / n)
        positive = empirical > 1e-12 * empirical[-1]
        empirical, vectors = empirical[positive], vectors[:, positive]
        inverse = (vectors * (profile(empirical) / (n * empirical))) @ vectors.T
        to_predictor = values[:, None] * (features.conj().T @ inverse)
        error = to_predictor @ (features @ target) - target
        total += np.sum(np.abs(error) ** 2) + noise_variance * np.sum(np.abs(to_predictor) ** 2)
    return 0.5 * total / n_shifts


def exact_loss(profile, n, nu, kappa, noise):
    """The formula of the theorem as published, for the infinite power laws, with 40 digits."""
    with mp.workdps(40):
        nu, kappa, noise, total = mp.mpf(nu), mp.mpf(kappa), mp.mpf(noise) / n, mp.mpf(0)
        for k in range(n // 2 + 1):
            trace, square = images(n, nu, k), images(n, 2 * nu, k)
            power, cross = images(n, kappa + 1, k), images(n, nu + kappa + 1, k)
            h = cross * trace / square / (power + noise) if profile is None else 1 - profile(trace)
            term = power - 2 * h * cross / trace + h**2 * square / trace**2 * (power + noise)
            total += term if k in (0, n / 2) else 2 * term
        return float(total / 2)


@functools.cache
def images(n, exponent, k):
    """The sum of (|l| + 1)^-exponent over l = k modulo n."""
    return mp.mpf(n) ** -exponent * sum(mp.zeta(exponent, mp.mpf(m) / n) for m in (k + 1, n - k + 1))


RESIDUALS = {
    "ridge": lambda x: mp.mpf("0.0001") / (x + mp.mpf("0.0001")),
    "flow": lambda x: mp.exp(-1000 * x),
    "interpolation": lambda x: mp.mpf(0),
}
SAME = {
    "ridge": ridge_profile(0.0001),
    "flow": gradient_flow_profile(1000.0),
    "interpolation": interpolation_profile(),
}


@pytest.mark.parametrize("profile", PROFILES, ids=identify)
@pytest.mark.parametrize("n", [1, 2, 7, 8, 12])
@pytest.mark.parametrize(("nu", "kappa", "noise"), [(2.0, 1.5, 0.3), (1.5, 1.0, 0.0), (1.2, 0.4, 1.0)])
def test_dense_matrices(profile, n, nu, kappa, noise):
    eigenvalues, coefficients = arrays(45, nu, kappa)
    expected = dense_loss(profile, n, eigenvalues, coefficients, noise)
    loss = circle_loss_from_spectrum(
        profile, n, eigenvalues=eigenvalues, target_coefficients=coefficients, noise_variance=noise
    )
    assert_allclose(loss, expected, rtol=1e-12)


@pytest.mark.parametrize("profile", PROFILES[::2], ids=identify)
def test_dense_matrices_of_any_spectrum(profile):
    # Neither monotone nor positive, and with fewer modes than points: the kernel matrix is singular.
    generator = np.random.default_rng(5)
    for n, last in ((9, 20), (14, 20), (14, 5), (15, 3)):
        eigenvalues = generator.uniform(0.2, 1.0, last + 1) / (n if last > n else 4)
        eigenvalues[2] = 0.0
        coefficients = generator.standard_normal(last + 1)
        expected = dense_loss(profile, n, eigenvalues, coefficients, 0.4)
        loss = circle_loss_from_spectrum(
            profile, n, eigenvalues=eigenvalues, target_coefficients=coefficients, noise_variance=0.4
        )
        assert_allclose(loss, expected, rtol=1e-12)


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("n", [1, 2, 9, 24])
@pytest.mark.parametrize(
    ("nu", "kappa", "noise"), [(2.0, 1.5, 0.3), (1.5, 1.0, 1.0), (1.5, 3.7, 0.0), (2.5, 3.7, 0.0), (1.1, 0.2, 0.0)]
)
def test_infinite_power_laws_to_all_digits(name, n, nu, kappa, noise):
    expected = exact_loss(RESIDUALS[name], n, nu, kappa, noise)
    assert_allclose(circle_loss(SAME[name], n, **laws(nu, kappa, noise)), expected, rtol=5e-14)


@pytest.mark.parametrize("n", [1, 2, 9, 24])
@pytest.mark.parametrize(("nu", "kappa", "noise"), [(2.0, 1.5, 0.3), (1.5, 3.7, 0.0), (2.5, 3.7, 0.0), (2.0, 0.5, 0.0)])
def test_optimal_loss_to_all_digits(n, nu, kappa, noise):
    expected = exact_loss(None, n, nu, kappa, noise)
    assert_allclose(circle_optimal_loss(n, **laws(nu, kappa, noise)), expected, rtol=5e-14)


def test_published_form_loses_the_digits_that_the_split_form_keeps():
    # Half of the squared target is 1/2; the loss is ten orders of magnitude below.
    loss = circle_loss(interpolation_profile(), 101, **laws(4.0, 6.0))
    assert_allclose(loss, exact_loss(RESIDUALS["interpolation"], 101, 4.0, 6.0, 0.0), rtol=1e-13)
    assert loss < 1e-10
    index = np.abs(np.arange(101)[:, None] + 101 * np.arange(-500, 501)) + 1.0
    eigenvalues, power = index**-4.0, index**-7.0
    trace, square, cross = (a.sum(axis=1) for a in (eigenvalues, eigenvalues**2, eigenvalues * power))
    terms = power.sum(axis=1) * (1.0 + square / trace**2) - 2.0 * cross / trace
    assert abs(0.5 * terms.sum() / loss - 1.0) > 1e-7


def test_truncated_spectra_converge_to_the_power_laws():
    # The omitted eigenvalues sum to 2 L^-3 / 3 = 1.3e-11 of the largest, the omitted target power to less.
    eigenvalues, coefficients = arrays(40000, 4.0, 5.0)
    for profile in PROFILES[:2]:
        truncated = circle_loss_from_spectrum(
            profile, 16, eigenvalues=eigenvalues, target_coefficients=coefficients, noise_variance=0.1
        )
        assert_allclose(truncated, circle_loss(profile, 16, **laws(4.0, 5.0, 0.1)), rtol=1e-11)


@pytest.mark.parametrize(
    ("profile", "n", "parameters", "expected"),
    [
        (ridge_profile(0.01), 64, laws(2.0, 1.5, 0.3), 0.0498041009595),
        (gradient_flow_profile(50.0), 65, laws(1.5, 1.0, 1.0), 0.222247764546),
        (interpolation_profile(), 1000, laws(2.0, 3.0), 8.60710989381e-09),
    ],
)
def test_reference_losses(profile, n, parameters, expected):
    assert_allclose(circle_loss(profile, n, **parameters), expected, rtol=1e-11)


def test_reference_optimal_losses():
    assert_allclose(circle_optimal_loss(1000, **laws(2.0, 3.0)), 5.51667476629e-09, rtol=1e-11)
    assert_allclose(circle_optimal_loss(10**6, **laws(1.5, 1.0, 1.0)), 0.00156979891787, rtol=1e-11)


@pytest.mark.parametrize("n", [1, 2, 31, 32])
def test_spectrum_adds_up(n):
    for profile in PROFILES[:2]:
        spectrum = circle_spectrum(profile, n, **laws(1.5, 1.0, 0.7))
        assert spectrum.signal.shape == (n // 2 + 1,)
        assert spectrum.multiplicity.sum() == n
        total = spectrum.signal.sum() + spectrum.noise.sum()
        assert_allclose(total, circle_loss(profile, n, **laws(1.5, 1.0, 0.7)), rtol=1e-14)
        silent = circle_spectrum(profile, n, **laws(1.5, 1.0, 0.0))
        assert_allclose(silent.signal, spectrum.signal, rtol=1e-15)
        assert_array_equal(silent.noise, 0.0)
    best = circle_spectrum(None, n, **laws(1.5, 1.0, 0.7))
    assert_allclose(best.signal.sum() + best.noise.sum(), circle_optimal_loss(n, **laws(1.5, 1.0, 0.7)), rtol=1e-14)
    assert_allclose(best.optimal_profile + best.optimal_residual, 1.0, rtol=1e-14)
