"""Loss of any spectral algorithm in the Wishart model: features that are independent standard Gaussians.

With N = ``n_samples`` points, mode l has the features Z_il ~ N(0, 1), the kernel matrix is K = sum lambda_l Z_l Z_l^T,
and the predictor applies a profile h to the spectrum of K / N. The loss, half the mean squared error on noise-free
labels, is to leading order in 1/N the quadratic functional

    2 loss = |c|^2 - 2 int h rho1 + int int h h rho2 + noise_variance int h^2 rho_eps

of three learning measures on the bands of the empirical spectrum: rho1 (linear), rho_eps (noise) and rho2, a regular
two-point density plus a local part on the diagonal. With q(lambda + i0) = x - iy, D_l = |lambda_l + q|^2,
B = sum c_l^2 lambda_l / D_l and C = sum c_l^2 / D_l they are

    rho1 = y B / (pi lambda),   rho_eps = y / (pi lambda^2),   local = |q|^2 y C / (pi lambda^2),
    two-point = lambda rho_eps lambda' rho_eps' (B - B') / (lambda - lambda').

Zero eigenvalues are never learnt and carry no part of the measures.

Source: Velikanov, Panov and Yarotsky, "Generalization error of spectral algorithms", arXiv 2403.11696, Theorem 1,
Wishart part (numbering unverified); the real forms above, the quadrature and the contour integrals are derived here.
Nature: asymptotic, with relative corrections of order 1/N observed for Gaussian features.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from assay.base import choice, integer, number, require
from theory.spectral_algorithms._functional import contour_loss, density_loss, noise_weights, recall
from theory.spectral_algorithms._modes import read_task, require_target
from theory.spectral_algorithms.profiles import evaluate, read_profile

__all__ = ["OptimalProfile", "WishartMeasures", "wishart_loss", "wishart_measures", "wishart_optimal_profile"]


@dataclass(frozen=True)
class WishartMeasures:
    """The learning measures of the Wishart model on quadrature nodes, in decreasing empirical eigenvalue.

    All of shape (n_nodes,) but for ``bands``, the list of (low, high) from the top, and ``two_point_density``,
    (n_nodes, n_nodes), which is built when it is asked for. ``weights`` integrate over the eigenvalue;
    ``effective_ridge`` is the complex q(lambda + i0). ``alignment`` is B of the module's formulas and
    ``alignment_slope`` its derivative in the eigenvalue.
    """

    nodes: np.ndarray
    weights: np.ndarray
    effective_ridge: np.ndarray
    linear_density: np.ndarray
    local_density: np.ndarray
    noise_density: np.ndarray
    alignment: np.ndarray
    alignment_slope: np.ndarray
    bands: list[tuple[float, float]]

    @functools.cached_property
    def two_point_density(self) -> np.ndarray:
        """The regular part of the two-point density at all pairs of nodes; symmetric, its diagonal a derivative."""
        factors = self.nodes * self.noise_density
        table = _divided_differences(self.nodes, self.alignment, self.alignment_slope)
        table *= factors
        table *= factors[:, None]
        return table


@dataclass(frozen=True)
class OptimalProfile:
    """The best profile at the nodes of the spectrum (decreasing ``eigenvalues``) and its predicted loss."""

    eigenvalues: np.ndarray
    values: np.ndarray
    loss: float


def wishart_measures(
    n_samples: int, *, eigenvalues: Any, target_power: Any, nodes_per_panel: int = 24
) -> WishartMeasures:
    """Return the three learning measures on quadrature nodes that resolve every band of the empirical spectrum.

    ``eigenvalues`` (P,) positive and non-increasing, ``target_power`` (P,) squared target coefficients,
    ``n_samples`` >= 1. Integrals are accurate to about 10^(-nodes_per_panel / 2), down to rounding, for profiles that
    vary on the scale of the eigenvalue itself. Power laws take about 2 capacity_exponent sqrt(n_samples) panels; cost:
    some five passes over the modes per node. Nature: as the module says.

    Raises ``ValueError`` naming the parameter, ``RuntimeError`` if the spectrum is not resolved.
    """
    n, values, power, _ = read_task(n_samples, eigenvalues, target_power, 0.0)
    order = integer("nodes_per_panel", nodes_per_panel, "[8, 200]")
    nodes = recall(n, values, power).nodes(order, ())
    x, y, lam = nodes.real, nodes.imaginary, nodes.eigenvalues
    noise = y / (math.pi * lam**2)
    return WishartMeasures(
        lam.copy(),
        nodes.weights.copy(),
        x - 1j * y,
        lam * noise * nodes.alignment,
        (x**2 + y**2) * noise * nodes.shadow,
        noise,
        nodes.alignment.copy(),
        nodes.alignment_slope.copy(),
        list(nodes.bands),
    )


def wishart_loss(
    profile: Any,
    n_samples: int,
    *,
    eigenvalues: Any,
    target_power: Any,
    noise_variance: float,
    method: str = "density",
    reference_ridge: float | None = None,
    nodes_per_panel: int = 24,
) -> float:
    """Predict the loss of the spectral algorithm with the given profile.

    ``profile`` is a ``Profile`` or a function from eigenvalues (any shape) to h. The functional is evaluated around the
    closed form of ridge regression: with d = h - lambda / (lambda + ``reference_ridge``), loss - loss_ridge is linear
    plus quadratic in d, so that small losses keep their digits. Every reference gives the same loss; by default h is
    one half there. ``method``: "density" integrates over the bands, with breaks where the profile jumps and
    ``nodes_per_panel`` as in :func:`wishart_measures`; "contour" integrates around the spectrum, independently, for
    smooth profiles of modulus at most 10 there and more modes than samples. The nodes of a spectrum are remembered, so
    that further profiles on it cost milliseconds. Nature: as the module says.

    Raises ``ValueError`` naming the parameter (``noise_variance`` where the noise term is infinite: as many modes as
    samples, and h not 0 at 0); ``RuntimeError`` if the spectrum is not resolved.
    """
    n, values, power, noise = read_task(n_samples, eigenvalues, target_power, noise_variance)
    choice("method", method, ("density", "contour"))
    order = integer("nodes_per_panel", nodes_per_panel, "[8, 200]")
    reference = None if reference_ridge is None else number("reference_ridge", reference_ridge, "(0, inf)")
    filter_ = read_profile(profile)
    if noise > 0.0 and values.size == n:
        with np.errstate(over="ignore"):
            at_zero = evaluate(filter_, np.array([np.finfo(float).tiny]))[0]
        rule = "0 where n_samples is the number of modes and the profile is not 0 at eigenvalue 0"
        require(abs(at_zero[0]) < 1e-100, "noise_variance", noise, rule)
    task = recall(n, values, power)
    if method == "contour":
        require(filter_.smooth, "profile", filter_.name, "a smooth profile for method = 'contour'")
        rule = f"more than {n} eigenvalues for method = 'contour'"
        require(values.size > n, "eigenvalues", f"array of shape {values.shape}", rule)
        return contour_loss(task, filter_, noise, reference)
    nodes = task.nodes(order, tuple(filter_.breakpoints))
    evaluate(filter_, np.array([nodes.bands[0][1]]))  # a descent must converge up to the edge of the spectrum
    return density_loss(task, nodes, *evaluate(filter_, nodes.eigenvalues), noise, reference)


def wishart_optimal_profile(
    n_samples: int, *, eigenvalues: Any, target_power: Any, noise_variance: float, nodes_per_panel: int = 24
) -> OptimalProfile:
    """Return the profile of least predicted loss among all profiles.

    It solves int two_point h' + (local + noise_variance rho_eps) h = rho1, an integral equation of the second kind,
    here on the nodes of :func:`wishart_measures` by a dense Cholesky factorisation. Where ``target_power`` is
    ``eigenvalues`` times tau^2 it is ridge regression with ridge noise_variance / (n_samples tau^2). Nature: as the
    module says.

    Raises ``ValueError`` naming the parameter, ``target_power`` if it is zero; ``RuntimeError`` if the spectrum is not
    resolved.
    """
    n, values, power, noise = read_task(n_samples, eigenvalues, target_power, noise_variance)
    require_target(power)
    task = recall(n, values, power)
    nodes = task.nodes(integer("nodes_per_panel", nodes_per_panel, "[8, 200]"), ())
    lam = nodes.eigenvalues
    # Divided by lambda rho_eps and scaled by the square roots of the weights the system is symmetric and positive.
    root = np.sqrt(noise_weights(nodes) * lam)
    system = _divided_differences(lam, nodes.alignment, nodes.alignment_slope)
    system *= root
    system *= root[:, None]
    local = ((nodes.real**2 + nodes.imaginary**2) * nodes.shadow + noise) / lam
    system[np.diag_indices_from(system)] += local
    try:
        factor = cho_factor(system, lower=True, overwrite_a=True)
    except ValueError as error:  # not positive, or not finite
        raise RuntimeError(f"optimal profile not found at n_samples = {n}, noise_variance = {noise:g}") from error
    h = cho_solve(factor, root * nodes.alignment) / root
    return OptimalProfile(lam.copy(), h, density_loss(task, nodes, h, 1.0 - h, noise, None))


def _divided_differences(points: np.ndarray, values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    differences = np.subtract.outer(points, points)
    np.fill_diagonal(differences, 1.0)
    table = np.subtract.outer(values, values)
    table /= differences
    np.fill_diagonal(table, slopes)
    return table
