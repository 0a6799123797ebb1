"""The same moments by dense linear algebra on all (2d)^2 second moments of (w, y): slow, and a route of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from theory.accelerated_sgd import MomentumScheme


class DenseMoments:
    """The linear map that carries all second moments of s = (w, y) - w* one step on, for one problem."""

    def __init__(self, eigenvalues: np.ndarray, scheme: MomentumScheme, *, noise_variance: float = 0.0,
                 batch_size: float = 1, kurtosis: float = 3.0, radial_fourth_moment: float = 1.0) -> None:  # fmt: skip
        d = len(eigenvalues)
        delta, c, q = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
        identity, covariance = np.eye(d), np.diag(eigenvalues)
        self.size, self.eigenvalues, self.noise = d, eigenvalues, noise_variance
        self.batch_size, self.kurtosis, self.radial = batch_size, kurtosis, radial_fourth_moment
        self.steps = np.vstack([delta * identity, q * identity])
        rest = np.block([[np.zeros((d, d)), identity], [-c * identity, (1 + c) * identity]])
        self.mean = rest - np.hstack([np.zeros((2 * d, d)), self.steps @ covariance])

    def gradient_covariance(self, ahead: np.ndarray) -> np.ndarray:
        """Return the covariance of one gradient (..., d, d) where E y y^T = ``ahead`` (..., d, d), the labels' aside.

        E x x^T M x x^T for x = R Lambda^(1/2) z has r4 (2 S + tr S + (kurtosis - 3) diag S) between two Lambda^(1/2),
        with S = Lambda^(1/2) M Lambda^(1/2).
        """
        root = np.sqrt(self.eigenvalues)
        standard = root[:, np.newaxis] * ahead * root
        diagonal = np.einsum("...ii->...i", standard)
        fourth = standard + np.swapaxes(standard, -1, -2)
        level = diagonal.sum(axis=-1, keepdims=True) + (self.kurtosis - 3) * diagonal
        fourth = fourth + level[..., np.newaxis] * np.eye(self.size)
        squared = self.eigenvalues[:, np.newaxis] * ahead * self.eigenvalues
        return self.radial * root[:, np.newaxis] * fourth * root - squared

    def homogeneous(self, moments: np.ndarray) -> np.ndarray:
        """Carry moments (..., 2d, 2d) one step on without label noise."""
        d = self.size
        injected = self.gradient_covariance(moments[..., d:, d:])
        return self.mean @ moments @ self.mean.T + self.steps @ injected @ self.steps.T / self.batch_size

    def label_noise(self) -> np.ndarray:
        """Return what the labels add to the moments at each step, (2d, 2d)."""
        return self.noise / self.batch_size * (self.steps * self.eigenvalues) @ self.steps.T

    def curve(self, initial_error: np.ndarray, n_steps: int) -> np.ndarray:
        """Return all second moments at steps 0 .. n_steps, (n_steps + 1, 2d, 2d)."""
        start = np.concatenate([initial_error, initial_error])
        moments = np.empty((n_steps + 1, 2 * self.size, 2 * self.size))
        moments[0] = np.outer(start, start)
        for t in range(n_steps):
            moments[t + 1] = self.homogeneous(moments[t]) + self.label_noise()
        return moments

    def risks(self, moments: np.ndarray) -> np.ndarray:
        """Return the risk of the iterate for moments (..., 2d, 2d)."""
        return 0.5 * np.einsum("...ii->...i", moments)[..., : self.size] @ self.eigenvalues

    def tail_average_risk(self, moments: np.ndarray) -> float:
        """Return the risk of the mean of the iterates whose moments (N, 2d, 2d) are given, by summing over all lags."""
        length, d = len(moments), self.size
        total, power = 0.0, np.eye(2 * d)
        for lag in range(length):
            lagged = np.einsum("ik,tki->i", power[:d], moments[: length - lag, :, :d])
            total += (1 if lag == 0 else 2) * float(self.eigenvalues @ lagged)
            power = self.mean @ power
        return 0.5 * total / length**2

    def operator(self) -> np.ndarray:
        """Return the map as a matrix, (4d^2, 4d^2)."""
        n = 2 * self.size
        return self.homogeneous(np.eye(n * n).reshape(-1, n, n)).reshape(n * n, -1).T

    def growth_rate(self) -> float:
        """Return the spectral radius of the map."""
        return float(np.abs(np.linalg.eigvals(self.operator())).max())

    def stationary(self) -> np.ndarray:
        """Return the fixed point of the moments, (2d, 2d), by solving the linear system."""
        n = 2 * self.size
        moments = np.linalg.solve(np.eye(n * n) - self.operator(), self.label_noise().ravel())
        return moments.reshape(n, n)


def dense_risks(*, last_step: int, burn_in: int, eigenvalues: np.ndarray, initial_error: np.ndarray,
                scheme: MomentumScheme, **law: Any) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the risks of the iterate at the last step, and of the mean of the iterates from ``burn_in`` on."""
    dense = DenseMoments(eigenvalues, scheme, **law)
    moments = dense.curve(initial_error, last_step)
    return dict(last=dense.risks(moments[-1]), tail=np.array(dense.tail_average_risk(moments[burn_in:])))
