"""The scalar equation of the fit: thresholds, branches, effective ridges and the size at which a class is lost."""

import math

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from theory.neural_collapse import collapse_fit, collapse_thresholds, effective_ridge, minority_collapse_size

SIZES = [50, 30, 20, 8]
RIDGES = dict(weight_ridges=[1e-3, 2e-3], feature_ridge=1e-3)
BRANCHES = ("global", "stable", "unstable")


def scalar_objective(tau, beta, n_layers):
    return (1 - tau) ** 2 + (n_layers + 1) * beta * tau ** (2 / (n_layers + 1))


def residual(tau, beta, n_layers):
    return (1 - tau) * tau ** ((n_layers - 1) / (n_layers + 1)) - beta


def limits(n_layers):
    thresholds = collapse_thresholds(n_layers)
    return {"global": thresholds.global_ridge, "stable": thresholds.spinodal_ridge}


def test_reference_values():
    ridges = effective_ridge(SIZES, **RIDGES)
    assert_allclose(ridges, [0.010025831881, 0.014093523508, 0.018467740224, 0.034017868347], rtol=1e-10)
    fit = [0.989940321997, 0.985839316829, 0.981416422782, 0.965582662041]
    assert_allclose(collapse_fit(ridges, n_layers=2), fit, rtol=1e-12)
    for beta, depth, stable, unstable in [
        (0.3, 2, 0.654464612347, 0.029541523662),
        (0.2, 3, 0.772438959677, 0.043743240804),
    ]:
        assert collapse_fit(beta, n_layers=depth, branch="stable") == pytest.approx(stable, abs=5e-13)
        assert collapse_fit(beta, n_layers=depth, branch="unstable") == pytest.approx(unstable, abs=5e-13)
    assert collapse_fit(0.43, n_layers=2, branch="stable") == pytest.approx(0.430538288842, abs=5e-13)
    assert collapse_fit(0.43, n_layers=2) == 0.0
    size = minority_collapse_size(200, weight_ridges=[2e-3] * 3, feature_ridge=2e-3)
    assert size == pytest.approx(1.6709719801006007, rel=1e-14)


@pytest.mark.parametrize(
    ("n_layers", "expected"),
    [
        (1, (1.0, 1.0)),
        (2, (0.3968502629920499, 0.4724703937105774)),
        (3, (0.2721655269759087, 0.38490017945975047)),
        (4, (0.21036658977116238, 0.34697547420670627)),
        (6, (0.14631562835252085, 0.3121313103741532)),
    ],
)
def test_reference_thresholds(n_layers, expected):
    thresholds = collapse_thresholds(n_layers)
    assert_allclose([thresholds.global_ridge, thresholds.spinodal_ridge], expected, rtol=1e-15)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 6, 40])
def test_thresholds_by_their_definition(n_layers):
    """Global: equality with the objective at 0. Spinodal: the largest value of (1 - tau) tau^p."""
    thresholds = collapse_thresholds(n_layers)
    at_fit = scalar_objective(thresholds.global_fit, thresholds.global_ridge, n_layers)
    assert at_fit == pytest.approx(1.0, abs=1e-15)
    assert residual(thresholds.global_fit, thresholds.global_ridge, n_layers) == pytest.approx(0.0, abs=1e-16)
    grid = np.linspace(0, 1, 10001)
    assert np.max(residual(grid, 0.0, n_layers)) == pytest.approx(thresholds.spinodal_ridge, rel=1e-7)  # grid step
    assert residual(thresholds.spinodal_fit, thresholds.spinodal_ridge, n_layers) == pytest.approx(0.0, abs=1e-16)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 5])
