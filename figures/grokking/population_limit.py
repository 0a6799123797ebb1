"""Many samples per dimension: training on the population, where nothing can be memorised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, exponent, figure, structure
from figures.grokking import population_drawings
from figures.grokking._data_sets import train_data_sets, without_controls
from figures.grokking._mean_field import GROKKING, RICH, blocks_of_trials
from figures.grokking._networks import SETTING
from figures.grokking.papers import LAZY_TO_RICH
from theory.grokking import lazy_highdim_path, population_path, solve_dmft

population_figure = figure("grokking.population", population_drawings.draw_population)

TASK = {name: value for name, value in RICH.items() if name != "sample_ratio"}
OTHERS = [TASK, {name: value for name, value in GROKKING.items() if name != "sample_ratio"}]
N_STEPS = 40
RECORDED = (1, 2, 3, 5, 7, 10, 14, 20)
STEPS = (2, 5, 10, 20)
PARTS = np.array(["train", "test"])


@claim(
    "grokking.7",
    paper=LAZY_TO_RICH,
    label="many samples per dimension (numbering unverified)",
    nature="asymptotic",
    status="beyond",
    statement="As the number of samples per dimension grows, train and test loss merge into one curve, given by two "
    "coupled recursions for the growth of the weights along and off the target: nothing is memorised and no delay is "
    "left. The mean-field theory and finite networks come to it at a rate of one over the number of samples per "
    "dimension.",
    assumptions="Two layers, quadratic activation, infinite width and dimension; mean weight 0 and second moment I off "
    "the target, d tau^2 along it.",
    formula=r"\mu = \frac{\alpha\varepsilon}{2}[a^2-\chi+\tau^2(a_e^2-\chi)] - \frac{1-c_0}{2},\qquad "
    r"\nu = \frac{\alpha\varepsilon}{2}[a^2-\chi+3\tau^2(a_e^2-\chi)] - \frac{3-c_0}{2}"
    "\n"
    r"a \leftarrow a\,(1-k\varepsilon\mu),\qquad a_e \leftarrow a_e\,(1-k\varepsilon\nu),\qquad k = 2\eta/\alpha"
    "\n"
    r"L = \mu^2 + 2\left[\frac{\alpha\varepsilon\tau^2}{2}(a_e^2-\chi) - \frac{1}{2}\right]^2",
    normalisations=f"{SETTING} chi = 1 for a centred output, else 0.",
    figure=population_figure,
)
def population_limit(run: Any) -> Iterator[Any]:
    yield from _from_the_mean_field(run)
    yield from _from_networks(run)


def _from_the_mean_field(run: Any) -> Iterator[Any]:
    """The solver at many samples per dimension, and at large output scales besides."""
    settings = run.grid(quick=[*OTHERS, TASK | dict(target_offset=0.0)])
    solved, fewer = (
        run.compute(solve_dmft, settings, sample_ratio=ratio, n_steps=N_STEPS, n_paths=400) for ratio in (1e9, 1e6)
    )
    paths = [population_path(**setting, n_steps=N_STEPS) for setting in settings]
    at = dict(
        output_scale=settings.column("output_scale")[:, np.newaxis],
        target_offset=settings.column("target_offset")[:, np.newaxis],
        quantity=np.array(["train loss", "test loss", "overlap", "bulk"]),
    )
    yield structure(
        "many-samples",
        _distances(solved, paths),
        precision=1e-7,
        reason="order 1/delta = 1e-9, measured up to 15 of it in the overlap of the longest growth",
        controls={"a thousand times fewer samples": _distances(fewer, paths)},
        at=at,
    )
    ratios = run.grid(quick=dict(sample_ratio=[1e2, 1e3, 1e4]))
    family = run.compute(solve_dmft, ratios, **TASK, n_steps=N_STEPS, n_paths=1000)
    loss = paths[0].loss
    yield exponent(
        "ratio-exponent",
        ratios.column("sample_ratio"),
        np.stack([np.abs(getattr(family, f"{part}_loss") - loss).max(axis=1) for part in PARTS], axis=1),
        -1.0,
        estimator="exact",
        precision=0.02,
        reason="next order 1/delta^2, which moves the slope by 0.01",
        rivals={"-1/2": -0.5, "-2": -2.0},
        at=dict(part=PARTS),
    )
    lazy = TASK | dict(output_scale=1e6, target_offset=0.0)
    corner = run.compute(solve_dmft, run.grid(quick=[lazy]), sample_ratio=1e9, n_steps=N_STEPS, n_paths=400)
    linear = _linearised(lazy)
    yield structure(
        "both-corners",
        np.abs(np.stack([corner.train_loss[0], corner.test_loss[0]]) - linear).max(axis=1),
        precision=1e-5,
        reason="order 1/alpha = 1e-6",
        rivals={"no planted part": np.abs(_linearised(lazy | dict(initial_alignment=0.0)) - linear).max()},
        at=dict(part=PARTS),
    )


def _distances(solved: Any, paths: list[Any]) -> np.ndarray:
    """Return the largest distance of each curve from that of the population, (n_settings, 4)."""
    known = np.array([[path.loss, path.loss, path.overlap, path.bulk] for path in paths])
    found = np.stack([solved.train_loss, solved.test_loss, solved.overlap, solved.bulk_mean], axis=1)
    return np.abs(found - known).max(axis=2)


def _linearised(setting: dict[str, Any]) -> np.ndarray:
    """Return the loss of a lazy network on the population: powers of a two by two matrix.

    The parts off and along the target of the function learnt, (alpha epsilon / 2)(a^2 - 1) and tau^2 times the same
    for a_e, follow a linear recursion for large alpha.
    """
    rate = 2.0 * setting["learning_rate"] * setting["quadratic_strength"] ** 2
    weights, offset = np.array([1.0, setting["initial_alignment"]]), setting["target_offset"]
    pull = weights[:, np.newaxis] * np.array([[1.0, 1.0], [1.0, 3.0]])
    source = weights * np.array([1.0 - offset, 3.0 - offset]) / 2.0
    state, loss = np.zeros(2), []
    for _ in range(N_STEPS + 1):
        loss.append((state.sum() - (1.0 - offset) / 2.0) ** 2 + 2.0 * (state[1] - 0.5) ** 2)
        state = state + rate * (source - pull @ state)
    return np.array(loss)


def _from_networks(run: Any) -> Iterator[Any]:
    """Networks trained on n = d^2 samples, so that one size drives both n / d and d."""
    counts = run.choose(quick={32: 256}, full={16: 1024, 32: 512, 64: 128})
    grid = run.grid(quick=[dict(n_features=size, sample_ratio=float(size)) for size in counts])
    sets = run.sample(train_data_sets, grid, **TASK, n_steps=STEPS[-1], steps=RECORDED, n_trials=[*counts.values()],
                      block=32)  # fmt: skip
    loss, columns = population_path(**TASK, n_steps=N_STEPS).loss, [RECORDED.index(step) for step in STEPS]
    rivals = _wrong_losses(run)
    size = grid.column("n_features")[:, np.newaxis, np.newaxis]
    recorded = [
        without_controls(np.stack([train, test], axis=1), known)
        for train, test, known in zip(sets.train_loss, sets.test_loss, sets.controls, strict=True)
    ]
    losses = [values[:, :, columns] for values in recorded]
    yield agreement(
        "losses",
        losses,
        np.broadcast_to(loss[[*STEPS]], (len(grid), 2, len(STEPS))),
        unit="absolute",
        estimator="median",
        allowance=1.1 / size,
        precision=0.2 / size,
        reason="correction of order 1/d = 1/delta, measured at most 0.9 of it; medians, for the losses are skewed",
        rivals=rivals,
        at=sets.at(part=PARTS, step=np.array(STEPS)),
    )
    if run.scale != "quick":
        blocks = blocks_of_trials(losses, 128)
        yield from _in_the_limit(blocks, size.ravel(), loss, rivals)
    yield from _drawn(run, loss)
    error = np.array([values.std(axis=0) / np.sqrt(len(values)) for values in recorded])
    gap = np.array([values.mean(axis=0) for values in recorded]) - loss[[*RECORDED]]
    yield curve("correction", size * gap, at=sets.at(part=PARTS, step=np.array(RECORDED)),
                rivals={"error": size * error})  # fmt: skip


def _in_the_limit(blocks: np.ndarray, sizes: np.ndarray, loss: np.ndarray, rivals: dict[str, Any]) -> Iterator[Any]:
    """The losses extrapolated to infinite size, and the rate of approach."""
    limit = 2.0 * blocks[:, 2] - blocks[:, 1]
    yield agreement(
        "losses-extrapolated",
        limit,
        np.broadcast_to(loss[[*STEPS]], limit.shape[1:]),
        unit="absolute",
        estimator="median",
        allowance=3.0 / (sizes[1] * sizes[2]),
        precision=np.array([[2e-3, 2e-3, 1.2e-3, 8e-4], [4e-4, 1.2e-3, 2.5e-3, 2e-3]]),
        reason="a line in 1/d through two sizes; the next order, measured at most 2/d^2, bends it by that much",
        rivals=rivals | {"the larger networks": blocks[:, 2].mean(axis=0)},
        at=dict(part=PARTS[:, np.newaxis], step=np.array(STEPS)),
    )
    gaps = np.stack([loss[5] - blocks[:, :, 0, STEPS.index(5)], blocks[:, :, 1, STEPS.index(10)] - loss[10]], axis=2)
    yield exponent(
        "size-exponent",
        sizes,
        gaps,
        -1.0,
        estimator="median",
        allowance=0.08,
        precision=0.07,
        reason="the coefficients of 1/d move by up to 6 % when the size doubles",
        rivals={"-1/2": -0.5, "does not vanish": 0.0, "-2": -2.0},
        at=dict(part=PARTS, step=np.array([5, 10])),
    )


def _wrong_losses(run: Any) -> dict[str, np.ndarray]:
    """Return train and test loss at the steps by the names of wrong theories, (2, n_steps)."""
    few = run.compute(solve_dmft, run.grid(quick=[{}]), **RICH, n_steps=N_STEPS, n_paths=1000)
    lazy = lazy_highdim_path(1e9, quadratic_strength=0.5, learning_rate=0.1, n_steps=N_STEPS, target_offset=1.0)
    half = population_path(**TASK | dict(learning_rate=0.05), n_steps=N_STEPS).loss
    wrong = {
        "three samples per dimension": [few.train_loss[0], few.test_loss[0]],
        "lazy network without a planted part": [lazy.train_loss, lazy.test_loss],
        "half the step": [half, half],
    }
    return {name: np.stack(curves)[:, [*STEPS]] for name, curves in wrong.items()}


def _drawn(run: Any, loss: np.ndarray) -> Iterator[Any]:
    """Losses of the mean-field theory at several numbers of samples per dimension, for the figure."""
    ratios = run.grid(quick=dict(sample_ratio=[3.0, 10.0, 30.0, 100.0]))
    solved = run.compute(solve_dmft, ratios, **TASK, n_steps=N_STEPS, n_paths=1000)
    steps = np.arange(N_STEPS + 1)
    for part in PARTS:
        yield curve(f"{part} line", getattr(solved, f"{part}_loss"), at=solved.at(step=steps))
    yield curve("population line", loss, at=dict(step=steps))
