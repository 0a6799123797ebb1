"""Fair timing: candidates interleaved round by round in one process, first round dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from threadpoolctl import threadpool_limits

__all__ = ["dgemm_rate", "interleaved", "print_ratios"]


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
