"""What a claim is given: grids by scale, and simulations and slow predictions: stored, resumed and distributed."""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from assay.base import choice, closure_digest, integer, project_file
from assay.engine import Engine, Task
from assay.registry import home
from assay.store import Arrays, Store
from assay.verdict import plain

SCALES = ("quick", "full", "large")
BLOCK = 64  # trials to a stored task


class NotAtThisScale(Exception):
    """The claim has nothing to check at the scale of the run."""


class NotRun(Exception):
    """A report needs stored work that is not there."""


class Grid(list[dict[str, Any]]):
    """The points of a grid, one dict of arguments each."""

    def column(self, name: str) -> np.ndarray:
        """Return the values of one parameter over the grid."""
        return np.array([point[name] for point in self])


class Points(dict[str, np.ndarray]):
    """The parameters of the points of a check, each broadcastable to their shape; ``given`` is what does not vary."""

    given: Mapping[str, Any]


@dataclass(frozen=True)
class Results:
    """The results over a grid, by field.

    From ``run.sample`` each has shape (n_trials, n_points, ...), or is a list over the points where their numbers of
    trials were given one by one; from ``run.compute`` the shape is (n_points, ...).
    """

    grid: Grid
    arguments: Mapping[str, Any]
    fields: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"no field {name!r}: there are {', '.join(self.fields)}") from None

    def at(self, **inner: Any) -> Points:
        """Return the parameters of the points: those of the grid, then ``inner``, one further axis each, in order."""
        sizes = [np.size(values) for values in inner.values()]
        rank = 1 + len(sizes)
        points = Points()
        for name in self.grid[0]:
            points[name] = self.grid.column(name).reshape(-1, *[1] * (rank - 1))
        for axis, (name, values) in enumerate(inner.items(), start=1):
            points[name] = np.reshape(values, [-1 if axis == other else 1 for other in range(rank)])
        points.given = self.arguments
        return points


