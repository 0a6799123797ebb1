"""Speed of the accelerated-SGD predictors and simulators against plain NumPy and against the machine.

Run: python -m benchmarks.bench_accelerated_sgd
"""

from __future__ import annotations

import numpy as np
from numba import njit

from benchmarks._timing import interleaved, print_ratios
from simulations.accelerated_sgd import (
    simulate_discrete_feature_loss,
    simulate_grouped_risk_curve,
    simulate_risk_curve,
)
from theory.accelerated_sgd import MomentumScheme, asgd_scheme, discrete_feature_curve, risk_curve

NOISE = 0.3


@njit(cache=True, nogil=True)
def draw_normals(rng, out):
    """Fill ``out`` with normals: what a simulator cannot do without."""
    for i in range(len(out)):
        out[i] = rng.standard_normal()


def print_limit(seconds: dict[str, np.ndarray], limit: str, ours: str) -> None:
    """Print the share of our time that the draws alone take."""
    print(f"  share of the generator's limit: {np.min(seconds[limit]) / np.min(seconds[ours]):.2f}")


def plain_risks(
    rng: np.random.Generator,
    eigenvalues: np.ndarray,
    scheme: MomentumScheme,
    n_steps: int,
    batch_size: int,
    n_trials: int,
) -> np.ndarray:
    """Last risks, (n_trials,), of all trials side by side, each step with its explicit mini-batches."""
    scales = np.sqrt(eigenvalues)
    iterate = lookahead = np.ones((n_trials, len(eigenvalues)))
    for _ in range(n_steps):
        batch = rng.standard_normal((n_trials, batch_size, len(eigenvalues))) * scales
        residuals = (batch @ lookahead[:, :, None])[:, :, 0]
        residuals -= np.sqrt(NOISE) * rng.standard_normal((n_trials, batch_size))
        gradient = (residuals[:, None, :] @ batch)[:, 0] / batch_size
        iterate, lookahead = (
            lookahead - scheme.learning_rate * gradient,
            (1.0 + scheme.momentum) * lookahead - scheme.momentum * iterate - scheme.lookahead_learning_rate * gradient,
        )
    return 0.5 * iterate**2 @ eigenvalues


def bench_last_iterate(
    eigenvalues: np.ndarray, scheme: MomentumScheme, *, n_steps: int, batch_size: int, n_trials: int, n_rounds: int = 8
) -> None:
    """Both samplers against NumPy with a loop over the steps, and against the draws of the exact law alone."""
    d = len(eigenvalues)
    plain_rng, limit_rng = np.random.default_rng(1), np.random.Generator(np.random.PCG64DXSM(1))
    normals = np.empty(n_trials * n_steps * (d + 1))

    def ours(sampler: str) -> np.ndarray:
        return simulate_risk_curve(
            eigenvalues, np.ones(d), scheme, record_steps=[n_steps], noise_variance=NOISE, batch_size=batch_size,
            n_trials=n_trials, seed=1, sampler=sampler,
        )  # fmt: skip

    seconds = interleaved(
        {
            "plain NumPy": lambda: plain_risks(plain_rng, eigenvalues, scheme, n_steps, batch_size, n_trials),
            "direct": lambda: ours("direct"),
            "exact law": lambda: ours("exact_law"),
            "normals of the exact law alone": lambda: draw_normals(limit_rng, normals),
        },
        n_rounds=n_rounds,
    )
    title = f"Last iterate: d = {d}, {n_steps} steps, m = {batch_size}, {n_trials} trials (per trial)"
    print_ratios(title, seconds, reference="plain NumPy", n_units=n_trials)
    print_limit(seconds, "normals of the exact law alone", "exact law")


def bench_grouped(n_steps: int = 100, batch_size: int = 64, n_trials: int = 512) -> None:
    """Three blocks in large and small dimension against the simulator of every coordinate in 600 dimensions."""
    eigenvalues = np.array([1.0, 0.3, 0.1])
    scheme = MomentumScheme(0.01, 0.8, 0.012)

    def ours(size: int) -> np.ndarray:
        return simulate_grouped_risk_curve(
            eigenvalues, [size] * 3, [1.0] * 3, scheme, record_steps=[n_steps], noise_variance=NOISE,
            batch_size=batch_size, n_trials=n_trials, seed=1,
        )  # fmt: skip

    def every_coordinate() -> np.ndarray:
        return simulate_risk_curve(
            np.repeat(eigenvalues, 200), np.full(600, 200**-0.5), scheme, record_steps=[n_steps],
            noise_variance=NOISE, batch_size=batch_size, n_trials=n_trials, seed=1,
        )  # fmt: skip

    seconds = interleaved(
        {
            "every coordinate, d = 600": every_coordinate,
            "grouped, d = 30": lambda: ours(10),
            "grouped, d = 600": lambda: ours(200),
            "grouped, d = 3,000,000": lambda: ours(10**6),
        }
    )
    title = f"Repeated eigenvalues: 3 blocks, {n_steps} steps, m = {batch_size} (per trial)"
    print_ratios(title, seconds, reference="every coordinate, d = 600", n_units=n_trials)


