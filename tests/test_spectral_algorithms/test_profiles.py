"""Profiles: residuals without cancellation, limits, complex values, and what is refused."""

import pickle

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from theory.spectral_algorithms import (
    Profile,
    circle_loss,
    cutoff_profile,
    gradient_descent_profile,
    gradient_flow_profile,
    interpolation_profile,
    iterated_ridge_profile,
    nmno_loss,
    ridge_profile,
)

ALL = [
    ridge_profile(0.01),
    gradient_flow_profile(50.0),
    gradient_descent_profile(0.7, n_steps=31),
    iterated_ridge_profile(0.02, n_iterations=3),
    cutoff_profile(0.1),
    interpolation_profile(),
]
SMOOTH = [profile for profile in ALL if profile.smooth]
POWER_LAW = dict(capacity_exponent=1.5, source_exponent=1.0, noise_variance=0.1)


def identify(profile):
    return profile.name


def exact_residual(profile, eigenvalue):
    """1 - h by its definition, in the current precision of mpmath; ``eigenvalue`` real or complex."""
    z = mp.mpmathify(eigenvalue)
    kind = profile.name.split(",")[0]
    if kind.startswith("gradient flow"):
        return mp.exp(-mp.mpf(50) * z)
    if kind.startswith("gradient descent"):
        return (1 - mp.mpf(0.7) * z) ** 31
    if "iterated" in profile.name:
        return (mp.mpf(0.02) / (z + mp.mpf(0.02))) ** 3
    return mp.mpf(0.01) / (z + mp.mpf(0.01)) if kind.startswith("ridge") else mp.mpf(0)


@pytest.mark.parametrize("profile", ALL, ids=identify)
def test_profile_and_residual_add_up_to_one(profile):
    eigenvalues = np.geomspace(1e-9, 2.5, 200)
    assert_allclose(profile(eigenvalues) + profile.residual(eigenvalues), 1.0, rtol=1e-14)
    assert profile(eigenvalues[0]).shape == ()
    assert profile(eigenvalues.reshape(4, 50)).shape == (4, 50)


@pytest.mark.parametrize("profile", SMOOTH, ids=identify)
@pytest.mark.parametrize("eigenvalue", [1e-12, 1e-6, 0.003, 0.2, 0.9, 1.6, 2.6])
def test_neither_side_cancels(profile, eigenvalue):
    # The base 1 - 0.7 eigenvalue has the relative condition number 10 at 1.6, and its 31st power 31 times that.
    with mp.workdps(40):
        residual = exact_residual(profile, eigenvalue)
        values = float(1 - residual), float(residual)
    assert_allclose(profile(eigenvalue), values[0], rtol=2e-15, err_msg="h")
    assert_allclose(profile.residual(eigenvalue), values[1], rtol=1e-13, err_msg="1 - h")


@pytest.mark.parametrize("profile", SMOOTH, ids=identify)
@pytest.mark.parametrize("eigenvalue", [0.3 + 0.2j, 1e-5 - 3e-5j, 1.2 - 0.4j])
def test_smooth_profiles_continue_to_complex_eigenvalues(profile, eigenvalue):
    with mp.workdps(30):
        expected = complex(1 - exact_residual(profile, eigenvalue))
    assert_allclose(profile(np.array([eigenvalue]))[0], expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("profile", "qualification"),
    [(ridge_profile(0.3), 1), (iterated_ridge_profile(0.3, n_iterations=2), 2), (cutoff_profile(0.1), np.inf)],
    ids=lambda value: getattr(value, "name", value),
)
def test_qualification_is_the_decay_of_the_residual(profile, qualification):
    with np.errstate(divide="ignore"):
        decay = -np.log(profile.residual(1e9) / profile.residual(1e6) if qualification < np.inf else 0.0) / np.log(1e3)
    assert_allclose(decay, qualification, rtol=1e-5)
    assert profile.residual(1e9) == 0.0 or qualification < np.inf


def test_limits_meet():
    eigenvalues = np.geomspace(1e-4, 1.5, 50)
    flow = gradient_flow_profile(20.0)(eigenvalues)
    # One step of length a removes 1 - a lambda where the flow removes exp(-a lambda): a relative a t lambda^2 / 2.
    descent = gradient_descent_profile(2e-5, n_steps=10**6)(eigenvalues)
    assert_allclose(descent, flow, rtol=2e-4)
    iterated = iterated_ridge_profile(5e4, n_iterations=10**6)(eigenvalues)
    assert_allclose(iterated, flow, rtol=2e-4)
    assert_array_equal(iterated_ridge_profile(0.3, n_iterations=1)(eigenvalues) > 0.0, True)
    assert_allclose(
        iterated_ridge_profile(0.3, n_iterations=1)(eigenvalues), ridge_profile(0.3)(eigenvalues), rtol=1e-15
    )
    assert_array_equal(ridge_profile(0.0)(eigenvalues), interpolation_profile()(eigenvalues))
    assert_array_equal(gradient_flow_profile(0.0)(eigenvalues), 0.0)
    assert_array_equal(gradient_descent_profile(0.3, n_steps=0)(eigenvalues), 0.0)


