"""What the bench itself costs: a stored task, a replayed check, the command line: python -m benchmarks.bench_assay."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from assay import agreement
from assay.engine import Engine
from assay.run import Run
from assay.store import Store

N_TASKS = 200


def simulate(*, point: int, n_trials: int, seed: np.random.SeedSequence) -> np.ndarray:
    """Cost nothing, so that what is timed is the bench."""
    return point + 1e-3 * np.linspace(-1, 1, n_trials)


def check(run: Run):
    """Sample 200 tasks and judge them as one check."""
    grid = run.grid(quick=dict(point=list(range(1, N_TASKS + 1))))
    trials = run.sample(simulate, grid, n_trials=64)
    truth = grid.column("point").astype(float)
    return agreement("bench", trials.values, truth, precision=0.01, reason="bench", rivals={"double": 2 * truth})


def seconds(call) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def command(*arguments: str) -> float:
    """Return the least seconds of three runs of the command line."""
    line = [sys.executable, "-m", "assay", *arguments]
    return min(seconds(lambda: subprocess.run(line, capture_output=True, check=True)) for _ in range(3))


def main() -> None:
    """Print the figures."""
    from benchmarks import bench_assay  # the tasks name their function by module, not by __main__

    bare = seconds(lambda: [simulate(point=i, n_trials=64, seed=np.random.SeedSequence(0)) for i in range(N_TASKS)])
    with tempfile.TemporaryDirectory() as folder, Engine() as engine:
        run = Run("quick", 0, Store(Path(folder)), engine)
        first = seconds(lambda: bench_assay.check(run))
        replay = min(seconds(lambda: bench_assay.check(run).verdict()) for _ in range(3))
    print(f"overhead of a stored task: {1e3 * (first - bare) / N_TASKS:.2f} ms")
    print(f"replay of a check of {N_TASKS} tasks: {1e3 * replay:.0f} ms, {1e3 * replay / N_TASKS:.2f} ms a task")
    print(f"assay --help: {command('--help'):.2f} s; assay list: {command('list'):.2f} s")


if __name__ == "__main__":
    main()
