"""Generalisation error of spectral algorithms: kernel methods trained by any filter of the kernel matrix."""

from theory.spectral_algorithms.circle import (
    CircleSpectrum,
    circle_loss,
    circle_loss_from_spectrum,
    circle_optimal_loss,
    circle_spectrum,
)
from theory.spectral_algorithms.hierarchical import (
    hierarchical_eigenvalues,
    hierarchical_kernel,
    hierarchical_learning_exponent,
)
from theory.spectral_algorithms.lattices import aliased_loss, lattice_residues
from theory.spectral_algorithms.noiseless import circle_noiseless_constant, wishart_noiseless_constant
from theory.spectral_algorithms.noisy_observations import AsymptoticOptimum, nmno_loss, noisy_asymptotics
from theory.spectral_algorithms.profiles import (
    Profile,
    cutoff_profile,
    gradient_descent_profile,
    gradient_flow_profile,
    interpolation_profile,
    iterated_ridge_profile,
    ridge_profile,
)
from theory.spectral_algorithms.ridge import effective_ridge, optimal_ridge, ridge_loss
from theory.spectral_algorithms.symbolic import (
    bayes_profile_symbolic,
    optimal_profile_symbolic,
    power_law_optimum_symbolic,
    resolvent_identity_symbolic,
)
from theory.spectral_algorithms.wishart import (
    OptimalProfile,
    WishartMeasures,
    wishart_loss,
    wishart_measures,
    wishart_optimal_profile,
)

__all__ = [
    "AsymptoticOptimum",
    "CircleSpectrum",
    "OptimalProfile",
    "Profile",
    "WishartMeasures",
    "aliased_loss",
    "bayes_profile_symbolic",
    "circle_loss",
    "circle_loss_from_spectrum",
    "circle_noiseless_constant",
    "circle_optimal_loss",
    "circle_spectrum",
    "cutoff_profile",
    "effective_ridge",
    "gradient_descent_profile",
    "gradient_flow_profile",
    "hierarchical_eigenvalues",
    "hierarchical_kernel",
    "hierarchical_learning_exponent",
    "interpolation_profile",
    "iterated_ridge_profile",
    "lattice_residues",
    "nmno_loss",
    "noisy_asymptotics",
    "optimal_profile_symbolic",
    "optimal_ridge",
    "power_law_optimum_symbolic",
    "resolvent_identity_symbolic",
    "ridge_loss",
    "ridge_profile",
    "wishart_loss",
    "wishart_measures",
    "wishart_noiseless_constant",
    "wishart_optimal_profile",
]
