"""Settings of the mean-field claims, losses as they are compared, and wrong theories."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.grokking._data_sets import without_controls
from theory.grokking import DmftSolution, lazy_highdim_path, population_path
from theory.grokking._innovations import ColouredNoise, draw_innovations
from theory.grokking._sample_paths import couplings
from theory.grokking.dmft import solve_replica

# A network that learns its features at once, and one that memorises first.
RICH: dict[str, Any] = dict(sample_ratio=3.0, output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1,
                            initial_alignment=0.5, target_offset=1.0)  # fmt: skip
GROKKING: dict[str, Any] = dict(sample_ratio=4.0, output_scale=2.0, quadratic_strength=0.5, learning_rate=0.2,
                                initial_alignment=0.02, target_offset=1.0)  # fmt: skip
PARTS = ("train", "test")
WRONG = ("no memory", "redrawn noise")


class _RedrawnNoise(ColouredNoise):
    """Noise of the right variance at every step, drawn anew at each: its correlation in time is lost."""

    def draw(self, t: int, row: np.ndarray) -> np.ndarray:
        super().draw(t, row)
        return np.linalg.norm(self.factor[t]) * self.innovations[t - 1]


def wrong_mean_field(
    *, version: str, sample_ratio: float, output_scale: float, quadratic_strength: float, learning_rate: float,
    initial_alignment: float, target_offset: float, n_steps: int, center_output: bool = True,
) -> DmftSolution:  # fmt: skip
    """Solve the equations with ``version`` "no memory", where samples forget their own past, or "redrawn noise"."""
    setting = couplings(
        sample_ratio, output_scale=output_scale, quadratic_strength=quadratic_strength, learning_rate=learning_rate,
        initial_alignment=initial_alignment, target_offset=target_offset, center_output=center_output,
    )  # fmt: skip
    if version == "no memory":
        setting = setting._replace(memory=0.0)
    noise = _RedrawnNoise if version == "redrawn noise" else ColouredNoise
    return solve_replica(setting, draw_innovations(1000, n_steps, np.random.SeedSequence(0)), noise)


def wrong_losses(run: Any, setting: dict[str, Any], steps: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return train and test loss at the steps by the names of wrong theories, (2, n_steps) each."""
    wrong = run.compute(wrong_mean_field, run.grid(quick=dict(version=WRONG)), **setting, n_steps=max(steps))
    task = dict(setting, n_steps=max(steps))
    ratio, scale, alignment = (task.pop(name) for name in ("sample_ratio", "output_scale", "initial_alignment"))
    lazy = lazy_highdim_path(ratio, **task)
    population = population_path(**task, output_scale=scale, initial_alignment=alignment).loss[[*steps]]
    forgetful, redrawn = at_steps(wrong, steps)
    return {
        "no memory of a sample": forgetful,
        "noise redrawn at each step": redrawn,
        "lazy network without a planted part": np.stack([lazy.train_loss, lazy.test_loss])[:, [*steps]],
        "population": np.stack([population, population]),
    }


def at_steps(solved: Any, steps: tuple[int, ...]) -> np.ndarray:
    """Return train and test loss of stored solutions at the steps, (n_points, 2, n_steps)."""
    return np.stack([solved.train_loss, solved.test_loss], axis=1)[..., [*steps]]


def errors_at_steps(solved: Any, steps: tuple[int, ...], n_replicas: int) -> np.ndarray:
    """Return the standard errors of medians over replicas, as :func:`at_steps` returns the losses."""
    spread = np.stack([solved.train_spread, solved.test_spread], axis=1)[..., [*steps]]
    return np.sqrt(0.5 * np.pi / n_replicas) * spread


def observed(
    sets: Any, recorded: tuple[int, ...] | None = None, steps: tuple[int, ...] | None = None
) -> list[np.ndarray]:
    """Return train and test loss (n_trials, 2, n_steps) at every point, without what the controls explain.

    Of the ``recorded`` steps those in ``steps`` are kept, by default all.

    Train losses have a heavy tail, so that losses are compared by their logarithms; the regression of these leaves the
    geometric mean.
    """
    columns = [recorded.index(step) for step in steps] if recorded and steps else slice(None)
    pairs = zip(sets.train_loss, sets.test_loss, sets.controls, strict=True)
    return [
        np.exp(without_controls(np.log(np.stack([train, test], axis=1)[..., columns]), known))
        for train, test, known in pairs
    ]


def blocks_of_trials(trials: list[np.ndarray], n_blocks: int) -> np.ndarray:
    """Return means over blocks of trials, (n_blocks, n_sizes, ...), from any numbers of trials."""
    means = []
    for values in trials:
        length = len(values) // n_blocks
        means.append(values[: n_blocks * length].reshape(n_blocks, length, *values.shape[1:]).mean(axis=1))
    return np.stack(means, axis=1)
