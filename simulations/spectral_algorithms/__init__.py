"""Simulators of spectral algorithms: on grids of the circle, on random features, with hierarchical kernels."""

from simulations._memory import keep_freed_memory
from simulations.spectral_algorithms.circle import circle_dense_loss, simulate_circle, simulate_circle_dense
from simulations.spectral_algorithms.hierarchical import simulate_hierarchical_regression
from simulations.spectral_algorithms.wishart import simulate_wishart

__all__ = [
    "circle_dense_loss",
    "simulate_circle",
    "simulate_circle_dense",
    "simulate_hierarchical_regression",
    "simulate_wishart",
]

keep_freed_memory()
