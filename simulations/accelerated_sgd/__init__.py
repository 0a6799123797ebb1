"""Simulators of one-pass SGD with momentum for linear regression, of SGD on finite data, and of moving targets."""

from simulations.accelerated_sgd.discrete import DiscreteFeatureSamples, simulate_discrete_feature_loss
from simulations.accelerated_sgd.grouped import simulate_grouped_risk_curve
from simulations.accelerated_sgd.one_pass import simulate_risk_curve, simulate_tail_average_risk
from simulations.accelerated_sgd.random_features import simulate_random_feature_risk
from simulations.accelerated_sgd.tracking import simulate_tracking_error

__all__ = [
    "DiscreteFeatureSamples",
    "simulate_discrete_feature_loss",
    "simulate_grouped_risk_curve",
    "simulate_random_feature_risk",
    "simulate_risk_curve",
    "simulate_tail_average_risk",
    "simulate_tracking_error",
]