def bench_discrete(
    record_steps: list[int], *, n_points: int = 10, d: int = 30, batch_size: int = 1, n_trials: int = 2000
) -> None:
    """SGD on a training set against NumPy with all trials side by side."""
    rng = np.random.default_rng(1)
    features, targets = rng.standard_normal((n_points, d)), rng.standard_normal(n_points)
    covariance, truth, rate = np.eye(d), np.full(d, 0.1), 0.02
    arguments = dict(learning_rate=rate, batch_size=batch_size, test_covariance=covariance, true_weights=truth)

    def ours() -> np.ndarray:
        return simulate_discrete_feature_loss(
            features, targets, record_steps=record_steps, n_trials=n_trials, seed=1, **arguments
        ).train_loss

    def plain() -> np.ndarray:
        weights, losses = np.zeros((n_trials, d)), []
        for step in range(record_steps[-1] + 1):
            if step in record_steps:
                errors = weights - truth
                losses.append(np.mean((weights @ features.T - targets) ** 2, axis=1))
                losses.append(np.einsum("td,td->t", errors @ covariance, errors))
            drawn = rng.integers(n_points, size=(n_trials, batch_size))
            residuals = np.einsum("tmd,td->tm", features[drawn], weights) - targets[drawn]
            weights -= rate / batch_size * np.einsum("tm,tmd->td", residuals, features[drawn])
        return np.array(losses)

    exact = discrete_feature_curve(features, targets, n_steps=record_steps[-1], **arguments).train_loss
    np.testing.assert_allclose(ours().mean(axis=0), exact[record_steps], rtol=0.1)
    seconds = interleaved({"plain NumPy": plain, "simulator": ours})
    title = f"Training set: {n_points} points, d = {d}, {record_steps[-1]} steps, {len(record_steps)} recorded"
    print_ratios(title + " (per 1000 trials)", seconds, reference="plain NumPy", n_units=n_trials // 1000)


def bench_exact_risk(d: int, n_steps: int) -> None:
    """The exact risk by three numbers a mode against the dense second moments of both points."""
    eigenvalues = np.arange(1.0, d + 1.0) ** -1.5
    scheme = asgd_scheme(alpha=0.95, beta=0.05, gamma=0.3, delta=0.1)

    def ours() -> np.ndarray:
        return risk_curve(eigenvalues, np.ones(d), scheme, n_steps=n_steps, noise_variance=NOISE)

    def dense() -> np.ndarray:
        delta, momentum, ahead = scheme.learning_rate, scheme.momentum, scheme.lookahead_learning_rate
        covariance, identity = np.diag(eigenvalues), np.eye(d)
        mean = np.block(
            [[np.zeros((d, d)), identity - delta * covariance],
             [-momentum * identity, (1.0 + momentum) * identity - ahead * covariance]]
        )  # fmt: skip
        gain = np.outer([delta, ahead], [delta, ahead])
        moments, risks = np.ones((2 * d, 2 * d)), np.empty(n_steps + 1)
        for step in range(n_steps + 1):
            risks[step] = 0.5 * eigenvalues @ np.diag(moments)[:d]
            inner = moments[d:, d:]
            spread = covariance @ inner @ covariance + (np.vdot(covariance, inner) + NOISE) * covariance
            moments = mean @ moments @ mean.T + np.kron(gain, spread)
        return risks

    np.testing.assert_allclose(ours(), dense(), rtol=1e-10)
    seconds = interleaved({"dense 2d by 2d": dense, "three numbers a mode": ours}, n_rounds=4)
    print_ratios(f"Exact risk: d = {d}, {n_steps} steps (per step)", seconds, reference="dense 2d by 2d",
                 n_units=n_steps)  # fmt: skip
    print(f"  per mode and step: {1e9 * seconds['three numbers a mode'].min() / (d * n_steps):.2f} ns")


def main() -> None:
    small = asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)
    bench_last_iterate(1.0 / np.arange(1.0, 13.0), small, n_steps=60, batch_size=1, n_trials=4096)
    headline = MomentumScheme(0.1, 0.985, 0.106)
    spectrum = np.arange(1.0, 2001.0) ** -2
    bench_last_iterate(spectrum, headline, n_steps=1000, batch_size=1, n_trials=4, n_rounds=4)
    bench_last_iterate(spectrum, headline, n_steps=50, batch_size=64, n_trials=4, n_rounds=4)
    bench_grouped()
    bench_discrete(list(range(151)))
    bench_discrete([10, 50, 100, 150])
    bench_exact_risk(20, 200)
    bench_exact_risk(200, 200)


if __name__ == "__main__":
    main()
