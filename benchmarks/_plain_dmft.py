"""The mean-field equations of grokking in plain NumPy: what the solver is tested against, and timed against."""

from __future__ import annotations

import itertools

import numpy as np

from theory.grokking._innovations import Innovations
from theory.grokking._sample_paths import Couplings

__all__ = ["plain_dmft"]


def _noise_row(rows: np.ndarray, weights: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Return the last row of the process with covariance E x x' over the given rows, from the same innovations."""
    triangle = np.linalg.qr((np.sqrt(weights) * rows).T, mode="r")
    return (triangle[:, -1] * np.sign(np.diag(triangle))) @ white[: len(rows)]


def plain_dmft(c: Couplings, white: Innovations) -> dict[str, np.ndarray]:
    """Solve the equations as they are derived: full matrices, and every derivative carried forward in time."""
    u, w, n = white.projections, white.weights, len(white.mean) + 1
    alpha, eps, tau2, k = c.output_scale, c.quadratic_strength, c.alignment, c.step
    m, p, delta = np.zeros((3, n, len(u)))
    L, H, Q = np.zeros((3, n, n, len(u)))
    dm, dp, d_delta = np.zeros((3, 2, n, n, len(u)))  # by source: mean, spike
    R, gamma = np.zeros((3, n, n)), np.zeros((3, n, n))
    q, S_d = np.zeros((n, n)), np.zeros((n, n))
    a, a_e = np.ones(n), np.ones(n)
    f_0 = c.start * alpha * eps / 2 * (1 + tau2 * u**2)
    for t in range(n):
        now, past = slice(0, t + 1), slice(0, t)
        m_force, p_force = delta * (1 + eps * m), eps * delta * p
        q[now, now] = np.outer(a[now], a[now]) + c.noise**2 * R[2][now, past] @ S_d[past, past] @ R[2][now, past].T
        p[t] = a_e[t] * u
        if t > 0:
            for row, response, force, source in ((m, R[0], m_force, white.mean), (p, R[1], p_force, white.spike)):
                pulls = response[1 : t + 1, past] @ force[past]
                if np.any(pulls):
                    row[t] += _noise_row(c.noise * pulls, w, source) - c.memory * pulls[-1]
        L[t, t] = 1.0
        for s in range(t):
            r = slice(s + 1, t)
            H[t, s] = R[2][t, s] - c.memory * eps * R[2][t, r] @ (delta[r] * H[r, s])
            L[t, s] = -c.memory * eps * H[t, s] * delta[s]
        Q[t, now] = Q[now, t] = np.einsum("bi,sbi->si", q[now, now] @ L[t, now], L[now, now])
        delta[t] = alpha * m[t] + alpha * eps / 2 * (Q[t, t] + m[t] ** 2 + tau2 * p[t] ** 2) - f_0
        delta[t] -= (u**2 - c.target_offset) / 2
        for source, s in itertools.product(range(2), range(t + 1)):
            r = slice(s, t)
            driven = d_delta[source, r, s]
            dm[source, t, s] = (source == 0 and s == t) - c.memory * R[0][t, r] @ (
                driven * (1 + eps * m[r]) + eps * delta[r] * dm[source, r, s]
            )
            dp[source, t, s] = (source == 1 and s == t) - c.memory * eps * R[1][t, r] @ (
                driven * p[r] + delta[r] * dp[source, r, s]
            )
            dQ = -2 * c.memory * eps * np.sum(H[t, r] * Q[r, t] * driven, axis=0)
            d_delta[source, t, s] = alpha * (1 + eps * m[t]) * dm[source, t, s]
            d_delta[source, t, s] += alpha * eps / 2 * (dQ + 2 * tau2 * p[t] * dp[source, t, s])
        gamma[0, t, now] = (d_delta[0, t, now] * (1 + eps * m[t]) + eps * delta[t] * dm[0, t, now]) @ w
        gamma[1, t, now] = eps * (d_delta[1, t, now] * p[t] + delta[t] * dp[1, t, now]) @ w
        gamma[2, t, now] = eps * (delta[t] * L[t, now]) @ w
        S_d[t, now] = S_d[now, t] = eps**2 * (delta[t] * delta[now] * Q[t, now]) @ w
        if t + 1 < n:
            for response, energy in zip(R, gamma, strict=True):
                response[t + 1, t] = 1.0
                for s in range(t):
                    r = slice(s + 1, t + 1)
                    response[t + 1, s] = response[t, s] - k * energy[t, r] @ response[r, s]
            a[t + 1] = a[t] - k * gamma[2, t, now] @ a[now]
            a_e[t + 1] = a_e[t] - k * eps * (delta[t] * p[t] * u) @ w
    pulls = c.noise * R[0] @ (delta * (1 + eps * m)), c.noise * R[1] @ (eps * delta * p)
    C_m, C_p = ((w * pull) @ pull.T for pull in pulls)
    return dict(
        train_loss=delta**2 @ w, overlap=a_e, bulk_mean=a, correlation_mean=C_m, correlation_spike=C_p,
        correlation_bulk=q, response_mean=R[0], response_spike=R[1], response_bulk=R[2],
    )  # fmt: skip
