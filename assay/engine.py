"""Where tasks are executed: in this process, on worker processes or threads, or on a Dask cluster."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.store import Arrays

_limits: list[Any] = []
LITTLE = 2.0  # seconds of work left that are not worth a pool of workers


@dataclass(frozen=True)
class Task:
    """A call by name with plain data: all that a worker is sent. ``n_trials`` is 0 for a call without a seed."""

    function: str  # "module:name"
    arguments: dict[str, Any]
    key: str
    seed: tuple[int, int, int] = (0, 0, 0)  # root, task digest, first trial
    n_trials: int = 0
    path: tuple[str, ...] = field(default=(), repr=False)

    def describe(self) -> dict[str, Any]:
        """Return what a person needs to recognise the task."""
        small = {name: value for name, value in self.arguments.items() if np.size(value) <= 8}
        trials = dict(seed=self.seed[0], first_trial=self.seed[2], n_trials=self.n_trials) if self.n_trials else {}
        return dict(function=self.function, **small, **trials)


class Engine:
    """Executes tasks with the numbers independent of where they run: BLAS has one thread everywhere."""

    def __init__(self, workers: int = 1, cluster: str | None = None) -> None:
        self.workers, self.cluster = workers, cluster
        self._client: Any = None
        if cluster:
            from dask.distributed import Client

            self._client = Client(cluster, timeout="5s")

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exception: object) -> None:
        while _limits:  # whoever called in their own process gets their threads back
            _limits.pop().restore_original_limits()
        _one_thread.cache_clear()
        if self._client is not None:
            self._client.close()
        elif self.workers > 1 and exception[0] is not None:
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor().shutdown(wait=False, kill_workers=True)

    def execute(self, tasks: Sequence[Task], prefer: str) -> Iterator[tuple[Task, Arrays]]:
        """Yield each task with its arrays, in any order. ``prefer`` is "processes" or "threads" (nogil kernels)."""
        pending = list(tasks)
        spent, first = 0.0, True
        # The first tasks run here: they warm the kernel cache that workers will read, and tell how much is left to do.
        while pending and ((self.workers == 1 and not self.cluster) or spent * len(pending) < LITTLE):
            start = time.perf_counter()
            yield pending[0], perform(pending[0])[1]
            spent = time.perf_counter() - start
            pending.pop(0)
            if first and spent < LITTLE:  # compiling the kernels says nothing about the work that is left
                spent, first = 0.0, False
        if pending:
            yield from self._fan_out(pending[::-1], prefer)  # the largest tasks of a grid come last: start them first

    def _fan_out(self, tasks: list[Task], prefer: str) -> Iterator[tuple[Task, Arrays]]:
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        backend = "dask" if self.cluster else "threading" if prefer == "threads" else "loky"
        single = {"inner_max_num_threads": 1} if backend == "loky" else {}
        left = {task.key: task for task in tasks}
        for attempt in (1, 2):
            try:
                with parallel_config(backend=backend, n_jobs=-1 if self.cluster else self.workers, **single):
                    for key, arrays in Parallel(return_as="generator_unordered")(map(delayed(perform), tasks)):
                        yield left.pop(key), arrays
                return
            except TerminatedWorkerError as error:
                tasks = list(left.values())
                if attempt == 2:
                    raise RuntimeError(f"a worker was killed twice at {tasks[0].describe()}") from error


def perform(task: Task) -> tuple[str, Arrays]:
    """Execute one task, in whatever process this is; return its key and its arrays."""
    sys.path.extend(entry for entry in task.path if entry not in sys.path)
    arguments = dict(task.arguments)
    if task.n_trials:
        root, digest, first = task.seed
        arguments["seed"] = np.random.SeedSequence(root, spawn_key=(digest,), n_children_spawned=first)
        arguments["n_trials"] = task.n_trials
    function = resolve(task.function)
    _one_thread(function.__module__)
    arrays = as_arrays(function(**arguments))
    for name, values in arrays.items():
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise RuntimeError(f"{name} of {task.describe()} has NaN")
        if task.n_trials and values.shape[:1] != (task.n_trials,):
            raise RuntimeError(f"{name} of {task.describe()} has shape {values.shape}: trials belong on the first axis")
    return task.key, arrays


def resolve(function: str) -> Callable[..., Any]:
    """Return the function that ``"module:name"`` names."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def as_arrays(result: Any) -> Arrays:
    """Return the fields of a dataclass, named tuple or dict as arrays; a bare result is named ``values``."""
    if dataclasses.is_dataclass(result):
        named = {part.name: getattr(result, part.name) for part in dataclasses.fields(result)}
    elif hasattr(result, "_asdict"):
        named = result._asdict()
    else:
        named = result if isinstance(result, dict) else {"values": result}
    return {name: np.asarray(value) for name, value in named.items()}


@functools.cache
def _one_thread(module: str) -> None:
    """Keep BLAS single-threaded from now on: the bench is parallel over tasks. A module may bring a BLAS of its own."""
    from threadpoolctl import threadpool_limits

    _limits.append(threadpool_limits(limits=1))


def load_blas() -> None:
    """Load the BLAS libraries of numpy and scipy, which are loaded on first use."""
    importlib.import_module("scipy.linalg")
