"""Deep random features: covariance, degrees of freedom and ridge regression, averaged over the weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, integer, number, require
from theory.random_features._deep_equivalent import (
    equivalent_at,
    shift_of_ridge,
    solve_input_shift,
    teacher_sums,
)
from theory.random_features.activations import ActivationCoefficients, deep_rf_layers

__all__ = [
    "DeepRFRisk",
    "deep_effective_dof",
    "deep_rf_linear_target_risk",
    "deep_rf_risk",
    "deep_rf_symbolic",
    "linearised_covariance",
]

_NO_LINEAR_PART = 1e-24  # share of the second moment below which the linear part is rounding of the quadrature


@dataclass(frozen=True)
class DeepRFRisk:
    """Ridge regression on deep random features; ``test_mse`` includes the label noise."""

    test_mse: float
    train_mse: float
    kappa: float
    modes_learned: float
    modes_squared: float


@dataclass(frozen=True)
class DeepNetwork:
    """What the layerwise equivalent needs: input eigenvalues, widths, kappa_1^2 and kappa_star^2 of every layer."""

    input_eigenvalues: np.ndarray
    widths: np.ndarray
    linear: np.ndarray
    noise: np.ndarray

    def input_shift(self, *, shift: float = 0.0, n_samples: float = 0.0, ridge: float = 0.0) -> float:
        """Return log mu_1 where the last layer sees ``shift``, or else where the fit has that ``ridge``."""
        start = math.log(self.input_eigenvalues.mean())
        log_mu = solve_input_shift(
            self.input_eigenvalues, self.widths, self.linear, self.noise, shift, n_samples, ridge, start
        )
        if not math.isfinite(log_mu):
            raise RuntimeError(
                f"the deterministic equivalent did not converge at widths "
                f"{self.widths.tolist()}, shift {shift:g}, n_samples {n_samples:g}, ridge {ridge:g}"
            )
        return log_mu

    def feature_variance(self) -> float:
        """Return the mean eigenvalue of the last layer's covariance."""
        variance = float(self.input_eigenvalues.mean())
        for linear, noise in zip(self.linear, self.noise, strict=True):
            variance = float(linear * variance + noise)
        return variance

    def equivalent(self, log_mu: float, shift: float) -> tuple[float, float, float]:
        """Return D_L, D_L - q and 1 - dlog mu_1/dlog s, the last layer seeing ``shift``."""
        return equivalent_at(log_mu, shift, self.input_eigenvalues, self.widths, self.linear, self.noise)


def deep_network(widths: Sequence[int], activation: Any, input_eigenvalues: Any) -> DeepNetwork:
    """Validate the description of a network and return its coefficients."""
    sizes = array("widths", widths, "[1, inf)", shape=(None,))
    require(sizes.size >= 2, "widths", widths, "at least the input dimension and one layer")
    sizes = np.array([integer("widths", size, "[1, inf)") for size in sizes], dtype=np.float64)
    dimension = int(sizes[0])
    if input_eigenvalues is None:
        spectrum = np.ones(dimension)
    else:
        spectrum = array("input_eigenvalues", input_eigenvalues, "[0, inf)", shape=(dimension,))
        require(bool(spectrum.any()), "input_eigenvalues", input_eigenvalues, "at least one positive number")
    layers = _linear_layers(activation, sizes.size - 1, float(spectrum.mean()))
    linear = np.array([layer.kappa_1**2 for layer in layers])
    noise = np.array([layer.kappa_star**2 for layer in layers])
    return DeepNetwork(spectrum, sizes, linear, noise)


def _linear_layers(activation: Any, n_layers: int, input_variance: float) -> tuple[ActivationCoefficients, ...]:
    layers = deep_rf_layers(activation, n_layers, input_variance=input_variance)
    variance = input_variance
    for layer in layers:
        linear = variance * layer.kappa_1**2
        variance = linear + layer.kappa_star**2  # of the next preactivation
        rule = "a function with a linear part, E[u sigma(u)] != 0 (an even one passes no information to the next layer)"
        require(linear > _NO_LINEAR_PART * layer.second_moment, "activation", activation, rule)
    return layers


