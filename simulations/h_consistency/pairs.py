"""Conditional regrets of random pairs of class probabilities and scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from assay.base import integer, number
from simulations._streams import spawn_streams

__all__ = ["RegretFrontier", "simulate_conditional_regrets"]

_PAIRS_PER_STREAM = 65_536
_PAIRS_PER_PASS = 2048  # so that the arrays of a pass stay in the second-level cache
_LARGEST_EXPONENT = 5.0  # of the probabilities in the proposed scores
_EXPM1_RANGE = 1.0 / 16.0  # of |tau - 1|: further out differences of powers lose at most a digit
_HALF_OF_THE_BITS = 2.0**26


class RegretFrontier(NamedTuple):
    """Least surrogate regret found at every zero-one regret.

    bin_edges: (n_bins + 1,), equal bins over [0, 1]. min_regret: (n_bins,), the least conditional surrogate regret of
    the pairs whose conditional zero-one regret lies in the bin. beta_at_min: (n_bins,), the zero-one regret of the pair
    that attains it. Both are infinite where a bin is empty. n_useful: the pairs with positive zero-one regret.
    """

    bin_edges: np.ndarray
    min_regret: np.ndarray
    beta_at_min: np.ndarray
    n_useful: int


def simulate_conditional_regrets(
    n_pairs: int, *, n_classes: int, tau: float, n_bins: int = 50, seed: int | np.random.SeedSequence
) -> RegretFrontier:
    """Search random pairs (p, h) for the least conditional comp-sum regret at every conditional zero-one regret.

    The surrogate regret is ``sum_k p_k loss_tau(h, k)`` minus its infimum over all scores. The zero-one regret ``beta``
    is ``max(p)`` minus the probability of the class with the top score; pairs that predict the best class are left out.
    Proposal: ``p_k`` proportional to ``U_k^(1 + 6 V)`` and ``h_k = a log p_k + s g_k``, with U and V uniform on [0, 1],
    g on [-1, 1], s on [0, max(4, 2 a)], and ``a = 1 / (2 - tau)``, at which the regret vanishes, but at most 5.

    The regrets are exact to rounding. Blocks of pairs, stored class by class, alternate between compiled passes and
    NumPy's vectorised ``log`` and ``exp``, about five of them per class and pair, on arrays that stay in cache. Every
    65536 pairs have a stream of their own, so that more pairs begin with the same ones.

    Model: Mao et al., "Cross-Entropy Loss Functions: Theoretical Analysis and Applications", arXiv 2304.07288.
    Raises ``ValueError`` for ``n_pairs < 1``, ``n_classes < 2``, negative or infinite ``tau``, or ``n_bins < 1``.
    """
    n_pairs = integer("n_pairs", n_pairs, "[1, inf)")
    n_classes = integer("n_classes", n_classes, "[2, inf)")
    tau = number("tau", tau, "[0, inf)")
    n_bins = integer("n_bins", n_bins, "[1, inf)")
    min_regret, beta_at_min = np.full(n_bins, np.inf), np.full(n_bins, np.inf)
    pairs = _Pairs(n_classes, tau)
    n_useful = 0
    for stream, rng in enumerate(spawn_streams(seed, n_pairs, block=_PAIRS_PER_STREAM)):
        left = min(n_pairs - stream * _PAIRS_PER_STREAM, _PAIRS_PER_STREAM)
        for first in range(0, left, _PAIRS_PER_PASS):
            count = min(left - first, _PAIRS_PER_PASS)
            beta, regret = pairs.draw(rng)
            n_useful += _keep_least(beta[:count], regret[:count], min_regret, beta_at_min)
    return RegretFrontier(np.linspace(0.0, 1.0, n_bins + 1), min_regret, beta_at_min, n_useful)


class _Pairs:
    """Draws and evaluates blocks of pairs in arrays of shape (n_classes, pairs), which every block overwrites.

    With ``S = softmax(h)`` both risks come from averages over p: of ``S_k^(tau - 1)`` for the scores and of
    ``p_k^((tau - 1) / (2 - tau))`` for the optimum.
    """

    def __init__(self, n_classes: int, tau: float) -> None:
        self.tau = tau
        self.exponent = min(1.0 / (2.0 - tau), _LARGEST_EXPONENT) if tau < 2.0 else _LARGEST_EXPONENT
        self.uniforms = np.empty((n_classes + 1, _PAIRS_PER_PASS))
        self.log_p, self.p, self.log_s, self.s = np.empty((4, n_classes, _PAIRS_PER_PASS))
        self.log_sums, self.averages = np.empty((2, 2, _PAIRS_PER_PASS))
        self.beta = np.empty(_PAIRS_PER_PASS)

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the zero-one and surrogate regrets of fresh pairs, each (pairs,)."""
        rng.random(out=self.uniforms)
        _split(self.uniforms, self.log_p)
        np.log(self.log_p, out=self.log_p)
        _propose_probabilities(self.uniforms, self.log_p)
        np.exp(self.log_p, out=self.p)
        _propose_scores(self.uniforms, self.log_p, self.exponent, self.log_s)
        np.exp(self.log_s, out=self.s)
        _normalise(self.p, self.s, self.log_sums)
        np.log(self.log_sums, out=self.log_sums)
        regret = self._regret_near_one() if abs(self.tau - 1.0) < _EXPM1_RANGE else self._regret()
        return self.beta, regret

    def _regret(self) -> np.ndarray:
        tau, log_p, log_s = self.tau, self.log_p, self.log_s
        _shift_and_scale(log_s, self.log_sums[1], tau - 1.0)
        np.exp(log_s, out=log_s)
        if tau < 2.0:  # relative to the largest probability, since all powers underflow for tau close to 2
            np.multiply(log_p, (tau - 1.0) / (2.0 - tau), out=log_p)
            np.exp(log_p, out=log_p)
        _average(self.p, self.s, log_p, log_s, self.averages, self.beta)
        relative_optimum, risk = self.averages
        optimum = np.exp((1.0 - min(tau, 2.0)) * self.log_sums[0])  # the largest probability is exp(-log_sums[0])
        if tau < 2.0:
            optimum *= np.power(relative_optimum, 2.0 - tau)
        return (optimum - risk) / (tau - 1.0)

    def _regret_near_one(self) -> np.ndarray:
        """Average powers minus 1, whose differences would cancel; at tau = 1 logarithms: a relative entropy."""
        tau, log_p, log_s = self.tau, self.log_p, self.log_s
        _shift_and_scale(log_p, self.log_sums[0], 1.0 if tau == 1.0 else (tau - 1.0) / (2.0 - tau))
        _shift_and_scale(log_s, self.log_sums[1], 1.0 if tau == 1.0 else tau - 1.0)
        if tau != 1.0:
            np.expm1(log_p, out=log_p)
            np.expm1(log_s, out=log_s)
        _average(self.p, self.s, log_p, log_s, self.averages, self.beta)
        optimum, risk = self.averages
        return optimum - risk if tau == 1.0 else (np.expm1((2.0 - tau) * np.log1p(optimum)) - risk) / (tau - 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _split(uniforms, upper):
    """Split every double of the first rows into two uniforms, its upper and its lower bits, both inside (0, 1)."""
    for k in range(upper.shape[0]):
        lower_row, upper_row = uniforms[k], upper[k]
        for i in range(upper_row.size):
            scaled = lower_row[i] * _HALF_OF_THE_BITS
            whole = np.floor(scaled)
            upper_row[i] = (whole + 0.5) / _HALF_OF_THE_BITS
            lower_row[i] = scaled - whole


@njit(cache=True, nogil=True, error_model="numpy")
def _propose_probabilities(uniforms, log_p):
    """Turn log U into (1 + 6 V) log U, shifted so that the largest is 0; the last row of the uniforms gives V."""
    last = uniforms[-1]
    top = np.full(last.size, -np.inf)
    for k in range(log_p.shape[0]):
        row = log_p[k]
        for i in range(row.size):
            row[i] *= 1.0 + 6.0 * last[i]
            top[i] = max(top[i], row[i])
    for k in range(log_p.shape[0]):
        row = log_p[k]
        for i in range(row.size):
            row[i] -= top[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _propose_scores(uniforms, log_p, exponent, scores):
    """Perturb the optimal scores by s g; the lower bits of the last row of the uniforms give s."""
    last = uniforms[-1]
    spread = np.empty(last.size)
    for i in range(last.size):
        scaled = last[i] * _HALF_OF_THE_BITS
        spread[i] = max(4.0, 2.0 * exponent) * (scaled - np.floor(scaled))
    for k in range(log_p.shape[0]):
        row, noise, score = log_p[k], uniforms[k], scores[k]
        for i in range(row.size):
            score[i] = exponent * row[i] + spread[i] * (2.0 * noise[i] - 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _normalise(p, s, sums):
    """Divide the columns of p by their sums; write the sums of both."""
    sums[:] = 0.0
    for k in range(p.shape[0]):
        p_row, s_row = p[k], s[k]
        for i in range(p_row.size):
            sums[0, i] += p_row[i]
            sums[1, i] += s_row[i]
    for k in range(p.shape[0]):
        row = p[k]
        for i in range(row.size):
            row[i] /= sums[0, i]


@njit(cache=True, nogil=True, error_model="numpy")
def _shift_and_scale(logs, log_sums, factor):
    for k in range(logs.shape[0]):
        row = logs[k]
        for i in range(row.size):
            row[i] = factor * (row[i] - log_sums[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _average(p, s, of_p, of_s, averages, beta):
    """Average the values of both risks over p; write the zero-one regrets of the classes with the top scores."""
    averages[:] = 0.0
    top, largest, predicted = np.zeros(beta.size), np.zeros(beta.size), np.zeros(beta.size)
    for k in range(p.shape[0]):
        p_row, s_row, p_values, s_values = p[k], s[k], of_p[k], of_s[k]
        for i in range(beta.size):
            averages[0, i] += p_row[i] * p_values[i]
            averages[1, i] += p_row[i] * s_values[i]
            largest[i] = max(largest[i], p_row[i])
            predicted[i] = p_row[i] if s_row[i] > top[i] else predicted[i]
            top[i] = max(top[i], s_row[i])
    for i in range(beta.size):
        beta[i] = largest[i] - predicted[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _keep_least(beta, regret, min_regret, beta_at_min):
    """Lower the minima of the bins; return the number of pairs with a positive zero-one regret."""
    n_useful = 0
    for i in range(beta.size):
        if beta[i] > 0.0:
            n_useful += 1
            bin_ = min(int(beta[i] * min_regret.size), min_regret.size - 1)
            if regret[i] < min_regret[bin_]:
                min_regret[bin_], beta_at_min[bin_] = regret[i], beta[i]
    return n_useful
