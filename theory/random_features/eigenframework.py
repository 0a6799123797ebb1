"""Test and training error of random-feature ridge regression from the kernel spectrum.

Setting shared by the functions of this module. The kernel is K(x, x') = E_w g(w, x) g(w, x') =
sum_i eigenvalues[i] phi_i(x) phi_i(x'), the target is sum_i target_coefficients[i] phi_i plus label noise, and the
predictor is kernel ridge regression with the sampled kernel Phi Phi^T, Phi = g(w_j, x_i) / sqrt(n_features), and
inverse (Phi Phi^T + ridge I)^{-1}: the ridge is not divided by n_samples. Errors are mean squared errors; the test
error includes the label noise. ``n_features`` may be infinite (kernel ridge regression).

A group of equal eigenvalues may be given once with its ``multiplicities`` entry (any positive number); then
``target_coefficients[i] ** 2`` is the total squared coefficient of the group. ``tail_trace`` and ``tail_power`` are
the trace and the squared target coefficient of omitted modes whose eigenvalues lie far below gamma.

Source: Simon, Karkada, Ghosh and Belkin, "More is Better in Modern Machine Learning", arXiv 2311.14646, the
random-feature eigenframework (numbering unverified). Nature: asymptotic, n_samples and n_features large together,
with relative corrections of order 1 / n_samples observed for Gaussian features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numba import njit

from assay.base import array, number, require
from theory._spectrum import (
    Spectrum,
    fixed_point,
    for_evaluations,
    read_spectrum,
    spectral_sums,
)

__all__ = [
    "RFRisk",
    "mode_learnabilities",
    "rf_ensemble_risk",
    "rf_infinite_data_risk",
    "rf_risk",
    "rf_risk_at_gamma",
]


@dataclass(frozen=True)
class RFRisk:
    """Predicted errors and the constants behind them: floats, or arrays of the broadcast shape of the arguments.

    ``gamma`` and ``kappa`` are the two implicit constants, ``modes_learned`` z = sum L and ``modes_squared``
    q = sum L^2 over modes of learnability L = eigenvalue / (eigenvalue + gamma). ``bias`` is the error of the mean
    predictor before it is inflated: test_mse = overfitting_factor * (bias + noise_variance).
    ``fitting_ratio`` = train_mse / test_mse = (1 - z / n_samples)^2.
    """

    test_mse: Any
    train_mse: Any
    fitting_ratio: Any
    bias: Any
    overfitting_factor: Any
    gamma: Any
    kappa: Any
    ridge: Any
    modes_learned: Any
    modes_squared: Any


N_FIELDS = len(fields(RFRisk))


def rf_risk(
    eigenvalues: Any,
    target_coefficients: Any,
    *,
    n_samples: Any,
    n_features: Any,
    ridge: Any,
    noise_variance: Any = 0.0,
    multiplicities: Any | None = None,
    tail_trace: float = 0.0,
    tail_power: float = 0.0,
) -> RFRisk:
    """Predict test and training error of random-feature ridge regression.

    Statement: gamma solves ridge = gamma (1 - z/k) (n - z), z < min(n, k), with n samples and k features; then, with
    eta = (z - q) / (k - q),

        test = [sum v^2 ((1 - L)^2 + L (1 - L) eta) + tail_power + noise] / [1 - (q + (z - q) eta) / n],
        train = (1 - z/n)^2 test.

    Arguments: ``eigenvalues``, ``target_coefficients`` and ``multiplicities`` of shape (M,); ``n_samples`` > 0,
    ``n_features`` in (0, inf], ``ridge`` >= 0 and ``noise_variance`` >= 0 broadcast against each other.

    At ridge 0 with n_samples equal to n_features the test error is infinite and the training error zero (their limits),
    unless no more than that many eigenvalues are positive and nothing else is left to learn. Cost: about ten passes
    over the modes per point; from four points on, a spectrum of 1000 modes or more is first compressed to a few
    hundred nodes without loss, after which a point costs microseconds.

    Raises ``ValueError`` naming the parameter that is out of range; ``RuntimeError`` if the fixed point is not found.
    """
    spectrum = read_spectrum(eigenvalues, target_coefficients, multiplicities, tail_trace, tail_power)
    points, shape = _broadcast(
        array("n_samples", n_samples, "(0, inf)"),
        array("n_features", n_features, "(0, inf]"),
        array("ridge", ridge, "[0, inf)"),
        array("noise_variance", noise_variance, "[0, inf)"),
    )
    rows = _solve_points(for_evaluations(spectrum, points.shape[1]), points)
    failed = np.flatnonzero(np.isnan(rows[5]))
    if failed.size:
        raise RuntimeError(f"fixed point not found at {_describe(points[:, failed[0]])}")
    return _package(rows, shape)


def rf_risk_at_gamma(
    eigenvalues: Any,
    target_coefficients: Any,
    gamma: Any,
    *,
    n_samples: Any,
    n_features: Any,
    noise_variance: Any = 0.0,
    multiplicities: Any | None = None,
    tail_trace: float = 0.0,
    tail_power: float = 0.0,
) -> RFRisk:
    """Predict the errors at the ridge that realises a given implicit constant ``gamma``; nothing is solved.

    Statement and nature as in :func:`rf_risk`, read in the other direction: the ridge gamma (1 - z/k) (n - z) is an
    output. ``gamma`` >= 0 broadcasts with the other scalars. It must not learn more than min(n_samples, n_features)
    modes; an excess below 1e-12 of it counts as rounding and as ridge 0.

    Raises ``ValueError`` naming the parameter, ``gamma`` if it belongs to a negative ridge.
    """
    spectrum = read_spectrum(eigenvalues, target_coefficients, multiplicities, tail_trace, tail_power)
    points, shape = _broadcast(
        array("n_samples", n_samples, "(0, inf)"),
        array("n_features", n_features, "(0, inf]"),
        array("gamma", gamma, "[0, inf)"),
        array("noise_variance", noise_variance, "[0, inf)"),
    )
    if spectrum.tail_trace > 0.0:
        require(bool((points[2] > 0.0).all()), "gamma", 0.0, "a positive number where tail_trace is positive")
    rows = evaluate_points(for_evaluations(spectrum, points.shape[1]), points)
    failed = np.flatnonzero(np.isnan(rows[5]))
    if failed.size:
        n, k, value, _ = points[:, failed[0]]
        require(False, "gamma", float(value), f"a gamma that learns at most min({n:g}, {k:g}) modes")
    return _package(rows, shape)


def mode_learnabilities(
    eigenvalues: Any,
    *,
    n_samples: float,
    n_features: float,
    ridge: float,
    multiplicities: Any | None = None,
    tail_trace: float = 0.0,
) -> np.ndarray:
    """Return the learnability L of every mode, shape (M,): the expected learnt coefficient is L times the true one.

    Statement: L = eigenvalue / (eigenvalue + gamma), gamma as in :func:`rf_risk`. The sum over modes (with
    multiplicities, plus tail_trace / gamma) predicts the trace of Phi Phi^T (Phi Phi^T + ridge)^{-1}, which bounds it
    by min(n_samples, n_features) for every draw. Nature: asymptotic. ``n_samples``, ``n_features`` and ``ridge`` are
    scalars. Raises ``ValueError`` naming the parameter.
    """
    spectrum = read_spectrum(eigenvalues, None, multiplicities, tail_trace)
    gamma = _scalar_fixed_point(spectrum, n_samples, n_features, ridge)[3]
    values = np.asarray(eigenvalues, dtype=np.float64)
    return np.divide(values, values + gamma, out=np.zeros_like(values), where=values > 0.0)


def rf_ensemble_risk(
    eigenvalues: Any,
    target_coefficients: Any,
    *,
    n_samples: float,
    n_features: float,
    ridge: float,
    n_ensemble: float,
    noise_variance: float = 0.0,
) -> float:
    """Predict the test error of the mean of ``n_ensemble`` random-feature predictors trained on the same data.

    Statement: E_N = E_inf + (E_1 - E_inf) / N, where E_1 is the error of one predictor and E_inf the kernel ridge
    error at the gamma of one predictor, that is at the larger ridge gamma (n - z). Nature: asymptotic. Source: a
    consequence of arXiv 2311.14646 drawn here, not stated there. All sizes are scalars, ``n_ensemble`` in [1, inf].
    Raises ``ValueError`` naming the parameter.
    """
    spectrum = read_spectrum(eigenvalues, target_coefficients)
    count = number("n_ensemble", n_ensemble, "[1, inf]")
    noise = number("noise_variance", noise_variance, "[0, inf)")
    n, k, delta, gamma = _scalar_fixed_point(spectrum, n_samples, n_features, ridge)
    slack, wide_slack = _slacks(spectrum, n, k, delta, gamma)
    sums = spectral_sums(spectrum, gamma)
    wide = _assemble(sums, n, slack, math.inf, noise)[0]
    single = _assemble(sums, n, slack, wide_slack, noise)[0]
    if math.isinf(count):
        return wide
    if math.isinf(single):
        return single
    return wide + (single - wide) / count


def rf_infinite_data_risk(
    eigenvalues: Any, target_coefficients: Any, *, n_features: float, multiplicities: Any | None = None
) -> float:
    """Predict the noise-free test error of ``n_features`` random features with infinitely many samples.

    Statement: sum v^2 gamma / (eigenvalue + gamma) with sum eigenvalue / (eigenvalue + gamma) = n_features; zero-ridge
    and any fixed ridge agree. Label noise adds its variance. Nature: asymptotic in n_features. ``n_features`` is a
    scalar in (0, inf]. Raises ``ValueError`` naming the parameter.
    """
    spectrum = read_spectrum(eigenvalues, target_coefficients, multiplicities)
    k = number("n_features", n_features, "(0, inf]")
    gamma = fixed_point(spectrum, math.inf, k, 0.0)
    if math.isnan(gamma):
        raise RuntimeError(f"fixed point not found at n_features = {k:g}")
    _, _, _, _, unlearnt, crossing = spectral_sums(spectrum, gamma)
    return unlearnt + crossing


def _scalar_fixed_point(spectrum: Spectrum, n_samples: Any, n_features: Any, ridge: Any) -> tuple[float, ...]:
    n = number("n_samples", n_samples, "(0, inf)")
    k = number("n_features", n_features, "(0, inf]")
    delta = number("ridge", ridge, "[0, inf)")
    gamma = fixed_point(spectrum, n, k, delta)
    if math.isnan(gamma):
        raise RuntimeError(f"fixed point not found at {_describe((n, k, delta, 0.0))}")
    return n, k, delta, gamma


def _broadcast(*arguments: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the arguments as the rows of one array, and the shape they broadcast to."""
    try:
        grids = np.broadcast_arrays(*arguments)
    except ValueError:
        shapes = ", ".join(str(argument.shape) for argument in arguments)
        require(False, "n_samples", f"array of shape {arguments[0].shape}", f"shapes that broadcast, not {shapes}")
    return np.stack([grid.ravel() for grid in grids]), grids[0].shape


