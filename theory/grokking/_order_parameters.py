"""Two-time functions of the weights, which the averages over samples extend by a row at each step."""

from __future__ import annotations

import numpy as np


class OrderParameters:
    """Responses R of the channels mean, spike and bulk, bulk covariance q and means a, a_e at times 0 .. T."""

    def __init__(self, n_steps: int):
        n_times = n_steps + 1
        self.responses = np.zeros((3, n_times, n_times))
        self.covariance = np.zeros((n_times, n_times))
        self.bulk, self.overlap = np.zeros(n_times), np.zeros(n_times)
        self.covariance[0, 0] = self.bulk[0] = self.overlap[0] = 1.0
        self._source = np.zeros((n_times, n_times))  # S_d

    def extend(self, t: int, step: float, noise: float, energies: np.ndarray, source: np.ndarray, pull: float) -> None:
        """Add the row t + 1 from the averages at time t.

        ``energies`` (3, t + 1) is Gamma(t, .), ``source`` (t + 1,) is S_d(t, .), ``pull`` is epsilon E Delta p u.
        """
        past, now = slice(0, t + 1), t + 1
        for response, energy in zip(self.responses, energies, strict=True):
            response[now, :t] = response[t, :t] - step * (energy @ response[past, :t])
            response[now, t] = 1.0
        self.bulk[now] = self.bulk[t] - step * (energies[2] @ self.bulk[past])
        self.overlap[now] = self.overlap[t] - step * pull
        self._source[t, past] = self._source[past, t] = source
        bulk = self.responses[2]
        row = bulk[: now + 1, past] @ (self._source[past, past] @ bulk[now, past])
        row = self.bulk[now] * self.bulk[: now + 1] + noise**2 * row
        self.covariance[now, : now + 1] = self.covariance[: now + 1, now] = row
