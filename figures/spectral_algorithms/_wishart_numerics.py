"""Slow predictions of the Wishart model, for ``run.compute``, next to wrong ones that a competent person could hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from figures.spectral_algorithms._probes import bin_masses, step_probes
from figures.spectral_algorithms._wishart_models import PROFILES, power_laws, split
from theory.spectral_algorithms import (
    WishartMeasures,
    nmno_loss,
    ridge_loss,
    ridge_profile,
    wishart_loss,
    wishart_measures,
)


def functional(measures: WishartMeasures, h: np.ndarray, total_power: float, *, regular: bool = True,
               sheet: float = 1.0) -> np.ndarray:  # fmt: skip
    """Return signal and noise of a profile given at the nodes, term by term as the theorem writes them.

    ``regular=False`` drops the regular part of the two-point density, ``sheet=-1`` conjugates the effective ridge.
    """
    weighted = measures.weights * h
    quadratic = sheet * (weighted @ (measures.local_density * h))
    if regular:
        quadratic += weighted @ measures.two_point_density @ weighted
    signal = 0.5 * (total_power - 2 * sheet * (weighted @ measures.linear_density) + quadratic)
    return np.array([signal, 0.5 * sheet * (weighted @ (measures.noise_density * h))])


def evaluations(*, n_samples: int, n_modes: int, nu: float, kappa: float, names: Sequence[str],
                reference_ridges: Sequence[float]) -> dict[str, np.ndarray]:  # fmt: skip
    """Return signal and noise (n_profiles, 2) by two methods, term by term, and by two wrong functionals.

    The two methods expand around different ``reference_ridges``.
    """
    task = power_laws(n_modes, nu, kappa)
    profiles = [PROFILES[name] for name in names]
    found = {
        method: split([[wishart_loss(profile, n_samples, noise_variance=v, method=method, reference_ridge=ridge, **task)
                        for v in (0.0, 1.0)] for profile in profiles])
        for method, ridge in zip(("density", "contour"), reference_ridges, strict=True)
    }  # fmt: skip
    measures, power = wishart_measures(n_samples, **task), task["target_power"].sum()
    values = [profile(measures.nodes) for profile in profiles]
    found["terms"] = np.array([functional(measures, h, power) for h in values])
    found["no regular part"] = np.array([functional(measures, h, power, regular=False) for h in values])
    found["conjugate sheet"] = np.array([functional(measures, h, power, sheet=-1.0) for h in values])
    return found


def predictions(*, n_samples: int, eigenvalues: np.ndarray, target_power: np.ndarray,
                profiles: Sequence[Any]) -> dict[str, np.ndarray]:  # fmt: skip
    """Return signal and noise (n_profiles, 2) of the functional, of the naive model and of two wrong functionals."""
    task = dict(eigenvalues=eigenvalues, target_power=target_power)
    measures = wishart_measures(n_samples, **task)
    noises = (0.0, 1.0)
    density = (1 / measures.effective_ridge).imag / np.pi  # of the empirical eigenvalues
    spectral = np.array([0.5 * (measures.weights * density) @ h(measures.nodes) ** 2 for h in profiles])
    no_regular = [functional(measures, h(measures.nodes), target_power.sum(), regular=False) for h in profiles]
    right = split([[wishart_loss(h, n_samples, noise_variance=v, **task) for v in noises] for h in profiles])
    return {
        "right": right,
        "naive": split([[nmno_loss(h, n_samples, noise_variance=v, **task) for v in noises] for h in profiles]),
        "no regular part": np.array(no_regular),
        "spectral density": np.column_stack([right[:, 0], spectral]),
    }


def boundary_residuals(*, n_samples: int, n_modes: int, nu: float) -> dict[str, np.ndarray]:
    """Return the worst residuals of the three equations that hold on the spectrum, at the solution and 1e-6 away."""
    task = power_laws(n_modes, nu, 1.0)
    values = task["eigenvalues"]
    measures = wishart_measures(n_samples, **task)

    def residuals(q: np.ndarray) -> np.ndarray:
        inverse = 1 / (values + q[:, np.newaxis])
        z = q * ((values * inverse).sum(axis=1) / n_samples - 1)
        gamma = (values**2 * np.abs(inverse) ** 2).sum(axis=1) / n_samples
        mass = measures.weights @ (1 / q).imag / np.pi / min(1.0, n_modes / n_samples)
        return np.array([np.abs(z / measures.nodes - 1).max(), np.abs(gamma - 1).max(), abs(mass - 1)])

    q = measures.effective_ridge
    return dict(right=residuals(q), perturbed=residuals(q + 1e-6 * q.real))


def bin_edges(n_samples: int, n_bins: int, **task: np.ndarray) -> tuple[float, ...]:
    """Return increasing edges of bins that hold the whole spectrum, even in the logarithm but for a wide top bin."""
    bands = wishart_measures(n_samples, **task).bands
    # Four eigenvalues share the top bin: one alone fluctuates beyond its band.
    top = np.sqrt(task["eigenvalues"][3] * task["eigenvalues"][4])
    edges = (*np.geomspace(0.7 * bands[-1][0], top, n_bins), 2.5 * bands[0][1])
    return tuple(float(f"{edge:.4g}") for edge in edges)  # the same numbers on every machine


def masses(*, n_samples: int, eigenvalues: np.ndarray, target_power: np.ndarray,
           edges: Sequence[float]) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the masses of rho1, rho2 and rho_eps on the bins between ``edges``, predicted."""
    task = dict(eigenvalues=eigenvalues, target_power=target_power)
    probes = step_probes(edges)
    signal, noise = split([[wishart_loss(h, n_samples, noise_variance=v, **task) for v in (0.0, 1.0)]
                           for h in probes]).T  # fmt: skip
    linear, pairs = bin_masses(signal, len(edges) - 1, target_power.sum())
    return dict(linear=linear, pairs=pairs, noise=2 * noise[: len(linear)])


def ridge_evaluations(*, n_samples: int, n_modes: int, nu: float, kappa: float, ridges: Sequence[float],
                      reference_ridge: float) -> dict[str, np.ndarray]:  # fmt: skip
    """Return signal and noise (n_ridges, 2) of ridge profiles: functional, closed form, and a wrong functional."""
    task = power_laws(n_modes, nu, kappa)
    measures, power = wishart_measures(n_samples, **task), task["target_power"].sum()
    profiles, noises = [ridge_profile(ridge) for ridge in ridges], (0.0, 1.0)
    found = [[wishart_loss(profile, n_samples, noise_variance=v, reference_ridge=reference_ridge, **task)
              for v in noises] for profile in profiles]  # fmt: skip
    return {
        "functional": split(found),
        "closed": split([[ridge_loss(ridge, n_samples, noise_variance=v, **task) for v in noises] for ridge in ridges]),
        "no regular part": np.array([functional(measures, h(measures.nodes), power, regular=False) for h in profiles]),
    }