def _describe(point: Any) -> str:
    return "n_samples = {:g}, n_features = {:g}, ridge = {:g}".format(*point[:3])


def _package(rows: np.ndarray, shape: tuple[int, ...]) -> RFRisk:
    if shape:
        return RFRisk(*(row.reshape(shape) for row in rows))
    return RFRisk(*(float(row[0]) for row in rows))


@njit(cache=True, nogil=True, error_model="numpy")
def _slacks(spectrum, n, k, ridge, gamma):
    """Return (n - z, k - z) at a solved fixed point without cancellation.

    Their product is k ridge / gamma and their difference k - n is given, so both follow from a quadratic.
    """
    if gamma == 0.0:
        return n - spectrum.rank, k - spectrum.rank
    if math.isinf(k):
        return ridge / gamma, k
    product = ridge / gamma * k
    larger = 0.5 * (abs(k - n) + math.hypot(k - n, 2.0 * math.sqrt(product)))
    smaller = product / larger if larger > 0.0 else 0.0
    return (smaller, larger) if n <= k else (larger, smaller)


@njit(cache=True, nogil=True, error_model="numpy")
def _assemble(sums, n, slack, wide_slack, noise):
    """Return (test, train, fitting ratio, bias, overfitting factor) from the sums and the slacks n - z, k - z.

    The denominator 1 - (q + (z - q) eta) / n equals (slack + eta wide_slack) / n: no term is subtracted.
    """
    _, _, spread, _, unlearnt, crossing = sums
    if math.isinf(wide_slack):
        eta, weighted = 0.0, spread
    elif spread == 0.0:
        eta, weighted = 0.0, 0.0
    else:
        eta = spread / (spread + wide_slack)
        weighted = eta * wide_slack
    bias = unlearnt + eta * crossing
    total = bias + noise
    denominator = slack + weighted
    factor = n / denominator if denominator > 0.0 else np.inf
    test = factor * total if total > 0.0 else 0.0
    relative_slack = slack / n
    train = relative_slack * (slack / denominator) * total if slack > 0.0 else 0.0
    return test, train, relative_slack**2, bias, factor


