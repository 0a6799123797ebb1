"""Speed of the training of the quadratic network, the collapse of softmax and the mean-field solver.

Run: python -m benchmarks.bench_grokking
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks._plain_dmft import plain_dmft
from benchmarks._timing import dgemm_rate, interleaved, print_ratios
from simulations.grokking import (
    RegressionData,
    sample_polynomial_regression,
    simulate_network_training,
    simulate_softmax_collapse,
    train_statistics,
)
from theory.grokking._innovations import draw_innovations
from theory.grokking._sample_paths import couplings
from theory.grokking.dmft import solve_dmft

SCALE, STRENGTH, RATE = 2.0, 0.5, 0.1
SETTING = dict(output_scale=SCALE, quadratic_strength=STRENGTH, learning_rate=RATE)


def recursion_flops(n_samples: int, n_features: int) -> float:
    """Two products of half a matrix with the data, three halves of a product of square matrices."""
    return 2.0 * n_samples * n_features**2 + 3.0 * n_features**3


def plain_weights(data: RegressionData, width: int, n_steps: int) -> list[float]:
    """Descent on the weights; training loss alone."""
    n, d = data.features.shape
    weights = np.random.default_rng(1).standard_normal((width, d))
    losses, start = [], 0.0
    for step in range(n_steps + 1):
        hidden = data.features @ weights.T
        output = SCALE * np.mean(hidden + STRENGTH / 2 * hidden**2, axis=1)
        start = output if step == 0 else start
        residual = output - start - data.labels
        losses.append(float(np.mean(residual**2)))
        slopes = residual[:, None] * (1 + STRENGTH * hidden)
        weights -= 2 * RATE * d / (n * SCALE) * slopes.T @ data.features
    return losses


def plain_statistics(data: RegressionData, n_steps: int) -> list[tuple[float, float]]:
    """The recursion of mean and second moment as it is written down, with both losses."""
    n, d = data.features.shape
    mean, moment = np.zeros(d), np.eye(d)
    losses, start = [], 0.0
    for step in range(n_steps + 1):
        quadratic = np.sum((data.features @ moment) * data.features, axis=1)
        output = SCALE * (data.features @ mean + STRENGTH / 2 * quadratic)
        start = output if step == 0 else start
        residual = output - start - data.labels
        change = SCALE * STRENGTH * (moment - np.eye(d)) - np.outer(data.direction, data.direction)
        variance = (np.trace(change) / (2 * d)) ** 2
        test = variance + np.sum(change**2) / (2 * d**2) + SCALE**2 * mean @ mean / d
        losses.append((float(np.mean(residual**2)), float(test)))
        pull = 2 * RATE * d / n * residual
        gradient, curvature = data.features.T @ pull, data.features.T @ (pull[:, None] * data.features)
        step_matrix = np.eye(d) - STRENGTH / SCALE * curvature
        moved = step_matrix @ mean
        cross = np.outer(moved, gradient) / SCALE
        moment = step_matrix @ moment @ step_matrix.T - cross - cross.T + np.outer(gradient, gradient) / SCALE**2
        mean = moved - gradient / SCALE
    return losses


def bench_training(n_samples: int, n_features: int, width: int, n_steps: int) -> None:
    """The exact recursion against descent on the weights, plain and with the exact test loss at every step."""
    data = sample_polynomial_regression(n_samples, n_features, seed=1)
    rate = dgemm_rate()
    ours = train_statistics(*vars(data).values(), **SETTING, n_steps=n_steps)
    np.testing.assert_allclose(
        np.stack([ours.train_loss, ours.test_terms.sum(axis=1)], axis=1), plain_statistics(data, n_steps), rtol=1e-9
    )
    seconds = interleaved(
        {
            "plain NumPy, weights, no test loss": lambda: plain_weights(data, width, n_steps),
            "network simulator": lambda: simulate_network_training(
                n_samples, n_features, width, **SETTING, n_steps=n_steps, n_trials=1, seed=1
            ),
            "plain NumPy, statistics": lambda: plain_statistics(data, n_steps),
            "recursion": lambda: train_statistics(*vars(data).values(), **SETTING, n_steps=n_steps),
        },
        n_rounds=5,
    )
    title = f"Training: n = {n_samples}, d = {n_features}, {width} neurons, {n_steps} steps (per step)"
    print_ratios(title, seconds, reference="plain NumPy, weights, no test loss", n_units=n_steps)
    share = recursion_flops(n_samples, n_features) * n_steps / rate / seconds["recursion"].min()
    print(f"  share of the dgemm limit ({rate / 1e9:.0f} GFLOP/s): {share:.2f}")


def bench_training_growth(sizes: Sequence[int], ratio: int = 4) -> None:
    """The recursion as the dimension grows at a fixed ratio of samples: d^3 flops once the products dominate."""
    print(f"Recursion: n = {ratio} d (per step)")
    rate = dgemm_rate()
    before = None
    for size in sizes:
        data = sample_polynomial_regression(ratio * size, size, seed=1)
        n_steps = max(8, 40_000 // size**2 * 10)

        def run(data: RegressionData = data, n_steps: int = n_steps) -> object:
            return train_statistics(*vars(data).values(), **SETTING, n_steps=n_steps)

        least = interleaved({"recursion": run}, n_rounds=4)["recursion"].min() / n_steps
        growth = f"   growth d^{np.log2(least / before):.2f}" if before else ""
        share = recursion_flops(ratio * size, size) / rate / least
        print(f"  d = {size:<5} {1e3 * least:9.3f} ms   share of the dgemm limit {share:.2f}{growth}")
        before = least


def bench_collapse(learning_rate: float = 0.5) -> None:
    """Steps in half precision, emulated, against NumPy's scalars of half precision; single precision by itself."""

    def scalars() -> int:
        one, gap, steps = np.float16(1), 0.0, 0
        while (total := one + np.exp(-np.float16(gap))) != one:
            gap += learning_rate * float(one - one / total)
            steps += 1
        return steps

    n_steps = simulate_softmax_collapse("float16", learning_rate=learning_rate)
    assert n_steps == scalars()
    seconds = interleaved(
        {
            "NumPy scalars": scalars,
            "kernel": lambda: simulate_softmax_collapse("float16", learning_rate=learning_rate),
        }
    )
    print_ratios(f"Softmax collapse in half precision: {n_steps} steps (per run)", seconds, reference="NumPy scalars")
    n_steps = simulate_softmax_collapse("float32", learning_rate=8.0)
    seconds = interleaved({"single": lambda: simulate_softmax_collapse("float32", learning_rate=8.0)}, n_rounds=3)
    print(f"  single precision: {n_steps} steps, {1e9 * seconds['single'].min() / n_steps:.0f} ns each")


