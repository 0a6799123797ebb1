"""How each kind of evidence meets a prediction: one class per way of comparing, one :class:`Decision` for all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assay.estimates import SKEWNESS_LIMIT, Estimates

AGREE_LEVEL = 1e-4  # one-sided, per check: agreement at every point is an intersection-union test, so it is not divided
DISAGREE_LEVEL = 1e-6  # per check, divided over its points


@dataclass(frozen=True)
class Decision:
    """The outcome of one comparison, with the arrays over points that it rests on."""

    outcome: str  # "agrees", "disagrees" or "undecided"
    simulated: np.ndarray
    predicted: np.ndarray
    standard_error: np.ndarray
    deviation: np.ndarray  # in the unit of the check
    badness: np.ndarray  # largest at the worst point
    margin: float  # by how much a wrong prediction is rejected
    resolution: float | None
    advice: str = ""

    @property
    def worst(self) -> int:
        """Index of the worst point, in flat order."""
        return int(np.argmax(self.badness))


@dataclass(frozen=True)
class Intervals:
    """Confidence intervals of (simulated - predicted) against a band of half-width ``tolerance`` around zero.

    ``tolerance`` is in the unit of the simulated quantity, or of its logarithm for ``estimator="log"``. ``inside`` is
    the statement: the gap lies in the band (agreement), or outside it (separation).
    """

    estimates: Estimates
    tolerance: np.ndarray
    scale: np.ndarray  # turns a gap into the unit of the check
    predicted_standard_error: np.ndarray
    inside: bool = True

    def decide(self, predicted: np.ndarray) -> Decision:
        estimates, tolerance = self.estimates, self.tolerance
        logarithmic = estimates.estimator == "log"
        if logarithmic and (predicted <= 0).any():
            raise ValueError('predicted: expected positive numbers for estimator="log"')
        gap = estimates.value - (np.log(predicted) if logarithmic else predicted)
        agree_below, agree_above = estimates.widths(AGREE_LEVEL, self.predicted_standard_error)
        below, above = estimates.widths(DISAGREE_LEVEL / gap.size, self.predicted_standard_error)
        in_band, off_band = (
            (gap - agree_below >= -tolerance) & (gap + agree_above <= tolerance),
            (gap - agree_below > tolerance) | (gap + agree_above < -tolerance),
        )
        surely_in, surely_off = (
            (gap - below >= -tolerance) & (gap + above <= tolerance),
            (gap - below > tolerance) | (gap + above < -tolerance),
        )
        holds, fails = (in_band, surely_off) if self.inside else (off_band, surely_in)
        usable = estimates.usable
        agrees, disagrees = bool((holds & usable).all()), bool((fails & usable).any())
        outcome = "agrees" if agrees else "disagrees" if disagrees else "undecided"

        error = np.hypot(estimates.standard_error, self.predicted_standard_error)
        excess = (np.abs(gap) - tolerance) * (1 if self.inside else -1)
        width = np.maximum(agree_below, agree_above)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.abs(gap) / tolerance if self.inside else tolerance / np.abs(gap)
            margins = np.where(error > 0, excess / error, size)
            badness = size + width / (tolerance if self.inside else np.abs(gap))
        badness = np.nan_to_num(badness, nan=np.inf, posinf=np.inf) + np.where(usable, 0.0, 1e6)
        simulated = np.exp(estimates.value) if logarithmic else estimates.value
        return Decision(
            outcome=outcome,
            simulated=simulated,
            predicted=predicted,
            standard_error=estimates.standard_error * (simulated if logarithmic else 1.0),
            deviation=np.abs(np.expm1(gap) if logarithmic else gap) / self.scale,
            badness=badness,
            margin=float(np.max(margins, where=usable, initial=-np.inf)),
            resolution=self._resolution(predicted, gap, below, above) if self.inside and not disagrees else None,
            advice=self._advice(gap, error) if outcome == "undecided" else "",
        )

    def _resolution(self, predicted: np.ndarray, gap: np.ndarray, below: np.ndarray, above: np.ndarray) -> float | None:
        """Smallest e for which the predictions times 1 + e and times 1 - e both disagree; a shift, if all are zero."""
        down, up = self.tolerance + above + gap, self.tolerance + below - gap  # room below and above the gap
        usable = self.estimates.usable
        if self.estimates.estimator == "log":
            if not usable.any():
                return None
            return float(max(np.expm1(np.min(down[usable])), -np.expm1(-np.min(up[usable]))))
        magnitude = np.abs(predicted)
        if not magnitude.any():
            magnitude = np.ones_like(magnitude)
        reached = usable & (magnitude > 0) & np.isfinite(magnitude)
        if not reached.any():
            return None
        flipped = predicted < 0
        larger, smaller = np.where(flipped, up, down)[reached], np.where(flipped, down, up)[reached]
        return float(max(np.min(larger / magnitude[reached]), np.min(smaller / magnitude[reached])))

    def _advice(self, gap: np.ndarray, error: np.ndarray) -> str:
        """Say what would decide an undecided check."""
        estimates = self.estimates
        if not estimates.usable.all():
            worst = float(np.max(np.abs(estimates.skewness[~estimates.usable])))
            needed = math.ceil((worst / SKEWNESS_LIMIT) ** 2)
            return f'skewness {worst:.2g}: use estimator="median" or "log", or about {needed} trials'
        room = np.abs(self.tolerance - np.abs(gap))
        width = np.maximum(*estimates.widths(AGREE_LEVEL, self.predicted_standard_error))
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = float(np.max(np.where(error > 0, (width / room) ** 2, 0.0)))
        if not math.isfinite(factor) or not estimates.n_trials.any():
            return "a gap on the edge of the tolerance"
        return f"needs about {math.ceil(factor * int(estimates.n_trials.max()))} trials if the gap stays as it is"


@dataclass(frozen=True)
class Instances:
    """Values that a bound must not be violated by, beyond ``rounding``, and must come close to where it is tight."""

    values: np.ndarray
    upper: bool
    relative: bool
    rounding: float
    tightness: float | None

    def decide(self, bounds: np.ndarray) -> Decision:
        slack = (bounds - self.values) * (1 if self.upper else -1)
        if self.relative:
            slack = slack / np.abs(bounds)
        violated = bool((slack < -self.rounding).any())
        loose = self.tightness is not None and float(slack.min()) > self.tightness
        margin = float(-slack.min() / self.rounding) if violated or not loose else float(slack.min() / self.tightness)
        return Decision(
            outcome="disagrees" if violated or loose else "agrees",
            simulated=self.values,
            predicted=bounds,
            standard_error=np.zeros_like(self.values),
            deviation=np.maximum(0.0, -slack) + 0.0,  # no negative zero
            badness=-slack,
            margin=margin,
            resolution=None,
            advice=f"the bound is loose: smallest slack {slack.min():.3g}" if loose and not violated else "",
        )


@dataclass(frozen=True)
class Sample:
    """An empirical distribution function against a predicted one, in the sup norm."""

    sorted_values: np.ndarray
    tolerance: float

    def decide(self, cdf: Callable[[np.ndarray], np.ndarray]) -> Decision:
        values, n = self.sorted_values, len(self.sorted_values)
        predicted = np.asarray(cdf(values), dtype=np.float64)
        if predicted.shape != values.shape or not ((predicted >= -1e-9) & (predicted <= 1 + 1e-9)).all():
            raise ValueError("predicted: expected a distribution function with values in [0, 1]")
        rank = np.arange(n)
        gaps = np.maximum((rank + 1) / n - predicted, predicted - rank / n)
        distance = float(gaps.max())
        agree, disagree = (math.sqrt(math.log(2 / level) / (2 * n)) for level in (AGREE_LEVEL, DISAGREE_LEVEL))
        if distance + agree <= self.tolerance:
            outcome = "agrees"
        else:
            outcome = "disagrees" if distance - disagree > self.tolerance else "undecided"
        room = max(abs(self.tolerance - distance), 1e-9)
        shown = np.unique([*np.linspace(0, n - 1, min(n, 201)).astype(int), int(np.argmax(gaps))])
        error = np.full(len(shown), 0.5 / math.sqrt(n))
        return Decision(
            outcome=outcome,
            simulated=((rank + 0.5) / n)[shown],
            predicted=predicted[shown],
            standard_error=error,
            deviation=gaps[shown],
            badness=gaps[shown],
            margin=(distance - self.tolerance) / float(error[0]),
            resolution=None,
            advice=f"needs about {math.ceil((agree / room) ** 2 * n)} trials" if outcome == "undecided" else "",
        )


@dataclass(frozen=True)
class Deviations:
    """Residuals, angles or duality gaps that a true statement keeps below ``tolerance``."""

    tolerance: np.ndarray

    def decide(self, deviations: np.ndarray) -> Decision:
        size = np.abs(deviations)
        ratio = size / self.tolerance
        return Decision(
            outcome="agrees" if bool((ratio <= 1).all()) else "disagrees",
            simulated=size,
            predicted=np.zeros_like(size),
            standard_error=np.zeros_like(size),
            deviation=size,
            badness=ratio,
            margin=float(ratio.max()),
            resolution=float(np.max(size + self.tolerance)),
        )


def smallest_rejected_scale(rejects: Callable[[float], bool]) -> float | None:
    """Return the smallest e in [1e-12, 1) for which 1 + e and 1 - e are both rejected, to one per cent, if there is."""

    def both(e: float) -> bool:
        return rejects(1 + e) and rejects(1 - e)

    grid = np.geomspace(1e-12, 0.999, 49)
    first = next((i for i, e in enumerate(grid) if both(e)), None)
    if first is None or first == 0:
        return None if first is None else float(grid[0])
    low, high = grid[first - 1], grid[first]
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if both(middle) else (middle, high)
    return float(high)
