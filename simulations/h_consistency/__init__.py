"""Simulators of surrogate and zero-one regrets in multi-class classification, and of two linear classifiers."""

from simulations.h_consistency.adversarial import (
    AdversarialPairs,
    AdversarialRegrets,
    LinearAttacks,
    simulate_adversarial_pairs,
    simulate_adversarial_regrets,
    simulate_linear_attacks,
)
from simulations.h_consistency.distributions import (
    FiniteDistribution,
    RandomHypotheses,
    cyclic_distribution,
    linear_softmax_distribution,
    simulate_random_hypotheses,
)
from simulations.h_consistency.generative import (
    logistic_sample_complexity,
    naive_bayes_sample_complexity,
    simulate_logistic_errors,
    simulate_naive_bayes_errors,
)
from simulations.h_consistency.pairs import RegretFrontier, simulate_conditional_regrets
from simulations.h_consistency.search import TransformSearch, search_bounded_transform, search_transform
from simulations.h_consistency.training import (
    CertifiedRisk,
    FiniteSampleRegrets,
    GapReport,
    best_in_class_surrogate_risk,
    best_in_class_zero_one_risk,
    minimizability_gap,
    simulate_finite_sample_regrets,
)

__all__ = [
    "AdversarialPairs",
    "AdversarialRegrets",
    "CertifiedRisk",
    "FiniteDistribution",
    "FiniteSampleRegrets",
    "GapReport",
    "LinearAttacks",
    "RandomHypotheses",
    "RegretFrontier",
    "TransformSearch",
    "best_in_class_surrogate_risk",
    "best_in_class_zero_one_risk",
    "cyclic_distribution",
    "linear_softmax_distribution",
    "logistic_sample_complexity",
    "minimizability_gap",
    "naive_bayes_sample_complexity",
    "search_bounded_transform",
    "search_transform",
    "simulate_adversarial_pairs",
    "simulate_adversarial_regrets",
    "simulate_conditional_regrets",
    "simulate_finite_sample_regrets",
    "simulate_linear_attacks",
    "simulate_logistic_errors",
    "simulate_naive_bayes_errors",
    "simulate_random_hypotheses",
]
