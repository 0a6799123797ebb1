"""Minimum-norm least squares on sketched data: exact finite-size risks, correlated features, the best sketch size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, choice, integer, number, require
from theory.random_features.eigenframework import rf_risk

__all__ = [
    "SketchOptimum",
    "SketchRisk",
    "optimal_sketch",
    "sketched_risk",
    "sketched_risk_correlated",
    "sketched_risk_variance",
    "sketching_symbolic",
]


@dataclass(frozen=True)
class SketchRisk:
    """Bias, variance and their sum; the noise of the test label is not included."""

    bias: float
    variance: float
    risk: float


@dataclass(frozen=True)
class SketchOptimum:
    """Best sketch size as a fraction of the samples, its risk, and which of the three regimes holds."""

    fraction: float
    risk: float
    regime: str


def sketched_risk(
    *,
    n_samples: int,
    n_features: int,
    sketch_size: int,
    signal_power: float,
    noise_variance: float,
    sketch: str = "orthogonal",
    limit: bool = False,
) -> SketchRisk:
    """Mean risk of sketched ridgeless least squares with isotropic Gaussian features.

    Assumptions: rows of X iid N(0, I_p); y = X beta + noise; the estimator is (S X)^+ S y with S of m = ``sketch_size``
    rows, either "orthogonal" (Haar, or plain subsampling of rows) or "iid" (Gaussian entries), independent of the data;
    ``signal_power`` is |beta|^2 and the risk |beta_hat - beta|^2.

    Statement, with n samples and p features: for m < p the bias is signal (1 - m/p) and the variance
    noise m/(p - m - 1) for any sketch of full rank; for m > p the bias is 0 and the variance noise p/(m - p - 1)
    (orthogonal) or noise p/(n - p - 1) (1 + (n - p)/(m - p - 1)) (iid). It is infinite for |m - p| <= 1. With ``limit``
    the proportional limits, which lack the -1 and are infinite at m = p only.

    Kind: exact at every size; asymptotic with ``limit``.

    Raises ``ValueError`` for bad input, in particular unless 0 < sketch_size <= n_samples.

    Source: Chen, Zeng, Yang, Sun (2023), arXiv 2302.01088, Theorem 3.2 for the limit; the finite-size forms are a
    result of this project.
    """
    n = integer("n_samples", n_samples, "[1, inf)")
    p = integer("n_features", n_features, "[1, inf)")
    m = integer("sketch_size", sketch_size, "[1, inf)")
    require(m <= n, "sketch_size", m, f"at most n_samples = {n}")
    signal_power = number("signal_power", signal_power, "[0, inf)")
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    choice("sketch", sketch, ("orthogonal", "iid"))
    finite_size = 0 if limit else 1
    bias = signal_power * (p - m) / p if m < p else 0.0
    excess = abs(m - p) - finite_size
    if noise_variance == 0.0:
        variance = 0.0
    elif excess <= 0:
        variance = math.inf
    elif m < p:
        variance = noise_variance * m / excess
    elif sketch == "orthogonal":
        variance = noise_variance * p / excess
    else:
        variance = noise_variance * p / (n - p - finite_size) * (1.0 + (n - p) / excess)
    return SketchRisk(bias, variance, bias + variance)


def sketched_risk_correlated(
    eigenvalues: Any, target_coefficients: Any, *, sketch_size: int, noise_variance: float
) -> SketchRisk:
    """Risk of sketched ridgeless least squares with correlated features and fewer rows than features.

    Assumptions: feature covariance eigenvalues lambda = ``eigenvalues`` (p,);
    ``target_coefficients[i]**2`` = lambda_i beta_i^2, the power of the target in each direction; any sketch of full
    rank with ``sketch_size`` = m rows; risk |Sigma^{1/2} (beta_hat - beta)|^2. For more rows than features the risk
    does not depend on the covariance and ``sketched_risk`` holds.

    Statement: gamma solves sum lambda/(lambda + gamma) = m. With L = lambda/(lambda + gamma) and q = sum L^2 the bias
    is sum v^2 (1 - L)^2 / (1 - q/m) and the variance noise q/(m - q).

    Kind: asymptotic (relative error of the variance about 1/(p - m)).

    Raises ``ValueError`` for bad input, in particular unless sketch_size is less than the number of positive
    eigenvalues.

    Source: arXiv 2302.01088, Theorem 4.2, whose constant c_0 is -m gamma / p.
    """
    spectrum = array("eigenvalues", eigenvalues, "[0, inf)", shape=(None,))
    sketch_size = integer("sketch_size", sketch_size, "[1, inf)")
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    rank = int(np.count_nonzero(spectrum))
    require(rank > 0, "eigenvalues", eigenvalues, "at least one positive number")
    require(sketch_size < rank, "sketch_size", sketch_size, f"less than the {rank} positive eigenvalues")
    kernel = rf_risk(spectrum, target_coefficients, n_samples=sketch_size, n_features=np.inf, ridge=0.0)
    variance = noise_variance * kernel.modes_squared / sketch_size * kernel.overfitting_factor
    return SketchRisk(kernel.test_mse, variance, kernel.test_mse + variance)


def sketched_risk_variance(*, n_features: int, sketch_size: int, noise_variance: float) -> float:
    """Variance, over the data, of the risk averaged over the noise, for an orthogonal sketch with m >= p rows.

    Assumptions: those of ``sketched_risk``, ``sketch="orthogonal"``. The averaged risk is noise tr W^{-1} with W a
    p-dimensional Wishart matrix of m = ``sketch_size`` degrees of freedom.

    Statement: noise^2 2 p (m - 1) / ((m - p) (m - p - 1)^2 (m - p - 3)) for m > p + 3; infinite for p <= m <= p + 3.

    Kind: exact.

    Raises ``ValueError`` for bad input, in particular for sketch_size < n_features.

    Source: a result of this project; arXiv 2302.01088 has the limit, p (R - noise g/(1 - g)) ->
    N(noise g^2/(1 - g)^2, 2 noise^2 g^3/(1 - g)^4) with g = p/m.
    """
    p = integer("n_features", n_features, "[1, inf)")
    m = integer("sketch_size", sketch_size, "[1, inf)")
    require(m >= p, "sketch_size", m, f"at least n_features = {p}")
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    if noise_variance == 0.0:
        return 0.0
    excess = m - p
    if excess <= 3:
        return math.inf
    return noise_variance**2 * 2.0 * p * (m - 1) / (excess * (excess - 1) ** 2 * (excess - 3))


def optimal_sketch(aspect_ratio: float, *, signal_power: float, noise_variance: float) -> SketchOptimum:
    """Best size of an orthogonal sketch as a fraction of the samples, in the proportional limit.

    Assumptions: those of ``sketched_risk`` with ``limit``; ``aspect_ratio`` phi = features / samples.

    Statement, with a^2 = ``signal_power`` and s^2 = ``noise_variance``. "partial": if a > s and
    1 - s/(2a) < phi <= a/(a - s), keep the fraction phi (a - s)/a, at risk s (2a - s) whatever phi. "null": if a <= s
    and phi > a^2/(a^2 + s^2), keep a vanishing fraction, at risk a^2. "full": otherwise keep everything.

    Kind: asymptotic.

    Raises ``ValueError`` for bad input.

    Source: arXiv 2302.01088, Theorem 3.3.
    """
    aspect_ratio = number("aspect_ratio", aspect_ratio, "(0, inf)")
    signal_power = number("signal_power", signal_power, "[0, inf)")
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    signal, noise = math.sqrt(signal_power), math.sqrt(noise_variance)
    # Multiplied out, so that an aspect ratio of 1 is never "full" when there is noise, however little.
    if signal > noise > 2.0 * signal * (1.0 - aspect_ratio) and aspect_ratio * (signal - noise) <= signal:
        fraction = min(aspect_ratio * (signal - noise) / signal, 1.0)
        return SketchOptimum(fraction, noise * (2.0 * signal - noise), "partial")
    if signal <= noise and aspect_ratio * (signal_power + noise_variance) > signal_power:
        return SketchOptimum(0.0, signal_power, "null")
    if aspect_ratio < 1.0:
        risk = noise_variance * aspect_ratio / (1.0 - aspect_ratio)
    else:
        risk = signal_power * (1.0 - 1.0 / aspect_ratio)
        if noise_variance > 0.0:  # then the aspect ratio is above 1: at 1 another regime holds
            risk += noise_variance / (aspect_ratio - 1.0)
    return SketchOptimum(1.0, risk, "full")


def sketching_symbolic() -> dict[str, Any]:
    """Derive with sympy the best sketch size in the proportional limit.

    Keys: the positive symbols ``aspect_ratio`` phi, ``signal`` a, ``noise`` s and ``relative_size`` t (sketch size over
    features); ``risk`` (for t < 1), ``best_relative_size`` and ``best_risk`` (stationary and convex for a > s),
    ``curvature`` (second derivative of the risk); ``full_risk`` (all rows kept, phi < 1) and the phi above which it is
    the worse choice: ``partial_threshold`` against the best sketch, ``null_threshold`` against no data at all.

    Kind: exact consequence of the limiting risk. Source: arXiv 2302.01088, Theorems 3.2 and 3.3.
    """
    import sympy as sp

    phi, a, s, t = sp.symbols("phi a s t", positive=True)
    risk = a**2 * (1 - t) + s**2 * t / (1 - t)
    # Of the two stationary points 1 -+ s/a one exceeds 1, where this branch of the risk does not hold.
    stationary = [root for root in sp.solve(sp.diff(risk, t), t) if sp.simplify(root - 1).is_negative]
    best_risk = sp.simplify(risk.subs(t, stationary[0]))
    full_risk = s**2 * phi / (1 - phi)
    return {
        "aspect_ratio": phi,
        "signal": a,
        "noise": s,
        "relative_size": t,
        "risk": risk,
        "curvature": sp.simplify(sp.diff(risk, t, 2)),
        "best_relative_size": sp.simplify(stationary[0]),
        "best_risk": sp.factor(best_risk),
        "full_risk": full_risk,
        "partial_threshold": sp.simplify(sp.solve(sp.Eq(full_risk, best_risk), phi)[0]),
        "null_threshold": sp.solve(sp.Eq(full_risk, a**2), phi)[0],
    }
