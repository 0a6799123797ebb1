"""Laws of the features, as simulators draw them and as the theory sees them: by two numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay import structure
from figures.accelerated_sgd._configurations import CONFIGURATIONS, trials_for
from figures.accelerated_sgd._dense import dense_risks


@dataclass(frozen=True)
class FeatureLaw:
    """Independent coordinates of a ``family``, times a radius with R^2 = 1 +- ``radial_spread``."""

    family: str
    kurtosis: float
    radial_spread: float = 0.0

    @property
    def drawn(self) -> dict[str, Any]:
        """The arguments of a simulator."""
        return dict(feature_law=self.family, radial_spread=self.radial_spread)

    @property
    def moments(self) -> dict[str, float]:
        """The arguments of a predictor."""
        return dict(kurtosis=self.kurtosis, radial_fourth_moment=1 + self.radial_spread**2)


LAWS = {
    "rademacher": FeatureLaw("rademacher", 1.0),
    "uniform": FeatureLaw("uniform", 1.8),
    "gaussian": FeatureLaw("gaussian", 3.0),
    "laplace": FeatureLaw("laplace", 6.0),
    "gaussian, radius": FeatureLaw("gaussian", 3.0, 0.4),
    "rademacher, radius": FeatureLaw("rademacher", 1.0, 0.4),
    "laplace, radius": FeatureLaw("laplace", 6.0, 0.4),
}
FRACTIONS = np.array([1 / 30, 1 / 10, 1 / 3, 1])  # of the run, at which its risk is recorded


@dataclass(frozen=True)
class Case:
    """A configuration, with another batch size and law of the features."""

    configuration: str
    batch_size: int
    law: str

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that both sides share; the law comes on top."""
        return CONFIGURATIONS[self.configuration].problem(batch_size=self.batch_size)

    def steps(self) -> np.ndarray:
        """Return the steps at which the last iterate is recorded."""
        return np.round(FRACTIONS * CONFIGURATIONS[self.configuration].last_step).astype(int)


def feature_law_cases(run: Any) -> list[Case]:
    """Return the cases of this scale. Heavy tails come with larger batches, where the mean risk can be simulated."""
    few = [Case("A", 1, law) for law in ("rademacher", "uniform")]
    few += [Case("A", 3, law) for law in ("laplace", "gaussian, radius")]
    more = [Case("A", 1, law) for law in ("rademacher", "uniform", "rademacher, radius")]
    more += [Case("A", 3, law) for law in LAWS if law != "gaussian"]
    more += [Case("C", 4, law) for law in ("rademacher", "laplace", "gaussian, radius")]
    more += [Case("E", 2, "rademacher"), Case("E", 8, "laplace, radius")]
    return run.choose(quick=few, full=more)


def feature_law_precision(run: Any, cases: list[Case]) -> np.ndarray:
    """Return the precision of each case, (n_cases,): coarser where a trial is dear."""
    dear = {"A": 0.02, "C": 0.04, "E": 0.02}
    return np.array([run.choose(quick=0.05, full=dear[case.configuration]) for case in cases])


def feature_law_trials(cases: list[Case], precision: np.ndarray, *, tail: bool) -> list[int]:
    """Return the number of trials of each case; the spreads with Gaussian features do, with half as much again."""
    counts = []
    for case, wanted in zip(cases, precision.tolist(), strict=True):
        known = CONFIGURATIONS[case.configuration]
        counts.append(trials_for(1.1 * (known.spread_tail if tail else known.spread_last), wanted))
    return counts


def dense_cases(run: Any) -> tuple[list[Case], Any]:
    """Return cases in every law of the features, and their risks by dense linear algebra."""
    names = run.choose(quick="AD", full="ABCDE")
    cases = [Case(name, CONFIGURATIONS[name].batch_size, law) for name in names for law in LAWS]
    grid = []
    for case in cases:
        known = CONFIGURATIONS[case.configuration]
        grid.append(case.arguments() | LAWS[case.law].moments | dict(last_step=known.last_step, burn_in=known.burn_in))
    return cases, run.compute(dense_risks, run.grid(quick=grid))


def dense_check(name: str, cases: list[Case], risks: np.ndarray, predicted: Callable[..., float]) -> Any:
    """Compare ``predicted(case, **changes)`` with the risks of dense linear algebra, (n_cases,)."""
    gaps, moved = (
        [abs(predicted(case, noise_variance=factor * case.arguments()["noise_variance"]) / risk - 1)
         for case, risk in zip(cases, risks, strict=True)]
        for factor in (1.0, 1.0 + 1e-6)
    )  # fmt: skip
    return structure(
        name,
        gaps,
        precision=1e-10,
        reason="rounding over at most 150 steps",
        controls={"label noise raised by a millionth": moved},
        at=dict(configuration=[case.configuration for case in cases], law=[case.law for case in cases]),
    )
