"""Simulators of two-layer ReLU training: gradient descent, splitting, block descent, sampled and generated patterns."""

from simulations.convex_relu.admm import AdmmTrace, simulate_admm
from simulations.convex_relu.adversarial import simulate_adversarial_training
from simulations.convex_relu.block_descent import simulate_block_descent
from simulations.convex_relu.pattern_generation import ConvexReluSolution, solve_by_pattern_generation
from simulations.convex_relu.patterns import sample_patterns
from simulations.convex_relu.random_features import simulate_random_feature_gap
from simulations.convex_relu.solver import AdmmSolution, admm_regularisation_path, solve_by_admm
from simulations.convex_relu.training import NonconvexRuns, simulate_nonconvex_training
from simulations.convex_relu.violation import PatternViolation, simulate_pattern_violation

__all__ = [
    "AdmmSolution",
    "AdmmTrace",
    "ConvexReluSolution",
    "NonconvexRuns",
    "PatternViolation",
    "admm_regularisation_path",
    "sample_patterns",
    "simulate_admm",
    "simulate_adversarial_training",
    "simulate_block_descent",
    "simulate_nonconvex_training",
    "simulate_pattern_violation",
    "simulate_random_feature_gap",
    "solve_by_admm",
    "solve_by_pattern_generation",
]