def linearised_covariance(weights: Sequence[np.ndarray], activation: Any, input_covariance: np.ndarray) -> np.ndarray:
    """Population covariance of the last layer of a given network, as if every layer were linear plus noise.

    Assumptions: inputs N(0, ``input_covariance``); ``weights[l]`` of shape (k_{l+1}, k_l) with entries like
    independent standard normals, applied over the square root of the fan-in; activations centred by their Gaussian
    mean; all widths large and proportional.

    Statement: layer by layer, Omega_l = kappa_1^2 W_l Omega_{l-1} W_l^T / k_{l-1} + kappa_star^2 I, with the
    coefficients of ``deep_rf_layers``.

    Kind: asymptotic (entries up to O(1/sqrt(width)), traces of resolvents up to O(1/width)).

    Returns an array of shape (k_L, k_L). Costs one product of the widths of each pair of layers.

    Raises ``ValueError`` for bad input.

    Source: Schroeder, Cui, Dmitriev, Loureiro (2023), arXiv 2302.00401, eqs. (10)-(11) and Theorem 3.3.
    """
    covariance = array("input_covariance", input_covariance, shape=(None, None))
    dimension = covariance.shape[0]
    require(covariance.shape[1] == dimension, "input_covariance", covariance.shape, "a square matrix")
    asymmetry = float(np.abs(covariance - covariance.T).max())
    rule = f"a symmetric matrix (largest difference from its transpose: {asymmetry:.3g})"
    require(asymmetry <= 1e-10 * np.abs(covariance).max(), "input_covariance", covariance, rule)
    require(np.trace(covariance) > 0.0, "input_covariance", float(np.trace(covariance)), "a positive trace")
    require(hasattr(weights, "__len__") and len(weights) > 0, "weights", weights, "a list of at least one matrix")
    layers = _linear_layers(activation, len(weights), float(np.trace(covariance)) / dimension)
    for layer, matrix in zip(layers, weights, strict=True):
        fan_in = covariance.shape[0]
        matrix = array("weights", matrix, shape=(None, fan_in))
        covariance = layer.kappa_1**2 / fan_in * (matrix @ covariance @ matrix.T)
        covariance[np.diag_indices_from(covariance)] += layer.kappa_star**2
    return covariance


def deep_effective_dof(widths: Sequence[int], activation: Any, *, shift: float, input_eigenvalues: Any = None) -> float:
    """Effective degrees of freedom of deep random features, averaged over the weights.

    Assumptions: as in ``linearised_covariance``; Gaussian inputs of covariance eigenvalues ``input_eigenvalues``
    (shape (d,), default all 1); ``widths`` = [d, k_1, ..., k_L].

    Statement: D_L(s) = tr Omega_L (Omega_L + s)^{-1} is found layer by layer from D_0(mu) = sum w/(w + mu) by
    k_l - D_{l-1}(mu_l) = (kappa_star^2 + s) k_{l-1} / (kappa_1^2 mu_l) and
    D_l(s) = (s D_{l-1}(mu_l) + kappa_star^2 k_l) / (s + kappa_star^2). All maps increase with mu_1, so that one scalar
    root serves any depth (the single root is a result of this project). Costs O(d + L) for each of about ten steps.

    Kind: asymptotic (fluctuations O(1) on D of the order of the widths).

    Arguments: ``shift`` is s > 0, in the units of the covariance.

    Raises ``ValueError`` for bad input, ``RuntimeError`` if the root is not found.

    Source: arXiv 2302.00401, Theorem 3.3.
    """
    network = deep_network(widths, activation, input_eigenvalues)
    shift = number("shift", shift, "(0, inf)")
    return network.equivalent(network.input_shift(shift=shift), shift)[0]


def deep_rf_risk(
    widths: Sequence[int],
    activation: Any,
    *,
    n_samples: float,
    ridge: float,
    noise_variance: float = 0.0,
    input_eigenvalues: Any = None,
) -> DeepRFRisk:
    """Ridge regression on deep random features of a target that is linear in the same features.

    Assumptions: those of ``linearised_covariance``; features u = h_L / sqrt(k_L); labels theta . u + noise with
    theta ~ N(0, I); the fit minimises the sum of squares plus ``ridge`` times the squared norm, ``ridge`` > 0.

    Statement: kappa solves n = D_L(k_L kappa) + ridge / kappa. With q = sum over eigenvalues of Omega_L of
    (w/(w + k_L kappa))^2, the test error (with label noise) is n kappa + n (noise - ridge)/(n - q) and the training
    error (1 - D_L/n)^2 times that. The best ridge is the noise variance; the test error is then n kappa.

    Kind: asymptotic (widths and samples proportional; O(1/n) corrections).

    Returns ``DeepRFRisk``: errors in squared units of the labels, ``kappa``, ``modes_learned`` = D_L and
    ``modes_squared`` = q.

    Raises ``ValueError`` for bad input, ``RuntimeError`` if the root is not found.

    Source: arXiv 2302.00401, sec. 4 and Theorem 3.3; the average over the weights in this form is a result of this
    project.
    """
    network = deep_network(widths, activation, input_eigenvalues)
    n_samples, ridge, noise_variance = _fit_parameters(n_samples, ridge, noise_variance)
    log_mu, shift = _solve_ridge(network, n_samples, ridge)
    learned, partly, _ = network.equivalent(log_mu, shift)
    kappa = shift / float(network.widths[-1])
    # n kappa - n ridge / (n - q) with ridge = kappa (n - D) is n kappa (D - q) / (n - q): no subtraction is left.
    slack = ridge / (kappa * n_samples)
    test = (kappa * partly + noise_variance) / (slack + partly / n_samples)
    return DeepRFRisk(test, slack**2 * test, kappa, learned, learned - partly)


