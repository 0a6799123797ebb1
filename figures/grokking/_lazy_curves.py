"""The lazy limit in high dimension at one setting: its curves, wrong versions of them, and its end at random."""

from __future__ import annotations

import numpy as np

from theory.grokking import HighDimPath, lazy_highdim_limit, lazy_highdim_path

RATIO, STRENGTH = 2.0, 1.0
TRAINING = dict(quadratic_strength=STRENGTH, learning_rate=0.12, n_steps=40)
VARIANCE = 0.5  # of the label


def lazy_curves(offset: float, strength: float = STRENGTH) -> HighDimPath:
    return lazy_highdim_path(RATIO, target_offset=offset, **TRAINING | dict(quadratic_strength=strength))


def curves_without_mean(offset: float) -> HighDimPath:
    """Return the curves if the mean of the labels were noise like the rest of them."""
    path, power = lazy_curves(1.0), 1 + label_mean(offset) ** 2 / VARIANCE
    return HighDimPath(power * path.train_loss, power * path.test_loss)


def label_mean(offset: float) -> float:
    return 0.5 * (1 - offset)


def limits_at_random(*, n_draws: int) -> np.ndarray:
    """Return the test loss at the end for random ratios, strengths and offsets, every other one without a mean."""
    rng = np.random.default_rng(0)
    draws = zip(10 ** rng.uniform(-1, 1.5, n_draws), 10 ** rng.uniform(-1.5, 2, n_draws), rng.uniform(-2, 3, n_draws),
                strict=True)  # fmt: skip
    return np.array([lazy_highdim_limit(ratio, quadratic_strength=strength, target_offset=offset if i % 2 else 1.0)
                     .test_loss for i, (ratio, strength, offset) in enumerate(draws)])  # fmt: skip
