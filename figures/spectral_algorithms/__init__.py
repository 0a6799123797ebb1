"""Spectral algorithms: kernel methods trained by any filter of the kernel matrix."""

from figures.spectral_algorithms import (
    circle,
    hierarchical,
    lattices,
    localisation,
    noiseless,
    noisy_observations,
    optimal_profile,
    overlearning,
    quadratic_functional,
    ridge,
    universality,
    wishart,
)

__all__ = [
    "circle",
    "hierarchical",
    "lattices",
    "localisation",
    "noiseless",
    "noisy_observations",
    "optimal_profile",
    "overlearning",
    "quadratic_functional",
    "ridge",
    "universality",
    "wishart",
]
