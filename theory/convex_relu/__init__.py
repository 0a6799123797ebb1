"""Exact convex training of two-layer ReLU networks: patterns, convex programs, closed forms, certificates."""

from theory.convex_relu.admm import admm_linear_rate
from theory.convex_relu.arrangements import (
    arrangement_count,
    arrangement_count_bound,
    circle_pattern_measure,
    enumerate_arrangements,
)
from theory.convex_relu.attacks import worst_case_objective
from theory.convex_relu.certificates import (
    DualityCertificate,
    critical_regularisation,
    dual_gauge,
    duality_certificate,
)
from theory.convex_relu.closed_forms import (
    FittedOptimum,
    orthogonal_optimum,
    single_feature_optimum,
    whitened_optimum,
)
from theory.convex_relu.networks import (
    TwoLayerNetwork,
    network_objective,
    network_output,
    prune_network,
    recover_network,
)
from theory.convex_relu.programs import (
    ConvexReluSolution,
    robust_convex_program,
    solve_convex_program,
)
from theory.convex_relu.random_directions import (
    random_feature_gap_constant,
    random_feature_optimum,
)
from theory.convex_relu.sampled_patterns import (
    pattern_sample_bound,
    pattern_sample_exact,
    whitened_recovery_probability,
)
from theory.convex_relu.splines import (
    spline_gauge,
    spline_optimum,
)
from theory.convex_relu.survival import pattern_survival_radius
from theory.convex_relu.symbolic import (
    neuron_rescaling_symbolic,
    random_feature_gap_symbolic,
    spline_two_points_symbolic,
    whitened_optimum_symbolic,
)

__all__ = [
    "ConvexReluSolution",
    "DualityCertificate",
    "FittedOptimum",
    "TwoLayerNetwork",
    "admm_linear_rate",
    "arrangement_count",
    "arrangement_count_bound",
    "circle_pattern_measure",
    "critical_regularisation",
    "dual_gauge",
    "duality_certificate",
    "enumerate_arrangements",
    "network_objective",
    "network_output",
    "neuron_rescaling_symbolic",
    "orthogonal_optimum",
    "pattern_sample_bound",
    "pattern_sample_exact",
    "pattern_survival_radius",
    "prune_network",
    "random_feature_gap_constant",
    "random_feature_gap_symbolic",
    "random_feature_optimum",
    "recover_network",
    "robust_convex_program",
    "single_feature_optimum",
    "solve_convex_program",
    "spline_gauge",
    "spline_optimum",
    "spline_two_points_symbolic",
    "whitened_optimum",
    "whitened_optimum_symbolic",
    "whitened_recovery_probability",
    "worst_case_objective",
]
