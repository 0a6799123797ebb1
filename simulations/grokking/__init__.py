"""Simulators of grokking: the quadratic network from lazy to rich training, and the edge of floating point."""

from simulations._memory import keep_freed_memory
from simulations.grokking.collapse import (
    float_cross_entropy,
    measure_collapse_gap,
    measure_underflow_gap,
    simulate_softmax_collapse,
)
from simulations.grokking.data import (
    InitialStatistics,
    RegressionData,
    sample_initial_statistics,
    sample_polynomial_regression,
)
from simulations.grokking.homogeneous import (
    GradientSample,
    ReluTraining,
    simulate_relu_gradients,
    simulate_relu_training,
)
from simulations.grokking.logistic_pair import simulate_logistic_pair
from simulations.grokking.paths import FeaturePath, NetworkPath, train_network, train_statistics
from simulations.grokking.population import KernelSample, simulate_kernel_moments, simulate_population_loss
from simulations.grokking.training import (
    CurveSample,
    FeatureSample,
    simulate_feature_learning,
    simulate_finite_width_training,
    simulate_infinite_width_training,
    simulate_network_training,
)

__all__ = [
    "CurveSample",
    "FeaturePath",
    "FeatureSample",
    "GradientSample",
    "InitialStatistics",
    "KernelSample",
    "NetworkPath",
    "RegressionData",
    "ReluTraining",
    "float_cross_entropy",
    "measure_collapse_gap",
    "measure_underflow_gap",
    "sample_initial_statistics",
    "sample_polynomial_regression",
    "simulate_feature_learning",
    "simulate_finite_width_training",
    "simulate_infinite_width_training",
    "simulate_kernel_moments",
    "simulate_logistic_pair",
    "simulate_network_training",
    "simulate_population_loss",
    "simulate_relu_gradients",
    "simulate_relu_training",
    "simulate_softmax_collapse",
    "train_network",
    "train_statistics",
]

keep_freed_memory()
