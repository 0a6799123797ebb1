"""The ridge that minimises the predicted test error of random-feature ridge regression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from assay.base import number, require
from theory._spectrum import Spectrum, fixed_point, for_evaluations, read_spectrum
from theory.random_features.eigenframework import RFRisk, evaluate_points, rf_risk

__all__ = ["rf_optimal_ridge"]

SCAN_POINTS = 500


def rf_optimal_ridge(
    eigenvalues: Any,
    target_coefficients: Any,
    *,
    n_samples: float,
    n_features: float,
    noise_variance: float = 0.0,
    multiplicities: Any | None = None,
    tail_trace: float = 0.0,
    tail_power: float = 0.0,
) -> RFRisk:
    """Return the predicted errors at the ridge >= 0 of least test error.

    Assumptions and normalisations of :func:`rf_risk`; sizes are scalars. The error is minimised over log gamma, from
    the gamma of ridge 0 upwards, by a scan and a local search around each of its best local minima, since a rough
    spectrum can have several. Where interpolation wins the result has ``ridge`` and ``fitting_ratio`` exactly 0 (for
    n_samples at most the number of modes and of features). The error is flat at its minimum: it is accurate to
    rounding, the ridge to about 1e-7.

    The minimum over the ridge falls with n_samples and with n_features (arXiv 2311.14646, Theorem 1, numbering
    unverified). Nature: asymptotic. Raises ``ValueError`` naming the parameter, ``target_coefficients`` if no positive
    eigenvalue carries any target, since then no finite ridge is best.
    """
    spectrum = read_spectrum(eigenvalues, target_coefficients, multiplicities, tail_trace, tail_power)
    n = number("n_samples", n_samples, "(0, inf)")
    k = number("n_features", n_features, "(0, inf]")
    noise = number("noise_variance", noise_variance, "[0, inf)")
    aligned = float((spectrum.eigenvalues / spectrum.trace) @ spectrum.powers)
    rule = "a target with weight on a positive eigenvalue"
    require(aligned > 0.0, "target_coefficients", "array of zero weight on the kernel", rule)

    nodes = for_evaluations(spectrum, SCAN_POINTS)
    start = fixed_point(nodes, n, k, 0.0)
    if math.isnan(start):
        raise RuntimeError(f"fixed point not found at n_samples = {n:g}, n_features = {k:g}, ridge = 0")
    low = start if start > 0.0 else 1e-10 * spectrum.smallest
    grid = np.linspace(math.log(low), math.log(_largest_gamma(spectrum, n, k, noise, aligned)), SCAN_POINTS)

    def rows_at(log_gamma: Any) -> np.ndarray:
        log_gamma = np.atleast_1d(log_gamma)
        points = np.empty((4, log_gamma.size))
        points[0], points[1], points[2], points[3] = n, k, np.exp(log_gamma), noise
        return evaluate_points(nodes, points)

    def test_error(log_gamma: float) -> float:
        return float(rows_at(log_gamma)[0, 0])

    # Rounding can put the left end just outside the admissible range, where rows are NaN.
    scan = np.nan_to_num(rows_at(grid)[0], nan=np.inf)
    neighbours = np.minimum(np.append(scan[1:], np.inf), np.insert(scan[:-1], 0, np.inf))
    candidates = np.flatnonzero(scan <= neighbours)
    candidates = candidates[np.argsort(scan[candidates], kind="stable")][:5]
    best_error, best = math.inf, grid[0]
    for index in candidates.tolist():
        left, right = grid[max(index - 1, 0)], grid[min(index + 1, SCAN_POINTS - 1)]
        found = minimize_scalar(test_error, bounds=(left, right), method="bounded", options={"xatol": 1e-10})
        if found.fun < best_error:
            best_error, best = found.fun, found.x
    interpolating = rf_risk(
        eigenvalues,
        target_coefficients,
        n_samples=n,
        n_features=k,
        ridge=0.0,
        noise_variance=noise,
        multiplicities=multiplicities,
        tail_trace=tail_trace,
        tail_power=tail_power,
    )
    if interpolating.test_mse <= best_error:
        return interpolating
    return RFRisk(*(float(value) for value in rows_at(best)[:, 0]))


def _largest_gamma(spectrum: Spectrum, n: float, k: float, noise: float, aligned: float) -> float:
    """Return a gamma beyond which the test error only rises towards that of the zero predictor.

    In units of the trace it departs from that one by -2 aligned / gamma + spread / gamma^2 at large gamma.
    """
    relative = spectrum.eigenvalues / spectrum.trace
    total = float(spectrum.powers.sum()) + spectrum.tail_power + noise
    spread = 3.0 * float(relative**2 @ spectrum.powers)
    spread += total * (float(relative**2 @ spectrum.multiplicities) / n + 1.0 / n / k)
    return min(100.0 * spectrum.trace * (1.0 / min(n, k) + 1.0 + spread / aligned), 1e308)
