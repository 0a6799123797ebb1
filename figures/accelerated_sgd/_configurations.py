"""The problems that several claims simulate, and how many trials they take."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from theory.accelerated_sgd import MomentumScheme, asgd_scheme, heavy_ball_scheme, nesterov_scheme, sgd_scheme

SETTING = (
    "Risk: half the excess squared error, (1/2) E (x.(w - w*))^2 = (1/2) sum_i lambda_i E (w_i - w*_i)^2. Labels "
    "y = x.w* + noise of variance sigma^2; each step draws m fresh samples. A scheme is (delta, c, q): "
    "w' = y - delta g, y' = (1 + c) y - c w - q g, from y_0 = w_0."
)
CONFIGURATIONS_NOTE = (
    "Configurations: A: lambda_i = 1/i, d = 12, accelerated SGD; B: the same with SGD; C: lambda_i = i^-1.5, d = 40, "
    "m = 4, accelerated SGD; D: lambda = (1, .5, .2, .1), m = 2, heavy ball; E: lambda_i = 1/i, d = 20, m = 2, no "
    "noise, Nesterov."
)
STANDARD_ERRORS = 9  # to the precision of a check, by plan
LARGE_BLOCK = 16384  # trials to a stored task, where a trial takes microseconds


@dataclass(frozen=True)
class Configuration:
    """A problem and a run; the spreads are standard deviations of the risk over its mean, as measured, rounded up."""

    eigenvalues: np.ndarray = field(repr=False)
    initial_error: np.ndarray = field(repr=False)
    scheme: MomentumScheme
    noise_variance: float
    batch_size: int
    burn_in: int
    n_average: int
    spread_last: float
    spread_tail: float

    @property
    def last_step(self) -> int:
        """The step of the last iterate that the average takes in."""
        return self.burn_in + self.n_average - 1

    def problem(self, **changes: Any) -> dict[str, Any]:
        """Return the arguments that predictors and simulators share, with changes."""
        names = ("eigenvalues", "initial_error", "scheme", "noise_variance", "batch_size")
        return {name: getattr(self, name) for name in names} | changes


def _configurations() -> dict[str, Configuration]:
    index = np.arange(1.0, 41.0)
    accelerated = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)
    faster = asgd_scheme(alpha=0.95, beta=0.05, gamma=0.6, delta=0.15)
    few = np.array([1.0, 0.5, 0.2, 0.1])
    heavy, nesterov = heavy_ball_scheme(0.15, momentum=0.6), nesterov_scheme(0.1, momentum=0.7)
    return {
        "A": Configuration(1 / index[:12], np.ones(12), accelerated, 0.3, 1, 20, 41, 0.6, 0.45),
        "B": Configuration(1 / index[:12], np.ones(12), sgd_scheme(0.25), 0.3, 1, 20, 41, 0.85, 0.47),
        "C": Configuration(index**-1.5, index**-0.25, faster, 0.5, 4, 50, 101, 0.48, 0.18),
        "D": Configuration(few, np.ones(4), heavy, 0.2, 2, 10, 51, 1.1, 0.65),
        "E": Configuration(1 / index[:20], np.ones(20), nesterov, 0.0, 2, 10, 51, 0.43, 0.27),
    }


CONFIGURATIONS = _configurations()


def trials_for(spread: float, precision: float, *, unit: int = 64) -> int:
    """Return how many trials bring nine standard errors of a relative ``spread`` below the precision."""
    return unit * math.ceil((STANDARD_ERRORS * spread / precision) ** 2 / unit)
