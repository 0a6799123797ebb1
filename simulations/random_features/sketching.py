"""Minimum-norm least squares on sketched data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import lapack

from assay.base import array, choice, integer, number
from simulations._streams import spawn_streams
from simulations.random_features._kernels import normal_matrix, triangular_wishart

__all__ = ["SketchTrials", "simulate_sketch_identity", "simulate_sketched_ridgeless"]


@dataclass(frozen=True)
class SketchTrials:
    """Bias and variance of every trial, each (n_trials,), in units of the squared label; the test noise is left out."""

    bias: np.ndarray
    variance: np.ndarray


def simulate_sketched_ridgeless(
    *,
    n_samples: int,
    n_features: int,
    sketch_size: int,
    signal_power: float,
    noise_variance: float,
    sketch: str,
    n_trials: int,
    seed: int | np.random.SeedSequence,
    eigenvalues: ArrayLike | None = None,
) -> SketchTrials:
    """Bias and variance of ``(SX)^+ S y``, the minimum-norm least-squares solution on sketched data.

    Model (Chen et al., "Sketched Ridgeless Linear Regression: The Role of Downsampling", arXiv 2302.01088): X is n by p
    with normal rows of covariance diag(eigenvalues), ones by default; ``y = X beta`` plus noise; S is m by n, with rows
    from a uniformly random orthonormal frame (``sketch="orthogonal"``) or independent normal entries ("iid"). The risk
    is the prediction error ``|diag(eigenvalues)^(1/2) (estimate - beta)|^2``.

    Averaged exactly in each trial: the noise, and beta over all directions at |beta|^2 = signal_power. What is sampled:
    orthogonal, the m by p matrix SX, which has the law of m rows of X; iid, S and X. For ones, Wishart factors replace
    them where the risk depends on them alone: the factor of SX if orthogonal; if iid with m > p, the factors of X'X and
    of S restricted to the range of X, while the part of S outside that range is averaged.

    Cost per trial: for ones min(m, p)^3 flops and min(m, p)^2 normals (iid with m <= p as below); otherwise
    m p min(m, p) flops for orthogonal and m n p for iid. At m = p the risk has no mean.

    Raises ``ValueError`` for counts below 1, a sketch larger than n or of another kind, negative power or noise, or
    eigenvalues that are not p positive numbers.
    """
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    n_features = integer("n_features", n_features, "[1, inf)")
    sketch_size = integer("sketch_size", sketch_size, f"[1, {n_samples}]")
    signal_power = number("signal_power", signal_power, "[0, inf)")
    noise_variance = number("noise_variance", noise_variance, "[0, inf)")
    sketch = choice("sketch", sketch, ("orthogonal", "iid"))
    if eigenvalues is not None:
        eigenvalues = array("eigenvalues", eigenvalues, "(0, inf)", shape=(n_features,))
    streams = spawn_streams(seed, n_trials)
    bias, variance = np.empty(len(streams)), np.empty(len(streams))
    for trial, rng in enumerate(streams):
        if eigenvalues is None and (sketch == "orthogonal" or sketch_size > n_features):
            bias[trial] = max(1.0 - sketch_size / n_features, 0.0)
            variance[trial] = _isotropic_variance(rng, n_samples, n_features, sketch_size, sketch)
        else:
            spectrum = np.ones(n_features) if eigenvalues is None else eigenvalues
            bias[trial], variance[trial] = _direct(rng, n_samples, spectrum, sketch_size, sketch)
    return SketchTrials(signal_power * bias, noise_variance * variance)


def simulate_sketch_identity(
    *, n_samples: int, n_features: int, sketch_size: int, n_trials: int, seed: int | np.random.SeedSequence
) -> np.ndarray:
    """Largest entry of ``(SX)^+ S - (QX)^+ Q`` over the largest of ``(SX)^+ S``, per trial: (n_trials,).

    X (n, p) and the sketch S (m, n) have standard normal entries, Q is an orthonormal basis of the rows of S. For
    m <= p the two are equal, so that the result is rounding; for m > p they differ. Cost per trial: O(m n p). Source:
    Chen et al., arXiv 2302.01088. Raises ``ValueError`` for counts below 1 or a sketch larger than n.
    """
    n_samples = integer("n_samples", n_samples, "[1, inf)")
    n_features = integer("n_features", n_features, "[1, inf)")
    sketch_size = integer("sketch_size", sketch_size, f"[1, {n_samples}]")
    streams = spawn_streams(seed, n_trials)
    deviations = np.empty(len(streams))
    for trial, rng in enumerate(streams):
        data = normal_matrix(rng, n_samples, n_features)
        iid = normal_matrix(rng, sketch_size, n_samples)
        orthonormal = np.linalg.qr(iid.T)[0].T
        solution = np.linalg.pinv(iid @ data) @ iid
        other = np.linalg.pinv(orthonormal @ data) @ orthonormal
        deviations[trial] = np.abs(solution - other).max() / np.abs(solution).max()
    return deviations


def _isotropic_variance(
    rng: np.random.Generator, n_samples: int, n_features: int, sketch_size: int, sketch: str
) -> float:
    """Squared Frobenius norm of ``(SX)^+ S`` for unit covariance, from Wishart factors."""
    if sketch == "orthogonal":
        small, large = sorted((sketch_size, n_features))
        return float(np.sum(_inverse_lower(triangular_wishart(rng, small, large)) ** 2))
    # X = UR with U orthonormal. S restricted to the range of U is T, the rest of S is independent of it, and
    # (SX)^+ S = R^-1 [1, T^+ rest]: the squared norm is |R^-1|^2 + (n - p) |R^-1 T^+|^2 on average over the rest.
    inverse_data = _inverse_lower(triangular_wishart(rng, n_features, n_samples)).T
    inverse_sketch = _inverse_lower(triangular_wishart(rng, n_features, sketch_size)).T
    leakage = (n_samples - n_features) * np.sum((inverse_data @ inverse_sketch) ** 2)
    return float(np.sum(inverse_data**2) + leakage)


def _direct(
    rng: np.random.Generator, n_samples: int, eigenvalues: np.ndarray, sketch_size: int, sketch: str
) -> tuple[float, float]:
    """Bias for unit signal power and variance for unit noise, from the matrices themselves."""
    scales = np.sqrt(eigenvalues)
    if sketch == "orthogonal":
        sketched = normal_matrix(rng, sketch_size, len(scales)) * scales
        solution = np.linalg.pinv(sketched)
        noise_map = solution
    else:
        sketcher = normal_matrix(rng, sketch_size, n_samples)
        sketched = sketcher @ (normal_matrix(rng, n_samples, len(scales)) * scales)
        solution = np.linalg.pinv(sketched)
        noise_map = solution @ sketcher
    error = solution @ sketched
    error[np.diag_indices_from(error)] -= 1.0
    bias = float(np.sum((scales[:, None] * error) ** 2)) / len(scales)
    return bias, float(np.sum((scales[:, None] * noise_map) ** 2))


def _inverse_lower(factor: np.ndarray) -> np.ndarray:
    """Inverse of a lower triangular matrix of full rank."""
    return lapack.dtrtri(factor, lower=1)[0]