def test_global_branch_by_brute_force(n_layers):
    grid = np.linspace(0, 1, 2001)
    threshold = collapse_thresholds(n_layers).global_ridge
    for beta in threshold * np.array([0.05, 0.3, 0.8, 0.99, 1.01, 1.5]):
        start = grid[np.argmin(scalar_objective(grid, beta, n_layers))]
        fit = collapse_fit(beta, n_layers=n_layers)
        if start == 0.0:
            assert fit == 0.0
            continue
        window = (max(start - 1e-3, 1e-9), min(start + 1e-3, 1.0))
        best = minimize_scalar(
            scalar_objective, bounds=window, args=(beta, n_layers), method="bounded", options={"xatol": 1e-12}
        )
        # The position of a minimum is known to the square root of the rounding of its value.
        assert fit == pytest.approx(best.x, abs=1e-7)
        assert scalar_objective(fit, beta, n_layers) <= best.fun + 1e-15


@pytest.mark.parametrize("n_layers", [2, 5, 25])
@pytest.mark.parametrize("branch", BRANCHES)
def test_roots_to_thirty_digits(n_layers, branch):
    threshold = limits(n_layers).get(branch, limits(n_layers)["stable"])
    with mpmath.workdps(40):
        power = mpmath.mpf(n_layers - 1) / (n_layers + 1)
        merged = mpmath.mpf(n_layers - 1) / (2 * n_layers)
        for beta in threshold * np.array([1e-9, 0.2, 0.7, 0.99]):
            low, high = (mpmath.mpf(0), merged) if branch == "unstable" else (merged, mpmath.mpf(1))
            root = mpmath.findroot(
                lambda t, b=beta, p=power: mpmath.log(1 - t) + p * mpmath.log(t) - mpmath.log(b),
                (low + mpmath.mpf(10) ** -200, high - mpmath.mpf(10) ** -30),
                solver="anderson",
                tol=1e-60,
                maxsteps=2000,
            )
            # Next to the spinodal rounding of beta moves the root by 1 / sqrt(1 - beta / beta_s) = 10 times as much.
            assert collapse_fit(beta, n_layers=n_layers, branch=branch) == pytest.approx(float(root), rel=2e-14)


def test_one_layer_is_the_soft_threshold():
    beta = np.array([1e-12, 0.2, 0.999, 1.0, 1.0001, 7.0])
    for branch in ("global", "stable"):
        assert_allclose(collapse_fit(beta, n_layers=1, branch=branch), np.maximum(0, 1 - beta), rtol=0, atol=0)
    assert not collapse_fit(beta, n_layers=1, branch="unstable").any()


@pytest.mark.parametrize("n_layers", [2, 3, 6])
def test_at_the_thresholds_the_root_and_past_them_zero(n_layers):
    thresholds = collapse_thresholds(n_layers)
    for branch, threshold, fit, error in [
        ("global", thresholds.global_ridge, thresholds.global_fit, 1e-15),
        # A double root is known to the square root of the rounding.
        ("stable", thresholds.spinodal_ridge, thresholds.spinodal_fit, 3e-8),
        ("unstable", thresholds.spinodal_ridge, thresholds.spinodal_fit, 3e-8),
    ]:
        assert collapse_fit(threshold, n_layers=n_layers, branch=branch) == pytest.approx(fit, abs=error)
        assert collapse_fit(np.nextafter(threshold, 1), n_layers=n_layers, branch=branch) == 0.0


@pytest.mark.parametrize("n_layers", [2, 3, 6])
@pytest.mark.parametrize("closeness", [1e-6, 1e-10, 1e-14])
def test_next_to_the_spinodal(n_layers, closeness):
    """Both roots are tau_s +- sqrt(2 closeness / curvature), to the next order and to the accuracy of a double root."""
    thresholds = collapse_thresholds(n_layers)
    beta, tau = thresholds.spinodal_ridge * (1 - closeness), thresholds.spinodal_fit
    # log (1 - tau) + p log tau has curvature -(1/(1 - tau)^2 + p/tau^2) at its maximum.
    curvature = 1 / (1 - tau) ** 2 + (n_layers - 1) / (n_layers + 1) / tau**2
    offset = math.sqrt(2 * closeness / curvature)
    for branch, sign in (("stable", 1), ("unstable", -1)):
        fit = collapse_fit(beta, n_layers=n_layers, branch=branch)
        assert fit - tau == pytest.approx(sign * offset, abs=2 * offset**2 / tau + 3e-16 / offset)


