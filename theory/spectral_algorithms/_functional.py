"""Evaluation of the loss functional of the Wishart model around ridge regression, and what is remembered of a spectrum.

With h_ridge = lambda / (lambda + ridge) and d = h - h_ridge the loss of h is

    loss_ridge + int d G + 1/2 int int d d rho2 + noise/2 int d^2 rho_eps,
    G = (kappa/pi) Im[w - S(kappa) u] / (lambda + ridge) + noise rho_eps h_ridge,

kappa the effective ridge, S(kappa) = sum c_l^2 / (lambda_l + kappa): the gradient is closed because the integral of
the two-point function against h_ridge is a residue. Nothing large is subtracted where both profiles learn almost all.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from assay.base import require
from theory._spectrum import Spectrum, read_spectrum
from theory.spectral_algorithms._bands import Modes, group_modes
from theory.spectral_algorithms._contour import Contour, contour, linear_integral, quadratic_integral
from theory.spectral_algorithms._density import Nodes, quadratic_form, spectral_nodes
from theory.spectral_algorithms.profiles import Profile, evaluate
from theory.spectral_algorithms.ridge import evaluate_ridge, solve_effective_ridge

LARGEST_ON_CONTOUR = 10.0
CACHED_TASKS, CACHED_NODES = 8, 8


class Reference(NamedTuple):
    """Ridge regression, around which a loss is expanded."""

    ridge: float
    kappa: float  # effective ridge
    shadow: float  # S(kappa) = sum c^2 / (lambda + kappa)
    loss: float

    def departure(self, values: np.ndarray, residuals: np.ndarray, lam: np.ndarray) -> np.ndarray:
        """Return h - lambda / (lambda + ridge) from the smaller of h and 1 - h."""
        return np.where(
            np.abs(values) < 0.5, values - lam / (lam + self.ridge), self.ridge / (lam + self.ridge) - residuals
        )


class Task:
    """A validated spectrum with its target and sample size, and the nodes found for it so far."""

    def __init__(self, n: int, values: np.ndarray, power: np.ndarray) -> None:
        self.n = n
        self.modes: Modes = group_modes(values, power)
        self.spectrum: Spectrum = read_spectrum(values, None)._replace(powers=power)
        self.nodes = functools.lru_cache(maxsize=CACHED_NODES)(self._nodes)

    def _nodes(self, nodes_per_panel: int, breakpoints: tuple[float, ...]) -> Nodes:
        return spectral_nodes(self.modes, self.n, nodes_per_panel, breakpoints)

    @functools.cached_property
    def contour(self) -> Contour:
        return contour(self.modes, self.n)

    def reference(self, ridge: float, noise: float) -> Reference:
        kappa = solve_effective_ridge(self.spectrum, self.n, ridge)
        shadow = float(self.modes.powers @ (1.0 / (self.modes.values + kappa)))
        return Reference(ridge, kappa, shadow, evaluate_ridge(self.spectrum, self.n, ridge, noise))


def recall(n: int, values: np.ndarray, power: np.ndarray) -> Task:
    """Return the task of validated arrays, the one of an earlier call where it is remembered."""
    return _task_of_bytes(n, values.tobytes(), power.tobytes())


@functools.lru_cache(maxsize=CACHED_TASKS)
def _task_of_bytes(n: int, values: bytes, power: bytes) -> Task:
    return Task(n, np.frombuffer(values).copy(), np.frombuffer(power).copy())


def noise_weights(nodes: Nodes) -> np.ndarray:
    """Return the quadrature weights times rho_eps."""
    return nodes.weights * nodes.imaginary / (math.pi * nodes.eigenvalues**2)


def density_loss(
    task: Task, nodes: Nodes, values: np.ndarray, residuals: np.ndarray, noise: float, ridge: float | None
) -> float:
    """Return the loss of a profile given at the nodes, by default around the ridge at which it crosses one half."""
    lam = nodes.eigenvalues
    reference = task.reference(_crossing(values, lam) if ridge is None else ridge, noise)
    d = reference.departure(values, residuals, lam)
    # All densities in units of rho_eps.
    learnt = lam / (lam + reference.ridge)
    gradient = learnt * (noise - reference.kappa * (nodes.alignment - reference.shadow))
    local = (nodes.real**2 + nodes.imaginary**2) * nodes.shadow + noise
    weights = noise_weights(nodes)
    pairs = quadratic_form(weights * lam * d, lam, nodes.alignment, nodes.alignment_slope)
    return _finite(reference.loss + float((weights * d) @ (gradient + 0.5 * local * d)) + 0.5 * pairs)


def contour_loss(task: Task, profile: Profile, noise: float, ridge: float | None) -> float:
    """Return the loss of a smooth profile by integrals around the spectrum; refuse one that is large there."""
    nodes = task.contour
    z = nodes.points
    line = np.geomspace(nodes.high, nodes.low, 400)
    on_line = evaluate(profile, line)[0]  # also refuses a descent that does not converge
    with np.errstate(over="ignore", invalid="ignore"):
        values, residuals = np.asarray(profile(z)), np.asarray(profile.residual(z))
    require(values.shape == z.shape == residuals.shape, "profile", profile.name, "values of the shape of the argument")
    largest = float(np.max(np.abs(values)))
    rule = f"a modulus of at most {LARGEST_ON_CONTOUR:g} around the spectrum for method = 'contour', not {largest:.3g}"
    require(largest <= LARGEST_ON_CONTOUR, "profile", profile.name, rule)
    reference = task.reference(_crossing(on_line, line) if ridge is None else ridge, noise)
    d = reference.departure(values, residuals, z)
    learnt = z / (z + reference.ridge)
    gradient = noise * nodes.noise * learnt
    gradient -= reference.kappa * (nodes.w - reference.shadow * nodes.u) / (z + reference.ridge)
    linear = linear_integral(nodes, d * (gradient + 0.5 * noise * nodes.noise * d))
    return _finite(reference.loss + linear + 0.5 * quadratic_integral(nodes, d))


def _crossing(values: np.ndarray, lam: np.ndarray) -> float:
    """Return the largest of decreasing eigenvalues with h below one half, else the smallest."""
    below = np.flatnonzero(values < 0.5)
    return float(lam[below[0] if below.size else -1])


def _finite(loss: float) -> float:
    if not math.isfinite(loss):
        raise RuntimeError("the loss is not finite: the spectrum is not resolved")
    return loss