class Run:
    """The one argument of a claim's function. With ``replay`` it computes nothing, and raises :class:`NotRun`."""

    def __init__(self, scale: str, seed: int, store: Store, engine: Engine, *, replay: bool = False,
                 fresh: bool = False, progress: Callable[[int, int], None] | None = None) -> None:  # fmt: skip
        self.scale = choice("scale", scale, SCALES)
        self.seed = integer("seed", seed, "[0, inf)")
        self._store, self._engine, self._replay, self._fresh = store, engine, replay, fresh
        self._progress = progress or (lambda done, total: None)

    def choose(self, **by_scale: Any) -> Any:
        """Return the value for this scale, or for the next smaller one that is given.

        Raises NotAtThisScale where there is none, which ends the claim at this scale.
        """
        for scale in by_scale:
            choice("scale", scale, SCALES)
        for scale in reversed(SCALES[: SCALES.index(self.scale) + 1]):
            if scale in by_scale:
                return by_scale[scale]
        raise NotAtThisScale(self.scale)

    def grid(self, **by_scale: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> Grid:
        """Return the grid for this scale: the product of a dict of lists, or a list of dicts as it is."""
        chosen = self.choose(**by_scale)
        if isinstance(chosen, Mapping):
            names = list(chosen)
            chosen = [dict(zip(names, values, strict=True)) for values in itertools.product(*chosen.values())]
        return Grid({name: plain(value) for name, value in point.items()} for point in chosen)

    def sample(self, simulator: Callable[..., Any], grid: Grid, *, n_trials: int | Sequence[int], block: int = BLOCK,
               prefer: str = "processes", **arguments: Any) -> Results:  # fmt: skip
        """Run a simulator at every point of a grid, with the point and ``arguments`` as its keywords.

        The simulator also takes ``n_trials`` and ``seed`` and returns arrays with the trials on the first axis. Trials
        are stored in blocks: raise ``block`` where a trial costs less than a millisecond. ``n_trials`` may be one
        number for each point. More trials later, or another claim with the same call, reuse what is stored.
        """
        counts = np.broadcast_to(n_trials, len(grid)).tolist()
        fingerprint = _Fingerprint(simulator, arguments)
        plan = []
        for point, count in zip(grid, counts, strict=True):
            digest, code = fingerprint.of(point), fingerprint.code(point)
            seed = int(digest[:32], 16)  # of the arguments alone: edited code draws the same numbers
            for first in range(0, count, block):
                size = min(block, count - first)
                key = _hash(code, digest, self.seed, first, size)
                plan.append(Task(fingerprint.name, {**arguments, **point}, key, (self.seed, seed, first), size,
                                 fingerprint.path))  # fmt: skip
        done = iter(self._gather(plan, prefer))
        parts = [list(itertools.islice(done, -(-count // block))) for count in counts]
        per_point = [_merge(part, np.concatenate) for part in parts]
        ragged = np.ndim(n_trials) > 0
        fields = _merge(per_point, list if ragged else functools.partial(np.stack, axis=1))
        return Results(grid, arguments, fields)

    def compute(
        self, function: Callable[..., Any], grid: Grid, *, prefer: str = "processes", **arguments: Any
    ) -> Results:
        """Call a deterministic function at every point of a grid, with the point and ``arguments`` as its keywords."""
        fingerprint = _Fingerprint(function, arguments)
        plan = [
            Task(fingerprint.name, {**arguments, **point}, _hash(fingerprint.code(point), fingerprint.of(point)),
                 path=fingerprint.path)
            for point in grid
        ]  # fmt: skip
        return Results(grid, arguments, _merge(self._gather(plan, prefer), np.stack))

    def _gather(self, plan: list[Task], prefer: str) -> list[Arrays]:
        have = {} if self._fresh else {task.key: self._store.read(task.key) for task in plan}
        found = {key: arrays for key, arrays in have.items() if arrays is not None}
        missing = list({task.key: task for task in plan if task.key not in found}.values())
        if missing and self._replay:
            raise NotRun(missing[0].function)
        for done, (task, arrays) in enumerate(self._engine.execute(missing, prefer) if missing else (), start=1):
            self._store.write(task.key, arrays, task.describe())
            found[task.key] = arrays
            self._progress(done, len(missing))
        return [found[task.key] for task in plan]


class _Fingerprint:
    """The name of a function, the digests of its arguments by name, and of all the code: whoever asks, the same key."""

    def __init__(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        module, qualified = function.__module__, function.__qualname__
        if "<" in qualified or module == "__main__":
            raise ValueError(
                f"{qualified} cannot be sent to workers by name: expected a function at a module's top level"
            )
        self.name = f"{module}:{qualified}"
        self._code = (self.name, closure_digest(inspect.getfile(function)), *_versions())
        self._carried = _carried(arguments)
        self.path = (str(home(module)),)
        self._fixed = {name: joblib.hash(plain(value)) for name, value in arguments.items()}

    def of(self, point: Mapping[str, Any]) -> str:
        hashes = self._fixed | {name: joblib.hash(value) for name, value in point.items()}
        return _hash(self.name, *sorted(hashes.items()))

    def code(self, point: Mapping[str, Any]) -> str:
        """Return the digest of the function's code, and of the code that its arguments carry."""
        return _hash(*self._code, *sorted(map(closure_digest, self._carried | _carried(point))))


def _carried(value: Any) -> set[Path]:
    """Return the project files that define the functions and objects within an argument."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return set().union(*map(_carried, value))
    definition = value if inspect.isroutine(value) or inspect.isclass(value) else type(value)
    file = project_file(definition.__module__ or "")
    return {file} if file else set()


@functools.cache
def _versions() -> tuple[str, ...]:
    import numba
    import scipy

    return tuple(module.__version__.rsplit(".", 1)[0] for module in (np, scipy, numba))


def _merge(parts: Sequence[Arrays], join: Callable[[list[Any]], Any]) -> dict[str, Any]:
    return {name: join([part[name] for part in parts]) for name in parts[0]}


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
