"""Deep random features: the one-root solver against per-layer root finding, sampled weights and closed forms."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import brentq

from theory.random_features import (
    activation_coefficients,
    deep_effective_dof,
    deep_rf_layers,
    deep_rf_linear_target_risk,
    deep_rf_risk,
    deep_rf_symbolic,
    gaussian_covariate_ridge,
    linearised_covariance,
    rf_risk,
)

SETTINGS = [
    ([100, 150, 120], "tanh"),
    ([100, 60, 150, 90], "erf"),
    ([80, 200], "relu"),
    ([50, 40, 30, 40, 50], "tanh"),
    ([60, 90, 45], "identity"),
]


def two_levels(dimension):
    return np.where(np.arange(dimension) < dimension // 3, 2.0, 0.5)


def nested_input_shift(widths, activation, shift, spectrum):
    """Solve one layer after the other from the top, each by its own root; return the mu of every layer and D_L."""
    layers = deep_rf_layers(activation, len(widths) - 1, input_variance=spectrum.mean())
    shifts = []

    def dof(level, s):
        """D of that level, at ``s``."""
        if level == 0:
            return np.sum(spectrum / (spectrum + s))
        a, b = layers[level - 1].kappa_1 ** 2, layers[level - 1].kappa_star ** 2
        k, fan_in = widths[level], widths[level - 1]

        def condition(log_mu):
            mu = math.exp(log_mu)
            return k - dof(level - 1, mu) - (b + s) * fan_in / (a * mu)

        # The shifts tried above must stay inside the brackets below.
        mu = math.exp(brentq(condition, -30, 20 * (len(widths) - level), xtol=1e-14, rtol=1e-15))
        shifts.append(mu)
        below = dof(level - 1, mu)
        return (s * below + b * k) / (s + b)

    value = dof(len(widths) - 1, shift)
    return shifts, value


def sampled_weights(widths, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((k, fan_in)) for fan_in, k in itertools.pairwise(widths)]


def test_reference_values():
    assert deep_effective_dof([100, 150, 120], "tanh", shift=0.05) == pytest.approx(70.463351120640, rel=1e-13)
    assert deep_effective_dof([100, 150], "erf", shift=0.05) == pytest.approx(109.71657334766, rel=1e-13)
    risk = deep_rf_risk([100, 150, 120], "tanh", n_samples=140, ridge=0.01, noise_variance=0.1)
    assert risk.test_mse == pytest.approx(0.20110736643969, rel=1e-13)
    assert risk.train_mse == pytest.approx(0.03051866791507, rel=2e-13)
    assert risk.kappa == pytest.approx(1.8335939485e-4, rel=5e-11)
    risk = deep_rf_risk([100, 150], "erf", n_samples=300, ridge=0.05, noise_variance=0.2)
    assert risk.test_mse == pytest.approx(0.29839077610034, rel=1e-13)
    risk = deep_rf_linear_target_risk(
        [200] * 3,
        "tanh",
        teacher_power=2 / math.pi,
        target_variance=1.0,
        n_samples=400,
        ridge=0.01,
        noise_variance=0.1,
    )
    assert risk.test_mse == pytest.approx(1.0901155431280, rel=1e-13)
    assert all(isinstance(value, float) for value in vars(risk).values())


@pytest.mark.parametrize(("widths", "activation"), [*SETTINGS[:3], ([60, 90, 45], "identity")])
@pytest.mark.parametrize("shift", [0.05, 3.0])
def test_one_root_agrees_with_a_root_per_layer(widths, activation, shift):
    spectrum = two_levels(widths[0])
    _, expected = nested_input_shift(widths, activation, shift, spectrum)
    found = deep_effective_dof(widths, activation, shift=shift, input_eigenvalues=spectrum)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("widths", "activation"), SETTINGS)
@pytest.mark.parametrize(("n_samples", "ridge"), [(30, 1e-3), (70, 0.1), (400, 1e-4), (400, 20.0)])
def test_risk_agrees_with_its_definition(widths, activation, n_samples, ridge):
    """Solve n = D_L(k_L kappa) + ridge / kappa on top, and differentiate D_L numerically for q."""
    spectrum, noise = two_levels(widths[0]), 0.3

    def dof(s):
        return deep_effective_dof(widths, activation, shift=s, input_eigenvalues=spectrum)

    def condition(log_kappa):
        kappa = math.exp(log_kappa)
        return (
            math.log(kappa * (n_samples - learned) / ridge)
            if n_samples > (learned := dof(widths[-1] * kappa))
            else -1.0
        )

    kappa = math.exp(brentq(condition, -25, 5, xtol=1e-14, rtol=1e-15))
    s, step = widths[-1] * kappa, 1e-3
    values = [dof(s * math.exp(i * step)) for i in (-2, -1, 1, 2)]
    derivative = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    q = dof(s) + derivative
    test = n_samples * kappa + n_samples * (noise - ridge) / (n_samples - q)
    risk = deep_rf_risk(
        widths, activation, n_samples=n_samples, ridge=ridge, noise_variance=noise, input_eigenvalues=spectrum
    )
    assert risk.kappa == pytest.approx(kappa, rel=1e-11)
    assert risk.modes_learned == pytest.approx(dof(s), rel=1e-11)
    assert risk.modes_squared == pytest.approx(q, rel=1e-9)
    assert risk.test_mse == pytest.approx(test, rel=1e-9)
    assert risk.train_mse == pytest.approx((1 - dof(s) / n_samples) ** 2 * test, rel=1e-8)


def test_best_ridge_of_a_matched_target_is_the_noise():
    def risk(ridge):
        return deep_rf_risk([90, 70, 110], "erf", n_samples=80, ridge=ridge, noise_variance=0.2)

    best = risk(0.2)
    assert best.test_mse == pytest.approx(80 * best.kappa, rel=1e-13)
    assert all(risk(0.2 * factor).test_mse > best.test_mse for factor in (0.9, 0.999, 1.001, 1.1))


def test_one_layer_with_identity_input_is_a_quadratic():
    import sympy as sp

    symbolic = deep_rf_symbolic()
    for width, shift, activation in ((30, 0.05, "tanh"), (90, 2.0, "relu"), (50, 1e-3, "erf")):
        layer = activation_coefficients(activation)
        values = {
            symbolic["dimension"]: 50,
            symbolic["width"]: width,
            symbolic["shift"]: sp.Float(shift, 40),
            symbolic["linear"]: sp.Float(layer.kappa_1**2, 40),
            symbolic["noise"]: sp.Float(layer.kappa_star**2, 40),
        }
        root = symbolic["input_shift"].subs(values)
        assert root > 0
        assert abs(symbolic["quadratic"].subs(values).subs(symbolic["input_shift_symbol"], root)) < 1e-30
        expected = float(symbolic["effective_dof"].subs(values))
        assert deep_effective_dof([50, width], activation, shift=shift) == pytest.approx(expected, rel=1e-13)


def test_linear_network_of_one_wide_layer_is_its_input():
    # With infinitely many linear units the covariance has the input's nonzero spectrum, times the width over d.
    spectrum = two_levels(60)
    found = deep_effective_dof([60, 10**9], "identity", shift=0.3 * 10**9 / 60, input_eigenvalues=spectrum)
    assert found == pytest.approx(np.sum(spectrum / (spectrum + 0.3)), rel=1e-6)


def test_degrees_of_freedom_of_sampled_weights():
    widths = [300, 450, 360]
    covariance = linearised_covariance(sampled_weights(widths, 1), "tanh", np.diag(two_levels(300)))
    eigenvalues = np.linalg.eigvalsh(covariance)
    for shift in (0.02, 0.2, 1.0):
        predicted = deep_effective_dof(widths, "tanh", shift=shift, input_eigenvalues=two_levels(300))
        # Linear statistics fluctuate by O(1); measured on this draw: at most 0.6 of about 100 to 260.
        assert np.sum(eigenvalues / (eigenvalues + shift)) == pytest.approx(predicted, abs=1.5)


def test_linearised_covariance_layer_by_layer():
    widths = [7, 5, 6]
    first, second = sampled_weights(widths, 3)
    covariance = np.diag(np.arange(1.0, 8.0))
    layers = deep_rf_layers("relu", 2, input_variance=4.0)
    middle = layers[0].kappa_1 ** 2 * first @ covariance @ first.T / 7 + layers[0].kappa_star ** 2 * np.eye(5)
    last = layers[1].kappa_1 ** 2 * second @ middle @ second.T / 5 + layers[1].kappa_star ** 2 * np.eye(6)
    np.testing.assert_allclose(linearised_covariance([first, second], "relu", covariance), last, rtol=1e-13, atol=1e-15)


def test_covariance_of_real_activations():
    """The linearised covariance against the sample covariance of the activations themselves, as a spectrum."""
    widths = [120, 100]
    weights = sampled_weights(widths, 5)
    inputs = np.random.default_rng(6).standard_normal((20000, 120))
    hidden = np.tanh(inputs @ weights[0].T / math.sqrt(120))
    sampled = np.linalg.eigvalsh(hidden.T @ hidden / 20000)
    linear = np.linalg.eigvalsh(linearised_covariance(weights, "tanh", np.eye(120)))
    for shift in (0.05, 0.5):
        # 20000 inputs blur each eigenvalue by less than 1 %.
        assert np.sum(sampled / (sampled + shift)) == pytest.approx(np.sum(linear / (linear + shift)), rel=0.01)


def test_matched_target_given_the_weights():
    widths = [200, 160, 200]
    risks = []
    for seed in range(4):
        eigenvalues = np.linalg.eigvalsh(linearised_covariance(sampled_weights(widths, seed), "erf", np.eye(200))) / 200
        conditional = rf_risk(
            eigenvalues, np.sqrt(eigenvalues), n_samples=240, n_features=np.inf, ridge=0.02, noise_variance=0.1
        )
        risks.append((conditional.test_mse, conditional.train_mse))
    averaged = deep_rf_risk(widths, "erf", n_samples=240, ridge=0.02, noise_variance=0.1)
    # The risks of single draws spread by 1/width.
    assert np.mean(risks, axis=0) == pytest.approx([averaged.test_mse, averaged.train_mse], rel=0.01)


def test_hidden_layer_target_given_the_weights():
    """Covariances of features and sign teacher written out for sampled weights, then averaged."""
    width, n_samples, ridge, noise = 200, 400, 0.01, 0.1
    layers = deep_rf_layers("tanh", 2)
    teacher = activation_coefficients("sign")
    risks = []
    for seed in range(6):
        first, second = sampled_weights([width] * 3, 100 + seed)
        rng = np.random.default_rng(200 + seed)
        hidden, readout = rng.standard_normal((width, width)), rng.standard_normal(width)
        kernel = teacher.kappa_1**2 * hidden @ hidden.T / width + teacher.kappa_star**2 * np.eye(width)
        variance = readout @ kernel @ readout / width
        slope = layers[0].kappa_1 * layers[1].kappa_1 * teacher.kappa_1
        cross = slope * second @ first @ hidden.T @ readout / width**2.5
        eigenvalues, basis = np.linalg.eigh(linearised_covariance([first, second], "tanh", np.eye(width)) / width)
        risk = gaussian_covariate_ridge(
            eigenvalues,
            basis.T @ cross,
            target_variance=variance,
            n_samples=n_samples,
            ridge=ridge,
            noise_variance=noise,
        )
        # Single teachers differ by 10 % in variance, which the label noise does not share.
        risks.append((risk.test_mse - noise * risk.overfitting_factor) / variance + noise * risk.overfitting_factor)
    averaged = deep_rf_linear_target_risk(
        [width] * 3,
        "tanh",
        teacher_power=2 / math.pi,
        target_variance=1.0,
        n_samples=n_samples,
        ridge=ridge,
        noise_variance=noise,
    )
    assert np.mean(risks) == pytest.approx(averaged.test_mse, rel=0.02)


def test_linear_target_in_the_sums_over_sampled_modes():
    """A linear teacher alone: the telescoped sums against covariances of one large network."""
    widths, n_samples, ridge = [400, 500, 450], 600, 0.05
    spectrum = two_levels(400)
    teacher = np.where(np.arange(400) % 2 == 0, 1.5, 0.2)
    weights = sampled_weights(widths, 11)
    layers = deep_rf_layers("erf", 2, input_variance=spectrum.mean())
    coefficients = np.sqrt(teacher) * np.random.default_rng(12).choice([-1.0, 1.0], 400)
    # u = h / sqrt(450), h about kappa kappa W_2 W_1 x / sqrt(400 500); teacher beta . x / sqrt(400)
    cross = layers[0].kappa_1 * layers[1].kappa_1 * weights[1] @ weights[0] @ (spectrum * coefficients)
    cross /= math.sqrt(400 * 500 * 450 * 400)
    eigenvalues, basis = np.linalg.eigh(linearised_covariance(weights, "erf", np.diag(spectrum)) / 450)
    variance = np.mean(spectrum * teacher) + 0.4
    sampled = gaussian_covariate_ridge(
        eigenvalues, basis.T @ cross, target_variance=variance, n_samples=n_samples, ridge=ridge
    )
    averaged = deep_rf_linear_target_risk(
        widths,
        "erf",
        teacher_power=teacher,
        target_variance=variance,
        n_samples=n_samples,
        ridge=ridge,
        input_eigenvalues=spectrum,
    )
    assert sampled.test_mse == pytest.approx(averaged.test_mse, rel=0.02)
    assert sampled.train_mse == pytest.approx(averaged.train_mse, rel=0.04)
    assert sampled.modes_learned == pytest.approx(averaged.modes_learned, rel=0.005)


def test_risk_stays_finite_and_monotone_as_the_ridge_vanishes():
    for n_samples in (50, 100, 120, 300):
        risks = [deep_rf_risk([100, 150, 120], "tanh", n_samples=n_samples, ridge=10.0**-i) for i in range(2, 100, 6)]
        tests = np.array([risk.test_mse for risk in risks])
        assert np.all(np.isfinite(tests))
        assert np.all(tests[1:] <= tests[:-1] * (1 + 1e-13))  # noiseless and matched: less ridge is better
        assert all(0 <= risk.modes_squared <= risk.modes_learned <= min(n_samples, 120) * (1 + 1e-12) for risk in risks)
    # With more samples than features the noiseless error is of second order in the ridge.
    small = [deep_rf_risk([100, 150, 120], "tanh", n_samples=300, ridge=ridge).test_mse for ridge in (1e-9, 1e-11)]
    assert small[0] / small[1] == pytest.approx(1e4, rel=1e-6)


def test_twins():
    spectrum = two_levels(60)
    options = dict(n_samples=90, ridge=0.03, noise_variance=0.2)
    target = dict(teacher_power=np.linspace(0.1, 2.0, 60), target_variance=2.5)
    plain = deep_rf_linear_target_risk([60, 80, 70], "tanh", input_eigenvalues=spectrum, **target, **options)
    order = np.random.default_rng(0).permutation(60)
    permuted = deep_rf_linear_target_risk(
        [60, 80, 70],
        "tanh",
        input_eigenvalues=spectrum[order],
        teacher_power=target["teacher_power"][order],
        target_variance=2.5,
        **options,
    )
    assert vars(permuted) == pytest.approx(vars(plain), rel=1e-12)
    # Labels in other units.
    scaled = deep_rf_linear_target_risk(
        [60, 80, 70],
        "tanh",
        input_eigenvalues=spectrum,
        teacher_power=9 * target["teacher_power"],
        target_variance=9 * 2.5,
        n_samples=90,
        ridge=0.03,
        noise_variance=9 * 0.2,
    )
    assert scaled.test_mse == pytest.approx(9 * plain.test_mse, rel=1e-13)
    # Inputs in other units, undone by the activation.
    stretched = deep_rf_risk([60, 80], lambda x: np.tanh(x / 2), input_eigenvalues=4 * spectrum, **options)
    named = deep_rf_risk([60, 80], "tanh", input_eigenvalues=spectrum, **options)
    assert vars(stretched) == pytest.approx(vars(named), rel=1e-10)
    # The sign of the activation is lost in the readout.
    flipped = deep_rf_risk([60, 80, 70], lambda x: -np.tanh(x), **options)
    assert vars(flipped) == pytest.approx(vars(deep_rf_risk([60, 80, 70], "tanh", **options)), rel=1e-10)
    # ReLU is homogeneous: input, features and ridge scale together.
    relu = deep_rf_risk([60, 80, 70], "relu", input_eigenvalues=spectrum, **options)
    louder = deep_rf_risk(
        [60, 80, 70], "relu", input_eigenvalues=4 * spectrum, n_samples=90, ridge=4 * 0.03, noise_variance=4 * 0.2
    )
    assert louder.test_mse == pytest.approx(4 * relu.test_mse, rel=1e-13)


def test_a_target_no_layer_can_see_is_noise():
    options = dict(n_samples=90, ridge=0.03)
    unseen = deep_rf_linear_target_risk([60, 80], "tanh", teacher_power=0.0, target_variance=0.7, **options)
    noise = deep_rf_linear_target_risk(
        [60, 80], "tanh", teacher_power=0.0, target_variance=0.2, noise_variance=0.5, **options
    )
    assert unseen.test_mse == pytest.approx(noise.test_mse, rel=1e-14)


GOOD = dict(n_samples=50, ridge=0.1)
TARGET = dict(teacher_power=0.5, target_variance=1.0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"widths": [30]}, "widths"),
        ({"widths": 30}, "widths"),
        ({"widths": [30, 0]}, "widths"),
        ({"widths": [30, -4, 20]}, "widths"),
        ({"widths": [30, 20.5]}, "widths"),
        ({"widths": [30, math.nan]}, "widths"),
        ({"activation": "swish"}, "activation"),
        ({"activation": np.cos}, "activation"),
        ({"activation": np.ones_like}, "activation"),
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": math.inf}, "n_samples"),
        ({"n_samples": math.nan}, "n_samples"),
        ({"ridge": 0.0}, "ridge"),
        ({"ridge": -1.0}, "ridge"),
        ({"ridge": math.inf}, "ridge"),
        ({"noise_variance": -0.1}, "noise_variance"),
        ({"noise_variance": math.nan}, "noise_variance"),
        ({"input_eigenvalues": np.ones(29)}, "input_eigenvalues"),
        ({"input_eigenvalues": np.zeros(30)}, "input_eigenvalues"),
        ({"input_eigenvalues": -np.ones(30)}, "input_eigenvalues"),
        ({"input_eigenvalues": np.full(30, math.nan)}, "input_eigenvalues"),
        ({"teacher_power": -1.0}, "teacher_power"),
        ({"teacher_power": np.ones(29)}, "teacher_power"),
        ({"teacher_power": math.nan}, "teacher_power"),
        ({"target_variance": 0.0}, "target_variance"),
        ({"target_variance": 0.4}, "target_variance"),
        ({"target_variance": math.inf}, "target_variance"),
    ],
)
def test_bad_input(change, named):
    arguments = {"widths": [30, 20], "activation": "tanh"} | GOOD | change
    if named not in TARGET:
        with pytest.raises(ValueError, match=f"^{named}"):
            deep_rf_risk(**arguments)
    with pytest.raises(ValueError, match=f"^{named}"):
        deep_rf_linear_target_risk(**{**TARGET, **arguments})


@pytest.mark.parametrize("shift", [0.0, -1.0, math.nan, math.inf])
def test_bad_shift(shift):
    with pytest.raises(ValueError, match=r"^shift"):
        deep_effective_dof([30, 20], "tanh", shift=shift)


@pytest.mark.parametrize(
    ("weights", "covariance", "named"),
    [
        ([], np.eye(3), "weights"),
        (None, np.eye(3), "weights"),
        ([np.ones((4, 2))], np.eye(3), "weights"),
        ([np.full((4, 3), math.nan)], np.eye(3), "weights"),
        ([np.ones((4, 3))], np.ones((3, 2)), "input_covariance"),
        ([np.ones((4, 3))], np.triu(np.ones((3, 3))), "input_covariance"),
        ([np.ones((4, 3))], np.zeros((3, 3)), "input_covariance"),
        ([np.ones((4, 3))], np.full((3, 3), math.inf), "input_covariance"),
    ],
)
def test_bad_covariance(weights, covariance, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        linearised_covariance(weights, "tanh", covariance)


def test_a_solver_that_fails_raises(monkeypatch):
    from theory.random_features import deep

    monkeypatch.setattr(deep, "solve_input_shift", lambda *_: math.nan)
    with pytest.raises(RuntimeError, match="did not converge"):
        deep_rf_risk([30, 20], "tanh", **GOOD)


def test_a_linear_bottleneck_with_hardly_any_ridge():
    # The features span as many directions as the narrowest layer: ordinary least squares on 3 coordinates.
    for widths in ([96, 3, 61, 7], [96, 3, 61], [96, 3], [3, 61]):
        for ridge in (1e-9, 1e-20, 1e-40):
            risk = deep_rf_risk(widths, "identity", n_samples=40, ridge=ridge, noise_variance=1.0)
            assert risk.test_mse == pytest.approx(40 / 37, rel=1e-7)
            assert risk.train_mse == pytest.approx(37 / 40, rel=1e-7)