@njit(cache=True, nogil=True, error_model="numpy")
def _solve_points(spectrum, points):
    """Fill one row per field of ``RFRisk`` for points of rows (n, k, ridge, noise); NaN where nothing was found."""
    rows = np.full((N_FIELDS, points.shape[1]), np.nan)
    for i in range(points.shape[1]):
        n, k, ridge, noise = points[:, i]
        gamma = fixed_point(spectrum, n, k, ridge)
        if math.isnan(gamma):
            continue
        slack, wide_slack = _slacks(spectrum, n, k, ridge, gamma)
        sums = spectral_sums(spectrum, gamma)
        kappa = gamma if math.isinf(k) else gamma * (wide_slack / k)
        learned = min(n, k) if ridge == 0.0 and gamma > 0.0 else sums[0] + sums[1]
        rows[:5, i] = _assemble(sums, n, slack, wide_slack, noise)
        rows[5:, i] = gamma, kappa, ridge, learned, sums[3]
    return rows


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate_points(spectrum, points):
    """Fill one row per field of ``RFRisk`` for points of rows (n, k, gamma, noise); NaN where the ridge is negative."""
    rows = np.full((N_FIELDS, points.shape[1]), np.nan)
    for i in range(points.shape[1]):
        n, k, gamma, noise = points[:, i]
        sums = spectral_sums(spectrum, gamma)
        slack, wide_slack = (n - sums[0]) - sums[1], (k - sums[0]) - sums[1]
        if min(slack, wide_slack) < -1e-12 * min(n, k):
            continue
        slack, wide_slack = max(slack, 0.0), max(wide_slack, 0.0)
        kappa = gamma if math.isinf(k) else gamma * (wide_slack / k)
        rows[:5, i] = _assemble(sums, n, slack, wide_slack, noise)
        rows[5:, i] = gamma, kappa, kappa * slack, sums[0] + sums[1], sums[3]
    return rows
