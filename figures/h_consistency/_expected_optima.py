"""Expected least conditional risks of bounded linear hypotheses on finite laws, by theory."""

from __future__ import annotations

import math

from figures.h_consistency._finite_laws import Instance, law, random_instance
from theory.h_consistency import bounded_optimal_conditional_risk


def expected_optima(instance: Instance) -> dict[str, float]:
    """Return the expected least conditional risks for scores without bounds, with the class's own, with half of it."""
    risks = {}
    for name, scale in (("free", math.inf), ("own", 1.0), ("narrow", 0.5)):
        rows = [bounded_optimal_conditional_risk(row, tau=instance.tau, score_bound=scale * reach)
                for row, reach in zip(instance.law.probabilities, instance.score_bounds, strict=True)]  # fmt: skip
        risks[name] = float(instance.law.weights @ rows)
    return risks


def expected_optima_of_law(*, name: str, n_classes: int, tau: float, bound: float) -> dict[str, float]:
    """Return ``expected_optima`` for a law by name, with one bound for weights and biases."""
    return expected_optima(Instance(law(name, n_classes), tau, bound, bound))


def expected_optima_at_random(*, number: int) -> dict[str, float]:
    """Return ``expected_optima`` for a random instance."""
    return expected_optima(random_instance(number))
