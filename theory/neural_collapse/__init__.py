"""Neural collapse: exact geometry of regularised free-feature models, near-collapse response, contrastive loss."""

from theory.neural_collapse.batches import BatchInteraction, batch_interaction, bind_batches
from theory.neural_collapse.contrastive import scl_batch_lower_bound, scl_loss, scl_lower_bound
from theory.neural_collapse.cross_entropy import (
    CodeOptimum,
    CrossEntropyGeometry,
    SeliGeometry,
    cross_entropy_code,
    cross_entropy_etf,
    etf_class_limit,
    seli_geometry,
)
from theory.neural_collapse.duality import cross_entropy_dual_bound, mse_dual_bound
from theory.neural_collapse.fit import (
    CollapseThresholds,
    collapse_fit,
    collapse_thresholds,
    effective_ridge,
    minority_collapse_size,
)
from theory.neural_collapse.label_spectrum import centred_label_singular_values
from theory.neural_collapse.landscape import bias_ridge_transition, mode_recursion, mse_loss_levels
from theory.neural_collapse.metrics import NeuralCollapseMetrics, frame_distance, neural_collapse_metrics
from theory.neural_collapse.mse import MseGeometry, mse_geometry
from theory.neural_collapse.perturbation import (
    CentralPathRates,
    ProximityFactors,
    central_path_rates,
    proximity_factors,
    proximity_first_order,
    within_class_shrinkage,
)
from theory.neural_collapse.step_imbalance import StepGeometry, scl_step_geometry
from theory.neural_collapse.symbolic import (
    collapse_threshold_symbolic,
    fit_equation_symbolic,
    proximity_factors_symbolic,
)

__all__ = [
    "BatchInteraction",
    "CentralPathRates",
    "CodeOptimum",
    "CollapseThresholds",
    "CrossEntropyGeometry",
    "MseGeometry",
    "NeuralCollapseMetrics",
    "ProximityFactors",
    "SeliGeometry",
    "StepGeometry",
    "batch_interaction",
    "bias_ridge_transition",
    "bind_batches",
    "central_path_rates",
    "centred_label_singular_values",
    "collapse_fit",
    "collapse_threshold_symbolic",
    "collapse_thresholds",
    "cross_entropy_code",
    "cross_entropy_dual_bound",
    "cross_entropy_etf",
    "effective_ridge",
    "etf_class_limit",
    "fit_equation_symbolic",
    "frame_distance",
    "minority_collapse_size",
    "mode_recursion",
    "mse_dual_bound",
    "mse_geometry",
    "mse_loss_levels",
    "neural_collapse_metrics",
    "proximity_factors",
    "proximity_factors_symbolic",
    "proximity_first_order",
    "scl_batch_lower_bound",
    "scl_loss",
    "scl_lower_bound",
    "scl_step_geometry",
    "seli_geometry",
    "within_class_shrinkage",
]
