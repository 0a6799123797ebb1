"""Simulators of neural collapse: deep linear heads on free features, flows near collapse, contrastive training."""

from simulations.neural_collapse.contrastive import SclTraining, simulate_scl_training
from simulations.neural_collapse.cross_entropy import CrossEntropyTraining, simulate_cross_entropy_training
from simulations.neural_collapse.curves import MseCurves, simulate_mse_curves
from simulations.neural_collapse.landscape import (
    AlignedDescent,
    HessianSpectrum,
    mse_hessian_spectrum,
    simulate_aligned_descent,
)
from simulations.neural_collapse.perturbation import (
    CentralPath,
    ProximityMinimiser,
    simulate_central_path,
    simulate_proximity_minimiser,
)
from simulations.neural_collapse.training import MseTraining, simulate_mse_training

__all__ = [
    "AlignedDescent",
    "CentralPath",
    "CrossEntropyTraining",
    "HessianSpectrum",
    "MseCurves",
    "MseTraining",
    "ProximityMinimiser",
    "SclTraining",
    "mse_hessian_spectrum",
    "simulate_aligned_descent",
    "simulate_central_path",
    "simulate_cross_entropy_training",
    "simulate_mse_curves",
    "simulate_mse_training",
    "simulate_proximity_minimiser",
    "simulate_scl_training",
]