def deep_rf_linear_target_risk(
    widths: Sequence[int],
    activation: Any,
    *,
    teacher_power: Any,
    target_variance: float,
    n_samples: float,
    ridge: float,
    noise_variance: float = 0.0,
    input_eigenvalues: Any = None,
) -> DeepRFRisk:
    """Ridge regression on deep random features of any target, known by its linear part in the input.

    Assumptions: those of ``linearised_covariance``; the target has variance ``target_variance`` = rho and its linear
    part is beta . x / sqrt(d), with beta_i^2 = ``teacher_power`` = tau_i in the eigenbasis of the input covariance
    (scalar or shape (d,)); the rest acts as noise. The readout of a random hidden layer with activation sigma_* has
    tau = kappa_1^2 and rho = the centred second moment of sigma_*, both at the mean input eigenvalue.

    Statement: with mu_1 and s = k_L kappa at the solution, T = (1/d) sum w^2 tau / (w + mu_1) and T' = dT/dlog s < 0,
    the test error (with label noise) is (rho + noise - T + T') / (1 - q/n), the training error (1 - D_L/n)^2 times
    that.

    Kind: asymptotic (measured gap at widths and teacher of 200: 0.5 %).

    Raises ``ValueError`` for bad input (also if the linear part alone exceeds ``target_variance``), ``RuntimeError`` if
    the root is not found.

    Source: a result of this project, averaging arXiv 2302.00401, App. D.2 (numbering unverified) over the weights.
    """
    network = deep_network(widths, activation, input_eigenvalues)
    powers, _, misfit = linear_teacher(network, teacher_power, target_variance)
    n_samples, ridge, noise_variance = _fit_parameters(n_samples, ridge, noise_variance)
    log_mu, shift = _solve_ridge(network, n_samples, ridge)
    learned, partly, stiffness = network.equivalent(log_mu, shift)
    _, _, missed = teacher_sums(log_mu, stiffness, network.input_eigenvalues, powers)
    kappa = shift / float(network.widths[-1])
    slack = ridge / (kappa * n_samples)
    test = (missed + misfit + noise_variance) / (slack + partly / n_samples)
    return DeepRFRisk(test, slack**2 * test, kappa, learned, learned - partly)


def linear_teacher(network: DeepNetwork, teacher_power: Any, target_variance: float) -> tuple[np.ndarray, float, float]:
    """Validate a target; return its powers by input mode, its variance, and the part of it that is not linear."""
    dimension = network.input_eigenvalues.size
    if np.ndim(teacher_power) == 0:
        powers = np.full(dimension, number("teacher_power", teacher_power, "[0, inf)"))
    else:
        powers = array("teacher_power", teacher_power, "[0, inf)", shape=(dimension,))
    variance = number("target_variance", target_variance, "(0, inf)")
    linear = float(np.mean(network.input_eigenvalues * powers))
    rule = f"at least the variance of the linear part of the target, {linear:.12g}"
    require(variance >= linear * (1.0 - 1e-12), "target_variance", variance, rule)
    return powers, variance, max(variance - linear, 0.0)


def _fit_parameters(n_samples: float, ridge: float, noise_variance: float) -> tuple[float, float, float]:
    return (
        number("n_samples", n_samples, "(0, inf)"),
        number("ridge", ridge, "(0, inf)"),
        number("noise_variance", noise_variance, "[0, inf)"),
    )


def _solve_ridge(network: DeepNetwork, n_samples: float, ridge: float) -> tuple[float, float]:
    """Return log mu_1 and the shift s = k_L kappa of the last layer."""
    log_mu = network.input_shift(n_samples=n_samples, ridge=ridge)
    shift = shift_of_ridge(
        log_mu, network.input_eigenvalues, network.widths, network.linear, network.noise, n_samples, ridge
    )
    return log_mu, shift


def deep_rf_symbolic() -> dict[str, Any]:
    """Derive with sympy the one-layer equivalent for inputs of identity covariance, where mu_1 is a quadratic root.

    Keys: the positive symbols ``dimension``, ``width``, ``linear`` (kappa_1^2), ``noise`` (kappa_star^2), ``shift``;
    ``input_shift_symbol`` (mu_1); ``quadratic`` (a polynomial that vanishes at mu_1), ``input_shift`` (its positive
    root) and ``effective_dof`` (D_1 at that root).

    Kind: exact consequence of the equivalent. Source: arXiv 2302.00401, Theorem 3.3 with one layer.
    """
    import sympy as sp

    d, k, a, s, mu = sp.symbols("d k a s mu", positive=True)
    b = sp.Symbol("b", nonnegative=True)
    learned = d / (1 + mu)
    quadratic = sp.numer(sp.together(k - learned - (b + s) * d / (a * mu)))
    polynomial = sp.Poly(quadratic, mu)
    leading, middle, constant = polynomial.all_coeffs()
    # The product of the roots, constant/leading = -(b + s) d / (a k), is negative: one root is positive.
    root = (-middle + sp.sqrt(middle**2 - 4 * leading * constant)) / (2 * leading)
    return {
        "dimension": d,
        "width": k,
        "linear": a,
        "noise": b,
        "shift": s,
        "input_shift_symbol": mu,
        "quadratic": polynomial.as_expr(),
        "input_shift": root,
        "effective_dof": (s * learned.subs(mu, root) + b * k) / (s + b),
    }
