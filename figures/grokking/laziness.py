"""Laziness: how the delay from memorisation to generalisation grows with the output scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, bound, claim, curve, figure, structure
from figures.grokking import laziness_drawings
from figures.grokking._crossings import crossing, crossing_values
from figures.grokking._data_sets import train_data_sets
from figures.grokking._mean_field import GROKKING, PARTS, at_steps, observed
from figures.grokking._networks import SETTING
from figures.grokking.papers import LAZY_TO_RICH
from simulations.grokking import simulate_infinite_width_training
from theory.grokking import grokking_gap, lazy_highdim_limit, population_path, solve_dmft

headline = figure("grokking.headline", laziness_drawings.draw_headline)

TASK = {name: value for name, value in GROKKING.items() if name != "output_scale"}
TRAINING = {name: value for name, value in TASK.items() if name != "sample_ratio"}
THRESHOLDS = {"train": 0.1, "test": 0.4}
SCALES = [0.5, 1.0, 2.0, 4.0, 8.0]  # at the last the test loss does not come down in time
PEAK = 4  # about where the test loss of all of these is highest
# By output scale: steps that networks train for, corrections of theirs to the steps, times d, and what is resolved.
LENGTHS = {1.0: 45, 2.0: 65, 4.0: 120}
STEP_CORRECTION = {1.0: 380.0, 2.0: 350.0, 4.0: 1000.0}
STEP_PRECISION = {1.0: 3.0, 2.0: 5.0, 4.0: 22.0}
DRAWN = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24, 29, 35, 42, 50, 60, 72, 85, 100)
MAP_SIZE, MAP_RATIO = 50, 4
MAP = dict(
    quadratic_strength=[0.2, 0.28, 0.4, 0.57, 0.8, 1.13],
    output_scale=[0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 5.66, 8.0],
)


@claim(
    "grokking.8",
    paper=LAZY_TO_RICH,
    label="the delay grows with laziness (numbering unverified)",
    nature="asymptotic",
    statement="The lazier the network, that is the larger its output scale, the longer its test loss stays up after "
    "the train loss has come down, until it does not come down at all in the time given. The mean-field theory gives "
    "the steps at which both losses come down, and the rise of the test loss before.",
    assumptions="Planted alignment tau^2 = 0.02, four samples per dimension, epsilon = 0.5, eta = 0.2, centred target. "
    "Down means below 0.1 for the train loss and below 0.4 for the test loss; both start at 0.5. "
    "At alpha = 0.5 the step is too long for samples far in the tail of the inputs: its curves are those of early "
    "steps and of data without such samples.",
    formula=r"t_{\mathrm{train}} = \min\{t: L_{\mathrm{train}}(t) < 0.1\},\qquad "
    r"t_{\mathrm{test}} = \min\{t: L_{\mathrm{test}}(t) < 0.4\}"
    "\n"
    r"\alpha < \alpha' \;\Rightarrow\; (t_{\mathrm{test}}-t_{\mathrm{train}})(\alpha) < "
    r"(t_{\mathrm{test}}-t_{\mathrm{train}})(\alpha')",
    normalisations=f"{SETTING} Steps between which a threshold is crossed are interpolated.",
    figure=headline,
)
def laziness_widens_the_gap(run: Any) -> Iterator[Any]:
    n_replicas = run.choose(quick=1, full=2)
    n_steps = run.choose(quick=65, full=120)
    theory = run.compute(solve_dmft, run.grid(quick=dict(output_scale=SCALES)), **TASK, n_steps=n_steps, n_paths=1000,
                         n_replicas=n_replicas)  # fmt: skip
    delays = np.array([_delay(*losses) for losses in zip(theory.train_loss, theory.test_loss, strict=True)])
    yield from _steps(run, dict(zip(SCALES, delays, strict=True)))
    yield _rise(run, theory)
    yield _never(theory)
    if run.scale != "quick":
        yield from _drawn(run, theory)
        yield from _map(run)


def _delay(train_loss: np.ndarray, test_loss: np.ndarray) -> list[float]:
    """Return the interpolated train and test step and their difference; nan for never."""
    losses = zip(PARTS, (train_loss, test_loss), strict=True)
    train, test = (crossing(np.log(loss), math.log(THRESHOLDS[part])) for part, loss in losses)
    return [train, test, test - train]


def _steps(run: Any, delays: dict[float, np.ndarray]) -> Iterator[Any]:
    """Steps at which the losses come down, and the delay between them, of theory and of networks."""
    scales, size, n_trials = run.choose(quick=([1.0, 2.0], 50, 192), full=([1.0, 2.0, 4.0], 100, 192))
    grid = run.grid(quick=[dict(output_scale=scale, n_steps=LENGTHS[scale]) for scale in scales])
    sets = run.sample(train_data_sets, grid, **TASK, n_features=size, n_trials=[n_trials] * len(grid), block=32)
    simulated = np.stack([_delays_of_networks(losses) for losses in observed(sets)], axis=1)
    predicted = np.array([delays[scale] for scale in scales])
    correction, precision = (
        np.array([[by_scale[scale]] for scale in scales]) * np.array([0.2, 1.0, 1.0])
        for by_scale in (STEP_CORRECTION, STEP_PRECISION)
    )
    populations = [population_path(**TRAINING, output_scale=scale, n_steps=400).loss for scale in scales]
    yield agreement(
        "steps",
        simulated,
        predicted,
        unit="absolute",
        allowance=correction / size,
        precision=run.choose(quick=1.6, full=1.0) * precision,
        predicted_standard_error=np.array([0.05, 0.3, 0.3]),
        reason="correction of order 1/d, measured at most 50/d train and 340/d test steps, 700/d at output scale 4",
        rivals={
            "a delay that does not depend on the output scale": predicted[:, :1]
            + [0.0, delays[2.0][2], delays[2.0][2]],
            "population": np.array([_delay(loss, loss) for loss in populations]),
        },
        at=sets.at(quantity=np.array(["train step", "test step", "delay"])),
    )
    theory, networks = np.array([delays[scale][2] for scale in SCALES[:4]]), simulated[:, :, 2].mean(axis=0)
    known = theory[: 3 if run.scale == "quick" else 4]
    shorter, longer = np.append(known[:-1], networks[:-1]), np.append(known[1:], networks[1:])
    yield bound(
        "widening",
        shorter,
        longer,
        rounding=1e-9,
        reason="the delay grows with the output scale, in the theory and in networks",
        rivals={"the same delay at every output scale": np.full_like(longer, known[0])},
        at=dict(source=np.repeat(["theory", "networks"], [len(known) - 1, len(networks) - 1])),
    )


def _delays_of_networks(losses: np.ndarray) -> np.ndarray:
    """Return jackknife values of train step, test step and delay, (n_trials, 3)."""
    train, test = (
        crossing_values(np.log(losses[:, index]), math.log(THRESHOLDS[part])) for index, part in enumerate(PARTS)
    )
    return np.stack([train, test, test - train], axis=1)


def _rise(run: Any, theory: Any) -> Any:
    """The test loss rises before it falls, and the more so the lazier the network: extrapolated from two sizes."""
    sizes = run.choose(quick=[32, 64], full=[50, 100])
    grid = run.grid(quick=dict(n_features=sizes, output_scale=SCALES))
    sets = run.sample(train_data_sets, grid, **TASK, n_steps=PEAK, steps=(PEAK,),
                      n_trials=[run.choose(quick=128, full=640)] * len(grid), block=128)  # fmt: skip
    losses = np.log([values[:, 1, 0] for values in observed(sets)]).reshape(2, len(SCALES), -1)
    paths = [population_path(**TRAINING, output_scale=scale, n_steps=PEAK).loss[PEAK] for scale in SCALES]
    return agreement(
        "rise-of-the-test-loss",
        np.exp(2.0 * losses[1] - losses[0]).T,
        theory.test_loss[:, PEAK],
        estimator="log",
        allowance=8.0 / (sizes[0] * sizes[1]),
        precision=run.choose(quick=2.5, full=1.0) * np.array([0.022, 0.012, 0.01, 0.01, 0.01]),
        predicted_standard_error=1e-4,
        reason="a line in 1/d through two sizes; the next order, measured at most 4/d^2, bends it by that much",
        rivals={"no rise": np.full(len(SCALES), theory.test_loss[0, 0]), "population": paths},
        at=dict(output_scale=np.array(SCALES)),
    )


def _never(theory: Any) -> Any:
    """What is not reached is never, not at once: the delay has no number."""
    losses = theory.train_loss[-1], theory.test_loss[-1]
    found, easier = (
        grokking_gap(*losses, train_threshold=THRESHOLDS["train"], test_threshold=threshold)
        for threshold in (THRESHOLDS["test"], 0.55)
    )
    return structure(
        "never",
        [math.isnan(found.train_step), not math.isnan(found.test_step), not math.isnan(found.gap)],
        precision=0.5,
        reason="0 for true: the train loss comes down, the test loss never does, and the delay is not a number",
        controls={"an easier threshold, 0.55": float(not math.isnan(easier.gap))},
        at=dict(output_scale=SCALES[-1], quantity=np.array(["train step", "test step", "delay"])),
    )


def _drawn(run: Any, theory: Any) -> Iterator[Any]:
    """Losses of the theory and of networks of 200 inputs, the lazy limit, and the terms of the loss, for the figure."""
    scales, n_steps = np.array(SCALES), theory.train_loss.shape[1] - 1
    steps = np.arange(n_steps + 1)
    at = dict(output_scale=scales[:, np.newaxis, np.newaxis], part=np.array(PARTS)[:, np.newaxis])
    yield curve("line", at_steps(theory, tuple(steps)), at=at | dict(step=steps))
    grid = run.grid(full=dict(output_scale=SCALES))
    sets = run.sample(train_data_sets, grid, **TASK, n_features=200, n_steps=DRAWN[-1], steps=DRAWN,
                      n_trials=[8] * len(grid), block=4)  # fmt: skip
    losses = np.log([np.stack(pair, axis=1) for pair in zip(sets.train_loss, sets.test_loss, strict=True)])
    mean, spread = losses.mean(axis=1), losses.std(axis=1, ddof=1)
    yield curve("networks", np.exp(mean), at=at | dict(step=np.array(DRAWN)),
                rivals={"above": np.exp(mean + spread), "below": np.exp(mean - spread)})  # fmt: skip
    lazy = run.compute(solve_dmft, run.grid(full=[{}]), **TASK, output_scale=800.0, n_steps=n_steps, n_paths=1000)
    end = lazy_highdim_limit(TASK["sample_ratio"], quadratic_strength=TASK["quadratic_strength"], target_offset=1.0)
    limit = at_steps(lazy, tuple(steps))[0]
    yield curve("lazy", limit, at=dict(part=np.array(PARTS)[:, np.newaxis], step=steps),
                rivals={"end": np.full_like(limit, end.test_loss)})  # fmt: skip
    names = np.array(["variance", "misalignment", "linear"])
    yield curve("terms", theory.test_terms[SCALES.index(2.0)], at=dict(step=steps[:, np.newaxis], term=names))


def _map(run: Any) -> Iterator[Any]:
    """The delay of networks with a random start over both scales, for the figure; 0 where a loss stays up."""
    grid = run.grid(full=MAP)
    sets = run.sample(simulate_infinite_width_training, grid, n_samples=MAP_RATIO * MAP_SIZE, n_features=MAP_SIZE,
                      learning_rate=0.1, n_steps=400, target_offset=1.0, n_trials=4)  # fmt: skip
    thresholds = {f"{part}_threshold": threshold for part, threshold in THRESHOLDS.items()}
    gaps = np.array([
        grokking_gap(train, test, **thresholds).gap
        for train, test in zip(sets.train_loss.mean(axis=0), sets.test_loss.mean(axis=0), strict=True)
    ])  # fmt: skip
    yield curve(
        "map",
        np.nan_to_num(gaps, nan=0.0),
        at=sets.at(),
        rivals={
            "reached": np.isfinite(gaps).astype(float),
            "reach": np.full(len(grid), 2.0 * (MAP_RATIO - 1.0) / math.log(MAP_SIZE)),
        },
    )
