"""Training in high dimension: dynamical mean-field theory of the quadratic network at infinite width.

Setting as in :mod:`theory.grokking.recursion`, with N, n, d -> infinity at fixed n / d = delta and |beta|^2 = d.
Weights start from w_bar = 0 and the second moment I off the target direction e = beta / sqrt(d), d tau^2 along it.

Given a sample, the preactivations of the neurons are Gaussian: h_i(t) = m(t) + tau_i p(t) + eta_i(t) with a common mean
m, a spike p along the planted part and a bulk of covariance Q. The weights respond to what one update adds to them by
R_x(t, s), s < t, x in {m, p, d}, with R_x(s + 1, s) = 1. With k = 2 eta / alpha, u ~ N(0, 1) and independent Gaussian
processes zeta of covariances C_m and C_p, a sample follows

    m(t) = zeta_m(t) - (k / delta) sum_{s<t} R_m(t, s) f_m(s),               f_m = Delta (1 + epsilon m),
    p(t) = a_e(t) u + zeta_p(t) - (k / delta) sum_{s<t} R_p(t, s) f_p(s),    f_p = epsilon Delta p,
    Q = L q L^T,   L = (1 + (k epsilon / delta) R_d diag(Delta))^{-1},
    Delta = alpha m + (alpha epsilon / 2) (Q(t, t) + m^2 + tau^2 p^2) - f_0 - (u^2 - c_0) / 2,

f_0 = chi (alpha epsilon / 2) (1 + tau^2 u^2) with chi = 1 for a centred output and 0 otherwise. Averages over samples
close the equations: self-energies Gamma_x(t, s) = E d f_x(t) / d zeta_x(s) and Gamma_d = epsilon E Delta(t) L(t, s),

    R_x(t + 1, s) = R_x(t, s) - k sum_{r=s+1}^t Gamma_x(t, r) R_x(r, s),    a(t + 1) = a(t) - k sum_{s<=t} Gamma_d a(s),
    C_x = (k^2 / delta) E (R_x f_x) (R_x f_x)^T,    q = a a^T + (k^2 / delta) R_d S_d R_d^T,
    S_d = epsilon^2 E Delta(t) Delta(s) Q(t, s),    a_e(t + 1) = a_e(t) - k E f_p(t) u,      a(0) = a_e(0) = 1.

All of it is causal. Sample paths, driven by innovations that are fixed once, advance one step; their averages extend
the two-time functions by a row. The derivatives in Gamma come from one sweep back in time along every path, O(T^2),
and all triangular sums have matrices common to the paths: O(S T^3) operations, most of them in matrix products, and
memory for S T^2 / 2 numbers.

Source: an independent derivation by the cavity method, a result of this project; the same object is announced in
Kumar, Bordelon, Gershman and Pehlevan, arXiv 2310.06110.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields

import numpy as np

from assay.base import integer, number, require
from theory.grokking._dmft_kernels import LANES
from theory.grokking._innovations import ColouredNoise, Innovations, draw_innovations
from theory.grokking._input import require_stable
from theory.grokking._order_parameters import OrderParameters
from theory.grokking._sample_paths import Couplings, SamplePaths, couplings
from theory.grokking.high_dimension import max_learning_rate

__all__ = ["DmftSolution", "solve_dmft"]

_LARGEST_MEMORY = 3e9  # bytes
_ROWS_PER_STEP = 28  # numbers kept per path and step beside the triangular history; measured


@dataclass(frozen=True)
class DmftSolution:
    """Curves by step, (T + 1,), and two-time functions (T + 1, T + 1) of the weights.

    ``test_terms`` (T + 1, 3) holds the variance, misalignment and linear terms, whose sum is ``test_loss``. The spreads
    are standard deviations over replicas, 0 for one. ``overlap`` is a_e = e^T A e and ``bulk_mean`` a, where
    w_i(t) = A w_i(0) + b; correlations are C_m = b . b' / d off e, C_p = (A e)_perp . (A' e)_perp and
    q = tr A A'^T / d; responses R(t, s) vanish for s >= t.
    """

    train_loss: np.ndarray
    test_loss: np.ndarray
    test_terms: np.ndarray
    train_spread: np.ndarray
    test_spread: np.ndarray
    overlap: np.ndarray
    bulk_mean: np.ndarray
    correlation_mean: np.ndarray
    correlation_spike: np.ndarray
    correlation_bulk: np.ndarray
    response_mean: np.ndarray
    response_spike: np.ndarray
    response_bulk: np.ndarray


def solve_dmft(
    sample_ratio: float,
    *,
    output_scale: float,
    quadratic_strength: float,
    learning_rate: float,
    n_steps: int,
    initial_alignment: float = 0.0,
    target_offset: float = 0.0,
    center_output: bool = True,
    n_paths: int = 2000,
    n_replicas: int = 1,
    seed: int | np.random.SeedSequence = 0,
) -> DmftSolution:
    """Return the mean-field limit of training, averaged over ``n_paths`` sample paths in ``n_replicas`` runs.

    Statement: train loss E Delta^2 and, for a fresh sample, with c = C_m(t, t), pi = C_p(t, t), A = alpha epsilon / 2,

        variance = [A (c + q(t, t) - chi + tau^2 (a_e^2 + pi - chi)) - (1 - c_0) / 2]^2,    linear = alpha^2 c,
        misalignment = 2 A^2 c^2 + 2 (A tau^2 (a_e^2 - chi) - 1/2)^2 + (2 A tau^2 a_e)^2 pi + 2 (A tau^2 pi)^2.

    Asymptotic: the losses of networks in finite dimension d differ by O(1 / d), with a coefficient of order one. What
    the sampling adds falls roughly as 1 / n_paths: at 40 steps and 2000 paths about 2e-4 (standard deviation of a run)
    of a test loss of 0.27, without visible bias. With replicas every field is the median over them, entry by entry.
    Without a planted part (``initial_alignment`` tau^2 = 0) the direction of an even target is never found; a random
    start in finite dimension d is tau^2 = 1 / d.

    Any fixed learning rate is too large for samples far enough in the tail of u. Where more paths make the loss
    infinite (delta = 4, alpha = epsilon = 0.5, eta = 0.2, tau^2 = 0.02: from about 10^4 paths on, within 100 steps; not
    so at alpha = 1), the limit does not exist at late times, and fewer paths describe data without such samples.

    ``sample_ratio`` delta, ``output_scale`` alpha and ``learning_rate`` eta positive, ``quadratic_strength`` epsilon
    >= 0, ``target_offset`` c_0, ``n_paths`` at least 4 (n_steps + 1) + 16. Warns where lazy training would diverge at
    this learning rate, since learning features moves the edge. Raises ``ValueError`` naming the parameter:
    ``learning_rate`` if the loss becomes infinite, ``n_paths`` if the paths would fill more than 3 GB.
    """
    delta = number("sample_ratio", sample_ratio, "(0, inf)")
    alpha = number("output_scale", output_scale, "(0, inf)")
    epsilon = number("quadratic_strength", quadratic_strength, "[0, inf)")
    eta = number("learning_rate", learning_rate, "(0, inf)")
    n_steps = integer("n_steps", n_steps, "[0, inf)")
    alignment = number("initial_alignment", initial_alignment, "[0, inf)")
    offset = number("target_offset", target_offset)
    n_paths = integer("n_paths", n_paths, f"[{4 * (n_steps + 1) + 16}, inf)")
    n_replicas = integer("n_replicas", n_replicas, "[1, inf)")
    most = int(_LARGEST_MEMORY / (8 * (n_steps + 1) * (n_steps / 2 + _ROWS_PER_STEP))) - LANES
    require(n_paths <= most, "n_paths", n_paths, f"at most {most} paths of {n_steps} steps, which fill 3 GB")
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(integer("seed", seed, "[0, inf)"))
    edge = max_learning_rate(delta, epsilon)
    if eta >= edge:
        warnings.warn(f"learning_rate = {eta:g}: lazy training diverges from {edge:.4g} on", stacklevel=2)

    setting = couplings(
        delta, output_scale=alpha, quadratic_strength=epsilon, learning_rate=eta, initial_alignment=alignment,
        target_offset=offset, center_output=center_output,
    )  # fmt: skip
    runs = []
    for replica in range(n_replicas):
        stream = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, replica), pool_size=seed.pool_size)
        runs.append(solve_replica(setting, draw_innovations(n_paths, n_steps, stream)))
        require_stable(np.stack([runs[-1].train_loss, runs[-1].test_loss]), eta)
    if n_replicas == 1:
        return runs[0]
    values = {field.name: np.stack([getattr(run, field.name) for run in runs]) for field in fields(DmftSolution)}
    medians = {name: np.median(value, axis=0) for name, value in values.items()}
    medians["train_spread"] = np.std(values["train_loss"], axis=0, ddof=1)
    medians["test_spread"] = np.std(values["test_loss"], axis=0, ddof=1)
    return DmftSolution(**medians)


def solve_replica(
    setting: Couplings, innovations: Innovations, noise: type[ColouredNoise] = ColouredNoise
) -> DmftSolution:
    """Run the equations once, without validation; a run that diverges ends in infinite or undefined losses."""
    n_steps = len(innovations.mean)
    paths, order = SamplePaths(setting, innovations, noise), OrderParameters(n_steps)
    train_loss = np.full(n_steps + 1, np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(n_steps + 1):
            paths.advance(t, order)
            train_loss[t] = paths.residuals[t] ** 2 @ paths.weights
            if t == n_steps or not np.isfinite(train_loss[t]):
                break
            order.extend(t, setting.step, setting.noise, *paths.averages(t, order))
        mean, spike = (process.factor @ process.factor.T for process in paths.noises)
        terms = _test_terms(setting, np.diag(mean), np.diag(spike), np.diag(order.covariance), order.overlap)
    zero = np.zeros(n_steps + 1)
    return DmftSolution(
        train_loss, terms.sum(axis=1), terms, zero, zero, order.overlap, order.bulk, mean, spike, order.covariance,
        *order.responses,
    )  # fmt: skip


def _test_terms(
    setting: Couplings, mean: np.ndarray, spike: np.ndarray, bulk: np.ndarray, overlap: np.ndarray
) -> np.ndarray:
    """Return the three terms of the loss of a fresh sample from equal-time correlations, (T + 1, 3)."""
    start, alpha = setting.start, setting.output_scale
    amplitude = 0.5 * alpha * setting.quadratic_strength
    planted = amplitude * setting.alignment
    centre = amplitude * (mean + bulk - start) + planted * (overlap**2 + spike - start)
    variance = (centre - 0.5 * (1.0 - setting.target_offset)) ** 2
    misalignment = 2.0 * (amplitude * mean) ** 2 + 2.0 * (planted * (overlap**2 - start) - 0.5) ** 2
    misalignment += (2.0 * planted * overlap) ** 2 * spike + 2.0 * (planted * spike) ** 2
    return np.stack([variance, misalignment, alpha**2 * mean], axis=1)
