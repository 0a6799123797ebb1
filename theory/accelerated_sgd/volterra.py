"""The same risk as a renewal equation, and power-law random features as an instance of the model.

Features, noise and schemes as in :mod:`theory.accelerated_sgd.risk`. The modes act on one another through the scalar
tau_t = sum lambda_i E (y_t - w*)_i^2 alone, so that with forcing F (initial error, each mode by itself) and kernel K
(what one unit of noise leaves behind)

    tau_t = F^y_t + sum_{u<t} K^y_{t-1-u} (r4 tau_u + sigma^2),   2 risk_t = F^w_t + sum_{u<t} K^w_{t-1-u} (same).

Exact. Source: Paquette, Paquette, Xiao and Pennington, arXiv 2405.15074, for SGD; the rest is a result of this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.base import array, integer, number, require
from theory.accelerated_sgd._problem import read_coefficients, read_eigenvalues, read_moments
from theory.accelerated_sgd._recursion import (
    group_modes,
    initial_moments,
    moment_curves,
    rates,
    require_finite,
)
from theory.accelerated_sgd.schemes import MomentumScheme

__all__ = ["RandomFeatureProblem", "VolterraTerms", "random_feature_problem", "solve_volterra", "volterra_terms"]


@dataclass(frozen=True)
class VolterraTerms:
    """Forcings and kernels of the renewal equation at lags 0 .. n_steps, each (n_steps + 1,).

    Squared errors without the factor 1/2 of the risk; kernels without the factor r4.
    """

    iterate_forcing: np.ndarray
    lookahead_forcing: np.ndarray
    iterate_kernel: np.ndarray
    lookahead_kernel: np.ndarray


@dataclass(frozen=True)
class RandomFeatureProblem:
    """A linear regression in the eigenbasis of its features: ``eigenvalues`` (d,), ``initial_error`` (d,), noise."""

    eigenvalues: np.ndarray
    initial_error: np.ndarray
    noise_variance: float


def volterra_terms(
    eigenvalues: Any,
    initial_error: Any,
    scheme: MomentumScheme,
    *,
    n_steps: int,
    batch_size: float = 1,
    kurtosis: float = 3.0,
    radial_fourth_moment: float = 1.0,
) -> VolterraTerms:
    """Return the forcings and kernels of the renewal equation; r4 times the sum of the look-ahead kernel is ell.

    For SGD both forcings are sum lambda_i e_i^2 rho_i^t and both kernels (eta^2 / m) sum lambda_i^2 rho_i^t, with
    rho = (1 - eta lambda)^2 + p eta^2 lambda^2 / m. Exact, O(d) per step. Raises ``ValueError`` for bad input and on
    overflow.
    """
    values = read_eigenvalues(eigenvalues)
    errors = read_coefficients("initial_error", initial_error, values)
    n_steps = integer("n_steps", n_steps, "[0, inf)")
    moments = read_moments(batch_size, kurtosis, radial_fourth_moment)
    groups = group_modes(values, errors)
    delta, _, q = rates(scheme)
    kick = q - delta
    # The noise of one step moves (w, y) along (delta, q), and u = y - w along q - delta.
    kicked = np.array([[kick**2], [kick * q], [q**2], [delta**2]])
    kicked = kicked * (groups.counts * groups.eigenvalues / moments.batch_size)
    own_noise = (moments.excess / moments.batch_size, 0.0, 0.0)
    curves = [
        moment_curves(groups.eigenvalues, groups.counts, start, rates(scheme), own_noise, n_steps)
        for start in (initial_moments(groups), kicked)
    ]
    require_finite(np.max(curves, axis=(0, 1)), "n_steps", n_steps, 0)
    return VolterraTerms(curves[0][0], curves[0][1], curves[1][0], curves[1][1])


def solve_volterra(terms: VolterraTerms, *, noise_variance: float, radial_fourth_moment: float = 1.0) -> np.ndarray:
    """Return the risk curve (n_steps + 1,) that solves the renewal equation with the given ``terms``.

    Forward substitution, O(n_steps^2): every term is positive, so that small values late in the curve keep their
    relative accuracy. Exact. Raises ``ValueError`` for bad input and on overflow.
    """
    forcing = array("terms.lookahead_forcing", terms.lookahead_forcing, shape=(None,))
    iterate_forcing = array("terms.iterate_forcing", terms.iterate_forcing, shape=forcing.shape)
    kernel = array("terms.lookahead_kernel", terms.lookahead_kernel, shape=forcing.shape)
    iterate_kernel = array("terms.iterate_kernel", terms.iterate_kernel, shape=forcing.shape)
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    radial = number("radial_fourth_moment", radial_fourth_moment, "(0, inf)")
    length = len(forcing)
    reversed_kernels = np.ascontiguousarray(np.stack([iterate_kernel, kernel])[:, ::-1])
    source = np.empty(length)
    doubled_risk = np.empty(length)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(length):
            noise = reversed_kernels[:, length - t :] @ source[:t]
            doubled_risk[t] = iterate_forcing[t] + noise[0]
            source[t] = radial * (forcing[t] + noise[1]) + noise_variance
    require_finite(doubled_risk, "number of steps in terms", length - 1, 0)
    return 0.5 * doubled_risk


def random_feature_problem(
    population_eigenvalues: Any, population_target: Any, projection: Any
) -> RandomFeatureProblem:
    """Reduce SGD on linear random features to the model of this package, started at zero weights.

    Features W^T x with x ~ N(0, D), D = diag(``population_eigenvalues``) (v,), target b . x with
    b = ``population_target`` (v,), W = ``projection`` (v, d) of full column rank. Given W this is a linear regression
    with covariance W^T D W (``eigenvalues``, decreasing), optimal weights (W^T D W)^{-1} W^T D b (``initial_error``, in
    the eigenbasis), and the unexplained part of the target, Gaussian and independent of the features, as label noise.

    Exact. Raises ``ValueError`` for bad input. Source: arXiv 2405.15074, whose power laws D_j = j^{-2 alpha},
    b_j = j^{-beta} give learning-curve exponents with capacity 2 alpha and source 2 alpha + 2 beta.
    """
    population = array("population_eigenvalues", population_eigenvalues, "(0, inf)", shape=(None,))
    target = array("population_target", population_target, shape=population.shape)
    weights = array("projection", projection, shape=(len(population), None))
    scale = np.sqrt(population)
    left, singular, _ = np.linalg.svd(scale[:, None] * weights, full_matrices=False)
    rank = int(np.count_nonzero(singular > singular[0] * max(weights.shape) * np.finfo(np.float64).eps))
    n_features = weights.shape[1]
    require(rank == n_features, "projection", f"array of shape {weights.shape}", f"full column rank, found rank {rank}")
    explained = left.T @ (scale * target)
    unexplained = scale * target - left @ explained
    return RandomFeatureProblem(singular**2, explained / singular, float(unexplained @ unexplained))
