"""One-pass SGD and accelerated SGD for linear regression: exact risks, stability, bounds and learning curves."""

from theory.accelerated_sgd.bounds import asgd_variance_rate, sgd_risk_lower_bound, sgd_risk_upper_bound
from theory.accelerated_sgd.discrete_features import DiscreteFeatureCurve, discrete_feature_curve
from theory.accelerated_sgd.learning_curves import (
    BatchSizeSearch,
    cumulative_lookahead_loss,
    cumulative_loss,
    isotropic_learning_curve,
    isotropic_optimal_learning_rate,
    learning_curve,
    optimal_batch_size,
    sgd_transition_matrix,
)
from theory.accelerated_sgd.modes import (
    ModeVariance,
    acceleration_crossover,
    complex_eigenvalue_window,
    mean_tail_bias,
    mode_matrix,
    mode_spectral_radius,
    mode_stationary_variance,
    mode_stationary_variance_symbolic,
)
from theory.accelerated_sgd.power_laws import power_law_asymptote, power_law_exponent
from theory.accelerated_sgd.risk import risk_curve, tail_average_risk_curve
from theory.accelerated_sgd.schemes import (
    MomentumScheme,
    asgd_scheme,
    heavy_ball_scheme,
    jain_asgd_scheme,
    nesterov_scheme,
    overparameterized_asgd_scheme,
    sgd_scheme,
)
from theory.accelerated_sgd.stability import critical_learning_rate, growth_rate, is_mean_square_stable, stability_trace
from theory.accelerated_sgd.stationary import (
    VarianceSandwich,
    stationary_risk,
    tail_average_constant,
    variance_sandwich,
)
from theory.accelerated_sgd.tracking import TrackingSchedule, tracking_optimal_schedule
from theory.accelerated_sgd.volterra import (
    RandomFeatureProblem,
    VolterraTerms,
    random_feature_problem,
    solve_volterra,
    volterra_terms,
)

__all__ = [
    "BatchSizeSearch",
    "DiscreteFeatureCurve",
    "ModeVariance",
    "MomentumScheme",
    "RandomFeatureProblem",
    "TrackingSchedule",
    "VarianceSandwich",
    "VolterraTerms",
    "acceleration_crossover",
    "asgd_scheme",
    "asgd_variance_rate",
    "complex_eigenvalue_window",
    "critical_learning_rate",
    "cumulative_lookahead_loss",
    "cumulative_loss",
    "discrete_feature_curve",
    "growth_rate",
    "heavy_ball_scheme",
    "is_mean_square_stable",
    "isotropic_learning_curve",
    "isotropic_optimal_learning_rate",
    "jain_asgd_scheme",
    "learning_curve",
    "mean_tail_bias",
    "mode_matrix",
    "mode_spectral_radius",
    "mode_stationary_variance",
    "mode_stationary_variance_symbolic",
    "nesterov_scheme",
    "optimal_batch_size",
    "overparameterized_asgd_scheme",
    "power_law_asymptote",
    "power_law_exponent",
    "random_feature_problem",
    "risk_curve",
    "sgd_risk_lower_bound",
    "sgd_risk_upper_bound",
    "sgd_scheme",
    "sgd_transition_matrix",
    "solve_volterra",
    "stability_trace",
    "stationary_risk",
    "tail_average_constant",
    "tail_average_risk_curve",
    "tracking_optimal_schedule",
    "variance_sandwich",
    "volterra_terms",
]
