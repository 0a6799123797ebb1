"""Sketched least squares: exact laws against direct sampling, limits, and the best sketch size by brute force."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from theory.random_features import (
    optimal_sketch,
    sketched_risk,
    sketched_risk_correlated,
    sketched_risk_variance,
    sketching_symbolic,
)

SMALL = dict(n_samples=200, n_features=80, sketch_size=120, signal_power=4.0, noise_variance=1.0)


def test_reference_values():
    assert sketched_risk(**SMALL).risk == pytest.approx(2.0512820512821, rel=1e-13)
    assert sketched_risk(**SMALL, sketch="iid").risk == pytest.approx(2.7407886231416, rel=1e-13)
    levels = np.repeat([2.0, 1.0], 60)
    risk = sketched_risk_correlated(levels, np.sqrt(4 * levels / 120), sketch_size=60, noise_variance=1.0)
    assert risk.bias == pytest.approx(2.8284271247462, rel=1e-13)
    assert risk.variance == pytest.approx(1.0606601717798, rel=1e-13)
    assert risk.risk == risk.bias + risk.variance
    narrow = sketched_risk_variance(n_features=240, sketch_size=300, noise_variance=1.0)
    assert narrow == pytest.approx(0.012055418638524, rel=1e-13)
    wide = sketched_risk_variance(n_features=150, sketch_size=300, noise_variance=1.0)
    assert wide == pytest.approx(89700 / 489532050, rel=1e-13)  # 2 p (m - 1) / ...


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0.9, 4.0, 1.0), (0.45, 3.0, "partial")),
        ((0.8, 1.0, 2.0), (0.0, 1.0, "null")),
        ((0.3, 4.0, 1.0), (1.0, 0.42857142857, "full")),
        ((3.0, 4.0, 1.0), (1.0, 3.16666666667, "full")),
    ],
)
def test_reference_optima(arguments, expected):
    aspect_ratio, signal_power, noise_variance = arguments
    best = optimal_sketch(aspect_ratio, signal_power=signal_power, noise_variance=noise_variance)
    assert (best.fraction, best.risk) == pytest.approx(expected[:2], rel=1e-11)
    assert best.regime == expected[2]


@pytest.mark.parametrize(
    ("n", "p", "m", "sketch"),
    [
        (30, 10, 18, "orthogonal"),
        (30, 10, 18, "iid"),
        (30, 20, 12, "orthogonal"),
        (30, 20, 12, "iid"),
        (15, 20, 12, "iid"),
    ],
)
def test_exact_law_by_sampling(n, p, m, sketch):
    """Form (S X)^+ S literally; 4000 draws, bias and variance averaged over signal and noise."""
    rng = np.random.default_rng([n, p, m])
    features = rng.standard_normal((4000, n, p))
    rows = rng.standard_normal((4000, m, n))
    if sketch == "orthogonal":
        rows = np.linalg.qr(rows.transpose(0, 2, 1))[0].transpose(0, 2, 1)
    estimator = np.linalg.pinv(rows @ features) @ rows
    bias = 4 / p * np.sum((estimator @ features - np.eye(p)) ** 2, axis=(1, 2))
    variance = np.sum(estimator**2, axis=(1, 2))
    exact = sketched_risk(n_samples=n, n_features=p, sketch_size=m, signal_power=4.0, noise_variance=1.0, sketch=sketch)
    assert bias.mean() == pytest.approx(exact.bias, abs=1e-10 + 4 * bias.std() / math.sqrt(4000))
    assert variance.mean() == pytest.approx(exact.variance, abs=4 * variance.std() / math.sqrt(4000))


def test_variance_of_the_risk_by_sampling():
    rng = np.random.default_rng(3)
    p, m, n_draws = 5, 30, 20000
    features = rng.standard_normal((n_draws, m, p))
    risks = np.trace(np.linalg.inv(features.transpose(0, 2, 1) @ features), axis1=1, axis2=2)
    spread = risks.var()
    standard_error = np.std((risks - risks.mean()) ** 2) / math.sqrt(n_draws)
    exact = sketched_risk_variance(n_features=p, sketch_size=m, noise_variance=1.0)
    assert spread == pytest.approx(exact, abs=4 * standard_error)
    assert exact > 10 * standard_error


def test_limits():
    for p, m, sketch in ((80, 120, "orthogonal"), (80, 120, "iid"), (150, 120, "orthogonal"), (300, 120, "iid")):
        gaps = []
        for size in (1, 10, 100):
            arguments = dict(n_samples=200 * size, n_features=p * size, sketch_size=m * size)
            powers = dict(signal_power=4.0, noise_variance=0.5, sketch=sketch)
            finite, limit = (sketched_risk(**arguments, **powers, limit=flag).risk for flag in (False, True))
            gaps.append(finite - limit)
        assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.1)
        assert gaps[1] / gaps[2] == pytest.approx(10, rel=0.01)
    # Limiting iid risk = orthogonal risk + that of the full sample.
    orthogonal, iid = (sketched_risk(**SMALL, sketch=sketch, limit=True).risk for sketch in ("orthogonal", "iid"))
    full = sketched_risk(**SMALL | {"sketch_size": 200}, limit=True).risk
    assert iid == pytest.approx(orthogonal + full, rel=1e-14)
    # The variance of the risk at large size: p^2 var -> 2 g^3 / (1 - g)^4 with g = p/m.
    variance = sketched_risk_variance(n_features=40000, sketch_size=100000, noise_variance=1.0)
    assert 40000**2 * variance == pytest.approx(2 * 0.4**3 / 0.6**4, rel=1e-3)


def test_near_the_number_of_features():
    for m in (79, 80, 81):
        risk = sketched_risk(**SMALL | {"sketch_size": m})
        assert math.isinf(risk.variance) and math.isinf(risk.risk)
        assert risk.bias == pytest.approx(4 * max(0, 80 - m) / 80)
        noiseless = sketched_risk(**SMALL | {"sketch_size": m, "noise_variance": 0.0})
        assert noiseless.risk == noiseless.bias
        assert math.isinf(sketched_risk(**SMALL | {"sketch_size": m}, limit=True).risk) == (m == 80)
    assert math.isinf(sketched_risk_variance(n_features=80, sketch_size=83, noise_variance=1.0))
    assert math.isfinite(sketched_risk_variance(n_features=80, sketch_size=84, noise_variance=1.0))
    assert sketched_risk_variance(n_features=80, sketch_size=80, noise_variance=0.0) == 0.0


def test_all_sketches_agree_below_the_number_of_features():
    arguments = SMALL | {"sketch_size": 50}
    assert sketched_risk(**arguments) == sketched_risk(**arguments, sketch="iid")
    assert sketched_risk(**arguments) == sketched_risk(**arguments | {"n_samples": 50})


@pytest.mark.parametrize("sketch_size", [1, 20, 45, 59])
def test_correlated_features_by_their_definition(sketch_size):
    rng = np.random.default_rng(1)
    eigenvalues, coefficients = rng.lognormal(size=60), rng.standard_normal(60)

    def excess(log_gamma):
        return np.sum(eigenvalues / (eigenvalues + math.exp(log_gamma))) - sketch_size

    gamma = math.exp(brentq(excess, -20, 20, xtol=1e-14))
    learned = eigenvalues / (eigenvalues + gamma)
    q = np.sum(learned**2)
    risk = sketched_risk_correlated(eigenvalues, coefficients, sketch_size=sketch_size, noise_variance=0.7)
    bias = np.sum((1 - learned) ** 2 * coefficients**2) / (1 - q / sketch_size)
    assert risk.bias == pytest.approx(bias, rel=1e-11)
    assert risk.variance == pytest.approx(0.7 * q / (sketch_size - q), rel=1e-11)


def test_correlated_twins():
    eigenvalues = np.repeat([2.0, 1.0, 0.1], 20)
    coefficients = np.linspace(0.5, 1.5, 60)
    plain = sketched_risk_correlated(eigenvalues, coefficients, sketch_size=25, noise_variance=0.3)
    scaled = sketched_risk_correlated(7 * eigenvalues, coefficients, sketch_size=25, noise_variance=0.3)
    assert vars(scaled) == pytest.approx(vars(plain), rel=1e-12)
    padded = sketched_risk_correlated(
        np.append(eigenvalues, np.zeros(9)), np.append(coefficients, np.zeros(9)), sketch_size=25, noise_variance=0.3
    )
    assert vars(padded) == pytest.approx(vars(plain), rel=1e-12)
    # With an isotropic prior of power 4 the bias is 4 m gamma / p.
    prior = sketched_risk_correlated(eigenvalues, np.sqrt(4 * eigenvalues / 60), sketch_size=25, noise_variance=0.0)
    gamma = brentq(lambda g: np.sum(eigenvalues / (eigenvalues + g)) - 25, 1e-6, 1e6, xtol=1e-15)
    assert prior.risk == pytest.approx(4 * 25 * gamma / 60, rel=1e-12)
    # Equal eigenvalues give the isotropic limit.
    equal = sketched_risk_correlated(
        np.full(60, 3.0), np.full(60, math.sqrt(4 / 60)), sketch_size=25, noise_variance=0.3
    )
    isotropic = sketched_risk(
        n_samples=99, n_features=60, sketch_size=25, signal_power=4.0, noise_variance=0.3, limit=True
    )
    assert vars(equal) == pytest.approx(vars(isotropic), rel=1e-12)


@pytest.mark.parametrize("signal_power", [0.25, 1.0, 4.0, 9.0])
def test_best_size_by_brute_force(signal_power):
    fractions = np.linspace(1e-6, 1, 200001)
    for aspect_ratio in (0.1, 0.45, 0.7, 0.8, 0.97, 1.0, 1.3, 2.2, 5.0):
        below = fractions < aspect_ratio
        relative = fractions / aspect_ratio
        with np.errstate(divide="ignore"):
            risk = np.where(below, signal_power * (1 - relative) + relative / abs(1 - relative), 1 / abs(relative - 1))
        best = optimal_sketch(aspect_ratio, signal_power=signal_power, noise_variance=1.0)
        assert best.risk <= risk.min() * (1 + 1e-12)
        assert best.risk == pytest.approx(risk.min(), rel=2e-5)
        # At the boundary between regimes and at a = s the minimum is flat or degenerate; here it is not.
        if best.regime != "null" and signal_power > 1.0:
            assert best.fraction == pytest.approx(fractions[risk.argmin()], abs=1e-2)


def test_optimal_risk_has_no_peak():
    ratios = np.linspace(0.55, 1.9, 200)
    risks = [optimal_sketch(ratio, signal_power=4.0, noise_variance=1.0).risk for ratio in ratios]
    assert np.all(np.diff(risks) >= -1e-14)
    assert optimal_sketch(1.0, signal_power=4.0, noise_variance=1e-40).risk == pytest.approx(4e-20)
    assert optimal_sketch(1.0, signal_power=4.0, noise_variance=0.0).risk == 0.0
    assert optimal_sketch(2.0, signal_power=4.0, noise_variance=0.0).risk == 2.0
    assert optimal_sketch(0.5, signal_power=0.0, noise_variance=0.0).risk == 0.0


def test_symbolic_optimum():
    import sympy as sp

    symbolic = sketching_symbolic()
    a, s, t = (symbolic[key] for key in ("signal", "noise", "relative_size"))
    for values in ({a: sp.Rational(7, 3), s: sp.Rational(5, 4)}, {a: sp.Rational(9, 2), s: sp.Rational(1, 7)}):
        size = symbolic["best_relative_size"].subs(values)
        assert sp.diff(symbolic["risk"], t).subs(values).subs(t, size) == 0
        assert symbolic["curvature"].subs(values).subs(t, size) > 0
        ratio = float(symbolic["partial_threshold"].subs(values))
        powers = dict(signal_power=float(values[a] ** 2), noise_variance=float(values[s] ** 2))
        below, above = (optimal_sketch(ratio * factor, **powers) for factor in (1 - 1e-9, 1 + 1e-9))
        assert (below.regime, above.regime) == ("full", "partial")
        assert above.fraction == pytest.approx(float(size) * ratio, rel=1e-8)
        assert above.risk == pytest.approx(float(symbolic["best_risk"].subs(values)), rel=1e-12)
        assert below.risk == pytest.approx(above.risk, rel=1e-7)
        loud = dict(signal_power=powers["noise_variance"], noise_variance=powers["signal_power"])
        swapped = {a: values[s], s: values[a]}
        ratio = float(symbolic["null_threshold"].subs(swapped))
        assert optimal_sketch(ratio * (1 - 1e-9), **loud).regime == "full"
        assert optimal_sketch(ratio * (1 + 1e-9), **loud).regime == "null"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": math.nan}, "n_samples"),
        ({"n_features": 0}, "n_features"),
        ({"n_features": math.inf}, "n_features"),
        ({"sketch_size": 0}, "sketch_size"),
        ({"sketch_size": 201}, "sketch_size"),
        ({"sketch_size": 1.5}, "sketch_size"),
        ({"signal_power": -1.0}, "signal_power"),
        ({"noise_variance": -1.0}, "noise_variance"),
        ({"noise_variance": math.nan}, "noise_variance"),
        ({"sketch": "hadamard"}, "sketch"),
    ],
)
def test_bad_input(change, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        sketched_risk(**SMALL | change)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"eigenvalues": [1.0, -1.0, 1.0]}, "eigenvalues"),
        ({"eigenvalues": [1.0, math.nan, 1.0]}, "eigenvalues"),
        ({"eigenvalues": [0.0, 0.0, 0.0]}, "eigenvalues"),
        ({"target_coefficients": [1.0, 1.0]}, "target_coefficients"),
        ({"target_coefficients": [1.0, math.inf, 1.0]}, "target_coefficients"),
        ({"sketch_size": 3}, "sketch_size"),
        ({"sketch_size": 0}, "sketch_size"),
        ({"eigenvalues": [1.0, 1.0, 0.0], "sketch_size": 2}, "sketch_size"),
        ({"noise_variance": -1.0}, "noise_variance"),
    ],
)
def test_bad_correlated_input(change, named):
    good = dict(eigenvalues=[1.0, 2.0, 3.0], target_coefficients=[1.0, 1.0, 1.0], sketch_size=2, noise_variance=0.1)
    with pytest.raises(ValueError, match=rf"^{named}"):
        sketched_risk_correlated(**good | change)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n_features": 0}, "n_features"),
        ({"sketch_size": 9}, "sketch_size"),
        ({"noise_variance": -1}, "noise_variance"),
    ],
)
def test_bad_variance_input(change, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        sketched_risk_variance(**dict(n_features=10, sketch_size=20, noise_variance=1.0) | change)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"aspect_ratio": 0.0}, "aspect_ratio"),
        ({"aspect_ratio": math.inf}, "aspect_ratio"),
        ({"signal_power": -1.0}, "signal_power"),
        ({"noise_variance": math.nan}, "noise_variance"),
    ],
)
def test_bad_optimum_input(change, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        optimal_sketch(**dict(aspect_ratio=0.5, signal_power=1.0, noise_variance=1.0) | change)
