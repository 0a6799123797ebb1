"""The seven kinds of check. Each takes arrays and returns a :class:`~assay.verdict.Check`, judged by them alone.

Arrays of trials have the trials on the first axis and the points of the check on the others. A tolerance is
``allowance + precision``: what the theory leaves open (a 1/n correction, a step size, a solver's accuracy) plus what
the check is to resolve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypedDict, Unpack

import numpy as np

from assay.base import choice, require
from assay.estimates import Estimates
from assay.evidence import Deviations, Instances, Intervals, Sample
from assay.verdict import Check, Curve

Array = Any  # anything np.asarray takes


class Terms(TypedDict, total=False):
    """What every check takes, by keyword.

    ``reason`` (required) says why the tolerance is what it is. ``rivals`` maps names to wrong predictions, ``controls``
    to predictions from a perturbed input; each must disagree, and at least one must be given. ``as_published`` names
    the rival that is the paper's own version. ``at`` maps parameter names to arrays that broadcast to the points.
    """

    reason: str
    rivals: Mapping[str, Any]
    controls: Mapping[str, Any]
    as_published: str
    at: Mapping[str, Array]


def agreement(
    name: str,
    simulated: Array,
    predicted: Array,
    *,
    precision: Array,
    allowance: Array = 0.0,
    unit: str = "relative",
    estimator: str = "mean",
    predicted_standard_error: Array = 0.0,
    **terms: Unpack[Terms],
) -> Check:
    """Pass when at every point the confidence interval of (simulated - predicted) lies inside +-tolerance.

    Parameters
    ----------
    simulated : (n_trials, \\*points), or a list of such arrays where the numbers of trials differ along the first point
        axis; (\\*points) for ``estimator="exact"``.
    predicted, predicted_standard_error : broadcast to the points. A noisy prediction adds in quadrature.
    precision, allowance : broadcast to the points; in units of ``|predicted|`` for a relative unit.
    estimator : "mean", "median", "log" (geometric mean, relative unit only) or "exact" (no trials, no noise).

    Raises ValueError for numbers that are not finite, a tolerance that is not positive, no reason, no rival or control.
    """
    return _intervals("agreement", name, simulated, predicted, precision, allowance, unit, estimator,
                      predicted_standard_error, terms)  # fmt: skip


def separation(
    name: str,
    simulated: Array,
    other: Array,
    *,
    gap: Array,
    unit: str = "relative",
    estimator: str = "mean",
    predicted_standard_error: Array = 0.0,
    **terms: Unpack[Terms],
) -> Check:
    """Pass when at every point the whole confidence interval of (simulated - other) lies outside +-gap.

    Arguments as in :func:`agreement`. A rival here is a value that the simulation does *not* differ from by the gap,
    such as its own correct prediction: the separation from it must disagree.
    """
    return _intervals("separation", name, simulated, other, gap, 0.0, unit, estimator, predicted_standard_error, terms)


def exponent(
    name: str,
    sizes: Array,
    simulated: Array,
    predicted: Array,
    *,
    precision: Array,
    allowance: Array = 0.0,
    estimator: str = "mean",
    blocks: int | None = None,
    **terms: Unpack[Terms],
) -> Check:
    """Pass when the interval of the slope of log(simulated) against log(sizes) lies inside predicted +-tolerance.

    ``sizes`` has shape (n_sizes,), ``simulated`` (n_trials, n_sizes, \\*points), or (n_sizes, \\*points) for
    ``estimator="exact"``. One least-squares slope is fitted per trial, or per block of trials averaged first
    (``blocks`` of equal size; the last trials that fill none are left out), and the interval is over these slopes.
    """
    values = _finite(simulated)
    if estimator == "exact":
        values = values[np.newaxis]
    elif blocks is not None:
        require(1 < blocks <= len(values), "blocks", blocks, f"between 2 and the {len(values)} trials")
        length = len(values) // blocks
        values = values[: blocks * length].reshape(blocks, length, *values.shape[1:]).mean(axis=1)
    require(bool((values > 0).all()), "simulated", float(values.min()), "positive numbers, for their logarithms")
    logs = np.log(_finite(sizes))
    require(values.ndim >= 2 and values.shape[1] == len(logs), "sizes", len(logs), f"{values.shape[1:2]} sizes")
    weights = (logs - logs.mean()) / ((logs - logs.mean()) ** 2).sum()
    slopes = np.tensordot(np.log(values), weights, axes=(1, 0))
    slopes = slopes[0] if estimator == "exact" else slopes
    return _intervals("exponent", name, slopes, predicted, precision, allowance, "absolute", estimator, 0.0, terms)


def bound(
    name: str,
    values: Array,
    bounds: Array,
    *,
    upper: bool = True,
    rounding: float = 1e-12,
    tightness: float | None = None,
    unit: str = "relative",
    **terms: Unpack[Terms],
) -> Check:
    """Pass when no instance violates its bound beyond ``rounding`` and, given ``tightness``, some comes that close.

    ``values`` and ``bounds`` broadcast against each other; slack is (bounds - values), over ``|bounds|`` for a relative
    unit, with the opposite sign for a lower bound (``upper=False``).
    """
    values, bounds = (np.array(x) for x in np.broadcast_arrays(np.atleast_1d(_finite(values)), _finite(bounds)))
    relative = choice("unit", unit, ("relative", "absolute")) == "relative"
    require(not relative or bool((bounds != 0).all()), "bounds", 0, 'non-zero bounds, or unit="absolute"')
    require(rounding > 0, "rounding", rounding, "a positive number")
    evidence = Instances(values, upper, relative, rounding, tightness)
    return Check(name, "bound", unit, evidence, bounds, rounding, tightness or 0.0, **terms)


def distribution(
    name: str,
    samples: Array,
    cdf: Callable[[np.ndarray], np.ndarray],
    *,
    precision: float,
    allowance: float = 0.0,
    **terms: Unpack[Terms],
) -> Check:
    """Pass when sup |F_n - F| plus the Dvoretzky-Kiefer-Wolfowitz half-width is at most the tolerance.

    ``samples`` has shape (n_trials,); ``cdf`` and the rivals map arrays to probabilities.
    """
    values = np.sort(_finite(samples).ravel())
    require(len(values) > 1, "samples", f"{len(values)} values", "at least two values")
    evidence = Sample(values, _positive(name, allowance, precision, ()).item())
    return Check(name, "distribution", "absolute", evidence, cdf, allowance, precision, len(values), **terms)


def structure(
    name: str, deviations: Array, *, precision: Array, allowance: Array = 0.0, **terms: Unpack[Terms]
) -> Check:
    """Pass when every deviation (an angle, a norm, the residual of an identity) is at most the tolerance.

    Rivals and controls are deviations too, of a wrong statement or on a perturbed input: each must exceed it somewhere.
    """
    values = np.atleast_1d(_finite(deviations))
    evidence = Deviations(_positive(name, allowance, precision, values.shape))
    return Check(name, "structure", "absolute", evidence, values, allowance, precision, **terms)


def certificate(
    name: str, residuals: Array, *, precision: Array, allowance: Array = 0.0, **terms: Unpack[Terms]
) -> Check:
    """Pass when every duality gap, KKT residual or infeasibility is at most the tolerance; as :func:`structure`."""
    return replace(structure(name, residuals, precision=precision, allowance=allowance, **terms), kind="certificate")


def curve(name: str, predicted: Array, *, at: Mapping[str, Array], rivals: Mapping[str, Array] | None = None) -> Curve:
    """Put a line of theory into the claim's table, for its figure: no simulation, no verdict.

    ``at`` maps parameter names to arrays that broadcast to the shape of ``predicted``, as do the ``rivals``.
    """
    return Curve(name, _finite(predicted), at, rivals or {})


def _intervals(kind: str, name: str, simulated: Array, predicted: Array, precision: Array, allowance: Array, unit: str,
               estimator: str, predicted_standard_error: Array, terms: Terms) -> Check:  # fmt: skip
    estimates = Estimates(simulated, estimator)
    shape = estimates.value.shape
    predicted = np.broadcast_to(_finite(predicted), shape)
    error = np.broadcast_to(_finite(predicted_standard_error), shape)
    tolerance, scale = _positive(name, allowance, precision, shape), np.ones(shape)
    if estimator == "log":
        require(unit == "relative", "unit", unit, '"relative" for estimator="log"')
        tolerance, scaled_error = np.log1p(tolerance), error / np.abs(predicted)
    else:
        if choice("unit", unit, ("relative", "absolute")) == "relative":
            require(bool((predicted != 0).all()), f"prediction of {name}", 0, 'non-zero numbers, or unit="absolute"')
            scale = np.abs(predicted)
        tolerance, scaled_error = tolerance * scale, error
    evidence = Intervals(estimates, tolerance, scale, scaled_error, inside=kind != "separation")
    n_trials = int(estimates.n_trials.max(initial=0))
    return Check(name, kind, unit, evidence, predicted, allowance, precision, n_trials, error, **terms)


def _finite(values: Array) -> np.ndarray:
    result = np.asarray(values, dtype=np.float64)
    require(bool(np.isfinite(result).all()), "array", "NaN or infinity", "finite numbers")
    return result


def _positive(name: str, allowance: Array, precision: Array, shape: tuple[int, ...]) -> np.ndarray:
    """Return the tolerance at every point, which must leave room for an interval."""
    tolerance = np.broadcast_to(_finite(allowance) + _finite(precision), shape)
    require(bool((tolerance > 0).all()), f"tolerance of check {name}", tolerance.min(), "a positive number")
    return tolerance
