"""Two-layer ReLU networks trained as convex programs: exact optima, certificates, sampled patterns, attacks."""

from figures.convex_relu import (
    admm,
    adversarial,
    arrangements,
    closed_forms,
    duality,
    fixed_neurons,
    gated,
    reformulation,
    sampled_patterns,
)

__all__ = [
    "admm",
    "adversarial",
    "arrangements",
    "closed_forms",
    "duality",
    "fixed_neurons",
    "gated",
    "reformulation",
    "sampled_patterns",
]
