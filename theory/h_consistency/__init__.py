"""H-consistency bounds: how much zero-one regret a given surrogate regret can hide, in multi-class classification."""

from theory.h_consistency.adversarial import (
    adversarial_constant,
    adversarial_optimal_conditional_risk,
    rho_margin,
    smooth_adversarial_loss,
)
from theory.h_consistency.bounded import (
    bounded_logistic_bound,
    bounded_logistic_transform,
    bounded_optimal_conditional_risk,
    constant_score_gap,
    deterministic_gap_bound,
    inconsistency_floor,
)
from theory.h_consistency.comp_sum import (
    comp_sum_loss,
    conditional_risk,
    optimal_conditional_risk,
    optimal_softmax,
    phi_tau,
    predicted_class_optimal_risk,
)
from theory.h_consistency.label_robust import (
    ldr_kl_bound,
    ldr_kl_loss,
    ldr_kl_optimal_softmax,
    ldr_kl_two_class_transform,
)
from theory.h_consistency.naive_bayes import (
    easy_mixture_gaps,
    gaussian_bayes_error,
    naive_bayes_expected_error,
    well_specified_surrogate_regret,
)
from theory.h_consistency.symbolic import (
    comp_sum_transform_symbolic,
    inverse_transform_symbolic,
    transform_series_symbolic,
)
from theory.h_consistency.tight_transforms import (
    convex_tight_transform,
    critical_tau,
    tight_bound,
    tight_transform,
)
from theory.h_consistency.transforms import (
    h_consistency_bound,
    h_consistency_transform,
    simple_bound,
    simple_transform,
)

__all__ = [
    "adversarial_constant",
    "adversarial_optimal_conditional_risk",
    "bounded_logistic_bound",
    "bounded_logistic_transform",
    "bounded_optimal_conditional_risk",
    "comp_sum_loss",
    "comp_sum_transform_symbolic",
    "conditional_risk",
    "constant_score_gap",
    "convex_tight_transform",
    "critical_tau",
    "deterministic_gap_bound",
    "easy_mixture_gaps",
    "gaussian_bayes_error",
    "h_consistency_bound",
    "h_consistency_transform",
    "inconsistency_floor",
    "inverse_transform_symbolic",
    "ldr_kl_bound",
    "ldr_kl_loss",
    "ldr_kl_optimal_softmax",
    "ldr_kl_two_class_transform",
    "naive_bayes_expected_error",
    "optimal_conditional_risk",
    "optimal_softmax",
    "phi_tau",
    "predicted_class_optimal_risk",
    "rho_margin",
    "simple_bound",
    "simple_transform",
    "smooth_adversarial_loss",
    "tight_bound",
    "tight_transform",
    "transform_series_symbolic",
    "well_specified_surrogate_regret",
]
