"""A check and its verdict: a prediction, the evidence it is held against, and the wrong predictions to be rejected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.base import choice, require
from assay.evidence import Decision, Deviations, Instances, Intervals, Sample, smallest_rejected_scale


@dataclass(frozen=True)
class Rejection:
    """How a rival prediction, or a control, fared: ``margin`` is in standard errors, or in tolerances without noise."""

    name: str
    rejected: bool
    margin: float
    as_published: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a check says. ``passed`` means that it agrees and that every rival and control is rejected."""

    check: str
    kind: str
    unit: str
    outcome: str
    deviation: float
    allowance: float
    precision: float
    tolerance: float
    reason: str
    resolution: float | None
    resolution_is_relative: bool
    n_points: int
    n_trials: int
    worst: dict[str, Any]
    rivals: tuple[Rejection, ...]
    controls: tuple[Rejection, ...]
    advice: str
    rows: dict[str, np.ndarray] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Agreement is not enough: a rival that survives fails the check."""
        return self.outcome == "agrees" and all(one.rejected for one in (*self.rivals, *self.controls))

    def __str__(self) -> str:
        resolution = "no resolution" if self.resolution is None else f"resolution {self.show_resolution()}"
        return f"{self.check}: {self.outcome}, deviation {self.deviation:.2g} of {self.tolerance:.2g}, {resolution}"

    def show_resolution(self) -> str:
        """Return the resolution with two digits: a percentage where it is relative."""
        return show_resolution(self.resolution, self.resolution_is_relative)

    def plot(self) -> Any:
        """Return a matplotlib figure: predicted against simulated, with the tolerance band."""
        from assay.drawing import default_figure

        return default_figure([self])


@dataclass(frozen=True)
class Curve:
    """Predictions at points that are not simulated: rows of a claim's table for its figure, and no evidence."""

    name: str
    predicted: Any
    at: Mapping[str, Any]
    rivals: Mapping[str, Any] = field(default_factory=dict)

    def rows(self) -> dict[str, np.ndarray]:
        """Return the columns of the table, flattened over the points."""
        shape = np.shape(self.predicted)
        columns = {**self.at, "predicted": self.predicted, **self.rivals}
        return {name: _flat(values, shape) for name, values in columns.items()} | {"n_trials": np.zeros(shape).ravel()}


