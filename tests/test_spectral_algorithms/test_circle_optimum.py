"""Optimal profile of the Circle model: optimality, the overlearning transition, the Bayes point; and bad input."""

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import zeta

from theory.spectral_algorithms import (
    circle_loss,
    circle_loss_from_spectrum,
    circle_optimal_loss,
    circle_spectrum,
    interpolation_profile,
    ridge_profile,
)

RIDGE = ridge_profile(0.1)


def laws(nu, kappa, noise=0.0):
    return dict(capacity_exponent=nu, source_exponent=kappa, noise_variance=noise)


@pytest.mark.parametrize("parameters", [laws(1.5, 1.0, 0.5), laws(2.0, 3.0), laws(2.0, 0.5), laws(1.2, 4.0, 0.01)])
def test_no_profile_does_better(parameters):
    best = circle_spectrum(None, 60, **parameters)
    optimum = circle_optimal_loss(60, **parameters)

    def shifted(direction, size):
        # Eigenvalues fall with the frequency, so that a profile can be told by its values at them.
        order = np.argsort(best.empirical_eigenvalues)
        x, h = best.empirical_eigenvalues[order], (best.optimal_profile + size * direction)[order]
        return circle_loss(lambda values: np.interp(values, x, h), 60, **parameters)

    generator = np.random.default_rng(3)
    for _ in range(20):
        direction = generator.standard_normal(len(best.optimal_profile))
        excess = [shifted(direction, size) - optimum for size in (0.1, 0.2)]
        assert excess[0] > 0.0
        assert_allclose(excess[1] / excess[0], 4.0, rtol=1e-5)


@pytest.mark.parametrize("nu", [1.05, 1.5, 2.0, 3.2])
@pytest.mark.parametrize("gap", [-0.9, -0.3, -0.04, 0.02, 0.5, 1.5, 2.5])
@pytest.mark.parametrize("n", [1, 2, 15, 1000])
def test_overlearning_above_the_transition_and_underlearning_below(nu, gap, n):
    kappa = nu - 1.0 + gap if gap > 0.0 else (nu - 1.0) * (1.0 + gap)
    residual = circle_spectrum(None, n, **laws(nu, kappa)).optimal_residual
    assert np.all(np.sign(residual) == -np.sign(gap))


@pytest.mark.parametrize("nu", [1.05, 1.5, 2.0, 3.2])
@pytest.mark.parametrize("n", [1, 2, 15, 10000])
def test_interpolation_is_optimal_at_the_transition(nu, n):
    spectrum = circle_spectrum(None, n, **laws(nu, nu - 1.0))
    # kappa + 1 may differ from nu in the last bit.
    assert np.abs(spectrum.optimal_residual).max() <= 1e-15
    optimum = circle_optimal_loss(n, **laws(nu, nu - 1.0))
    assert_allclose(optimum, circle_loss(interpolation_profile(), n, **laws(nu, nu - 1.0)), rtol=1e-14)


@pytest.mark.parametrize(("nu", "kappa", "high"), [(1.5, 1.0, 1.3745), (2.0, 3.0, 1.3125)])
def test_range_of_overlearning(nu, kappa, high):
    spectrum = circle_spectrum(None, 10**5, **laws(nu, kappa))
    assert_allclose(spectrum.optimal_profile.max(), high, atol=5e-5)
    # Least at k = 0, where it makes up for the images of the kernel: 3.3e-10 for nu = 2, with corrections of its size
    # and from the images of the target, relative N^(nu - kappa - 1).
    assert_allclose(-spectrum.optimal_residual.max(), 2.0 * zeta(nu) * 1e5**-nu, rtol=0.01)


@pytest.mark.parametrize(("nu", "kappa", "low"), [(2.0, 0.5, 0.7147), (1.5, 0.3, 0.7252)])
def test_range_of_underlearning(nu, kappa, low):
    spectrum = circle_spectrum(None, 10**5, **laws(nu, kappa))
    assert_allclose(spectrum.optimal_profile.min(), low, atol=5e-5)
    assert spectrum.optimal_residual.min() > 0.0


@pytest.mark.parametrize(("nu", "kappa", "noise"), [(2.0, 3.0, 0.0), (1.5, 2.5, 1e-6), (1.5, 0.7, 0.0)])
def test_residual_of_the_optimum_keeps_its_digits(nu, kappa, noise):
    n = 50
    residual = circle_spectrum(None, n, **laws(nu, kappa, noise)).optimal_residual
    with mp.workdps(40):

        def images(exponent, k):
            return mp.mpf(n) ** -exponent * sum(mp.zeta(exponent, mp.mpf(m) / n) for m in (k + 1, n - k + 1))

        nu, kappa = mp.mpf(nu), mp.mpf(kappa)
        for k in (0, 1, 7, 24, 25):
            disturbed = images(kappa + 1, k) + mp.mpf(noise) / n
            exact = 1 - images(nu + kappa + 1, k) * images(nu, k) / images(2 * nu, k) / disturbed
            assert_allclose(residual[k], float(exact), rtol=1e-13)


