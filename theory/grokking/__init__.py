"""Grokking: the quadratic network from lazy to rich training, and losses at the edge of floating point."""

from theory.grokking.collapse import softmax_collapse_gap, softmax_underflow_gap, stablemax_collapse_gap
from theory.grokking.collapse_time import logit_gap_flow, softmax_collapse_time
from theory.grokking.decomposition import LossTerms, test_loss_terms
from theory.grokking.dmft import DmftSolution, solve_dmft
from theory.grokking.gap import GrokkingGap, grokking_gap
from theory.grokking.high_dimension import (
    HighDimPath,
    LazyLimit,
    lazy_highdim_limit,
    lazy_highdim_path,
    max_learning_rate,
)
from theory.grokking.kernel import population_kernel_alignment, tangent_kernel
from theory.grokking.lazy import LazyPath, first_order_features, lazy_training_path
from theory.grokking.losses import (
    orthogonal_gradient,
    stablemax,
    stablemax_cross_entropy,
    stablemax_cross_entropy_gradient,
)
from theory.grokking.population import PopulationPath, population_path
from theory.grokking.recursion import StatisticsPath, statistics_recursion
from theory.grokking.symbolic import (
    collapse_flow_symbolic,
    lazy_limit_symbolic,
    loss_terms_symbolic,
    recursion_symbolic,
)

__all__ = [
    "DmftSolution",
    "GrokkingGap",
    "HighDimPath",
    "LazyLimit",
    "LazyPath",
    "LossTerms",
    "PopulationPath",
    "StatisticsPath",
    "collapse_flow_symbolic",
    "first_order_features",
    "grokking_gap",
    "lazy_highdim_limit",
    "lazy_highdim_path",
    "lazy_limit_symbolic",
    "lazy_training_path",
    "logit_gap_flow",
    "loss_terms_symbolic",
    "max_learning_rate",
    "orthogonal_gradient",
    "population_kernel_alignment",
    "population_path",
    "recursion_symbolic",
    "softmax_collapse_gap",
    "softmax_collapse_time",
    "softmax_underflow_gap",
    "solve_dmft",
    "stablemax",
    "stablemax_collapse_gap",
    "stablemax_cross_entropy",
    "stablemax_cross_entropy_gradient",
    "statistics_recursion",
    "tangent_kernel",
    "test_loss_terms",
]
