"""Random draws of the simulators, compiled: features of several laws, and the law of a Gaussian mini-batch gradient."""

from __future__ import annotations

import math

from numba import njit

__all__ = ["FEATURE_LAWS", "chi_square", "draw_features", "draw_gradient", "draw_gradient_normal"]

# The position in this tuple is the code that kernels take.
FEATURE_LAWS = ("gaussian", "rademacher", "uniform", "laplace")

_GAUSSIAN, _RADEMACHER, _UNIFORM, _LAPLACE = range(4)


@njit(cache=True, nogil=True)
def chi_square(rng, degrees):
    """Draw a chi-square variable; 0, 1 and 2 degrees of freedom are several times cheaper than the general case."""
    if degrees == 0:
        return 0.0
    if degrees == 1:
        return rng.standard_normal() ** 2
    if degrees == 2:
        return 2.0 * rng.standard_exponential()
    return rng.chisquare(degrees)


@njit(cache=True, nogil=True)
def draw_features(rng, law, out):
    """Fill ``out`` with independent coordinates of mean 0 and variance 1."""
    if law == _GAUSSIAN:
        for i in range(len(out)):
            out[i] = rng.standard_normal()
    elif law == _RADEMACHER:
        for i in range(0, len(out), 32):
            bits = int(rng.random() * 2.0**32)
            for j in range(i, min(i + 32, len(out))):
                out[j] = 2.0 * (bits & 1) - 1.0
                bits >>= 1
    elif law == _UNIFORM:
        for i in range(len(out)):
            out[i] = math.sqrt(12.0) * (rng.random() - 0.5)
    else:  # Laplace: the difference of two exponentials
        for i in range(len(out)):
            out[i] = (rng.standard_exponential() - rng.standard_exponential()) / math.sqrt(2.0)


@njit(cache=True, nogil=True)
def draw_gradient(rng, norm, noise_scale, batch_size):
    """Draw (along, across), all that the m samples of a Gaussian mini-batch contribute to their mean gradient.

    Write u for the whitened error at the look-ahead point, of length ``norm`` and direction e, and ``noise_scale`` for
    the standard deviation of the labels. Sample j has features z_j ~ N(0, I), residual ``r_j = z_j.u - noise_j`` and
    gradient r_j z_j. Given all residuals and all z_j.e, the sum of the gradients is normal across e, so that the mean
    gradient has the law of ``along e + across (z - e e.z)``, z ~ N(0, I), with ``along = sum_j r_j z_j.e / m`` and
    ``across = sqrt(sum_j r_j^2) / m``. The residuals enter through their components parallel to the vector of the
    z_j.e, whose squared length is chi-square with m degrees of freedom, and orthogonal to it: Bartlett's decomposition.
    """
    length = math.sqrt(chi_square(rng, batch_size))
    if noise_scale == 0.0:
        return length * length * norm / batch_size, length * norm / batch_size
    parallel = length * norm - noise_scale * rng.standard_normal()
    orthogonal = noise_scale**2 * chi_square(rng, batch_size - 1)
    return length * parallel / batch_size, math.sqrt(parallel**2 + orthogonal) / batch_size


@njit(cache=True, nogil=True)
def draw_gradient_normal(rng, norm, noise_scale, batch_size):
    """Draw (along, across) for a normal gradient with the mean and covariance of ``draw_gradient``."""
    spread = math.sqrt((2.0 * norm**2 + noise_scale**2) / batch_size)
    return norm + spread * rng.standard_normal(), math.sqrt((norm**2 + noise_scale**2) / batch_size)
