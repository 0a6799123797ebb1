"""Kernels of the layerwise deterministic equivalent: degrees of freedom of deep features from one scalar unknown.

Everything is a function of mu_1, the shift seen by the input covariance, and climbs from layer to layer. Each quantity
is kept in a form that is a sum of positive terms; differentiation is with respect to log mu_1. One subtraction remains,
width - D below a layer narrower than its input. It is harmless where kappa_star > 0. In a linear network it blurs a
shift near 0, so that the ridge's own equation gives the last shift wherever it can.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

import assay.base  # noqa: F401  installs the cache locator of the kernels

MAX_STEPS = 400  # bisection alone needs about 60 once the root is bracketed, Newton about 8
_TOLERANCE = 4e-15  # of log mu_1: the noise of the sums, not of the method


@njit(cache=True, nogil=True)
def _input_sums(mu: float, eigenvalues: np.ndarray) -> tuple[float, float, float]:
    """Return D_0 = sum w/(w + mu), d - D_0, and -dD_0/dlog mu."""
    learned, unlearned, slope = 0.0, 0.0, 0.0
    for eigenvalue in eigenvalues:
        share = eigenvalue / (eigenvalue + mu)
        rest = mu / (eigenvalue + mu)
        learned += share
        unlearned += rest
        slope += share * rest
    return learned, unlearned, slope


@njit(cache=True, nogil=True)
def _ascend(
    shift: float,
    dof: float,
    gap: float,
    slope: float,
    mu: float,
    excess: float,
    lift: float,
    noise: float,
    width: float,
) -> tuple[float, float, float, float]:
    """Lift the degrees of freedom through one layer.

    Below the layer: ``dof`` = D(mu), ``gap`` = width - D(mu), ``slope`` = -D', ``excess`` = mu' - mu; ``lift`` =
    kappa_1^2 mu / fan_in, ``noise`` = kappa_star^2. Above it, at ``shift``: D, width - D, -D', shift' - shift.
    """
    total = shift + noise
    excess_above = noise + total * excess / mu + lift * slope
    dof_above = (shift * dof + noise * width) / total
    slope_above = (shift * slope + (shift + excess_above) * noise * gap / total) / total
    return dof_above, shift * gap / total, slope_above, excess_above


@njit(cache=True, nogil=True)
def _climb(
    log_mu: float, eigenvalues: np.ndarray, widths: np.ndarray, linear: np.ndarray, noise: np.ndarray
) -> tuple[bool, float, float, float, float, float, float]:
    """Climb from mu_1 to just below the last layer.

    Return whether mu_1 is large enough to get there, then dof, gap, slope, mu, excess and lift as in ``_ascend``.
    """
    mu, excess = math.exp(log_mu), 0.0
    dof, unlearned, slope = _input_sums(mu, eigenvalues)
    last = linear.size - 1
    for layer in range(last + 1):
        fan_in, width = widths[layer], widths[layer + 1]
        # The wide case adds positive numbers; the narrow one must subtract.
        gap = width - dof if width < fan_in else (width - fan_in) + unlearned
        lift = linear[layer] * mu / fan_in
        if gap <= 0.0:
            break
        if layer == last:
            return True, dof, gap, slope, mu, excess, lift
        shift = lift * gap - noise[layer]
        if shift <= 0.0:
            break
        dof, unlearned, slope, excess = _ascend(shift, dof, gap, slope, mu, excess, lift, noise[layer], width)
        mu = shift
    return False, dof, 0.0, slope, mu, excess, 0.0


@njit(cache=True, nogil=True)
def _mismatch(
    log_mu: float,
    eigenvalues: np.ndarray,
    widths: np.ndarray,
    linear: np.ndarray,
    noise: np.ndarray,
    shift: float,
    n_samples: float,
    ridge: float,
) -> tuple[float, float]:
    """Return a function of log mu_1 that increases through 0 at the solution, and its slope.

    With ``n_samples`` = 0 the condition is that the last layer sees ``shift``; otherwise that
    kappa (n - D_L(k_L kappa)) is the ridge. Where mu_1 is too small to be meaningful the value is -inf.
    """
    feasible, dof, gap, slope, mu, excess, lift = _climb(log_mu, eigenvalues, widths, linear, noise)
    width, top_noise = widths[-1], noise[-1]
    if not feasible:
        return -np.inf, 1.0
    total = lift * gap
    if n_samples == 0.0:
        return math.log(total) - math.log(shift + top_noise), (total * (1.0 + excess / mu) + lift * slope) / total
    top = total - top_noise
    if top <= 0.0:
        return -np.inf, 1.0
    learned, unlearned, fall, over = _ascend(top, dof, gap, slope, mu, excess, lift, top_noise, width)
    free = n_samples - learned if n_samples < width else (n_samples - width) + unlearned
    if free <= 0.0:
        return -np.inf, 1.0
    value = math.log(top) + math.log(free) - math.log(width) - math.log(ridge)
    return value, 1.0 + over / top + fall / free


@njit(cache=True, nogil=True)
def solve_input_shift(
    eigenvalues: np.ndarray,
    widths: np.ndarray,
    linear: np.ndarray,
    noise: np.ndarray,
    shift: float,
    n_samples: float,
    ridge: float,
    start: float,
) -> float:
    """Return log mu_1 of the condition in ``_mismatch``, by Newton inside a bracket; NaN if it does not converge."""
    low, high, at, step = -np.inf, np.inf, start, 1.0
    for _ in range(MAX_STEPS):
        value, slope = _mismatch(at, eigenvalues, widths, linear, noise, shift, n_samples, ridge)
        if value > 0.0:
            high = at
        else:
            low = at
        tolerance = _TOLERANCE * max(1.0, abs(at))
        newton = at - value / slope
        if abs(newton - at) <= tolerance or high - low <= tolerance:
            inside = low <= newton <= high and _climb(newton, eigenvalues, widths, linear, noise)[0]
            return newton if inside else high
        previous = step
        if low == -np.inf or high == np.inf:
            # Not bracketed yet: Newton if it goes the right way, but in steps that at most double.
            bound = 2.0 * abs(previous)
            step = min(max(newton - at, -bound), bound)
        elif low < newton < high and abs(newton - at) <= 0.5 * abs(previous):
            step = newton - at
        else:
            step = 0.5 * (low + high) - at
        at += step
    return np.nan


@njit(cache=True, nogil=True)
def equivalent_at(
    log_mu: float,
    shift: float,
    eigenvalues: np.ndarray,
    widths: np.ndarray,
    linear: np.ndarray,
    noise: np.ndarray,
) -> tuple[float, float, float]:
    """Return D_L, D_L - q = -s dD_L/ds and 1 - dlog mu_1/dlog s at a solution, where the last layer sees ``shift``."""
    _, dof, gap, slope, mu, excess, lift = _climb(log_mu, eigenvalues, widths, linear, noise)
    learned, _, fall, over = _ascend(shift, dof, gap, slope, mu, excess, lift, noise[-1], widths[-1])
    return learned, fall * shift / (shift + over), over / (shift + over)


@njit(cache=True, nogil=True)
def shift_of_ridge(
    log_mu: float,
    eigenvalues: np.ndarray,
    widths: np.ndarray,
    linear: np.ndarray,
    noise: np.ndarray,
    n_samples: float,
    ridge: float,
) -> float:
    """Return s at the solution for a ridge, from quantities that keep their digits as the ridge tends to 0.

    Away from interpolation that is the ridge's equation, ridge = s (n - D_L) / k_L, itself. Close to it n - D_L is
    small; but k_L - D_L = s k_{L-1} / (kappa_1^2 mu_L) makes the equation a quadratic in s once mu_L is known.
    """
    _, dof, gap, _, _, _, lift = _climb(log_mu, eigenvalues, widths, linear, noise)
    width = widths[-1]
    total = lift * gap
    learned = (max(total - noise[-1], 0.0) * dof + noise[-1] * width) / total
    if learned < 0.5 * n_samples:
        return width * ridge / (n_samples - learned)
    excess_samples = n_samples - width
    root = math.sqrt(excess_samples * excess_samples + 4.0 * width * ridge / lift)
    if excess_samples >= 0.0:
        return 2.0 * width * ridge / (excess_samples + root)
    return 0.5 * lift * (root - excess_samples)


@njit(cache=True, nogil=True)
def teacher_sums(
    log_mu: float, stiffness: float, eigenvalues: np.ndarray, powers: np.ndarray
) -> tuple[float, float, float]:
    """Return T, T + T', and (linear power of the target) - T + T', each as a sum of positive terms.

    T = (1/d) sum w^2 tau / (w + mu_1), T' = dT/dlog s, ``stiffness`` = 1 - dlog mu_1/dlog s.
    """
    mu = math.exp(log_mu)
    overlap, captured, missed = 0.0, 0.0, 0.0
    for eigenvalue, power in zip(eigenvalues, powers):  # noqa: B905  numba has no strict zip
        total = eigenvalue + mu
        linear = eigenvalue * power / total
        overlap += eigenvalue * linear
        captured += eigenvalue * linear * (eigenvalue + mu * stiffness) / total
        missed += mu * linear * (mu + eigenvalue * stiffness) / total
    size = eigenvalues.size
    return overlap / size, captured / size, missed / size
