"""Sample paths of the dynamical mean-field equations and their linear response, one step after another.

Notation and equations in :mod:`theory.grokking.dmft`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from theory.grokking._dmft_kernels import (
    BLOCK,
    LANES,
    adjoint_block,
    covariance_block,
    influence_block,
    store_bulk_memory,
)
from theory.grokking._innovations import ColouredNoise, Innovations
from theory.grokking._order_parameters import OrderParameters


class Couplings(NamedTuple):
    """Coefficients of the equations."""

    output_scale: float  # alpha
    quadratic_strength: float  # epsilon
    step: float  # k = 2 eta / alpha
    memory: float  # k / delta: how a sample feels its own past
    noise: float  # k / sqrt(delta): how it feels the other samples
    alignment: float  # tau^2
    target_offset: float  # c_0
    start: float  # chi: 1 for a centred output, else 0


def couplings(
    sample_ratio: float,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    initial_alignment: float = 0.0,
    target_offset: float = 0.0,
    center_output: bool = True,
) -> Couplings:
    """Return the couplings of a setting, in the arguments of ``solve_dmft``."""
    step, start = 2.0 * learning_rate / output_scale, 1.0 if center_output else 0.0
    noise = step / np.sqrt(sample_ratio)
    return Couplings(
        output_scale, quadratic_strength, step, step / sample_ratio, noise, initial_alignment, target_offset, start
    )


class SamplePaths:
    """S independent samples in the fields of all the others; times 0 .. T in rows, paths in columns."""

    def __init__(self, couplings: Couplings, innovations: Innovations, noise: type[ColouredNoise]):
        n_steps, n_paths = innovations.mean.shape
        alpha, epsilon, alignment = couplings.output_scale, couplings.quadratic_strength, couplings.alignment
        self.couplings, self.projections, self.weights = couplings, innovations.projections, innovations.weights
        self.noises = noise(innovations.mean, self.weights), noise(innovations.spike, self.weights)
        squares = self.projections**2
        self._base = 0.5 * alpha * epsilon * couplings.start * (1.0 + alignment * squares)
        self._base += 0.5 * (squares - couplings.target_offset)

        shape = n_steps + 1, n_paths
        self.residuals = np.zeros(shape)  # Delta
        self.slopes = np.zeros((2, *shape))  # 1 + epsilon m and epsilon p
        self.forces = np.zeros((2, *shape))  # Delta times slope
        self.influence = np.zeros(shape)  # l(t, .) at the present t
        self.covariance = np.zeros(shape)  # Q(t, .) at the present t
        self._bulk_response, self._weighted = np.zeros(shape), np.zeros(shape)

        # Without a planted part the residual does not feel the spike channel, whose response is that of the bulk.
        n_channels = 2 if alignment > 0.0 else 1
        self._gains = np.array([alpha, alpha * alignment])[:n_channels]
        self._adjoints = np.zeros((n_channels, n_channels, *shape))  # by channel, of force
        self._sums = np.zeros_like(self._adjoints)
        self._drive = np.zeros((n_channels, *shape))
        self._bulk_memory = np.zeros((-(-n_paths // LANES), n_steps * (n_steps + 1) // 2, LANES))

    def advance(self, t: int, order: OrderParameters) -> None:
        """Take the paths to time t."""
        alpha, epsilon = self.couplings.output_scale, self.couplings.quadratic_strength
        mean, spike = np.zeros_like(self.projections), order.overlap[t] * self.projections
        if t > 0:
            fields = zip((mean, spike), order.responses[:2], self.forces, self.noises, strict=True)
            for channel, response, forces, noise in fields:
                pull = response[t, :t] @ forces[:t]
                channel += noise.draw(t, self.couplings.noise * pull) - self.couplings.memory * pull
        self.slopes[0, t], self.slopes[1, t] = 1.0 + epsilon * mean, epsilon * spike
        self._bulk(t, order)
        quadratic = self.covariance[t] + mean**2 + self.couplings.alignment * spike**2
        self.residuals[t] = alpha * (mean + 0.5 * epsilon * quadratic) - self._base
        np.multiply(self.residuals[t], self.slopes[:, t], out=self.forces[:, t])

    def _bulk(self, t: int, order: OrderParameters) -> None:
        """Get l(t, .) by back substitution, then Q(t, .) = L q l by a product and forward substitution."""
        coupling = self.couplings.memory * self.couplings.quadratic_strength
        response, residuals = order.responses[2], self.residuals
        influence, sums, covariance, weighted = self.influence, self._bulk_response, self.covariance, self._weighted
        influence[t] = 1.0
        for high in range(t, 0, -BLOCK):
            low = max(high - BLOCK, 0)
            np.matmul(response[high : t + 1, low:high].T, influence[high : t + 1], out=sums[low:high])
            influence_block(low, high, response, coupling, residuals, sums, influence)
        np.matmul(order.covariance[: t + 1, : t + 1], influence[: t + 1], out=covariance[: t + 1])
        for low in range(0, t + 1, BLOCK):
            high = min(low + BLOCK, t + 1)
            covariance[low:high] += response[low:high, :low] @ weighted[:low]
            covariance_block(low, high, response, coupling, residuals, covariance, weighted)
        scale = self.couplings.output_scale * self.couplings.quadratic_strength * coupling
        store_bulk_memory(t, scale, sums, covariance, self._bulk_memory)

    def averages(self, t: int, order: OrderParameters) -> tuple[np.ndarray, np.ndarray, float]:
        """Return what extends the order parameters: Gamma(t, .), S_d(t, .) and epsilon E Delta p u at time t."""
        past, epsilon = slice(0, t + 1), self.couplings.quadratic_strength
        source = (self.residuals[past] * self.covariance[past]) @ (epsilon**2 * self.weights * self.residuals[t])
        return self._self_energies(t, order), source, float((self.forces[1, t] * self.projections) @ self.weights)

    def _self_energies(self, t: int, order: OrderParameters) -> np.ndarray:
        """Return Gamma(t, s) for s = 0 .. t in the channels mean, spike and bulk, (3, t + 1).

        Gamma of a channel is the mean derivative of its force at time t by the field of the channel at time s. One
        sweep back in time along each path gives it for all s.
        """
        epsilon, memory = self.couplings.quadratic_strength, self.couplings.memory
        adjoints, sums, drive = self._adjoints, self._sums, self._drive
        n_channels = len(drive)
        own = np.arange(n_channels)
        slopes, residuals = self.slopes[:n_channels], self.residuals
        drive[:, t] = slopes[:, t]
        adjoints[:, :, t] = self._gains[:, None, None] * slopes[:, None, t] * slopes[None, :, t]
        adjoints[own, own, t] += epsilon * residuals[t]
        for high in range(t, 0, -BLOCK):
            low = max(high - BLOCK, 0)
            earlier = order.responses[:n_channels, high : t + 1, low:high].swapaxes(1, 2)
            np.matmul(earlier[:, None], adjoints[:, :, high : t + 1], out=sums[:, :, low:high])
            adjoint_block(
                low, high, t, order.responses, memory, epsilon, self._gains, residuals, slopes, self._bulk_memory,
                sums, adjoints, drive,
            )  # fmt: skip
        bulk = self.influence[: t + 1] @ (epsilon * self.weights * residuals[t])
        energies = np.stack([bulk, bulk, bulk])
        energies[:n_channels] = adjoints[own, own, : t + 1] @ self.weights
        return energies