@dataclass(frozen=True)
class Check:
    """A prediction, the evidence it is held against, and the wrong predictions that the evidence must reject."""

    name: str
    kind: str
    unit: str
    evidence: Intervals | Instances | Sample | Deviations
    prediction: Any
    allowance: Any
    precision: Any
    n_trials: int = 0
    predicted_standard_error: Any = 0.0
    reason: str = ""
    rivals: Mapping[str, Any] = field(default_factory=dict)
    controls: Mapping[str, Any] = field(default_factory=dict)
    as_published: str | None = None
    at: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(bool(self.name), "name", self.name, "a name")
        require(
            bool(self.reason.strip()), f"reason of check {self.name}", self.reason, "why the tolerance is what it is"
        )
        if not self.rivals and not self.controls:
            raise ValueError(f"check {self.name}: expected a rival or a control, so that the check can fail")
        if self.as_published is not None:
            choice("as_published", self.as_published, tuple(self.rivals))
        low = min(float(np.min(self.allowance)), float(np.min(self.precision)))
        require(low >= 0 and math.isfinite(low), f"tolerance of check {self.name}", low, "allowance, precision >= 0")

    def verdict(self) -> Verdict:
        """Judge the prediction and its rivals."""
        return self._verdict(self.prediction, self.rivals, self.controls)

    def against(self, predicted: Any) -> Verdict:
        """Judge another prediction by this check's evidence, tolerance and levels."""
        return self._verdict(self._candidate(predicted), {}, {})

    def _verdict(self, prediction: Any, rivals: Mapping[str, Any], controls: Mapping[str, Any]) -> Verdict:
        decision = self.evidence.decide(prediction)
        rows = self._rows(decision)
        for name, rival in rivals.items():
            if not callable(rival):
                rows[name] = np.broadcast_to(np.asarray(rival, dtype=float), decision.predicted.shape).ravel()
        worst, shape = decision.worst, decision.predicted.shape
        allowance, precision = (float(_flat(part, shape)[worst]) for part in (self.allowance, self.precision))
        predicted_error = float(_flat(self.predicted_standard_error, shape)[worst])
        return Verdict(
            check=self.name,
            kind=self.kind,
            unit=self.unit,
            outcome=decision.outcome,
            deviation=float(decision.deviation.ravel()[worst]),
            allowance=allowance,
            precision=precision,
            tolerance=allowance + precision,
            reason=self.reason,
            resolution=self._resolution(decision),
            resolution_is_relative=self.kind not in ("structure", "certificate") and bool(np.any(decision.predicted)),
            n_points=decision.predicted.size,
            n_trials=self.n_trials,
            worst=dict(
                parameters={name: plain(rows[name][worst]) for name in self.at},
                predicted=float(decision.predicted.ravel()[worst]),
                predicted_standard_error=predicted_error,
                simulated=float(decision.simulated.ravel()[worst]),
                standard_error=float(decision.standard_error.ravel()[worst]),
            ),
            rivals=tuple(self._reject(name, rival) for name, rival in rivals.items()),
            controls=tuple(self._reject(name, control) for name, control in controls.items()),
            advice=decision.advice,
            rows=rows,
        )

    def _rows(self, decision: Decision) -> dict[str, np.ndarray]:
        shape = decision.predicted.shape
        columns = {name: _flat(values, shape) for name, values in self.at.items()}
        if isinstance(self.evidence, Sample):
            columns = {"probability": decision.simulated}
        columns["predicted"] = decision.predicted.ravel()
        columns["simulated"] = decision.simulated.ravel()
        columns["standard_error"] = decision.standard_error.ravel()
        trials = self.evidence.estimates.n_trials if isinstance(self.evidence, Intervals) else self.n_trials
        columns["n_trials"] = _flat(trials, shape)
        tolerance = _flat(np.add(self.allowance, self.precision), shape)
        columns["tolerance"] = tolerance * (np.abs(columns["predicted"]) if self.unit == "relative" else 1.0)
        return columns

    def _reject(self, name: str, candidate: Any) -> Rejection:
        decision = self.evidence.decide(self._candidate(candidate))
        return Rejection(name, decision.outcome == "disagrees", decision.margin, name == self.as_published)

    def _candidate(self, candidate: Any) -> Any:
        if isinstance(self.evidence, Sample):
            return candidate
        if isinstance(self.evidence, Deviations):
            return np.atleast_1d(np.asarray(candidate, dtype=np.float64))
        values = np.broadcast_to(np.asarray(candidate, dtype=np.float64), np.shape(self.prediction))
        require(not np.isnan(values).any(), f"prediction of check {self.name}", "NaN", "numbers")
        return values

    def _resolution(self, decision: Decision) -> float | None:
        evidence = self.evidence
        if decision.outcome == "disagrees" or isinstance(evidence, Intervals | Deviations):
            return decision.resolution
        if isinstance(evidence, Sample):
            cdf = self.prediction  # a prediction scaled by s has the distribution function F(x / s)
            return smallest_rejected_scale(lambda s: evidence.decide(lambda x: cdf(x / s)).outcome == "disagrees")
        return smallest_rejected_scale(lambda s: evidence.decide(self.prediction * s).outcome == "disagrees")


def show_resolution(value: float | None, relative: bool) -> str:
    """Return a resolution with two digits: a percentage where it is relative, a dash where there is none."""
    if value is None:
        return "-"
    return f"{100 * value:.2g} %" if relative else f"{value:.2g}"


def plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python object that prints as a literal."""
    return value.item() if isinstance(value, np.generic) else value


def _flat(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.asarray(values), shape).ravel()