@pytest.mark.parametrize("nu", [1.5, 2.0, 2.7])
@pytest.mark.parametrize("noise", [1e-3, 1.0])
def test_bayes_point_is_ridge_regression(nu, noise):
    n = 333
    spectrum = circle_spectrum(None, n, **laws(nu, nu - 1.0, noise))
    ridge = ridge_profile(noise / n)
    assert_allclose(spectrum.optimal_profile, ridge(spectrum.empirical_eigenvalues), rtol=1e-14)
    assert_allclose(spectrum.optimal_residual, ridge.residual(spectrum.empirical_eigenvalues), rtol=1e-12)
    parameters = laws(nu, nu - 1.0, noise)
    optimum = circle_optimal_loss(n, **parameters)
    assert_allclose(circle_loss(ridge, n, **parameters), optimum, rtol=1e-13)
    for factor in (0.5, 2.0):
        assert circle_loss(ridge_profile(factor * noise / n), n, **parameters) > optimum * (1.0 + 1e-8)


def test_scaling_the_kernel_scales_the_ridge():
    eigenvalues = (np.arange(80) + 1.0) ** -1.7
    coefficients = (np.arange(80) + 1.0) ** -1.1
    other = dict(target_coefficients=coefficients, noise_variance=0.2)
    losses = [
        circle_loss_from_spectrum(ridge_profile(0.01 * scale), 11, eigenvalues=scale * eigenvalues, **other)
        for scale in (1.0, 1e200, 1e-200)
    ]
    assert_allclose(losses[1:], losses[0], rtol=1e-13)


def test_loss_is_quadratic_in_the_target_and_linear_in_the_noise():
    eigenvalues, coefficients = (np.arange(80) + 1.0) ** -1.7, (np.arange(80) + 1.0) ** -1.1

    def loss(scale, noise):
        return circle_loss_from_spectrum(
            RIDGE, 11, eigenvalues=eigenvalues, target_coefficients=scale * coefficients, noise_variance=noise
        )

    assert_allclose(loss(3.0, 0.0), 9.0 * loss(1.0, 0.0), rtol=1e-14)
    assert_allclose(loss(3.0, 0.7), loss(3.0, 0.0) + 0.7 * loss(0.0, 1.0), rtol=1e-14)


@pytest.mark.parametrize("function", [circle_loss, circle_spectrum, None])
@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        (dict(n_samples=0), "n_samples"),
        (dict(n_samples=2.5), "n_samples"),
        (dict(capacity_exponent=1.0), "capacity_exponent"),
        (dict(capacity_exponent=np.nan), "capacity_exponent"),
        (dict(capacity_exponent=400.0), "capacity_exponent"),
        (dict(source_exponent=0.0), "source_exponent"),
        (dict(source_exponent=400.0), "source_exponent"),
        (dict(noise_variance=-0.1), "noise_variance"),
        (dict(noise_variance=np.inf), "noise_variance"),
    ],
)
def test_bad_input(function, change, parameter):
    arguments = dict(n_samples=10, **laws(1.5, 1.0, 0.1)) | change
    with pytest.raises(ValueError, match=rf"^{parameter} = .*expected"):
        if function is None:
            circle_optimal_loss(**arguments)
        else:
            function(RIDGE, **arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(eigenvalues=[]), "eigenvalues = array of shape"),
        (dict(eigenvalues=[1.0, -0.1]), r"eigenvalues\[1\] = -0.1"),
        (dict(eigenvalues=[1.0, np.inf]), r"eigenvalues\[1\] = inf"),
        (dict(eigenvalues=[0.0, 0.0]), "expected at least one positive eigenvalue"),
        (dict(eigenvalues=[1e308, 1e308]), "eigenvalues = .*expected a finite sum"),
        (dict(target_coefficients=[1e200, 0.0]), "target_coefficients = .*expected a finite sum"),
        (dict(target_coefficients=[1.0]), "target_coefficients = array of shape"),
        (dict(target_coefficients=[1.0, np.nan]), r"target_coefficients\[1\] = nan"),
        (dict(noise_variance=-1.0), "noise_variance = -1.0"),
        (dict(n_samples=0), "n_samples = 0"),
    ],
)
def test_bad_spectra(change, message):
    arguments = dict(n_samples=3, eigenvalues=[1.0, 0.5], target_coefficients=[1.0, 1.0], noise_variance=0.0) | change
    with pytest.raises(ValueError, match=message):
        circle_loss_from_spectrum(RIDGE, **arguments)
