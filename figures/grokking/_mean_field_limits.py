"""The mean-field theory in its limits: networks extrapolated to infinite size, and the lazy corner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, exponent
from figures.grokking._mean_field import (
    PARTS,
    RICH,
    at_steps,
    blocks_of_trials,
    errors_at_steps,
    observed,
    wrong_losses,
)
from theory.grokking import lazy_highdim_path, solve_dmft

STEPS = (3, 5, 10, 20)
LAZY: dict[str, Any] = dict(quadratic_strength=0.5, learning_rate=0.1, n_steps=40)


def in_the_limit(run: Any, sets: Any, theory: Any, recorded: tuple[int, ...], n_replicas: int) -> Iterator[Any]:
    """The losses extrapolated to infinite size, and the rate at which finite networks approach it."""
    sizes, counts = sets.grid.column("n_features"), np.array([len(known) for known in sets.controls])
    kept = slice(1, 4)
    blocks = blocks_of_trials([np.log(loss) for loss in observed(sets, recorded, STEPS)[kept]], 128)
    yield agreement(
        "losses-extrapolated",
        np.exp(np.tensordot(blocks, _at_infinity(sizes[kept], counts[kept]), axes=(1, 0))),
        at_steps(theory, STEPS)[0],
        estimator="log",
        allowance=np.array([[0.005], [0.001]]),
        precision=np.array([[0.035, 0.035, 0.035, 0.04], [0.003, 0.006, 0.013, 0.022]]),
        predicted_standard_error=errors_at_steps(theory, STEPS, n_replicas)[0],
        reason="a line in 1/d through three sizes, which the next order, 10/d^2 and 2/d^2, bends by that much",
        rivals=wrong_losses(run, RICH, STEPS),
        at=dict(part=np.array(PARTS)[:, np.newaxis], step=np.array(STEPS)),
    )
    # Of each loss what stands out most from its scatter.
    losses, known = observed(sets, recorded, (2, 3, 40))[:3], at_steps(theory, (2, 3, 40))[0]
    gaps = [np.log(loss / known) for loss in losses]
    yield exponent(
        "size-exponent",
        sizes[:3],
        blocks_of_trials([np.stack([gap[:, 0, 2] - gap[:, 0, 0], gap[:, 1, 1]], axis=1) for gap in gaps], 64),
        -1.0,
        estimator="median",
        allowance=0.1,
        precision=0.2,
        reason="the coefficients of 1/d grow by up to 7 % when the size doubles",
        rivals={"-1/2": -0.5, "does not vanish": 0.0, "-2": -2.0},
        at=dict(quantity=np.array(["decay of the train loss, steps 2 to 40", "test loss at step 3"])),
    )


def _at_infinity(sizes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the weights of the sizes in the intercept of a line in 1/d, best for variances 1 / (size * count)."""
    design = np.stack([np.ones(len(sizes)), 1.0 / sizes], axis=1)
    weighted = design.T * (sizes * counts)
    return np.linalg.solve(weighted @ design, weighted)[0]


def lazy_corner(run: Any) -> Iterator[Any]:
    """Large output scales without a planted part: the closed curves of the lazy limit, left at rate 1 / alpha."""
    scales = run.grid(quick=dict(output_scale=[50.0, 200.0, 800.0]))
    solved = run.compute(solve_dmft, scales, **LAZY, sample_ratio=3.0, target_offset=0.0, n_paths=1000)
    paths = np.stack([solved.train_loss, solved.test_loss], axis=1)[..., 1:]
    lazy = _lazy_losses()
    yield exponent(
        "lazy-corner-exponent",
        scales.column("output_scale"),
        np.abs(paths - lazy).max(axis=2),
        -1.0,
        estimator="exact",
        precision=0.02,
        reason="next order 1/alpha^2, which moves the slope by 0.01",
        rivals={"-1/2": -0.5, "-2": -2.0},
        at=dict(part=np.array(PARTS)),
    )
    steps = np.array([5, 10, 20, 40])
    extrapolated = (paths[0] - 20.0 * paths[1] + 64.0 * paths[2]) / 45.0  # free of 1/alpha and 1/alpha^2
    yield agreement(
        "lazy-corner",
        extrapolated[:, steps - 1],
        lazy[:, steps - 1],
        estimator="exact",
        precision=1e-4,
        reason="extrapolated to infinite alpha; next order 1/alpha^3",
        rivals={
            "no ridge": _lazy_losses(quadratic_strength=0.0)[:, steps - 1],
            "ridge over the ratio": _lazy_losses(quadratic_strength=0.5 / np.sqrt(3.0))[:, steps - 1],
            "the mean of the target not seen": _lazy_losses(target_offset=1.0)[:, steps - 1],
        },
        at=dict(part=np.array(PARTS)[:, np.newaxis], step=steps),
    )


def _lazy_losses(**changes: float) -> np.ndarray:
    """Return train and test loss of the lazy limit at steps 1 .. T."""
    path = lazy_highdim_path(**(dict(sample_ratio=3.0, target_offset=0.0) | LAZY | changes))
    return np.stack([path.train_loss, path.test_loss])[:, 1:]
