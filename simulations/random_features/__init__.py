"""Simulators of random features, deep random features and sketched least squares."""

from simulations._memory import keep_freed_memory
from simulations.random_features._ridge_path import RFTrials
from simulations.random_features.deep import (
    LogisticTrials,
    simulate_deep_effective_dof,
    simulate_deep_rf,
    simulate_deep_rf_hidden_target,
    simulate_deep_rf_logistic,
)
from simulations.random_features.gaussian import simulate_gaussian_rf
from simulations.random_features.modes import ModeTrials, simulate_gaussian_rf_modes, simulate_rf_ensemble
from simulations.random_features.sketching import SketchTrials, simulate_sketch_identity, simulate_sketched_ridgeless
from simulations.random_features.sphere import simulate_sphere_rf

__all__ = [
    "LogisticTrials",
    "ModeTrials",
    "RFTrials",
    "SketchTrials",
    "simulate_deep_effective_dof",
    "simulate_deep_rf",
    "simulate_deep_rf_hidden_target",
    "simulate_deep_rf_logistic",
    "simulate_gaussian_rf",
    "simulate_gaussian_rf_modes",
    "simulate_rf_ensemble",
    "simulate_sketch_identity",
    "simulate_sketched_ridgeless",
    "simulate_sphere_rf",
]

keep_freed_memory()
