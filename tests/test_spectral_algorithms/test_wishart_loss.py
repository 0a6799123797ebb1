"""Loss of any profile in the Wishart model: two methods, the closed form of ridge, limits, Monte Carlo, bad input."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from theory.spectral_algorithms import (
    Profile,
    cutoff_profile,
    gradient_descent_profile,
    gradient_flow_profile,
    interpolation_profile,
    iterated_ridge_profile,
    ridge_loss,
    ridge_profile,
    wishart_loss,
    wishart_measures,
)


def power_law(n_modes, nu=1.5, kappa=1.0):
    index = np.arange(1.0, n_modes + 1.0)
    return dict(eigenvalues=index**-nu, target_power=index ** (-kappa - 1.0))


def random_task(n_modes, seed=0):
    rng = np.random.default_rng(seed)
    values = np.sort(np.exp(2 * rng.normal(size=n_modes)))[::-1].copy()
    return dict(eigenvalues=values, target_power=rng.exponential(size=n_modes))


TASK = power_law(1000)


@pytest.mark.parametrize(
    ("profile", "noise", "loss", "methods"),
    [
        (gradient_flow_profile(100), 0.0, 0.016807009957, ["density", "contour"]),
        (gradient_flow_profile(100), 1.0, 0.0709493463352, ["density", "contour"]),
        (gradient_descent_profile(0.2, n_steps=200), 0.0, 0.0277931837578, ["density", "contour"]),
        (interpolation_profile(), 0.0, 0.00557020371841, ["density", "contour"]),
        (interpolation_profile(), 1.0, 0.425250272214, ["density", "contour"]),
        (cutoff_profile(0.02), 0.0, 0.0386347236, ["density"]),
        (cutoff_profile(0.02), 1.0, 0.0703548460, ["density"]),
    ],
)
def test_reference_values(profile, noise, loss, methods):
    for method in methods:
        found = wishart_loss(profile, 200, noise_variance=noise, method=method, **TASK)
        assert_allclose(found, loss, rtol=1e-9 if method == "density" and not profile.smooth else 5e-12)


@pytest.mark.parametrize("method", ["density", "contour"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_ridge_in_closed_form(method, noise):
    task = power_law(600, 1.5, 1.0)
    for ridge in (0.0, 1e-4, 0.01, 1.0):
        profile = interpolation_profile() if ridge == 0.0 else ridge_profile(ridge)
        closed = ridge_loss(ridge, 120, noise_variance=noise, **task)
        # The reference stays away from the ridge: at the ridge itself the form is an identity.
        for reference in (3e-3, 0.1, 5.0):
            found = wishart_loss(profile, 120, noise_variance=noise, method=method, reference_ridge=reference, **task)
            assert_allclose(found, closed, rtol=1e-11)


@pytest.mark.parametrize(("n", "n_modes"), [(50, 20), (50, 49), (50, 50), (50, 51), (50, 400), (1, 1), (3, 4)])
def test_ridge_in_closed_form_for_any_shape(n, n_modes):
    for task in (power_law(n_modes), random_task(n_modes)):
        top = task["eigenvalues"][0]
        for ridge in (1e-8 * top, 1e-3 * top, top):
            found = wishart_loss(ridge_profile(ridge), n, noise_variance=0.2, reference_ridge=0.03 * top, **task)
            assert_allclose(found, ridge_loss(ridge, n, noise_variance=0.2, **task), rtol=1e-11)


PROFILES = [
    gradient_flow_profile(20.0),
    gradient_flow_profile(2000.0),
    gradient_descent_profile(0.3, n_steps=40),
    iterated_ridge_profile(0.02, n_iterations=3),
    interpolation_profile(),
]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_two_methods_agree(profile):
    for nu, kappa in [(1.2, 3.0), (1.5, 1.0), (2.0, 0.5), (2.0, 2.5)]:
        task = power_law(600, nu, kappa)
        for noise in (0.0, 0.5):
            a, b = (wishart_loss(profile, 120, noise_variance=noise, method=m, **task) for m in ("density", "contour"))
            assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("n_modes", [51, 120, 300])
def test_two_methods_agree_on_rough_spectra(n_modes):
    for seed in range(3):
        task = random_task(n_modes, seed)
        scale = float(np.median(task["eigenvalues"]))
        for profile in (gradient_flow_profile(1 / scale), iterated_ridge_profile(scale, n_iterations=2)):
            a, b = (wishart_loss(profile, 50, noise_variance=0.1, method=m, **task) for m in ("density", "contour"))
            assert_allclose(a, b, rtol=1e-10)


def test_any_reference_gives_the_same_loss():
    for method in ("density", "contour"):
        profile = gradient_flow_profile(100)
        losses = [
            wishart_loss(profile, 200, noise_variance=0.1, method=method, reference_ridge=ridge, **TASK)
            for ridge in (None, 1e-5, 1e-3, 0.1, 100.0)
        ]
        assert_allclose(losses, losses[0], rtol=1e-10)


def test_plain_functional():
    """The quadratic functional as it is written, on the published measures."""
    m = wishart_measures(200, **TASK)
    for profile in PROFILES:
        h = profile(m.nodes)
        weighted = m.weights * h
        signal = TASK["target_power"].sum() - 2 * weighted @ m.linear_density
        signal += weighted @ m.two_point_density @ weighted + (weighted * h) @ m.local_density
        loss = 0.5 * (signal + 0.4 * (weighted * h) @ m.noise_density)
        # Here the terms cancel to about 1 % of their size.
        assert_allclose(wishart_loss(profile, 200, noise_variance=0.4, **TASK), loss, rtol=1e-11)


def test_noiseless_losses_keep_their_digits():
    task = power_law(1000, 2.0, 2.5)
    for m, tolerance in [(8, 1e-4), (16, 1e-7), (24, 1e-11)]:
        found = wishart_loss(interpolation_profile(), 200, noise_variance=0.0, nodes_per_panel=m, **task)
        assert_allclose(found, ridge_loss(0.0, 200, noise_variance=0.0, **task), rtol=tolerance)


def test_limits():
    total = 0.5 * TASK["target_power"].sum()
    assert_allclose(wishart_loss(lambda v: 0.0 * v, 200, noise_variance=1.0, **TASK), total, rtol=1e-12)
    assert_allclose(wishart_loss(cutoff_profile(2.0), 200, noise_variance=1.0, **TASK), total, rtol=1e-12)
    late = wishart_loss(gradient_flow_profile(1e9), 200, noise_variance=0.5, **TASK)
    assert_allclose(late, ridge_loss(0.0, 200, noise_variance=0.5, **TASK), rtol=1e-12)
    everything = wishart_loss(cutoff_profile(1e-9), 200, noise_variance=0.5, **TASK)
    assert_allclose(everything, late, rtol=1e-12)
    # Few small steps of descent are gradient flow.
    flow = wishart_loss(gradient_flow_profile(10.0), 200, noise_variance=0.5, **TASK)
    descent = [
        wishart_loss(gradient_descent_profile(10.0 / k, n_steps=k), 200, noise_variance=0.5, **TASK) - flow
        for k in (1000, 2000)
    ]
    assert_allclose(descent[0] / descent[1], 2.0, rtol=0.01)


def test_cutoff_moves_only_with_the_spectrum():
    low, high = wishart_measures(200, **TASK).bands[1][1], wishart_measures(200, **TASK).bands[0][0]
    losses = [
        wishart_loss(cutoff_profile(t), 200, noise_variance=0.2, **TASK)
        for t in np.linspace(low, high, 5)[1:-1]
    ]  # fmt: skip
    assert_allclose(losses, losses[0], rtol=1e-12)
    inside = [wishart_loss(cutoff_profile(0.02), 200, noise_variance=0.2, nodes_per_panel=m, **TASK) for m in (24, 40)]
    assert_allclose(inside[0], inside[1], rtol=1e-9)
    several = wishart_loss(_TwoSteps(), 200, noise_variance=0.2, **TASK)
    fine = wishart_loss(_TwoSteps(), 200, noise_variance=0.2, nodes_per_panel=40, **TASK)
    assert_allclose(several, fine, rtol=1e-9)


class _TwoSteps(Profile):
    """A profile with two jumps: 0, one half, 1."""

    breakpoints = (0.01, 0.1)

    def __call__(self, eigenvalues):
        return 0.5 * (np.asarray(eigenvalues) > 0.01) + 0.5 * (np.asarray(eigenvalues) > 0.1)


def test_units_of_the_eigenvalues_do_not_matter():
    task = random_task(200)
    scaled = dict(task, eigenvalues=1e-6 * task["eigenvalues"])
    for method in ("density", "contour"):
        a = wishart_loss(gradient_flow_profile(0.3), 60, noise_variance=0.2, method=method, **task)
        b = wishart_loss(gradient_flow_profile(0.3e6), 60, noise_variance=0.2, method=method, **scaled)
        assert_allclose(a, b, rtol=1e-11)


def test_functions_are_profiles():
    plain = wishart_loss(lambda v: v / (v + 0.01), 200, noise_variance=0.3, **TASK)
    assert_allclose(plain, ridge_loss(0.01, 200, noise_variance=0.3, **TASK), rtol=1e-11)


@pytest.fixture(scope="module")
def draws():
    """Gaussian draws: the eigenvalues of K / n and the eigenvectors applied to the features."""
    rng = np.random.default_rng(11)
    task = power_law(120)
    result = []
    for _ in range(150):
        features = rng.normal(size=(40, 120))
        values, vectors = np.linalg.eigh((features * task["eigenvalues"]) @ features.T / 40)
        result.append((values, vectors.T @ features))
    return result


def loss_of_draw(profile, noise, values, rotated, eigenvalues, target_power):
    """The loss averaged over label noise and over the signs of the target coefficients."""
    n = values.size
    m, c = (rotated * eigenvalues**2) @ rotated.T / n, (rotated * target_power) @ rotated.T / n
    g = profile(values) / values
    linear = (rotated**2 @ (eigenvalues * target_power)) @ g / n
    return 0.5 * (target_power.sum() - 2 * linear + g @ (m * c) @ g + noise / n * np.diag(m) @ g**2)


@pytest.mark.parametrize("profile", [gradient_flow_profile(30.0), cutoff_profile(0.06)], ids=lambda p: p.name)
def test_gaussian_draws(profile, draws):
    task = power_law(120)
    losses = np.array([loss_of_draw(profile, 0.3, *draw, **task) for draw in draws])
    error = losses.std(ddof=1) / math.sqrt(losses.size)
    theory = wishart_loss(profile, 40, noise_variance=0.3, **task)
    # Corrections to the leading order were measured at about 1 / n.
    assert abs(losses.mean() - theory) < 1.5 / 40 * theory + 4 * error
    # The two-point function without its regular part is rejected.
    m = wishart_measures(40, **task)
    weighted = m.weights * profile(m.nodes)
    wrong = theory - 0.5 * weighted @ m.two_point_density @ weighted
    assert abs(losses.mean() - wrong) > 0.1 * theory + 4 * error


GOOD = dict(eigenvalues=[1.0, 0.5, 0.4, 0.1], target_power=[1.0, 1.0, 0.0, 2.0], noise_variance=0.1, n_samples=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0),
        ("n_samples", 1.5),
        ("eigenvalues", []),
        ("eigenvalues", [1.0, 0.5, 0.4, 0.0]),
        ("eigenvalues", [1.0, 0.5, math.inf, 0.1]),
        ("eigenvalues", [1.0, 0.5, 0.6, 0.1]),
        ("target_power", [1.0, 1.0]),
        ("target_power", [1.0, 1.0, -1.0, 1.0]),
        ("noise_variance", -1.0),
        ("method", "integral"),
        ("reference_ridge", 0.0),
        ("reference_ridge", -1.0),
        ("nodes_per_panel", 3),
        ("profile", 0.3),
        ("profile", lambda v: np.full_like(v, np.nan)),
        ("profile", lambda v: v[:-1]),
        ("profile", lambda v: v + 1j),
    ],
)
def test_bad_input(name, value):
    with pytest.raises(ValueError, match=name):
        wishart_loss(**{"profile": ridge_profile(0.1), **GOOD, name: value})


def test_infinite_noise_is_refused():
    square = {**GOOD, "n_samples": 4}
    with pytest.raises(ValueError, match="noise_variance"):
        wishart_loss(interpolation_profile(), **square)
    with pytest.raises(ValueError, match="noise_variance"):
        wishart_loss(lambda v: 1.0 + 0.0 * v, **square)
    # Without noise the interpolant is exact, up to the square root of the smallest reference.
    assert abs(wishart_loss(interpolation_profile(), **{**square, "noise_variance": 0.0})) < 1e-8
    assert math.isfinite(wishart_loss(gradient_flow_profile(10.0), **square))


def test_divergent_descent_is_refused():
    top = wishart_measures(200, **TASK).bands[0][1]
    for method in ("density", "contour"):
        with pytest.raises(ValueError, match="learning_rate"):
            profile = gradient_descent_profile(2.0001 / top, n_steps=1)
            wishart_loss(profile, 200, noise_variance=0.0, method=method, **TASK)
        accepted = gradient_descent_profile(1.9 / top, n_steps=1)
        assert math.isfinite(wishart_loss(accepted, 200, noise_variance=0.0, method=method, **TASK))


def test_contour_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="smooth profile"):
        wishart_loss(cutoff_profile(0.1), 200, noise_variance=0.0, method="contour", **TASK)
    with pytest.raises(ValueError, match="smooth profile"):
        wishart_loss(lambda v: v, 200, noise_variance=0.0, method="contour", **TASK)
    with pytest.raises(ValueError, match="more than 1000 eigenvalues"):
        wishart_loss(ridge_profile(0.1), 1000, noise_variance=0.0, method="contour", **TASK)
    # Fast descent is bounded on the spectrum, not around it.
    with pytest.raises(ValueError, match="modulus of at most 10"):
        profile = gradient_descent_profile(1.6, n_steps=50)
        wishart_loss(profile, 200, noise_variance=0.0, method="contour", **TASK)
