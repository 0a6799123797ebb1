"""Surrogate losses for multi-class classification: how much zero-one regret a surrogate regret can hide."""

from figures.h_consistency import (
    adversarial,
    bounded_scores,
    comp_sum,
    exact_transform,
    finite_distributions,
    gaps,
    label_robust,
    naive_bayes,
    published_transform,
)

__all__ = [
    "adversarial",
    "bounded_scores",
    "comp_sum",
    "exact_transform",
    "finite_distributions",
    "gaps",
    "label_robust",
    "naive_bayes",
    "published_transform",
]
