"""Fair timing: candidates interleaved round by round in one process, first round dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from threadpoolctl import threadpool_limits

from simulations._streams import spawn_streams

N_TRIALS = 4

__all__ = ["N_TRIALS", "compare", "dgemm_rate", "interleaved", "print_ratios"]


def interleaved(candidates: Mapping[str, Callable[[], object]], *, n_rounds: int = 8) -> dict[str, np.ndarray]:
    """Call every candidate once per round; return the seconds of each by name, (n_rounds,), after a warm-up round.

    BLAS has one thread, as in every run of the bench: two threads make small matrices slower, not faster.
    """
    threadpool_limits(limits=1)
    seconds = {name: np.empty(n_rounds + 1) for name in candidates}
    for round_ in range(n_rounds + 1):
        for name, candidate in candidates.items():
            start = time.perf_counter()
            candidate()
            seconds[name][round_] = time.perf_counter() - start
    return {name: values[1:] for name, values in seconds.items()}


def print_ratios(title: str, seconds: Mapping[str, np.ndarray], *, reference: str, n_units: int = 1) -> None:
    """Print the least time of each candidate per unit, its ratio to the reference, and the ratio's range over rounds.

    A ratio of 5 means five times faster than the reference.
    """
    print(title)
    base = seconds[reference]
    for name, values in seconds.items():
        ratios = base / values
        print(
            f"  {name:<34} {1e3 * values.min() / n_units:9.3f} ms   ratio {base.min() / values.min():7.2f}"
            f"   rounds {ratios.min():.2f} to {ratios.max():.2f}"
        )


def dgemm_rate(size: int = 1000, *, seconds: float = 0.2) -> float:
    """Return the double-precision flops per second of a matrix product here and now, the best within ``seconds``."""
    threadpool_limits(limits=1)
    left, right = np.ones((size, size)), np.ones((size, size))
    left @ right
    best, start = np.inf, time.perf_counter()
    end = start + seconds
    while start < end:
        start = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - start)
    return 2.0 * size**3 / best


def compare(
    title: str, ours: Callable[[int], np.ndarray], plain: Callable[[np.random.Generator], object], flops: float
) -> None:
    """Time a simulator and its plain twin; print speed, spread, and the time that the dominating flops would take.

    ``ours(n_trials)`` and ``plain(generator)`` return the test errors of n_trials trials and of one. The cost at equal
    accuracy is time per trial times the squared relative spread.
    """
    rate = dgemm_rate()
    streams = spawn_streams(1, N_TRIALS)
    seconds = interleaved({"plain NumPy": lambda: [plain(rng) for rng in streams], "simulator": lambda: ours(N_TRIALS)})
    print_ratios(title, seconds, reference="plain NumPy", n_units=N_TRIALS)
    least = {name: values.min() / N_TRIALS for name, values in seconds.items()}
    print(f"  share of the dgemm limit ({rate / 1e9:.0f} GFLOP/s): {flops / rate / least['simulator']:.2f}")
    spreads = []
    for errors in (ours(60), np.array([plain(rng) for rng in spawn_streams(2, 60)])):
        spreads.append(errors.std(axis=0) / errors.mean(axis=0))
    cost = spreads[0] ** 2 * least["simulator"], spreads[1] ** 2 * least["plain NumPy"]
    print(
        f"  spread per trial, largest: {spreads[0].max():.4f}, plain {spreads[1].max():.4f};"
        f" gain at equal accuracy {np.min(cost[1] / cost[0]):.0f} to {np.max(cost[1] / cost[0]):.0f}"
    )