RUN = dict(output_scale=2.0, quadratic_strength=0.5, learning_rate=0.2, initial_alignment=0.02, target_offset=1.0)


def bench_dmft(n_steps: int, n_paths: int) -> None:
    """The mean-field solver against its plain twin, which the tests hold it to."""

    def ours() -> object:
        return solve_dmft(4.0, **RUN, n_steps=n_steps, n_paths=n_paths, seed=1)

    white = draw_innovations(n_paths, n_steps, np.random.SeedSequence(1, spawn_key=(0,)))
    seconds = interleaved({"plain NumPy": lambda: plain_dmft(couplings(4.0, **RUN), white), "solver": ours}, n_rounds=3)
    print_ratios(f"Mean-field theory: T = {n_steps}, {n_paths} paths (per run)", seconds, reference="plain NumPy")


def bench_dmft_growth(lengths: Sequence[int], n_paths: int) -> None:
    """The solver as the number of steps grows: T^3 once the responses dominate."""
    print(f"Mean-field theory: {n_paths} paths (per run)")
    before: tuple[int, float] | None = None
    for n_steps in lengths:

        def run(n_steps: int = n_steps) -> object:
            return solve_dmft(4.0, **RUN, n_steps=n_steps, n_paths=n_paths, seed=1)

        least = interleaved({"solver": run}, n_rounds=3)["solver"].min()
        growth = f"   growth T^{np.log(least / before[1]) / np.log(n_steps / before[0]):.2f}" if before else ""
        share = 1e9 * least / (n_paths * n_steps**3)
        print(f"  T = {n_steps:<5} {1e3 * least:9.1f} ms   {share:6.2f} ns / (S T^3){growth}")
        before = n_steps, least


def main() -> None:
    bench_training(550, 100, 500, 40)
    bench_training_growth([50, 100, 200, 400])
    bench_collapse()
    bench_dmft(60, 2000)
    bench_dmft_growth([30, 60, 120], 2000)


if __name__ == "__main__":
    main()
