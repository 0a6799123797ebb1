"""Spectral sums and the one-dimensional fixed point of the eigenframework, shared by several families."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from assay.base import array, number, require

NODES_PER_BIN = 16
COMPRESSION_MODES = 1000
MAX_ITERATIONS = 300
SMALLEST_FLOAT = 5e-324
BLOCK, LANES = 64, 16  # sizes of the vectorised passes over the modes; the fastest measured


class Spectrum(NamedTuple):
    """A validated spectrum; modes with a zero eigenvalue are never learnt and sit in ``tail_power``."""

    eigenvalues: np.ndarray  # (M,), positive
    multiplicities: np.ndarray  # (M,)
    powers: np.ndarray  # (M,), squared target coefficients, total over the group
    tail_trace: float
    tail_power: float
    rank: float
    trace: float
    smallest: float


def read_spectrum(
    eigenvalues: Any,
    target_coefficients: Any | None,
    multiplicities: Any | None = None,
    tail_trace: Any = 0.0,
    tail_power: Any = 0.0,
) -> Spectrum:
    """Validate a spectrum and, where there is one, its target. Raises ``ValueError`` naming the parameter."""
    values = array("eigenvalues", eigenvalues, "[0, inf)", shape=(None,))
    positive = values > 0
    require(bool(positive.any()), "eigenvalues", "all zero", "at least one positive eigenvalue")
    if multiplicities is None:
        counts = np.ones_like(values)
    else:
        counts = array("multiplicities", multiplicities, "(0, inf)", shape=values.shape)
    if target_coefficients is None:
        coefficients = np.zeros_like(values)
    else:
        coefficients = array("target_coefficients", target_coefficients, shape=values.shape)
    omitted_trace = number("tail_trace", tail_trace, "[0, inf)")
    omitted_power = number("tail_power", tail_power, "[0, inf)")
    with np.errstate(over="ignore"):
        powers = coefficients**2
        trace = float(values @ counts) + omitted_trace
        power = float(powers.sum()) + omitted_power
    require(math.isfinite(trace), "eigenvalues", "array of infinite trace", "a finite trace")
    require(math.isfinite(power), "target_coefficients", "array of infinite norm", "a finite sum of squares")
    if not positive.all():
        omitted_power += float(powers[~positive].sum())
        values, counts, powers = values[positive], counts[positive], powers[positive]
    rank, smallest = float(counts.sum()), float(values.min())
    return Spectrum(values, counts, powers, omitted_trace, omitted_power, rank, trace, smallest)


def for_evaluations(spectrum: Spectrum, n_points: int) -> Spectrum:
    """Return the spectrum in the form that makes ``n_points`` fixed points cheapest."""
    if len(spectrum.eigenvalues) < COMPRESSION_MODES or n_points < 4:
        return spectrum
    return compress(spectrum)


def compress(spectrum: Spectrum) -> Spectrum:
    """Replace the modes of each unit bin of log eigenvalue by at most 16 nodes that give the same spectral sums.

    Every sum needed is a sum over modes of a function of log(eigenvalue / gamma) with poles at +-i pi only, so that
    interpolation at 16 Chebyshev nodes of a unit bin is exact to rounding, relative to each mode, for every gamma.
    Node weights are the aggregated Lagrange polynomials; they may be negative. Bins of up to 16 modes keep them.
    """
    bins = np.floor(np.log(spectrum.eigenvalues))
    first = bins.min()
    index = (bins - first).astype(np.int64)
    starts = np.exp(first + np.arange(index.max() + 1))
    # Bins next to the underflow limit have no accurate nodes.
    crowded = (np.bincount(index) > NODES_PER_BIN) & (starts > 1e-300)
    if not crowded.any():
        return spectrum
    # Relative to the start of its bin the logarithm of an eigenvalue keeps all its digits.
    positions = 2.0 * np.log(spectrum.eigenvalues / np.maximum(starts, SMALLEST_FLOAT)[index]) - 1.0
    angles = np.pi * (np.arange(NODES_PER_BIN) + 0.5) / NODES_PER_BIN
    moments = _chebyshev_moments(positions, index, crowded, spectrum.multiplicities, spectrum.powers)
    # Lagrange polynomial of node j: (1 / N) [1 + 2 sum_r T_r(x_j) T_r(x)].
    basis = np.cos(np.outer(angles, np.arange(NODES_PER_BIN))) * (2.0 / NODES_PER_BIN)
    basis[:, 0] = 1.0 / NODES_PER_BIN
    weights = moments[:, crowded] @ basis.T
    nodes = starts[crowded, None] * np.exp(0.5 * (1.0 + np.cos(angles)))
    kept = ~crowded[index]
    return spectrum._replace(
        eigenvalues=np.concatenate([spectrum.eigenvalues[kept], nodes.ravel()]),
        multiplicities=np.concatenate([spectrum.multiplicities[kept], weights[0].ravel()]),
        powers=np.concatenate([spectrum.powers[kept], weights[1].ravel()]),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _chebyshev_moments(positions, index, crowded, multiplicities, powers):
    """Chebyshev moments (2, n_bins, 16) of multiplicities and powers, in partial sums of 256 modes for accuracy."""
    totals = np.zeros((2, len(crowded), NODES_PER_BIN))
    partial = np.zeros((2, NODES_PER_BIN))
    current, pending = index[0], 0
    for i in range(len(positions)):
        if not crowded[index[i]]:
            continue
        if index[i] != current or pending == 256:
            totals[:, current] += partial
            partial[:] = 0.0
            current, pending = index[i], 0
        pending += 1
        x, before, value = positions[i], positions[i], 1.0
        for r in range(NODES_PER_BIN):
            partial[0, r] += multiplicities[i] * value
            partial[1, r] += powers[i] * value
            before, value = value, 2.0 * x * value - before
    totals[:, current] += partial
    return totals


@njit(cache=True, nogil=True, error_model="numpy")
def learnt_modes(spectrum, gamma):
    """Return (count, rest, spread) at ``gamma > 0``: modes learnt z = count + rest, spread = z - q.

    ``count`` is the number of modes with an eigenvalue above gamma and ``rest`` collects the small departures from
    0 or 1, so that n - z = (n - count) - rest keeps its digits where z comes close to n.
    """
    above, near, cross = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    count, rest, spread = 0.0, spectrum.tail_trace / gamma, spectrum.tail_trace / gamma
    for start in range(0, len(spectrum.eigenvalues), BLOCK):
        values = spectrum.eigenvalues[start : start + BLOCK]
        counts = spectrum.multiplicities[start : start + BLOCK]
        # Elementwise passes and folds in half compile to vector instructions, and add up pairwise.
        above[len(values) :], near[len(values) :], cross[len(values) :] = 0.0, 0.0, 0.0
        for i in range(len(values)):
            learnt = values[i] > gamma
            minor = (gamma if learnt else values[i]) / (values[i] + gamma)
            share = counts[i] * minor
            above[i] = counts[i] if learnt else 0.0
            near[i] = -share if learnt else share
            cross[i] = share * (1.0 - minor)
        half = BLOCK // 2
        while half >= LANES:
            for i in range(half):
                above[i] += above[half + i]
                near[i] += near[half + i]
                cross[i] += cross[half + i]
            half //= 2
        block_count, block_rest, block_spread = 0.0, 0.0, 0.0
        for i in range(LANES):
            block_count += above[i]
            block_rest += near[i]
            block_spread += cross[i]
        count += block_count
        rest += block_rest
        spread += block_spread
    return count, rest, spread


@njit(cache=True, nogil=True, error_model="numpy")
def spectral_sums(spectrum, gamma):
    """Return (count, rest, spread, q, unlearnt, crossing) at ``gamma >= 0``; the first three as in ``learnt_modes``.

    q = sum m L^2, unlearnt = sum v^2 (1 - L)^2 + tail power, crossing = sum v^2 L (1 - L).
    """
    if gamma == 0.0:
        return spectrum.rank, 0.0, 0.0, spectrum.rank, spectrum.tail_power, 0.0
    values, counts, powers = spectrum.eigenvalues, spectrum.multiplicities, spectrum.powers
    count, rest, spread = 0.0, spectrum.tail_trace / gamma, spectrum.tail_trace / gamma
    squared, unlearnt, crossing = 0.0, spectrum.tail_power, 0.0
    for start in range(0, len(values), 256):
        block_count, block_rest, block_spread = 0.0, 0.0, 0.0
        block_squared, block_unlearnt, block_crossing = 0.0, 0.0, 0.0
        for i in range(start, min(start + 256, len(values))):
            minor = min(values[i], gamma) / (values[i] + gamma)
            product = minor * (1.0 - minor)
            block_spread += counts[i] * product
            block_crossing += powers[i] * product
            if values[i] > gamma:
                block_count += counts[i]
                block_rest -= counts[i] * minor
                block_squared += counts[i] * (1.0 - minor) ** 2
                block_unlearnt += powers[i] * minor**2
            else:
                block_rest += counts[i] * minor
                block_squared += counts[i] * minor**2
                block_unlearnt += powers[i] * (1.0 - minor) ** 2
        count += block_count
        rest += block_rest
        spread += block_spread
        squared += block_squared
        unlearnt += block_unlearnt
        crossing += block_crossing
    return count, rest, spread, squared, unlearnt, crossing


@njit(cache=True, nogil=True, error_model="numpy")
def fixed_point(spectrum, n, k, ridge):
    """Solve ridge = gamma (1 - z/k) (n - z) with z < min(n, k) for gamma; NaN if the iteration does not settle.

    Newton in log gamma, kept inside a bracket by bisection. The logarithm of the equation is nearly linear, with a
    slope between 1 and 3, except close to z = min(n, k), where it is singular and the equation itself is nearly linear.
    """
    least = min(n, k)
    if ridge == 0.0:
        if spectrum.tail_trace == 0.0 and spectrum.rank <= least:
            return 0.0
        gamma = spectrum.trace / least
        low = max(spectrum.smallest * (spectrum.rank - least) / least, spectrum.tail_trace / least)
        high = gamma
    else:
        gamma = ridge / n + spectrum.trace / least
        low = ridge / n
        high = ridge / n + spectrum.trace / n + spectrum.trace / k
    # The ends can be the root itself: leave room for rounding.
    low, high = max(0.5 * low, SMALLEST_FLOAT), 2.0 * high
    power = 0.5 if n == k else 1.0  # the equation has a double root at ridge 0 where n = k
    last_step = np.inf
    for iteration in range(MAX_ITERATIONS):
        count, rest, spread = learnt_modes(spectrum, gamma)
        step = np.inf
        if ridge == 0.0:
            excess = (count - least) + rest
            too_small = excess > 0.0
            step = math.log1p(excess / least) * (least + excess) / spread if spread > 0.0 else np.inf
        else:
            slack, wide_slack = (n - count) - rest, (k - count) - rest
            too_small = slack <= 0.0 or wide_slack <= 0.0
            if not too_small:
                share = 1.0 if math.isinf(k) else wide_slack / k
                ratio = gamma / ridge * slack * share
                slope = 1.0 + spread / slack + spread / wide_slack
                if ratio == 0.0 or math.isinf(ratio):  # extreme magnitudes
                    step = -(math.log(gamma) - math.log(ridge) + math.log(slack) + math.log(share)) / slope
                elif slope < 4.0:
                    step = -math.log(ratio) / slope
                else:
                    step = -(1.0 - ratio**-power) / (power * slope)
                too_small = step > 0.0
        # The curvature is of order one in either form: after a step of 1e-9 the error is below rounding.
        if abs(step) < 1e-9:
            return gamma * math.exp(step)
        if too_small:
            low = gamma
        else:
            high = gamma
        proposal = gamma * math.exp(step)
        slow = iteration >= 8 and abs(step) > 0.5 * abs(last_step)
        if slow or not low < proposal < high:
            proposal = math.sqrt(low) * math.sqrt(high)
        last_step = math.log(proposal / gamma)
        gamma = proposal
    return np.nan