def test_cutoff_learns_strictly_above_its_threshold():
    profile = cutoff_profile(0.5)
    assert_array_equal(profile(np.array([0.4, 0.5, 0.6])), [0.0, 0.0, 1.0])
    assert profile.breakpoints == (0.5,)
    assert not profile.smooth
    assert all(not other.breakpoints for other in SMOOTH)
    assert len(SMOOTH) == 5


@pytest.mark.parametrize("profile", ALL, ids=identify)
def test_profiles_are_values(profile):
    copy = pickle.loads(pickle.dumps(profile))
    assert copy == profile
    assert hash(copy) == hash(profile)
    assert isinstance(copy, Profile)


def test_names_tell_profiles_apart():
    assert len({profile.name for profile in ALL}) == len(ALL)


def test_a_function_is_a_profile():
    expected = circle_loss(ridge_profile(0.05), 30, **POWER_LAW)
    assert_allclose(circle_loss(lambda x: x / (x + 0.05), 30, **POWER_LAW), expected, rtol=1e-12)


def test_a_subclass_is_a_profile():
    class Square(Profile):
        def __call__(self, eigenvalues):
            return ridge_profile(0.05)(eigenvalues) ** 2

    profile = Square()
    assert profile.name == "Square"
    assert profile.breakpoints == ()
    assert_allclose(profile.residual(0.05), 0.75, rtol=1e-15)
    assert circle_loss(profile, 30, **POWER_LAW) > 0.0


@pytest.mark.parametrize(
    ("build", "parameter"),
    [
        (lambda: ridge_profile(-1e-9), "ridge"),
        (lambda: ridge_profile(np.nan), "ridge"),
        (lambda: gradient_flow_profile(-1.0), "time"),
        (lambda: gradient_flow_profile(np.inf), "time"),
        (lambda: gradient_descent_profile(0.0, n_steps=3), "learning_rate"),
        (lambda: gradient_descent_profile(0.1, n_steps=-1), "n_steps"),
        (lambda: gradient_descent_profile(0.1, n_steps=1.5), "n_steps"),
        (lambda: iterated_ridge_profile(0.0, n_iterations=2), "ridge"),
        (lambda: iterated_ridge_profile(0.1, n_iterations=0), "n_iterations"),
        (lambda: cutoff_profile(-0.1), "threshold"),
    ],
)
def test_bad_parameters(build, parameter):
    with pytest.raises(ValueError, match=rf"^{parameter} = .*expected"):
        build()


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (0.3, "profile = 0.3: expected a Profile"),
        (None, "profile = None: expected a Profile"),
        (lambda x: 1.0, r"profile = array of shape \(\): expected an array of shape \(16\)"),
        (lambda x: x[:-1], r"array of shape \(15,\): expected an array of shape \(16\)"),
        (lambda x: np.full_like(x, np.nan), r"profile\[0\] = nan"),
        (lambda x: 1.0 / (x - x), r"profile\[0\] = inf"),
        (lambda x: x + 1j, "real values"),
        (lambda x: ["a"] * len(x), "profile"),
    ],
)
def test_bad_profiles(profile, message):
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=message):
        circle_loss(profile, 30, **POWER_LAW)


def test_divergent_descent_is_refused_with_its_bound():
    # The largest eigenvalue of the naive model is 1; on 30 points of the circle it is above 1 by its images.
    stable, unstable = (gradient_descent_profile(rate, n_steps=10) for rate in (1.999, 2.0))
    modes = dict(eigenvalues=[1.0, 0.3], target_power=[1.0, 1.0], noise_variance=0.0)
    assert nmno_loss(stable, 10, **modes) > 0.0
    with pytest.raises(ValueError, match=r"learning_rate = 2\.0: .*largest here being 1, so below 2$"):
        nmno_loss(unstable, 10, **modes)
    with pytest.raises(ValueError, match=r"learning_rate = 1\.999: .*so below 1\.9"):
        circle_loss(stable, 30, **POWER_LAW)