def test_shapes_and_order():
    values = np.linspace(0.01, 0.6, 12).reshape(3, 4)
    for branch in BRANCHES:
        fit = collapse_fit(values, n_layers=3, branch=branch)
        assert fit.shape == values.shape
        single = [collapse_fit(float(value), n_layers=3, branch=branch) for value in values.ravel()]
        assert all(isinstance(entry, float) for entry in single)
        assert_allclose(fit.ravel(), single, rtol=0, atol=0)
    below = values.ravel()[values.ravel() < collapse_thresholds(3).spinodal_ridge]
    stable, unstable = (collapse_fit(below, n_layers=3, branch=branch) for branch in ("stable", "unstable"))
    assert (np.diff(stable) < 0).all() and (np.diff(unstable) > 0).all() and (unstable < stable).all()


@pytest.mark.parametrize("n_layers", [1, 2, 3, 6])
def test_published_scalar_equation(n_layers):
    """With x = (tau / (1 - tau))^(1/M) the paper's equation b / n = M x^(M-1) / (x^M + 1)^2 holds."""
    sizes, ridges = np.array([90.0, 40.0, 25.0]), np.geomspace(1e-4, 3e-4, n_layers)
    b = n_layers * sizes.sum() * (sizes.sum() * 2e-4 * ridges.prod()) ** (1 / n_layers)
    beta = effective_ridge(sizes, weight_ridges=ridges, feature_ridge=2e-4)
    assert_allclose(n_layers * beta ** ((n_layers + 1) / n_layers), b / sizes, rtol=1e-13)
    fit = collapse_fit(beta, n_layers=n_layers)
    x = (fit / (1 - fit)) ** (1 / n_layers)
    # 1 - tau of tau near 1 has lost digits.
    assert_allclose(n_layers * x ** (n_layers - 1) / (x**n_layers + 1) ** 2, b / sizes, rtol=1e-11)


@pytest.mark.parametrize("n_layers", [1, 2, 3, 6])
def test_minority_collapse_size_is_where_the_ridge_meets_its_threshold(n_layers):
    ridges = dict(weight_ridges=np.geomspace(2e-3, 4e-3, n_layers), feature_ridge=3e-3)
    size = minority_collapse_size(500, **ridges)
    beta = effective_ridge([size * 0.999, size * 1.001], n_samples=500, **ridges)
    assert beta[1] < collapse_thresholds(n_layers).global_ridge < beta[0]
    product = 500 * 3e-3 * np.prod(ridges["weight_ridges"])
    power = (n_layers - 1) ** ((n_layers - 1) / n_layers)
    assert size == pytest.approx(500 * product ** (1 / n_layers) * n_layers**2 / power, rel=1e-13)


def test_only_the_geometric_mean_of_the_ridges_matters():
    first = effective_ridge(SIZES, weight_ridges=[1e-3, 4e-3], feature_ridge=2e-3)
    second = effective_ridge(SIZES, weight_ridges=[2e-3, 2e-3], feature_ridge=2e-3)
    assert_allclose(first, second, rtol=1e-14)
    doubled = effective_ridge(SIZES, weight_ridges=[2e-3, 2e-3], feature_ridge=2e-3, n_samples=2 * sum(SIZES))
    assert_allclose(doubled, 2 * second, rtol=1e-15)


def test_extreme_ridges_keep_their_digits():
    beta = effective_ridge([10.0, 10.0], weight_ridges=[1e-200] * 3, feature_ridge=1e-200)
    assert_allclose(beta, 20 * 1e-200 * 10**-0.75, rtol=1e-13)
    assert collapse_fit(1e-300, n_layers=2) == 1.0
    assert collapse_fit(1e-90, n_layers=2, branch="unstable") == pytest.approx(1e-270, rel=1e-12)
